//! The second joint: names and bytes. Produced by archive writers and stored backups, consumed by
//! the repository and the archive readers. Knows neither a Toc nor a store.

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::digest::RowsDigest;
use crate::error::{Error, ErrorKind, Result};
use crate::globals::Globals;

pub use crate::pipeline::ByteStream;

/// One file of a [`Files`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileInfo {
    /// Its name: relative, `/`-separated, ASCII.
    pub name: String,
    /// Bytes it will yield, as far as is known: exact for stored files, an estimate for live ones.
    pub size_hint: Option<u64>,
}

/// How much of a file's content has passed: rows, and bytes before compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// Rows, where the content has rows.
    pub rows: u64,
    /// Bytes before compression.
    pub bytes: u64,
}

/// A set of names and bytes: a directory archive being written, a stored backup, a folder.
///
/// A view: nothing moves until [`open`](Self::open) is polled. Files may be opened in any order
/// and several at once.
pub trait Files: Send + Sync {
    /// Every file, the one to begin with first (biggest first where that is known).
    fn list(&self) -> Vec<FileInfo>;

    /// The bytes of one file.
    ///
    /// # Errors
    ///
    /// `Missing` if there is no such name.
    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<ByteStream>>;

    /// What a person calls the file, such as `TABLE DATA public.votes_vote`; its name if nothing
    /// better is known.
    fn title(&self, name: &str) -> String {
        name.to_owned()
    }

    /// Rows and bytes of uncompressed data that went into the file so far, while it is read; for
    /// progress only.
    fn seen(&self, _name: &str) -> Option<Seen> {
        None
    }

    /// What the bytes hold, as far as it was seen while they were read: for a dump, rows and
    /// digest of each table. Complete once every file was read to its end.
    fn evidence(&self) -> Evidence {
        Evidence::default()
    }
}

/// What a dump says about itself, beside its bytes; kept in the sealed manifest and compared
/// after a restore. Names are in the form of [`crate::text`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Evidence {
    /// Facts about the database dumped.
    pub source: SourceFacts,
    /// One record per TABLE DATA entry, by dump id.
    pub tables: BTreeMap<u32, TableEvidence>,
    /// One record per SEQUENCE SET entry, by dump id.
    pub sequences: BTreeMap<u32, SequenceEvidence>,
    /// Large objects, by oid.
    pub large_objects: BTreeMap<u32, LargeObjectEvidence>,
    /// Roles and tablespaces of the server, where it was asked for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub globals: Option<Globals>,
    /// Answers to the queries of whoever made the dump, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub records: BTreeMap<String, Record>,
}

/// The answer to a query, taken in the dump's snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The columns' names.
    pub columns: Vec<String>,
    /// Its rows: values as PostgreSQL prints them, or null.
    pub rows: Vec<Vec<Option<String>>>,
}

/// Where and when a dump was taken.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SourceFacts {
    /// The database's name.
    pub database: String,
    /// `server_version`, as the server prints it, such as `15.18 (Debian 15.18-0+deb12u1)`.
    pub server_version: String,
    /// `server_version_num`, such as 150018.
    pub server_version_num: u32,
    /// The database's encoding, which is the dump's, such as `UTF8`.
    pub encoding: String,
    /// The database's LC_COLLATE and LC_CTYPE.
    pub collate: String,
    /// See `collate`.
    pub ctype: String,
    /// `libc`, `icu` or `builtin`.
    pub locale_provider: String,
    /// The locale of a provider other than libc.
    pub locale: Option<String>,
    /// Rules added to an ICU locale.
    pub icu_rules: Option<String>,
    /// `pg_control_system().system_identifier` where readable; text, since JSON numbers are 53 bits.
    pub system_identifier: Option<String>,
    /// The exported snapshot, such as `00000003-0000001B-1`.
    pub snapshot: String,
    /// Write-ahead-log position when the snapshot was taken: `X/Y`.
    pub lsn: Option<String>,
    /// When the snapshot was taken, RFC 3339, UTC.
    pub taken_at: String,
    /// Whether the server was a standby.
    pub in_recovery: bool,
    /// Settings that a faithful restore may need: name to value (`lc_monetary`, `TimeZone`, …).
    pub settings: BTreeMap<String, String>,
    /// Extensions: name to version.
    pub extensions: BTreeMap<String, String>,
    /// Roles that own something or are granted something in the dump.
    pub roles: Vec<String>,
}

/// What the dump saw of one table's data.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct TableEvidence {
    /// Schema.
    pub namespace: String,
    /// Table.
    pub name: String,
    /// Columns dumped, in order.
    pub columns: Vec<String>,
    /// Rows, bytes and order-independent digest of the COPY text.
    pub digest: RowsDigest,
}

/// What the dump saw of one sequence.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SequenceEvidence {
    /// Schema.
    pub namespace: String,
    /// Sequence.
    pub name: String,
    /// `last_value`.
    pub last_value: i64,
    /// `is_called`.
    pub is_called: bool,
}

/// What the dump saw of one large object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LargeObjectEvidence {
    /// Bytes.
    pub bytes: u64,
    /// SHA-256 of the content.
    pub sha256: crate::digest::Sha256,
}

impl LargeObjectEvidence {
    /// A large object of `bytes` bytes with that digest.
    pub fn new(bytes: u64, sha256: crate::digest::Sha256) -> Self {
        Self { bytes, sha256 }
    }
}

/// Refuses a file name that could leave the place it is written to, or that a store cannot hold.
///
/// # Errors
///
/// `Format` for an empty, absolute, non-ASCII or `..`-bearing name.
pub fn check_name(name: &str) -> Result<()> {
    let sound = !name.is_empty()
        && name.len() <= 255
        && name
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != "..")
        && name
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\' && byte != b':');
    if sound {
        Ok(())
    } else {
        Err(Error::new(
            ErrorKind::Format,
            format!("{name:?} is not a file name a backup may hold"),
        ))
    }
}
