//! The verb `verify_against_live`: does a live database still hold what a backup does? Table by
//! table, by the rows and digests recorded when the backup was made; no stored data is read.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;

use super::super::item::Item;
use super::super::live_tables::{LiveColumns, listed, live_tables, missing_from};
use super::super::restore::Verdict;
use crate::digest::RowsDigest;
use crate::dump::Dump;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Phase, Watch};
use crate::files::TableEvidence;
use crate::limits::claimed;
use crate::pg::{ConnInfo, Session, SessionOptions, Snapshot, SnapshotOptions};
use crate::text::{TextForm, qualified};
use crate::toc::{Kind, Toc};

/// What [`verify_against_live`] may be told.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LiveOptions {
    jobs: NonZeroUsize,
    watch: Watch,
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self {
            jobs: NonZeroUsize::MIN,
            watch: Watch::default(),
        }
    }
}

impl LiveOptions {
    /// One connection, unwatched.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many tables are read at once; at least one.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = NonZeroUsize::new(jobs).unwrap_or(NonZeroUsize::MIN);
        self
    }

    /// Who is told of the progress.
    #[must_use]
    pub fn watch(mut self, watch: Watch) -> Self {
        self.watch = watch;
        self
    }
}

/// One table in the backup and in the live database.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LiveTable {
    /// Its name, as it is written in SQL.
    pub table: String,
    /// What the comparison came to; `Missing` is missing from the live database.
    pub verdict: Verdict,
    /// What was recorded when it was dumped.
    pub dumped: Option<RowsDigest>,
    /// What it holds now.
    pub live: Option<RowsDigest>,
    /// What should be known beside the verdict.
    pub note: Option<String>,
}

/// How a live database compares with a backup.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LiveReport {
    /// The live database.
    pub database: String,
    /// Every table of the backup, by name.
    pub tables: Vec<LiveTable>,
    /// Tables that only the live database has, by name as it is written in SQL.
    pub only_live: Vec<String>,
    /// How long it took.
    pub elapsed: Duration,
}

impl LiveReport {
    /// The worst of all verdicts; a table that the backup does not have is a difference too.
    pub fn verdict(&self) -> Verdict {
        let more = (!self.only_live.is_empty()).then_some(Verdict::Differs);
        let tables = self.tables.iter().map(|table| table.verdict);
        tables.chain(more).max().unwrap_or(Verdict::Equal)
    }
}

/// Compares the tables of a live database, in one snapshot of it, with what `dump`'s
/// [evidence](Dump::evidence) recorded: that of a backup made from a live database.
///
/// Sequences and large objects are not compared. A table whose rows were not dumped, or that has
/// lost a column since, is `NotComparable`.
///
/// # Examples
///
/// ```no_run
/// use dr_core::archive::directory;
/// use dr_core::ops::{LiveOptions, verify_against_live};
/// use dr_core::pg::{ConnInfo, Environment};
/// use dr_core::pipeline::keys::Keys;
/// use dr_core::repo::Repository;
/// use std::sync::Arc;
///
/// # #[tokio::main]
/// # async fn main() -> dr_core::Result<()> {
/// let repository = Repository::open("/var/backups/dr").await?;
/// let backup = repository.find("latest").await?;
/// let files = repository.files(&backup, &Keys::none()).await?;
/// let dump = directory::dump(Arc::new(files)).await?;
/// let live = ConnInfo::resolve(Some("service=shop"), &Environment::of_process())?;
/// let report = verify_against_live(&dump, &live, &LiveOptions::new()).await?;
/// for table in &report.tables {
///     println!("{}: {}", table.table, table.verdict);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// `Unsupported` if the dump records no digests; `Connect`, and `Server` if a table may not be
/// read.
pub async fn verify_against_live(
    dump: &dyn Dump,
    live: &ConnInfo,
    options: &LiveOptions,
) -> Result<LiveReport> {
    let started = Instant::now();
    let evidence = dump.evidence();
    let toc = dump.toc();
    if evidence.tables.is_empty() && toc.entries.iter().any(|entry| entry.has_data) {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "this dump records no digests to compare with: they are in backups that dr backup made",
        ));
    }
    let session = SessionOptions::new().encoding(&evidence.source.encoding);
    let snapshot = Session::connect(live, &session)
        .await?
        .snapshot(&SnapshotOptions::new().jobs(options.jobs))
        .await?;
    let mut there = live_tables(snapshot.conn()).await?;
    let bytes = evidence.tables.values().map(|table| table.digest.bytes);
    options.watch.tell(Event::Phase {
        phase: Phase::Prove,
        items: evidence.tables.len() as u64,
        bytes: claimed(bytes),
    });
    // The biggest first, or it would be waited for alone at the end.
    let mut dumped: Vec<&TableEvidence> = evidence.tables.values().collect();
    dumped.sort_by_key(|table| std::cmp::Reverse(table.digest.bytes));
    let pairs: Vec<_> = dumped
        .into_iter()
        .map(|table| {
            (
                table,
                there.remove(&(table.namespace.clone(), table.name.clone())),
            )
        })
        .collect();
    let snapshot = Arc::new(snapshot);
    let mut tables: Vec<LiveTable> = stream::iter(pairs)
        .map(|(table, columns)| compare(&snapshot, table, columns, &options.watch))
        .buffer_unordered(options.jobs.get())
        .boxed()
        .try_collect()
        .await?;
    let mut only_live = Vec::new();
    let form = TextForm::of_encoding(&evidence.source.encoding);
    let without_rows = tables_without_rows(toc, form)?;
    for ((namespace, name), columns) in there {
        let table = qualified(&namespace, &name);
        if without_rows.contains(&table) {
            tables.push(LiveTable {
                table,
                verdict: Verdict::NotComparable,
                dumped: None,
                live: None,
                note: Some("it was backed up without its rows".to_owned()),
            });
        } else if !columns.of_extension {
            only_live.push(table);
        }
    }
    tables.sort_by(|a, b| a.table.cmp(&b.table));
    Ok(LiveReport {
        database: live.database().to_owned(),
        tables,
        only_live,
        elapsed: started.elapsed(),
    })
}

/// Tables whose definition was dumped, as written in SQL: those left over when tables with rows
/// are taken away were dumped without them.
fn tables_without_rows(toc: &Toc, form: TextForm) -> Result<BTreeSet<String>> {
    toc.entries
        .iter()
        .filter(|entry| entry.kind == Kind::Table)
        .map(|entry| {
            let namespace = form.decode(entry.namespace.as_deref().unwrap_or_default())?;
            Ok(qualified(&namespace, &form.decode(&entry.tag)?))
        })
        .collect()
}

async fn compare(
    snapshot: &Snapshot,
    dumped: &TableEvidence,
    live: Option<LiveColumns>,
    watch: &Watch,
) -> Result<LiveTable> {
    let mut item = Item::begin(watch, qualified(&dumped.namespace, &dumped.name));
    let mut table = LiveTable {
        table: qualified(&dumped.namespace, &dumped.name),
        verdict: Verdict::Missing,
        dumped: Some(dumped.digest),
        live: None,
        note: None,
    };
    let Some(live) = live else {
        return Ok(table);
    };
    let gone: Vec<_> = missing_from(&live.names, &dumped.columns);
    if !gone.is_empty() {
        table.verdict = Verdict::NotComparable;
        table.note = Some(format!("it no longer has {}", listed(&gone)));
        return Ok(table);
    }
    let digest = snapshot.rows_digest(&dumped.namespace, &dumped.name, &dumped.columns);
    let found = match digest.await {
        Ok(found) => found,
        // undefined_table: a catalog is not read under the snapshot alone.
        Err(error) if error.sqlstate() == Some("42P01") => {
            table.note = Some("it was dropped while it was to be read".to_owned());
            return Ok(table);
        }
        Err(error) => return Err(error),
    };
    item.advance(
        usize::try_from(found.bytes).unwrap_or(usize::MAX),
        found.rows,
    );
    table.verdict = match found == dumped.digest {
        true => Verdict::Equal,
        false => Verdict::Differs,
    };
    table.live = Some(found);
    let new = missing_from(&dumped.columns, &live.names);
    if !new.is_empty() {
        table.note = Some(format!("compared without {}, which is new", listed(&new)));
    }
    Ok(table)
}
