//! Which step may run now: what is ready, what runs, what must not run beside it. Pure.
//!
//! Used by the executor. Ready work goes by rank, then by size, biggest first, as pg_restore does,
//! so that the longest piece of work does not begin last.

use std::collections::{BTreeMap, HashMap};

use crate::toc::{EntryId, Lock, Step};

/// A piece of work that waits for a connection: a step by its position, or a part of a table to be
/// read back by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Work {
    Step(usize),
    Part(usize),
}

/// Rank, size (biggest first), order in which it became known.
type Key = (u8, u64, u64);

/// The rank of reading back: it holds nothing up, so everything else goes first.
const READ_BACK: u8 = 3;

/// The state of the parallel part of a restore.
#[derive(Debug)]
pub(super) struct Schedule {
    steps: Vec<Step>,
    waiting: Vec<usize>,
    dependents: HashMap<EntryId, Vec<usize>>,
    ready: BTreeMap<Key, Work>,
    locks: HashMap<Work, Vec<Lock>>,
    running: Vec<Work>,
    loading: usize,
    most_loading: usize,
    next: u64,
}

impl Schedule {
    /// The schedule of these steps; at most `most_loading` of them read data of the dump at once.
    pub(super) fn new(steps: Vec<Step>, most_loading: usize) -> Self {
        let mut schedule = Self {
            waiting: vec![0; steps.len()],
            dependents: HashMap::new(),
            ready: BTreeMap::new(),
            locks: HashMap::new(),
            running: Vec::new(),
            loading: 0,
            most_loading: most_loading.max(1),
            next: 0,
            steps,
        };
        let known: HashMap<EntryId, usize> = schedule
            .steps
            .iter()
            .enumerate()
            .map(|(at, step)| (step.entry, at))
            .collect();
        for at in 0..schedule.steps.len() {
            let after: Vec<EntryId> = schedule.steps[at]
                .after
                .iter()
                .copied()
                .filter(|id| known.contains_key(id))
                .collect();
            schedule.waiting[at] = after.len();
            for id in after {
                schedule.dependents.entry(id).or_default().push(at);
            }
        }
        for at in 0..schedule.steps.len() {
            if schedule.waiting[at] == 0 {
                schedule.make_ready(at);
            }
        }
        schedule
    }

    /// The step at a position.
    pub(super) fn step(&self, at: usize) -> &Step {
        &self.steps[at]
    }

    /// Adds a part of a table that is to be read back.
    pub(super) fn add_part(&mut self, number: usize, bytes: u64, locks: Vec<Lock>) {
        let work = Work::Part(number);
        self.locks.insert(work, locks);
        let key = (READ_BACK, u64::MAX - bytes, self.next);
        self.next += 1;
        self.ready.insert(key, work);
    }

    /// Takes the best step that can run now.
    pub(super) fn take_step(&mut self) -> Option<usize> {
        match self.take(|(rank, _, _)| *rank < READ_BACK) {
            Some(Work::Step(at)) => Some(at),
            _ => None,
        }
    }

    /// Takes the best part that can be read back now.
    pub(super) fn take_part(&mut self) -> Option<usize> {
        match self.take(|(rank, _, _)| *rank == READ_BACK) {
            Some(Work::Part(number)) => Some(number),
            _ => None,
        }
    }

    /// Says that a piece of work is done.
    pub(super) fn done(&mut self, work: Work) {
        self.running.retain(|running| *running != work);
        let Work::Step(at) = work else {
            self.locks.remove(&work);
            return;
        };
        if self.steps[at].rank() == 1 {
            self.loading -= 1;
        }
        for next in self
            .dependents
            .remove(&self.steps[at].entry)
            .unwrap_or_default()
        {
            self.waiting[next] -= 1;
            if self.waiting[next] == 0 {
                self.make_ready(next);
            }
        }
    }

    /// Whether nothing is ready and nothing runs.
    pub(super) fn is_over(&self) -> bool {
        self.ready.is_empty() && self.running.is_empty()
    }

    /// Steps that never became ready; none, since a plan has no circles.
    pub(super) fn stuck(&self) -> Vec<&Step> {
        self.steps
            .iter()
            .zip(&self.waiting)
            .filter(|(_, waiting)| **waiting > 0)
            .map(|(step, _)| step)
            .collect()
    }

    fn make_ready(&mut self, at: usize) {
        let step = &self.steps[at];
        // Where the dump can be read in its own order only, that order is kept.
        let size = match self.most_loading {
            1 if step.rank() == 1 => 0,
            _ => step.bytes,
        };
        let key = (step.rank(), u64::MAX - size, at as u64);
        self.next = self.next.max(at as u64 + 1);
        self.ready.insert(key, Work::Step(at));
    }

    fn take(&mut self, wanted: impl Fn(&Key) -> bool) -> Option<Work> {
        let (key, work) = self
            .ready
            .iter()
            .filter(|(key, _)| wanted(key))
            .find(|(_, work)| self.can_run(**work))
            .map(|(key, work)| (*key, *work))?;
        self.ready.remove(&key);
        self.running.push(work);
        if let Work::Step(at) = work
            && self.steps[at].rank() == 1
        {
            self.loading += 1;
        }
        Some(work)
    }

    fn can_run(&self, work: Work) -> bool {
        if let Work::Step(at) = work
            && self.steps[at].rank() == 1
            && self.loading >= self.most_loading
        {
            return false;
        }
        !self
            .running
            .iter()
            .any(|running| conflict(self.locks_of(work), self.locks_of(*running)))
    }

    fn locks_of(&self, work: Work) -> &[Lock] {
        match work {
            Work::Step(at) => &self.steps[at].locks,
            Work::Part(_) => self.locks.get(&work).map_or(&[], Vec::as_slice),
        }
    }
}

fn conflict(one: &[Lock], other: &[Lock]) -> bool {
    one.iter().any(|own| {
        other
            .iter()
            .any(|lock| own.relation == lock.relation && own.mode.conflicts_with(lock.mode))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toc::{Entry, Kind, LockMode, Plan, Stage, Toc};

    fn steps() -> Vec<Step> {
        let mut toc = Toc::default();
        let mut add = |id, kind, tag: &'static str, definition: &'static str, on: &[u32]| {
            let mut entry = Entry::new(EntryId(id), kind, tag);
            entry.namespace = Some("s".into());
            entry.definition = definition.into();
            entry.dependencies = on.iter().map(|id| EntryId(*id)).collect();
            toc.entries.push(entry);
        };
        add(1, Kind::Table, "a", "", &[]);
        add(2, Kind::Table, "b", "", &[]);
        add(4, Kind::TableData, "a", "", &[1]);
        add(5, Kind::TableData, "b", "", &[2]);
        add(
            6,
            Kind::Constraint,
            "a k",
            "ALTER TABLE ONLY s.a ADD CONSTRAINT k PRIMARY KEY (i);",
            &[1],
        );
        add(
            7,
            Kind::Index,
            "i",
            "CREATE INDEX i ON s.a USING btree (i);",
            &[1],
        );
        add(
            8,
            Kind::FkConstraint,
            "b f",
            "ALTER TABLE ONLY s.b ADD CONSTRAINT f FOREIGN KEY (i) REFERENCES s.a(i);",
            &[1, 6, 2],
        );
        let plan = Plan::of(&toc).sized(&toc, |id| Some(u64::from(id.0)));
        plan.steps
            .into_iter()
            .filter(|step| step.stage == Stage::Parallel)
            .collect()
    }

    fn id(schedule: &Schedule, at: Option<usize>) -> Option<u32> {
        at.map(|at| schedule.step(at).entry.0)
    }

    #[test]
    fn work_is_taken_by_rank_and_size_and_waits_for_what_comes_before() {
        let mut schedule = Schedule::new(steps(), usize::MAX);
        let b = schedule.take_step();
        assert_eq!(id(&schedule, b), Some(5), "the bigger one");
        let a = schedule.take_step();
        assert_eq!(id(&schedule, a), Some(4));
        assert_eq!(schedule.take_step(), None, "everything else waits");
        schedule.done(Work::Step(a.expect("taken")));
        let first = schedule.take_step();
        assert_eq!(id(&schedule, first), Some(6));
        assert_eq!(
            schedule.take_step(),
            None,
            "the index would wait for the key's lock"
        );
        schedule.done(Work::Step(b.expect("taken")));
        assert_eq!(
            schedule.take_step(),
            None,
            "the foreign key waits for the key"
        );
        schedule.done(Work::Step(first.expect("taken")));
        for expect in [8, 7] {
            let next = schedule.take_step();
            assert_eq!(id(&schedule, next), Some(expect));
            schedule.done(Work::Step(next.expect("taken")));
        }
        assert!(schedule.is_over() && schedule.stuck().is_empty());
    }

    #[test]
    fn reading_back_goes_beside_an_index_but_not_beside_a_key() {
        let mut schedule = Schedule::new(steps(), usize::MAX);
        let (b, a) = (schedule.take_step(), schedule.take_step());
        let lock = Lock {
            relation: "s.a".into(),
            mode: LockMode::AccessShare,
        };
        schedule.done(Work::Step(a.expect("taken")));
        schedule.add_part(0, 10, vec![lock.clone()]);
        let key = schedule.take_step();
        assert_eq!(id(&schedule, key), Some(6));
        assert_eq!(schedule.take_part(), None);
        schedule.done(Work::Step(key.expect("taken")));
        let index = schedule.take_step();
        assert_eq!(id(&schedule, index), Some(7));
        assert_eq!(schedule.take_part(), Some(0));
        schedule.done(Work::Part(0));
        schedule.done(Work::Step(index.expect("taken")));
        schedule.done(Work::Step(b.expect("taken")));
        assert!(!schedule.is_over());
    }

    #[test]
    fn a_dump_with_one_lane_is_read_in_its_order() {
        let mut schedule = Schedule::new(steps(), 1);
        let first = schedule.take_step();
        assert_eq!(schedule.take_step(), None);
        schedule.done(Work::Step(first.expect("taken")));
    }
}
