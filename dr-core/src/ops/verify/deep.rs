//! Verification of what a backup holds: everything is decoded, rows and large objects are counted
//! and digested again, and held against what the dump saw.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::TryStreamExt;
use futures::stream::BoxStream;
use memchr::memmem;
use tokio::task::JoinSet;

use super::super::item::Item;
use super::{Outcome, Report, VerifyOptions};
use crate::archive::directory;
use crate::digest::{RowsDigest, RowsHasher};
use crate::dump::{Data, Dump, LargeObjectPiece};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Phase, Watch};
use crate::files::{ByteStream, Evidence, Files, LargeObjectEvidence};
use crate::limits::claimed;
use crate::pipeline::tap::Meter;
use crate::repo::{Backup, Kind, Repository, StoredFiles};
use crate::toc::{self, Entry, EntryId, Index};

/// Holds the contents of a backup against its manifest.
pub(super) async fn contents(
    repository: &Repository,
    backup: &Backup,
    options: &VerifyOptions,
    report: &mut Report,
) -> Result<()> {
    let files = match repository.files(backup, &options.keys).await {
        Ok(files) => files,
        Err(error) => {
            report.error(error);
            return Ok(());
        }
    };
    match backup.mark.kind {
        Kind::Logical => archive(files, repository, options, report).await,
        Kind::Files | Kind::Set => plain_files(files, options, report).await,
        _ => {
            report.problem(
                Outcome::Unchecked,
                backup.place.to_string(),
                "it is of a kind that this version of dr does not know: use a newer dr",
            );
            Ok(())
        }
    }
}

/// Files that are no archive are read through their stages.
async fn plain_files(
    files: StoredFiles,
    options: &VerifyOptions,
    report: &mut Report,
) -> Result<()> {
    let list = files.list();
    phase(
        &options.watch,
        list.len(),
        claimed(list.iter().filter_map(|file| file.size_hint)),
    );
    for file in list {
        let item = Item::begin(&options.watch, file.name.clone());
        let read = async { drain(files.open(&file.name).await?, item).await };
        if let Err(error) = read.await {
            report.error(error);
        }
    }
    Ok(())
}

async fn archive(
    files: StoredFiles,
    repository: &Repository,
    options: &VerifyOptions,
    report: &mut Report,
) -> Result<()> {
    let opened = directory::dump_within(Arc::new(files), repository.limits().clone()).await;
    let dump: Arc<dyn Dump> = match opened {
        Ok(dump) => Arc::new(dump),
        Err(error) => {
            report.error(error);
            return Ok(());
        }
    };
    let evidence = dump.evidence();
    let index = Arc::new(Index::of(dump.toc()));
    consistent(&dump, &index, &evidence, report);
    let mut waiting: Vec<EntryId> = dump
        .toc()
        .entries
        .iter()
        .filter(|entry| entry.has_data)
        .map(|entry| entry.id)
        .collect();
    waiting.sort_by_key(|id| dump.size_hint(*id));
    let bytes = evidence.tables.values().map(|table| table.digest.bytes);
    let objects = evidence.large_objects.values().map(|object| object.bytes);
    phase(&options.watch, waiting.len(), claimed(bytes.chain(objects)));
    let mut seen_objects = BTreeMap::new();
    let mut unread_objects = BTreeSet::new();
    let mut tasks = JoinSet::new();
    loop {
        while tasks.len() < options.jobs {
            let Some(id) = waiting.pop() else { break };
            let (dump, index) = (dump.clone(), index.clone());
            let watch = options.watch.clone();
            tasks.spawn(async move { (id, entry_contents(&*dump, &index, id, &watch).await) });
        }
        let Some(done) = tasks.join_next().await else {
            break;
        };
        let (id, found) = done.map_err(|error| {
            Error::new(ErrorKind::Bug, "a task of the verification died").caused_by(error)
        })?;
        match found {
            Ok(Contents::Rows(found)) => {
                let recorded = evidence.tables.get(&id.0).map(|table| table.digest);
                rows(
                    &name_of(&*dump, &index, id),
                    found,
                    recorded,
                    &evidence,
                    report,
                );
            }
            Ok(Contents::Statements) => {}
            Ok(Contents::LargeObjects(found)) => seen_objects.extend(found),
            Err(error) => {
                report.error(error);
                unread_objects.extend(objects_of(&*dump, &index, id));
            }
        }
    }
    large_objects(&seen_objects, &unread_objects, &evidence, report);
    Ok(())
}

/// The large objects of an entry, as far as the Toc names them.
fn objects_of(dump: &dyn Dump, index: &Index, id: EntryId) -> Vec<u32> {
    let entry = index.get(dump.toc(), id);
    entry
        .filter(|entry| entry.kind == toc::Kind::Blobs)
        .and_then(|entry| dump.toc().large_objects(entry).ok())
        .unwrap_or_default()
}

pub(super) fn phase(watch: &Watch, items: usize, bytes: u64) {
    watch.tell(Event::Phase {
        phase: Phase::Prove,
        items: items as u64,
        bytes,
    });
}

fn name_of(dump: &dyn Dump, index: &Index, id: EntryId) -> String {
    index
        .get(dump.toc(), id)
        .map_or_else(|| format!("entry {id}"), Entry::to_string)
}

/// Whether table of contents and manifest speak of the same dump.
fn consistent(dump: &Arc<dyn Dump>, index: &Index, evidence: &Evidence, report: &mut Report) {
    let entry_of = |id: &u32| index.get(dump.toc(), EntryId(*id));
    let tables = evidence.tables.keys().map(|id| (id, "the rows of a table"));
    let sequences = evidence.sequences.keys().map(|id| (id, "a sequence"));
    for (id, what) in tables.chain(sequences) {
        if entry_of(id).is_none() {
            report.problem(
                Outcome::Damaged,
                format!("entry {id}"),
                format_args!(
                    "the manifest records {what}, and the table of contents has no such entry"
                ),
            );
        }
    }
    for (id, sequence) in &evidence.sequences {
        let Some(entry) = entry_of(id) else {
            continue;
        };
        // `SELECT pg_catalog.setval('public.s', 5, true);`
        let value = format!(", {}, {})", sequence.last_value, sequence.is_called);
        if entry.kind != toc::Kind::SequenceSet
            || memmem::find(&entry.definition, value.as_bytes()).is_none()
        {
            report.problem(
                Outcome::Damaged,
                entry.to_string(),
                format_args!(
                    "it does not set the sequence to the value recorded in the manifest, {}",
                    sequence.last_value
                ),
            );
        }
    }
}

fn rows(
    entry: &str,
    found: RowsDigest,
    recorded: Option<RowsDigest>,
    evidence: &Evidence,
    report: &mut Report,
) {
    match recorded {
        Some(recorded) if recorded == found => {
            report.tables += 1;
            report.rows += found.rows;
        }
        Some(recorded) if recorded.rows != found.rows => report.problem(
            Outcome::Damaged,
            entry,
            format_args!(
                "{} rows are stored, {} were dumped",
                found.rows, recorded.rows
            ),
        ),
        Some(_) => report.problem(
            Outcome::Damaged,
            entry,
            "its rows are not those that were dumped: as many, but their digest differs",
        ),
        // A backup of an archive that something else made has no digests at all.
        None if evidence.tables.is_empty() => report.problem(
            Outcome::Unchecked,
            entry,
            "the manifest records no digest of its rows",
        ),
        None => report.problem(
            Outcome::Damaged,
            entry,
            "the table of contents has it, and the manifest records no rows of it",
        ),
    }
}

/// Compares the large objects that were found with those recorded; `unread` are of entries that
/// could not be read.
fn large_objects(
    found: &BTreeMap<u32, LargeObjectEvidence>,
    unread: &BTreeSet<u32>,
    evidence: &Evidence,
    report: &mut Report,
) {
    let recorded = &evidence.large_objects;
    let oids: BTreeSet<_> = found.keys().chain(recorded.keys()).collect();
    let known = !recorded.is_empty();
    for oid in oids {
        let object = format!("LARGE OBJECT {oid}");
        match (found.get(oid), recorded.get(oid)) {
            (Some(found), Some(recorded)) if found == recorded => report.large_objects += 1,
            (Some(_), Some(_)) => report.problem(
                Outcome::Damaged,
                object,
                "its content is not the one that was dumped",
            ),
            (Some(_), None) if known => report.problem(
                Outcome::Damaged,
                object,
                "the archive has it, and the manifest does not record it",
            ),
            (Some(_), None) => report.problem(
                Outcome::Unchecked,
                object,
                "the manifest records no digest of it",
            ),
            // What hindered the reading of its entry is told; nobody knows whether it is there.
            (None, _) if unread.contains(oid) => {}
            (None, _) => report.problem(
                Outcome::Missing,
                object,
                "the manifest records it, and the archive does not have it",
            ),
        }
    }
}

pub(in crate::ops) enum Contents {
    Rows(RowsDigest),
    /// INSERT statements: whole, but there are no rows to digest.
    Statements,
    LargeObjects(BTreeMap<u32, LargeObjectEvidence>),
}

pub(super) async fn entry_contents(
    dump: &dyn Dump,
    index: &Index,
    id: EntryId,
    watch: &Watch,
) -> Result<Contents> {
    let entry = index
        .get(dump.toc(), id)
        .ok_or_else(|| Error::new(ErrorKind::Bug, format!("entry {id} has left the Toc")))?;
    let item = Item::begin(watch, entry.to_string());
    match dump.data(id).await? {
        Data::Rows(stream) if entry.copy_statement.is_some() => digest_rows(stream, item)
            .await
            .map(Contents::Rows)
            .map_err(|error| match error.entry() {
                Some(_) => error,
                None => error.in_entry(entry),
            }),
        Data::Rows(stream) => drain(stream, item).await.map(|()| Contents::Statements),
        Data::LargeObjects(pieces) => digest_large_objects(pieces, item)
            .await
            .map(Contents::LargeObjects),
    }
}

pub(in crate::ops) async fn digest_rows(
    mut stream: ByteStream,
    mut item: Item,
) -> Result<RowsDigest> {
    let mut hasher = RowsHasher::new();
    while let Some(piece) = stream.try_next().await? {
        hasher.update(&piece);
        item.advance(piece.len(), hasher.so_far().rows);
    }
    hasher.finish()
}

async fn drain(mut stream: ByteStream, mut item: Item) -> Result<()> {
    while let Some(piece) = stream.try_next().await? {
        item.advance(piece.len(), 0);
    }
    Ok(())
}

pub(in crate::ops) async fn digest_large_objects(
    mut pieces: BoxStream<'static, Result<LargeObjectPiece>>,
    mut item: Item,
) -> Result<BTreeMap<u32, LargeObjectEvidence>> {
    let mut found = BTreeMap::new();
    let mut current: Option<(u32, Meter)> = None;
    while let Some(piece) = pieces.try_next().await? {
        match (piece, &mut current) {
            (LargeObjectPiece::Begin(oid), None) => current = Some((oid, Meter::new())),
            (LargeObjectPiece::Content(bytes), Some((_, meter))) => {
                meter.update(&bytes);
                item.advance(bytes.len(), 0);
            }
            (LargeObjectPiece::End, Some((oid, meter))) => {
                let seen = LargeObjectEvidence::new(meter.bytes(), meter.sha256());
                found.insert(*oid, seen);
                current = None;
            }
            _ => {
                return Err(Error::new(
                    ErrorKind::Format,
                    "large objects begin and end out of turn",
                ));
            }
        }
    }
    match current {
        None => Ok(found),
        Some((oid, _)) => Err(Error::new(
            ErrorKind::Format,
            format!("large object {oid} has no end"),
        )),
    }
}
