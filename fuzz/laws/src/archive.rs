//! Directory archives of pg_dump, damaged: `toc.dat`, data files, lists of large objects,
//! compression.
//!
//! - Whatever the files hold, each stream of data ends, with an error or without.
//! - What can be read whole is written as an archive, and is the same when that is read; of large
//!   objects those that the Toc names.

use std::collections::BTreeMap;
use std::sync::Arc;

use arbitrary::Unstructured;
use bytes::Bytes;
use dr_core::archive::codec::Version;
use dr_core::archive::directory;
use dr_core::digest::{RowsHasher, Sha256};
use dr_core::dump::{Data, Dump, LargeObjectPiece};
use dr_core::pipeline::compression::Compression;
use dr_core::toc::EntryId;
use dr_core::{Limits, Result};
use futures::{FutureExt, StreamExt};

use crate::edit::edits;
use crate::memory::{Memory, READY, whole};

macro_rules! archive {
    ($folder:literal: $($file:literal)+) => {
        &[$(($file, include_bytes!(concat!(
            "../../../tests/fixtures/archives/", $folder, "/", $file
        )))),+]
    };
}

/// The archives to damage: real ones, of pg_dump 15 to 18.
const ARCHIVES: &[&[(&str, &[u8])]] = &[
    archive!("15-0": "toc.dat" "3351.dat" "3353.dat" "3354.dat" "blobs.toc" "blob_7001.dat"
        "blob_7002.dat" "blob_7003.dat"),
    archive!("17-none": "toc.dat" "3351.dat" "3353.dat" "3354.dat" "blobs_3356.toc"
        "blobs_3358.toc" "blob_7001.dat" "blob_7002.dat" "blob_7003.dat"),
    archive!("17-zstd": "toc.dat" "3351.dat.zst" "3353.dat.zst" "3354.dat.zst" "blobs_3356.toc"
        "blobs_3358.toc" "blob_7001.dat.zst" "blob_7002.dat.zst" "blob_7003.dat.zst"),
    archive!("17-lz4": "toc.dat" "3351.dat.lz4" "3353.dat.lz4" "3354.dat.lz4" "blobs_3356.toc"
        "blobs_3358.toc" "blob_7001.dat.lz4" "blob_7002.dat.lz4" "blob_7003.dat.lz4"),
    archive!("18-gzip": "toc.dat" "3351.dat.gz" "3353.dat.gz" "3354.dat.gz" "blobs_3356.toc"
        "blobs_3358.toc" "blob_7001.dat.gz" "blob_7002.dat.gz" "blob_7003.dat.gz"),
];

/// What the data of an entry is.
#[derive(Debug, PartialEq)]
pub(crate) enum Content {
    Rows(Vec<u8>),
    LargeObjects(BTreeMap<u32, Vec<Sha256>>),
}

/// See the module. The first byte chooses the archive, the second the size of pieces; then edits.
pub fn hold(input: &[u8]) {
    let [archive, size, edited @ ..] = input else {
        return;
    };
    let mut files = Memory::new(usize::from(*size) * 8);
    for (name, bytes) in ARCHIVES[usize::from(*archive) % ARCHIVES.len()] {
        files = files.with(name, Bytes::from_static(bytes));
    }
    for edit in edits(&mut Unstructured::new(edited)) {
        edit.apply(&mut files.files);
    }
    let Ok(dump) = open(files) else { return };
    let found: Result<BTreeMap<EntryId, Content>> = dump
        .toc()
        .entries
        .iter()
        .filter(|entry| entry.has_data)
        .map(|entry| Ok((entry.id, content(&*dump, entry.id)?)))
        .collect();
    for version in [Version::V1_14, Version::V1_16] {
        let written = written(&dump, version);
        let Ok(found) = &found else { continue };
        if edited.is_empty() {
            assert!(written.is_ok(), "{written:?}");
        }
        let Ok(written) = written else { continue };
        if version == Version::V1_16 {
            same(&*dump, found, written);
        }
    }
}

fn open(files: Memory) -> Result<Arc<dyn Dump>> {
    let limits: Limits = "toc_bytes=1MiB".parse()?;
    let dump = directory::dump_within(Arc::new(files), limits)
        .now_or_never()
        .expect(READY)?;
    Ok(Arc::new(dump))
}

pub(crate) fn content(dump: &dyn Dump, id: EntryId) -> Result<Content> {
    let data = dump.data(id).now_or_never().expect(READY)?;
    let mut pieces = match data {
        Data::Rows(rows) => return whole(rows).map(Content::Rows),
        Data::LargeObjects(pieces) => pieces,
    };
    let mut objects: BTreeMap<u32, Vec<Sha256>> = BTreeMap::new();
    let mut open: Option<(u32, Vec<u8>)> = None;
    while let Some(piece) = pieces.next().now_or_never().expect(READY) {
        match (piece?, &mut open) {
            (LargeObjectPiece::Begin(oid), open @ None) => *open = Some((oid, Vec::new())),
            (LargeObjectPiece::Content(more), Some((_, text))) => text.extend_from_slice(&more),
            (LargeObjectPiece::End, open) => {
                let (oid, text) = open.take().expect("an end has a beginning");
                objects.entry(oid).or_default().push(Sha256::of(&text));
            }
            (piece, open) => panic!("{piece:?} behind {open:?}"),
        }
    }
    assert!(open.is_none(), "a large object without an end");
    Ok(Content::LargeObjects(objects))
}

fn written(dump: &Arc<dyn Dump>, version: Version) -> Result<Memory> {
    let files = directory::files_of_version(dump.clone(), Compression::None, version)?;
    Memory::copy_of(&files, 4096)
}

/// The archive that was written holds what was read, and its evidence says so.
fn same(dump: &dyn Dump, found: &BTreeMap<EntryId, Content>, written: Memory) {
    let evidence = written.evidence.clone();
    let copy = open(written).expect("what was written can be read");
    // What made it, where that was not said, is dr.
    assert_eq!(copy.toc().entries, dump.toc().entries);
    for (id, content_found) in found {
        let again = content(&*copy, *id).expect("what was written can be read");
        if let (Content::LargeObjects(found), Content::LargeObjects(again)) =
            (content_found, &again)
            && !found.keys().eq(again.keys())
        {
            // The archive's list names others than its Toc, whose names are those written.
            continue;
        }
        assert_eq!(again, *content_found, "entry {id}");
        let entry = dump.toc().get(*id).expect("it was found there");
        match content_found {
            Content::Rows(rows) if entry.copy_statement.is_some() => {
                let mut hasher = RowsHasher::new();
                hasher.update(rows);
                let digest = hasher.finish().expect("whole rows");
                assert_eq!(evidence.tables[&id.0].digest, digest);
            }
            Content::Rows(_) => {}
            Content::LargeObjects(objects) => {
                for (oid, digests) in objects {
                    assert!(digests.contains(&evidence.large_objects[oid].sha256));
                }
            }
        }
    }
}
