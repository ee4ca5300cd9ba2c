//! A reader that holds what it reads against a recorded length and digest. Used by stored files
//! and verification.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use super::upload::Stored;
use crate::error::{Error, ErrorKind};
use crate::pipeline::Reader;
use crate::pipeline::tap::Meter;

/// Whether a [`Checked`] reader has seen everything, and found it as recorded.
#[derive(Debug, Clone, Default)]
pub(super) struct Verdict(Arc<AtomicBool>);

impl Verdict {
    pub(super) fn is_sound(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Reads on, and fails instead of ending if what it read is not what was recorded.
pub(super) struct Checked {
    inner: Reader,
    expected: Stored,
    meter: Meter,
    verdict: Verdict,
}

impl Checked {
    pub(super) fn new(inner: Reader, expected: Stored) -> (Self, Verdict) {
        let verdict = Verdict::default();
        (
            Self {
                inner,
                expected,
                meter: Meter::new(),
                verdict: verdict.clone(),
            },
            verdict,
        )
    }
}

/// Why an object of `found` bytes is not the recorded one of `expected`.
pub(super) fn wrong_size(found: u64, expected: u64) -> Error {
    let message = if found < expected {
        format!("truncated: {found} of {expected} bytes are stored")
    } else {
        let more = found - expected;
        format!("trailing bytes: {more} more than the {expected} that were stored")
    };
    Error::new(ErrorKind::Integrity, message)
}

pub(super) fn altered() -> Error {
    Error::new(
        ErrorKind::Integrity,
        "damaged: the stored bytes do not have the digest recorded in SHA256SUMS",
    )
}

impl AsyncRead for Checked {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(this.inner.as_mut().poll_read(cx, buffer))?;
        let read = &buffer.filled()[before..];
        let ended = read.is_empty();
        this.meter.update(read);
        let (seen, expected) = (this.meter.bytes(), this.expected.bytes);
        if seen > expected || (ended && seen < expected) {
            // A reader that fails has read nothing.
            buffer.set_filled(before);
            return Poll::Ready(Err(wrong_size(seen, expected).into()));
        }
        // Judged with the last byte: a stage need not ask for more.
        if seen == expected && !this.verdict.is_sound() {
            if this.meter.sha256() != this.expected.sha256 {
                buffer.set_filled(before);
                return Poll::Ready(Err(altered().into()));
            }
            this.verdict.0.store(true, Ordering::Release);
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256;
    use tokio::io::AsyncReadExt;

    async fn read(bytes: &'static [u8], recorded: &[u8]) -> (Result<Vec<u8>, Error>, bool) {
        let expected = Stored {
            bytes: recorded.len() as u64,
            sha256: Sha256::of(recorded),
        };
        let (mut reader, verdict) = Checked::new(Box::pin(bytes), expected);
        let mut read = Vec::new();
        let outcome = reader.read_to_end(&mut read).await;
        (
            outcome.map(|_| read).map_err(Error::from),
            verdict.is_sound(),
        )
    }

    #[tokio::test]
    async fn shorter_longer_and_altered_are_told_apart() {
        for sound in [&b"rows"[..], b""] {
            let (outcome, verdict) = read(sound, sound).await;
            assert_eq!(outcome.expect("sound"), sound);
            assert!(verdict);
        }
        for (bytes, words) in [
            (&b"row"[..], "truncated"),
            (b"rows!", "trailing"),
            (b"rowz", "damaged"),
            (b"", "truncated"),
        ] {
            let (outcome, verdict) = read(bytes, b"rows").await;
            let error = outcome.expect_err("differs");
            assert_eq!(error.kind(), ErrorKind::Integrity);
            assert!(error.to_string().starts_with(words), "{error}");
            assert!(!verdict);
        }
    }
}
