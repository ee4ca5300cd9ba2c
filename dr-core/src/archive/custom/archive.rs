//! A dump as a custom archive: one stream of bytes, or a file in which the places of the data are
//! written back. A view: data is read and compressed while the archive is, and not before.

use std::collections::HashSet;
use std::io::SeekFrom;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::io::{AsyncSeek, AsyncSeekExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;

use super::{LARGE_OBJECTS, ROWS};
use crate::archive::codec::{self, Archived, Format, Place, Version};
use crate::archive::large_objects;
use crate::archive::rows::with_end;
use crate::archive::source::signed;
use crate::dump::{Data, Dump, LargeObjectPiece};
use crate::error::{Error, ErrorKind, Result};
use crate::files::ByteStream;
use crate::pipeline::compression::{Compression, compress_block};
use crate::toc::{Entry, EntryId, Kind};

/// A custom archive of `dump`, in the version that the server's own pg_restore reads, or the lowest
/// that can hold the compression: zstd and lz4 need a pg_restore of 16 or later, whatever the
/// server.
///
/// # Errors
///
/// See [`archive_of_version`].
pub fn archive(dump: Arc<dyn Dump>, compression: Compression) -> Result<CustomArchive> {
    let version = Version::for_dump(&dump.toc().server_version, compression.method());
    archive_of_version(dump, compression, version)
}

/// A custom archive of one version. Below 1.16, large objects become single entries.
///
/// # Errors
///
/// `Unsupported` if the version cannot hold the compression; `Format` if the Toc cannot be
/// archived, with the entry.
pub fn archive_of_version(
    dump: Arc<dyn Dump>,
    compression: Compression,
    version: Version,
) -> Result<CustomArchive> {
    let toc = if version.groups_large_objects() {
        dump.toc().clone()
    } else {
        large_objects::one_by_one(dump.toc())?
    };
    let mut blocks = Vec::new();
    let mut ids = HashSet::new();
    let mut places = Vec::with_capacity(toc.entries.len());
    for (index, entry) in toc.entries.iter().enumerate() {
        if !entry.has_data {
            places.push(Place::Nowhere);
            continue;
        }
        places.push(Place::Unrecorded);
        if !ids.insert(entry.id) {
            return Err(Error::new(
                ErrorKind::Format,
                "two entries with data have this id: ids must be unique",
            )
            .in_entry(entry));
        }
        blocks.push(Block {
            index,
            holds: match entry.kind {
                Kind::Blobs => Holds::LargeObjects {
                    sources: large_objects::sources(dump.toc(), &toc, entry)?,
                    oids: toc.large_objects(entry)?.into_iter().collect(),
                },
                _ => Holds::Rows,
            },
        });
    }
    let archived = Archived {
        version,
        format: Format::Custom,
        method: compression.method(),
        toc: signed(toc),
        places,
    };
    Ok(CustomArchive {
        front: codec::write(&archived)?,
        dump,
        compression,
        archived,
        blocks,
    })
}

/// A dump as a custom archive; made by [`archive`].
pub struct CustomArchive {
    dump: Arc<dyn Dump>,
    compression: Compression,
    archived: Archived,
    /// Header and table of contents, with no place recorded.
    front: Bytes,
    blocks: Vec<Block>,
}

struct Block {
    /// Of its entry.
    index: usize,
    holds: Holds,
}

enum Holds {
    Rows,
    LargeObjects {
        /// The dump's own entries that hold them.
        sources: Vec<EntryId>,
        oids: HashSet<u32>,
    },
}

impl std::fmt::Debug for CustomArchive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CustomArchive")
            .field("version", &self.archived.version)
            .field("compression", &self.compression)
            .field("blocks", &self.blocks.len())
            .finish_non_exhaustive()
    }
}

impl CustomArchive {
    /// The archive's version.
    pub fn version(&self) -> Version {
        self.archived.version
    }

    /// The archive as a stream of bytes. Where the data of an entry lies is not recorded in it, as
    /// when pg_dump writes to a pipe: pg_restore searches for it, and does not restore in parallel.
    pub fn stream(self) -> ByteStream {
        let archive = Arc::new(self);
        let blocks = {
            let archive = Arc::clone(&archive);
            (0..archive.blocks.len()).map(move |number| Arc::clone(&archive).block(number))
        };
        let front = stream::iter([Ok(archive.front.clone())]);
        front.chain(stream::iter(blocks).flatten()).boxed()
    }

    /// Writes the archive into a file that is empty, and goes back to record where the data of each
    /// entry lies. The file is flushed and stands at an unsaid place.
    ///
    /// # Errors
    ///
    /// Those of the dump; `Store` if the file cannot be written.
    pub async fn write(
        self,
        file: &mut (impl AsyncWrite + AsyncSeek + Unpin + Send),
    ) -> Result<()> {
        let failed =
            |error| Error::new(ErrorKind::Store, "cannot write the archive").caused_by(error);
        let archive = Arc::new(self);
        file.write_all(&archive.front).await.map_err(failed)?;
        let mut at = archive.front.len() as u64;
        let mut places = archive.archived.places.clone();
        for (number, block) in archive.blocks.iter().enumerate() {
            places[block.index] = Place::At(at);
            let mut bytes = Arc::clone(&archive).block(number);
            while let Some(piece) = bytes.try_next().await? {
                file.write_all(&piece).await.map_err(failed)?;
                at += piece.len() as u64;
            }
        }
        let front = codec::write(&Archived {
            places,
            ..archive.archived.clone()
        })?;
        if front.len() != archive.front.len() {
            return Err(Error::new(
                ErrorKind::Bug,
                "recording the places of the data changed the size of the table of contents",
            ));
        }
        file.seek(SeekFrom::Start(0)).await.map_err(failed)?;
        file.write_all(&front).await.map_err(failed)?;
        file.flush().await.map_err(failed)
    }

    fn entry(&self, block: &Block) -> &Entry {
        &self.archived.toc.entries[block.index]
    }

    /// The bytes of a block.
    fn block(self: Arc<Self>, number: usize) -> ByteStream {
        let opened = async move {
            let block = &self.blocks[number];
            let entry = self.entry(block);
            let (kind, data) = match &block.holds {
                Holds::Rows => (ROWS, self.rows(entry).await?),
                Holds::LargeObjects { sources, oids } => (
                    LARGE_OBJECTS,
                    large_objects_of(
                        Arc::clone(&self.dump),
                        sources.clone(),
                        oids.clone(),
                        self.compression,
                    ),
                ),
            };
            let mut header = BytesMut::new();
            header.put_u8(kind);
            put_int(&mut header, entry.id.0.cast_signed());
            let title = entry.to_string();
            let named = move |error: Error| match error.entry() {
                Some(_) => error,
                None => error.in_entry(&title),
            };
            let header = stream::iter([Ok(header.freeze())]);
            Ok::<_, Error>(header.chain(data).map_err(named))
        };
        stream::once(opened).try_flatten().boxed()
    }

    async fn rows(&self, entry: &Entry) -> Result<ByteStream> {
        let Data::Rows(rows) = self.dump.data(entry.id).await? else {
            return Err(Error::new(
                ErrorKind::Format,
                "large objects came where rows were expected",
            )
            .in_entry(entry));
        };
        let rows = match entry.copy_statement {
            Some(_) => with_end(rows, Arc::default(), drop),
            // INSERT statements, as `--inserts` makes them, have no end mark.
            None => rows,
        };
        Ok(chunks(compress_block(rows, self.compression)))
    }
}

/// The large objects of some entries as a block has them, up to the oid that is none.
fn large_objects_of(
    dump: Arc<dyn Dump>,
    sources: Vec<EntryId>,
    oids: HashSet<u32>,
    compression: Compression,
) -> ByteStream {
    let state = Objects {
        dump,
        sources: sources.into_iter(),
        pieces: Arc::default(),
        missing: oids,
        ended: false,
    };
    stream::try_unfold(state, move |mut state| async move {
        if state.ended {
            return Ok(None);
        }
        let mut begin = BytesMut::new();
        let Some(oid) = state.next().await? else {
            state.ended = true;
            put_int(&mut begin, 0);
            let end = stream::iter([Ok(begin.freeze())]).boxed();
            return Ok::<_, Error>(Some((end, state)));
        };
        put_int(&mut begin, oid.cast_signed());
        let content = content(Arc::clone(&state.pieces), oid);
        let object = stream::iter([Ok(begin.freeze())])
            .chain(chunks(compress_block(content, compression)))
            .boxed();
        Ok(Some((object, state)))
    })
    .try_flatten()
    .boxed()
}

type Pieces = BoxStream<'static, Result<LargeObjectPiece>>;

/// The large objects that are still to come.
struct Objects {
    dump: Arc<dyn Dump>,
    sources: std::vec::IntoIter<EntryId>,
    pieces: Arc<Mutex<Option<Pieces>>>,
    missing: HashSet<u32>,
    ended: bool,
}

impl Objects {
    /// The oid of the next one, whose content comes next; none when all have come.
    async fn next(&mut self) -> Result<Option<u32>> {
        let wrong = |message: String| Err(Error::new(ErrorKind::Format, message));
        loop {
            let mut pieces = self.pieces.lock().await;
            let next = match &mut *pieces {
                Some(pieces) => pieces.try_next().await?,
                None => None,
            };
            match next {
                Some(LargeObjectPiece::Begin(oid)) if self.missing.remove(&oid) => {
                    return Ok(Some(oid));
                }
                Some(LargeObjectPiece::Begin(oid)) => {
                    return wrong(format!(
                        "the dump holds large object {oid}, which its Toc does not name, or twice"
                    ));
                }
                Some(_) => return wrong("a large object has no beginning".to_owned()),
                None => {}
            }
            let Some(source) = self.sources.next() else {
                return match self.missing.iter().min() {
                    Some(oid) => wrong(format!(
                        "the dump does not hold large object {oid}, although its Toc says so"
                    )),
                    None => Ok(None),
                };
            };
            // Given back before the next is asked for: there may be only one lane.
            *pieces = None;
            *pieces = match self.dump.data(source).await? {
                Data::LargeObjects(pieces) => Some(pieces),
                Data::Rows(_) => {
                    return wrong("rows came where large objects were expected".into());
                }
            };
        }
    }
}

/// The content of the large object that has just begun, up to its end.
fn content(pieces: Arc<Mutex<Option<Pieces>>>, oid: u32) -> ByteStream {
    stream::try_unfold(pieces, move |pieces| async move {
        let mut open = pieces.lock().await;
        let next = match &mut *open {
            Some(pieces) => pieces.try_next().await?,
            None => None,
        };
        drop(open);
        match next {
            Some(LargeObjectPiece::Content(bytes)) => Ok(Some((bytes, pieces))),
            Some(LargeObjectPiece::End) => Ok(None),
            Some(LargeObjectPiece::Begin(_)) | None => Err(Error::new(
                ErrorKind::Format,
                format!("large object {oid} has no end: the dump was cut short"),
            )),
        }
    })
    .boxed()
}

/// Data in chunks, one for each piece, and the length that ends them.
fn chunks(data: ByteStream) -> ByteStream {
    // A length of zero would be the end; one of 2^31 would be negative.
    const MOST: usize = 1 << 20;
    let pieces = data.map_ok(|mut piece| {
        let mut cut = Vec::with_capacity(2);
        while !piece.is_empty() {
            let chunk = piece.split_to(piece.len().min(MOST));
            let mut length = BytesMut::with_capacity(5);
            // Not more than MOST, which fits.
            put_int(&mut length, i32::try_from(chunk.len()).unwrap_or(i32::MAX));
            cut.extend([Ok(length.freeze()), Ok(chunk)]);
        }
        stream::iter(cut)
    });
    let mut end = BytesMut::with_capacity(5);
    put_int(&mut end, 0);
    pieces
        .try_flatten()
        .chain(stream::iter([Ok(end.freeze())]))
        .boxed()
}

/// A number as the header says: a sign, and four bytes.
fn put_int(to: &mut BytesMut, number: i32) {
    to.put_u8(u8::from(number < 0));
    to.put_u32_le(number.unsigned_abs());
}
