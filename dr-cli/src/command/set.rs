//! All databases of a server: `dr backup --all-databases`, and `dr restore` of what that made.

use dr_core::ops::{
    self, AllDatabases, MemberOutcome, RestoredSet, SetOptions, SetReceipt, Verdict,
};
use dr_core::pg::ConnInfo;
use dr_core::pipeline::keys::Keys;
use dr_core::repo::{Backup, Repository};
use dr_core::{Error, ErrorKind, Result};
use serde_json::json;

use super::{Context, database, restore};
use crate::args::Restore;
use crate::exit::Outcome;
use crate::render::{Align, Table, bytes, clean, count, duration, print_error_of};
use crate::signal;

/// Backs all of them up. With one that failed the command fails.
pub(super) async fn backup(
    context: &Context,
    info: &ConnInfo,
    repository: &Repository,
    options: &AllDatabases,
) -> Result<Outcome> {
    let work = ops::backup_all(info, repository, options);
    let done = signal::patient(&context.stop, Box::pin(work)).await?;
    context.progress.finish();
    if !context.output.is_json() {
        for failed in &done.failed {
            print_error_of(&failed.database, &failed.error);
        }
    }
    context
        .output
        .result(|| backed_up(&done), || ops::as_json::set_receipt(&done))?;
    Ok(match done.is_whole() {
        true => Outcome::Done,
        false => Outcome::Failed,
    })
}

fn backed_up(done: &SetReceipt) -> String {
    let mut table = Table::new([
        ("backup", Align::Left),
        ("tables", Align::Right),
        ("rows", Align::Right),
        ("stored", Align::Right),
    ]);
    for member in &done.members {
        table.row([
            clean(&member.place.to_string()),
            count(member.tables),
            count(member.rows),
            bytes(member.bytes_stored),
        ]);
    }
    for failed in &done.failed {
        let name = format!("{} FAILED", clean(&failed.database));
        table.row([name, String::new(), String::new(), String::new()]);
    }
    let tables = done.members.iter().map(|member| member.tables).sum();
    let rows = done.members.iter().map(|member| member.rows).sum();
    let sum = format!(
        "{} databases, {} tables, {} rows in {}",
        count(done.members.len() as u64),
        count(tables),
        count(rows),
        duration(done.elapsed)
    );
    match &done.set {
        Some(set) => format!("{table}\n{}: {sum}\n", set.place),
        None => format!(
            "{table}\n{sum}; {} failed, so there is no set: each backup stands by itself\n",
            count(done.failed.len() as u64)
        ),
    }
}

/// Restores all of them, each under its own name.
pub(super) async fn restore(
    context: &Context,
    options: &Restore,
    repository: &Repository,
    set: &Backup,
    keys: &Keys,
) -> Result<Outcome> {
    let to = check(options)?;
    let target = database(context, Some(to))?;
    if options.globals_only {
        let files = repository.files(set, keys).await?;
        let evidence = dr_core::Files::evidence(&files);
        let wanted = restore::globals_options(options);
        let work = ops::restore_globals(&evidence, &target, &wanted);
        let globals = signal::droppable(&context.stop, work).await?;
        for notice in &globals.notices {
            context.progress.notice(notice);
        }
        context.progress.finish();
        context.output.result(
            || restore::globals_text(&globals),
            || json!({ "globals": globals }),
        )?;
        return Ok(Outcome::Done);
    }
    let mut wanted = SetOptions::new(restore::restore_options(context, options))
        .without_kinds(&options.kinds.exclude_kind);
    if options.globals {
        wanted = wanted.globals(restore::globals_options(options));
    }
    let work = ops::restore_all(repository, set, keys, &target, &wanted);
    let done = Box::pin(work).await?;
    show(context, &done)
}

/// What cannot be meant of a set; where it goes.
fn check(options: &Restore) -> Result<&str> {
    let usage = |message: &str| Err(Error::new(ErrorKind::Usage, message));
    if options.swap {
        return usage(
            "this is a set of all databases, and --swap replaces one: name that database's backup (dr \
             show tells them)",
        );
    }
    let parts = &options.parts;
    let part = [
        &parts.table,
        &parts.exclude_table,
        &parts.schema,
        &parts.exclude_schema,
        &parts.exclude_table_data,
    ];
    if part.iter().any(|patterns| !patterns.is_empty()) {
        return usage(
            "this is a set of all databases; for a part of one, name that database's backup (dr show \
             tells them)",
        );
    }
    if options.plan || options.single_transaction {
        return usage(
            "a set has no --plan and no --single-transaction: they are of one database; name that \
             database's backup (dr show tells them)",
        );
    }
    if !options.create && !options.globals_only {
        return usage(
            "this is a set of all databases: with --create each is made under its own name; to \
             restore one of them, name its backup (dr show tells them)",
        );
    }
    match options.to.as_deref() {
        Some(to) => Ok(to),
        None => usage("say where to restore to: --to DATABASE, any of the server's"),
    }
}

fn show(context: &Context, done: &RestoredSet) -> Result<Outcome> {
    let mut worst = Outcome::Done;
    for member in &done.databases {
        let outcome = match &member.outcome {
            MemberOutcome::Restored(restored) => {
                for notice in &restored.notices {
                    let name = &member.database;
                    context.progress.notice(&format!("{name}: {notice}"));
                }
                match restored.verdict() {
                    Verdict::Equal => continue,
                    Verdict::NotComparable => Outcome::Unchecked,
                    Verdict::Missing => Outcome::Missing,
                    _ => Outcome::Damaged,
                }
            }
            MemberOutcome::NothingInIt => continue,
            _ => Outcome::Failed,
        };
        // The first that is wrong gives the code; that one failed outright is told before all.
        if worst == Outcome::Done || outcome == Outcome::Failed {
            worst = outcome;
        }
    }
    for notice in done.globals.iter().flat_map(|globals| &globals.notices) {
        context.progress.notice(notice);
    }
    context.progress.finish();
    if !context.output.is_json() {
        for member in &done.databases {
            if let MemberOutcome::Failed(error) = &member.outcome {
                print_error_of(&member.database, error);
            }
        }
    }
    context
        .output
        .result(|| restored(done), || ops::as_json::restored_set(done))?;
    Ok(worst)
}

fn restored(done: &RestoredSet) -> String {
    let mut out = String::new();
    if let Some(globals) = &done.globals {
        out.push_str(&restore::globals_text(globals));
        out.push('\n');
    }
    for member in &done.databases {
        match &member.outcome {
            MemberOutcome::Restored(restored) => out.push_str(&restore::text(restored)),
            MemberOutcome::NothingInIt => out.push_str(&format!(
                "\n{}: nothing in it, as initdb made it\n",
                clean(&member.database)
            )),
            _ => out.push_str(&format!("\n{}: NOT restored\n", clean(&member.database))),
        }
    }
    let sound = match done.is_sound() {
        true => "all of the set is restored, and is what was dumped",
        false => "NOT all of the set is restored as it was dumped",
    };
    out.push_str(&format!(
        "\n{}: {} databases in {}: {sound}\n",
        done.place,
        count(done.databases.len() as u64),
        duration(done.elapsed)
    ));
    out
}
