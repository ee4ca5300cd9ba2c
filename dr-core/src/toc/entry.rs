//! One entry of a table of contents.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;

use super::{Kind, Section};

/// pg_dump's dump id: unique within one Toc, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct EntryId(pub u32);

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where an object stood in the source's catalogs: oid of the catalog, oid in it. Zeros if none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CatalogId {
    /// Oid of the system catalog, such as 1259 for `pg_class`.
    pub table: u32,
    /// Oid of the object's row.
    pub oid: u32,
}

/// One entry, as `ArchiveEntry` of pg_dump fills it. Text is bytes in the dump's encoding.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its dump id.
    pub id: EntryId,
    /// Where it came from.
    pub catalog_id: CatalogId,
    /// What it is; pg_dump's `desc`.
    pub kind: Kind,
    /// Which part of a restore it belongs to.
    pub section: Section,
    /// Its name as pg_dump tags it: `votes_vote`, `votes_vote votes_vote_pkey`, `f(integer)`.
    pub tag: Bytes,
    /// Schema, for what lives in one.
    pub namespace: Option<Bytes>,
    /// Tablespace: `None` if it does not apply, empty for the database's default.
    pub tablespace: Option<Bytes>,
    /// Table access method, for relations that have one.
    pub table_access_method: Option<Bytes>,
    /// `relkind` of the relation, 0 if none (archive version 1.16).
    pub relkind: u8,
    /// Owner; empty if nobody's.
    pub owner: Bytes,
    /// SQL that makes it; empty for data.
    pub definition: Bytes,
    /// SQL that drops it; may be empty.
    pub drop_statement: Bytes,
    /// `COPY … FROM stdin;` with its line end, for TABLE DATA in COPY form.
    pub copy_statement: Option<Bytes>,
    /// Ids of entries that must come first. Hints: ids may be absent from the Toc, or repeated.
    pub dependencies: Vec<EntryId>,
    /// Whether a data stream belongs to it.
    pub has_data: bool,
}

impl Entry {
    /// An entry with an id, a kind and a tag, and nothing else.
    pub fn new(id: EntryId, kind: Kind, tag: impl Into<Bytes>) -> Self {
        let section = kind.usual_section();
        Self {
            id,
            catalog_id: CatalogId::default(),
            kind,
            section,
            tag: tag.into(),
            namespace: None,
            tablespace: None,
            table_access_method: None,
            relkind: 0,
            owner: Bytes::new(),
            definition: Bytes::new(),
            drop_statement: Bytes::new(),
            copy_statement: None,
            dependencies: Vec::new(),
            has_data: false,
        }
    }
}

/// `entry 3358 (TABLE DATA shop.orders)`.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {} ({} ", self.id, self.kind)?;
        if let Some(namespace) = &self.namespace {
            write!(f, "{}.", String::from_utf8_lossy(namespace))?;
        }
        write!(f, "{})", String::from_utf8_lossy(&self.tag))
    }
}
