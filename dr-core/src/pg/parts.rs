//! One large table read in parts over several lanes, and given out in its own order.
//!
//! Used by `live`. One COPY is bound by one core of the server; parts are read ahead on lanes that
//! nobody else wants, by ranges of pages under the same snapshot.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt as _, Stream, StreamExt as _};

use super::catalog::TableSource;
use super::conn::ServerVersion;
use super::copy::copy_out;
use super::lanes::{Lane, Lanes};
use crate::error::Result;
use crate::files::ByteStream;
use crate::text::{identifier, qualified};

/// Tables smaller than this on disk are read by one COPY.
const FROM: u64 = 64 << 20;

/// A part is so many bytes on disk: long enough that its statement does not count, short enough
/// that what is read ahead fits into memory.
const PART: u64 = 8 << 20;

/// At most so many bytes of text are kept of a part that is read ahead. A part with more (there may
/// be gigabytes out of line) waits for its turn.
const AHEAD: usize = 16 << 20;

/// The ranges of pages of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parts {
    pages: u64,
    pages_each: u64,
}

impl Parts {
    /// How a table is cut, if it is worth it and the server can find a range of pages without
    /// reading all of them, as heaps do from PostgreSQL 14 on.
    pub(super) fn of(table: &TableSource, version: ServerVersion) -> Option<Self> {
        let pages = table.pages?;
        if version.major() < 14 || table.bytes < FROM || pages < 2 {
            return None;
        }
        let page = (table.bytes / pages).max(1);
        Some(Self {
            pages,
            pages_each: (PART / page).clamp(1, pages),
        })
    }

    fn count(&self) -> u64 {
        self.pages.div_ceil(self.pages_each)
    }

    /// The condition on rows of one part. The last has no end: the table may have grown since its
    /// size was asked for, though the snapshot sees no row there.
    fn condition(&self, part: u64) -> String {
        let from = part * self.pages_each;
        if part + 1 == self.count() {
            format!("ctid >= '({from},0)'")
        } else {
            let to = from + self.pages_each;
            format!("ctid >= '({from},0)' AND ctid < '({to},0)'")
        }
    }
}

/// The rows of `table`, as one COPY of it would give them, over as many lanes as are free.
pub(super) fn copy_parts(
    lanes: Arc<Lanes>,
    most: usize,
    table: &TableSource,
    parts: Parts,
    what: String,
) -> ByteStream {
    let columns: Vec<_> = table.columns.iter().map(|name| identifier(name)).collect();
    let name = qualified(&table.namespace, &table.name);
    Reading {
        lock: format!("LOCK TABLE ONLY {name} IN ACCESS SHARE MODE NOWAIT"),
        // ONLY: the rows of children are theirs.
        select: format!("SELECT {} FROM ONLY {name}", columns.join(", ")),
        lanes,
        most,
        parts,
        what,
        next: 0,
        lane: None,
        running: VecDeque::new(),
    }
    .boxed()
}

struct Reading {
    lanes: Arc<Lanes>,
    /// At most so many parts are read at once.
    most: usize,
    parts: Parts,
    lock: String,
    select: String,
    what: String,
    /// The part to begin next.
    next: u64,
    /// A lane that is being opened for it.
    lane: Option<BoxFuture<'static, Result<Lane>>>,
    /// Parts that were begun and not given out, in order.
    running: VecDeque<Running>,
}

struct Running {
    rows: ByteStream,
    ahead: VecDeque<Bytes>,
    held: usize,
    ended: bool,
}

impl Running {
    /// Takes what has come, up to the limit.
    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Result<()> {
        while !self.ended && self.held < AHEAD {
            match self.rows.poll_next_unpin(cx) {
                Poll::Pending => break,
                Poll::Ready(None) => self.ended = true,
                Poll::Ready(Some(piece)) => {
                    let piece = piece?;
                    self.held += piece.len();
                    self.ahead.push_back(piece);
                }
            }
        }
        Ok(())
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        match self.ahead.pop_front() {
            Some(piece) => {
                self.held -= piece.len();
                Poll::Ready(Some(Ok(piece)))
            }
            None if self.ended => Poll::Ready(None),
            None => self.rows.poll_next_unpin(cx),
        }
    }
}

impl Reading {
    /// Begins as many parts as there are lanes for: the first waits for one, the others take what
    /// nobody wants.
    fn poll_begin(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        while self.next < self.parts.count() && self.running.len() < self.most {
            if self.lane.is_none() {
                self.lane = if self.running.is_empty() {
                    let lanes = Arc::clone(&self.lanes);
                    Some(async move { lanes.lease().await }.boxed())
                } else {
                    Lanes::spare(&self.lanes)
                };
            }
            let Some(opening) = &mut self.lane else {
                return Poll::Ready(Ok(()));
            };
            let lane = ready!(opening.poll_unpin(cx));
            self.lane = None;
            let condition = self.parts.condition(self.next);
            let sql = format!(
                "{}; COPY ({} WHERE {condition}) TO STDOUT",
                self.lock, self.select
            );
            self.running.push_back(Running {
                rows: copy_out(lane?, sql, self.what.clone()),
                ahead: VecDeque::new(),
                held: 0,
                ended: false,
            });
            self.next += 1;
        }
        Poll::Ready(Ok(()))
    }
}

impl Stream for Reading {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Poll::Ready(Err(error)) = this.poll_begin(cx) {
                return Poll::Ready(Some(Err(error)));
            }
            for part in this.running.iter_mut().skip(1) {
                if let Err(error) = part.poll_ahead(cx) {
                    return Poll::Ready(Some(Err(error)));
                }
            }
            let Some(first) = this.running.front_mut() else {
                return match this.next == this.parts.count() {
                    true => Poll::Ready(None),
                    false => Poll::Pending,
                };
            };
            match ready!(first.poll_next(cx)) {
                Some(piece) => return Poll::Ready(Some(piece)),
                None => {
                    this.running.pop_front();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(bytes: u64, pages: Option<u64>) -> TableSource {
        TableSource {
            oid: 1,
            namespace: "s".into(),
            name: "t".into(),
            columns: vec!["a".into()],
            copy: String::new(),
            bytes,
            pages,
        }
    }

    #[test]
    fn large_heaps_are_cut_and_nothing_else_is() {
        let v14 = ServerVersion(140_000);
        assert_eq!(
            Parts::of(&table(1 << 30, Some(131_072)), ServerVersion(130_000)),
            None
        );
        assert_eq!(Parts::of(&table(1 << 30, None), v14), None);
        assert_eq!(Parts::of(&table(1 << 20, Some(128)), v14), None);
        // Nearly everything out of line: fewer pages make a part.
        let wide = Parts::of(&table(1 << 30, Some(1024)), v14).expect("it is large");
        assert_eq!(wide.pages_each, 8);
    }

    #[test]
    fn the_parts_leave_no_page_out() {
        let parts = Parts {
            pages: 2049,
            pages_each: 1024,
        };
        let conditions: Vec<String> = (0..parts.count())
            .map(|part| parts.condition(part))
            .collect();
        assert_eq!(
            conditions,
            [
                "ctid >= '(0,0)' AND ctid < '(1024,0)'",
                "ctid >= '(1024,0)' AND ctid < '(2048,0)'",
                "ctid >= '(2048,0)'",
            ]
        );
    }
}
