//! A restore that is asked to stop, and a server that does not answer. Used by `restore`.

use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, ErrorKind, Result};

/// How long a server may take to answer a question that costs it nothing, or to let somebody in,
/// before a restore that failed is left as it is.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn stopped() -> Error {
    Error::new(ErrorKind::Interrupted, "the restore was stopped by request")
}

/// Work that may be dropped where it stands.
///
/// # Errors
///
/// `Interrupted` if `stop` was canceled first; those of the work.
pub(super) async fn unless_stopped<T>(
    stop: &CancellationToken,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::select! {
        biased;
        () = stop.cancelled() => Err(stopped()),
        done = work => done,
    }
}

/// Work that a server which can be reached does in no time.
///
/// # Errors
///
/// `Connect` if it takes too long; those of the work.
pub(super) async fn promptly<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(PATIENCE, work).await.unwrap_or_else(|_| {
        Err(Error::new(
            ErrorKind::Connect,
            "the server does not answer any more",
        ))
    })
}
