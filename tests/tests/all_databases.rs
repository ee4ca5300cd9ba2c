//! All databases of a server as one set: backed up, shown, verified, restored to another server; and
//! what becomes of it when one of them fails or a member is lost.

use std::path::Path;
use std::sync::Arc;

use dr_tests::{Cluster, Database, Polling, Stock, assert_same_contents, assert_same_schema, dr};
use serde_json::Value;

const NAMES: [&str; 3] = ["shop", "My \"Odd\" Db", "größe"];

/// A server of its own with three databases, roles, and something in `postgres`.
async fn server(major: u32) -> Arc<Cluster> {
    let cluster = Cluster::start(major);
    let postgres = cluster.database("postgres");
    postgres
        .sql(
            "CREATE ROLE set_owner LOGIN PASSWORD 'x'; CREATE ROLE set_reader IN ROLE set_owner; \
             CREATE TABLE public.notes (id int PRIMARY KEY, note text); \
             INSERT INTO public.notes VALUES (1, 'kept in postgres'); \
             ALTER ROLE set_reader SET work_mem = '8MB'",
        )
        .await;
    for name in NAMES {
        let create = format!("CREATE DATABASE \"{}\"", name.replace('"', "\"\""));
        postgres.sql(&create).await;
        cluster
            .database(name)
            .sql(
                "CREATE TABLE public.own (id int PRIMARY KEY, note text); \
                 INSERT INTO public.own SELECT i, current_database() || i \
                 FROM generate_series(1, 500) i; ALTER TABLE public.own OWNER TO set_owner",
            )
            .await;
    }
    Polling::with_votes(500)
        .load(&cluster.database("shop"))
        .await;
    cluster
}

fn backup(cluster: &Cluster, repo: &Path) -> Stock {
    dr().args(["backup", "--all-databases"])
        .arg(cluster.conninfo("postgres"))
        .args(["--jobs", "2", "--repo"])
        .arg(repo)
}

fn on(verb: &str, what: &str, repo: &Path) -> Stock {
    dr().args([verb, what, "--repo"]).arg(repo)
}

fn json(command: Stock) -> Value {
    serde_json::from_str(command.arg("--json").output_ok().text()).expect("--json prints JSON")
}

#[tokio::test]
async fn a_whole_server_comes_back_on_another() {
    let place = tempfile::tempdir().unwrap();
    let source = server(15).await;
    backup(&source, place.path()).output_ok();

    let listed = json(dr().args(["list", "--repo"]).arg(place.path()));
    let backups = listed["backups"].as_array().unwrap();
    assert_eq!(backups.len(), 6, "five databases and the set: {listed}");
    let set = backups.last().unwrap();
    assert_eq!(set["kind"], "set");
    assert_eq!(set["members"].as_array().unwrap().len(), 5);

    // The newest thing is the set.
    let shown = json(on("show", "latest", place.path()));
    assert_eq!(shown["mark"]["members"][2]["database"], "My \"Odd\" Db");
    assert!(
        on("show", "latest", place.path())
            .output_ok()
            .text()
            .contains("shop")
    );
    for depth in ["--quick", "--deep"] {
        let report = json(on("verify", "latest", place.path()).arg(depth));
        assert_eq!(report["outcome"], "sound", "{report}");
    }
    let report = json(on("verify", "all.databases/latest", place.path()).arg("--deep"));
    assert!(report["tables"].as_u64().unwrap() > 10, "{report}");

    for major in [15, 18] {
        let target = Cluster::start(major);
        let restored = json(
            on("restore", "latest", place.path())
                .args(["--create", "--globals", "--jobs", "2", "--to"])
                .arg(target.conninfo("postgres")),
        );
        assert_eq!(restored["sound"], true, "{restored}");
        for name in NAMES.iter().chain(&["postgres"]) {
            let (left, right) = (source.database(name), target.database(name));
            // A later server prints the same query in other words.
            if major == source.major() {
                assert_same_schema(&left, &right);
            }
            assert_same_contents(&left, &right).await;
        }
        let owner = |database: &Database| {
            let query = "SELECT tableowner FROM pg_tables WHERE tablename = 'own'";
            let database = database.clone();
            async move { database.value(query).await }
        };
        assert_eq!(owner(&target.database("shop")).await, "set_owner");
        let again = on("restore", "latest", place.path())
            .args(["--create", "--to"])
            .arg(target.conninfo("postgres"))
            .output();
        assert_eq!(again.code, Some(1), "{}", again.stderr);
        for name in NAMES {
            assert!(again.stderr.contains(name), "{}", again.stderr);
        }
    }
}

#[tokio::test]
async fn one_database_of_a_set_is_restored_by_its_own_name() {
    let place = tempfile::tempdir().unwrap();
    let source = server(18).await;
    backup(&source, place.path())
        .args([
            "--exclude-database",
            "\"My\"*",
            "--exclude-database",
            "postgres",
        ])
        .output_ok();
    let target = Cluster::shared(18);
    let roles = on("restore", "latest", place.path())
        .args(["--globals-only", "--to"])
        .arg(target.conninfo("postgres"));
    assert!(roles.output_ok().text().contains("set_owner"));

    let one = target.database("shop_copy");
    on("restore", "shop/latest", place.path())
        .args(["--create", "--to", one.conninfo()])
        .output_ok();
    assert_same_contents(&source.database("shop"), &one).await;

    // What wants one database says which there are.
    for refused in [
        on("restore", "latest", place.path()).args(["--to", one.conninfo()]),
        on("restore", "latest", place.path()).args([
            "--create",
            "-t",
            "public.votes_vote",
            "--to",
            one.conninfo(),
        ]),
        on("extract", "latest", place.path()).args(["-t", "public.votes_vote", "--to", "-"]),
        on("verify", "latest", place.path()).args(["--against-live", one.conninfo()]),
        on("show", "latest", place.path()).arg("--entries"),
    ] {
        let refused = refused.output();
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(
            refused.stderr.contains("set of all databases"),
            "{}",
            refused.stderr
        );
    }
    let unknown = backup(&source, place.path())
        .args(["--exclude-database", "nowhere"])
        .output();
    assert_eq!(unknown.code, Some(4), "{}", unknown.stderr);
}

#[tokio::test]
async fn a_database_that_fails_makes_no_set_and_costs_no_other_its_backup() {
    let place = tempfile::tempdir().unwrap();
    let source = server(18).await;
    source
        .database("postgres")
        .sql(
            "CREATE ROLE set_backup LOGIN; GRANT pg_read_all_data TO set_backup; \
             REVOKE CONNECT ON DATABASE shop FROM PUBLIC",
        )
        .await;
    source
        .database("postgres")
        .sql("CREATE DATABASE resting ALLOW_CONNECTIONS false")
        .await;
    let attempt = dr()
        .args(["backup", "--all-databases", "--json"])
        .arg(source.database("postgres").uri_as("set_backup"))
        .arg("--repo")
        .arg(place.path())
        .output();
    assert_eq!(attempt.code, Some(1), "{}", attempt.stderr);
    let done: Value = serde_json::from_slice(&attempt.stdout).unwrap();
    assert_eq!(done["set"], Value::Null);
    assert_eq!(done["failed"][0]["database"], "shop", "{done}");
    assert_eq!(done["closed"], serde_json::json!(["resting"]));
    assert_eq!(done["members"].as_array().unwrap().len(), 4);
    let listed = json(dr().args(["list", "--repo"]).arg(place.path()));
    let backups = listed["backups"].as_array().unwrap();
    assert_eq!(backups.len(), 4, "{listed}");
    assert!(backups.iter().all(|backup| backup["kind"] == "logical"));
}

#[tokio::test]
async fn a_member_that_is_lost_or_exchanged_is_told() {
    let place = tempfile::tempdir().unwrap();
    let source = server(18).await;
    backup(&source, place.path()).output_ok();
    let listed = json(dr().args(["list", "--repo"]).arg(place.path()));
    let id = |database: &str| {
        let backups = listed["backups"].as_array().unwrap();
        let found = backups.iter().find(|backup| backup["database"] == database);
        found.unwrap()["id"].as_str().unwrap().to_owned()
    };
    let target = Cluster::shared(18);
    let restore = || {
        on("restore", "all.databases/latest", place.path())
            .args(["--create", "--to"])
            .arg(target.conninfo("postgres"))
            .output()
    };

    let folder = place.path().join("shop").join(id("shop"));
    let aside = place.path().join("aside");
    std::fs::rename(&folder, &aside).unwrap();
    let verified = on("verify", "latest", place.path()).output();
    assert_eq!(verified.code, Some(4), "{}", verified.stderr);
    let refused = restore();
    assert_eq!(refused.code, Some(4), "{}", refused.stderr);
    assert!(refused.stderr.contains("shop/"), "{}", refused.stderr);

    // Another backup under its id is not taken for it.
    std::fs::rename(&aside, &folder).unwrap();
    let mark = folder.join("backup.json");
    let text = std::fs::read_to_string(&mark).unwrap();
    std::fs::write(&mark, text.replace("\"tool\": \"dr", "\"tool\": \"DR")).unwrap();
    let verified = on("verify", "all.databases/latest", place.path()).output();
    assert_eq!(verified.code, Some(3), "{}", verified.stderr);
    assert_eq!(restore().code, Some(3));
    assert!(!target.has_database("größe").await);
}

/// As docs/format.md says it is undone without dr.
#[tokio::test]
async fn a_set_is_undone_by_bare_hands() {
    let place = tempfile::tempdir().unwrap();
    let source = server(18).await;
    backup(&source, place.path())
        .args(["--compress", "gzip"])
        .output_ok();
    let listed = json(dr().args(["list", "--repo"]).arg(place.path()));
    let target = Cluster::start(18);
    for backup in listed["backups"].as_array().unwrap() {
        let (id, database) = (
            backup["id"].as_str().unwrap(),
            backup["database"].as_str().unwrap(),
        );
        if backup["kind"] == "set" {
            let folder = place.path().join("all.databases").join(id);
            Stock::new("sha256sum")
                .args(["--check", "--quiet", "SHA256SUMS"])
                .folder(&folder)
                .output_ok();
            target
                .database("postgres")
                .psql_file(&folder.join("globals.sql"));
        }
        if database == "shop" {
            target
                .database("postgres")
                .sql("CREATE DATABASE shop")
                .await;
        }
    }
    let id = listed["backups"].as_array().unwrap().iter();
    let id = id
        .clone()
        .find(|backup| backup["database"] == "shop")
        .unwrap()["id"]
        .as_str()
        .unwrap();
    let shop = target.database("shop");
    shop.pg_restore(18)
        .arg(place.path().join("shop").join(id))
        .output_ok();
    assert_same_contents(&source.database("shop"), &shop).await;
}
