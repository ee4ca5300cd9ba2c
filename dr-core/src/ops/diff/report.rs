//! What a diff comes to, in numbers and row by row.

use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;

use super::super::Verdict;
use crate::text::copy_fields;

/// One table in the dump and in the live database.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DiffTable {
    /// Its name, as it is written in SQL.
    pub table: String,
    /// What it came to; `Missing` is missing from the live database.
    pub verdict: Verdict,
    /// The columns by which rows are found; empty if whole rows are compared, so that none is
    /// called changed.
    pub key: Vec<String>,
    /// Rows that only the dump has.
    pub only_backup: u64,
    /// Rows that only the live database has.
    pub only_live: u64,
    /// Rows of the same key that are not the same.
    pub changed: u64,
    /// Rows that are the same.
    pub equal: u64,
    /// What should be known beside the verdict.
    pub note: Option<String>,
}

/// How the rows of a live database differ from those of a dump.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DiffReport {
    /// The live database.
    pub database: String,
    /// Every table with rows that was selected, by name.
    pub tables: Vec<DiffTable>,
    /// Tables that only the live database has, by name as it is written in SQL; none are told if
    /// only some tables were selected.
    pub only_live: Vec<String>,
    /// How long it took.
    pub elapsed: Duration,
}

impl DiffReport {
    /// The worst of all verdicts; a table that the dump does not have is a difference too.
    pub fn verdict(&self) -> Verdict {
        let more = (!self.only_live.is_empty()).then_some(Verdict::Differs);
        let tables = self.tables.iter().map(|table| table.verdict);
        tables.chain(more).max().unwrap_or(Verdict::Equal)
    }
}

/// One row that is not the same in both.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct RowDifference<'a> {
    /// Its table, as it is written in SQL.
    pub table: &'a str,
    /// The columns that are compared.
    pub columns: &'a [String],
    /// Those by which rows are found; empty if whole rows are compared.
    pub key: &'a [String],
    /// The line of COPY text in the dump, if it is there.
    pub backup: Option<&'a [u8]>,
    /// The line in the live database, if it is there.
    pub live: Option<&'a [u8]>,
}

impl RowDifference<'_> {
    /// `only_backup`, `only_live` or `changed`.
    pub fn word(&self) -> &'static str {
        match (self.backup, self.live) {
            (Some(_), None) => "only_backup",
            (None, _) => "only_live",
            (Some(_), Some(_)) => "changed",
        }
    }

    /// Each column with its values in the dump and in the live database: `None` where the row is
    /// not there, `Some(None)` for null. In the dump's encoding.
    pub fn values(&self) -> Vec<ColumnDifference<'_>> {
        let mut backup = self.backup.map(copy_fields);
        let mut live = self.live.map(copy_fields);
        let next = |fields: &mut Option<crate::text::CopyFields<'_>>| {
            fields
                .as_mut()
                .map(|fields| fields.next().flatten().map(Cow::into_owned))
        };
        self.columns
            .iter()
            .map(|column| ColumnDifference {
                column,
                backup: next(&mut backup),
                live: next(&mut live),
            })
            .collect()
    }
}

/// One column of a row in both places.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ColumnDifference<'a> {
    /// Its name.
    pub column: &'a str,
    /// In the dump.
    pub backup: Option<Option<Vec<u8>>>,
    /// In the live database.
    pub live: Option<Option<Vec<u8>>>,
}
