//! zstd in frames of their own for each piece of the data. Used by `compression`.
//!
//! A streaming encoder keeps what it saw in a ring, and from the first turn of the ring on it looks
//! for matches in two places; whole pieces are searched in one. That takes a quarter less of a
//! processor, for the same size. The frames follow one another, as the format allows and as
//! pg_restore and `zstd` read them.

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use zstd::bulk::Compressor;
use zstd::zstd_safe::CParameter;

use super::ByteStream;
use crate::error::{Error, ErrorKind, Result};

/// The content of a frame: the window that zstd has at these levels, so that next to nothing is
/// lost where a frame begins anew.
const FRAME: usize = 2 << 20;

/// Levels above have larger windows, and are asked for by whoever wants their reach.
pub(super) const UP_TO: i8 = 8;

/// What level 3 is for rows of text: tables for the search that fit a core's nearest caches beside
/// the data (192 KiB instead of 768), and no matches of five bytes, which the hexadecimal digits and
/// numbers of COPY text are full of and which take more room than the digits. Other levels are
/// zstd's own: those above are asked for by whoever wants their reach.
const FOR_ROWS: [CParameter; 3] = [
    CParameter::HashLog(15),
    CParameter::ChainLog(14),
    CParameter::MinMatch(6),
];

struct Frames {
    plain: ByteStream,
    compressor: Compressor<'static>,
    gathered: Vec<u8>,
    /// Reused, so that no frame asks the system for memory.
    packed: Vec<u8>,
    /// Even nothing is one frame.
    begun: bool,
    ended: bool,
}

/// Compresses a stream, with a checksum in every frame.
pub(super) fn compress(plain: ByteStream, level: i8) -> ByteStream {
    let frames = async move {
        let mut compressor = Compressor::new(level.into()).map_err(failed)?;
        compressor.include_checksum(true).map_err(failed)?;
        if level == 3 {
            for parameter in FOR_ROWS {
                compressor.set_parameter(parameter).map_err(failed)?;
            }
        }
        let frames = Frames {
            plain,
            compressor,
            gathered: Vec::new(),
            packed: Vec::new(),
            begun: false,
            ended: false,
        };
        Ok::<_, Error>(stream::try_unfold(frames, |mut frames| async move {
            Ok::<_, Error>(frames.next().await?.map(|frame| (frame, frames)))
        }))
    };
    stream::once(frames).try_flatten().boxed()
}

impl Frames {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        while self.gathered.len() < FRAME && !self.ended {
            match self.plain.try_next().await? {
                None => self.ended = true,
                Some(piece) => self.gathered.extend_from_slice(&piece),
            }
        }
        let length = self.gathered.len().min(FRAME);
        if length == 0 && self.begun {
            return Ok(None);
        }
        self.begun = true;
        self.packed.clear();
        self.packed.reserve(zstd::zstd_safe::compress_bound(length));
        self.compressor
            .compress_to_buffer(&self.gathered[..length], &mut self.packed)
            .map_err(failed)?;
        self.gathered.drain(..length);
        Ok(Some(Bytes::copy_from_slice(&self.packed)))
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Bug, "zstd could not compress").caused_by(error)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[tokio::test]
    async fn rows_full_of_digits_take_no_more_room_than_with_zstds_own_level() {
        let mut rows = String::new();
        for number in 0..40_000_u64 {
            let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            writeln!(
                rows,
                "{number}\t2025-01-01 10:{:02}:{:02}+00\t{mixed:016x}{:016x}\t/polls/{}",
                number / 60 % 60,
                number % 60,
                mixed.rotate_left(29),
                number % 997
            )
            .expect("writing to a String cannot fail");
        }
        let rows = Bytes::from(rows);
        let own = zstd::bulk::compress(&rows, 3).expect("zstd takes everything");
        let plain = stream::iter([Ok(rows)]).boxed();
        let packed: Vec<Bytes> = compress(plain, 3).try_collect().await.expect("as does dr");
        let packed: usize = packed.iter().map(Bytes::len).sum();
        assert!(
            packed <= own.len(),
            "{packed} bytes, {} with zstd's own",
            own.len()
        );
    }
}
