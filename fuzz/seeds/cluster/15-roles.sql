--
-- PostgreSQL database cluster dump
--

\restrict ZJhnj7TaCvBf6mAa1ZJ5NhDjKVOvUGo3ilekBJ9ckro8fFdTFi1BIwhSZsUr4bi

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




\unrestrict ZJhnj7TaCvBf6mAa1ZJ5NhDjKVOvUGo3ilekBJ9ckro8fFdTFi1BIwhSZsUr4bi

--
-- PostgreSQL database cluster dump complete
--

