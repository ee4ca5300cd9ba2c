--
-- PostgreSQL database dump
--

\restrict dabyjIAxfMBM9M9HeccdFvv0zuuq7Erw9kX9oU5D9WHMBVrcLjdLVQqyj2r5Gg4

-- Dumped from database version 15.20 (Debian 15.20-0+deb12u1)
-- Dumped by pg_dump version 17.11 (Debian 17.11-0+deb13u1)

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
-- Name: odd . schema; Type: SCHEMA; Schema: -; Owner: postgres
--

CREATE SCHEMA "odd . schema";


ALTER SCHEMA "odd . schema" OWNER TO postgres;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: Tab, "le"; Type: TABLE; Schema: odd . schema; Owner: postgres
--

CREATE TABLE "odd . schema"."Tab, ""le""" (
    "Col (a)" text,
    b bytea
);
ALTER TABLE ONLY "odd . schema"."Tab, ""le""" ALTER COLUMN "Col (a)" SET (pg_attver=26489480);
ALTER TABLE ONLY "odd . schema"."Tab, ""le""" ALTER COLUMN b SET (pg_attver=26489480);


ALTER TABLE "odd . schema"."Tab, ""le""" OWNER TO postgres;

--
-- Name: no_rows; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.no_rows (
    a integer
);
ALTER TABLE ONLY public.no_rows ALTER COLUMN a SET (pg_attver=26522896);


ALTER TABLE public.no_rows OWNER TO postgres;

--
-- Name: votes; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.votes (
    id integer NOT NULL,
    choice text NOT NULL
);
ALTER TABLE ONLY public.votes ALTER COLUMN id SET (pg_attver=26504520);
ALTER TABLE ONLY public.votes ALTER COLUMN choice SET (pg_attver=26504520);


ALTER TABLE public.votes OWNER TO postgres;

--
-- Name: TABLE votes; Type: COMMENT; Schema: public; Owner: postgres
--

COMMENT ON TABLE public.votes IS 'twenty-five';


--
-- Name: votes_id_seq; Type: SEQUENCE; Schema: public; Owner: postgres
--

ALTER TABLE public.votes ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.votes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Data for Name: Tab, "le"; Type: TABLE DATA; Schema: odd . schema; Owner: postgres
--

COPY "odd . schema"."Tab, ""le""" ("Col (a)", b) FROM stdin;
\\.	\\x00ff0a
line\nfeed\ttab\\back	\N
	\\x
\.


--
-- Data for Name: no_rows; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.no_rows (a) FROM stdin;
\.


--
-- Data for Name: votes; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.votes (id, choice) FROM stdin;
1	option 1
2	option 2
3	option 0
4	option 1
5	option 2
6	option 0
7	option 1
8	option 2
9	option 0
10	option 1
11	option 2
12	option 0
13	option 1
14	option 2
15	option 0
16	option 1
17	option 2
18	option 0
19	option 1
20	option 2
21	option 0
22	option 1
23	option 2
24	option 0
25	option 1
\.


--
-- Name: votes_id_seq; Type: SEQUENCE SET; Schema: public; Owner: postgres
--

SELECT pg_catalog.setval('public.votes_id_seq', 25, true);


--
-- Name: 7001..7003; Type: BLOB METADATA; Schema: -; Owner: postgres
--

SELECT pg_catalog.lo_create('7001');
SELECT pg_catalog.lo_create('7003');

ALTER LARGE OBJECT 7001 OWNER TO postgres;
ALTER LARGE OBJECT 7003 OWNER TO postgres;

--
-- Name: 7002; Type: BLOB METADATA; Schema: -; Owner: postgres
--

SELECT pg_catalog.lo_create('7002');

ALTER LARGE OBJECT 7002 OWNER TO postgres;

--
-- Name: LARGE OBJECT 7002; Type: COMMENT; Schema: -; Owner: postgres
--

COMMENT ON LARGE OBJECT 7002 IS 'empty';


--
-- Data for Name: 7001..7003; Type: BLOBS; Schema: -; Owner: postgres
--

BEGIN;

SELECT pg_catalog.lo_open('7001', 131072);
SELECT pg_catalog.lowrite(0, '\x6f6e65');
SELECT pg_catalog.lo_close(0);

SELECT pg_catalog.lo_open('7003', 131072);
SELECT pg_catalog.lowrite(0, '\x00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a');
SELECT pg_catalog.lo_close(0);

COMMIT;

--
-- Data for Name: 7002; Type: BLOBS; Schema: -; Owner: postgres
--

BEGIN;

SELECT pg_catalog.lo_open('7002', 131072);
SELECT pg_catalog.lo_close(0);

COMMIT;

--
-- Name: votes votes_pkey; Type: CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.votes
    ADD CONSTRAINT votes_pkey PRIMARY KEY (id);


--
-- Name: no_rows no_rows_a_fkey; Type: FK CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.no_rows
    ADD CONSTRAINT no_rows_a_fkey FOREIGN KEY (a) REFERENCES public.votes(id);


--
-- Name: TABLE votes; Type: ACL; Schema: public; Owner: postgres
--

GRANT SELECT ON TABLE public.votes TO PUBLIC;


--
-- Name: LARGE OBJECTS 7001..7003; Type: ACL; Schema: -; Owner: postgres
--

GRANT SELECT ON LARGE OBJECT 7001 TO PUBLIC;
GRANT SELECT ON LARGE OBJECT 7003 TO PUBLIC;

--
-- PostgreSQL database dump complete
--

\unrestrict dabyjIAxfMBM9M9HeccdFvv0zuuq7Erw9kX9oU5D9WHMBVrcLjdLVQqyj2r5Gg4

