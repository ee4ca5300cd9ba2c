//! A backup through a stage of one's own: here one that slows a backup down to a number of bytes a
//! second, so that it does not take the disk away from others.
//!
//! ```text
//! cargo run --example backup_with_a_stage -- postgres:///shop ./backups 50000000
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::io;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use dr_core::archive::directory;
use dr_core::ops::{BackupOptions, backup};
use dr_core::pg::{ConnInfo, DumpOptions, Environment, Session, SessionOptions, SnapshotOptions};
use dr_core::pipeline::compression::Compression;
use dr_core::pipeline::{Reader, Stage, Writer};
use dr_core::repo::Repository;
use dr_core::toc::Selection;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::io::AsyncWrite;
use tokio::time::{Instant, Sleep, sleep_until};

/// The stage. It changes no byte, and so it has nothing to undo and appends nothing to names; its
/// mark still stands in the backup, and whoever reads it must know the stage.
struct Throttle {
    bytes_per_second: f64,
}

impl Stage for Throttle {
    fn mark(&self) -> &str {
        "throttle"
    }

    fn suffix(&self) -> &str {
        ""
    }

    fn wrap_writer<'a>(&'a self, inner: Writer) -> BoxFuture<'a, dr_core::Result<Writer>> {
        let throttled = Throttled {
            inner,
            bytes_per_second: self.bytes_per_second,
            rest: Box::pin(sleep_until(Instant::now())),
        };
        async move { Ok(Box::pin(throttled) as Writer) }.boxed()
    }

    fn wrap_reader<'a>(&'a self, inner: Reader) -> BoxFuture<'a, dr_core::Result<Reader>> {
        async move { Ok(inner) }.boxed()
    }
}

/// A writer that rests after each write for as long as it should have taken.
struct Throttled {
    inner: Writer,
    bytes_per_second: f64,
    rest: Pin<Box<Sleep>>,
}

impl AsyncWrite for Throttled {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.rest.as_mut().poll(cx));
        let written = ready!(self.inner.as_mut().poll_write(cx, bytes))?;
        let pause = Duration::from_secs_f64(written as f64 / self.bytes_per_second);
        self.rest.as_mut().reset(Instant::now() + pause);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.as_mut().poll_shutdown(cx)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [database, repository, rate] = &arguments[..] else {
        return Err("say DATABASE REPOSITORY BYTES_PER_SECOND".into());
    };
    let info = ConnInfo::resolve(Some(database), &Environment::of_process())?;
    let session = Session::connect(&info, &SessionOptions::new()).await?;
    let jobs = SnapshotOptions::new().jobs(NonZeroUsize::MIN.saturating_add(1));
    let dump = session
        .dump(&Selection::all(), &DumpOptions::new().snapshot(jobs))
        .await?;

    let files = directory::files(Arc::new(dump), Compression::Zstd(3))?;
    let repository = Repository::open(repository).await?;
    let throttle = Throttle {
        bytes_per_second: rate.parse()?,
    };
    let options = BackupOptions::new()
        .database(info.database())
        .stage(Arc::new(throttle))
        .jobs(2);
    let receipt = backup(&files, &repository, &options).await?;
    println!(
        "{}: {} tables, {} rows, through {:?}",
        receipt.place, receipt.tables, receipt.rows, receipt.stages
    );
    Ok(())
}
