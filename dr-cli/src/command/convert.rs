//! `dr convert`: a backup or a dump in another format.

use dr_core::ops::{self, ConvertOptions, Converted, Format, Verdict};
use dr_core::pipeline::keys::Keys;
use dr_core::{Error, ErrorKind, Result};
use serde_json::Value;

use super::Context;
use crate::args::Convert;
use crate::destination::{Destination, dump_destination};
use crate::exit::Outcome;
use crate::render::{Align, Table, bytes, clean, count, duration};
use crate::source::{self, What};
use crate::{secrets, signal};

pub(super) async fn run(context: &Context, options: &Convert) -> Result<Outcome> {
    // Everything that cannot be meant is told before anything is read.
    let format = options.format.map(Format::from);
    let version = options.archive_version;
    let destination = dump_destination(&options.to, format, options.compress, version)?;
    let to = destination.extract()?.ok_or_else(|| {
        Error::new(
            ErrorKind::Bug,
            "a database is restored into, not written out",
        )
    })?;
    if version.is_some() && !to.format().is_archive() {
        return Err(Error::new(
            ErrorKind::Usage,
            "--archive-version is for archives: a plain SQL file has none",
        ));
    }
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
    let all = dump.toc().clone();
    let toc = source::listed(&options.list, &*dump, all, &context.progress.watch())?;
    let mut wanted = ConvertOptions::new()
        .jobs(super::jobs(options.jobs))
        .limits(context.limits.clone())
        .watch(context.progress.watch())
        .stopped_by(context.stop.clone());
    if let Some(version) = version {
        wanted = wanted.archive_version(version);
    }
    let converted = match Box::pin(ops::convert(dump, toc, to, &wanted)).await {
        // Nobody asked it to stop but whoever reads, by reading no more.
        Err(error)
            if error.kind() == ErrorKind::Interrupted
                && !context.stop.is_cancelled()
                && matches!(destination, Destination::Output(..)) =>
        {
            context.progress.finish();
            return Ok(Outcome::Unread);
        }
        done => done?,
    };
    context.progress.finish();
    let output = match destination {
        // Standard output is taken.
        Destination::Output(..) => context.output.on_stderr(),
        _ => context.output,
    };
    output.result(
        || source::lost_text(&lost) + &text(&options.to, &converted),
        || {
            let value = serde_json::to_value(&converted).unwrap_or(Value::Null);
            source::with_lost(value, &lost)
        },
    )?;
    Ok(source::salvaged(Outcome::Done, &lost))
}

fn text(to: &str, converted: &Converted) -> String {
    let mut table = Table::new([
        ("table", Align::Left),
        ("rows", Align::Right),
        ("bytes", Align::Right),
        ("digest", Align::Left),
        ("as dumped", Align::Left),
        ("as written", Align::Left),
    ]);
    let read_back = match converted.read_back {
        Verdict::Equal => "equal",
        _ => "not read back",
    };
    for one in &converted.tables {
        let digest = one.digest.as_ref();
        table.row([
            clean(&one.table),
            match (digest, one.statements) {
                (Some(digest), _) => count(digest.rows),
                (None, Some(statements)) => format!("{} INSERTs", count(statements)),
                (None, None) => String::new(),
            },
            digest.map_or_else(String::new, |digest| bytes(digest.bytes)),
            digest.map_or_else(String::new, |digest| digest.sum.to_string()),
            match one.verdict {
                Verdict::Equal => "equal".to_owned(),
                _ => "no digest recorded".to_owned(),
            },
            read_back.to_owned(),
        ]);
    }
    let rows: u64 = converted
        .tables
        .iter()
        .filter_map(|table| table.digest)
        .map(|digest| digest.rows)
        .sum();
    let large_objects = match converted.large_objects {
        0 => String::new(),
        number => format!(
            ", {} large objects with {}",
            count(number),
            bytes(converted.large_object_bytes)
        ),
    };
    let version = converted
        .archive_version
        .as_ref()
        .map_or_else(String::new, |version| format!(" {version}"));
    let verdict = match converted.read_back {
        Verdict::Equal => "what was written is what was read",
        _ => "written to standard output, and not read back",
    };
    format!(
        "{table}\n{}: {}{version}, {} entries, {} tables, {} rows, {}{large_objects} in {}: {verdict}\n",
        clean(to),
        converted.format,
        count(converted.entries),
        count(converted.tables.len() as u64),
        count(rows),
        bytes(converted.bytes),
        duration(converted.elapsed),
    )
}
