//! What a restore may be told.

use tokio_util::sync::CancellationToken;

use std::sync::Arc;

use super::super::hooks::{Around, Hooks};
use super::super::swap::SwapOptions;
use crate::event::Watch;

/// A table is loaded over several connections from this many bytes on.
const LANES_FROM: u64 = 64 << 20;

/// How a restore is done.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RestoreOptions {
    pub(crate) jobs: usize,
    pub(crate) lanes: Option<usize>,
    pub(crate) lanes_from: u64,
    pub(crate) place: Place,
    pub(crate) single_transaction: bool,
    pub(crate) owners: bool,
    pub(crate) privileges: bool,
    pub(crate) tablespaces: bool,
    pub(crate) keep_failed: bool,
    pub(crate) swap: SwapOptions,
    pub(in crate::ops) around: Around,
    pub(crate) watch: Watch,
    pub(crate) stop: CancellationToken,
}

/// Where a restore goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Into the database connected to, which must be empty.
    Empty,
    /// Into a database that is made for it and gets its name when it is proven.
    New,
    /// Into a database that is made for it and takes the place of the live one when it is proven.
    Swap,
    /// Beside what a database holds, in one transaction; none of the relations may exist.
    Beside,
}

impl Default for RestoreOptions {
    fn default() -> Self {
        Self {
            jobs: 1,
            lanes: None,
            lanes_from: LANES_FROM,
            place: Place::Empty,
            single_transaction: false,
            owners: true,
            privileges: true,
            tablespaces: true,
            keep_failed: false,
            swap: SwapOptions::new(),
            around: Around::default(),
            watch: Watch::default(),
            stop: CancellationToken::new(),
        }
    }
}

impl RestoreOptions {
    /// One job, into an existing empty database, owners and privileges as in the dump.
    pub fn new() -> Self {
        Self::default()
    }

    /// This many connections work at the same time; at least one.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs.max(1);
        self
    }

    /// One large table is loaded over at most this many of the connections at the same time.
    /// As many as there are jobs, unless said; 1 keeps the rows in the order of the dump.
    #[must_use]
    pub fn lanes(mut self, lanes: usize) -> Self {
        self.lanes = Some(lanes.max(1));
        self
    }

    /// A table is loaded over several connections if it has at least this many bytes of data.
    #[must_use]
    pub fn lanes_from(mut self, bytes: u64) -> Self {
        self.lanes_from = bytes;
        self
    }

    /// Restore into the database that the connection string names, which must be empty; as it is
    /// unless said otherwise.
    #[must_use]
    pub fn empty(mut self) -> Self {
        self.place = Place::Empty;
        self
    }

    /// Make the database that the connection string names: under another name, which it loses for
    /// its own only when everything in it is proven.
    #[must_use]
    pub fn create(mut self) -> Self {
        self.place = Place::New;
        self
    }

    /// Make a database beside the one that the connection string names, and when everything in it is
    /// proven let it take that one's place: in one transaction the live database gets a name such
    /// as `shop_before_20261126_213513` and the new one the live name. Owner, privileges, comment
    /// and settings of the database as a whole are as the live one has them, not as the dump had.
    ///
    /// Fails while somebody is connected, unless the options say what to do about it. When only
    /// this last step fails, the proven database is kept and the error names it.
    #[must_use]
    pub fn swap(mut self, options: SwapOptions) -> Self {
        self.place = Place::Swap;
        self.swap = options;
        self
    }

    /// Restore beside what the database holds, in one transaction. None of the relations may be
    /// there already.
    #[must_use]
    pub fn beside(mut self) -> Self {
        self.place = Place::Beside;
        self.single_transaction = true;
        self
    }

    /// Everything in one transaction on one connection, the proof before its COMMIT.
    #[must_use]
    pub fn single_transaction(mut self) -> Self {
        self.single_transaction = true;
        self
    }

    /// Everything belongs to the role that restores.
    #[must_use]
    pub fn no_owner(mut self) -> Self {
        self.owners = false;
        self
    }

    /// No privileges are granted or revoked.
    #[must_use]
    pub fn no_acl(mut self) -> Self {
        self.privileges = false;
        self
    }

    /// Everything goes to the default tablespace of the database.
    #[must_use]
    pub fn no_tablespaces(mut self) -> Self {
        self.tablespaces = false;
        self
    }

    /// With [`create`](Self::create) or [`swap`](Self::swap): a database that could not be restored or proven is kept,
    /// under its temporary name, to be looked at.
    #[must_use]
    pub fn keep_failed(mut self) -> Self {
        self.keep_failed = true;
        self
    }

    /// What others do around it: with [`swap`](Self::swap) around the swap alone, so that services are
    /// stopped for moments and not for the restore; else around everything. With it, whoever is
    /// connected to a live database that is to be swapped is not looked for before that.
    #[must_use]
    pub fn hooks(mut self, hooks: Arc<dyn Hooks>) -> Self {
        self.around = Around::of(hooks);
        self
    }

    /// Who watches.
    #[must_use]
    pub fn watch(mut self, watch: Watch) -> Self {
        self.watch = watch;
        self
    }

    /// When this is cancelled the restore stops, takes back what it made and returns
    /// `Interrupted`. Dropping the future instead leaves what there is: nothing of it has the
    /// name that was asked for.
    #[must_use]
    pub fn stopped_by(mut self, stop: CancellationToken) -> Self {
        self.stop = stop;
        self
    }

    /// At most how many connections load one table.
    pub(crate) fn most_lanes(&self) -> usize {
        self.lanes.unwrap_or(self.jobs).min(self.jobs)
    }
}
