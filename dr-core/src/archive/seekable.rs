//! Bytes that can be read from any place on, as many readers at once as there are: what custom and
//! tar archives are read from. Knows no format.

use std::io::SeekFrom;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use tempfile::TempPath;
use tokio::io::AsyncSeekExt;
use tokio_util::io::ReaderStream;

use super::folder::about;
use crate::error::Result;
use crate::files::ByteStream;

/// Bytes asked of a file at once.
const PIECE: usize = 128 * 1024;

/// Bytes that can be read from any place on.
pub trait Seekable: Send + Sync {
    /// How many bytes there are.
    fn length(&self) -> u64;

    /// The bytes from a place to the end; none from the end on. Nothing is read before the stream
    /// is polled, and a stream that is dropped reads no further.
    fn read(&self, from: u64) -> BoxFuture<'_, Result<ByteStream>>;
}

impl Seekable for Bytes {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self, from: u64) -> BoxFuture<'_, Result<ByteStream>> {
        let from = usize::try_from(from).map_or(self.len(), |from| from.min(self.len()));
        let rest = self.slice(from..);
        async move { Ok(stream::iter([Ok(rest)]).boxed()) }.boxed()
    }
}

/// A local file. It must stay as it is while it is read.
#[derive(Debug)]
pub struct SeekableFile {
    path: PathBuf,
    length: u64,
    /// Removed when nobody reads it any more.
    _temporary: Option<TempPath>,
}

impl SeekableFile {
    /// Looks at a file.
    ///
    /// # Errors
    ///
    /// `Missing` if there is none; `Store` if it cannot be looked at.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let facts = tokio::fs::metadata(&path)
            .await
            .map_err(|error| about(&path, "cannot look at it", error))?;
        Ok(Self {
            length: facts.len(),
            path,
            _temporary: None,
        })
    }

    /// A file that is removed when this is dropped.
    ///
    /// # Errors
    ///
    /// See [`open`](Self::open).
    pub async fn temporary(path: TempPath) -> Result<Self> {
        let mut file = Self::open(path.to_path_buf()).await?;
        file._temporary = Some(path);
        Ok(file)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Seekable for SeekableFile {
    fn length(&self) -> u64 {
        self.length
    }

    fn read(&self, from: u64) -> BoxFuture<'_, Result<ByteStream>> {
        async move {
            let path = self.path.clone();
            let mut file = tokio::fs::File::open(&path)
                .await
                .map_err(|error| about(&path, "cannot open it", error))?;
            file.seek(SeekFrom::Start(from))
                .await
                .map_err(|error| about(&path, "cannot go to a place in it", error))?;
            Ok(ReaderStream::with_capacity(file, PIECE)
                .map_err(move |error| about(&path, "cannot read it", error))
                .boxed())
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::error::ErrorKind;

    async fn rest(of: &dyn Seekable, from: u64) -> Vec<u8> {
        let pieces: Vec<Bytes> = of.read(from).await.unwrap().try_collect().await.unwrap();
        pieces.concat()
    }

    #[tokio::test]
    async fn what_is_read_begins_at_the_place_asked_for() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, b"0123456789").unwrap();
        let path = file.into_temp_path();
        let kept = path.to_path_buf();
        let file = SeekableFile::temporary(path).await.unwrap();
        let memory = Bytes::from_static(b"0123456789");
        for from in [0, 3, 10, 11, u64::from(u32::MAX)] {
            assert_eq!(rest(&file, from).await, rest(&memory, from).await, "{from}");
        }
        assert_eq!(file.length(), memory.length());
        drop(file);
        assert!(!kept.exists());
        let error = SeekableFile::open(&kept).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Missing);
    }
}
