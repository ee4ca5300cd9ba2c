//! `dr verify FILE`: all of a dump is read, and decoded as a restore would.

use std::path::Path;

use dr_core::ops::{self, DumpReport, VerifyOptions, as_json};
use dr_core::{Error, ErrorKind, Result};

use super::{exit, problems, word};
use crate::args::Verify;
use crate::command::{Context, jobs};
use crate::exit::Outcome;
use crate::render::{bytes, count, duration};
use crate::{signal, source};

pub(super) async fn run(context: &Context, options: &Verify, path: &Path) -> Result<Outcome> {
    if options.quick {
        return Err(Error::new(
            ErrorKind::Usage,
            "--quick is for backups: a dump has no commit mark, and is read whole",
        ));
    }
    let database = options.of_cluster.database.as_deref();
    let reading = source::of_database(context.reading(), database);
    let wanted = VerifyOptions::new()
        .jobs(jobs(options.jobs))
        .watch(context.progress.watch());
    let work = async {
        let dump = source::open_file(path, &reading).await?;
        ops::verify_dump(dump, &wanted).await
    };
    let report = signal::droppable(&context.stop, Box::pin(work)).await?;
    context.progress.finish();
    context
        .output
        .result(|| text(path, &report), || as_json::dump_report(&report))?;
    Ok(exit(report.outcome()))
}

fn text(path: &Path, report: &DumpReport) -> String {
    format!(
        "{}{}: {} ({} entries; {} tables with {} rows, {}, and {} large objects read in {})\n",
        problems(&report.problems),
        path.display(),
        word(report.outcome()),
        count(report.entries),
        count(report.tables),
        count(report.rows),
        bytes(report.bytes),
        count(report.large_objects),
        duration(report.elapsed)
    )
}
