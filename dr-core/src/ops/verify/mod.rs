//! The verb `verify`: is a stored backup still what was stored? Three depths, one report. And
//! `verify_against_live`: does a database still hold it? `verify_dump`: can a dump in a file be read?

mod deep;
mod dump;
mod live;
mod report;
mod set;
mod stored;

use std::time::Instant;

pub(super) use deep::{digest_large_objects, digest_rows};
pub(super) use dump::read_entries;
pub use dump::{DumpReport, verify_dump};
pub use live::{LiveOptions, LiveReport, LiveTable, verify_against_live};
pub use report::{Outcome, Problem, Report};

use crate::error::Result;
use crate::event::{Event, Phase, Watch};
use crate::pipeline::keys::Keys;
use crate::repo::{Backup, Kind, Repository};

/// How deep [`verify`] looks. Each level does what the one before does, and more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[non_exhaustive]
pub enum VerifyLevel {
    /// The commit mark; that every object is there and has its size. Reads no data.
    Quick,
    /// Every stored byte against its SHA-256. Needs no key.
    #[default]
    Stored,
    /// Decrypts, decompresses and decodes everything; counts and digests the rows of every table
    /// and every large object, and compares with what the dump saw. Needs the key.
    Deep,
}

/// What [`verify`] may be told.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct VerifyOptions {
    level: VerifyLevel,
    keys: Keys,
    jobs: usize,
    watch: Watch,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self {
            level: VerifyLevel::default(),
            keys: Keys::none(),
            jobs: 2,
            watch: Watch::default(),
        }
    }
}

impl VerifyOptions {
    /// Every stored byte, two objects at a time.
    pub fn new() -> Self {
        Self::default()
    }

    /// How deep to look.
    #[must_use]
    pub fn level(mut self, level: VerifyLevel) -> Self {
        self.level = level;
        self
    }

    /// What opens the backup; for [`VerifyLevel::Deep`].
    #[must_use]
    pub fn keys(mut self, keys: Keys) -> Self {
        self.keys = keys;
        self
    }

    /// How many objects are read at once; at least one.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs.max(1);
        self
    }

    /// Who is told of the progress.
    #[must_use]
    pub fn watch(mut self, watch: Watch) -> Self {
        self.watch = watch;
        self
    }
}

/// Verifies the backup that `text` names, as in [`Repository::find`]; of a set, every backup that
/// belongs to it. Whatever is wrong with the
/// backup is in the report, all of it; the work goes on after a problem.
///
/// # Examples
///
/// ```
/// use dr_core::ops::{VerifyLevel, VerifyOptions, verify};
/// use dr_core::repo::Repository;
/// # use dr_core::archive::directory;
/// # use dr_core::ops::{BackupOptions, ReadOptions, backup, open_script};
/// # use dr_core::pipeline::compression::Compression;
///
/// # #[tokio::main]
/// # async fn main() -> dr_core::Result<()> {
/// let repository = Repository::open("memory:").await?;
/// # let script = b"CREATE TABLE public.polls (id integer);\n\
/// #     -- PostgreSQL database dump complete\n";
/// # let dump = open_script(Box::pin(&script[..]), &ReadOptions::new()).await?;
/// # let files = directory::files(dump, Compression::None)?;
/// # backup(&files, &repository, &BackupOptions::new().database("polls")).await?;
/// // Every stored byte against its SHA-256: no key is needed.
/// let options = VerifyOptions::new().level(VerifyLevel::Stored);
/// let report = verify(&repository, "latest", &options).await?;
/// for problem in &report.problems {
///     eprintln!("{}", problem.message);
/// }
/// assert!(report.is_sound());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// `Missing` if there is no such backup, `Usage` if there are several; `Store` if the store cannot
/// even be listed.
pub async fn verify(
    repository: &Repository,
    text: &str,
    options: &VerifyOptions,
) -> Result<Report> {
    let started = Instant::now();
    options.watch.tell(Event::Phase {
        phase: Phase::Prepare,
        items: 0,
        bytes: 0,
    });
    let listing = repository.look_up(text).await?;
    let mut report = Report::new(&listing.place, options.level);
    match listing.into_backup() {
        Ok(backup) => {
            look(repository, &backup, options, &mut report).await?;
            if backup.mark.kind == Kind::Set {
                set::members(repository, &backup, options, &mut report).await?;
            }
        }
        Err(error) => {
            // The mark says what there should be; without it there is nothing to hold the rest
            // against.
            report.error(error);
        }
    }
    report.finish(started.elapsed());
    Ok(report)
}

async fn look(
    repository: &Repository,
    backup: &Backup,
    options: &VerifyOptions,
    report: &mut Report,
) -> Result<()> {
    let present = stored::sizes(repository, backup, report).await?;
    if options.level == VerifyLevel::Quick {
        return Ok(());
    }
    stored::digests(repository, backup, &present, options, report).await?;
    if options.level == VerifyLevel::Deep {
        deep::contents(repository, backup, options, report).await?;
    }
    Ok(())
}
