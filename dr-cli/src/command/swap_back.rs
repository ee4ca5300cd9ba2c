//! `dr swap-back`: the database that a restore has replaced, taken back, listed or dropped.

use std::sync::Arc;

use dr_core::ops::{
    DropKept, Kept, SwapBackOptions, SwapOptions, Swapped, drop_kept, kept, swap_back,
};
use dr_core::{Error, ErrorKind, Result};
use jiff::Timestamp;
use serde_json::json;

use super::{Context, database};
use crate::args::{SwapBack, Swapping};
use crate::exit::Outcome;
use crate::hooks::Commands;
use crate::render::{Align, Table, bytes, clean, time};
use crate::signal;

pub(super) async fn run(context: &Context, options: &SwapBack) -> Result<Outcome> {
    let info = database(context, options.database.as_deref())?;
    if options.list {
        let work = kept(&info);
        let found = signal::droppable(&context.stop, work).await?;
        context.progress.finish();
        context.output.result(
            || listed(info.database(), &found),
            || json!({ "kept": found }),
        )?;
        return Ok(Outcome::Done);
    }
    if let Some(which) = &options.drop_old {
        let which = match &which[..] {
            "" => DropKept::Due,
            name => DropKept::Named(name.to_owned()),
        };
        let dropped = signal::droppable(&context.stop, drop_kept(&info, &which)).await?;
        context.progress.finish();
        context.output.result(
            || match &dropped[..] {
                [] => "none of those that are kept may be dropped yet".to_owned(),
                names => format!("dropped {}", clean(&names.join(", "))),
            },
            || json!({ "dropped": dropped }),
        )?;
        return Ok(Outcome::Done);
    }
    let mut wanted = SwapBackOptions::new()
        .connections(options.swapping.connections)
        .watch(context.progress.watch())
        .stopped_by(context.stop.clone());
    if let Some(time) = options.swapping.drop_old_after {
        wanted = wanted.drop_old_after(time);
    }
    if let Some(name) = &options.with {
        if name.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "--with names a database"));
        }
        wanted = wanted.with(name);
    }
    let what = options.with.as_deref().unwrap_or_default();
    if let Some(hooks) = Commands::of(&options.hooks, what, &context.stop) {
        wanted = wanted.hooks(Arc::new(hooks));
    }
    let swapped = Box::pin(swap_back(&info, &wanted)).await?;
    context.progress.finish();
    context.output.result(
        || text(&swapped, &format!("what was {}", clean(&swapped.was))),
        || json!(swapped),
    )?;
    Ok(match swapped.hook_failures.is_empty() {
        true => Outcome::Done,
        false => Outcome::Failed,
    })
}

/// How the names are exchanged, in the words of the command line.
pub(super) fn swap_options(words: &Swapping) -> SwapOptions {
    let options = SwapOptions::new().connections(words.connections);
    match words.drop_old_after {
        Some(time) => options.drop_old_after(time),
        None => options,
    }
}

/// What serves now, which is told as `what`, what is kept, and how to undo it.
pub(super) fn text(swapped: &Swapped, what: &str) -> String {
    let database = clean(&swapped.database);
    let kept = clean(&swapped.kept);
    let mut out = format!("{database} is now {what}");
    match swapped.ended.len() {
        0 => {}
        1 => out.push_str("; 1 connection was ended"),
        many => out.push_str(&format!("; {many} connections were ended")),
    }
    let until = match swapped.droppable_from {
        Some(from) => format!(
            "until dr swap-back --drop-old drops it, from {} on",
            time(from)
        ),
        None => format!("until you drop it: dr swap-back --drop-old={kept}"),
    };
    out.push_str(&format!(
        "\nthe old {database} is kept as {kept} {until}\ndr swap-back undoes it\n"
    ));
    for failure in &swapped.hook_failures {
        out.push_str(&format!("HOOK FAILED: {}\n", clean(failure)));
    }
    for tie in &swapped.stays {
        out.push_str(&format!("{} stayed with {kept}\n", clean(&tie.to_string())));
    }
    out
}

fn listed(database: &str, found: &[Kept]) -> String {
    if found.is_empty() {
        return format!("nothing is kept for {}", clean(database));
    }
    let now = Timestamp::now();
    let mut table = Table::new([
        ("kept", Align::Left),
        ("what it is", Align::Left),
        ("since", Align::Left),
        ("size", Align::Right),
        ("connected", Align::Right),
        ("may be dropped", Align::Left),
    ]);
    for kept in found {
        let was = match kept.was_live {
            true => format!("was {} before", clean(database)),
            false => "restored, not swapped in".to_owned(),
        };
        let droppable = match kept.droppable_from {
            Some(_) if kept.is_due(now) => "now".to_owned(),
            Some(from) => format!("from {}", time(from)),
            None => "when you say so".to_owned(),
        };
        table.row([
            clean(&kept.name),
            was,
            time(kept.since),
            kept.bytes.map_or_else(String::new, bytes),
            kept.clients.len().to_string(),
            droppable,
        ]);
    }
    table.to_string()
}
