//! The header and the table of contents of an archive as bytes; one codec for all formats.
//!
//! Used by [`directory`](super::directory) and the other formats. Does no I/O, and knows where the
//! data of an entry lies only as the word its format left there.
//!
//! The facts come from pg_dump's `WriteHead`, `WriteToc` and their readers. An integer is a sign
//! byte and as many bytes, lowest first, as the header says; a string is an integer length, -1 for
//! none, and its bytes; oids are strings; a list of dependencies ends with the string that is
//! none. Versions: 1.12 (pg_dump 9.0 to 10.2), 1.13 (to 11), 1.14 (12 to 15) with table access
//! methods, 1.15 (16) with the compression's name, 1.16 (17 and later) with relkinds and large
//! objects in groups.

mod read;
mod unqualified;
mod write;

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;

use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::compression::Method;
use crate::toc::Toc;

pub use read::read;
pub(super) use read::{Front, read_front, read_with_head};
pub use write::write;

/// The version of an archive: `1.16` is `Version(1, 16)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u8, pub u8);

impl Version {
    /// pg_dump 9.0 to 10.2: the oldest that is read.
    pub const V1_12: Version = Version(1, 12);
    /// pg_dump 12 to 15: the oldest that is written.
    pub const V1_14: Version = Version(1, 14);
    /// pg_dump 16.
    pub const V1_15: Version = Version(1, 15);
    /// pg_dump 17 and 18: the newest known.
    pub const V1_16: Version = Version(1, 16);

    /// The version to write: that of the server's own pg_dump, so that the matching pg_restore
    /// reads it; and where that cannot hold the compression, the lowest that can.
    ///
    /// `server_version` is what the server prints; of one that cannot be read, the newest is
    /// assumed.
    pub fn for_dump(server_version: &str, method: Method) -> Self {
        let digits = server_version
            .split(|char: char| !char.is_ascii_digit())
            .next()
            .unwrap_or_default();
        let own = match digits.parse() {
            Ok(0..=15_u32) => Self::V1_14,
            Ok(16) => Self::V1_15,
            _ => Self::V1_16,
        };
        own.max(Self::lowest_with(method))
    }

    /// The lowest version whose header can name a compression.
    pub fn lowest_with(method: Method) -> Self {
        match method {
            Method::None | Method::Gzip => Self::V1_14,
            Method::Lz4 | Method::Zstd => Self::V1_15,
        }
    }

    /// Whether large objects stand in groups (BLOB METADATA) rather than one by one (BLOB).
    pub fn groups_large_objects(self) -> bool {
        self >= Self::V1_16
    }

    /// Refuses a version that is not written, or whose header cannot name a compression.
    ///
    /// # Errors
    ///
    /// `Unsupported`.
    pub fn check_written(self, method: Method) -> Result<()> {
        if self < Self::V1_14 || self > Self::V1_16 {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("archives of version {self} are not written; 1.14, 1.15 and 1.16 are"),
            ));
        }
        if self < Self::lowest_with(method) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("an archive of version {self} cannot hold {method}; use gzip or none"),
            ));
        }
        Ok(())
    }
}

/// One that is written: `1.14`, `1.15` or `1.16`.
impl FromStr for Version {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        [Self::V1_14, Self::V1_15, Self::V1_16]
            .into_iter()
            .find(|version| version.to_string() == text)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::Usage,
                    format!(
                        "archives of version {text:?} are not written; 1.14, 1.15 and 1.16 are"
                    ),
                )
            })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// Which of pg_dump's formats a header says. A directory's `toc.dat` says tar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// One file with its table of contents in front.
    Custom,
    /// A tar file, or a directory: entries name their data file.
    Tar,
}

/// Where an entry's data lies, in the words of the archive's format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The entry has none.
    Nowhere,
    /// A file of this name (tar, directory), without the suffix of a compression.
    File(Bytes),
    /// In the custom format, not recorded: the blocks must be searched through.
    Unrecorded,
    /// At this byte of the custom file.
    At(u64),
}

/// An archive without its data: the header's facts, the Toc, and a place for each entry of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Archived {
    /// Its version.
    pub version: Version,
    /// Its format.
    pub format: Format,
    /// How its data is compressed. Below version 1.15 a level was recorded, which only says that
    /// gzip was used or not.
    pub method: Method,
    /// What it contains.
    pub toc: Toc,
    /// One place for each of `toc.entries`.
    pub places: Vec<Place>,
}

const MAGIC: &[u8; 5] = b"PGDMP";

// The numbers of `ArchiveFormat` and `pg_compress_algorithm`.
const FORMAT_CUSTOM: u8 = 1;
const FORMAT_TAR: u8 = 3;
const ALGORITHMS: [(u8, Method); 4] = [
    (0, Method::None),
    (1, Method::Gzip),
    (2, Method::Lz4),
    (3, Method::Zstd),
];

// Whether and where a custom file records an entry's data: `K_OFFSET_…`.
const OFFSET_UNKNOWN: u8 = 1;
const OFFSET_KNOWN: u8 = 2;
const OFFSET_NO_DATA: u8 = 3;

/// The entries that say how the dump was made and stand in no [`Toc`]'s list.
const ENCODING: &str = "ENCODING";
const STDSTRINGS: &str = "STDSTRINGS";
const SEARCHPATH: &str = "SEARCHPATH";

/// What pg_dump's SEARCHPATH entry says since 10.3, and what an absent one means for a [`Toc`].
const EMPTY_SEARCH_PATH: &[u8] = b"SELECT pg_catalog.set_config('search_path', '', false);\n";

/// Stands for a `search_path` that the dump leaves alone. Without any SEARCHPATH entry pg_restore
/// would set one for each entry.
const OWN_SEARCH_PATH: &[u8] = b"RESET search_path;\n";

#[cfg(test)]
mod tests;
