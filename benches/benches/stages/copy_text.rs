//! Rows in COPY's text format, made without a server, the same each time.

use std::fmt::Write as _;

use bytes::Bytes;
use dr_core::files::ByteStream;
use futures::{StreamExt, stream};

/// Rows of a table of events, of this many bytes and up to one row more.
pub(crate) fn rows(bytes: usize) -> Bytes {
    let mut text = String::with_capacity(bytes + 256);
    let mut n: u64 = 0;
    while text.len() < bytes {
        n += 1;
        let mixed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let _ = writeln!(
            text,
            "{n}\t2025-01-{:02} {:02}:{:02}:{:02}+00\t{}\tvote\t{mixed:016x}{:016x}\t/polls/{}/options/{}\t\\N",
            1 + n / 86_400 % 28,
            n / 3600 % 24,
            n / 60 % 60,
            n % 60,
            n % 5000,
            mixed.rotate_left(17),
            n % 9973,
            n % 7,
        );
    }
    text.into()
}

/// The same rows in a script, as pg_dump writes it.
pub(crate) fn script(rows: &Bytes) -> Bytes {
    let head = b"COPY public.event (id, at, user_id, kind, session, path, note) FROM stdin;\n";
    [&head[..], rows, b"\\.\n"].concat().into()
}

/// The whole in pieces of one size.
pub(crate) fn pieces(whole: &Bytes, piece: usize) -> ByteStream {
    let whole = whole.clone();
    let starts = (0..whole.len()).step_by(piece);
    stream::iter(starts.map(move |start| Ok(whole.slice(start..(start + piece).min(whole.len())))))
        .boxed()
}
