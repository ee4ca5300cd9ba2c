//! The verb `diff`: which rows of a dump a live database does not have, has otherwise, or has
//! besides.
//!
//! A table whose recorded digest is that of the live one is equal, and its stored rows are not read.
//! For any other the rows of both sides go by twice: first into heaps by key, of which each has a
//! digest ([`buckets`]), then those of the heaps that differ are set aside on disk ([`spool`]) and
//! joined part by part ([`join`]). Memory holds the digests and one part; the live database is only
//! read.

mod buckets;
mod join;
mod report;
mod shape;
mod spool;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::copy_statement::CopyStatement;
use super::item::Item;
use super::live_tables::{LiveColumns, listed, live_tables, missing_from};
use super::restore::Verdict;
use super::rows::{Rows, rows};
use crate::dump::Dump;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Phase, Watch};
use crate::files::Evidence;
use crate::pg::{ConnInfo, Session, SessionOptions, Snapshot, SnapshotOptions};
use crate::text::{TextForm, qualified};
use crate::toc::{Entry, Kind, Toc};

pub use report::{ColumnDifference, DiffReport, DiffTable, RowDifference};

use buckets::{Buckets, Unequal};
use join::{Joined, Tell};
use shape::Shape;
use spool::Spool;

/// What [`diff`] may be told.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct DiffOptions {
    watch: Watch,
    keys: BTreeMap<String, Vec<String>>,
    spool: Option<PathBuf>,
    whole: bool,
}

impl DiffOptions {
    /// By primary keys, unwatched.
    pub fn new() -> Self {
        Self::default()
    }

    /// Who is told of the progress.
    #[must_use]
    pub fn watch(mut self, watch: Watch) -> Self {
        self.watch = watch;
        self
    }

    /// The columns by which the rows of a table are found, instead of its primary key; the table
    /// as `schema.table`, each part quoted where SQL needs it.
    #[must_use]
    pub fn key(mut self, table: impl Into<String>, columns: Vec<String>) -> Self {
        self.keys.insert(table.into(), columns);
        self
    }

    /// The folder for rows that are set aside; that for temporary files if none is named.
    #[must_use]
    pub fn spool_in(mut self, folder: impl Into<PathBuf>) -> Self {
        self.spool = Some(folder.into());
        self
    }

    /// That `toc` is all of the dump, so that tables which it does not have are told.
    #[must_use]
    pub fn whole(mut self) -> Self {
        self.whole = true;
        self
    }
}

/// One table of the dump.
struct Side<'a> {
    entry: &'a Entry,
    namespace: String,
    name: String,
    table: String,
    /// `None` if its rows are statements.
    columns: Option<Vec<String>>,
}

/// Compares the rows of the tables in `toc`, which is a selection of `dump`'s, with those of a live
/// database, in one snapshot of it. `tell` is given every row that is not the same.
///
/// Values are compared as COPY writes them: `1.0` and `1.00` are not the same. Columns that only one
/// side has are not compared, and the note says which. Where there is no key, whole rows are
/// compared: one that was changed is in the dump only and in the live database only.
///
/// # Errors
///
/// `Usage` for a key that names a table or column that is not compared; `Connect`, `Server` if a
/// table may not be read; `Store` if there is no room for the rows that differ; those of the dump
/// and of `tell`.
pub async fn diff(
    dump: Arc<dyn Dump>,
    toc: Toc,
    live: &ConnInfo,
    options: &DiffOptions,
    tell: &mut Tell<'_>,
) -> Result<DiffReport> {
    let started = Instant::now();
    let encoding = match &toc.encoding[..] {
        "" => "UTF8".to_owned(),
        encoding => encoding.to_owned(),
    };
    let mut toc = toc;
    let entries = std::mem::take(&mut toc.entries);
    let sides = sides(&entries, TextForm::of_encoding(&encoding))?;
    for table in options.keys.keys() {
        if !sides.iter().any(|side| side.table == *table) {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("a key is given for {table}, of which no rows are compared"),
            ));
        }
    }
    let session = SessionOptions::new().encoding(&encoding);
    let snapshot = Session::connect(live, &session)
        .await?
        .snapshot(&SnapshotOptions::new())
        .await?;
    let mut there = live_tables(snapshot.conn()).await?;
    options.watch.tell(Event::Phase {
        phase: Phase::Prove,
        items: sides.len() as u64,
        bytes: 0,
    });
    let diff = Diff {
        evidence: dump.evidence(),
        dump,
        head: toc,
        encoding,
        snapshot,
        options,
    };
    let mut tables = Vec::new();
    for side in &sides {
        let columns = there.remove(&(side.namespace.clone(), side.name.clone()));
        tables.push(diff.table(side, columns, tell).await?);
    }
    let only_live = there
        .into_iter()
        .filter(|(_, columns)| options.whole && !columns.of_extension)
        .map(|((namespace, name), _)| qualified(&namespace, &name))
        .collect();
    Ok(DiffReport {
        database: live.database().to_owned(),
        tables,
        only_live,
        elapsed: started.elapsed(),
    })
}

/// The tables with rows, by name.
fn sides(entries: &[Entry], form: TextForm) -> Result<Vec<Side<'_>>> {
    let mut sides = Vec::new();
    for entry in entries
        .iter()
        .filter(|entry| entry.kind == Kind::TableData && entry.has_data)
    {
        let namespace = form.decode(entry.namespace.as_deref().unwrap_or_default())?;
        let name = form.decode(&entry.tag)?;
        let columns = match &entry.copy_statement {
            Some(statement) => {
                let statement = form.decode(statement)?;
                let statement =
                    CopyStatement::parse(&statement).map_err(|error| error.in_entry(entry))?;
                statement.is_plain().then(|| statement.column_names())
            }
            None => None,
        };
        sides.push(Side {
            entry,
            table: qualified(&namespace, &name),
            namespace,
            name,
            columns,
        });
    }
    sides.sort_by(|a, b| a.table.cmp(&b.table));
    Ok(sides)
}

struct Diff<'a> {
    dump: Arc<dyn Dump>,
    evidence: Evidence,
    /// The dump's Toc without entries.
    head: Toc,
    encoding: String,
    snapshot: Snapshot,
    options: &'a DiffOptions,
}

impl Diff<'_> {
    async fn table(
        &self,
        side: &Side<'_>,
        live: Option<LiveColumns>,
        tell: &mut Tell<'_>,
    ) -> Result<DiffTable> {
        let mut found = DiffTable {
            table: side.table.clone(),
            verdict: Verdict::NotComparable,
            key: Vec::new(),
            only_backup: 0,
            only_live: 0,
            changed: 0,
            equal: 0,
            note: None,
        };
        let mut item = Item::begin(&self.options.watch, side.table.clone());
        let recorded = self.evidence.tables.get(&side.entry.id.0);
        let recorded = recorded.map(|table| table.digest);
        let Some(live) = live else {
            found.verdict = Verdict::Missing;
            found.only_backup = match recorded {
                Some(digest) => digest.rows,
                None => self.count(side, &mut item).await?,
            };
            found.note = Some("restore it, or extract it from the backup".to_owned());
            return Ok(found);
        };
        let Some(columns) = &side.columns else {
            found.note = Some("its rows are INSERT statements: restore them to compare".to_owned());
            return Ok(found);
        };
        let gone = missing_from(&live.names, columns);
        let new = missing_from(columns, &live.names);
        let mut notes = Vec::new();
        if !gone.is_empty() {
            notes.push(format!(
                "compared without {}, which it no longer has",
                listed(&gone)
            ));
        }
        if !new.is_empty() {
            notes.push(format!("compared without {}, which is new", listed(&new)));
        }
        found.note = (!notes.is_empty()).then(|| notes.join("; "));
        let compared: Vec<String> = columns
            .iter()
            .filter(|column| live.names.contains(column))
            .cloned()
            .collect();
        if let (Some(recorded), true) = (recorded, gone.is_empty()) {
            let digest = self
                .snapshot
                .rows_digest(&side.namespace, &side.name, &compared);
            if digest.await? == recorded {
                item.advance(
                    usize::try_from(recorded.bytes).unwrap_or(usize::MAX),
                    recorded.rows,
                );
                found.key = live.key;
                found.equal = recorded.rows;
                found.verdict = Verdict::Equal;
                return Ok(found);
            }
        }
        found.key = self.key(side, &live, &compared)?;
        if !self
            .compare(side, columns, &compared, &mut found, &mut item, tell)
            .await?
        {
            let key = std::mem::take(&mut found.key).join(", ");
            let more = format!("{key} is no key: it is there twice; whole rows were compared");
            found.note = Some(match found.note.take() {
                Some(note) => format!("{note}; {more}"),
                None => more,
            });
            self.compare(side, columns, &compared, &mut found, &mut item, tell)
                .await?;
        }
        found.verdict = match (found.only_backup, found.only_live, found.changed) {
            (0, 0, 0) => Verdict::Equal,
            _ => Verdict::Differs,
        };
        Ok(found)
    }

    /// The key that was asked for, or the primary key if it is among what is compared.
    fn key(&self, side: &Side<'_>, live: &LiveColumns, compared: &[String]) -> Result<Vec<String>> {
        let Some(key) = self.options.keys.get(&side.table) else {
            let is_there = missing_from(compared, &live.key).is_empty();
            return Ok(if is_there {
                live.key.clone()
            } else {
                Vec::new()
            });
        };
        match &missing_from(compared, key)[..] {
            [] => Ok(key.clone()),
            missing => Err(Error::new(
                ErrorKind::Usage,
                format!(
                    "the key of {} cannot have {}, which the backup and the database do not both have",
                    side.table,
                    listed(missing)
                ),
            )),
        }
    }

    /// Compares by the key in `found`; false if that is none.
    async fn compare(
        &self,
        side: &Side<'_>,
        columns: &[String],
        compared: &[String],
        found: &mut DiffTable,
        item: &mut Item,
        tell: &mut Tell<'_>,
    ) -> Result<bool> {
        let key = found.key.clone();
        let ours = Shape::new(columns, compared, &key);
        let theirs = Shape::new(compared, compared, &key);
        let (mut backup, mut live) = (Buckets::new(), Buckets::new());
        each(self.stored(side).await?, &ours, |key, line| {
            backup.add(key, line);
            item.advance(line.len(), backup.rows);
            Ok(())
        })
        .await?;
        each(self.live(side, compared).await?, &theirs, |key, line| {
            live.add(key, line);
            Ok(())
        })
        .await?;
        let unequal = Unequal::of(&backup, &live);
        let spool = || Spool::new(self.options.spool.as_deref(), unequal.count);
        let (mut stored, mut there) = (spool()?, spool()?);
        if unequal.count > 0 {
            for (rows, shape, spool) in [
                (self.stored(side).await?, &ours, &mut stored),
                (self.live(side, compared).await?, &theirs, &mut there),
            ] {
                each(rows, shape, |key, line| match unequal.part(key) {
                    Some(part) => spool.add(part, line),
                    None => Ok(()),
                })
                .await?;
            }
        }
        let joined = Joined {
            table: &side.table,
            columns: compared,
            key: &key,
        };
        // Known of all parts before the first row is told.
        for part in 0..unequal.count {
            if !joined.is_key(&stored.part(part)?, &theirs)
                || !joined.is_key(&there.part(part)?, &theirs)
            {
                return Ok(false);
            }
        }
        for part in 0..unequal.count {
            joined.part(
                &stored.part(part)?,
                &there.part(part)?,
                &theirs,
                found,
                tell,
            )?;
        }
        found.equal = backup.rows - found.only_backup - found.changed;
        Ok(true)
    }

    async fn stored(&self, side: &Side<'_>) -> Result<Rows> {
        let toc = Toc {
            entries: vec![side.entry.clone()],
            ..self.head.clone()
        };
        rows(Arc::clone(&self.dump), toc, Watch::default()).await
    }

    async fn live(&self, side: &Side<'_>, columns: &[String]) -> Result<Rows> {
        let data = self
            .snapshot
            .copy_rows(&side.namespace, &side.name, columns);
        let data = data.await?;
        Ok(Rows::of(columns.to_vec(), self.encoding.clone(), data))
    }

    async fn count(&self, side: &Side<'_>, item: &mut Item) -> Result<u64> {
        let mut count = 0;
        if side.columns.is_some() {
            let mut rows = self.stored(side).await?;
            while let Some(batch) = rows.next_batch().await? {
                count += batch.len() as u64;
                item.advance(batch.iter().map(|row| row.raw().len()).sum(), count);
            }
        }
        Ok(count)
    }
}

/// Gives the key and the compared line of each row.
async fn each(
    mut rows: Rows,
    shape: &Shape,
    mut take: impl FnMut(&[u8], &[u8]) -> Result<()> + Send,
) -> Result<()> {
    while let Some(batch) = rows.next_batch().await? {
        for row in &batch {
            let line = shape.line(row.raw());
            take(&shape.key(&line), &line)?;
        }
    }
    Ok(())
}
