//! What each table should hold, and the comparing: a difference is looked into before it is
//! called one.
//!
//! Used by the executor, which reads the tables back in whatever order suits.

use super::super::copy_statement::CopyStatement;
use super::prove::{Pages, Renderings};
use super::report::{Against, TableProof, Verdict};
use super::session::Style;
use crate::digest::RowsDigest;

/// A table that was loaded and is to be read back.
#[derive(Debug, Clone)]
pub(super) struct Content {
    /// Dump ids and names of the TABLE DATA entries, and what each loaded: one, or all that were
    /// loaded through the same partitioned table.
    pub(super) entries: Vec<(u32, String, RowsDigest)>,
    /// How it was loaded.
    pub(super) copy: CopyStatement,
    /// What it is compared with.
    pub(super) against: Against,
    /// Whether the rows lie anywhere in a partition tree.
    pub(super) whole_tree: bool,
    /// Whether the dump is of a server that wrote floating point numbers with more digits.
    pub(super) old_floats: bool,
}

/// A table being read back.
#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) content: Content,
    styles: Vec<Style>,
    renderings: Option<Renderings>,
    parts_left: usize,
    found: RowsDigest,
}

/// What is to be done after a part has been read back.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// Other parts are not there yet.
    Wait,
    /// Find out which types the table has.
    AskTypes,
    /// Read it all again, written in this style.
    Again(Style),
    /// This is the result.
    Done(Verdict, Option<String>),
}

impl Comparison {
    pub(super) fn new(content: Content, parts: usize) -> Self {
        Self {
            content,
            styles: vec![Style::OF_DUMP],
            renderings: None,
            parts_left: parts,
            found: RowsDigest::default(),
        }
    }

    /// Everything it should hold.
    pub(super) fn expected(&self) -> RowsDigest {
        let mut all = RowsDigest::default();
        for (_, _, digest) in &self.content.entries {
            all.merge(digest);
        }
        all
    }

    /// Takes what a part holds.
    pub(super) fn add(&mut self, part: &RowsDigest) -> Next {
        self.found.merge(part);
        self.parts_left -= 1;
        if self.parts_left > 0 {
            return Next::Wait;
        }
        let expected = self.expected();
        if self.found == expected {
            return Next::Done(Verdict::Equal, None);
        }
        if self.found.rows != expected.rows {
            return Next::Done(
                Verdict::Differs,
                Some(format!(
                    "it has {} rows instead of {}",
                    self.found.rows, expected.rows
                )),
            );
        }
        match (self.content.against, &self.renderings) {
            // A dump of dr's was made with the settings it is read back with.
            (Against::Manifest, _) => Next::Done(
                Verdict::Differs,
                Some("its rows are not those that were dumped".to_owned()),
            ),
            (Against::Archive, None) => Next::AskTypes,
            (Against::Archive, Some(_)) => self.next_style(),
        }
    }

    /// Takes which types there are whose values have more than one writing.
    pub(super) fn know(&mut self, renderings: Renderings) -> Next {
        for escaped_bytea in [false, true] {
            for fixed_zone in [true, false] {
                let style = Style {
                    fixed_zone,
                    escaped_bytea,
                };
                let useful =
                    (fixed_zone || renderings.zone) && (!escaped_bytea || renderings.bytea);
                if useful && style != Style::OF_DUMP {
                    self.styles.push(style);
                }
            }
        }
        self.renderings = Some(renderings);
        self.next_style()
    }

    /// Begins anew with so many parts.
    pub(super) fn restart(&mut self, parts: usize) {
        self.parts_left = parts;
        self.found = RowsDigest::default();
    }

    fn next_style(&mut self) -> Next {
        // The first is the one that has just been tried.
        self.styles.remove(0);
        if let Some(style) = self.styles.first() {
            return Next::Again(*style);
        }
        let renderings = self.renderings.clone().unwrap_or_default();
        let why = if renderings.zone {
            "its values with time zone were written in a zone the dump does not tell"
        } else if renderings.money {
            "its values of type money were written for a locale the dump does not tell"
        } else if renderings.float && self.content.old_floats {
            "its floating point values were written with more digits by the old server"
        } else {
            return Next::Done(
                Verdict::Differs,
                Some("its rows are not those in the archive".to_owned()),
            );
        };
        Next::Done(
            Verdict::NotComparable,
            Some(format!("{why}; the number of rows is the same")),
        )
    }

    /// The proofs, one for each entry.
    pub(super) fn proofs(&self, verdict: Verdict, why: Option<&str>) -> Vec<TableProof> {
        let alone = self.content.entries.len() == 1;
        self.content
            .entries
            .iter()
            .map(|(entry, table, digest)| TableProof {
                entry: *entry,
                table: table.clone(),
                verdict,
                against: self.content.against,
                expected: Some(*digest),
                // Of several that went through one table only the sum can be told.
                found: Some(if alone { self.found } else { *digest })
                    .filter(|_| alone || verdict == Verdict::Equal),
                why: why.map(str::to_owned),
            })
            .collect()
    }
}

/// A part of a table to be read back.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// Which comparison it is for.
    pub(super) comparison: usize,
    /// Which pages; all, if none are named.
    pub(super) pages: Option<Pages>,
    /// How values are written; without it, the question is which types the table has.
    pub(super) style: Option<Style>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::RowsHasher;

    fn digest(text: &str) -> RowsDigest {
        let mut hasher = RowsHasher::new();
        hasher.update(text.as_bytes());
        hasher.finish().expect("whole rows")
    }

    fn comparison(against: Against, loaded: &[&str], parts: usize) -> Comparison {
        Comparison::new(
            Content {
                entries: loaded
                    .iter()
                    .map(|text| (1, "t".to_owned(), digest(text)))
                    .collect(),
                copy: CopyStatement::parse("COPY t (a) FROM stdin;").expect("sound"),
                against,
                whole_tree: loaded.len() > 1,
                old_floats: false,
            },
            parts,
        )
    }

    #[test]
    fn parts_add_up_in_any_order() {
        let mut table = comparison(Against::Manifest, &["a\nb\n"], 2);
        assert_eq!(table.add(&digest("b\n")), Next::Wait);
        assert_eq!(table.add(&digest("a\n")), Next::Done(Verdict::Equal, None));
        let mut tree = comparison(Against::Archive, &["a\n", "b\n"], 1);
        assert_eq!(
            tree.add(&digest("b\na\n")),
            Next::Done(Verdict::Equal, None)
        );
        assert_eq!(tree.proofs(Verdict::Equal, None).len(), 2);
    }

    #[test]
    fn what_dr_dumped_must_come_back_as_it_was() {
        let mut table = comparison(Against::Manifest, &["a\n"], 1);
        assert!(matches!(
            table.add(&digest("b\n")),
            Next::Done(Verdict::Differs, Some(_))
        ));
        let mut table = comparison(Against::Archive, &["a\n"], 1);
        assert!(matches!(
            table.add(&digest("a\na\n")),
            Next::Done(Verdict::Differs, Some(_))
        ));
    }

    #[test]
    fn a_foreign_dump_is_read_back_in_every_writing_before_it_is_called_different() {
        let mut table = comparison(Against::Archive, &["a\n"], 1);
        assert_eq!(table.add(&digest("b\n")), Next::AskTypes);
        let zone = Renderings {
            zone: true,
            ..Renderings::default()
        };
        let default_zone = Style {
            fixed_zone: false,
            escaped_bytea: false,
        };
        assert_eq!(table.know(zone.clone()), Next::Again(default_zone));
        table.restart(1);
        assert_eq!(table.add(&digest("a\n")), Next::Done(Verdict::Equal, None));

        let mut table = comparison(Against::Archive, &["a\n"], 1);
        table.add(&digest("b\n"));
        table.know(zone);
        table.restart(1);
        assert!(matches!(
            table.add(&digest("c\n")),
            Next::Done(Verdict::NotComparable, Some(_))
        ));

        let mut plain = comparison(Against::Archive, &["a\n"], 1);
        plain.add(&digest("b\n"));
        assert!(matches!(
            plain.know(Renderings::default()),
            Next::Done(Verdict::Differs, _)
        ));
    }
}
