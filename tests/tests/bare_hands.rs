//! docs/format.md, done: what dr stored is undone by sha256sum, age and pg_restore.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dr_core::archive::{directory, folder::Folder};
use dr_core::ops::{BackupOptions, backup};
use dr_core::pipeline::compression::Compression;
use dr_core::pipeline::encryption::{Recipients, Secret};
use dr_core::repo::Repository;
use dr_tests::{Cluster, Database, Polling, Stock, assert_same_contents, assert_same_schema, tool};

/// A polling database on PostgreSQL 17, whose stock client has zstd, and its backup: large enough
/// for several frames.
async fn backed_up(folder: &Path, options: BackupOptions) -> (Arc<Cluster>, Database, PathBuf) {
    let cluster = Cluster::shared(17);
    let source = cluster.create_database("shop").await;
    Polling::with_votes(25_000).load(&source).await;
    let archive = folder.join("archive");
    source
        .pg_dump(17)
        .args(["--format=directory", "--compress=none", "--file"])
        .arg(&archive)
        .output_ok();
    let archive = Folder::open(&archive).await.expect("an archive");
    let dump = directory::dump(Arc::new(archive)).await.expect("a dump");
    let files = directory::files(Arc::new(dump), Compression::Zstd(3)).expect("files");
    let location = folder.join("repository");
    let repository = Repository::open(location.to_str().expect("UTF-8"))
        .await
        .expect("opens");
    let options = options.jobs(2).database("shop");
    let receipt = backup(&files, &repository, &options)
        .await
        .expect("a backup");
    (cluster, source, location.join(receipt.place.to_string()))
}

/// The restore of docs/format.md; `decrypt` is given what `age` reads and writes.
async fn restore(
    cluster: &Arc<Cluster>,
    stored: &Path,
    decrypt: impl Fn(&Path, &Path),
) -> Database {
    Stock::new("sha256sum")
        .args(["--check", "--quiet", "SHA256SUMS"])
        .folder(stored)
        .output_ok();
    let plain = stored.parent().expect("it has a parent").join("plain");
    std::fs::create_dir(&plain).expect("a new folder");
    for entry in std::fs::read_dir(stored).expect("readable") {
        let path = entry.expect("readable").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("ASCII");
        if let Some(inner) = name.strip_suffix(".age")
            && name != "identity.age"
        {
            decrypt(&path, &plain.join(inner));
        }
    }
    let target = cluster.create_database("by_hand").await;
    target
        .pg_restore(17)
        .args(["--format=directory", "--jobs=2"])
        .arg(&plain)
        .output_ok();
    target
}

#[tokio::test]
async fn a_backup_to_a_recipient_is_restored_without_dr() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let key = folder.path().join("operator.key");
    tool("age-keygen").arg("--output").arg(&key).output_ok();
    let recipient = tool("age-keygen").arg("-y").arg(&key).output_ok();
    let recipients = Recipients::new()
        .add(recipient.text().trim())
        .expect("a recipient");
    let options = BackupOptions::new().encrypt_to(recipients);
    let (cluster, source, stored) = backed_up(folder.path(), options).await;
    let target = restore(&cluster, &stored, |from, to| {
        tool("age")
            .args(["--decrypt", "--identity"])
            .arg(&key)
            .arg("--output")
            .args([to, from])
            .output_ok();
    })
    .await;
    assert_same_schema(&source, &target);
    assert_same_contents(&source, &target).await;
}

#[tokio::test]
async fn a_backup_under_a_passphrase_is_decrypted_without_dr() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let secret = Secret::new("correct horse battery staple").expect("a passphrase");
    let options = BackupOptions::new().encrypt_to(Recipients::new().passphrase(secret));
    let (_cluster, _source, stored) = backed_up(folder.path(), options).await;
    let plain = folder.path().join("manifest.json");
    // age asks at the terminal only, so it is given one: script(1) makes it.
    let age = dr_tests::servers().join("tools/bin/age");
    let command = format!(
        "{} --decrypt --identity identity.age --output {} manifest.json.age",
        age.display(),
        plain.display()
    );
    Stock::new("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .folder(&stored)
        .input("correct horse battery staple\n")
        .output_ok();
    let manifest = std::fs::read(&plain).expect("age wrote it");
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("JSON");
    assert_eq!(manifest["format"], 1);
}

#[tokio::test]
async fn a_plain_backup_is_a_directory_archive_as_it_lies_there() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (cluster, source, stored) = backed_up(folder.path(), BackupOptions::new()).await;
    let target = cluster.create_database("by_hand").await;
    target.pg_restore(17).arg(&stored).output_ok();
    assert_same_schema(&source, &target);
    assert_same_contents(&source, &target).await;
}
