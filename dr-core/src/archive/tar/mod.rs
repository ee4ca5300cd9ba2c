//! pg_dump's tar format: the files of a directory archive, uncompressed, in one file.
//!
//! [`files`] gives the files in a tar, which [`directory::dump`](super::directory::dump) reads;
//! [`archive`] turns a dump into a tar. Used by `ops`. Must never know where the tar lies.
//!
//! - Members are plain files of the USTAR format: a header of 512 bytes, the content, zeros up to
//!   the next 512. A size from 8 GiB on is written in binary, as pg_dump and GNU tar do.
//! - `toc.dat` comes first, then data in the order of the table of contents, for pg_restore only
//!   goes forward; the large objects of an entry stand before their list, which ends them.
//! - `restore.sql` comes last: definitions, and `COPY … FROM '$$PATH$$/<id>.dat'` for the data. It is
//!   for people without pg_restore; nobody here reads it.
//! - A table of contents of pg_dump names `<id>.dat` for large objects too, which is no member: their
//!   list is `blobs_<id>.toc` or `blobs.toc`.

mod archive;
mod files;
mod header;

pub use archive::{TarArchive, archive, archive_of_version};
pub use files::{TarFiles, files};

/// Members are laid out in blocks of this size.
const BLOCK: usize = 512;
