//! Restoring archives made by stock pg_dump, held against the source and against stock pg_restore.

use std::path::Path;
use std::sync::{Arc, Mutex};

use dr_core::archive::{directory, folder::Folder};
use dr_core::event::{Event, Watch};
use dr_core::ops::{CancellationToken, RestoreOptions, Restored, Verdict, restore};
use dr_core::pg::{ConnInfo, Environment};
use dr_core::toc::{Kind, Plan, Selection};
use dr_core::{Dump, Error, ErrorKind};
use dr_tests::{Cluster, Database, Polling, assert_same_contents, assert_same_schema, contents};
use tempfile::TempDir;

/// What stock clients of a major make of a database, as a dump.
async fn archive(
    database: &Database,
    client: u32,
    arguments: &[&str],
) -> (TempDir, impl Dump + use<>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("archive");
    database
        .pg_dump(client)
        .args(["--format=directory", "--file"])
        .arg(&path)
        .args(arguments)
        .output_ok();
    let dump = open(&path).await;
    (folder, dump)
}

async fn open(path: &Path) -> impl Dump + use<> {
    directory::dump(Arc::new(Folder::open(path).await.unwrap()))
        .await
        .unwrap()
}

fn info(conninfo: &str) -> ConnInfo {
    ConnInfo::resolve(Some(conninfo), &Environment::empty()).unwrap()
}

async fn all(
    dump: &dyn Dump,
    target: &Database,
    options: RestoreOptions,
) -> Result<Restored, Error> {
    restore(
        &Plan::of(dump.toc()),
        dump,
        &info(target.conninfo()),
        &options,
    )
    .await
}

/// Kinds of objects that need care: large objects, odd names and values, partitions, identity,
/// row security, a trigger and a rule that would disturb, cyclic keys, values with time zone.
async fn fill(database: &Database) {
    Polling::with_votes(2000).load(database).await;
    database
        .sql(
            r#"
            CREATE SCHEMA "odd . schema";
            CREATE TABLE "odd . schema"."Tab, ""le""" ("Col (a)" text, "b""c" bytea, d int GENERATED ALWAYS AS (1) STORED);
            INSERT INTO "odd . schema"."Tab, ""le""" VALUES
                (E'\\.', '\x00ff0a'), (E'line\nfeed\ttab\\back', NULL), ('', ''), (NULL, NULL), ('\.', '\x5c2e0a');
            CREATE TABLE no_rows (a int);
            CREATE TABLE no_columns ();
            INSERT INTO no_columns DEFAULT VALUES;
            CREATE TABLE wide AS SELECT n, repeat(md5(n::text), 2000) AS text FROM generate_series(1, 400) n;
            SELECT lo_from_bytea(7001, 'one'), lo_from_bytea(7002, ''), lo_from_bytea(7003, decode(repeat('00ff0a', 2000000), 'hex'));
            CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY, at date NOT NULL, x text) PARTITION BY RANGE (at);
            CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
            CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
            ALTER TABLE events ADD PRIMARY KEY (id, at);
            CREATE INDEX ON events (x);
            INSERT INTO events (at, x) SELECT date '2024-01-01' + n % 700, 'x' || n FROM generate_series(1, 3000) n;
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no row may come in'; END $$;
            CREATE TABLE guarded (id int PRIMARY KEY, parent int REFERENCES guarded);
            INSERT INTO guarded SELECT n, nullif(n - 1, 0) FROM generate_series(1, 100) n;
            CREATE TRIGGER refuse BEFORE INSERT ON guarded FOR EACH ROW EXECUTE FUNCTION refuse();
            ALTER TABLE guarded ENABLE ALWAYS TRIGGER refuse;
            CREATE TRIGGER refuse_event BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION refuse();
            CREATE TABLE ruled (id int);
            INSERT INTO ruled SELECT generate_series(1, 10);
            CREATE RULE ruled_in AS ON INSERT TO ruled DO INSTEAD NOTHING;
            ALTER TABLE ruled ENABLE ROW LEVEL SECURITY;
            ALTER TABLE ruled FORCE ROW LEVEL SECURITY;
            CREATE TABLE a (id int PRIMARY KEY, b int);
            CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a);
            INSERT INTO a VALUES (1, 1); INSERT INTO b VALUES (1, 1);
            ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b;
            CREATE MATERIALIZED VIEW per_month AS SELECT date_trunc('month', at) AS month, count(*) FROM events GROUP BY 1;
            CREATE UNIQUE INDEX ON per_month (month);
            "#,
        )
        .await;
}

fn assert_all_equal(restored: &Restored) {
    let bad: Vec<_> = restored
        .tables
        .iter()
        .filter(|table| table.verdict != Verdict::Equal)
        .collect();
    assert!(bad.is_empty(), "{bad:#?}");
    assert_eq!(restored.verdict(), Verdict::Equal, "{restored:#?}");
    assert!(restored.kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn archives_of_stock_pg_dump_are_restored_and_proven_by_any_number_of_jobs() {
    for (server, client) in [(13, 16), (15, 15), (16, 17), (18, 18)] {
        let cluster = Cluster::shared(server);
        let source = cluster.create_database("source").await;
        fill(&source).await;
        let before = contents(&source).await;
        let (_folder, dump) = archive(&source, client, &[]).await;
        for jobs in [1, 4] {
            let target = cluster.create_database("target").await;
            // Small limits, so that several connections load one table.
            let options = RestoreOptions::new().jobs(jobs).lanes_from(1 << 20);
            let restored = all(&dump, &target, options).await.unwrap();
            assert_all_equal(&restored);
            assert!(restored.large_objects.equal >= 3);
            assert!(restored.tables.len() > 15, "{restored:#?}");
            assert_same_schema(&source, &target);
            assert_eq!(contents(&target).await, before);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inserts_statements_and_loading_through_the_root_work_too() {
    let cluster = Cluster::shared(18);
    let source = cluster.create_database("source").await;
    fill(&source).await;
    for (arguments, verdict) in [
        (&["--inserts"][..], Verdict::NotComparable),
        (
            &["--rows-per-insert=7", "--column-inserts"][..],
            Verdict::NotComparable,
        ),
        (&["--load-via-partition-root"][..], Verdict::Equal),
    ] {
        let (_folder, dump) = archive(&source, 18, arguments).await;
        let target = cluster.create_database("target").await;
        let restored = all(&dump, &target, RestoreOptions::new().jobs(3))
            .await
            .unwrap();
        assert_eq!(restored.verdict(), verdict, "{restored:#?}");
        assert_same_contents(&source, &target).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_made_under_another_name_and_renamed_when_proven() {
    for (server, client) in [(15, 15), (18, 18)] {
        let cluster = Cluster::shared(server);
        let source = cluster.create_database("source").await;
        fill(&source).await;
        source
            .sql(&format!(
                "ALTER DATABASE {0} SET work_mem TO '5MB'; COMMENT ON DATABASE {0} IS 'of {0}'; \
                 REVOKE TEMPORARY ON DATABASE {0} FROM PUBLIC; ALTER DATABASE {0} CONNECTION LIMIT 2; \
                 ALTER DATABASE {0} SET default_transaction_read_only TO on",
                source.name()
            ))
            .await;
        let (_folder, dump) = archive(&source, client, &["--create"]).await;
        let name = format!("{}_copy", source.name());
        let target = info(&cluster.conninfo(&name));
        let events = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&events);
        let watch = Watch::by(Arc::new(move |event: &Event| {
            seen.lock().unwrap().push(event.clone());
        }));
        let options = RestoreOptions::new().create().jobs(4).watch(watch);
        let restored = restore(&Plan::of(dump.toc()), &dump, &target, &options)
            .await
            .unwrap();
        assert_all_equal(&restored);
        let copy = cluster.database(&name);
        assert_same_schema(&source, &copy);
        assert_same_contents(&source, &copy).await;
        let about = |name: &str| {
            format!(
                "SELECT datconnlimit || ' ' \
                 || (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(datacl) a) || ' ' || shobj_description(oid, 'pg_database') \
                 || ' ' || (SELECT setconfig::text FROM pg_db_role_setting WHERE setdatabase = oid) \
                 FROM pg_database WHERE datname = '{name}'"
            )
        };
        let postgres = cluster.database("postgres");
        let original = postgres.value(&about(source.name())).await;
        assert_eq!(postgres.value(&about(&name)).await, original);
        let rows: u64 = events
            .lock()
            .unwrap()
            .iter()
            .map(|event| match event {
                Event::Advanced { item, rows, .. } if item.starts_with("TABLE DATA") => *rows,
                _ => 0,
            })
            .sum();
        assert_eq!(rows, restored.rows());

        let again = restore(
            &Plan::of(dump.toc()),
            &dump,
            &target,
            &RestoreOptions::new().create(),
        )
        .await;
        assert_eq!(again.unwrap_err().kind(), ErrorKind::Conflict);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_not_empty_is_refused_and_left_alone() {
    let cluster = Cluster::shared(18);
    let source = cluster.create_database("source").await;
    Polling::with_votes(10).load(&source).await;
    let (_folder, dump) = archive(&source, 18, &[]).await;
    let target = cluster.create_database("target").await;
    target
        .sql("CREATE TABLE here (a int); INSERT INTO here VALUES (1)")
        .await;
    let error = all(&dump, &target, RestoreOptions::new())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("table public.here"), "{error}");
    assert_eq!(target.value("SELECT count(*) FROM here").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_that_are_missing_are_all_named_before_anything_is_made() {
    let cluster = Cluster::start(18);
    let source = cluster.create_database("source").await;
    source
        .sql(
            "CREATE ROLE gone_one; CREATE ROLE \"Gone Two\"; CREATE ROLE gone_three; \
             CREATE TABLE t (a int); ALTER TABLE t OWNER TO gone_one; \
             GRANT SELECT ON t TO \"Gone Two\"; CREATE POLICY p ON t TO gone_three USING (true)",
        )
        .await;
    let (_folder, dump) = archive(&source, 18, &[]).await;
    source
        .sql("DROP OWNED BY gone_one; DROP OWNED BY \"Gone Two\"; DROP OWNED BY gone_three; DROP ROLE gone_one; DROP ROLE \"Gone Two\"; DROP ROLE gone_three")
        .await;
    for create in [false, true] {
        let target = cluster.create_database("target").await;
        let mut options = RestoreOptions::new();
        let mut into = info(target.conninfo());
        if create {
            into = into.with_database("to_be_made");
            options = options.create();
        }
        let error = restore(&Plan::of(dump.toc()), &dump, &into, &options)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Missing);
        for role in ["Gone Two", "gone_one", "gone_three"] {
            assert!(error.to_string().contains(role), "{error}");
        }
    }
    assert_eq!(databases(&cluster).await, 0);
    let target = cluster.create_database("target").await;
    let selected = dump
        .toc()
        .select(&Selection::all().without_kinds([Kind::Policy]))
        .unwrap();
    let plan = Plan::of(&selected.toc);
    let options = RestoreOptions::new().no_owner().no_acl();
    restore(&plan, &dump, &info(target.conninfo()), &options)
        .await
        .unwrap();
    assert_eq!(
        target
            .value("SELECT relacl IS NULL FROM pg_class WHERE relname = 't'")
            .await,
        "t"
    );
}

/// Databases of restores that are not over.
async fn databases(cluster: &Cluster) -> usize {
    cluster
        .database("postgres")
        .rows("SELECT datname FROM pg_database WHERE datname ~ '^dr_restoring_' OR datname = 'to_be_made'")
        .await
        .len()
}

/// An archive in which something is not as it was: a key that rows violate.
async fn spoiled(cluster: &Arc<Cluster>) -> (TempDir, impl Dump + use<>) {
    let source = cluster.create_database("source").await;
    source
        .sql(
            "CREATE EXTENSION pgcrypto; CREATE SCHEMA more; CREATE TYPE more.mood AS ENUM ('a'); \
             CREATE TABLE more.good AS SELECT n, md5(n::text) FROM generate_series(1, 20000) n; \
             CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent VALUES (1); \
             CREATE TABLE child (id int REFERENCES parent); INSERT INTO child VALUES (1); \
             SELECT lo_from_bytea(9001, 'large'); \
             GRANT USAGE ON SCHEMA public TO pg_monitor; COMMENT ON SCHEMA public IS 'changed'; \
             CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; \
             SET session_replication_role = replica; INSERT INTO child VALUES (2);",
        )
        .await;
    archive(&source, 18, &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_fails_leaves_nothing_behind() {
    let cluster = Cluster::start(18);
    let (_folder, dump) = spoiled(&cluster).await;
    let plan = Plan::of(dump.toc());
    for jobs in [1, 4] {
        let target = cluster.create_database("target").await;
        target
            .sql("COMMENT ON SCHEMA public IS 'mine'; GRANT ALL ON SCHEMA public TO PUBLIC")
            .await;
        let acl = "SELECT nspacl::text || obj_description(oid) FROM pg_namespace WHERE nspname = 'public'";
        let before = target.value(acl).await;
        let error = all(&dump, &target, RestoreOptions::new().jobs(jobs))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Server);
        assert_eq!(error.sqlstate(), Some("23503"), "{error}");
        assert!(
            error
                .entry()
                .unwrap()
                .contains("FK CONSTRAINT public.child child_id_fkey"),
            "{error}"
        );
        assert!(
            error.to_string().contains("the database is empty"),
            "{error}"
        );
        assert_eq!(target.value(acl).await, before);
        // It really is: a stock restore of the schema goes through.
        let good = dump.toc().select(&Selection::schemas(["more"])).unwrap();
        let options = RestoreOptions::new();
        restore(
            &Plan::of(&good.toc),
            &dump,
            &info(target.conninfo()),
            &options,
        )
        .await
        .unwrap();
    }
    let into = info(&cluster.conninfo("to_be_made"));
    let error = restore(&plan, &dump, &into, &RestoreOptions::new().create().jobs(2))
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("database to_be_made was not made"),
        "{error}"
    );
    assert_eq!(databases(&cluster).await, 0);
    let options = RestoreOptions::new().create().keep_failed();
    restore(&plan, &dump, &into, &options).await.unwrap_err();
    assert_eq!(
        databases(&cluster).await,
        1,
        "kept on request, under its temporary name"
    );

    let target = cluster.create_database("target").await;
    let options = RestoreOptions::new().single_transaction();
    let error = all(&dump, &target, options).await.unwrap_err();
    assert!(error.to_string().contains("nothing was changed"), "{error}");
    assert_eq!(
        target
            .value("SELECT count(*) FROM pg_class WHERE oid >= 16384")
            .await,
        "0"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_transaction_restores_and_proves_everything() {
    for server in [13, 18] {
        let cluster = Cluster::shared(server);
        let source = cluster.create_database("source").await;
        fill(&source).await;
        let (_folder, dump) = archive(&source, 18, &[]).await;
        let target = cluster.create_database("target").await;
        let options = RestoreOptions::new().single_transaction().jobs(4);
        let restored = all(&dump, &target, options).await.unwrap();
        assert_all_equal(&restored);
        assert_same_schema(&source, &target);
        assert_same_contents(&source, &target).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_is_stopped_leaves_nothing_behind() {
    let cluster = Cluster::start(15);
    let source = cluster.create_database("source").await;
    source
        .sql("CREATE TABLE t AS SELECT n, repeat(md5(n::text), 10) FROM generate_series(1, 200000) n; CREATE INDEX ON t (n)")
        .await;
    let (_folder, dump) = archive(&source, 15, &["--compress=0"]).await;
    for create in [false, true] {
        let target = cluster.create_database("target").await;
        let stop = CancellationToken::new();
        let trigger = stop.clone();
        let watch = Watch::by(Arc::new(move |event: &Event| {
            if matches!(event, Event::Advanced { .. }) {
                trigger.cancel();
            }
        }));
        let mut options = RestoreOptions::new()
            .jobs(3)
            .lanes_from(1)
            .watch(watch)
            .stopped_by(stop);
        let mut into = info(target.conninfo());
        if create {
            into = into.with_database("to_be_made");
            options = options.create();
        }
        let error = restore(&Plan::of(dump.toc()), &dump, &into, &options)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Interrupted, "{error}");
        assert_eq!(
            target
                .value("SELECT count(*) FROM pg_class WHERE relname = 't'")
                .await,
            "0"
        );
    }
    assert_eq!(databases(&cluster).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_archive_commits_no_row_of_the_damaged_table() {
    let cluster = Cluster::start(15);
    let source = cluster.create_database("source").await;
    source
        .sql("CREATE TABLE t AS SELECT n, md5(n::text) FROM generate_series(1, 100000) n")
        .await;
    let (folder, dump) = archive(&source, 15, &["--compress=1"]).await;
    let data = std::fs::read_dir(folder.path().join("archive"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "gz"))
        .unwrap();
    let mut bytes = std::fs::read(&data).unwrap();
    let end = bytes.len() - 5;
    bytes[end] ^= 1;
    std::fs::write(&data, bytes).unwrap();
    // What was committed is seen by whoever looks at any moment.
    let target = cluster.create_database("target").await;
    let error = all(&dump, &target, RestoreOptions::new().jobs(3).lanes_from(1))
        .await
        .unwrap_err();
    assert!(
        error.entry().unwrap().contains("TABLE DATA public.t"),
        "{error:?}"
    );
    assert_eq!(error.kind(), ErrorKind::Stage, "{error:?}");
    assert_eq!(
        target
            .value("SELECT count(*) FROM pg_class WHERE relname = 't'")
            .await,
        "0"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn values_with_time_zone_of_a_foreign_dump_are_compared_in_the_zone_they_were_written_in() {
    let cluster = Cluster::shared(18);
    let source = cluster.create_database("source").await;
    source
        .sql(
            "CREATE TABLE t (at timestamptz, among timestamptz[]); \
             INSERT INTO t VALUES ('2024-07-01 12:00+00', ARRAY['2024-01-01 00:00+00'::timestamptz]); \
             CREATE TABLE b (b bytea); INSERT INTO b VALUES ('\\x00ff')",
        )
        .await;
    let dump_in = async |zone: &str| {
        source
            .sql(&format!(
                "ALTER DATABASE {0} SET TimeZone TO '{zone}'; ALTER DATABASE {0} SET bytea_output TO escape",
                source.name()
            ))
            .await;
        archive(&source, 18, &[]).await
    };
    for (zone, in_target, verdict) in [
        ("UTC", "Asia/Tokyo", Verdict::Equal),
        ("Asia/Tokyo", "Asia/Tokyo", Verdict::Equal),
        ("Asia/Tokyo", "America/Lima", Verdict::NotComparable),
    ] {
        let (_folder, dump) = dump_in(zone).await;
        let target = cluster.create_database("target").await;
        target
            .sql(&format!(
                "ALTER DATABASE {} SET TimeZone TO '{in_target}'",
                target.name()
            ))
            .await;
        let restored = all(&dump, &target, RestoreOptions::new()).await.unwrap();
        assert_eq!(restored.verdict(), verdict, "{restored:#?}");
        assert_eq!(
            restored.tables[0].verdict,
            Verdict::Equal,
            "bytea in the escape format"
        );
        let value =
            "SELECT sum(extract(epoch FROM at))::text || (SELECT encode(b, 'hex') FROM b) FROM t";
        assert_eq!(target.value(value).await, source.value(value).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_table_is_loaded_and_read_back_over_several_connections() {
    let cluster = Cluster::shared(18);
    let source = cluster.create_database("source").await;
    source
        .sql(
            "CREATE TABLE big AS SELECT n AS id, repeat(md5(n::text), 8) AS text FROM generate_series(1, 500000) n; \
             ALTER TABLE big ADD PRIMARY KEY (id); CREATE INDEX ON big (text); \
             CREATE TABLE small AS SELECT n FROM generate_series(1, 1000) n",
        )
        .await;
    let (_folder, dump) = archive(&source, 18, &["--compress=0"]).await;
    let target = cluster.create_database("target").await;
    let restored = all(&dump, &target, RestoreOptions::new().jobs(4))
        .await
        .unwrap();
    assert_all_equal(&restored);
    assert_eq!(restored.tables[0].found.unwrap().rows, 500_000);
    // Rows of several transactions.
    let loads = target
        .value("SELECT count(DISTINCT xmin::text) FROM big")
        .await;
    assert!(loads.parse::<u32>().unwrap() > 1, "{loads}");
    assert_same_schema(&source, &target);
}

#[tokio::test(flavor = "multi_thread")]
async fn encodings_other_than_utf8_are_restored_byte_for_byte() {
    let cluster = Cluster::shared(15);
    cluster
        .database("postgres")
        .sql("CREATE DATABASE rest_latin1 TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
        .await;
    let source = cluster.database("rest_latin1");
    source
        .sql(
            "CREATE TABLE \"größe\" (\"ä\" text DEFAULT 'ö'); INSERT INTO \"größe\" VALUES ('ü'); \
              COMMENT ON TABLE \"größe\" IS 'é'; CREATE INDEX \"ñ\" ON \"größe\" (\"ä\")",
        )
        .await;
    let (_folder, dump) = archive(&source, 15, &[]).await;
    let utf8 = cluster.create_database("utf8").await;
    let restored = all(&dump, &utf8, RestoreOptions::new().jobs(2))
        .await
        .unwrap();
    assert_all_equal(&restored);
    // The oracle's MD5s are of bytes on the server, which differ by intent here.
    let query = "SELECT \"ä\" FROM \"größe\"";
    assert_eq!(utf8.rows(query).await, source.rows(query).await);
    let into = info(&cluster.conninfo("rest_latin1_copy"));
    let options = RestoreOptions::new().create();
    let restored = restore(&Plan::of(dump.toc()), &dump, &into, &options)
        .await
        .unwrap();
    assert_all_equal(&restored);
    assert_same_schema(&source, &cluster.database("rest_latin1_copy"));
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_pg_restore_selects_what_select_selects() {
    let cluster = Cluster::shared(18);
    let source = cluster.create_database("source").await;
    fill(&source).await;
    let (_folder, whole) = archive(&source, 18, &[]).await;
    let tables = [
        "public.votes_vote",
        "public.events_1",
        "public.guarded",
        "\"odd . schema\".*",
        "public.*poll*",
    ];
    for table in tables {
        let (_folder, stock) = archive(&source, 18, &["--table", table]).await;
        let ours = whole.toc().select(&Selection::tables([table])).unwrap();
        // A join to what is outside is what the two differ in by intent.
        let joins = [Kind::FkConstraint, Kind::TableAttach, Kind::IndexAttach];
        let names = |toc: &dr_core::toc::Toc| {
            let mut names: Vec<String> = toc
                .entries
                .iter()
                .filter(|entry| !joins.contains(&entry.kind))
                .filter(|entry| entry.kind != Kind::Database)
                // pg_dump --table leaves a table's extended statistics out, select takes them.
                .filter(|entry| !entry.to_string().contains("(STATISTICS public."))
                .map(|entry| {
                    let whole = entry.to_string();
                    whole.split_once('(').unwrap().1.to_owned()
                })
                .collect();
            names.sort();
            names
        };
        let (ours, theirs) = (names(&ours.toc), names(stock.toc()));
        let only = |these: &[String], those: &[String]| -> Vec<String> {
            these
                .iter()
                .filter(|name| !those.contains(name))
                .cloned()
                .collect()
        };
        assert_eq!(
            only(&ours, &theirs),
            Vec::<String>::new(),
            "{table}: too much"
        );
        assert_eq!(
            only(&theirs, &ours),
            Vec::<String>::new(),
            "{table}: too little"
        );
    }
}
