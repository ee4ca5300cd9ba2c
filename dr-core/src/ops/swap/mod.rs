//! Two databases of one server exchange their names in one transaction: a restored one takes the
//! place of the live one, which is kept under another name, and back again.
//!
//! Used by `restore` for its last step, and by whoever wants the old one back. Whatever happens at
//! any moment, a database bears the live name and takes connections: before the commit the old
//! one, after it the new one.

mod back;
mod carry;
mod exchange;
mod look;
mod names;
mod record;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use crate::pg::target::{Client, Tie};
pub use back::{DropKept, Kept, SwapBackOptions, drop_kept, kept, swap_back};
pub(super) use carry::Carry;
pub(super) use exchange::Exchange;
pub(super) use look::look;
pub(super) use names::{Role, free_name};

/// What is done about those who are connected to a database that is to give up its name. The server
/// renames none that somebody is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Connections {
    /// Nothing is done while somebody is connected, and the error says who.
    #[default]
    Refuse,
    /// It is waited until nobody is: at most so long, or as long as it takes.
    Wait(Option<Duration>),
    /// They are ended, and nobody new gets in until the names are exchanged.
    Terminate,
}

/// How a restored database takes the place of the live one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SwapOptions {
    pub(crate) connections: Connections,
    pub(crate) drop_old_after: Option<Duration>,
}

impl SwapOptions {
    /// Refused while somebody is connected; the old database is kept until somebody drops it.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is done about those who are connected.
    #[must_use]
    pub fn connections(mut self, connections: Connections) -> Self {
        self.connections = connections;
        self
    }

    /// When this time has passed since the swap, [`drop_kept`] with [`DropKept::Due`] drops the
    /// old database. It stands in the database's comment; nothing drops it by itself.
    #[must_use]
    pub fn drop_old_after(mut self, time: Duration) -> Self {
        self.drop_old_after = Some(time);
        self
    }
}

/// A swap that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Swapped {
    /// The name both have had, now that of the one that came in.
    pub database: String,
    /// Under which name the one that came in was before.
    pub was: String,
    /// Under which name the one that went out is kept.
    pub kept: String,
    /// From when on the kept one may be dropped; never, unless that was told.
    pub droppable_from: Option<Timestamp>,
    /// The connections that were ended for it.
    pub ended: Vec<Client>,
    /// Hooks of [`swap_back`] that failed after it was done; those of a restore are in its report.
    pub hook_failures: Vec<String>,
    /// What stays with the kept database, although its users may look for it under the name.
    pub stays: Vec<Tie>,
}
