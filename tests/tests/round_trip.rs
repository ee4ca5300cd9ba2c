//! The main job, whole: a database out by `dr backup`, checked by `dr verify --deep`, back by
//! `dr restore --create`; then stock pg_dump must print the same schema and every row must be there.
//! On every server, for every fixture.

use dr_tests::{Cluster, Database, Polling, assert_same_contents, assert_same_schema, dr, fixture};
use tempfile::TempDir;

const ALL_MAJORS: [u32; 6] = [13, 14, 15, 16, 17, 18];

/// Takes `source` out and brings it back under the name given.
fn there_and_back(source: &Database, to: &Database, backup: &[&str]) {
    let place: TempDir = tempfile::tempdir().unwrap();
    dr().arg("backup")
        .arg(source.conninfo())
        .args(["--jobs", "2", "--repo"])
        .arg(place.path())
        .args(backup)
        .output_ok();
    dr().args(["verify", "latest", "--deep", "--repo"])
        .arg(place.path())
        .output_ok();
    let done = dr()
        .args(["restore", "latest", "--create", "--jobs", "3", "--repo"])
        .arg(place.path())
        .args(["--to", to.conninfo()])
        .output_ok();
    assert!(
        done.text().contains("what was restored is what was dumped"),
        "{}",
        done.text()
    );
}

async fn assert_comes_back(source: &Database, cluster: &std::sync::Arc<Cluster>, backup: &[&str]) {
    let target = cluster.database(&format!("{}_back", source.name()));
    there_and_back(source, &target, backup);
    assert_same_schema(source, &target);
    assert_same_contents(source, &target).await;
}

const FIXTURES: [&str; 4] = [
    "relations.sql",
    "families.sql",
    "nasty.sql",
    "properties.sql",
];

/// A database of the cluster with the fixture in it.
async fn loaded(cluster: &std::sync::Arc<Cluster>, name: &str, label: &str) -> Database {
    let source = cluster
        .create_database(&format!("{label}_{}", name.trim_end_matches(".sql")))
        .await;
    source
        .sql(
            "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'nasty_owner') \
             THEN CREATE ROLE nasty_owner; CREATE ROLE \"nasty;reader\"; END IF; \
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$",
        )
        .await;
    source.psql_file(&fixture(name));
    if name == "nasty.sql" && cluster.major() >= 14 {
        source.psql_file(&fixture("nasty_14.sql"));
    }
    source
}

#[tokio::test]
async fn every_fixture_comes_back_the_same_on_every_server() {
    for major in ALL_MAJORS {
        let cluster = Cluster::shared(major);
        for name in FIXTURES {
            let source = loaded(&cluster, name, "trip").await;
            assert_comes_back(&source, &cluster, &[]).await;
        }
    }
}

#[tokio::test]
async fn what_stock_pg_dump_wrote_of_every_fixture_comes_back_the_same() {
    for (major, client) in [(13, 15), (15, 16), (18, 18)] {
        let cluster = Cluster::shared(major);
        for name in FIXTURES {
            let source = loaded(&cluster, name, "stock").await;
            for format in ["plain", "directory"] {
                let place: TempDir = tempfile::tempdir().unwrap();
                let path = place.path().join("dump");
                source
                    .pg_dump(client)
                    .args(["--format", format, "--file"])
                    .arg(&path)
                    .output_ok();
                let target = cluster.database(&format!("{}_{format}", source.name()));
                dr().arg("restore")
                    .arg(&path)
                    .args(["--create", "--jobs", "3", "--to", target.conninfo()])
                    .output_ok();
                assert_same_schema(&source, &target);
                assert_same_contents(&source, &target).await;
            }
        }
    }
}

#[tokio::test]
async fn an_application_comes_back_with_every_compression() {
    for (major, compression) in [
        (13, "none"),
        (14, "gzip:1"),
        (16, "lz4"),
        (17, "zstd:9"),
        (18, "zstd"),
    ] {
        let cluster = Cluster::shared(major);
        let source = cluster.create_database("trip_polls").await;
        Polling::with_votes(5000).load(&source).await;
        assert_comes_back(&source, &cluster, &["--compress", compression]).await;
    }
}

#[tokio::test]
async fn databases_in_other_encodings_come_back_byte_for_byte() {
    let cluster = Cluster::shared(18);
    for (encoding, text) in [
        ("LATIN1", r"E'\344\337\377'"),
        ("EUC_JP", r"E'\244\242\244\244'"),
        ("SQL_ASCII", r"E'\377\376\200'"),
    ] {
        let label = format!("trip_{}", encoding.to_lowercase());
        let options = format!("ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0");
        let source = cluster.create_database_with(&label, &options).await;
        source
            .psql()
            .env("PGCLIENTENCODING", encoding)
            .input(format!(
                "SET client_encoding = '{encoding}';
                 CREATE TABLE t (id int PRIMARY KEY, v text);
                 INSERT INTO t VALUES (1, {text}), (2, repeat({text}, 1000));
                 DO $$ BEGIN EXECUTE 'CREATE TABLE \"' || {text} || '\" (id int)';
                 EXECUTE 'COMMENT ON TABLE t IS ''' || {text} || ''''; END $$;"
            ))
            .output_ok();
        let target = cluster.database(&format!("{}_back", source.name()));
        there_and_back(&source, &target, &[]);
        let dump = |database: &Database| {
            let dump = database
                .pg_dump(18)
                .args(["--encoding", encoding])
                .output_ok()
                .stdout;
            dump.split(|byte| *byte == b'\n')
                .filter(|line| !line.starts_with(b"\\"))
                .collect::<Vec<_>>()
                .join(&b'\n')
        };
        assert!(dump(&source) == dump(&target), "{encoding}");
    }
}

#[tokio::test]
async fn a_standby_is_a_source_as_good_as_its_primary() {
    let primary = Cluster::start(17);
    let source = primary.create_database("standby").await;
    Polling::with_votes(1000).load(&source).await;
    // Rows of unlogged tables are not on a standby.
    source.sql("DROP TABLE notifications_queue").await;
    let standby = primary.standby().await;
    let replica = standby.database(source.name());
    let target = primary.database("standby_back");
    there_and_back(&replica, &target, &[]);
    assert_same_schema(&source, &target);
    assert_same_contents(&source, &target).await;
}

#[tokio::test]
async fn a_newer_database_goes_into_an_older_server_and_the_other_way_round() {
    for (from, to) in [(18, 13), (17, 14), (13, 18), (15, 16)] {
        let source = Cluster::shared(from).create_database("across").await;
        source
            .sql(
                "CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text NOT NULL, \
                    at timestamptz DEFAULT now(), n numeric, f float8); \
                 INSERT INTO t (v, n, f) SELECT md5(n::text), n / 7.0, n / 3.0 FROM generate_series(1, 5000) n; \
                 CREATE INDEX ON t (v); CREATE VIEW w AS SELECT id, v FROM t WHERE n > 3; \
                 CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT $1 + 1'",
            )
            .await;
        let target = Cluster::shared(to).database(&format!("across_{from}_{to}"));
        there_and_back(&source, &target, &[]);
        assert_same_contents(&source, &target).await;
    }
}
