//! A store that fails, is late, or gives other bytes than it was given, under a restore into a real
//! database: for every call the restore fails and leaves no database, or everything is proven.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use dr_core::ops::BackupOptions;
use dr_core::pipeline::compression::Compression;
use dr_core::repo::Repository;
use dr_tests::{
    Cluster, Database, assert_same_contents, assert_same_schema, back_up, restore_latest,
};
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Fail,
    Late,
    Short,
    Flipped,
}

/// A store whose read or listing number `at` goes wrong, from zero.
#[derive(Debug)]
struct Faulty {
    inner: Arc<InMemory>,
    fault: Fault,
    at: usize,
    calls: AtomicUsize,
    lied: AtomicBool,
}

impl std::fmt::Display for Faulty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Faulty")
    }
}

impl Faulty {
    fn is_reached(&self) -> bool {
        self.calls.load(Ordering::SeqCst) > self.at
    }

    async fn call(&self) -> object_store::Result<Option<Fault>> {
        let struck = self.calls.fetch_add(1, Ordering::SeqCst) == self.at;
        match self.fault {
            _ if !struck => Ok(None),
            Fault::Fail => Err(object_store::Error::Generic {
                store: "Faulty",
                source: "this call fails".into(),
            }),
            Fault::Late => {
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
                Ok(None)
            }
            fault => Ok(Some(fault)),
        }
    }

    fn bytes(&self, bytes: Bytes, fault: Option<Fault>) -> Bytes {
        let mut bytes = bytes.to_vec();
        let middle = bytes.len() / 2;
        match fault {
            Some(Fault::Short) if !bytes.is_empty() => bytes.truncate(middle),
            Some(Fault::Flipped) if !bytes.is_empty() => bytes[middle] ^= 1,
            _ => return bytes.into(),
        }
        self.lied.store(true, Ordering::SeqCst);
        bytes.into()
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
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(
        &self,
        location: &Path,
        options: GetOptions,
    ) -> object_store::Result<GetResult> {
        let fault = self.call().await?;
        let mut found = self.inner.get_opts(location, options).await?;
        let payload = std::mem::replace(
            &mut found.payload,
            GetResultPayload::Stream(stream::empty().boxed()),
        );
        let GetResultPayload::Stream(pieces) = payload else {
            panic!("a store in memory has no files");
        };
        let pieces: Vec<Bytes> = futures::TryStreamExt::try_collect(pieces).await?;
        let bytes = self.bytes(pieces.concat().into(), fault);
        found.payload = GetResultPayload::Stream(stream::iter([Ok(bytes)]).boxed());
        Ok(found)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.call().await?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(
        &self,
        from: &Path,
        to: &Path,
        options: CopyOptions,
    ) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

async fn stored(source: &Database) -> Arc<InMemory> {
    let store = Arc::new(InMemory::new());
    let repository = Repository::with_store(store.clone(), "memory");
    let options = BackupOptions::new();
    back_up(source, &repository, Compression::Zstd(3), &options)
        .await
        .unwrap();
    store
}

#[tokio::test]
async fn whichever_read_goes_wrong_a_restore_is_whole_or_leaves_no_database() {
    let cluster = Cluster::shared(18);
    let source = cluster.create_database("stored").await;
    source
        .sql(
            "CREATE TABLE a AS SELECT n, 'row ' || n AS t FROM generate_series(1, 500) n; \
             CREATE TABLE b AS SELECT 'one'::text AS t; \
             CREATE SEQUENCE s; SELECT setval('s', 5); \
             SELECT lo_from_bytea(4711, 'a large object')",
        )
        .await;
    let inner = stored(&source).await;
    let query = "SELECT count(*) FROM pg_database WHERE datname LIKE '%faulty_target%'";
    let postgres = cluster.database("postgres");
    let target = cluster.database("faulty_target");
    for fault in [Fault::Fail, Fault::Late, Fault::Short, Fault::Flipped] {
        for at in 0.. {
            let faulty = Arc::new(Faulty {
                inner: inner.clone(),
                fault,
                at,
                calls: AtomicUsize::new(0),
                lied: AtomicBool::new(false),
            });
            let what = format!("call {at}, {fault:?}");
            let repository = Repository::with_store(faulty.clone(), "faulty");
            let done = restore_latest(&repository, &target).await;
            let wrong =
                faulty.lied.load(Ordering::SeqCst) || (fault == Fault::Fail && faulty.is_reached());
            assert_eq!(done.is_err(), wrong, "{what}: {done:?}");
            if wrong {
                assert_eq!(postgres.value(query).await, "0", "{what}");
                continue;
            }
            assert_same_contents(&source, &target).await;
            if !faulty.is_reached() {
                assert!(at > 8, "a restore takes more reads than {at}");
                // The same repository, the same name: what failed before is in nobody's way.
                assert_same_schema(&source, &target);
            }
            postgres.sql("DROP DATABASE faulty_target").await;
            if !faulty.is_reached() {
                break;
            }
        }
    }
}
