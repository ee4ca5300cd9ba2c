//! The verb `prune`: sweeps what no backup needs. So far that is leftovers; see
//! [`Repository::orphans`].

use jiff::SignedDuration;

use crate::error::Result;
use crate::event::{Event, Phase, Watch};
use crate::repo::{Orphan, Repository};

/// What [`prune_orphans`] may be told.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PruneOptions {
    older_than: SignedDuration,
    dry_run: bool,
    watch: Watch,
}

impl Default for PruneOptions {
    fn default() -> Self {
        Self {
            older_than: SignedDuration::from_hours(24),
            dry_run: false,
            watch: Watch::default(),
        }
    }
}

impl PruneOptions {
    /// Leftovers to which nothing was written for a day.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long nothing must have been written to a leftover. A backup that is being made looks
    /// like one as long as it finishes no object: longer than the largest table takes.
    #[must_use]
    pub fn older_than(mut self, age: SignedDuration) -> Self {
        self.older_than = age;
        self
    }

    /// Only says what would be swept.
    #[must_use]
    pub fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }

    /// Who is told of the progress.
    #[must_use]
    pub fn watch(mut self, watch: Watch) -> Self {
        self.watch = watch;
        self
    }
}

/// What [`prune_orphans`] found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pruned {
    /// What was swept, or would be in a dry run.
    pub swept: Vec<Orphan>,
    /// What changed between the look and the sweep, and was let be.
    pub spared: Vec<Orphan>,
}

/// Sweeps the leftovers of backups that never came to be. Never touches what has a commit mark,
/// be it damaged.
///
/// # Examples
///
/// ```no_run
/// use dr_core::ops::{PruneOptions, prune_orphans};
/// use dr_core::repo::Repository;
///
/// # #[tokio::main]
/// # async fn main() -> dr_core::Result<()> {
/// let repository = Repository::open("/var/backups/dr").await?;
/// let pruned = prune_orphans(&repository, &PruneOptions::new().dry_run()).await?;
/// println!("{} leftovers would be swept", pruned.swept.len());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// `Missing` if there is no repository; `Store` if the store fails.
pub async fn prune_orphans(repository: &Repository, options: &PruneOptions) -> Result<Pruned> {
    let orphans = repository.orphans(options.older_than).await?;
    options.watch.tell(Event::Phase {
        phase: Phase::Store,
        items: orphans.len() as u64,
        bytes: 0,
    });
    let mut pruned = Pruned {
        swept: Vec::new(),
        spared: Vec::new(),
    };
    for orphan in orphans {
        let item = orphan.leftover.to_string();
        options
            .watch
            .tell(Event::ItemStarted { item: item.clone() });
        if options.dry_run || repository.sweep(&orphan).await? {
            pruned.swept.push(orphan);
        } else {
            pruned.spared.push(orphan);
        }
        options.watch.tell(Event::ItemFinished { item });
    }
    Ok(pruned)
}
