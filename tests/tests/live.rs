//! A live database as a Dump: what stock pg_restore makes of it equals the source.

use std::num::NonZeroUsize;
use std::sync::Arc;

use dr_core::archive::{directory, folder};
use dr_core::dump::{Data, Dump};
use dr_core::pg::{
    ConnInfo, DumpOptions, Environment, LiveDump, Session, SessionOptions, SnapshotOptions,
};
use dr_core::pipeline::compression::Compression;
use dr_core::toc::Selection;
use dr_core::{Files, Result};
use dr_tests::{Cluster, Database, Polling, assert_same_contents, assert_same_schema};
use futures::TryStreamExt;

async fn dump_as(uri: &str, selection: &Selection, options: &SessionOptions) -> Result<LiveDump> {
    let info = ConnInfo::resolve(Some(uri), &Environment::empty().user("nobody"))?;
    let session = Session::connect(&info, options).await?;
    let jobs = NonZeroUsize::new(2).expect("two");
    let options = DumpOptions::new().snapshot(SnapshotOptions::new().jobs(jobs));
    session.dump(selection, &options).await
}

async fn dump(database: &Database, selection: &Selection) -> Result<LiveDump> {
    dump_as(&database.uri(), selection, &SessionOptions::new()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_pg_restore_makes_the_source_of_a_live_dump() {
    for (major, compression) in [(15, "gzip"), (16, "gzip"), (17, "zstd"), (18, "none")] {
        let cluster = Cluster::shared(major);
        let source = cluster.create_database("live").await;
        Polling::with_votes(3000).load(&source).await;
        source
            .sql("ALTER TABLE votes_vote ALTER COLUMN poll_id SET (n_distinct = 42)")
            .await;
        let live = dump(&source, &Selection::all()).await.expect("a dump");
        let definitions: Vec<u8> = live
            .toc()
            .entries
            .iter()
            .flat_map(|entry| entry.definition.to_vec())
            .collect();
        let definitions = String::from_utf8(definitions).expect("UTF-8");
        assert!(definitions.contains("SET (n_distinct=42)"));
        assert!(!definitions.contains("pg_attver"));
        let files =
            directory::files(Arc::new(live), compression.parse::<Compression>().unwrap()).unwrap();
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("archive");
        folder::export(&files, &path, 2).await.expect("an archive");
        let evidence = files.evidence();
        let votes = evidence
            .tables
            .values()
            .find(|table| table.name == "votes_vote")
            .unwrap();
        assert_eq!(votes.digest.rows, 3000);
        assert_eq!(evidence.source.database, source.name());
        let target = cluster.create_database("restored").await;
        target
            .pg_restore(major)
            .arg("--jobs=2")
            .arg(&path)
            .output_ok();
        assert_same_schema(&source, &target);
        assert_same_contents(&source, &target).await;
    }
}

#[tokio::test]
async fn what_the_role_may_not_read_is_named_before_anything_is_read() {
    let cluster = Cluster::shared(15);
    let source = cluster.create_database("rights").await;
    source
        .sql(
            "CREATE TABLE secret (n int); CREATE TABLE open_to_all (n serial);
             CREATE SCHEMA hidden; CREATE TABLE hidden.t (n int);
             CREATE TABLE ours (n int); ALTER TABLE ours ENABLE ROW LEVEL SECURITY;
             DROP ROLE IF EXISTS live_reader; CREATE ROLE live_reader LOGIN;
             GRANT SELECT ON open_to_all, ours, hidden.t TO live_reader;
             SELECT lo_from_bytea(4711, 'x');",
        )
        .await;
    let error = dump_as(
        &source.uri_as("live_reader"),
        &Selection::all(),
        &SessionOptions::new(),
    )
    .await
    .expect_err("no right");
    let text = error.to_string();
    assert_eq!(error.sqlstate(), Some("42501"), "{text}");
    for name in [
        "public.secret",
        "public.open_to_all_n_seq",
        "hidden.t",
        "public.ours (row security)",
        "large object 4711",
    ] {
        assert!(text.contains(name), "{name} is not in: {text}");
    }
    assert!(!text.contains("public.open_to_all,"), "{text}");
}

#[tokio::test]
async fn a_selection_takes_what_it_names_and_refuses_what_is_not_there() {
    let source = Cluster::shared(15).create_database("some").await;
    Polling::with_votes(100).load(&source).await;
    let one = dump(&source, &Selection::tables(["public.votes_vote"]))
        .await
        .expect("a dump");
    let tags: Vec<_> = one
        .toc()
        .entries
        .iter()
        .filter(|entry| entry.has_data)
        .map(|entry| String::from_utf8_lossy(&entry.tag).into_owned())
        .collect();
    assert_eq!(tags, ["votes_vote"]);
    let all = dump(&source, &Selection::all().without_data_of("public.audit_*"))
        .await
        .expect("a dump");
    let with_data: Vec<_> = all
        .toc()
        .entries
        .iter()
        .filter(|entry| entry.has_data)
        .collect();
    assert!(with_data.len() > 10);
    assert!(
        !with_data
            .iter()
            .any(|entry| entry.tag.starts_with(b"audit_"))
    );
    let missing = dump(&source, &Selection::tables(["public.no_such"]))
        .await
        .expect_err("none");
    assert_eq!(missing.kind(), dr_core::ErrorKind::Missing);
}

#[tokio::test]
async fn a_lock_that_is_not_to_be_had_in_time_ends_the_dump() {
    let source = Cluster::shared(15).create_database("locked").await;
    source.sql("CREATE TABLE t (n int)").await;
    let other = source.connect().await;
    other
        .batch_execute("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let patience = std::time::Duration::from_millis(50);
    let options = SessionOptions::new().lock_timeout(patience);
    let error = dump_as(&source.uri(), &Selection::all(), &options)
        .await
        .expect_err("locked");
    assert_eq!(error.sqlstate(), Some("55P03"), "{error:?}");
}

/// The table's own rows as one COPY on an untouched table gives them.
async fn one_copy(database: &Database, table: &str, columns: &str) -> Vec<u8> {
    database
        .sql("ALTER ROLE postgres SET synchronize_seqscans = off")
        .await;
    let rows = database
        .copy_out(&format!("COPY {table} ({columns}) TO STDOUT"))
        .await;
    database
        .sql("ALTER ROLE postgres RESET synchronize_seqscans")
        .await;
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_table_is_read_in_parts_as_one_copy_would_give_it() {
    for major in [13, 15, 18] {
        let cluster = Cluster::shared(major);
        let source = cluster.create_database("parts").await;
        source
            .sql(
                "CREATE TABLE large (gone int, id int, \"odd \"\" name\" text, \
                     twice int GENERATED ALWAYS AS (id * 2) STORED); \
                 ALTER TABLE large DROP COLUMN gone; \
                 INSERT INTO large SELECT n, repeat(md5(n::text), 40) FROM generate_series(1, 55000) n; \
                 UPDATE large SET \"odd \"\" name\" = E'\\\\.\\n\\t' WHERE id % 1000 = 0; \
                 UPDATE large SET \"odd \"\" name\" = repeat('x', 3000000) WHERE id = 777; \
                 DELETE FROM large WHERE id BETWEEN 2000 AND 12000; \
                 CREATE TABLE child () INHERITS (large); \
                 INSERT INTO child SELECT 1, 'of the child'",
            )
            .await;
        let expected = one_copy(&source, "large", "id, \"odd \"\" name\"").await;
        let live = dump(&source, &Selection::all()).await.expect("a dump");
        // What comes after the snapshot is not seen, though it is on pages that are read.
        source
            .sql("INSERT INTO large SELECT n, 'late' FROM generate_series(1, 9) n; DELETE FROM large WHERE id = 1")
            .await;
        let entry = live
            .toc()
            .entries
            .iter()
            .find(|entry| entry.has_data && &entry.tag[..] == b"large")
            .expect("its rows")
            .id;
        let Data::Rows(rows) = live.data(entry).await.expect("rows") else {
            panic!("rows are rows");
        };
        let rows: Vec<bytes::Bytes> = rows.try_collect().await.expect("all of them");
        assert!(rows.concat() == expected, "the rows differ on {major}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_large_tables_share_the_lanes_and_one_dropped_halfway_gives_its_own_back() {
    let cluster = Cluster::shared(18);
    let source = cluster.create_database("parts").await;
    source
        .sql(
            "CREATE TABLE a AS SELECT n AS id, repeat(md5(n::text), 40) AS t FROM generate_series(1, 55000) n; \
             CREATE TABLE b AS SELECT * FROM a",
        )
        .await;
    let live = dump(&source, &Selection::all()).await.expect("a dump");
    let ids: Vec<_> = live
        .toc()
        .entries
        .iter()
        .filter(|entry| entry.has_data)
        .map(|entry| entry.id)
        .collect();
    let read = async |id, most: usize| {
        let Data::Rows(mut rows) = live.data(id).await.expect("rows") else {
            panic!("rows are rows");
        };
        let mut bytes = 0;
        while bytes < most {
            match rows.try_next().await.expect("they come") {
                Some(piece) => bytes += piece.len(),
                None => break,
            }
        }
        bytes
    };
    let whole = read(ids[0], usize::MAX).await;
    assert!(read(ids[0], 20 << 20).await < whole);
    let (a, b) = tokio::join!(read(ids[0], usize::MAX), read(ids[1], usize::MAX));
    assert_eq!((a, b), (whole, whole));
}
