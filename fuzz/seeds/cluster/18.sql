--
-- PostgreSQL database cluster dump
--

\restrict hI4DgqEeShT0m8UyhQUgF7KIaKVQhKsiXovCZwFBw99uY0bT7sXZKqjtct6uc6a

SET default_transaction_read_only = off;

SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;

--
-- Roles
--

CREATE ROLE ann;
ALTER ROLE ann WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB LOGIN NOREPLICATION NOBYPASSRLS PASSWORD 'SCRAM-SHA-256$4096:zGfOvZ2IMtA8d7oxKPRcdQ==$H9BqJVpUYQyvhLoAFuJ1AGMDBxz/zHVmQnRpnra+3gk=:CnKf6QlcEgrulwng6Yei4S4ZoegGnSEq7cK3AxxKsHc=';
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

GRANT readers TO ann WITH INHERIT TRUE GRANTED BY postgres;






\unrestrict hI4DgqEeShT0m8UyhQUgF7KIaKVQhKsiXovCZwFBw99uY0bT7sXZKqjtct6uc6a

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

\restrict MKj1VWDCvz8Akva8y6EaXYTeddbbECwqh75ozu0T0ib757AwTc9GxsH0MpfEJju

-- Dumped from database version 18.4
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

\unrestrict MKj1VWDCvz8Akva8y6EaXYTeddbbECwqh75ozu0T0ib757AwTc9GxsH0MpfEJju

--
-- Database "blog" dump
--

--
-- PostgreSQL database dump
--

\restrict ppc2Ixe5i8ssujfU0h5cE2HcAPi2jReQH2gdCx0n8GYoxNZoPVj8gVM0QhPAgVc

-- Dumped from database version 18.4
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

\unrestrict ppc2Ixe5i8ssujfU0h5cE2HcAPi2jReQH2gdCx0n8GYoxNZoPVj8gVM0QhPAgVc
\connect blog
\restrict ppc2Ixe5i8ssujfU0h5cE2HcAPi2jReQH2gdCx0n8GYoxNZoPVj8gVM0QhPAgVc

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
 SELECT b
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

\unrestrict ppc2Ixe5i8ssujfU0h5cE2HcAPi2jReQH2gdCx0n8GYoxNZoPVj8gVM0QhPAgVc

--
-- Database "postgres" dump
--

\connect postgres

--
-- PostgreSQL database dump
--

\restrict Dmy5G9g08XB28FRcKaeTKIdknNRTooe8J5aQPfKsHjgl0dKwqQkSslH3VpTYw52

-- Dumped from database version 18.4
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

\unrestrict Dmy5G9g08XB28FRcKaeTKIdknNRTooe8J5aQPfKsHjgl0dKwqQkSslH3VpTYw52

--
-- Database "shop" dump
--

--
-- PostgreSQL database dump
--

\restrict Y0lDmKa7c3zanByHFfGoMs1mfJNXR584tIeWAv0t1R1gqKe2VMLCAkUAfxzQkpn

-- Dumped from database version 18.4
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

\unrestrict Y0lDmKa7c3zanByHFfGoMs1mfJNXR584tIeWAv0t1R1gqKe2VMLCAkUAfxzQkpn
\connect shop
\restrict Y0lDmKa7c3zanByHFfGoMs1mfJNXR584tIeWAv0t1R1gqKe2VMLCAkUAfxzQkpn

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

\unrestrict Y0lDmKa7c3zanByHFfGoMs1mfJNXR584tIeWAv0t1R1gqKe2VMLCAkUAfxzQkpn

--
-- PostgreSQL database cluster dump complete
--

