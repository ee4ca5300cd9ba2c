//! A restored database takes the place of the live one, and the old one comes back: what is carried
//! over, who is in the way, what stays behind, and that one of the two serves at every moment.

#![cfg(unix)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dr_core::ErrorKind;
use dr_core::ops::{Connections, SwapBackOptions, kept, swap_back};
use dr_core::pg::{ConnInfo, Environment};
use dr_tests::{
    Cluster, Database, Fault, MAJORS, Proxy, Source, Stock, assert_same_contents,
    assert_same_schema, dr, ended, signal, start, through,
};
use serde_json::Value;

const MAJOR: u32 = 18;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn info(conninfo: &str) -> ConnInfo {
    ConnInfo::resolve(Some(conninfo), &Environment::empty()).unwrap()
}

/// A source with a backup, whose database has lost its votes since.
async fn with_lost_votes(cluster: &Arc<Cluster>, votes: u64) -> Source {
    let source = Source::on(cluster, votes).await;
    source.backup().output_ok();
    source.database.sql("TRUNCATE public.votes_vote").await;
    source
}

fn swap(source: &Source) -> Stock {
    source.restore(source.database.conninfo()).arg("--swap")
}

fn back(database: &Database, words: &[&str]) -> Stock {
    dr().args(["swap-back", database.conninfo()]).args(words)
}

async fn votes(database: &Database) -> String {
    database
        .value("SELECT count(*) FROM public.votes_vote")
        .await
}

/// Names of databases that begin so.
async fn beginning(cluster: &Arc<Cluster>, name: &str) -> Vec<String> {
    let query =
        format!("SELECT datname FROM pg_database WHERE starts_with(datname, '{name}') ORDER BY 1");
    let rows = cluster.database("postgres").rows(&query).await;
    rows.into_iter()
        .filter_map(|mut row| row.swap_remove(0))
        .collect()
}

/// Everything the server says of a database as a whole.
async fn about(cluster: &Arc<Cluster>, name: &str) -> Vec<Vec<Option<String>>> {
    let query = format!(
        "SELECT pg_get_userbyid(datdba), datallowconn, datconnlimit, datistemplate, dattablespace, \
         encoding, datcollate, datctype, split_part(shobj_description(d.oid, 'pg_database'), E'\\ndr: ', 1), \
         (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(datacl) a), \
         (SELECT string_agg(s.setrole::regrole || ' ' || s.setconfig::text, ' ' ORDER BY 1) \
          FROM pg_db_role_setting s WHERE s.setdatabase = d.oid) \
         FROM pg_database d WHERE datname = '{name}'"
    );
    cluster.database("postgres").rows(&query).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_restored_one_serves_as_the_live_one_did_and_the_old_one_comes_back() {
    for major in MAJORS {
        let cluster = Cluster::start(major);
        let server = cluster.database("postgres");
        server
            .sql("CREATE ROLE shopkeeper; CREATE ROLE \"Odd role\"; CREATE ROLE third")
            .await;
        let space = cluster.scratch("space").display().to_string();
        server
            .sql(&format!("CREATE TABLESPACE space LOCATION '{space}'"))
            .await;
        let source = Source::on(&cluster, 200).await;
        let name = source.database.name().to_owned();
        let was =
            "ALTER DATABASE source_0 SET work_mem = '3MB'; ALTER DATABASE source_0 SET jit = off";
        server.sql(was).await;
        source.backup().output_ok();
        let saved = source.database.clone();
        server
            .sql(
                "ALTER DATABASE source_0 RESET jit; ALTER DATABASE source_0 OWNER TO shopkeeper; \
                 ALTER DATABASE source_0 SET work_mem = '7MB'; \
                 ALTER DATABASE source_0 SET search_path = '\"Odd schema\"', public; \
                 ALTER ROLE \"Odd role\" IN DATABASE source_0 SET work_mem = '9MB'; \
                 ALTER DATABASE source_0 CONNECTION LIMIT 40; \
                 COMMENT ON DATABASE source_0 IS 'the shop''s'; \
                 REVOKE CONNECT ON DATABASE source_0 FROM PUBLIC; \
                 GRANT CONNECT ON DATABASE source_0 TO third WITH GRANT OPTION; \
                 SET SESSION AUTHORIZATION third; \
                 GRANT CONNECT ON DATABASE source_0 TO \"Odd role\"",
            )
            .await;
        server
            .sql("ALTER DATABASE source_0 SET TABLESPACE space")
            .await;
        source.database.sql("DELETE FROM public.votes_vote").await;
        let before = about(&cluster, &name).await;
        let done = swap(&source).arg("--json").output_ok();
        let report = json(done.text());
        assert_eq!(report["swapped"]["database"], *name, "{report}");
        let old = report["swapped"]["kept"].as_str().unwrap().to_owned();
        assert_eq!(about(&cluster, &name).await, before);
        assert_eq!(about(&cluster, &old).await, before);
        assert_eq!(votes(&saved).await, "200");
        assert_eq!(votes(&cluster.database(&old)).await, "0");
        let known = "SELECT reltuples FROM pg_class WHERE oid = 'public.votes_vote'::regclass";
        assert_eq!(saved.value(known).await, "200", "the planner knows it");

        let listed = json(back(&saved, &["--list", "--json"]).output_ok().text());
        assert_eq!(listed["kept"][0]["name"], *old, "{listed}");
        assert_eq!(listed["kept"][0]["was_live"], true);
        back(&saved, &[]).output_ok();
        assert_eq!(votes(&saved).await, "0");
        assert_eq!(about(&cluster, &name).await, before);
        // And that is undone the same way.
        back(&saved, &[]).output_ok();
        assert_eq!(votes(&saved).await, "200");
        assert_eq!(about(&cluster, &name).await, before);
        let all = beginning(&cluster, "source_0").await;
        assert_eq!(all.len(), 2, "{all:?}");
        assert!(cluster.leftovers_of(&name).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_connected_is_named_waited_for_or_ended() {
    let cluster = Cluster::start(MAJOR);
    let source = with_lost_votes(&cluster, 100).await;
    let (database, name) = (&source.database, source.database.name());
    let client = database.connect().await;
    let refused = swap(&source).output();
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    for word in [
        "postgres, dr-tests",
        "idle since",
        "--connections terminate",
    ] {
        assert!(refused.stderr.contains(word), "{word}: {}", refused.stderr);
    }
    assert_eq!(beginning(&cluster, name).await, [name]);

    // In vain: what was restored is kept, and may be put in its place later.
    let waited = swap(&source).args(["--connections", "wait=1s"]).output();
    assert_eq!(waited.code, Some(1), "{}", waited.stderr);
    assert!(
        waited.stderr.contains("goes on as it was"),
        "{}",
        waited.stderr
    );
    assert_eq!(votes(database).await, "0");
    let all = beginning(&cluster, name).await;
    let restored = &all[1];
    assert!(
        restored.starts_with(&format!("{name}_restored_")),
        "{all:?}"
    );
    assert!(waited.stderr.contains(restored), "{}", waited.stderr);
    let none = back(database, &[]).output();
    assert_eq!(none.code, Some(4), "{}", none.stderr);
    assert!(none.stderr.contains(restored), "{}", none.stderr);
    let inside = back(database, &["--with", restored]).output();
    assert_eq!(inside.code, Some(1), "{}", inside.stderr);
    back(
        database,
        &["--with", restored, "--connections", "terminate"],
    )
    .output_ok();
    assert_eq!(votes(database).await, "100");
    assert!(
        client.simple_query("SELECT 1").await.is_err(),
        "it was ended"
    );

    // Not in vain.
    let client = database.connect().await;
    let child = start(back(database, &["--connections", "wait"]));
    let watcher = cluster.database("postgres");
    let looking = "SELECT count(*) > 1 FROM pg_stat_activity WHERE application_name = 'dr' \
         AND query LIKE '%pg_stat_activity a%'";
    let patience = Instant::now() + Duration::from_secs(60);
    while watcher.value(looking).await == "f" {
        assert!(Instant::now() < patience, "it never looks");
    }
    assert_eq!(votes(database).await, "100");
    drop(client);
    let done = ended(child);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stderr.contains("waiting for pid"), "{}", done.stderr);
    assert_eq!(votes(database).await, "0");

    // Asked to stop while it waits.
    let client = database.connect().await;
    let child = start(swap(&source).args(["--connections", "wait"]));
    let ready = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dr' AND datname LIKE 'dr_restoring_{name}%'"
    );
    while watcher.value(&ready).await == "0" {
        assert!(Instant::now() < patience, "it never restores");
    }
    while watcher.value(&ready).await != "0" {
        assert!(Instant::now() < patience, "it never ends restoring");
    }
    signal(&child, "-INT");
    let done = ended(child);
    assert_eq!(done.code, Some(130), "{}", done.stderr);
    assert!(done.stderr.contains("goes on as it was"), "{}", done.stderr);
    drop(client);
    assert_eq!(votes(database).await, "0");
    assert!(cluster.leftovers_of(name).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_always_come_back_find_the_old_or_the_new_and_never_none() {
    let cluster = Cluster::start(MAJOR);
    let source = with_lost_votes(&cluster, 100).await;
    let over = Arc::new(AtomicBool::new(false));
    let served = Arc::new(AtomicU64::new(0));
    let mut pool = Vec::new();
    for _ in 0..8 {
        let (over, served) = (Arc::clone(&over), Arc::clone(&served));
        let conninfo = source.database.conninfo().to_owned();
        pool.push(tokio::spawn(async move {
            let mut refusals = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let connected = tokio_postgres::connect(&conninfo, tokio_postgres::NoTls).await;
                let Ok((client, connection)) = connected.map_err(|error| {
                    refusals.push(error.code().map(|code| code.code().to_owned()));
                }) else {
                    continue;
                };
                let connection = tokio::spawn(connection);
                let count = "SELECT count(*) FROM public.votes_vote";
                while let Ok(row) = client.query_one(count, &[]).await {
                    assert!(matches!(row.get::<_, i64>(0), 0 | 100));
                    served.fetch_add(1, Ordering::Relaxed);
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                }
                connection.abort();
            }
            refusals
        }));
    }
    while served.load(Ordering::Relaxed) < 50 {
        tokio::task::yield_now().await;
    }
    let run = |command: Stock| {
        tokio::task::spawn_blocking(move || {
            command.args(["--connections", "terminate"]).output_ok()
        })
    };
    run(swap(&source).arg("--json")).await.unwrap();
    for _ in 0..5 {
        run(back(&source.database, &["--json"])).await.unwrap();
    }
    over.store(true, Ordering::Relaxed);
    for client in pool {
        for refusal in client.await.unwrap() {
            // Whoever waited at the door while the names changed is told so, once: the database has
            // just been renamed. Those that were ended while they logged in: admin_shutdown.
            assert!(
                matches!(refusal.as_deref(), Some("3D000" | "57P01") | None),
                "{refusal:?}"
            );
        }
    }
    // An odd number of swaps in all would leave the restored one; six leave the old.
    assert_eq!(votes(&source.database).await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_tied_to_the_live_database_is_named_before_anything_is_done() {
    let cluster = Cluster::builder(MAJOR)
        .config("wal_level", "logical")
        .config("max_prepared_transactions", "4")
        .start();
    let source = with_lost_votes(&cluster, 50).await;
    let (database, name) = (&source.database, source.database.name());
    database
        .sql("BEGIN; CREATE TABLE prepared (n int); PREPARE TRANSACTION 'it''s'")
        .await;
    let refused = swap(&source).args(["--connections", "terminate"]).output();
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("prepared transaction 'it''s'"),
        "{}",
        refused.stderr
    );
    database.sql("ROLLBACK PREPARED 'it''s'").await;
    database
        .sql("SELECT pg_create_logical_replication_slot('cdc', 'pgoutput')")
        .await;
    database
        .sql("CREATE SUBSCRIPTION feed CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false)")
        .await;
    let done = swap(&source).output_ok();
    for word in [
        "replication slot cdc of",
        "subscription feed of",
        "stays with the old one",
    ] {
        assert!(done.stderr.contains(word), "{word}: {}", done.stderr);
    }
    assert!(
        done.text().contains("replication slot cdc stayed"),
        "{}",
        done.text()
    );
    // A kept database that cannot be dropped says why.
    let kept = beginning(&cluster, &format!("{name}_before_")).await;
    let tied = back(database, &[&format!("--drop-old={}", kept[0])]).output();
    assert_eq!(tied.code, Some(1), "{}", tied.stderr);
    assert!(tied.stderr.contains("subscription feed"), "{}", tied.stderr);
    let old = cluster.database(&kept[0]);
    old.sql("ALTER SUBSCRIPTION feed SET (slot_name = NONE)")
        .await;
    old.sql("DROP SUBSCRIPTION feed").await;
    back(database, &[&format!("--drop-old={}", kept[0])]).output_ok();
    assert_eq!(beginning(&cluster, name).await, [name]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_may_make_databases_needs_no_superuser() {
    for major in MAJORS {
        let cluster = Cluster::start(major);
        let server = cluster.database("postgres");
        server
            .sql("CREATE ROLE owner LOGIN CREATEDB; CREATE ROLE client LOGIN; CREATE ROLE stranger LOGIN")
            .await;
        server.sql("CREATE DATABASE mine OWNER owner").await;
        let mine = cluster.database("mine");
        let of = |role: &str| {
            format!(
                "host=127.0.0.1 port={} user={role} dbname=mine",
                cluster.port()
            )
        };
        mine.sql(
            "ALTER SCHEMA public OWNER TO owner; SET ROLE owner; CREATE TABLE public.t AS SELECT 1 AS n; \
             GRANT SELECT ON public.t TO client",
        )
        .await;
        server
            .sql("ALTER DATABASE mine SET work_mem = '5MB'; GRANT TEMP ON DATABASE mine TO client")
            .await;
        let place = tempfile::tempdir().unwrap();
        let repo = place.path().join("repo");
        dr().args(["backup", &of("owner"), "--repo"])
            .arg(&repo)
            .output_ok();
        let before = about(&cluster, "mine").await;
        let swap_as = |role: &str| {
            dr().args(["restore", "latest", "--swap", "--repo"])
                .arg(&repo)
                .args(["--to", &of(role)])
        };
        swap_as("owner").output_ok();
        assert_eq!(about(&cluster, "mine").await, before);

        // What it may not do is told first, and nothing is left.
        let names = beginning(&cluster, "").await;
        let strange = swap_as("stranger").output();
        assert!(
            strange.stderr.contains("belongs to owner"),
            "{}",
            strange.stderr
        );
        let others = tokio_postgres::connect(&of("client"), tokio_postgres::NoTls).await;
        let (_client, connection) = others.unwrap();
        let connection = tokio::spawn(connection);
        let refused = swap_as("owner")
            .args(["--connections", "terminate"])
            .output();
        assert_eq!(refused.code, Some(1), "{}", refused.stderr);
        assert!(
            refused.stderr.contains("pg_signal_backend"),
            "{}",
            refused.stderr
        );
        assert!(refused.stderr.contains("(client"), "{}", refused.stderr);
        server.sql("GRANT pg_signal_backend TO owner").await;
        swap_as("owner")
            .args(["--connections", "terminate"])
            .output_ok();
        connection.await.unwrap().unwrap_err();
        server
            .sql("ALTER ROLE client IN DATABASE mine SET work_mem = '6MB'")
            .await;
        let names_now = beginning(&cluster, "").await;
        assert_eq!(names_now.len(), names.len() + 1, "{names_now:?}");
        let refused = swap_as("owner").output();
        assert_eq!(refused.code, Some(1), "{}", refused.stderr);
        assert!(
            refused.stderr.contains("ALTER ROLE client IN DATABASE")
                && refused.stderr.contains("goes on as it was"),
            "{}",
            refused.stderr
        );
        server.sql("ALTER ROLE owner NOCREATEDB").await;
        let refused = swap_as("owner").output();
        assert!(refused.stderr.contains("CREATEDB"), "{}", refused.stderr);
        assert_eq!(beginning(&cluster, "").await, names_now);
        assert_eq!(mine.value("SELECT n FROM public.t").await, "1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_and_long_names_are_swapped_and_told_apart() {
    let cluster = Cluster::start(MAJOR);
    let source = Source::on(&cluster, 10).await;
    source.backup().output_ok();
    let long = "a long name, as long as PostgreSQL takes one at all: 63 bytes.";
    assert_eq!(long.len(), 62);
    let names = [
        format!("{long}1"),
        format!("{long}2"),
        "Shop \"of\" O'Brien; DROP DATABASE x".to_owned(),
        "日本語の名前の長いデータベースです".to_owned(),
        "postgres".to_owned(),
    ];
    for name in &names {
        if name != "postgres" {
            let create = format!("CREATE DATABASE \"{}\"", name.replace('"', "\"\""));
            cluster.database("template1").sql(&create).await;
        }
        let target = cluster.database(name);
        source.restore(target.conninfo()).arg("--swap").output_ok();
        assert_eq!(votes(&target).await, "10", "{name}");
    }
    for name in &names {
        let target = cluster.database(name);
        let found = kept(&info(target.conninfo())).await.unwrap();
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        back(&target, &[]).output_ok();
        let gone = target
            .value("SELECT to_regclass('public.votes_vote') IS NULL")
            .await;
        assert_eq!(gone, "t", "{name}");
        back(&target, &["--drop-old=20"]).output_ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_dropped_is_dropped_when_told_and_not_before() {
    let cluster = Cluster::start(MAJOR);
    let source = with_lost_votes(&cluster, 10).await;
    let (database, name) = (&source.database, source.database.name());
    let prefix = format!("{name}_before_");
    swap(&source).args(["--drop-old-after", "7d"]).output_ok();
    swap(&source).args(["--drop-old-after", "0s"]).output_ok();
    swap(&source).output_ok();
    assert_eq!(beginning(&cluster, &prefix).await.len(), 3);
    let ambiguous = back(database, &["--with", "20"]).output();
    assert_eq!(ambiguous.code, Some(1), "{}", ambiguous.stderr);
    assert!(
        ambiguous.stderr.contains("name one of them"),
        "{}",
        ambiguous.stderr
    );
    let due = beginning(&cluster, &prefix).await[1].clone();
    let client = cluster.database(&due).connect().await;
    let in_use = back(database, &["--drop-old"]).output();
    assert_eq!(in_use.code, Some(1), "{}", in_use.stderr);
    assert!(in_use.stderr.contains("dr-tests"), "{}", in_use.stderr);
    drop(client);
    let patience = Instant::now() + Duration::from_secs(60);
    let connected = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{due}'");
    while cluster.database("postgres").value(&connected).await != "0" {
        assert!(Instant::now() < patience, "it never leaves");
    }
    let dropped = json(back(database, &["--drop-old", "--json"]).output_ok().text());
    assert_eq!(dropped["dropped"], serde_json::json!([due]));
    assert_eq!(beginning(&cluster, &prefix).await.len(), 2);
    let none = json(back(database, &["--drop-old", "--json"]).output_ok().text());
    assert_eq!(none["dropped"], serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_is_refused() {
    let cluster = Cluster::start(MAJOR);
    let source = Source::on(&cluster, 10).await;
    source.backup().output_ok();
    let absent = source
        .restore(&cluster.conninfo("absent"))
        .arg("--swap")
        .output();
    assert_eq!(absent.code, Some(4), "{}", absent.stderr);
    assert!(absent.stderr.contains("--create"), "{}", absent.stderr);
    for words in [
        vec!["--swap", "--create"],
        vec!["--swap", "--single-transaction"],
        vec!["--connections", "terminate"],
        vec!["--create", "--drop-old-after", "1d"],
    ] {
        let meant = source
            .restore(source.database.conninfo())
            .args(&words)
            .output();
        assert_eq!(meant.code, Some(2), "{words:?}: {}", meant.stderr);
    }
    // A backup that does not prove leaves the live one alone.
    let file = dr_tests::files_below(&source.repo())
        .into_iter()
        .find(|path| path.to_string_lossy().contains(".dat.zst"))
        .unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let damaged = swap(&source).output();
    assert_eq!(damaged.code, Some(3), "{}", damaged.stderr);
    let name = source.database.name();
    assert_eq!(beginning(&cluster, name).await, [name]);
    assert!(cluster.leftovers_of(name).await.is_empty());
}

/// Two databases that tell which they are, the second kept for the first.
async fn pair(cluster: &Arc<Cluster>) -> Database {
    let one = cluster.create_database("pair").await;
    one.sql("CREATE TABLE which AS SELECT 'old' AS is_it").await;
    let kept = format!("{}_before_20260101_000000", one.name());
    let server = cluster.database("postgres");
    server
        .sql(&format!("CREATE DATABASE {kept} TEMPLATE {}", one.name()))
        .await;
    one.sql("UPDATE which SET is_it = 'new'").await;
    one
}

async fn which(database: &Database) -> String {
    database.value("SELECT is_it FROM which").await
}

/// The names of the two, and which serves; in any case both are there.
async fn whole(cluster: &Arc<Cluster>, live: &Database) -> String {
    let serving = which(live).await;
    let all = beginning(cluster, live.name()).await;
    assert_eq!(all.len(), 2, "{all:?}");
    assert_ne!(which(&cluster.database(&all[1])).await, serving);
    serving
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_at_any_byte_of_an_exchange_leaves_it_done_or_undone_as_it_says() {
    let cluster = Cluster::start(MAJOR);
    let live = pair(&cluster).await;
    let counted = Proxy::before(cluster.port(), Fault::None);
    let options = SwapBackOptions::new();
    swap_back(&info(&through(&counted, live.name())), &options)
        .await
        .unwrap();
    let total = counted.passed();
    let mut before = whole(&cluster, &live).await;
    let (mut done, mut undone) = (0, 0);
    // The end is where the COMMIT is: looked at closely.
    let offsets = (0..total * 9 / 10)
        .step_by(usize::try_from(total / 24).unwrap())
        .chain((total * 9 / 10..total).step_by(37));
    for offset in offsets {
        let proxy = Proxy::before(cluster.port(), Fault::Reset(offset));
        let outcome = swap_back(&info(&through(&proxy, live.name())), &options).await;
        let now = whole(&cluster, &live).await;
        assert_eq!(
            outcome.is_ok(),
            now != before,
            "at {offset} of {total}: {outcome:?}"
        );
        match outcome {
            Ok(_) => done += 1,
            Err(_) => undone += 1,
        }
        before = now;
    }
    assert!(done > 0 && undone > 20, "{done} done, {undone} undone");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_killed_at_any_byte_leaves_the_live_one_serving() {
    let cluster = Cluster::start(MAJOR);
    let live = pair(&cluster).await;
    let counted = Proxy::before(cluster.port(), Fault::None);
    swap_back(
        &info(&through(&counted, live.name())),
        &SwapBackOptions::new(),
    )
    .await
    .unwrap();
    let total = counted.passed();
    for part in 1..=12 {
        let proxy = Proxy::before(cluster.port(), Fault::Stall(total * part / 13));
        let conninfo = through(&proxy, live.name());
        let child = start(dr().args(["swap-back", &conninfo]));
        proxy.wait_until_struck();
        // Whoever comes meanwhile may have to wait, and is let in once dr is gone.
        signal(&child, "-KILL");
        ended(child);
        drop(proxy);
        whole(&cluster, &live).await;
    }
    back(&live, &[]).output_ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_in_the_exchange_comes_back_with_the_live_one() {
    let cluster = Cluster::start(MAJOR);
    let live = pair(&cluster).await;
    let before = which(&live).await;
    // A client that does not end when it is told to: the server waits for it with the lock held.
    let client = live.connect().await;
    let row = client
        .query_one("SELECT pg_backend_pid()", &[])
        .await
        .unwrap();
    let pid = row.get::<_, i32>(0).to_string();
    let kill = |name: &str| {
        let done = std::process::Command::new("kill")
            .args([name, &pid])
            .status();
        assert!(done.unwrap().success());
    };
    kill("-STOP");
    let child = start(back(&live, &["--connections", "terminate"]));
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'ALTER DATABASE%RENAME%'";
    let patience = Instant::now() + Duration::from_secs(60);
    while cluster.database("postgres").value(waiting).await == "0" {
        assert!(Instant::now() < patience, "it never renames");
    }
    kill("-CONT");
    cluster.crash();
    let done = ended(child);
    // The stopped client may have gone, and the exchange been done, before the server died.
    let now = whole(&cluster, &live).await;
    assert_eq!(done.code == Some(0), now != before, "{}", done.stderr);

    // One that never ends is named.
    let client = live.connect().await;
    let row = client
        .query_one("SELECT pg_backend_pid()", &[])
        .await
        .unwrap();
    let pid = row.get::<_, i32>(0).to_string();
    let kill = |name: &str| {
        std::process::Command::new("kill")
            .args([name, &pid])
            .status()
            .unwrap();
    };
    kill("-STOP");
    let error = swap_back(
        &info(live.conninfo()),
        &SwapBackOptions::new().connections(Connections::Terminate),
    )
    .await
    .unwrap_err();
    kill("-CONT");
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}");
    assert!(error.to_string().contains(&pid), "{error}");
    assert_eq!(whole(&cluster, &live).await, now);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_with_swap_killed_at_any_moment_leaves_the_live_one_and_the_next_one_works() {
    const MOMENTS: u32 = 8;
    let cluster = Cluster::start(MAJOR);
    let source = with_lost_votes(&cluster, 20_000).await;
    let name = source.database.name();
    let began = Instant::now();
    swap(&source).output_ok();
    let whole = began.elapsed();
    back(&source.database, &[]).output_ok();
    assert_eq!(votes(&source.database).await, "0");
    for moment in 0..MOMENTS {
        let child = start(swap(&source));
        std::thread::sleep(whole * moment / MOMENTS);
        signal(&child, "-KILL");
        ended(child);
        let now = votes(&source.database).await;
        assert!(now == "0" || now == "20000", "moment {moment}: {now}");
    }
    let left = cluster.leftovers_of(name).await;
    let last = swap(&source)
        .args(["--connections", "terminate"])
        .output_ok();
    for leftover in left {
        assert!(
            last.stderr.contains(&leftover),
            "{leftover}: {}",
            last.stderr
        );
    }
    let target = &source.database;
    assert_eq!(votes(target).await, "20000");
    let original = cluster.create_database("original").await;
    source.restore(original.conninfo()).output_ok();
    assert_same_schema(&original, target);
    assert_same_contents(&original, target).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_breaks_at_the_end_of_a_swap_says_what_is_so() {
    let cluster = Cluster::start(MAJOR);
    let source = with_lost_votes(&cluster, 500).await;
    let name = source.database.name();
    let counted = Proxy::before(cluster.port(), Fault::None);
    source
        .restore(&through(&counted, name))
        .arg("--swap")
        .output_ok();
    back(&source.database, &[]).output_ok();
    let total = counted.passed();
    for part in 0..8 {
        let before = votes(&source.database).await;
        // The last tenth, up to goodbyes.
        let fault = Fault::Reset(total - total / 10 * (8 - part) / 8);
        let proxy = Proxy::before(cluster.port(), fault);
        let done = source
            .restore(&through(&proxy, name))
            .arg("--swap")
            .output();
        let now = votes(&source.database).await;
        let what = format!("{fault:?} of {total}: {}", done.stderr);
        match done.code {
            Some(0) => assert_eq!(now, "500", "{what}"),
            _ => {
                assert_eq!(now, before, "{what}");
                assert!(
                    done.stderr.contains("goes on as it was") || done.stderr.contains("left over"),
                    "{what}"
                );
            }
        }
        if now != "0" {
            back(&source.database, &["--connections", "terminate"]).output_ok();
        }
    }
}
