//! Roles and tablespaces: kept in every backup, restored where they are missing, held against
//! stock pg_dumpall.

use std::path::Path;
use std::sync::Arc;

use dr_tests::{Cluster, Database, Stock, assert_same_lines, dr, stock};
use serde_json::Value;

/// Roles with everything a role can have, and who is a member of what.
const ROLES: &str = r#"
    CREATE ROLE owner NOLOGIN CREATEDB CREATEROLE;
    CREATE ROLE "App ""x""" LOGIN PASSWORD 'never shown' CONNECTION LIMIT 7 VALID UNTIL '2031-01-01 00:00:00+00';
    CREATE ROLE reader NOINHERIT BYPASSRLS REPLICATION;
    CREATE ROLE boss SUPERUSER;
    CREATE ROLE zu_ö;
    COMMENT ON ROLE reader IS 'it''s for reading';
    ALTER ROLE reader SET search_path TO app, "S x";
    ALTER ROLE reader SET work_mem TO '64MB';
    ALTER ROLE "App ""x""" SET application_name TO 'it''s';
    GRANT owner TO reader WITH ADMIN OPTION;
    SET SESSION AUTHORIZATION reader;
    GRANT owner TO "App ""x""";
    RESET SESSION AUTHORIZATION;
    GRANT pg_monitor TO reader;
    GRANT reader TO zu_ö;
"#;

async fn fill(cluster: &Arc<Cluster>) -> Database {
    let database = cluster.create_database("source").await;
    database.sql(ROLES).await;
    if cluster.major() >= 15 {
        database
            .sql("GRANT SET ON PARAMETER log_min_messages TO reader WITH GRANT OPTION")
            .await;
    }
    if cluster.major() >= 16 {
        database
            .sql("GRANT boss TO reader WITH INHERIT FALSE, SET FALSE, ADMIN TRUE")
            .await;
    }
    database
        .sql("CREATE TABLE t (a int); ALTER TABLE t OWNER TO owner; GRANT SELECT ON t TO reader")
        .await;
    database
}

fn globals(cluster: &Cluster) -> String {
    let all = stock(18, "pg_dumpall")
        .args(["--globals-only", "--dbname", &cluster.conninfo("postgres")])
        .output_ok();
    let lines = all.text().lines();
    // Comments, and a random word that pg_dumpall writes since August 2025.
    let kept: Vec<&str> = lines
        .filter(|line| !line.is_empty() && !line.starts_with(['-', '\\']))
        .collect();
    kept.join("\n")
}

fn backup(source: &Database, repo: &Path) -> Stock {
    dr().arg("backup")
        .arg(source.conninfo())
        .arg("--repo")
        .arg(repo)
}

fn restore(repo: &Path, target: &Cluster) -> Stock {
    dr().args(["restore", "latest", "--repo"]).arg(repo).args([
        "--to",
        &target.conninfo("restored"),
        "--create",
    ])
}

#[tokio::test]
async fn roles_are_made_where_they_are_missing() {
    for (from, to) in [(15, 15), (18, 18), (15, 18), (18, 13)] {
        let source = Cluster::start(from);
        let target = Cluster::start(to);
        let database = fill(&source).await;
        let place = tempfile::tempdir().unwrap();
        backup(&database, place.path()).output_ok();

        let without = restore(place.path(), &target).output();
        assert_eq!(without.code, Some(4), "{}", without.stderr);
        assert!(without.stderr.contains("owner"), "{}", without.stderr);

        let done = restore(place.path(), &target)
            .args(["--globals", "--json"])
            .output_ok();
        let report: Value = serde_json::from_str(done.text()).unwrap();
        assert_eq!(report["globals"]["roles"].as_array().unwrap().len(), 5);
        assert_eq!(report["globals"]["existing_roles"][0], "postgres");
        if from == to {
            assert_same_lines(&globals(&source), &globals(&target), "globals");
        }
    }
}

#[tokio::test]
async fn roles_that_exist_are_left_as_they_are() {
    let source = Cluster::start(16);
    let target = Cluster::start(16);
    let database = fill(&source).await;
    target
        .database("postgres")
        .sql("CREATE ROLE reader LOGIN PASSWORD 'mine'")
        .await;
    database
        .sql("ALTER ROLE ALL SET lock_timeout TO '1s'")
        .await;
    let place = tempfile::tempdir().unwrap();
    backup(&database, place.path()).output_ok();
    let only = || {
        dr().args(["restore", "latest", "--globals-only", "--repo"])
            .arg(place.path())
            .args(["--to", &target.conninfo("postgres")])
    };
    let done = only().output_ok();
    assert!(done.text().contains("2 there already"), "{}", done.text());
    for left in ["PARAMETER log_min_messages", "SETTING lock_timeout"] {
        assert!(done.stderr.contains(left), "{}", done.stderr);
    }
    let reader = target
        .database("postgres")
        .value("SELECT rolcanlogin::text || rolinherit || rolbypassrls FROM pg_roles WHERE rolname = 'reader'")
        .await;
    assert_eq!(reader, "truetruefalse");
    let before = globals(&target);
    let again = only().output_ok();
    assert!(again.text().contains("none made"), "{}", again.text());
    assert_same_lines(&before, &globals(&target), "a second time");
}

#[tokio::test]
async fn no_password_is_shown_and_psql_alone_can_restore_them() {
    let source = Cluster::start(18);
    let database = fill(&source).await;
    let place = tempfile::tempdir().unwrap();
    let verifier = database
        .value("SELECT rolpassword FROM pg_authid WHERE rolname LIKE 'App%'")
        .await;
    let said = backup(&database, place.path()).arg("-vv").output_ok();
    let show = |more: &[&str]| {
        dr().args(["show", "latest", "--repo"])
            .arg(place.path())
            .args(more)
            .output_ok()
    };
    for text in [
        said.stderr.as_str(),
        said.text(),
        show(&[]).text(),
        show(&["--json"]).text(),
    ] {
        assert!(!text.contains(&verifier) && !text.contains("never shown"));
    }
    let list = dr()
        .args(["list", "--json", "--repo"])
        .arg(place.path())
        .output_ok();
    let list: Value = serde_json::from_str(list.text()).unwrap();
    let folder = place
        .path()
        .join(list["backups"][0]["database"].as_str().unwrap())
        .join(list["backups"][0]["id"].as_str().unwrap());
    let target = Cluster::start(18);
    target
        .database("postgres")
        .psql_file(&folder.join("globals.sql"));
    assert_same_lines(&globals(&source), &globals(&target), "by psql");
}

#[tokio::test]
async fn a_role_that_may_not_read_passwords_says_so() {
    let source = Cluster::start(15);
    let database = fill(&source).await;
    database
        .sql("CREATE ROLE dumper LOGIN; GRANT owner TO dumper")
        .await;
    let place = tempfile::tempdir().unwrap();
    let done = dr()
        .arg("backup")
        .arg(database.uri_as("dumper"))
        .arg("--repo")
        .arg(place.path())
        .output_ok();
    assert!(
        done.stderr.contains("passwords of roles"),
        "{}",
        done.stderr
    );
    let target = Cluster::start(15);
    let restored = restore(place.path(), &target).arg("--globals").output_ok();
    assert!(
        restored.stderr.contains("no passwords"),
        "{}",
        restored.stderr
    );
}

#[tokio::test]
async fn tablespaces_are_made_where_there_is_a_folder_for_them() {
    let source = Cluster::builder(18)
        .config("allow_in_place_tablespaces", "on")
        .start();
    let database = source.create_database("source").await;
    database.sql("CREATE ROLE ts_owner").await;
    database
        .sql(
            "CREATE TABLESPACE \"Fast x\" OWNER ts_owner LOCATION '' WITH (random_page_cost = 1.1)",
        )
        .await;
    database
        .sql(
            "GRANT CREATE ON TABLESPACE \"Fast x\" TO PUBLIC; \
             COMMENT ON TABLESPACE \"Fast x\" IS 'fast'; \
             CREATE TABLE t (a int) TABLESPACE \"Fast x\"",
        )
        .await;
    let place = tempfile::tempdir().unwrap();
    backup(&database, place.path()).output_ok();
    let target = Cluster::builder(18)
        .config("allow_in_place_tablespaces", "on")
        .start();
    restore(place.path(), &target).arg("--globals").output_ok();
    assert_same_lines(&globals(&source), &globals(&target), "tablespaces");
    // A server that has no place for it.
    let bare = Cluster::start(18);
    let failed = restore(place.path(), &bare).arg("--globals").output();
    assert_eq!(failed.code, Some(1), "{}", failed.stderr);
    assert!(
        failed.stderr.contains("TABLESPACE Fast x"),
        "{}",
        failed.stderr
    );
    restore(place.path(), &bare)
        .args(["--globals", "--no-tablespaces"])
        .output_ok();
}
