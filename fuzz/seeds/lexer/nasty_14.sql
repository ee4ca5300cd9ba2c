-- What nasty.sql cannot say to PostgreSQL 13: bodies in standard SQL.
CREATE FUNCTION app.standard(a integer, "begin" integer DEFAULT 1) RETURNS integer LANGUAGE sql
BEGIN ATOMIC
    SELECT CASE WHEN a > 0 THEN CASE a WHEN 1 THEN 2 ELSE 3 END ELSE 4 END AS "end";
    SELECT $$;$$ AS "case;";
    SELECT (SELECT 1 WHERE a = "begin");
END;
CREATE FUNCTION app.expression(a integer) RETURNS integer LANGUAGE sql RETURN CASE WHEN a > 1 THEN 2 END;
CREATE PROCEDURE app.standard_proc(a text) LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO app.parent ("group") VALUES (a || ';');
    DELETE FROM app.child WHERE false;
END;
