//! The laws of [`Stage`].

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::{StreamExt, stream};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Outcome, holds, well};
use crate::files::check_name;
use crate::pipeline::Stage;
use crate::pipeline::streams::reader_of;

const COMES_BACK: &str = "what is written through a stage is read back through it, byte for byte";
const SIZES: [usize; 8] = [0, 1, 100, 65_535, 65_536, 65_537, 200_000, 3 << 20];

/// Checks that a stage has a mark and a suffix that can be stored, and that whatever is written
/// through it comes back, in pieces of any size, on streams that go on beside one another.
///
/// # Errors
///
/// The first law that is broken.
pub async fn stage(stage: &dyn Stage) -> Outcome {
    holds("a stage has a mark", !stage.mark().is_empty(), || {
        "it is empty".to_owned()
    })?;
    holds(
        "a stage's suffix can end the name of a stored file",
        check_name(&format!("3358.dat{}", stage.suffix())).is_ok(),
        || format!("{:?} cannot", stage.suffix()),
    )?;
    for size in SIZES {
        let plain = sample(size);
        for piece in [1, 4096, usize::MAX] {
            // A byte at a time is slow and tells nothing new about a large stream.
            if piece == 1 && size > 100_000 {
                continue;
            }
            let stored = written(stage, &plain, piece).await?;
            let back = well(COMES_BACK, read(stage, &stored, piece).await)?;
            same(&plain, &back, || format!("{size} bytes, {piece} at a time"))?;
        }
    }
    beside(stage).await
}

/// Two streams of one stage go on beside one another.
async fn beside(stage: &dyn Stage) -> Outcome {
    let (one, two) = (sample(100_000), sample(70_001));
    let (first, second) = tokio::join!(written(stage, &one, 999), written(stage, &two, 4096));
    let (first, second) = (first?, second?);
    let (one_back, two_back) = tokio::join!(read(stage, &first, 77), read(stage, &second, 7777));
    same(&one, &well(COMES_BACK, one_back)?, || {
        "two beside".to_owned()
    })?;
    same(&two, &well(COMES_BACK, two_back)?, || {
        "two beside".to_owned()
    })
}

/// Checks what a stage must do that vouches for what it reads, as encryption with authentication
/// does: what is cut short, changed or followed by something is an error, and never a clean end.
///
/// # Errors
///
/// The first law that is broken; those of [`stage`](fn@stage) too.
pub async fn authenticating_stage(checked: &dyn Stage) -> Outcome {
    const CUT: &str = "what was cut short is an error";
    const CHANGED: &str = "a flipped bit is an error";
    const MORE: &str = "bytes behind the end are an error";
    const UNFINISHED: &str = "what was not shut down is an error to read";
    stage(checked).await?;
    for size in [0, 1, 1000, 150_000] {
        let plain = sample(size);
        let stored = written(checked, &plain, usize::MAX).await?;
        // Every place near both ends, and some between.
        let step = (stored.len() / 97).max(1);
        let places =
            (0..stored.len()).filter(|at| *at < 64 || *at + 64 > stored.len() || at % step == 0);
        for at in places {
            refused(CUT, checked, &stored[..at], || {
                format!("at byte {at} of {}", stored.len())
            })
            .await?;
            let mut changed = stored.clone();
            changed[at] ^= 1 << (at % 8);
            refused(CHANGED, checked, &changed, || {
                format!("in byte {at} of {}", stored.len())
            })
            .await?;
        }
        for more in [&b"\0"[..], &b"\n"[..], &stored[..]] {
            let longer = [&stored[..], more].concat();
            refused(MORE, checked, &longer, || format!("{} more", more.len())).await?;
        }
        let (sink, stored) = Sink::new();
        let mut writer = well(UNFINISHED, checked.wrap_writer(Box::pin(sink)).await)?;
        well(UNFINISHED, writer.write_all(&plain).await)?;
        well(UNFINISHED, writer.flush().await)?;
        drop(writer);
        let stored = taken(&stored);
        refused(UNFINISHED, checked, &stored, || format!("{size} bytes")).await?;
    }
    Ok(())
}

async fn refused(
    law: &'static str,
    stage: &dyn Stage,
    stored: &[u8],
    how: impl FnOnce() -> String,
) -> Outcome {
    let read = read(stage, stored, usize::MAX).await;
    holds(law, read.is_err(), || {
        format!("{}: it was read as if nothing were wrong", how())
    })
}

/// Bytes with long repetitions and with none.
fn sample(size: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    (0..size)
        .map(|at| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            if at / 1000 % 2 == 0 {
                b'x'
            } else {
                state as u8
            }
        })
        .collect()
}

fn same(plain: &[u8], back: &[u8], how: impl FnOnce() -> String) -> Outcome {
    holds(COMES_BACK, plain == back, || {
        let at = plain.iter().zip(back).take_while(|(a, b)| a == b).count();
        format!(
            "{}: {} bytes became {}, and differ from byte {at} on",
            how(),
            plain.len(),
            back.len()
        )
    })
}

async fn written(stage: &dyn Stage, plain: &[u8], piece: usize) -> Outcome<Vec<u8>> {
    const WRITES: &str = "a stage writes what it is given";
    let (sink, stored) = Sink::new();
    let mut writer = well(WRITES, stage.wrap_writer(Box::pin(sink)).await)?;
    for piece in plain.chunks(piece.min(plain.len().max(1))) {
        well(WRITES, writer.write_all(piece).await)?;
    }
    well(WRITES, writer.shutdown().await)?;
    drop(writer);
    Ok(taken(&stored))
}

async fn read(stage: &dyn Stage, stored: &[u8], piece: usize) -> crate::Result<Vec<u8>> {
    let pieces: Vec<_> = stored
        .chunks(piece.min(stored.len().max(1)))
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    let inner = reader_of(stream::iter(pieces).boxed());
    let mut reader = stage.wrap_reader(inner).await?;
    let mut back = Vec::new();
    reader.read_to_end(&mut back).await?;
    Ok(back)
}

fn taken(stored: &Mutex<Vec<u8>>) -> Vec<u8> {
    std::mem::take(&mut *stored.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Keeps what is written, at most a few KiB a call, so that a writer must cope with short writes.
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn new() -> (Self, Arc<Mutex<Vec<u8>>>) {
        let stored = Arc::default();
        (Self(Arc::clone(&stored)), stored)
    }
}

impl AsyncWrite for Sink {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let taken = bytes.len().min(5000);
        let mut stored = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stored.extend_from_slice(&bytes[..taken]);
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
