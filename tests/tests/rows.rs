//! Rows of a dump read one by one, held against what the server says their values are; and the
//! library's examples, which show how.

use std::path::Path;
use std::sync::Arc;

use dr_core::archive::directory;
use dr_core::event::Watch;
use dr_core::ops::{ReadOptions, open_dump, rows};
use dr_core::pipeline::encryption::Identities;
use dr_core::pipeline::keys::Keys;
use dr_core::repo::Repository;
use dr_core::toc::Selection;
use dr_core::{Dump, ErrorKind};
use dr_tests::{Cluster, Database, Finished, Polling, Stock, dr, workspace};

type Values = Vec<Vec<Option<String>>>;

async fn read(dump: Arc<dyn Dump>, table: &str) -> (Vec<String>, Values) {
    let toc = dump.toc().select(&Selection::tables([table])).unwrap().toc;
    let mut rows = rows(dump, toc, Watch::default()).await.unwrap();
    let columns = rows.columns().to_vec();
    let mut found = Values::new();
    while let Some(batch) = rows.next_batch().await.unwrap() {
        assert!(!batch.is_empty());
        for row in batch {
            let text = |field: Option<_>| {
                field.map(|value: std::borrow::Cow<'_, [u8]>| {
                    String::from_utf8(value.into_owned()).unwrap()
                })
            };
            found.push(row.fields().map(text).collect());
        }
    }
    (columns, found)
}

fn sorted(mut values: Values) -> Values {
    values.sort();
    values
}

const NASTY: &str = r#"
    CREATE TABLE nasty ("id,(1)" int, "a ""b" text, dropped int, bytes bytea, list text[], doc jsonb,
                        twice int GENERATED ALWAYS AS ("id,(1)" * 2) STORED);
    ALTER TABLE nasty DROP dropped;
    INSERT INTO nasty VALUES
        (1, E'tab\there', E'\\x00ff5c', ARRAY['a', NULL, E'\\N', ''], '{"a": "\\\" \n"}'),
        (2, '\N', NULL, '{}', 'null'), (3, NULL, '', NULL, NULL),
        (4, E'line\nfeed\rreturn\\', NULL, NULL, NULL), (5, '', NULL, NULL, NULL),
        (6, E'\b\f\v\x01\\.', NULL, NULL, NULL), (7, '\.', NULL, NULL, NULL),
        (8, repeat('é', 300000), NULL, NULL, NULL);
    CREATE TABLE nothing ();
    INSERT INTO nothing DEFAULT VALUES;
    INSERT INTO nothing DEFAULT VALUES;
"#;

#[tokio::test]
async fn values_are_those_that_the_server_shows() {
    let database = Cluster::shared(18).create_database("rows").await;
    Polling::with_votes(2_000).load(&database).await;
    database.sql(NASTY).await;
    let place = tempfile::tempdir().unwrap();
    let key = place.path().join("key");
    let made = dr()
        .args(["key", "generate", "--output"])
        .arg(&key)
        .output_ok();
    let repo = place.path().join("repo");
    dr().args([
        "backup",
        database.conninfo(),
        "--encrypt-to",
        made.text().trim(),
        "--repo",
    ])
    .arg(&repo)
    .output_ok();
    let archive = place.path().join("archive");
    database
        .pg_dump(18)
        .args(["-Fd", "-f"])
        .arg(&archive)
        .output_ok();
    let script = place.path().join("dump.sql");
    database.pg_dump(18).arg("-f").arg(&script).output_ok();

    let stored: Arc<dyn Dump> = {
        let repository = Repository::open(repo.to_str().unwrap()).await.unwrap();
        let backup = repository.find("latest").await.unwrap();
        let identities = Identities::new().add_file(&key, None).unwrap();
        let files = repository
            .files(&backup, &Keys::from(identities))
            .await
            .unwrap();
        Arc::new(directory::dump(Arc::new(files)).await.unwrap())
    };
    for dump in [
        stored,
        open_dump(&archive, &ReadOptions::new()).await.unwrap(),
        open_dump(&script, &ReadOptions::new()).await.unwrap(),
    ] {
        let (columns, found) = read(dump.clone(), "public.nasty").await;
        assert_eq!(columns, ["id,(1)", "a \"b", "bytes", "list", "doc"]);
        let query = "SELECT \"id,(1)\", \"a \"\"b\", bytes, list, doc FROM nasty";
        assert_eq!(sorted(found), sorted(database.rows(query).await));

        let (columns, found) = read(dump.clone(), "public.votes_vote").await;
        assert_eq!(found.len(), 2_000);
        // Clusters of the tests run in UTC, as a dump's session does.
        let query = format!("SELECT {} FROM votes_vote", columns.join(", "));
        assert_eq!(sorted(found), sorted(database.rows(&query).await));

        let (columns, found) = read(dump.clone(), "public.nothing").await;
        assert!(columns.is_empty());
        assert_eq!(found, [vec![], vec![]]);

        let several = dump
            .toc()
            .select(&Selection::tables(["public.votes*"]))
            .unwrap()
            .toc;
        let error = rows(dump, several, Watch::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    }
}

fn example(name: &str) -> Stock {
    Stock::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .folder(workspace())
        .args([
            "run",
            "--quiet",
            "--package",
            "dr-core",
            "--example",
            name,
            "--",
        ])
}

async fn polls() -> Database {
    let database = Cluster::shared(18).create_database("examples").await;
    Polling::with_votes(300).load(&database).await;
    database
}

fn dump_folder(database: &Database, place: &Path) -> std::path::PathBuf {
    let archive = place.join("archive");
    database
        .pg_dump(18)
        .args(["-Fd", "-f"])
        .arg(&archive)
        .output_ok();
    archive
}

#[tokio::test]
async fn the_examples_do_what_they_say() {
    let database = polls().await;
    let place = tempfile::tempdir().unwrap();
    let repo = place.path().join("repo");

    let done = example("backup_with_a_stage")
        .arg(database.conninfo())
        .arg(&repo)
        .arg("100000000")
        .output_ok();
    assert!(done.text().contains("[\"throttle\"]"), "{}", done.text());
    // Who does not know the stage cannot read the backup, and says so.
    let unknown: Finished = example("verify_repository").arg(&repo).output();
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.text().contains("throttle"), "{}", unknown.text());

    let other = place.path().join("other");
    dr().args(["backup", database.conninfo(), "--repo"])
        .arg(&other)
        .output_ok();
    let done = example("verify_repository").arg(&other).output_ok();
    assert!(done.text().contains("Sound"), "{}", done.text());

    let target = Cluster::shared(18).create_database("copied").await;
    let done = example("copy_between_databases")
        .args([database.conninfo(), target.conninfo(), "public.*"])
        .output_ok();
    assert!(
        done.text().contains("votes_vote: 300 rows, equal"),
        "{}",
        done.text()
    );
    let votes = "SELECT count(*), sum(id) FROM votes_vote";
    assert_eq!(database.rows(votes).await, target.rows(votes).await);

    let archive = dump_folder(&database, place.path());
    let done = example("read_rows")
        .arg(&archive)
        .arg("public.votes_vote")
        .output_ok();
    assert_eq!(done.text().lines().count(), 301);

    for name in [
        "backup_with_a_stage",
        "verify_repository",
        "copy_between_databases",
        "read_rows",
    ] {
        assert_eq!(
            example(name).output().code,
            Some(1),
            "{name} without arguments"
        );
    }
}
