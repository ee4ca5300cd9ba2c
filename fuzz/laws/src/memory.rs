//! Files in memory, as an archive reader takes them, in pieces of a chosen size; and the runtime for
//! what does more than look at memory.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use bytes::Bytes;
use dr_core::archive::seekable::Seekable;
use dr_core::files::{ByteStream, Evidence, FileInfo, Files};
use dr_core::{Error, ErrorKind, Result};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use tokio::runtime::Runtime;

/// Names and bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    pub(crate) files: BTreeMap<String, Bytes>,
    /// Bytes that a stream gives at once.
    pub(crate) piece: usize,
    pub(crate) evidence: Evidence,
}

impl Memory {
    pub(crate) fn new(piece: usize) -> Self {
        Self {
            piece: piece.max(1),
            ..Self::default()
        }
    }

    pub(crate) fn with(mut self, name: &str, bytes: impl Into<Bytes>) -> Self {
        self.files.insert(name.to_owned(), bytes.into());
        self
    }

    /// All of `files`, read to their ends.
    pub(crate) fn copy_of(files: &dyn Files, piece: usize) -> Result<Self> {
        let mut copy = Self::new(piece);
        for file in files.list() {
            let bytes = whole(files.open(&file.name).now_or_never().expect(READY)?)?;
            copy.files.insert(file.name, bytes.into());
        }
        copy.evidence = files.evidence();
        Ok(copy)
    }
}

/// Nothing here waits for anything.
pub(crate) const READY: &str = "what lies in memory is there at once";

/// Every byte of a stream that waits for nothing.
pub(crate) fn whole(mut bytes: ByteStream) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    while let Some(piece) = bytes.next().now_or_never().expect(READY) {
        text.extend_from_slice(&piece?);
    }
    Ok(text)
}

impl Files for Memory {
    fn list(&self) -> Vec<FileInfo> {
        self.files
            .iter()
            .map(|(name, bytes)| FileInfo {
                name: name.clone(),
                size_hint: Some(bytes.len() as u64),
            })
            .collect()
    }

    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<ByteStream>> {
        let found = self.files.get(name).cloned();
        let piece = self.piece;
        async move {
            let bytes = found.ok_or_else(|| {
                Error::new(ErrorKind::Missing, "there is no such file").of_key(name)
            })?;
            let pieces = (0..bytes.len())
                .step_by(piece)
                .map(move |at| Ok(bytes.slice(at..bytes.len().min(at + piece))));
            Ok(stream::iter(pieces).boxed())
        }
        .boxed()
    }

    fn evidence(&self) -> Evidence {
        self.evidence.clone()
    }
}

/// One file, which comes in pieces of a chosen size from any place on.
#[derive(Debug)]
pub(crate) struct InPieces {
    bytes: Bytes,
    piece: usize,
}

impl InPieces {
    pub(crate) fn new(bytes: Bytes, piece: usize) -> Self {
        let piece = piece.max(1);
        Self { bytes, piece }
    }
}

impl Seekable for InPieces {
    fn length(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read(&self, from: u64) -> BoxFuture<'_, Result<ByteStream>> {
        let from =
            usize::try_from(from).map_or(self.bytes.len(), |from| from.min(self.bytes.len()));
        let (rest, piece) = (self.bytes.slice(from..), self.piece);
        async move {
            let pieces = (0..rest.len())
                .step_by(piece)
                .map(move |at| Ok(rest.slice(at..rest.len().min(at + piece))));
            Ok(stream::iter(pieces).boxed())
        }
        .boxed()
    }
}

/// The runtime of all laws that need one: on the thread that calls.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
    })
}
