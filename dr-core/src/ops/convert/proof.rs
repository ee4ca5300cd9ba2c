//! Whether what was written is what was read: it is opened again, decoded and compared.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use tokio::task::JoinSet;
use tokio_util::io::ReaderStream;

use super::super::item::Item;
use super::super::open::open_dump;
use super::super::part::Read;
use super::super::verify::{digest_large_objects, digest_rows};
use super::ConvertOptions;
use crate::archive::codec::Version;
use crate::digest::{RowsDigest, Sha256};
use crate::dump::{Data, Dump};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Phase};
use crate::files::LargeObjectEvidence;
use crate::limits::{Limits, claimed};
use crate::pipeline::compression::{Compression, decompress};
use crate::pipeline::tap::tap_stream;
use crate::sql::holdings::{Table, holdings};
use crate::sql::inserts::InsertsHasher;
use crate::sql::reader::ReadOptions;
use crate::toc::{Entry, EntryId, Index, Kind, Toc};

/// What was read, for what was written to be held against.
pub(super) struct Proof<'a> {
    toc: &'a Toc,
    read: &'a Read,
    options: &'a ConvertOptions,
}

impl<'a> Proof<'a> {
    /// # Errors
    ///
    /// `Bug` if the data of an entry was not read to its end.
    pub(super) fn of(toc: &'a Toc, read: &'a Read, options: &'a ConvertOptions) -> Result<Self> {
        for entry in toc.entries.iter().filter(|entry| entry.has_data) {
            let is_read = match entry.kind {
                Kind::Blobs => toc
                    .large_objects(entry)?
                    .iter()
                    .all(|oid| read.large_objects.contains_key(oid)),
                _ => {
                    let id = &entry.id.0;
                    read.tables.contains_key(id) || read.statements.contains_key(id)
                }
            };
            if !is_read {
                return Err(Error::new(
                    ErrorKind::Bug,
                    "its data was not read to its end, and yet it was written",
                )
                .in_entry(entry));
            }
        }
        Ok(Self { toc, read, options })
    }

    fn begin(&self, items: usize) {
        let tables = self.read.tables.values().map(|digest| digest.bytes);
        let objects = self.read.large_objects.values().map(|object| object.bytes);
        self.options.watch.tell(Event::Phase {
            phase: Phase::Prove,
            items: items as u64,
            bytes: claimed(tables.chain(objects)),
        });
    }

    /// Holds a script against what was read; `text` is the digest of what was to be written.
    pub(super) async fn script(
        &self,
        path: &Path,
        compression: Compression,
        text: Sha256,
    ) -> Result<()> {
        self.begin(1);
        let mut item = Item::begin(&self.options.watch, "what was written".to_owned());
        let file = tokio::fs::File::open(path).await.map_err(|error| {
            Error::new(ErrorKind::Store, "what was written cannot be read back").caused_by(error)
        })?;
        let pieces = ReaderStream::with_capacity(file, 256 * 1024).map_err(|error| {
            Error::new(ErrorKind::Store, "what was written cannot be read back").caused_by(error)
        });
        let plain = decompress(pieces.boxed(), compression.method());
        let (plain, tapped) = tap_stream(plain);
        let plain = plain.inspect_ok(move |piece| item.advance(piece.len(), 0));
        let found = holdings(plain.boxed(), &self.options.limits).await?;
        if tapped.sha256() != text {
            return Err(differs(
                "the script on disk is not the one that was written",
            ));
        }
        let mut tables: BTreeMap<Table, RowsDigest> = BTreeMap::new();
        for entry in &self.toc.entries {
            if let Some(digest) = self.read.tables.get(&entry.id.0)
                && let Some(table) = entry.copy_statement.as_deref().and_then(Table::of)
            {
                tables.entry(table).or_default().merge(digest);
            }
        }
        for (table, digest) in &tables {
            rows(found.tables.get(table).copied(), *digest)
                .map_err(|error| error.in_entry(format_args!("{table}")))?;
        }
        if let Some(more) = found
            .tables
            .keys()
            .find(|table| !tables.contains_key(*table))
        {
            return Err(differs(format!(
                "the script holds rows of {more}, which has none"
            )));
        }
        let mut statements = RowsDigest::default();
        for digest in self.read.statements.values() {
            statements.merge(digest);
        }
        if found.statements != statements {
            return Err(differs(format!(
                "{} INSERT statements were read, and those that were written are others ({})",
                statements.rows, found.statements.rows
            )));
        }
        self.large_objects(&found.large_objects)
    }

    /// Holds an archive against what was read.
    pub(super) async fn archive(&self, path: &Path, version: Version) -> Result<()> {
        let reading = ReadOptions::new()
            .limits(self.options.limits.clone())
            .watch(self.options.watch.clone());
        let dump = open_dump(path, &reading).await?;
        let found = dump.toc();
        entries(self.toc, found, version)?;
        let mut waiting: Vec<EntryId> = found
            .entries
            .iter()
            .filter(|entry| entry.has_data)
            .map(|entry| entry.id)
            .collect();
        self.begin(waiting.len());
        waiting.sort_by_key(|id| dump.size_hint(*id));
        let index = Arc::new(Index::of(found));
        let jobs = self.options.jobs.min(dump.lanes()).max(1);
        let mut tasks = JoinSet::new();
        let mut objects = BTreeMap::new();
        loop {
            while tasks.len() < jobs {
                let Some(id) = waiting.pop() else { break };
                let (dump, index) = (Arc::clone(&dump), Arc::clone(&index));
                let options = self.options.clone();
                tasks.spawn(async move { (id, content(&*dump, &index, id, &options).await) });
            }
            let Some(done) = tasks.join_next().await else {
                break;
            };
            let (id, content) = done.map_err(|error| {
                Error::new(ErrorKind::Bug, "a task of the proof died").caused_by(error)
            })?;
            match content? {
                Content::Rows(digest) => self.entry(&self.read.tables, id, digest),
                Content::Statements(digest) => self.entry(&self.read.statements, id, digest),
                Content::LargeObjects(found) => {
                    objects.extend(found);
                    Ok(())
                }
            }
            .map_err(|error| match index.get(dump.toc(), id) {
                Some(entry) => error.in_entry(entry),
                None => error,
            })?;
        }
        self.large_objects(&objects)
    }

    fn entry(
        &self,
        read: &BTreeMap<u32, RowsDigest>,
        id: EntryId,
        found: RowsDigest,
    ) -> Result<()> {
        match read.get(&id.0) {
            Some(digest) => rows(Some(found), *digest),
            None => Err(differs("data was written that was not read")),
        }
    }

    fn large_objects(&self, found: &BTreeMap<u32, LargeObjectEvidence>) -> Result<()> {
        let read = &self.read.large_objects;
        let oids: BTreeSet<&u32> = read.keys().chain(found.keys()).collect();
        for oid in oids {
            if read.get(oid) != found.get(oid) {
                return Err(differs(format!(
                    "large object {oid} that was written is not the one that was read"
                )));
            }
        }
        Ok(())
    }
}

fn rows(found: Option<RowsDigest>, read: RowsDigest) -> Result<()> {
    match found {
        Some(found) if found == read => Ok(()),
        None => Err(differs("its rows are missing from what was written")),
        Some(found) if found.rows != read.rows => Err(differs(format!(
            "{} rows were read, and {} are in what was written",
            read.rows, found.rows
        ))),
        Some(_) => Err(differs(
            "the rows that were written are not those that were read: as many, but their digest \
             differs",
        )),
    }
}

fn differs(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Integrity, what.into()).and_then(
        "nothing of it is kept: look at the disk and the memory of this machine, and try again",
    )
}

enum Content {
    Rows(RowsDigest),
    Statements(RowsDigest),
    LargeObjects(BTreeMap<u32, LargeObjectEvidence>),
}

async fn content(
    dump: &dyn Dump,
    index: &Index,
    id: EntryId,
    options: &ConvertOptions,
) -> Result<Content> {
    let entry = index
        .get(dump.toc(), id)
        .ok_or_else(|| Error::new(ErrorKind::Bug, format!("entry {id} has left the Toc")))?;
    let mut item = Item::begin(&options.watch, entry.to_string());
    match dump.data(id).await? {
        Data::Rows(stream) if entry.copy_statement.is_some() => {
            digest_rows(stream, item).await.map(Content::Rows)
        }
        Data::Rows(mut stream) => {
            let limits: &Limits = &options.limits;
            let mut hasher = InsertsHasher::new(limits, dump.toc().std_strings);
            while let Some(piece) = stream.try_next().await? {
                hasher.update(&piece)?;
                item.advance(piece.len(), hasher.so_far().rows);
            }
            hasher.finish().map(Content::Statements)
        }
        Data::LargeObjects(pieces) => digest_large_objects(pieces, item)
            .await
            .map(Content::LargeObjects),
    }
}

/// Holds the entries of an archive against those that were to be written. How large objects are
/// laid out depends on the version: what they are is compared by their content.
fn entries(wanted: &Toc, found: &Toc, version: Version) -> Result<()> {
    let compared = |toc: &Toc| -> Vec<Entry> {
        let entries = toc.entries.iter().filter(|entry| {
            version.groups_large_objects()
                || !matches!(entry.kind, Kind::Blob | Kind::BlobMetadata | Kind::Blobs)
                    && !entry.tag.starts_with(b"LARGE OBJECT")
        });
        entries.map(|entry| as_stored(entry, version)).collect()
    };
    let (wanted_entries, found_entries) = (compared(wanted), compared(found));
    for (wanted, found) in wanted_entries.iter().zip(&found_entries) {
        if wanted != found {
            return Err(differs(format!(
                "it was written as {found}, in other words or with other facts"
            ))
            .in_entry(wanted));
        }
    }
    if wanted_entries.len() != found_entries.len() {
        return Err(differs(format!(
            "{} entries were to be written, and {} are there",
            wanted_entries.len(),
            found_entries.len()
        )));
    }
    let facts = |toc: &Toc| {
        (
            toc.database.clone(),
            toc.encoding.clone(),
            toc.std_strings,
            toc.search_path.clone(),
            toc.server_version.clone(),
            toc.created,
        )
    };
    match facts(wanted) == facts(found) {
        true => Ok(()),
        false => Err(differs("the header is not the one that was to be written")),
    }
}

/// The entry as an archive of this version can say it: nothing and an empty text are the same in
/// some places.
fn as_stored(entry: &Entry, version: Version) -> Entry {
    let mut entry = entry.clone();
    let is_said = |text: &bytes::Bytes| !text.is_empty();
    entry.namespace = entry.namespace.filter(is_said);
    entry.copy_statement = entry.copy_statement.filter(is_said);
    entry.table_access_method = entry.table_access_method.filter(is_said);
    if !version.groups_large_objects() {
        entry.relkind = 0;
    }
    entry
}
