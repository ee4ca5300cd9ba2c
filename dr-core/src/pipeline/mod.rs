//! Stages that bytes pass on their way to the store and back: compression, encryption, digests.
//!
//! On the way out a stage wraps a writer, on the way in a reader. Used by the archive (compression
//! stands inside it) and by `ops` (encryption is the last stage before the store). Knows nothing of
//! what the bytes mean.

pub mod compression;
pub mod encryption;
pub mod keys;
pub mod streams;
pub mod tap;
mod zstd_frames;

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::error::Result;

/// Bytes on their way: pieces of any size, in order; an error ends them. Dropping it aborts.
pub type ByteStream = BoxStream<'static, Result<Bytes>>;

/// Where a stage writes to. `shutdown` ends the stream; dropping it without leaves it unfinished.
pub type Writer = Pin<Box<dyn AsyncWrite + Send>>;

/// Where a stage reads from. Only a clean end of file says that everything was there and sound.
pub type Reader = Pin<Box<dyn AsyncRead + Send>>;

/// One stage of the pipeline, built in or a caller's own.
pub trait Stage: Send + Sync {
    /// The name written into the commit mark, so that a restore can ask for the stage: `age`.
    fn mark(&self) -> &str;

    /// What it appends to the name of a stored file: `.age`.
    fn suffix(&self) -> &str;

    /// Wraps the way out.
    fn wrap_writer<'a>(&'a self, inner: Writer) -> BoxFuture<'a, Result<Writer>>;

    /// Wraps the way in.
    fn wrap_reader<'a>(&'a self, inner: Reader) -> BoxFuture<'a, Result<Reader>>;
}

/// Wraps a writer in all `stages`: what is written passes the first one first, and the last one
/// stands before `inner`.
///
/// # Errors
///
/// Those of the stages.
pub async fn wrap_writer(stages: &[Arc<dyn Stage>], inner: Writer) -> Result<Writer> {
    let mut writer = inner;
    for stage in stages.iter().rev() {
        writer = stage.wrap_writer(writer).await?;
    }
    Ok(writer)
}

/// Undoes [`wrap_writer`]: `inner` reads what the last stage wrote.
///
/// # Errors
///
/// Those of the stages.
pub async fn wrap_reader(stages: &[Arc<dyn Stage>], inner: Reader) -> Result<Reader> {
    let mut reader = inner;
    for stage in stages.iter().rev() {
        reader = stage.wrap_reader(reader).await?;
    }
    Ok(reader)
}
