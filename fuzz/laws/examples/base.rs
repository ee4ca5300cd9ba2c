//! Makes `fuzz/laws/base` again: the sound backups that the law `verify` begins with.
//!
//! ```text
//! cargo run -p dr-laws --example base
//! ```
//!
//! They are kept in the repository because ids, times and so all digests differ each time they are
//! made, and an input that breaks a law must break it tomorrow.

use std::path::Path;

use dr_core::archive::directory;
use dr_core::ops::{BackupOptions, ReadOptions, backup, open_dump};
use dr_core::pipeline::compression::Compression;
use dr_core::repo::Repository;

#[tokio::main(flavor = "current_thread")]
async fn main() -> dr_core::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let base = here.join("base");
    if base.exists() {
        std::fs::remove_dir_all(&base)?;
    }
    let repository = Repository::open(&base.display().to_string()).await?;
    for (database, compression) in [("plain", Compression::None), ("zstd", Compression::Zstd(3))] {
        let archive = here.join("../../tests/fixtures/archives/17-none");
        let dump = open_dump(&archive, &ReadOptions::new()).await?;
        let files = directory::files(dump, compression)?;
        let options = BackupOptions::new().database(database).label("base");
        backup(&files, &repository, &options).await?;
    }
    Ok(())
}
