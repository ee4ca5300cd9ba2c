--
-- PostgreSQL database cluster dump
--

\restrict l93iHUMveL04qBb20rkQ840UAsgDdw8qzCEvPbIB0uclFBr7NXfMZ5K1az9qMBi

SET default_transaction_read_only = off;

SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;

--
-- Roles
--

CREATE ROLE ann;
ALTER ROLE ann WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB LOGIN NOREPLICATION NOBYPASSRLS PASSWORD 'SCRAM-SHA-256$4096:GWqiwsHKaS32pFpXYlNfew==$W98XFqQKWCIYW7QyektuwZoKM5Ng25kNz2AscUdYCY8=:aqFqGTygD8CdvbAsNanL4cmRaiaWqz0jrDuQGferp1Q=';
CREATE ROLE postgres;
ALTER ROLE postgres WITH SUPERUSER INHERIT CREATEROLE CREATEDB LOGIN REPLICATION BYPASSRLS;
CREATE ROLE readers;
ALTER ROLE readers WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB NOLOGIN NOREPLICATION NOBYPASSRLS;

--
-- User Configurations
--

--
-- User Config "ann"
--

ALTER ROLE ann SET search_path TO 'a', 'b c';


--
-- Role memberships
--

GRANT readers TO ann;






\unrestrict l93iHUMveL04qBb20rkQ840UAsgDdw8qzCEvPbIB0uclFBr7NXfMZ5K1az9qMBi

--
-- Databases
--

--
-- Database "template1" dump
--

\connect template1

--
-- PostgreSQL database dump
--

\restrict ivp76OWEWpQX6dfaBo6RCuEQVEnHsAgCEKOlJRUSmM0eD83cYxQozdxn8g7fcOQ

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 18.4

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- PostgreSQL database dump complete
--

\unrestrict ivp76OWEWpQX6dfaBo6RCuEQVEnHsAgCEKOlJRUSmM0eD83cYxQozdxn8g7fcOQ

--
-- Database "blog" dump
--

--
-- PostgreSQL database dump
--

\restrict 56wGnc8dZfGSpFiocBpgxjRX8vgD3ACpaNAYLZS8DG45fMGZh8KoYbl2COraDSZ

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 18.4

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: blog; Type: DATABASE; Schema: -; Owner: postgres
--

CREATE DATABASE blog WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C.UTF-8';


ALTER DATABASE blog OWNER TO postgres;

\unrestrict 56wGnc8dZfGSpFiocBpgxjRX8vgD3ACpaNAYLZS8DG45fMGZh8KoYbl2COraDSZ
\connect blog
\restrict 56wGnc8dZfGSpFiocBpgxjRX8vgD3ACpaNAYLZS8DG45fMGZh8KoYbl2COraDSZ

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: post; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.post (
    b text
);


ALTER TABLE public.post OWNER TO postgres;

--
-- Name: v; Type: VIEW; Schema: public; Owner: postgres
--

CREATE VIEW public.v AS
 SELECT post.b
   FROM public.post;


ALTER VIEW public.v OWNER TO postgres;

--
-- Data for Name: post; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.post (b) FROM stdin;
a\nb
\.


--
-- PostgreSQL database dump complete
--

\unrestrict 56wGnc8dZfGSpFiocBpgxjRX8vgD3ACpaNAYLZS8DG45fMGZh8KoYbl2COraDSZ

--
-- Database "postgres" dump
--

\connect postgres

--
-- PostgreSQL database dump
--

\restrict NdbWwq6w5XKXJ6xHUhkmkfMD8eLclIgy1AESiGD7maNOmx0eRgPa74GmlorjnFG

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 18.4

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- PostgreSQL database dump complete
--

\unrestrict NdbWwq6w5XKXJ6xHUhkmkfMD8eLclIgy1AESiGD7maNOmx0eRgPa74GmlorjnFG

--
-- Database "shop" dump
--

--
-- PostgreSQL database dump
--

\restrict 5w7SGlUOHF7bUsEcRbp9fImuqBpaR2A3jLZYIASfEWKByfbhE2rDElYOtwdB31M

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 18.4

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: shop; Type: DATABASE; Schema: -; Owner: ann
--

CREATE DATABASE shop WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C.UTF-8';


ALTER DATABASE shop OWNER TO ann;

\unrestrict 5w7SGlUOHF7bUsEcRbp9fImuqBpaR2A3jLZYIASfEWKByfbhE2rDElYOtwdB31M
\connect shop
\restrict 5w7SGlUOHF7bUsEcRbp9fImuqBpaR2A3jLZYIASfEWKByfbhE2rDElYOtwdB31M

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: t; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.t (
    a integer NOT NULL,
    b text
);


ALTER TABLE public.t OWNER TO postgres;

--
-- Data for Name: t; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.t (a, b) FROM stdin;
1	x
2	\N
\.


--
-- Name: 77; Type: BLOB METADATA; Schema: -; Owner: postgres
--

SELECT pg_catalog.lo_create('77');

ALTER LARGE OBJECT 77 OWNER TO postgres;

--
-- Data for Name: 77; Type: BLOBS; Schema: -; Owner: postgres
--

BEGIN;

SELECT pg_catalog.lo_open('77', 131072);
SELECT pg_catalog.lowrite(0, '\x616263');
SELECT pg_catalog.lo_close(0);

COMMIT;

--
-- Name: t t_pkey; Type: CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.t
    ADD CONSTRAINT t_pkey PRIMARY KEY (a);


--
-- PostgreSQL database dump complete
--

\unrestrict 5w7SGlUOHF7bUsEcRbp9fImuqBpaR2A3jLZYIASfEWKByfbhE2rDElYOtwdB31M

--
-- PostgreSQL database cluster dump complete
--

