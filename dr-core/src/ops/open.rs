//! The verb `open`: a foreign dump in a file, a folder or a pipe, recognized by its content, as a
//! [`Dump`].

use std::path::Path;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::io::AsyncWriteExt;

use crate::archive::folder::Folder;
use crate::archive::seekable::{Seekable, SeekableFile};
use crate::archive::{custom, directory, tar};
use crate::dump::Dump;
use crate::error::{Error, ErrorKind, Result};
use crate::files::{ByteStream, Files};
use crate::pipeline::Reader;
use crate::pipeline::compression::{Method, decompress};
use crate::pipeline::streams::{reader_of, stream_of};
use crate::sql::cluster::ClusterContents;
use crate::sql::reader::{self, ReadOptions};

/// Bytes that tell every format: a tar file says so at byte 257. And of a compressed file, as many
/// as make one block of it.
const HEAD: usize = 256 * 1024;

/// Opens a dump: the folder of a directory archive; or a custom archive, a tar archive or a plain
/// SQL script in a file, compressed as a whole or not.
///
/// A custom or tar archive is read where it lies, and must stay as it is; one that is compressed as
/// a whole is set aside, unpacked (see [`ReadOptions::spool_in`]), which the options' watch is told.
///
/// # Errors
///
/// `Missing` if there is nothing; those of [`directory::dump`], [`custom::dump`],
/// [`tar::files`] and [`reader::open`].
pub async fn open_dump(path: &Path, options: &ReadOptions) -> Result<Arc<dyn Dump>> {
    let found = look_at(path, options).await?;
    found.dump().map_err(|error| error.of_key(path.display()))
}

/// What a file was found to be.
pub enum Found {
    /// A dump of one database, or the one that was wanted of several.
    Dump(Arc<dyn Dump>),
    /// The script of a cluster, of which no database was taken: there are several or none.
    Cluster(ClusterContents),
}

impl std::fmt::Debug for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Dump(_) => "Dump(..)",
            Self::Cluster(_) => "Cluster(..)",
        })
    }
}

impl Found {
    fn dump(self) -> Result<Arc<dyn Dump>> {
        match self {
            Self::Dump(dump) => Ok(dump),
            Self::Cluster(contents) => Err(contents.which()),
        }
    }

    /// The same, unless another database is wanted than it is of.
    fn of_wanted(self, options: &ReadOptions) -> Result<Self> {
        let (Self::Dump(dump), Some(wanted)) = (&self, options.wanted_database()) else {
            return Ok(self);
        };
        let toc = dump.toc();
        if toc.database == wanted.as_bytes() {
            return Ok(self);
        }
        Err(Error::new(
            ErrorKind::Usage,
            match toc.database.is_empty() {
                true => format!(
                    "this is a dump of one database, which it does not name: it cannot be told \
                     whether that is {wanted:?}"
                ),
                false => format!(
                    "this is a dump of the database {:?}, not of {wanted:?}",
                    String::from_utf8_lossy(&toc.database)
                ),
            },
        ))
    }
}

impl From<reader::Found> for Found {
    fn from(found: reader::Found) -> Self {
        match found {
            reader::Found::Dump(dump) => Self::Dump(Arc::from(dump as Box<dyn Dump>)),
            reader::Found::Cluster(contents) => Self::Cluster(contents),
        }
    }
}

/// [`open_dump`], which also tells what the script of a cluster holds, as pg_dumpall makes it.
///
/// # Errors
///
/// Those of [`open_dump`], but for a script of several databases.
pub async fn look_at(path: &Path, options: &ReadOptions) -> Result<Found> {
    let about = |error: Error| match error.key() {
        Some(_) => error,
        None => error.of_key(path.display()),
    };
    let cannot = |error: std::io::Error| {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::Missing,
            _ => ErrorKind::Store,
        };
        about(Error::new(kind, "the dump cannot be opened").caused_by(error))
    };
    let facts = tokio::fs::metadata(path).await.map_err(cannot)?;
    let found = if facts.is_dir() {
        open_folder(path, options).await.map(Found::Dump)
    } else {
        let input: Reader = Box::pin(tokio::fs::File::open(path).await.map_err(cannot)?);
        match facts.is_file() {
            true => look_at_file(path, input, options).await,
            false => look_into(input, options).await,
        }
    };
    found
        .and_then(|found| found.of_wanted(options))
        .map_err(about)
}

async fn look_at_file(path: &Path, input: Reader, options: &ReadOptions) -> Result<Found> {
    let (head, rest) = head_of(stream_of(input)).await?;
    let file = match recognize(&head).await {
        (Format::Script, _) => return Ok(reader::look_at(path, options).await?.into()),
        (format, Method::None) => (format, SeekableFile::open(path).await?),
        (format, method) => (format, set_aside(whole(head, rest), method, options).await?),
    };
    let (format, file) = file;
    open_archive(format, Arc::new(file), options)
        .await
        .map(Found::Dump)
}

/// Opens a dump from a pipe: a plain SQL script, a custom archive or a tar archive, compressed or
/// not. It is set aside in a temporary file: a script's data, an archive whole.
///
/// # Errors
///
/// Those of [`custom::dump`], [`tar::files`] and [`reader::read`]; `Store` if it cannot be set aside.
pub async fn open_input(input: Reader, options: &ReadOptions) -> Result<Arc<dyn Dump>> {
    look_into(input, options).await?.dump()
}

/// [`open_input`], which also tells what the script of a cluster holds, as pg_dumpall makes it.
///
/// # Errors
///
/// Those of [`open_input`], but for a script of several databases.
pub async fn look_into(input: Reader, options: &ReadOptions) -> Result<Found> {
    let (head, rest) = head_of(stream_of(input)).await?;
    let (format, method) = recognize(&head).await;
    let input = whole(head, rest);
    let found = match format {
        Format::Script => reader::look_into(reader_of(input), options).await?.into(),
        format => {
            let file = set_aside(input, method, options).await?;
            Found::Dump(open_archive(format, Arc::new(file), options).await?)
        }
    };
    found.of_wanted(options)
}

/// Opens a plain SQL dump, compressed or not, from a pipe. Its data is set aside in a temporary
/// file.
///
/// # Errors
///
/// See [`reader::read`].
pub async fn open_script(input: Reader, options: &ReadOptions) -> Result<Arc<dyn Dump>> {
    Ok(Arc::new(reader::read(input, options).await?))
}

async fn open_archive(
    format: Format,
    file: Arc<dyn Seekable>,
    options: &ReadOptions,
) -> Result<Arc<dyn Dump>> {
    let limits = options.bounds().clone();
    Ok(match format {
        Format::Tar => {
            let files = tar::files(file, &limits).await?;
            let dump = directory::dump_within(Arc::new(files), limits).await?;
            Arc::new(dump.in_tar())
        }
        Format::Custom | Format::Script => Arc::new(custom::dump_within(file, limits).await?),
    })
}

async fn open_folder(path: &Path, options: &ReadOptions) -> Result<Arc<dyn Dump>> {
    let folder = Folder::open(path).await?;
    let has = |name: &str| folder.list().iter().any(|file| file.name == name);
    if !has("toc.dat") && !has("toc.dat.gz") && has("toc.dat.age") {
        return Err(Error::new(
            ErrorKind::Usage,
            "this is an encrypted backup inside a repository: name the repository and the backup",
        ));
    }
    let limits = options.bounds().clone();
    Ok(Arc::new(
        directory::dump_within(Arc::new(folder), limits).await?,
    ))
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Custom,
    Tar,
    /// A script, or whatever it is that only its reader can tell.
    Script,
}

impl Format {
    fn of(head: &[u8]) -> Self {
        if head.starts_with(b"PGDMP") {
            Self::Custom
        } else if head.get(257..262) == Some(b"ustar") {
            Self::Tar
        } else {
            Self::Script
        }
    }
}

/// The first bytes of an input, and what follows them.
async fn head_of(mut input: ByteStream) -> Result<(Bytes, ByteStream)> {
    let mut head = BytesMut::new();
    while head.len() < HEAD {
        match input.try_next().await? {
            None => break,
            Some(more) => head.extend_from_slice(&more),
        }
    }
    Ok((head.freeze(), input))
}

fn whole(head: Bytes, rest: ByteStream) -> ByteStream {
    stream::iter([Ok(head)]).chain(rest).boxed()
}

/// The format, and what the whole is compressed by.
async fn recognize(head: &Bytes) -> (Format, Method) {
    let method = Method::of_magic(head);
    if method == Method::None {
        return (Format::of(head), method);
    }
    // The head of what is inside; that the rest is missing here is no news.
    let inside = decompress(stream::iter([Ok(head.clone())]).boxed(), method);
    match inside.into_future().await {
        (Some(Ok(inside)), _) => (Format::of(&inside), method),
        _ => (Format::Script, method),
    }
}

/// Puts an archive that can be read only once into a file of which any part can be read.
async fn set_aside(
    input: ByteStream,
    method: Method,
    options: &ReadOptions,
) -> Result<SeekableFile> {
    let folder = options
        .spool()
        .map_or_else(std::env::temp_dir, Path::to_path_buf);
    let failed = |error: std::io::Error| {
        Error::new(ErrorKind::Store, "the dump cannot be set aside")
            .of_key(folder.display())
            .caused_by(error)
    };
    // Only its owner may read it; removed when dropped.
    let (file, path) = tempfile::Builder::new()
        .prefix("dr-spool-")
        .tempfile_in(&folder)
        .map_err(failed)?
        .into_parts();
    options.watch_of().notice(format!(
        "the dump can be read only once: it is set aside in {} as long as it is needed",
        path.display()
    ));
    let mut file = tokio::fs::File::from_std(file);
    let mut input = options.until_damage(decompress(input, method));
    while let Some(piece) = input.try_next().await? {
        file.write_all(&piece).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    SeekableFile::temporary(path).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::pipeline::compression::{Compression, compress};

    #[tokio::test]
    async fn archives_are_told_by_their_content_even_when_compressed() {
        let custom = b"PGDMP\x01\x0e\x00 and so on".to_vec();
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        let script = b"SELECT 1;\n".to_vec();
        for (content, format) in [
            (custom, Format::Custom),
            (tar, Format::Tar),
            (script, Format::Script),
        ] {
            for compression in [
                Compression::None,
                Compression::Gzip(6),
                Compression::Zstd(3),
                Compression::Lz4(1),
            ] {
                let plain = stream::iter([Ok(Bytes::from(content.clone()))]).boxed();
                let packed: Vec<Bytes> = compress(plain, compression).try_collect().await.unwrap();
                let found = recognize(&packed.concat().into()).await;
                assert_eq!(found, (format, compression.method()));
            }
        }
    }

    #[tokio::test]
    async fn nothing_is_missing_and_a_folder_without_contents_too() {
        let place = tempfile::tempdir().unwrap();
        for path in [place.path().join("nothing"), place.path().to_owned()] {
            let Err(error) = open_dump(&path, &ReadOptions::new()).await else {
                panic!("there is no dump");
            };
            assert_eq!(error.kind(), ErrorKind::Missing);
        }
    }
}
