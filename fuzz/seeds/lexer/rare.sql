-- Kinds of objects that few applications have: collations, casts, operators and their classes, text
-- search, foreign data, languages, event triggers, statistics, publications, base types. Loaded into
-- an empty UTF8 database by a superuser; runs on every server from 13 on.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'rare_owner') THEN
        CREATE ROLE rare_owner SUPERUSER;
        CREATE ROLE rare_reader;
        CREATE ROLE "Rare User";
    END IF;
END
$$;
CREATE SCHEMA r AUTHORIZATION rare_owner;
CREATE SCHEMA "R 2";
CREATE EXTENSION hstore WITH SCHEMA "R 2";

-- Collations, conversions -------------------------------------------------------------------------
CREATE COLLATION r.plain (locale = 'C');
CREATE COLLATION r."Two Parts" (lc_collate = 'C', lc_ctype = 'POSIX');
ALTER COLLATION r.plain OWNER TO rare_owner;
COMMENT ON COLLATION r."Two Parts" IS 'two';
CREATE DOMAIN r.collated AS text COLLATE r.plain;
CREATE CONVERSION r.conv FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1;
CREATE DEFAULT CONVERSION "R 2".conv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
COMMENT ON CONVERSION r.conv IS 'it''s one';

-- A base type with its functions, which need its shell ---------------------------------------------
CREATE TYPE r.num;
CREATE FUNCTION r.num_in(cstring) RETURNS r.num LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION r.num_out(r.num) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE FUNCTION r.num_recv(internal) RETURNS r.num LANGUAGE internal IMMUTABLE STRICT AS 'int4recv';
CREATE FUNCTION r.num_send(r.num) RETURNS bytea LANGUAGE internal IMMUTABLE STRICT AS 'int4send';
CREATE TYPE r.num (INPUT = r.num_in, OUTPUT = r.num_out, RECEIVE = r.num_recv, SEND = r.num_send,
    INTERNALLENGTH = 4, PASSEDBYVALUE, ALIGNMENT = int4, CATEGORY = 'N', PREFERRED = false,
    DELIMITER = ';', DEFAULT = '42');
ALTER TYPE r.num OWNER TO rare_owner;
COMMENT ON TYPE r.num IS 'a base type';
GRANT USAGE ON TYPE r.num TO rare_reader WITH GRANT OPTION;
CREATE TYPE r.vartext;
CREATE FUNCTION r.vartext_in(cstring) RETURNS r.vartext LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION r.vartext_out(r.vartext) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE r.vartext (INPUT = r.vartext_in, OUTPUT = r.vartext_out, INTERNALLENGTH = variable, STORAGE = extended,
    COLLATABLE = true);
-- A range with a function that takes the range, so needs its shell.
CREATE TYPE r.canon;
CREATE FUNCTION r.canon_fn(r.canon) RETURNS r.canon LANGUAGE internal IMMUTABLE STRICT AS 'int4range_canonical';
CREATE TYPE r.canon AS RANGE (SUBTYPE = integer, CANONICAL = r.canon_fn);

-- Casts, transforms -------------------------------------------------------------------------------
CREATE CAST (r.num AS integer) WITHOUT FUNCTION AS IMPLICIT;
CREATE CAST (integer AS r.num) WITHOUT FUNCTION AS ASSIGNMENT;
CREATE FUNCTION r.num_to_text(r.num) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1::integer::text';
CREATE CAST (r.num AS text) WITH FUNCTION r.num_to_text(r.num);
CREATE CAST (r.vartext AS r.num) WITH INOUT;
COMMENT ON CAST (r.num AS text) IS 'a cast';
CREATE FUNCTION r.from_sql(internal) RETURNS internal LANGUAGE internal AS 'int4recv';
DO $$
BEGIN
    EXECUTE 'CREATE TRANSFORM FOR integer LANGUAGE sql (FROM SQL WITH FUNCTION varchar_support(internal))';
    EXECUTE 'CREATE FUNCTION r.transformed(integer) RETURNS integer LANGUAGE sql TRANSFORM FOR TYPE integer AS ''SELECT $1''';
    EXECUTE 'COMMENT ON TRANSFORM FOR integer LANGUAGE sql IS ''odd''';
END
$$;

-- Operators, classes, families, access methods ------------------------------------------------------
CREATE FUNCTION r.num_lt(r.num, r.num) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4lt';
CREATE FUNCTION r.num_le(r.num, r.num) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4le';
CREATE FUNCTION r.num_eq(r.num, r.num) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4eq';
CREATE FUNCTION r.num_ne(r.num, r.num) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4ne';
CREATE FUNCTION r.num_ge(r.num, r.num) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4ge';
CREATE FUNCTION r.num_gt(r.num, r.num) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4gt';
CREATE FUNCTION r.num_cmp(r.num, r.num) RETURNS integer LANGUAGE internal IMMUTABLE STRICT AS 'btint4cmp';
CREATE FUNCTION r.num_int_eq(r.num, integer) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4eq';
CREATE FUNCTION r.num_int_cmp(r.num, integer) RETURNS integer LANGUAGE internal IMMUTABLE STRICT AS 'btint4cmp';
CREATE FUNCTION r.num_minus(r.num) RETURNS r.num LANGUAGE internal IMMUTABLE STRICT AS 'int4um';
CREATE OPERATOR r.< (FUNCTION = r.num_lt, LEFTARG = r.num, RIGHTARG = r.num, COMMUTATOR = OPERATOR(r.>), NEGATOR = OPERATOR(r.>=),
    RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
CREATE OPERATOR r.<= (FUNCTION = r.num_le, LEFTARG = r.num, RIGHTARG = r.num, COMMUTATOR = OPERATOR(r.>=), NEGATOR = OPERATOR(r.>));
CREATE OPERATOR r.= (FUNCTION = r.num_eq, LEFTARG = r.num, RIGHTARG = r.num, COMMUTATOR = OPERATOR(r.=), NEGATOR = OPERATOR(r.<>),
    RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
CREATE OPERATOR r.<> (FUNCTION = r.num_ne, LEFTARG = r.num, RIGHTARG = r.num, COMMUTATOR = OPERATOR(r.<>), NEGATOR = OPERATOR(r.=));
CREATE OPERATOR r.>= (FUNCTION = r.num_ge, LEFTARG = r.num, RIGHTARG = r.num, COMMUTATOR = OPERATOR(r.<=), NEGATOR = OPERATOR(r.<));
CREATE OPERATOR r.> (FUNCTION = r.num_gt, LEFTARG = r.num, RIGHTARG = r.num, COMMUTATOR = OPERATOR(r.<), NEGATOR = OPERATOR(r.<=));
CREATE OPERATOR r.= (FUNCTION = r.num_int_eq, LEFTARG = r.num, RIGHTARG = integer);
CREATE OPERATOR r.- (FUNCTION = r.num_minus, RIGHTARG = r.num);
-- a commutator that is never made
CREATE OPERATOR "R 2".<<< (FUNCTION = r.num_lt, LEFTARG = r.num, RIGHTARG = r.num, COMMUTATOR = OPERATOR("R 2".>>>));
COMMENT ON OPERATOR r.= (r.num, integer) IS 'mixed';
COMMENT ON OPERATOR r.- (NONE, r.num) IS 'minus';
ALTER OPERATOR r.< (r.num, r.num) OWNER TO rare_owner;
CREATE OPERATOR FAMILY r."Num Ops" USING btree;
CREATE OPERATOR CLASS r."Num Ops" DEFAULT FOR TYPE r.num USING btree FAMILY r."Num Ops" AS
    OPERATOR 1 r.<, OPERATOR 2 r.<=, OPERATOR 3 r.=, OPERATOR 4 r.>=, OPERATOR 5 r.>, FUNCTION 1 r.num_cmp(r.num, r.num);
ALTER OPERATOR FAMILY r."Num Ops" USING btree ADD OPERATOR 3 r.= (r.num, integer), FUNCTION 1 (r.num, integer) r.num_int_cmp(r.num, integer);
COMMENT ON OPERATOR CLASS r."Num Ops" USING btree IS 'a class';
COMMENT ON OPERATOR FAMILY r."Num Ops" USING btree IS 'a family';
CREATE FUNCTION r.num_hash(r.num) RETURNS integer LANGUAGE internal IMMUTABLE STRICT AS 'hashint4';
CREATE OPERATOR CLASS r.num_hash_ops DEFAULT FOR TYPE r.num USING hash AS OPERATOR 1 r.=, FUNCTION 1 r.num_hash(r.num);
CREATE OPERATOR CLASS r.gin_storage FOR TYPE r.num[] USING gin AS STORAGE r.num;
CREATE OPERATOR CLASS r.nothing FOR TYPE r.num USING brin AS STORAGE r.num;
CREATE ACCESS METHOD "Rare Heap" TYPE TABLE HANDLER heap_tableam_handler;
CREATE ACCESS METHOD rare_btree TYPE INDEX HANDLER bthandler;
COMMENT ON ACCESS METHOD rare_btree IS 'btree again';
CREATE FUNCTION r.num_smaller(r.num, r.num) RETURNS r.num LANGUAGE internal IMMUTABLE STRICT AS 'int4smaller';
CREATE AGGREGATE r.least_num(r.num) (SFUNC = r.num_smaller, STYPE = r.num, SORTOP = OPERATOR(r.<));

-- Text search -------------------------------------------------------------------------------------
CREATE TEXT SEARCH PARSER r.prs (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype, HEADLINE = prsd_headline);
CREATE TEXT SEARCH PARSER r.bare (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype);
CREATE TEXT SEARCH TEMPLATE r."Tem plate" (INIT = dsimple_init, LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH TEMPLATE r.lexize_only (LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH DICTIONARY r.dict (TEMPLATE = r."Tem plate", accept = false);
CREATE TEXT SEARCH DICTIONARY "R 2".snow (TEMPLATE = snowball, language = 'english', stopwords = 'english');
CREATE TEXT SEARCH CONFIGURATION r."Con fig" (PARSER = r.prs);
ALTER TEXT SEARCH CONFIGURATION r."Con fig" ADD MAPPING FOR asciiword, word WITH r.dict, "R 2".snow, pg_catalog.simple;
ALTER TEXT SEARCH CONFIGURATION r."Con fig" ADD MAPPING FOR email WITH simple;
CREATE TEXT SEARCH CONFIGURATION r.empty (PARSER = pg_catalog."default");
CREATE TEXT SEARCH CONFIGURATION r.copied (COPY = pg_catalog.english);
ALTER TEXT SEARCH CONFIGURATION r.copied OWNER TO rare_owner;
COMMENT ON TEXT SEARCH PARSER r.prs IS 'p';
COMMENT ON TEXT SEARCH TEMPLATE r."Tem plate" IS 't';
COMMENT ON TEXT SEARCH DICTIONARY r.dict IS 'd';
COMMENT ON TEXT SEARCH CONFIGURATION r."Con fig" IS 'c';

-- Foreign data ------------------------------------------------------------------------------------
CREATE FOREIGN DATA WRAPPER "Wrap per" OPTIONS (debug 'it''s', "Opt" 'a\b');
CREATE FOREIGN DATA WRAPPER validated VALIDATOR postgresql_fdw_validator;
ALTER FOREIGN DATA WRAPPER validated OWNER TO rare_owner;
GRANT USAGE ON FOREIGN DATA WRAPPER validated TO rare_reader WITH GRANT OPTION;
COMMENT ON FOREIGN DATA WRAPPER validated IS 'w';
CREATE SERVER "Ser ver" TYPE 'ty''pe' VERSION '1.2' FOREIGN DATA WRAPPER "Wrap per" OPTIONS (z '1', a '2');
CREATE SERVER bare FOREIGN DATA WRAPPER validated;
GRANT USAGE ON FOREIGN SERVER bare TO rare_reader;
COMMENT ON SERVER bare IS 's';
CREATE USER MAPPING FOR PUBLIC SERVER "Ser ver";
CREATE USER MAPPING FOR "Rare User" SERVER "Ser ver" OPTIONS (password 'se''cret', "user" 'u');

CREATE FOREIGN TABLE r."For eign" (
    id integer OPTIONS (column_name 'I D', "Odd" 'it''s') NOT NULL,
    name text COLLATE "C" DEFAULT 'x',
    gone integer,
    n numeric(5, 2) CONSTRAINT positive CHECK (n > 0)
) SERVER "Ser ver" OPTIONS (schema_name 's', "table" 't\t');
ALTER FOREIGN TABLE r."For eign" DROP COLUMN gone;
ALTER FOREIGN TABLE r."For eign" ALTER COLUMN id SET STATISTICS 7;
ALTER FOREIGN TABLE r."For eign" ADD CONSTRAINT later CHECK (id > 0) NOT VALID;
ALTER FOREIGN TABLE r."For eign" OWNER TO rare_owner;
COMMENT ON FOREIGN TABLE r."For eign" IS 'far';
COMMENT ON COLUMN r."For eign".id IS 'far id';
COMMENT ON CONSTRAINT later ON r."For eign" IS 'not now';
GRANT SELECT ON r."For eign" TO rare_reader;
GRANT UPDATE (name) ON r."For eign" TO rare_reader;
CREATE FOREIGN TABLE r.bare_foreign () SERVER bare;
CREATE TABLE r.parted (a integer, b text) PARTITION BY LIST (a);
CREATE FOREIGN TABLE r.parted_far PARTITION OF r.parted (b DEFAULT 'far') FOR VALUES IN (1) SERVER "Ser ver" OPTIONS (x 'y');
CREATE TABLE r.parent (a integer DEFAULT 1, b text);
CREATE FOREIGN TABLE r.child_far (c integer) INHERITS (r.parent) SERVER bare;
CREATE FUNCTION r.far_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER far BEFORE INSERT ON r."For eign" FOR EACH ROW EXECUTE FUNCTION r.far_trigger();
ALTER FOREIGN TABLE r."For eign" DISABLE TRIGGER far;
CREATE VIEW r.far_view AS SELECT id, name FROM r."For eign";

-- Languages ---------------------------------------------------------------------------------------
CREATE FUNCTION r.handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE FUNCTION r.inline(internal) RETURNS void LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_inline_handler';
CREATE FUNCTION r.validator(oid) RETURNS void LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_validator';
CREATE TRUSTED LANGUAGE "pl Rare" HANDLER r.handler INLINE r.inline VALIDATOR r.validator;
CREATE LANGUAGE plrare_u HANDLER r.handler;
ALTER LANGUAGE "pl Rare" OWNER TO rare_owner;
COMMENT ON LANGUAGE "pl Rare" IS 'l';
REVOKE ALL ON LANGUAGE "pl Rare" FROM PUBLIC;
REVOKE ALL ON LANGUAGE plpgsql FROM PUBLIC;
GRANT USAGE ON LANGUAGE plpgsql TO rare_reader;
CREATE FUNCTION r.in_rare() RETURNS integer LANGUAGE "pl Rare" AS 'BEGIN RETURN 1; END';

-- Event triggers ----------------------------------------------------------------------------------
CREATE FUNCTION r.on_event() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER "Ev ent" ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'DROP TABLE') EXECUTE FUNCTION r.on_event();
CREATE EVENT TRIGGER drops ON sql_drop EXECUTE FUNCTION r.on_event();
ALTER EVENT TRIGGER drops DISABLE;
CREATE EVENT TRIGGER always ON ddl_command_start EXECUTE FUNCTION r.on_event();
ALTER EVENT TRIGGER always ENABLE ALWAYS;
ALTER EVENT TRIGGER always OWNER TO rare_owner;
COMMENT ON EVENT TRIGGER always IS 'e';

-- Statistics, publications ------------------------------------------------------------------------
CREATE TABLE r.t (a integer PRIMARY KEY, b integer, "C c" text, d integer);
CREATE TABLE "R 2".u (id integer PRIMARY KEY, n r.num DEFAULT '7');
CREATE INDEX ON "R 2".u (n);
CREATE STATISTICS r.st ON a, b FROM r.t;
CREATE STATISTICS "R 2"."St at" (dependencies, mcv) ON b, "C c" FROM r.t;
ALTER STATISTICS r.st SET STATISTICS 77;
COMMENT ON STATISTICS r.st IS 'st';
CREATE PUBLICATION everything FOR ALL TABLES WITH (publish = 'insert, truncate');
CREATE PUBLICATION "Pub lic" FOR TABLE r.t, "R 2".u WITH (publish_via_partition_root = true);
CREATE PUBLICATION nothing_yet;
ALTER PUBLICATION "Pub lic" OWNER TO rare_owner;
COMMENT ON PUBLICATION everything IS 'pub';
DO $$
BEGIN
    IF current_setting('server_version_num')::int >= 140000 THEN
        EXECUTE 'CREATE STATISTICS r.expr ON (a + b), d FROM r.t';
    END IF;
    IF current_setting('server_version_num')::int >= 150000 THEN
        EXECUTE 'CREATE PUBLICATION parts FOR TABLE r.t (a, "C c") WHERE (a > 0)';
        EXECUTE 'CREATE PUBLICATION schemas FOR TABLES IN SCHEMA "R 2", r';
        EXECUTE 'ALTER PUBLICATION nothing_yet ADD TABLE "R 2".u WHERE (true)';
    END IF;
    IF current_setting('server_version_num')::int >= 180000 THEN
        EXECUTE 'CREATE PUBLICATION gen FOR TABLE r.t WITH (publish_generated_columns = stored)';
    END IF;
END
$$;

-- Subscriptions: none of them ever connects ---------------------------------------------------------
CREATE SUBSCRIPTION "Sub scr" CONNECTION 'host=nowhere password=it''s dbname=x' PUBLICATION "Pub lic", other
    WITH (connect = false, slot_name = NONE, synchronous_commit = remote_apply);
CREATE SUBSCRIPTION sub CONNECTION 'host=nowhere' PUBLICATION p WITH (connect = false, slot_name = 'a_slot', enabled = false, create_slot = false);
ALTER SUBSCRIPTION sub OWNER TO rare_owner;
COMMENT ON SUBSCRIPTION sub IS 'sub';
DO $$
BEGIN
    IF current_setting('server_version_num')::int >= 140000 THEN
        EXECUTE 'ALTER SUBSCRIPTION sub SET (binary = true, streaming = on)';
    END IF;
    IF current_setting('server_version_num')::int >= 150000 THEN
        EXECUTE 'ALTER SUBSCRIPTION sub SET (disable_on_error = true)';
    END IF;
    IF current_setting('server_version_num')::int >= 160000 THEN
        EXECUTE 'ALTER SUBSCRIPTION sub SET (streaming = parallel, origin = none, password_required = false, run_as_owner = true)';
    END IF;
END
$$;
