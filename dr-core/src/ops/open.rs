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
    if facts.is_dir() {
        return open_folder(path, options).await.map_err(about);
    }
    let input: Reader = Box::pin(tokio::fs::File::open(path).await.map_err(cannot)?);
    if !facts.is_file() {
        return open_input(input, options).await.map_err(about);
    }
    let (head, rest) = head_of(stream_of(input)).await.map_err(about)?;
    match recognize(&head).await {
        (Format::Script, _) => Ok(Arc::new(reader::open(path, options).await?)),
        (format, Method::None) => {
            let file = SeekableFile::open(path).await.map_err(about)?;
            open_archive(format, Arc::new(file), options)
                .await
                .map_err(about)
        }
        (format, method) => {
            let file = set_aside(whole(head, rest), method, options).await;
            open_archive(format, Arc::new(file.map_err(about)?), options)
                .await
                .map_err(about)
        }
    }
}

/// Opens a dump from a pipe: a plain SQL script, a custom archive or a tar archive, compressed or
/// not. It is set aside in a temporary file: a script's data, an archive whole.
///
/// # Errors
///
/// Those of [`custom::dump`], [`tar::files`] and [`reader::read`]; `Store` if it cannot be set aside.
pub async fn open_input(input: Reader, options: &ReadOptions) -> Result<Arc<dyn Dump>> {
    let (head, rest) = head_of(stream_of(input)).await?;
    let (format, method) = recognize(&head).await;
    let input = whole(head, rest);
    if format == Format::Script {
        return open_script(reader_of(input), options).await;
    }
    let file = set_aside(input, method, options).await?;
    open_archive(format, Arc::new(file), options).await
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
            Arc::new(directory::dump_within(Arc::new(files), limits).await?)
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
    let mut input = decompress(input, method);
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
