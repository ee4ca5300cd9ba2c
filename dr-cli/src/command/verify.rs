//! `dr verify`.

mod against_live;
mod dump;

use dr_core::Result;
use dr_core::ops::{self, VerifyLevel, VerifyOptions};

use super::Context;
use crate::args::Verify;
use crate::exit::Outcome;
use crate::render::{Align, Table, bytes, count, duration};
use crate::source::{self, What};
use crate::{secrets, signal};

pub(super) async fn run(context: &Context, options: &Verify) -> Result<Outcome> {
    if let Some(live) = &options.against_live {
        return against_live::run(context, options, live).await;
    }
    let (repo, backup) = match source::what(&options.what, options.repo.repo.as_deref())? {
        What::Backup { repo, name } => (repo, name),
        What::File(path) => return dump::run(context, options, path).await,
    };
    source::refuse_database(options.of_cluster.database.as_deref())?;
    let level = match (options.quick, options.deep) {
        (true, _) => VerifyLevel::Quick,
        (_, true) => VerifyLevel::Deep,
        _ => VerifyLevel::Stored,
    };
    let mut wanted = VerifyOptions::new()
        .level(level)
        .jobs(super::jobs(options.jobs))
        .watch(context.progress.watch());
    if options.deep {
        wanted = wanted.keys(secrets::keys(&options.keys)?);
    }
    let repository = context.repository(repo).await?;
    let work = ops::verify(&repository, backup, &wanted);
    let report = signal::droppable(&context.stop, work).await?;
    context.progress.finish();
    context
        .output
        .result(|| text(&report), || ops::as_json::report(&report))?;
    Ok(exit(report.outcome()))
}

fn exit(outcome: ops::Outcome) -> Outcome {
    match outcome {
        // What lies beside a sound backup is told, and harms nobody.
        ops::Outcome::Sound | ops::Outcome::Unexpected => Outcome::Done,
        ops::Outcome::Missing => Outcome::Missing,
        ops::Outcome::Damaged => Outcome::Damaged,
        _ => Outcome::Unchecked,
    }
}

/// What is wrong, the worst first, and an empty line; nothing if all is well.
fn problems(problems: &[ops::Problem]) -> String {
    if problems.is_empty() {
        return String::new();
    }
    let mut table = Table::new([("", Align::Left), ("problem", Align::Left)]);
    for problem in problems {
        table.row([word(problem.outcome).to_owned(), problem.message.clone()]);
    }
    format!("{table}\n")
}

fn text(report: &ops::Report) -> String {
    let mut out = problems(&report.problems);
    let mut seen = vec![format!("{} objects", count(report.objects))];
    if report.bytes > 0 {
        seen.push(format!("{} read", bytes(report.bytes)));
    }
    if report.tables > 0 {
        seen.push(format!(
            "{} tables with {} rows as dumped",
            count(report.tables),
            count(report.rows)
        ));
    }
    if report.large_objects > 0 {
        seen.push(format!(
            "{} large objects as dumped",
            count(report.large_objects)
        ));
    }
    out.push_str(&format!(
        "{}: {} ({}; {} in {})\n",
        report.place,
        word(report.outcome()),
        report.level,
        seen.join(", "),
        duration(report.elapsed)
    ));
    out
}

fn word(outcome: ops::Outcome) -> &'static str {
    match outcome {
        ops::Outcome::Sound => "sound",
        ops::Outcome::Unexpected => "sound, with something beside it",
        ops::Outcome::Missing => "missing",
        ops::Outcome::Damaged => "damaged",
        _ => "could not be checked",
    }
}
