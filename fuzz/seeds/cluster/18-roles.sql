--
-- PostgreSQL database cluster dump
--

\restrict zFYrMf9hxUy0BgZzYbO398BkMJ2PMclmGkvraUHP5kTyV9jWK0tpBg4I0McdCFg

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




\unrestrict zFYrMf9hxUy0BgZzYbO398BkMJ2PMclmGkvraUHP5kTyV9jWK0tpBg4I0McdCFg

--
-- PostgreSQL database cluster dump complete
--

