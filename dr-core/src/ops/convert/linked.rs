//! A Toc without dependencies, as a script has it, with those that a parallel restore needs. Pure.
//!
//! pg_restore with several jobs goes by dependencies alone: without them it would make a foreign key
//! while the rows it is about are being loaded.

use std::collections::HashMap;

use crate::toc::{EntryId, Kind, Pass, Plan, Stage, Toc};

/// The Toc, with dependencies if it had none: those of dr's own plan, which finds them by names.
pub(crate) fn linked(mut toc: Toc) -> Toc {
    if toc
        .entries
        .iter()
        .any(|entry| !entry.dependencies.is_empty())
    {
        return toc;
    }
    let plan = Plan::of(&toc);
    let mut waits: HashMap<EntryId, Vec<EntryId>> = HashMap::new();
    let tables: HashMap<_, _> = toc
        .entries
        .iter()
        .filter(|entry| entry.kind == Kind::Table)
        .map(|entry| ((entry.namespace.clone(), entry.tag.clone()), entry.id))
        .collect();
    for entry in &toc.entries {
        // The first dependency is how pg_restore finds the table of rows.
        if entry.kind == Kind::TableData
            && let Some(table) = tables.get(&(entry.namespace.clone(), entry.tag.clone()))
        {
            waits.entry(entry.id).or_default().push(*table);
        }
    }
    // What is to run alone and last comes one after another, behind all that runs in parallel.
    let mut before: Option<(Pass, EntryId)> = None;
    let parallel: Vec<EntryId> = plan
        .steps
        .iter()
        .filter(|step| step.pass == Pass::Main && step.stage == Stage::Parallel)
        .map(|step| step.entry)
        .collect();
    for step in &plan.steps {
        let own = waits.entry(step.entry).or_default();
        match (step.pass, step.stage) {
            // pg_restore takes them one by one itself.
            (Pass::Main, Stage::First) | (Pass::Acl, _) => {}
            (_, Stage::Parallel) => own.extend(&step.after),
            (pass, Stage::First | Stage::Last) => {
                match before {
                    Some((last, id)) if last == pass => own.push(id),
                    _ if pass == Pass::Main => own.extend(&parallel),
                    _ => {}
                }
                before = Some((pass, step.entry));
            }
        }
    }
    for entry in &mut toc.entries {
        if let Some(ids) = waits.remove(&entry.id) {
            entry.dependencies = ids;
        }
    }
    toc
}
