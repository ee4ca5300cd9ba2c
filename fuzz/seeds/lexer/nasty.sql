-- Everything that makes a plain dump hard to take apart. Loads into PostgreSQL 13 and later.
CREATE SCHEMA app;
CREATE SCHEMA "Odd ;schema";
COMMENT ON SCHEMA app IS 'semicolon; quote '' dash -- slash /* backslash \ dollar $$ newline
-- Name: fake; Type: TABLE; Schema: public; Owner: nobody
--
\! echo no command
\.
end';

CREATE TYPE app.mood AS ENUM ('sad;', 'o''k', '\happy\', '--');
CREATE TYPE app.pair AS ("a;" integer, "b""" text);
CREATE DOMAIN app.short AS text DEFAULT ';' CONSTRAINT no_semicolon CHECK ((VALUE <> ';\'::text));
CREATE TYPE app.span AS RANGE (subtype = float8);

CREATE TABLE app.parent (
    id bigint GENERATED ALWAYS AS IDENTITY,
    "group" text DEFAULT $$a;'b$$ NOT NULL,
    mood app.mood DEFAULT 'sad;',
    "we;ird""col" app.short,
    doubled integer GENERATED ALWAYS AS (1 + 1) STORED,
    note text DEFAULT E'tab\there',
    CONSTRAINT "pk;" PRIMARY KEY (id),
    CONSTRAINT c CHECK (("group" <> '\;'::text))
);
CREATE TABLE app.child (
    id serial,
    parent bigint REFERENCES app.parent (id) ON DELETE CASCADE,
    extra numeric(10, 2),
    UNIQUE (parent, extra)
);
COMMENT ON TABLE app.parent IS E'line\nCOPY app.parent FROM stdin;\n\\.\n';
COMMENT ON COLUMN app.parent."we;ird""col" IS 'it''s';
COMMENT ON CONSTRAINT c ON app.parent IS 'check';
INSERT INTO app.parent ("group", mood, "we;ird""col", note)
SELECT CASE n % 7 WHEN 0 THEN '' WHEN 1 THEN E'\\.' WHEN 2 THEN E'a\tb\nc\\d\re' WHEN 3 THEN '\N' WHEN 4 THEN 'x; DROP TABLE y; --'
       WHEN 5 THEN E'-- Name: x; Type: TABLE; Schema: y; Owner: z\n\\.' ELSE repeat('long ', n) END,
       CASE WHEN n % 3 = 0 THEN NULL ELSE 'o''k'::app.mood END, NULLIF(n % 5, 0)::text, NULLIF('\\' || n, '\\4')
FROM generate_series(1, 200) n;
INSERT INTO app.child (parent, extra) SELECT n % 200 + 1, n / 3.0 FROM generate_series(1, 300) n;

CREATE TABLE "Odd ;schema"."Tab
le;" ("Col
; --" text, b bytea, j jsonb, a text[], r app.pair);
INSERT INTO "Odd ;schema"."Tab
le;" VALUES (E'\\.', '\x00ff5c2e0a', '{"a;": "\"\\"}', ARRAY['a;b', E'c\nd', NULL], ROW(1, 'x,"y')), (NULL, NULL, NULL, NULL, NULL);
CREATE TABLE no_columns ();
INSERT INTO no_columns DEFAULT VALUES;
CREATE TABLE empty_one (a integer);
CREATE UNLOGGED TABLE app.unlogged (a int) WITH (fillfactor = 70);
CREATE SEQUENCE app."Se;q" AS smallint INCREMENT BY -3 MINVALUE -1000 MAXVALUE 10 START WITH 7 CYCLE;
SELECT nextval('app."Se;q"'), nextval('app."Se;q"');
CREATE SEQUENCE app.untouched;

CREATE TABLE app.parts (a int NOT NULL, b text, PRIMARY KEY (a)) PARTITION BY RANGE (a);
CREATE TABLE app.parts_1 PARTITION OF app.parts FOR VALUES FROM (0) TO (10);
CREATE TABLE app.parts_2 PARTITION OF app.parts FOR VALUES FROM (10) TO (20) PARTITION BY LIST (a);
CREATE TABLE app.parts_2_x PARTITION OF app.parts_2 DEFAULT;
CREATE INDEX parts_b ON app.parts (b);
INSERT INTO app.parts SELECT n, 'p' || n FROM generate_series(0, 19) n;
CREATE TABLE app.refers (a int REFERENCES app.parts (a));
INSERT INTO app.refers VALUES (3), (13);
CREATE TABLE app.heir (more text) INHERITS (app.unlogged);

CREATE FUNCTION app.plain(a text DEFAULT ';''', VARIADIC b integer[] DEFAULT '{1,2}') RETURNS text LANGUAGE sql AS 'SELECT ''a;'' || $1 /* ; */ -- ;
';
CREATE FUNCTION app.dollars(integer) RETURNS text LANGUAGE plpgsql AS $body$
DECLARE
    x text := $$;$$; y text := $a$ $b$ ; $b$ $a$;
BEGIN
    -- $body
    IF $1 > 0 THEN RETURN E'\';' || x; END IF;
    RETURN $q$COPY t FROM stdin;
\.
$q$;
END;
$body$;
CREATE FUNCTION app."quoted;fn"("arg;" integer, OUT "o""ut" text) LANGUAGE sql AS $_$ SELECT '\' $_$;
CREATE PROCEDURE app.proc(INOUT a int) LANGUAGE plpgsql AS 'begin a := 1; end';
CREATE FUNCTION app.trg() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end';
CREATE FUNCTION app.ev() RETURNS event_trigger LANGUAGE plpgsql AS 'begin end';
CREATE AGGREGATE app.total(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0');
CREATE OPERATOR app.=== (LEFTARG = integer, RIGHTARG = integer, FUNCTION = int4eq);
CREATE CAST (app.pair AS text) WITH INOUT;
CREATE COLLATION app."C;" FROM "C";

CREATE VIEW app.v AS SELECT id, 'a;''\' AS "co;l" FROM app.parent WHERE "group" <> $$;$$;
CREATE VIEW app.v2 WITH (security_barrier = true) AS SELECT * FROM app.v;
COMMENT ON VIEW app.v2 IS 'view';
CREATE MATERIALIZED VIEW app.m AS SELECT count(*) AS n, 'x;' AS t FROM app.parent;
CREATE MATERIALIZED VIEW app.m2 AS SELECT n * 2 AS n FROM app.m;
CREATE UNIQUE INDEX ON app.m (n);
-- Grouped by a primary key: pg_dump puts it behind the key.
CREATE VIEW app.grouped AS SELECT p.id, p."group", count(*) FROM app.parent p JOIN app.child c ON c.parent = p.id GROUP BY p.id;
CREATE RULE multi AS ON INSERT TO app.v DO INSTEAD (INSERT INTO app.parent ("group") VALUES (';'); DELETE FROM app.child WHERE false; NOTIFY "n;");
CREATE RULE nothing AS ON DELETE TO app.child WHERE old.id < 0 DO INSTEAD NOTHING;
CREATE TRIGGER "trg;" BEFORE INSERT ON app.parent FOR EACH ROW WHEN ((new."group" <> ';'::text)) EXECUTE FUNCTION app.trg('a;', E'b\\');
CREATE INDEX "idx;" ON app.parent USING btree (lower("group"), note DESC) WHERE note <> ';';
CREATE STATISTICS app.stat (dependencies) ON "group", note FROM app.parent;
ALTER TABLE app.child ENABLE ROW LEVEL SECURITY;
CREATE POLICY "pol;icy" ON app.child USING ((extra > 0)) WITH CHECK (true);
CREATE EVENT TRIGGER "ev;" ON ddl_command_end EXECUTE FUNCTION app.ev();
COMMENT ON EVENT TRIGGER "ev;" IS 'event';
CREATE PUBLICATION pub FOR TABLE app.child;

SELECT lo_from_bytea(7001, 'one'), lo_from_bytea(7002, ''), lo_from_bytea(7003, decode(repeat('00ff0a5c', 20000), 'hex')), lo_from_bytea(7100, 'owned');
COMMENT ON LARGE OBJECT 7002 IS 'empty';
ALTER LARGE OBJECT 7100 OWNER TO nasty_owner;
GRANT SELECT ON LARGE OBJECT 7001, 7003 TO "nasty;reader";

ALTER SCHEMA app OWNER TO nasty_owner;
ALTER TABLE app.parent OWNER TO nasty_owner;
ALTER TABLE app.child OWNER TO "nasty;reader";
ALTER VIEW app.v OWNER TO nasty_owner;
ALTER MATERIALIZED VIEW app.m OWNER TO nasty_owner;
ALTER SEQUENCE app."Se;q" OWNER TO nasty_owner;
ALTER FUNCTION app.plain(text, integer[]) OWNER TO nasty_owner;
ALTER AGGREGATE app.total(integer) OWNER TO nasty_owner;
ALTER OPERATOR app.=== (integer, integer) OWNER TO nasty_owner;
ALTER TYPE app.mood OWNER TO nasty_owner;
ALTER DOMAIN app.short OWNER TO nasty_owner;
GRANT USAGE ON SCHEMA app TO "nasty;reader" WITH GRANT OPTION;
GRANT SELECT ("group"), UPDATE (note) ON app.parent TO "nasty;reader";
GRANT ALL ON TABLE app.parent TO "nasty;reader" WITH GRANT OPTION;
REVOKE ALL ON TABLE app.m FROM nasty_owner;
GRANT SELECT ON app.m TO nasty_owner;
GRANT EXECUTE ON FUNCTION app.plain(text, integer[]) TO "nasty;reader";
REVOKE ALL ON FUNCTION app.dollars(integer) FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE nasty_owner IN SCHEMA app GRANT SELECT ON TABLES TO "nasty;reader";
