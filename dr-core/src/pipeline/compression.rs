//! Compression inside an archive: gzip, zstd and lz4 as pg_dump has them, over byte streams.
//!
//! Used by the archive's writers and readers and by the plain-SQL reader. Knows nothing of what
//! the bytes mean.
//!
//! What is written carries a checksum of the content in every method (gzip always does; zstd and
//! lz4 frames are asked to). What is read must end where its last frame ends: a cut stream, a
//! damaged one and one with other bytes behind it are three different errors. Frames may follow
//! one another, as all three formats allow.

use std::fmt;
use std::pin::Pin;
use std::str::FromStr;
use std::task::{Context, Poll, ready};

use async_compression::Level;
use async_compression::tokio::bufread::{
    GzipDecoder, GzipEncoder, Lz4Decoder, Lz4Encoder, ZlibDecoder, ZlibEncoder, ZstdDecoder,
    ZstdEncoder,
};
use bytes::{BufMut, Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncReadExt, ReadBuf};
use tokio_util::io::ReaderStream;

use super::{ByteStream, zstd_frames};
use crate::error::{Error, ErrorKind, Result};

/// Bytes asked of a coder at once.
const PIECE: usize = 128 * 1024;

/// How the data of an archive is compressed, and how hard.
///
/// Written and parsed as pg_dump's `--compress` has it: `none`, `gzip`, `zstd:3`, `lz4:9`; a bare
/// number is a gzip level, 0 is `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, level 1 to 9.
    Gzip(u8),
    /// zstd, level -7 to 22.
    Zstd(i8),
    /// lz4, level 0 to 12.
    Lz4(u8),
}

impl Default for Compression {
    /// zstd at its own default level: faster than gzip at its fastest, and smaller.
    fn default() -> Self {
        Self::Zstd(3)
    }
}

/// A method without its level: what a reader has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Not compressed.
    None,
    /// gzip, `.gz`.
    Gzip,
    /// lz4 frames, `.lz4`.
    Lz4,
    /// zstd, `.zst`.
    Zstd,
}

impl Method {
    /// Every method, in the order in which pg_restore looks for the files.
    pub const ALL: [Method; 4] = [Method::None, Method::Gzip, Method::Lz4, Method::Zstd];

    /// What a compressed file's name ends with; empty for [`Method::None`].
    pub fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Lz4 => ".lz4",
            Self::Zstd => ".zst",
        }
    }

    /// The method that a file's name shows.
    pub fn of_name(name: &str) -> Self {
        [Self::Gzip, Self::Lz4, Self::Zstd]
            .into_iter()
            .find(|method| name.ends_with(method.suffix()))
            .unwrap_or(Self::None)
    }

    /// The method that a file's first bytes show; four are enough.
    pub fn of_magic(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [0x04, 0x22, 0x4d, 0x18, ..] => Self::Lz4,
            _ => Self::None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// Whether a frame, or one that decoders skip, can begin with these four bytes.
    fn begins_frame(self, head: &[u8]) -> bool {
        // RFC 8878 3.1.2 and the lz4 frame format share the magic numbers of skippable frames.
        let skippable = matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]);
        Self::of_magic(head) == self || (skippable && matches!(self, Self::Zstd | Self::Lz4))
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Compression {
    /// The method, without its level.
    pub fn method(self) -> Method {
        match self {
            Self::None => Method::None,
            Self::Gzip(_) => Method::Gzip,
            Self::Zstd(_) => Method::Zstd,
            Self::Lz4(_) => Method::Lz4,
        }
    }
}

/// At the level that the method has when none is named.
impl From<Method> for Compression {
    fn from(method: Method) -> Self {
        match method {
            Method::None => Self::None,
            Method::Gzip => Self::Gzip(6),
            Method::Lz4 => Self::Lz4(0),
            Method::Zstd => Self::Zstd(3),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Gzip(level) | Self::Lz4(level) => write!(f, "{}:{level}", self.method()),
            Self::Zstd(level) => write!(f, "zstd:{level}"),
        }
    }
}

impl FromStr for Compression {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bad = |why: &str| {
            Error::new(
                ErrorKind::Usage,
                format!(
                    "{text:?} is not a compression: {why}; say none, gzip, zstd or lz4, with :LEVEL if wanted"
                ),
            )
        };
        let usual = |method: Method| Ok(Self::from(method));
        let (method, level) = match text.split_once(':') {
            Some((method, level)) => {
                let level = level.strip_prefix("level=").unwrap_or(level);
                let level: i32 = level.parse().map_err(|_| bad("the level is no number"))?;
                (method, Some(level))
            }
            None => match text.parse::<i32>() {
                Ok(0) => ("none", None),
                Ok(level) => ("gzip", Some(level)),
                Err(_) => (text, None),
            },
        };
        let within = |level: i32, low: i32, high: i32| {
            if (low..=high).contains(&level) {
                Ok(level)
            } else {
                Err(bad(&format!("{method} has levels {low} to {high}")))
            }
        };
        // Checked just above, so that the conversions cannot cut anything off.
        let small = |level: i32| u8::try_from(level).map_err(|_| bad("the level is out of range"));
        match method {
            "none" => match level {
                None | Some(0) => Ok(Self::None),
                Some(_) => Err(bad("none has no level")),
            },
            "gzip" => match level {
                Some(level) => Ok(Self::Gzip(small(within(level, 1, 9)?)?)),
                None => usual(Method::Gzip),
            },
            "lz4" => match level {
                Some(level) => Ok(Self::Lz4(small(within(level, 0, 12)?)?)),
                None => usual(Method::Lz4),
            },
            "zstd" => match level {
                Some(level) => Ok(Self::Zstd(
                    i8::try_from(within(level, -7, 22)?)
                        .map_err(|_| bad("the level is out of range"))?,
                )),
                None => usual(Method::Zstd),
            },
            _ => Err(bad("no such method")),
        }
    }
}

/// Compresses a stream. Pieces of `plain` should be large (tens of kilobytes): each costs a call
/// of the coder.
pub fn compress(plain: ByteStream, compression: Compression) -> ByteStream {
    let source = Source::new(plain);
    let coder: Pin<Box<dyn AsyncRead + Send>> = match compression {
        Compression::None => return source.stream,
        Compression::Gzip(level) => Box::pin(GzipEncoder::with_quality(
            source,
            Level::Precise(level.into()),
        )),
        Compression::Zstd(level) if level <= zstd_frames::UP_TO => {
            return zstd_frames::compress(source.stream, level);
        }
        Compression::Zstd(level) => Box::pin(ZstdEncoder::with_quality_and_params(
            source,
            Level::Precise(level.into()),
            &[async_compression::zstd::CParameter::checksum_flag(true)],
        )),
        Compression::Lz4(level) => Box::pin(Lz4Encoder::with_quality_and_params(
            source,
            Level::Precise(level.into()),
            async_compression::lz4::EncoderParams::default().content_checksum(true),
        )),
    };
    ReaderStream::with_capacity(coder, PIECE)
        .map_err(Error::from)
        .boxed()
}

/// Compresses data for the inside of a custom archive, where gzip is zlib's format.
///
/// Where a frame ends, a piece ends: pg_restore looks no further in a chunk once a frame in it has
/// ended.
pub(crate) fn compress_block(plain: ByteStream, compression: Compression) -> ByteStream {
    match compression {
        Compression::Gzip(level) => {
            let coder = ZlibEncoder::with_quality(Source::new(plain), Level::Precise(level.into()));
            ReaderStream::with_capacity(coder, PIECE)
                .map_err(Error::from)
                .boxed()
        }
        other => compress(plain, other),
    }
}

/// Decompresses the data of a custom archive, where gzip is zlib's format.
///
/// The errors are those of [`decompress`].
pub(crate) fn decompress_block(packed: ByteStream, method: Method) -> ByteStream {
    match method {
        Method::None => packed,
        Method::Gzip => frames(packed, method, Wrapping::Zlib),
        _ => frames(packed, method, Wrapping::File),
    }
}

/// Decompresses a stream of one or more frames.
///
/// No frame at all is nothing, except with gzip. The errors of the stream are those of `packed`,
/// and `Stage` where the frames are cut short,
/// damaged, or followed by bytes that are no frame.
pub fn decompress(packed: ByteStream, method: Method) -> ByteStream {
    if method == Method::None {
        return packed;
    }
    frames(packed, method, Wrapping::File)
}

fn frames(packed: ByteStream, method: Method, wrapping: Wrapping) -> ByteStream {
    let frames = Frames {
        method,
        wrapping,
        state: State::Between {
            source: Source::new(packed),
            first: true,
        },
    };
    stream::try_unfold(frames, |mut frames| async move {
        Ok(frames.next_piece().await?.map(|piece| (piece, frames)))
    })
    .boxed()
}

/// A run of frames being decoded one by one.
struct Frames {
    method: Method,
    wrapping: Wrapping,
    state: State,
}

/// What is around what gzip makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrapping {
    /// What each method has in a file of its own.
    File,
    /// zlib's two bytes in front and four behind. There is one of them.
    Zlib,
}

enum State {
    Between { source: Source, first: bool },
    Inside(Frame),
    Failed(Error),
    Done,
}

/// One frame's decoder, which ends where the frame ends and gives its source back.
enum Frame {
    Gzip(Box<GzipDecoder<Source>>),
    Zlib(Box<ZlibDecoder<Source>>),
    Zstd(Box<ZstdDecoder<Source>>),
    Lz4(Box<Lz4Decoder<Source>>),
}

impl Frames {
    async fn next_piece(&mut self) -> Result<Option<Bytes>> {
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Done => return Ok(None),
                State::Failed(error) => return Err(error),
                State::Between { mut source, first } => {
                    let head = source.peek(4).await?;
                    // For a large object without content, stock pg_dump leaves a file without a
                    // frame behind, except with gzip.
                    if head.is_empty() && (!first || self.method != Method::Gzip) {
                        return Ok(None);
                    }
                    let begins = match self.wrapping {
                        Wrapping::File => self.method.begins_frame(head),
                        Wrapping::Zlib => first && begins_zlib(head),
                    };
                    if !begins {
                        return Err(self.no_frame(head, first).at_offset(source.taken));
                    }
                    self.state = State::Inside(match self.method {
                        Method::Gzip if self.wrapping == Wrapping::Zlib => {
                            Frame::Zlib(Box::new(ZlibDecoder::new(source)))
                        }
                        Method::Gzip => Frame::Gzip(Box::new(GzipDecoder::new(source))),
                        Method::Lz4 => Frame::Lz4(Box::new(Lz4Decoder::new(source))),
                        Method::Zstd | Method::None => {
                            Frame::Zstd(Box::new(ZstdDecoder::new(source)))
                        }
                    });
                }
                State::Inside(mut frame) => {
                    let mut piece = BytesMut::with_capacity(PIECE);
                    let ended = match frame.fill(&mut piece).await {
                        Ok(ended) => ended,
                        Err(error) => {
                            let error = self.damaged(error).at_offset(frame.into_source().taken);
                            if piece.is_empty() {
                                return Err(error);
                            }
                            // What was decoded before it comes first.
                            self.state = State::Failed(error);
                            return Ok(Some(piece.freeze()));
                        }
                    };
                    self.state = if ended {
                        State::Between {
                            source: frame.into_source(),
                            first: false,
                        }
                    } else {
                        State::Inside(frame)
                    };
                    if !piece.is_empty() {
                        return Ok(Some(piece.freeze()));
                    }
                }
            }
        }
    }

    fn no_frame(&self, head: &[u8], first: bool) -> Error {
        let method = self.method;
        Error::new(
            ErrorKind::Stage,
            match (head.is_empty(), first) {
                (true, _) => format!("the {method} data is empty: it was cut short"),
                (false, true) => format!("this is not {method} data"),
                (false, false) => format!("other bytes follow the end of the {method} data"),
            },
        )
    }

    fn damaged(&self, error: std::io::Error) -> Error {
        let method = self.method;
        if error.get_ref().is_some_and(|inner| inner.is::<Error>()) {
            return Error::from(error);
        }
        // The decoders report exactly this kind when their input ends inside a frame.
        let message = if error.kind() == std::io::ErrorKind::UnexpectedEof {
            format!("the {method} data ends inside a frame: it was cut short")
        } else {
            format!("the {method} data is damaged")
        };
        Error::new(ErrorKind::Stage, message).caused_by(error)
    }
}

/// RFC 1950: the method is 8, and the first two bytes are a multiple of 31.
fn begins_zlib(head: &[u8]) -> bool {
    matches!(head, [first, second, ..]
        if first & 0x0f == 8 && (u32::from(*first) << 8 | u32::from(*second)) % 31 == 0)
}

impl Frame {
    /// Fills `piece` up to [`PIECE`]; true if the frame has ended.
    async fn fill(&mut self, piece: &mut BytesMut) -> std::io::Result<bool> {
        while piece.len() < PIECE {
            let left = PIECE - piece.len();
            let mut room = (&mut *piece).limit(left);
            let read = match self {
                Self::Gzip(decoder) => decoder.read_buf(&mut room).await,
                Self::Zlib(decoder) => decoder.read_buf(&mut room).await,
                Self::Zstd(decoder) => decoder.read_buf(&mut room).await,
                Self::Lz4(decoder) => decoder.read_buf(&mut room).await,
            }?;
            if read == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn into_source(self) -> Source {
        match self {
            Self::Gzip(decoder) => decoder.into_inner(),
            Self::Zlib(decoder) => decoder.into_inner(),
            Self::Zstd(decoder) => decoder.into_inner(),
            Self::Lz4(decoder) => decoder.into_inner(),
        }
    }
}

/// A byte stream as a reader that can be looked into.
struct Source {
    stream: ByteStream,
    piece: Bytes,
    taken: u64,
    ended: bool,
}

impl Source {
    fn new(stream: ByteStream) -> Self {
        Self {
            stream,
            piece: Bytes::new(),
            taken: 0,
            ended: false,
        }
    }

    /// The next `want` bytes without taking them; fewer only at the end.
    async fn peek(&mut self, want: usize) -> Result<&[u8]> {
        while self.piece.len() < want && !self.ended {
            match self.stream.try_next().await? {
                None => self.ended = true,
                Some(more) if self.piece.is_empty() => self.piece = more,
                Some(more) => self.piece = [&self.piece[..], &more[..]].concat().into(),
            }
        }
        Ok(&self.piece[..want.min(self.piece.len())])
    }
}

impl AsyncBufRead for Source {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<&[u8]>> {
        let this = self.get_mut();
        while this.piece.is_empty() && !this.ended {
            match ready!(this.stream.poll_next_unpin(cx)) {
                None => this.ended = true,
                Some(Ok(piece)) => this.piece = piece,
                Some(Err(error)) => {
                    this.ended = true;
                    return Poll::Ready(Err(error.into()));
                }
            }
        }
        Poll::Ready(Ok(&this.piece))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let this = self.get_mut();
        this.taken += amount as u64;
        bytes::Buf::advance(&mut this.piece, amount);
    }
}

impl AsyncRead for Source {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let piece = ready!(self.as_mut().poll_fill_buf(cx))?;
        let amount = piece.len().min(buf.remaining());
        buf.put_slice(&piece[..amount]);
        self.consume(amount);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const ALL: [Compression; 4] = [
        Compression::None,
        Compression::Gzip(6),
        Compression::Zstd(3),
        Compression::Lz4(1),
    ];

    fn pieces(bytes: &[u8], size: usize) -> ByteStream {
        let pieces: Vec<Result<Bytes>> = bytes
            .chunks(size.max(1))
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        stream::iter(pieces).boxed()
    }

    async fn whole(stream: ByteStream) -> Result<Vec<u8>> {
        let pieces: Vec<Bytes> = stream.try_collect().await?;
        Ok(pieces.concat())
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(future)
    }

    fn packed(text: &[u8], compression: Compression) -> Vec<u8> {
        run(whole(compress(pieces(text, 1000), compression))).unwrap()
    }

    fn sample() -> Vec<u8> {
        (0..20_000u32)
            .flat_map(|n| format!("{n}\t{}\n", n.wrapping_mul(2_654_435_761)).into_bytes())
            .collect()
    }

    #[test]
    fn the_spellings_of_pg_dump_are_understood() {
        for (text, compression) in [
            ("none", Compression::None),
            ("0", Compression::None),
            ("6", Compression::Gzip(6)),
            ("gzip", Compression::Gzip(6)),
            ("gzip:9", Compression::Gzip(9)),
            ("zstd", Compression::Zstd(3)),
            ("zstd:-5", Compression::Zstd(-5)),
            ("zstd:level=19", Compression::Zstd(19)),
            ("lz4:12", Compression::Lz4(12)),
        ] {
            assert_eq!(text.parse::<Compression>().unwrap(), compression, "{text}");
            assert_eq!(
                compression.to_string().parse::<Compression>().unwrap(),
                compression
            );
        }
        for text in [
            "", "zip", "gzip:0", "gzip:10", "zstd:23", "lz4:13", "none:1", "zstd:x", "10",
        ] {
            let error = text.parse::<Compression>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{text}");
        }
    }

    #[test]
    fn frames_that_follow_one_another_are_one_stream() {
        for compression in ALL {
            let mut twice = packed(b"first\n", compression);
            twice.extend(packed(b"second\n", compression));
            for size in [1, 3, 4096] {
                let text = run(whole(decompress(
                    pieces(&twice, size),
                    compression.method(),
                )));
                assert_eq!(text.unwrap(), b"first\nsecond\n", "{compression} {size}");
            }
        }
    }

    #[test]
    fn cut_damaged_and_followed_by_garbage_are_three_errors() {
        let text = sample();
        for compression in &ALL[1..] {
            let method = compression.method();
            let sound = packed(&text, *compression);
            for cut in [1, 5, sound.len() / 2, sound.len() - 1] {
                let error = run(whole(decompress(pieces(&sound[..cut], 700), method))).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Stage);
                let said = error.to_string();
                assert!(
                    said.contains("cut short") || cut < 4 && said.contains("this is not"),
                    "{method} cut to {cut}: {said}"
                );
            }
            for at in [sound.len() / 3, sound.len() / 2, sound.len() - 5] {
                let mut flipped = sound.clone();
                flipped[at] ^= 0x10;
                let result = run(whole(decompress(pieces(&flipped, 700), method)));
                assert!(result.is_err(), "{method} flipped at {at}");
            }
            for garbage in [&b"x"[..], b"\0\0\0\0\0", b"garbage behind"] {
                let followed = [&sound[..], garbage].concat();
                let error = run(whole(decompress(pieces(&followed, 700), method))).unwrap_err();
                assert!(
                    error.to_string().contains("other bytes follow"),
                    "{method}: {error}"
                );
                assert_eq!(error.offset(), Some(sound.len() as u64));
            }
        }
    }

    #[test]
    fn no_flipped_bit_of_what_is_written_changes_what_is_read() {
        let text: Vec<u8> = sample()[..600].to_vec();
        for compression in &ALL[1..] {
            let sound = packed(&text, *compression);
            for bit in 0..sound.len() * 8 {
                let mut flipped = sound.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let read = run(whole(decompress(
                    pieces(&flipped, 64),
                    compression.method(),
                )));
                // Some bits of a gzip header mean nothing to the content.
                if let Ok(read) = read {
                    assert_eq!(read, text, "{compression}: bit {bit}");
                }
            }
        }
    }

    #[test]
    fn an_empty_file_is_what_stock_pg_dump_writes_for_nothing_except_with_gzip() {
        for method in [Method::Zstd, Method::Lz4] {
            let text = run(whole(decompress(pieces(b"", 1), method)));
            assert!(text.expect("empty").is_empty());
        }
        let error = run(whole(decompress(pieces(b"", 1), Method::Gzip))).unwrap_err();
        assert!(error.to_string().contains("cut short"));
    }

    #[test]
    fn an_error_of_the_source_comes_out_as_it_is() {
        let sound = packed(&sample(), Compression::Zstd(3));
        let broken = pieces(&sound[..1000], 100)
            .chain(stream::iter([Err(Error::new(
                ErrorKind::Integrity,
                "flipped",
            ))]))
            .boxed();
        let error = run(whole(decompress(broken, Method::Zstd))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn what_is_packed_unpacks_to_the_same(
            text in proptest::collection::vec(any::<u8>(), 0..5000),
            size in 1usize..3000,
        ) {
            for compression in ALL {
                let packed = run(whole(compress(pieces(&text, size), compression))).unwrap();
                let back = run(whole(decompress(pieces(&packed, size), compression.method()))).unwrap();
                prop_assert_eq!(&back, &text);
            }
        }
    }
}
