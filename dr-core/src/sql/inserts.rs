//! The INSERT statements of a dump made with `--inserts`, counted and digested as they go by.
//!
//! Used by `ops`, where such a dump passes from one form into another. What stands between the
//! statements is layout and may change; a statement may not, whatever their order.

use bytes::Bytes;

use super::lexer::{Lexer, PieceKind};
use super::statement::insert_target;
use crate::digest::RowsDigest;
use crate::error::Result;
use crate::limits::Limits;

/// Takes text in pieces of any size.
pub(crate) struct InsertsHasher {
    lexer: Lexer,
    digest: RowsDigest,
}

impl InsertsHasher {
    pub(crate) fn new(limits: &Limits, std_strings: bool) -> Self {
        Self {
            lexer: Lexer::within(limits, std_strings, 0, 1),
            digest: RowsDigest::default(),
        }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    ///
    /// Those of the lexer.
    pub(crate) fn update(&mut self, piece: &Bytes) -> Result<()> {
        self.lexer.feed(piece.clone());
        self.take()
    }

    fn take(&mut self) -> Result<()> {
        while let Some(piece) = self.lexer.next_piece()? {
            if piece.kind == PieceKind::Statement && insert_target(&piece.text).is_some() {
                self.digest.add_row(piece.text.trim_ascii());
            }
        }
        Ok(())
    }

    /// What has passed: a statement counts as a row.
    pub(crate) fn so_far(&self) -> RowsDigest {
        self.digest
    }

    /// The digest of all of it.
    ///
    /// # Errors
    ///
    /// `Format` if the last statement has no end.
    pub(crate) fn finish(&mut self) -> Result<RowsDigest> {
        self.lexer.end();
        self.take()?;
        Ok(self.digest)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(pieces: &[&str]) -> Result<RowsDigest> {
        let mut hasher = InsertsHasher::new(&Limits::default(), true);
        for piece in pieces {
            hasher.update(&Bytes::copy_from_slice(piece.as_bytes()))?;
        }
        hasher.finish()
    }

    #[test]
    fn layout_is_nothing_and_a_statement_is_all() {
        let two = of(&["INSERT INTO s.t VALUES (1, ';');\nINSERT INTO s.t VALUES (2, 'x\n');\n"])
            .unwrap();
        assert_eq!(two.rows, 2);
        let laid_out = of(&[
            "SELECT pg_catalog.set_config('search_path', '', false);\n-- again\n",
            "INSERT INTO s.t VAL",
            "UES (2, 'x\n');INSERT INTO s.t VALUES (1, ';');",
        ]);
        assert_eq!(laid_out.unwrap(), two);
        let other = of(&["INSERT INTO s.t VALUES (1, ';');INSERT INTO s.t VALUES (2, 'x');"]);
        assert_ne!(other.unwrap(), two);
        assert!(of(&["INSERT INTO s.t VALUES (1, '"]).is_err());
    }
}
