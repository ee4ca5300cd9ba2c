//! The verb `convert`: a dump in another form, proven to be what was read.
//!
//! Called by the command and the bindings. Rows are digested on their way in; what was written is
//! read back, digested again and compared before it gets its name.

mod fit;
mod linked;
mod proof;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::Verdict;
use super::output::{Extract, Format, How, render_for, write};
use super::part::{Part, Read};
use crate::archive::codec::Version;
use crate::digest::RowsDigest;
use crate::dump::Dump;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Phase, Watch};
use crate::limits::{Limits, claimed};
use crate::toc::render::needs_version;
use crate::toc::{Kind, Toc};
use proof::Proof;

/// How a dump is converted.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ConvertOptions {
    jobs: usize,
    version: Option<Version>,
    limits: Limits,
    watch: Watch,
    stop: CancellationToken,
}

impl Default for ConvertOptions {
    fn default() -> Self {
        Self {
            jobs: 1,
            version: None,
            limits: Limits::default(),
            watch: Watch::default(),
            stop: CancellationToken::new(),
        }
    }
}

impl ConvertOptions {
    /// One job, and archives in the version of the dump's server.
    pub fn new() -> Self {
        Self::default()
    }

    /// This many tables are read at once, into a directory archive and when what was written is
    /// read back; at least one.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs.max(1);
        self
    }

    /// An archive of this version, whatever the dump's server: 1.14 is for pg_restore 12 to 15, 1.15
    /// for 16. A newer pg_restore reads both.
    #[must_use]
    pub fn archive_version(mut self, version: Version) -> Self {
        self.version = Some(version);
        self
    }

    /// Bounds on what is held in memory when what was written is read back.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Who watches.
    #[must_use]
    pub fn watch(mut self, watch: Watch) -> Self {
        self.watch = watch;
        self
    }

    /// When this is canceled the work stops, takes away what it wrote and returns `Interrupted`;
    /// dropping the future takes it away too.
    #[must_use]
    pub fn stopped_by(mut self, stop: CancellationToken) -> Self {
        self.stop = stop;
        self
    }
}

/// What was converted, and the proof of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Converted {
    /// What was written: `custom`, `tar`, `directory` or `plain`.
    pub format: &'static str,
    /// The version of an archive, such as `1.16`.
    pub archive_version: Option<String>,
    /// Entries of the table of contents.
    pub entries: u64,
    /// Every table with data, in the order of the dump.
    pub tables: Vec<ConvertedTable>,
    /// Large objects.
    pub large_objects: u64,
    /// Bytes of their content.
    pub large_object_bytes: u64,
    /// Bytes of COPY text.
    pub bytes: u64,
    /// `Equal` if everything that was written was read back and is what was read;
    /// `NotComparable` if it went into a writer. What is not equal is an error.
    pub read_back: Verdict,
    /// How long it took.
    pub elapsed: Duration,
}

/// The data of one table, as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ConvertedTable {
    /// Dump id of its TABLE DATA entry.
    pub entry: u32,
    /// Its name as a person reads it.
    pub table: String,
    /// Rows and digest; none of a dump made with `--inserts`.
    pub digest: Option<RowsDigest>,
    /// INSERT statements, of such a dump.
    pub statements: Option<u64>,
    /// `Equal` to what was recorded when the dump was made, or `NotComparable` if nothing was. What
    /// is not equal is an error.
    pub verdict: Verdict,
}

/// Writes `toc`, which is the dump's own or a selection of it, in another form.
///
/// Rows, INSERT statements and large objects are digested as they are read, and held against what
/// the dump recorded, if it did. A file or folder is read back, decoded, and compared with that, and
/// only then gets its name; an archive's entries are compared too, and of a script every byte.
///
/// A dump without dependencies, as a script is, gets those that pg_restore needs to restore in
/// parallel. A script is loaded into a database that exists, as that of a pg_dump without
/// `--create`: the entry of the database itself is not in it.
///
/// # Examples
///
/// ```
/// use dr_core::ops::{
///     ConvertOptions, Extract, Format, ReadOptions, Verdict, convert, open_dump, open_script,
/// };
/// use dr_core::pipeline::compression::Compression;
///
/// # #[tokio::main]
/// # async fn main() -> dr_core::Result<()> {
/// let script = b"CREATE TABLE public.polls (id integer);\n\
///     COPY public.polls (id) FROM stdin;\n1\n2\n\\.\n\
///     -- PostgreSQL database dump complete\n";
/// let dump = open_script(Box::pin(&script[..]), &ReadOptions::new()).await?;
/// let toc = dump.toc().clone();
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("polls.dump");
/// let to = Extract::at(&path, Format::Custom, Compression::Zstd(3));
/// let converted = convert(dump, toc, to, &ConvertOptions::new()).await?;
/// assert_eq!(converted.tables[0].digest.map(|digest| digest.rows), Some(2));
/// assert_eq!(converted.read_back, Verdict::Equal);
/// assert_eq!(open_dump(&path, &ReadOptions::new()).await?.toc().entries.len(), 2);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// `Conflict` if the file or folder exists; `Usage` if rows alone were asked for; `Unsupported` if
/// the archive's version cannot hold the dump or its compression, before anything is written;
/// `Integrity` if the rows are not those that were dumped, or what was written is not what was
/// read; `Interrupted`; those of the dump.
pub async fn convert(
    dump: Arc<dyn Dump>,
    toc: Toc,
    to: Extract,
    options: &ConvertOptions,
) -> Result<Converted> {
    let began = Instant::now();
    let format = to.format();
    if format == Format::Rows {
        return Err(Error::new(
            ErrorKind::Usage,
            "rows alone are no dump: extract them",
        ));
    }
    let version = options
        .version
        .unwrap_or_else(|| Version::for_dump(&toc.server_version, to.method_inside()));
    let toc = match format.is_archive() {
        true => {
            fit::check(&toc, version, to.method_inside())?;
            linked::linked(toc)
        }
        false if options.version.is_some() => {
            return Err(Error::new(
                ErrorKind::Usage,
                "a script is no archive and has no version",
            ));
        }
        false => {
            tell_left_out(&toc, &options.watch);
            toc
        }
    };
    let toc = Arc::new(toc);
    let part = Part::of(dump, Arc::clone(&toc), options.watch.clone())
        .digesting_statements(options.limits.clone());
    let part = Arc::new(part);
    let with_data = toc.entries.iter().filter(|entry| entry.has_data);
    options.watch.tell(Event::Phase {
        phase: Phase::Store,
        items: with_data.clone().count() as u64,
        bytes: claimed(with_data.filter_map(|entry| part.size_hint(entry.id))),
    });
    let how = How {
        jobs: options.jobs,
        owners: true,
        version: format.is_archive().then_some(version),
    };
    let work = async {
        let compression = to.whole_compression();
        let output = write(Arc::clone(&part) as Arc<dyn Dump>, &toc, to, &how).await?;
        let read = part.read();
        let proof = Proof::of(&toc, &read, options)?;
        let read_back = match (output.path(), &output.text) {
            (None, _) => Verdict::NotComparable,
            (Some(path), Some(text)) => {
                proof.script(path, compression, text.sha256()).await?;
                Verdict::Equal
            }
            (Some(path), None) => {
                proof.archive(path, version).await?;
                Verdict::Equal
            }
        };
        output.finish().await?;
        Ok::<_, Error>((read, read_back))
    };
    let (read, read_back) = tokio::select! {
        biased;
        () = options.stop.cancelled() => return Err(Error::new(
            ErrorKind::Interrupted,
            "the conversion was stopped; nothing of it is kept",
        )),
        done = work => done?,
    };
    let archive_version = format.is_archive().then(|| version.to_string());
    Ok(Converted {
        format: format.as_str(),
        archive_version,
        elapsed: began.elapsed(),
        ..report(&part, &toc, &read, read_back)
    })
}

/// Says what a script for the dump's own server cannot hold.
fn tell_left_out(toc: &Toc, watch: &Watch) {
    let target = render_for(toc).target();
    let left = |entry: &&crate::toc::Entry| needs_version(entry) > target;
    let count = toc.entries.iter().filter(left).count();
    if count > 0 {
        watch.notice(format!(
            "{count} entries with statistics are not in the script: they need PostgreSQL 18, and the \
             dump is of an older server"
        ));
    }
    if toc.entries.iter().any(|entry| entry.kind == Kind::Database) {
        watch.notice(
            "the script is loaded into a database that exists: the entry of the database itself is \
             not in it",
        );
    }
}

fn report(part: &Part, toc: &Toc, read: &Read, read_back: Verdict) -> Converted {
    let recorded = part.evidence().tables;
    let tables: Vec<ConvertedTable> = toc
        .entries
        .iter()
        .filter_map(|entry| {
            let id = entry.id.0;
            let digest = read.tables.get(&id).copied();
            let statements = read.statements.get(&id).map(|found| found.rows);
            (digest.is_some() || statements.is_some()).then(|| ConvertedTable {
                entry: id,
                table: entry
                    .home()
                    .map_or_else(|| entry.to_string(), |name| name.to_string()),
                digest,
                statements,
                verdict: match digest.is_some() && recorded.contains_key(&id) {
                    true => Verdict::Equal,
                    false => Verdict::NotComparable,
                },
            })
        })
        .collect();
    let digests = tables.iter().filter_map(|table| table.digest);
    let objects = read.large_objects.values();
    Converted {
        format: "",
        archive_version: None,
        entries: toc.entries.len() as u64,
        bytes: claimed(digests.map(|digest| digest.bytes)),
        large_objects: read.large_objects.len() as u64,
        large_object_bytes: claimed(objects.map(|object| object.bytes)),
        tables,
        read_back,
        elapsed: Duration::ZERO,
    }
}
