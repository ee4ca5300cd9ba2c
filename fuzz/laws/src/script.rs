//! Plain SQL dumps, read into a dump as `dr restore` and `dr extract` read them.
//!
//! - Any text is a dump or is refused; each stream of data ends.
//! - Rows, bytes and digest in the evidence, where there is some, are those of the rows that come out.
//! - A dump that was read is written as an archive and as a script, or refused; either is read
//!   again, with the same rows in it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use dr_core::archive::codec::Version;
use dr_core::archive::directory;
use dr_core::digest::{RowsDigest, RowsHasher};
use dr_core::dump::{Data, Dump};
use dr_core::files::ByteStream;
use dr_core::ops::{ReadOptions, open_script};
use dr_core::pipeline::compression::Compression;
use dr_core::sql::writer::{WriteOptions, script};
use dr_core::toc::{Plan, Toc};
use dr_core::{Files, Result};
use futures::{StreamExt, TryStreamExt};

use crate::memory::{Memory, runtime};

/// See the module.
pub fn hold(text: &[u8]) {
    runtime().block_on(held(text.to_vec()));
}

async fn held(text: Vec<u8>) {
    let Ok(dump) = read(text).await else { return };
    Plan::of(dump.toc());
    let found = rows(&*dump).await.expect("what was read is read again");
    let evidence = dump.evidence();
    for (id, (_, digest)) in &found {
        // There is none of a table that other statements may change.
        if let (Some(digest), Some(table)) = (digest, evidence.tables.get(id)) {
            assert_eq!(table.digest, *digest, "entry {id}");
        }
    }
    if let Ok(written) = archived(dump.clone()).await {
        let copy = directory::dump(Arc::new(written)).await;
        let copy = copy.expect("an archive of its own");
        // An archive says what wrote it where the script does not.
        let entries = |toc: &Toc| -> Vec<String> {
            let entries = toc.entries.iter();
            // A statement of an unknown kind bears its first word, which may be that of a known one.
            entries
                .map(|entry| format!("{entry} {:?}", entry.definition))
                .collect()
        };
        assert_eq!(entries(copy.toc()), entries(dump.toc()));
        assert_eq!(rows(&copy).await.expect("an archive of its own"), found);
    }
    let toc = Arc::new(dump.toc().clone());
    if let Ok(text) = collect(script(dump.clone(), toc, WriteOptions::new())).await {
        let copy = read(text).await.expect("a script of its own");
        let copied = rows(&*copy).await.expect("a script of its own");
        assert_eq!(sums(&copied), sums(&found));
    }
}

/// Small limits, and a spool in memory where there is one.
pub(crate) fn limited() -> ReadOptions {
    let limits = "statement=1MiB,toc_bytes=4MiB".parse();
    let options = ReadOptions::new().limits(limits.expect("limits"));
    let memory = Path::new("/dev/shm");
    match memory.is_dir() {
        true => options.spool_in(memory),
        false => options,
    }
}

async fn read(text: Vec<u8>) -> Result<Arc<dyn Dump>> {
    open_script(Box::pin(std::io::Cursor::new(text)), &limited()).await
}

async fn collect(bytes: ByteStream) -> Result<Vec<u8>> {
    let pieces: Vec<_> = bytes.try_collect().await?;
    Ok(pieces.concat())
}

/// The data of each entry that has some, and its digest where it is COPY text.
type Rows = BTreeMap<u32, (Vec<u8>, Option<RowsDigest>)>;

async fn rows(dump: &dyn Dump) -> Result<Rows> {
    let mut found = Rows::new();
    for entry in dump.toc().entries.iter().filter(|entry| entry.has_data) {
        match dump.data(entry.id).await? {
            Data::Rows(rows) => {
                let text = collect(rows).await?;
                let digest = entry.copy_statement.as_ref().map(|_| {
                    let mut hasher = RowsHasher::new();
                    hasher.update(&text);
                    hasher.finish().expect("whole rows")
                });
                found.insert(entry.id.0, (text, digest));
            }
            Data::LargeObjects(mut pieces) => {
                while let Some(piece) = pieces.next().await {
                    // Values that no server takes are found out only here.
                    if piece.is_err() {
                        break;
                    }
                }
            }
        }
    }
    Ok(found)
}

/// What must come out again where ids may differ: the digests of tables that have rows.
fn sums(rows: &Rows) -> Vec<RowsDigest> {
    let mut sums: Vec<RowsDigest> = rows
        .values()
        .filter_map(|(_, digest)| *digest)
        .filter(|digest| digest.rows > 0)
        .collect();
    sums.sort_by_key(|digest| (digest.rows, digest.bytes, digest.sum.0));
    sums
}

async fn archived(dump: Arc<dyn Dump>) -> Result<Memory> {
    let files = directory::files_of_version(dump, Compression::None, Version::V1_16)?;
    let mut copy = Memory::new(4096);
    for file in files.list() {
        let bytes = collect(files.open(&file.name).await?).await?;
        copy.files.insert(file.name, bytes.into());
    }
    Ok(copy)
}
