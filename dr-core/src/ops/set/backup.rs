//! The verb `backup_all`: every database of a server, then the set.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, stream};

use super::super::backup::{BackupOptions, Receipt, backup};
use crate::archive::directory::{self, GLOBALS};
use crate::error::{Error, ErrorKind, Result};
use crate::files::{ByteStream, Evidence, FileInfo, Files};
use crate::pg::{ConnInfo, DumpOptions, Session, SessionOptions, databases};
use crate::pipeline::compression::Compression;
use crate::repo::{Member, Place, Repository};
use crate::text::TextForm;
use crate::toc::{Pattern, Selection};

/// What [`backup_all`] may be told.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AllDatabases {
    backup: BackupOptions,
    session: SessionOptions,
    dump: DumpOptions,
    compression: Compression,
    exclude: Vec<String>,
}

impl AllDatabases {
    /// Every database, each backed up with these options.
    pub fn new(backup: BackupOptions) -> Self {
        Self {
            backup,
            session: SessionOptions::new(),
            dump: DumpOptions::new(),
            compression: Compression::Zstd(3),
            exclude: Vec::new(),
        }
    }

    /// How each database is connected to.
    #[must_use]
    pub fn session(mut self, options: SessionOptions) -> Self {
        self.session = options;
        self
    }

    /// How each database is read.
    #[must_use]
    pub fn dump(mut self, options: DumpOptions) -> Self {
        self.dump = options;
        self
    }

    /// How the archives are compressed; zstd of level 3 unless said.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Not the databases that match this pattern, as pg_dumpall's `--exclude-database` has it.
    #[must_use]
    pub fn exclude(mut self, pattern: impl Into<String>) -> Self {
        self.exclude.push(pattern.into());
        self
    }
}

/// What became of a backup of all databases.
#[derive(Debug)]
#[non_exhaustive]
pub struct SetReceipt {
    /// The set; `None` if a database failed: then there is no set, and what was backed up of the
    /// others stands by itself.
    pub set: Option<Receipt>,
    /// The backup of each database, in the order they were made.
    pub members: Vec<Receipt>,
    /// The databases that could not be backed up.
    pub failed: Vec<Failed>,
    /// Databases that take no connections, or are left of a DROP DATABASE that broke off. They are
    /// not in the set.
    pub closed: Vec<String>,
    /// How long it took.
    pub elapsed: Duration,
}

impl SetReceipt {
    /// Whether every database that can be connected to is in a committed set.
    pub fn is_whole(&self) -> bool {
        self.set.is_some()
    }
}

/// A database that could not be backed up.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failed {
    /// Its name.
    pub database: String,
    /// Why.
    pub error: Error,
}

/// Backs up every database of the server of `info` that takes connections, one after another, each
/// as a backup of its own; then, if none of them failed, the server's globals with the list of
/// these backups, as one set.
///
/// Each database is read under one snapshot; no snapshot is shared between databases, which
/// PostgreSQL does not have. A database that fails is in the report, and the work goes on: the
/// backups of the others stand, but there is no set.
///
/// # Examples
///
/// ```no_run
/// use dr_core::ops::{AllDatabases, BackupOptions, backup_all};
/// use dr_core::pg::{ConnInfo, Environment};
/// use dr_core::repo::Repository;
/// # async fn nightly() -> dr_core::Result<()> {
/// let server = ConnInfo::resolve(Some("host=db user=backup"), &Environment::of_process())?;
/// let repository = Repository::open("/var/backups/dr").await?;
/// let options = AllDatabases::new(BackupOptions::new().jobs(4)).exclude("scratch_*");
/// let done = backup_all(&server, &repository, &options).await?;
/// for failed in &done.failed {
///     eprintln!("{}: {}", failed.database, failed.error);
/// }
/// assert!(done.is_whole());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// `Missing` if a pattern matches no database, or all are excluded; `Usage` for a pattern that cannot be parsed;
/// `Interrupted` if the work was stopped; those of the connection that lists the databases, and of
/// storing the set.
pub async fn backup_all(
    info: &ConnInfo,
    repository: &Repository,
    options: &AllDatabases,
) -> Result<SetReceipt> {
    let started = Instant::now();
    let found = databases(info).await?;
    let mut excluded = Excluded::parse(&options.exclude)?;
    let wanted: Vec<String> = found
        .open
        .into_iter()
        .filter(|name| !excluded.covers(name))
        .collect();
    let closed: Vec<String> = found
        .closed
        .into_iter()
        .filter(|name| !excluded.covers(name))
        .collect();
    excluded.check_all_used()?;
    if wanted.is_empty() {
        return Err(Error::new(
            ErrorKind::Missing,
            "the server has no database to back up that is not excluded",
        ));
    }
    if !closed.is_empty() {
        options.backup.watcher().notice(format!(
            "not in the set, as they take no connections: {}",
            closed.join(", ")
        ));
    }
    let mut done = SetReceipt {
        set: None,
        members: Vec::with_capacity(wanted.len()),
        failed: Vec::new(),
        closed,
        elapsed: Duration::ZERO,
    };
    let mut evidence = Evidence::default();
    for database in wanted {
        match one(&info.with_database(&*database), repository, options).await {
            Ok((receipt, found)) => {
                done.members.push(receipt);
                evidence = found;
            }
            Err(error) if options.backup.is_stopped() => {
                return Err(error.and_then(standing(&done.members)));
            }
            Err(error) => done.failed.push(Failed { database, error }),
        }
    }
    if done.failed.is_empty() {
        let members = done.members.iter().map(member).collect();
        let files = SetFiles::of(evidence);
        let set = options.backup.clone().set_of(members);
        let set = backup(&files, repository, &set)
            .await
            .map_err(|error| error.and_then(standing(&done.members)))?;
        done.set = Some(set);
    }
    done.elapsed = started.elapsed();
    Ok(done)
}

/// One database, and what is known of its server.
async fn one(
    info: &ConnInfo,
    repository: &Repository,
    options: &AllDatabases,
) -> Result<(Receipt, Evidence)> {
    options
        .backup
        .watcher()
        .notice(format!("database {}", info.database()));
    let dump = async {
        let session = Session::connect(info, &options.session).await?;
        session.dump(&Selection::all(), &options.dump).await
    };
    let dump = options.backup.unless_stopped(dump).await?;
    let files = directory::files(Arc::new(dump), options.compression)?;
    let receipt = backup(&files, repository, &options.backup).await?;
    Ok((receipt, files.evidence()))
}

fn member(receipt: &Receipt) -> Member {
    Member::new(receipt.place.database(), receipt.id.clone(), receipt.sums)
}

/// What an error leaves behind.
fn standing(members: &[Receipt]) -> String {
    match members {
        [] => "no database was backed up".to_owned(),
        members => {
            let places: Vec<String> = members
                .iter()
                .map(|receipt| Place::to_string(&receipt.place))
                .collect();
            format!(
                "there is no set; what was backed up before stands by itself: {}",
                places.join(", ")
            )
        }
    }
}

/// The patterns of databases that are not wanted.
struct Excluded {
    patterns: Vec<(Pattern, bool)>,
}

impl Excluded {
    fn parse(patterns: &[String]) -> Result<Self> {
        let patterns = patterns
            .iter()
            .map(|pattern| Ok((Pattern::schema(pattern)?, false)))
            .collect::<Result<_>>()?;
        Ok(Self { patterns })
    }

    fn covers(&mut self, database: &str) -> bool {
        let mut covered = false;
        for (pattern, used) in &mut self.patterns {
            if pattern.matches_schema(database) {
                *used = true;
                covered = true;
            }
        }
        covered
    }

    fn check_all_used(&self) -> Result<()> {
        let unused: Vec<String> = self
            .patterns
            .iter()
            .filter(|(_, used)| !used)
            .map(|(pattern, _)| pattern.to_string())
            .collect();
        if unused.is_empty() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Missing,
            format!("no database matches {}", unused.join(", ")),
        ))
    }
}

/// The files of a set: the script of the globals. Which backups belong to it says its mark.
struct SetFiles {
    script: Bytes,
    evidence: Evidence,
}

impl SetFiles {
    /// With what a member's dump knew of its server.
    fn of(member: Evidence) -> Self {
        let mut evidence = Evidence::default();
        evidence.source.server_version = member.source.server_version;
        evidence.source.server_version_num = member.source.server_version_num;
        evidence.source.system_identifier = member.source.system_identifier;
        evidence.source.taken_at = member.source.taken_at;
        evidence.source.in_recovery = member.source.in_recovery;
        evidence.source.encoding = member.source.encoding;
        let script = member
            .globals
            .as_ref()
            .map(|globals| globals.script(evidence.source.server_version_num))
            .unwrap_or_default();
        evidence.globals = member.globals;
        Self {
            script: TextForm::of_encoding(&evidence.source.encoding).encode(&script),
            evidence,
        }
    }
}

impl Files for SetFiles {
    fn list(&self) -> Vec<FileInfo> {
        vec![FileInfo {
            name: GLOBALS.to_owned(),
            size_hint: Some(self.script.len() as u64),
        }]
    }

    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<ByteStream>> {
        async move {
            if name != GLOBALS {
                return Err(Error::new(
                    ErrorKind::Missing,
                    format!("a set has no file {name:?}"),
                ));
            }
            let script = self.script.clone();
            Ok(stream::once(async { Ok(script) }).boxed())
        }
        .boxed()
    }

    fn title(&self, _name: &str) -> String {
        "roles and tablespaces".to_owned()
    }

    fn evidence(&self) -> Evidence {
        self.evidence.clone()
    }
}
