//! Disks that are full: that of the repository, of what is extracted, of the temporary folder, of the
//! server. What is full is named, nothing half written is left, and its space is given back.
//!
//! A small disk is a tmpfs in a mount namespace of its own, which any user may have.

#![cfg(unix)]

use std::path::Path;

use dr_tests::{Cluster, Finished, Source, Stock, assert_same_contents, dr, dr_binary};

const MAJOR: u32 = 18;

const FULL: &str = "No space left on device";

/// Runs a script that sees a disk of this size at `$1`, and dr as `$2`.
fn on_small_disk(size: &str, folder: &Path, script: &str, arguments: &[&str]) -> Finished {
    let mount = format!(r#"mount -t tmpfs -o size={size} tmpfs "$1" || exit 98; {script}"#);
    Stock::new("unshare")
        .args(["--mount", "--map-root-user", "--user", "--"])
        .args(["sh", "-c", &mount, "sh"])
        .arg(folder)
        .arg(dr_binary())
        .args(arguments)
        .output()
}

#[tokio::test]
async fn a_full_disk_ends_a_backup_and_gets_its_space_back() {
    let source = Source::on(&Cluster::shared(MAJOR), 20_000).await;
    let script = r#"
        "$2" backup "$3" --compress none --repo "$1/repo" && exit 99
        code=$?
        find "$1/repo" -type f ! -name repository.json
        "$2" list --repo "$1/repo"
        exit $code
    "#;
    let conninfo = source.database.conninfo();
    let done = on_small_disk("400k", source.place.path(), script, &[conninfo]);
    assert_eq!(done.code, Some(1), "{}{}", done.text(), done.stderr);
    assert!(done.stderr.contains(FULL), "{}", done.stderr);
    assert_eq!(done.text().trim(), "no backups");
}

#[tokio::test]
async fn a_full_disk_ends_an_extraction_and_leaves_no_part_of_it() {
    let source = Source::on(&Cluster::shared(MAJOR), 20_000).await;
    source.backup().output_ok();
    let small = source.place.path().join("small");
    std::fs::create_dir(&small).unwrap();
    let script = r#"
        "$2" extract latest --repo "$3" --table public.votes_vote --compress none --format "$4" --to "$1/votes" && exit 99
        code=$?
        find "$1" -mindepth 1
        exit $code
    "#;
    let repo = source.repo();
    let repo = repo.to_str().unwrap();
    for format in ["sql", "copy", "directory"] {
        let done = on_small_disk("400k", &small, script, &[repo, format]);
        assert_eq!(done.code, Some(1), "{format}: {}", done.stderr);
        assert!(done.stderr.contains(FULL), "{format}: {}", done.stderr);
        // The file itself, or its unfinished folder beside it.
        let place = small.to_str().unwrap();
        assert!(done.stderr.contains(place), "{format}: {}", done.stderr);
        assert_eq!(done.text(), "", "{format}");
    }
}

#[tokio::test]
async fn standard_output_that_takes_no_more_is_an_error() {
    let source = Source::on(&Cluster::shared(MAJOR), 5_000).await;
    source.backup().output_ok();
    let script = r#""$1" extract latest --repo "$2" --table public.votes_vote --to - >/dev/full"#;
    let done = Stock::new("sh")
        .args(["-c", script, "sh"])
        .arg(dr_binary())
        .arg(source.repo())
        .output();
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    assert!(done.stderr.contains(FULL), "{}", done.stderr);
}

/// A script from a pipe cannot be read twice, so that its rows wait in the temporary folder.
#[tokio::test]
async fn a_full_temporary_folder_ends_a_restore_from_a_pipe_and_gets_its_space_back() {
    let source = Source::on(&Cluster::shared(MAJOR), 20_000).await;
    let dump = source.place.path().join("dump.sql");
    source
        .database
        .pg_dump(18)
        .arg("--file")
        .arg(&dump)
        .output_ok();
    let small = source.place.path().join("small");
    std::fs::create_dir(&small).unwrap();
    let script = r#"
        cat "$3" | TMPDIR="$1" "$2" restore - --create --to "$4" && exit 99
        code=$?
        find "$1" -mindepth 1
        exit $code
    "#;
    let cluster = Cluster::shared(MAJOR);
    let target = cluster.conninfo("spooled");
    let done = on_small_disk("40k", &small, script, &[dump.to_str().unwrap(), &target]);
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    assert!(done.stderr.contains(FULL), "{}", done.stderr);
    assert!(
        done.stderr.contains(small.to_str().unwrap()),
        "{}",
        done.stderr
    );
    assert!(done.stderr.contains("TMPDIR"), "{}", done.stderr);
    assert_eq!(done.text(), "");
    assert!(!cluster.has_database("spooled").await);
    assert_eq!(cluster.leftovers_of("spooled").await, [""; 0]);
}

#[tokio::test]
async fn a_full_disk_of_the_server_ends_a_restore_and_leaves_no_database() {
    let cluster = Cluster::builder(MAJOR).small_disk("6m").start();
    let space = cluster.small_disk();
    // A tablespace is made in no transaction, so these stand alone.
    let admin = cluster.database("postgres");
    let create = format!("CREATE TABLESPACE small LOCATION '{}'", space.display());
    admin.sql(&create).await;
    let source = Source::on(&cluster, 100).await;
    source
        .database
        .sql(
            "CREATE TABLE wide (n int PRIMARY KEY, text text) TABLESPACE small; \
             INSERT INTO wide SELECT n, repeat('x', 500) FROM generate_series(1, 7000) n",
        )
        .await;
    source.backup().output_ok();
    // There is room for one of it.
    let done = source
        .restore(&cluster.conninfo("twin"))
        .arg("--create")
        .output();
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    for told in [FULL, "could not extend file", "pg_tblspc", "public.wide"] {
        assert!(done.stderr.contains(told), "{told}: {}", done.stderr);
    }
    assert!(!cluster.has_database("twin").await);
    assert_eq!(cluster.leftovers_of("twin").await, [""; 0]);
    // Where there is room, it goes.
    let twin = cluster.database("twin");
    source
        .restore(twin.conninfo())
        .args(["--create", "--no-tablespaces"])
        .output_ok();
    assert_same_contents(&source.database, &twin).await;
    // The commands that read it are not in its way.
    dr().args(["verify", "latest", "--deep", "--repo"])
        .arg(source.repo())
        .output_ok();
}
