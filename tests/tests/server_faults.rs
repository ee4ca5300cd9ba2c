//! What others do to the tables while they are dumped, and what a standby does to a dump: never a
//! deadlock, never rows that are missing in silence; an error that says what to do.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use dr_core::dump::Data;
use dr_core::pg::{
    ConnInfo, DumpOptions, Environment, LiveDump, Session, SessionOptions, SnapshotOptions,
};
use dr_core::toc::Selection;
use dr_core::{Dump, ErrorKind, Result};
use dr_tests::{Cluster, Database, MAJORS};
use futures::TryStreamExt;

async fn dump(database: &Database) -> Result<LiveDump> {
    let info = ConnInfo::resolve(Some(database.conninfo()), &Environment::empty())?;
    let session = Session::connect(&info, &SessionOptions::new()).await?;
    let jobs = NonZeroUsize::new(2).expect("two");
    let options = DumpOptions::new().snapshot(SnapshotOptions::new().jobs(jobs));
    session.dump(&Selection::all(), &options).await
}

/// The rows of table `t`.
async fn rows(live: &LiveDump) -> dr_core::files::ByteStream {
    let found = live
        .toc()
        .entries
        .iter()
        .find(|entry| entry.has_data && &entry.tag[..] == b"t");
    match live.data(found.expect("it has rows").id).await.unwrap() {
        Data::Rows(rows) => rows,
        _ => panic!("rows are rows"),
    }
}

/// Asks until the answer is this.
async fn until(database: &Database, query: &str, answer: &str) {
    let patience = Instant::now() + Duration::from_secs(60);
    while database.value(query).await != answer {
        assert!(Instant::now() < patience, "{query} is never {answer}");
    }
}

/// Backends of this database that wait for a lock.
const WAITING: &str = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
     WHERE NOT l.granted AND d.datname = current_database()";

/// The classical deadlock of parallel dumps: our second lock behind theirs, theirs behind our first.
#[tokio::test]
async fn whoever_waits_for_our_lock_is_not_waited_for() {
    for major in MAJORS {
        let database = Cluster::shared(major).create_database("queue").await;
        database
            .sql("CREATE TABLE t AS SELECT 1 AS n; CREATE TABLE u AS SELECT 2 AS n")
            .await;
        let live = dump(&database).await.unwrap();
        let other = database.clone();
        let alter = tokio::spawn(async move {
            other.sql("ALTER TABLE t ADD COLUMN later int").await;
        });
        until(&database, WAITING, "1").await;
        let read: Result<Vec<_>> = rows(&live).await.try_collect().await;
        let error = read.unwrap_err();
        assert_eq!(error.sqlstate(), Some("55P03"), "{error:?}");
        assert!(error.to_string().contains("TABLE DATA public.t"), "{error}");
        assert!(error.to_string().contains("run the dump again"), "{error}");
        drop(live);
        alter.await.unwrap();
        let again = dump(&database).await.unwrap();
        let read: Vec<_> = rows(&again).await.try_collect().await.unwrap();
        assert_eq!(read.concat(), b"1\t\\N\n");
    }
}

#[tokio::test]
async fn a_table_that_changes_between_the_look_and_the_lock_is_an_error_and_never_empty() {
    for major in MAJORS {
        let cluster = Cluster::shared(major);
        for (change, told) in [
            ("DROP TABLE t", "dropped"),
            ("ALTER TABLE t RENAME TO other", "dropped"),
            ("DROP TABLE t; CREATE TABLE t AS SELECT 2 AS n", "replaced"),
            ("TRUNCATE t", "truncated"),
            ("ALTER TABLE t ALTER n TYPE bigint", "rewritten"),
            (
                "DROP TABLE p; CREATE TABLE p (n int) PARTITION BY RANGE (n)",
                "replaced",
            ),
        ] {
            let database = cluster.create_database("between").await;
            database
                .sql("CREATE TABLE t AS SELECT 1 AS n; CREATE TABLE p (n int) PARTITION BY RANGE (n)")
                .await;
            let other = database.connect().await;
            other
                .batch_execute(&format!("BEGIN; {change}"))
                .await
                .unwrap();
            let (made, ()) = tokio::join!(dump(&database), async {
                until(&database, WAITING, "1").await;
                other.batch_execute("COMMIT").await.unwrap();
            });
            let error = made.expect_err(change);
            assert!(error.to_string().contains(told), "{change}: {error}");
            assert!(error.to_string().contains("try again"), "{change}: {error}");
            dump(&database).await.expect("a second try");
        }
    }
}

#[tokio::test]
async fn what_is_done_to_tables_and_sequences_meanwhile_is_not_seen() {
    let database = Cluster::shared(18).create_database("meanwhile").await;
    database
        .sql("CREATE TABLE t AS SELECT 1 AS n; CREATE SEQUENCE s; SELECT setval('s', 7)")
        .await;
    let live = dump(&database).await.unwrap();
    database
        .sql(
            "UPDATE t SET n = 2; INSERT INTO t VALUES (3); CREATE TABLE late (n int); \
             SELECT setval('s', 99); ALTER SEQUENCE s INCREMENT BY 5",
        )
        .await;
    let read: Vec<_> = rows(&live).await.try_collect().await.unwrap();
    assert_eq!(read.concat(), b"1\n");
    let sequences = live.evidence().sequences;
    let values: Vec<_> = sequences.values().map(|one| one.last_value).collect();
    assert_eq!(values, [7]);
    let entries = &live.toc().entries;
    assert!(!entries.iter().any(|entry| &entry.tag[..] == b"late"));
}

#[tokio::test]
async fn a_standby_that_ends_the_reading_is_told_with_what_to_do() {
    let primary = Cluster::start(18);
    let database = primary.create_database("conflict").await;
    database
        .sql("CREATE TABLE t AS SELECT n, repeat(md5(n::text), 300) AS x FROM generate_series(1, 6000) n")
        .await;
    let standby = primary.standby().await;
    let copy = standby.database(database.name());
    copy.sql("ALTER SYSTEM SET max_standby_streaming_delay = 0")
        .await;
    copy.sql("SELECT pg_reload_conf()").await;
    until(&copy, "SHOW max_standby_streaming_delay", "0").await;
    let live = dump(&copy).await.unwrap();
    let mut reading = rows(&live).await;
    assert!(reading.try_next().await.unwrap().is_some());
    database.sql("DELETE FROM t WHERE n % 2 = 0").await;
    database.sql("VACUUM t").await;
    let patience = Instant::now() + Duration::from_secs(60);
    while !live.snapshot().conn().is_closed() {
        assert!(Instant::now() < patience, "there was no conflict");
        copy.sql("SELECT 1").await;
    }
    let error = loop {
        match reading.try_next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it cannot have come to its end"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Server);
    assert_eq!(error.sqlstate(), Some("40001"), "{error:?}");
    assert!(
        error.to_string().contains("hot_standby_feedback"),
        "{error}"
    );
    assert!(error.to_string().contains("dump the primary"), "{error}");
}
