//! A selection being made: from names to positions, and what belongs to them.

use std::collections::HashSet;

use super::names::Names;
use super::{SelectNotice, Selection};
use crate::toc::graph::Graph;
use crate::toc::relation::{RelationName, Subject};
use crate::toc::{Entry, Kind, Section, Toc};

/// A selection being made: which positions are chosen so far.
pub(super) struct Work<'a> {
    pub(super) toc: &'a Toc,
    pub(super) graph: Graph,
    pub(super) homes: Vec<Option<RelationName>>,
    pub(super) chosen: Vec<bool>,
    /// Entries that belong to something chosen, but join it to something that is not.
    pub(super) left_out: Vec<bool>,
    /// Entries that would be chosen for where they stand, if nothing closer speaks for them.
    pub(super) in_scope: Vec<bool>,
    pub(super) relations: HashSet<RelationName>,
    pub(super) indexes: HashSet<RelationName>,
    pub(super) notices: Vec<SelectNotice>,
}

impl<'a> Work<'a> {
    pub(super) fn new(toc: &'a Toc) -> Self {
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

    pub(super) fn entries(&self) -> impl Iterator<Item = (usize, &'a Entry)> + use<'a> {
        self.toc.entries.iter().enumerate()
    }

    /// The relations asked for, their owned sequences, and in whole schemas everything else.
    pub(super) fn mark_roots(&mut self, everything: bool, names: &Names) {
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
    pub(super) fn mark_members(&mut self, everything: bool) {
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
    pub(super) fn leave_out_loose_ends(&mut self) {
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

    pub(super) fn leave_out(&mut self, at: usize, needs: String) {
        self.chosen[at] = false;
        self.left_out[at] = true;
        self.notices.push(SelectNotice::LeftOut {
            entry: self.toc.entries[at].to_string(),
            needs,
        });
    }

    /// Comments, privileges, labels and statistics of what is chosen.
    pub(super) fn mark_dependents(&mut self) {
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
                // Those of a script say what comes before, not what an entry is about.
                .filter(|_| !self.graph.is_flat())
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
    pub(super) fn report_children(&mut self) {
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

    /// Definitions that a chosen entry depends on and that are not chosen.
    pub(super) fn report_needs(&mut self) {
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

    pub(super) fn apply_filters(&mut self, selection: &Selection, names: &Names) {
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
                && !selection.without_kinds.contains(&entry.kind)
                && !(is_dependent(&entry.kind) && self.is_about(at, &selection.without_kinds));
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

    /// Whether what the entry says something about is of one of these kinds.
    fn is_about(&self, at: usize, kinds: &[Kind]) -> bool {
        // Those of a script say what comes before, not what an entry is about.
        let mut objects = self.graph.dependencies(at).iter();
        !self.graph.is_flat()
            && objects.any(|object| kinds.contains(&self.toc.entries[*object].kind))
    }

    /// The section of an entry, or of the object it is a comment or a privilege of.
    pub(super) fn effective_section(&self, at: usize) -> Option<Section> {
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
