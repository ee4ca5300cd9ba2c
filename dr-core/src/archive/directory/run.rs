//! The large objects of a BLOBS entry, one file each, out of a dump that can only tell them one
//! after another (a script, a pipe). Used by the view that writes.
//!
//! Whoever asks for the next object waits until the one before it has been read to its end; an
//! object that was passed over or has gone by is reached by beginning again. Behind the last object
//! nothing is held: the dump's one lane is free for others.

use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::dump::{Data, Dump, LargeObjectPiece};
use crate::error::{Error, ErrorKind, Result};
use crate::files::ByteStream;
use crate::toc::EntryId;

type Pieces = BoxStream<'static, Result<LargeObjectPiece>>;

/// One entry's run, shared by the files made of it.
#[derive(Default)]
pub(super) struct Run {
    at: Arc<Mutex<Option<At>>>,
}

/// Where a run stands: the next object has begun.
struct At {
    oid: u32,
    pieces: Pieces,
}

impl Run {
    /// The content of one object of `entry`.
    pub(super) async fn open(
        &self,
        dump: &dyn Dump,
        entry: EntryId,
        oid: u32,
    ) -> Result<ByteStream> {
        let mut place = self.at.clone().lock_owned().await;
        if let Some(at) = place.take_if(|at| at.oid == oid) {
            return Ok(content(at, place));
        }
        // Given back before it is asked for again: there may be only one lane.
        *place = None;
        let Data::LargeObjects(mut pieces) = dump.data(entry).await? else {
            return Err(missing(entry, oid));
        };
        while let Some(piece) = pieces.try_next().await? {
            if piece == LargeObjectPiece::Begin(oid) {
                return Ok(content(At { oid, pieces }, place));
            }
        }
        Err(missing(entry, oid))
    }
}

/// The content up to its end; the run goes back into its place only when that was reached.
fn content(at: At, place: OwnedMutexGuard<Option<At>>) -> ByteStream {
    stream::try_unfold((at, place), move |(mut at, mut place)| async move {
        match at.pieces.try_next().await? {
            Some(LargeObjectPiece::Content(bytes)) => Ok(Some((bytes, (at, place)))),
            Some(LargeObjectPiece::End) => {
                *place = match at.pieces.try_next().await? {
                    Some(LargeObjectPiece::Begin(oid)) => Some(At { oid, ..at }),
                    Some(_) => return Err(cut(at.oid)),
                    None => None,
                };
                Ok(None)
            }
            Some(LargeObjectPiece::Begin(_)) | None => Err(cut(at.oid)),
        }
    })
    .boxed()
}

fn cut(oid: u32) -> Error {
    Error::new(
        ErrorKind::Format,
        format!("large object {oid} has no end: the dump was cut short"),
    )
}

fn missing(entry: EntryId, oid: u32) -> Error {
    Error::new(
        ErrorKind::Missing,
        format!("the dump does not hold large object {oid}, although its Toc says so"),
    )
    .in_entry(format_args!("entry {entry}"))
}
