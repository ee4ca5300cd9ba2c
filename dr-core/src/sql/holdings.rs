//! What a script holds, counted and digested as it goes by, and nothing of it kept: the rows of every
//! COPY, INSERT statements, large objects.
//!
//! Used by `ops` to read back a script that was written. It goes by the lexer alone, so that a mistake
//! of the reader's or writer's is no mistake here.

use std::collections::BTreeMap;

use futures::TryStreamExt;

use super::large_object::Call;
use super::lexer::{Lexer, PieceKind};
use super::statement::{copy_target, insert_target};
use crate::digest::{RowsDigest, RowsHasher};
use crate::error::{Error, ErrorKind, Result};
use crate::files::{ByteStream, LargeObjectEvidence};
use crate::limits::Limits;
use crate::pipeline::tap::Meter;

/// A table as a COPY statement names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Table {
    namespace: Option<Vec<u8>>,
    name: Vec<u8>,
}

impl Table {
    /// The table a COPY statement is for.
    pub(crate) fn of(copy: &[u8]) -> Option<Self> {
        copy_target(copy).map(|(name, _)| Self {
            namespace: name.namespace,
            name: name.name,
        })
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(namespace) = &self.namespace {
            write!(f, "{}.", String::from_utf8_lossy(namespace))?;
        }
        f.write_str(&String::from_utf8_lossy(&self.name))
    }
}

/// What a script holds.
#[derive(Debug, Default)]
pub(crate) struct Holdings {
    /// Rows by table, of all its COPY blocks together.
    pub(crate) tables: BTreeMap<Table, RowsDigest>,
    /// INSERT statements of all tables; a statement counts as a row.
    pub(crate) statements: RowsDigest,
    /// Large objects, by oid.
    pub(crate) large_objects: BTreeMap<u32, LargeObjectEvidence>,
}

/// Goes through a script, from its first byte to its last.
///
/// # Errors
///
/// Those of the stream and the lexer; `Format` if large objects are written out of order.
pub(crate) async fn holdings(mut text: ByteStream, limits: &Limits) -> Result<Holdings> {
    let mut lexer = Lexer::new(limits);
    let mut taking = Taking::default();
    loop {
        while let Some(piece) = lexer.next_piece()? {
            match piece.kind {
                PieceKind::CopyStart => taking.begin(&piece.text)?,
                PieceKind::CopyData => {
                    if let Some((_, rows)) = &mut taking.copy {
                        rows.update(&piece.text);
                    }
                }
                PieceKind::CopyEnd => taking.end()?,
                PieceKind::Statement => taking.statement(&piece.text)?,
                _ => {}
            }
        }
        match text.try_next().await? {
            Some(chunk) => lexer.feed(chunk),
            None if taking.ended => return Ok(taking.found),
            None => {
                taking.ended = true;
                lexer.end();
            }
        }
    }
}

#[derive(Default)]
struct Taking {
    found: Holdings,
    copy: Option<(Table, RowsHasher)>,
    object: Option<(u32, Meter)>,
    ended: bool,
}

impl Taking {
    fn begin(&mut self, copy: &[u8]) -> Result<()> {
        let table = Table::of(copy)
            .ok_or_else(|| Error::new(ErrorKind::Format, "a COPY statement names no table"))?;
        self.copy = Some((table, RowsHasher::new()));
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        if let Some((table, rows)) = self.copy.take() {
            let digest = rows.finish()?;
            self.found.tables.entry(table).or_default().merge(&digest);
        }
        Ok(())
    }

    fn statement(&mut self, text: &[u8]) -> Result<()> {
        if insert_target(text).is_some() {
            self.found.statements.add_row(text.trim_ascii());
            return Ok(());
        }
        match (Call::of(text), &mut self.object) {
            (Some(Call::Open(oid)), None) => self.object = Some((oid, Meter::new())),
            (Some(Call::Write(content)), Some((_, meter))) => meter.update(&content),
            (Some(Call::Close), Some((oid, meter))) => {
                let seen = LargeObjectEvidence::new(meter.bytes(), meter.sha256());
                self.found.large_objects.insert(*oid, seen);
                self.object = None;
            }
            (Some(Call::Nothing) | None, _) => {}
            _ => {
                return Err(Error::new(
                    ErrorKind::Format,
                    "the calls that write large objects are out of order",
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use bytes::Bytes;
    use futures::{StreamExt, stream};

    #[tokio::test]
    async fn rows_statements_and_large_objects_are_found() {
        let script = "SET standard_conforming_strings = on;\n\
            CREATE RULE r AS ON INSERT TO s.t DO INSTEAD INSERT INTO s.u VALUES (1);\n\
            COPY s.\"t \"\"x\" (a) FROM stdin;\n1\n2\n\\.\n\n\
            INSERT INTO s.u VALUES (3);\n\
            COPY s.\"t \"\"x\" (a) FROM stdin;\n3\n\\.\n\n\
            SELECT pg_catalog.lo_open('7', 131072);\nSELECT pg_catalog.lowrite(0, '\\x6162');\n\
            SELECT pg_catalog.lo_close(0);\n";
        let text = stream::iter([Ok(Bytes::from(script))]).boxed();
        let found = holdings(text, &Limits::default()).await.unwrap();
        let table = Table::of(b"COPY s.\"t \"\"x\" (a) FROM stdin;\n").unwrap();
        assert_eq!(found.tables[&table].rows, 3);
        assert_eq!(found.tables.len(), 1);
        assert_eq!(found.statements.rows, 1);
        assert_eq!(found.large_objects[&7].bytes, 2);
    }
}
