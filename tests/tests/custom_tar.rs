//! Custom and tar archives: those of stock pg_dump restored by dr, and dr's restored by stock
//! pg_restore, with the same schema and the same rows on the other side.

use std::path::Path;
use std::sync::Arc;

use dr_core::Dump;
use dr_core::archive::codec::Version;
use dr_core::archive::custom;
use dr_core::ops::{ReadOptions, open_dump};
use dr_core::pipeline::compression::{Compression, compress};
use dr_tests::{Cluster, Database, Polling, assert_same_contents, assert_same_schema, dr, fixture};
use futures::{StreamExt, TryStreamExt};
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
            .args(["-Fd", "--compress=0", "--file"])
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

#[tokio::test]
async fn extracts_in_custom_and_tar_format_are_restored_by_dr_and_stock_pg_restore() {
    for (major, client) in [(15, 15), (16, 16), (17, 17), (18, 18)] {
        let source = filled(major, "extracts").await;
        // Large objects belong to no table.
        source
            .sql("SELECT lo_unlink(oid) FROM pg_largeobject_metadata")
            .await;
        let place: TempDir = tempfile::tempdir().unwrap();
        let stock = place.path().join("stock.dump");
        source
            .pg_dump(client)
            .args(["-Fc", "--compress=0", "--file"])
            .arg(&stock)
            .output_ok();
        let extract = |to: &str, more: &[&str]| {
            dr().arg("extract")
                .arg(&stock)
                .args(["--table", "public.wide", "--table", "*odd*.*", "--to", to])
                .arg("--with-dependencies")
                .args(more)
                .output_ok()
        };
        let path = |name: &str| place.path().join(name);
        let text = |name: &str| path(name).to_str().unwrap().to_owned();
        extract(&text("x.dump"), &["--compress=gzip"]);
        extract(&text("x.tar"), &[]);
        extract(&text("x.tar.gz"), &[]);
        let piped = extract("-", &["--format=custom", "--compress=gzip:1"]);
        std::fs::write(path("piped"), &piped.stdout).unwrap();
        let piped = extract("-", &["--format=tar"]);
        std::fs::write(path("piped.tar"), &piped.stdout).unwrap();

        let wanted = source.rows("SELECT * FROM wide ORDER BY n").await;
        for (name, jobs) in [
            ("x.dump", "2"),
            ("x.tar", "1"),
            ("piped", "1"),
            ("piped.tar", "1"),
        ] {
            let list = dr_tests::stock(client, "pg_restore")
                .arg("--list")
                .arg(path(name))
                .output_ok();
            assert!(list.text().contains("TABLE DATA public wide"), "{name}");
            let target = Cluster::shared(major).create_database("extracted").await;
            target
                .pg_restore(client)
                .args(["--exit-on-error", "--jobs", jobs])
                .arg(path(name))
                .output_ok();
            assert_eq!(
                target.rows("SELECT * FROM wide ORDER BY n").await,
                wanted,
                "{name}"
            );
            let odd = r#"SELECT count(*) FROM "odd . schema"."Tab, ""le""""#;
            assert_eq!(target.value(odd).await, "4", "{name}");
        }
        // One table, by pg_restore's own choice and by a list.
        let target = Cluster::shared(major).create_database("chosen").await;
        target
            .pg_restore(client)
            .args(["--exit-on-error", "--table=wide"])
            .arg(path("x.dump"))
            .output_ok();
        assert_eq!(target.rows("SELECT * FROM wide ORDER BY n").await, wanted);
        let list = dr_tests::stock(client, "pg_restore")
            .arg("--list")
            .arg(path("x.dump"))
            .output_ok();
        let chosen: String = list
            .text()
            .lines()
            .filter(|line| line.contains(" public wide "))
            .map(|line| format!("{line}\n"))
            .collect();
        std::fs::write(path("list"), chosen).unwrap();
        let target = Cluster::shared(major).create_database("listed").await;
        target
            .pg_restore(client)
            .args(["--exit-on-error", "--use-list"])
            .arg(path("list"))
            .arg(path("x.dump"))
            .output_ok();
        assert_eq!(target.rows("SELECT * FROM wide ORDER BY n").await, wanted);
        // And by dr, from a tar that is compressed as a whole.
        let target = Cluster::shared(major).database(&format!("{}_dr", source.name()));
        dr().arg("restore")
            .arg(path("x.tar.gz"))
            .args(["--create", "--to", target.conninfo()])
            .output_ok();
        assert_eq!(target.rows("SELECT * FROM wide ORDER BY n").await, wanted);
        // `restore.sql`, by hand: what stands in it is what psql takes.
        let out = path("unpacked");
        std::fs::create_dir(&out).unwrap();
        dr_tests::Stock::new("tar")
            .args(["-C", out.to_str().unwrap(), "-xf"])
            .arg(path("x.tar"))
            .output_ok();
        let script = std::fs::read_to_string(out.join("restore.sql")).unwrap();
        assert!(script.contains("FROM '$$PATH$$/"), "{script}");
        // The server reads other people's files only where it may.
        let script = script
            .replace("COPY ", "\\copy ")
            .replace("$$PATH$$", out.to_str().unwrap());
        let target = Cluster::shared(major).create_database("by_hand").await;
        target.psql().input(script).output_ok();
        assert_eq!(target.rows("SELECT * FROM wide ORDER BY n").await, wanted);
    }
}

#[tokio::test]
async fn an_archive_from_a_pipe_or_compressed_as_a_whole_is_set_aside_and_said_so() {
    let source = filled(15, "aside").await;
    let place: TempDir = tempfile::tempdir().unwrap();
    for (format, packed) in [("-Fc", "gzip"), ("-Ft", "zstd:1"), ("-Fc", "lz4")] {
        let archive = source.pg_dump(17).arg(format).output_ok().stdout;
        let label = format!("{}_{}", format.trim_start_matches('-'), &packed[..3]);
        let target = Cluster::shared(15).database(&format!("{}_{label}_in", source.name()));
        let done = dr()
            .args(["restore", "-", "--create", "--to", target.conninfo()])
            .input(archive.clone())
            .output_ok();
        let said = format!("{}{}", done.stderr, done.text());
        assert!(said.contains("set aside"), "{said}");
        assert_same_contents(&source, &target).await;

        let plain = futures::stream::iter([Ok(bytes::Bytes::from(archive))]).boxed();
        let compression: Compression = packed.parse().unwrap();
        let pieces: Vec<bytes::Bytes> = compress(plain, compression).try_collect().await.unwrap();
        let path = place.path().join(&label);
        std::fs::write(&path, pieces.concat()).unwrap();
        dr_restores(&source, &path, &label).await;
    }
}

#[test]
fn dumps_in_every_format_are_verified_and_what_is_damaged_is_named() {
    let archives = fixture("archives");
    for name in [
        "15-0",
        "custom/15-0",
        "custom/17-piped",
        "custom/17-zstd",
        "tar/15",
        "tar/18",
    ] {
        let done = dr().arg("verify").arg(archives.join(name)).output_ok();
        let text = done.text();
        assert!(text.contains("sound"), "{name}: {text}");
        assert!(text.contains("3 tables with 28 rows"), "{name}: {text}");
        assert!(text.contains("3 large objects"), "{name}: {text}");
    }
    let place: TempDir = tempfile::tempdir().unwrap();
    let cut = place.path().join("cut.dump");
    let mut sound = std::fs::read(archives.join("custom/18-gzip")).unwrap();
    sound.truncate(sound.len() - 200);
    std::fs::write(&cut, sound).unwrap();
    let done = dr().args(["--json", "verify"]).arg(&cut).output();
    assert_eq!(done.code, Some(3), "{}", done.text());
    assert!(
        done.text().contains("\"outcome\": \"damaged\""),
        "{}",
        done.text()
    );
    assert!(done.text().contains("cut short"), "{}", done.text());
    // What is not damaged is still read.
    assert!(done.text().contains("\"tables\": 2"), "{}", done.text());
    let refused = dr().args(["verify", "--quick"]).arg(&cut).output();
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
}
