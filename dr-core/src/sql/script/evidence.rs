//! What is seen of rows and sequences while a script is gone through, to be compared after a restore.

use std::collections::HashMap;

use bytes::Bytes;

use super::super::statement::{copied_columns, sequence_value};
use super::Builder;
use crate::digest::{RowsDigest, RowsHasher};
use crate::error::Result;
use crate::files::{SequenceEvidence, TableEvidence};
use crate::text::TextForm;
use crate::toc::render::loads_via_partition_root;
use crate::toc::{Entry, Kind};

/// The rows of a COPY block, digested as they go by.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) hasher: RowsHasher,
    pub(super) has_cr: bool,
    pub(super) held: bool,
}

impl Rows {
    pub(super) fn update(&mut self, text: &[u8]) {
        if self.has_cr {
            self.hasher
                .update(&undo_carriage_returns(text, &mut self.held));
        } else {
            self.hasher.update(text);
        }
    }
}

impl Builder {
    /// Records the rows of a table. A name that is not in the script's encoding, which no restore
    /// could make, is left unrecorded.
    pub(super) fn note_table(&mut self, entry: &Entry, digest: Option<RowsDigest>) {
        let (Some(digest), Some(copy)) = (digest, &entry.copy_statement) else {
            return;
        };
        let form = TextForm::of_encoding(&self.toc.encoding);
        let columns: Result<Vec<String>> = copied_columns(copy)
            .iter()
            .map(|name| form.decode(name))
            .collect();
        if let (Ok((namespace, name)), Ok(columns)) = (self.names(entry), columns) {
            let table = TableEvidence {
                namespace,
                name,
                columns,
                digest,
            };
            self.evidence.tables.insert(entry.id.0, table);
        }
    }

    /// Records the value of a sequence.
    pub(super) fn note_sequence(&mut self, entry: &Entry) {
        if let (Some((last_value, is_called)), Ok((namespace, name))) =
            (sequence_value(&entry.definition), self.names(entry))
        {
            let sequence = SequenceEvidence {
                namespace,
                name,
                last_value,
                is_called,
            };
            self.evidence.sequences.insert(entry.id.0, sequence);
        }
    }

    fn names(&self, entry: &Entry) -> Result<(String, String)> {
        let form = TextForm::of_encoding(&self.toc.encoding);
        Ok((
            form.decode(entry.namespace.as_deref().unwrap_or_default())?,
            form.decode(&entry.tag)?,
        ))
    }

    /// Forgets digests that do not say the whole of what a table will hold.
    pub(super) fn doubt_evidence(&mut self) {
        let entries = &self.toc.entries;
        // Statements of any kind may change rows behind the COPY.
        let has_other = entries
            .iter()
            .any(|entry| matches!(entry.kind, Kind::Other(_)));
        let mut streams: HashMap<(Option<&Bytes>, &Bytes), u32> = HashMap::new();
        for entry in entries.iter().filter(|entry| entry.kind == Kind::TableData) {
            *streams
                .entry((entry.namespace.as_ref(), &entry.tag))
                .or_default() += 1;
        }
        for entry in entries.iter().filter(|entry| entry.kind == Kind::TableData) {
            if has_other
                || streams[&(entry.namespace.as_ref(), &entry.tag)] > 1
                || loads_via_partition_root(entry)
            {
                self.evidence.tables.remove(&entry.id.0);
            }
        }
    }
}

/// COPY text without the CR of its line ends; `held` says that the text before ended in a CR. No
/// value holds a bare CR: COPY writes it as `\r`.
pub(in crate::sql) fn undo_carriage_returns(text: &[u8], held: &mut bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 1);
    for byte in text {
        if std::mem::replace(held, *byte == b'\r') && *byte != b'\n' {
            out.push(b'\r');
        }
        if *byte != b'\r' {
            out.push(*byte);
        }
    }
    out
}
