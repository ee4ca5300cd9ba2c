//! `dr extract`: some tables out of a backup or a dump.

use std::sync::Arc;

use dr_core::ops::{self, ExtractOptions, Extracted, Format, Lost, RestoreOptions, Verdict};
use dr_core::pipeline::keys::Keys;
use dr_core::toc::{Kind, Plan, SelectNotice, Selection, Toc};
use dr_core::{Dump, Error, ErrorKind, Result};
use serde_json::Value;

use super::{Context, database, restore};
use crate::args::Extract;
use crate::destination::{Destination, destination};
use crate::exit::Outcome;
use crate::render::{Align, Output, Table, bytes, clean, count, duration};
use crate::source::{self, What};
use crate::{secrets, signal};

pub(super) async fn run(context: &Context, options: &Extract) -> Result<Outcome> {
    // Everything that cannot be meant is told before anything is read.
    let format = options.format.map(Format::from);
    let to = destination(&options.to, format, options.compress)?;
    check(&to, options)?;
    let what = source::what(&options.what, options.repo.repo.as_deref())?;
    let keys = match what {
        What::Backup { .. } => secrets::keys(&options.keys)?,
        What::File(_) => Keys::none(),
    };
    let database = options.of_cluster.database.as_deref();
    let reading = context.reading();
    let salvage = &options.salvage;
    let opening = source::open_or_salvage(context, what, &keys, reading, database, salvage);
    let (dump, lost) = signal::droppable(&context.stop, opening).await?;
    let mut selected = dump.toc().select(&selection(options))?;
    let watch = context.progress.watch();
    selected.toc = source::listed(&options.list, &*dump, selected.toc, &watch)?;
    for notice in &selected.notices {
        context.progress.notice(&notice.to_string());
    }
    let needs = |notice: &SelectNotice| matches!(notice, SelectNotice::Needs { .. });
    if selected.notices.iter().any(needs) && !options.with_dependencies {
        context
            .progress
            .notice("--with-dependencies takes along what is needed, but for tables referred to");
    }
    match to {
        Destination::Database(to) => {
            into_database(context, options, &*dump, &selected.toc, to, &lost).await
        }
        Destination::Output(..) => {
            let extracted = match work(context, options, dump, selected.toc, &to).await {
                // Nobody asked it to stop but whoever reads, by reading no more.
                Err(error)
                    if error.kind() == ErrorKind::Interrupted && !context.stop.is_cancelled() =>
                {
                    context.progress.finish();
                    return Ok(Outcome::Unread);
                }
                done => done?,
            };
            // Standard output is taken.
            show(context.output.on_stderr(), &extracted, &lost)
        }
        Destination::File(..) => {
            let extracted = work(context, options, dump, selected.toc, &to).await?;
            show(context.output, &extracted, &lost)
        }
    }
}

/// Options that the destination gives no meaning are refused, not ignored.
fn check(to: &Destination<'_>, options: &Extract) -> Result<()> {
    let format = match to {
        Destination::Database(_) => None,
        Destination::Output(format, _) | Destination::File(format, ..) => Some(*format),
    };
    let directory = format == Some(Format::Directory);
    let archive = format.is_some_and(Format::is_archive);
    let rows = format == Some(Format::Rows);
    let refused = if options.jobs.is_some() && !directory {
        "--jobs is for a directory archive: everything else is one stream or one transaction"
    } else if archive && options.no_owner {
        "an archive keeps its owners: give --no-owner to who restores it"
    } else if rows && (options.no_owner || options.no_acl || options.with_dependencies) {
        "rows alone have no owner, privileges or dependencies"
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Usage, refused))
}

fn selection(options: &Extract) -> Selection {
    let mut selection = Selection::tables(&options.table);
    if options.with_dependencies {
        selection = selection.with_dependencies();
    }
    if options.no_acl {
        selection = selection.without_kinds([Kind::Acl, Kind::DefaultAcl]);
    }
    selection
}

async fn into_database(
    context: &Context,
    options: &Extract,
    dump: &dyn Dump,
    toc: &Toc,
    to: &str,
    lost: &[Lost],
) -> Result<Outcome> {
    let target = database(context, Some(to))?;
    let plan = Plan::of(toc).sized(toc, |entry| dump.size_hint(entry));
    let mut wanted = RestoreOptions::new()
        .beside()
        .watch(context.progress.watch())
        .stopped_by(context.stop.clone());
    if options.no_owner {
        wanted = wanted.no_owner();
    }
    if options.no_acl {
        wanted = wanted.no_acl();
    }
    let restored = Box::pin(ops::restore(&plan, dump, &target, &wanted)).await?;
    restore::show(context, &restored, None, lost)
}

async fn work(
    context: &Context,
    options: &Extract,
    dump: Arc<dyn Dump>,
    toc: Toc,
    to: &Destination<'_>,
) -> Result<Extracted> {
    let to = to.extract()?.ok_or_else(|| {
        Error::new(
            ErrorKind::Bug,
            "a database is restored into, not written out",
        )
    })?;
    let mut wanted = ExtractOptions::new()
        .jobs(super::jobs(options.jobs))
        .watch(context.progress.watch())
        .stopped_by(context.stop.clone());
    if options.no_owner {
        wanted = wanted.no_owner();
    }
    let extracted = Box::pin(ops::extract(dump, toc, to, &wanted)).await?;
    context.progress.finish();
    Ok(extracted)
}

fn show(output: Output, extracted: &Extracted, lost: &[Lost]) -> Result<Outcome> {
    output.result(
        || source::lost_text(lost) + &text(extracted),
        || {
            let value = serde_json::to_value(extracted).unwrap_or(Value::Null);
            source::with_lost(value, lost)
        },
    )?;
    Ok(source::salvaged(Outcome::Done, lost))
}

fn text(extracted: &Extracted) -> String {
    let mut table = Table::new([
        ("table", Align::Left),
        ("rows", Align::Right),
        ("bytes", Align::Right),
        ("as dumped", Align::Left),
    ]);
    for one in &extracted.tables {
        table.row([
            clean(&one.table),
            count(one.digest.rows),
            bytes(one.digest.bytes),
            match one.verdict {
                Verdict::Equal => "proven".to_owned(),
                _ => "no digest recorded".to_owned(),
            },
        ]);
    }
    let elapsed = duration(extracted.elapsed);
    format!("{table}{} of rows in {elapsed}\n", bytes(extracted.bytes))
}
