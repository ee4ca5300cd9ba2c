//! The files of a directory archive as a dump. A view: of the files only `toc.dat` is read when it
//! is made.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use super::TOC;
use crate::archive::codec::{self, Archived, Format, Place, Version};
use crate::archive::data_places::DataPlaces;
use crate::archive::rows::without_end;
use crate::archive::source::add_facts;
use crate::dump::{Data, Dump, Header, LargeObjectPiece};
use crate::error::{Error, ErrorKind, Result};
use crate::files::{ByteStream, Evidence, Files, check_name};
use crate::limits::{Limit, Limits};
use crate::pipeline::compression::{Method, decompress};
use crate::toc::{EntryId, Kind, Toc};

/// The dump in a directory archive, of dr or of pg_dump 9 to 18.
///
/// # Errors
///
/// See [`dump_within`].
pub async fn dump(files: Arc<dyn Files>) -> Result<DirectoryDump> {
    dump_within(files, Limits::default()).await
}

/// The dump in a directory archive, read within limits.
///
/// A data file that is missing is an error only when it is asked for: what else an archive holds
/// can still be had.
///
/// # Errors
///
/// `Missing` if there is no `toc.dat`; those of [`codec::read`] and of the files.
pub async fn dump_within(files: Arc<dyn Files>, limits: Limits) -> Result<DirectoryDump> {
    let sizes: BTreeMap<String, Option<u64>> = files
        .list()
        .into_iter()
        .map(|file| (file.name, file.size_hint))
        .collect();
    let shelf = Shelf {
        files,
        sizes: Arc::new(sizes),
    };
    let text = shelf.text(TOC, limits.toc_bytes()).await?;
    let (archived, head) =
        codec::read_with_head(&text, &limits).map_err(|error| error.of_key(TOC))?;
    let Archived {
        version,
        format,
        method,
        toc,
        places,
    } = archived;
    if format != Format::Tar {
        return Err(Error::new(
            ErrorKind::Format,
            "it says that it is a custom archive, not a directory's",
        )
        .of_key(TOC));
    }
    let mut names = DataPlaces::new();
    for (index, (entry, place)) in toc.entries.iter().zip(places).enumerate() {
        let Place::File(name) = place else { continue };
        // Names come from outside: one like `../x` must not be asked of anybody.
        let name = String::from_utf8(name.into())
            .ok()
            .filter(|name| check_name(name).is_ok())
            .ok_or_else(|| {
                Error::new(ErrorKind::Format, "the name of its data file is no name")
                    .in_entry(entry)
                    .of_key(TOC)
            })?;
        let name = if entry.kind == Kind::Blobs && version < Version::V1_16 {
            "blobs.toc".to_owned() // whatever the entry says; see pg_dump's `_LoadLOs`
        } else if entry.kind == Kind::Blobs && shelf.find(&name).is_none() {
            format!("blobs_{}.toc", entry.id) // a tar's entry names a member that is not there
        } else {
            name
        };
        names.add(entry.id, index, name);
    }
    Ok(DirectoryDump {
        shelf,
        header: head.header("DIRECTORY", version, method),
        version,
        toc,
        names,
        limits,
    })
}

/// The dump in a directory archive; made by [`dump`].
pub struct DirectoryDump {
    shelf: Shelf,
    header: Header,
    version: Version,
    toc: Toc,
    /// The data files.
    names: DataPlaces<String>,
    limits: Limits,
}

impl std::fmt::Debug for DirectoryDump {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DirectoryDump")
            .field("version", &self.version)
            .field("entries", &self.toc.entries.len())
            .finish_non_exhaustive()
    }
}

impl DirectoryDump {
    /// The archive's version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The same, as what it is: the files were in a tar.
    #[must_use]
    pub fn in_tar(mut self) -> Self {
        self.header.format = "TAR";
        self
    }

    /// The lines of a `blobs_<id>.toc`: oids and file names.
    async fn list_of(&self, name: &str) -> Result<Vec<(u32, String)>> {
        let text = self.shelf.text(name, self.limits.toc_bytes()).await?;
        let mut objects = Vec::new();
        let mut at = 0u64;
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let wrong = || {
                Error::new(
                    ErrorKind::Format,
                    "a line is not an oid and a file name; the list may be cut short",
                )
                .of_key(name)
                .at_offset(at)
            };
            let text = line.strip_suffix(b"\n").ok_or_else(wrong)?;
            let text = std::str::from_utf8(text).map_err(|_| wrong())?;
            let (oid, file) = text.split_once(' ').ok_or_else(wrong)?;
            check_name(file).map_err(|_| wrong())?;
            objects.push((oid.parse().map_err(|_| wrong())?, file.to_owned()));
            at += line.len() as u64;
        }
        Ok(objects)
    }
}

impl Dump for DirectoryDump {
    fn toc(&self) -> &Toc {
        &self.toc
    }

    fn data(&self, id: EntryId) -> BoxFuture<'_, Result<Data>> {
        async move {
            let (entry, name) = self.names.find(&self.toc, id)?;
            let title = entry.to_string();
            let named = move |error: Error| match error.entry() {
                Some(_) => error,
                None => error.in_entry(&title),
            };
            if entry.kind == Kind::Blobs {
                let objects = self.list_of(name).await.map_err(&named)?;
                let shelf = self.shelf.clone();
                return Ok(Data::LargeObjects(
                    stream::iter(objects)
                        .then(move |(oid, file)| {
                            let shelf = shelf.clone();
                            async move {
                                let content = shelf.open(&file).await?;
                                Ok::<_, Error>(
                                    stream::iter([Ok(LargeObjectPiece::Begin(oid))])
                                        .chain(content.map_ok(LargeObjectPiece::Content))
                                        .chain(stream::iter([Ok(LargeObjectPiece::End)])),
                                )
                            }
                        })
                        .try_flatten()
                        .map_err(named)
                        .boxed(),
                ));
            }
            let file = self.shelf.open(name).await.map_err(&named)?;
            let rows = if entry.copy_statement.is_some() {
                without_end(file)
            } else {
                file
            };
            Ok(Data::Rows(rows.map_err(named).boxed()))
        }
        .boxed()
    }

    fn large_object(&self, id: EntryId, oid: u32) -> BoxFuture<'_, Result<ByteStream>> {
        async move {
            let (entry, list) = self.names.find(&self.toc, id)?;
            // The usual name spares reading the list for each object.
            let usual = format!("blob_{oid}.dat");
            let name = if self.shelf.find(&usual).is_some() {
                usual
            } else {
                let objects = self.list_of(list).await;
                objects
                    .map_err(|error| error.in_entry(entry))?
                    .into_iter()
                    .find(|(listed, _)| *listed == oid)
                    .map(|(_, name)| name)
                    .ok_or_else(|| {
                        Error::new(
                            ErrorKind::Missing,
                            format!("the archive holds no large object {oid}"),
                        )
                        .in_entry(entry)
                    })?
            };
            self.shelf.open(&name).await
        }
        .boxed()
    }

    fn evidence(&self) -> Evidence {
        let mut evidence = self.shelf.files.evidence();
        // An archive of pg_dump has nothing but its header to say where it is from.
        if evidence.source.database.is_empty() {
            add_facts(&mut evidence.source, &self.toc);
        }
        evidence
    }

    fn header(&self) -> Option<&Header> {
        Some(&self.header)
    }

    fn size_hint(&self, id: EntryId) -> Option<u64> {
        // Asked of every entry: those without data are not looked for in the Toc.
        let (index, name) = self.names.one(id)?;
        let (stored, method) = self.shelf.find(name)?;
        let size = self.shelf.sizes.get(&stored).copied().flatten()?;
        // pg_restore scales the list of large objects up by the same number, for want of a better.
        let scaled = match self.toc.entries[index].kind {
            Kind::Blobs => size.saturating_mul(1024),
            _ => size,
        };
        // Text of tables shrinks to a quarter or so; an estimate for order and progress.
        Some(match method {
            Method::None => scaled,
            _ => scaled.saturating_mul(4),
        })
    }
}

/// Files by the names inside an archive, which leave out the suffix of a compression.
#[derive(Clone)]
struct Shelf {
    files: Arc<dyn Files>,
    sizes: Arc<BTreeMap<String, Option<u64>>>,
}

impl Shelf {
    /// The stored name and the compression of a file.
    fn find(&self, name: &str) -> Option<(String, Method)> {
        Method::ALL.into_iter().find_map(|method| {
            let stored = format!("{name}{}", method.suffix());
            self.sizes.contains_key(&stored).then_some((stored, method))
        })
    }

    /// A file's bytes, decompressed.
    async fn open(&self, name: &str) -> Result<ByteStream> {
        let (stored, method) = self.find(name).ok_or_else(|| {
            Error::new(ErrorKind::Missing, "the archive lacks this file").of_key(name)
        })?;
        let bytes = self.files.open(&stored).await?;
        Ok(decompress(bytes, method)
            .map_err(move |error| match error.key() {
                Some(_) => error,
                None => error.of_key(&stored),
            })
            .boxed())
    }

    /// The whole of a small file.
    async fn text(&self, name: &str, limit: Limit) -> Result<Bytes> {
        let mut bytes = self.open(name).await?;
        let mut text = BytesMut::new();
        while let Some(piece) = bytes.try_next().await? {
            if (text.len() + piece.len()) as u64 > limit.most() {
                return Err(limit.exceeded("it has more bytes").of_key(name));
            }
            text.extend_from_slice(&piece);
        }
        Ok(text.freeze())
    }
}
