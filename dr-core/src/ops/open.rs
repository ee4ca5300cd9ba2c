//! The verb `open`: a foreign dump in a file or folder, recognized by its content, as a [`Dump`].

use std::path::Path;
use std::sync::Arc;

use futures::{StreamExt, stream};
use tokio::io::AsyncReadExt;

use crate::archive::directory;
use crate::archive::folder::Folder;
use crate::dump::Dump;
use crate::error::{Error, ErrorKind, Result};
use crate::files::Files;
use crate::pipeline::Reader;
use crate::pipeline::compression::{Method, decompress};
use crate::sql::reader::{self, ReadOptions};

/// Bytes that tell every format: a tar file says so at byte 257. And of a compressed file, as many
/// as make one block of it.
const HEAD: usize = 256 * 1024;

/// Opens a dump: the folder of a directory archive, or a plain SQL file, compressed or not.
///
/// # Errors
///
/// `Missing` if there is nothing; `Unsupported` for pg_dump's custom and tar formats, by name;
/// those of [`directory::dump`] and [`reader::open`].
pub async fn open_dump(path: &Path, options: &ReadOptions) -> Result<Arc<dyn Dump>> {
    let about = |error: Error| match error.key() {
        Some(_) => error,
        None => error.of_key(path.display()),
    };
    let facts = tokio::fs::metadata(path).await.map_err(|error| {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::Missing,
            _ => ErrorKind::Store,
        };
        about(Error::new(kind, "the dump cannot be opened").caused_by(error))
    })?;
    if facts.is_dir() {
        return open_folder(path, options).await.map_err(about);
    }
    if facts.is_file() {
        recognize(path).await.map_err(about)?;
    }
    Ok(Arc::new(reader::open(path, options).await?))
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

/// Refuses by name what is a dump and not read.
async fn recognize(path: &Path) -> Result<()> {
    let mut head = vec![0; HEAD];
    let mut file = tokio::fs::File::open(path)
        .await
        .map_err(|error| Error::new(ErrorKind::Store, "cannot be opened").caused_by(error))?;
    let mut length = 0;
    while length < HEAD {
        match file.read(&mut head[length..]).await? {
            0 => break,
            more => length += more,
        }
    }
    head.truncate(length);
    let method = Method::of_magic(&head);
    if method == Method::None {
        return refuse(&head);
    }
    // The head of what is inside; that the rest is missing here is no news.
    let inside = decompress(stream::iter([Ok(head.into())]).boxed(), method);
    match inside.into_future().await {
        (Some(Ok(inside)), _) => refuse(&inside),
        _ => Ok(()),
    }
}

fn refuse(head: &[u8]) -> Result<()> {
    let format = if head.starts_with(b"PGDMP") {
        "custom"
    } else if head.get(257..262) == Some(b"ustar") {
        "tar"
    } else {
        return Ok(());
    };
    Err(Error::new(
        ErrorKind::Unsupported,
        format!(
            "this is an archive in pg_dump's {format} format, which is not read yet; turn it into \
             a script first: pg_restore --file=dump.sql ARCHIVE"
        ),
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::pipeline::compression::{Compression, compress};
    use bytes::Bytes;
    use futures::TryStreamExt;

    async fn error_for(content: &[u8]) -> Error {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("dump");
        std::fs::write(&path, content).unwrap();
        match open_dump(&path, &ReadOptions::new()).await {
            Ok(_) => panic!("this is no dump that is read"),
            Err(error) => error,
        }
    }

    #[tokio::test]
    async fn custom_and_tar_archives_are_refused_by_name_even_when_compressed() {
        let custom = b"PGDMP\x01\x0e\x00 and so on".to_vec();
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        for (content, name) in [(custom, "custom"), (tar, "tar")] {
            let error = error_for(&content).await;
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains(name), "{error}");
            for compression in [
                Compression::Gzip(6),
                Compression::Zstd(3),
                Compression::Lz4(1),
            ] {
                let plain = stream::iter([Ok(Bytes::from(content.clone()))]).boxed();
                let packed: Vec<Bytes> = compress(plain, compression).try_collect().await.unwrap();
                let error = error_for(&packed.concat()).await;
                assert!(error.to_string().contains(name), "{compression}: {error}");
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
