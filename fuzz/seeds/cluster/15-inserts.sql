--
-- PostgreSQL database cluster dump
--

\restrict oHPScG2UKRM5TfS5rR8LYJadoxraRBqNo1c6yYNzqFUrBnxWKkTiXJLmSPoQ24n

SET default_transaction_read_only = off;

SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;

--
-- Drop databases (except postgres and template1)
--

DROP DATABASE IF EXISTS blog;
DROP DATABASE IF EXISTS shop;




--
-- Drop roles
--

DROP ROLE IF EXISTS ann;
DROP ROLE IF EXISTS postgres;
DROP ROLE IF EXISTS readers;


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






\unrestrict oHPScG2UKRM5TfS5rR8LYJadoxraRBqNo1c6yYNzqFUrBnxWKkTiXJLmSPoQ24n

--
-- Databases
--

--
-- Database "template1" dump
--

--
-- PostgreSQL database dump
--

\restrict uBSXmFciJUvXgZXPWdraY1mmWEjezbhdbA6F5Woj6BgUFqTVxUEcSVDwQRDFGg0

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

UPDATE pg_catalog.pg_database SET datistemplate = false WHERE datname = 'template1';
DROP DATABASE template1;
--
-- Name: template1; Type: DATABASE; Schema: -; Owner: postgres
--

CREATE DATABASE template1 WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C.UTF-8';


ALTER DATABASE template1 OWNER TO postgres;

\unrestrict uBSXmFciJUvXgZXPWdraY1mmWEjezbhdbA6F5Woj6BgUFqTVxUEcSVDwQRDFGg0
\connect template1
\restrict uBSXmFciJUvXgZXPWdraY1mmWEjezbhdbA6F5Woj6BgUFqTVxUEcSVDwQRDFGg0

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
-- Name: DATABASE template1; Type: COMMENT; Schema: -; Owner: postgres
--

COMMENT ON DATABASE template1 IS 'default template for new databases';


--
-- Name: template1; Type: DATABASE PROPERTIES; Schema: -; Owner: postgres
--

ALTER DATABASE template1 IS_TEMPLATE = true;


\unrestrict uBSXmFciJUvXgZXPWdraY1mmWEjezbhdbA6F5Woj6BgUFqTVxUEcSVDwQRDFGg0
\connect template1
\restrict uBSXmFciJUvXgZXPWdraY1mmWEjezbhdbA6F5Woj6BgUFqTVxUEcSVDwQRDFGg0

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
-- Name: DATABASE template1; Type: ACL; Schema: -; Owner: postgres
--

REVOKE CONNECT,TEMPORARY ON DATABASE template1 FROM PUBLIC;
GRANT CONNECT ON DATABASE template1 TO PUBLIC;


--
-- PostgreSQL database dump complete
--

\unrestrict uBSXmFciJUvXgZXPWdraY1mmWEjezbhdbA6F5Woj6BgUFqTVxUEcSVDwQRDFGg0

--
-- Database "blog" dump
--

--
-- PostgreSQL database dump
--

\restrict Bw1cctXokpOMoZyRRtRXVEWcSUz1HXfz7Rany31SjNDSVVpfox5g2KPWJutHf9l

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

\unrestrict Bw1cctXokpOMoZyRRtRXVEWcSUz1HXfz7Rany31SjNDSVVpfox5g2KPWJutHf9l
\connect blog
\restrict Bw1cctXokpOMoZyRRtRXVEWcSUz1HXfz7Rany31SjNDSVVpfox5g2KPWJutHf9l

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

INSERT INTO public.post VALUES ('a
b');


--
-- PostgreSQL database dump complete
--

\unrestrict Bw1cctXokpOMoZyRRtRXVEWcSUz1HXfz7Rany31SjNDSVVpfox5g2KPWJutHf9l

--
-- Database "postgres" dump
--

--
-- PostgreSQL database dump
--

\restrict NtXCiG0JmJHMJPkXLZEc8l07WCM0y8oDJd7Sv480razYabmH3hxdQKYMeA60qjJ

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

DROP DATABASE postgres;
--
-- Name: postgres; Type: DATABASE; Schema: -; Owner: postgres
--

CREATE DATABASE postgres WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C.UTF-8';


ALTER DATABASE postgres OWNER TO postgres;

\unrestrict NtXCiG0JmJHMJPkXLZEc8l07WCM0y8oDJd7Sv480razYabmH3hxdQKYMeA60qjJ
\connect postgres
\restrict NtXCiG0JmJHMJPkXLZEc8l07WCM0y8oDJd7Sv480razYabmH3hxdQKYMeA60qjJ

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
-- Name: DATABASE postgres; Type: COMMENT; Schema: -; Owner: postgres
--

COMMENT ON DATABASE postgres IS 'default administrative connection database';


--
-- PostgreSQL database dump complete
--

\unrestrict NtXCiG0JmJHMJPkXLZEc8l07WCM0y8oDJd7Sv480razYabmH3hxdQKYMeA60qjJ

--
-- Database "shop" dump
--

--
-- PostgreSQL database dump
--

\restrict ich12xLBhQZ8shFitNrQ7TzweiQusYMOYqd039qxd7hyWeACwejKxcUlJI0qqx2

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

\unrestrict ich12xLBhQZ8shFitNrQ7TzweiQusYMOYqd039qxd7hyWeACwejKxcUlJI0qqx2
\connect shop
\restrict ich12xLBhQZ8shFitNrQ7TzweiQusYMOYqd039qxd7hyWeACwejKxcUlJI0qqx2

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

INSERT INTO public.t VALUES (1, 'x');
INSERT INTO public.t VALUES (2, NULL);


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

\unrestrict ich12xLBhQZ8shFitNrQ7TzweiQusYMOYqd039qxd7hyWeACwejKxcUlJI0qqx2

--
-- PostgreSQL database cluster dump complete
--

