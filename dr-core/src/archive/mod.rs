//! pg_dump's archives, read and written: a dump as files, and files as a dump.
//!
//! Used by `ops` and by whoever has an archive in hand. Must never know a server, an SQL script's
//! grammar, or a repository: what it reads and writes are [`Files`](crate::Files), or one file of
//! which any part can be read: [`Seekable`](seekable::Seekable).

pub mod codec;
pub mod custom;
mod data_places;
pub mod directory;
pub mod folder;
mod large_objects;
mod rows;
pub mod seekable;
mod source;
pub mod tar;
