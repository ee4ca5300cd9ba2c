//! Plain SQL dumps: pg_dump's script format, read into a [`Dump`](crate::Dump) and written from one.
//!
//! Used by `ops`. Knows no server: what a script says is never run here, only taken apart
//! ([`lexer`]), given a table of contents ([`reader`]) and put together ([`writer`]).

pub mod cluster;
mod damage;
mod draft;
mod header;
pub(crate) mod holdings;
pub(crate) mod inserts;
mod large_object;
pub mod lexer;
mod places;
pub mod reader;
mod roles;
mod script;
mod statement;
pub mod writer;
