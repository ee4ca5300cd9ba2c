//! Large objects as archives below 1.16 have them: one BLOB entry for each, one BLOBS entry for
//! the content of all. Used by the writers of archives; turns a Toc with groups into one without.

use std::collections::HashMap;

use bytes::Bytes;

use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limit;
use crate::toc::{Entry, EntryId, Index, Kind, Section, Toc};

/// The Toc with every group (BLOB METADATA) replaced by single BLOB entries, and with one BLOBS
/// entry. A Toc without groups comes out as it is.
///
/// # Errors
///
/// `Format` if a group or an ACL of one is not as pg_dump writes it; `Limit` if ids run out, or if
/// what each object would repeat of its group comes to more than a Toc may have.
pub(super) fn one_by_one(toc: &Toc) -> Result<Toc> {
    let is_group = |entry: &&Entry| entry.kind == Kind::BlobMetadata;
    if !toc.entries.iter().any(|entry| is_group(&entry)) {
        return Ok(toc.clone());
    }
    let index = Index::of(toc);
    let mut ids = Ids::above(toc);
    let mut repeated = Repeated(0);

    // The first object of a group takes the group's id, the others get new ones.
    let mut singles = Vec::new();
    let mut single_of: HashMap<(EntryId, u32), EntryId> = HashMap::new();
    for group in toc.entries.iter().filter(is_group) {
        let oids = toc.large_objects(group)?;
        // A few bytes of a group name an object, and each becomes an entry with a copy of these.
        repeated.add(oids.len(), ENTRY + 4 * group.dependencies.len())?;
        for (number, oid) in oids.into_iter().enumerate() {
            let id = if number == 0 { group.id } else { ids.next()? };
            single_of.insert((group.id, oid), id);
            singles.push(single(group, id, oid));
        }
    }

    let mut entries = Vec::with_capacity(toc.entries.len() + singles.len());
    let mut has_content = false;
    for entry in &toc.entries {
        // Definitions stand before data in an archive of this age.
        if matches!(entry.section, Section::Data | Section::PostData) {
            entries.append(&mut singles);
        }
        match entry.kind {
            Kind::BlobMetadata => {}
            Kind::Blobs if has_content => {}
            Kind::Blobs => {
                has_content = true;
                let mut content = entry.clone();
                content.tag = Bytes::from_static(b"BLOBS");
                content.owner = Bytes::new();
                content.dependencies.clear();
                entries.push(content);
            }
            Kind::Acl if entry.tag.starts_with(b"LARGE OBJECTS ") => {
                let group = entry
                    .dependencies
                    .first()
                    .and_then(|id| index.get(toc, *id))
                    .filter(is_group)
                    .ok_or_else(|| {
                        wrong(entry, "the large objects it is for are not in the Toc")
                    })?;
                let oids = toc.large_objects(group)?;
                repeated.add(oids.len(), ENTRY + entry.definition.len())?;
                for (number, oid) in oids.into_iter().enumerate() {
                    let mut acl = entry.clone();
                    if number > 0 {
                        acl.id = ids.next()?;
                    }
                    acl.tag = format!("LARGE OBJECT {oid}").into();
                    acl.definition = for_object(entry, oid)?;
                    acl.dependencies = vec![single_of[&(group.id, oid)]];
                    entries.push(acl);
                }
            }
            // A comment or label of one object refers to its group.
            _ => {
                let mut entry = entry.clone();
                if let Some(oid) = object_named(&entry.tag) {
                    for id in &mut entry.dependencies {
                        *id = single_of.get(&(*id, oid)).copied().unwrap_or(*id);
                    }
                }
                entries.push(entry);
            }
        }
    }
    entries.append(&mut singles);
    let mut toc = toc.clone();
    toc.entries = entries;
    Ok(toc)
}

/// The entries of the dump's own Toc that hold the large objects of `entry`, which is one of `toc`:
/// a Toc with single objects may have been made of one with groups, whose entries the dump still
/// goes by.
pub(super) fn sources(own: &Toc, toc: &Toc, entry: &Entry) -> Result<Vec<EntryId>> {
    Ok(match own.get(entry.id) {
        Some(known) if own.large_objects(known)? == toc.large_objects(entry)? => vec![known.id],
        _ => own
            .entries
            .iter()
            .filter(|entry| entry.kind == Kind::Blobs && entry.has_data)
            .map(|entry| entry.id)
            .collect(),
    })
}

fn single(group: &Entry, id: EntryId, oid: u32) -> Entry {
    let mut entry = Entry::new(id, Kind::Blob, oid.to_string());
    entry.section = Section::PreData;
    entry.catalog_id = group.catalog_id;
    entry.catalog_id.oid = oid;
    entry.owner = group.owner.clone();
    entry.definition = format!("SELECT pg_catalog.lo_create('{oid}');\n").into();
    entry.drop_statement = format!("SELECT pg_catalog.lo_unlink('{oid}');\n").into();
    entry.dependencies = group.dependencies.clone();
    entry
}

/// The ACL of a group holds the statements for one of its objects; these are for another one.
fn for_object(acl: &Entry, oid: u32) -> Result<Bytes> {
    const BEFORE: &[u8] = b"LARGE OBJECT ";
    let text = &acl.definition[..];
    let mut out = Vec::with_capacity(text.len());
    let mut in_quotes = false;
    let mut found = false;
    let mut at = 0;
    while at < text.len() {
        if !in_quotes && text[at..].starts_with(BEFORE) {
            found = true;
            out.extend_from_slice(BEFORE);
            out.extend_from_slice(oid.to_string().as_bytes());
            at += BEFORE.len();
            at += text[at..]
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            continue;
        }
        in_quotes ^= text[at] == b'"';
        out.push(text[at]);
        at += 1;
    }
    if !found {
        return Err(wrong(acl, "its statements name no large object"));
    }
    Ok(out.into())
}

fn object_named(tag: &[u8]) -> Option<u32> {
    let oid = tag.strip_prefix(b"LARGE OBJECT ")?;
    std::str::from_utf8(oid).ok()?.parse().ok()
}

/// About what an entry takes beside its texts.
const ENTRY: usize = size_of::<Entry>();

/// What a Toc may have by default.
const MOST_REPEATED: Limit = Limit::fixed(2 << 30);

/// Bytes that objects repeat of their groups.
struct Repeated(u64);

impl Repeated {
    /// As many times so many bytes more.
    fn add(&mut self, times: usize, bytes: usize) -> Result<()> {
        let more = (times as u64).saturating_mul(bytes as u64);
        self.0 = self.0.saturating_add(more);
        if self.0 > MOST_REPEATED.most() {
            return Err(MOST_REPEATED.exceeded(
                "large objects one by one, as archives below 1.16 have them, take more bytes",
            ));
        }
        Ok(())
    }
}

struct Ids(u32);

impl Ids {
    fn above(toc: &Toc) -> Self {
        Self(
            toc.entries
                .iter()
                .map(|entry| entry.id.0)
                .max()
                .unwrap_or(0),
        )
    }

    fn next(&mut self) -> Result<EntryId> {
        self.0 = self
            .0
            .checked_add(1)
            .ok_or_else(|| Error::new(ErrorKind::Limit, "the Toc has no free entry ids"))?;
        Ok(EntryId(self.0))
    }
}

fn wrong(entry: &Entry, message: &str) -> Error {
    Error::new(ErrorKind::Format, message).in_entry(entry)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn grouped() -> Toc {
        let mut group = Entry::new(EntryId(5), Kind::BlobMetadata, "10..12");
        group.definition = Bytes::from_static(b"10\n12\n");
        group.owner = Bytes::from_static(b"app");
        let mut acl = Entry::new(EntryId(7), Kind::Acl, "LARGE OBJECTS 10..12");
        acl.definition =
            Bytes::from_static(b"GRANT ALL ON LARGE OBJECT 10 TO \"LARGE OBJECT 9\";\n");
        acl.dependencies = vec![EntryId(5)];
        let mut comment = Entry::new(EntryId(8), Kind::Comment, "LARGE OBJECT 12");
        comment.dependencies = vec![EntryId(5)];
        let mut content = Entry::new(EntryId(6), Kind::Blobs, "10..12");
        content.dependencies = vec![EntryId(5)];
        content.has_data = true;
        let entries = vec![
            Entry::new(EntryId(1), Kind::Table, "t"),
            Entry::new(EntryId(2), Kind::TableData, "t"),
            group,
            content,
            acl,
            comment,
        ];
        Toc {
            entries,
            ..Toc::default()
        }
    }

    #[test]
    fn groups_become_single_entries_before_the_data() {
        let toc = one_by_one(&grouped()).unwrap();
        let line: Vec<String> = toc
            .entries
            .iter()
            .map(|entry| format!("{entry} {:?}", entry.dependencies))
            .collect();
        assert_eq!(
            line,
            [
                "entry 1 (TABLE t) []",
                "entry 5 (BLOB 10) []",
                "entry 9 (BLOB 12) []",
                "entry 2 (TABLE DATA t) []",
                "entry 6 (BLOBS BLOBS) []",
                "entry 7 (ACL LARGE OBJECT 10) [EntryId(5)]",
                "entry 10 (ACL LARGE OBJECT 12) [EntryId(9)]",
                "entry 8 (COMMENT LARGE OBJECT 12) [EntryId(9)]",
            ]
        );
        assert_eq!(
            toc.entries[6].definition,
            "GRANT ALL ON LARGE OBJECT 12 TO \"LARGE OBJECT 9\";\n"
        );
        assert_eq!(toc.large_objects(&toc.entries[4]).unwrap(), [10, 12]);
    }

    #[test]
    fn privileges_repeated_for_each_object_have_a_bound() {
        let mut toc = grouped();
        let oids: String = (1..=40_000).map(|oid| format!("{oid}\n")).collect();
        toc.entries[2].definition = oids.into();
        assert!(one_by_one(&toc).is_ok());
        toc.entries[4].definition = vec![b' '; 1 << 20].into();
        assert_eq!(one_by_one(&toc).unwrap_err().kind(), ErrorKind::Limit);
    }

    #[test]
    fn without_groups_nothing_changes() {
        let toc = one_by_one(&grouped()).unwrap();
        assert_eq!(one_by_one(&toc).unwrap(), toc);
    }
}
