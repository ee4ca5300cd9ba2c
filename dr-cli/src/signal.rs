//! Ctrl-C, SIGTERM and a terminal that is closed: the first asks everybody to stop and clean up, the second does not wait.

use std::future::Future;
use std::time::Duration;

use dr_core::{Error, ErrorKind, Result};
use tokio_util::sync::CancellationToken;

use crate::exit;
use crate::render::say;

/// How long a verb may take to clean up after it was asked to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// A token that is canceled by the first signal.
pub(crate) fn token() -> Result<CancellationToken> {
    let token = CancellationToken::new();
    let stop = token.clone();
    let mut signals = Signals::new()?;
    tokio::spawn(async move {
        signals.next().await;
        say("dr: stopping and cleaning up; press Ctrl-C again to leave at once");
        stop.cancel();
        signals.next().await;
        std::process::exit(exit::INTERRUPTED.into());
    });
    Ok(token)
}

/// Runs work that does not look at the token itself: canceling drops it.
pub(crate) async fn droppable<T>(
    token: &CancellationToken,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::select! {
        result = work => result,
        () = token.cancelled() => Err(interrupted()),
    }
}

/// Runs work that stops by itself when the token is canceled, and cleans up before it ends; after
/// a while it is dropped all the same.
pub(crate) async fn patient<T>(
    token: &CancellationToken,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let out_of_patience = async {
        token.cancelled().await;
        tokio::time::sleep(PATIENCE).await;
    };
    tokio::select! {
        result = work => result,
        () = out_of_patience => Err(interrupted()),
    }
}

fn interrupted() -> Error {
    Error::new(ErrorKind::Interrupted, "stopped")
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// None where hanging up is to do nothing.
    hangup: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn new() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let failed = |error: std::io::Error| {
            Error::new(ErrorKind::Bug, "cannot listen for signals").caused_by(error)
        };
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
            hangup: match hangup_is_ignored() {
                true => None,
                false => Some(signal(SignalKind::hangup()).map_err(failed)?),
            },
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            Some(()) = async { self.hangup.as_mut()?.recv().await } => {}
        }
    }
}

/// Whether whoever started this wants it to outlive the terminal, as nohup does. Where the system
/// does not tell, the signal does what it does by itself.
#[cfg(unix)]
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // Bit 0 is signal 1, SIGHUP.
    ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_none_or(|mask| mask & 1 != 0)
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        // Without a console there is nothing to wait for.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
