-- Schemas, extensions, types, functions, aggregates, comments, privileges, large objects: one of
-- everything that is easy to get wrong. Loaded into an empty UTF8 database by a superuser;
-- runs on every server from 13 on, newer features behind \if-free DO blocks.

-- The roles are of the cluster; the fixture may be loaded into several of its databases.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'fam_owner') THEN
        CREATE ROLE fam_owner;
        CREATE ROLE fam_reader;
        CREATE ROLE "fam We""ird=role/";
        GRANT fam_owner TO CURRENT_USER;
    END IF;
END
$$;

-- Schemas -----------------------------------------------------------------------------------------
CREATE SCHEMA app AUTHORIZATION fam_owner;
CREATE SCHEMA "Sche ma""x";
CREATE SCHEMA ext;
COMMENT ON SCHEMA app IS 'it''s the app \ schema
of two lines';
GRANT USAGE ON SCHEMA app TO fam_reader;
GRANT CREATE ON SCHEMA app TO "fam We""ird=role/" WITH GRANT OPTION;
GRANT ALL ON SCHEMA "Sche ma""x" TO PUBLIC;
ALTER SCHEMA public OWNER TO fam_owner;
COMMENT ON SCHEMA public IS NULL;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO fam_reader;

-- Extensions --------------------------------------------------------------------------------------
CREATE EXTENSION hstore WITH SCHEMA ext;
CREATE EXTENSION citext WITH SCHEMA "Sche ma""x";
COMMENT ON EXTENSION citext IS 'our own words';
-- privileges of members that are not as the extension made them
REVOKE ALL ON FUNCTION ext.akeys(ext.hstore) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ext.avals(ext.hstore) TO fam_reader WITH GRANT OPTION;
REVOKE USAGE ON TYPE ext.hstore FROM PUBLIC;
-- and of a function of the system
REVOKE ALL ON FUNCTION pg_catalog.pg_sleep(double precision) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pg_catalog.pg_stat_reset() TO fam_reader;
GRANT SELECT ON pg_catalog.pg_authid TO fam_reader;
GRANT SELECT (rolname) ON pg_catalog.pg_authid TO "fam We""ird=role/";

-- Enums -------------------------------------------------------------------------------------------
CREATE TYPE app.mood AS ENUM ('sad', 'o''k', 'back\slash', 'with "quotes"', 'ünïcode', '');
ALTER TYPE app.mood ADD VALUE 'between' BEFORE 'o''k';
CREATE TYPE app.empty_enum AS ENUM ();
ALTER TYPE app.mood OWNER TO fam_owner;
COMMENT ON TYPE app.mood IS 'moods';
REVOKE ALL ON TYPE app.mood FROM PUBLIC;
GRANT USAGE ON TYPE app.mood TO fam_reader WITH GRANT OPTION;

-- Composites --------------------------------------------------------------------------------------
CREATE TYPE app."Comp osite" AS (
    a integer,
    "B b" text COLLATE "C",
    gone integer,
    c numeric(10, 2)[],
    d app.mood,
    e ext.hstore,
    "select" timestamp(3) with time zone
);
ALTER TYPE app."Comp osite" DROP ATTRIBUTE gone;
COMMENT ON TYPE app."Comp osite" IS 'composite';
COMMENT ON COLUMN app."Comp osite"."B b" IS 'a column of a type';
COMMENT ON COLUMN app."Comp osite".c IS 'another';
CREATE TYPE app.nothing AS ();
CREATE TYPE app.nested AS (x app."Comp osite", y app."Comp osite"[]);

-- Domains -----------------------------------------------------------------------------------------
CREATE DOMAIN app.plain AS integer;
CREATE DOMAIN app.email AS text COLLATE "C" DEFAULT 'a@b' || 'c' NOT NULL
    CONSTRAINT has_at CHECK (VALUE ~ '@')
    CONSTRAINT "Not Long" CHECK (length(VALUE) < 100);
ALTER DOMAIN app.email ADD CONSTRAINT later CHECK (VALUE <> 'x') NOT VALID;
ALTER DOMAIN app.email OWNER TO fam_owner;
COMMENT ON DOMAIN app.email IS 'an address';
COMMENT ON CONSTRAINT has_at ON DOMAIN app.email IS 'it has one';
COMMENT ON CONSTRAINT later ON DOMAIN app.email IS 'not checked yet';
GRANT USAGE ON DOMAIN app.email TO fam_reader;
REVOKE ALL ON DOMAIN app.email FROM PUBLIC;
CREATE DOMAIN app.of_domain AS app.email CHECK (VALUE LIKE '%.org');
CREATE DOMAIN app.mood_array AS app.mood[] DEFAULT '{}';
CREATE DOMAIN app.varlen AS character varying(17) DEFAULT 'x';
CREATE DOMAIN app.of_comp AS app."Comp osite" CHECK ((VALUE).a > 0);
CREATE DOMAIN app."Dom.ain" AS numeric(5, 1) CONSTRAINT "n n" NOT NULL;
CREATE FUNCTION app.is_even(integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 % 2 = 0';
CREATE DOMAIN app.even AS integer CHECK (app.is_even(VALUE));
CREATE FUNCTION app.use_even(app.even) RETURNS app.even LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION app.default_even() RETURNS integer LANGUAGE sql AS 'SELECT 2';
CREATE DOMAIN app.even_default AS app.even DEFAULT app.default_even();

-- Ranges ------------------------------------------------------------------------------------------
CREATE TYPE app.floatrange AS RANGE (subtype = float8, subtype_diff = float8mi);
COMMENT ON TYPE app.floatrange IS 'range';
GRANT USAGE ON TYPE app.floatrange TO fam_reader;
CREATE TYPE app.text_range AS RANGE (subtype = text, subtype_opclass = text_pattern_ops, collation = "C");
CREATE FUNCTION app.time_diff(x time, y time) RETURNS float8
    LANGUAGE sql STRICT IMMUTABLE AS 'SELECT EXTRACT(EPOCH FROM (x - y))';
CREATE TYPE app.timerange AS RANGE (subtype = time, subtype_diff = app.time_diff);
CREATE FUNCTION app.overlap(app.timerange, app.timerange) RETURNS boolean
    LANGUAGE sql AS 'SELECT $1 && $2';
DO $$
BEGIN
    IF current_setting('server_version_num')::int >= 140000 THEN
        EXECUTE 'CREATE TYPE app.named_range AS RANGE (subtype = int8, multirange_type_name = app."Multi Range")';
        EXECUTE 'COMMENT ON TYPE app."Multi Range" IS ''a comment no dump carries''';
        EXECUTE 'CREATE FUNCTION app.multi(app."Multi Range") RETURNS app."Multi Range" LANGUAGE sql AS ''SELECT $1''';
    END IF;
END
$$;

-- A type that is only a shell.
CREATE TYPE app.shell;
COMMENT ON TYPE app.shell IS 'empty';

-- Functions ---------------------------------------------------------------------------------------
CREATE FUNCTION app.everything(a integer, INOUT b text DEFAULT 'x''y', OUT c numeric, VARIADIC d integer[] DEFAULT '{1,2}')
    LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER LEAKPROOF PARALLEL RESTRICTED COST 7.5
    SET search_path TO app, "Sche ma""x", pg_temp
    SET work_mem TO '5MB'
    SET "app.custom" TO 'it''s \ here'
    SET datestyle FROM CURRENT
    AS $_$
BEGIN
    -- $$ and $function$ in the body
    c := 1;
END
$_$;
ALTER FUNCTION app.everything(integer, text, integer[]) OWNER TO fam_owner;
COMMENT ON FUNCTION app.everything(integer, text, integer[]) IS 'all of it';
REVOKE ALL ON FUNCTION app.everything(integer, text, integer[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.everything(integer, text, integer[]) TO fam_reader;
CREATE FUNCTION app."Over loaded"() RETURNS SETOF app."Comp osite" LANGUAGE sql ROWS 7 PARALLEL SAFE
    AS 'SELECT NULL::app."Comp osite" WHERE ''\'' <> ''''';
CREATE FUNCTION app."Over loaded"("Arg One" app.mood, ext.hstore) RETURNS TABLE (x integer, "y y" text)
    LANGUAGE sql IMMUTABLE COST 100 ROWS 1000 AS $body$SELECT 1, 'a' $body$;
CREATE FUNCTION app.set_empty_path() RETURNS integer LANGUAGE sql SET search_path TO '' AS 'SELECT 1';
CREATE FUNCTION app.set_odd_path() RETURNS integer LANGUAGE sql SET search_path TO '$user', 'a,b', "Q""q" AS 'SELECT 1';
CREATE FUNCTION app.win(integer) RETURNS bigint LANGUAGE internal WINDOW AS 'window_row_number';
CREATE FUNCTION app.with_support(integer) RETURNS SETOF integer LANGUAGE sql SUPPORT pg_catalog.generate_series_int4_support AS 'SELECT 1';
CREATE FUNCTION app.trig() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION app.evt() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE FUNCTION app.anything(anyelement, anyarray) RETURNS anyelement LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION app.c_function(text) RETURNS text LANGUAGE internal STRICT COST 2 AS 'upper';
CREATE FUNCTION app."$dollar$"() RETURNS text LANGUAGE sql AS $x$ SELECT '$_$ $$' || $_X$ $_$ $_X$ $x$;
CREATE FUNCTION app.crlf() RETURNS text LANGUAGE sql AS E'SELECT 1::text;\r\n-- done\r\n';
CREATE FUNCTION app.named_default(a integer DEFAULT 1, b app.mood DEFAULT 'sad', c timestamptz DEFAULT now()) RETURNS integer
    LANGUAGE sql AS 'SELECT $1';
CREATE PROCEDURE app.proc(INOUT a integer, b text DEFAULT NULL) LANGUAGE plpgsql
    SET work_mem = '1MB' AS $$ BEGIN COMMIT; END $$;
COMMENT ON PROCEDURE app.proc(integer, text) IS 'a procedure';
GRANT EXECUTE ON PROCEDURE app.proc(integer, text) TO fam_reader WITH GRANT OPTION;
SET ROLE fam_owner;
SET search_path TO app, public;
CREATE FUNCTION app.of_owner(app.of_comp) RETURNS integer LANGUAGE sql AS 'SELECT 1';
RESET search_path;
RESET ROLE;
SET SESSION AUTHORIZATION fam_reader;
GRANT EXECUTE ON PROCEDURE app.proc(integer, text) TO "fam We""ird=role/";
RESET SESSION AUTHORIZATION;
CREATE TABLE app.for_functions (id integer PRIMARY KEY, name text);
CREATE VIEW app.a_view AS SELECT id, name FROM app.for_functions;
CREATE FUNCTION app.returns_row() RETURNS SETOF app.for_functions LANGUAGE sql AS 'SELECT * FROM app.for_functions';
CREATE FUNCTION app.takes_view(app.a_view) RETURNS text LANGUAGE sql AS 'SELECT $1.name';
DO $$
BEGIN
    IF current_setting('server_version_num')::int >= 140000 THEN
        EXECUTE $f$CREATE FUNCTION app.std_body(a integer, b integer DEFAULT 3) RETURNS integer LANGUAGE sql IMMUTABLE
            RETURN a + b + 1$f$;
        EXECUTE $f$CREATE FUNCTION app.std_atomic() RETURNS SETOF text LANGUAGE sql
            BEGIN ATOMIC SELECT name FROM app.for_functions WHERE name <> 'x''\y'; SELECT name FROM app.a_view; END$f$;
        EXECUTE $f$CREATE PROCEDURE app.std_proc(OUT n integer) LANGUAGE sql
            BEGIN ATOMIC INSERT INTO app.for_functions VALUES (1, 'a'); SELECT 1; END$f$;
        -- needs a primary key, so it moves behind the data
        EXECUTE $f$CREATE FUNCTION app.std_late() RETURNS TABLE (id integer, name text) LANGUAGE sql
            BEGIN ATOMIC SELECT f.id, f.name FROM app.for_functions f GROUP BY f.id; END$f$;
    END IF;
END
$$;

-- Aggregates --------------------------------------------------------------------------------------
CREATE AGGREGATE app.plain_sum(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0');
COMMENT ON AGGREGATE app.plain_sum(integer) IS 'sums';
GRANT EXECUTE ON FUNCTION app.plain_sum(integer) TO fam_reader;
REVOKE EXECUTE ON FUNCTION app.plain_sum(integer) FROM PUBLIC;
CREATE AGGREGATE app.any_count(*) (SFUNC = int8inc, STYPE = bigint, INITCOND = '0', PARALLEL = SAFE, COMBINEFUNC = int8pl);
COMMENT ON AGGREGATE app.any_count(*) IS 'counts';
GRANT EXECUTE ON FUNCTION app.any_count() TO fam_reader;
CREATE AGGREGATE app."My Avg"(x double precision) (
    SFUNC = float8_accum, STYPE = double precision[], SSPACE = 100, FINALFUNC = float8_avg,
    FINALFUNC_MODIFY = SHAREABLE, INITCOND = '{0,0,0}', COMBINEFUNC = float8_combine, PARALLEL = RESTRICTED);
ALTER AGGREGATE app."My Avg"(double precision) OWNER TO fam_owner;
CREATE AGGREGATE app.moving(numeric) (
    SFUNC = numeric_avg_accum, STYPE = internal, SSPACE = 128, FINALFUNC = numeric_sum,
    COMBINEFUNC = numeric_avg_combine, SERIALFUNC = numeric_avg_serialize, DESERIALFUNC = numeric_avg_deserialize,
    MSFUNC = numeric_avg_accum, MINVFUNC = numeric_accum_inv, MSTYPE = internal, MSSPACE = 64,
    MFINALFUNC = numeric_sum, MFINALFUNC_MODIFY = READ_WRITE);
CREATE AGGREGATE app.biggest(integer) (SFUNC = int4larger, STYPE = integer, SORTOP = OPERATOR(pg_catalog.>));
CREATE FUNCTION app.final_extra(internal, anyelement) RETURNS anyarray LANGUAGE internal IMMUTABLE AS 'array_agg_finalfn';
CREATE FUNCTION app.trans(internal, anynonarray) RETURNS internal LANGUAGE internal IMMUTABLE AS 'array_agg_transfn';
CREATE AGGREGATE app.collect(anynonarray) (SFUNC = array_agg_transfn, STYPE = internal, FINALFUNC = array_agg_finalfn, FINALFUNC_EXTRA);
CREATE AGGREGATE app.ordered(float8 ORDER BY float8) (SFUNC = ordered_set_transition, STYPE = internal,
    FINALFUNC = percentile_cont_float8_final);
COMMENT ON AGGREGATE app.ordered(float8 ORDER BY float8) IS 'ordered';
REVOKE ALL ON FUNCTION app.ordered(float8, float8) FROM PUBLIC;
CREATE AGGREGATE app.hypo(VARIADIC "any" ORDER BY VARIADIC "any") (SFUNC = ordered_set_transition_multi, STYPE = internal,
    FINALFUNC = rank_final, FINALFUNC_EXTRA, HYPOTHETICAL);
GRANT EXECUTE ON FUNCTION app.hypo(VARIADIC "any") TO fam_reader;
CREATE FUNCTION app.mood_larger(app.mood, app.mood) RETURNS app.mood LANGUAGE sql IMMUTABLE AS 'SELECT greatest($1, $2)';
CREATE AGGREGATE app."Max"(app.mood) (SFUNC = app.mood_larger, STYPE = app.mood, INITCOND = 'o''k');
CREATE AGGREGATE app.text_state(text) (SFUNC = textcat, STYPE = text, INITCOND = 'a\b''c');

-- Default privileges ------------------------------------------------------------------------------
ALTER DEFAULT PRIVILEGES FOR ROLE fam_owner GRANT SELECT ON TABLES TO fam_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE fam_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE fam_owner IN SCHEMA app GRANT ALL ON SEQUENCES TO "fam We""ird=role/" WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES FOR ROLE fam_owner IN SCHEMA app GRANT SELECT, INSERT ON TABLES TO PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE fam_owner IN SCHEMA "Sche ma""x" GRANT USAGE ON TYPES TO fam_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE fam_reader REVOKE ALL ON TYPES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE fam_reader GRANT USAGE ON SCHEMAS TO fam_owner;
DO $$
BEGIN
    IF current_setting('server_version_num')::int >= 180000 THEN
        EXECUTE 'ALTER DEFAULT PRIVILEGES FOR ROLE fam_reader GRANT SELECT ON LARGE OBJECTS TO fam_owner';
    END IF;
END
$$;

-- Large objects -----------------------------------------------------------------------------------
SELECT lo_from_bytea(1000 + n, ('x' || n)::bytea) FROM generate_series(1, 5) n;
SELECT lo_from_bytea(2000, '\x00ff0a5c2e0a');
SELECT lo_from_bytea(3000, '');
ALTER LARGE OBJECT 2000 OWNER TO fam_owner;
GRANT SELECT ON LARGE OBJECT 1004 TO fam_reader;
GRANT SELECT ON LARGE OBJECT 1005 TO fam_reader;
GRANT ALL ON LARGE OBJECT 2000 TO fam_reader WITH GRANT OPTION;
COMMENT ON LARGE OBJECT 1002 IS 'a large object';
COMMENT ON LARGE OBJECT 2000 IS 'a lone one';
