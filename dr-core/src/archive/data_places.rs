//! Which entry has its data where: what the readers of every format look an id up in. Knows nothing
//! of what a place is.

use std::collections::HashMap;

use crate::error::{Error, ErrorKind, Result};
use crate::toc::{Entry, EntryId, Toc};

/// The places of the data of entries, by their ids.
pub(super) struct DataPlaces<P> {
    known: HashMap<EntryId, Known<P>>,
}

/// An entry by its index in the Toc, and its place.
enum Known<P> {
    One(usize, P),
    /// Several entries of one id have data.
    Ambiguous(usize),
}

impl<P> DataPlaces<P> {
    pub(super) fn new() -> Self {
        Self {
            known: HashMap::new(),
        }
    }

    /// Notes that the entry at `index` has its data there.
    pub(super) fn add(&mut self, id: EntryId, index: usize, place: P) {
        self.known
            .entry(id)
            .and_modify(|known| *known = Known::Ambiguous(index))
            .or_insert(Known::One(index, place));
    }

    /// Every id of which one entry has data, with its place.
    pub(super) fn iter(&self) -> impl Iterator<Item = (EntryId, &P)> {
        self.known.iter().filter_map(|(id, known)| match known {
            Known::One(_, place) => Some((*id, place)),
            Known::Ambiguous(_) => None,
        })
    }

    /// Every id of which some entry has data.
    pub(super) fn ids(&self) -> impl Iterator<Item = EntryId> {
        self.known.keys().copied()
    }

    /// The index of the entry of this id that has data, and its place, if there is just one.
    pub(super) fn one(&self, id: EntryId) -> Option<(usize, &P)> {
        match self.known.get(&id)? {
            Known::One(index, place) => Some((*index, place)),
            Known::Ambiguous(_) => None,
        }
    }

    /// The entry of this id that has data, and its place.
    ///
    /// # Errors
    ///
    /// `Missing` if there is none; `Format` if there are several.
    pub(super) fn find<'a>(&'a self, toc: &'a Toc, id: EntryId) -> Result<(&'a Entry, &'a P)> {
        match self.known.get(&id) {
            Some(Known::One(index, place)) => Ok((&toc.entries[*index], place)),
            Some(Known::Ambiguous(index)) => Err(Error::new(
                ErrorKind::Format,
                "several entries with data have this id",
            )
            .in_entry(&toc.entries[*index])),
            None => Err(match toc.get(id) {
                Some(entry) => Error::new(ErrorKind::Missing, "it has no data").in_entry(entry),
                None => Error::new(ErrorKind::Missing, "the Toc has no such entry")
                    .in_entry(format_args!("entry {id}")),
            }),
        }
    }
}
