//! Digests of bytes as stored ([`Sha256`]) and of rows as dumped ([`RowsDigest`]).
//!
//! # The rows digest
//!
//! Two COPYs of the same table need not give its rows in the same order (`synchronize_seqscans`,
//! parallel restores, VACUUM), so the digest of a table is that of a *multiset* of rows: every
//! row's COPY text, without its line end, is hashed with XXH3-128 (seed 0) and the hashes are
//! added modulo 2^128. Row count and byte count are kept beside the sum and compared with it.
//!
//! For differences that were not made to collide (lost, doubled, cut, altered or re-encoded rows)
//! the chance that one goes unseen is 2^-128 for each comparison, if XXH3-128 behaves as a random
//! function on them; a difference that consists of 2^k copies of one row changes the sum by a
//! multiple of 2^k and goes unseen with a chance of 2^-(128-k), and only where the row counts
//! agree as well. It is a proof against accidents, not a commitment against somebody who chooses
//! rows in order to fool it: against those stand SHA-256 over the stored bytes and the
//! authenticated encryption of the manifest. See `docs/adr/0002-rows-digest.md`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;

use crate::error::{Error, ErrorKind};

/// A SHA-256, printed and parsed as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Sha256 {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sha256 {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::new(ErrorKind::Format, "a SHA-256 is 64 hexadecimal digits");
        if text.len() != 64 || !text.is_ascii() {
            return Err(bad());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| bad())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| bad())?;
        }
        Ok(Self(bytes))
    }
}

/// The sum of the row hashes of one table: 128 bits, printed as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RowsSum(pub u128);

impl fmt::Display for RowsSum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for RowsSum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RowsSum {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.len() == 32
            && text.bytes().all(|byte| byte.is_ascii_hexdigit())
            && let Ok(sum) = u128::from_str_radix(text, 16)
        {
            return Ok(Self(sum));
        }
        Err(Error::new(
            ErrorKind::Format,
            "a rows digest is 32 hexadecimal digits",
        ))
    }
}

macro_rules! serde_as_text {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
serde_as_text!(Sha256);
serde_as_text!(RowsSum);

/// What one pass over the COPY text of a table shows: rows, bytes and the order-independent sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RowsDigest {
    /// How many rows.
    pub rows: u64,
    /// Bytes of COPY text, line ends included.
    pub bytes: u64,
    /// Sum modulo 2^128 of the XXH3-128 of every row.
    pub sum: RowsSum,
}

impl RowsDigest {
    /// Adds the digest of other rows of the same table.
    pub fn merge(&mut self, other: &RowsDigest) {
        self.rows += other.rows;
        self.bytes += other.bytes;
        self.sum = RowsSum(self.sum.0.wrapping_add(other.sum.0));
    }

    /// Adds one row, given without its line end.
    pub fn add_row(&mut self, row: &[u8]) {
        self.rows += 1;
        self.bytes += row.len() as u64 + 1;
        self.sum = RowsSum(self.sum.0.wrapping_add(xxhash_rust::xxh3::xxh3_128(row)));
    }
}

/// Takes COPY text in pieces of any size and digests it row by row.
///
/// A row ends at a line feed: COPY's text format writes a line feed inside a value as `\n`, and
/// no server encoding has byte 0x0A inside a character. Memory: one row that is split between two
/// pieces is not kept, only its hash state is.
#[derive(Default, Clone)]
pub struct RowsHasher {
    digest: RowsDigest,
    partial: Option<Box<xxhash_rust::xxh3::Xxh3>>,
    partial_len: u64,
}

impl fmt::Debug for RowsHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowsHasher")
            .field("digest", &self.digest)
            .field("partial_len", &self.partial_len)
            .finish_non_exhaustive()
    }
}

impl RowsHasher {
    /// A hasher that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece of COPY text.
    pub fn update(&mut self, mut piece: &[u8]) {
        if self.partial_len > 0 {
            match memchr::memchr(b'\n', piece) {
                None => return self.keep(piece),
                Some(end) => {
                    self.keep(&piece[..end]);
                    self.end_partial();
                    piece = &piece[end + 1..];
                }
            }
        }
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', piece) {
            self.digest.add_row(&piece[start..end]);
            start = end + 1;
        }
        if start < piece.len() {
            self.keep(&piece[start..]);
        }
    }

    /// Rows and bytes of the rows that are complete so far.
    pub fn so_far(&self) -> RowsDigest {
        self.digest
    }

    /// The digest of everything taken.
    ///
    /// # Errors
    ///
    /// `Format` if the last row has no line end: the text was cut short.
    pub fn finish(self) -> Result<RowsDigest, Error> {
        if self.partial_len > 0 {
            return Err(Error::new(
                ErrorKind::Format,
                "the COPY data ends inside a row: it was cut short",
            )
            .at_offset(self.digest.bytes + self.partial_len));
        }
        Ok(self.digest)
    }

    fn keep(&mut self, part: &[u8]) {
        self.partial.get_or_insert_default().update(part);
        self.partial_len += part.len() as u64;
    }

    fn end_partial(&mut self) {
        if let Some(partial) = &mut self.partial {
            self.digest.rows += 1;
            self.digest.bytes += self.partial_len + 1;
            self.digest.sum = RowsSum(self.digest.sum.0.wrapping_add(partial.digest128()));
            partial.reset();
        }
        self.partial_len = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(text: &[u8]) -> RowsDigest {
        let mut hasher = RowsHasher::new();
        hasher.update(text);
        hasher.finish().expect("complete rows")
    }

    #[test]
    fn order_does_not_matter_but_every_row_does() {
        assert_eq!(whole(b"1\ta\n2\tb\n"), whole(b"2\tb\n1\ta\n"));
        assert_ne!(whole(b"1\ta\n2\tb\n"), whole(b"1\ta\n2\tc\n"));
        assert_ne!(whole(b"a\na\n").sum, whole(b"b\nb\n").sum);
        assert_eq!(whole(b"\n\n").rows, 2);
    }

    #[test]
    fn a_cut_row_is_an_error() {
        let mut hasher = RowsHasher::new();
        hasher.update(b"1\ta\n2");
        assert_eq!(hasher.finish().expect_err("cut").kind(), ErrorKind::Format);
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_give_the_same_digest(
            rows in proptest::collection::vec("[a-z\\\\\t]{0,40}", 0..30),
            cuts in proptest::collection::vec(1usize..50, 0..60),
        ) {
            let text: Vec<u8> = rows.iter().flat_map(|row| [row.as_bytes(), b"\n"].concat()).collect();
            let mut hasher = RowsHasher::new();
            let mut rest = &text[..];
            for cut in cuts {
                let (piece, tail) = rest.split_at(cut.min(rest.len()));
                hasher.update(piece);
                rest = tail;
            }
            hasher.update(rest);
            prop_assert_eq!(hasher.finish().expect("complete rows"), whole(&text));
        }
    }
}
