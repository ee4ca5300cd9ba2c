//! Where the data of a script's entries lies: byte ranges of the file itself, or a spool.
//!
//! Used by the reader while it goes through a script and by the dump it makes. A script that can be
//! read again (a plain file) is not copied; of one that cannot (a pipe, compressed text) every
//! table's data goes into a private folder, compressed, until the dump is dropped.

use std::io::SeekFrom;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_compression::Level;
use async_compression::tokio::bufread::ZstdDecoder;
use async_compression::tokio::write::ZstdEncoder;
use async_compression::zstd::CParameter;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use tempfile::TempDir;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufReader, BufWriter};
use tokio_util::io::ReaderStream;

use crate::error::{Error, ErrorKind, Result};
use crate::files::ByteStream;

const PIECE: usize = 256 * 1024;

/// The data of one entry.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    /// Offset and length in the script, one after another; empty if spooled.
    ranges: Vec<(u64, u64)>,
    /// Numbers of the spool files, one after another.
    spooled: Vec<u32>,
    /// Bytes in all.
    pub(super) bytes: u64,
}

/// What is added to a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Addition {
    /// Any bytes.
    Bytes,
    /// A statement that begins a stretch of them.
    Statement,
    /// A statement behind another: what stands between the two belongs to the place.
    NextStatement,
}

impl Place {
    /// Goes on with what lies at another place.
    pub(super) fn append(&mut self, other: &Self) {
        self.ranges.extend_from_slice(&other.ranges);
        self.spooled.extend_from_slice(&other.spooled);
        self.bytes += other.bytes;
    }
}

/// Takes data while a script is gone through, and gives it again.
#[derive(Debug)]
pub(super) enum Store {
    /// The script is a file that can be read again.
    File(PathBuf),
    /// The script is not; its data is kept here.
    Spool(Box<Spool>),
    /// Nobody will ask for the data.
    Nowhere,
}

/// What failed when a spool takes no more; mostly its disk is full, and this says how to choose another.
const SET_ASIDE: &str =
    "the dump's data cannot be set aside; where the command does that is for TMPDIR to say";

/// A private folder with one file for each entry that has data.
pub(super) struct Spool {
    folder: Arc<TempDir>,
    files: u32,
    open: Option<(u32, ZstdEncoder<BufWriter<File>>)>,
}

impl std::fmt::Debug for Spool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spool")
            .field("folder", &self.folder.path())
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

/// What data is read from again.
#[derive(Debug, Clone)]
pub(super) enum Source {
    File(PathBuf),
    /// The folder lives as long as anybody reads from it.
    Spool(Arc<TempDir>),
}

fn failed(what: &str, path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Store, what.to_owned())
        .of_key(path.display())
        .caused_by(error)
}

impl Spool {
    /// A new folder under `parent`, or where the system keeps temporary files, that only its owner
    /// may enter.
    pub(super) fn new(parent: Option<&Path>) -> Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("dr-spool-");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let parent = parent.map_or_else(std::env::temp_dir, Path::to_path_buf);
        let folder = builder.tempdir_in(&parent).map_err(|error| {
            failed(
                "a folder for the dump's data cannot be made",
                &parent,
                error,
            )
        })?;
        Ok(Self {
            folder: Arc::new(folder),
            files: 0,
            open: None,
        })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    async fn write(&mut self, number: u32, bytes: &[u8]) -> Result<()> {
        let path = file_of(&self.folder, number);
        if self.open.as_ref().is_none_or(|(open, _)| *open != number) {
            self.close().await?;
            let mut options = tokio::fs::OpenOptions::new();
            options.append(true).create(true);
            #[cfg(unix)]
            options.mode(0o600);
            let file = options
                .open(&path)
                .await
                .map_err(|error| failed(SET_ASIDE, &path, error))?;
            // A frame without a checksum decodes damage without a word.
            let encoder = ZstdEncoder::with_quality_and_params(
                BufWriter::with_capacity(PIECE, file),
                Level::Precise(1),
                &[CParameter::checksum_flag(true)],
            );
            self.open = Some((number, encoder));
        }
        let (_, encoder) = self.open.as_mut().expect("opened on the lines above");
        encoder
            .write_all(bytes)
            .await
            .map_err(|error| failed(SET_ASIDE, &path, error))
    }

    async fn close(&mut self) -> Result<()> {
        if let Some((number, mut encoder)) = self.open.take() {
            encoder.shutdown().await.map_err(|error| {
                let path = file_of(&self.folder, number);
                failed(SET_ASIDE, &path, error)
            })?;
        }
        Ok(())
    }
}

fn file_of(folder: &TempDir, number: u32) -> PathBuf {
    folder.path().join(format!("{number}.zst"))
}

impl Store {
    /// Adds `bytes`, which stand at `offset` of the script, to a place.
    pub(super) async fn add(
        &mut self,
        place: &mut Place,
        offset: u64,
        bytes: &[u8],
        addition: Addition,
    ) -> Result<()> {
        let length = bytes.len() as u64;
        match self {
            Self::Nowhere => {}
            Self::File(_) => match place.ranges.last_mut() {
                Some((start, so_far))
                    if addition == Addition::NextStatement || *start + *so_far == offset =>
                {
                    *so_far = offset + length - *start;
                }
                _ => place.ranges.push((offset, length)),
            },
            Self::Spool(spool) => {
                let number = match place.spooled.last() {
                    Some(number) => *number,
                    None => {
                        spool.files += 1;
                        place.spooled.push(spool.files);
                        spool.files
                    }
                };
                spool.write(number, bytes).await?;
                if addition != Addition::Bytes {
                    spool.write(number, b"\n").await?;
                }
            }
        }
        place.bytes += length;
        Ok(())
    }

    /// Ends the taking.
    pub(super) async fn finish(self) -> Result<Source> {
        match self {
            Self::File(path) => Ok(Source::File(path)),
            Self::Spool(mut spool) => {
                spool.close().await?;
                Ok(Source::Spool(spool.folder))
            }
            Self::Nowhere => Err(Error::new(
                ErrorKind::Bug,
                "the data of the script was not kept, and is asked for",
            )),
        }
    }
}

impl Source {
    /// The data of a place.
    pub(super) async fn open(&self, place: &Place) -> Result<ByteStream> {
        match self {
            Self::File(path) => {
                let path = path.clone();
                let ranges = place.ranges.clone();
                Ok(stream::iter(ranges)
                    .map(move |(offset, length)| Ok((path.clone(), offset, length)))
                    .and_then(|(path, offset, length)| range(path, offset, length))
                    .try_flatten()
                    .boxed())
            }
            Self::Spool(folder) => {
                let folder = Arc::clone(folder);
                Ok(stream::iter(place.spooled.clone())
                    .map(move |number| Ok((Arc::clone(&folder), number)))
                    .and_then(|(folder, number)| spooled(folder, number))
                    .try_flatten()
                    .boxed())
            }
        }
    }
}

/// The content of one file of a spool, which stays while it is read.
async fn spooled(
    folder: Arc<TempDir>,
    number: u32,
) -> Result<impl futures::Stream<Item = Result<Bytes>> + Send> {
    let path = file_of(&folder, number);
    let file = File::open(&path)
        .await
        .map_err(|error| failed("the dump's data, set aside before, is gone", &path, error))?;
    let mut decoder = ZstdDecoder::new(BufReader::with_capacity(PIECE, file));
    decoder.multiple_members(true);
    Ok(
        ReaderStream::with_capacity(decoder, PIECE).map_err(move |error| {
            let _alive = &folder;
            failed(
                "the dump's data, set aside before, is damaged",
                &path,
                error,
            )
        }),
    )
}

/// `length` bytes of a file; an error if it has become shorter.
async fn range(
    path: PathBuf,
    offset: u64,
    length: u64,
) -> Result<impl futures::Stream<Item = Result<Bytes>> + Send> {
    let mut file = File::open(&path)
        .await
        .map_err(|error| failed("the dump cannot be read again", &path, error))?;
    file.seek(SeekFrom::Start(offset))
        .await
        .map_err(|error| failed("the dump cannot be read again", &path, error))?;
    let reader = ReaderStream::with_capacity(file.take(length), PIECE);
    Ok(stream::try_unfold(
        (reader, length, path),
        move |(mut reader, left, path)| async move {
            match reader.next().await {
                Some(Ok(piece)) => {
                    let left = left.saturating_sub(piece.len() as u64);
                    Ok(Some((piece, (reader, left, path))))
                }
                Some(Err(error)) => Err(failed("the dump cannot be read again", &path, error)),
                None if left > 0 => Err(Error::new(
                    ErrorKind::Format,
                    "the dump became shorter while it was being read",
                )
                .of_key(path.display())
                .at_offset(offset + length - left)),
                None => Ok(None),
            }
        },
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    async fn all(source: &Source, place: &Place) -> Result<Vec<u8>> {
        let pieces: Vec<Bytes> = source.open(place).await?.try_collect().await?;
        Ok(pieces.concat())
    }

    #[tokio::test]
    async fn ranges_of_a_file_are_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dump.sql");
        std::fs::write(&path, b"0123456789").unwrap();
        let mut store = Store::File(path.clone());
        let (mut place, mut joined) = (Place::default(), Place::default());
        store
            .add(&mut place, 1, b"12", Addition::Bytes)
            .await
            .unwrap();
        store
            .add(&mut place, 3, b"3", Addition::Bytes)
            .await
            .unwrap();
        store
            .add(&mut place, 8, b"8", Addition::Bytes)
            .await
            .unwrap();
        store
            .add(&mut joined, 2, b"2", Addition::Statement)
            .await
            .unwrap();
        store
            .add(&mut joined, 5, b"5", Addition::NextStatement)
            .await
            .unwrap();
        let source = store.finish().await.unwrap();
        assert_eq!(all(&source, &place).await.unwrap(), b"1238");
        assert_eq!(all(&source, &joined).await.unwrap(), b"2345");
        std::fs::write(&path, b"012").unwrap();
        let error = all(&source, &place).await.unwrap_err();
        assert_eq!((error.kind(), error.offset()), (ErrorKind::Format, Some(3)));
    }

    #[tokio::test]
    async fn a_spool_gives_back_what_it_took_and_leaves_nothing() {
        let spool = Spool::new(None).unwrap();
        let folder = spool.path().to_path_buf();
        let mut store = Store::Spool(Box::new(spool));
        let (mut first, mut second) = (Place::default(), Place::default());
        store
            .add(&mut first, 0, b"a", Addition::Bytes)
            .await
            .unwrap();
        store
            .add(&mut second, 9, b"INSERT;", Addition::Statement)
            .await
            .unwrap();
        store
            .add(&mut first, 5, b"b", Addition::Bytes)
            .await
            .unwrap();
        let source = store.finish().await.unwrap();
        assert_eq!(all(&source, &first).await.unwrap(), b"ab");
        assert_eq!(all(&source, &second).await.unwrap(), b"INSERT;\n");
        assert_eq!(all(&source, &Place::default()).await.unwrap(), b"");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&folder), 0o700);
            assert_eq!(mode(&folder.join("1.zst")), 0o600);
        }
        drop(source);
        assert!(!folder.exists());
    }
}
