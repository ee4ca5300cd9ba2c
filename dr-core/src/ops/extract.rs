//! The verb `extract`: some tables out of a dump, into a script, an archive or a stream of rows.
//!
//! Called by the command and the bindings; into a database the same selection goes through
//! [`restore`](fn@super::restore). Only the data of what was selected is read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::Verdict;
use super::output::{Extract, How, write};
use super::part::Part;
use crate::digest::RowsDigest;
use crate::dump::Dump;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Phase, Watch};
use crate::limits::claimed;
use crate::toc::Toc;

/// How an extract is done.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExtractOptions {
    jobs: usize,
    owners: bool,
    watch: Watch,
    stop: CancellationToken,
}

impl Default for ExtractOptions {
    fn default() -> Self {
        Self {
            jobs: 1,
            owners: true,
            watch: Watch::default(),
            stop: CancellationToken::new(),
        }
    }
}

impl ExtractOptions {
    /// One job, owners as in the dump.
    pub fn new() -> Self {
        Self::default()
    }

    /// Into an archive: this many tables are read at once; at least one.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs.max(1);
        self
    }

    /// A script that leaves everything to the role that runs it. An archive keeps its owners: who
    /// restores it decides.
    #[must_use]
    pub fn no_owner(mut self) -> Self {
        self.owners = false;
        self
    }

    /// Who watches.
    #[must_use]
    pub fn watch(mut self, watch: Watch) -> Self {
        self.watch = watch;
        self
    }

    /// When this is canceled the extract stops, takes away what it wrote and returns
    /// `Interrupted`; dropping the future takes it away too.
    #[must_use]
    pub fn stopped_by(mut self, stop: CancellationToken) -> Self {
        self.stop = stop;
        self
    }
}

/// What was extracted, and the proof of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Extracted {
    /// Every table whose rows were extracted, in the order of the dump.
    pub tables: Vec<ExtractedTable>,
    /// Bytes of COPY text.
    pub bytes: u64,
    /// How long it took.
    pub elapsed: Duration,
}

/// The rows of one table, as they were extracted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExtractedTable {
    /// Dump id of its TABLE DATA entry.
    pub entry: u32,
    /// Its name as a person reads it.
    pub table: String,
    /// What came out.
    pub digest: RowsDigest,
    /// `Equal` to what was recorded when the dump was made, or `NotComparable` if nothing was.
    /// What is not equal is an error.
    pub verdict: Verdict,
}

/// Extracts `toc`, which is a selection of `dump`'s.
///
/// Rows are digested as they pass and compared with what the dump recorded. A file or folder
/// appears under its name when all of it is proven and on disk; of a writer only a clean end
/// means that.
///
/// # Examples
///
/// ```
/// use dr_core::ops::{Extract, ExtractOptions, ReadOptions, extract, open_script};
/// use dr_core::pipeline::compression::Compression;
/// use dr_core::toc::Selection;
///
/// # #[tokio::main]
/// # async fn main() -> dr_core::Result<()> {
/// let script = b"CREATE TABLE public.polls (id integer);\n\
///     COPY public.polls (id) FROM stdin;\n1\n2\n\\.\n\
///     CREATE TABLE public.votes (id integer);\n\
///     -- PostgreSQL database dump complete\n";
/// let dump = open_script(Box::pin(&script[..]), &ReadOptions::new()).await?;
/// let selected = dump.toc().select(&Selection::tables(["public.polls"]))?;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("polls.sql");
/// let to = Extract::Script(path.clone(), Compression::None);
/// let extracted = extract(dump, selected.toc, to, &ExtractOptions::new()).await?;
/// assert_eq!(extracted.tables[0].digest.rows, 2);
/// assert!(!std::fs::read_to_string(&path)?.contains("votes"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// `Conflict` if the file or folder exists; `Usage` if rows alone were asked for and there is not
/// exactly one table with rows; `Unsupported` if its data is not COPY text; `Integrity` if the
/// rows are not those that were dumped; `Interrupted`; those of the dump.
pub async fn extract(
    dump: Arc<dyn Dump>,
    toc: Toc,
    to: Extract,
    options: &ExtractOptions,
) -> Result<Extracted> {
    let began = Instant::now();
    let toc = Arc::new(toc);
    let part = Arc::new(Part::of(dump, Arc::clone(&toc), options.watch.clone()));
    let with_data = toc.entries.iter().filter(|entry| entry.has_data);
    options.watch.tell(Event::Phase {
        phase: Phase::Store,
        items: with_data.clone().count() as u64,
        bytes: claimed(with_data.filter_map(|entry| part.size_hint(entry.id))),
    });
    tokio::select! {
        biased;
        () = options.stop.cancelled() => return Err(Error::new(
            ErrorKind::Interrupted,
            "the extract was stopped; nothing of it is kept",
        )),
        done = whole(&part, &toc, to, options) => done?,
    }
    Ok(report(&part, &toc, began))
}

async fn whole(
    part: &Arc<Part>,
    toc: &Arc<Toc>,
    to: Extract,
    options: &ExtractOptions,
) -> Result<()> {
    let how = How {
        jobs: options.jobs,
        owners: options.owners,
        version: None,
    };
    let part: Arc<dyn Dump> = part.clone();
    write(part, toc, to, &how).await?.finish().await
}

fn report(part: &Part, toc: &Toc, began: Instant) -> Extracted {
    let read = part.read();
    let recorded = part.evidence().tables;
    let tables: Vec<ExtractedTable> = toc
        .entries
        .iter()
        .filter_map(|entry| {
            let digest = *read.tables.get(&entry.id.0)?;
            Some(ExtractedTable {
                entry: entry.id.0,
                table: entry
                    .home()
                    .map_or_else(|| entry.to_string(), |name| name.to_string()),
                digest,
                // A difference was an error already.
                verdict: match recorded.contains_key(&entry.id.0) {
                    true => Verdict::Equal,
                    false => Verdict::NotComparable,
                },
            })
        })
        .collect();
    Extracted {
        bytes: tables.iter().map(|table| table.digest.bytes).sum(),
        tables,
        elapsed: began.elapsed(),
    }
}
