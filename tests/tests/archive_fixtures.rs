//! The kept archives of stock pg_dump: read the same whatever wrote and compressed them, and
//! harmless when damaged. Needs no server.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use dr_core::archive::codec::{self, Archived, Version};
use dr_core::archive::{directory, folder};
use dr_core::digest::{RowsDigest, Sha256};
use dr_core::files::Files;
use dr_core::pipeline::compression::Compression;
use dr_core::{Dump, Limits};
use dr_tests::fixture;
use futures::TryStreamExt;

const ARCHIVES: [(&str, Version); 7] = [
    ("15-0", Version::V1_14),
    ("15-6", Version::V1_14),
    ("16-gzip", Version::V1_15),
    ("17-none", Version::V1_16),
    ("17-zstd", Version::V1_16),
    ("17-lz4", Version::V1_16),
    ("18-gzip", Version::V1_16),
];

fn path(name: &str) -> PathBuf {
    fixture("archives").join(name)
}

async fn open(name: &str) -> directory::DirectoryDump {
    let folder = folder::Folder::open(path(name)).await.unwrap();
    directory::dump(Arc::new(folder)).await.unwrap()
}

#[test]
fn the_kept_archives_are_those_that_were_made() {
    let sums = std::fs::read_to_string(path("SHA256SUMS")).unwrap();
    assert!(sums.lines().count() > 50);
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        let bytes = std::fs::read(path(name)).unwrap();
        assert_eq!(Sha256::of(&bytes).to_string(), sum, "{name}");
    }
}

/// What an archive holds, read by way of being written again.
async fn content(
    dump: Arc<dyn Dump>,
    compression: Compression,
) -> (BTreeMap<String, RowsDigest>, BTreeMap<u32, Sha256>) {
    let files = directory::files(dump, compression).unwrap();
    for file in files.list() {
        let bytes = files.open(&file.name).await.unwrap();
        let _all: Vec<Bytes> = bytes.try_collect().await.unwrap();
    }
    let evidence = files.evidence();
    (
        evidence
            .tables
            .into_values()
            .map(|table| (format!("{}.{}", table.namespace, table.name), table.digest))
            .collect(),
        evidence
            .large_objects
            .into_iter()
            .map(|(oid, object)| (oid, object.sha256))
            .collect(),
    )
}

#[tokio::test]
async fn whatever_wrote_and_compressed_them_they_hold_the_same() {
    let mut first = None;
    for (name, version) in ARCHIVES {
        let dump = open(name).await;
        assert_eq!(dump.version(), version, "{name}");
        assert_eq!(dump.evidence().source.database, "fixtures");
        assert_eq!(dump.evidence().source.server_version_num, 150_020);
        let content = content(Arc::new(dump), Compression::Zstd(1)).await;
        assert_eq!(content.0["public.votes"].rows, 25);
        assert_eq!(content.0["odd . schema.Tab, \"le\""].rows, 3);
        assert_eq!(content.0["public.no_rows"].rows, 0);
        assert_eq!(content.1.len(), 3);
        assert_eq!(content.1[&7001], Sha256::of(b"one"));
        assert_eq!(content.1[&7002], Sha256::of(b""));
        let first = first.get_or_insert_with(|| content.clone());
        assert_eq!(&content, first, "{name}");
    }
}

#[test]
fn a_table_of_contents_survives_being_written_in_its_own_version() {
    for (name, version) in ARCHIVES {
        let bytes = Bytes::from(std::fs::read(path(name).join("toc.dat")).unwrap());
        let archived = codec::read(&bytes, &Limits::default()).unwrap();
        assert_eq!(archived.version, version);
        let again = codec::write(&archived).unwrap();
        assert_eq!(
            codec::read(&again, &Limits::default()).unwrap(),
            archived,
            "{name}"
        );
        // The same bytes but for the ids of the three settings, which pg_dump numbers earlier.
        assert_eq!(again.len(), bytes.len(), "{name}");
    }
}

#[test]
fn a_damaged_or_cut_table_of_contents_never_does_harm() {
    for name in ["15-0", "16-gzip", "17-none"] {
        let sound = std::fs::read(path(name).join("toc.dat")).unwrap();
        for at in 0..sound.len() {
            for flip in [0x01, 0x80] {
                let mut bytes = sound.clone();
                bytes[at] ^= flip;
                // What can still be read can be written and read again.
                if let Ok(archived) = codec::read(&Bytes::from(bytes), &Limits::default())
                    && archived.version >= Version::V1_14
                    && let Ok(again) = codec::write(&Archived { ..archived.clone() })
                {
                    assert_eq!(codec::read(&again, &Limits::default()).unwrap(), archived);
                }
            }
            let cut = Bytes::copy_from_slice(&sound[..at]);
            assert!(
                codec::read(&cut, &Limits::default()).is_err(),
                "{name} cut to {at}"
            );
        }
    }
}
