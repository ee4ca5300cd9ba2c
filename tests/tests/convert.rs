//! `dr convert`: every format into every other, judged by the stock tools of each version.

use std::path::{Path, PathBuf};

use dr_tests::{
    Cluster, Database, Polling, Stock, assert_same_contents, assert_same_schema, dr, fixture, stock,
};
use serde_json::Value;
use tempfile::TempDir;

/// Votes, strange names and values, large objects, generated columns, tables without columns,
/// parents with children.
async fn filled(major: u32, label: &str) -> Database {
    let database = Cluster::shared(major).create_database(label).await;
    Polling::with_votes(200).load(&database).await;
    database
        .sql(
            r#"
            CREATE SCHEMA "odd . schema";
            CREATE TABLE "odd . schema"."Tab, ""le""" ("Col (a)" text, "b""c" bytea);
            INSERT INTO "odd . schema"."Tab, ""le""" VALUES
                (E'\\.', '\x00ff0a'), (E'line\nfeed\ttab\\back', NULL), ('', ''), (NULL, NULL);
            CREATE TABLE "line
end" (a int);
            INSERT INTO "line
end" VALUES (7);
            CREATE TABLE no_rows (a int);
            CREATE TABLE no_columns ();
            INSERT INTO no_columns DEFAULT VALUES;
            CREATE TABLE generated (a int, b int GENERATED ALWAYS AS (a * 2) STORED,
                c int GENERATED ALWAYS AS IDENTITY);
            INSERT INTO generated (a) VALUES (1), (2);
            CREATE TABLE parent (a int PRIMARY KEY, b text);
            CREATE TABLE child (c int) INHERITS (parent);
            INSERT INTO parent VALUES (1, 'of the parent');
            INSERT INTO child VALUES (2, 'of the child', 3);
            CREATE TABLE refers (a int REFERENCES parent DEFERRABLE, PRIMARY KEY (a));
            INSERT INTO refers VALUES (1);
            CREATE TABLE wide AS SELECT n, md5(n::text) || md5((n + 1)::text) AS text
                FROM generate_series(1, 30000) n;
            SELECT lo_from_bytea(7001, 'one'), lo_from_bytea(7002, ''),
                lo_from_bytea(7003, decode(repeat('00ff0a', 100000), 'hex'));
            SELECT lo_from_bytea(3000000001, 'far'), lo_from_bytea(7101, 'owned');
            ALTER LARGE OBJECT 7101 OWNER TO polling_owner;
            GRANT SELECT ON LARGE OBJECT 7001, 7002 TO polling_readonly;
            COMMENT ON LARGE OBJECT 7002 IS 'empty';
            "#,
        )
        .await;
    database
}

/// The same database restored by stock tools of this major, several jobs at once where they can.
async fn stock_takes(source: &Database, client: u32, dump: &Path, label: &str) {
    let target = Cluster::shared(source.major()).create_database(label).await;
    let name = dump.file_name().unwrap().to_str().unwrap().to_owned();
    if name.ends_with(".sql") {
        target.psql_file(dump);
    } else {
        let jobs = if name.ends_with(".tar") { "1" } else { "3" };
        target
            .pg_restore(client)
            .args(["--exit-on-error", "--jobs", jobs])
            .arg(dump)
            .output_ok();
    }
    assert_same_schema(source, &target);
    assert_same_contents(source, &target).await;
}

fn convert(from: &Path, to: &Path) -> Stock {
    dr().arg("convert").arg(from).arg(to).arg("--json")
}

fn report(done: &dr_tests::Finished) -> Value {
    serde_json::from_str(done.text()).expect("--json prints JSON")
}

/// From one format to the next, each read by what wrote the one before, each restored by stock
/// tools. Together the four ways go from every format to every other.
#[tokio::test]
async fn every_format_becomes_every_other_and_stock_tools_take_it() {
    for (client, first, way) in [
        (15, "-Fc", &["tar", "sql", "d", "dump"][..]),
        (16, "-Fc", &["sql", "tar", "d"]),
        (17, "-Fc", &["d", "tar", "sql", "dump"]),
        (18, "-Fd", &["sql", "tar", "dump"]),
    ] {
        let source = filled(client, &format!("way_{client}")).await;
        let place: TempDir = tempfile::tempdir().unwrap();
        let mut last = place.path().join("stock");
        source
            .pg_dump(client)
            .args([first, "--compress=0", "--file"])
            .arg(&last)
            .output_ok();
        let mut seen: Option<Value> = None;
        for (step, format) in way.iter().enumerate() {
            let next = place.path().join(format!("{step}.{format}"));
            let mut command = convert(&last, &next).args(["--jobs", "2"]);
            if matches!(*format, "d" | "dump") {
                // Stock pg_restore 16 and 18 here are built without zstd.
                let method = if client == 17 { "zstd:1" } else { "gzip:1" };
                command = command.args(["--compress", method]);
            }
            let done = command.output_ok();
            let found = report(&done);
            assert_eq!(found["read_back"], "equal", "{found}");
            assert_eq!(found["large_objects"], 7, "{found}");
            // Rows and digests are the same all the way.
            let mut tables: Vec<Value> = found["tables"].as_array().unwrap().clone();
            for table in &mut tables {
                let table = table.as_object_mut().unwrap();
                table.remove("entry");
                table.remove("verdict");
            }
            tables.sort_by_key(|table| table["table"].to_string());
            let tables = Value::Array(tables);
            assert_eq!(*seen.get_or_insert_with(|| tables.clone()), tables);
            stock_takes(&source, client, &next, &format!("way_{client}_{step}_to")).await;
            last = next;
        }
    }
}

#[tokio::test]
async fn an_archive_is_written_in_the_version_that_an_older_pg_restore_takes() {
    let source = filled(15, "versions").await;
    let place: TempDir = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    // Of pg_dump 18: large objects in groups.
    source
        .pg_dump(18)
        .args(["-Fc", "--file"])
        .arg(path("18"))
        .output_ok();
    for (version, client) in [("1.14", 15), ("1.15", 16), ("1.16", 17)] {
        for ending in ["dump", "d", "tar"] {
            let to = path(&format!("{version}.{ending}"));
            let mut command = convert(&path("18"), &to).args(["--archive-version", version]);
            if version != "1.14" && ending != "tar" {
                command = command.args(["--compress", "gzip"]);
            }
            let found = report(&command.output_ok());
            assert_eq!(found["archive_version"], version);
            let listed = stock(client, "pg_restore")
                .arg("--list")
                .arg(&to)
                .output_ok();
            let said = format!("Dump Version: {version}-0");
            assert!(listed.text().contains(&said), "{}", listed.text());
        }
        let to = path(&format!("{version}.dump"));
        // What pg_restore sets first, no older server knows. The roles are those of the cluster.
        filled(client, "roles").await;
        let target = Cluster::shared(client).create_database("older").await;
        target
            .pg_restore(client)
            .args(["--exit-on-error", "--jobs=2"])
            .arg(&to)
            .output_ok();
        assert_same_contents(&source, &target).await;
    }
    // What a version cannot hold is refused, and nothing is written.
    for (more, code) in [
        (&["--archive-version=1.14", "--compress=zstd"][..], 1),
        (&["--archive-version=1.13"], 2),
        (&["--archive-version=1.14", "--format=plain"], 2),
    ] {
        let refused = convert(&path("18"), &path("none")).args(more).output();
        assert_eq!(refused.code, Some(code), "{more:?}: {}", refused.stderr);
        assert!(!path("none").exists());
    }
    assert_eq!(leftovers(place.path()), Vec::<PathBuf>::new());
}

/// Files on their way that were not taken away.
fn leftovers(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap());
    let unfinished =
        entries.filter(|entry| entry.file_name().to_string_lossy().contains("unfinished"));
    unfinished.map(|entry| entry.path()).collect()
}

#[tokio::test]
async fn every_compression_inside_and_of_the_whole_is_read_back() {
    let place: TempDir = tempfile::tempdir().unwrap();
    let from = fixture("archives/17-zstd");
    let mut last = None;
    for (name, compress) in [
        ("a.sql", None),
        ("b.sql.gz", None),
        ("c.sql.zst", Some("zstd:9")),
        ("d.sql.lz4", None),
        ("e.tar", None),
        ("f.tar.gz", None),
        ("g.tar.lz4", None),
        ("h.dump", Some("none")),
        ("i.dump", Some("gzip:9")),
        ("j.dump", Some("zstd:1")),
        ("k.dump", Some("lz4")),
        ("l.d", Some("none")),
        ("m.d", Some("lz4:3")),
        ("n.d", None),
    ] {
        let to = place.path().join(name);
        let mut command = convert(&from, &to);
        if let Some(compress) = compress {
            command = command.args(["--compress", compress]);
        }
        let found = report(&command.output_ok());
        assert_eq!(found["read_back"], "equal", "{name}");
        // And from each of them, a script again: always the same but for what a script has lost.
        let again = place.path().join(format!("{name}.again.sql"));
        convert(&to, &again).output_ok();
        if name > "e" {
            let script = std::fs::read_to_string(&again).unwrap();
            assert_eq!(
                *last.get_or_insert_with(|| script.clone()),
                script,
                "{name}"
            );
        }
    }
}

#[tokio::test]
async fn insert_statements_are_counted_digested_and_read_back() {
    let source = filled(18, "inserts").await;
    source
        .sql("SELECT lo_unlink(oid) FROM pg_largeobject_metadata")
        .await;
    let place: TempDir = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    for (format, name) in [("-Fp", "in.sql"), ("-Fc", "in")] {
        source
            .pg_dump(18)
            .args([format, "--rows-per-insert=100", "--file"])
            .arg(path(name))
            .output_ok();
    }
    for (from, to) in [
        ("in.sql", "s.dump"),
        ("in", "c.sql"),
        ("in", "c.d"),
        ("c.sql", "s.tar"),
    ] {
        let found = report(&convert(&path(from), &path(to)).args(gzip(to)).output_ok());
        let tables = found["tables"].as_array().unwrap();
        let wide = tables.iter().find(|table| table["table"] == "public.wide");
        let wide = wide.unwrap_or_else(|| panic!("{found}"));
        assert_eq!(wide["statements"], 300, "{from} {to}");
        assert_eq!(wide["digest"], Value::Null);
        assert_eq!(found["read_back"], "equal");
        let target = Cluster::shared(18).create_database("inserted").await;
        if to.ends_with(".sql") {
            target.psql_file(&path(to));
        } else {
            let restore = target.pg_restore(18).arg("--exit-on-error");
            restore.arg(path(to)).output_ok();
        }
        let query = "SELECT * FROM wide ORDER BY n";
        assert_eq!(source.rows(query).await, target.rows(query).await);
    }
}

fn gzip(name: &str) -> &'static [&'static str] {
    match name.ends_with(".dump") || name.ends_with(".d") {
        true => &["--compress=gzip:1"],
        false => &[],
    }
}

#[tokio::test]
async fn a_backup_is_converted_and_held_against_its_manifest() {
    let source = filled(16, "stored").await;
    let place: TempDir = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    let key = path("key");
    let made = dr()
        .args(["key", "generate", "--output"])
        .arg(&key)
        .output_ok();
    let repo = path("repo");
    dr().args(["backup", source.conninfo(), "--encrypt-to"])
        .arg(made.text().trim())
        .arg("--repo")
        .arg(&repo)
        .output_ok();
    for name in ["x.dump", "x.sql.gz", "x.tar", "x.d"] {
        let done = dr()
            .args(["convert", "latest"])
            .arg(path(name))
            .arg("--repo")
            .arg(&repo)
            .arg("--identity")
            .arg(&key)
            .arg("--json")
            .args(gzip(name))
            .output_ok();
        let found = report(&done);
        let tables = found["tables"].as_array().unwrap();
        assert!(tables.len() > 8, "{found}");
        assert!(
            tables.iter().all(|table| table["verdict"] == "equal"),
            "{found}"
        );
    }
    stock_takes(&source, 16, &path("x.dump"), "of_backup_dump").await;
    stock_takes(&source, 16, &path("x.d"), "of_backup_d").await;
    // Without the key nothing is written.
    let refused = dr()
        .args(["convert", "latest"])
        .arg(path("y.dump"))
        .arg("--repo")
        .arg(&repo)
        .output();
    assert_ne!(refused.code, Some(0));
    assert!(!path("y.dump").exists());
}

#[test]
fn pipes_are_read_and_written() {
    let place: TempDir = tempfile::tempdir().unwrap();
    let script = place.path().join("a.sql");
    convert(&fixture("archives/18-gzip"), &script).output_ok();
    let script = std::fs::read(&script).unwrap();
    let custom = dr()
        .args([
            "convert",
            "-",
            "-",
            "--format",
            "custom",
            "--compress",
            "gzip",
        ])
        .input(script.clone())
        .output_ok();
    assert!(custom.stdout.starts_with(b"PGDMP"));
    assert!(custom.stderr.contains("not read back"), "{}", custom.stderr);
    let listed = stock(18, "pg_restore")
        .arg("--list")
        .input(custom.stdout.clone())
        .output_ok();
    assert!(listed.text().contains("TABLE DATA public votes"));
    let again = dr()
        .args(["convert", "-", "-", "--format", "sql", "--quiet"])
        .input(custom.stdout)
        .output_ok();
    let votes = |text: &[u8]| {
        let text = String::from_utf8_lossy(text).into_owned();
        let (_, rows) = text.split_once("COPY public.votes ").expect("rows");
        rows.split_once("\\.").expect("an end").0.to_owned()
    };
    assert_eq!(votes(&again.stdout), votes(&script));
    assert_eq!(votes(&script).lines().count(), 26);
    for words in [
        &["-", "-"][..],
        &["-", "-", "--format", "directory"],
        &["-", "-", "--format", "plain", "--compress", "gzip"],
        &["-", "dbname=x"],
    ] {
        let refused = dr().arg("convert").args(words).input("SELECT 1;").output();
        assert_eq!(refused.code, Some(2), "{words:?}: {}", refused.stderr);
    }
}

#[test]
fn nothing_is_overwritten_and_what_is_damaged_leaves_nothing() {
    let place: TempDir = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    std::fs::write(path("there.dump"), "mine").unwrap();
    std::fs::create_dir(path("there.d")).unwrap();
    std::fs::write(path("there.d/mine"), "mine").unwrap();
    for name in ["there.dump", "there.d"] {
        let refused = convert(&fixture("archives/18-gzip"), &path(name)).output();
        assert_eq!(refused.code, Some(1), "{}", refused.stderr);
        assert!(refused.stderr.contains("already"), "{}", refused.stderr);
    }
    assert_eq!(std::fs::read(path("there.dump")).unwrap(), b"mine");

    let mut archive = std::fs::read(fixture("archives/custom/18-gzip")).unwrap();
    let at = archive.len() - 300;
    archive[at] ^= 0x40;
    std::fs::write(path("damaged"), archive).unwrap();
    for name in ["x.dump", "x.d", "x.tar", "x.sql.gz"] {
        let failed = convert(&path("damaged"), &path(name)).output();
        assert_eq!(failed.code, Some(3), "{name}: {}", failed.stderr);
        assert!(failed.stderr.contains("entry"), "{}", failed.stderr);
        assert!(!path(name).exists());
    }
    assert_eq!(leftovers(place.path()), Vec::<PathBuf>::new());
}
