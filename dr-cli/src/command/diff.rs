//! `dr diff`: the rows of a live database beside those of a backup.

use dr_core::ops::{self, DiffOptions, DiffReport, Verdict, as_json};
use dr_core::pipeline::keys::Keys;
use dr_core::text::qualified;
use dr_core::{Error, ErrorKind, Result};

use super::{Context, database, selection};
use crate::args::Diff;
use crate::exit::Outcome;
use crate::render::{Align, DifferentRows, Table, clean, count, duration, was_unread};
use crate::source::{self, What};
use crate::{secrets, signal};

pub(super) async fn run(context: &Context, options: &Diff) -> Result<Outcome> {
    let what = source::what(&options.what, options.repo.repo.as_deref())?;
    let keys = match what {
        What::Backup { .. } => secrets::keys(&options.keys)?,
        What::File(_) => Keys::none(),
    };
    let live = database(context, Some(&options.live))?;
    let wanted = selection(&options.parts);
    let mut how = DiffOptions::new().watch(context.progress.watch());
    if options.parts.is_everything() {
        how = how.whole();
    }
    for key in &options.key {
        let (table, columns) = key_of(key)?;
        how = how.key(table, columns);
    }
    let mut rows = options.rows.map(DifferentRows::new);
    let work = async {
        let of = options.of_cluster.database.as_deref();
        let dump = source::open(what, &keys, &context.limits, context.reading(), of).await?;
        let selected = dump.toc().select(&wanted)?;
        for notice in &selected.notices {
            context.progress.notice(&notice.to_string());
        }
        let mut tell = |row: &ops::RowDifference<'_>| match &mut rows {
            Some(rows) => rows.tell(row),
            None => Ok(()),
        };
        let report = Box::pin(ops::diff(dump, selected.toc, &live, &how, &mut tell)).await?;
        if let Some(rows) = &mut rows {
            rows.finish()?;
        }
        Ok(report)
    };
    let report = match signal::droppable(&context.stop, work).await {
        Err(_) if was_unread() => {
            context.progress.finish();
            return Ok(Outcome::Unread);
        }
        done => done?,
    };
    context.progress.finish();
    let output = match options.rows {
        // Standard output is taken.
        Some(_) => context.output.on_stderr(),
        None => context.output,
    };
    output.result(|| text(&report), || as_json::diff_report(&report))?;
    Ok(match report.verdict() {
        Verdict::Equal => Outcome::Done,
        Verdict::NotComparable => Outcome::Unchecked,
        _ => Outcome::Damaged,
    })
}

/// `schema.table=column,column` in its parts.
fn key_of(text: &str) -> Result<(String, Vec<String>)> {
    let bad = || {
        Error::new(
            ErrorKind::Usage,
            format!("{text:?} is no key: it is given as schema.table=column,column"),
        )
    };
    let (table, columns) = text.split_once('=').ok_or_else(bad)?;
    let (namespace, name) = table.split_once('.').ok_or_else(bad)?;
    let columns: Vec<String> = columns
        .split(',')
        .map(|column| column.trim().to_owned())
        .collect();
    if namespace.is_empty() || name.is_empty() || columns.iter().any(String::is_empty) {
        return Err(bad());
    }
    Ok((qualified(namespace, name), columns))
}

fn text(report: &DiffReport) -> String {
    let mut table = Table::new([
        ("table", Align::Left),
        ("only in backup", Align::Right),
        ("only live", Align::Right),
        ("changed", Align::Right),
        ("equal", Align::Right),
        ("", Align::Left),
    ]);
    for one in &report.tables {
        let by = match &one.key[..] {
            [] => String::new(),
            key => format!(" by {}", clean(&key.join(", "))),
        };
        let word = match one.verdict {
            Verdict::Equal => "equal".to_owned(),
            Verdict::NotComparable => "not compared".to_owned(),
            Verdict::Missing => "NOT LIVE".to_owned(),
            _ => format!("DIFFERS{by}"),
        };
        let is_compared = one.verdict != Verdict::NotComparable;
        let number = |number| match is_compared {
            true => count(number),
            false => String::new(),
        };
        table.row([
            clean(&one.table),
            number(one.only_backup),
            number(one.only_live),
            number(one.changed),
            number(one.equal),
            match &one.note {
                Some(note) => format!("{word}: {}", clean(note)),
                None => word,
            },
        ]);
    }
    for name in &report.only_live {
        let mut cells = vec![String::new(); 6];
        cells[0] = clean(name);
        cells[5] = "NOT IN THE BACKUP".to_owned();
        table.row(cells);
    }
    let equal = report
        .tables
        .iter()
        .filter(|table| table.verdict == Verdict::Equal)
        .count();
    format!(
        "{table}\n{}: {} of {} tables hold what the backup does ({})\n",
        clean(&report.database),
        count(equal as u64),
        count((report.tables.len() + report.only_live.len()) as u64),
        duration(report.elapsed),
    )
}
