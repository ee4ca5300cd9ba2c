//! Bounds on what untrusted input may make this crate hold in memory. Used by every reader.

/// How much a reader may take from input that it does not trust.
///
/// The defaults fit databases of a million objects. A reader that meets a longer value stops with
/// [`ErrorKind::Limit`](crate::ErrorKind::Limit) and names the limit.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a whole table of contents (`toc.dat`).
    pub toc_bytes: u64,
    /// Entries in a table of contents.
    pub toc_entries: u64,
    /// Bytes of one string of a table of contents: a name, a definition.
    pub toc_string: u64,
    /// Bytes of one SQL statement in a plain dump, COPY data not counted.
    pub statement: u64,
    /// Bytes of one row of COPY text that is taken apart; rows that only pass are not bounded.
    /// PostgreSQL sends none that is longer than 1 GiB.
    pub row: u64,
    /// Bytes of a commit mark.
    pub mark_bytes: u64,
    /// Bytes of a manifest, unsealed.
    pub manifest_bytes: u64,
    /// Bytes of `SHA256SUMS`.
    pub sums_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u64 = 1 << 20;
        Self {
            toc_bytes: 2048 * MIB,
            toc_entries: 10_000_000,
            toc_string: 1024 * MIB,
            statement: 1024 * MIB,
            row: 1024 * MIB,
            mark_bytes: 256 * MIB,
            manifest_bytes: 1024 * MIB,
            sums_bytes: 1024 * MIB,
        }
    }
}
