//! The laws of the joints, held by every implementation there is here; and the suite that says so
//! notices when one is broken.

use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use dr_core::Limits;
use dr_core::archive::folder::Folder;
use dr_core::archive::{custom, directory, tar};
use dr_core::conformance;
use dr_core::dump::{Data, Dump, LargeObjectPiece};
use dr_core::files::{ByteStream, FileInfo, Files};
use dr_core::ops::{BackupOptions, ReadOptions, backup, open_dump};
use dr_core::pg::{ConnInfo, DumpOptions, Environment, Session, SessionOptions, SnapshotOptions};
use dr_core::pipeline::compression::Compression;
use dr_core::pipeline::encryption::{Age, Identities, Recipients, generate_key};
use dr_core::pipeline::keys::Keys;
use dr_core::pipeline::{Reader, Stage, Writer};
use dr_core::repo::Repository;
use dr_core::toc::{EntryId, Selection, Toc};
use dr_tests::{Cluster, Database, Polling};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The ways out and in of age, which one side of a backup never has both of.
struct Sealed {
    way_out: Arc<dyn Stage>,
    way_in: Age,
}

impl Stage for Sealed {
    fn mark(&self) -> &str {
        self.way_out.mark()
    }

    fn suffix(&self) -> &str {
        self.way_out.suffix()
    }

    fn wrap_writer<'a>(&'a self, inner: Writer) -> BoxFuture<'a, dr_core::Result<Writer>> {
        self.way_out.wrap_writer(inner)
    }

    fn wrap_reader<'a>(&'a self, inner: Reader) -> BoxFuture<'a, dr_core::Result<Reader>> {
        self.way_in.wrap_reader(inner)
    }
}

#[tokio::test]
async fn age_keeps_the_laws_of_a_stage_that_vouches_for_what_it_reads() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("key");
    let recipient = generate_key(&path).unwrap();
    let recipients = Recipients::new().add(&recipient).unwrap();
    let age = Sealed {
        way_out: Arc::new(recipients.seal().unwrap().stage),
        way_in: Age::opening(Identities::new().add_file(&path, None).unwrap()),
    };
    conformance::authenticating_stage(&age).await.unwrap();
}

/// A stage of a caller's own: every byte turned around, and what the test lets it do wrong.
#[derive(Default)]
struct Mask {
    mark: Option<&'static str>,
    suffix: Option<&'static str>,
    /// A byte of every long write is kept back.
    loses: bool,
    changes: bool,
}

impl Stage for Mask {
    fn mark(&self) -> &str {
        self.mark.unwrap_or("mask")
    }

    fn suffix(&self) -> &str {
        self.suffix.unwrap_or(".mask")
    }

    fn wrap_writer<'a>(&'a self, inner: Writer) -> BoxFuture<'a, dr_core::Result<Writer>> {
        let masked: Writer = Box::pin(Masked(inner, self.loses));
        async move { Ok(masked) }.boxed()
    }

    fn wrap_reader<'a>(&'a self, inner: Reader) -> BoxFuture<'a, dr_core::Result<Reader>> {
        let masked: Reader = Box::pin(Masked(inner, self.changes));
        async move { Ok(masked) }.boxed()
    }
}

struct Masked<T>(T, bool);

impl AsyncWrite for Masked<Writer> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let lost = usize::from(self.1 && bytes.len() > 4000);
        let masked: Vec<u8> = bytes[lost..].iter().map(|byte| byte ^ 0x5A).collect();
        let written = ready!(self.0.as_mut().poll_write(cx, &masked))?;
        Poll::Ready(Ok(written + lost))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_shutdown(cx)
    }
}

impl AsyncRead for Masked<Reader> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(self.0.as_mut().poll_read(cx, buffer))?;
        let changes = self.1 && buffer.filled().len() - before > 50_000;
        for byte in &mut buffer.filled_mut()[before..] {
            *byte ^= 0x5A;
        }
        if changes {
            buffer.filled_mut()[before] ^= 1;
        }
        Poll::Ready(Ok(()))
    }
}

fn law<T: std::fmt::Debug>(outcome: Result<T, conformance::Broken>) -> &'static str {
    outcome.expect_err("it is broken").law
}

#[tokio::test]
async fn a_broken_stage_is_noticed() {
    conformance::stage(&Mask::default()).await.unwrap();
    let mask = Mask {
        mark: Some(""),
        ..Mask::default()
    };
    assert_eq!(law(conformance::stage(&mask).await), "a stage has a mark");
    let mask = Mask {
        suffix: Some("/../x"),
        ..Mask::default()
    };
    assert!(law(conformance::stage(&mask).await).starts_with("a stage's suffix"));
    for mask in [
        Mask {
            loses: true,
            ..Mask::default()
        },
        Mask {
            changes: true,
            ..Mask::default()
        },
    ] {
        assert!(law(conformance::stage(&mask).await).contains("byte for byte"));
    }
    // A mask vouches for nothing, and must not be taken for what does.
    let vouches = law(conformance::authenticating_stage(&Mask::default()).await);
    assert_eq!(vouches, "bytes behind the end are an error");
}

async fn live(database: &Database) -> Arc<dyn Dump> {
    let info = ConnInfo::resolve(Some(database.conninfo()), &Environment::of_process()).unwrap();
    let session = Session::connect(&info, &SessionOptions::new())
        .await
        .unwrap();
    let two = SnapshotOptions::new().jobs(NonZeroUsize::new(2).unwrap());
    let options = DumpOptions::new().snapshot(two);
    Arc::new(session.dump(&Selection::all(), &options).await.unwrap())
}

async fn polls(major: u32) -> Database {
    let database = Cluster::shared(major).create_database("conformance").await;
    Polling::with_votes(500).load(&database).await;
    database
}

async fn stock(database: &Database, format: &str, path: &Path) -> Arc<dyn Dump> {
    database
        .pg_dump(18)
        .args(["--format", format, "--file"])
        .arg(path)
        .output_ok();
    open_dump(path, &ReadOptions::new()).await.unwrap()
}

/// A custom archive as pg_dump writes it into a pipe: its blocks must be searched for.
async fn without_places(database: &Database) -> Arc<dyn Dump> {
    let bytes = database.pg_dump(18).arg("-Fc").output_ok().stdout;
    Arc::new(custom::dump(Arc::new(Bytes::from(bytes))).await.unwrap())
}

#[tokio::test]
async fn every_dump_and_what_is_made_of_it_keeps_the_laws() {
    for major in [13, 18] {
        let database = polls(major).await;
        let place = tempfile::tempdir().unwrap();
        let dumps = [
            live(&database).await,
            stock(&database, "plain", &place.path().join("dump.sql")).await,
            stock(&database, "directory", &place.path().join("dump.dir")).await,
            stock(&database, "custom", &place.path().join("dump.dump")).await,
            stock(&database, "tar", &place.path().join("dump.tar")).await,
            without_places(&database).await,
        ];
        for (at, dump) in dumps.into_iter().enumerate() {
            conformance::dump(&*dump).await.unwrap();
            for compression in [
                Compression::None,
                Compression::Gzip(1),
                Compression::Zstd(3),
            ] {
                let archive = directory::files(Arc::clone(&dump), compression).unwrap();
                conformance::files(&archive).await.unwrap();
            }
            for compression in [Compression::None, Compression::Gzip(1), Compression::Lz4(1)] {
                let archive = custom::archive(Arc::clone(&dump), compression).unwrap();
                let bytes: Vec<Bytes> = archive.stream().try_collect().await.unwrap();
                let again = custom::dump(Arc::new(Bytes::from(bytes.concat()))).await;
                conformance::dump(&again.unwrap()).await.unwrap();
            }
            let archive = tar::archive(Arc::clone(&dump), stream::empty().boxed()).unwrap();
            let bytes = archive.stream(place.path()).try_collect::<Vec<_>>().await;
            let bytes = Bytes::from(bytes.unwrap().concat());
            let files = tar::files(Arc::new(bytes), &Limits::default())
                .await
                .unwrap();
            conformance::files(&files).await.unwrap();
            conformance::stored_files(&files).await.unwrap();
            let again = directory::dump(Arc::new(files)).await.unwrap();
            conformance::dump(&again).await.unwrap();
            // And stored: the dump in a backup, and the backup's files.
            let repo = place.path().join(format!("repo{at}"));
            let repository = Repository::open(repo.to_str().unwrap()).await.unwrap();
            let archive = directory::files(dump, Compression::Lz4(1)).unwrap();
            let options = BackupOptions::new().database("polls");
            backup(&archive, &repository, &options).await.unwrap();
            let found = repository.find("latest").await.unwrap();
            let files = repository.files(&found, &Keys::none()).await.unwrap();
            conformance::files(&files).await.unwrap();
            conformance::stored_files(&files).await.unwrap();
            let stored = directory::dump(Arc::new(files)).await.unwrap();
            conformance::dump(&stored).await.unwrap();
        }
        let folder = Folder::open(place.path().join("dump.dir")).await.unwrap();
        conformance::files(&folder).await.unwrap();
        conformance::stored_files(&folder).await.unwrap();
    }
}

/// Two files, and what the test lets them do wrong.
#[derive(Default)]
struct Two {
    names: Option<[&'static str; 2]>,
    takes_anything: bool,
    wears_off: bool,
    opened: std::sync::atomic::AtomicUsize,
    size: Option<u64>,
}

impl Files for Two {
    fn list(&self) -> Vec<FileInfo> {
        self.names
            .unwrap_or(["toc.dat", "1.dat"])
            .map(|name| FileInfo {
                name: name.to_owned(),
                size_hint: self.size,
            })
            .to_vec()
    }

    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, dr_core::Result<ByteStream>> {
        async move {
            let known = self.list().iter().any(|file| file.name == name);
            if !known && !self.takes_anything {
                return Err(dr_core::Error::new(
                    dr_core::ErrorKind::Missing,
                    "no such file",
                ));
            }
            let before = self
                .opened
                .fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let content = match self.wears_off && before > 2 {
                true => Bytes::new(),
                false => Bytes::copy_from_slice(name.as_bytes()),
            };
            Ok(stream::iter([Ok(content)]).boxed())
        }
        .boxed()
    }
}

#[tokio::test]
async fn broken_files_are_noticed() {
    conformance::files(&Two::default()).await.unwrap();
    for (names, law_begins) in [
        (["toc.dat", "../x"], "a file's name"),
        (["toc.dat", "toc.dat"], "no two files"),
    ] {
        let files = Two {
            names: Some(names),
            ..Two::default()
        };
        assert!(law(conformance::files(&files).await).starts_with(law_begins));
    }
    let files = Two {
        takes_anything: true,
        ..Two::default()
    };
    assert!(law(conformance::files(&files).await).contains("Missing"));
    let files = Two {
        wears_off: true,
        ..Two::default()
    };
    assert!(law(conformance::stored_files(&files).await).contains("whenever"));
    let files = Two {
        size: Some(3),
        ..Two::default()
    };
    assert!(law(conformance::stored_files(&files).await).contains("as many bytes"));
}

/// A sound dump, with one thing wrong.
struct Wrong {
    sound: Arc<dyn Dump>,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum What {
    Nothing,
    NothingIsMissing,
    TheEndMarkIsARow,
    TheLastRowHasNoEnd,
    NoLanes,
    ObjectsOverlap,
    AnotherObject,
}

impl Dump for Wrong {
    fn toc(&self) -> &Toc {
        self.sound.toc()
    }

    fn data(&self, entry: EntryId) -> BoxFuture<'_, dr_core::Result<Data>> {
        async move {
            let found = self.sound.data(entry).await;
            let more = match self.what {
                What::NothingIsMissing if found.is_err() => {
                    return Ok(Data::Rows(stream::empty().boxed()));
                }
                What::TheEndMarkIsARow => "\\.\n",
                What::TheLastRowHasNoEnd => "1\t2",
                _ => "",
            };
            Ok(match found? {
                Data::Rows(rows) if !more.is_empty() => {
                    Data::Rows(rows.chain(stream::iter([Ok(more.into())])).boxed())
                }
                Data::LargeObjects(pieces) if self.what == What::ObjectsOverlap => {
                    let begin = stream::iter([Ok(LargeObjectPiece::Begin(1))]);
                    Data::LargeObjects(begin.chain(pieces).boxed())
                }
                sound => sound,
            })
        }
        .boxed()
    }

    fn large_object(&self, entry: EntryId, oid: u32) -> BoxFuture<'_, dr_core::Result<ByteStream>> {
        match self.what {
            What::AnotherObject => {
                let other: ByteStream = stream::iter([Ok("other".into())]).boxed();
                async move { Ok(other) }.boxed()
            }
            _ => self.sound.large_object(entry, oid),
        }
    }

    fn lanes(&self) -> usize {
        match self.what {
            What::NoLanes => 0,
            _ => self.sound.lanes(),
        }
    }
}

#[tokio::test]
async fn a_broken_dump_is_noticed() {
    let database = polls(18).await;
    let place = tempfile::tempdir().unwrap();
    let sound = stock(&database, "directory", &place.path().join("dump.dir")).await;
    let broken = |what| {
        let sound = Arc::clone(&sound);
        async move { conformance::dump(&Wrong { sound, what }).await }
    };
    broken(What::Nothing).await.unwrap();
    for (what, words) in [
        (What::NothingIsMissing, "Missing"),
        (What::TheEndMarkIsARow, "end mark"),
        (What::TheLastRowHasNoEnd, "whole lines"),
        (What::NoLanes, "lane"),
        (What::ObjectsOverlap, "large object begins"),
        (What::AnotherObject, "asked for alone"),
    ] {
        assert!(law(broken(what).await).contains(words), "{what:?}");
    }
}
