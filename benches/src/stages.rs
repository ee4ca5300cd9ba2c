//! Bytes per second of each stage alone, on COPY text in memory, one thread.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use dr_core::digest::{RowsHasher, Sha256};
use dr_core::files::ByteStream;
use dr_core::pipeline::compression::{Compression, compress, decompress};
use dr_core::pipeline::encryption::{Age, Identities, Recipients, generate_key};
use dr_core::pipeline::streams::{reader_of, stream_of};
use dr_core::pipeline::{Stage, wrap_reader, wrap_writer};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::io::AsyncWriteExt;

use crate::Options;
use crate::report::Section;

const PIECE: usize = 64 * 1024;

/// COPY text of a table of events, made without a server.
fn rows(bytes: usize) -> Bytes {
    let mut text = Vec::with_capacity(bytes + 256);
    let mut n: u64 = 0;
    while text.len() < bytes {
        n += 1;
        let mixed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let line = format!(
            "{n}\t2025-01-{:02} {:02}:{:02}:{:02}+00\t{}\tvote\t{mixed:016x}{:016x}\t/polls/{}/options/{}\t\\N\n",
            1 + n / 86_400 % 28,
            n / 3600 % 24,
            n / 60 % 60,
            n % 60,
            n % 5000,
            mixed.rotate_left(17),
            n % 9973,
            n % 7,
        );
        text.extend_from_slice(line.as_bytes());
    }
    Bytes::from(text)
}

fn pieces(whole: &Bytes) -> ByteStream {
    let whole = whole.clone();
    let starts = (0..whole.len()).step_by(PIECE);
    stream::iter(starts.map(move |start| Ok(whole.slice(start..(start + PIECE).min(whole.len())))))
        .boxed()
}

async fn drain(stream: ByteStream) -> Bytes {
    let pieces: Vec<Bytes> = stream
        .try_collect()
        .await
        .expect("sound input comes out whole");
    pieces.concat().into()
}

/// Times `work` and adds it as MB/s of plain text, the best of three: a stage alone has no peer to
/// alternate with, and what disturbs it only ever slows it down.
async fn time<F: Future<Output = R>, R>(
    section: &mut Section,
    what: &str,
    bytes: usize,
    work: impl Fn() -> F,
) -> R {
    let mut best = f64::INFINITY;
    let mut result = None;
    for _ in 0..3 {
        let began = Instant::now();
        result = Some(work().await);
        best = best.min(began.elapsed().as_secs_f64());
    }
    section.throughput(what, bytes as f64 / 1e6 / best);
    result.expect("it ran three times")
}

pub(crate) async fn run(options: &Options) -> Section {
    let text = rows((256e6 * options.scale.min(1.0)) as usize);
    let size = text.len();
    let mut section = Section::new(
        "Stages",
        &format!(
            "{:.0} MB of COPY text in memory, one stage at a time.",
            size as f64 / 1e6
        ),
    );
    time(
        &mut section,
        "rows digest (XXH3-128 per row)",
        size,
        async || {
            let mut hasher = RowsHasher::new();
            text.chunks(PIECE).for_each(|piece| hasher.update(piece));
            hasher.finish().expect("complete rows")
        },
    )
    .await;
    time(&mut section, "SHA-256", size, async || Sha256::of(&text)).await;

    for compression in ["gzip:6", "lz4", "zstd:1", "zstd:3"] {
        let compression: Compression = compression.parse().expect("a compression");
        let packed = time(
            &mut section,
            &format!("compress {compression}"),
            size,
            async || drain(compress(pieces(&text), compression)).await,
        )
        .await;
        let back = time(
            &mut section,
            &format!("decompress {compression}"),
            size,
            async || drain(decompress(pieces(&packed), compression.method())).await,
        )
        .await;
        assert!(back == text, "{compression} came back different");
    }

    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let key = folder.path().join("key");
    let recipient = generate_key(&key).expect("a key can be made");
    let recipients = Recipients::new().add(&recipient).expect("it was just made");
    let seal: Arc<dyn Stage> = Arc::new(recipients.seal().expect("there is a recipient").stage);
    let identities = Identities::new()
        .add_file(&key, None)
        .expect("it was just written");
    let open: Arc<dyn Stage> = Arc::new(Age::opening(identities));
    let sealed_path = folder.path().join("sealed");
    time(&mut section, "age encrypt, to a file", size, async || {
        let file = tokio::fs::File::create(&sealed_path)
            .await
            .expect("the folder is writable");
        let stages = [Arc::clone(&seal)];
        let mut writer = wrap_writer(&stages, Box::pin(file))
            .await
            .expect("age starts");
        for piece in text.chunks(PIECE) {
            writer.write_all(piece).await.expect("age takes bytes");
        }
        writer.shutdown().await.expect("age ends");
    })
    .await;
    let sealed = Bytes::from(std::fs::read(&sealed_path).expect("it was just written"));
    let back = time(&mut section, "age decrypt", size, async || {
        let stages = [Arc::clone(&open)];
        let reader = wrap_reader(&stages, reader_of(pieces(&sealed)))
            .await
            .expect("the key fits");
        drain(stream_of(reader)).await
    })
    .await;
    assert!(back == text, "age came back different");
    section
}
