//! A restore that is asked to stop. Used by `restore`.

use tokio_util::sync::CancellationToken;

use crate::error::{Error, ErrorKind, Result};

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
