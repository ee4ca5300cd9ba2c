//! `dr verify --against-live`: a live database beside a backup, table by table.

use dr_core::Result;
use dr_core::ops::{LiveOptions, LiveReport, Verdict, as_json, verify_against_live};
use dr_core::pipeline::keys::Keys;

use crate::args::Verify;
use crate::command::{Context, database, jobs};
use crate::exit::Outcome;
use crate::render::{Align, Table, clean, count, duration};
use crate::source::{self, What};
use crate::{secrets, signal};

pub(super) async fn run(context: &Context, options: &Verify, live: &str) -> Result<Outcome> {
    let what = source::what(&options.what, options.repo.repo.as_deref())?;
    let keys = match what {
        What::Backup { .. } => secrets::keys(&options.keys)?,
        What::File(_) => Keys::none(),
    };
    let live = database(context, Some(live))?;
    let wanted = LiveOptions::new()
        .jobs(jobs(options.jobs))
        .watch(context.progress.watch());
    let work = async {
        let database = options.of_cluster.database.as_deref();
        let reading = context.reading();
        let dump = source::open(what, &keys, &context.limits, reading, database).await?;
        verify_against_live(&*dump, &live, &wanted).await
    };
    let report = signal::droppable(&context.stop, work).await?;
    context.progress.finish();
    let verdict = report.verdict();
    context
        .output
        .result(|| text(&report), || as_json::live_report(&report))?;
    Ok(match verdict {
        Verdict::Equal => Outcome::Done,
        Verdict::NotComparable => Outcome::Unchecked,
        _ => Outcome::Damaged,
    })
}

fn text(report: &LiveReport) -> String {
    let mut table = Table::new([
        ("table", Align::Left),
        ("rows in backup", Align::Right),
        ("rows live", Align::Right),
        ("", Align::Left),
    ]);
    let rows = |digest: Option<dr_core::digest::RowsDigest>| {
        digest.map_or_else(String::new, |digest| count(digest.rows))
    };
    for compared in &report.tables {
        let word = match compared.verdict {
            Verdict::Equal => "equal",
            Verdict::NotComparable => "not compared",
            Verdict::Missing => "NOT LIVE",
            _ => "DIFFERS",
        };
        table.row([
            clean(&compared.table),
            rows(compared.dumped),
            rows(compared.live),
            match &compared.note {
                Some(note) => format!("{word}: {}", clean(note)),
                None => word.to_owned(),
            },
        ]);
    }
    for name in &report.only_live {
        let nothing = String::new;
        table.row([
            clean(name),
            nothing(),
            nothing(),
            "NOT IN THE BACKUP".to_owned(),
        ]);
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
