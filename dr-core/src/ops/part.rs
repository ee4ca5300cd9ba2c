//! A part of a dump as a dump of its own, whose rows are counted, digested and held against what
//! was recorded when the dump was made. Used by `extract` and `rows`; knows no destination.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use super::item::Item;
use crate::digest::{RowsDigest, RowsHasher};
use crate::dump::{Data, Dump, LargeObjectPiece};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Watch;
use crate::files::{ByteStream, Evidence};
use crate::toc::{EntryId, Index, Toc};

/// Rows and digest of each entry that was read to its end.
type Read = Arc<Mutex<BTreeMap<u32, RowsDigest>>>;

/// The entries of `toc`, which is a selection of the dump's own.
pub(super) struct Part {
    dump: Arc<dyn Dump>,
    toc: Arc<Toc>,
    index: Index,
    evidence: Evidence,
    watch: Watch,
    read: Read,
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
            evidence,
            watch,
            read: Read::default(),
        }
    }

    /// Rows and digest of each entry that was read to its end, by dump id.
    pub(super) fn read(&self) -> BTreeMap<u32, RowsDigest> {
        locked(&self.read).clone()
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
    read: Read,
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
        locked(&self.read).insert(self.id.0, found);
        Ok(None)
    }
}

fn locked(read: &Read) -> std::sync::MutexGuard<'_, BTreeMap<u32, RowsDigest>> {
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
                Data::Rows(statements) => {
                    let mut item = Item::begin(&self.watch, name);
                    let told = statements.inspect_ok(move |piece| item.advance(piece.len(), 0));
                    Data::Rows(told.boxed())
                }
                Data::LargeObjects(pieces) => {
                    let mut item = Item::begin(&self.watch, name);
                    let told = pieces.inspect_ok(move |piece| {
                        if let LargeObjectPiece::Content(content) = piece {
                            item.advance(content.len(), 0);
                        }
                    });
                    Data::LargeObjects(told.boxed())
                }
            })
        }
        .boxed()
    }

    fn large_object(&self, id: EntryId, oid: u32) -> BoxFuture<'_, Result<ByteStream>> {
        self.dump.large_object(id, oid)
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
