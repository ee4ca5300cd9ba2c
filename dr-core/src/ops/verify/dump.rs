//! The verb `verify_dump`: can a dump in a file be read from its first byte to its last? There is no
//! manifest to hold it against: what its format and compression say must be so.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::task::JoinSet;

use super::deep::{Contents, entry_contents, phase};
use super::report::problem_of;
use super::{Outcome, Problem, VerifyOptions};
use crate::dump::Dump;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::claimed;
use crate::toc::{EntryId, Index};

/// What was read of a dump.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DumpReport {
    /// Entries of the table of contents.
    pub entries: u64,
    /// Tables whose rows were read to their end.
    pub tables: u64,
    /// Their rows; those of INSERT statements are not counted.
    pub rows: u64,
    /// Bytes of their rows.
    pub bytes: u64,
    /// Large objects that were read to their end.
    pub large_objects: u64,
    /// Every entry that cannot be read, the worst first.
    pub problems: Vec<Problem>,
    /// How long it took.
    pub elapsed: Duration,
}

impl DumpReport {
    /// How it stands with the dump: as with the worst of its problems.
    pub fn outcome(&self) -> Outcome {
        let outcomes = self.problems.iter().map(|problem| problem.outcome);
        outcomes.max().unwrap_or(Outcome::Sound)
    }
}

/// Reads all data of a dump, of the options' jobs at once, and decodes it as a restore would. What
/// cannot be read is in the report, all of it; the work goes on after a problem.
///
/// Sound means that everything is there and that every checksum the format has is right. A format
/// without checksums may hold other values than were dumped; only a backup is held against digests:
/// see [`verify`](fn@super::verify).
///
/// # Examples
///
/// ```
/// use dr_core::ops::{ReadOptions, VerifyOptions, open_input, verify_dump};
///
/// # #[tokio::main]
/// # async fn main() -> dr_core::Result<()> {
/// let script = b"CREATE TABLE public.polls (id integer);\n\
///     COPY public.polls (id) FROM stdin;\n1\n2\n\\.\n\
///     -- PostgreSQL database dump complete\n";
/// let dump = open_input(Box::pin(&script[..]), &ReadOptions::new()).await?;
/// let report = verify_dump(dump, &VerifyOptions::new()).await?;
/// assert_eq!((report.tables, report.rows), (1, 2));
/// assert!(report.problems.is_empty());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// `Bug` if a task dies.
pub async fn verify_dump(dump: Arc<dyn Dump>, options: &VerifyOptions) -> Result<DumpReport> {
    let started = Instant::now();
    let mut report = DumpReport {
        entries: dump.toc().entries.len() as u64,
        tables: 0,
        rows: 0,
        bytes: 0,
        large_objects: 0,
        problems: Vec::new(),
        elapsed: Duration::ZERO,
    };
    read_entries(&dump, options, |_, found| match found {
        Ok(Contents::Rows(found)) => {
            report.tables += 1;
            report.rows += found.rows;
            report.bytes += found.bytes;
        }
        Ok(Contents::Statements) => report.tables += 1,
        Ok(Contents::LargeObjects(found)) => report.large_objects += found.len() as u64,
        Err(error) => report.problems.push(problem_of(&error)),
    })
    .await?;
    let problems = &mut report.problems;
    problems.sort_by(|one, other| {
        let worse = other.outcome.cmp(&one.outcome);
        worse.then_with(|| one.message.cmp(&other.message))
    });
    report.elapsed = started.elapsed();
    Ok(report)
}

/// Reads the data of every entry to its end, of the options' jobs at once, and says what became of
/// each.
///
/// # Errors
///
/// `Bug` if a task dies.
pub(in crate::ops) async fn read_entries(
    dump: &Arc<dyn Dump>,
    options: &VerifyOptions,
    mut done: impl FnMut(EntryId, Result<Contents>),
) -> Result<()> {
    let with_data = dump.toc().entries.iter().filter(|entry| entry.has_data);
    let mut waiting: Vec<EntryId> = with_data.map(|entry| entry.id).collect();
    let sizes = waiting.iter().filter_map(|id| dump.size_hint(*id));
    phase(&options.watch, waiting.len(), claimed(sizes));
    waiting.sort_by_key(|id| dump.size_hint(*id));
    let jobs = options.jobs.min(dump.lanes()).max(1);
    let index = Arc::new(Index::of(dump.toc()));
    let mut tasks = JoinSet::new();
    loop {
        while tasks.len() < jobs {
            let Some(id) = waiting.pop() else { break };
            let (dump, index) = (Arc::clone(dump), Arc::clone(&index));
            let watch = options.watch.clone();
            tasks.spawn(async move { (id, entry_contents(&*dump, &index, id, &watch).await) });
        }
        let Some(ended) = tasks.join_next().await else {
            return Ok(());
        };
        let (id, found) = ended.map_err(|error| {
            Error::new(ErrorKind::Bug, "a task of the verification died").caused_by(error)
        })?;
        done(id, found);
    }
}
