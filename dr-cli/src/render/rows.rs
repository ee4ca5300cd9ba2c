//! Rows that are not the same, one after another on standard output. Used by `dr diff`.

use std::fmt::Write as _;
use std::io::{BufWriter, Stdout, Write as _};
use std::sync::atomic::Ordering;

use dr_core::ops::{ColumnDifference, RowDifference, as_json};
use dr_core::{Error, ErrorKind, Result};

use super::{UNREAD, clean};
use crate::args::RowsFormat;

/// What of a value a person is shown.
const SHOWN: usize = 60;

/// Writes rows in one format.
pub(crate) struct DifferentRows {
    format: RowsFormat,
    out: BufWriter<Stdout>,
    begun: bool,
}

impl DifferentRows {
    pub(crate) fn new(format: RowsFormat) -> Self {
        Self {
            format,
            out: BufWriter::with_capacity(64 << 10, std::io::stdout()),
            begun: false,
        }
    }

    /// Writes a row.
    ///
    /// # Errors
    ///
    /// `Interrupted` if nobody reads any more; `Store` if it cannot be written.
    pub(crate) fn tell(&mut self, row: &RowDifference<'_>) -> Result<()> {
        let mut text = match self.format {
            RowsFormat::Text => line(row),
            RowsFormat::Json => as_json::row_difference(row).to_string(),
            RowsFormat::Csv => return self.csv(row),
        };
        text.push('\n');
        self.out.write_all(text.as_bytes()).map_err(failed)
    }

    /// Writes what is held back; of CSV the names of the columns at least.
    ///
    /// # Errors
    ///
    /// Those of [`tell`](Self::tell).
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.begin()?;
        self.out.flush().map_err(failed)
    }

    fn begin(&mut self) -> Result<()> {
        if !std::mem::replace(&mut self.begun, true) && self.format == RowsFormat::Csv {
            let names = b"table,difference,key,column,backup,live\n";
            self.out.write_all(names).map_err(failed)?;
        }
        Ok(())
    }

    /// A line for each column: all of a row that one side does not have, else those that changed.
    fn csv(&mut self, row: &RowDifference<'_>) -> Result<()> {
        self.begin()?;
        let values = row.values();
        let key = key(row, &values);
        for value in values.iter().filter(|value| is_shown(row, value)) {
            let mut out = Vec::new();
            for part in [row.table.as_bytes(), row.word().as_bytes(), key.as_bytes()] {
                field(&mut out, part);
                out.push(b',');
            }
            field(&mut out, value.column.as_bytes());
            for side in [&value.backup, &value.live] {
                out.push(b',');
                // As COPY has it: null is nothing, an empty text two quotes.
                match side.as_ref().and_then(Option::as_deref) {
                    Some(b"") => out.extend_from_slice(b"\"\""),
                    Some(value) => field(&mut out, value),
                    None => {}
                }
            }
            out.push(b'\n');
            self.out.write_all(&out).map_err(failed)?;
        }
        Ok(())
    }
}

fn failed(error: std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        UNREAD.store(true, Ordering::Relaxed);
        return Error::new(ErrorKind::Interrupted, "nobody reads the rows any more");
    }
    Error::new(ErrorKind::Store, "cannot write to standard output").caused_by(error)
}

fn is_shown(row: &RowDifference<'_>, value: &ColumnDifference<'_>) -> bool {
    row.word() != "changed" || value.backup != value.live
}

/// `id=5, lang=en`; empty without a key.
fn key(row: &RowDifference<'_>, values: &[ColumnDifference<'_>]) -> String {
    let parts = row.key.iter().filter_map(|name| {
        let value = values.iter().find(|value| value.column == name)?;
        let side = value.backup.as_ref().or(value.live.as_ref())?;
        Some(format!("{name}={}", shown(side.as_deref())))
    });
    parts.collect::<Vec<_>>().join(", ")
}

fn shown(value: Option<&[u8]>) -> String {
    let Some(value) = value else {
        return "NULL".to_owned();
    };
    let text = clean(&String::from_utf8_lossy(value));
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn line(row: &RowDifference<'_>) -> String {
    let values = row.values();
    let mut out = clean(row.table);
    let key = key(row, &values);
    if !key.is_empty() {
        let _ = write!(out, " {key}");
    }
    out.push_str(match row.word() {
        "changed" => ": changed: ",
        "only_live" => ": only live: ",
        _ => ": only in the backup: ",
    });
    let parts = values
        .iter()
        .filter(|value| is_shown(row, value) && !row.key.iter().any(|name| name == value.column))
        .map(|value| {
            let side =
                |side: &Option<Option<Vec<u8>>>| side.as_ref().map(|value| shown(value.as_deref()));
            let name = clean(value.column);
            match (side(&value.backup), side(&value.live)) {
                (Some(backup), Some(live)) => format!("{name} {backup} -> {live}"),
                (one, other) => format!("{name}={}", one.or(other).unwrap_or_default()),
            }
        });
    out.push_str(&parts.collect::<Vec<_>>().join(", "));
    out
}

/// A field of CSV.
fn field(out: &mut Vec<u8>, value: &[u8]) {
    if !value
        .iter()
        .any(|byte| matches!(byte, b'"' | b',' | b'\n' | b'\r'))
    {
        out.extend_from_slice(value);
        return;
    }
    out.push(b'"');
    for byte in value {
        if *byte == b'"' {
            out.push(b'"');
        }
        out.push(*byte);
    }
    out.push(b'"');
}
