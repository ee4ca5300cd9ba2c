//! Where a dump goes that is written out, and as what: scripts, archives, rows alone.
//!
//! Used by `extract` and `convert`. A file or folder is written beside its name and gets it when
//! [`Output::finish`] is called; dropped before that, it is gone.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use tokio::io::AsyncWriteExt;

use crate::archive::codec::Version;
use crate::archive::{custom, directory, folder, tar};
use crate::dump::Dump;
use crate::error::{Error, ErrorKind, Result};
use crate::files::ByteStream;
use crate::pipeline::Writer;
use crate::pipeline::compression::{Compression, Method, compress};
use crate::pipeline::tap::{Tapped, tap_stream};
use crate::sql::writer::{self, WriteOptions};
use crate::toc::render::RenderOptions;
use crate::toc::{Entry, Toc};

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A plain SQL script.
    Script,
    /// A directory archive.
    Directory,
    /// A custom archive.
    Custom,
    /// A tar archive.
    Tar,
    /// The COPY rows of one table.
    Rows,
}

impl Format {
    /// What a path's name says is to be written there, and how it is compressed; what is wanted
    /// comes before what the name says.
    ///
    /// `.sql` is a script and `.tar` a tar archive, also with `.gz`, `.zst` or `.lz4` behind it;
    /// `.dump` is a custom archive; any other name is a directory archive. The data of these two is
    /// compressed by zstd, or by gzip in a `version` whose header cannot say that.
    ///
    /// ```
    /// use dr_core::ops::Format;
    /// use dr_core::pipeline::compression::Compression;
    ///
    /// let script = Format::of_name("votes.sql.gz", None, None, None);
    /// assert_eq!(script, (Format::Script, Compression::Gzip(6)));
    /// let custom = Format::of_name("votes.dump", None, None, None);
    /// assert_eq!(custom, (Format::Custom, Compression::Zstd(3)));
    /// ```
    pub fn of_name(
        name: &str,
        format: Option<Self>,
        compression: Option<Compression>,
        version: Option<Version>,
    ) -> (Self, Compression) {
        let method = Method::of_name(name);
        let inside = name.strip_suffix(method.suffix()).unwrap_or(name);
        let format = format.unwrap_or(match inside.rsplit_once('.') {
            Some((_, "sql")) => Self::Script,
            Some((_, "tar")) => Self::Tar,
            // Its data is compressed inside: `.dump.gz` would be something else.
            Some((_, "dump")) if method == Method::None => Self::Custom,
            _ => Self::Directory,
        });
        let compression = compression.unwrap_or(match format {
            Self::Directory | Self::Custom => Self::inside(version),
            Self::Script | Self::Tar | Self::Rows => Compression::from(method),
        });
        (format, compression)
    }

    /// How the data inside an archive of some version is compressed, where nothing else is wanted.
    pub fn inside(version: Option<Version>) -> Compression {
        let usual = Compression::default();
        match version {
            Some(version) if version < Version::lowest_with(usual.method()) => {
                Compression::from(Method::Gzip)
            }
            _ => usual,
        }
    }

    /// The word for it, as `--format` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Script => "plain",
            Self::Directory => "directory",
            Self::Custom => "custom",
            Self::Tar => "tar",
            Self::Rows => "copy",
        }
    }

    /// Whether it is an archive, which pg_restore reads.
    pub fn is_archive(self) -> bool {
        matches!(self, Self::Directory | Self::Custom | Self::Tar)
    }
}

/// By its word; `sql` is `plain` too.
impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "plain" | "sql" => Self::Script,
            "directory" => Self::Directory,
            "custom" => Self::Custom,
            "tar" => Self::Tar,
            "copy" => Self::Rows,
            _ => {
                return Err(Error::new(
                    ErrorKind::Usage,
                    format!("format is one of plain, directory, custom, tar, copy, not {text:?}"),
                ));
            }
        })
    }
}

/// Where it goes, and as what.
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

impl Extract {
    /// A path, and what is written there.
    pub fn at(path: impl Into<PathBuf>, format: Format, compression: Compression) -> Self {
        let path = path.into();
        match format {
            Format::Script => Self::Script(path, compression),
            Format::Directory => Self::Directory(path, compression),
            Format::Custom => Self::Custom(path, compression),
            Format::Tar => Self::Tar(path, compression),
            Format::Rows => Self::Rows(path, compression),
        }
    }

    /// A writer, and what is written into it. Only a custom archive is compressed there.
    ///
    /// # Errors
    ///
    /// `Usage` for a directory archive, which does not fit into a stream.
    pub fn into(writer: Writer, format: Format, compression: Compression) -> Result<Self> {
        Ok(match format {
            Format::Script => Self::ScriptTo(writer),
            Format::Custom => Self::CustomTo(writer, compression),
            Format::Tar => Self::TarTo(writer),
            Format::Rows => Self::RowsTo(writer),
            Format::Directory => {
                return Err(Error::new(
                    ErrorKind::Usage,
                    "a directory archive does not fit into a stream",
                ));
            }
        })
    }

    /// What is written.
    pub fn format(&self) -> Format {
        match self {
            Self::Script(..) | Self::ScriptTo(_) => Format::Script,
            Self::Directory(..) => Format::Directory,
            Self::Custom(..) | Self::CustomTo(..) => Format::Custom,
            Self::Tar(..) | Self::TarTo(_) => Format::Tar,
            Self::Rows(..) | Self::RowsTo(_) => Format::Rows,
        }
    }

    /// How the data inside an archive is compressed, which its header must be able to say; a tar's
    /// is not, and a script has no header.
    pub(super) fn method_inside(&self) -> Method {
        match self {
            Self::Directory(_, compression)
            | Self::Custom(_, compression)
            | Self::CustomTo(_, compression) => compression.method(),
            _ => Method::None,
        }
    }

    /// How a file is compressed as a whole.
    pub(super) fn whole_compression(&self) -> Compression {
        match self {
            Self::Script(_, compression) | Self::Tar(_, compression) => *compression,
            _ => Compression::None,
        }
    }
}

/// How it is written.
#[derive(Debug, Clone)]
pub(super) struct How {
    /// Into a folder: files at once.
    pub(super) jobs: usize,
    /// Whether a script has owners.
    pub(super) owners: bool,
    /// The version of an archive, if not that of the dump's server.
    pub(super) version: Option<Version>,
}

/// What was written, before it has its name.
pub(super) struct Output {
    place: Place,
    /// What passed as the text of a script, before its compression.
    pub(super) text: Option<Tapped>,
}

enum Place {
    Writer,
    File(Unfinished),
    Folder(folder::Unfinished),
}

impl Output {
    fn new(place: Place) -> Self {
        Self { place, text: None }
    }

    /// Where it can be read already; none of a writer.
    pub(super) fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::Writer => None,
            Place::File(file) => Some(file.file.path()),
            Place::Folder(folder) => Some(folder.path()),
        }
    }

    /// Gives it its name.
    pub(super) async fn finish(self) -> Result<()> {
        match self.place {
            Place::Writer => Ok(()),
            Place::File(file) => file.finish(),
            Place::Folder(folder) => folder.finish().await,
        }
    }
}

/// Writes `part`, whose Toc is `toc`.
pub(super) async fn write(
    part: Arc<dyn Dump>,
    toc: &Arc<Toc>,
    to: Extract,
    how: &How,
) -> Result<Output> {
    let version = how
        .version
        .unwrap_or_else(|| Version::for_dump(&part.toc().server_version, to.method_inside()));
    match to {
        Extract::Script(path, compression) => {
            let (script, text) = tap_stream(script(part, toc, how));
            let file = write_file(&path, compress(script.boxed(), compression)).await?;
            Ok(Output {
                text: Some(text),
                ..Output::new(Place::File(file))
            })
        }
        Extract::Directory(path, compression) => {
            let files = directory::files_of_version(part, compression, version)?;
            let folder = folder::write(&files, &path, how.jobs).await?;
            Ok(Output::new(Place::Folder(folder)))
        }
        Extract::Custom(path, compression) => {
            let archive = custom::archive_of_version(part, compression, version)?;
            let unfinished = Unfinished::beside(&path).await?;
            let mut file = unfinished.file()?;
            let written = archive.write(&mut file).await;
            written.map_err(|error| match error.kind() {
                ErrorKind::Store if error.key().is_none() => error.of_key(path.display()),
                _ => error,
            })?;
            unfinished.flush(file).await?;
            Ok(Output::new(Place::File(unfinished)))
        }
        Extract::Tar(path, compression) => {
            let restore = restore_script(&part, toc);
            let tar = tar::archive_of_version(part, restore, version)?;
            let file =
                write_file(&path, compress(tar.stream(parent_of(&path)), compression)).await?;
            Ok(Output::new(Place::File(file)))
        }
        Extract::CustomTo(writer, compression) => {
            let archive = custom::archive_of_version(part, compression, version)?;
            write_to(writer, archive.stream()).await?;
            Ok(Output::new(Place::Writer))
        }
        Extract::TarTo(writer) => {
            let restore = restore_script(&part, toc);
            let tar = tar::archive_of_version(part, restore, version)?;
            write_to(writer, tar.stream(&std::env::temp_dir())).await?;
            Ok(Output::new(Place::Writer))
        }
        Extract::ScriptTo(writer) => {
            write_to(writer, script(part, toc, how)).await?;
            Ok(Output::new(Place::Writer))
        }
        Extract::Rows(path, compression) => {
            let rows = rows(&*part, toc).await?;
            let file = write_file(&path, compress(rows, compression)).await?;
            Ok(Output::new(Place::File(file)))
        }
        Extract::RowsTo(writer) => {
            write_to(writer, rows(&*part, toc).await?).await?;
            Ok(Output::new(Place::Writer))
        }
    }
}

async fn rows(part: &dyn Dump, toc: &Toc) -> Result<ByteStream> {
    let entry = only_table(toc)?;
    writer::raw_rows(part, entry.id)
        .await
        .map_err(|error| error.in_entry(entry))
}

fn script(part: Arc<dyn Dump>, toc: &Arc<Toc>, how: &How) -> ByteStream {
    let mut render = render_for(toc);
    if !how.owners {
        render = render.no_owner();
    }
    writer::script(part, Arc::clone(toc), WriteOptions::new().render(render))
}

/// For whom a script is written: who will load it is not known, and every server from the dump's own
/// on takes what that one takes.
pub(super) fn render_for(toc: &Toc) -> RenderOptions {
    match toc.server_major() {
        Some(major) => RenderOptions::new().target_version(major * 10_000),
        None => RenderOptions::new(),
    }
}

/// The `restore.sql` of a tar: definitions, and COPY out of the tar's other members, unpacked where
/// `$$PATH$$` says. Large objects and INSERT statements are not in it, as in that of pg_dump.
fn restore_script(part: &Arc<dyn Dump>, toc: &Toc) -> ByteStream {
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
    let how = How {
        jobs: 1,
        owners: true,
        version: None,
    };
    script(Arc::clone(part), &Arc::new(toc), &how)
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

/// Writes a new file, whole and on disk, which has no name yet.
async fn write_file(path: &Path, mut content: ByteStream) -> Result<Unfinished> {
    let unfinished = Unfinished::beside(path).await?;
    let mut file = unfinished.file()?;
    while let Some(piece) = content.try_next().await? {
        file.write_all(&piece)
            .await
            .map_err(|error| about(path, "cannot write it", error))?;
    }
    unfinished.flush(file).await?;
    Ok(unfinished)
}

/// A file on its way, without its name; removed when dropped.
struct Unfinished {
    path: PathBuf,
    file: tempfile::NamedTempFile,
}

impl Unfinished {
    async fn beside(path: &Path) -> Result<Self> {
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
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// To write into.
    fn file(&self) -> Result<tokio::fs::File> {
        let file = self.file.reopen();
        file.map(tokio::fs::File::from_std)
            .map_err(|error| about(&self.path, "cannot write it", error))
    }

    /// Flushes what was written to disk.
    async fn flush(&self, mut written: tokio::fs::File) -> Result<()> {
        let failed = |error| about(&self.path, "cannot write it", error);
        written.flush().await.map_err(failed)?;
        written.sync_all().await.map_err(failed)
    }

    /// Gives it its name.
    fn finish(self) -> Result<()> {
        let path = self.path;
        self.file
            .persist_noclobber(&path)
            .map_err(|error| match error.error.kind() {
                std::io::ErrorKind::AlreadyExists => exists(&path),
                _ => about(&path, "cannot give the finished file its name", error.error),
            })?;
        std::fs::File::open(parent_of(&path))
            .and_then(|folder| folder.sync_all())
            .map_err(|error| about(&path, "cannot flush its folder to disk", error))
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
