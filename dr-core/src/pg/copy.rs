//! COPY, out of the database as a stream and into it from one. The text passes through byte for
//! byte.
//!
//! Used by `live` and by `ops` for restoring and proving. Knows statements as text only.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use futures::{FutureExt as _, SinkExt as _, Stream, StreamExt as _};
use tokio::sync::mpsc;
use tokio_postgres::SimpleQueryMessage;

use super::conn::{Canceller, Conn, failed};
use super::lanes::Lane;
use super::wire::PIECE;
use crate::error::{Error, ErrorKind, Result};
use crate::files::ByteStream;

/// The text of `COPY … TO STDOUT`, in pieces of about 128 KiB that need not end with a row.
///
/// `sql` may hold statements before the COPY, such as a LOCK; `what` names the entry in errors.
/// The stream ends after the server has confirmed the whole COPY, so its end is a proof of
/// completeness. Dropping it earlier cancels the statement on the server and gives the lane up: the
/// next [`Snapshot::lane`](super::Snapshot::lane) opens a new connection and waits for nothing.
pub fn copy_out(lane: Lane, sql: String, what: String) -> ByteStream {
    let conn = lane.conn();
    let canceller = conn.canceller();
    let pieces = conn.control().tap();
    let client = conn.shared_client();
    let control = Arc::clone(conn.control());
    let statement = async move {
        let answers = client
            .simple_query(&sql)
            .await
            .map_err(|error| failed(&control, error))?;
        // The last statement is the COPY; its tag holds the number of rows.
        match answers.last() {
            Some(SimpleQueryMessage::CommandComplete(rows)) => Ok(*rows),
            _ => Err(Error::new(ErrorKind::Bug, "the statement is not a COPY")),
        }
    };
    CopyOut {
        pieces,
        statement: statement.boxed(),
        begun: false,
        over: None,
        lane: Some(lane),
        canceller: Some(canceller),
        what,
    }
    .boxed()
}

struct CopyOut {
    pieces: mpsc::Receiver<Bytes>,
    statement: BoxFuture<'static, Result<u64>>,
    begun: bool,
    over: Option<Result<u64>>,
    lane: Option<Lane>,
    canceller: Option<Canceller>,
    what: String,
}

impl CopyOut {
    fn poll_statement(&mut self, cx: &mut Context<'_>) {
        self.begun = true;
        if self.over.is_none()
            && let Poll::Ready(outcome) = self.statement.poll_unpin(cx)
        {
            self.over = Some(outcome);
        }
    }

    /// The statement is over: a good lane goes back, one with a failed transaction does not.
    fn end(&mut self, outcome: Result<u64>) -> Option<Result<Bytes>> {
        self.canceller = None;
        let lane = self.lane.take();
        match outcome {
            Ok(_) => None,
            Err(error) => {
                if let Some(mut lane) = lane {
                    lane.retire();
                }
                Some(Err(explained(error).in_entry(&self.what)))
            }
        }
    }
}

/// What reading under a snapshot can meet that the server's own words leave without advice.
fn explained(error: Error) -> Error {
    let message = match error.sqlstate() {
        Some("55P03") => {
            "somebody waits to alter, truncate or drop the table while it is dumped, and a second \
             lock would wait for them while they wait for the first; run the dump again"
        }
        // A read-only snapshot that is not serializable meets this for one reason alone.
        Some("40001") => {
            "the standby ended the reading because it conflicts with changes of the primary; dump \
             the primary, or set hot_standby_feedback = on or a longer \
             max_standby_streaming_delay on the standby"
        }
        _ => return error,
    };
    let sqlstate = error.sqlstate().unwrap_or_default().to_owned();
    Error::new(error.kind(), message)
        .with_sqlstate(sqlstate)
        .caused_by(error)
}

impl Stream for CopyOut {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.lane.is_none() {
            return Poll::Ready(None);
        }
        if !this.begun {
            this.poll_statement(cx);
        }
        match this.pieces.poll_recv(cx) {
            Poll::Ready(Some(piece)) => return Poll::Ready(Some(Ok(piece))),
            Poll::Ready(None) => this.poll_statement(cx),
            Poll::Pending => {
                this.poll_statement(cx);
                // A statement that fails before the COPY begins leaves the tap where it is only
                // until its error has been seen, but a connection that is lost says no more.
                if !matches!(this.over, Some(Err(_))) {
                    return Poll::Pending;
                }
            }
        }
        match this.over.take() {
            Some(outcome) => Poll::Ready(this.end(outcome)),
            None => Poll::Pending,
        }
    }
}

impl Drop for CopyOut {
    fn drop(&mut self) {
        let (Some(mut lane), Some(canceller)) = (self.lane.take(), self.canceller.take()) else {
            return;
        };
        if !self.begun {
            // Nothing was sent; the tap that was set goes with the receiver.
            return;
        }
        lane.retire();
        drop(lane);
        // The connection closes by itself once the server has stopped; without the request that
        // would be at the end of the table. Outside a runtime there is nobody to send it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let what = std::mem::take(&mut self.what);
            runtime.spawn(async move {
                if let Err(error) = canceller.cancel().await {
                    tracing::debug!("{what}: could not cancel the COPY: {error:?}");
                }
            });
        }
    }
}

/// Loads a stream by `COPY … FROM STDIN` and answers with the server's count of rows.
///
/// An error of `source` aborts the COPY, so that none of its rows is kept, and is what is returned;
/// the connection can be used again (inside a transaction block the block has failed). The same
/// holds for dropping the future. An error of the server ends the sending soon after it happened
/// and does not wait for the end of the source. `what` names the entry in errors.
///
/// # Errors
///
/// Those of `source`; `Server`, with the line and column the server complains of.
pub async fn copy_in(conn: &Conn, sql: &str, mut source: ByteStream, what: &str) -> Result<u64> {
    let refused = |error: tokio_postgres::Error| conn.failed(error).in_entry(what);
    let before = conn.control().errors();
    let sink = conn
        .client()
        .copy_in::<_, Bytes>(sql)
        .await
        .map_err(refused)?;
    let mut sink = Box::pin(sink);
    let mut gathered = BytesMut::new();
    loop {
        // The driver would go on sending a table whose first row was refused.
        if conn.control().errors() != before {
            break;
        }
        let piece = match source.next().await {
            None => {
                if !gathered.is_empty() {
                    sink.feed(gathered.split().freeze())
                        .await
                        .map_err(refused)?;
                }
                break;
            }
            Some(Ok(piece)) => piece,
            Some(Err(error)) => {
                // Dropping the sink sends CopyFail; the empty statement waits until the server has
                // dealt with it.
                drop(sink);
                conn.client().batch_execute("").await.map_err(refused)?;
                return Err(error);
            }
        };
        // Small pieces cost a message each.
        if gathered.is_empty() && piece.len() >= PIECE / 2 {
            sink.feed(piece).await.map_err(refused)?;
            continue;
        }
        gathered.extend_from_slice(&piece);
        if gathered.len() >= PIECE / 2 {
            sink.feed(gathered.split().freeze())
                .await
                .map_err(refused)?;
        }
    }
    sink.as_mut().finish().await.map_err(refused)
}
