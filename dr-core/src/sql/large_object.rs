//! Large objects in a script: calls of `lo_open`, `lowrite` and `lo_close`, and back.
//!
//! Used by the reader and the writer. pg_dump writes 16 KiB of content a call, as a bytea literal.

use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};

use super::lexer::{Lexer, PieceKind};
use super::statement::Transaction;
use crate::dump::LargeObjectPiece;
use crate::error::{Error, ErrorKind, Result};
use crate::files::ByteStream;
use crate::limits::Limits;
use crate::text::words::{Word, Words};

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Call {
    /// `lo_open('16400', 131072)`, maybe of `lo_create('16400')`.
    Open(u32),
    /// `lowrite(0, '\x…')`.
    Write(Bytes),
    /// `lo_close(0)`.
    Close,
    /// BEGIN and COMMIT around all of them.
    Nothing,
}

impl Call {
    /// The call a statement of a BLOBS section is; `None` if it is none of these.
    pub(super) fn of(statement: &[u8]) -> Option<Self> {
        if matches!(
            Transaction::of(statement),
            Some(Transaction::Begin | Transaction::Commit)
        ) {
            return Some(Self::Nothing);
        }
        let mut words = Words::of(statement);
        words.eat("select").then_some(())?;
        let function = words.qualified()?.name;
        words.eat_sign(b'(').then_some(())?;
        match &function[..] {
            b"lo_open" => words.find_map(|word| match word {
                Word::String(oid) => std::str::from_utf8(&oid).ok()?.parse().ok().map(Self::Open),
                _ => None,
            }),
            b"lowrite" => words.find_map(|word| match word {
                Word::String(text) => bytea(&text).map(Self::Write),
                _ => None,
            }),
            b"lo_close" => Some(Self::Close),
            _ => None,
        }
    }
}

/// The bytes of a bytea literal in hex form; backslashes may be doubled (`E'\\x…'`).
fn bytea(text: &[u8]) -> Option<Bytes> {
    let hex = text
        .strip_prefix(b"\\\\x")
        .or_else(|| text.strip_prefix(b"\\x"))?;
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    hex.chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

/// The calls as a run of large objects. `text` is a stretch of a script that holds nothing else.
pub(super) fn pieces_of(
    text: ByteStream,
    limits: &Limits,
    std_strings: bool,
) -> BoxStream<'static, Result<LargeObjectPiece>> {
    struct State {
        text: ByteStream,
        lexer: Lexer,
        open: bool,
        ended: bool,
    }
    let state = State {
        text,
        lexer: Lexer::within(limits, std_strings, 0, 1),
        open: false,
        ended: false,
    };
    stream::try_unfold(state, |mut state| async move {
        loop {
            let Some(piece) = state.lexer.next_piece()? else {
                if state.ended {
                    if state.open {
                        return Err(Error::new(
                            ErrorKind::Format,
                            "a large object is not closed: the dump was cut short",
                        ));
                    }
                    return Ok(None);
                }
                match state.text.try_next().await? {
                    Some(chunk) => state.lexer.feed(chunk),
                    None => {
                        state.ended = true;
                        state.lexer.end();
                    }
                }
                continue;
            };
            if piece.kind != PieceKind::Statement {
                continue;
            }
            let found = match (Call::of(&piece.text), state.open) {
                (Some(Call::Nothing), false) => continue,
                (Some(Call::Open(oid)), false) => {
                    state.open = true;
                    LargeObjectPiece::Begin(oid)
                }
                (Some(Call::Write(content)), true) => LargeObjectPiece::Content(content),
                (Some(Call::Close), true) => {
                    state.open = false;
                    LargeObjectPiece::End
                }
                _ => {
                    return Err(Error::new(
                        ErrorKind::Format,
                        "the calls that write large objects are out of order",
                    ));
                }
            };
            return Ok(Some((found, state)));
        }
    })
    .boxed()
}

/// A run of large objects as the calls that write them, in one transaction.
pub(super) fn calls_of(
    pieces: BoxStream<'static, Result<LargeObjectPiece>>,
    std_strings: bool,
) -> ByteStream {
    const INV_WRITE: u32 = 0x0002_0000;
    /// Content of one call, as pg_dump has it (`LOBBUFSIZE`).
    const CONTENT: usize = 16 * 1024;
    let calls = pieces.map_ok(move |piece| {
        let mut text = BytesMut::new();
        match piece {
            LargeObjectPiece::Begin(oid) => text.extend_from_slice(
                format!("SELECT pg_catalog.lo_open('{oid}', {INV_WRITE});\n").as_bytes(),
            ),
            LargeObjectPiece::Content(content) => {
                for part in content.chunks(CONTENT) {
                    text.reserve(part.len() * 2 + 48);
                    text.extend_from_slice(b"SELECT pg_catalog.lowrite(0, '");
                    text.extend_from_slice(if std_strings { b"\\x" } else { b"\\\\x" });
                    for byte in part {
                        const DIGITS: &[u8; 16] = b"0123456789abcdef";
                        text.extend_from_slice(&[
                            DIGITS[usize::from(byte >> 4)],
                            DIGITS[usize::from(byte & 15)],
                        ]);
                    }
                    text.extend_from_slice(b"');\n");
                }
            }
            LargeObjectPiece::End => {
                text.extend_from_slice(b"SELECT pg_catalog.lo_close(0);\n\n");
            }
        }
        text.freeze()
    });
    let line = |text: &'static [u8]| stream::iter([Ok(Bytes::from_static(text))]);
    line(b"BEGIN;\n\n")
        .chain(calls)
        .chain(line(b"COMMIT;\n\n"))
        .boxed()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read() {
        let pieces = vec![
            LargeObjectPiece::Begin(5),
            LargeObjectPiece::Content(Bytes::from_static(b"\x00\xff'\\")),
            LargeObjectPiece::End,
            LargeObjectPiece::Begin(4_294_967_295),
            LargeObjectPiece::End,
        ];
        for std_strings in [true, false] {
            let text = calls_of(stream::iter(pieces.clone()).map(Ok).boxed(), std_strings);
            let read: Vec<_> = pieces_of(text, &Limits::default(), std_strings)
                .try_collect()
                .await
                .unwrap();
            assert_eq!(read, pieces);
        }
    }

    #[tokio::test]
    async fn calls_out_of_order_are_an_error() {
        for text in [
            "SELECT pg_catalog.lowrite(0, '\\x00');",
            "SELECT pg_catalog.lo_open('5', 131072);",
            "SELECT pg_catalog.lo_open('5', 131072);SELECT pg_catalog.lo_open('6', 131072);",
            "SELECT pg_catalog.lo_open('5', 131072);SELECT pg_catalog.lowrite(0, '\\x0');",
        ] {
            let text = stream::iter([Ok(Bytes::from(text))]).boxed();
            let read: Result<Vec<_>> = pieces_of(text, &Limits::default(), true)
                .try_collect()
                .await;
            assert_eq!(read.unwrap_err().kind(), ErrorKind::Format);
        }
    }
}
