//! A live database as a [`Dump`]: one snapshot, every lock taken and every right checked before the
//! first byte, catalogs read, data as lazy streams over lanes.
//!
//! Made by [`Session::dump`]; consumed by archive writers and the plain-SQL writer. Must never know
//! where the bytes go.

mod locks;
mod preflight;
mod records;
mod scope;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};

use super::catalog::{self, Catalog};
use super::copy::copy_out;
use super::globals;
use super::large_object;
use super::parts::{Parts, copy_parts};
use super::session::Session;
use super::snapshot::{Snapshot, SnapshotOptions};
use crate::dump::{Data, Dump};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Watch;
use crate::files::{ByteStream, Evidence, Record};
use crate::globals::Globals;
use crate::text::qualified;
use crate::toc::{EntryId, Index, Selection, Toc};

/// How a [`LiveDump`] is taken.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct DumpOptions {
    snapshot: SnapshotOptions,
    watch: Watch,
    records: BTreeMap<String, String>,
    schema_only: bool,
    statistics: bool,
}

impl DumpOptions {
    /// One lane, `REPEATABLE READ`, unwatched.
    pub fn new() -> Self {
        Self::default()
    }

    /// How the snapshot is taken, and over how many connections it is read.
    #[must_use]
    pub fn snapshot(mut self, options: SnapshotOptions) -> Self {
        self.snapshot = options;
        self
    }

    /// Who is told what a person should know.
    #[must_use]
    pub fn watch(mut self, watch: Watch) -> Self {
        self.watch = watch;
        self
    }

    /// Definitions alone: no rows, no values of sequences, no large objects (pg_dump's
    /// `--schema-only`).
    #[must_use]
    pub fn schema_only(mut self) -> Self {
        self.schema_only = true;
        self
    }

    /// Also the statistics of tables, materialized views and indexes, as STATISTICS DATA entries
    /// (pg_dump's `--statistics`): a server of 18 or later takes them and plans well before its
    /// first ANALYZE; for an older one they are left out.
    #[must_use]
    pub fn statistics(mut self) -> Self {
        self.statistics = true;
        self
    }

    /// Keeps the answer to a query, taken in the dump's own snapshot, as
    /// [`Evidence::records`] under this name: what a restore should know of the application, such
    /// as which migrations are applied. Names are qualified there: the search path is empty.
    #[must_use]
    pub fn record(mut self, name: impl Into<String>, sql: impl Into<String>) -> Self {
        self.records.insert(name.into(), sql.into());
        self
    }
}

impl Session {
    /// Takes the snapshot, checks that everything selected may be read, locks it, and reads the
    /// catalogs. No data has moved when this returns, and everything that will move is seen as of
    /// one moment.
    ///
    /// # Errors
    ///
    /// `Server` with SQLSTATE 42501, naming every relation the role may not read; `Server` with
    /// 55P03 if a lock was not to be had in time; `Unsupported`, naming every object of a kind
    /// that cannot be dumped; `Server` for a query to record that fails; `Missing` if the selection names what is not there; `Usage` for a
    /// selection of kinds, sections or dependencies, which is made from a Toc.
    pub async fn dump(self, selection: &Selection, options: &DumpOptions) -> Result<LiveDump> {
        for notice in self.notices() {
            options.watch.notice(notice);
        }
        let snapshot = self.snapshot(&options.snapshot).await?;
        let scope = scope::of(selection, options, &snapshot.facts().database)?;
        let conn = snapshot.conn();
        let relations = catalog::list(conn, &scope).await?;
        scope::check_schemas(conn, selection).await?;
        preflight::check(conn, &scope, &relations).await?;
        locks::take(conn, &relations, snapshot.lock_timeout()).await?;
        let catalog = catalog::read(conn, &scope, &relations).await?;
        let mut records = BTreeMap::new();
        for (name, sql) in &options.records {
            records.insert(name.clone(), records::read(conn, name, sql).await?);
        }
        let globals = globals::read(conn).await?;
        if !globals.with_passwords {
            options.watch.notice(
                "the passwords of roles cannot be read by this role and are not in the backup",
            );
        }
        Ok(LiveDump {
            snapshot,
            index: Index::of(&catalog.toc),
            catalog,
            globals,
            records,
        })
    }
}

/// A database as it was at one moment, held open by a transaction and locks until this is dropped.
#[derive(Debug)]
pub struct LiveDump {
    snapshot: Snapshot,
    catalog: Catalog,
    index: Index,
    globals: Globals,
    records: BTreeMap<String, Record>,
}

impl LiveDump {
    /// The snapshot under which everything is read.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn name(&self, entry: EntryId) -> String {
        match self.index.get(&self.catalog.toc, entry) {
            Some(entry) => entry.to_string(),
            None => format!("entry {entry}"),
        }
    }

    fn no_data(&self, entry: EntryId) -> Error {
        Error::new(ErrorKind::Missing, "the entry has no data").in_entry(self.name(entry))
    }
}

impl Dump for LiveDump {
    fn toc(&self) -> &Toc {
        &self.catalog.toc
    }

    fn data(&self, entry: EntryId) -> BoxFuture<'_, Result<Data>> {
        async move {
            let name = self.name(entry);
            if let Some(source) = self.catalog.tables.get(&entry) {
                let jobs = self.snapshot.jobs().get();
                let version = self.snapshot.conn().version();
                if jobs > 1
                    && let Some(parts) = Parts::of(source, version)
                {
                    let lanes = Arc::clone(self.snapshot.lanes());
                    return Ok(Data::Rows(copy_parts(lanes, jobs, source, parts, name)));
                }
                // The lane takes a lock of its own, and does not wait for it: whoever asked for
                // ACCESS EXCLUSIVE since the first lock stands in the queue behind that one, and
                // would be waited for by this one, forever.
                let sql = format!(
                    "LOCK TABLE ONLY {} IN ACCESS SHARE MODE NOWAIT; {}",
                    qualified(&source.namespace, &source.name),
                    source.copy
                );
                let lane = self.snapshot.lane().await?;
                return Ok(Data::Rows(copy_out(lane, sql, name)));
            }
            if let Some(oids) = self.catalog.large_objects.get(&entry) {
                let lane = self.snapshot.lane().await?;
                let pieces = large_object::read(lane, oids.clone(), name);
                return Ok(Data::LargeObjects(pieces.boxed()));
            }
            Err(self.no_data(entry))
        }
        .boxed()
    }

    fn large_object(&self, entry: EntryId, oid: u32) -> BoxFuture<'_, Result<ByteStream>> {
        async move {
            let held = self
                .catalog
                .large_objects
                .get(&entry)
                .is_some_and(|oids| oids.contains(&oid));
            if !held {
                return Err(Error::new(
                    ErrorKind::Missing,
                    format!("the entry does not hold large object {oid}"),
                )
                .in_entry(self.name(entry)));
            }
            let lane = self.snapshot.lane().await?;
            Ok(large_object::read_one(lane, oid, self.name(entry)))
        }
        .boxed()
    }

    fn evidence(&self) -> Evidence {
        let mut source = self.snapshot.facts().clone();
        source.roles = self.catalog.roles.iter().cloned().collect();
        Evidence {
            source,
            sequences: self
                .catalog
                .sequences
                .iter()
                .map(|(id, sequence)| (id.0, sequence.clone()))
                .collect(),
            globals: Some(self.globals.clone()),
            records: self.records.clone(),
            ..Evidence::default()
        }
    }

    fn size_hint(&self, entry: EntryId) -> Option<u64> {
        self.catalog.tables.get(&entry).map(|table| table.bytes)
    }

    fn lanes(&self) -> usize {
        self.snapshot.jobs().get()
    }
}

/// A name as the catalogs' text form has it, for people.
fn shown(schema: &str, name: &str) -> String {
    qualified(schema, name)
}

/// At most so many names are listed in an error that could name thousands.
const NAMED: usize = 200;

/// `a, b, c`, and how many more there are.
fn listed(names: &[String]) -> String {
    let shown = names.iter().take(NAMED).cloned().collect::<Vec<_>>();
    match names.len().checked_sub(NAMED) {
        Some(more) if more > 0 => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_of_names_says_how_many_it_leaves_out() {
        assert_eq!(listed(&["a".to_owned(), "b".to_owned()]), "a, b");
        let many: Vec<_> = (0..NAMED + 3).map(|n| format!("t{n}")).collect();
        assert!(listed(&many).ends_with("t199 and 3 more"));
    }
}
