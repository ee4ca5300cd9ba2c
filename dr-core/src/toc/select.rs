//! Choosing from a Toc: exactly the entries of some tables or schemas, without some data. Pure.
//!
//! Used by restore, extract and the dump of a live database's Toc. Tables are told apart by what
//! definitions say, never by how names begin: `votes_vote` takes nothing of `votes_vote_options`.

use std::collections::HashSet;
use std::fmt;

use super::graph::Graph;
use super::relation::{RelationName, Subject};
use super::{Entry, Kind, Pattern, Section, Toc};
use crate::error::{Error, ErrorKind, Result};
use crate::text::TextForm;

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

    /// No entries of these kinds.
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

/// Something about a selection that a person should know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SelectNotice {
    /// An entry of a selected table that joins it to something outside the selection.
    LeftOut {
        /// The entry.
        entry: String,
        /// What it needs.
        needs: String,
    },
    /// A selected entry that needs something outside the selection, which must exist already.
    Needs {
        /// The entry.
        entry: String,
        /// What it needs.
        needs: String,
    },
    /// A foreign key to a table outside the selection: it is made where that table exists.
    Refers {
        /// The foreign key.
        entry: String,
        /// The table it refers to.
        table: String,
    },
    /// A partitioned table or inheritance parent some of whose children are not selected.
    Children {
        /// The parent.
        parent: String,
        /// How many are not selected.
        count: usize,
    },
    /// A foreign key to a table whose data was excluded: it will fail if there is data on this
    /// side.
    DataExcluded {
        /// The foreign key.
        entry: String,
        /// The table it refers to.
        table: String,
    },
}

impl fmt::Display for SelectNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeftOut { entry, needs } => {
                write!(
                    f,
                    "{entry} is left out: it needs {needs}, which is not selected"
                )
            }
            Self::Needs { entry, needs } => write!(
                f,
                "{entry} needs {needs}, which is not selected and must exist in the target"
            ),
            Self::Refers { entry, table } => write!(
                f,
                "{entry} refers to {table}, which is not selected: it can be made only where that \
                 table exists"
            ),
            Self::Children { parent, count } => write!(
                f,
                "{parent} has {count} partitions or child tables that are not selected"
            ),
            Self::DataExcluded { entry, table } => write!(
                f,
                "{entry} refers to {table}, whose data is excluded: it cannot be made if rows refer to it"
            ),
        }
    }
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

/// The relations and schemas each group of patterns names.
struct Names {
    tables: HashSet<RelationName>,
    without_tables: HashSet<RelationName>,
    without_data_of: HashSet<RelationName>,
    schemas: HashSet<Vec<u8>>,
    without_schemas: HashSet<Vec<u8>>,
}

impl Names {
    fn of(toc: &Toc, selection: &Selection) -> Result<Self> {
        let form = TextForm::of_encoding(&toc.encoding);
        let text = |bytes: &[u8]| {
            form.decode(bytes)
                .unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned())
        };
        let mut relations: Vec<RelationName> = toc
            .entries
            .iter()
            .filter_map(|entry| match entry.kind {
                // A data-only dump has no definitions.
                Kind::TableData | Kind::SequenceSet | Kind::MaterializedViewData => {
                    Some(entry.tagged())
                }
                _ => entry.relation(),
            })
            .collect();
        relations.sort();
        relations.dedup();
        let mut schemas: Vec<Vec<u8>> = toc
            .entries
            .iter()
            .filter_map(|entry| match entry.kind {
                Kind::Schema => Some(entry.tag.to_vec()),
                _ => entry.namespace.as_ref().map(|name| name.to_vec()),
            })
            .filter(|name| !name.is_empty())
            .collect();
        schemas.sort();
        schemas.dedup();

        let database = text(&toc.database);
        let check_database = |pattern: &Pattern| match pattern.database() {
            Some(other) if !database.is_empty() && other != database => Err(Error::new(
                ErrorKind::Usage,
                format!(
                    "pattern {pattern} is about database {other}, but this dump is of {database}"
                ),
            )),
            _ => Ok(()),
        };
        let mut unmatched = Vec::new();
        let mut find_tables = |patterns: &[String]| -> Result<HashSet<RelationName>> {
            let mut all = HashSet::new();
            for written in patterns {
                let pattern = Pattern::relation(written)?;
                check_database(&pattern)?;
                let found: Vec<&RelationName> = relations
                    .iter()
                    .filter(|name| pattern.matches(&text(&name.namespace), &text(&name.name)))
                    .collect();
                if found.is_empty() {
                    unmatched.push(format!("table {written}"));
                }
                if found.len() > 1 && pattern.is_literal() && !pattern.is_qualified() {
                    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
                    return Err(Error::new(
                        ErrorKind::Usage,
                        format!(
                            "pattern {written} is ambiguous: it could be {}; write the schema too",
                            found.join(" or ")
                        ),
                    ));
                }
                all.extend(found.into_iter().cloned());
            }
            Ok(all)
        };
        let tables = find_tables(&selection.tables)?;
        let without_tables = find_tables(&selection.without_tables)?;
        let without_data_of = find_tables(&selection.without_data_of)?;
        let mut find_schemas = |patterns: &[String]| -> Result<HashSet<Vec<u8>>> {
            let mut all = HashSet::new();
            for written in patterns {
                let pattern = Pattern::schema(written)?;
                check_database(&pattern)?;
                let before = all.len();
                let mut seen = false;
                for schema in &schemas {
                    if pattern.matches_schema(&text(schema)) {
                        seen = true;
                        all.insert(schema.clone());
                    }
                }
                debug_assert!(seen || all.len() == before);
                if !seen {
                    unmatched.push(format!("schema {written}"));
                }
            }
            Ok(all)
        };
        let schemas_in = find_schemas(&selection.schemas)?;
        let without_schemas = find_schemas(&selection.without_schemas)?;
        if !unmatched.is_empty() {
            return Err(Error::new(
                ErrorKind::Missing,
                format!("nothing in the dump matches {}", unmatched.join(", ")),
            ));
        }
        Ok(Self {
            tables,
            without_tables,
            without_data_of,
            schemas: schemas_in,
            without_schemas,
        })
    }
}

/// A selection being made: which positions are chosen so far.
struct Work<'a> {
    toc: &'a Toc,
    graph: Graph,
    homes: Vec<Option<RelationName>>,
    chosen: Vec<bool>,
    /// Entries that belong to something chosen, but join it to something that is not.
    left_out: Vec<bool>,
    /// Entries that would be chosen for where they stand, if nothing closer speaks for them.
    in_scope: Vec<bool>,
    relations: HashSet<RelationName>,
    indexes: HashSet<RelationName>,
    notices: Vec<SelectNotice>,
}

impl<'a> Work<'a> {
    fn new(toc: &'a Toc) -> Self {
        Self {
            toc,
            graph: Graph::of(toc),
            homes: toc.entries.iter().map(Entry::home).collect(),
            chosen: vec![false; toc.entries.len()],
            left_out: vec![false; toc.entries.len()],
            in_scope: vec![false; toc.entries.len()],
            relations: HashSet::new(),
            indexes: HashSet::new(),
            notices: Vec::new(),
        }
    }

    fn entries(&self) -> impl Iterator<Item = (usize, &'a Entry)> + use<'a> {
        self.toc.entries.iter().enumerate()
    }

    /// The relations asked for, their owned sequences, and in whole schemas everything else.
    fn mark_roots(&mut self, everything: bool, names: &Names) {
        let in_schema = |namespace: &[u8]| {
            !names.without_schemas.contains(namespace)
                && (everything || names.schemas.contains(namespace))
        };
        let is_relation_chosen = |name: &RelationName| {
            !names.without_tables.contains(name)
                && !names.without_schemas.contains(&name.namespace)
                && (names.tables.contains(name) || in_schema(&name.namespace))
        };
        for (at, entry) in self.entries() {
            self.in_scope[at] = match (&entry.kind, &entry.namespace) {
                (Kind::Schema, _) => in_schema(&entry.tag),
                (Kind::PublicationTablesInSchema, _) => everything,
                (_, Some(namespace)) => in_schema(namespace),
                (_, None) => everything,
            };
            self.chosen[at] = self.in_scope[at]
                && !is_dependent(&entry.kind)
                && entry.relation().is_none()
                && self.homes[at].is_none();
            let name = match entry.kind {
                Kind::TableData | Kind::SequenceSet | Kind::MaterializedViewData => {
                    Some(entry.tagged())
                }
                _ => entry.relation(),
            };
            if let Some(name) = name.filter(is_relation_chosen) {
                self.relations.insert(name);
            }
        }
        // An owned sequence goes where its table goes.
        for (at, entry) in self.entries() {
            let owner = match entry.kind {
                Kind::SequenceOwnedBy => entry.owner_of_sequence(),
                Kind::Sequence => self.homes[at].clone(),
                _ => None,
            };
            if let Some(owner) = owner {
                let sequence = entry.tagged();
                if self.relations.contains(&owner) {
                    self.relations.insert(sequence);
                } else if names.without_tables.contains(&owner) {
                    self.relations.remove(&sequence);
                }
            }
        }
    }

    /// Everything that is a part of a chosen relation.
    fn mark_members(&mut self, everything: bool) {
        for (at, entry) in self.entries() {
            let chosen = match entry.relation() {
                Some(relation) => self.relations.contains(&relation),
                None => self.homes[at]
                    .as_ref()
                    .is_some_and(|home| self.relations.contains(home)),
            };
            // Being published is not a part of a table; it goes with the publication.
            if chosen && (entry.kind != Kind::PublicationTable || everything) {
                self.chosen[at] = true;
                if let Some(index) = entry.index() {
                    self.indexes.insert(index);
                }
            }
        }
        for (at, entry) in self.entries() {
            if entry.kind == Kind::IndexAttach {
                self.chosen[at] = entry
                    .attachment()
                    .is_some_and(|(_, child)| self.indexes.contains(&child));
            }
        }
    }

    /// Foreign keys, attachments and ownerships to what is not chosen.
    fn leave_out_loose_ends(&mut self) {
        for (at, entry) in self.entries() {
            if !self.chosen[at] {
                continue;
            }
            let needs = match entry.kind {
                Kind::TableAttach => entry
                    .attachment()
                    .map(|(parent, _)| parent)
                    .filter(|parent| !self.relations.contains(parent)),
                Kind::IndexAttach => entry
                    .attachment()
                    .map(|(parent, _)| parent)
                    .filter(|parent| !self.indexes.contains(parent)),
                Kind::SequenceOwnedBy => entry
                    .owner_of_sequence()
                    .filter(|owner| !self.relations.contains(owner)),
                _ => None,
            };
            if let Some(needs) = needs {
                self.leave_out(at, needs.to_string());
            }
        }
        // An identity column's sequence cannot be made without its table.
        for (at, entry) in self.entries() {
            if self.chosen[at]
                && entry.kind == Kind::Sequence
                && let Some(owner) = self.homes[at].clone()
                && !self.relations.contains(&owner)
            {
                self.leave_out(at, owner.to_string());
            }
        }
    }

    fn leave_out(&mut self, at: usize, needs: String) {
        self.chosen[at] = false;
        self.left_out[at] = true;
        self.notices.push(SelectNotice::LeftOut {
            entry: self.toc.entries[at].to_string(),
            needs,
        });
    }

    /// Comments, privileges, labels and statistics of what is chosen.
    fn mark_dependents(&mut self) {
        let schemas: HashSet<&[u8]> = self
            .entries()
            .filter(|(at, entry)| self.chosen[*at] && entry.kind == Kind::Schema)
            .map(|(_, entry)| &entry.tag[..])
            .collect();
        let statistics: HashSet<RelationName> = self
            .entries()
            .filter(|(at, entry)| self.chosen[*at] && entry.kind == Kind::Statistics)
            .map(|(_, entry)| entry.tagged())
            .collect();
        let known: HashSet<RelationName> = self
            .entries()
            .filter_map(|(_, entry)| entry.relation().or_else(|| entry.index()))
            .collect();
        let left_out: HashSet<(&RelationName, &[u8])> = self
            .entries()
            .filter(|(at, _)| self.left_out[*at])
            .filter_map(|(at, entry)| {
                let home = self.homes[at].as_ref()?;
                Some((home, entry.part_name(home)?))
            })
            .collect();
        let mut found = Vec::new();
        for (at, entry) in self.entries() {
            if !is_dependent(&entry.kind) {
                continue;
            }
            let parents: Vec<usize> = self
                .graph
                .dependencies(at)
                .iter()
                .copied()
                // A column's privileges also depend on those of the table.
                .filter(|parent| self.toc.entries[*parent].kind != Kind::Acl)
                .collect();
            let chosen = if !parents.is_empty() {
                parents.iter().any(|parent| self.chosen[*parent])
            } else {
                let subject = match entry.kind {
                    Kind::StatisticsData => Some(Subject::Relation(entry.tagged())),
                    _ => entry.subject(),
                };
                match subject {
                    Some(Subject::Relation(name)) => {
                        self.relations.contains(&name)
                            || self.indexes.contains(&name)
                            // A catalog's privileges, for instance.
                            || self.in_scope[at] && !known.contains(&name)
                    }
                    Some(Subject::Part { table, name })
                        if left_out.contains(&(&table, &name[..])) =>
                    {
                        false
                    }
                    // A CHECK inside CREATE TABLE has no entry of its own, but its comment does.
                    Some(Subject::Part { table, .. }) => self.relations.contains(&table),
                    Some(Subject::Statistics(name)) => statistics.contains(&name),
                    Some(Subject::Schema(name)) => schemas.contains(&name[..]),
                    Some(Subject::Other) | None => self.in_scope[at],
                }
            };
            if chosen {
                found.push(at);
            }
        }
        for at in found {
            self.chosen[at] = true;
        }
    }

    /// Parents chosen without their children: what is in those is not in the selection.
    fn report_children(&mut self) {
        let mut counts: Vec<(RelationName, usize)> = Vec::new();
        for (_, entry) in self.entries() {
            if entry.kind != Kind::TableAttach {
                continue;
            }
            if let Some((parent, child)) = entry.attachment()
                && self.relations.contains(&parent)
                && !self.relations.contains(&child)
            {
                match counts.iter_mut().find(|(name, _)| *name == parent) {
                    Some((_, count)) => *count += 1,
                    None => counts.push((parent, 1)),
                }
            }
        }
        self.notices.extend(
            counts
                .into_iter()
                .map(|(parent, count)| SelectNotice::Children {
                    parent: parent.to_string(),
                    count,
                }),
        );
    }

    /// Definitions that the chosen ones need, and what goes with those.
    fn mark_dependencies(&mut self) {
        let before = self.chosen.clone();
        if self.graph.is_flat() {
            self.mark_mentioned();
        } else {
            // The tables that foreign keys refer to are not needed to make the tables.
            let (keys, roots): (Vec<usize>, Vec<usize>) = (0..self.chosen.len())
                .filter(|at| self.chosen[*at])
                .partition(|at| self.toc.entries[*at].kind == Kind::FkConstraint);
            let enter = |at: usize| {
                let entry = &self.toc.entries[at];
                !self.left_out[at]
                    && entry.section == Section::PreData
                    && !matches!(entry.kind, Kind::Database | Kind::DatabaseProperties)
            };
            self.chosen = self.graph.closure(roots, enter);
            for at in keys {
                self.chosen[at] = true;
            }
        }
        // The schema an entry lives in: pg_dump does not say that an entry depends on `public`.
        let needed: HashSet<&[u8]> = self
            .entries()
            .filter(|(at, _)| self.chosen[*at])
            .filter_map(|(_, entry)| entry.namespace.as_deref())
            .collect();
        for (at, entry) in self.entries() {
            if entry.kind == Kind::Schema && needed.contains(&entry.tag[..]) {
                self.chosen[at] = true;
            }
        }
        // What was joined: attachments to parents that came in, values of sequences that did,
        // comments on all of it.
        for (at, entry) in self.entries() {
            if self.chosen[at]
                && !before[at]
                && let Some(name) = entry.relation()
            {
                self.relations.insert(name);
            }
        }
        for (at, entry) in self.entries() {
            let wanted = match entry.kind {
                Kind::SequenceSet => {
                    self.relations.contains(&entry.tagged())
                        && self.entries().any(|(other, sequence)| {
                            sequence.kind == Kind::Sequence
                                && self.chosen[other]
                                && sequence.tagged() == entry.tagged()
                        })
                }
                Kind::TableAttach => {
                    self.left_out[at]
                        && entry
                            .attachment()
                            .is_some_and(|(parent, _)| self.relations.contains(&parent))
                }
                _ => false,
            };
            if wanted && !self.chosen[at] {
                self.chosen[at] = true;
                if std::mem::take(&mut self.left_out[at]) {
                    let name = entry.to_string();
                    self.notices.retain(|notice| {
                        !matches!(notice, SelectNotice::LeftOut { entry, .. } if *entry == name)
                    });
                }
            }
        }
        self.mark_dependents();
    }

    /// Without dependencies, names say what is needed; pg_dump qualifies every one of them.
    fn mark_mentioned(&mut self) {
        for (at, entry) in self.entries() {
            // What an extension provides has no entry, so it cannot be told which is needed.
            if entry.kind == Kind::Extension {
                self.chosen[at] = true;
            }
        }
        let mut open: Vec<usize> = (0..self.chosen.len())
            .filter(|at| self.chosen[*at])
            .collect();
        while let Some(at) = open.pop() {
            let entry = &self.toc.entries[at];
            if matches!(entry.kind, Kind::Comment | Kind::Acl | Kind::FkConstraint) {
                continue;
            }
            let mentioned: HashSet<RelationName> = entry.mentions().into_iter().collect();
            for (other, candidate) in self.entries() {
                if !self.chosen[other]
                    && !self.left_out[other]
                    && candidate.section == Section::PreData
                    && is_named_definition(&candidate.kind)
                    && mentioned.contains(&bare_name(candidate))
                {
                    self.chosen[other] = true;
                    open.push(other);
                }
            }
        }
    }

    /// Definitions that a chosen entry depends on and that are not chosen.
    fn report_needs(&mut self) {
        let mut seen: HashSet<usize> = HashSet::new();
        for at in 0..self.chosen.len() {
            let entry = &self.toc.entries[at];
            if !self.chosen[at] || entry.section == Section::None {
                continue;
            }
            if entry.kind == Kind::FkConstraint {
                let outside = entry
                    .referenced_table()
                    .filter(|table| !self.relations.contains(table));
                self.notices
                    .extend(outside.map(|table| SelectNotice::Refers {
                        entry: entry.to_string(),
                        table: table.to_string(),
                    }));
                continue;
            }
            for dependency in self.graph.dependencies(at) {
                let needed = &self.toc.entries[*dependency];
                let matters = !self.chosen[*dependency]
                    && !self.left_out[*dependency]
                    && needed.section == Section::PreData;
                if matters && seen.insert(*dependency) {
                    self.notices.push(SelectNotice::Needs {
                        entry: entry.to_string(),
                        needs: needed.to_string(),
                    });
                }
            }
        }
    }

    fn apply_filters(&mut self, selection: &Selection, names: &Names) {
        let sections: Vec<Option<Section>> = if selection.sections.is_empty() {
            Vec::new()
        } else {
            (0..self.chosen.len())
                .map(|at| self.effective_section(at))
                .collect()
        };
        for (at, entry) in self.entries() {
            let excluded = matches!(
                entry.kind,
                Kind::TableData | Kind::SequenceSet | Kind::MaterializedViewData
            ) && names.without_data_of.contains(&entry.tagged());
            let of_kind = (selection.kinds.is_empty() || selection.kinds.contains(&entry.kind))
                && !selection.without_kinds.contains(&entry.kind);
            let in_section = sections.get(at).is_none_or(|section| {
                section.is_none_or(|section| selection.sections.contains(&section))
            });
            if excluded || !of_kind || !in_section {
                self.chosen[at] = false;
            }
        }
        let without_data = &names.without_data_of;
        for (at, entry) in self.entries() {
            if self.chosen[at]
                && entry.kind == Kind::FkConstraint
                && let Some(table) = entry.referenced_table()
            {
                let own = self.homes[at].as_ref();
                if without_data.contains(&table)
                    && !own.is_some_and(|own| without_data.contains(own))
                {
                    self.notices.push(SelectNotice::DataExcluded {
                        entry: entry.to_string(),
                        table: table.to_string(),
                    });
                }
            }
        }
    }

    /// The section of an entry, or of the object it is a comment or a privilege of.
    fn effective_section(&self, at: usize) -> Option<Section> {
        match self.toc.entries[at].section {
            Section::None => self
                .graph
                .dependencies(at)
                .iter()
                .map(|parent| self.toc.entries[*parent].section)
                .filter(|section| *section != Section::None)
                .max()
                .or(Some(Section::PreData)),
            section => Some(section),
        }
    }
}

/// Kinds that say something about another entry and go where that goes.
fn is_dependent(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Comment | Kind::Acl | Kind::SecurityLabel | Kind::StatisticsData
    )
}

/// Kinds whose `namespace.tag` is what other definitions call them by.
fn is_named_definition(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Table
            | Kind::ForeignTable
            | Kind::View
            | Kind::MaterializedView
            | Kind::Sequence
            | Kind::Type
            | Kind::ShellType
            | Kind::Domain
            | Kind::Function
            | Kind::Procedure
            | Kind::Aggregate
            | Kind::Collation
            | Kind::Operator
            | Kind::OperatorClass
            | Kind::TextSearchConfiguration
            | Kind::TextSearchDictionary
    )
}

/// The name of a definition without the arguments of a function.
fn bare_name(entry: &Entry) -> RelationName {
    let mut name = entry.tagged();
    if let Some(end) = name.name.iter().position(|byte| *byte == b'(') {
        name.name.truncate(end);
    }
    name
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::EntryId;
    use super::*;

    /// Entries as pg_dump makes them for three tables in two schemas, a type and a function.
    pub(crate) fn shop() -> Toc {
        let mut toc = Toc {
            database: "shop".into(),
            encoding: "UTF8".into(),
            ..Toc::default()
        };
        let mut id = 0;
        let mut add = |kind: Kind, namespace: &str, tag: &str, definition: &str, on: &[u32]| {
            id += 1;
            let mut entry = Entry::new(EntryId(id), kind, tag.as_bytes().to_vec());
            entry.namespace = (!namespace.is_empty()).then(|| namespace.as_bytes().to_vec().into());
            entry.definition = definition.as_bytes().to_vec().into();
            entry.dependencies = on.iter().map(|id| EntryId(*id)).collect();
            toc.entries.push(entry);
        };
        add(Kind::Schema, "", "old", "CREATE SCHEMA old;", &[]); // 1
        add(
            Kind::Type,
            "public",
            "mood",
            "CREATE TYPE public.mood AS ENUM ('a');",
            &[],
        ); // 2
        add(
            Kind::Function,
            "public",
            "touch()",
            "CREATE FUNCTION public.touch() RETURNS trigger",
            &[],
        ); // 3
        add(
            Kind::Table,
            "old",
            "votes_vote",
            "CREATE TABLE old.votes_vote (id int);",
            &[1],
        ); // 4
        add(
            Kind::Table,
            "public",
            "polls",
            "CREATE TABLE public.polls (id int);",
            &[],
        ); // 5
        add(
            Kind::Table,
            "public",
            "votes_vote",
            "CREATE TABLE public.votes_vote (id int, m public.mood);",
            &[2, 2],
        ); // 6
        add(
            Kind::Comment,
            "public",
            "TABLE votes_vote",
            "COMMENT ON TABLE public.votes_vote IS 'x';",
            &[6],
        ); // 7
        add(
            Kind::Acl,
            "public",
            "TABLE votes_vote",
            "GRANT SELECT ON TABLE public.votes_vote TO r;",
            &[6],
        ); // 8
        add(
            Kind::Sequence,
            "public",
            "votes_vote_id_seq",
            "CREATE SEQUENCE public.votes_vote_id_seq;",
            &[6],
        ); // 9
        add(
            Kind::SequenceOwnedBy,
            "public",
            "votes_vote_id_seq",
            "ALTER SEQUENCE public.votes_vote_id_seq OWNED BY public.votes_vote.id;",
            &[9],
        ); // 10
        add(
            Kind::Table,
            "public",
            "votes_vote_options",
            "CREATE TABLE public.votes_vote_options (id int);",
            &[],
        ); // 11
        add(
            Kind::Sequence,
            "public",
            "votes_vote_options_id_seq",
            "ALTER TABLE public.votes_vote_options ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME public.votes_vote_options_id_seq);",
            &[11],
        ); // 12
        add(
            Kind::Default,
            "public",
            "votes_vote id",
            "ALTER TABLE ONLY public.votes_vote ALTER COLUMN id SET DEFAULT nextval('public.votes_vote_id_seq'::regclass);",
            &[6, 9, 6],
        ); // 13
        add(Kind::TableData, "old", "votes_vote", "", &[4]); // 14
        add(Kind::TableData, "public", "polls", "", &[5]); // 15
        add(Kind::TableData, "public", "votes_vote", "", &[6]); // 16
        add(Kind::TableData, "public", "votes_vote_options", "", &[11]); // 17
        add(
            Kind::SequenceSet,
            "public",
            "votes_vote_id_seq",
            "SELECT pg_catalog.setval('public.votes_vote_id_seq', 1, true);",
            &[9],
        ); // 18
        add(
            Kind::SequenceSet,
            "public",
            "votes_vote_options_id_seq",
            "SELECT pg_catalog.setval('public.votes_vote_options_id_seq', 1, true);",
            &[12],
        ); // 19
        add(
            Kind::Constraint,
            "public",
            "polls polls_pkey",
            "ALTER TABLE ONLY public.polls\n    ADD CONSTRAINT polls_pkey PRIMARY KEY (id);",
            &[5],
        ); // 20
        add(
            Kind::Constraint,
            "public",
            "votes_vote votes_vote_pkey",
            "ALTER TABLE ONLY public.votes_vote\n    ADD CONSTRAINT votes_vote_pkey PRIMARY KEY (id);",
            &[6],
        ); // 21
        add(
            Kind::Comment,
            "public",
            "CONSTRAINT votes_vote_pkey ON votes_vote",
            "COMMENT ON CONSTRAINT votes_vote_pkey ON public.votes_vote IS 'x';",
            &[21],
        ); // 22
        add(
            Kind::Index,
            "public",
            "votes_at",
            "CREATE INDEX votes_at ON public.votes_vote USING btree (id);",
            &[6],
        ); // 23
        add(
            Kind::Index,
            "public",
            "opt_label",
            "CREATE INDEX opt_label ON public.votes_vote_options USING btree (id);",
            &[11],
        ); // 24
        add(
            Kind::Trigger,
            "public",
            "votes_vote t",
            "CREATE TRIGGER t BEFORE INSERT ON public.votes_vote FOR EACH ROW EXECUTE FUNCTION public.touch();",
            &[6, 3],
        ); // 25
        add(
            Kind::FkConstraint,
            "public",
            "votes_vote f",
            "ALTER TABLE ONLY public.votes_vote\n    ADD CONSTRAINT f FOREIGN KEY (id) REFERENCES public.polls(id);",
            &[5, 20, 6],
        ); // 26
        add(
            Kind::Comment,
            "public",
            "CONSTRAINT f ON votes_vote",
            "COMMENT ON CONSTRAINT f ON public.votes_vote IS 'x';",
            &[26],
        ); // 27
        add(
            Kind::FkConstraint,
            "public",
            "votes_vote_options g",
            "ALTER TABLE ONLY public.votes_vote_options\n    ADD CONSTRAINT g FOREIGN KEY (id) REFERENCES public.votes_vote(id);",
            &[6, 21, 11],
        ); // 28
        add(
            Kind::DefaultAcl,
            "public",
            "DEFAULT PRIVILEGES FOR TABLES",
            "ALTER DEFAULT PRIVILEGES FOR ROLE p IN SCHEMA public GRANT SELECT ON TABLES TO r;",
            &[],
        ); // 29
        toc
    }

    fn ids(toc: &Toc, selection: &Selection) -> Vec<u32> {
        let selected = toc.select(selection).unwrap();
        selected
            .toc
            .entries
            .iter()
            .map(|entry| entry.id.0)
            .collect()
    }

    fn flat() -> Toc {
        let mut toc = shop();
        for entry in &mut toc.entries {
            entry.dependencies.clear();
        }
        toc
    }

    const OF_VOTES: [u32; 14] = [6, 7, 8, 9, 10, 13, 16, 18, 21, 22, 23, 25, 26, 27];

    #[test]
    fn a_table_comes_with_what_is_its_own_and_nothing_of_its_neighbors() {
        let one = Selection::tables(["public.votes_vote"]);
        assert_eq!(ids(&shop(), &one), OF_VOTES);
        assert_eq!(ids(&flat(), &one), OF_VOTES, "by names alone");
    }

    #[test]
    fn a_foreign_key_to_the_outside_is_kept_and_said() {
        let selected = shop()
            .select(&Selection::tables(["public.votes_vote"]))
            .unwrap();
        let said: Vec<String> = selected.notices.iter().map(ToString::to_string).collect();
        let refers = "entry 26 (FK CONSTRAINT public.votes_vote f) refers to public.polls, which is \
                      not selected: it can be made only where that table exists";
        assert!(said.iter().any(|line| line == refers), "{said:?}");
        assert!(
            said.iter()
                .any(|line| line.contains("needs entry 2 (TYPE public.mood)"))
        );
        let both = Selection::tables(["public.votes_vote", "polls"]);
        let both = shop().select(&both).unwrap();
        let refers = |notice: &SelectNotice| matches!(notice, SelectNotice::Refers { .. });
        assert!(!both.notices.iter().any(refers), "{:?}", both.notices);
    }

    #[test]
    fn dependencies_come_when_asked_for_but_no_table_does() {
        let one = Selection::tables(["public.votes_vote"]).with_dependencies();
        let mut expect: Vec<u32> = OF_VOTES.to_vec();
        expect.extend([2, 3]);
        expect.sort_unstable();
        assert_eq!(ids(&shop(), &one), expect);
        assert_eq!(ids(&flat(), &one), expect, "by names alone");
        let old = Selection::tables(["old.votes_vote"]).with_dependencies();
        assert_eq!(ids(&shop(), &old), [1, 4, 14]);
        assert_eq!(ids(&flat(), &old), [1, 4, 14]);
    }

    #[test]
    fn a_schema_is_everything_in_it() {
        assert_eq!(ids(&shop(), &Selection::schemas(["old"])), [1, 4, 14]);
        assert_eq!(
            ids(&shop(), &Selection::all().without_schema("public")),
            [1, 4, 14]
        );
        let public: Vec<u32> = (1..=29).filter(|id| ![1, 4, 14].contains(id)).collect();
        assert_eq!(ids(&shop(), &Selection::schemas(["public"])), public);
        assert_eq!(ids(&flat(), &Selection::schemas(["public"])), public);
    }

    #[test]
    fn data_can_be_left_behind() {
        let no_data = Selection::all().without_data_of("*.votes_vote*");
        let expect: Vec<u32> = (1..=29)
            .filter(|id| ![14, 16, 17, 18, 19].contains(id))
            .collect();
        assert_eq!(ids(&shop(), &no_data), expect);
        let no_polls = shop()
            .select(&Selection::all().without_data_of("polls"))
            .unwrap();
        assert!(matches!(
            no_polls.notices[..],
            [SelectNotice::DataExcluded { .. }]
        ));
    }

    #[test]
    fn tables_can_be_excluded_with_what_is_theirs() {
        let expect: Vec<u32> = (1..=29).filter(|id| !OF_VOTES.contains(id)).collect();
        let without = Selection::all().without_table("public.votes_vote");
        assert_eq!(ids(&shop(), &without), expect);
        assert_eq!(ids(&flat(), &without), expect);
    }

    #[test]
    fn kinds_and_sections_narrow_a_selection() {
        let keys = Selection::tables(["public.votes_vote"]).only_kinds([Kind::Constraint]);
        assert_eq!(ids(&shop(), &keys), [21]);
        let data = Selection::all().only_sections([Section::Data]);
        assert_eq!(ids(&shop(), &data), [14, 15, 16, 17, 18, 19]);
        let post = ids(
            &shop(),
            &Selection::all().only_sections([Section::PostData]),
        );
        assert!(
            post.contains(&22) && !post.contains(&7),
            "comments go with their objects"
        );
        let no_acl = ids(&shop(), &Selection::all().without_kinds([Kind::Acl]));
        assert_eq!(no_acl.len(), 28);
    }

    #[test]
    fn patterns_without_a_match_and_ambiguous_names_are_refused() {
        let error = shop()
            .select(&Selection::tables(["public.votes", "nothing", "polls"]))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Missing);
        assert_eq!(
            error.to_string(),
            "nothing in the dump matches table public.votes, table nothing"
        );
        let error = shop()
            .select(&Selection::tables(["votes_vote"]))
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("old.votes_vote or public.votes_vote")
        );
        let error = shop()
            .select(&Selection::tables(["other.public.polls"]))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
    }

    #[test]
    fn a_partition_brings_its_parent_only_as_a_dependency() {
        let mut toc = Toc::default();
        let mut add = |id, kind, tag: &'static str, definition: &'static str, on: &[u32]| {
            let mut entry = Entry::new(EntryId(id), kind, tag);
            entry.namespace = Some("s".into());
            entry.definition = definition.into();
            entry.dependencies = on.iter().map(|id| EntryId(*id)).collect();
            toc.entries.push(entry);
        };
        add(
            1,
            Kind::Table,
            "p",
            "CREATE TABLE s.p (id int) PARTITION BY RANGE (id);",
            &[],
        );
        add(2, Kind::Table, "p1", "CREATE TABLE s.p1 (id int);", &[1]);
        add(
            3,
            Kind::TableAttach,
            "p1",
            "ALTER TABLE ONLY s.p ATTACH PARTITION s.p1 DEFAULT;",
            &[1, 2],
        );
        add(4, Kind::TableData, "p1", "", &[2]);
        add(
            5,
            Kind::Index,
            "i",
            "CREATE INDEX i ON ONLY s.p USING btree (id);",
            &[1],
        );
        add(
            6,
            Kind::Index,
            "i1",
            "CREATE INDEX i1 ON s.p1 USING btree (id);",
            &[2],
        );
        add(
            7,
            Kind::IndexAttach,
            "i1",
            "ALTER INDEX s.i ATTACH PARTITION s.i1;",
            &[5, 6],
        );
        assert_eq!(ids(&toc, &Selection::tables(["s.p1"])), [2, 4, 6]);
        assert_eq!(
            ids(&toc, &Selection::tables(["s.p1"]).with_dependencies()),
            [1, 2, 3, 4, 6]
        );
        let parent = toc.select(&Selection::tables(["s.p"])).unwrap();
        assert_eq!(parent.toc.entries.len(), 2);
        assert_eq!(
            parent.notices[0].to_string(),
            "s.p has 1 partitions or child tables that are not selected"
        );
        assert_eq!(
            ids(&toc, &Selection::tables(["s.p*"])),
            [1, 2, 3, 4, 5, 6, 7]
        );
    }
}
