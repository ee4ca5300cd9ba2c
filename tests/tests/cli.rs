//! The command `dr` as a user runs it: results, exit codes, and what it never prints.

use std::path::Path;
use std::sync::Arc;

use dr_core::archive::{directory, folder};
use dr_core::ops::{BackupOptions, Receipt, backup};
use dr_core::pipeline::compression::Compression;
use dr_core::pipeline::encryption::Recipients;
use dr_core::repo::Repository;
use dr_tests::{Cluster, Polling, dr, files_below};
use serde_json::Value;

/// A stock dump of the polling application, as a directory archive.
async fn stock_archive(folder: &Path) {
    let source = Cluster::shared(18).create_database("source").await;
    Polling::with_votes(200).load(&source).await;
    source
        .pg_dump(18)
        .args(["-Fd", "-f"])
        .arg(folder)
        .output_ok();
}

async fn stored(archive: &Path, repo: &Path, options: BackupOptions) -> Receipt {
    let folder = folder::Folder::open(archive).await.unwrap();
    let dump = directory::dump(Arc::new(folder)).await.unwrap();
    let files = directory::files(Arc::new(dump), Compression::default()).unwrap();
    let repository = Repository::open(repo.to_str().unwrap()).await.unwrap();
    backup(&files, &repository, &options).await.unwrap()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test]
async fn backups_are_listed_shown_and_verified_with_exit_codes_that_tell() {
    let place = tempfile::tempdir().unwrap();
    let archive = place.path().join("archive");
    stock_archive(&archive).await;
    let repo = place.path().join("repo");
    let key = place.path().join("operator.key");

    let made = dr()
        .args(["key", "generate", "--output"])
        .arg(&key)
        .output_ok();
    let recipient = made.text().trim().to_owned();
    assert!(recipient.starts_with("age1"), "{recipient}");
    let again = dr()
        .args(["key", "generate", "--output"])
        .arg(&key)
        .output();
    assert_eq!(again.code, Some(1), "{}", again.stderr);

    let options = BackupOptions::new()
        .encrypt_to(Recipients::new().add(&recipient).unwrap())
        .label("pre-migration");
    let receipt = stored(&archive, &repo, options).await;
    let id = receipt.id.as_str();

    let list = dr().args(["list", "--repo"]).arg(&repo).output_ok();
    assert!(list.text().contains(id) && list.text().contains("pre-migration"));
    let list = json(
        dr().args(["list", "--json", "--repo"])
            .arg(&repo)
            .output_ok()
            .text(),
    );
    assert_eq!(list["backups"][0]["id"], id);
    assert_eq!(list["backups"][0]["encrypted"], true);

    let show = dr()
        .args(["show", "latest", "--repo"])
        .arg(&repo)
        .output_ok();
    assert!(show.text().contains("sealed"), "{}", show.text());
    let show = dr()
        .args(["show", "latest", "--entries", "--identity"])
        .arg(&key)
        .arg("--repo")
        .arg(&repo)
        .output_ok();
    assert!(show.text().contains("public.votes_vote"), "{}", show.text());
    assert!(show.text().contains("FK CONSTRAINT"));

    for depth in [
        &["--quick"][..],
        &[],
        &["--deep", "--identity", key.to_str().unwrap()],
    ] {
        let verified = dr()
            .args(["verify", "latest", "--repo"])
            .arg(&repo)
            .args(depth)
            .output_ok();
        assert!(verified.text().contains("sound"), "{}", verified.text());
    }
    let no_key = dr()
        .args(["verify", "latest", "--deep", "--repo"])
        .arg(&repo)
        .output();
    assert_eq!(no_key.code, Some(5), "{}{}", no_key.text(), no_key.stderr);

    let prefix = &id[..8];
    assert_eq!(
        dr().args(["verify", prefix, "--repo"])
            .arg(&repo)
            .output()
            .code,
        Some(0)
    );
    let missing = dr().args(["verify", "1999", "--repo"]).arg(&repo).output();
    assert_eq!(missing.code, Some(4), "{}", missing.stderr);
    let nowhere = dr()
        .args(["list", "--json", "--repo", "/nonexistent/repo"])
        .output();
    assert_eq!(nowhere.code, Some(4));
    assert_eq!(json(&nowhere.stderr)["error"]["exit"], 4);

    // One byte of one object.
    let folder = std::fs::read_dir(&repo)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("source")
        })
        .unwrap()
        .join(id);
    let object = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_str().unwrap().ends_with(".dat.zst.age"))
        .unwrap();
    let mut bytes = std::fs::read(&object).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&object, bytes).unwrap();
    let damaged = dr()
        .args(["verify", "latest", "--json", "--repo"])
        .arg(&repo)
        .output();
    assert_eq!(damaged.code, Some(3), "{}", damaged.stderr);
    assert_eq!(json(damaged.text())["outcome"], "damaged");
    std::fs::remove_file(&object).unwrap();
    let gone = dr()
        .args(["verify", "latest", "--quick", "--repo"])
        .arg(&repo)
        .output();
    assert_eq!(gone.code, Some(4), "{}", gone.text());
}

#[tokio::test]
async fn foreign_dumps_are_recognized_by_their_content() {
    let place = tempfile::tempdir().unwrap();
    let archive = place.path().join("named_like_nothing");
    stock_archive(&archive).await;
    let show = dr().arg("show").arg(&archive).output_ok();
    assert!(show.text().contains("public.votes_vote"), "{}", show.text());
    let entries = json(
        dr().args(["show", "--json", "--entries"])
            .arg(&archive)
            .output_ok()
            .text(),
    );
    assert!(entries["entries"].as_array().unwrap().len() > 50);

    let source = Cluster::shared(18).create_database("source").await;
    Polling::with_votes(50).load(&source).await;
    let plain = source.pg_dump(18).output_ok().stdout;
    let script = place.path().join("script");
    std::fs::write(&script, &plain).unwrap();
    let show = dr().arg("show").arg(&script).output_ok();
    assert!(show.text().contains("public.votes_vote"), "{}", show.text());
    let show = dr().args(["show", "-"]).input(plain.clone()).output_ok();
    assert!(show.text().contains("public.votes_vote"), "{}", show.text());
    std::fs::write(&script, &plain[..plain.len() / 2]).unwrap();
    let cut = dr().arg("show").arg(&script).output();
    assert_eq!(cut.code, Some(3), "{}", cut.stderr);

    for format in ["-Fc", "-Ft"] {
        let file = place.path().join(format);
        source
            .pg_dump(18)
            .args([format, "-f"])
            .arg(&file)
            .output_ok();
        let show = dr().arg("show").arg(&file).output_ok();
        assert!(show.text().contains("public.votes_vote"), "{}", show.text());
    }
    assert_eq!(dr().args(["show", "./nothing.sql"]).output().code, Some(4));
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_with_code_2() {
    for words in [
        &["frobnicate"][..],
        &["list"],
        &["verify", "latest", "--repo", "r", "--quick", "--deep"],
        &["backup", "dbname=x", "--repo", "r", "--compress", "zip"],
        &["prune", "--repo", "r"],
        &["show", "latest"],
    ] {
        let refused = dr().args(words).output();
        assert_eq!(refused.code, Some(2), "{words:?}: {}", refused.stderr);
    }
}

#[tokio::test]
async fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = dr().args(["completions", shell]).output_ok();
        assert!(script.text().contains("extract"), "{shell}");
    }
}

#[tokio::test]
async fn a_live_database_is_backed_up_and_no_secret_is_printed() {
    let source = Cluster::shared(15).create_database("source").await;
    Polling::with_votes(300).load(&source).await;
    let place = tempfile::tempdir().unwrap();
    let repo = place.path().join("repo");
    let secret = place.path().join("passphrase");
    std::fs::write(&secret, "correct horse battery staple\n").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let info = format!("{} password=sesame-open", source.conninfo());
    let made = dr()
        .args(["backup", &info, "-vvv", "--label", "nightly", "--jobs", "3"])
        .args([
            "--exclude-table-data",
            "public.polls_tag",
            "--passphrase-file",
        ])
        .arg(&secret)
        .arg("--repo")
        .arg(&repo)
        .env("DR_LOG", "trace")
        .output_ok();
    assert!(made.text().contains("nightly"), "{}", made.text());
    assert!(
        made.stderr.contains("can be read by everybody"),
        "{}",
        made.stderr
    );
    for secret in ["sesame-open", "correct horse"] {
        assert!(!made.stderr.contains(secret) && !made.text().contains(secret));
    }

    let verified = dr()
        .args(["verify", "latest", "--deep", "--json", "--passphrase-file"])
        .arg(&secret)
        .arg("--repo")
        .arg(&repo)
        .output_ok();
    let verified = json(verified.text());
    assert_eq!(verified["outcome"], "sound");
    assert!(verified["tables"].as_u64().unwrap() > 10);
    let shown = dr()
        .args(["show", "latest", "--json", "--repo"])
        .arg(&repo)
        .env("DR_PASSPHRASE", "correct horse battery staple")
        .output_ok();
    let shown = json(shown.text());
    let tables = shown["manifest"]["evidence"]["tables"].as_object().unwrap();
    let votes = tables
        .values()
        .find(|table| table["name"] == "votes_vote")
        .unwrap();
    assert_eq!(votes["digest"]["rows"], 300);
    assert!(!tables.values().any(|table| table["name"] == "polls_tag"));

    let wrong = dr()
        .args(["verify", "latest", "--deep", "--repo"])
        .arg(&repo)
        .env("DR_PASSPHRASE", "wrong")
        .output();
    assert_eq!(wrong.code, Some(5), "{}{}", wrong.text(), wrong.stderr);
    let nothing = dr()
        .args([
            "backup",
            source.conninfo(),
            "--table",
            "public.nothing",
            "--repo",
        ])
        .arg(&repo)
        .output();
    assert_eq!(nothing.code, Some(4), "{}", nothing.stderr);
    let unreachable = dr()
        .args(["backup", "host=127.0.0.1 port=1 dbname=x", "--repo"])
        .arg(&repo)
        .output();
    assert_eq!(unreachable.code, Some(1), "{}", unreachable.stderr);
    let by_mistake = dr()
        .args([
            "backup",
            source.conninfo(),
            "--encrypt-to",
            "AGE-SECRET-KEY-1OOPS",
            "--repo",
        ])
        .arg(&repo)
        .output();
    assert_eq!(by_mistake.code, Some(2));
    assert!(
        !by_mistake.stderr.contains("1OOPS"),
        "{}",
        by_mistake.stderr
    );
}

/// Starts a command, interrupts it when `ready` says so, and returns its exit code and errors.
#[cfg(unix)]
fn interrupt_when(
    command: dr_tests::Stock,
    mut ready: impl FnMut() -> bool,
) -> (Option<i32>, String) {
    use std::process::{Command, Stdio};
    let mut child = command
        .into_command()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !ready() {
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended before it could be interrupted"
        );
        std::thread::yield_now();
    }
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn control_c_leaves_nothing_behind() {
    let source = Cluster::shared(18).create_database("source").await;
    source
        .sql(
            "CREATE TABLE big AS SELECT n, (SELECT string_agg(md5(n::text || m), '') FROM generate_series(1, 30) m) AS noise
             FROM generate_series(1, 100000) n",
        )
        .await;
    let place = tempfile::tempdir().unwrap();
    let repo = place.path().join("repo");
    let backup = || {
        dr().args([
            "backup",
            source.conninfo(),
            "--compress",
            "gzip:9",
            "--repo",
        ])
        .arg(&repo)
    };

    // In the middle of the data.
    let (code, errors) = interrupt_when(backup(), || {
        files_below(&repo)
            .iter()
            .any(|file| file.metadata().is_ok_and(|file| file.len() > 100_000))
    });
    assert_eq!(code, Some(130), "{errors}");
    assert_eq!(
        files_below(&repo),
        Vec::<std::path::PathBuf>::new(),
        "{errors}"
    );
    let list = dr().args(["list", "--repo"]).arg(&repo).output_ok();
    assert_eq!(list.text().trim(), "no backups");

    // While it waits for a lock.
    let lock = source.connect().await;
    lock.batch_execute("BEGIN; LOCK TABLE big").await.unwrap();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let watcher = source.connect().await;
    let handle = tokio::runtime::Handle::current();
    let (code, errors) = tokio::task::block_in_place(|| {
        interrupt_when(backup(), || {
            let row = handle.block_on(watcher.query_one(waiting, &[])).unwrap();
            row.get::<_, i64>(0) > 0
        })
    });
    assert_eq!(code, Some(130), "{errors}");
    assert!(files_below(&repo).is_empty(), "{:?}", files_below(&repo));
    let limited = backup().args(["--lock-timeout", "100ms"]).output();
    assert_eq!(limited.code, Some(1));
    assert!(limited.stderr.contains("55P03"), "{}", limited.stderr);
}
