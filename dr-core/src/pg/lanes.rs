//! The connections that share a snapshot: opened when needed, leased one at a time, never waited
//! for when one is stuck. Used by `snapshot`; knows nothing of what they read.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::conn::Conn;
use super::conninfo::ConnInfo;
use super::session::{Session, SessionOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::text::literal;

/// All of them.
pub(super) struct Lanes {
    info: ConnInfo,
    options: SessionOptions,
    snapshot: String,
    free: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Conn>>>,
}

impl fmt::Debug for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lanes")
            .field("snapshot", &self.snapshot)
            .field("free", &self.free.available_permits())
            .finish_non_exhaustive()
    }
}

impl Lanes {
    /// At most `jobs` connections under the exported snapshot.
    pub(super) fn new(
        info: ConnInfo,
        options: SessionOptions,
        snapshot: String,
        jobs: NonZeroUsize,
    ) -> Self {
        Self {
            info,
            options,
            snapshot,
            free: Arc::new(Semaphore::new(jobs.get())),
            idle: Arc::default(),
        }
    }

    pub(super) fn lock_timeout(&self) -> Option<Duration> {
        self.options.lock_timeout
    }

    /// An idle connection, or a new one if fewer than allowed are in use.
    pub(super) async fn lease(&self) -> Result<Lane> {
        let permit = Arc::clone(&self.free)
            .acquire_owned()
            .await
            .map_err(|error| {
                Error::new(ErrorKind::Bug, "the lanes of a snapshot were closed").caused_by(error)
            })?;
        self.ready(permit).await
    }

    /// The same if nobody has to wait for it, not even those who wait already.
    pub(super) fn spare(this: &Arc<Self>) -> Option<BoxFuture<'static, Result<Lane>>> {
        let permit = Arc::clone(&this.free).try_acquire_owned().ok()?;
        let this = Arc::clone(this);
        Some(async move { this.ready(permit).await }.boxed())
    }

    async fn ready(&self, permit: OwnedSemaphorePermit) -> Result<Lane> {
        let idle = loop {
            let candidate = lock(&self.idle).pop();
            match candidate {
                Some(conn) if conn.is_closed() => {}
                other => break other,
            }
        };
        let conn = match idle {
            Some(conn) => conn,
            None => self.open().await?,
        };
        Ok(Lane {
            conn: Some(conn),
            idle: Arc::clone(&self.idle),
            _permit: permit,
        })
    }

    async fn open(&self) -> Result<Conn> {
        let session = Session::connect(&self.info, &self.options).await?;
        let (_, _, conn, _) = session.into_parts();
        // REPEATABLE READ also where the exporter is serializable: its deferred snapshot is safe
        // by itself, and pg_dump's workers do the same.
        conn.run(&format!(
            "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; \
             SET TRANSACTION SNAPSHOT {}",
            literal(&self.snapshot)
        ))
        .await
        .map_err(|error| {
            Error::new(
                ErrorKind::Server,
                "another connection cannot share the snapshot; \
                 has the connection that took it been lost?",
            )
            .with_sqlstate(error.sqlstate().unwrap_or_default().to_owned())
            .caused_by(error)
        })?;
        Ok(conn)
    }
}

/// A connection under the snapshot, until it is dropped.
pub struct Lane {
    conn: Option<Conn>,
    idle: Arc<Mutex<Vec<Conn>>>,
    _permit: OwnedSemaphorePermit,
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane")
            .field("conn", &self.conn)
            .finish_non_exhaustive()
    }
}

impl Lane {
    /// The connection.
    pub fn conn(&self) -> &Conn {
        self.conn
            .as_ref()
            .expect("a lane has its connection until it is dropped or retired")
    }

    /// Gives the lane up for a new connection: this one is in an unknown state, or its transaction
    /// has failed.
    pub(super) fn retire(&mut self) {
        self.conn = None;
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            lock(&self.idle).push(conn);
        }
    }
}

fn lock(idle: &Mutex<Vec<Conn>>) -> std::sync::MutexGuard<'_, Vec<Conn>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
