//! Choosing from a Toc: exactly the entries of some tables or schemas, without some data. Pure.
//!
//! Used by restore, extract and the dump of a live database's Toc. Tables are told apart by what
//! definitions say, never by how names begin: `votes_vote` takes nothing of `votes_vote_options`.

mod dependencies;
mod names;
mod notice;
#[cfg(test)]
mod tests;
mod work;

pub use notice::SelectNotice;

use self::names::Names;
use self::work::Work;
use super::{Kind, Section, Toc};
use crate::error::{Error, ErrorKind, Result};

/// What of a dump is wanted. Patterns are pg_dump's; they are parsed when the selection is used.
///
/// ```
/// use dr_core::toc::Selection;
///
/// let everything_but_a_log = Selection::all().without_data_of("audit.*");
/// let one_table = Selection::tables(["shop.orders"]).with_dependencies();
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Selection {
    tables: Vec<String>,
    schemas: Vec<String>,
    without_tables: Vec<String>,
    without_schemas: Vec<String>,
    without_data_of: Vec<String>,
    kinds: Vec<Kind>,
    without_kinds: Vec<Kind>,
    sections: Vec<Section>,
    dependencies: bool,
}

/// The patterns of a [`Selection`], as they were written.
pub(crate) struct Patterns<'a> {
    pub(crate) tables: &'a [String],
    pub(crate) schemas: &'a [String],
    pub(crate) without_tables: &'a [String],
    pub(crate) without_schemas: &'a [String],
    pub(crate) without_data_of: &'a [String],
}

impl Selection {
    /// Everything.
    pub fn all() -> Self {
        Self::default()
    }

    /// These tables (or views, sequences, …) with all that is theirs: owned sequences, defaults,
    /// constraints, indexes, triggers, rules, policies, comments, privileges, data.
    ///
    /// An unqualified pattern finds tables in every schema; a plain unqualified name that does so
    /// in more than one is refused as ambiguous.
    pub fn tables<P: Into<String>>(patterns: impl IntoIterator<Item = P>) -> Self {
        Self {
            tables: patterns.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// These schemas with everything in them. Together with [`tables`](Self::tables): what either
    /// names.
    #[must_use]
    pub fn and_schema(mut self, pattern: impl Into<String>) -> Self {
        self.schemas.push(pattern.into());
        self
    }

    /// These schemas with everything in them.
    pub fn schemas<P: Into<String>>(patterns: impl IntoIterator<Item = P>) -> Self {
        Self {
            schemas: patterns.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// Not these tables, nor anything that is theirs.
    #[must_use]
    pub fn without_table(mut self, pattern: impl Into<String>) -> Self {
        self.without_tables.push(pattern.into());
        self
    }

    /// Not these schemas, nor anything in them.
    #[must_use]
    pub fn without_schema(mut self, pattern: impl Into<String>) -> Self {
        self.without_schemas.push(pattern.into());
        self
    }

    /// The definition of these tables, sequences and materialized views, but not their content.
    #[must_use]
    pub fn without_data_of(mut self, pattern: impl Into<String>) -> Self {
        self.without_data_of.push(pattern.into());
        self
    }

    /// Only entries of these kinds, of those otherwise selected.
    #[must_use]
    pub fn only_kinds(mut self, kinds: impl IntoIterator<Item = Kind>) -> Self {
        self.kinds.extend(kinds);
        self
    }

    /// No entries of these kinds, nor comments, privileges, labels and statistics of theirs.
    #[must_use]
    pub fn without_kinds(mut self, kinds: impl IntoIterator<Item = Kind>) -> Self {
        self.without_kinds.extend(kinds);
        self
    }

    /// Only these sections; comments and privileges go where their object stands.
    #[must_use]
    pub fn only_sections(mut self, sections: impl IntoIterator<Item = Section>) -> Self {
        self.sections.extend(sections);
        self
    }

    /// Also the definitions the selected entries need to be made at all: schemas, extensions,
    /// types, functions, sequences, parents of partitions. Not the tables foreign keys refer to.
    #[must_use]
    pub fn with_dependencies(mut self) -> Self {
        self.dependencies = true;
        self
    }

    /// Whether names are all it selects by.
    pub(crate) fn is_by_name(&self) -> bool {
        self.kinds.is_empty()
            && self.without_kinds.is_empty()
            && self.sections.is_empty()
            && !self.dependencies
    }

    /// The patterns, as they were written.
    pub(crate) fn patterns(&self) -> Patterns<'_> {
        Patterns {
            tables: &self.tables,
            schemas: &self.schemas,
            without_tables: &self.without_tables,
            without_schemas: &self.without_schemas,
            without_data_of: &self.without_data_of,
        }
    }

    /// Whether it selects everything there is.
    pub fn is_all(&self) -> bool {
        !self.is_limited()
            && self.without_data_of.is_empty()
            && self.kinds.is_empty()
            && self.without_kinds.is_empty()
            && self.sections.is_empty()
    }

    fn is_limited(&self) -> bool {
        !(self.tables.is_empty()
            && self.schemas.is_empty()
            && self.without_tables.is_empty()
            && self.without_schemas.is_empty())
    }
}

/// A Toc with what was selected, and what a person should know about it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Selected {
    /// The entries selected, in the order of the dump they were selected from.
    pub toc: Toc,
    /// What was left out or will be missed.
    pub notices: Vec<SelectNotice>,
}

impl Toc {
    /// The entries `selection` asks for, in the same order and with the same ids.
    ///
    /// # Errors
    ///
    /// `Usage` for a pattern that cannot be parsed or is ambiguous, or about another database;
    /// `Missing` if a pattern matches nothing, naming every one that does not.
    pub fn select(&self, selection: &Selection) -> Result<Selected> {
        let names = Names::of(self, selection)?;
        let mut work = Work::new(self);
        if selection.is_limited() {
            let everything = selection.tables.is_empty() && selection.schemas.is_empty();
            work.mark_roots(everything, &names);
            work.mark_members(everything);
            work.leave_out_loose_ends();
            work.mark_dependents();
            work.report_children();
            if selection.dependencies {
                work.mark_dependencies();
            }
            work.report_needs();
        } else {
            work.chosen.fill(true);
        }
        work.apply_filters(selection, &names);
        Ok(Selected {
            toc: Toc {
                entries: self
                    .entries
                    .iter()
                    .zip(&work.chosen)
                    .filter(|(_, chosen)| **chosen)
                    .map(|(entry, _)| entry.clone())
                    .collect(),
                ..self.without_entries()
            },
            notices: work.notices,
        })
    }

    /// The kinds of these names, in any case, each of which dr knows or the Toc has.
    ///
    /// # Errors
    ///
    /// `Usage` for a name that is neither, with the kinds that the Toc has.
    pub fn kinds_named<S: AsRef<str>>(&self, names: &[S]) -> Result<Vec<Kind>> {
        let named = |name: &S| {
            let kind = Kind::from(name.as_ref().trim().to_uppercase().as_str());
            // One that dr knows may well not be in this dump.
            if !matches!(kind, Kind::Other(_))
                || self.entries.iter().any(|entry| entry.kind == kind)
            {
                return Ok(kind);
            }
            let mut there: Vec<&str> = self
                .entries
                .iter()
                .map(|entry| entry.kind.as_str())
                .collect();
            there.sort_unstable();
            there.dedup();
            Err(Error::new(
                ErrorKind::Usage,
                format!(
                    "there is no kind {:?}; the dump has {}",
                    name.as_ref(),
                    there.join(", ")
                ),
            ))
        };
        names.iter().map(named).collect()
    }

    fn without_entries(&self) -> Toc {
        Toc {
            database: self.database.clone(),
            encoding: self.encoding.clone(),
            std_strings: self.std_strings,
            search_path: self.search_path.clone(),
            server_version: self.server_version.clone(),
            dump_version: self.dump_version.clone(),
            created: self.created,
            entries: Vec::new(),
        }
    }
}
