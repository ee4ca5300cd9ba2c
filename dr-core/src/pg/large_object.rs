//! Large objects, read and written in bounded memory.
//!
//! Used by `live` and by `ops` for restoring and proving. A large object may be terabytes, and there
//! may be millions of small ones: small ones are fetched many at a time, large ones piece by piece.

use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use postgres_types::Type;

use super::conn::Conn;
use super::lanes::Lane;
use crate::dump::LargeObjectPiece;
use crate::error::{Error, ErrorKind, Result};
use crate::files::ByteStream;

/// How many objects are begun with one statement.
const BATCH: usize = 32;

/// What is fetched of each of them at first; with [`BATCH`] the bound of what is in memory.
const FIRST: i32 = 128 << 10;

/// What is fetched, or written, at once of an object that goes on.
const MORE: i32 = 1 << 20;

/// The contents of these large objects, one after another, in their order.
pub fn read(
    lane: Lane,
    oids: Vec<u32>,
    what: String,
) -> impl Stream<Item = Result<LargeObjectPiece>> + Send + 'static {
    Reading {
        lane,
        oids: oids.into_iter(),
        begun: Vec::new().into_iter(),
        current: None,
        what,
    }
    .into_stream()
}

/// Where a run of large objects stands.
struct Reading {
    lane: Lane,
    oids: std::vec::IntoIter<u32>,
    begun: std::vec::IntoIter<(u32, Bytes)>,
    current: Option<Current>,
    what: String,
}

/// The object that is being handed on.
struct Current {
    oid: u32,
    offset: i64,
    step: Step,
}

enum Step {
    Content(Bytes),
    More,
    End,
}

impl Reading {
    fn into_stream(self) -> impl Stream<Item = Result<LargeObjectPiece>> + Send + 'static {
        stream::try_unfold(self, |mut reading| async move {
            let next = reading
                .next()
                .await
                .map_err(|error| error.in_entry(&reading.what))?;
            Ok(next.map(|piece| (piece, reading)))
        })
    }

    async fn next(&mut self) -> Result<Option<LargeObjectPiece>> {
        loop {
            let Some(current) = &mut self.current else {
                let Some((oid, content)) = self.begun.next() else {
                    let batch: Vec<u32> = self.oids.by_ref().take(BATCH).collect();
                    if batch.is_empty() {
                        return Ok(None);
                    }
                    self.begun = first_pieces(self.lane.conn(), &batch).await?.into_iter();
                    continue;
                };
                self.current = Some(Current {
                    oid,
                    offset: 0,
                    step: Step::Content(content),
                });
                return Ok(Some(LargeObjectPiece::Begin(oid)));
            };
            match std::mem::replace(&mut current.step, Step::End) {
                Step::Content(content) => {
                    let asked = if current.offset == 0 { FIRST } else { MORE };
                    current.offset += content.len() as i64;
                    if content.len() as i64 == i64::from(asked) {
                        current.step = Step::More;
                    }
                    if !content.is_empty() {
                        return Ok(Some(LargeObjectPiece::Content(content)));
                    }
                }
                Step::More => {
                    let (oid, offset) = (current.oid, current.offset);
                    current.step = Step::Content(piece(self.lane.conn(), oid, offset).await?);
                }
                Step::End => {
                    self.current = None;
                    return Ok(Some(LargeObjectPiece::End));
                }
            }
        }
    }
}

/// The beginnings of a batch, in its order.
async fn first_pieces(conn: &Conn, oids: &[u32]) -> Result<Vec<(u32, Bytes)>> {
    let rows = conn
        .client()
        .query_typed(
            "SELECT o.oid, pg_catalog.lo_get(o.oid, 0, $2) \
             FROM pg_catalog.unnest($1) WITH ORDINALITY AS o(oid, n) ORDER BY o.n",
            &[(&oids, Type::OID_ARRAY), (&FIRST, Type::INT4)],
        )
        .await
        .map_err(|error| conn.failed(error))?;
    Ok(rows
        .iter()
        .map(|row| (row.get(0), Bytes::copy_from_slice(row.get::<_, &[u8]>(1))))
        .collect())
}

async fn piece(conn: &Conn, oid: u32, offset: i64) -> Result<Bytes> {
    let rows = conn
        .client()
        .query_typed(
            "SELECT pg_catalog.lo_get($1, $2, $3)",
            &[
                (&oid, Type::OID),
                (&offset, Type::INT8),
                (&MORE, Type::INT4),
            ],
        )
        .await
        .map_err(|error| conn.failed(error))?;
    Ok(rows
        .first()
        .map(|row| Bytes::copy_from_slice(row.get::<_, &[u8]>(0)))
        .unwrap_or_default())
}

/// Writes the content of a large object that exists and is empty; answers with its length.
///
/// Each piece is a statement of its own: call it inside a transaction block, which then also rolls
/// back what was written when `source` ends with an error.
///
/// # Errors
///
/// Those of `source`; `Server`.
pub async fn write(conn: &Conn, oid: u32, mut source: ByteStream) -> Result<u64> {
    let mut offset: i64 = 0;
    let mut gathered = bytes::BytesMut::new();
    let piece_size = usize::try_from(MORE).expect("a mebibyte fits");
    let mut over = false;
    while !over {
        match source.try_next().await? {
            Some(piece) => gathered.extend_from_slice(&piece),
            None => over = true,
        }
        while gathered.len() >= piece_size || (over && !gathered.is_empty()) {
            let piece = gathered.split_to(gathered.len().min(piece_size));
            conn.client()
                .query_typed(
                    "SELECT pg_catalog.lo_put($1, $2, $3)",
                    &[
                        (&oid, Type::OID),
                        (&offset, Type::INT8),
                        (&piece.as_ref(), Type::BYTEA),
                    ],
                )
                .await
                .map_err(|error| {
                    conn.failed(error)
                        .in_entry(format_args!("large object {oid}"))
                })?;
            offset += piece.len() as i64;
        }
    }
    u64::try_from(offset)
        .map_err(|error| Error::new(ErrorKind::Bug, "a length is negative").caused_by(error))
}

/// The content of one large object.
pub fn read_one(lane: Lane, oid: u32, what: String) -> ByteStream {
    read(lane, vec![oid], what)
        .try_filter_map(|piece| async move {
            Ok(match piece {
                LargeObjectPiece::Content(content) => Some(content),
                LargeObjectPiece::Begin(_) | LargeObjectPiece::End => None,
            })
        })
        .boxed()
}
