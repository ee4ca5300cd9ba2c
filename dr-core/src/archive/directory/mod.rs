//! pg_dump's directory format: `toc.dat`, one data file for each table and each large object.
//!
//! [`files`] turns a dump into files, [`dump`] files into a dump; both are lazy views. Used by
//! `ops`. Must never know where the files lie.
//!
//! - `<id>.dat` holds the data of a TABLE DATA entry: COPY text, then `\.` and three line feeds,
//!   because pg_restore prints the file as it is into a script.
//! - `blob_<oid>.dat` holds one large object, and `blobs_<id>.toc` (below 1.16: `blobs.toc`) the
//!   list of those that belong to a BLOBS entry: a line `oid name` each.
//! - Data files, and only they, are compressed; the suffix of the method follows the name. The
//!   names inside `toc.dat` and `blobs_<id>.toc` are without it.

mod dump;
mod files;
mod run;

pub use dump::{DirectoryDump, dump, dump_within};
pub use files::{DirectoryFiles, files, files_of_version};

/// The table of contents.
const TOC: &str = "toc.dat";

/// Roles and tablespaces, where the dump has them. pg_restore does not look at it; psql runs it.
pub(crate) const GLOBALS: &str = "globals.sql";
