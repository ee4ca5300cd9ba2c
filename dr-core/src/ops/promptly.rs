//! A server that does not answer any more. Used by the verbs where they clean up.

use std::time::Duration;

use tokio::time::timeout;

use crate::error::{Error, ErrorKind, Result};

/// How long a server may take to answer a question that costs it nothing, or to let somebody in,
/// before what failed is left as it is.
const PATIENCE: Duration = Duration::from_secs(10);

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
