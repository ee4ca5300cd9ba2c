//! Custom and tar archives of pg_dump, damaged: the table of contents, blocks, chunks, members,
//! compression.
//!
//! - Whatever the file holds, each stream of data ends, with an error or without; in pieces of any
//!   size alike.
//! - Large objects asked for alone are those that come one after another.
//! - What can be read whole is written as a custom archive, with the places of its data recorded and
//!   without, and is the same when that is read. As a tar it is, or refused.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

use arbitrary::Unstructured;
use bytes::Bytes;
use dr_core::archive::codec::Version;
use dr_core::archive::seekable::Seekable;
use dr_core::archive::{custom, directory, tar};
use dr_core::digest::Sha256;
use dr_core::dump::Dump;
use dr_core::pipeline::compression::Compression;
use dr_core::toc::EntryId;
use dr_core::{Limits, Result};
use futures::{FutureExt, StreamExt, stream};

use crate::archive::{Content, content};
use crate::edit::edits;
use crate::memory::{InPieces, READY, whole};

macro_rules! archives {
    ($($file:literal)+) => {
        &[$(include_bytes!(concat!("../../../tests/fixtures/archives/", $file))),+]
    };
}

/// The archives to damage: real ones, of pg_dump 15 to 18.
const ARCHIVES: &[&[u8]] = archives!(
    "custom/15-0" "custom/15-6" "custom/17-none" "custom/17-zstd" "custom/17-lz4"
    "custom/17-piped" "custom/18-gzip" "tar/15" "tar/18"
);

/// More rows than make these bytes are read, and not written again.
const MOST_WRITTEN: usize = 256 * 1024;

/// See the module. The first byte chooses the archive, the second the size of pieces; then edits.
pub fn hold(input: &[u8]) {
    let [archive, size, edited @ ..] = input else {
        return;
    };
    let sound = ARCHIVES[usize::from(*archive) % ARCHIVES.len()];
    let mut files = BTreeMap::from([(String::new(), Bytes::from_static(sound))]);
    for edit in edits(&mut Unstructured::new(edited)) {
        edit.apply(&mut files);
    }
    let file = files.remove("").expect("it was put there");
    let in_pieces = InPieces::new(file.clone(), usize::from(*size) * 8);
    let opened = open(Arc::new(file));
    let again = open(Arc::new(in_pieces));
    assert_eq!(opened.is_ok(), again.is_ok(), "in pieces of another size");
    let (Ok(dump), Ok(again)) = (opened, again) else {
        assert!(!edited.is_empty(), "a sound archive is opened");
        return;
    };
    let found = contents(&*dump);
    match (&found, contents(&*again)) {
        (Ok(found), Ok(again)) => assert_eq!(*found, again, "in pieces of another size"),
        (Err(_), Err(_)) => {}
        (one, other) => panic!("{one:?}, but in pieces of another size {other:?}"),
    }
    let Ok(found) = found else {
        assert!(!edited.is_empty(), "a sound archive is read");
        return;
    };
    alone(&*dump, &found);
    let sizes = found.values().map(|content| match content {
        Content::Rows(rows) => rows.len(),
        Content::LargeObjects(_) => 0,
    });
    if sizes.sum::<usize>() > MOST_WRITTEN {
        return;
    }
    for version in [Version::V1_14, Version::V1_16] {
        let written = written(&dump, version);
        if edited.is_empty() {
            assert!(written.is_ok(), "{written:?}");
        }
        let Ok(files) = written else { continue };
        if version == Version::V1_16 {
            for file in files {
                same(&*dump, &found, file);
            }
        }
    }
    let script = stream::empty().boxed();
    let tar =
        tar::archive(dump.clone(), script).and_then(|tar| whole(tar.stream(&std::env::temp_dir())));
    match tar {
        Ok(tar) if dump.toc().server_major().is_some_and(|major| major >= 17) => {
            same(&*dump, &found, tar);
        }
        Ok(_) => {}
        Err(error) => assert!(!edited.is_empty(), "{error}"),
    }
}

fn open(file: Arc<dyn Seekable>) -> Result<Arc<dyn Dump>> {
    let limits: Limits = "toc_bytes=1MiB".parse()?;
    let begin = file.read(0).now_or_never().expect(READY)?;
    let mut begin = begin.take(8);
    let head: Vec<u8> = std::iter::from_fn(|| begin.next().now_or_never().expect(READY))
        .collect::<Result<Vec<Bytes>>>()?
        .concat();
    if head.starts_with(b"PGDMP") {
        let dump = custom::dump_within(file, limits);
        return Ok(Arc::new(dump.now_or_never().expect(READY)?));
    }
    let files = tar::files(file, &limits).now_or_never().expect(READY)?;
    let dump = directory::dump_within(Arc::new(files), limits);
    Ok(Arc::new(dump.now_or_never().expect(READY)?))
}

type Contents = BTreeMap<EntryId, Content>;

fn contents(dump: &dyn Dump) -> Result<Contents> {
    let entries = dump.toc().entries.iter();
    entries
        .filter(|entry| entry.has_data)
        .map(|entry| Ok((entry.id, content(dump, entry.id)?)))
        .collect()
}

/// Every large object, asked for by itself.
fn alone(dump: &dyn Dump, found: &Contents) {
    for (id, content) in found {
        let Content::LargeObjects(objects) = content else {
            continue;
        };
        for (oid, digests) in objects {
            let object = dump.large_object(*id, *oid).now_or_never().expect(READY);
            let text = object
                .and_then(whole)
                .expect("it was read among the others");
            assert!(digests.contains(&Sha256::of(&text)), "large object {oid}");
        }
    }
}

/// The dump as custom archives: without the places of the data, and with them.
fn written(dump: &Arc<dyn Dump>, version: Version) -> Result<[Vec<u8>; 2]> {
    let archive = || custom::archive_of_version(dump.clone(), Compression::None, version);
    let streamed = whole(archive()?.stream())?;
    let mut file = Cursor::new(Vec::new());
    archive()?.write(&mut file).now_or_never().expect(READY)?;
    Ok([streamed, file.into_inner()])
}

/// What was written holds what was read.
fn same(dump: &dyn Dump, found: &Contents, file: Vec<u8>) {
    let copy = open(Arc::new(Bytes::from(file))).expect("what was written can be read");
    assert_eq!(copy.toc().entries, dump.toc().entries);
    let again = contents(&*copy).expect("what was written can be read");
    for (id, content) in found {
        if let (Content::LargeObjects(found), Content::LargeObjects(again)) = (content, &again[id])
            && !found.keys().eq(again.keys())
        {
            // A tar's list names others than its Toc, whose names are those written.
            continue;
        }
        assert_eq!(again[id], *content, "entry {id}");
    }
}
