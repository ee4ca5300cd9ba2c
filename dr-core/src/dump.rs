//! The first joint: a Toc, and for each entry that has data its stream. Produced by the live
//! catalog reader, the archive readers and the plain-SQL reader; consumed by archive writers, the
//! plain-SQL writer, restore and verify. Does not say where the bytes lie.

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use crate::error::{Error, ErrorKind, Result};
use crate::files::{ByteStream, Evidence};
use crate::pipeline::compression::Method;
use crate::toc::{EntryId, Toc};

/// The data of one entry.
pub enum Data {
    /// TABLE DATA: COPY text without the closing `\.` line where the entry has a COPY statement,
    /// else SQL statements (a dump made with `--inserts`).
    Rows(ByteStream),
    /// BLOBS: large objects one after another.
    LargeObjects(BoxStream<'static, Result<LargeObjectPiece>>),
}

impl std::fmt::Debug for Data {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Rows(_) => "Rows(..)",
            Self::LargeObjects(_) => "LargeObjects(..)",
        })
    }
}

/// A step in a run of large objects. Every `Begin` is followed by its content and one `End`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LargeObjectPiece {
    /// The large object with this oid begins.
    Begin(u32),
    /// More of its content.
    Content(Bytes),
    /// It is complete.
    End,
}

/// What the header of an archive says beside what a [`Toc`] does; for those who list it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// `CUSTOM`, `TAR` or `DIRECTORY`.
    pub format: &'static str,
    /// The archive's version: `1.16-0` is `(1, 16, 0)`.
    pub version: (u8, u8, u8),
    /// Bytes of an integer.
    pub int_size: u8,
    /// Bytes of an offset.
    pub offset_size: u8,
    /// How its data is compressed.
    pub compression: Method,
    /// How many entries it has, with those that a [`Toc`] has as fields.
    pub entries: u64,
    /// The ids of those: ENCODING, STDSTRINGS, SEARCHPATH.
    pub settings: Vec<EntryId>,
}

/// A dump: live, on disk or stored.
///
/// A view: nothing is read until a stream is polled. Entries may be asked for in any order and
/// several at once; how many at once make sense is [`lanes`](Self::lanes).
pub trait Dump: Send + Sync {
    /// What the dump contains.
    fn toc(&self) -> &Toc;

    /// The data of one entry.
    ///
    /// # Errors
    ///
    /// `Missing` if the entry has no data or does not exist.
    fn data(&self, entry: EntryId) -> BoxFuture<'_, Result<Data>>;

    /// One large object of a BLOBS entry.
    ///
    /// Without a way of its own to reach one, a dump runs through the entry's objects up to the
    /// one asked for. Dumps of several lanes should have such a way: a directory archive holds one
    /// file per large object and asks for each.
    ///
    /// # Errors
    ///
    /// `Missing` if the entry does not hold that object.
    fn large_object(&self, entry: EntryId, oid: u32) -> BoxFuture<'_, Result<ByteStream>> {
        async move {
            match self.data(entry).await? {
                Data::LargeObjects(pieces) => pick(pieces, oid).await,
                Data::Rows(_) => Err(no_large_object(oid)),
            }
            .map_err(|error| error.in_entry(format_args!("entry {entry}")))
        }
        .boxed()
    }

    /// What is known beside the Toc: facts of the source, and for a stored dump the rows and
    /// digests recorded when it was made. A live dump knows its sequences and source only.
    fn evidence(&self) -> Evidence {
        Evidence::default()
    }

    /// Bytes of data an entry will yield, as far as is known; for ordering and progress.
    fn size_hint(&self, _entry: EntryId) -> Option<u64> {
        None
    }

    /// The header, if it is an archive.
    fn header(&self) -> Option<&Header> {
        None
    }

    /// How many streams can be read at once without waiting for one another.
    fn lanes(&self) -> usize {
        usize::MAX
    }
}

/// The content of one large object out of a run of them.
async fn pick(
    mut pieces: BoxStream<'static, Result<LargeObjectPiece>>,
    oid: u32,
) -> Result<ByteStream> {
    while let Some(piece) = pieces.try_next().await? {
        if piece == LargeObjectPiece::Begin(oid) {
            return Ok(content(pieces).boxed());
        }
    }
    Err(no_large_object(oid))
}

/// The content of the large object that has just begun, up to its end.
fn content(
    pieces: BoxStream<'static, Result<LargeObjectPiece>>,
) -> impl futures::Stream<Item = Result<Bytes>> {
    stream::try_unfold(pieces, |mut pieces| async move {
        match pieces.try_next().await? {
            Some(LargeObjectPiece::Content(bytes)) => Ok(Some((bytes, pieces))),
            Some(LargeObjectPiece::End) => Ok(None),
            Some(LargeObjectPiece::Begin(_)) | None => Err(Error::new(
                ErrorKind::Format,
                "a large object has no end: the dump was cut short",
            )),
        }
    })
}

fn no_large_object(oid: u32) -> Error {
    Error::new(
        ErrorKind::Missing,
        format!("the dump holds no large object {oid} there"),
    )
}
