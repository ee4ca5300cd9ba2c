//! The values of sequences, read many at a time. Used by the catalog reader and for proving.

use std::collections::HashMap;

use super::conn::Conn;
use crate::error::{Error, ErrorKind, Result};
use crate::text::{literal, qualified};

/// How many sequences are read by one statement.
const BATCH: usize = 250;

/// A sequence by name, in the form of [`crate::text`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SequenceName {
    /// Schema.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// Where a sequence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SequenceValue {
    /// `last_value`.
    pub last_value: i64,
    /// `is_called`.
    pub is_called: bool,
}

/// The values of these sequences, in their order; all at the connection's snapshot.
///
/// # Errors
///
/// `Server`: a sequence is missing or may not be read.
pub async fn sequence_values(conn: &Conn, names: &[SequenceName]) -> Result<Vec<SequenceValue>> {
    let mut values = Vec::with_capacity(names.len());
    for batch in names.chunks(BATCH) {
        // A sequence is a relation of one row; many of them are one statement.
        let sql: Vec<String> = batch
            .iter()
            .enumerate()
            .map(|(at, sequence)| {
                format!(
                    "SELECT {} AS at, last_value, is_called FROM {}",
                    literal(&at.to_string()),
                    qualified(&sequence.namespace, &sequence.name)
                )
            })
            .collect();
        let mut found = HashMap::new();
        for row in conn.rows(&sql.join(" UNION ALL ")).await? {
            found.insert(
                row.text("at")?,
                SequenceValue {
                    last_value: row.get("last_value")?,
                    is_called: row.get("is_called")?,
                },
            );
        }
        for (at, SequenceName { namespace, name }) in batch.iter().enumerate() {
            let value = found.get(&at.to_string()).copied().ok_or_else(|| {
                Error::new(
                    ErrorKind::Server,
                    format!("sequence {namespace}.{name} has no row; its file is damaged"),
                )
            })?;
            values.push(value);
        }
    }
    Ok(values)
}
