//! Rows on their way into a data file and out of it: the end mark, the digest, and pieces of a
//! size that compressors like. Used by the readers and writers of every format.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::BytesMut;
use futures::{StreamExt, TryStreamExt, stream};
use memchr::memmem;

use crate::digest::{RowsDigest, RowsHasher};
use crate::error::{Error, ErrorKind, Result};
use crate::files::{ByteStream, Seen};

/// What pg_dump writes behind the rows of a table.
const END_OF_ROWS: &[u8] = b"\\.\n\n\n";

/// A live table comes row by row; a compressor is called for so many bytes at once.
const PIECE: usize = 64 * 1024;

/// Rows and bytes that have passed, for whoever draws progress.
#[derive(Debug, Default)]
pub(super) struct Passed {
    rows: AtomicU64,
    bytes: AtomicU64,
}

impl Passed {
    pub(super) fn set(&self, rows: u64, bytes: u64) {
        self.rows.store(rows, Ordering::Relaxed);
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn add_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn seen(&self) -> Seen {
        Seen {
            rows: self.rows.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}

/// COPY text as a data file holds it: the rows, digested, then the end mark. `done` is called with
/// the digest when the last row has passed.
pub(super) fn with_end(
    rows: ByteStream,
    passed: Arc<Passed>,
    done: impl FnOnce(RowsDigest) + Send + 'static,
) -> ByteStream {
    struct State<F> {
        rows: ByteStream,
        hasher: RowsHasher,
        passed: Arc<Passed>,
        bytes: u64,
        done: F,
    }
    let state = State {
        rows,
        hasher: RowsHasher::new(),
        passed,
        bytes: 0,
        done,
    };
    stream::try_unfold(Some(state), |state| async move {
        let Some(mut state) = state else {
            return Ok(None);
        };
        let mut piece = BytesMut::new();
        while piece.len() < PIECE {
            let Some(more) = state.rows.try_next().await? else {
                let digest = state.hasher.finish()?;
                state.passed.set(digest.rows, digest.bytes);
                (state.done)(digest);
                piece.extend_from_slice(END_OF_ROWS);
                return Ok(Some((piece.freeze(), None)));
            };
            state.hasher.update(&more);
            state.bytes += more.len() as u64;
            if piece.is_empty() && more.len() >= PIECE {
                state.passed.set(state.hasher.so_far().rows, state.bytes);
                return Ok(Some((more, Some(state))));
            }
            if piece.is_empty() {
                piece.reserve(PIECE + PIECE / 4);
            }
            piece.extend_from_slice(&more);
        }
        state.passed.set(state.hasher.so_far().rows, state.bytes);
        Ok(Some((piece.freeze(), Some(state))))
    })
    .boxed()
}

/// The rows of a data file, without the end mark.
///
/// The stream ends with a `Format` error if the mark is missing, for then the file was cut short,
/// or if it stands in the middle, for a server would silently stop reading there.
pub(super) fn without_end(file: ByteStream) -> ByteStream {
    let state = Unended {
        file,
        held: BytesMut::new(),
        before: vec![b'\n'],
        given: 0,
    };
    stream::try_unfold(Some(state), |state| async move {
        let Some(mut state) = state else {
            return Ok(None);
        };
        while let Some(more) = state.file.try_next().await? {
            state.held.reserve(more.len());
            state.held.extend_from_slice(&more);
            if state.held.len() > END_OF_ROWS.len() {
                let rows = state.held.split_to(state.held.len() - END_OF_ROWS.len());
                state.pass(&rows)?;
                return Ok(Some((rows.freeze(), Some(state))));
            }
        }
        if state.held != END_OF_ROWS || state.before.last() != Some(&b'\n') {
            return Err(Error::new(
                ErrorKind::Format,
                "the rows do not end with their end mark: the file was cut short",
            )
            .at_offset(state.given + state.held.len() as u64));
        }
        Ok(None)
    })
    .boxed()
}

struct Unended {
    file: ByteStream,
    /// The last bytes of the file so far, not more than the end mark has.
    held: BytesMut,
    /// Up to three bytes that went before: a mark among the rows may begin in them.
    before: Vec<u8>,
    given: u64,
}

impl Unended {
    /// Looks for an end mark among the rows that are given next.
    fn pass(&mut self, rows: &[u8]) -> Result<()> {
        const MARK: &[u8] = b"\n\\.\n";
        const BUT_ONE: usize = MARK.len() - 1;
        let seam = [&self.before[..], &rows[..rows.len().min(BUT_ONE)]].concat();
        let begins = memmem::find(&seam, MARK)
            .map(|at| self.given + at as u64 + 1 - self.before.len() as u64)
            .or_else(|| memmem::find(rows, MARK).map(|at| self.given + at as u64 + 1));
        if let Some(offset) = begins {
            return Err(Error::new(
                ErrorKind::Format,
                "an end mark stands among the rows: what follows it would not be restored",
            )
            .at_offset(offset));
        }
        self.given += rows.len() as u64;
        let tail = &rows[rows.len().saturating_sub(BUT_ONE)..];
        self.before.extend_from_slice(tail);
        self.before
            .drain(..self.before.len().saturating_sub(BUT_ONE));
        Ok(())
    }
}

/// Counts bytes that pass.
pub(super) fn counted(stream: ByteStream, passed: Arc<Passed>) -> ByteStream {
    stream
        .inspect_ok(move |piece| passed.add_bytes(piece.len() as u64))
        .boxed()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn pieces(bytes: &[u8], size: usize) -> ByteStream {
        let pieces: Vec<Result<Bytes>> = bytes
            .chunks(size)
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        stream::iter(pieces).boxed()
    }

    fn whole(stream: ByteStream) -> Result<Vec<u8>> {
        let pieces: Result<Vec<Bytes>> =
            futures::executor::block_on(stream.try_collect::<Vec<Bytes>>());
        Ok(pieces?.concat())
    }

    #[test]
    fn an_empty_table_is_only_the_end_mark() {
        let out = whole(with_end(pieces(b"", 1), Arc::default(), |digest| {
            assert_eq!(digest, RowsDigest::default());
        }));
        assert_eq!(out.unwrap(), END_OF_ROWS);
        assert_eq!(whole(without_end(pieces(END_OF_ROWS, 2))).unwrap(), b"");
    }

    #[test]
    fn a_file_without_its_end_mark_was_cut_short() {
        for text in [
            &b""[..],
            b"1\ta\n",
            b"1\ta\n\\.\n\n",
            b"1\ta\n\\.",
            b"1\ta\\.\n\n\n",
            b"\n\n\n",
        ] {
            for size in 1..8 {
                let error = whole(without_end(pieces(text, size))).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Format, "{text:?} {size}");
                assert!(error.to_string().contains("cut short"));
                assert_eq!(error.offset(), Some(text.len() as u64));
            }
        }
    }

    #[test]
    fn an_end_mark_among_the_rows_is_refused_wherever_pieces_are_cut() {
        for (text, at) in [
            (&b"\\.\n1\n\\.\n\n\n"[..], 0),
            (b"1\ta\n\\.\n2\tb\n\\.\n\n\n", 4),
            (b"1\n\\.\n\\.\n\n\n", 2),
        ] {
            for size in 1..text.len() {
                let error = whole(without_end(pieces(text, size))).unwrap_err();
                assert!(
                    error.to_string().contains("among the rows"),
                    "{size}: {error}"
                );
                assert_eq!(error.offset(), Some(at), "{size}");
            }
        }
    }

    #[test]
    fn a_row_that_ends_inside_is_an_error_of_the_source() {
        let error = whole(with_end(pieces(b"1\ta\n2", 3), Arc::default(), |_| {
            panic!("there is no digest of half a row");
        }))
        .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format);
    }

    proptest! {
        #[test]
        fn rows_come_out_as_they_went_in(
            rows in proptest::collection::vec("[a-z\\\\.\t]{0,9}", 0..40),
            size in 1usize..100,
        ) {
            let rows: Vec<String> = rows.into_iter().filter(|row| row != "\\.").collect();
            let text: Vec<u8> = rows.iter().flat_map(|row| [row.as_bytes(), b"\n"].concat()).collect();
            let passed = Arc::<Passed>::default();
            let count = rows.len() as u64;
            let file = whole(with_end(pieces(&text, size), passed.clone(), move |digest| {
                assert_eq!(digest.rows, count);
            })).unwrap();
            prop_assert_eq!(&file, &[&text[..], END_OF_ROWS].concat());
            prop_assert_eq!(passed.seen(), Seen { rows: count, bytes: text.len() as u64 });
            prop_assert_eq!(whole(without_end(pieces(&file, size))).unwrap(), text);
        }
    }
}
