//! Custom and tar archives: those of stock pg_dump restored by dr, and dr's restored by stock
//! pg_restore, with the same schema and the same rows on the other side.

use std::path::Path;
use std::sync::Arc;

use dr_core::Dump;
use dr_core::archive::codec::Version;
use dr_core::archive::custom;
use dr_core::ops::{ReadOptions, open_dump};
use dr_core::pipeline::compression::Compression;
use dr_tests::{Cluster, Database, Polling, assert_same_contents, assert_same_schema, dr};
use futures::TryStreamExt;
use tempfile::TempDir;

/// Votes, strange names and values, large objects, a table of more than one chunk.
async fn filled(major: u32, label: &str) -> Database {
    let database = Cluster::shared(major).create_database(label).await;
    Polling::with_votes(300).load(&database).await;
    database
        .sql(
            r#"
            CREATE SCHEMA "odd . schema";
            CREATE TABLE "odd . schema"."Tab, ""le""" ("Col (a)" text, "b""c" bytea);
            INSERT INTO "odd . schema"."Tab, ""le""" VALUES
                (E'\\.', '\x00ff0a'), (E'line\nfeed\ttab\\back', NULL), ('', ''), (NULL, NULL);
            CREATE TABLE no_rows (a int);
            CREATE TABLE no_columns ();
            INSERT INTO no_columns DEFAULT VALUES;
            CREATE TABLE wide AS SELECT n, md5(n::text) || md5((n + 1)::text) AS text
                FROM generate_series(1, 60000) n;
            SELECT lo_from_bytea(7001, 'one'), lo_from_bytea(7002, ''), lo_from_bytea(7003, decode(repeat('00ff0a', 200000), 'hex'));
            SELECT lo_from_bytea(3000000001, 'far'), lo_from_bytea(7101, 'owned');
            ALTER LARGE OBJECT 7101 OWNER TO polling_owner;
            GRANT SELECT ON LARGE OBJECT 7001, 7002 TO polling_readonly;
            COMMENT ON LARGE OBJECT 7002 IS 'empty';
            "#,
        )
        .await;
    database
}

/// Restores a dump of stock pg_dump by dr.
async fn dr_restores(source: &Database, archive: &Path, label: &str) {
    let target = Cluster::shared(source.major()).database(&format!("{}_{label}", source.name()));
    dr().arg("restore")
        .arg(archive)
        .args(["--create", "--jobs", "3", "--to", target.conninfo()])
        .output_ok();
    assert_same_schema(source, &target);
    assert_same_contents(source, &target).await;
    target.sql("SELECT 1").await;
}

/// Restores an archive by stock pg_restore, from a file or through a pipe.
async fn stock_restores(
    source: &Database,
    client: u32,
    archive: &Path,
    label: &str,
    how: &[&str],
    piped: bool,
) {
    let target = Cluster::shared(source.major())
        .create_database(&format!("back_{label}"))
        .await;
    let restore = target
        .pg_restore(client)
        .args(["--exit-on-error"])
        .args(how);
    if piped {
        restore.input(std::fs::read(archive).unwrap()).output_ok();
    } else {
        restore.arg(archive).output_ok();
    }
    assert_same_schema(source, &target);
    assert_same_contents(source, &target).await;
}

#[tokio::test]
async fn what_stock_pg_dump_wrote_in_custom_format_comes_back_the_same() {
    for (client, compressions) in [
        (15, &["0", "6"][..]),
        (16, &["none", "gzip:1"]),
        (17, &["none", "gzip", "zstd", "lz4"]),
        (18, &["none", "gzip"]),
    ] {
        let source = filled(15, &format!("custom_{client}")).await;
        let place: TempDir = tempfile::tempdir().unwrap();
        for compression in compressions {
            let label = compression.replace(':', "_");
            let dump = |to: &str| {
                source
                    .pg_dump(client)
                    .args(["-Fc", "--compress", compression])
                    .arg(format!("--file={to}"))
            };
            // To a file: the places of the data are recorded.
            let file = place.path().join(format!("{label}.dump"));
            dump(file.to_str().unwrap()).output_ok();
            dr_restores(&source, &file, &format!("file_{label}")).await;
            // To a pipe: they are not.
            let piped = place.path().join(format!("{label}.piped"));
            let written = source
                .pg_dump(client)
                .args(["-Fc", "--compress", compression])
                .output_ok();
            std::fs::write(&piped, written.stdout).unwrap();
            dr_restores(&source, &piped, &format!("pipe_{label}")).await;
        }
    }
}

#[tokio::test]
async fn what_stock_pg_dump_wrote_in_tar_format_comes_back_the_same() {
    for client in [15, 16, 17, 18] {
        let source = filled(15, &format!("tar_{client}")).await;
        let place: TempDir = tempfile::tempdir().unwrap();
        let file = place.path().join("dump.tar");
        source
            .pg_dump(client)
            .arg("-Ft")
            .arg("--file")
            .arg(&file)
            .output_ok();
        dr_restores(&source, &file, "file").await;
    }
}

async fn opened(path: &Path) -> Arc<dyn Dump> {
    open_dump(path, &ReadOptions::new()).await.unwrap()
}

#[tokio::test]
async fn stock_pg_restore_takes_custom_archives_of_dr() {
    for (major, client, version, compressions) in [
        (15, 15, Version::V1_14, &["none", "gzip:6"][..]),
        (16, 16, Version::V1_15, &["gzip:1"]),
        (
            17,
            17,
            Version::V1_16,
            &["zstd:3", "zstd:12", "lz4", "gzip:9"],
        ),
        (18, 18, Version::V1_16, &["none", "gzip:6"]),
    ] {
        let source = filled(major, "of_dr").await;
        let place: TempDir = tempfile::tempdir().unwrap();
        let stock = place.path().join("stock.d");
        source
            .pg_dump(client)
            .args(["-Fd", "--compress=none", "--file"])
            .arg(&stock)
            .output_ok();
        for compression in compressions {
            let compression: Compression = compression.parse().unwrap();
            let label = compression.to_string().replace([':', '-'], "_");
            let archive = custom::archive(opened(&stock).await, compression).unwrap();
            assert_eq!(archive.version(), version);
            let file = place.path().join(format!("{label}.dump"));
            let mut out = tokio::fs::File::create(&file).await.unwrap();
            archive.write(&mut out).await.unwrap();
            drop(out);
            let parallel = format!("{label}_j2");
            stock_restores(&source, client, &file, &parallel, &["--jobs=2"], false).await;
            dr_restores(&source, &file, &format!("again_{label}")).await;

            let archive = custom::archive(opened(&file).await, compression).unwrap();
            let bytes: Vec<bytes::Bytes> = archive.stream().try_collect().await.unwrap();
            let piped = place.path().join(format!("{label}.piped"));
            std::fs::write(&piped, bytes.concat()).unwrap();
            stock_restores(&source, client, &piped, &format!("{label}_pipe"), &[], true).await;
            dr_restores(&source, &piped, &format!("piped_{label}")).await;
        }
    }
}
