//! A part of a dump as a dump of its own, whose rows and large objects are counted, digested and held
//! against what was recorded when the dump was made. Used by `extract`, `convert` and `rows`; knows
//! no destination.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::future::{BoxFuture, ready};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use super::item::Item;
use crate::digest::{RowsDigest, RowsHasher};
use crate::dump::{Data, Dump, LargeObjectPiece};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Watch;
use crate::files::{ByteStream, Evidence, LargeObjectEvidence};
use crate::limits::Limits;
use crate::pipeline::tap::Meter;
use crate::sql::inserts::InsertsHasher;
use crate::toc::{EntryId, Index, Toc};

/// What was read to its end.
#[derive(Debug, Clone, Default)]
pub(super) struct Read {
    /// Rows and digest of each entry, by dump id.
    pub(super) tables: BTreeMap<u32, RowsDigest>,
    /// INSERT statements and their digest of each entry of such, where they are asked for.
    pub(super) statements: BTreeMap<u32, RowsDigest>,
    /// Large objects, by oid.
    pub(super) large_objects: BTreeMap<u32, LargeObjectEvidence>,
}

type Shared = Arc<Mutex<Read>>;

/// The entries of `toc`, which is a selection of the dump's own.
pub(super) struct Part {
    dump: Arc<dyn Dump>,
    toc: Arc<Toc>,
    index: Index,
    evidence: Evidence,
    recorded_objects: Arc<BTreeMap<u32, LargeObjectEvidence>>,
    watch: Watch,
    read: Shared,
    /// Within which INSERT statements are told apart and digested; else they only pass.
    statements: Option<Limits>,
}

impl Part {
    pub(super) fn of(dump: Arc<dyn Dump>, toc: Arc<Toc>, watch: Watch) -> Self {
        let mut evidence = dump.evidence();
        // They are the server's, not the tables'.
        evidence.globals = None;
        let index = Index::of(&toc);
        let has = |id: &u32| index.position(EntryId(*id)).is_some();
        evidence.tables.retain(|id, _| has(id));
        evidence.sequences.retain(|id, _| has(id));
        Self {
            dump,
            toc,
            index,
            recorded_objects: Arc::new(evidence.large_objects.clone()),
            evidence,
            watch,
            read: Shared::default(),
            statements: None,
        }
    }

    /// Also digests INSERT statements.
    pub(super) fn digesting_statements(mut self, limits: Limits) -> Self {
        self.statements = Some(limits);
        self
    }

    /// What was read to its end.
    pub(super) fn read(&self) -> Read {
        locked(&self.read).clone()
    }

    /// INSERT statements on their way.
    fn statements(&self, id: EntryId, name: String, statements: ByteStream) -> ByteStream {
        let mut item = Item::begin(&self.watch, name.clone());
        let Some(limits) = &self.statements else {
            let told = statements.inspect_ok(move |piece| item.advance(piece.len(), 0));
            return told.boxed();
        };
        let state = Some((
            statements,
            InsertsHasher::new(limits, self.toc.std_strings),
            item,
        ));
        let read = Arc::clone(&self.read);
        stream::try_unfold(state, move |state| {
            let (read, name) = (Arc::clone(&read), name.clone());
            async move {
                let Some((mut statements, mut hasher, mut item)) = state else {
                    return Ok(None);
                };
                let next = match statements.try_next().await? {
                    Some(piece) => hasher.update(&piece).map(|()| Some(piece)),
                    None => {
                        let found = hasher.finish();
                        found.map(|found| {
                            locked(&read).statements.insert(id.0, found);
                            None
                        })
                    }
                };
                let next = next.map_err(|error| error.in_entry(&name))?;
                Ok(next.map(|piece| {
                    item.advance(piece.len(), hasher.so_far().rows);
                    (piece, Some((statements, hasher, item)))
                }))
            }
        })
        .boxed()
    }

    /// Large objects that end in an error if they are not those recorded.
    fn proven_objects(
        &self,
        name: String,
        pieces: BoxStream<'static, Result<LargeObjectPiece>>,
    ) -> BoxStream<'static, Result<LargeObjectPiece>> {
        let mut item = Item::begin(&self.watch, name.clone());
        let mut current: Option<(u32, Meter)> = None;
        let recorded = Arc::clone(&self.recorded_objects);
        let read = Arc::clone(&self.read);
        pieces
            .and_then(move |piece| {
                let seen = match (&piece, &mut current) {
                    (LargeObjectPiece::Begin(oid), current) => {
                        *current = Some((*oid, Meter::new()));
                        Ok(())
                    }
                    (LargeObjectPiece::Content(content), Some((_, meter))) => {
                        meter.update(content);
                        item.advance(content.len(), 0);
                        Ok(())
                    }
                    (LargeObjectPiece::End, Some((oid, meter))) => {
                        note_object(*oid, meter, &recorded, &read)
                    }
                    // Whoever reads them refuses that.
                    (_, None) => Ok(()),
                };
                ready(seen.map(|()| piece).map_err(|error| error.in_entry(&name)))
            })
            .boxed()
    }

    /// COPY rows that end in an error if they are not those recorded.
    fn proven(&self, id: EntryId, name: String, rows: ByteStream) -> ByteStream {
        let state = Passing {
            rows,
            hasher: RowsHasher::new(),
            item: Item::begin(&self.watch, name.clone()),
            recorded: self.evidence.tables.get(&id.0).map(|table| table.digest),
            read: Arc::clone(&self.read),
            id,
            name,
        };
        stream::try_unfold(state, |mut state| async move {
            match state.next().await.map_err(|error| match error.entry() {
                Some(_) => error,
                None => error.in_entry(&state.name),
            })? {
                Some(piece) => Ok(Some((piece, state))),
                None => Ok(None),
            }
        })
        .boxed()
    }
}

/// The rows of one entry on their way.
struct Passing {
    rows: ByteStream,
    hasher: RowsHasher,
    item: Item,
    recorded: Option<RowsDigest>,
    read: Shared,
    id: EntryId,
    name: String,
}

impl Passing {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        if let Some(piece) = self.rows.try_next().await? {
            self.hasher.update(&piece);
            self.item.advance(piece.len(), self.hasher.so_far().rows);
            return Ok(Some(piece));
        }
        let found = std::mem::take(&mut self.hasher).finish()?;
        compare(found, self.recorded)?;
        locked(&self.read).tables.insert(self.id.0, found);
        Ok(None)
    }
}

fn locked(read: &Shared) -> std::sync::MutexGuard<'_, Read> {
    read.lock().unwrap_or_else(PoisonError::into_inner)
}

fn compare(found: RowsDigest, recorded: Option<RowsDigest>) -> Result<()> {
    match recorded {
        Some(recorded) if recorded.rows != found.rows => Err(Error::new(
            ErrorKind::Integrity,
            format!(
                "{} rows are stored, {} were dumped: take another backup",
                found.rows, recorded.rows
            ),
        )),
        Some(recorded) if recorded != found => Err(Error::new(
            ErrorKind::Integrity,
            "its rows are not those that were dumped: as many, but their digest differs; take \
             another backup",
        )),
        Some(_) | None => Ok(()),
    }
}

/// Notes a large object that has come to its end.
fn note_object(
    oid: u32,
    meter: &Meter,
    recorded: &BTreeMap<u32, LargeObjectEvidence>,
    read: &Shared,
) -> Result<()> {
    let found = LargeObjectEvidence::new(meter.bytes(), meter.sha256());
    if recorded
        .get(&oid)
        .is_some_and(|recorded| *recorded != found)
    {
        return Err(Error::new(
            ErrorKind::Integrity,
            format!("large object {oid} is not the one that was dumped: take another backup"),
        ));
    }
    locked(read).large_objects.insert(oid, found);
    Ok(())
}

impl Dump for Part {
    fn toc(&self) -> &Toc {
        &self.toc
    }

    fn data(&self, id: EntryId) -> BoxFuture<'_, Result<Data>> {
        async move {
            let entry = self.index.get(&self.toc, id).ok_or_else(|| {
                Error::new(ErrorKind::Missing, format!("entry {id} was not selected"))
            })?;
            let name = entry.to_string();
            Ok(match self.dump.data(id).await? {
                Data::Rows(rows) if entry.copy_statement.is_some() => {
                    Data::Rows(self.proven(id, name, rows))
                }
                Data::Rows(statements) => Data::Rows(self.statements(id, name, statements)),
                Data::LargeObjects(pieces) => Data::LargeObjects(self.proven_objects(name, pieces)),
            })
        }
        .boxed()
    }

    fn large_object(&self, id: EntryId, oid: u32) -> BoxFuture<'_, Result<ByteStream>> {
        async move {
            let content = self.dump.large_object(id, oid).await?;
            let item = Item::begin(&self.watch, format!("LARGE OBJECT {oid}"));
            let recorded = Arc::clone(&self.recorded_objects);
            let read = Arc::clone(&self.read);
            let state = Some((content, Meter::new(), item));
            Ok(stream::try_unfold(state, move |state| {
                let (recorded, read) = (Arc::clone(&recorded), Arc::clone(&read));
                async move {
                    let Some((mut content, mut meter, mut item)) = state else {
                        return Ok(None);
                    };
                    let Some(piece) = content.try_next().await? else {
                        note_object(oid, &meter, &recorded, &read)?;
                        return Ok(None);
                    };
                    meter.update(&piece);
                    item.advance(piece.len(), 0);
                    Ok(Some((piece, Some((content, meter, item)))))
                }
            })
            .boxed())
        }
        .boxed()
    }

    fn evidence(&self) -> Evidence {
        self.evidence.clone()
    }

    fn size_hint(&self, id: EntryId) -> Option<u64> {
        let recorded = self.evidence.tables.get(&id.0);
        recorded
            .map(|table| table.digest.bytes)
            .or_else(|| self.dump.size_hint(id))
    }

    fn lanes(&self) -> usize {
        self.dump.lanes()
    }
}
