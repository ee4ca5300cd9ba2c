-- What the archives beside this file hold.
CREATE SCHEMA "odd . schema";
CREATE TABLE "odd . schema"."Tab, ""le""" ("Col (a)" text, b bytea);
INSERT INTO "odd . schema"."Tab, ""le""" VALUES
    (E'\\.', '\x00ff0a'), (E'line\nfeed\ttab\\back', NULL), ('', '');
CREATE TABLE votes (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, choice text NOT NULL);
INSERT INTO votes (choice) SELECT 'option ' || n % 3 FROM generate_series(1, 25) n;
CREATE TABLE no_rows (a integer REFERENCES votes);
COMMENT ON TABLE votes IS 'twenty-five';
GRANT SELECT ON votes TO PUBLIC;
SELECT lo_from_bytea(7001, 'one'), lo_from_bytea(7002, ''), lo_from_bytea(7003, decode(repeat('00ff0a', 500), 'hex'));
GRANT SELECT ON LARGE OBJECT 7001, 7003 TO PUBLIC;
COMMENT ON LARGE OBJECT 7002 IS 'empty';
