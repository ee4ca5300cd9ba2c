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

/// Entries, as powers of two, of the two tables that level 3 finds matches by; zstd's own are 17 and
/// 16, which do not fit into a core's nearest caches beside the data. Level 3 is the default: levels
/// above are asked for by whoever wants their reach, those below have one table, a small one.
const TABLES_OF_LEVEL_3: [CParameter; 2] = [CParameter::HashLog(15), CParameter::ChainLog(14)];

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
            for table in TABLES_OF_LEVEL_3 {
                compressor.set_parameter(table).map_err(failed)?;
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
