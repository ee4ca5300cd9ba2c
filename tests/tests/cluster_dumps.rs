//! Dumps of pg_dumpall: what is in them is told, one database of them is restored, extracted or
//! converted, and roles and tablespaces are made where they are missing.

use std::path::Path;
use std::sync::Arc;

use dr_tests::{
    Cluster, Database, Finished, Polling, Stock, assert_same_contents, assert_same_schema, dr,
    stock,
};
use serde_json::Value;
use tempfile::TempDir;

async fn filled(cluster: &Arc<Cluster>) -> (Database, Database) {
    let shop = cluster.create_database_with("shop", "").await;
    Polling::with_votes(100).load(&shop).await;
    let odd = cluster.create_database("odd").await;
    odd.sql(
        "CREATE ROLE \"App \"\"x\"\"\" LOGIN PASSWORD 'never shown' CONNECTION LIMIT 3;
         CREATE ROLE reader NOINHERIT; COMMENT ON ROLE reader IS 'it''s';
         ALTER ROLE reader SET work_mem TO '64MB'; GRANT reader TO \"App \"\"x\"\"\" WITH ADMIN OPTION;
         CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, E'\\\\connect shop'), (2, '-- PostgreSQL database dump');
         ALTER TABLE t OWNER TO reader; SELECT lo_from_bytea(7001, 'one')",
    )
    .await;
    (shop, odd)
}

fn dump_all(cluster: &Cluster, client: u32) -> Stock {
    stock(client, "pg_dumpall").args(["--dbname", &cluster.conninfo("postgres")])
}

fn shown(file: &Path) -> Value {
    let done = dr().arg("show").arg(file).arg("--json").output_ok();
    serde_json::from_str(done.text()).unwrap()
}

fn error_of(done: &Finished) -> String {
    format!("{}{}", done.text(), done.stderr)
}

#[tokio::test]
async fn one_database_is_taken_out_of_the_dump_of_a_cluster() {
    for (major, client, options) in [
        (13, 15, &[][..]),
        (16, 16, &["--clean", "--if-exists"]),
        (17, 17, &["--no-role-passwords"]),
        (18, 18, &["--clean"]),
    ] {
        let cluster = Cluster::start(major);
        let (shop, odd) = filled(&cluster).await;
        let place: TempDir = tempfile::tempdir().unwrap();
        let file = place.path().join("all.sql");
        let all = dump_all(&cluster, client).args(options).output_ok().stdout;
        std::fs::write(&file, &all).unwrap();

        let found = shown(&file);
        let databases: Vec<&str> = found["databases"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["name"].as_str().unwrap())
            .collect();
        for name in ["template1", "postgres", shop.name(), odd.name()] {
            assert!(databases.contains(&name), "{major}: {databases:?}");
        }
        assert!(found["roles"].to_string().contains("polling_owner"));
        let text = dr().arg("show").arg(&file).output_ok();
        assert!(text.text().contains("--database NAME"), "{}", text.text());
        assert!(!error_of(&text).contains("SCRAM"), "{}", text.text());

        // Unless one is named, nothing is done.
        let refused = dr()
            .arg("restore")
            .arg(&file)
            .args(["--to", "dbname=none"])
            .output();
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(refused.stderr.contains(shop.name()), "{}", refused.stderr);
        assert!(refused.stderr.contains("--database"), "{}", refused.stderr);
        let missing = dr()
            .arg("restore")
            .arg(&file)
            .args(["--database", "nowhere", "--to", "dbname=none"])
            .output();
        assert_eq!(missing.code, Some(4), "{}", missing.stderr);

        // Each of them, from the file, and from a pipe.
        for (source, piped) in [(&shop, false), (&odd, true)] {
            let target = cluster.database(&format!("{}_back", source.name()));
            let command = dr().arg("restore");
            let command = match piped {
                true => command.arg("-").input(all.clone()),
                false => command.arg(&file),
            };
            command
                .args([
                    "--database",
                    source.name(),
                    "--create",
                    "--to",
                    target.conninfo(),
                ])
                .output_ok();
            assert_same_schema(source, &target);
            assert_same_contents(source, &target).await;
        }
        // Into an archive, and single tables.
        let archive = place.path().join("odd.dump");
        dr().arg("convert")
            .arg(&file)
            .arg(&archive)
            .args(["--database", odd.name(), "--compress=gzip"])
            .output_ok();
        let listed = stock(18, "pg_restore").arg("-l").arg(&archive).output_ok();
        assert!(
            listed.text().contains("TABLE DATA public t"),
            "{}",
            listed.text()
        );
        let rows = dr()
            .arg("extract")
            .arg(&file)
            .args(["--database", odd.name(), "--table=t", "--to=-"])
            .output_ok();
        assert_eq!(rows.text().lines().count(), 2, "{}", rows.text());

        // Roles, on a server that has none of them.
        let other = Cluster::start(major);
        let at = other.database("postgres");
        let made = dr()
            .arg("restore")
            .arg(&file)
            .args(["--globals-only", "--no-tablespaces", "--to", at.conninfo()])
            .output_ok();
        assert!(made.text().contains("reader"), "{}", made.text());
        let globals = |cluster: &Cluster| {
            let all = dump_all(cluster, 18).arg("--roles-only").output_ok();
            let lines = all.text().lines().map(str::to_owned);
            let lines = lines.filter(|line| !line.starts_with(['-', '\\']) && !line.is_empty());
            let passwords = !options.contains(&"--no-role-passwords");
            let known = |line: String| match line.split_once(" PASSWORD ") {
                Some((before, _)) if !passwords => format!("{before};"),
                _ => line,
            };
            lines.map(known).collect::<Vec<String>>()
        };
        assert_eq!(globals(&other), globals(&cluster), "{major}");
        // And the database with them, at once.
        let target = other.database(odd.name());
        dr().arg("restore")
            .arg(&file)
            .args([
                "--database",
                odd.name(),
                "--globals",
                "--create",
                "--to",
                target.conninfo(),
            ])
            .output_ok();
        assert_same_contents(&odd, &target).await;
    }
}

#[tokio::test]
async fn a_dump_of_roles_alone_is_told_and_run() {
    let cluster = Cluster::start(18);
    filled(&cluster).await;
    let place: TempDir = tempfile::tempdir().unwrap();
    for (name, options) in [
        ("g.sql", &["--globals-only"][..]),
        ("r.sql", &["--roles-only", "--clean", "--if-exists"]),
    ] {
        let file = place.path().join(name);
        let all = dump_all(&cluster, 18).args(options).output_ok();
        std::fs::write(&file, &all.stdout).unwrap();
        let found = shown(&file);
        assert_eq!(found["databases"], Value::Array(Vec::new()));
        assert!(found["roles"].to_string().contains("reader"), "{found}");
        let refused = dr()
            .arg("restore")
            .arg(&file)
            .args(["--to", "dbname=x"])
            .output();
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(
            refused.stderr.contains("--globals-only"),
            "{}",
            refused.stderr
        );
        let other = Cluster::start(18);
        let at = other.database("postgres");
        let restore = || {
            let command = dr().arg("restore").arg(&file).arg("--json");
            let done = command
                .args(["--globals-only", "--to", at.conninfo()])
                .output_ok();
            serde_json::from_str::<Value>(done.text()).unwrap()
        };
        assert!(restore()["globals"]["roles"].to_string().contains("reader"));
        // What is there is left.
        assert_eq!(restore()["globals"]["roles"], Value::Array(Vec::new()));
        assert_eq!(
            at.value("SELECT count(*) FROM pg_roles WHERE rolname = 'reader'")
                .await,
            "1"
        );
    }
}

#[tokio::test]
async fn a_cluster_with_one_database_needs_no_name_and_a_cut_dump_is_refused() {
    let cluster = Cluster::start(17);
    let only = cluster.create_database("only").await;
    only.sql("CREATE TABLE t AS SELECT 1 AS a").await;
    let place: TempDir = tempfile::tempdir().unwrap();
    let file = place.path().join("all.sql");
    let all = dump_all(&cluster, 17).output_ok().stdout;
    std::fs::write(&file, &all).unwrap();
    let target = cluster.database("only_back");
    let done = dr()
        .arg("restore")
        .arg(&file)
        .args(["--create", "--to", target.conninfo()])
        .output_ok();
    assert!(done.stderr.contains("it is meant"), "{}", done.stderr);
    assert_same_contents(&only, &target).await;
    let text = String::from_utf8(all).unwrap();
    for end in [
        text.find(&format!("-- Database \"{}\" dump", only.name()))
            .unwrap(),
        text.rfind("-- PostgreSQL database dump complete").unwrap(),
        text.rfind("-- PostgreSQL database cluster dump complete")
            .unwrap(),
    ] {
        std::fs::write(&file, &text[..end]).unwrap();
        let refused = dr().arg("show").arg(&file).output();
        assert_eq!(refused.code, Some(3), "{}", refused.stderr);
        assert!(refused.stderr.contains("cut short"), "{}", refused.stderr);
    }
    // A dump of another database than the one that is named.
    only.pg_dump(17)
        .args(["-Fc", "--file"])
        .arg(place.path().join("c"))
        .output_ok();
    let refused = dr()
        .arg("show")
        .arg(place.path().join("c"))
        .args(["--database", "other"])
        .output();
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
}
