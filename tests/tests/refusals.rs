//! Servers that do not let dr in or take no changes, locations that are none, and readers that stop
//! reading: what is said then, once, and what to do.

#![cfg(unix)]

use std::io::pipe;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use dr_tests::{Cluster, Finished, Source, Stock, dr, ended, start};

const MAJOR: u32 = 18;

/// The command as somebody with this home runs it.
fn at_home(command: Stock, home: &Path) -> Stock {
    command.env("HOME", home)
}

/// Runs it with a standard output that nobody reads.
fn unread(command: Stock) -> Finished {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let mut command = command.into_command();
    let output = command
        .stdout(writer)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap()
        .wait_with_output()
        .unwrap();
    Finished {
        code: output.status.code(),
        stdout: Vec::new(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn refused(done: &Finished, code: i32, says: &[&str]) {
    assert_eq!(done.code, Some(code), "{}", done.stderr);
    for words in says {
        assert!(done.stderr.contains(words), "{words}: {}", done.stderr);
    }
}

#[tokio::test]
async fn a_password_that_is_asked_for_and_not_given_says_where_to_put_it() {
    for method in ["password", "md5", "scram-sha-256"] {
        let cluster = Cluster::builder(MAJOR)
            .hba(&format!(
                "local all postgres trust\nhost all asked 127.0.0.1/32 {method}\n"
            ))
            .config("password_encryption", "scram-sha-256")
            .start();
        let database = cluster.database("postgres");
        let verifier = match method {
            "md5" => "SET password_encryption = md5; ",
            _ => "",
        };
        database
            .sql(&format!(
                "{verifier}CREATE ROLE asked SUPERUSER LOGIN PASSWORD 'sesame'"
            ))
            .await;
        let home = tempfile::tempdir().unwrap();
        let port = cluster.port();
        let backup = || {
            at_home(
                dr().args([
                    "backup",
                    &format!("host=127.0.0.1 port={port} user=asked dbname=postgres"),
                    "--repo",
                ])
                .arg(home.path().join("repo")),
                home.path(),
            )
        };
        let file = home.path().join(".pgpass");
        let line = format!("127.0.0.1:{port}:postgres:asked:PASSWORD");
        let named = format!("\"{}\"", file.display());
        let at = format!("127.0.0.1:{port} asks for the password of role asked");
        let always = [
            &at[..],
            "database postgres",
            "PGPASSWORD",
            "PGSERVICE",
            &named,
        ];
        let done = backup().output();
        refused(&done, 2, &always);
        refused(&done, 2, &[&line, "(mode 0600)"]);

        std::fs::write(&file, "*:*:*:other:no\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        let done = backup().output();
        refused(&done, 2, &always);
        refused(&done, 2, &["group or world access", "0600"]);

        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let done = backup().output();
        refused(&done, 2, &always);
        refused(&done, 2, &["add the line", &line]);

        // What was told to do, done.
        std::fs::write(&file, line.replace("PASSWORD", "sesame")).unwrap();
        backup().output_ok();

        // A password that is wrong was given.
        let done = backup().env("PGPASSWORD", "open").output();
        refused(&done, 1, &["SQLSTATE 28P01"]);
        assert!(!done.stderr.contains("none was given"), "{}", done.stderr);
    }
}

#[tokio::test]
async fn a_standby_is_not_restored_into_and_says_where_to_go() {
    let primary = Cluster::start(MAJOR);
    let source = Source::on(&primary, 100).await;
    source.backup().output_ok();
    let empty = primary.create_database("empty").await;
    let standby = primary.standby().await;
    let says = ["in recovery", "standby", "connect to the primary"];
    let existing = standby.conninfo(empty.name());
    for command in [
        source
            .restore(&standby.conninfo("to_be_made"))
            .arg("--create"),
        source.restore(&existing),
        source.restore(&existing).arg("--single-transaction"),
        source.restore(&existing).arg("--globals-only"),
    ] {
        let done = command.output();
        refused(&done, 1, &says);
        for not in ["SQLSTATE", "emptied", "removed again"] {
            assert!(!done.stderr.contains(not), "{}", done.stderr);
        }
    }
}

#[tokio::test]
async fn sessions_that_are_read_only_make_no_database_and_say_why() {
    let cluster = Cluster::start(MAJOR);
    let source = Source::on(&cluster, 100).await;
    source.backup().output_ok();
    source
        .database
        .sql("CREATE ROLE reader SUPERUSER LOGIN; ALTER ROLE reader SET default_transaction_read_only = on")
        .await;
    let into = cluster
        .conninfo("to_be_made")
        .replace("user=postgres", "user=reader");
    let done = source.restore(&into).arg("--create").output();
    refused(
        &done,
        1,
        &["default_transaction_read_only", "connect to the primary"],
    );
    assert!(!cluster.has_database("to_be_made").await);
}

#[tokio::test]
async fn who_may_make_nothing_is_told_once_and_that_nothing_was_changed() {
    let cluster = Cluster::start(MAJOR);
    let source = Source::on(&cluster, 100).await;
    source.backup().output_ok();
    let target = cluster.create_database("target").await;
    target.sql("CREATE ROLE guest LOGIN").await;
    let into = target.conninfo().replace("user=postgres", "user=guest");
    let done = source
        .restore(&into)
        .args(["--no-owner", "--no-acl"])
        .output();
    refused(&done, 1, &["permission denied", "; nothing was changed"]);
    assert_eq!(
        done.stderr.matches("SQLSTATE").count(),
        1,
        "{}",
        done.stderr
    );
    assert!(!done.stderr.contains("emptied"), "{}", done.stderr);
}

#[tokio::test]
async fn whoever_stops_reading_ends_every_command_quietly_and_with_one_code() {
    let cluster = Cluster::start(MAJOR);
    let source = Source::on(&cluster, 20_000).await;
    source.backup().output_ok();
    let repo = source.repo();
    let quiet = |command: Stock, code: i32| {
        let done = unread(command);
        assert_eq!(done.code, Some(code), "{}", done.stderr);
        assert_eq!(done.stderr, "");
    };
    for format in ["copy", "sql"] {
        let extract = dr()
            .args([
                "extract",
                "latest",
                "--quiet",
                "--table",
                "public.votes_vote",
            ])
            .args(["--to", "-", "--format", format, "--repo"])
            .arg(&repo);
        quiet(extract, 141);
    }
    for words in [
        &["list", "--repo"][..],
        &["list", "--json", "--repo"],
        &["show", "latest", "--repo"],
        &["verify", "latest", "--quiet", "--repo"],
    ] {
        quiet(dr().args(words).arg(&repo), 141);
    }
    quiet(dr().args(["completions", "bash"]), 141);
    quiet(dr().args(["--help"]), 141);
    quiet(dr().args(["--version"]), 141);

    // Some of it was read: the rest is not there, and whoever asks for the code learns it.
    let mut child = start(
        dr().args([
            "extract",
            "latest",
            "--quiet",
            "--table",
            "public.votes_vote",
        ])
        .args(["--to", "-", "--repo"])
        .arg(&repo),
    );
    let mut beginning = [0; 16];
    let mut stdout = child.stdout.take().unwrap();
    std::io::Read::read_exact(&mut stdout, &mut beginning).unwrap();
    drop(stdout);
    let done = ended(child);
    assert_eq!(done.code, Some(141), "{}", done.stderr);
    assert_eq!(done.stderr, "");

    // What was found weighs more than who hears of it.
    let stored = dr_tests::files_below(&repo);
    let rows = stored
        .iter()
        .find(|path| path.to_string_lossy().contains(".dat."))
        .unwrap();
    std::fs::write(rows, "damaged").unwrap();
    let verify = dr()
        .args(["verify", "latest", "--quiet", "--repo"])
        .arg(&repo);
    assert_eq!(unread(verify).code, Some(3));
}

#[test]
fn a_misspelt_scheme_is_no_folder() {
    let place = tempfile::tempdir().unwrap();
    for (location, scheme) in [
        ("fiel:/x", "fiel:"),
        ("s4://b", "s4:"),
        ("backups:new", "backups:"),
    ] {
        for words in [
            &["backup", "host=127.0.0.1 port=1 dbname=x", "--repo"][..],
            &["list", "--repo"],
            &["verify", "latest", "--repo"],
            &["prune", "--orphans", "--repo"],
        ] {
            let done = dr().args(words).arg(location).folder(place.path()).output();
            refused(
                &done,
                1,
                &[scheme, "file:///", "memory:", &format!("./{scheme}…")],
            );
        }
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
    }
    std::fs::create_dir(place.path().join("fiel:")).unwrap();
    dr().args(["list", "--repo", "./fiel:"])
        .folder(place.path())
        .output_ok();
}
