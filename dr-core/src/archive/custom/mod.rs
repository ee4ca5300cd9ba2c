//! pg_dump's custom format: the header, the table of contents, and the data behind them in blocks,
//! all in one file.
//!
//! [`dump`] turns such a file into a dump, [`archive`] a dump into such a file; both are lazy. Used
//! by `ops`. Must never know where the file lies.
//!
//! - A block is a byte for its kind (1: rows, 3: large objects), the id of its entry, and data. Large
//!   objects are an oid and data each, and oid 0 ends them.
//! - Data is cut into chunks: a length and so many bytes; length 0 ends it. The bytes of the chunks
//!   put together are what the header's compression made, where gzip means zlib's format.
//! - The data of a table ends with `\.` and three line feeds, as in a directory.
//! - An entry says where its block begins, or that this was not known, because what wrote the archive
//!   could not go back in it (a pipe). Such blocks are searched for.

mod archive;
mod blocks;
mod dump;
mod walk;

pub use archive::{CustomArchive, archive, archive_of_version};
pub use dump::{CustomDump, dump, dump_within};

/// Kinds of blocks: `BLK_DATA` and `BLK_BLOBS`.
const ROWS: u8 = 1;
const LARGE_OBJECTS: u8 = 3;
