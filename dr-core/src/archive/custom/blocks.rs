//! Blocks: their headers, the chunks of their data, and what must stand behind them. Used by the
//! reader. Knows ids and offsets, and no entries.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, stream};
use tokio::sync::Mutex;

use super::walk::Walk;
use super::{LARGE_OBJECTS, ROWS};
use crate::archive::seekable::Seekable;
use crate::error::{Error, ErrorKind, Result};
use crate::files::ByteStream;
use crate::pipeline::compression::{Method, decompress_block};
use crate::toc::EntryId;

const LENGTH: &str = "the length of a chunk of data";
const CHUNK: &str = "a chunk of data";
const OID: &str = "the oid of a large object";

/// What holds of all blocks of a file.
pub(super) struct Blocks {
    pub(super) source: Arc<dyn Seekable>,
    pub(super) int_size: u8,
    pub(super) method: Method,
    /// Where the first one begins.
    pub(super) begin: u64,
    /// Entries that have data: no block is of another.
    pub(super) ids: HashSet<EntryId>,
}

/// What a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Rows,
    LargeObjects,
}

/// What a block begins with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) at: u64,
    pub(super) holds: Holds,
    pub(super) id: EntryId,
}

impl Blocks {
    pub(super) fn walk(&self, at: u64) -> Walk {
        Walk::new(Arc::clone(&self.source), self.int_size, at)
    }

    /// The header that stands next; none at the end of the file.
    pub(super) async fn header(&self, walk: &mut Walk) -> Result<Option<Header>> {
        if walk.is_end().await? {
            return Ok(None);
        }
        let at = walk.at();
        let wrong = |message: String| Error::new(ErrorKind::Format, message).at_offset(at);
        let holds = match walk.byte("the kind of a block").await? {
            ROWS => Holds::Rows,
            LARGE_OBJECTS => Holds::LargeObjects,
            other => {
                return Err(wrong(format!(
                    "no block of data begins where one must: its kind would be {other}"
                )));
            }
        };
        let id = walk.int("the id of a block").await?;
        match u32::try_from(id).map(EntryId) {
            Ok(id) if self.ids.contains(&id) => Ok(Some(Header { at, holds, id })),
            _ => Err(wrong(format!(
                "a block of data says that it is of entry {id}, and none with data has this id"
            ))),
        }
    }

    /// Refuses what stands behind a block and is neither a block nor the end of the file: then the
    /// block's own end was none.
    async fn check_behind(&self, walk: &mut Walk) -> Result<()> {
        self.header(walk).await.map(drop)
    }

    /// The rows of the block whose header was just read, without decoding what they are.
    pub(super) fn rows(self: Arc<Self>, walk: Walk) -> ByteStream {
        let method = self.method;
        let chunks = stream::try_unfold((walk, 0u64), move |(mut walk, left)| {
            let blocks = Arc::clone(&self);
            async move {
                match next_piece(&mut walk, left).await? {
                    Some((piece, left)) => Ok(Some((piece, (walk, left)))),
                    None => {
                        blocks.check_behind(&mut walk).await?;
                        Ok::<_, Error>(None)
                    }
                }
            }
        });
        decompress_block(chunks.boxed(), method)
    }

    /// The content of the large object whose oid was just read; the walk stands behind it when the
    /// stream has ended.
    pub(super) fn content(&self, walk: Arc<Mutex<Walk>>) -> ByteStream {
        let chunks = stream::try_unfold((walk, 0u64), |(walk, left)| async move {
            let mut on = walk.lock().await;
            let next = next_piece(&mut on, left).await?;
            drop(on);
            Ok::<_, Error>(next.map(|(piece, left)| (piece, (walk, left))))
        });
        // A large object without content may have no chunk at all.
        let mut chunks = chunks.boxed();
        let method = self.method;
        stream::once(async move {
            match chunks.next().await {
                None => stream::empty().boxed(),
                Some(first) => {
                    decompress_block(stream::iter([first]).chain(chunks).boxed(), method)
                }
            }
        })
        .flatten()
        .boxed()
    }

    /// The oid of the next large object of a block; none behind the last one.
    pub(super) async fn oid(&self, walk: &mut Walk) -> Result<Option<u32>> {
        // Written as if it were signed: those from 2^31 on are negative.
        let oid = walk.int(OID).await?.cast_unsigned();
        if oid == 0 {
            self.check_behind(walk).await?;
            return Ok(None);
        }
        Ok(Some(oid))
    }

    /// Passes over the data that begins here.
    pub(super) async fn skip_data(&self, walk: &mut Walk) -> Result<()> {
        while let Some(length) = length(walk).await? {
            walk.skip(length, CHUNK).await?;
        }
        Ok(())
    }

    /// Passes over the block whose header was just read.
    pub(super) async fn skip(&self, walk: &mut Walk, holds: Holds) -> Result<()> {
        if holds == Holds::Rows {
            return self.skip_data(walk).await;
        }
        while walk.int(OID).await? != 0 {
            self.skip_data(walk).await?;
        }
        Ok(())
    }
}

/// More of the data of which `left` bytes of a chunk are still to come; none at its end.
async fn next_piece(walk: &mut Walk, left: u64) -> Result<Option<(Bytes, u64)>> {
    let left = match left {
        0 => match length(walk).await? {
            None => return Ok(None),
            Some(length) => length,
        },
        left => left,
    };
    let piece = walk.some(left, CHUNK).await?;
    let left = left - piece.len() as u64;
    Ok(Some((piece, left)))
}

/// The length of the chunk that begins here, which the file has room for; none at the end of data.
async fn length(walk: &mut Walk) -> Result<Option<u64>> {
    let at = walk.at();
    match u64::try_from(walk.int(LENGTH).await?) {
        Ok(0) => Ok(None),
        Ok(length) => {
            walk.expect(length, CHUNK)?;
            Ok(Some(length))
        }
        Err(_) => Err(Error::new(
            ErrorKind::Format,
            "a chunk of data has a negative length: the file is damaged",
        )
        .at_offset(at)),
    }
}
