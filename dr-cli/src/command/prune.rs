//! `dr prune --orphans`.

use dr_core::ops::{PruneOptions, as_json, prune_orphans};
use dr_core::{Error, ErrorKind, Result};
use jiff::SignedDuration;

use super::Context;
use crate::args::Prune;
use crate::exit::Outcome;
use crate::render::{Align, Table, bytes, count, time};
use crate::signal;

pub(super) async fn run(context: &Context, options: &Prune) -> Result<Outcome> {
    let older_than = SignedDuration::try_from(options.older_than).map_err(|error| {
        Error::new(ErrorKind::Usage, "--older-than is too long").caused_by(error)
    })?;
    let repository = context.repository(&options.repo.repo).await?;
    let mut wanted = PruneOptions::new()
        .older_than(older_than)
        .watch(context.progress.watch());
    if options.dry_run {
        wanted = wanted.dry_run();
    }
    let pruned = signal::droppable(&context.stop, prune_orphans(&repository, &wanted)).await?;
    context.progress.finish();
    context.output.result(
        || {
            if pruned.swept.is_empty() && pruned.spared.is_empty() {
                return "no leftovers".to_owned();
            }
            let mut table = Table::new([
                ("leftover", Align::Left),
                ("objects", Align::Right),
                ("size", Align::Right),
                ("last written", Align::Left),
                ("", Align::Left),
            ]);
            let swept = if options.dry_run {
                "would be swept"
            } else {
                "swept"
            };
            for (orphans, done) in [
                (&pruned.swept, swept),
                (&pruned.spared, "changed meanwhile; let be"),
            ] {
                for orphan in orphans {
                    table.row([
                        orphan.leftover.to_string(),
                        count(orphan.objects),
                        bytes(orphan.bytes),
                        time(orphan.newest),
                        done.to_owned(),
                    ]);
                }
            }
            table.to_string()
        },
        || as_json::pruned(&pruned, options.dry_run),
    )?;
    Ok(Outcome::Done)
}
