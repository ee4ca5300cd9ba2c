//! Files through their stages into an unfinished backup, several at a time. Used by `backup`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{FuturesUnordered, StreamExt};
use futures::{TryStreamExt, stream};
use tokio::task::JoinSet;

use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Watch};
use crate::files::{ByteStream, FileInfo, Files, Seen};
use crate::pipeline::{Stage, streams, wrap_writer};
use crate::repo::{ObjectWriter, Stored, Unfinished, Written};

/// How often those who watch are told of files on their way.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// Pieces that wait between a file's stages and the store.
const PIECES_WAITING: usize = 2;

/// How many files are being forced to disk at once, beside those being written.
const SETTLING: usize = 16;

pub(super) type Tasks = JoinSet<Result<WrittenFile>>;

/// A file that is under its name in the store.
pub(super) struct WrittenFile {
    name: String,
    bytes: u64,
    stored_name: String,
    written: Written,
}

impl WrittenFile {
    async fn settle(self, unfinished: &Unfinished) -> Result<StoredFile> {
        let stored = unfinished.settle(&self.stored_name, self.written).await?;
        Ok(StoredFile {
            name: self.name,
            bytes: self.bytes,
            stored_name: self.stored_name,
            stored,
        })
    }
}

/// A file that is in the store to stay.
pub(super) struct StoredFile {
    pub(super) name: String,
    /// Before the stages.
    pub(super) bytes: u64,
    pub(super) stored_name: String,
    pub(super) stored: Stored,
}

pub(super) fn marks(stages: &[Arc<dyn Stage>]) -> Vec<String> {
    stages.iter().map(|stage| stage.mark().to_owned()).collect()
}

fn stored_name(name: &str, stages: &[Arc<dyn Stage>]) -> String {
    stages
        .iter()
        .fold(name.to_owned(), |name, stage| name + stage.suffix())
}

/// Stores all files of a list, `jobs` at a time, begun in its order. The first error ends it; the
/// other tasks are left in `tasks`, to be ended by its owner.
pub(super) async fn store(
    tasks: &mut Tasks,
    files: &dyn Files,
    list: Vec<FileInfo>,
    unfinished: &Unfinished,
    stages: &Arc<[Arc<dyn Stage>]>,
    jobs: usize,
    progress: &Progress<'_>,
) -> Result<Vec<StoredFile>> {
    let mut waiting: VecDeque<FileInfo> = list.into();
    let mut stored = Vec::with_capacity(waiting.len());
    // Opening borrows the files and may take as long as a statement does, so that it is done here
    // and several at a time; the streams that come of it live by themselves, in tasks.
    let mut opening = FuturesUnordered::new();
    let mut settling = FuturesUnordered::new();
    let mut active: Vec<Active> = Vec::new();
    let mut tick = tokio::time::interval(TELL_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        while opening.len() + tasks.len() < jobs && settling.len() < SETTLING {
            let Some(file) = waiting.pop_front() else {
                break;
            };
            active.push(progress.begin(&file.name));
            opening.push(async move {
                let stream = files
                    .open(&file.name)
                    .await
                    .map_err(|error| named(error, &file.name))?;
                Ok::<_, Error>((file.name, stream))
            });
        }
        if opening.is_empty() && tasks.is_empty() && settling.is_empty() {
            return Ok(stored);
        }
        tokio::select! {
            biased;
            Some(done) = tasks.join_next(), if !tasks.is_empty() => {
                let done = joined(done)?;
                if let Some(at) = active.iter().position(|file| file.name == done.name) {
                    progress.end(active.swap_remove(at));
                }
                settling.push(done.settle(unfinished));
            }
            Some(settled) = settling.next(), if !settling.is_empty() => stored.push(settled?),
            Some(opened) = opening.next(), if !opening.is_empty() => {
                let (name, stream) = opened?;
                let passed = active
                    .iter()
                    .find(|file| file.name == name)
                    .map(|file| file.passed.clone())
                    .unwrap_or_default();
                let stream = stream
                    .inspect_ok(move |piece: &Bytes| {
                        passed.fetch_add(piece.len() as u64, Relaxed);
                    })
                    .boxed();
                spawn(tasks, unfinished, stages, name, stream)?;
            }
            _ = tick.tick() => active.iter_mut().for_each(|file| progress.tell(file)),
        }
    }
}

/// Stores bytes that are in memory, through the stages.
pub(super) async fn store_bytes(
    tasks: &mut Tasks,
    unfinished: &Unfinished,
    stages: &Arc<[Arc<dyn Stage>]>,
    name: &str,
    bytes: Vec<u8>,
) -> Result<StoredFile> {
    let stream = stream::iter([Ok(Bytes::from(bytes))]).boxed();
    spawn(tasks, unfinished, stages, name.to_owned(), stream)?;
    match tasks.join_next().await {
        Some(done) => joined(done)?.settle(unfinished).await,
        None => Err(Error::new(ErrorKind::Bug, "a task that was begun is gone")),
    }
}

fn spawn(
    tasks: &mut Tasks,
    unfinished: &Unfinished,
    stages: &Arc<[Arc<dyn Stage>]>,
    name: String,
    stream: ByteStream,
) -> Result<()> {
    let stored_name = stored_name(&name, stages);
    let writer = unfinished.writer(&stored_name)?;
    let stages = stages.clone();
    tasks.spawn(async move {
        match through(stream, stages, writer).await {
            Ok((bytes, written)) => Ok(WrittenFile {
                name,
                bytes,
                stored_name,
                written,
            }),
            Err(error) => Err(named(error, &name)),
        }
    });
    Ok(())
}

fn named(error: Error, name: &str) -> Error {
    if error.key().is_some() || error.entry().is_some() {
        error
    } else {
        error.of_key(name)
    }
}

fn joined<T>(done: Result<Result<T>, tokio::task::JoinError>) -> Result<T> {
    done.unwrap_or_else(|error| {
        Err(Error::new(ErrorKind::Bug, "a task of the backup died").caused_by(error))
    })
}

/// One file through the stages into the store: its bytes before them, and what was written.
async fn through(
    stream: ByteStream,
    stages: Arc<[Arc<dyn Stage>]>,
    writer: ObjectWriter,
) -> Result<(u64, Written)> {
    let (input, mut pieces) = streams::pieces(writer.piece_size(), PIECES_WAITING);
    // Two tasks: reading, compressing and encrypting on one core, digesting and storing on
    // another. The set ends the one with the other.
    let mut producer = JoinSet::new();
    producer.spawn(async move {
        let sink = wrap_writer(&stages, Box::pin(input)).await?;
        streams::pump(stream, sink).await
    });
    let written = writer.take(&mut pieces).await;
    drop(pieces);
    let produced = match producer.join_next().await {
        Some(done) => joined(done),
        None => Err(Error::new(ErrorKind::Bug, "a task that was begun is gone")),
    };
    match (produced, written) {
        (Ok(bytes), Ok(written)) => Ok((bytes, written)),
        // Each fails when the other does; the first cause is that of the one that did not merely
        // find the other gone.
        (Err(error), Err(other)) if other.kind() == ErrorKind::Interrupted => Err(error),
        (_, Err(error)) | (Err(error), _) => Err(error),
    }
}

/// Tells those who watch how far files have come.
pub(super) struct Progress<'a> {
    watch: &'a Watch,
    files: &'a dyn Files,
}

/// A file on its way.
struct Active {
    name: String,
    title: String,
    /// Bytes of the file itself, for files that cannot tell what went into them.
    passed: Arc<AtomicU64>,
    told: Seen,
}

impl<'a> Progress<'a> {
    pub(super) fn new(watch: &'a Watch, files: &'a dyn Files) -> Self {
        Self { watch, files }
    }

    fn begin(&self, name: &str) -> Active {
        let title = self.files.title(name);
        self.watch.tell(Event::ItemStarted {
            item: title.clone(),
        });
        Active {
            name: name.to_owned(),
            title,
            passed: Arc::default(),
            told: Seen::default(),
        }
    }

    fn tell(&self, file: &mut Active) {
        let seen = self.files.seen(&file.name).unwrap_or_else(|| Seen {
            rows: 0,
            bytes: file.passed.load(Relaxed),
        });
        let rows = seen.rows.saturating_sub(file.told.rows);
        let bytes = seen.bytes.saturating_sub(file.told.bytes);
        if rows > 0 || bytes > 0 {
            file.told = seen;
            self.watch.tell(Event::Advanced {
                item: file.title.clone(),
                rows,
                bytes,
            });
        }
    }

    fn end(&self, mut file: Active) {
        self.tell(&mut file);
        self.watch.tell(Event::ItemFinished { item: file.title });
    }
}
