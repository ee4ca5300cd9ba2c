//! What the selected definitions need to be made at all: by the Toc's dependencies, and where it
//! has none (it was read from a script) by the names that definitions mention.

use std::collections::HashSet;

use super::SelectNotice;
use super::work::Work;
use crate::toc::{Entry, Kind, RelationName, Section};

impl Work<'_> {
    /// Definitions that the chosen ones need, and what goes with those.
    pub(super) fn mark_dependencies(&mut self) {
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
    pub(super) fn mark_mentioned(&mut self) {
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
