//! The side that is restored into: connections with the settings of a restore, what a database
//! already holds, and databases made, renamed and dropped.
//!
//! Called by `ops::restore`. To read a restored database back and compare it, use a
//! [`Session`](super::Session) with the dump's encoding and its
//! [`Snapshot::rows_digest`](super::Snapshot::rows_digest): only that pins what COPY prints.
//! Must never know a Toc or a plan.

mod clients;
mod content;
mod database;
mod preamble;
mod standing;

pub use clients::{Client, clients, end, named};
pub use content::{Content, content};
pub use database::{
    NewDatabase, check_writable, create, drop_database, drop_subscriptions, exists, maintenance,
    maintenance_apart, maintenance_in, rename, unused,
};
pub use preamble::{Preamble, connect};
pub use standing::{Standing, Tie, standing, ties};
