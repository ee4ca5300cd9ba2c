//! dr's directory archives and those of stock pg_dump are one format: each reads the other's.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use dr_core::archive::codec::Version;
use dr_core::archive::{directory, folder};
use dr_core::digest::{RowsDigest, RowsHasher, Sha256};
use dr_core::dump::{Data, LargeObjectPiece};
use dr_core::files::{Evidence, Files};
use dr_core::pipeline::compression::Compression;
use dr_core::toc::{EntryId, Kind, Toc};
use dr_core::{Dump, ErrorKind};
use dr_tests::{Cluster, Database, Polling, contents, schema_dump};
use futures::TryStreamExt;
use futures::future::BoxFuture;

/// Votes, strange names and values, large objects alone and in groups, with owners, ACLs, comments.
async fn fill(database: &Database) {
    Polling::with_votes(300).load(database).await;
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
            CREATE TABLE wide AS SELECT n, repeat(md5(n::text), 2000) AS text FROM generate_series(1, 40) n;
            SELECT lo_from_bytea(7001, 'one'), lo_from_bytea(7002, ''), lo_from_bytea(7003, decode(repeat('00ff0a', 200000), 'hex'));
            SELECT lo_from_bytea(7100, 'owned'), lo_from_bytea(7101, 'owned too');
            ALTER LARGE OBJECT 7100 OWNER TO polling_owner;
            GRANT SELECT ON LARGE OBJECT 7001, 7002, 7003 TO polling_readonly;
            COMMENT ON LARGE OBJECT 7002 IS 'empty';
            "#,
        )
        .await;
}

async fn whole(mut stream: dr_core::files::ByteStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(piece) = stream.try_next().await.unwrap() {
        bytes.extend_from_slice(&piece);
    }
    bytes
}

/// What a dump yields: the digest of each table by name, and each large object's.
async fn read_all(dump: &dyn Dump) -> (BTreeMap<String, RowsDigest>, BTreeMap<u32, Sha256>) {
    let mut tables = BTreeMap::new();
    let mut objects = BTreeMap::new();
    for entry in dump.toc().entries.iter().filter(|entry| entry.has_data) {
        match dump.data(entry.id).await.unwrap() {
            Data::Rows(rows) => {
                let mut hasher = RowsHasher::new();
                hasher.update(&whole(rows).await);
                let namespace = String::from_utf8_lossy(entry.namespace.as_ref().unwrap());
                let name = format!("{namespace}.{}", String::from_utf8_lossy(&entry.tag));
                tables.insert(name, hasher.finish().unwrap());
            }
            Data::LargeObjects(mut pieces) => {
                let mut content = Vec::new();
                let mut current = 0;
                while let Some(piece) = pieces.try_next().await.unwrap() {
                    match piece {
                        LargeObjectPiece::Begin(oid) => current = oid,
                        LargeObjectPiece::Content(bytes) => content.extend_from_slice(&bytes),
                        LargeObjectPiece::End => {
                            objects.insert(current, Sha256::of(&std::mem::take(&mut content)));
                        }
                    }
                }
            }
        }
    }
    (tables, objects)
}

/// The same, as the server itself gives it.
async fn ask_all(
    database: &Database,
    toc: &Toc,
) -> (BTreeMap<String, RowsDigest>, BTreeMap<u32, Sha256>) {
    let mut tables = BTreeMap::new();
    for entry in toc
        .entries
        .iter()
        .filter(|entry| entry.kind == Kind::TableData)
    {
        let copy = String::from_utf8(entry.copy_statement.clone().unwrap().to_vec()).unwrap();
        let copy = copy
            .trim_end()
            .strip_suffix("FROM stdin;")
            .unwrap()
            .to_owned()
            + "TO stdout";
        let mut hasher = RowsHasher::new();
        hasher.update(&database.copy_out(&copy).await);
        let namespace = String::from_utf8_lossy(entry.namespace.as_ref().unwrap());
        let name = format!("{namespace}.{}", String::from_utf8_lossy(&entry.tag));
        tables.insert(name, hasher.finish().unwrap());
    }
    let mut objects = BTreeMap::new();
    for row in database
        .rows("SELECT oid::text, encode(lo_get(oid), 'hex') FROM pg_largeobject_metadata")
        .await
    {
        let [oid, hex] = [row[0].clone().unwrap(), row[1].clone().unwrap()];
        let content: Vec<u8> = (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect();
        objects.insert(oid.parse().unwrap(), Sha256::of(&content));
    }
    (tables, objects)
}

async fn open(path: &Path) -> Arc<dyn Dump> {
    let folder = folder::Folder::open(path).await.unwrap();
    Arc::new(directory::dump(Arc::new(folder)).await.unwrap())
}

fn check_evidence(
    evidence: &Evidence,
    tables: &BTreeMap<String, RowsDigest>,
    objects: &BTreeMap<u32, Sha256>,
) {
    let seen: BTreeMap<String, RowsDigest> = evidence
        .tables
        .values()
        .map(|table| (format!("{}.{}", table.namespace, table.name), table.digest))
        .collect();
    assert_eq!(&seen, tables);
    let seen: BTreeMap<u32, Sha256> = evidence
        .large_objects
        .iter()
        .map(|(oid, object)| (*oid, object.sha256))
        .collect();
    assert_eq!(&seen, objects);
}

/// Every stock pg_dump's archive, in every compression it has, is read whole; written again by dr,
/// the stock pg_restore of the version restores it.
#[tokio::test]
async fn stock_archives_are_read_and_dr_writes_what_stock_pg_restore_restores() {
    for (server, client, methods) in [
        (13, 15, &["0", "6"][..]),
        (14, 15, &["9"]),
        (15, 15, &["0", "6"]),
        (16, 16, &["none", "gzip:4"]),
        (
            17,
            17,
            &["none", "gzip", "zstd:3", "lz4", "lz4:9", "zstd:long"],
        ),
        (18, 18, &["none", "gzip"]),
    ] {
        let cluster = Cluster::shared(server);
        let source = cluster.create_database("source").await;
        fill(&source).await;
        let schema = schema_dump(&source);
        let before = contents(&source).await;
        for method in methods {
            let place = tempfile::tempdir().unwrap();
            let stock = place.path().join("stock");
            source
                .pg_dump(client)
                .arg("-Fd")
                .arg(format!("--compress={method}"))
                .arg("-f")
                .arg(&stock)
                .output_ok();
            let dump = open(&stock).await;
            let asked = ask_all(&source, dump.toc()).await;
            assert!(asked.0.len() > 10 && asked.1.len() >= 5);
            assert_eq!(read_all(&*dump).await, asked, "{server} {client} {method}");

            for (compression, reader) in [
                (Compression::None, client),
                (Compression::Gzip(2), client),
                (Compression::Zstd(3), 17),
                (Compression::Lz4(1), 17),
            ] {
                // zstd and lz4 exist from 16 on only, and stock 16 and 18 here lack them.
                if reader == 17 && !matches!(method, &"none" | &"0") {
                    continue;
                }
                let files = directory::files(dump.clone(), compression).unwrap();
                let written = place.path().join(format!("written-{compression}"));
                folder::export(&files, &written, 3).await.unwrap();
                check_evidence(&files.evidence(), &asked.0, &asked.1);

                let again = open(&written).await;
                assert_eq!(
                    read_all(&*again).await,
                    asked,
                    "{server} {method} {compression}"
                );
                assert_eq!(again.toc().encoding, "UTF8");
                // pg_restore 17 sets transaction_timeout, which servers below do not know; and a
                // newer server's schema is not dumped in the same words.
                let target = if reader <= server {
                    cluster.create_database("target").await
                } else {
                    Cluster::shared(17).create_database("target").await
                };
                let restore = target
                    .pg_restore(reader)
                    .args(["--jobs", if server % 2 == 0 { "3" } else { "1" }]);
                if reader <= server {
                    restore.arg(&written).output_ok();
                    let same = schema_dump(&target) == schema;
                    assert!(same, "schemas differ: {server} {client} {compression}");
                } else {
                    restore
                        .args(["--no-owner", "--no-acl"])
                        .arg(&written)
                        .output_ok();
                }
                assert_eq!(
                    contents(&target).await,
                    before,
                    "{server} {client} {compression}"
                );
            }
        }
    }
}

/// `toc.dat` of stock pg_dump, read and written in its own version, says the same to pg_restore.
#[tokio::test]
async fn a_table_of_contents_that_was_read_and_written_lists_the_same() {
    for (server, client) in [(15, 15), (16, 16), (17, 17), (18, 18)] {
        let source = Cluster::shared(server).create_database("source").await;
        fill(&source).await;
        let place = tempfile::tempdir().unwrap();
        let stock = place.path().join("stock");
        source
            .pg_dump(client)
            .args(["-Fd", "-Z0", "-f"])
            .arg(&stock)
            .output_ok();
        let written = place.path().join("written");
        let files = directory::files(open(&stock).await, Compression::None).unwrap();
        folder::export(&files, &written, 1).await.unwrap();
        let list = |path: &Path| -> Vec<String> {
            let listing = dr_tests::stock(client, "pg_restore")
                .args(["--list", "--verbose"])
                .arg(path)
                .output_ok();
            listing
                .text()
                .lines()
                // pg_dump gives the three settings their ids before those of ACLs and comments.
                .filter(|line| {
                    !line.contains(" ENCODING ")
                        && !line.contains("STDSTRINGS")
                        && !line.contains("SEARCHPATH")
                })
                .map(str::to_owned)
                .collect()
        };
        assert_eq!(list(&written), list(&stock), "{client}");
        assert_eq!(open(&written).await.toc(), open(&stock).await.toc());
    }
}

/// A dump that can tell its large objects only one after another.
struct OneLane(Arc<dyn Dump>);

impl Dump for OneLane {
    fn toc(&self) -> &Toc {
        self.0.toc()
    }

    fn data(&self, entry: EntryId) -> BoxFuture<'_, dr_core::Result<Data>> {
        self.0.data(entry)
    }

    fn lanes(&self) -> usize {
        1
    }
}

#[tokio::test]
async fn a_dump_of_one_lane_is_archived_in_order_and_out_of_order() {
    let source = Cluster::shared(18).create_database("source").await;
    fill(&source).await;
    let place = tempfile::tempdir().unwrap();
    let stock = place.path().join("stock");
    source
        .pg_dump(18)
        .args(["-Fd", "-f"])
        .arg(&stock)
        .output_ok();
    let dump = open(&stock).await;
    let asked = ask_all(&source, dump.toc()).await;
    for version in [Version::V1_14, Version::V1_16] {
        let lane: Arc<dyn Dump> = Arc::new(OneLane(dump.clone()));
        let files = directory::files_of_version(lane, Compression::None, version).unwrap();
        let names: Vec<String> = files.list().into_iter().map(|file| file.name).collect();
        assert_eq!(names[0], "toc.dat");
        let written = place.path().join(format!("written-{version}"));
        folder::export(&files, &written, 1).await.unwrap();
        assert_eq!(read_all(&*open(&written).await).await, asked);
        for oid in [7003, 7001, 7002, 7101, 7100] {
            let content = files.open(&format!("blob_{oid}.dat")).await.unwrap();
            assert_eq!(Sha256::of(&whole(content).await), asked.1[&oid]);
        }
        // Dropped in the middle, the next one still comes whole.
        let mut cut = files.open("blob_7003.dat").await.unwrap();
        cut.try_next().await.unwrap();
        drop(cut);
        let content = files.open("blob_7001.dat").await.unwrap();
        assert_eq!(whole(content).await, b"one");
    }
}

/// Damage of each kind is an error that names the file or the entry; what is sound is still read.
#[tokio::test]
async fn damage_is_told_apart_and_the_rest_can_still_be_read() {
    let source = Cluster::shared(17).create_database("source").await;
    fill(&source).await;
    let place = tempfile::tempdir().unwrap();
    for method in ["none", "gzip", "zstd", "lz4"] {
        let stock = place.path().join(method);
        source
            .pg_dump(17)
            .args(["-Fd", "--compress", method, "-f"])
            .arg(&stock)
            .output_ok();
        let dump = open(&stock).await;
        let wide = dump
            .toc()
            .entries
            .iter()
            .find(|entry| entry.kind == Kind::TableData && &entry.tag[..] == b"wide")
            .unwrap()
            .clone();
        let file = std::fs::read_dir(&stock)
            .unwrap()
            .map(|file| file.unwrap().path())
            .find(|path| {
                path.file_name()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .starts_with(&format!("{}.dat", wide.id))
            })
            .unwrap();
        let sound = std::fs::read(&file).unwrap();
        let read = async || -> dr_core::Error {
            let dump = open(&stock).await;
            let result = match dump.data(wide.id).await {
                Ok(Data::Rows(rows)) => rows.try_collect::<Vec<_>>().await.map(|_| ()),
                Ok(_) => panic!("rows expected"),
                Err(error) => Err(error),
            };
            result.expect_err("damage must be an error")
        };

        std::fs::write(&file, &sound[..sound.len() - 7]).unwrap();
        let error = read().await;
        assert!(error.to_string().contains("cut short"), "{method}: {error}");
        assert_eq!(error.entry(), Some(wide.to_string().as_str()));

        if method != "none" {
            std::fs::write(&file, [&sound[..], b"behind"].concat()).unwrap();
            let error = read().await;
            assert!(
                error.to_string().contains("other bytes follow"),
                "{method}: {error}"
            );
        }
        if method == "gzip" {
            let mut flipped = sound.clone();
            flipped[sound.len() / 2] ^= 1;
            std::fs::write(&file, flipped).unwrap();
            assert_eq!(read().await.kind(), ErrorKind::Stage);
        }
        std::fs::remove_file(&file).unwrap();
        let error = read().await;
        assert_eq!(error.kind(), ErrorKind::Missing);
        let other = open(&stock).await;
        let votes = other
            .toc()
            .entries
            .iter()
            .find(|entry| entry.kind == Kind::TableData && &entry.tag[..] == b"votes_vote")
            .unwrap();
        let Data::Rows(rows) = other.data(votes.id).await.unwrap() else {
            panic!("rows expected");
        };
        assert_eq!(
            whole(rows)
                .await
                .iter()
                .filter(|byte| **byte == b'\n')
                .count(),
            300
        );
    }
}

/// Thousands of large objects of several owners, in groups and one by one, another encoding than
/// UTF-8, rows as INSERT statements: what is written restores to the same.
#[tokio::test]
async fn groups_encodings_and_inserts_pass_through() {
    let cluster = Cluster::shared(17);
    let latin = "ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'";
    let source = cluster.create_database_with("latin", latin).await;
    Polling::with_votes(20)
        .load(&cluster.create_database("roles").await)
        .await;
    source
        .sql(
            "CREATE TABLE \"straße\" (\"größe\" text);
             INSERT INTO \"straße\" VALUES ('ä\\n'), (NULL), (repeat('ß', 3000));
             SELECT lo_from_bytea(n, n::text::bytea) FROM generate_series(100000, 102499) n;
             ALTER LARGE OBJECT 100007 OWNER TO polling_owner;
             GRANT SELECT ON LARGE OBJECT 100001, 102001 TO polling_readonly;
             COMMENT ON LARGE OBJECT 102001 IS 'größer'",
        )
        .await;
    let before = contents(&source).await;
    let utf8 = |database: &Database| {
        let dump = database
            .pg_dump(18)
            .args(["--schema-only", "--encoding=UTF8"]);
        dr_tests::normalized_schema(dump.output_ok().text())
    };
    let schema = utf8(&source);
    let privileges = "SELECT string_agg(oid || ' ' || lomowner::regrole || ' ' || coalesce(lomacl::text, '-'), ',' ORDER BY oid) FROM pg_largeobject_metadata";
    let owners = source.value(privileges).await;
    let place = tempfile::tempdir().unwrap();
    for inserts in [&["--rows-per-insert=2"][..], &[]] {
        let stock = place.path().join(format!("stock{}", inserts.len()));
        source
            .pg_dump(17)
            .args(["-Fd", "-Z0"])
            .args(inserts)
            .arg("-f")
            .arg(&stock)
            .output_ok();
        let dump = open(&stock).await;
        assert_eq!(dump.toc().encoding, "LATIN1");
        for (version, compression) in [
            (Version::V1_14, Compression::Gzip(1)),
            (Version::V1_15, Compression::Zstd(1)),
            (Version::V1_16, Compression::Lz4(0)),
        ] {
            let files = directory::files_of_version(dump.clone(), compression, version).unwrap();
            let written = place.path().join(format!("{version}-{}", inserts.len()));
            folder::export(&files, &written, 4).await.unwrap();
            assert_eq!(files.evidence().large_objects.len(), 2500);
            if inserts.is_empty() {
                let table = files.evidence().tables.into_values().next().unwrap();
                // Bytes above 0x7F are carried as the characters of their numbers.
                assert_eq!((table.name.as_str(), table.digest.rows), ("straße", 3));
                assert_eq!(table.columns, ["größe"]);
            }
            let target = cluster.create_database_with("target", latin).await;
            target
                .pg_restore(17)
                .args(["-j", "2"])
                .arg(&written)
                .output_ok();
            assert_eq!(contents(&target).await, before, "{version} {inserts:?}");
            assert!(utf8(&target) == schema, "{version} {inserts:?}");
            assert_eq!(target.value(privileges).await, owners);
            assert_eq!(
                target
                    .value("SELECT obj_description(102001, 'pg_largeobject')")
                    .await,
                "größer"
            );
        }
    }
}
