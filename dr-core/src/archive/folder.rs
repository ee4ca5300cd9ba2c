//! A local folder as [`Files`], and any [`Files`] as a local folder.
//!
//! Used by `ops::extract`, `ops::convert` and by whoever has a directory archive on disk. Knows no format.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio_util::io::ReaderStream;

use crate::error::{Error, ErrorKind, Result};
use crate::files::{ByteStream, FileInfo, Files, check_name};

/// Bytes read or written at once.
const PIECE: usize = 256 * 1024;

/// Most files a folder may hold: as many as there are entries in the largest Toc, and their
/// large objects.
const MOST_FILES: usize = 20_000_000;

/// The plain files of a local folder; folders in it are not looked into.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    sizes: BTreeMap<String, u64>,
}

impl Folder {
    /// Lists a folder. What is added to it later is not seen.
    ///
    /// # Errors
    ///
    /// `Missing` if there is no such folder; `Store` if it cannot be read.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let mut entries = tokio::fs::read_dir(&path)
            .await
            .map_err(|error| about(&path, "cannot list the folder", error))?;
        let mut sizes = BTreeMap::new();
        while let Some(entry) = entries
            .next_entry()
            .await
            .map_err(|error| about(&path, "cannot list the folder", error))?
        {
            // Follows links: an archive may lie on another disk than its folder.
            let facts = tokio::fs::metadata(entry.path()).await;
            let Ok(name) = entry.file_name().into_string() else {
                continue; // no archive has such a name, so nobody can ask for it
            };
            if check_name(&name).is_err() {
                continue;
            }
            match facts {
                Ok(facts) if facts.is_file() => {
                    sizes.insert(name, facts.len());
                }
                Ok(_) => {}
                Err(error) => return Err(about(&entry.path(), "cannot look at it", error)),
            }
            if sizes.len() > MOST_FILES {
                return Err(Error::new(
                    ErrorKind::Limit,
                    format!("the folder holds more than {MOST_FILES} files"),
                )
                .of_key(path.display()));
            }
        }
        Ok(Self { path, sizes })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Files for Folder {
    fn list(&self) -> Vec<FileInfo> {
        let mut files: Vec<FileInfo> = self
            .sizes
            .iter()
            .map(|(name, size)| FileInfo {
                name: name.clone(),
                size_hint: Some(*size),
            })
            .collect();
        files.sort_by_key(|file| std::cmp::Reverse(file.size_hint));
        files
    }

    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<ByteStream>> {
        async move {
            let path = self.path.join(name);
            if !self.sizes.contains_key(name) {
                return Err(
                    Error::new(ErrorKind::Missing, "there is no such file").of_key(path.display())
                );
            }
            let file = tokio::fs::File::open(&path)
                .await
                .map_err(|error| about(&path, "cannot open it", error))?;
            Ok(ReaderStream::with_capacity(file, PIECE)
                .map_err(move |error| about(&path, "cannot read it", error))
                .boxed())
        }
        .boxed()
    }
}

/// Writes files into a new folder, `jobs` at a time. The folder appears under its name when
/// everything is in it and on disk; dropping the future leaves nothing.
///
/// # Errors
///
/// `Conflict` if `path` exists and is not an empty folder; those of the files; `Store`.
pub async fn export(files: &dyn Files, path: &Path, jobs: usize) -> Result<()> {
    write(files, path, jobs).await?.finish().await
}

/// Writes files into a new folder that does not have its name yet.
///
/// # Errors
///
/// See [`export`].
pub async fn write(files: &dyn Files, path: &Path, jobs: usize) -> Result<Unfinished> {
    let name = path.file_name().ok_or_else(|| {
        Error::new(ErrorKind::Usage, "a folder to write needs a name").of_key(path.display())
    })?;
    refuse_occupied(path).await?;
    let parent = parent_of(path);
    let mut prefix = OsString::from(".");
    prefix.push(name);
    prefix.push(".unfinished-");
    let folder = tempfile::Builder::new()
        .prefix(&prefix)
        .tempdir_in(parent)
        .map_err(|error| about(parent, "cannot make a folder in it", error))?;
    stream::iter(files.list().into_iter().map(Ok))
        .try_for_each_concurrent(jobs.max(1), |file| {
            let folder = folder.path();
            async move {
                check_name(&file.name)?;
                let content = files.open(&file.name).await?;
                write_file(&folder.join(&file.name), content).await
            }
        })
        .await?;
    sync(folder.path())?;
    Ok(Unfinished {
        folder,
        path: path.to_owned(),
    })
}

/// A folder with everything in it, on disk, but for its name. Dropped, it is removed.
#[derive(Debug)]
pub struct Unfinished {
    folder: TempDir,
    path: PathBuf,
}

impl Unfinished {
    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Gives it its name.
    ///
    /// # Errors
    ///
    /// `Store` if it cannot be renamed.
    pub async fn finish(self) -> Result<()> {
        let Self { folder, path } = self;
        // Renaming onto an empty folder replaces it; onto one that has been filled meanwhile, fails.
        tokio::fs::rename(folder.path(), &path)
            .await
            .map_err(|error| about(&path, "cannot give the finished folder its name", error))?;
        let _renamed = folder.keep();
        sync(parent_of(&path))
    }
}

fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn sync(path: &Path) -> Result<()> {
    std::fs::File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| about(path, "cannot flush the folder to disk", error))
}

/// Writes one file and flushes it to disk.
async fn write_file(path: &Path, mut content: ByteStream) -> Result<()> {
    let failed = |error| about(path, "cannot write it", error);
    // Made here, not on a thread: one that is still at it when another file fails would put a file
    // into the folder while that is removed, and the folder would stay.
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|error| about(folder, "cannot make the folder", error))?;
    }
    let file = std::fs::File::create_new(path).map_err(failed)?;
    let mut file = tokio::fs::File::from_std(file);
    while let Some(piece) = content.try_next().await? {
        file.write_all(&piece).await.map_err(failed)?;
    }
    file.sync_all().await.map_err(failed)
}

async fn refuse_occupied(path: &Path) -> Result<()> {
    let occupied = match tokio::fs::read_dir(path).await {
        Ok(mut entries) => entries
            .next_entry()
            .await
            .map_err(|error| about(path, "cannot list the folder", error))?
            .is_some(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => true,
        Err(error) => return Err(about(path, "cannot look at it", error)),
    };
    if occupied {
        return Err(Error::new(
            ErrorKind::Conflict,
            "something is there already; name a folder that does not exist or is empty",
        )
        .of_key(path.display()));
    }
    Ok(())
}

/// An error of the file system, about this path.
pub(super) fn about(path: &Path, message: &str, error: std::io::Error) -> Error {
    let kind = match error.kind() {
        std::io::ErrorKind::NotFound => ErrorKind::Missing,
        _ => ErrorKind::Store,
    };
    Error::new(kind, message)
        .of_key(path.display())
        .caused_by(error)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use bytes::Bytes;

    struct Two {
        broken: bool,
    }

    impl Files for Two {
        fn list(&self) -> Vec<FileInfo> {
            ["toc.dat", "1.dat"]
                .map(|name| FileInfo {
                    name: name.to_owned(),
                    size_hint: None,
                })
                .to_vec()
        }

        fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<ByteStream>> {
            let piece = if self.broken && name == "1.dat" {
                Err(Error::new(ErrorKind::Integrity, "broken"))
            } else {
                Ok(Bytes::copy_from_slice(name.as_bytes()))
            };
            async move { Ok(stream::iter([piece]).boxed()) }.boxed()
        }
    }

    #[tokio::test]
    async fn a_folder_is_written_whole_and_read_back() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("archive");
        export(&Two { broken: false }, &path, 2).await.unwrap();
        let folder = Folder::open(&path).await.unwrap();
        assert_eq!(folder.list().len(), 2);
        let content: Vec<Bytes> = folder
            .open("1.dat")
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        assert_eq!(content.concat(), b"1.dat");
        let error = export(&Two { broken: false }, &path, 2).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        let Err(error) = folder.open("2.dat").await else {
            panic!("there is no such file");
        };
        assert_eq!(error.kind(), ErrorKind::Missing);
    }

    #[tokio::test]
    async fn what_fails_leaves_nothing() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("archive");
        let error = export(&Two { broken: true }, &path, 2).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity);
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
    }

    /// Many files, one of them broken as soon as it is opened, while others are being made.
    struct Many;

    impl Files for Many {
        fn list(&self) -> Vec<FileInfo> {
            (0..16)
                .map(|number| FileInfo {
                    name: format!("{number}.dat"),
                    size_hint: None,
                })
                .collect()
        }

        fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<ByteStream>> {
            async move {
                if name == "9.dat" {
                    return Err(Error::new(ErrorKind::Integrity, "broken"));
                }
                Ok(stream::iter([Ok(Bytes::from_static(b"content"))]).boxed())
            }
            .boxed()
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn files_that_are_being_made_when_another_fails_do_not_stay() {
        let place = tempfile::tempdir().unwrap();
        for round in 0..200 {
            let path = place.path().join(round.to_string());
            let error = export(&Many, &path, 16).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Integrity);
        }
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn no_folder_is_missing() {
        let error = Folder::open("/nonexistent/archive").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Missing);
    }
}
