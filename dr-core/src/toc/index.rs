//! Where each entry of a Toc stands, for whoever looks up many of them. Pure.
//!
//! [`Toc::get`] runs through the entries: right for one, hopeless for each of tens of thousands.

use super::{Entry, EntryId, Toc};

/// Ids and positions, by id: eight bytes an entry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Index(Vec<(EntryId, u32)>);

impl Index {
    /// Of these entries.
    pub fn of(toc: &Toc) -> Self {
        let positions = (0_u32..).zip(&toc.entries);
        let mut pairs: Vec<_> = positions.map(|(at, entry)| (entry.id, at)).collect();
        // Ids are unique; if a damaged Toc repeats one, the first is meant, as in `Toc::get`.
        pairs.sort_unstable();
        pairs.dedup_by_key(|(id, _)| *id);
        Self(pairs)
    }

    /// Where the entry with this id stands.
    pub fn position(&self, id: EntryId) -> Option<usize> {
        let found = self.0.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        usize::try_from(self.0[found].1).ok()
    }

    /// The entry with this id, of the Toc that this was made of.
    pub fn get<'a>(&self, toc: &'a Toc, id: EntryId) -> Option<&'a Entry> {
        toc.entries.get(self.position(id)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toc::Kind;

    #[test]
    fn an_index_finds_what_the_toc_finds() {
        let entries = [7, 3, 9, 3, 1].map(|id| {
            let tag = format!("{id}");
            Entry::new(EntryId(id), Kind::Table, tag)
        });
        let mut toc = Toc {
            entries: entries.into(),
            ..Toc::default()
        };
        toc.entries[3].tag = "the second 3".into();
        let index = Index::of(&toc);
        for id in 0..12 {
            assert_eq!(index.get(&toc, EntryId(id)), toc.get(EntryId(id)), "{id}");
        }
        assert_eq!(Index::of(&Toc::default()).get(&toc, EntryId(7)), None);
    }
}
