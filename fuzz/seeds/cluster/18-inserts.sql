--
-- PostgreSQL database cluster dump
--

\restrict 9XXkaMYxDgQOva7yx5HQULVKKfTvzgeket514TOlga0f3Syq8ujYVFKa8F6C8VH

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






\unrestrict 9XXkaMYxDgQOva7yx5HQULVKKfTvzgeket514TOlga0f3Syq8ujYVFKa8F6C8VH

--
-- Databases
--

--
-- Database "template1" dump
--

--
-- PostgreSQL database dump
--

\restrict CKzvnNRyGbY7mwD18jae0mj9eiox0qttU39S5ySI1jpq83nC4Pv4waSdIdYqJkd

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

UPDATE pg_catalog.pg_database SET datistemplate = false WHERE datname = 'template1';
DROP DATABASE template1;
--
-- Name: template1; Type: DATABASE; Schema: -; Owner: postgres
--

CREATE DATABASE template1 WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C.UTF-8';


ALTER DATABASE template1 OWNER TO postgres;

\unrestrict CKzvnNRyGbY7mwD18jae0mj9eiox0qttU39S5ySI1jpq83nC4Pv4waSdIdYqJkd
\connect template1
\restrict CKzvnNRyGbY7mwD18jae0mj9eiox0qttU39S5ySI1jpq83nC4Pv4waSdIdYqJkd

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


\unrestrict CKzvnNRyGbY7mwD18jae0mj9eiox0qttU39S5ySI1jpq83nC4Pv4waSdIdYqJkd
\connect template1
\restrict CKzvnNRyGbY7mwD18jae0mj9eiox0qttU39S5ySI1jpq83nC4Pv4waSdIdYqJkd

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

\unrestrict CKzvnNRyGbY7mwD18jae0mj9eiox0qttU39S5ySI1jpq83nC4Pv4waSdIdYqJkd

--
-- Database "blog" dump
--

--
-- PostgreSQL database dump
--

\restrict qHv427wE6aHQZeieUvANdI3I54jDOFm5vNjeqfYKs9KPXi2ix5h6QQni8cLs0m5

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

\unrestrict qHv427wE6aHQZeieUvANdI3I54jDOFm5vNjeqfYKs9KPXi2ix5h6QQni8cLs0m5
\connect blog
\restrict qHv427wE6aHQZeieUvANdI3I54jDOFm5vNjeqfYKs9KPXi2ix5h6QQni8cLs0m5

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

INSERT INTO public.post VALUES ('a
b');


--
-- PostgreSQL database dump complete
--

\unrestrict qHv427wE6aHQZeieUvANdI3I54jDOFm5vNjeqfYKs9KPXi2ix5h6QQni8cLs0m5

--
-- Database "postgres" dump
--

--
-- PostgreSQL database dump
--

\restrict GZKhzA19UO74e1wsFN5QjEx7Ex6fXXKHq03KT1segrXnhtS3PClLO8yFtYOdc4W

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

DROP DATABASE postgres;
--
-- Name: postgres; Type: DATABASE; Schema: -; Owner: postgres
--

CREATE DATABASE postgres WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C.UTF-8';


ALTER DATABASE postgres OWNER TO postgres;

\unrestrict GZKhzA19UO74e1wsFN5QjEx7Ex6fXXKHq03KT1segrXnhtS3PClLO8yFtYOdc4W
\connect postgres
\restrict GZKhzA19UO74e1wsFN5QjEx7Ex6fXXKHq03KT1segrXnhtS3PClLO8yFtYOdc4W

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

\unrestrict GZKhzA19UO74e1wsFN5QjEx7Ex6fXXKHq03KT1segrXnhtS3PClLO8yFtYOdc4W

--
-- Database "shop" dump
--

--
-- PostgreSQL database dump
--

\restrict BdyeCI1CTUnZIDCwvLb1s80itibksqngZUPftYmcFvwQVaxAV2P84zrMm5c5fiS

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

\unrestrict BdyeCI1CTUnZIDCwvLb1s80itibksqngZUPftYmcFvwQVaxAV2P84zrMm5c5fiS
\connect shop
\restrict BdyeCI1CTUnZIDCwvLb1s80itibksqngZUPftYmcFvwQVaxAV2P84zrMm5c5fiS

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

\unrestrict BdyeCI1CTUnZIDCwvLb1s80itibksqngZUPftYmcFvwQVaxAV2P84zrMm5c5fiS

--
-- PostgreSQL database cluster dump complete
--

