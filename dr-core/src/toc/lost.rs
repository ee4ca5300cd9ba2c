//! A table of contents without data that is lost, and without the keys that cannot hold then. Pure.
//!
//! Used by salvage: a foreign key to a table whose rows are lost cannot be made, and one that cannot
//! be made would end the restore of all that is intact. A table whose rows are lost is still made,
//! and they may come from somewhere else; a large object is not, as an empty one would pass for it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Entry, EntryId, Graph, Kind, RelationName, Toc};

impl Toc {
    /// The same without the data of these entries, and without the foreign keys to tables whose
    /// rows are lost or lie in a partition that lost its own; also these keys, each with the table.
    pub(crate) fn without_data_of(
        &self,
        lost: &BTreeSet<EntryId>,
    ) -> (Self, BTreeMap<EntryId, RelationName>) {
        let tables = self.that_lost_rows(lost);
        let keys: BTreeMap<EntryId, RelationName> = self
            .entries
            .iter()
            .filter(|entry| entry.kind == Kind::FkConstraint)
            .filter_map(|entry| Some((entry.id, entry.referenced_table()?)))
            .filter(|(_, table)| tables.contains(table))
            .collect();
        let mut toc = self.clone();
        toc.entries.retain(|entry| {
            let of_a_key = || {
                let mut needs = entry.dependencies.iter();
                entry.kind == Kind::Comment && needs.any(|id| keys.contains_key(id))
            };
            !lost.contains(&entry.id) && !keys.contains_key(&entry.id) && !of_a_key()
        });
        (toc, keys)
    }

    /// The same without these large objects, and without what is said of them.
    pub(crate) fn without_large_objects(mut self, lost: &BTreeSet<u32>) -> Self {
        if lost.is_empty() {
            return self;
        }
        let all_lost = |toc: &Self, entry: &Entry| {
            let oids = toc.large_objects(entry).unwrap_or_default();
            !oids.is_empty() && oids.iter().all(|oid| lost.contains(oid))
        };
        let gone: BTreeSet<EntryId> = self
            .entries
            .iter()
            .filter(|entry| all_lost(&self, entry))
            .map(|entry| entry.id)
            .collect();
        self.entries.retain(|entry| {
            let remark = matches!(entry.kind, Kind::Comment | Kind::Acl | Kind::SecurityLabel);
            let about_one = oid_of_tag(&entry.tag).is_some_and(|oid| lost.contains(&oid));
            let about_all = entry.dependencies.iter().any(|id| gone.contains(id));
            !gone.contains(&entry.id) && !(remark && (about_one || about_all))
        });
        for entry in &mut self.entries {
            if entry.kind == Kind::BlobMetadata {
                let left = entry.definition.split_inclusive(|byte| *byte == b'\n');
                let left = left.filter(|line| {
                    let oid = std::str::from_utf8(line).ok().map(str::trim);
                    let oid = oid.and_then(|oid| oid.parse().ok());
                    oid.is_none_or(|oid| !lost.contains(&oid))
                });
                entry.definition = left.collect::<Vec<_>>().concat().into();
            }
        }
        self
    }

    /// The tables whose rows are lost, and all that they are partitions or children of.
    fn that_lost_rows(&self, lost: &BTreeSet<EntryId>) -> BTreeSet<RelationName> {
        let graph = Graph::of(self);
        let mut parents: BTreeMap<RelationName, Vec<RelationName>> = BTreeMap::new();
        for (at, entry) in self.entries.iter().enumerate() {
            if !matches!(entry.kind, Kind::Table | Kind::TableAttach) {
                continue;
            }
            for on in graph.dependencies(at) {
                let on = &self.entries[*on];
                if on.kind == Kind::Table && on.tagged() != entry.tagged() {
                    parents.entry(entry.tagged()).or_default().push(on.tagged());
                }
            }
        }
        let mut open: Vec<RelationName> = self
            .entries
            .iter()
            .filter(|entry| entry.kind == Kind::TableData && lost.contains(&entry.id))
            .map(Entry::tagged)
            .collect();
        let mut found = BTreeSet::new();
        while let Some(table) = open.pop() {
            if found.insert(table.clone()) {
                open.extend(parents.get(&table).into_iter().flatten().cloned());
            }
        }
        found
    }
}

/// What `LARGE OBJECT 7001` is about.
fn oid_of_tag(tag: &[u8]) -> Option<u32> {
    let oid = tag.strip_prefix(b"LARGE OBJECT ")?;
    std::str::from_utf8(oid).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_objects_go_with_what_is_said_of_them_and_a_group_with_its_last() {
        let mut toc = Toc::default();
        let mut add =
            |id: u32, kind, tag: &'static str, definition: &'static str, needs: &[u32]| {
                let mut entry = Entry::new(EntryId(id), kind, tag);
                entry.definition = definition.into();
                entry.dependencies = needs.iter().map(|id| EntryId(*id)).collect();
                toc.entries.push(entry);
            };
        add(1, Kind::BlobMetadata, "7..9", "7\n8\n9\n", &[]);
        add(2, Kind::Blobs, "7..9", "", &[1]);
        add(3, Kind::Comment, "LARGE OBJECT 8", "…", &[1]);
        add(4, Kind::Acl, "LARGE OBJECTS 7..9", "…", &[1]);
        add(5, Kind::BlobMetadata, "20", "20\n", &[]);
        add(6, Kind::Blobs, "20", "", &[5]);
        add(7, Kind::Acl, "LARGE OBJECT 20", "…", &[5]);
        let left = toc.without_large_objects(&BTreeSet::from([8, 20]));
        let ids: Vec<u32> = left.entries.iter().map(|entry| entry.id.0).collect();
        assert_eq!(ids, [1, 2, 4]);
        assert_eq!(
            left.large_objects(&left.entries[1]).expect("a group"),
            [7, 9]
        );
    }

    #[test]
    fn keys_to_a_table_that_lost_rows_go_also_through_its_partitions() {
        let mut toc = Toc::default();
        let mut add =
            |id: u32, kind, tag: &'static str, definition: &'static str, needs: &[u32]| {
                let mut entry = Entry::new(EntryId(id), kind, tag);
                entry.namespace = Some("s".into());
                entry.definition = definition.into();
                entry.dependencies = needs.iter().map(|id| EntryId(*id)).collect();
                toc.entries.push(entry);
            };
        add(
            1,
            Kind::Table,
            "whole",
            "CREATE TABLE s.whole (a int) PARTITION BY LIST (a);",
            &[],
        );
        add(2, Kind::Table, "part", "CREATE TABLE s.part (a int);", &[]);
        add(
            3,
            Kind::TableAttach,
            "part",
            "ALTER TABLE ONLY s.whole ATTACH PARTITION s.part;",
            &[1, 2],
        );
        add(
            4,
            Kind::Table,
            "other",
            "CREATE TABLE s.other (a int);",
            &[],
        );
        add(5, Kind::TableData, "part", "", &[2]);
        add(6, Kind::TableData, "other", "", &[4]);
        add(
            7,
            Kind::FkConstraint,
            "other to_whole",
            "ALTER TABLE ONLY s.other ADD CONSTRAINT to_whole FOREIGN KEY (a) REFERENCES s.whole(a);",
            &[4, 1],
        );
        add(
            8,
            Kind::Comment,
            "CONSTRAINT to_whole ON other",
            "COMMENT …",
            &[7],
        );
        add(
            9,
            Kind::FkConstraint,
            "part to_other",
            "ALTER TABLE ONLY s.part ADD CONSTRAINT to_other FOREIGN KEY (a) REFERENCES s.other(a);",
            &[2, 4],
        );
        let (left, keys) = toc.without_data_of(&BTreeSet::from([EntryId(5)]));
        let ids: Vec<u32> = left.entries.iter().map(|entry| entry.id.0).collect();
        assert_eq!(ids, [1, 2, 3, 4, 6, 9]);
        assert_eq!(keys[&EntryId(7)].to_string(), "s.whole");
        assert_eq!(keys.len(), 1);
    }
}
