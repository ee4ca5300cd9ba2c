//! What lies in a repository on disk, held against the stock tools that must undo it: `sha256sum`,
//! `age`, `age-keygen`, `ssh-keygen`. A tool that is not there fails the test.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use dr_core::files::{ByteStream, FileInfo};
use dr_core::ops::{BackupOptions, VerifyLevel, VerifyOptions, backup, verify};
use dr_core::pipeline::encryption::{Identities, Recipients, generate_key};
use dr_core::pipeline::keys::Keys;
use dr_core::repo::{Kind, Repository};
use dr_core::{ErrorKind, Files, Result};
use dr_tests::{Stock, tool};
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt, stream};

/// Files in memory: one of several parts of an upload, one empty, one of exactly an age chunk.
struct Toys(Vec<(&'static str, Vec<u8>)>);

impl Toys {
    fn new() -> Self {
        let bytes = |length: usize| (0..length).map(|i| (i * i % 253) as u8).collect();
        Self(vec![
            ("3358.dat.zst", bytes(5_000_000)),
            ("3360.dat.zst", bytes(65_536)),
            ("3361.dat.zst", Vec::new()),
            ("toc.dat", bytes(1000)),
        ])
    }
}

impl Files for Toys {
    fn list(&self) -> Vec<FileInfo> {
        let info = |(name, bytes): &(&str, Vec<u8>)| FileInfo {
            name: (*name).to_owned(),
            size_hint: Some(bytes.len() as u64),
        };
        self.0.iter().map(info).collect()
    }

    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<ByteStream>> {
        Box::pin(async move {
            let found = self.0.iter().find(|(known, _)| *known == name);
            let (_, bytes) = found.expect("only listed files are opened");
            let pieces: Vec<_> = bytes
                .chunks(70_001)
                .map(|piece| Ok(Bytes::copy_from_slice(piece)))
                .collect();
            Ok(stream::iter(pieces).boxed())
        })
    }
}

fn options() -> BackupOptions {
    BackupOptions::new()
        .kind(Kind::Files)
        .database("shop größe")
        .jobs(2)
}

struct Stored {
    root: tempfile::TempDir,
    repository: Repository,
    folder: PathBuf,
    id: String,
}

async fn store(options: &BackupOptions) -> Stored {
    let root = tempfile::tempdir().expect("folder");
    let path = root.path().join("backups/of the shop");
    let repository = Repository::open(path.to_str().expect("text"))
        .await
        .expect("repository");
    let receipt = backup(&Toys::new(), &repository, options)
        .await
        .expect("backup");
    Stored {
        folder: path
            .join("shop=20gr=C3=B6=C3=9Fe")
            .join(receipt.id.as_str()),
        id: receipt.id.to_string(),
        repository,
        root,
    }
}

async fn read_back(stored: &Stored, keys: &Keys) -> Result<()> {
    let found = stored.repository.find(&stored.id).await?;
    let files = stored.repository.files(&found, keys).await?;
    for (name, bytes) in Toys::new().0 {
        let pieces: Vec<Bytes> = files.open(name).await?.try_collect().await?;
        assert!(pieces.concat() == bytes, "{name} comes back as it was");
    }
    Ok(())
}

/// Decrypts every file with stock age.
fn decrypt_all(stored: &Stored, identity: &Path) {
    for (name, bytes) in Toys::new().0 {
        let plain = tool("age")
            .args(["--decrypt", "--identity"])
            .arg(identity)
            .arg(stored.folder.join(format!("{name}.age")))
            .output_ok();
        assert!(plain.stdout == bytes, "age gives {name} back as it was");
    }
}

#[tokio::test]
async fn sha256sum_accepts_what_is_stored_and_notices_what_is_not() {
    let stored = store(&options()).await;
    let check = || {
        Stock::new("sha256sum")
            .args(["--check", "--strict", "--quiet", "SHA256SUMS"])
            .folder(&stored.folder)
    };
    check().output_ok();
    let names: Vec<_> = std::fs::read_dir(&stored.folder)
        .expect("folder")
        .map(|entry| {
            entry
                .expect("entry")
                .file_name()
                .into_string()
                .expect("ASCII")
        })
        .collect();
    let sums = std::fs::read_to_string(stored.folder.join("SHA256SUMS")).expect("sums");
    for name in &names {
        let is_summed = sums.contains(&format!("  {name}\n"));
        assert_eq!(
            is_summed,
            !["SHA256SUMS", "backup.json"].contains(&name.as_str()),
            "{name}"
        );
    }
    std::fs::write(stored.folder.join("toc.dat"), "other").expect("written");
    assert_eq!(check().output().code, Some(1));
}

#[tokio::test]
async fn stock_age_decrypts_with_a_key_that_dr_made() {
    let keys = tempfile::tempdir().expect("folder");
    let key = keys.path().join("operator.key");
    let recipient = generate_key(&key).expect("key");
    let shown = tool("age-keygen").arg("-y").arg(&key).output_ok();
    assert_eq!(shown.text().trim(), recipient);

    let recipients = Recipients::new().add(&recipient).expect("recipient");
    let stored = store(&options().encrypt_to(recipients)).await;
    decrypt_all(&stored, &key);
    let identities = Identities::new().add_file(&key, None).expect("key");
    read_back(&stored, &identities.into()).await.expect("read");
}

#[tokio::test]
async fn dr_decrypts_with_keys_that_stock_tools_made() {
    let keys = tempfile::tempdir().expect("folder");
    let age = keys.path().join("age.key");
    tool("age-keygen").arg("-o").arg(&age).output_ok();
    let shown = tool("age-keygen").arg("-y").arg(&age).output_ok();
    let mut recipients = Recipients::new().add(shown.text()).expect("recipient");
    let mut all = vec![age];
    for (kind, bits) in [("ed25519", "256"), ("rsa", "2048")] {
        let ssh = keys.path().join(kind);
        Stock::new("ssh-keygen")
            .args(["-q", "-N", "", "-t", kind, "-b", bits, "-f"])
            .arg(&ssh)
            .output_ok();
        recipients = recipients
            .add_file(ssh.with_extension("pub"))
            .expect("recipient");
        all.push(ssh);
    }
    let stored = store(&options().encrypt_to(recipients)).await;
    for key in &all {
        decrypt_all(&stored, key);
        let identities = Identities::new().add_file(key, None).expect("key");
        read_back(&stored, &identities.into()).await.expect("read");
    }
    let stranger = keys.path().join("stranger");
    generate_key(&stranger).expect("key");
    let identities = Identities::new().add_file(&stranger, None).expect("key");
    let error = read_back(&stored, &identities.into())
        .await
        .expect_err("stranger");
    assert_eq!(error.kind(), ErrorKind::Key);
}

#[tokio::test]
async fn a_protected_ssh_key_needs_its_passphrase() {
    use dr_core::pipeline::encryption::Secret;
    let keys = tempfile::tempdir().expect("folder");
    let ssh = keys.path().join("id");
    Stock::new("ssh-keygen")
        .args(["-q", "-N", "open sesame", "-t", "ed25519", "-f"])
        .arg(&ssh)
        .output_ok();
    let recipients = Recipients::new()
        .add_file(ssh.with_extension("pub"))
        .expect("recipient");
    let stored = store(&options().encrypt_to(recipients)).await;
    for (passphrase, opens) in [
        (None, false),
        (Some("wrong"), false),
        (Some("open sesame"), true),
    ] {
        let secret = passphrase.map(|text| Secret::new(text).expect("secret"));
        match Identities::new().add_file(&ssh, secret.as_ref()) {
            Ok(identities) => {
                assert!(opens, "{passphrase:?}");
                read_back(&stored, &identities.into()).await.expect("read");
            }
            Err(error) => {
                assert!(!opens, "{error:?}");
                assert_eq!(error.kind(), ErrorKind::Key);
            }
        }
    }
}

#[tokio::test]
async fn a_folder_on_disk_is_private_and_verifies_at_every_level() {
    let stored = store(&options()).await;
    let mode = |path: &Path| {
        std::fs::metadata(path)
            .expect("folder")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(&stored.root.path().join("backups")), 0o700);
    for level in [VerifyLevel::Quick, VerifyLevel::Stored, VerifyLevel::Deep] {
        let options = VerifyOptions::new().level(level);
        let report = verify(&stored.repository, "latest", &options)
            .await
            .expect("verified");
        assert!(report.is_sound(), "{:?}", report.problems);
    }
}
