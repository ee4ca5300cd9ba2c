//! What a restore proves: rows, digests, sequences and large objects, read back and compared.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::swap::Swapped;
use crate::digest::RowsDigest;

/// What comparing one thing with what it should be came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// The same.
    Equal,
    /// There is nothing sound to compare with, or the same values may be written differently
    /// here. Rows were counted and are the same where a count was known.
    NotComparable,
    /// Not the same.
    Differs,
    /// Not there.
    Missing,
}

/// What the content that was read back is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Against {
    /// What the dump recorded in the source's snapshot.
    Manifest,
    /// What came out of the archive while it was loaded.
    Archive,
}

/// The proof of one table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TableProof {
    /// Dump id of its TABLE DATA entry.
    pub entry: u32,
    /// Its name as a person reads it.
    pub table: String,
    /// The result.
    pub verdict: Verdict,
    /// What it was compared with.
    pub against: Against,
    /// What it should hold, where that is known.
    pub expected: Option<RowsDigest>,
    /// What it holds.
    pub found: Option<RowsDigest>,
    /// Why it is not `Equal`.
    pub why: Option<String>,
}

/// The proof of one sequence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SequenceProof {
    /// Dump id of its SEQUENCE SET entry.
    pub entry: u32,
    /// Its name as a person reads it.
    pub sequence: String,
    /// The result.
    pub verdict: Verdict,
    /// `last_value` and `is_called` it should have, where that is known.
    pub expected: Option<(i64, bool)>,
    /// Those it has.
    pub found: Option<(i64, bool)>,
}

/// The proof of all large objects.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LargeObjectsProof {
    /// How many are equal.
    pub equal: u64,
    /// Oids of those that are not.
    pub differing: Vec<u32>,
    /// Oids of those that are not there.
    pub missing: Vec<u32>,
}

impl LargeObjectsProof {
    /// Whether all are equal.
    pub fn is_sound(&self) -> bool {
        self.differing.is_empty() && self.missing.is_empty()
    }
}

/// What a restore did, and the proof of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Restored {
    /// The database restored into, or what was to be its name.
    pub database: String,
    /// Whether the restored database is there under that name: false if the proof failed.
    pub kept: bool,
    /// What it replaced, if it took the place of a live database.
    pub swapped: Option<Swapped>,
    /// Hooks that failed after it was done: services may be down, or not well.
    pub hook_failures: Vec<String>,
    /// Every table with data, in the order of the dump.
    pub tables: Vec<TableProof>,
    /// Every sequence with a value.
    pub sequences: Vec<SequenceProof>,
    /// All large objects.
    pub large_objects: LargeObjectsProof,
    /// What a person should know.
    pub notices: Vec<String>,
    /// How long it took.
    pub elapsed: Duration,
}

impl Restored {
    /// The worst of all verdicts; `Equal` if there was nothing to compare.
    pub fn verdict(&self) -> Verdict {
        let large_objects = if !self.large_objects.missing.is_empty() {
            Verdict::Missing
        } else if !self.large_objects.differing.is_empty() {
            Verdict::Differs
        } else {
            Verdict::Equal
        };
        self.tables
            .iter()
            .map(|table| table.verdict)
            .chain(self.sequences.iter().map(|sequence| sequence.verdict))
            .chain([large_objects])
            .max()
            .unwrap_or(Verdict::Equal)
    }

    /// Whether everything that was compared is equal or could not be compared.
    pub fn is_sound(&self) -> bool {
        self.verdict() <= Verdict::NotComparable
    }

    /// Rows read back, of all tables.
    pub fn rows(&self) -> u64 {
        self.digests().map(|digest| digest.rows).sum()
    }

    /// Bytes of COPY text read back, of all tables.
    pub fn bytes(&self) -> u64 {
        self.digests().map(|digest| digest.bytes).sum()
    }

    fn digests(&self) -> impl Iterator<Item = &RowsDigest> {
        self.tables.iter().filter_map(|table| table.found.as_ref())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "equal",
            Self::NotComparable => "not comparable",
            Self::Differs => "differs",
            Self::Missing => "missing",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_verdict_decides() {
        let table = |verdict| TableProof {
            entry: 1,
            table: "t".into(),
            verdict,
            against: Against::Archive,
            expected: None,
            found: None,
            why: None,
        };
        let mut report = Restored {
            database: "d".into(),
            kept: true,
            swapped: None,
            hook_failures: vec![],
            tables: vec![],
            sequences: vec![],
            large_objects: LargeObjectsProof::default(),
            notices: vec![],
            elapsed: Duration::ZERO,
        };
        assert!(report.is_sound());
        report.tables.push(table(Verdict::NotComparable));
        assert!(report.is_sound());
        assert_eq!(report.verdict(), Verdict::NotComparable);
        report.tables.push(table(Verdict::Differs));
        assert!(!report.is_sound());
        report.tables.pop();
        report.large_objects.missing.push(5);
        assert_eq!(report.verdict(), Verdict::Missing);
    }
}
