//! Deep verification of real backups: an archive of stock pg_dump goes into a repository, is
//! proven, and every lie about it is found.

use std::sync::Arc;

use dr_core::archive::{directory, folder};
use dr_core::files::{ByteStream, Evidence, FileInfo, SequenceEvidence};
use dr_core::ops::{BackupOptions, Outcome, Report, VerifyLevel, VerifyOptions, backup, verify};
use dr_core::pipeline::compression::Compression;
use dr_core::pipeline::encryption::{Identities, Recipients, generate_key};
use dr_core::pipeline::keys::Keys;
use dr_core::repo::Repository;
use dr_core::toc::{Kind, Toc};
use dr_core::{Dump, Files, Result};
use dr_tests::{Cluster, Polling};
use futures::future::BoxFuture;
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path;

/// Files whose evidence is changed on the way into the manifest.
struct Lying<'a, F: Fn(&mut Evidence) + Send + Sync>(&'a dyn Files, F);

impl<F: Fn(&mut Evidence) + Send + Sync> Files for Lying<'_, F> {
    fn list(&self) -> Vec<FileInfo> {
        self.0.list()
    }

    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<ByteStream>> {
        self.0.open(name)
    }

    fn evidence(&self) -> Evidence {
        let mut evidence = self.0.evidence();
        evidence.source.database = "shop".into();
        // Asked before anything was read, it knows the source only.
        if !evidence.tables.is_empty() {
            (self.1)(&mut evidence);
        }
        evidence
    }
}

async fn dumped(server: u32, client: u32, place: &std::path::Path) -> Arc<dyn Dump> {
    let source = Cluster::shared(server).create_database("deep").await;
    Polling::with_votes(2000).load(&source).await;
    source
        .sql("SELECT lo_from_bytea(7001, 'one'), lo_from_bytea(7002, decode(repeat('00ff', 100000), 'hex'))")
        .await;
    let path = place.join(format!("stock-{server}"));
    source
        .pg_dump(client)
        .args(["-Fd", "--compress=0", "-f"])
        .arg(&path)
        .output_ok();
    let folder = folder::Folder::open(&path).await.expect("folder");
    Arc::new(directory::dump(Arc::new(folder)).await.expect("dump"))
}

/// The dump id of a table's data, or of a sequence's value.
fn id_of(toc: &Toc, kind: &Kind, tag: &str) -> u32 {
    let found = toc
        .entries
        .iter()
        .find(|entry| entry.kind == *kind && entry.tag == tag.as_bytes());
    found.expect("the fixture has it").id.0
}

async fn deep(repository: &Repository, keys: &Keys) -> Report {
    let options = VerifyOptions::new()
        .level(VerifyLevel::Deep)
        .keys(keys.clone());
    verify(repository, "latest", &options)
        .await
        .expect("verified")
}

#[tokio::test]
async fn a_stored_archive_of_every_compression_is_proven() {
    let place = tempfile::tempdir().expect("folder");
    let key = place.path().join("key");
    let recipient = generate_key(&key).expect("key");
    let recipients = Recipients::new().add(&recipient).expect("recipient");
    let keys = Keys::from(Identities::new().add_file(&key, None).expect("identity"));
    for (server, client) in [(15, 15), (18, 18)] {
        let dump = dumped(server, client, place.path()).await;
        for compression in [
            Compression::None,
            Compression::Gzip(1),
            Compression::Zstd(3),
            Compression::Lz4(1),
        ] {
            let repository = Repository::with_store(Arc::new(InMemory::new()), "memory");
            let files = directory::files(dump.clone(), compression).expect("files");
            let files = Lying(&files, |_| {});
            let options = BackupOptions::new().jobs(3).encrypt_to(recipients.clone());
            let receipt = backup(&files, &repository, &options).await.expect("backup");
            assert_eq!(receipt.place.database(), "shop");
            assert!(receipt.rows > 2000 && receipt.tables > 5, "{receipt:?}");
            assert!(receipt.large_objects >= 2);
            let report = deep(&repository, &keys).await;
            assert!(report.is_sound(), "{:#?}", report.problems);
            assert_eq!(
                (report.tables, report.rows, report.large_objects),
                (receipt.tables, receipt.rows, receipt.large_objects)
            );
        }
    }
}

#[tokio::test]
async fn whatever_the_manifest_says_otherwise_is_found_and_named() {
    let place = tempfile::tempdir().expect("folder");
    let dump = dumped(15, 15, place.path()).await;
    let toc = dump.toc();
    let votes = id_of(toc, &Kind::TableData, "votes_vote");
    let sequence = id_of(toc, &Kind::SequenceSet, "votes_vote_id_seq");
    let value = toc
        .entries
        .iter()
        .find(|entry| entry.id.0 == sequence)
        .map(|entry| String::from_utf8_lossy(&entry.definition).into_owned())
        .expect("entry");
    type Lie = Box<dyn Fn(&mut Evidence) + Send + Sync>;
    let cases: Vec<(&str, Outcome, Lie)> = vec![
        (
            "votes_vote",
            Outcome::Damaged,
            Box::new(move |evidence| {
                evidence.tables.get_mut(&votes).expect("table").digest.rows += 1;
            }),
        ),
        (
            "votes_vote",
            Outcome::Damaged,
            Box::new(move |evidence| {
                evidence.tables.get_mut(&votes).expect("table").digest.sum.0 ^= 1;
            }),
        ),
        (
            "votes_vote",
            Outcome::Damaged,
            Box::new(move |evidence| {
                evidence.tables.remove(&votes);
            }),
        ),
        (
            "entry 999999",
            Outcome::Damaged,
            Box::new(move |evidence| {
                let table = evidence.tables[&votes].clone();
                evidence.tables.insert(999_999, table);
            }),
        ),
        (
            "LARGE OBJECT 7002",
            Outcome::Damaged,
            Box::new(|evidence| {
                evidence.large_objects.get_mut(&7002).expect("object").bytes += 1;
            }),
        ),
        (
            "LARGE OBJECT 7003",
            Outcome::Missing,
            Box::new(|evidence| {
                let object = evidence.large_objects[&7002].clone();
                evidence.large_objects.insert(7003, object);
            }),
        ),
        (
            "LARGE OBJECT 7001",
            Outcome::Damaged,
            Box::new(|evidence| {
                evidence.large_objects.remove(&7001);
            }),
        ),
        (
            "votes_vote_id_seq",
            Outcome::Damaged,
            Box::new(move |evidence| {
                let mut seen = SequenceEvidence::default();
                seen.last_value = -77;
                evidence.sequences.insert(sequence, seen);
            }),
        ),
    ];
    for (object, outcome, lie) in cases {
        let repository = Repository::with_store(Arc::new(InMemory::new()), "memory");
        let files = directory::files(dump.clone(), Compression::None).expect("files");
        let files = Lying(&files, lie);
        backup(&files, &repository, &BackupOptions::new())
            .await
            .expect("backup");
        let report = deep(&repository, &Keys::none()).await;
        assert_eq!(report.problems.len(), 1, "{:#?}", report.problems);
        assert_eq!(report.outcome(), outcome, "{object}");
        let named = report.problems[0].object.as_deref().expect("named");
        assert!(named.contains(object), "{named} names {object}");
        let options = VerifyOptions::new().level(VerifyLevel::Stored);
        let stored = verify(&repository, "latest", &options)
            .await
            .expect("verified");
        assert!(stored.is_sound(), "what is stored is what was written");
    }
    // The true value is accepted, so that the lie above was found for what it said.
    let (last, called) = value
        .rsplit_once("', ")
        .and_then(|(_, rest)| rest.split_once(')'))
        .and_then(|(rest, _)| rest.split_once(", "))
        .expect("setval of name, value, called");
    let (last, called) = (last.parse().expect("number"), called == "true");
    let repository = Repository::with_store(Arc::new(InMemory::new()), "memory");
    let files = directory::files(dump.clone(), Compression::None).expect("files");
    let files = Lying(&files, move |evidence| {
        let mut seen = SequenceEvidence::default();
        seen.last_value = last;
        seen.is_called = called;
        evidence.sequences.insert(sequence, seen);
    });
    backup(&files, &repository, &BackupOptions::new())
        .await
        .expect("backup");
    let report = deep(&repository, &Keys::none()).await;
    assert!(report.is_sound(), "{:#?}", report.problems);
}

/// A damaged file is one problem of the stored bytes, and one of the table that is in it; the
/// other tables are proven all the same.
#[tokio::test]
async fn one_damaged_table_does_not_hide_how_the_others_are() {
    let place = tempfile::tempdir().expect("folder");
    let dump = dumped(15, 15, place.path()).await;
    let votes = id_of(dump.toc(), &Kind::TableData, "votes_vote");
    let store = Arc::new(InMemory::new());
    let repository = Repository::with_store(store.clone(), "memory");
    let files = directory::files(dump, Compression::Gzip(1)).expect("files");
    let files = Lying(&files, |_| {});
    let receipt = backup(&files, &repository, &BackupOptions::new())
        .await
        .expect("backup");
    let key = Path::from(format!("{}/{votes}.dat.gz", receipt.place));
    let found = store.get(&key).await.expect("there");
    let mut bytes = found.bytes().await.expect("bytes").to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    store.put(&key, bytes.into()).await.expect("put");
    let report = deep(&repository, &Keys::none()).await;
    assert_eq!(report.outcome(), Outcome::Damaged);
    let named: Vec<_> = report
        .problems
        .iter()
        .filter_map(|problem| problem.object.as_deref())
        .collect();
    assert_eq!(named.len(), 2, "{:#?}", report.problems);
    assert!(
        named.iter().any(|name| name.contains("votes_vote")),
        "{named:?}"
    );
    assert!(
        named.iter().any(|name| name.contains(".dat.gz")),
        "{named:?}"
    );
    assert_eq!(report.tables, receipt.tables - 1);
}
