//! Bytes per second of each stage of the pipeline alone, on data in memory.
//!
//! `make bench` runs these and puts their medians beside the rest; `cargo bench -p dr-benches` runs them
//! alone. Bytes are those of plain data, whichever way they go. In the ordinary tests each runs once,
//! on little data, so that none of them rots.

mod copy_text;
mod memory_dump;
mod toc;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use dr_core::archive::codec;
use dr_core::archive::directory;
use dr_core::digest::{RowsHasher, Sha256};
use dr_core::dump::{Data, Dump};
use dr_core::files::ByteStream;
use dr_core::limits::Limits;
use dr_core::ops::{BackupOptions, backup};
use dr_core::pipeline::compression::{Compression, compress, decompress};
use dr_core::pipeline::encryption::{Age, Identities, Recipients, generate_key};
use dr_core::pipeline::keys::Keys;
use dr_core::pipeline::streams::{reader_of, stream_of};
use dr_core::pipeline::{Stage, Writer, wrap_reader, wrap_writer};
use dr_core::repo::Repository;
use dr_core::sql::lexer::{Lexer, PieceKind};
use dr_core::text::copy_fields;
use dr_core::toc::{Plan, Selection};
use futures::TryStreamExt;
use tokio::io::AsyncWriteExt;
use tokio::runtime::Runtime;

use memory_dump::MemoryDump;

/// What a stage gets at once, about what COPY and the stores give.
const PIECE: usize = 64 * 1024;

/// As much as asked for when benches are measured, little when they are only tried.
fn sized(measured: usize, tried: usize) -> usize {
    // The argument that `cargo bench` gives and `cargo test` does not.
    if std::env::args().any(|argument| argument == "--bench") {
        measured
    } else {
        tried
    }
}

fn rows() -> Bytes {
    copy_text::rows(sized(32 << 20, 256 << 10))
}

fn pieces(whole: &Bytes) -> ByteStream {
    copy_text::pieces(whole, PIECE)
}

async fn drain(stream: ByteStream) -> u64 {
    let counted = stream.try_fold(0, |sum, piece| async move { Ok(sum + piece.len() as u64) });
    counted.await.expect("sound input comes out whole")
}

/// A group of benches over this many bytes; each iteration takes long enough to be counted singly.
fn group<'a>(
    criterion: &'a mut Criterion,
    name: &str,
    bytes: usize,
) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group
        .throughput(Throughput::Bytes(bytes as u64))
        .sampling_mode(SamplingMode::Flat)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .sample_size(10);
    group
}

fn runtime() -> Runtime {
    Runtime::new().expect("a runtime can be made")
}

fn hashes(criterion: &mut Criterion) {
    let text = rows();
    let mut group = group(criterion, "digest", text.len());
    group.bench_function("rows (XXH3-128 of each)", |bencher| {
        bencher.iter(|| {
            let mut hasher = RowsHasher::new();
            text.chunks(PIECE).for_each(|piece| hasher.update(piece));
            hasher.finish().expect("complete rows")
        });
    });
    group.bench_function("SHA-256", |bencher| {
        bencher.iter(|| Sha256::of(black_box(&text)));
    });
    group.finish();
}

fn text(criterion: &mut Criterion) {
    let rows = rows();
    let mut group = group(criterion, "text", rows.len());
    group.bench_function("fields of COPY rows", |bencher| {
        bencher.iter(|| {
            let mut fields = 0;
            for row in rows.split_inclusive(|byte| *byte == b'\n') {
                fields += copy_fields(&row[..row.len() - 1]).flatten().count();
            }
            fields
        });
    });
    for (name, script) in [
        ("SQL lexer, COPY blocks", copy_text::script(&rows)),
        ("SQL lexer, statements", toc::script(sized(20_000, 100))),
    ] {
        group.throughput(Throughput::Bytes(script.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| lex(&script));
        });
    }
    group.finish();
}

/// Statements and bytes of COPY data.
fn lex(script: &Bytes) -> (u64, usize) {
    let limits = Limits::default();
    let mut lexer = Lexer::new(&limits);
    let (mut statements, mut data) = (0, 0);
    let mut starts = (0..script.len()).step_by(PIECE);
    loop {
        while let Some(piece) = lexer.next_piece().expect("the script is sound") {
            match piece.kind {
                PieceKind::CopyData => data += piece.text.len(),
                _ => statements += 1,
            }
        }
        match starts.next() {
            Some(start) => {
                let end = script.len().min(start + PIECE);
                lexer.feed(script.slice(start..end));
                if end == script.len() {
                    lexer.end();
                }
            }
            None => return (statements, data),
        }
    }
}

fn compression(criterion: &mut Criterion) {
    let (text, runtime) = (rows(), runtime());
    let mut group = group(criterion, "compression", text.len());
    for method in ["gzip:6", "lz4", "zstd:1", "zstd:3", "zstd:9"] {
        let compression: Compression = method.parse().expect("a compression");
        group.bench_function(format!("{method} compress"), |bencher| {
            bencher
                .to_async(&runtime)
                .iter(|| drain(compress(pieces(&text), compression)));
        });
        let packed = compress(pieces(&text), compression);
        let packed: Vec<Bytes> = runtime
            .block_on(packed.try_collect())
            .expect("rows can be compressed");
        let packed = Bytes::from(packed.concat());
        group.bench_function(format!("{method} decompress"), |bencher| {
            bencher
                .to_async(&runtime)
                .iter(|| drain(decompress(pieces(&packed), compression.method())));
        });
    }
    group.finish();
}

/// A key pair: what seals, and what opens.
fn keys() -> (Recipients, Identities) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("key");
    let recipient = generate_key(&path).expect("a key can be made");
    let recipients = Recipients::new()
        .add(&recipient)
        .expect("a recipient that was just made");
    let identities = Identities::new()
        .add_file(&path, None)
        .expect("an identity that was just written");
    (recipients, identities)
}

fn encryption(criterion: &mut Criterion) {
    let (text, runtime) = (rows(), runtime());
    let (recipients, identities) = keys();
    let sealing = recipients.seal().expect("there is a recipient");
    let seal: [Arc<dyn Stage>; 1] = [Arc::new(sealing.stage)];
    let open: [Arc<dyn Stage>; 1] = [Arc::new(Age::opening(identities))];
    let sealed = async |inner: Writer| {
        let mut writer = wrap_writer(&seal, inner).await.expect("age starts");
        for piece in text.chunks(PIECE) {
            writer.write_all(piece).await.expect("age takes bytes");
        }
        writer.shutdown().await.expect("age ends");
    };
    let mut group = group(criterion, "encryption", text.len());
    group.bench_function("age encrypt", |bencher| {
        bencher
            .to_async(&runtime)
            .iter(|| sealed(Box::pin(tokio::io::sink())));
    });
    let packed = {
        let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
        let writer = tokio::fs::File::from_std(file.reopen().expect("it can be opened again"));
        runtime.block_on(sealed(Box::pin(writer)));
        Bytes::from(std::fs::read(file.path()).expect("it was just written"))
    };
    group.bench_function("age decrypt", |bencher| {
        bencher.to_async(&runtime).iter(async || {
            let reader = wrap_reader(&open, reader_of(pieces(&packed)))
                .await
                .expect("the key fits");
            drain(stream_of(reader)).await
        });
    });
    group.finish();
}

fn contents(criterion: &mut Criterion) {
    let archived = toc::archived(sized(5000, 50));
    let toc = &archived.toc;
    let bytes = codec::write(&archived).expect("the archive's version holds it");
    let limits = Limits::default();
    let mut group = group(criterion, "toc", bytes.len());
    group.bench_function("read toc.dat", |bencher| {
        bencher.iter(|| codec::read(&bytes, &limits).expect("it was just written"));
    });
    group.bench_function("write toc.dat", |bencher| {
        bencher.iter(|| codec::write(&archived).expect("the archive's version holds it"));
    });
    let selection = Selection::tables(["tenant_7"]).with_dependencies();
    group.bench_function("select a table", |bencher| {
        bencher.iter(|| toc.select(&selection).expect("the table is there"));
    });
    group.bench_function("plan everything", |bencher| {
        bencher.iter(|| Plan::of(toc));
    });
    group.finish();
}

/// Rows through everything to a store in memory, and back.
fn pipelines(criterion: &mut Criterion) {
    let (text, runtime) = (rows(), runtime());
    let (recipients, identities) = keys();
    let dump: Arc<dyn Dump> = Arc::new(MemoryDump::new(text.clone(), PIECE));
    let files = directory::files(dump, Compression::Zstd(3)).expect("an archive can hold it");
    let options = BackupOptions::new()
        .database("bench")
        .encrypt_to(recipients);
    let store = async || {
        let repository = Repository::open("memory:").await.expect("memory is there");
        backup(&files, &repository, &options)
            .await
            .expect("memory takes everything");
        repository
    };
    let mut group = group(criterion, "pipeline", text.len());
    group.bench_function("rows, digest, zstd:3, age, SHA-256, store", |bencher| {
        bencher.to_async(&runtime).iter(&store);
    });
    let repository = runtime.block_on(store());
    let keys = Keys::from(identities);
    group.bench_function("and back", |bencher| {
        bencher.to_async(&runtime).iter(async || {
            let found = repository.latest(None).await.expect("it was just stored");
            let files = repository.files(&found, &keys).await.expect("the key fits");
            let dump = directory::dump(Arc::new(files))
                .await
                .expect("it is an archive");
            match dump.data(memory_dump::DATA).await.expect("it has rows") {
                Data::Rows(rows) => assert_eq!(drain(rows).await, text.len() as u64),
                Data::LargeObjects(_) => unreachable!("TABLE DATA is rows"),
            }
        });
    });
    group.finish();
}

criterion_group!(
    stages,
    hashes,
    text,
    compression,
    encryption,
    contents,
    pipelines
);
criterion_main!(stages);
