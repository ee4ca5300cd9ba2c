//! Taps: SHA-256 and length of whatever passes a writer, a reader or a stream.
//!
//! Used by `repo` and `ops` for digests of bytes as stored. Knows nothing of what the bytes mean.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use sha2::Digest as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::digest::Sha256;
use crate::error::Result;

/// Counts and digests bytes given to it.
#[derive(Clone, Default)]
pub struct Meter {
    hasher: sha2::Sha256,
    bytes: u64,
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meter")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl Meter {
    /// A meter that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// How many bytes were taken.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The digest of everything taken.
    pub fn sha256(&self) -> Sha256 {
        <[u8; 32]>::from(self.hasher.clone().finalize()).into()
    }
}

/// What a tap has seen so far; the tap itself may be deep inside a chain of stages.
#[derive(Debug, Clone, Default)]
pub struct Tapped(Arc<Mutex<Meter>>);

impl Tapped {
    /// How many bytes have passed.
    pub fn bytes(&self) -> u64 {
        self.with(|meter| meter.bytes())
    }

    /// The digest of what has passed.
    pub fn sha256(&self) -> Sha256 {
        self.with(|meter| meter.sha256())
    }

    fn with<T>(&self, work: impl FnOnce(&mut Meter) -> T) -> T {
        // A meter is sound after every update, so a panic elsewhere does not spoil it.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A writer or reader with a tap.
#[derive(Debug)]
pub struct Tap<T> {
    inner: T,
    tapped: Tapped,
}

impl<T> Tap<T> {
    /// Taps `inner`, and what the tap sees.
    pub fn new(inner: T) -> (Self, Tapped) {
        let tapped = Tapped::default();
        (
            Self {
                inner,
                tapped: tapped.clone(),
            },
            tapped,
        )
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Tap<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // Only what the inner writer took has passed.
        let taken = ready!(Pin::new(&mut self.inner).poll_write(cx, bytes))?;
        self.tapped.with(|meter| meter.update(&bytes[..taken]));
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Tap<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        self.tapped
            .with(|meter| meter.update(&buffer.filled()[before..]));
        Poll::Ready(Ok(()))
    }
}

/// The same stream with a tap, and what the tap sees.
pub fn tap_stream<S>(stream: S) -> (impl Stream<Item = Result<Bytes>> + Send, Tapped)
where
    S: Stream<Item = Result<Bytes>> + Send,
{
    let tapped = Tapped::default();
    let tap = tapped.clone();
    (
        stream.inspect_ok(move |bytes| tap.with(|meter| meter.update(bytes))),
        tapped,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn writers_readers_and_streams_are_seen_alike() {
        let data = vec![7_u8; 100_000];
        let expected = (100_000, Sha256::of(&data));

        let (mut writer, tapped) = Tap::new(Vec::new());
        writer.write_all(&data).await.expect("written");
        assert_eq!((tapped.bytes(), tapped.sha256()), expected);

        let (mut reader, tapped) = Tap::new(&data[..]);
        let mut back = Vec::new();
        reader.read_to_end(&mut back).await.expect("read");
        assert_eq!((tapped.bytes(), tapped.sha256()), expected);

        let pieces = futures::stream::iter(
            data.chunks(999)
                .map(|piece| Ok(Bytes::copy_from_slice(piece)))
                .collect::<Vec<_>>(),
        );
        let (stream, tapped) = tap_stream(pieces);
        assert_eq!(stream.count().await, 101);
        assert_eq!((tapped.bytes(), tapped.sha256()), expected);
    }
}
