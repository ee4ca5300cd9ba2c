--
-- PostgreSQL database dump
--

\restrict vWSGLLsrTMoa96le1LXvGBnm5UMxSbKNkjgJDkxUNvXxFBw2VPKCteVxsDm3Odt

-- Dumped from database version 15.20 (Debian 15.20-0+deb12u1)
-- Dumped by pg_dump version 15.20 (Debian 15.20-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
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


ALTER TABLE "odd . schema"."Tab, ""le""" OWNER TO postgres;

--
-- Name: no_rows; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.no_rows (
    a integer
);


ALTER TABLE public.no_rows OWNER TO postgres;

--
-- Name: votes; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.votes (
    id integer NOT NULL,
    choice text NOT NULL
);


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
-- Name: 7001; Type: BLOB; Schema: -; Owner: postgres
--

SELECT pg_catalog.lo_create('7001');


ALTER LARGE OBJECT 7001 OWNER TO postgres;

--
-- Name: 7002; Type: BLOB; Schema: -; Owner: postgres
--

SELECT pg_catalog.lo_create('7002');


ALTER LARGE OBJECT 7002 OWNER TO postgres;

--
-- Name: LARGE OBJECT 7002; Type: COMMENT; Schema: -; Owner: postgres
--

COMMENT ON LARGE OBJECT 7002 IS 'empty';


--
-- Name: 7003; Type: BLOB; Schema: -; Owner: postgres
--

SELECT pg_catalog.lo_create('7003');


ALTER LARGE OBJECT 7003 OWNER TO postgres;

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
-- Data for Name: BLOBS; Type: BLOBS; Schema: -; Owner: -
--

BEGIN;

SELECT pg_catalog.lo_open('7001', 131072);
SELECT pg_catalog.lowrite(0, '\x6f6e65');
SELECT pg_catalog.lo_close(0);

SELECT pg_catalog.lo_open('7002', 131072);
SELECT pg_catalog.lo_close(0);

SELECT pg_catalog.lo_open('7003', 131072);
SELECT pg_catalog.lowrite(0, '\x00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a00ff0a');
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
-- Name: LARGE OBJECT 7001; Type: ACL; Schema: -; Owner: postgres
--

GRANT SELECT ON LARGE OBJECT 7001 TO PUBLIC;


--
-- Name: LARGE OBJECT 7003; Type: ACL; Schema: -; Owner: postgres
--

GRANT SELECT ON LARGE OBJECT 7003 TO PUBLIC;


--
-- PostgreSQL database dump complete
--

\unrestrict vWSGLLsrTMoa96le1LXvGBnm5UMxSbKNkjgJDkxUNvXxFBw2VPKCteVxsDm3Odt

