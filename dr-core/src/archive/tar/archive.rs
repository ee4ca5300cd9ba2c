//! A dump as a tar: one stream of bytes. A view: data is read while the tar is.

use std::io::SeekFrom;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
use tokio_util::io::ReaderStream;

use super::BLOCK;
use super::header::Header;
use crate::archive::codec::Version;
use crate::archive::directory::DirectoryFiles;
use crate::dump::Dump;
use crate::error::{Error, ErrorKind, Result};
use crate::files::{ByteStream, Files};
use crate::pipeline::compression::Method;

/// A member up to this size is held in memory, for the tar must say its size first; a larger one is
/// set aside in a temporary file.
const HELD: usize = 1 << 20;

const PIECE: usize = 256 * 1024;

/// A tar of `dump`, in the version that the server's own pg_restore reads. `script` becomes its
/// `restore.sql`.
///
/// # Errors
///
/// `Format` if the Toc cannot be archived, with the entry.
pub fn archive(dump: Arc<dyn Dump>, script: ByteStream) -> Result<TarArchive> {
    let version = Version::for_dump(&dump.toc().server_version, Method::None);
    archive_of_version(dump, script, version)
}

/// A tar of one version. Below 1.16, large objects become single entries.
///
/// # Errors
///
/// `Unsupported` if that version is not written or cannot hold the dump; `Format` if the Toc cannot
/// be archived, with the entry.
pub fn archive_of_version(
    dump: Arc<dyn Dump>,
    script: ByteStream,
    version: Version,
) -> Result<TarArchive> {
    Ok(TarArchive {
        modified: u64::try_from(dump.toc().created).unwrap_or(0),
        files: DirectoryFiles::in_order(dump, version)?,
        script,
    })
}

/// A dump as a tar; made by [`archive`].
pub struct TarArchive {
    files: DirectoryFiles,
    script: ByteStream,
    modified: u64,
}

impl std::fmt::Debug for TarArchive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TarArchive")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl TarArchive {
    /// The tar as a stream of bytes. One table at a time is set aside in `folder`, as the tar must
    /// say how long it is before its content comes.
    pub fn stream(self, folder: &Path) -> ByteStream {
        let Self {
            files,
            script,
            modified,
        } = self;
        let files = Arc::new(files);
        let names = files.list();
        let folder: Arc<Path> = folder.into();
        let data = {
            let folder = Arc::clone(&folder);
            stream::iter(names).then(move |file| {
                let (files, folder) = (Arc::clone(&files), Arc::clone(&folder));
                async move {
                    let content = files.open(&file.name).await?;
                    member(&file.name, content, modified, &folder).await
                }
            })
        };
        let last =
            stream::once(async move { member("restore.sql", script, modified, &folder).await });
        data.chain(last)
            .try_flatten()
            .chain(stream::iter([Ok(Bytes::from_static(&[0; 2 * BLOCK]))]))
            .boxed()
    }
}

/// A member with its header and what fills its last block.
async fn member(
    name: &str,
    content: ByteStream,
    modified: u64,
    folder: &Path,
) -> Result<ByteStream> {
    let (size, content) = measured(content, folder).await?;
    let header = Header::write(name, size, modified)?;
    let padding = size.next_multiple_of(BLOCK as u64) - size;
    let zeros = Bytes::from_static(&[0; BLOCK]).slice(..usize::try_from(padding).unwrap_or(0));
    Ok(stream::iter([Ok(Bytes::copy_from_slice(&header))])
        .chain(content)
        .chain(stream::iter([Ok(zeros)]))
        .boxed())
}

/// The same content, and how long it is.
async fn measured(mut content: ByteStream, folder: &Path) -> Result<(u64, ByteStream)> {
    let mut held = Vec::new();
    let mut size = 0;
    while let Some(piece) = content.try_next().await? {
        size += piece.len();
        held.push(piece);
        if size > HELD {
            let rest = stream::iter(held.into_iter().map(Ok)).chain(content);
            return set_aside(rest.boxed(), folder.to_owned()).await;
        }
    }
    let pieces = stream::iter(held.into_iter().map(Ok)).boxed();
    Ok((size as u64, pieces))
}

async fn set_aside(mut content: ByteStream, folder: PathBuf) -> Result<(u64, ByteStream)> {
    let failed = |error: std::io::Error| {
        Error::new(ErrorKind::Store, "cannot set a table aside")
            .of_key(folder.display())
            .caused_by(error)
    };
    // Without a name: nothing is left behind, whatever happens.
    let file = tempfile::tempfile_in(&folder).map_err(failed)?;
    let mut file = tokio::fs::File::from_std(file);
    let mut size = 0;
    while let Some(piece) = content.try_next().await? {
        file.write_all(&piece).await.map_err(failed)?;
        size += piece.len() as u64;
    }
    file.flush().await.map_err(failed)?;
    file.seek(SeekFrom::Start(0)).await.map_err(failed)?;
    let pieces = ReaderStream::with_capacity(file, PIECE).map_err(|error| {
        Error::new(ErrorKind::Store, "cannot read a table set aside").caused_by(error)
    });
    Ok((size, pieces.boxed()))
}
