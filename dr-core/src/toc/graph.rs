//! The dependencies between the entries of a Toc, made safe to walk. Pure.
//!
//! Used by selection and by the plan. Dependencies in real archives are hints: ids that are not in
//! the Toc (section boundaries, entries left out by a selective dump), the same id several times,
//! an entry that names itself, and cycles all occur.

use super::{EntryId, Index, Kind, Section, Toc};

/// Positions of entries in [`Toc::entries`], and their dependencies as positions.
#[derive(Debug, Clone)]
pub struct Graph {
    index: Index,
    dependencies: Vec<Vec<usize>>,
    flat: bool,
}

impl Graph {
    /// The dependencies of `toc`: only those that exist, each once, in the order of the Toc.
    pub fn of(toc: &Toc) -> Self {
        let index = Index::of(toc);
        let dependencies: Vec<Vec<usize>> = toc
            .entries
            .iter()
            .enumerate()
            .map(|(at, entry)| {
                let mut found: Vec<usize> = entry
                    .dependencies
                    .iter()
                    .filter_map(|id| index.position(*id))
                    .filter(|dependency| *dependency != at)
                    .collect();
                found.sort_unstable();
                found.dedup();
                found
            })
            .collect();
        let on_definition =
            |found: &[usize]| (found.iter()).any(|at| toc.entries[*at].section == Section::PreData);
        let (mut rows, mut others) = (false, false);
        for (entry, found) in toc.entries.iter().zip(&dependencies) {
            match entry.kind {
                Kind::TableData => rows |= on_definition(found),
                _ => others |= on_definition(found),
            }
        }
        let flat = dependencies.iter().all(Vec::is_empty) || rows && !others;
        Self {
            index,
            dependencies,
            flat,
        }
    }

    /// Where the entry with this id stands.
    pub fn position(&self, id: EntryId) -> Option<usize> {
        self.index.position(id)
    }

    /// What the entry at `position` depends on.
    pub fn dependencies(&self, position: usize) -> &[usize] {
        &self.dependencies[position]
    }

    /// Whether no entry says which definitions it needs: the Toc was read from a script, or was and
    /// then got what a parallel restore needs, which is between rows and what comes behind them.
    /// What else belongs together is for names to tell.
    pub fn is_flat(&self) -> bool {
        self.flat
    }

    /// `roots` and everything they depend on, directly or not; `enter` says which dependencies
    /// are followed.
    pub fn closure(
        &self,
        roots: impl IntoIterator<Item = usize>,
        enter: impl Fn(usize) -> bool,
    ) -> Vec<bool> {
        let mut reached = vec![false; self.dependencies.len()];
        let mut open: Vec<usize> = roots.into_iter().collect();
        for root in &open {
            reached[*root] = true;
        }
        while let Some(at) = open.pop() {
            for dependency in &self.dependencies[at] {
                if !reached[*dependency] && enter(*dependency) {
                    reached[*dependency] = true;
                    open.push(*dependency);
                }
            }
        }
        reached
    }
}

/// Takes edges out of `after` until none are in a cycle, and says at which nodes.
///
/// Nodes become ready as what they come after is done; when none can, the first remaining one in
/// the order given goes ahead without waiting. That is what pg_restore's last phase does.
pub(super) fn break_cycles(after: &mut [Vec<usize>]) -> Vec<usize> {
    let mut before: Vec<Vec<usize>> = vec![Vec::new(); after.len()];
    let mut waiting: Vec<usize> = after.iter().map(Vec::len).collect();
    for (node, edges) in after.iter().enumerate() {
        for edge in edges {
            before[*edge].push(node);
        }
    }
    let mut done = vec![false; after.len()];
    let mut ready: Vec<usize> = (0..after.len())
        .filter(|node| waiting[*node] == 0)
        .collect();
    let mut broken = Vec::new();
    let mut first = 0;
    loop {
        while let Some(node) = ready.pop() {
            done[node] = true;
            for next in &before[node] {
                // A node that went ahead has no edges left to count.
                if waiting[*next] > 0 {
                    waiting[*next] -= 1;
                    if waiting[*next] == 0 {
                        ready.push(*next);
                    }
                }
            }
        }
        while first < after.len() && done[first] {
            first += 1;
        }
        if first == after.len() {
            return broken;
        }
        after[first].retain(|edge| done[*edge]);
        waiting[first] = 0;
        broken.push(first);
        ready.push(first);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Entry, Kind};
    use super::*;

    fn toc(dependencies: &[(u32, &[u32])]) -> Toc {
        let mut toc = Toc::default();
        for (id, on) in dependencies {
            let mut entry = Entry::new(EntryId(*id), Kind::Table, "t");
            entry.dependencies = on.iter().map(|id| EntryId(*id)).collect();
            toc.entries.push(entry);
        }
        toc
    }

    #[test]
    fn missing_repeated_and_own_ids_are_no_dependencies() {
        let graph = Graph::of(&toc(&[(5, &[]), (7, &[5, 5, 7, 99])]));
        assert_eq!(graph.dependencies(1), [0]);
        assert!(!graph.is_flat());
        assert!(Graph::of(&toc(&[(5, &[6]), (7, &[])])).is_flat());
    }

    #[test]
    fn a_closure_ends_in_cycles_too() {
        let graph = Graph::of(&toc(&[(1, &[3]), (2, &[1]), (3, &[2]), (4, &[])]));
        assert_eq!(graph.closure([0], |_| true), [true, true, true, false]);
        assert_eq!(
            graph.closure([0], |at| at != 2),
            [true, false, false, false]
        );
    }

    #[test]
    fn cycles_are_broken_at_their_first_entry() {
        let mut after = vec![vec![1], vec![0], vec![1], vec![]];
        assert_eq!(break_cycles(&mut after), [0]);
        assert_eq!(after, [vec![], vec![0], vec![1], vec![]]);
        let mut sound = vec![vec![3], vec![0], vec![1, 0], vec![]];
        let before = sound.clone();
        assert!(break_cycles(&mut sound).is_empty());
        assert_eq!(sound, before);
    }
}
