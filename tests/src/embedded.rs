//! dr's verbs as a program that embeds the library calls them: a database into a repository, and
//! back. Used by the tests of stores that no command can name.

use std::sync::Arc;

use dr_core::archive::directory;
use dr_core::ops::{BackupOptions, Receipt, RestoreOptions, Restored, backup, restore};
use dr_core::pg::{ConnInfo, DumpOptions, Environment, Session, SessionOptions};
use dr_core::pipeline::compression::Compression;
use dr_core::pipeline::keys::Keys;
use dr_core::repo::Repository;
use dr_core::toc::{Plan, Selection};
use dr_core::{Dump, Result};

use crate::Database;

fn info(database: &Database) -> Result<ConnInfo> {
    ConnInfo::resolve(Some(database.conninfo()), &Environment::empty())
}

/// Backs all of a database up.
///
/// # Errors
///
/// Those of the dump and of [`backup`].
pub async fn back_up(
    source: &Database,
    to: &Repository,
    compression: Compression,
    options: &BackupOptions,
) -> Result<Receipt> {
    let session = Session::connect(&info(source)?, &SessionOptions::new()).await?;
    let dump = session.dump(&Selection::all(), &DumpOptions::new()).await?;
    let files = directory::files(Arc::new(dump), compression)?;
    backup(&files, to, options).await
}

/// Restores the newest backup into a new database, over two connections.
///
/// # Errors
///
/// Those of the repository and of [`restore`].
pub async fn restore_latest(from: &Repository, target: &Database) -> Result<Restored> {
    let found = from.find("latest").await?;
    let files = from.files(&found, &Keys::none()).await?;
    let dump = directory::dump(Arc::new(files)).await?;
    let options = RestoreOptions::new().create().jobs(2);
    let plan = Plan::of(dump.toc());
    restore(&plan, &dump, &info(target)?, &options).await
}
