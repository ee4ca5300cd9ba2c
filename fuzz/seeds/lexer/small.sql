--
-- PostgreSQL database dump
--

-- Dumped from database version 15.20
-- Dumped by pg_dump version 17.6

SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);

--
-- Name: a; Type: TABLE; Schema: public; Owner: app
--

CREATE TABLE public.a (id integer NOT NULL, t text DEFAULT ';');
ALTER TABLE public.a OWNER TO app;
CREATE FUNCTION public.f() RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END;
COPY public.a (id, t) FROM stdin;
1	one\ttwo
2	\N
\.

INSERT INTO public.b VALUES (1, E'a\'b', $x$;$x$);
SELECT pg_catalog.setval('public.s', 5, true);
SELECT pg_catalog.lo_create('7001');
BEGIN;
SELECT pg_catalog.lo_open('7001', 131072);
SELECT pg_catalog.lowrite(0, '\x616263');
SELECT pg_catalog.lo_close(0);
COMMIT;
ALTER TABLE ONLY public.a ADD CONSTRAINT a_pkey PRIMARY KEY (id);
GRANT SELECT ON TABLE public.a TO app;

--
-- PostgreSQL database dump complete
--

