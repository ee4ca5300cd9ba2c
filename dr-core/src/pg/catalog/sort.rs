//! The order of a dump: by kind, schema and name, moved as little as dependencies demand, after
//! pg_dump's own order, so that equal schemas dump equally and stock tools agree with ours.
//!
//! Used by `catalog` once every object is known. Knows nodes and their dependencies only.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

use crate::error::{Error, ErrorKind, Result};

use super::object::{Boundaries, Node, NodeId, ObjectKind, Objects};

/// Every node in an order in which nothing comes before what it depends on. Loops are broken on
/// the way, the principled way where there is one.
///
/// # Errors
///
/// `Bug` if a loop cannot be found although sorting failed.
pub(crate) fn sort(objects: &mut Objects, boundaries: Boundaries) -> Result<Vec<NodeId>> {
    let mut by_name: Vec<NodeId> = objects.iter().map(|node| node.id).collect();
    by_name.sort_by(|a, b| compare(objects, *a, *b));
    loop {
        match topological(objects, &by_name) {
            Ok(order) => return Ok(order),
            Err(stuck) => break_loops(objects, boundaries, &stuck)?,
        }
    }
}

/// Priority of the kind, schema (none last), name, kind, tie, oid.
fn compare(objects: &Objects, a: NodeId, b: NodeId) -> Ordering {
    let (one, other) = (objects.get(a), objects.get(b));
    one.kind
        .priority()
        .cmp(&other.kind.priority())
        .then_with(
            || match (objects.namespace_name(a), objects.namespace_name(b)) {
                (Some(one), Some(other)) => one.cmp(other),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => Ordering::Equal,
            },
        )
        .then_with(|| one.name.cmp(&other.name))
        .then_with(|| one.kind.cmp(&other.kind))
        .then_with(|| one.tie.cmp(&other.tie))
        .then_with(|| one.catalog_id.oid.cmp(&other.catalog_id.oid))
        .then_with(|| a.cmp(&b))
}

/// Knuth's sort with a heap for the list of candidates, from the end backwards: of all nodes that
/// nothing waits for any more, the one latest in `input` is put last. Fails with the nodes that
/// are in a loop or that something in a loop depends on, by id.
fn topological(objects: &Objects, input: &[NodeId]) -> Result<Vec<NodeId>, Vec<NodeId>> {
    let mut place = vec![0_usize; input.len() + 1];
    let mut waiting = vec![0_usize; input.len() + 1];
    for (index, id) in input.iter().enumerate() {
        place[id.0 as usize] = index;
        for on in &objects.get(*id).dependencies {
            waiting[on.0 as usize] += 1;
        }
    }
    let mut ready: BinaryHeap<usize> = (0..input.len())
        .filter(|index| waiting[input[*index].0 as usize] == 0)
        .collect();
    let mut order = Vec::with_capacity(input.len());
    while let Some(index) = ready.pop() {
        let id = input[index];
        order.push(id);
        for on in &objects.get(id).dependencies {
            let count = &mut waiting[on.0 as usize];
            *count -= 1;
            if *count == 0 {
                ready.push(place[on.0 as usize]);
            }
        }
    }
    if order.len() == input.len() {
        order.reverse();
        return Ok(order);
    }
    Err(objects
        .iter()
        .map(|node| node.id)
        .filter(|id| waiting[id.0 as usize] != 0)
        .collect())
}

/// Breaks every loop among `stuck` that shares no node with one broken before it in this round:
/// breaking one may have broken the other.
fn break_loops(objects: &mut Objects, boundaries: Boundaries, stuck: &[NodeId]) -> Result<()> {
    let mut search = Search {
        processed: vec![false; objects.len() + 1],
        failed_from: vec![0; objects.len() + 1],
        on_path: vec![false; objects.len() + 1],
    };
    let mut broken = false;
    for start in stuck {
        let found = search.find(objects, *start);
        if let Some(cycle) = found {
            repair(objects, boundaries, &cycle);
            for id in cycle {
                search.processed[id.0 as usize] = true;
            }
            broken = true;
        } else {
            search.processed[start.0 as usize] = true;
        }
    }
    if broken {
        Ok(())
    } else {
        Err(Error::new(
            ErrorKind::Bug,
            "the objects of the database could not be put in order, but no loop was found",
        ))
    }
}

/// The search for a loop through one node.
struct Search {
    /// Not to be part of a loop any more in this round.
    processed: Vec<bool>,
    /// `failed_from[x] == s`: no way leads from x back to s.
    failed_from: Vec<u32>,
    on_path: Vec<bool>,
}

impl Search {
    /// A loop that begins at `start`, in the order of the dependencies. Depth first, with a path
    /// of its own instead of recursion: a chain of views may be longer than a stack.
    fn find(&mut self, objects: &Objects, start: NodeId) -> Option<Vec<NodeId>> {
        let mut path: Vec<(NodeId, usize)> = Vec::new();
        let mut enter = Some(start);
        let found = loop {
            if let Some(id) = enter.take() {
                let slot = id.0 as usize;
                let skip =
                    self.processed[slot] || self.failed_from[slot] == start.0 || self.on_path[slot];
                if !skip {
                    self.on_path[slot] = true;
                    path.push((id, 0));
                    if objects.get(id).dependencies.contains(&start) {
                        break true;
                    }
                }
            }
            let Some((id, next)) = path.last_mut() else {
                break false;
            };
            if let Some(on) = objects.get(*id).dependencies.get(*next) {
                *next += 1;
                enter = Some(*on);
            } else {
                self.failed_from[id.0 as usize] = start.0;
                self.on_path[id.0 as usize] = false;
                path.pop();
            }
        };
        for (id, _) in &path {
            self.on_path[id.0 as usize] = false;
        }
        found.then(|| path.into_iter().map(|(id, _)| id).collect())
    }
}

/// Breaks one loop; the cases are tried in pg_dump's order.
fn repair(objects: &mut Objects, boundaries: Boundaries, cycle: &[NodeId]) {
    let direct = cycle.len() == 2;
    let kind = |objects: &Objects, id: NodeId| objects.get(id).kind;

    if direct {
        // A type and one of its functions: the function makes do with the shell.
        for (owner, function) in [(cycle[0], cycle[1]), (cycle[1], cycle[0])] {
            if kind(objects, owner) == ObjectKind::Type
                && kind(objects, function) == ObjectKind::Function
            {
                repair_type_and_function(objects, owner, function);
                return;
            }
        }
    }
    // A view and its rule: the rule is part of the view, unless more is in the loop.
    let view_rule = pair(objects, cycle, ObjectKind::Table, |node| {
        node.kind == ObjectKind::Rule && node.is_view_rule
    });
    if let Some((view, rule)) = view_rule {
        if direct {
            objects.undepend(rule, view);
            return;
        }
        if objects.get(view).letter == b'v' {
            objects.get_mut(view).dummy_view = true;
            separate(objects, view, rule);
            objects.depend(rule, boundaries.post);
            return;
        }
    }
    // A materialized view or a function that needs something made after the data only, such as
    // the primary key a GROUP BY relies on: it waits until then.
    if cycle.len() > 2 {
        for waiting in [
            |objects: &Objects, id: NodeId| {
                objects.get(id).kind == ObjectKind::Table && objects.get(id).letter == b'm'
            },
            |objects: &Objects, id: NodeId| objects.get(id).kind == ObjectKind::Function,
        ] {
            let boundary = cycle.iter().position(|id| *id == boundaries.pre);
            if let Some(at) = boundary
                && cycle.iter().any(|id| waiting(objects, *id))
            {
                let next = cycle[(at + 1) % cycle.len()];
                objects.undepend(boundaries.pre, next);
                if waiting(objects, next) {
                    objects.get_mut(next).postponed = true;
                }
                return;
            }
        }
    }
    // A materialized view's statistics come after its refresh, which comes after the data: so they
    // do.
    if let Some(at) = cycle.iter().position(|id| *id == boundaries.post) {
        let next = cycle[(at + 1) % cycle.len()];
        if kind(objects, next) == ObjectKind::TableStatistics {
            objects.undepend(boundaries.post, next);
            objects.get_mut(next).postponed = true;
            return;
        }
    }
    // A table and one of its CHECK constraints.
    let check = pair(objects, cycle, ObjectKind::Table, |node| {
        node.kind == ObjectKind::Constraint && node.letter == b'c'
    });
    if let Some((table, constraint)) = check {
        if direct {
            objects.undepend(constraint, table);
        } else {
            separate(objects, table, constraint);
            objects.depend(constraint, boundaries.post);
        }
        return;
    }
    // A table and one of its defaults.
    let default = pair(objects, cycle, ObjectKind::Table, |node| {
        node.kind == ObjectKind::AttributeDefault
    });
    if let Some((table, default)) = default {
        if direct {
            objects.undepend(default, table);
        } else {
            separate(objects, table, default);
        }
        return;
    }
    // A partition's index and the index above it: the partition's need not wait, INDEX ATTACH does.
    if direct {
        for (part, above) in [(cycle[0], cycle[1]), (cycle[1], cycle[0])] {
            if kind(objects, part) == ObjectKind::Index
                && kind(objects, above) == ObjectKind::Index
                && objects.get(part).parent_index == objects.get(above).catalog_id.oid
            {
                objects.undepend(part, above);
                return;
            }
        }
    }
    // A domain and one of its constraints.
    let domain = pair(objects, cycle, ObjectKind::Type, |node| {
        node.kind == ObjectKind::Constraint && matches!(node.letter, b'c' | b'n')
    });
    if let Some((domain, constraint)) = domain {
        if direct {
            objects.undepend(constraint, domain);
        } else {
            separate(objects, domain, constraint);
            objects.depend(constraint, boundaries.post);
        }
        return;
    }
    // A table's columns may depend on one another or on the whole: nothing to order there. The
    // tables of configuration data that refer to each other have no good order. And for the rest
    // no rule is known: any break lets the dump go on, as pg_dump's does.
    let next = cycle[1 % cycle.len()];
    objects.undepend(cycle[0], next);
    if cycle.len() > 1 {
        let names: Vec<String> = cycle
            .iter()
            .map(|id| format!("{:?} {}", objects.get(*id).kind, objects.get(*id).name))
            .collect();
        tracing::warn!(
            "a loop of dependencies was broken at random: {}",
            names.join(", ")
        );
    }
}

/// The first object of a kind in the loop that has one of its own parts in it, and that part.
fn pair(
    objects: &Objects,
    cycle: &[NodeId],
    whole: ObjectKind,
    is_part: impl Fn(&Node) -> bool,
) -> Option<(NodeId, NodeId)> {
    let mut parts = HashMap::new();
    for id in cycle {
        let node = objects.get(*id);
        if let Some(of) = node.part_of
            && is_part(node)
        {
            parts.entry(of).or_insert(*id);
        }
    }
    cycle
        .iter()
        .filter(|id| objects.get(**id).kind == whole)
        .find_map(|id| parts.get(id).map(|part| (*id, *part)))
}

/// Makes a part an object of its own, which comes after what it was part of.
fn separate(objects: &mut Objects, whole: NodeId, part: NodeId) {
    objects.undepend(whole, part);
    objects.get_mut(part).separate = true;
    // A shorter loop may have lost this edge before.
    objects.depend(part, whole);
}

fn repair_type_and_function(objects: &mut Objects, owner: NodeId, function: NodeId) {
    objects.undepend(function, owner);
    if let Some(shell) = objects.get(owner).shell {
        objects.depend(function, shell);
        let dump = objects.get(function).dump;
        if dump.any() {
            objects.get_mut(shell).dump = dump.with(super::object::Components::DEFINITION);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::toc::CatalogId;

    fn node(objects: &mut Objects, kind: ObjectKind, name: &str) -> NodeId {
        objects.add(kind, CatalogId::default(), name, None)
    }

    fn names(objects: &Objects, order: &[NodeId]) -> Vec<String> {
        order
            .iter()
            .map(|id| objects.get(*id).name.clone())
            .filter(|name| !name.contains("BOUNDARY"))
            .collect()
    }

    #[test]
    fn names_order_and_dependencies_move_as_little_as_they_must() {
        let mut objects = Objects::new(true);
        let c = node(&mut objects, ObjectKind::Table, "c");
        let a = node(&mut objects, ObjectKind::Table, "a");
        node(&mut objects, ObjectKind::Table, "b");
        node(&mut objects, ObjectKind::Namespace, "z");
        objects.depend(a, c);
        let boundaries = objects.add_boundaries();
        let order = sort(&mut objects, boundaries).unwrap();
        assert_eq!(names(&objects, &order), ["z", "c", "a", "b"]);
    }

    #[test]
    fn views_that_need_each_other_become_a_dummy_and_a_rule() {
        let mut objects = Objects::new(true);
        let mut views = Vec::new();
        for name in ["one", "two"] {
            let view = node(&mut objects, ObjectKind::Table, name);
            objects.get_mut(view).letter = b'v';
            let rule = node(&mut objects, ObjectKind::Rule, "_RETURN");
            objects.get_mut(rule).part_of = Some(view);
            objects.get_mut(rule).is_view_rule = true;
            objects.get_mut(rule).tie = super::super::object::Tie::Of(name.into());
            objects.depend(view, rule);
            objects.depend(rule, view);
            views.push((view, rule));
        }
        objects.depend(views[0].1, views[1].0);
        objects.depend(views[1].1, views[0].0);
        let boundaries = objects.add_boundaries();
        let order = sort(&mut objects, boundaries).unwrap();
        let dummies: Vec<bool> = views
            .iter()
            .map(|(view, _)| objects.get(*view).dummy_view)
            .collect();
        assert_eq!(dummies.iter().filter(|dummy| **dummy).count(), 1);
        for (view, rule) in &views {
            assert_eq!(objects.get(*view).dummy_view, objects.get(*rule).separate);
            if objects.get(*rule).separate {
                let at = |id| order.iter().position(|other| *other == id).unwrap();
                assert!(at(*rule) > at(boundaries.post));
            }
        }
    }

    #[test]
    fn a_check_that_calls_a_function_on_its_table_is_made_after_the_data() {
        let mut objects = Objects::new(true);
        let table = node(&mut objects, ObjectKind::Table, "t");
        let check = node(&mut objects, ObjectKind::Constraint, "t_check");
        objects.get_mut(check).letter = b'c';
        objects.get_mut(check).part_of = Some(table);
        let function = node(&mut objects, ObjectKind::Function, "f");
        objects.depend(table, check);
        objects.depend(check, table);
        objects.depend(check, function);
        objects.depend(function, table);
        let boundaries = objects.add_boundaries();
        let order = sort(&mut objects, boundaries).unwrap();
        assert!(objects.get(check).separate);
        assert_eq!(names(&objects, &order), ["t", "f", "t_check"]);
    }

    #[test]
    fn a_chain_of_a_hundred_thousand_views_does_not_exhaust_the_stack() {
        let mut objects = Objects::new(true);
        let nodes: Vec<NodeId> = (0..100_000)
            .map(|number| node(&mut objects, ObjectKind::Table, &format!("v{number:06}")))
            .collect();
        for two in nodes.windows(2) {
            objects.depend(two[0], two[1]);
        }
        objects.depend(nodes[99_999], nodes[0]);
        let boundaries = objects.add_boundaries();
        assert_eq!(
            sort(&mut objects, boundaries).unwrap().len(),
            nodes.len() + 2
        );
    }
}
