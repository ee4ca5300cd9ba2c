//! Connecting, snapshots, lanes, COPY and the target side, against real servers.

use std::num::NonZeroUsize;
use std::time::Duration;

use dr_core::digest::RowsHasher;
use dr_core::dump::LargeObjectPiece;
use dr_core::pg::{
    ConnInfo, Environment, Isolation, SequenceName, Session, SessionOptions, Snapshot,
    SnapshotOptions, copy, large_object, sequence_values, target,
};
use dr_core::{Error, ErrorKind};
use dr_tests::{ALL_MAJORS, Cluster, Database, MAJORS};
use futures::{StreamExt, TryStreamExt, stream};

fn info(text: &str) -> ConnInfo {
    ConnInfo::resolve(Some(text), &Environment::empty().user("nobody")).unwrap()
}

async fn session(database: &Database) -> Session {
    Session::connect(&info(database.conninfo()), &SessionOptions::new())
        .await
        .unwrap()
}

async fn snapshot(database: &Database, jobs: usize) -> Snapshot {
    let options = SnapshotOptions::new().jobs(NonZeroUsize::new(jobs).unwrap());
    session(database).await.snapshot(&options).await.unwrap()
}

async fn all(stream: dr_core::files::ByteStream) -> Vec<u8> {
    let pieces: Vec<_> = stream.try_collect().await.unwrap();
    pieces.concat()
}

#[tokio::test]
async fn every_major_gives_its_facts_and_one_snapshot_for_all_lanes() {
    for major in ALL_MAJORS {
        let database = Cluster::shared(major).create_database("facts").await;
        database
            .sql("CREATE TABLE t (a int, b text); INSERT INTO t SELECT g, 'row ' || g FROM generate_series(1, 1000) g")
            .await;
        let snapshot = snapshot(&database, 2).await;
        database
            .sql("DELETE FROM t; INSERT INTO t VALUES (0, 'late')")
            .await;
        let facts = snapshot.facts();
        assert_eq!(facts.database, database.name());
        assert_eq!(facts.server_version_num / 10_000, major);
        assert_eq!(facts.encoding, "UTF8");
        assert_eq!(facts.locale_provider, "libc");
        assert!(facts.lsn.as_ref().unwrap().contains('/'), "{facts:?}");
        assert!(
            facts
                .system_identifier
                .as_ref()
                .unwrap()
                .parse::<u64>()
                .is_ok()
        );
        assert!(!facts.in_recovery);
        assert!(facts.extensions.contains_key("plpgsql"));
        assert_ne!(facts.settings["TimeZone"], "");
        for _ in 0..3 {
            let columns = ["a".to_owned(), "b".to_owned()];
            let digest = snapshot.rows_digest("public", "t", &columns).await.unwrap();
            let expected: String = (1..=1000).map(|g| format!("{g}\trow {g}\n")).collect();
            let mut hasher = RowsHasher::new();
            hasher.update(expected.as_bytes());
            assert_eq!(digest, hasher.finish().unwrap(), "PostgreSQL {major}");
        }
    }
}

#[tokio::test]
async fn copy_out_is_what_the_server_sends_whatever_the_size_of_rows() {
    let database = Cluster::shared(18).create_database("copy").await;
    database
        .sql(
            "CREATE TABLE t (a int, b text); \
             INSERT INTO t SELECT g, repeat(chr(97 + g % 26), g % 300) FROM generate_series(1, 20000) g; \
             INSERT INTO t VALUES (0, repeat('x', 5000000)), (-1, NULL)",
        )
        .await;
    let snapshot = snapshot(&database, 1).await;
    let stream = copy::copy_out(
        snapshot.lane().await.unwrap(),
        "COPY t TO STDOUT".replace(" t ", " public.t "),
        "t".to_owned(),
    );
    let pieces: Vec<_> = stream.try_collect().await.unwrap();
    let expected = database.copy_out("COPY t TO STDOUT").await;
    assert!(pieces.concat() == expected);
    // All but the last are full, and none is larger than a piece, not even for the large row.
    assert!(
        pieces.len() <= expected.len() / (128 << 10) + 1,
        "{}",
        pieces.len()
    );
    assert!(pieces.iter().all(|piece| piece.len() <= 128 << 10));
}

#[tokio::test]
async fn a_dropped_copy_is_cancelled_and_the_next_lane_does_not_wait() {
    let cluster = Cluster::start(15);
    let database = cluster.create_database("cancel").await;
    database.sql("CREATE TABLE t (a int)").await;
    let snapshot = snapshot(&database, 1).await;
    for _ in 0..3 {
        let mut stream = copy::copy_out(
            snapshot.lane().await.unwrap(),
            "COPY (SELECT repeat('x', 1000), generate_series(1, 2000000000)) TO STDOUT".to_owned(),
            "endless".to_owned(),
        );
        assert!(stream.next().await.unwrap().is_ok());
        drop(stream);
        let columns = ["a".to_owned()];
        assert_eq!(
            snapshot
                .rows_digest("public", "t", &columns)
                .await
                .unwrap()
                .rows,
            0
        );
    }
    // The server stops as well: nothing of it is left running.
    let running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY (SELECT repeat%' AND state = 'active'";
    let patience = std::time::Instant::now() + Duration::from_secs(60);
    while database.value(running).await != "0" {
        assert!(std::time::Instant::now() < patience, "still running");
    }
}

#[tokio::test]
async fn a_refused_copy_names_the_entry_and_the_lane_is_replaced() {
    let database = Cluster::shared(18).create_database("refused").await;
    let snapshot = snapshot(&database, 1).await;
    let mut stream = copy::copy_out(
        snapshot.lane().await.unwrap(),
        "COPY public.missing TO STDOUT".to_owned(),
        "entry 7 (TABLE DATA public.missing)".to_owned(),
    );
    let error = stream.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Server);
    assert_eq!(error.sqlstate(), Some("42P01"));
    assert!(
        error
            .to_string()
            .starts_with("entry 7 (TABLE DATA public.missing): "),
        "{error}"
    );
    assert!(stream.next().await.is_none());
    drop(stream);
    let divided = copy::copy_out(
        snapshot.lane().await.unwrap(),
        "COPY (SELECT 1 / (g - 500000) FROM generate_series(1, 1000000) g) TO STDOUT".to_owned(),
        "divided".to_owned(),
    );
    let outcome: Result<Vec<_>, Error> = divided.try_collect().await;
    assert_eq!(outcome.unwrap_err().sqlstate(), Some("22012"));
    let fine = copy::copy_out(
        snapshot.lane().await.unwrap(),
        "COPY (SELECT 1) TO STDOUT".to_owned(),
        "fine".to_owned(),
    );
    assert_eq!(all(fine).await, b"1\n");
}

#[tokio::test]
async fn copy_in_counts_aborts_with_its_source_and_stops_at_the_servers_error() {
    for major in MAJORS {
        let database = Cluster::shared(major).create_database("in").await;
        database
            .sql("CREATE TABLE t (a int PRIMARY KEY, b text)")
            .await;
        let conn = target::connect(&info(database.conninfo()), &target::Preamble::new("UTF8"))
            .await
            .unwrap();
        let sql = "COPY public.t (a, b) FROM stdin;";
        let pieces = |count: i32| {
            stream::iter((1..=count).map(|a| Ok(bytes::Bytes::from(format!("{a}\tß {a}\n")))))
                .boxed()
        };
        let rows = copy::copy_in(&conn, sql, pieces(10_000), "entry 1")
            .await
            .unwrap();
        assert_eq!(rows, 10_000);
        assert_eq!(
            database
                .value("SELECT count(*) FROM t WHERE b = 'ß ' || a")
                .await,
            "10000"
        );

        // A source that breaks: its own error, no rows, a connection that works on.
        let broken = pieces(0)
            .chain(stream::iter([
                Ok(bytes::Bytes::from_static(b"20001\tx\n")),
                Err(Error::new(ErrorKind::Integrity, "flipped bit")),
            ]))
            .boxed();
        let error = copy::copy_in(&conn, sql, broken, "entry 1")
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity);
        assert_eq!(database.value("SELECT count(*) FROM t").await, "10000");

        // A row the server refuses: told at once and not after an endless source.
        let endless = stream::repeat_with(|| Ok(bytes::Bytes::from_static(b"1\tagain\n"))).boxed();
        let error = copy::copy_in(&conn, sql, endless, "entry 9 (TABLE DATA t)")
            .await
            .unwrap_err();
        assert_eq!(error.sqlstate(), Some("23505"));
        assert!(
            error.to_string().contains("entry 9 (TABLE DATA t)"),
            "{error}"
        );
        assert!(error.to_string().contains("line 1"), "{error}");
        conn.run("SELECT 1").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_a_copy_in_is_quoted_with_why() {
    for major in MAJORS {
        let database = Cluster::shared(major).create_database("ended").await;
        database.sql("CREATE TABLE t (a int)").await;
        for _ in 0..10 {
            let conn = target::connect(&info(database.conninfo()), &target::Preamble::new("UTF8"))
                .await
                .unwrap();
            let other = database.clone();
            let ending = tokio::spawn(async move {
                let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_progress_copy \
                     WHERE datname = current_database()";
                while other.value(end).await == "0" {}
            });
            let endless = stream::repeat_with(|| Ok(bytes::Bytes::from("1\n".repeat(40_000))));
            let sql = "COPY public.t (a) FROM stdin;";
            let error = copy::copy_in(&conn, sql, endless.boxed(), "entry 1")
                .await
                .unwrap_err();
            ending.await.unwrap();
            assert_eq!(error.sqlstate(), Some("57P01"), "{error:?}");
            let words = "terminating connection due to administrator command";
            assert!(format!("{error:?}").contains(words), "{error:?}");
            assert!(error.is_retryable());
            // So it is for whoever asks the connection next.
            let error = conn.run("SELECT 1").await.unwrap_err();
            assert_eq!(error.sqlstate(), Some("57P01"), "{error:?}");
        }
    }
}

#[tokio::test]
async fn large_objects_come_back_as_they_were_written() {
    for major in MAJORS {
        let database = Cluster::shared(major).create_database("lo").await;
        let conn = target::connect(&info(database.conninfo()), &target::Preamble::new("UTF8"))
            .await
            .unwrap();
        let sizes = [
            0,
            1,
            2048,
            128 << 10,
            (128 << 10) + 1,
            (3 << 20) + 7,
            1 << 20,
            (128 << 10) + (1 << 20),
        ];
        let contents: Vec<(u32, Vec<u8>)> = (0..70)
            .map(|at| {
                let size: usize = sizes[at % sizes.len()];
                (
                    5000 + u32::try_from(at).unwrap(),
                    (0..size).map(|byte| (byte % 251) as u8).collect(),
                )
            })
            .collect();
        conn.run("BEGIN").await.unwrap();
        for (oid, content) in &contents {
            conn.run(&format!("SELECT pg_catalog.lo_create('{oid}')"))
                .await
                .unwrap();
            let pieces: Vec<_> = content
                .chunks(300_000)
                .map(|piece| Ok(bytes::Bytes::copy_from_slice(piece)))
                .collect();
            let written = large_object::write(&conn, *oid, stream::iter(pieces).boxed())
                .await
                .unwrap();
            assert_eq!(written, content.len() as u64);
        }
        conn.run("COMMIT").await.unwrap();

        let snapshot = snapshot(&database, 1).await;
        let oids: Vec<u32> = contents.iter().map(|(oid, _)| *oid).collect();
        let run = large_object::read(snapshot.lane().await.unwrap(), oids, "blobs".to_owned());
        let mut got: Vec<(u32, Vec<u8>)> = Vec::new();
        let mut open = false;
        let mut run = Box::pin(run);
        while let Some(piece) = run.try_next().await.unwrap() {
            match piece {
                LargeObjectPiece::Begin(oid) => {
                    assert!(!open);
                    open = true;
                    got.push((oid, Vec::new()));
                }
                LargeObjectPiece::Content(bytes) => {
                    got.last_mut().unwrap().1.extend_from_slice(&bytes)
                }
                LargeObjectPiece::End => open = false,
            }
        }
        assert!(!open);
        assert!(got == contents, "PostgreSQL {major}");
        drop(run);
        let missing =
            large_object::read_one(snapshot.lane().await.unwrap(), 4999, "blobs".to_owned());
        let outcome: Result<Vec<_>, Error> = missing.try_collect().await;
        assert_eq!(outcome.unwrap_err().sqlstate(), Some("42704"));
    }
}

#[tokio::test]
async fn sequences_are_read_many_at_a_time() {
    let database = Cluster::shared(15).create_database("sequences").await;
    let create: String = (0..600)
        .map(|n| format!("CREATE SEQUENCE \"S {n}\" START {};", n + 1))
        .collect();
    database.sql(&create).await;
    database
        .sql("SELECT nextval('\"S 7\"'), setval('\"S 8\"', 99, false)")
        .await;
    let session = session(&database).await;
    let names: Vec<SequenceName> = (0..600)
        .map(|n| SequenceName {
            namespace: "public".to_owned(),
            name: format!("S {n}"),
        })
        .collect();
    let values = sequence_values(session.conn(), &names).await.unwrap();
    assert_eq!((values[6].last_value, values[6].is_called), (7, false));
    assert_eq!((values[7].last_value, values[7].is_called), (8, true));
    assert_eq!((values[8].last_value, values[8].is_called), (99, false));
    assert_eq!(values.len(), 600);
}

#[tokio::test]
async fn a_latin1_database_is_read_and_written_byte_for_byte() {
    for major in MAJORS {
        let cluster = Cluster::shared(major);
        let options = "TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'";
        let database = cluster.create_database_with("latin1", options).await;
        database
            .sql("CREATE TABLE \"Straße\" (\"größe\" text); INSERT INTO \"Straße\" VALUES ('süß')")
            .await;
        let snapshot = snapshot(&database, 1).await;
        assert_eq!(snapshot.facts().encoding, "LATIN1");
        let rows = snapshot
            .conn()
            .rows("SELECT relname::text AS name FROM pg_catalog.pg_class WHERE relname LIKE 'Str%'")
            .await
            .unwrap();
        let name = rows[0].text("name").unwrap();
        assert_eq!(snapshot.conn().form().encode(&name), &b"Stra\xDFe"[..]);
        let stream = copy::copy_out(
            snapshot.lane().await.unwrap(),
            format!("COPY public.\"{name}\" TO STDOUT"),
            name.clone(),
        );
        assert_eq!(all(stream).await, b"s\xFC\xDF\n");
        let columns = ["gr\u{F6}\u{DF}e".to_owned()];
        let digest = snapshot
            .rows_digest("public", &name, &columns)
            .await
            .unwrap();
        assert_eq!(digest.rows, 1);

        // Into a database of another encoding, statements and data as they are in the dump.
        let copy_of = cluster.create_database("utf8").await;
        let preamble = target::Preamble::new("LATIN1");
        let conn = target::connect(&info(copy_of.conninfo()), &preamble)
            .await
            .unwrap();
        conn.run(&format!("CREATE TABLE public.\"{name}\" (\"größe\" text)"))
            .await
            .unwrap();
        let data = stream::iter([Ok(bytes::Bytes::from_static(b"s\xFC\xDF\n"))]).boxed();
        let sql = format!("COPY public.\"{name}\" FROM stdin");
        assert_eq!(copy::copy_in(&conn, &sql, data, "t").await.unwrap(), 1);
        assert_eq!(
            copy_of.value("SELECT \"größe\" FROM \"Straße\"").await,
            "süß"
        );

        // And the proof: the copy read in the dump's encoding.
        let options = SessionOptions::new().encoding("LATIN1");
        let session = Session::connect(&info(copy_of.conninfo()), &options)
            .await
            .unwrap();
        let proof = session.snapshot(&SnapshotOptions::new()).await.unwrap();
        assert_eq!(
            proof.rows_digest("public", &name, &columns).await.unwrap(),
            digest
        );
    }
}

#[tokio::test]
async fn databases_are_made_like_their_source_renamed_and_dropped() {
    for major in MAJORS {
        let cluster = Cluster::shared(major);
        let options = "TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'";
        let source = cluster.create_database_with("like", options).await;
        let facts = snapshot(&source, 1).await.facts().clone();
        let conn = target::maintenance(&info(&cluster.conninfo("whatever")))
            .await
            .unwrap();
        let (temporary, name) = (
            format!("{}-new", source.name()),
            format!("{}-done", source.name()),
        );
        let new = target::NewDatabase::new(&temporary).like(&facts);
        target::create(&conn, &new).await.unwrap();
        let again = target::create(&conn, &new).await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::Conflict);
        let made = snapshot(&cluster.database(&temporary), 1)
            .await
            .facts()
            .clone();
        assert_eq!(
            (made.encoding, made.collate),
            (facts.encoding, facts.collate)
        );
        target::rename(&conn, &temporary, &name).await.unwrap();
        assert!(target::exists(&conn, &name).await.unwrap());
        let busy = cluster.database(&name).connect().await;
        target::drop_database(&conn, &name).await.unwrap();
        assert!(!target::exists(&conn, &name).await.unwrap());
        target::drop_database(&conn, &name).await.unwrap();
        drop(busy);
    }
}

#[tokio::test]
async fn what_a_database_holds_is_named_and_initdb_and_extensions_do_not_count() {
    for major in ALL_MAJORS {
        let database = Cluster::shared(major).create_database("content").await;
        let conn = target::connect(&info(database.conninfo()), &target::Preamble::new("UTF8"))
            .await
            .unwrap();
        let content = target::content(&conn).await.unwrap();
        assert!(content.is_empty(), "PostgreSQL {major}: {content}");
        conn.run("CREATE EXTENSION pg_trgm SCHEMA public")
            .await
            .unwrap();
        let content = target::content(&conn).await.unwrap();
        assert!(content.is_empty(), "PostgreSQL {major}: {content}");
        conn.run(
            "CREATE SCHEMA audit; CREATE TABLE audit.log (id serial PRIMARY KEY); \
             CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; \
             CREATE TYPE public.mood AS ENUM ('good'); SELECT pg_catalog.lo_create(4711)",
        )
        .await
        .unwrap();
        let content = target::content(&conn).await.unwrap();
        assert_eq!(
            content.to_string(),
            "table audit.log, sequence audit.log_id_seq, function public.f, type public.mood, \
             schema audit, large object 4711",
            "PostgreSQL {major}"
        );
        let many: String = (0..30)
            .map(|n| format!("CREATE TABLE public.t{n} ();"))
            .collect();
        conn.run(&many).await.unwrap();
        let content = target::content(&conn).await.unwrap();
        assert!(content.to_string().ends_with(" and 26 more"), "{content}");
    }
}

#[tokio::test]
async fn a_serializable_snapshot_works_on_a_primary_and_not_on_a_standby() {
    let primary = Cluster::start(15);
    let database = primary.create_database("standby").await;
    database
        .sql("CREATE TABLE t AS SELECT g FROM generate_series(1, 100) g")
        .await;
    let deferrable = SnapshotOptions::new().isolation(Isolation::SerializableDeferrable);
    let taken = session(&database)
        .await
        .snapshot(&deferrable)
        .await
        .unwrap();
    let columns = ["g".to_owned()];
    assert_eq!(
        taken
            .rows_digest("public", "t", &columns)
            .await
            .unwrap()
            .rows,
        100
    );

    let standby = primary.standby().await;
    let copy = standby.database(database.name());
    let error = session(&copy)
        .await
        .snapshot(&deferrable)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let taken = snapshot(&copy, 2).await;
    assert!(taken.facts().in_recovery);
    assert!(taken.facts().lsn.is_some());
    let (one, two) = tokio::join!(
        taken.rows_digest("public", "t", &columns),
        taken.rows_digest("public", "t", &columns)
    );
    assert_eq!(one.unwrap().rows, 100);
    assert_eq!(two.unwrap().rows, 100);

    // Of several hosts, the one that is asked for.
    let hosts = |attributes: &str| {
        info(&format!(
            "host=127.0.0.1,127.0.0.1,127.0.0.1 port=1,{},{} user=postgres dbname={} target_session_attrs={attributes}",
            standby.port(),
            primary.port(),
            database.name()
        ))
    };
    for (attributes, in_recovery) in [
        ("any", true),
        ("primary", false),
        ("read-write", false),
        ("standby", true),
        ("read-only", true),
        ("prefer-standby", true),
    ] {
        let session = Session::connect(&hosts(attributes), &SessionOptions::new())
            .await
            .unwrap();
        let rows = session
            .conn()
            .rows("SELECT pg_is_in_recovery() AS standby")
            .await
            .unwrap();
        assert_eq!(
            rows[0].get::<bool>("standby").unwrap(),
            in_recovery,
            "{attributes}"
        );
    }
    // A restore looks for the primary by itself.
    let conn = target::connect(&hosts("any"), &target::Preamble::new("UTF8"))
        .await
        .unwrap();
    conn.run("CREATE TABLE public.written ()").await.unwrap();
    let only_standby = info(&format!(
        "host=127.0.0.1 port={} user=postgres dbname=postgres target_session_attrs=primary",
        standby.port()
    ));
    let error = Session::connect(&only_standby, &SessionOptions::new())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("hot standby"), "{error}");
}
