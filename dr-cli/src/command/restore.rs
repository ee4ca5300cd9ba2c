//! `dr restore`: a backup or a dump into a database, and the proof.

use std::sync::Arc;

use dr_core::ops::{
    self, Connections, GlobalsOptions, Lost, RestoreOptions, Restored, RestoredGlobals, Verdict,
};
use dr_core::pg::ConnInfo;
use dr_core::pipeline::keys::Keys;
use dr_core::toc::Plan;
use dr_core::{Dump, Error, ErrorKind, Result};
use serde_json::{Value, json};

use super::{Context, database as target_of, selection, set, swap_back};
use crate::args::Restore;
use crate::exit::Outcome;
use crate::hooks::Commands;
use crate::render::{Align, Table, bytes, clean, count, duration};
use crate::source::{self, What};
use crate::{secrets, signal};

pub(super) async fn run(context: &Context, options: &Restore) -> Result<Outcome> {
    let swapping = &options.swapping;
    let is_said = swapping.connections != Connections::Refuse || swapping.drop_old_after.is_some();
    if is_said && !options.swap {
        return Err(Error::new(
            ErrorKind::Usage,
            "--connections and --drop-old-after are about a live database that is replaced: they \
             need --swap",
        ));
    }
    let what = source::what(&options.what, options.repo.repo.as_deref())?;
    let keys = match what {
        What::Backup { .. } => secrets::keys(&options.keys)?,
        What::File(_) => Keys::none(),
    };
    let database = options.of_cluster.database.as_deref();
    let mut restoring = options.what.clone();
    if let What::Backup { repo, name } = what {
        let repository = context.repository(repo).await?;
        let backup = repository.find(name).await?;
        restoring = backup.place.to_string();
        if backup.mark.kind == dr_core::repo::Kind::Set {
            source::refuse_database(database)?;
            if options.list.use_list.is_some() {
                return Err(Error::new(
                    ErrorKind::Usage,
                    "--use-list is for one dump: restore the databases of a set one by one",
                ));
            }
            if Commands::of(&options.hooks, "", &context.stop).is_some() {
                return Err(Error::new(
                    ErrorKind::Usage,
                    "--before, --after and --health are for one database: restore those of a set one \
                     by one, or run the commands around dr",
                ));
            }
            if options.salvage.salvage {
                return Err(Error::new(
                    ErrorKind::Usage,
                    "--salvage is for one dump: restore the databases of a set one by one",
                ));
            }
            return set::restore(context, options, &repository, &backup, &keys).await;
        }
    }
    let mut reading = context.reading();
    if options.globals_only && database.is_none() {
        reading = reading.globals_only();
    }
    let salvage = &options.salvage;
    let opening = source::open_or_salvage(context, what, &keys, reading, database, salvage);
    let (dump, lost) = opening.await?;
    let kinds = dump.toc().kinds_named(&options.kinds.exclude_kind)?;
    let wanted = selection(&options.parts).without_kinds(kinds);
    let mut selected = dump.toc().select(&wanted)?;
    let watch = context.progress.watch();
    selected.toc = source::listed(&options.list, &*dump, selected.toc, &watch)?;
    for notice in &selected.notices {
        context.progress.notice(&notice.to_string());
    }
    let mut plan = Plan::of(&selected.toc);
    // The order of a list is what was asked for; else what is big comes first.
    if options.list.use_list.is_none() {
        plan = plan.sized(&selected.toc, |entry| dump.size_hint(entry));
    }
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
    let target = target_of(context, Some(to))?;
    let globals = match options.globals || options.globals_only {
        true => Some(globals(context, options, &*dump, &target).await?),
        false => None,
    };
    if options.globals_only {
        context.progress.finish();
        context.output.result(
            || globals.as_ref().map_or_else(String::new, globals_text),
            || json!({ "globals": globals }),
        )?;
        return Ok(Outcome::Done);
    }
    if let Some(globals) = &globals {
        context.progress.notice(&globals_text(globals));
    }
    let mut wanted = restore_options(context, options);
    if let Some(hooks) = Commands::of(&options.hooks, &restoring, &context.stop) {
        wanted = wanted.hooks(Arc::new(hooks));
    }
    let restored = Box::pin(ops::restore(&plan, &*dump, &target, &wanted)).await?;
    show(context, &restored, globals.as_ref(), &lost)
}

/// How a database is restored, in the words of the command line.
pub(super) fn restore_options(context: &Context, options: &Restore) -> RestoreOptions {
    let mut wanted = RestoreOptions::new()
        .jobs(super::jobs(options.jobs))
        .watch(context.progress.watch())
        .stopped_by(context.stop.clone());
    if options.create {
        wanted = wanted.create();
    }
    if options.swap {
        wanted = wanted.swap(swap_back::swap_options(&options.swapping));
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
    wanted
}

/// How globals are restored.
pub(super) fn globals_options(options: &Restore) -> GlobalsOptions {
    match options.no_tablespaces {
        true => GlobalsOptions::new().no_tablespaces(),
        false => GlobalsOptions::new(),
    }
}

async fn globals(
    context: &Context,
    options: &Restore,
    dump: &dyn Dump,
    target: &ConnInfo,
) -> Result<RestoredGlobals> {
    let wanted = globals_options(options);
    let work = async { ops::restore_globals(&dump.evidence(), target, &wanted).await };
    let done = signal::droppable(&context.stop, work).await?;
    for notice in &done.notices {
        context.progress.notice(notice);
    }
    Ok(done)
}

/// `roles: 3 made (app, owner, reader), 1 there already; …` on one line.
pub(super) fn globals_text(globals: &RestoredGlobals) -> String {
    let made = |names: &[String]| match names {
        [] => "none made".to_owned(),
        names => format!("{} made ({})", names.len(), clean(&names.join(", "))),
    };
    format!(
        "roles: {}, {} there already; memberships: {} granted; tablespaces: {}, {} there already",
        made(&globals.roles),
        globals.existing_roles.len(),
        globals.memberships,
        made(&globals.tablespaces),
        globals.existing_tablespaces.len(),
    )
}

/// Shows the proof; how the command ends is what it comes to.
pub(super) fn show(
    context: &Context,
    restored: &Restored,
    globals: Option<&RestoredGlobals>,
    lost: &[Lost],
) -> Result<Outcome> {
    for notice in &restored.notices {
        context.progress.notice(notice);
    }
    context.progress.finish();
    context.output.result(
        || source::lost_text(lost) + &text(restored),
        || {
            let mut value = ops::as_json::restored(restored);
            if let Some(globals) = globals {
                value["globals"] = json!(globals);
            }
            source::with_lost(value, lost)
        },
    )?;
    let outcome = match restored.verdict() {
        Verdict::Equal | Verdict::NotComparable if !restored.hook_failures.is_empty() => {
            Outcome::Failed
        }
        Verdict::Equal => Outcome::Done,
        Verdict::NotComparable => Outcome::Unchecked,
        Verdict::Missing => Outcome::Missing,
        _ => Outcome::Damaged,
    };
    Ok(source::salvaged(outcome, lost))
}

pub(super) fn text(restored: &Restored) -> String {
    let mut table = Table::new([
        ("table", Align::Left),
        ("rows", Align::Right),
        ("digest", Align::Left),
        ("proof", Align::Left),
    ]);
    for proof in &restored.tables {
        let found = proof.found.as_ref();
        let why = proof.why.as_ref();
        table.row([
            clean(&proof.table),
            found.map_or_else(String::new, |found| count(found.rows)),
            found.map_or_else(String::new, |found| found.sum.to_string()),
            why.map_or_else(
                || word(proof.verdict).to_owned(),
                |why| format!("{}: {}", word(proof.verdict), clean(why)),
            ),
        ]);
    }
    let mut out = table.to_string();
    for proof in &restored.sequences {
        if proof.verdict != Verdict::Equal {
            let value = |value: Option<(i64, bool)>| {
                value.map_or_else(|| "none".to_owned(), |(last, _)| last.to_string())
            };
            out.push_str(&format!(
                "sequence {}: {}; dumped {}, found {}\n",
                clean(&proof.sequence),
                word(proof.verdict),
                value(proof.expected),
                value(proof.found),
            ));
        }
    }
    let objects = &restored.large_objects;
    for (oids, what) in [
        (&objects.differing, "DIFFER"),
        (&objects.missing, "MISSING"),
    ] {
        if !oids.is_empty() {
            let oids: Vec<String> = oids.iter().map(u32::to_string).collect();
            out.push_str(&format!("large objects {what}: {}\n", oids.join(", ")));
        }
    }
    let verdict = match restored.verdict() {
        Verdict::Equal => "what was restored is what was dumped",
        Verdict::NotComparable => "restored; the tables named above could not be compared",
        _ => "NOT what was dumped",
    };
    let kept = match restored.kept {
        true => "",
        false => "; nothing is left under that name",
    };
    let large_objects = match objects.equal {
        0 => String::new(),
        equal => format!(", {} large objects", count(equal)),
    };
    out.push_str(&format!(
        "\n{}: {} tables, {} sequences{large_objects}, {} rows, {} in {}: {verdict}{kept}\n",
        clean(&restored.database),
        count(restored.tables.len() as u64),
        count(restored.sequences.len() as u64),
        count(restored.rows()),
        bytes(restored.bytes()),
        duration(restored.elapsed),
    ));
    for failure in &restored.hook_failures {
        out.push_str(&format!("HOOK FAILED: {}\n", clean(failure)));
    }
    if let Some(swapped) = &restored.swapped {
        out.push_str(&swap_back::text(swapped, "the restored database"));
    }
    out
}

/// What is sound in small letters, what is not in large ones.
fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Equal => "equal",
        Verdict::NotComparable => "not compared",
        Verdict::Missing => "MISSING",
        _ => "DIFFERS",
    }
}
