//! Writing one object: in parts, a bounded number at a time, digested as they pass. Used by
//! [`Unfinished`](super::Unfinished).

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload, UploadPart};
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use super::backend::failed;
use crate::digest::Sha256;
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::streams::Pieces;
use crate::pipeline::tap::Meter;

/// How large the parts of an upload are.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartSizes {
    first: usize,
    grow_every: usize,
    in_flight: usize,
}

impl PartSizes {
    /// A local file takes parts of any size and number.
    pub(super) const LOCAL: Self = Self {
        first: 1 << 20,
        grow_every: usize::MAX,
        in_flight: 3,
    };

    /// S3 takes 10 000 parts of at least 5 MiB; doubling after each thousand reaches its largest
    /// object, and keeps to 8 MiB for the first 8 GB.
    pub(super) const CLOUD: Self = Self {
        first: 8 << 20,
        grow_every: 1000,
        in_flight: 3,
    };

    #[cfg(test)]
    pub(super) const SMALL: Self = Self {
        first: 1000,
        grow_every: usize::MAX,
        in_flight: 2,
    };

    /// The size of part `index`, from zero.
    fn part(self, index: usize) -> usize {
        self.first << (index / self.grow_every).min(9)
    }

    /// The size of the pieces that writing is best fed with.
    pub(super) fn piece(self) -> usize {
        self.first.min(1 << 20)
    }
}

/// Proof that an object is under its name: its size and digest as stored. It may still be lost
/// with the machine's power; [`Unfinished::settle`](super::Unfinished::settle) makes it last.
#[derive(Debug)]
#[must_use = "an object must be settled before its backup can be committed"]
pub struct Written(pub(super) Stored);

/// Proof that an object is in the store to stay: its size and digest as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stored {
    /// Bytes.
    pub bytes: u64,
    /// Their digest.
    pub sha256: Sha256,
}

/// Writes one object. Nothing is under its name until [`finish`](Self::finish) returns; dropping
/// it aborts the upload.
///
/// Calls to the store that make something appear there are never dropped halfway: they run in
/// tasks of `calls`, and whoever waits for those knows that nothing will appear any more.
pub struct ObjectWriter {
    store: Arc<dyn ObjectStore>,
    calls: TaskTracker,
    key: Path,
    sizes: PartSizes,
    held: Vec<Bytes>,
    held_bytes: usize,
    upload: Option<Box<dyn MultipartUpload>>,
    in_flight: FuturesUnordered<UploadPart>,
    parts: usize,
    meter: Meter,
}

impl std::fmt::Debug for ObjectWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObjectWriter")
            .field("key", &self.key)
            .field("bytes", &self.meter.bytes())
            .finish_non_exhaustive()
    }
}

impl ObjectWriter {
    pub(super) fn new(
        store: Arc<dyn ObjectStore>,
        key: Path,
        sizes: PartSizes,
        calls: TaskTracker,
    ) -> Self {
        Self {
            store,
            calls,
            key,
            sizes,
            held: Vec::new(),
            held_bytes: 0,
            upload: None,
            in_flight: FuturesUnordered::new(),
            parts: 0,
            meter: Meter::new(),
        }
    }

    /// The size of pieces that is best written.
    pub fn piece_size(&self) -> usize {
        self.sizes.piece()
    }

    /// Takes the next bytes; waits while too many parts are on their way.
    ///
    /// # Errors
    ///
    /// `Store` if the store fails. The writer is then of no use: drop it.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.meter.update(&bytes);
        self.held_bytes += bytes.len();
        self.held.push(bytes);
        // The last part stays held, so that a small object is put in one request.
        while self.held_bytes > self.sizes.part(self.parts) {
            let part = self.take_part();
            self.send(part).await?;
        }
        Ok(())
    }

    /// Exactly the next part's size of what is held.
    fn take_part(&mut self) -> PutPayload {
        let mut wanted = self.sizes.part(self.parts);
        let mut taken = Vec::new();
        let mut rest = std::mem::take(&mut self.held).into_iter();
        while wanted > 0 {
            let Some(mut piece) = rest.next() else { break };
            if piece.len() > wanted {
                // S3's parts but the last have one size, which R2 insists on.
                taken.push(piece.split_to(wanted));
                self.held.push(piece);
                wanted = 0;
            } else {
                wanted -= piece.len();
                taken.push(piece);
            }
        }
        self.held.extend(rest);
        let part = PutPayload::from_iter(taken);
        self.held_bytes -= part.content_length();
        part
    }

    async fn send(&mut self, part: PutPayload) -> Result<()> {
        let begun = match self.upload.take() {
            Some(upload) => upload,
            None => self.begin().await?,
        };
        let upload = self.upload.insert(begun);
        self.in_flight.push(upload.put_part(part));
        self.parts += 1;
        // Asked once, the part is on its way, whatever happens here next.
        if let Some(Some(done)) = futures::FutureExt::now_or_never(self.in_flight.next()) {
            done.map_err(|error| failed(error, &self.key))?;
        }
        while self.in_flight.len() >= self.sizes.in_flight {
            self.settle().await?;
        }
        Ok(())
    }

    /// Begins an upload in parts; one that nobody waits for any more is aborted.
    async fn begin(&mut self) -> Result<Box<dyn MultipartUpload>> {
        let (tell, told) = oneshot::channel();
        let (store, key) = (self.store.clone(), self.key.clone());
        self.calls.spawn(async move {
            let begun = store.put_multipart(&key).await;
            if let Err(Ok(upload)) = tell.send(begun) {
                abort(upload).await;
            }
        });
        told.await
            .map_err(died)?
            .map_err(|error| failed(error, &self.key))
    }

    /// Runs a call to the store to its end, also when nobody waits for it any more.
    async fn call<T: Send + 'static>(
        &mut self,
        call: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.calls
            .spawn(call)
            .await
            .map_err(died)?
            .map_err(|error| failed(error, &self.key))
    }

    /// Waits for one part on its way. Cancel-safe.
    async fn settle(&mut self) -> Result<()> {
        match self.in_flight.next().await {
            Some(done) => done.map_err(|error| failed(error, &self.key)),
            None => Ok(()),
        }
    }

    /// Takes all pieces up to their proper end, and finishes.
    ///
    /// # Errors
    ///
    /// Those of the pieces and of the store; the upload is then aborted.
    pub async fn take(mut self, pieces: &mut Pieces) -> Result<Written> {
        loop {
            let on_its_way = !self.in_flight.is_empty();
            tokio::select! {
                biased;
                Some(done) = self.in_flight.next(), if on_its_way => {
                    if let Err(error) = done {
                        let error = failed(error, &self.key);
                        self.abort().await;
                        return Err(error);
                    }
                }
                piece = pieces.next() => {
                    let taken = match piece {
                        Ok(Some(piece)) => self.write(piece).await,
                        Ok(None) => return self.finish().await,
                        Err(error) => Err(error),
                    };
                    if let Err(error) = taken {
                        self.abort().await;
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Ends the object: it is under its name when this returns.
    ///
    /// # Errors
    ///
    /// `Store` if the store fails; the upload is then aborted.
    pub async fn finish(mut self) -> Result<Written> {
        match self.try_finish().await {
            Ok(()) => Ok(Written(Stored {
                bytes: self.meter.bytes(),
                sha256: self.meter.sha256(),
            })),
            Err(error) => {
                self.abort().await;
                Err(error)
            }
        }
    }

    async fn try_finish(&mut self) -> Result<()> {
        if self.upload.is_none() {
            let payload = PutPayload::from_iter(std::mem::take(&mut self.held));
            let (store, key) = (self.store.clone(), self.key.clone());
            self.call(async move { store.put(&key, payload).await })
                .await?;
            return Ok(());
        }
        if self.held_bytes > 0 {
            let part = self.take_part();
            self.send(part).await?;
        }
        while !self.in_flight.is_empty() {
            self.settle().await?;
        }
        if let Some(mut upload) = self.upload.take() {
            self.call(async move {
                let completed = upload.complete().await;
                if completed.is_err() {
                    abort(upload).await;
                }
                completed
            })
            .await?;
        }
        Ok(())
    }

    /// Takes back what was uploaded.
    async fn abort(mut self) {
        self.in_flight.clear();
        if let Some(upload) = self.upload.take() {
            abort(upload).await;
        }
    }
}

impl Drop for ObjectWriter {
    fn drop(&mut self) {
        // S3 keeps, and bills, the parts of an upload that nobody aborts.
        if let (Some(upload), Ok(runtime)) =
            (self.upload.take(), tokio::runtime::Handle::try_current())
        {
            self.calls.spawn_on(abort(upload), &runtime);
        }
    }
}

/// Takes back what was uploaded. Not everything can be: what stays is never listed, and is swept
/// as an orphan or by the store's own rule for unfinished uploads.
async fn abort(mut upload: Box<dyn MultipartUpload>) {
    if let Err(error) = upload.abort().await {
        tracing::warn!(%error, "an unfinished upload could not be aborted");
    }
}

fn died(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Bug, "a call to the store died").caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::memory::InMemory;

    const TINY: PartSizes = PartSizes {
        first: 10,
        grow_every: 2,
        in_flight: 2,
    };

    #[test]
    fn parts_grow_to_the_largest_object_of_s3() {
        let total: u128 = (0..10_000)
            .map(|index| PartSizes::CLOUD.part(index) as u128)
            .sum();
        assert!(total > 5 << 40, "{total}");
        assert_eq!(PartSizes::CLOUD.part(999), 8 << 20);
        assert_eq!(PartSizes::LOCAL.part(1 << 30), 1 << 20);
    }

    #[tokio::test]
    async fn any_length_in_pieces_of_any_size_is_stored_as_given() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        for length in [0_usize, 1, 9, 10, 11, 20, 21, 100, 333] {
            for piece in [1, 7, 10, 64, 1000] {
                let data: Vec<u8> = (0..length).map(|i| i as u8).collect();
                let key = Path::from(format!("x/{length}-{piece}"));
                let mut writer =
                    ObjectWriter::new(store.clone(), key.clone(), TINY, TaskTracker::new());
                for piece in data.chunks(piece) {
                    let piece = Bytes::copy_from_slice(piece);
                    writer.write(piece).await.expect("written");
                }
                let Written(stored) = writer.finish().await.expect("stored");
                assert_eq!(stored.bytes, length as u64);
                assert_eq!(stored.sha256, Sha256::of(&data));
                let found = store.get(&key).await.expect("there");
                assert_eq!(found.bytes().await.expect("bytes"), data);
            }
        }
    }

    #[tokio::test]
    async fn what_was_not_ended_is_not_stored() {
        let folder = tempfile::tempdir().expect("folder");
        let local = object_store::local::LocalFileSystem::new_with_prefix(folder.path());
        let store: Arc<dyn ObjectStore> = Arc::new(local.expect("store"));
        let key = Path::from("x");
        let writer = ObjectWriter::new(store.clone(), key.clone(), TINY, TaskTracker::new());
        let (mut input, mut pieces) = crate::pipeline::streams::pieces(4, 1);
        let write = async move {
            tokio::io::AsyncWriteExt::write_all(&mut input, &[0; 50]).await
            // Dropped without shutdown.
        };
        let (written, stored) = tokio::join!(write, writer.take(&mut pieces));
        written.expect("written");
        assert_eq!(
            stored.expect_err("unfinished").kind(),
            crate::ErrorKind::Interrupted
        );
        let left = std::fs::read_dir(folder.path()).expect("folder").count();
        assert_eq!(left, 0, "the part was aborted");
    }
}
