//! The kept archives of stock pg_dump: read the same whatever wrote and compressed them, and
//! harmless when damaged. Needs no server.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use dr_core::archive::codec::{self, Archived, Version};
use dr_core::archive::{custom, directory, folder, tar};
use dr_core::digest::{RowsDigest, Sha256};
use dr_core::dump::{Data, LargeObjectPiece};
use dr_core::files::Files;
use dr_core::pipeline::compression::Compression;
use dr_core::toc::EntryId;
use dr_core::{Dump, ErrorKind, Limits};
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

const CUSTOM: [(&str, Version); 8] = [
    ("15-0", Version::V1_14),
    ("15-6", Version::V1_14),
    ("16-gzip", Version::V1_15),
    ("17-none", Version::V1_16),
    ("17-zstd", Version::V1_16),
    ("17-lz4", Version::V1_16),
    ("17-piped", Version::V1_16),
    ("18-gzip", Version::V1_16),
];

fn bytes_of(name: &str) -> Bytes {
    std::fs::read(path(name)).unwrap().into()
}

async fn in_tar(bytes: Bytes) -> dr_core::Result<Arc<dyn Dump>> {
    let files = tar::files(Arc::new(bytes), &Limits::default()).await?;
    Ok(Arc::new(directory::dump(Arc::new(files)).await?))
}

#[tokio::test]
async fn custom_and_tar_archives_hold_what_the_directories_do() {
    let directory: Arc<dyn Dump> = Arc::new(open("17-none").await);
    let wanted = content(directory, Compression::None).await;
    for (name, version) in CUSTOM {
        let dump = custom::dump(Arc::new(bytes_of(&format!("custom/{name}")))).await;
        let dump = dump.unwrap();
        assert_eq!(dump.version(), version, "{name}");
        assert_eq!(dump.evidence().source.database, "fixtures");
        assert_eq!(
            content(Arc::new(dump), Compression::None).await,
            wanted,
            "{name}"
        );
    }
    for name in ["15", "16", "17", "18"] {
        let dump = in_tar(bytes_of(&format!("tar/{name}"))).await.unwrap();
        assert_eq!(dump.evidence().source.database, "fixtures");
        assert_eq!(content(dump, Compression::None).await, wanted, "{name}");
    }
}

/// What each entry's data is, or why there is none.
type Read = BTreeMap<EntryId, Result<Vec<u8>, ErrorKind>>;

async fn data_of(dump: &dyn Dump) -> Read {
    let mut read = Read::new();
    for entry in dump.toc().entries.iter().filter(|entry| entry.has_data) {
        let whole = async {
            let mut all = Vec::new();
            match dump.data(entry.id).await? {
                Data::Rows(mut rows) => {
                    while let Some(piece) = rows.try_next().await? {
                        all.extend_from_slice(&piece);
                    }
                }
                Data::LargeObjects(mut pieces) => {
                    while let Some(piece) = pieces.try_next().await? {
                        match piece {
                            LargeObjectPiece::Begin(oid) => {
                                all.extend_from_slice(&oid.to_be_bytes())
                            }
                            LargeObjectPiece::Content(bytes) => all.extend_from_slice(&bytes),
                            LargeObjectPiece::End => all.push(b'.'),
                        }
                    }
                }
            }
            Ok::<_, dr_core::Error>(all)
        };
        let whole = whole.await.map_err(|error| {
            assert!(
                error.entry().is_some(),
                "it does not say which entry: {error}"
            );
            error.kind()
        });
        read.insert(entry.id, whole);
    }
    read
}

/// Damages an archive with checksums in every way, and holds what is still read against what was.
async fn damaged_everywhere(name: &str, sound: &Bytes) {
    let dump = custom::dump(Arc::new(sound.clone())).await.unwrap();
    let (toc, method) = (dump.toc().clone(), dump.method());
    let wanted = data_of(&dump).await;
    assert!(wanted.values().all(Result::is_ok), "{name}");
    let mut refused = 0;
    let edits = (0..sound.len()).flat_map(|at| {
        let flip = |bit: u8| {
            let mut bytes = sound.to_vec();
            bytes[at] ^= bit;
            (format!("{name}: byte {at} flipped by {bit}"), bytes)
        };
        let mut removed = sound.to_vec();
        removed.remove(at);
        [
            flip(0x01),
            flip(0x80),
            (format!("{name}: byte {at} removed"), removed),
            (format!("{name}: cut to {at}"), sound[..at].to_vec()),
        ]
    });
    for (what, bytes) in edits {
        let Ok(again) = custom::dump(Arc::new(Bytes::from(bytes))).await else {
            refused += 1;
            continue;
        };
        for (id, data) in data_of(&again).await {
            match data {
                Err(kind) => {
                    assert!(
                        matches!(
                            kind,
                            ErrorKind::Format | ErrorKind::Stage | ErrorKind::Missing
                        ),
                        "{what}: {kind:?}"
                    );
                    refused += 1;
                }
                // What stands in front has no checksum: data said to be compressed otherwise is other
                // data, and an entry that says to be another one is another one.
                Ok(_) if method != again.method() => {}
                Ok(_) if again.toc().get(id) != toc.get(id) => {}
                Ok(found) => assert_eq!(
                    Some(&found),
                    wanted.get(&id).and_then(|data| data.as_ref().ok()),
                    "{what}: entry {id} holds other data"
                ),
            }
        }
    }
    assert!(refused > sound.len(), "{name}: only {refused} were noticed");
}

#[tokio::test]
async fn a_custom_archive_damaged_anywhere_is_an_error_or_the_same() {
    // zlib has a checksum; zstd and lz4 have one as dr writes them.
    for name in ["15-6", "17-piped"] {
        damaged_everywhere(name, &bytes_of(&format!("custom/{name}"))).await;
    }
    for compression in [Compression::Zstd(3), Compression::Lz4(0)] {
        let dump = custom::dump(Arc::new(bytes_of("custom/17-none")))
            .await
            .unwrap();
        let archive = custom::archive(Arc::new(dump), compression).unwrap();
        let version = archive.version();
        let mut file = std::io::Cursor::new(Vec::new());
        archive.write(&mut file).await.unwrap();
        damaged_everywhere(
            &format!("{version} {compression}"),
            &file.into_inner().into(),
        )
        .await;
    }
}

#[tokio::test]
async fn a_tar_damaged_anywhere_never_does_harm_and_cut_it_is_never_whole() {
    let sound = bytes_of("tar/18");
    let wanted = data_of(&*in_tar(sound.clone()).await.unwrap()).await;
    let data_ends = sound.len() - 8192; // behind are `restore.sql` and the end
    for at in (0..sound.len()).step_by(3) {
        let mut bytes = sound.to_vec();
        bytes[at] ^= 0x01;
        if let Ok(dump) = in_tar(bytes.into()).await {
            data_of(&*dump).await;
        }
        if at < data_ends
            && let Ok(dump) = in_tar(sound.slice(..at)).await
        {
            let read = data_of(&*dump).await;
            assert!(read.values().any(Result::is_err), "cut to {at}");
            for (id, data) in read {
                assert!(
                    data.is_err() || data == wanted[&id],
                    "cut to {at}: entry {id}"
                );
            }
        }
    }
}

/// A number as it stands in a block.
fn int(number: i64) -> Vec<u8> {
    let mut bytes = vec![u8::from(number < 0)];
    bytes.extend_from_slice(&u32::try_from(number.unsigned_abs()).unwrap().to_le_bytes());
    bytes
}

#[tokio::test]
async fn what_a_block_only_claims_is_refused_with_entry_and_offset() {
    let sound = bytes_of("custom/17-none");
    let dump = custom::dump(Arc::new(sound.clone())).await.unwrap();
    let votes = dump
        .toc()
        .entries
        .iter()
        .find(|entry| entry.has_data && entry.tag == "votes");
    let votes = votes.unwrap().clone();
    let header = [&[1][..], &int(votes.id.0.into())].concat();
    let at = sound
        .windows(header.len())
        .position(|window| window == header)
        .unwrap();
    let end = int(0);
    for (what, words, block) in [
        (
            "a count of 2^31",
            "more than 32 bits",
            [&header[..], &int(1 << 31)].concat(),
        ),
        (
            "a count beyond the file",
            "cut short",
            [&header[..], &int(i32::MAX.into())].concat(),
        ),
        (
            "a negative count",
            "negative",
            [&header[..], &int(-5)].concat(),
        ),
        ("no chunk", "cut short", [&header[..], &end].concat()),
        (
            "another id",
            "none with data has this id",
            [&[1][..], &int(4711)].concat(),
        ),
        (
            "large objects",
            "holds large objects",
            [&[3][..], &int(votes.id.0.into()), &end].concat(),
        ),
        (
            "another kind",
            "kind would be 7",
            [&[7][..], &int(votes.id.0.into())].concat(),
        ),
        (
            "something behind",
            "kind would be 120",
            [&header[..], &int(9), b"1\tx\n\\.\n\n\n", &end, b"x"].concat(),
        ),
    ] {
        let bytes = Bytes::from([&sound[..at], &block[..]].concat());
        let dump = custom::dump(Arc::new(bytes)).await.unwrap();
        let error = match dump.data(votes.id).await {
            Err(error) => error,
            Ok(Data::Rows(rows)) => rows.try_collect::<Vec<Bytes>>().await.unwrap_err(),
            Ok(other) => panic!("{what}: {other:?}"),
        };
        assert_eq!(error.kind(), ErrorKind::Format, "{what}");
        assert!(error.to_string().contains(words), "{what}: {error}");
        assert_eq!(error.entry(), Some(votes.to_string().as_str()), "{what}");
        assert!(
            error.offset().unwrap() >= at as u64 || what == "no chunk",
            "{what}"
        );
    }
    // And the place itself: in front of the data, and behind the file.
    for place in [7, u64::MAX, sound.len() as u64] {
        let recorded = (at as u64).to_le_bytes();
        let found = sound
            .windows(8)
            .position(|window| window == recorded)
            .unwrap();
        let mut bytes = sound.to_vec();
        bytes[found..found + 8].copy_from_slice(&place.to_le_bytes());
        let dump = custom::dump(Arc::new(Bytes::from(bytes))).await.unwrap();
        let error = dump.data(votes.id).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.offset()),
            (ErrorKind::Format, Some(place))
        );
        assert!(
            error.to_string().contains("where the file holds none"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_table_of_contents_larger_than_its_limit_is_refused() {
    let sound = bytes_of("custom/18-gzip");
    let limits: Limits = "toc_bytes=1000".parse().unwrap();
    let error = custom::dump_within(Arc::new(sound), limits)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!(error.to_string().contains("toc_bytes"), "{error}");
}
