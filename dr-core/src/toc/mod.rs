//! The table of contents of a dump, in pg_dump's own words. Pure: no I/O, no async.
//!
//! Used by every reader and writer. Must never know where bytes lie or how a server is asked.

mod database;
mod entry;
mod graph;
pub mod ident;
mod index;
mod kind;
mod large_objects;
mod lost;
mod outward;
mod pass;
mod pattern;
mod plan;
mod relation;
pub mod render;
mod roles;
mod select;
mod use_list;

pub use database::DatabaseOptions;
pub use entry::{CatalogId, Entry, EntryId};
pub use graph::Graph;
pub use index::Index;
pub use kind::{Kind, Section};
pub(crate) use outward::outward_keys;
pub use pass::Pass;
pub use pattern::Pattern;
pub use plan::{Lock, LockMode, Plan, Stage, Step};
pub use relation::RelationName;
pub use select::{SelectNotice, Selected, Selection};
pub use use_list::UseList;

use bytes::Bytes;

/// What a dump contains: facts about the whole, and the entries in the order of the dump.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Toc {
    /// The database dumped.
    pub database: Bytes,
    /// Its encoding, which all names and definitions are in, such as `UTF8`.
    pub encoding: String,
    /// `standard_conforming_strings` of the dump.
    pub std_strings: bool,
    /// The statement that sets `search_path`, where it is not pg_dump's own (which empties it):
    /// dumps of other tools and of pg_dump before 10.3. Empty: the session's own path is used.
    pub search_path: Option<Bytes>,
    /// The server's version as text.
    pub server_version: String,
    /// The version of the program that made the dump, as text.
    pub dump_version: String,
    /// When the dump was made, seconds since 1970, UTC.
    pub created: i64,
    /// Every entry but ENCODING, STDSTRINGS and SEARCHPATH, which the fields above hold.
    pub entries: Vec<Entry>,
}

impl Toc {
    /// The entry with this id; for many, see [`Index`].
    pub fn get(&self, id: EntryId) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// The server's major version, such as 15; `None` if the dump does not say.
    pub fn server_major(&self) -> Option<u32> {
        self.server_version
            .split(|char: char| !char.is_ascii_digit())
            .next()
            .and_then(|major| major.parse().ok())
    }
}
