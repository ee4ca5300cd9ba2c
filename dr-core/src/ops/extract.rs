//! The verb `extract`: some tables out of a dump, into a script, an archive or a stream of rows.
//!
//! Called by the command and the bindings; into a database the same selection goes through
//! [`restore`](fn@super::restore). Only the data of what was selected is read.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::TryStreamExt;
use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio_util::sync::CancellationToken;

use super::Verdict;
use super::part::Part;
use crate::archive::{custom, directory, folder, tar};
use crate::digest::RowsDigest;
use crate::dump::Dump;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Phase, Watch};
use crate::files::ByteStream;
use crate::limits::claimed;
use crate::pipeline::Writer;
use crate::pipeline::compression::{Compression, compress};
use crate::sql::writer::{self, WriteOptions};
use crate::toc::render::RenderOptions;
use crate::toc::{Entry, Toc};

/// Where an extract goes, and as what.
pub enum Extract {
    /// A plain SQL file, which must not exist. It has its name when it is complete and on disk.
    Script(PathBuf, Compression),
    /// The folder of a directory archive, which must not exist or be empty; likewise.
    Directory(PathBuf, Compression),
    /// A custom archive in a file, with the places of its data recorded; likewise.
    Custom(PathBuf, Compression),
    /// A tar archive in a file, compressed as a whole or not; likewise. pg_restore takes one that
    /// is not.
    Tar(PathBuf, Compression),
    /// A file of the COPY rows of the one table selected, and nothing else; likewise.
    Rows(PathBuf, Compression),
    /// A plain SQL script into a writer.
    ScriptTo(Writer),
    /// A custom archive into a writer; the places of its data are not recorded in it.
    CustomTo(Writer, Compression),
    /// A tar archive into a writer.
    TarTo(Writer),
    /// The COPY rows of the one table selected into a writer, and nothing else.
    RowsTo(Writer),
}

impl std::fmt::Debug for Extract {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Script(path, compression) => {
                write!(f, "Script({}, {compression})", path.display())
            }
            Self::Directory(path, compression) => {
                write!(f, "Directory({}, {compression})", path.display())
            }
            Self::Custom(path, compression) => {
                write!(f, "Custom({}, {compression})", path.display())
            }
            Self::Tar(path, compression) => {
                write!(f, "Tar({}, {compression})", path.display())
            }
            Self::Rows(path, compression) => {
                write!(f, "Rows({}, {compression})", path.display())
            }
            Self::CustomTo(_, compression) => write!(f, "CustomTo(.., {compression})"),
            Self::TarTo(_) => f.write_str("TarTo(..)"),
            Self::ScriptTo(_) => f.write_str("ScriptTo(..)"),
            Self::RowsTo(_) => f.write_str("RowsTo(..)"),
        }
    }
}

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
        done = write(&part, &toc, to, options) => done?,
    }
    Ok(report(&part, &toc, began))
}

async fn write(
    part: &Arc<Part>,
    toc: &Arc<Toc>,
    to: Extract,
    options: &ExtractOptions,
) -> Result<()> {
    match to {
        Extract::Script(path, compression) => {
            let script = script(part, toc, options);
            write_file(&path, compress(script, compression)).await
        }
        Extract::Directory(path, compression) => {
            let dump: Arc<dyn Dump> = part.clone();
            let files = directory::files(dump, compression)?;
            folder::export(&files, &path, options.jobs).await
        }
        Extract::Custom(path, compression) => {
            let archive = custom::archive(part.clone(), compression)?;
            let unfinished = Unfinished::beside(&path).await?;
            let mut file = unfinished.file()?;
            let written = archive.write(&mut file).await;
            written.map_err(|error| match error.kind() {
                ErrorKind::Store if error.key().is_none() => error.of_key(path.display()),
                _ => error,
            })?;
            unfinished.finish(file).await
        }
        Extract::Tar(path, compression) => {
            let tar = tar::archive(part.clone(), restore_script(part, toc))?;
            write_file(&path, compress(tar.stream(parent_of(&path)), compression)).await
        }
        Extract::CustomTo(writer, compression) => {
            let archive = custom::archive(part.clone(), compression)?;
            write_to(writer, archive.stream()).await
        }
        Extract::TarTo(writer) => {
            let tar = tar::archive(part.clone(), restore_script(part, toc))?;
            write_to(writer, tar.stream(&std::env::temp_dir())).await
        }
        Extract::ScriptTo(writer) => write_to(writer, script(part, toc, options)).await,
        Extract::Rows(path, compression) => {
            let rows = rows(part, toc).await?;
            write_file(&path, compress(rows, compression)).await
        }
        Extract::RowsTo(writer) => write_to(writer, rows(part, toc).await?).await,
    }
}

async fn rows(part: &Part, toc: &Toc) -> Result<ByteStream> {
    let entry = only_table(toc)?;
    writer::raw_rows(part, entry.id)
        .await
        .map_err(|error| error.in_entry(entry))
}

fn script(part: &Arc<Part>, toc: &Arc<Toc>, options: &ExtractOptions) -> ByteStream {
    let mut render = RenderOptions::new();
    // Who will load it is not known: every server from the dump's own on takes what that one takes.
    if let Some(major) = toc.server_major() {
        render = render.target_version(major * 10_000);
    }
    if !options.owners {
        render = render.no_owner();
    }
    writer::script(
        part.clone(),
        Arc::clone(toc),
        WriteOptions::new().render(render),
    )
}

/// The `restore.sql` of a tar: definitions, and COPY out of the tar's other members, unpacked where
/// `$$PATH$$` says. Large objects and INSERT statements are not in it, as in that of pg_dump.
fn restore_script(part: &Arc<Part>, toc: &Toc) -> ByteStream {
    let mut toc = toc.clone();
    for entry in toc.entries.iter_mut().filter(|entry| entry.has_data) {
        entry.has_data = false;
        let Some(copy) = entry.copy_statement.take() else {
            continue;
        };
        if let Some(head) = copy.strip_suffix(b"FROM stdin;\n") {
            let from = format!("FROM '$$PATH$$/{}.dat';\n", entry.id);
            entry.definition = [head, from.as_bytes()].concat().into();
        }
    }
    script(part, &Arc::new(toc), &ExtractOptions::new())
}

/// The entry of the one table with rows.
pub(super) fn only_table(toc: &Toc) -> Result<&Entry> {
    let with_data: Vec<&Entry> = toc.entries.iter().filter(|entry| entry.has_data).collect();
    match with_data[..] {
        [entry] => Ok(entry),
        [] => Err(Error::new(
            ErrorKind::Usage,
            "what was selected has no rows of its own; the rows of a partitioned table are its \
             partitions': name one of these",
        )),
        [first, second, ..] => Err(Error::new(
            ErrorKind::Usage,
            format!(
                "rows alone can be those of one table only, and {} were selected: {first}, {second}{}",
                with_data.len(),
                if with_data.len() > 2 { ", …" } else { "" }
            ),
        )),
    }
}

async fn write_to(mut writer: Writer, mut stream: ByteStream) -> Result<()> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => Error::new(
            ErrorKind::Interrupted,
            "whoever was to read the output stopped before its end",
        ),
        _ => Error::new(ErrorKind::Store, "cannot write the output").caused_by(error),
    };
    while let Some(piece) = stream.try_next().await? {
        writer.write_all(&piece).await.map_err(failed)?;
    }
    writer.flush().await.map_err(failed)
}

/// Writes a new file; it has its name when it is complete and on disk.
async fn write_file(path: &Path, mut content: ByteStream) -> Result<()> {
    let unfinished = Unfinished::beside(path).await?;
    let mut file = unfinished.file()?;
    while let Some(piece) = content.try_next().await? {
        file.write_all(&piece)
            .await
            .map_err(|error| about(path, "cannot write it", error))?;
    }
    unfinished.finish(file).await
}

/// A file on its way, without its name; removed when dropped.
struct Unfinished<'a> {
    path: &'a Path,
    file: tempfile::NamedTempFile,
}

impl<'a> Unfinished<'a> {
    async fn beside(path: &'a Path) -> Result<Self> {
        if tokio::fs::try_exists(path)
            .await
            .map_err(|error| about(path, "cannot look for the file", error))?
        {
            return Err(exists(path));
        }
        let file = tempfile::Builder::new()
            .prefix(".dr-unfinished-")
            .tempfile_in(parent_of(path))
            .map_err(|error| about(path, "cannot make a file beside it", error))?;
        Ok(Self { path, file })
    }

    /// To write into.
    fn file(&self) -> Result<tokio::fs::File> {
        let file = self.file.reopen();
        file.map(tokio::fs::File::from_std)
            .map_err(|error| about(self.path, "cannot write it", error))
    }

    /// Flushes what was written to disk, and gives it its name.
    async fn finish(self, mut written: tokio::fs::File) -> Result<()> {
        let path = self.path;
        let failed = |error| about(path, "cannot write it", error);
        written.flush().await.map_err(failed)?;
        written.sync_all().await.map_err(failed)?;
        self.file
            .persist_noclobber(path)
            .map_err(|error| match error.error.kind() {
                std::io::ErrorKind::AlreadyExists => exists(path),
                _ => about(path, "cannot give the finished file its name", error.error),
            })?;
        std::fs::File::open(parent_of(path))
            .and_then(|folder| folder.sync_all())
            .map_err(|error| about(path, "cannot flush its folder to disk", error))
    }
}

fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn exists(path: &Path) -> Error {
    Error::new(
        ErrorKind::Conflict,
        "there is such a file already: name another, or remove it",
    )
    .of_key(path.display())
}

fn about(path: &Path, what: &str, error: std::io::Error) -> Error {
    let kind = match error.kind() {
        std::io::ErrorKind::AlreadyExists => ErrorKind::Conflict,
        std::io::ErrorKind::NotFound => ErrorKind::Missing,
        _ => ErrorKind::Store,
    };
    Error::new(kind, what)
        .of_key(path.display())
        .caused_by(error)
}

fn report(part: &Part, toc: &Toc, began: Instant) -> Extracted {
    let read = part.read();
    let recorded = part.evidence().tables;
    let tables: Vec<ExtractedTable> = toc
        .entries
        .iter()
        .filter_map(|entry| {
            let digest = *read.get(&entry.id.0)?;
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
