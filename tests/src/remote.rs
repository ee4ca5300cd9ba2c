//! A store at the other end of a network: what a bucket is to dr. The bytes of every call go through
//! a connection of its own, so that a [`Proxy`](crate::Proxy) can come between.
//!
//! Asked and answered is one line of JSON each; behind what asks come the bytes that are put, behind
//! what answers those that are got. An answer that does not come whole is an error of the call.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Bytes of an answer at a time.
const PIECE: usize = 8192;

/// What serves a store in memory on 127.0.0.1, for as long as the process lives.
#[derive(Debug)]
pub struct RemoteServer {
    port: u16,
}

/// Parts of uploads that are not complete.
type Uploads = Mutex<HashMap<u64, BTreeMap<u64, Bytes>>>;

impl RemoteServer {
    /// Serves what lies in `inner`.
    ///
    /// # Panics
    ///
    /// When it cannot listen.
    pub fn of(inner: Arc<InMemory>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        listener
            .set_nonblocking(true)
            .expect("a listener can be asked");
        let port = listener.local_addr().expect("it is bound").port();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime can be made");
            runtime.block_on(async move {
                let listener =
                    tokio::net::TcpListener::from_std(listener).expect("it is not blocking");
                let uploads = Arc::new(Uploads::default());
                while let Ok((socket, _)) = listener.accept().await {
                    // A client that is gone has no use for an answer.
                    tokio::spawn(serve(socket, Arc::clone(&inner), Arc::clone(&uploads)).map(drop));
                }
            });
        });
        Self { port }
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// Serves one call.
async fn serve(
    socket: TcpStream,
    inner: Arc<InMemory>,
    uploads: Arc<Uploads>,
) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let mut socket = BufReader::new(socket);
    let mut line = String::new();
    socket.read_line(&mut line).await?;
    let asked: Value = serde_json::from_str(&line)?;
    let mut payload = vec![0; asked["payload"].as_u64().unwrap_or(0) as usize];
    // Half a payload is none: nobody ever sees a part of an object.
    socket.read_exact(&mut payload).await?;
    let (answer, bytes) = match done(&asked, payload.into(), &inner, &uploads).await {
        Ok(done) => done,
        Err(error) => (json!({ "error": kind(&error) }), Bytes::new()),
    };
    socket.write_all(format!("{answer}\n").as_bytes()).await?;
    for piece in bytes.chunks(PIECE) {
        socket.write_all(piece).await?;
    }
    socket.shutdown().await
}

async fn done(
    asked: &Value,
    payload: Bytes,
    inner: &InMemory,
    uploads: &Uploads,
) -> Result<(Value, Bytes)> {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let path = Path::from(asked["path"].as_str().unwrap_or_default());
    let upload = asked["upload"].as_u64().unwrap_or(0);
    let prefix = (!path.as_ref().is_empty()).then_some(&path);
    let answer = match asked["do"].as_str().unwrap_or_default() {
        "put" => {
            let mode = match asked["create"].as_bool() {
                Some(true) => PutMode::Create,
                _ => PutMode::Overwrite,
            };
            inner.put_opts(&path, payload.into(), mode.into()).await?;
            json!({})
        }
        "begin" => {
            let upload = LAST.fetch_add(1, Ordering::SeqCst) + 1;
            uploads
                .lock()
                .expect("no holder panics")
                .insert(upload, BTreeMap::new());
            json!({ "upload": upload })
        }
        "part" => {
            let part = asked["part"].as_u64().unwrap_or(0);
            let mut uploads = uploads.lock().expect("no holder panics");
            uploads.entry(upload).or_default().insert(part, payload);
            json!({})
        }
        "complete" => {
            let parts = uploads.lock().expect("no holder panics").remove(&upload);
            let parts: Vec<Bytes> = parts.unwrap_or_default().into_values().collect();
            inner.put(&path, PutPayload::from(parts.concat())).await?;
            json!({})
        }
        "abort" => {
            uploads.lock().expect("no holder panics").remove(&upload);
            json!({})
        }
        "get" => {
            let mut options = GetOptions {
                head: asked["head"].as_bool().unwrap_or(false),
                ..GetOptions::default()
            };
            options.range = match (asked["from"].as_u64(), asked["to"].as_u64()) {
                (Some(from), Some(to)) => Some(GetRange::Bounded(from..to)),
                (Some(from), None) => Some(GetRange::Offset(from)),
                (None, Some(last)) => Some(GetRange::Suffix(last)),
                (None, None) => None,
            };
            let is_head = options.head;
            let found = inner.get_opts(&path, options).await?;
            let answer = json!({
                "meta": meta_of(&found.meta),
                "begin": found.range.start,
                "end": found.range.end,
            });
            let bytes = match is_head {
                true => Bytes::new(),
                false => found.bytes().await?,
            };
            return Ok((answer, bytes));
        }
        "delete" => {
            inner.delete(&path).await?;
            json!({})
        }
        "list" => {
            let found: Vec<ObjectMeta> = inner.list(prefix).try_collect().await?;
            json!({ "objects": found.iter().map(meta_of).collect::<Vec<_>>() })
        }
        "folders" => {
            let found = inner.list_with_delimiter(prefix).await?;
            let folders: Vec<&str> = found.common_prefixes.iter().map(Path::as_ref).collect();
            json!({
                "objects": found.objects.iter().map(meta_of).collect::<Vec<_>>(),
                "folders": folders,
            })
        }
        other => panic!("nobody asks for {other:?}"),
    };
    Ok((answer, Bytes::new()))
}

fn kind(error: &Error) -> &'static str {
    match error {
        Error::NotFound { .. } => "not found",
        Error::AlreadyExists { .. } => "exists",
        _ => "other",
    }
}

fn meta_of(meta: &ObjectMeta) -> Value {
    json!({
        "path": meta.location.as_ref(),
        "modified": meta.last_modified.to_rfc3339(),
        "size": meta.size,
        "e_tag": meta.e_tag,
    })
}

/// The store as its clients see it, through a port of 127.0.0.1: the server's, or a proxy's.
#[derive(Debug, Clone)]
pub struct RemoteStore {
    port: u16,
}

impl RemoteStore {
    /// What is served behind this port.
    pub fn at(port: u16) -> Self {
        Self { port }
    }

    /// Asks, with what is to be put, and answers with what the server says and may say further on.
    async fn ask(&self, mut asked: Value, payload: Bytes) -> Result<(Value, BufReader<TcpStream>)> {
        asked["payload"] = payload.len().into();
        let path = asked["path"].as_str().unwrap_or_default().to_owned();
        let answered = async {
            let socket = TcpStream::connect(("127.0.0.1", self.port)).await?;
            socket.set_nodelay(true)?;
            let mut socket = BufReader::new(socket);
            socket.write_all(format!("{asked}\n").as_bytes()).await?;
            socket.write_all(&payload).await?;
            let mut line = String::new();
            socket.read_line(&mut line).await?;
            if !line.ends_with('\n') {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            Ok::<_, std::io::Error>((serde_json::from_str::<Value>(&line)?, socket))
        };
        let (answer, socket) = answered.await.map_err(broken)?;
        match answer["error"].as_str() {
            None => Ok((answer, socket)),
            Some("not found") => Err(Error::NotFound {
                path,
                source: "the server says so".into(),
            }),
            Some("exists") => Err(Error::AlreadyExists {
                path,
                source: "the server says so".into(),
            }),
            Some(other) => Err(Error::Generic {
                store: "Remote",
                source: other.into(),
            }),
        }
    }

    async fn told(&self, asked: Value) -> Result<Value> {
        Ok(self.ask(asked, Bytes::new()).await?.0)
    }
}

fn broken(error: std::io::Error) -> Error {
    Error::Generic {
        store: "Remote",
        source: error.into(),
    }
}

fn meta(value: &Value) -> Result<ObjectMeta> {
    let text = |key: &str| value[key].as_str().unwrap_or_default();
    Ok(ObjectMeta {
        location: Path::from(text("path")),
        last_modified: text("modified").parse().map_err(|_| Error::Generic {
            store: "Remote",
            source: "the time of an object is none".into(),
        })?,
        size: value["size"].as_u64().unwrap_or(0),
        e_tag: value["e_tag"].as_str().map(str::to_owned),
        version: None,
    })
}

fn metas(answer: &Value) -> Result<Vec<ObjectMeta>> {
    let objects = answer["objects"].as_array();
    objects.into_iter().flatten().map(meta).collect()
}

fn put() -> PutResult {
    PutResult {
        e_tag: None,
        version: None,
        extensions: Default::default(),
    }
}

impl fmt::Display for RemoteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote(127.0.0.1:{})", self.port)
    }
}

#[async_trait::async_trait]
impl ObjectStore for RemoteStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        let create = opts.mode == PutMode::Create;
        let asked = json!({ "do": "put", "path": location.as_ref(), "create": create });
        self.ask(asked, payload.into()).await?;
        Ok(put())
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let begun = self.told(json!({ "do": "begin" })).await?;
        Ok(Box::new(RemoteUpload {
            store: self.clone(),
            path: location.clone(),
            upload: begun["upload"].as_u64().unwrap_or(0),
            parts: 0,
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let (from, to) = match options.range {
            None => (None, None),
            Some(GetRange::Bounded(range)) => (Some(range.start), Some(range.end)),
            Some(GetRange::Offset(from)) => (Some(from), None),
            Some(GetRange::Suffix(last)) => (None, Some(last)),
        };
        let asked = json!({
            "do": "get", "path": location.as_ref(), "head": options.head, "from": from, "to": to,
        });
        let (answer, socket) = self.ask(asked, Bytes::new()).await?;
        let range = answer["begin"].as_u64().unwrap_or(0)..answer["end"].as_u64().unwrap_or(0);
        let left = match options.head {
            true => 0,
            false => range.end - range.start,
        };
        let bytes = stream::try_unfold((socket, left), |(mut socket, left)| async move {
            if left == 0 {
                return Ok(None);
            }
            let mut piece = vec![0; PIECE.min(left as usize)];
            match socket.read(&mut piece).await.map_err(broken)? {
                0 => Err(broken(std::io::ErrorKind::UnexpectedEof.into())),
                read => {
                    piece.truncate(read);
                    Ok(Some((piece.into(), (socket, left - read as u64))))
                }
            }
        });
        Ok(GetResult {
            payload: GetResultPayload::Stream(bytes.boxed()),
            meta: meta(&answer["meta"])?,
            range,
            attributes: Default::default(),
            extensions: Default::default(),
        })
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        locations
            .then(move |path| {
                let store = store.clone();
                async move {
                    let path = path?;
                    store
                        .told(json!({ "do": "delete", "path": path.as_ref() }))
                        .await?;
                    Ok(path)
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let store = self.clone();
        let asked = json!({ "do": "list", "path": prefix.map(Path::as_ref) });
        let listed =
            async move { Ok::<_, Error>(stream::iter(metas(&store.told(asked).await?)?).map(Ok)) };
        stream::once(listed).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let asked = json!({ "do": "folders", "path": prefix.map(Path::as_ref) });
        let answer = self.told(asked).await?;
        let folders = answer["folders"].as_array().into_iter().flatten();
        Ok(ListResult {
            common_prefixes: folders.filter_map(Value::as_str).map(Path::from).collect(),
            objects: metas(&answer)?,
            extensions: Default::default(),
        })
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(Error::NotImplemented {
            operation: "copy".into(),
            implementer: "Remote".into(),
        })
    }
}

#[derive(Debug)]
struct RemoteUpload {
    store: RemoteStore,
    path: Path,
    upload: u64,
    parts: u64,
}

#[async_trait::async_trait]
impl MultipartUpload for RemoteUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.parts += 1;
        let store = self.store.clone();
        let asked = json!({ "do": "part", "upload": self.upload, "part": self.parts });
        async move { store.ask(asked, data.into()).await.map(drop) }.boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let asked = json!({ "do": "complete", "upload": self.upload, "path": self.path.as_ref() });
        self.store.told(asked).await?;
        Ok(put())
    }

    async fn abort(&mut self) -> Result<()> {
        let asked = json!({ "do": "abort", "upload": self.upload });
        self.store.told(asked).await.map(drop)
    }
}
