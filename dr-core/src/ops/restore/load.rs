//! Loading one entry's data: a table by COPY over one or several connections, a table by INSERT
//! statements, large objects. Everything of an entry is one decision: it is committed when its
//! stream has come to a clean end and its digest is the one recorded, or none of it is.
//!
//! Used by the executor. Knows nothing of plans.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::try_join_all;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use sha2::Digest as _;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::super::copy_statement::CopyStatement;
use super::blocks::Blocks;
use super::session::Session;
use crate::digest::{RowsDigest, Sha256};
use crate::dump::LargeObjectPiece;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Watch};
use crate::files::{ByteStream, LargeObjectEvidence};
use crate::limits::Limits;
use crate::pg::copy::copy_in;
use crate::sql::lexer::{Lexer, PieceKind};

/// How one table is loaded.
#[derive(Debug, Clone)]
pub(super) struct TableLoad {
    /// The entry as errors name it.
    pub(super) what: String,
    /// The entry as events name it.
    pub(super) item: String,
    /// Its COPY statement.
    pub(super) copy: CopyStatement,
    /// The digest recorded when it was dumped.
    pub(super) expected: Option<RowsDigest>,
    /// How its transactions are.
    pub(super) transaction: Transaction,
    /// At most how many connections.
    pub(super) most_lanes: usize,
    /// Who watches.
    pub(super) watch: Watch,
}

/// What is around the load of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Transaction {
    /// One for the table, in each of the connections.
    Own,
    /// One for the table, which begins by emptying it, so that the rows can be frozen: they need
    /// no visibility checks later, nor a WAL record each if the server logs minimally.
    Truncating(Bytes),
    /// One that is open and goes on.
    Around,
    /// The same, and the table was made in it, so that its rows can be frozen.
    AroundCreation,
}

impl Transaction {
    fn freezes(&self) -> bool {
        matches!(self, Self::Truncating(_) | Self::AroundCreation)
    }

    fn is_own(&self) -> bool {
        matches!(self, Self::Own | Self::Truncating(_))
    }

    fn begin(&self) -> Option<Vec<u8>> {
        match self {
            Self::Own => Some(b"BEGIN;".to_vec()),
            Self::Truncating(truncate) => Some([b"BEGIN; ", &truncate[..]].concat()),
            Self::Around | Self::AroundCreation => None,
        }
    }
}

/// What came of a load: the connections, and what was loaded.
#[derive(Debug)]
pub(super) struct Loaded<T> {
    /// Every connection that can be used again.
    pub(super) sessions: Vec<Session>,
    /// What was loaded, or why nothing was.
    pub(super) outcome: Result<T>,
}

/// Loads a table by COPY.
///
/// More connections may be sent to `helpers` at any time; each takes a share of the rows still to
/// be loaded.
pub(super) async fn table(
    load: TableLoad,
    session: Session,
    stream: ByteStream,
    helpers: &mut mpsc::UnboundedReceiver<Session>,
) -> Loaded<RowsDigest> {
    let load = Arc::new(load);
    let (blocks, reading) = Blocks::read(stream, load.watch.clone(), load.item.clone());
    let mut lanes = JoinSet::new();
    let mut most = load.most_lanes.max(1);
    lanes.spawn(lane(Arc::clone(&load), session, blocks.share()));
    most -= 1;
    let mut spare = Vec::new();
    let mut done: Vec<(Session, u64)> = Vec::new();
    let mut failure = None;
    loop {
        tokio::select! {
            biased;
            Some(helper) = helpers.recv() => {
                if most > 0 && failure.is_none() {
                    most -= 1;
                    lanes.spawn(lane(Arc::clone(&load), helper, blocks.share()));
                } else {
                    spare.push(helper);
                }
            }
            ended = lanes.join_next() => match ended {
                None => break,
                Some(Ok((session, Ok(rows)))) => done.push((session, rows)),
                Some(Ok((_, Err(error)))) => {
                    failure.get_or_insert(error);
                    lanes.abort_all();
                }
                Some(Err(error)) if error.is_cancelled() => {}
                Some(Err(error)) => {
                    failure.get_or_insert(
                        Error::new(ErrorKind::Bug, "a load failed").caused_by(error),
                    );
                    lanes.abort_all();
                }
            },
        }
    }
    drop(blocks);
    let read = match failure {
        // What the server said is why the reading was given up, or it was still going on.
        Some(error) => Err(error),
        None => reading.finish().await,
    };
    let outcome = match read {
        Ok(digest) => decide(&load, &done, digest).await,
        Err(error) => Err(about(error, &load.what)),
    };
    match outcome {
        Ok(digest) => {
            spare.extend(done.into_iter().map(|(session, _)| session));
            Loaded {
                sessions: spare,
                outcome: Ok(digest),
            }
        }
        Err(error) => {
            if load.transaction.is_own() {
                for (session, _) in &done {
                    // The connection is given up next, which rolls back as well.
                    if let Err(error) = session.run(b"ROLLBACK").await {
                        tracing::debug!("{}: no rollback: {error:?}", load.what);
                    }
                }
            }
            Loaded {
                sessions: spare,
                outcome: Err(error),
            }
        }
    }
}

/// Everything was sent and taken: commits it all if it is what it should be.
async fn decide(
    load: &TableLoad,
    done: &[(Session, u64)],
    digest: RowsDigest,
) -> Result<RowsDigest> {
    let rows: u64 = done.iter().map(|(_, rows)| rows).sum();
    if load.copy.is_plain() && rows != digest.rows {
        return Err(Error::new(
            ErrorKind::Integrity,
            format!(
                "{} rows were read but the server took {rows}: a trigger or rule of the target interferes",
                digest.rows
            ),
        )
        .in_entry(&load.what));
    }
    if let Some(expected) = load.expected.filter(|expected| *expected != digest) {
        return Err(Error::new(
            ErrorKind::Integrity,
            format!(
                "its data is not what was dumped: {} rows with digest {} instead of {} with {}; \
                 nothing of it was committed; restore from another backup",
                digest.rows, digest.sum, expected.rows, expected.sum
            ),
        )
        .in_entry(&load.what));
    }
    if load.transaction.is_own() {
        try_join_all(done.iter().map(|(session, _)| session.run(b"COMMIT")))
            .await
            .map_err(|error| about(error, &load.what))?;
    }
    Ok(digest)
}

/// One connection's share of a table, not committed.
async fn lane(load: Arc<TableLoad>, session: Session, share: ByteStream) -> (Session, Result<u64>) {
    let outcome = async {
        if let Some(begin) = load.transaction.begin() {
            session
                .run(&begin)
                .await
                .map_err(|error| about(error, &load.what))?;
        }
        let statement = load.copy.load(load.transaction.freezes());
        copy_in(session.conn(), &statement, share, &load.what).await
    }
    .await;
    (session, outcome)
}

/// Loads a table whose data is SQL statements; answers with how many rows they inserted.
pub(super) async fn statements(
    what: &str,
    item: &str,
    session: &Session,
    mut stream: ByteStream,
    std_strings: bool,
    own_transaction: bool,
    watch: &Watch,
) -> Result<u64> {
    /// Statements are sent together up to this many bytes.
    const BATCH: usize = 256 << 10;
    let work = async {
        let mut lexer = Lexer::within(&Limits::default(), std_strings, 0, 1);
        if own_transaction {
            session.run(b"BEGIN").await?;
        }
        let mut batch = Vec::new();
        let mut rows = 0;
        let mut over = false;
        while !over {
            match stream.try_next().await? {
                Some(piece) => lexer.feed(piece),
                None => {
                    lexer.end();
                    over = true;
                }
            }
            while let Some(piece) = lexer.next_piece()? {
                match piece.kind {
                    PieceKind::Statement => {
                        batch.extend_from_slice(&piece.text);
                        batch.push(b'\n');
                    }
                    PieceKind::Blank | PieceKind::Comment => {}
                    _ => {
                        return Err(Error::new(
                            ErrorKind::Format,
                            "there is something else than SQL statements in its data",
                        )
                        .at_offset(piece.offset));
                    }
                }
                if batch.len() >= BATCH {
                    rows += send(session, &mut batch, item, watch).await?;
                }
            }
        }
        rows += send(session, &mut batch, item, watch).await?;
        if own_transaction {
            session.run(b"COMMIT").await?;
        }
        Ok(rows)
    };
    work.await.map_err(|error| about(error, what))
}

async fn send(session: &Session, batch: &mut Vec<u8>, item: &str, watch: &Watch) -> Result<u64> {
    if batch.is_empty() {
        return Ok(0);
    }
    let rows = session.run_counting(batch).await?;
    watch.tell(Event::Advanced {
        item: item.to_owned(),
        rows,
        bytes: batch.len() as u64,
    });
    batch.clear();
    Ok(rows)
}

/// Large objects as they were loaded.
pub(super) type LargeObjects = Vec<(u32, LargeObjectEvidence)>;

/// Loads large objects, which exist and are empty; `expected` says what was recorded of one.
pub(super) async fn large_objects(
    what: &str,
    item: &str,
    session: &Session,
    mut pieces: BoxStream<'static, Result<LargeObjectPiece>>,
    expected: impl Fn(u32) -> Option<LargeObjectEvidence>,
    own_transaction: bool,
    watch: &Watch,
) -> Result<LargeObjects> {
    let work = async {
        if own_transaction {
            session.run(b"BEGIN").await?;
        }
        let mut loaded = LargeObjects::new();
        while let Some(piece) = pieces.try_next().await? {
            let LargeObjectPiece::Begin(oid) = piece else {
                return Err(out_of_order());
            };
            let found = large_object(session, oid, &mut pieces).await?;
            if expected(oid).is_some_and(|expected| expected != found) {
                return Err(Error::new(
                    ErrorKind::Integrity,
                    format!(
                        "large object {oid} is not what was dumped; nothing was committed; \
                         restore from another backup"
                    ),
                ));
            }
            watch.tell(Event::Advanced {
                item: item.to_owned(),
                rows: 1,
                bytes: found.bytes,
            });
            loaded.push((oid, found));
        }
        if own_transaction {
            session.run(b"COMMIT").await?;
        }
        Ok(loaded)
    };
    work.await.map_err(|error| about(error, what))
}

/// One large object, up to its end.
async fn large_object(
    session: &Session,
    oid: u32,
    pieces: &mut BoxStream<'static, Result<LargeObjectPiece>>,
) -> Result<LargeObjectEvidence> {
    let mut hasher = sha2::Sha256::new();
    let mut bytes = 0;
    let (sender, receiver) = mpsc::channel::<Result<Bytes>>(4);
    let source = futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|piece| (piece, receiver))
    })
    .boxed();
    let feed = async {
        loop {
            match pieces.try_next().await? {
                Some(LargeObjectPiece::Content(content)) => {
                    hasher.update(&content);
                    bytes += content.len() as u64;
                    if sender.send(Ok(content)).await.is_err() {
                        break;
                    }
                }
                Some(LargeObjectPiece::End) => break,
                Some(LargeObjectPiece::Begin(_)) | None => return Err(out_of_order()),
            }
        }
        drop(sender);
        Ok(())
    };
    let write = crate::pg::large_object::write(session.conn(), oid, source);
    let (fed, written) = tokio::join!(feed, write);
    written?;
    fed?;
    Ok(LargeObjectEvidence::new(
        bytes,
        Sha256::from(<[u8; 32]>::from(hasher.finalize())),
    ))
}

fn out_of_order() -> Error {
    Error::new(
        ErrorKind::Format,
        "large objects are out of order: the dump was cut short or is damaged",
    )
}

/// The error with the entry in it, unless it names one already.
fn about(error: Error, what: &str) -> Error {
    if error.entry().is_some() {
        error
    } else {
        error.in_entry(what)
    }
}
