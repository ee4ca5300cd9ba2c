//! The steps of a restore, in passes, with edges: what must come first, and what must not run at
//! the same time. A value: it can be printed, serialized and tested. Pure.
//!
//! Made from a Toc by whoever restores; executed by `ops::restore`. Knows nothing of connections.
//!
//! The rules are those of pg_restore's parallel mode (`restore_toc_entries_prefork`,
//! `fix_dependencies`, `identify_locking_dependencies`), with what those leave to chance made
//! certain: what stands after the data waits for the data of the whole partition tree, and a
//! foreign key for the data of both its tables.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use serde::{Serialize, Serializer};

use super::graph::{Graph, break_cycles};
use super::relation::{RelationName, Subject};
use super::{Entry, EntryId, Kind, Pass, Section, Toc};
use crate::limits::claimed;

/// The steps of a restore.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// The steps, in the order a single job would take them.
    pub steps: Vec<Step>,
    /// What whoever makes the database applies to it: properties, privileges, comment, labels.
    /// `None` for a part of a dump, which says nothing of the database: then all of the dump's.
    #[serde(skip)]
    pub database: Option<Vec<EntryId>>,
    /// What a person should know: cycles broken, entries that are no steps.
    pub notices: Vec<String>,
}

/// When within its pass a step runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Before everything parallel, on one connection, in the order of the plan.
    First,
    /// As soon as what it comes after is done, on any connection.
    Parallel,
    /// After everything parallel, on one connection, in the order of the plan.
    Last,
}

/// One step: one entry.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Step {
    /// The entry.
    pub entry: EntryId,
    /// What the entry is.
    #[serde(serialize_with = "kind_as_text")]
    pub kind: Kind,
    /// The entry as a person reads it, such as `TABLE DATA shop.orders`.
    pub what: String,
    /// Its pass.
    pub pass: Pass,
    /// Its stage within the pass.
    pub stage: Stage,
    /// Steps of the same pass and stage that must be done before; never in a cycle.
    pub after: Vec<EntryId>,
    /// Relations it locks, by name, with the mode.
    pub locks: Vec<Lock>,
    /// Bytes of data it moves, or its table holds; 0 if unknown.
    pub bytes: u64,
}

/// A lock a step takes on a relation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lock {
    /// The relation, such as `shop.orders`.
    pub relation: String,
    /// The mode.
    pub mode: LockMode,
}

/// The modes of PostgreSQL's table locks that matter to a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[non_exhaustive]
pub enum LockMode {
    /// COPY TO: reading.
    AccessShare,
    /// COPY FROM: writing.
    RowExclusive,
    /// CREATE STATISTICS, restoring statistics, comments on parts of a table.
    ShareUpdateExclusive,
    /// CREATE INDEX.
    Share,
    /// Foreign keys and triggers.
    ShareRowExclusive,
    /// Every other ALTER TABLE.
    AccessExclusive,
}

impl LockMode {
    /// Whether two sessions cannot hold these at the same time; PostgreSQL's conflict table.
    pub fn conflicts_with(self, other: Self) -> bool {
        use LockMode as M;
        let (weak, strong) = if self <= other {
            (self, other)
        } else {
            (other, self)
        };
        match (weak, strong) {
            (_, M::AccessExclusive) => true,
            (M::AccessShare, _) => false,
            (M::RowExclusive, M::Share | M::ShareRowExclusive) => true,
            (M::RowExclusive, _) => false,
            (M::Share, M::Share) => false,
            (_, _) => true,
        }
    }
}

impl Plan {
    /// The plan of a whole Toc; [`Toc::select`] chooses beforehand.
    ///
    /// DATABASE and DATABASE PROPERTIES are not steps: whoever makes the database applies them.
    pub fn of(toc: &Toc) -> Self {
        Planner::new(toc).plan()
    }

    /// The same plan with the sizes of data known, biggest first: what comes after a table's data
    /// takes its size.
    #[must_use]
    pub fn sized(mut self, toc: &Toc, size: impl Fn(EntryId) -> Option<u64>) -> Self {
        let mut by_table: HashMap<String, u64> = HashMap::new();
        let data: BTreeMap<EntryId, RelationName> = toc
            .entries
            .iter()
            .filter(|entry| entry.kind == Kind::TableData)
            .map(|entry| (entry.id, entry.tagged()))
            .collect();
        for step in &mut self.steps {
            if step.kind == Kind::TableData || step.kind == Kind::Blobs {
                step.bytes = size(step.entry).unwrap_or(0);
                if let Some(table) = data.get(&step.entry) {
                    let sum = by_table.entry(table.to_string()).or_default();
                    *sum = sum.saturating_add(step.bytes);
                }
            }
        }
        for step in &mut self.steps {
            if step.kind != Kind::TableData && step.stage == Stage::Parallel {
                step.bytes = step
                    .locks
                    .iter()
                    .filter_map(|lock| by_table.get(&lock.relation))
                    .fold(step.bytes, |most, bytes| most.max(*bytes));
            }
        }
        // Within a run of parallel data steps the order is free.
        self.steps.sort_by_key(|step| {
            let rank = step.rank();
            let size = match step.stage {
                Stage::Parallel if rank == 1 => u64::MAX - step.bytes,
                _ => 0,
            };
            (step.pass, step.stage, rank, size)
        });
        self
    }

    /// The same plan without the steps `leave_out` says; what waited for them does not.
    #[must_use]
    pub fn without(mut self, leave_out: impl Fn(&Step) -> bool) -> Self {
        let gone: HashSet<EntryId> = self
            .steps
            .iter()
            .filter(|step| leave_out(step))
            .map(|step| step.entry)
            .collect();
        self.steps.retain(|step| !gone.contains(&step.entry));
        for step in &mut self.steps {
            step.after.retain(|id| !gone.contains(id));
        }
        self
    }

    /// Bytes of data all steps move, as far as known.
    pub fn data_bytes(&self) -> u64 {
        let data = |step: &&Step| matches!(step.kind, Kind::TableData | Kind::Blobs);
        claimed(self.steps.iter().filter(data).map(|step| step.bytes))
    }
}

impl Step {
    /// Among parallel steps that are ready: 0 for what costs nothing and many wait for (the index
    /// of a partitioned table), 1 for data, 2 for the rest.
    pub fn rank(&self) -> u8 {
        match self.kind {
            Kind::TableData | Kind::Blobs | Kind::SequenceSet => 1,
            Kind::Index | Kind::Constraint if self.after.is_empty() => 0,
            _ => 2,
        }
    }

    /// Whether it cannot run beside `other`.
    pub fn conflicts_with(&self, other: &Step) -> bool {
        self.locks.iter().any(|own| {
            other
                .locks
                .iter()
                .any(|lock| own.relation == lock.relation && own.mode.conflicts_with(lock.mode))
        })
    }
}

/// A table with one line a step, as `--plan` prints it.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = None;
        for step in &self.steps {
            if last != Some((step.pass, step.stage)) {
                last = Some((step.pass, step.stage));
                let pass = match step.pass {
                    Pass::Main => "main pass",
                    Pass::Acl => "privileges",
                    Pass::PostAcl => "after privileges",
                };
                let stage = match step.stage {
                    Stage::First | Stage::Last => "one at a time",
                    Stage::Parallel => "in parallel",
                };
                writeln!(f, "{pass}, {stage}:")?;
            }
            write!(f, "{:>8}  {}", step.entry, step.what)?;
            if step.bytes > 0 && matches!(step.kind, Kind::TableData | Kind::Blobs) {
                write!(f, "  ({} bytes)", step.bytes)?;
            }
            if !step.after.is_empty() {
                let after: Vec<String> = step.after.iter().map(ToString::to_string).collect();
                write!(f, "  after {}", after.join(" "))?;
            }
            writeln!(f)?;
        }
        self.notices
            .iter()
            .try_for_each(|notice| writeln!(f, "note: {notice}"))
    }
}

fn kind_as_text<S: Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.as_str())
}

/// What planning needs to know about a Toc.
struct Planner<'a> {
    toc: &'a Toc,
    graph: Graph,
    homes: Vec<Option<RelationName>>,
    /// Positions of the TABLE DATA entries of each table.
    data: HashMap<RelationName, Vec<usize>>,
    /// Positions of definitions of relations.
    relations: HashMap<RelationName, usize>,
    /// Partitions and inheritance children of each table.
    children: HashMap<RelationName, Vec<RelationName>>,
    /// Positions of the unique constraints and indexes of each table.
    indexes: HashMap<RelationName, Vec<usize>>,
    /// Tables with an index that is not valid before those of their partitions are attached.
    attached_to: HashSet<RelationName>,
    /// Position of the first entry that is not a definition or a comment on one.
    first_data: usize,
    flat: bool,
}

impl<'a> Planner<'a> {
    fn new(toc: &'a Toc) -> Self {
        let mut data: HashMap<RelationName, Vec<usize>> = HashMap::new();
        let mut relations = HashMap::new();
        let mut children: HashMap<RelationName, Vec<RelationName>> = HashMap::new();
        for (at, entry) in toc.entries.iter().enumerate() {
            match entry.kind {
                Kind::TableData => data.entry(entry.tagged()).or_default().push(at),
                Kind::TableAttach => {
                    if let Some((parent, child)) = entry.attachment() {
                        children.entry(parent).or_default().push(child);
                    }
                }
                _ => {}
            }
            if let Some(name) = entry.relation() {
                relations.entry(name).or_insert(at);
            }
        }
        let graph = Graph::of(toc);
        // Inheritance is a dependency between tables and nothing else.
        for (at, entry) in toc.entries.iter().enumerate() {
            if entry.kind == Kind::Table {
                for parent in graph.dependencies(at) {
                    let parent = &toc.entries[*parent];
                    if parent.kind == Kind::Table {
                        children
                            .entry(parent.tagged())
                            .or_default()
                            .push(entry.tagged());
                    }
                }
            }
        }
        let homes: Vec<Option<RelationName>> = toc.entries.iter().map(Entry::home).collect();
        let attached: HashSet<RelationName> = toc
            .entries
            .iter()
            .filter(|entry| entry.kind == Kind::IndexAttach)
            .filter_map(|entry| Some(entry.attachment()?.0))
            .collect();
        let mut indexes: HashMap<RelationName, Vec<usize>> = HashMap::new();
        let mut attached_to = HashSet::new();
        for (at, (entry, home)) in toc.entries.iter().zip(&homes).enumerate() {
            if let (Some(index), Some(home)) = (entry.index(), home) {
                indexes.entry(home.clone()).or_default().push(at);
                if attached.contains(&index) {
                    attached_to.insert(home.clone());
                }
            }
        }
        Self {
            toc,
            flat: graph.is_flat(),
            graph,
            homes,
            data,
            relations,
            children,
            indexes,
            attached_to,
            first_data: toc
                .entries
                .iter()
                .position(|entry| entry.section > Section::PreData)
                .unwrap_or(toc.entries.len()),
        }
    }

    fn plan(mut self) -> Plan {
        let entries = &self.toc.entries;
        let stages: Vec<Option<(Pass, Stage)>> =
            (0..entries.len()).map(|at| self.place(at)).collect();
        let mut after: Vec<Vec<usize>> = (0..entries.len())
            .map(|at| match stages[at] {
                Some((_, Stage::Parallel)) => self.after(at, &stages),
                _ => Vec::new(),
            })
            .collect();
        let mut notices: Vec<String> = break_cycles(&mut after)
            .into_iter()
            .map(|at| {
                format!(
                    "{} is in a circle of dependencies and does not wait for all it depends on",
                    entries[at]
                )
            })
            .collect();
        notices.extend(
            entries
                .iter()
                .filter(|entry| entry.kind == Kind::Warning)
                .map(|entry| {
                    format!(
                        "warning from the dump: {}",
                        String::from_utf8_lossy(&entry.definition).trim()
                    )
                }),
        );
        let mut steps: Vec<Step> = (0..entries.len())
            .filter_map(|at| {
                let (pass, stage) = stages[at]?;
                let entry = &entries[at];
                Some(Step {
                    entry: entry.id,
                    kind: entry.kind.clone(),
                    what: what(entry),
                    pass,
                    stage,
                    after: after[at].iter().map(|at| entries[*at].id).collect(),
                    locks: match stage {
                        Stage::Parallel => self.locks(at),
                        _ => Vec::new(),
                    },
                    bytes: 0,
                })
            })
            .collect();
        self.children.clear();
        steps.sort_by_key(|step| (step.pass, step.stage, step.rank()));
        let database = self.toc.database_entry().map(|_| {
            let about = self.toc.about_database();
            about.map(|entry| entry.id).collect()
        });
        Plan {
            steps,
            database,
            notices,
        }
    }

    /// The pass and stage of an entry; none if it is not a step.
    fn place(&self, at: usize) -> Option<(Pass, Stage)> {
        let entry = &self.toc.entries[at];
        if matches!(
            entry.kind,
            Kind::Database | Kind::DatabaseProperties | Kind::Warning
        ) {
            return None;
        }
        // They go with the properties of the database.
        if matches!(entry.kind, Kind::Comment | Kind::Acl | Kind::SecurityLabel)
            && entry.tag.starts_with(b"DATABASE ")
        {
            return None;
        }
        let pass = Pass::of(entry);
        let stage = match pass {
            Pass::Acl => Stage::First,
            Pass::PostAcl => match entry.kind {
                // Nothing may fire on what the restore itself does.
                Kind::EventTrigger | Kind::Comment | Kind::SecurityLabel => Stage::Last,
                _ if self.flat => Stage::First,
                _ => Stage::Parallel,
            },
            Pass::Main => match entry.section {
                Section::PreData => Stage::First,
                Section::Data => Stage::Parallel,
                Section::PostData if self.flat => self.flat_stage(entry),
                Section::PostData => Stage::Parallel,
                Section::None => self.dependent_stage(at),
            },
        };
        Some((pass, stage))
    }

    /// Without dependencies, only what names tell all about can run in parallel.
    fn flat_stage(&self, entry: &Entry) -> Stage {
        match entry.kind {
            Kind::Index | Kind::Constraint => Stage::Parallel,
            // The key it refers to becomes valid by INDEX ATTACH, which is among the last.
            Kind::FkConstraint
                if entry
                    .referenced_table()
                    .is_some_and(|table| self.attached_to.contains(&table)) =>
            {
                Stage::Last
            }
            Kind::FkConstraint => Stage::Parallel,
            _ => Stage::Last,
        }
    }

    /// Comments follow what they are about.
    fn dependent_stage(&self, at: usize) -> Stage {
        let parents = self.graph.dependencies(at);
        if self.flat || parents.is_empty() {
            return if at < self.first_data {
                Stage::First
            } else {
                Stage::Last
            };
        }
        let before_data = parents
            .iter()
            .all(|parent| self.toc.entries[*parent].section == Section::PreData);
        if before_data {
            Stage::First
        } else {
            Stage::Parallel
        }
    }

    /// Positions, in the same pass and parallel as well, that must be done before.
    fn after(&self, at: usize, stages: &[Option<(Pass, Stage)>]) -> Vec<usize> {
        let entry = &self.toc.entries[at];
        let mut found: Vec<usize> = self.graph.dependencies(at).to_vec();
        let follows_data = entry.section == Section::PostData || entry.kind == Kind::StatisticsData;
        if follows_data {
            for dependency in self.graph.dependencies(at) {
                if let Some(name) = self.toc.entries[*dependency].relation() {
                    self.add_data(&name, &mut found);
                    // Keys and indexes of a partitioned table are made on it ONLY; anything else
                    // reaches its partitions too, and a trigger there would fire during the load.
                    if !is_only(&entry.kind) {
                        self.add_data_below(&name, &mut found);
                    }
                }
            }
            if let Some(home) = &self.homes[at] {
                self.add_data(home, &mut found);
                if !is_only(&entry.kind) {
                    self.add_data_below(home, &mut found);
                }
            }
        }
        if entry.kind == Kind::FkConstraint
            && let Some(referenced) = entry.referenced_table()
        {
            self.add_data(&referenced, &mut found);
            self.add_data_below(&referenced, &mut found);
            // One of them is the key it refers to.
            if self.flat
                && let Some(indexes) = self.indexes.get(&referenced)
            {
                found.extend(indexes);
            }
        }
        found.sort_unstable();
        found.dedup();
        found.retain(|other| *other != at && stages[*other] == stages[at]);
        found
    }

    fn add_data(&self, table: &RelationName, found: &mut Vec<usize>) {
        if let Some(data) = self.data.get(table) {
            found.extend(data);
        }
    }

    fn add_data_below(&self, table: &RelationName, found: &mut Vec<usize>) {
        for child in self.descendants(table) {
            self.add_data(child, found);
        }
    }

    fn descendants(&self, table: &RelationName) -> Vec<&RelationName> {
        let mut seen: HashSet<&RelationName> = HashSet::new();
        let mut open: Vec<&RelationName> = self.children.get(table).into_iter().flatten().collect();
        let mut found = Vec::new();
        while let Some(next) = open.pop() {
            if seen.insert(next) {
                found.push(next);
                open.extend(self.children.get(next).into_iter().flatten());
            }
        }
        found.sort();
        found
    }

    /// The table locks of a parallel step.
    fn locks(&self, at: usize) -> Vec<Lock> {
        let entry = &self.toc.entries[at];
        let mode = match entry.kind {
            Kind::TableData => LockMode::RowExclusive,
            // CLUSTER ON and REPLICA IDENTITY stand behind the index in the same entry.
            Kind::Index if memchr::memmem::find(&entry.definition, b"ALTER TABLE").is_none() => {
                LockMode::Share
            }
            Kind::Statistics | Kind::StatisticsData | Kind::PublicationTable => {
                LockMode::ShareUpdateExclusive
            }
            Kind::FkConstraint | Kind::Trigger => LockMode::ShareRowExclusive,
            Kind::Comment | Kind::SecurityLabel => LockMode::ShareUpdateExclusive,
            _ => LockMode::AccessExclusive,
        };
        let mut names: Vec<RelationName> = self.homes[at].iter().cloned().collect();
        match entry.kind {
            Kind::FkConstraint => names.extend(entry.referenced_table()),
            Kind::Comment | Kind::SecurityLabel => {
                if let Some(Subject::Part { table, .. }) = entry.subject() {
                    names.push(table);
                }
            }
            _ => {}
        }
        if names.is_empty() && entry.section == Section::PostData {
            names.extend(
                self.graph
                    .dependencies(at)
                    .iter()
                    .filter_map(|dependency| self.toc.entries[*dependency].relation())
                    .filter(|name| self.relations.contains_key(name)),
            );
        }
        if matches!(
            entry.kind,
            Kind::FkConstraint | Kind::Trigger | Kind::CheckConstraint
        ) {
            let below: Vec<RelationName> = names
                .iter()
                .flat_map(|name| self.descendants(name))
                .cloned()
                .collect();
            names.extend(below);
        }
        let mut modes: BTreeMap<RelationName, LockMode> = BTreeMap::new();
        if let Some(mode) = reached(&entry.kind) {
            let dependencies = self.graph.dependencies(at).iter();
            modes.extend(
                dependencies
                    .filter_map(|dependency| self.toc.entries[*dependency].relation())
                    .map(|name| (name, mode)),
            );
        }
        modes.extend(names.into_iter().map(|name| (name, mode)));
        modes
            .into_iter()
            .map(|(name, mode)| Lock {
                relation: name.to_string(),
                mode,
            })
            .collect()
    }
}

/// Kinds that pg_dump makes for each partition by itself.
fn is_only(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Index
            | Kind::Constraint
            | Kind::IndexAttach
            | Kind::Statistics
            | Kind::StatisticsData
    )
}

/// The lock on relations that a definition of this kind opens besides its own table: those that a rule
/// changes, those that a policy asks, the one after FROM of a constraint trigger.
fn reached(kind: &Kind) -> Option<LockMode> {
    match kind {
        Kind::Rule => Some(LockMode::RowExclusive),
        Kind::Policy | Kind::Trigger => Some(LockMode::AccessShare),
        _ => None,
    }
}

/// `TABLE DATA shop.orders`.
fn what(entry: &Entry) -> String {
    match &entry.namespace {
        Some(namespace) => format!(
            "{} {}.{}",
            entry.kind,
            String::from_utf8_lossy(namespace),
            String::from_utf8_lossy(&entry.tag)
        ),
        None => format!("{} {}", entry.kind, String::from_utf8_lossy(&entry.tag)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[derive(Default)]
    struct Build(Toc);

    impl Build {
        fn add(
            &mut self,
            id: u32,
            kind: Kind,
            tag: &'static str,
            definition: &'static str,
            on: &[u32],
        ) {
            let mut entry = Entry::new(EntryId(id), kind, tag);
            entry.namespace = Some("s".into());
            entry.definition = definition.into();
            entry.dependencies = on.iter().map(|id| EntryId(*id)).collect();
            self.0.entries.push(entry);
        }
    }

    fn two_tables() -> Toc {
        let mut toc = Build::default();
        toc.add(1, Kind::Table, "a", "CREATE TABLE s.a ();", &[]);
        toc.add(2, Kind::Table, "b", "CREATE TABLE s.b ();", &[]);
        toc.add(
            3,
            Kind::Acl,
            "TABLE a",
            "GRANT ALL ON TABLE s.a TO x;",
            &[1],
        );
        toc.add(4, Kind::TableData, "a", "", &[1]);
        toc.add(5, Kind::TableData, "b", "", &[2]);
        toc.add(
            6,
            Kind::Constraint,
            "a a_pkey",
            "ALTER TABLE ONLY s.a\n    ADD CONSTRAINT a_pkey PRIMARY KEY (id);",
            &[1],
        );
        toc.add(
            7,
            Kind::Index,
            "b_i",
            "CREATE INDEX b_i ON s.b USING btree (x);",
            &[2],
        );
        toc.add(
            8,
            Kind::FkConstraint,
            "b f",
            "ALTER TABLE ONLY s.b\n    ADD CONSTRAINT f FOREIGN KEY (x) REFERENCES s.a(id);",
            &[1, 6, 2],
        );
        toc.add(
            9,
            Kind::Comment,
            "CONSTRAINT f ON b",
            "COMMENT ON CONSTRAINT f ON s.b IS 'x';",
            &[8],
        );
        toc.add(
            10,
            Kind::MaterializedViewData,
            "m",
            "REFRESH MATERIALIZED VIEW s.m;",
            &[2, 99],
        );
        toc.add(11, Kind::EventTrigger, "e", "CREATE EVENT TRIGGER e;", &[]);
        toc.0
    }

    fn step(plan: &Plan, id: u32) -> &Step {
        plan.steps.iter().find(|step| step.entry.0 == id).unwrap()
    }

    fn after(plan: &Plan, id: u32) -> Vec<u32> {
        step(plan, id).after.iter().map(|id| id.0).collect()
    }

    #[test]
    fn definitions_come_first_then_data_and_the_rest_then_the_other_passes() {
        let plan = Plan::of(&two_tables());
        let order: Vec<u32> = plan.steps.iter().map(|step| step.entry.0).collect();
        assert_eq!(order, [1, 2, 4, 5, 6, 7, 8, 9, 3, 10, 11]);
        assert_eq!(step(&plan, 3).pass, Pass::Acl);
        assert_eq!(step(&plan, 11).stage, Stage::Last);
    }

    #[test]
    fn a_foreign_key_waits_for_the_data_of_both_tables_and_the_key() {
        let plan = Plan::of(&two_tables());
        assert_eq!(after(&plan, 8), [4, 5, 6]);
        assert_eq!(after(&plan, 6), [4]);
        assert_eq!(after(&plan, 9), [8]);
        let mut flat = two_tables();
        for entry in &mut flat.entries {
            entry.dependencies.clear();
        }
        let plan = Plan::of(&flat);
        assert_eq!(after(&plan, 8), [4, 5, 6], "by names alone");
        assert_eq!(after(&plan, 7), [5]);
        assert_eq!(step(&plan, 9).stage, Stage::Last);
    }

    #[test]
    fn steps_that_lock_the_same_table_do_not_run_together() {
        let plan = Plan::of(&two_tables());
        let conflict = |one, other| step(&plan, one).conflicts_with(step(&plan, other));
        assert!(conflict(6, 8));
        assert!(conflict(7, 8));
        assert!(!conflict(6, 7));
        assert!(!conflict(4, 5));
        assert!(!LockMode::Share.conflicts_with(LockMode::Share));
        assert!(LockMode::Share.conflicts_with(LockMode::ShareUpdateExclusive));
        assert!(LockMode::AccessShare.conflicts_with(LockMode::AccessExclusive));
        assert!(!LockMode::AccessShare.conflicts_with(LockMode::ShareRowExclusive));
        assert!(!LockMode::RowExclusive.conflicts_with(LockMode::ShareUpdateExclusive));
    }

    #[test]
    fn steps_that_reach_the_table_of_another_do_not_run_beside_it() {
        let mut toc = Build::default();
        toc.add(1, Kind::Table, "a", "CREATE TABLE s.a ();", &[]);
        toc.add(2, Kind::Table, "b", "CREATE TABLE s.b ();", &[]);
        let rule = "CREATE RULE r AS\n    ON INSERT TO s.a DO  UPDATE s.b SET x = 1;";
        toc.add(3, Kind::Rule, "a r", rule, &[1, 2]);
        let policy = "CREATE POLICY p ON s.b USING ((EXISTS ( SELECT FROM s.a)));";
        toc.add(4, Kind::Policy, "b p", policy, &[1, 2]);
        let trigger = "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON s.b FROM s.a FOR EACH ROW EXECUTE FUNCTION s.f();";
        toc.add(5, Kind::Trigger, "b t", trigger, &[1, 2]);
        let plan = Plan::of(&toc.0);
        let locks = |id| {
            step(&plan, id)
                .locks
                .iter()
                .map(|lock| (&lock.relation[..], lock.mode))
        };
        let (a, b) = ("s.a", "s.b");
        use LockMode::{AccessExclusive, AccessShare, RowExclusive, ShareRowExclusive};
        assert!(locks(3).eq([(a, AccessExclusive), (b, RowExclusive)]));
        assert!(locks(4).eq([(a, AccessShare), (b, AccessExclusive)]));
        assert!(locks(5).eq([(a, AccessShare), (b, ShareRowExclusive)]));
    }

    #[test]
    fn what_reaches_partitions_waits_for_their_data() {
        let mut toc = Build::default();
        toc.add(
            1,
            Kind::Table,
            "p",
            "CREATE TABLE s.p () PARTITION BY LIST (a);",
            &[],
        );
        toc.add(2, Kind::Table, "p1", "CREATE TABLE s.p1 ();", &[]);
        toc.add(
            3,
            Kind::TableAttach,
            "p1",
            "ALTER TABLE ONLY s.p ATTACH PARTITION s.p1 DEFAULT;",
            &[1, 2],
        );
        toc.add(4, Kind::TableData, "p1", "", &[2]);
        toc.add(
            5,
            Kind::Constraint,
            "p p_pkey",
            "ALTER TABLE ONLY s.p\n    ADD CONSTRAINT p_pkey PRIMARY KEY (a);",
            &[1],
        );
        toc.add(
            6,
            Kind::Trigger,
            "p t",
            "CREATE TRIGGER t BEFORE INSERT ON s.p FOR EACH ROW EXECUTE FUNCTION s.f();",
            &[1],
        );
        let plan = Plan::of(&toc.0);
        assert_eq!(after(&plan, 6), [4]);
        assert_eq!(after(&plan, 5), Vec::<u32>::new());
        assert_eq!(plan.steps[3].entry.0, 5, "it goes before the data");
        let locked: Vec<&str> = step(&plan, 6)
            .locks
            .iter()
            .map(|lock| &lock.relation[..])
            .collect();
        assert_eq!(locked, ["s.p", "s.p1"]);
    }

    #[test]
    fn a_foreign_key_to_a_partitioned_table_of_a_script_waits_for_the_attached_indexes() {
        let mut toc = Build::default();
        let key = "ALTER TABLE ONLY s.p\n    ADD CONSTRAINT p_pkey PRIMARY KEY (a);";
        toc.add(1, Kind::Constraint, "p p_pkey", key, &[]);
        let key = "ALTER TABLE ONLY s.p1\n    ADD CONSTRAINT p1_pkey PRIMARY KEY (a);";
        toc.add(2, Kind::Constraint, "p1 p1_pkey", key, &[]);
        let attach = "ALTER INDEX s.p_pkey ATTACH PARTITION s.p1_pkey;";
        toc.add(3, Kind::IndexAttach, "p1_pkey", attach, &[]);
        let to_the_whole = "ALTER TABLE ONLY s.q\n    \
            ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES s.p(a);";
        toc.add(4, Kind::FkConstraint, "q f", to_the_whole, &[]);
        let to_the_part = "ALTER TABLE ONLY s.q\n    \
            ADD CONSTRAINT g FOREIGN KEY (a) REFERENCES s.p1(a);";
        toc.add(5, Kind::FkConstraint, "q g", to_the_part, &[]);
        let plan = Plan::of(&toc.0);
        let order: Vec<u32> = plan.steps.iter().map(|step| step.entry.0).collect();
        assert_eq!(order, [1, 2, 5, 3, 4]);
        assert_eq!(step(&plan, 4).stage, Stage::Last);
        assert_eq!(after(&plan, 5), [2]);
    }

    #[test]
    fn sizes_order_data_and_pass_on_to_what_follows() {
        let toc = two_tables();
        let sizes = |id: EntryId| Some(u64::from(id.0) * 100);
        let plan = Plan::of(&toc).sized(&toc, sizes);
        let order: Vec<u32> = plan.steps.iter().map(|step| step.entry.0).collect();
        assert_eq!(order[2..4], [5, 4]);
        assert_eq!(step(&plan, 7).bytes, 500);
        assert_eq!(plan.data_bytes(), 900);
        // A manifest may claim any size.
        assert_eq!(plan.sized(&toc, |_| Some(u64::MAX)).data_bytes(), u64::MAX);
    }

    #[test]
    fn circles_end_and_are_said() {
        let mut toc = Build::default();
        toc.add(
            1,
            Kind::Rule,
            "v r",
            "CREATE RULE r AS ON DELETE TO s.v DO NOTHING;",
            &[2],
        );
        toc.add(
            2,
            Kind::Rule,
            "w r",
            "CREATE RULE r AS ON DELETE TO s.w DO NOTHING;",
            &[1],
        );
        let plan = Plan::of(&toc.0);
        assert_eq!(plan.notices.len(), 1);
        assert_eq!(after(&plan, 1), Vec::<u32>::new());
        assert_eq!(after(&plan, 2), [1]);
    }

    #[test]
    fn a_plan_prints_and_serializes() {
        let toc = two_tables();
        let plan = Plan::of(&toc).sized(&toc, |_| Some(7));
        let text = plan.to_string();
        assert!(text.contains("main pass, in parallel:\n"), "{text}");
        assert!(
            text.contains("       8  FK CONSTRAINT s.b f  after 4 5 6\n"),
            "{text}"
        );
        let json = serde_json::to_value(&plan).unwrap();
        assert_eq!(json["steps"][2]["kind"], "TABLE DATA");
        let without = plan.without(|step| step.pass == Pass::Acl || step.entry.0 == 6);
        assert_eq!(after(&without, 8), [4, 5]);
    }
}
