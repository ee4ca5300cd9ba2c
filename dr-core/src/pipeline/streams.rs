//! Bridges between the two currencies: streams of `Bytes`, and tokio's readers and writers.
//!
//! Used by `repo` and `ops` to put stages, which are readers and writers, between streams. Knows
//! nothing of what the bytes mean and does not spawn.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, TryStreamExt};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_util::io::{ReaderStream, StreamReader};
use tokio_util::sync::PollSender;

use super::{ByteStream, Reader, Writer};
use crate::error::{Error, ErrorKind, Result};

/// How much a reader is asked for at once when it is turned into a stream.
const READ_SIZE: usize = 128 * 1024;

/// A stream of bytes as a reader. An error of the stream comes out whole through
/// [`Error::from`](Error#impl-From<Error>-for-Error).
pub fn reader_of(stream: impl Stream<Item = Result<Bytes>> + Send + 'static) -> Reader {
    Box::pin(StreamReader::new(stream.map_err(io::Error::from)))
}

/// A reader as a stream of bytes. It ends at the reader's clean end of file, or after one error.
pub fn stream_of(reader: Reader) -> ByteStream {
    ReaderStream::with_capacity(reader, READ_SIZE)
        .map_err(Error::from)
        .boxed()
}

/// Writes a whole stream and ends the writer properly; how many bytes went in.
///
/// On an error, or when dropped, the writer is dropped without its end, so that what it wrote
/// counts as unfinished.
///
/// # Errors
///
/// Those of the stream and of the writer.
pub async fn pump(
    mut stream: impl Stream<Item = Result<Bytes>> + Unpin,
    mut writer: Writer,
) -> Result<u64> {
    let mut total = 0;
    while let Some(piece) = stream.next().await {
        let piece = piece?;
        writer.write_all(&piece).await?;
        total += piece.len() as u64;
    }
    writer.shutdown().await?;
    Ok(total)
}

/// A writer whose bytes come out of [`Pieces`], cut in pieces of `piece` bytes (the last one
/// shorter). At most `depth` pieces wait; a writer that is ahead is held up.
///
/// # Panics
///
/// If `piece` or `depth` is zero.
pub fn pieces(piece: usize, depth: usize) -> (PieceWriter, Pieces) {
    assert!(piece > 0, "a piece has at least one byte");
    let (sender, receiver) = mpsc::channel(depth);
    (
        PieceWriter {
            sender: PollSender::new(sender),
            buffer: BytesMut::new(),
            piece,
            ended: false,
        },
        Pieces {
            receiver,
            ended: false,
        },
    )
}

enum Piece {
    Data(Bytes),
    End,
}

/// The writing half of [`pieces`].
pub struct PieceWriter {
    sender: PollSender<Piece>,
    buffer: BytesMut,
    piece: usize,
    ended: bool,
}

impl std::fmt::Debug for PieceWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PieceWriter")
            .field("buffered", &self.buffer.len())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

fn nobody_reads() -> io::Error {
    io::Error::new(
        io::ErrorKind::BrokenPipe,
        "what takes the written bytes has stopped",
    )
}

impl PieceWriter {
    fn poll_send_full(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.sender.poll_reserve(cx)).map_err(|_| nobody_reads())?;
        let piece = std::mem::take(&mut self.buffer).freeze();
        self.sender
            .send_item(Piece::Data(piece))
            .map_err(|_| nobody_reads())?;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for PieceWriter {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(Err(io::Error::other(Error::new(
                ErrorKind::Bug,
                "a stage wrote after it had ended the stream",
            ))));
        }
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if this.buffer.len() == this.piece {
            ready!(this.poll_send_full(cx))?;
        }
        if this.buffer.capacity() == 0 {
            this.buffer.reserve(this.piece);
        }
        let taken = bytes.len().min(this.piece - this.buffer.len());
        this.buffer.extend_from_slice(&bytes[..taken]);
        Poll::Ready(Ok(taken))
    }

    /// Pieces keep their size: what is not a whole piece waits for more bytes or for the end.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(Ok(()));
        }
        if !this.buffer.is_empty() {
            ready!(this.poll_send_full(cx))?;
        }
        ready!(this.sender.poll_reserve(cx)).map_err(|_| nobody_reads())?;
        this.sender
            .send_item(Piece::End)
            .map_err(|_| nobody_reads())?;
        this.sender.close();
        this.ended = true;
        Poll::Ready(Ok(()))
    }
}

/// The reading half of [`pieces`].
#[derive(Debug)]
pub struct Pieces {
    receiver: mpsc::Receiver<Piece>,
    ended: bool,
}

impl Pieces {
    /// The next piece; `None` once the writer was properly ended. Cancel-safe.
    ///
    /// # Errors
    ///
    /// `Interrupted` if the writer was dropped before its end.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.ended {
            return Ok(None);
        }
        match self.receiver.recv().await {
            Some(Piece::Data(bytes)) => Ok(Some(bytes)),
            Some(Piece::End) => {
                self.ended = true;
                Ok(None)
            }
            None => Err(Error::new(
                ErrorKind::Interrupted,
                "the stream was dropped before its end",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(parts: &[&'static str]) -> impl Stream<Item = Result<Bytes>> + Unpin + use<> {
        futures::stream::iter(
            parts
                .iter()
                .map(|part| Ok(Bytes::from_static(part.as_bytes())))
                .collect::<Vec<_>>(),
        )
    }

    #[tokio::test]
    async fn pieces_have_one_size_and_the_end_is_told() {
        let (writer, mut pieces) = pieces(4, 1);
        let write = pump(parts(&["ab", "cdefg", "", "hi"]), Box::pin(writer));
        let read = async {
            let mut sizes = Vec::new();
            while let Some(piece) = pieces.next().await? {
                sizes.push(piece.len());
            }
            assert_eq!(pieces.next().await?, None);
            Ok::<_, Error>(sizes)
        };
        let (written, sizes) = tokio::join!(write, read);
        assert_eq!(written.expect("written"), 9);
        assert_eq!(sizes.expect("read"), [4, 4, 1]);
    }

    #[tokio::test]
    async fn a_writer_dropped_early_is_not_an_end() {
        let (mut writer, mut pieces) = pieces(4, 2);
        writer.write_all(b"abcdef").await.expect("fits");
        drop(writer);
        assert_eq!(
            pieces.next().await.expect("first").expect("piece").as_ref(),
            b"abcd"
        );
        let error = pieces.next().await.expect_err("cut");
        assert_eq!(error.kind(), ErrorKind::Interrupted);
    }

    #[tokio::test]
    async fn an_error_passes_readers_and_streams_whole() {
        let stream = futures::stream::iter([
            Ok(Bytes::from_static(b"x")),
            Err(Error::new(ErrorKind::Limit, "too long").at_offset(7)),
        ]);
        let mut back = stream_of(reader_of(stream));
        assert_eq!(
            back.next().await.expect("item").expect("bytes").as_ref(),
            b"x"
        );
        let error = back.next().await.expect("item").expect_err("error");
        assert_eq!((error.kind(), error.offset()), (ErrorKind::Limit, Some(7)));
        assert!(back.next().await.is_none());
    }
}
