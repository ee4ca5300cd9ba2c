//! Plain dumps of stock pg_dump are read as its archives are, and what dr writes stock psql loads.

use std::collections::BTreeMap;
use std::sync::Arc;

use dr_core::archive::{directory, folder};
use dr_core::dump::Data;
use dr_core::pipeline::compression::{Compression, compress};
use dr_core::sql::reader::{self, PlainDump, ReadOptions};
use dr_core::sql::writer::{self, WriteOptions};
use dr_core::toc::render::RenderOptions;
use dr_core::toc::{Entry, Kind, Toc};
use dr_core::{Dump, ErrorKind};
use dr_tests::{
    Cluster, Database, Polling, assert_same_contents, assert_same_lines, contents, fixture,
    normalized_schema,
};
use futures::{StreamExt, TryStreamExt, stream};

/// A server, and clients whose dumps of it are tried.
const PAIRS: [(u32, &[u32]); 6] = [
    (13, &[15, 18]),
    (14, &[16]),
    (15, &[15, 17]),
    (16, &[16, 18]),
    (17, &[17]),
    (18, &[18]),
];

async fn nasty(cluster: &Arc<Cluster>) -> Database {
    let database = cluster.create_database("nasty").await;
    database
        .sql(
            "DO $$ BEGIN
                 CREATE ROLE nasty_owner; CREATE ROLE \"nasty;reader\";
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$",
        )
        .await;
    let read = |name| std::fs::read_to_string(fixture(name)).expect("a fixture");
    database.sql(&read("nasty.sql")).await;
    if cluster.major() >= 14 {
        database.sql(&read("nasty_14.sql")).await;
    }
    database
}

async fn from_pipe(text: impl Into<Vec<u8>>) -> dr_core::Result<PlainDump> {
    reader::read(
        Box::pin(std::io::Cursor::new(text.into())),
        &ReadOptions::new(),
    )
    .await
}

async fn from_file(text: &[u8]) -> (PlainDump, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("dump.sql");
    std::fs::write(&path, text).expect("the dump is written");
    let dump = reader::open(&path, &ReadOptions::new())
        .await
        .expect("the dump is read");
    (dump, folder)
}

fn for_major(major: u32) -> WriteOptions {
    WriteOptions::new().render(RenderOptions::new().target_version(major * 10_000))
}

async fn script_of(dump: Arc<dyn Dump>, options: WriteOptions) -> Vec<u8> {
    let toc = Arc::new(dump.toc().clone());
    let pieces: Vec<_> = writer::script(dump, toc, options)
        .try_collect()
        .await
        .expect("the script is written");
    pieces.concat()
}

/// The schema, without the version numbers that the minor releases of November 2026 keep in column
/// options: a name with a line end hides them from [`dr_tests::normalized_schema`].
fn schema(database: &Database) -> String {
    let dump = database.pg_dump(18).arg("--schema-only").output_ok();
    let mut parts = dump.text().split("SET (pg_attver=");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str("SET (pg_attver=");
        text.push_str(part.trim_start_matches(|char: char| char.is_ascii_digit()));
    }
    normalized_schema(&text)
}

/// The lines of a script that are not empty.
fn filled(script: &[u8]) -> String {
    String::from_utf8_lossy(script)
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| format!("{line}\n"))
        .collect()
}

fn load(database: &Database, script: Vec<u8>) {
    database
        .psql()
        .args([
            "-X",
            "-q",
            "-o",
            "/dev/null",
            "-v",
            "ON_ERROR_STOP=1",
            "-f",
            "-",
        ])
        .input(script)
        .output_ok();
}

/// The fields of an entry that a script can say, under a key that is the same in an archive.
fn facts(toc: &Toc) -> BTreeMap<String, Vec<String>> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut facts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in &toc.entries {
        let optional = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map(|bytes| text(bytes));
        let is_of_database = entry.tag.starts_with(b"DATABASE ") || entry.kind == Kind::Database;
        // Large objects come one by one from a script, and by the thousand from an archive of 1.16.
        let is_large = matches!(entry.kind, Kind::Blob | Kind::BlobMetadata | Kind::Blobs)
            || entry.tag.starts_with(b"LARGE OBJECT");
        if is_of_database || is_large {
            continue;
        }
        let key = format!(
            "{} {}.{}",
            entry.kind,
            text(entry.namespace.as_deref().unwrap_or(b"-")),
            text(&entry.tag)
        );
        facts.entry(key).or_default().push(format!(
            "owner {} section {:?} tablespace {:?} method {:?} copy {:?} data {}\n{}",
            text(&entry.owner),
            entry.section,
            optional(&entry.tablespace),
            optional(&entry.table_access_method),
            optional(&entry.copy_statement),
            entry.has_data,
            text(&entry.definition)
        ));
    }
    for list in facts.values_mut() {
        list.sort();
    }
    facts
}

fn lines_of(facts: &BTreeMap<String, Vec<String>>) -> String {
    facts
        .iter()
        .map(|(key, list)| format!("{key}\n{}\n", list.join("\n")))
        .collect()
}

/// Entry for entry the script says what the archive of the same database says.
#[tokio::test]
async fn a_script_has_the_entries_of_the_archive() {
    for (server, clients) in PAIRS {
        let source = nasty(&Cluster::shared(server)).await;
        for client in clients {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("archive");
            source
                .pg_dump(*client)
                .args(["--format=directory", "--file"])
                .arg(&path)
                .output_ok();
            let archive = folder::Folder::open(&path).await.expect("the archive");
            let archive = directory::dump(Arc::new(archive)).await.expect("its dump");
            let plain = source.pg_dump(*client).output_ok();
            let (dump, _folder) = from_file(&plain.stdout).await;
            assert_same_lines(
                &lines_of(&facts(archive.toc())),
                &lines_of(&facts(dump.toc())),
                &format!("server {server}, client {client}"),
            );
            // Where the script gives an entry a DROP, for its owner's sake, it is the archive's.
            let drops: BTreeMap<String, &Entry> = archive
                .toc()
                .entries
                .iter()
                .map(|entry| (label(entry), entry))
                .collect();
            for entry in &dump.toc().entries {
                if let Some(found) = drops.get(&label(entry))
                    && entry.kind != Kind::Blob
                    && !entry.drop_statement.is_empty()
                {
                    assert_eq!(found.drop_statement, entry.drop_statement, "{entry}");
                }
            }
        }
    }
}

fn label(entry: &Entry) -> String {
    format!("{:?} {:?} {:?}", entry.kind, entry.namespace, entry.tag)
}

/// Every way pg_dump writes a script: read from a file, written again, loaded by psql, the database
/// is the same.
#[tokio::test]
async fn every_mode_of_pg_dump_goes_through() {
    const MODES: &[&[&str]] = &[
        &[],
        &["--verbose"],
        &["--inserts"],
        &["--column-inserts", "--rows-per-insert=7"],
        &["--inserts", "--on-conflict-do-nothing"],
        &["--clean", "--if-exists"],
        &["--clean"],
        &["--create"],
        &["--create", "--clean"],
        &["--use-set-session-authorization"],
        &["--quote-all-identifiers"],
        &["--load-via-partition-root"],
        &["--disable-dollar-quoting"],
        &["--serializable-deferrable", "--no-sync"],
    ];
    for (server, clients) in PAIRS {
        let cluster = Cluster::shared(server);
        let source = nasty(&cluster).await;
        for (at, mode) in MODES.iter().enumerate() {
            // Every mode on two servers.
            if at as u32 % 3 != server % 3 {
                continue;
            }
            let client = clients[at % clients.len()];
            let plain = source.pg_dump(client).args(*mode).output_ok();
            let (dump, _folder) = from_file(&plain.stdout).await;
            let script = script_of(Arc::new(dump), for_major(server)).await;
            let target = cluster.create_database("target").await;
            load(&target, script.clone());
            let what = format!("server {server}, client {client}, {mode:?}");
            assert_same_lines(&schema(&source), &schema(&target), &what);
            assert_eq!(contents(&source).await, contents(&target).await, "{what}");

            // What dr writes it reads as it read the original, but for numbers and versions.
            let again = from_pipe(script.clone()).await.expect("dr's own script");
            let twice = script_of(Arc::new(again), for_major(server)).await;
            assert_same_lines(&filled(&script), &filled(&twice), &what);
        }
    }
}

/// A data-only script and one of the schema alone make one database.
#[tokio::test]
async fn schema_and_data_come_in_two_scripts() {
    let cluster = Cluster::shared(18);
    let source = nasty(&cluster).await;
    let target = cluster.create_database("target").await;
    for part in [
        &["--schema-only"][..],
        &["--data-only", "--disable-triggers"],
    ] {
        let plain = source.pg_dump(18).args(part).output_ok();
        let dump = from_pipe(plain.stdout).await.expect("the dump is read");
        load(&target, script_of(Arc::new(dump), for_major(18)).await);
    }
    target
        .sql("REFRESH MATERIALIZED VIEW app.m; REFRESH MATERIALIZED VIEW app.m2")
        .await;
    assert_same_lines(&schema(&source), &schema(&target), "the schema");
    assert_eq!(contents(&source).await, contents(&target).await);
}

/// Statistics of pg_dump 18, owners left out, privileges left out.
#[tokio::test]
async fn statistics_are_carried_and_owners_may_be_left_out() {
    let cluster = Cluster::shared(18);
    let source = nasty(&cluster).await;
    source.sql("ANALYZE").await;
    let plain = source.pg_dump(18).arg("--statistics").output_ok();
    let (dump, _folder) = from_file(&plain.stdout).await;
    let dump: Arc<dyn Dump> = Arc::new(dump);
    let target = cluster.create_database("target").await;
    load(&target, script_of(Arc::clone(&dump), for_major(18)).await);
    let statistics = "SELECT count(*)::text FROM pg_stats WHERE schemaname = 'app'";
    assert_eq!(
        source.value(statistics).await,
        target.value(statistics).await
    );
    assert_ne!(source.value(statistics).await, "0");

    let bare = cluster.create_database("bare").await;
    let options = WriteOptions::new()
        .render(RenderOptions::new().no_owner().target_version(180_000))
        .no_acl();
    load(&bare, script_of(dump, options).await);
    let owned = "SELECT count(*)::text FROM pg_class c JOIN pg_roles r ON r.oid = relowner \
                 WHERE rolname LIKE 'nasty%' OR relacl IS NOT NULL AND relnamespace = 'app'::regnamespace";
    assert_eq!(bare.value(owned).await, "0");
    let _ = contents(&bare).await;
}

/// A dump of a new server, with settings an old one does not know, loads into the old one.
#[tokio::test]
async fn settings_are_those_the_target_knows() {
    let new = Cluster::shared(18);
    let source = new.create_database("new").await;
    Polling::with_votes(300).load(&source).await;
    let plain = source
        .pg_dump(18)
        .arg("--no-owner")
        .arg("--no-acl")
        .output_ok();
    assert!(plain.text().contains("SET transaction_timeout"));
    let dump = from_pipe(plain.stdout).await.expect("the dump is read");
    let old = Cluster::shared(15);
    // Its roles.
    let other = old.create_database("other").await;
    Polling::with_votes(1).load(&other).await;
    let target = old.create_database("old").await;
    load(&target, script_of(Arc::new(dump), for_major(15)).await);
    assert_same_contents(&source, &target).await;
}

/// Dumps in another encoding, and with backslashes in plain strings.
#[tokio::test]
async fn other_encodings_and_old_strings_are_kept() {
    let cluster = Cluster::shared(15);
    let source = nasty(&cluster).await;
    source
        .sql(r#"CREATE TABLE app."größe" (a text DEFAULT 'ß\'); INSERT INTO app."größe" VALUES ('é\');"#)
        .await;
    for options in [
        "-c client_encoding=LATIN1",
        "-c standard_conforming_strings=off",
    ] {
        let plain = source
            .pg_dump(15)
            .env("PGOPTIONS", options)
            .args(if options.contains("LATIN1") {
                &["--encoding=LATIN1"][..]
            } else {
                &["--inserts"]
            })
            .output_ok();
        let (dump, _folder) = from_file(&plain.stdout).await;
        assert_eq!(dump.toc().encoding == "LATIN1", options.contains("LATIN1"));
        let script = script_of(Arc::new(dump), for_major(15)).await;
        let target = cluster.create_database("target").await;
        load(&target, script);
        assert_same_lines(&schema(&source), &schema(&target), "the schema");
        assert_eq!(contents(&source).await, contents(&target).await);
    }
}

/// The same through pipes and compression, and an archive becomes a script.
#[tokio::test]
async fn compressed_scripts_and_archives_become_scripts() {
    let cluster = Cluster::shared(16);
    let source = nasty(&cluster).await;
    let plain = source.pg_dump(16).output_ok().stdout;
    let (whole, _folder) = from_file(&plain).await;
    let expect = script_of(Arc::new(whole), for_major(16)).await;
    for compression in [
        Compression::Gzip(6),
        Compression::Zstd(3),
        Compression::Lz4(0),
    ] {
        // Two members, as `cat a.gz b.gz` makes them.
        let mut packed = Vec::new();
        for half in [&plain[..plain.len() / 2], &plain[plain.len() / 2..]] {
            let half = bytes::Bytes::copy_from_slice(half);
            let pieces: Vec<_> = compress(stream::iter([Ok(half)]).boxed(), compression)
                .try_collect()
                .await
                .expect("compressed");
            packed.extend(pieces.concat());
        }
        let dump = from_pipe(packed.clone()).await.expect("the dump is read");
        let script = script_of(Arc::new(dump), for_major(16)).await;
        assert!(script == expect, "{compression}");
        packed.truncate(packed.len() - 9);
        let error = from_pipe(packed).await.expect_err("cut short");
        assert_eq!(error.kind(), ErrorKind::Stage, "{compression}: {error}");
    }
    for client in [15, 18] {
        let server = Cluster::shared(client);
        let source = nasty(&server).await;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("archive");
        source
            .pg_dump(client)
            .args(["--format=directory", "--file"])
            .arg(&path)
            .output_ok();
        let archive = folder::Folder::open(&path).await.expect("the archive");
        let archive = directory::dump(Arc::new(archive)).await.expect("its dump");
        let target = server.create_database("target").await;
        load(
            &target,
            script_of(Arc::new(archive), for_major(client)).await,
        );
        assert_same_lines(&schema(&source), &schema(&target), "the schema");
        assert_eq!(contents(&source).await, contents(&target).await);
    }
}

/// Roles alone are no dump of a database, and a hostile dump commands nothing.
#[tokio::test]
async fn roles_alone_and_commands_are_refused() {
    let cluster = Cluster::shared(18);
    let source = nasty(&cluster).await;
    let all = dr_tests::stock(18, "pg_dumpall")
        .args(["--globals-only", "--dbname"])
        .arg(source.conninfo())
        .output_ok();
    let error = from_pipe(all.stdout).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("--globals-only"), "{error}");
    let mut plain = source.pg_dump(18).output_ok().stdout;
    plain.extend_from_slice(b"\\! touch /tmp/never\n");
    let error = from_pipe(plain).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.offset().is_some());
}

/// Memory does not grow with a table, and its rows come out as the server would copy them.
#[tokio::test]
async fn rows_come_out_byte_for_byte() {
    let cluster = Cluster::shared(15);
    let source = nasty(&cluster).await;
    let plain = source.pg_dump(15).output_ok();
    let (dump, _folder) = from_file(&plain.stdout).await;
    for entry in &dump.toc().entries {
        let Some(copy) = &entry.copy_statement else {
            continue;
        };
        let copy = String::from_utf8_lossy(copy);
        let copy = copy.trim_end().strip_suffix("FROM stdin;").expect("a COPY");
        let Data::Rows(rows) = dump.data(entry.id).await.expect("data") else {
            panic!("{entry} has rows");
        };
        let rows: Vec<_> = rows.try_collect().await.expect("rows");
        let expect = source.copy_out(&format!("{copy} TO stdout")).await;
        assert!(rows.concat() == expect, "{entry}");
    }
}
