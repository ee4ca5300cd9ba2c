//! What the oracle of round trips has found, each in a database as small as can be. The oracle
//! itself (`oracle.rs`) holds it in large ones.

use dr_tests::{Cluster, Database, Report, assert_same_schema, dr};
use tempfile::TempDir;

/// Backs `source` up and restores it under another name; the finished restore.
fn there_and_back(source: &Database, target: &Database) -> dr_tests::Finished {
    let place: TempDir = tempfile::tempdir().unwrap();
    dr().arg("backup")
        .arg(source.conninfo())
        .args(["--compress", "gzip:1", "--repo"])
        .arg(place.path())
        .output_ok();
    dr().args(["restore", "latest", "--create", "--repo"])
        .arg(place.path())
        .args(["--to", target.conninfo()])
        .output()
}

/// `array_nulls = off` made "NULL" of NULL in arrays, and `quote_all_identifiers = on` put quotes
/// into the settings of functions.
#[tokio::test]
async fn settings_of_the_database_change_no_value_and_no_definition() {
    let cluster = Cluster::shared(18);
    let source = cluster.create_database("settings").await;
    source
        .sql(
            "CREATE TABLE t (a text[], b int[]); INSERT INTO t VALUES ('{NULL,\"NULL\"}', '{1,NULL}'); \
             CREATE FUNCTION f() RETURNS int LANGUAGE sql SET temp_tablespaces = pg_default AS 'SELECT 1'; \
             DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET array_nulls = off', current_database()); \
             EXECUTE format('ALTER DATABASE %I SET quote_all_identifiers = on', current_database()); END $$",
        )
        .await;
    Report::by(
        "settings",
        &source,
        &cluster,
        &[dr_tests::Route::Dr, dr_tests::Route::StockToDr],
    )
    .await
    .assert_sound();
}

/// A dump's encoding is the client's. dr took it for the database's, and then did not heed the locale.
#[tokio::test]
async fn a_database_is_made_in_its_own_encoding_and_locale_whatever_the_dump_is_in() {
    for major in [13, 18] {
        let cluster = Cluster::shared(major);
        let options = "TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'";
        let source = cluster.create_database_with("encoding", options).await;
        source.sql("CREATE TABLE \"ä\" (a text)").await;
        let place = tempfile::tempdir().unwrap();
        for format in ["custom", "directory", "tar"] {
            let path = place.path().join(format);
            source
                .pg_dump(18)
                .args(["--encoding=LATIN1", "--format", format, "--file"])
                .arg(&path)
                .output_ok();
            let target = cluster.database(&format!("{}_{format}", source.name()));
            dr().arg("restore")
                .arg(&path)
                .args(["--create", "--to", target.conninfo()])
                .output_ok();
            let facts = "SELECT pg_encoding_to_char(encoding) || ' ' || datcollate || ' ' || datctype \
                         FROM pg_database WHERE datname = current_database()";
            assert_eq!(target.value(facts).await, "UTF8 C C.UTF-8", "{format}");
            assert_same_schema(&source, &target);
        }
    }
}

/// As pg_dump 18 writes them they have options that servers before 16 do not know: what was backed
/// up there could not be restored there.
#[tokio::test]
async fn a_subscription_is_restored_on_the_server_it_is_from() {
    for major in [13, 14, 15, 16] {
        let cluster = Cluster::start(major);
        let source = cluster.create_database("subscription").await;
        source
            .sql(
                "CREATE SUBSCRIPTION s CONNECTION 'host=nowhere' PUBLICATION p WITH (connect = false, slot_name = 'x')",
            )
            .await;
        Report::of("a subscription", &source, &cluster)
            .await
            .assert_sound();
    }
}

/// Subscriptions ran as their owner before 16; what was backed up there did so no more on 16 and later.
#[tokio::test]
async fn a_subscription_from_before_16_runs_as_its_owner_on_a_later_server() {
    let source = Cluster::shared(15).create_database("as_owner").await;
    source
        .sql(
            "CREATE SUBSCRIPTION \"A s\" CONNECTION 'host=nowhere' PUBLICATION p WITH (connect = false, slot_name = NONE)",
        )
        .await;
    let target = Cluster::shared(18).database("as_owner_back");
    let done = there_and_back(&source, &target);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let as_owner = "SELECT subname, subrunasowner FROM pg_subscription";
    let found = target.rows(as_owner).await;
    assert_eq!(found, [[Some("A s".to_owned()), Some("t".to_owned())]]);
}

/// A database with a subscription cannot be dropped: a restore that failed left it behind.
#[tokio::test]
async fn a_restore_that_fails_with_a_subscription_leaves_nothing_behind() {
    let cluster = Cluster::start(18);
    let target = cluster.database("target");
    let script = tempfile::NamedTempFile::new().unwrap();
    let sql = "CREATE SUBSCRIPTION \"a s\" CONNECTION 'host=nowhere' PUBLICATION p WITH (connect = false, slot_name = 'x');\n\
               CREATE SUBSCRIPTION b CONNECTION 'host=nowhere' PUBLICATION p WITH (no_such_option = true);\n";
    std::fs::write(script.path(), sql).unwrap();
    let done = dr()
        .arg("restore")
        .arg(script.path())
        .args(["--create", "--to", target.conninfo()])
        .output();
    assert_eq!(done.code, Some(1));
    assert!(done.stderr.contains("no_such_option"), "{}", done.stderr);
    assert!(done.stderr.contains("was not made"), "{}", done.stderr);
    assert!(!cluster.has_database("target").await);
    let left = cluster.leftovers_of("target").await;
    assert!(left.is_empty(), "{left:?}");
}

/// pg_dump writes a language without its functions when they are an extension's, and no server takes
/// that back.
#[tokio::test]
async fn a_language_with_functions_of_an_extension_comes_back() {
    let cluster = Cluster::start(18);
    let source = cluster.create_database("language").await;
    source
        .sql(
            "CREATE TRUSTED LANGUAGE \"my l\" HANDLER plpgsql_call_handler INLINE plpgsql_inline_handler \
             VALIDATOR plpgsql_validator; \
             CREATE FUNCTION f() RETURNS int LANGUAGE \"my l\" AS 'BEGIN RETURN 1; END'",
        )
        .await;
    let target = cluster.database("language_back");
    let done = there_and_back(&source, &target);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(target.value("SELECT f()").await, "1");
    assert_same_schema(&source, &target);
}

/// A rule opens the tables that it changes, a policy those that it asks, a constraint trigger the one
/// after FROM: made beside what holds these and waits for theirs, they were in a deadlock.
#[tokio::test]
async fn rules_policies_and_constraint_triggers_that_reach_other_tables_are_made_without_a_deadlock()
 {
    let cluster = Cluster::start(18);
    let source = cluster.create_database("reaching").await;
    source
        .sql(
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
             DO $$ BEGIN FOR n IN 1..40 LOOP EXECUTE replace(\
             'CREATE TABLE t_#_a (x int); CREATE TABLE t_#_b (x int); \
             CREATE RULE r AS ON INSERT TO t_#_a DO ALSO UPDATE t_#_b SET x = new.x; \
             CREATE RULE r AS ON INSERT TO t_#_b DO ALSO UPDATE t_#_a SET x = new.x; \
             CREATE POLICY p ON t_#_a USING (x IN (SELECT x FROM t_#_b)); \
             CREATE POLICY p ON t_#_b USING (x IN (SELECT x FROM t_#_a)); \
             CREATE CONSTRAINT TRIGGER t AFTER UPDATE ON t_#_a FROM t_#_b FOR EACH ROW EXECUTE FUNCTION f(); \
             CREATE CONSTRAINT TRIGGER t AFTER UPDATE ON t_#_b FROM t_#_a FOR EACH ROW EXECUTE FUNCTION f()', \
             '#', n::text); END LOOP; END $$",
        )
        .await;
    let target = cluster.database("reaching_back");
    let done = there_and_back(&source, &target);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_same_schema(&source, &target);
}

/// Servers before 15 take the first byte of how 15 writes a "char" beyond ASCII. Stock tools restore
/// that, and say nothing.
#[tokio::test]
async fn a_value_that_an_older_server_reads_otherwise_is_noticed() {
    let source = Cluster::shared(18).create_database("char").await;
    source
        .sql("CREATE TABLE sound (a text); CREATE TABLE otherwise (a \"char\"); INSERT INTO otherwise VALUES ('\\377')")
        .await;
    let cluster = Cluster::shared(14);
    let done = there_and_back(&source, &cluster.database("char_back"));
    assert_eq!(done.code, Some(3), "{}", done.stderr);
    let differs = |line: &str| line.contains("public.otherwise") && line.contains("DIFFERS");
    assert!(done.text().lines().any(differs), "{}", done.text());
    assert!(!cluster.has_database("char_back").await);
    assert!(cluster.leftovers_of("char_back").await.is_empty());
}
