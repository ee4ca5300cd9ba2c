//! What dr reads of a database's relations, beside what stock pg_dump 18 writes of them: the same
//! entries with the same text in the same order, on every server; and what stock pg_restore makes
//! of it.

use std::sync::Arc;

use dr_core::archive::codec::Version;
use dr_core::archive::{directory, folder};
use dr_core::pg::catalog::{self, Catalog, RelationTest, SchemaTest, Scope};
use dr_core::pg::{
    ConnInfo, DumpOptions, Environment, Session, SessionOptions, Snapshot, SnapshotOptions,
};
use dr_core::pipeline::compression::Compression;
use dr_core::toc::{Kind, Pattern, Selection};
use dr_core::{ErrorKind, Result};
use dr_tests::{
    ALL_MAJORS, Cluster, Database, MAJORS, assert_same_contents, assert_same_lines,
    assert_same_schema, dr, fixture, stock_toc, toc_differences,
};

async fn session(conninfo: &str) -> Session {
    let environment = Environment::empty().user("nobody");
    let info = ConnInfo::resolve(Some(conninfo), &environment).unwrap();
    let session = Session::connect(&info, &SessionOptions::new()).await;
    session.unwrap()
}

async fn snapshot(conninfo: &str) -> Snapshot {
    let session = session(conninfo).await;
    session.snapshot(&SnapshotOptions::new()).await.unwrap()
}

async fn read(snapshot: &Snapshot, scope: &Scope) -> Result<Catalog> {
    let relations = catalog::list(snapshot.conn(), scope).await?;
    catalog::read(snapshot.conn(), scope, &relations).await
}

async fn load(database: &Database, name: &str) {
    let script = std::fs::read_to_string(fixture(name)).unwrap();
    database.sql(&script).await;
}

/// Every difference between pg_dump's table of contents with these options and dr's.
async fn differences(database: &Database, scope: &Scope, options: &[&str]) -> String {
    let mut all = vec!["--create"];
    all.extend(options);
    let expected = stock_toc(database, 18, &all);
    let catalog = read(&snapshot(database.conninfo()).await, scope).await;
    let mut toc = catalog.unwrap().toc;
    // Of rows pg_dump says their table only, dr also the rows that must be there first.
    for entry in &mut toc.entries {
        if entry.kind == Kind::TableData {
            entry.dependencies.truncate(1);
        }
    }
    let found = toc_differences(&expected, &toc, &|_| true);
    if found.is_empty() {
        found
    } else {
        format!("PostgreSQL {} {options:?}:\n{found}", database.major())
    }
}

#[tokio::test]
async fn relations_are_read_as_pg_dump_reads_them() {
    let mut found = String::new();
    for major in ALL_MAJORS {
        let database = Cluster::shared(major).create_database("relations").await;
        load(&database, "relations.sql").await;
        found += &differences(&database, &Scope::default(), &[]).await;
    }
    assert!(found.is_empty(), "{found}");
}

type Change = fn(&mut Scope);

fn tables(pattern: &str) -> Option<RelationTest> {
    let pattern = Pattern::relation(pattern).unwrap();
    Some(Arc::new(move |schema, name| pattern.matches(schema, name)))
}

fn schemas(pattern: &str) -> Option<SchemaTest> {
    let pattern = Pattern::schema(pattern).unwrap();
    Some(Arc::new(move |schema| pattern.matches_schema(schema)))
}

#[tokio::test]
async fn a_selection_takes_what_pg_dump_takes() {
    let mut found = String::new();
    for major in MAJORS {
        let database = Cluster::shared(major).create_database("selection").await;
        load(&database, "relations.sql").await;
        let cases: [(&[&str], Change); 9] = [
            (&["--table=app.columns"], |scope| {
                scope.only_tables = tables("app.columns");
            }),
            (&["--table=app.s*"], |scope| {
                scope.only_tables = tables("app.s*");
            }),
            (&["--table=app.dog|hound"], |scope| {
                scope.only_tables = tables("app.dog|hound");
            }),
            (
                &["--table=app.serial", "--exclude-table=*_big_seq"],
                |scope| {
                    scope.only_tables = tables("app.serial");
                    scope.without_tables = tables("*.*_big_seq");
                },
            ),
            (&["--exclude-table=app.sales*"], |scope| {
                scope.without_tables = tables("app.sales*");
            }),
            (&["--schema=app"], |scope| {
                scope.only_schemas = schemas("app");
            }),
            (
                &["--schema=app|zz|public", "--exclude-schema=app"],
                |scope| {
                    scope.only_schemas = schemas("app|zz|public");
                    scope.without_schemas = schemas("app");
                },
            ),
            (&["--exclude-schema=zz"], |scope| {
                scope.without_schemas = schemas("zz");
            }),
            (
                &["--exclude-table-data=app.*_seq|columns|zz_first"],
                |scope| {
                    scope.without_data_of = tables("app.*_seq|columns|zz_first");
                },
            ),
        ];
        for (options, change) in cases {
            let mut scope = Scope::default();
            change(&mut scope);
            found += &differences(&database, &scope, options).await;
        }
        let nothing = snapshot(database.conninfo()).await;
        for change in [
            (|scope| scope.only_tables = tables("app.nowhere")) as Change,
            |scope| scope.only_schemas = schemas("nowhere"),
        ] {
            let mut scope = Scope::default();
            change(&mut scope);
            let error = read(&nothing, &scope).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Missing);
        }
    }
    assert!(found.is_empty(), "{found}");
}

/// Restores what dr reads of one database into another of the same server, with the stock
/// pg_restore that belongs to it.
async fn restore_with_stock(source: &Database, target: &Database, jobs: u32) {
    let session = session(source.conninfo()).await;
    let dump = session.dump(&Selection::all(), &DumpOptions::new()).await;
    let dump = Arc::new(dump.unwrap());
    let (client, version) = match source.major() {
        ..=15 => (15, Version::V1_14),
        16 => (16, Version::V1_15),
        major => (major, Version::V1_16),
    };
    let files = directory::files_of_version(dump, Compression::None, version).unwrap();
    let place = tempfile::tempdir().unwrap();
    let written = place.path().join("written");
    folder::export(&files, &written, 1).await.unwrap();
    target
        .pg_restore(client)
        .args(["--exit-on-error", &format!("--jobs={jobs}")])
        .arg(&written)
        .output_ok();
}

#[tokio::test]
async fn what_is_read_restores_to_the_same_database() {
    for major in ALL_MAJORS {
        let cluster = Cluster::shared(major);
        let source = cluster.create_database("source").await;
        load(&source, "relations.sql").await;
        source
            .sql(
                "INSERT INTO app.cluster_pk SELECT generate_series(1, 1000); \
                 INSERT INTO app.referencing VALUES (1, 1); \
                 CREATE TABLE app.puma () INHERITS (app.cat); \
                 ALTER TABLE app.puma ALTER COLUMN weight SET NOT NULL; \
                 SELECT lo_from_bytea(0, 'large'), lo_from_bytea(0, '');",
            )
            .await;
        let target = cluster.create_database("target").await;
        restore_with_stock(&source, &target, 2).await;
        assert_same_schema(&source, &target);
        assert_same_contents(&source, &target).await;
    }
}

#[tokio::test]
async fn families_that_are_not_relations_restore_to_the_same_database() {
    for major in ALL_MAJORS {
        let cluster = Cluster::shared(major);
        for file in ["families.sql", "rare.sql"] {
            let source = cluster.create_database("source").await;
            source.psql_file(&fixture(file));
            let target = cluster.create_database("target").await;
            // pg_dump writes the privileges on schema public against those it has from 15 on; stock
            // pg_restore leaves what an older server gave beyond them.
            target
                .sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
                .await;
            // One job: with more, pg_restore may grant on what is in a schema before it grants on the
            // schema, and who grants further then lacks the right to look into it.
            restore_with_stock(&source, &target, 1).await;
            assert_same_schema(&source, &target);
            assert_same_contents(&source, &target).await;
        }
    }
}

/// pg_dump gives the last of these its grandparent's default back.
#[tokio::test]
async fn a_default_taken_away_in_the_middle_of_a_line_stays_away() {
    for major in MAJORS {
        let cluster = Cluster::shared(major);
        let source = cluster.create_database("source").await;
        source
            .sql(
                "CREATE TABLE one (a int DEFAULT 1, b int DEFAULT 2); \
                 CREATE TABLE two () INHERITS (one); \
                 CREATE TABLE three (a int) INHERITS (two); \
                 CREATE TABLE four () INHERITS (three); \
                 ALTER TABLE two ALTER a DROP DEFAULT, ALTER b DROP DEFAULT; \
                 ALTER TABLE ONLY four ALTER b SET DEFAULT 4;",
            )
            .await;
        let target = cluster.create_database("target").await;
        restore_with_stock(&source, &target, 2).await;
        assert_same_schema(&source, &target);
        for database in [&source, &target] {
            let defaults = database
                .value(
                    "SELECT string_agg(adrelid::regclass || '.' || adnum, ' ' \
                     ORDER BY adrelid::regclass::text, adnum) FROM pg_attrdef d \
                     WHERE pg_get_expr(adbin, adrelid) NOT LIKE 'NULL%'",
                )
                .await;
            assert_eq!(defaults, "four.2 one.1 one.2");
        }
    }
}

/// Rows of configuration tables are the user's, all else of an extension is not; what was granted
/// on its members since is.
#[tokio::test]
async fn extensions_keep_the_rows_of_their_configuration_tables() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("extension");
    std::fs::create_dir(&folder).unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(place.path(), open).unwrap();
    std::fs::write(
        folder.join("settings.control"),
        "comment = 'configuration tables'\ndefault_version = '1'\nrelocatable = true\n",
    )
    .unwrap();
    std::fs::write(
        folder.join("settings--1.sql"),
        "CREATE TABLE z_parent (id int PRIMARY KEY, note text, gone int, twice int GENERATED ALWAYS AS (id * 2) STORED); \
         ALTER TABLE z_parent DROP COLUMN gone; \
         CREATE TABLE a_child (id int, parent int REFERENCES z_parent); \
         CREATE TABLE fixed (a int, b int); \
         CREATE SEQUENCE counter; \
         CREATE VIEW looks AS SELECT * FROM z_parent; \
         GRANT SELECT ON fixed TO PUBLIC; \
         INSERT INTO z_parent VALUES (1, 'shipped'); \
         SELECT pg_extension_config_dump('z_parent', 'WHERE id > 1'); \
         SELECT pg_extension_config_dump('a_child', ''); \
         SELECT pg_extension_config_dump('counter', '');",
    )
    .unwrap();
    let path = format!("$system:{}", place.path().display());
    let cluster = Cluster::builder(18)
        .config("extension_control_path", &path)
        .start();
    let database = cluster.create_database("extension").await;
    database
        .sql(
            "CREATE ROLE reader; CREATE SCHEMA set; CREATE EXTENSION settings SCHEMA set; \
             INSERT INTO set.z_parent VALUES (2, 'own'), (3, 'own too'); \
             INSERT INTO set.a_child VALUES (1, 2); \
             SELECT nextval('set.counter'); \
             CREATE VIEW public.uses AS SELECT * FROM set.looks; \
             GRANT INSERT ON set.fixed TO reader; REVOKE SELECT ON set.fixed FROM PUBLIC; \
             GRANT UPDATE (a) ON set.fixed TO reader; GRANT USAGE ON SEQUENCE set.counter TO reader;",
        )
        .await;
    let mut found = differences(&database, &Scope::default(), &[]).await;
    let cases: [(&str, Change); 6] = [
        ("--table=set.a_child", |scope| {
            scope.only_tables = tables("set.a_child");
        }),
        ("--schema=set", |scope| scope.only_schemas = schemas("set")),
        ("--schema=public", |scope| {
            scope.only_schemas = schemas("public");
        }),
        ("--exclude-table=set.a*", |scope| {
            scope.without_tables = tables("set.a*");
        }),
        ("--exclude-table-data=set.z*", |scope| {
            scope.without_data_of = tables("set.z*");
        }),
        ("--exclude-schema=set", |scope| {
            scope.without_schemas = schemas("set");
        }),
    ];
    for (option, change) in cases {
        let mut scope = Scope::default();
        change(&mut scope);
        found += &differences(&database, &scope, &[option]).await;
    }
    assert!(found.is_empty(), "{found}");

    let target = cluster.create_database("target").await;
    restore_with_stock(&database, &target, 2).await;
    assert_same_schema(&database, &target);
    assert_same_contents(&database, &target).await;
}

#[tokio::test]
async fn a_standby_is_read_without_the_rows_of_unlogged_tables() {
    let primary = Cluster::start(15);
    let database = primary.create_database("relations").await;
    load(&database, "relations.sql").await;
    let standby = primary.standby().await;
    let copy = standby.database(database.name());
    let found = differences(&copy, &Scope::default(), &[]).await;
    assert!(found.is_empty(), "{found}");
}

#[tokio::test]
async fn names_in_another_encoding_are_the_bytes_of_that_encoding() {
    for major in MAJORS {
        let options = "TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'";
        let cluster = Cluster::shared(major);
        let database = cluster.create_database_with("latin1", options).await;
        load(&database, "relations.sql").await;
        database
            .sql(
                "CREATE TABLE \"straße\" (\"größe\" text DEFAULT 'ÿ' CHECK (\"größe\" <> 'ä')); \
                 COMMENT ON COLUMN \"straße\".\"größe\" IS 'çé'; \
                 CREATE VIEW \"ñ\" AS SELECT 'ø' AS \"å\";",
            )
            .await;
        let found = differences(&database, &Scope::default(), &[]).await;
        assert!(found.is_empty(), "{found}");
        let catalog = read(&snapshot(database.conninfo()).await, &Scope::default()).await;
        let entries = catalog.unwrap().toc.entries;
        assert!(entries.iter().any(|entry| &entry.tag[..] == b"stra\xdfe"));
    }
}

#[tokio::test]
async fn a_role_that_may_read_everything_reads_the_same_as_a_superuser() {
    for major in [14, 18] {
        let database = Cluster::shared(major).create_database("reader").await;
        load(&database, "relations.sql").await;
        database
            .sql(
                "DO $$ BEGIN CREATE ROLE all_reader LOGIN BYPASSRLS IN ROLE pg_read_all_data; \
                 EXCEPTION WHEN duplicate_object THEN NULL; END $$",
            )
            .await;
        let scope = Scope::default();
        let all = read(&snapshot(database.conninfo()).await, &scope).await;
        let reader = read(&snapshot(&database.uri_as("all_reader")).await, &scope).await;
        let (all, reader) = (all.unwrap(), reader.unwrap());
        assert_eq!(all.toc.entries, reader.toc.entries);
        assert_eq!(all.tables, reader.tables);
        assert_eq!(all.roles, reader.roles);
    }
}

#[tokio::test]
async fn what_a_dump_has_to_know_beside_the_entries_is_there() {
    let database = Cluster::shared(18).create_database("beside").await;
    load(&database, "relations.sql").await;
    let catalog = read(&snapshot(database.conninfo()).await, &Scope::default()).await;
    let catalog = catalog.unwrap();
    for entry in &catalog.toc.entries {
        let is_table = entry.kind == Kind::TableData;
        assert_eq!(entry.has_data, is_table, "{entry}");
        assert_eq!(catalog.tables.contains_key(&entry.id), is_table, "{entry}");
        let is_sequence = entry.kind == Kind::SequenceSet;
        let known = catalog.sequences.contains_key(&entry.id);
        assert_eq!(known, is_sequence, "{entry}");
    }
    let source = |name: &str| {
        let mut sources = catalog.tables.values();
        sources.find(|source| source.name == name).unwrap()
    };
    let columns = source("columns");
    assert!(!columns.columns.contains(&"total".to_owned()));
    assert!(!columns.columns.iter().any(|name| name.contains("dropped")));
    assert!(columns.bytes > 0);
    assert_eq!(source("no_columns").copy, "COPY app.no_columns  TO stdout;");
    let value = |name: &str| {
        let mut values = catalog.sequences.values();
        let found = values.find(|value| value.name == name).unwrap();
        (found.last_value, found.is_called)
    };
    assert_eq!(value("set_not_called"), (42, false));
    assert_eq!(value("free"), (2, true));
    assert!(catalog.extensions.contains_key("pg_trgm"));
    for role in ["rel_owner", "rel_reader", "Rel Odd\"role", "postgres"] {
        assert!(catalog.roles.contains(role), "{role}");
    }
}

#[tokio::test]
async fn a_table_whose_parent_is_the_systems_is_refused_by_name() {
    let database = Cluster::shared(18).create_database("system").await;
    database
        .sql("CREATE TABLE odd () INHERITS (pg_catalog.pg_description)")
        .await;
    let error = read(&snapshot(database.conninfo()).await, &Scope::default()).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("public.odd"), "{error}");
}

#[tokio::test]
async fn a_schema_alone_is_what_pg_dump_makes_of_it() {
    let mut found = String::new();
    for major in MAJORS {
        let database = Cluster::shared(major).create_database("schema").await;
        load(&database, "relations.sql").await;
        database
            .sql("SELECT lo_create(0); CREATE EXTENSION IF NOT EXISTS pg_trgm")
            .await;
        let mut scope = Scope::default();
        scope.schema_only = true;
        let catalog = read(&snapshot(database.conninfo()).await, &scope).await;
        assert!(catalog.unwrap().tables.is_empty());
        found += &differences(&database, &scope, &["--schema-only"]).await;
    }
    assert!(found.is_empty(), "{found}");
}

/// What ANALYZE found of tables, partitions, materialized views, plain and expression indexes.
#[tokio::test]
async fn statistics_are_pg_dumps() {
    let mut found = String::new();
    for major in ALL_MAJORS {
        let database = Cluster::shared(major).create_database("statistics").await;
        load(&database, "relations.sql").await;
        database.sql(ANALYZED).await;
        let mut scope = Scope::default();
        scope.statistics = true;
        let catalog = read(&snapshot(database.conninfo()).await, &scope).await;
        let entries = catalog.unwrap().toc.entries;
        let statistics = entries
            .iter()
            .filter(|entry| entry.kind == Kind::StatisticsData);
        assert!(statistics.count() > 50);
        found += &differences(&database, &scope, &["--statistics"]).await;
    }
    assert!(found.is_empty(), "{found}");
}

const ANALYZED: &str = "CREATE SCHEMA known; SET search_path = known; \
    CREATE TABLE \"Odd 'name'\" (id int PRIMARY KEY, \"two 'words'\" text, tags text[], span int4range, \
        flag bool, UNIQUE (\"two 'words'\")); \
    INSERT INTO \"Odd 'name'\" SELECT i, E'it''s \\\\ ' || i % 7 || '\"{}' || i, ARRAY['a', 'b' || i % 3], \
        int4range(i, i + i % 5), i % 2 = 0 FROM generate_series(1, 3000) i; \
    CREATE INDEX by_expression ON \"Odd 'name'\" (lower(\"two 'words'\"), (id + 1)); \
    CREATE TABLE parted (a int, b text) PARTITION BY RANGE (a); \
    CREATE TABLE part_1 PARTITION OF parted FOR VALUES FROM (0) TO (100); \
    CREATE TABLE part_2 PARTITION OF parted FOR VALUES FROM (100) TO (200); \
    INSERT INTO parted SELECT i % 200, 'x' || i FROM generate_series(1, 1000) i; \
    CREATE INDEX on_parted ON parted (b); \
    CREATE TABLE parent (a int); CREATE TABLE child () INHERITS (parent); \
    INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (3), (3); \
    CREATE MATERIALIZED VIEW seen AS SELECT flag, count(*) FROM \"Odd 'name'\" GROUP BY flag; \
    CREATE MATERIALIZED VIEW grouped AS SELECT id, \"two 'words'\" FROM \"Odd 'name'\" GROUP BY id; \
    CREATE INDEX on_seen ON seen (flag); \
    CREATE TABLE never_analyzed (a int); \
    ANALYZE";

/// A server that takes them has them after a restore; an older one is restored to without.
#[tokio::test]
async fn statistics_come_back_where_the_server_takes_them() {
    let of = |database: &Database| {
        let database = database.clone();
        async move {
            let rows = database
                .rows(
                    "SELECT s.* FROM pg_stats s WHERE schemaname IN ('known', 'app') \
                     ORDER BY schemaname, tablename, attname, inherited",
                )
                .await;
            format!("{rows:#?}")
        }
    };
    let source = Cluster::shared(18).create_database("statistics").await;
    load(&source, "relations.sql").await;
    source.sql(ANALYZED).await;
    let place = tempfile::tempdir().unwrap();
    dr().args(["backup", source.conninfo(), "--statistics", "--repo"])
        .arg(place.path())
        .output_ok();
    let restore = |target: &Database| {
        dr().args(["restore", "latest", "--create", "--jobs", "3", "--repo"])
            .arg(place.path())
            .args(["--to", target.conninfo()])
            .output_ok()
    };
    let target = Cluster::shared(18).database("statistics_back");
    restore(&target);
    let (expected, found) = (of(&source).await, of(&target).await);
    assert!(expected.lines().count() > 100);
    assert_same_lines(&expected, &found, "what is known of columns");

    // What 18 alone knows of tables is not in this one.
    let source = Cluster::shared(18).create_database("analyzed").await;
    source.sql(ANALYZED).await;
    dr().args(["backup", source.conninfo(), "--statistics", "--repo"])
        .arg(place.path())
        .output_ok();
    let older = Cluster::shared(17);
    let target = older.database("statistics_older");
    let told = restore(&target);
    assert!(
        told.stderr.contains("planner statistics are left out"),
        "{}",
        told.stderr
    );
    assert_same_contents(&source, &target).await;
}
