//! `dr restore`: a backup or a dump into a database, and the proof.

use dr_core::ops::{self, RestoreOptions, Restored, Verdict};
use dr_core::pipeline::keys::Keys;
use dr_core::toc::Plan;
use dr_core::{Error, ErrorKind, Result};
use serde_json::Value;

use super::{Context, database, selection};
use crate::args::Restore;
use crate::exit::Outcome;
use crate::render::{Align, Table, bytes, count, duration};
use crate::secrets;
use crate::source::{self, What};

pub(super) async fn run(context: &Context, options: &Restore) -> Result<Outcome> {
    let what = source::what(&options.what, options.repo.repo.as_deref())?;
    let keys = match what {
        What::Backup { .. } => secrets::keys(&options.keys)?,
        What::File(_) => Keys::none(),
    };
    let dump = source::open(what, &keys, context.progress.watch()).await?;
    let selected = dump.toc().select(&selection(&options.parts))?;
    for notice in &selected.notices {
        context.progress.notice(&notice.to_string());
    }
    let plan = Plan::of(&selected.toc).sized(&selected.toc, |entry| dump.size_hint(entry));
    if options.plan {
        context.progress.finish();
        context.output.result(
            || plan.to_string(),
            || serde_json::to_value(&plan).unwrap_or(Value::Null),
        )?;
        return Ok(Outcome::Done);
    }
    let to = options
        .to
        .as_deref()
        .ok_or_else(|| Error::new(ErrorKind::Usage, "say where to restore to: --to DATABASE"))?;
    let target = database(context, Some(to))?;
    let mut wanted = RestoreOptions::new()
        .jobs(super::jobs(options.jobs))
        .watch(context.progress.watch())
        .stopped_by(context.stop.clone());
    if options.create {
        wanted = wanted.create();
    }
    if options.single_transaction {
        wanted = wanted.single_transaction();
    }
    if options.no_owner {
        wanted = wanted.no_owner();
    }
    if options.no_acl {
        wanted = wanted.no_acl();
    }
    if options.no_tablespaces {
        wanted = wanted.no_tablespaces();
    }
    if options.keep_failed {
        wanted = wanted.keep_failed();
    }
    let restored = Box::pin(ops::restore(&plan, &*dump, &target, &wanted)).await?;
    show(context, &restored)
}

/// Shows the proof; how the command ends is what it comes to.
pub(super) fn show(context: &Context, restored: &Restored) -> Result<Outcome> {
    for notice in &restored.notices {
        context.progress.notice(notice);
    }
    context.progress.finish();
    context.output.result(
        || text(restored),
        || serde_json::to_value(restored).unwrap_or(Value::Null),
    )?;
    Ok(match restored.verdict() {
        Verdict::Equal => Outcome::Done,
        Verdict::NotComparable => Outcome::Unchecked,
        Verdict::Missing => Outcome::Missing,
        _ => Outcome::Damaged,
    })
}

fn text(restored: &Restored) -> String {
    let mut table = Table::new([
        ("table", Align::Left),
        ("rows", Align::Right),
        ("digest", Align::Left),
        ("proof", Align::Left),
    ]);
    for proof in &restored.tables {
        table.row([
            proof.table.clone(),
            proof
                .found
                .map_or_else(String::new, |found| count(found.rows)),
            proof
                .found
                .map_or_else(String::new, |found| found.sum.to_string()),
            format!("{:?}", proof.verdict).to_lowercase(),
        ]);
    }
    format!(
        "{table}\n{}: {} tables, {} sequences, {} rows, {} in {}: {}\n",
        restored.database,
        count(restored.tables.len() as u64),
        count(restored.sequences.len() as u64),
        count(restored.rows()),
        bytes(restored.bytes()),
        duration(restored.elapsed),
        if restored.is_sound() {
            "what was restored is what was dumped"
        } else {
            "NOT proven"
        },
    )
}
