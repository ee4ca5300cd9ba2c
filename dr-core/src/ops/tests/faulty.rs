//! A store one of whose calls goes wrong. Used by the tests of faults, lies and maintenance; knows
//! nothing of what is stored.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::stream::BoxStream;
use object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, UploadPart,
};

use super::*;

/// What happens to the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It fails.
    Fail,
    /// It fails, and so does every later one.
    Dead,
    /// It takes long; everything else has its turn first.
    Late,
    /// It says that it worked, and only half of the bytes, or all but the last of a listing, came
    /// through.
    Short,
    /// It says that it worked, and a bit is another: of the bytes, or of a listed size.
    Flipped,
}

/// A store whose call number `at` goes wrong, from zero.
#[derive(Debug, Clone)]
pub(super) struct Faulty {
    inner: Arc<InMemory>,
    state: Arc<State>,
}

/// What the store has seen and done.
#[derive(Debug)]
pub(super) struct State {
    fault: Fault,
    at: usize,
    calls: AtomicUsize,
    lied: AtomicBool,
    pub(super) aborted: AtomicUsize,
    pub(super) begun: AtomicUsize,
    pub(super) completed: AtomicUsize,
}

impl std::fmt::Display for Faulty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Faulty")
    }
}

impl Faulty {
    pub(super) fn new(inner: Arc<InMemory>, fault: Fault, at: usize) -> Self {
        let state = State {
            fault,
            at,
            calls: AtomicUsize::new(0),
            lied: AtomicBool::new(false),
            aborted: AtomicUsize::new(0),
            begun: AtomicUsize::new(0),
            completed: AtomicUsize::new(0),
        };
        Self {
            inner,
            state: Arc::new(state),
        }
    }

    /// Whether that call has been made.
    pub(super) fn is_reached(&self) -> bool {
        self.state.calls.load(Ordering::SeqCst) > self.state.at
    }

    /// Whether something came through that was not what was stored, or the other way round.
    pub(super) fn has_lied(&self) -> bool {
        self.state.lied.load(Ordering::SeqCst)
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }
}

/// Lets everything else run that can.
async fn everybody_else() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

impl State {
    /// Counts a call; how it goes wrong, if it does and does not fail.
    fn call(&self) -> object_store::Result<Option<Fault>> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let struck = call == self.at || (self.fault == Fault::Dead && call > self.at);
        match self.fault {
            _ if !struck => Ok(None),
            Fault::Fail | Fault::Dead => Err(object_store::Error::Generic {
                store: "Faulty",
                source: format!("call {call} fails").into(),
            }),
            fault => Ok(Some(fault)),
        }
    }

    /// A call of which nothing but the time can go wrong.
    async fn plain_call(&self) -> object_store::Result<()> {
        if self.call()? == Some(Fault::Late) {
            everybody_else().await;
        }
        Ok(())
    }

    fn bytes(&self, bytes: Bytes, fault: Option<Fault>) -> Bytes {
        let mut bytes = bytes.to_vec();
        match fault {
            Some(Fault::Short) if !bytes.is_empty() => bytes.truncate(bytes.len() / 2),
            Some(Fault::Flipped) if !bytes.is_empty() => {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
            }
            _ => return bytes.into(),
        }
        self.lied.store(true, Ordering::SeqCst);
        bytes.into()
    }

    fn payload(&self, payload: PutPayload, fault: Option<Fault>) -> PutPayload {
        self.bytes(payload.into(), fault).into()
    }

    fn listed(&self, mut objects: Vec<ObjectMeta>, fault: Option<Fault>) -> Vec<ObjectMeta> {
        let lied = match (fault, objects.last_mut()) {
            (Some(Fault::Short), Some(_)) => objects.pop().is_some(),
            (Some(Fault::Flipped), Some(last)) => {
                last.size ^= 1;
                true
            }
            _ => false,
        };
        self.lied.fetch_or(lied, Ordering::SeqCst);
        objects
    }
}

#[async_trait::async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> object_store::Result<PutResult> {
        let fault = self.state.call()?;
        if fault == Some(Fault::Late) {
            everybody_else().await;
        }
        let payload = self.state.payload(payload, fault);
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.state.plain_call().await?;
        self.state.begun.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(FaultyUpload {
            inner: self.inner.put_multipart_opts(location, opts).await?,
            state: self.state.clone(),
        }))
    }

    async fn get_opts(
        &self,
        location: &Path,
        options: GetOptions,
    ) -> object_store::Result<GetResult> {
        let fault = self.state.call()?;
        if fault == Some(Fault::Late) {
            everybody_else().await;
        }
        let found = self.inner.get_opts(location, options).await?;
        let (meta, range, attributes) = (
            found.meta.clone(),
            found.range.clone(),
            found.attributes.clone(),
        );
        let bytes = self.state.bytes(found.bytes().await?, fault);
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream::iter([Ok(bytes)]).boxed()),
            meta,
            range,
            attributes,
            extensions: Default::default(),
        })
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        match self.state.call() {
            Ok(Some(Fault::Late)) => {
                let inner = self.inner.clone();
                stream::once(async move {
                    everybody_else().await;
                    inner.delete_stream(locations)
                })
                .flatten()
                .boxed()
            }
            Ok(_) => self.inner.delete_stream(locations),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        let fault = match self.state.call() {
            Ok(fault) => fault,
            Err(error) => return stream::iter([Err(error)]).boxed(),
        };
        let (inner, state, prefix) = (self.inner.clone(), self.state.clone(), prefix.cloned());
        stream::once(async move {
            if fault == Some(Fault::Late) {
                everybody_else().await;
            }
            let objects: Vec<ObjectMeta> = inner.list(prefix.as_ref()).try_collect().await?;
            let objects = state.listed(objects, fault);
            Ok::<_, object_store::Error>(stream::iter(objects.into_iter().map(Ok)))
        })
        .try_flatten()
        .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.state.plain_call().await?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(
        &self,
        from: &Path,
        to: &Path,
        options: CopyOptions,
    ) -> object_store::Result<()> {
        self.state.plain_call().await?;
        self.inner.copy_opts(from, to, options).await
    }
}

#[derive(Debug)]
struct FaultyUpload {
    inner: Box<dyn MultipartUpload>,
    state: Arc<State>,
}

#[async_trait::async_trait]
impl MultipartUpload for FaultyUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let fault = match self.state.call() {
            Ok(fault) => fault,
            Err(error) => return Box::pin(async move { Err(error) }),
        };
        let part = self.inner.put_part(self.state.payload(data, fault));
        Box::pin(async move {
            if fault == Some(Fault::Late) {
                everybody_else().await;
            }
            part.await
        })
    }

    async fn complete(&mut self) -> object_store::Result<PutResult> {
        self.state.plain_call().await?;
        self.state.completed.fetch_add(1, Ordering::SeqCst);
        self.inner.complete().await
    }

    async fn abort(&mut self) -> object_store::Result<()> {
        self.state.aborted.fetch_add(1, Ordering::SeqCst);
        self.state.plain_call().await?;
        self.inner.abort().await
    }
}
