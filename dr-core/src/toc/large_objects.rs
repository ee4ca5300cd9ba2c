//! Which large objects an entry is about. pg_dump 17 and later make one BLOB METADATA and one
//! BLOBS entry for up to a thousand objects of one owner and one ACL; before, there was one BLOB
//! entry for each object and one BLOBS entry for the content of all.

use bytes::Bytes;

use super::{Entry, Kind, Toc};
use crate::error::{Error, ErrorKind, Result};

impl Toc {
    /// Oids of the large objects an entry makes (BLOB, BLOB METADATA) or holds the content of
    /// (BLOBS), in order; none for entries of other kinds.
    ///
    /// # Errors
    ///
    /// `Format` if the entry's text does not say it as pg_dump does.
    pub fn large_objects(&self, entry: &Entry) -> Result<Vec<u32>> {
        match entry.kind {
            Kind::Blob => Ok(vec![of_tag(entry)?]),
            Kind::BlobMetadata => of_definition(entry),
            Kind::Blobs => {
                let group = entry
                    .dependencies
                    .iter()
                    .filter_map(|id| self.get(*id))
                    .find(|entry| entry.kind == Kind::BlobMetadata);
                match group {
                    Some(group) => of_definition(group),
                    None => self
                        .entries
                        .iter()
                        .filter(|entry| entry.kind == Kind::Blob)
                        .map(of_tag)
                        .collect(),
                }
            }
            _ => Ok(Vec::new()),
        }
    }
}

/// A BLOB entry is tagged with its oid.
fn of_tag(entry: &Entry) -> Result<u32> {
    oid(&entry.tag).ok_or_else(|| wrong(entry, "tag", &entry.tag))
}

/// The definition of a BLOB METADATA entry is a list of oids, one a line.
fn of_definition(entry: &Entry) -> Result<Vec<u32>> {
    entry
        .definition
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| {
            oid(line).ok_or_else(|| wrong(entry, "definition", &Bytes::copy_from_slice(line)))
        })
        .collect()
}

fn oid(text: &[u8]) -> Option<u32> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    digits.then(|| std::str::from_utf8(text).ok()?.parse().ok())?
}

fn wrong(entry: &Entry, field: &str, text: &Bytes) -> Error {
    Error::new(
        ErrorKind::Format,
        format!("its {field} names no large object: {text:?}"),
    )
    .in_entry(entry)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::toc::EntryId;

    #[test]
    fn a_group_lists_its_oids_and_its_content_entry_refers_to_it() {
        let mut group = Entry::new(EntryId(5), Kind::BlobMetadata, "16400..16402");
        group.definition = Bytes::from_static(b"16400\n16402\n");
        let mut content = Entry::new(EntryId(6), Kind::Blobs, "16400..16402");
        content.dependencies = vec![EntryId(5)];
        let toc = Toc {
            entries: vec![group, content],
            ..Toc::default()
        };
        assert_eq!(toc.large_objects(&toc.entries[0]).unwrap(), [16400, 16402]);
        assert_eq!(toc.large_objects(&toc.entries[1]).unwrap(), [16400, 16402]);
    }

    #[test]
    fn old_style_content_is_that_of_every_blob_entry() {
        let toc = Toc {
            entries: vec![
                Entry::new(EntryId(1), Kind::Blob, "7"),
                Entry::new(EntryId(2), Kind::Blob, "9"),
                Entry::new(EntryId(3), Kind::Blobs, "BLOBS"),
            ],
            ..Toc::default()
        };
        assert_eq!(toc.large_objects(&toc.entries[2]).unwrap(), [7, 9]);
    }

    #[test]
    fn a_tag_that_is_no_oid_is_refused_by_name() {
        let toc = Toc {
            entries: vec![Entry::new(EntryId(1), Kind::Blob, "7; DROP")],
            ..Toc::default()
        };
        let error = toc.large_objects(&toc.entries[0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format);
        assert!(error.entry().unwrap().contains("entry 1"));
    }
}
