//! A table's COPY stream, digested and cut into blocks of whole rows, which any number of
//! connections take from.
//!
//! Used by the load. The reading runs in a task of its own: decrypting, decompressing and digesting
//! do not wait for the server, nor it for them.

use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

use crate::digest::{RowsDigest, RowsHasher};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Watch};
use crate::files::ByteStream;
use crate::text::LONGEST_ROW;

/// A block is handed over when it has at least this many bytes.
const BLOCK: usize = 512 << 10;

/// This many blocks wait at most.
const WAITING: usize = 4;

/// Whole rows, in pieces.
type Block = Vec<Bytes>;

/// The blocks of one table that are still to be loaded.
#[derive(Clone)]
pub(super) struct Blocks(Arc<Mutex<mpsc::Receiver<Block>>>);

impl std::fmt::Debug for Blocks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Blocks(..)")
    }
}

/// The task that reads; it answers with the digest of the whole stream once it has seen its clean
/// end. Dropping it ends the reading.
#[derive(Debug)]
pub(super) struct Reading(JoinHandle<Result<RowsDigest>>);

impl Reading {
    /// The digest of everything, or why there is no clean end.
    pub(super) async fn finish(mut self) -> Result<RowsDigest> {
        match (&mut self.0).await {
            Ok(outcome) => outcome,
            Err(error) => {
                Err(Error::new(ErrorKind::Bug, "reading a table's data failed").caused_by(error))
            }
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Blocks {
    /// Begins to read `stream`, whose progress is told as that of `item`.
    pub(super) fn read(stream: ByteStream, watch: Watch, item: String) -> (Self, Reading) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let reading = tokio::spawn(cut(stream, sender, watch, item));
        (Self(Arc::new(Mutex::new(receiver))), Reading(reading))
    }

    /// A share of the blocks as one stream: it ends when all blocks are taken, by whomever.
    pub(super) fn share(&self) -> ByteStream {
        stream::unfold(self.clone(), |blocks| async move {
            let block = blocks.0.lock().await.recv().await?;
            Some((stream::iter(block.into_iter().map(Ok)), blocks))
        })
        .flatten()
        .boxed()
    }
}

/// Cuts at row ends. What of a row has come is kept until its end has; the server could not take a
/// row larger than a gigabyte, so neither does this.
async fn cut(
    mut stream: ByteStream,
    sender: mpsc::Sender<Block>,
    watch: Watch,
    item: String,
) -> Result<RowsDigest> {
    let mut hasher = RowsHasher::new();
    let mut told = RowsDigest::default();
    let mut block: Block = Vec::new();
    let mut whole = 0;
    let mut part = 0;
    while let Some(mut piece) = stream.try_next().await? {
        hasher.update(&piece);
        match memchr::memrchr(b'\n', &piece) {
            None => {
                part += piece.len();
                if part as u64 > LONGEST_ROW.most() {
                    return Err(LONGEST_ROW
                        .exceeded("a row of the data has more bytes")
                        .at_offset(told.bytes));
                }
                block.push(piece);
                continue;
            }
            Some(end) if end + 1 < piece.len() => {
                let rest = piece.split_off(end + 1);
                whole += part + piece.len();
                block.push(piece);
                part = rest.len();
                if whole >= BLOCK {
                    let full = std::mem::replace(&mut block, vec![rest]);
                    whole = 0;
                    if sender.send(full).await.is_err() {
                        return Err(gone());
                    }
                } else {
                    block.push(rest);
                }
            }
            Some(_) => {
                whole += part + piece.len();
                part = 0;
                block.push(piece);
                if whole >= BLOCK {
                    whole = 0;
                    if sender.send(std::mem::take(&mut block)).await.is_err() {
                        return Err(gone());
                    }
                }
            }
        }
        let so_far = hasher.so_far();
        if so_far.bytes >= told.bytes + BLOCK as u64 {
            tell(&watch, &item, so_far, &mut told);
        }
    }
    let digest = hasher.finish()?;
    if !block.is_empty() && sender.send(block).await.is_err() {
        return Err(gone());
    }
    tell(&watch, &item, digest, &mut told);
    Ok(digest)
}

fn tell(watch: &Watch, item: &str, now: RowsDigest, told: &mut RowsDigest) {
    watch.tell(Event::Advanced {
        item: item.to_owned(),
        rows: now.rows - told.rows,
        bytes: now.bytes - told.bytes,
    });
    *told = now;
}

/// Every connection that took blocks has failed; its error is the one to report.
fn gone() -> Error {
    Error::new(ErrorKind::Interrupted, "the load was given up")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    async fn collect(mut share: ByteStream) -> Vec<u8> {
        let mut text = Vec::new();
        while let Some(piece) = share.try_next().await.unwrap() {
            text.extend_from_slice(&piece);
        }
        text
    }

    fn pieces(text: &[u8], size: usize) -> ByteStream {
        let pieces: Vec<Result<Bytes>> = text
            .chunks(size)
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        stream::iter(pieces).boxed()
    }

    #[tokio::test]
    async fn shares_hold_whole_rows_and_together_everything() {
        let text: Vec<u8> = (0..200_000)
            .flat_map(|n| format!("{n}\tsome text of row {n}\n").into_bytes())
            .collect();
        for size in [7, 1000, 64 << 10, 3 << 20] {
            let (blocks, reading) = Blocks::read(pieces(&text, size), Watch::default(), "t".into());
            let (one, two) = tokio::join!(collect(blocks.share()), collect(blocks.share()));
            assert!(one.is_empty() || one.ends_with(b"\n"));
            assert!(two.is_empty() || two.ends_with(b"\n"));
            let mut hasher = RowsHasher::new();
            hasher.update(&one);
            hasher.update(&two);
            let digest = reading.finish().await.unwrap();
            assert_eq!(hasher.finish().unwrap(), digest);
            assert_eq!(digest.rows, 200_000);
            assert_eq!(digest.bytes, text.len() as u64);
        }
    }

    #[tokio::test]
    async fn a_stream_that_ends_inside_a_row_or_in_an_error_has_no_digest() {
        let (blocks, reading) = Blocks::read(pieces(b"1\n2", 2), Watch::default(), "t".into());
        collect(blocks.share()).await;
        assert_eq!(
            reading.finish().await.unwrap_err().kind(),
            ErrorKind::Format
        );
        let bad = stream::iter([
            Ok(Bytes::from_static(b"1\n")),
            Err(Error::new(ErrorKind::Stage, "damaged")),
        ])
        .boxed();
        let (blocks, reading) = Blocks::read(bad, Watch::default(), "t".into());
        collect(blocks.share()).await;
        assert_eq!(reading.finish().await.unwrap_err().kind(), ErrorKind::Stage);
    }

    #[tokio::test]
    async fn an_empty_stream_is_an_empty_table() {
        let (blocks, reading) = Blocks::read(pieces(b"", 1), Watch::default(), "t".into());
        assert!(collect(blocks.share()).await.is_empty());
        assert_eq!(reading.finish().await.unwrap(), RowsDigest::default());
    }
}
