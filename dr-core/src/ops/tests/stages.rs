//! A stage of the caller's own stands in the pipeline; its mark is recorded and demanded.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::*;
use crate::pipeline::keys::Keys;
use crate::pipeline::{Reader, Stage, Writer};

/// Each byte xor a number: not a cipher, a stage.
struct Xor(u8);

struct Through<T>(T, u8);

impl Stage for Xor {
    fn mark(&self) -> &str {
        "xor"
    }

    fn suffix(&self) -> &str {
        ".xor"
    }

    fn wrap_writer<'a>(&'a self, inner: Writer) -> BoxFuture<'a, Result<Writer>> {
        Box::pin(async move { Ok(Box::pin(Through(inner, self.0)) as Writer) })
    }

    fn wrap_reader<'a>(&'a self, inner: Reader) -> BoxFuture<'a, Result<Reader>> {
        Box::pin(async move { Ok(Box::pin(Through(inner, self.0)) as Reader) })
    }
}

impl AsyncWrite for Through<Writer> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let changed: Vec<u8> = bytes.iter().map(|byte| byte ^ self.1).collect();
        self.0.as_mut().poll_write(cx, &changed)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.0.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.0.as_mut().poll_shutdown(cx)
    }
}

impl AsyncRead for Through<Reader> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        ready!(self.0.as_mut().poll_read(cx, buffer))?;
        let with = self.1;
        buffer.filled_mut()[before..]
            .iter_mut()
            .for_each(|byte| *byte ^= with);
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_stage_of_the_callers_own_is_recorded_and_demanded() {
    let (store, repository) = memory();
    let (recipients, identities) = key_pair();
    let toys = Toys::small();
    let receipt = backup(
        &toys,
        &repository,
        &options().stage(Arc::new(Xor(0x55))).encrypt_to(recipients),
    )
    .await
    .unwrap();
    assert_eq!(receipt.stages, ["xor", "age"]);
    let names = keys_of(&*store).await;
    for name in ["2.dat.xor.age", "toc.dat.xor.age", "manifest.json.xor.age"] {
        let key = Path::from(format!("{}/{name}", receipt.place));
        assert!(names.contains(&key), "{name}");
    }
    let found = repository.find("latest").await.unwrap();
    let without = Keys::from(identities);
    let error = repository.files(&found, &without).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Key);
    assert!(error.to_string().contains("\"xor\""), "{error}");
    let with = without.stage(Arc::new(Xor(0x55)));
    let files = repository.files(&found, &with).await.unwrap();
    assert_same(read_all(&files).await.unwrap(), &toys);
}

#[tokio::test]
async fn the_first_stage_stands_next_to_the_files() {
    let (store, repository) = memory();
    let toys = Toys(vec![("1.dat".into(), b"rows".to_vec())]);
    let receipt = backup(&toys, &repository, &options().stage(Arc::new(Xor(1))))
        .await
        .unwrap();
    let key = Path::from(format!("{}/1.dat.xor", receipt.place));
    assert_eq!(
        content(&*store, &key).await,
        [b'r' ^ 1, b'o' ^ 1, b'w' ^ 1, b's' ^ 1]
    );
}

/// A mark like that would be taken for encryption when the backup is read.
#[tokio::test]
async fn a_stage_cannot_call_itself_age() {
    struct Fake;
    impl Stage for Fake {
        fn mark(&self) -> &str {
            "age"
        }
        fn suffix(&self) -> &str {
            ""
        }
        fn wrap_writer<'a>(&'a self, inner: Writer) -> BoxFuture<'a, Result<Writer>> {
            Box::pin(async { Ok(inner) })
        }
        fn wrap_reader<'a>(&'a self, inner: Reader) -> BoxFuture<'a, Result<Reader>> {
            Box::pin(async { Ok(inner) })
        }
    }
    let (_, repository) = memory();
    let error = backup(
        &Toys::small(),
        &repository,
        &options().stage(Arc::new(Fake)),
    )
    .await
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
}
