//! Rows of COPY text: digested, taken apart into fields, and held in a data file.
//!
//! - Rows in other pieces, and in another order, have the same digest.
//! - The fields of a row, written as COPY writes them, are the same fields when read again.
//! - A data file in other pieces gives the same rows or the same error; what it gives has no end
//!   mark in it, and becomes the same file again.

use std::borrow::Cow;
use std::sync::Arc;

use dr_core::archive::codec::{self, Archived, Format, Place, Version};
use dr_core::archive::directory;
use dr_core::digest::{RowsDigest, RowsHasher};
use dr_core::dump::{Data, Dump};
use dr_core::pipeline::compression::{Compression, Method};
use dr_core::text::copy_fields;
use dr_core::toc::{Entry, EntryId, Kind, Toc};
use dr_core::{ErrorKind, Result};
use futures::FutureExt;

use crate::memory::{Memory, READY, whole};

/// See the module. The first byte is the size of the pieces.
pub fn hold(input: &[u8]) {
    let Some((size, text)) = input.split_first() else {
        return;
    };
    let size = usize::from(*size).max(1);
    digests(text, size);
    for row in text.split(|byte| *byte == b'\n') {
        fields(row);
    }
    file(text, size);
}

fn digest(text: &[u8], size: usize) -> Option<RowsDigest> {
    let mut hasher = RowsHasher::new();
    for piece in text.chunks(size) {
        hasher.update(piece);
    }
    hasher.finish().ok()
}

fn digests(text: &[u8], size: usize) {
    let found = digest(text, size);
    assert_eq!(found, digest(text, text.len().max(1)));
    assert_eq!(found.is_some(), text.is_empty() || text.ends_with(b"\n"));
    let Some(found) = found else { return };
    let mut rows: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(
        (found.rows, found.bytes),
        (rows.len() as u64, text.len() as u64)
    );
    rows.reverse();
    assert_eq!(Some(found), digest(&rows.concat(), size));
    let (one, other) = rows.split_at(rows.len() / 2);
    let mut sum = digest(&one.concat(), size).expect("whole rows");
    sum.merge(&digest(&other.concat(), size).expect("whole rows"));
    assert_eq!(sum, found);
}

/// As COPY TO writes a value (`CopyAttributeOutText`).
fn escaped(field: &Option<Cow<'_, [u8]>>) -> Vec<u8> {
    let Some(value) = field else {
        return b"\\N".to_vec();
    };
    let mut out = Vec::new();
    for byte in value.iter() {
        match byte {
            0x08 => out.extend(b"\\b"),
            0x0B => out.extend(b"\\v"),
            0x0C => out.extend(b"\\f"),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            b'\\' => out.extend(b"\\\\"),
            other => out.push(*other),
        }
    }
    out
}

fn fields(row: &[u8]) {
    let found: Vec<_> = copy_fields(row).collect();
    assert!(!found.is_empty());
    let length: usize = found.iter().flatten().map(|value| value.len()).sum();
    assert!(length <= row.len(), "values longer than their row");
    let again = found.iter().map(escaped).collect::<Vec<_>>().join(&b'\t');
    assert!(!again.contains(&b'\n'));
    assert_eq!(copy_fields(&again).collect::<Vec<_>>(), found);
}

/// An archive with one table, whose data file this is.
fn archive(text: &[u8], size: usize) -> Memory {
    let mut entry = Entry::new(EntryId(1), Kind::TableData, "votes");
    entry.has_data = true;
    entry.copy_statement = Some("COPY public.votes (id) FROM stdin;\n".into());
    let mut toc = Toc::default();
    toc.encoding = "UTF8".into();
    toc.entries = vec![entry];
    let toc = codec::write(&Archived {
        version: Version::V1_16,
        format: Format::Tar,
        method: Method::None,
        toc,
        places: vec![Place::File("1.dat".into())],
    })
    .expect("an archive of one table");
    Memory::new(size)
        .with("toc.dat", toc)
        .with("1.dat", text.to_vec())
}

fn rows_of(archive: Memory) -> Result<Vec<u8>> {
    let dump = directory::dump(Arc::new(archive))
        .now_or_never()
        .expect(READY)?;
    match dump.data(EntryId(1)).now_or_never().expect(READY)? {
        Data::Rows(rows) => whole(rows),
        Data::LargeObjects(_) => panic!("rows became large objects"),
    }
}

fn file(text: &[u8], size: usize) {
    let found = rows_of(archive(text, size));
    let other = rows_of(archive(text, text.len()));
    match (found, other) {
        (Ok(rows), Ok(other)) => {
            assert_eq!(rows, other);
            assert_eq!([&rows[..], b"\\.\n\n\n"].concat(), text);
            assert!(rows.is_empty() || rows.ends_with(b"\n"));
            assert!(rows.split(|byte| *byte == b'\n').all(|row| row != b"\\."));
            let dump = directory::dump(Arc::new(archive(text, size)))
                .now_or_never()
                .expect(READY)
                .expect("it has just been read");
            let files = directory::files(Arc::new(dump), Compression::None).expect("an archive");
            let copy = Memory::copy_of(&files, size).expect("it has just been read");
            assert_eq!(copy.files["1.dat"], text);
            let evidence = &copy.evidence.tables[&1];
            assert_eq!(Some(evidence.digest), digest(&rows, size));
        }
        (Err(error), Err(other)) => {
            assert_eq!(error.to_string(), other.to_string());
            assert_eq!(error.kind(), ErrorKind::Format);
            assert!(error.offset().is_some_and(|at| at <= text.len() as u64));
        }
        (found, other) => panic!("{found:?} in pieces, {other:?} as a whole"),
    }
}
