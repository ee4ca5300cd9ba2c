//! The verb `restore_all`: the globals of a set, then each of its databases.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::globals::{GlobalsOptions, RestoredGlobals, restore_globals};
use super::super::restore::{RestoreOptions, Restored, Verdict, restore};
use crate::archive::directory;
use crate::dump::Dump;
use crate::error::{Error, ErrorKind, Result};
use crate::files::Files as _;
use crate::pg::{ConnInfo, databases};
use crate::pipeline::keys::Keys;
use crate::repo::{Backup, Member, Place, Repository};
use crate::toc::{Kind, Plan, Selection, Toc};

/// Databases that every server has from the beginning.
const OF_INITDB: [&str; 2] = ["template1", "postgres"];

/// What [`restore_all`] may be told.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SetOptions {
    restore: RestoreOptions,
    globals: Option<GlobalsOptions>,
    without_kinds: Vec<String>,
}

impl SetOptions {
    /// Every database with these options; where it goes is settled here. No globals.
    pub fn new(restore: RestoreOptions) -> Self {
        Self {
            restore,
            globals: None,
            without_kinds: Vec::new(),
        }
    }

    /// First the roles and tablespaces that the server does not have.
    #[must_use]
    pub fn globals(mut self, options: GlobalsOptions) -> Self {
        self.globals = Some(options);
        self
    }

    /// No entries of these kinds: see [`Toc::kinds_named`].
    #[must_use]
    pub fn without_kinds(mut self, names: &[String]) -> Self {
        self.without_kinds.extend_from_slice(names);
        self
    }
}

/// What became of a set.
#[derive(Debug)]
#[non_exhaustive]
pub struct RestoredSet {
    /// The set.
    pub place: Place,
    /// Roles and tablespaces, if they were asked for.
    pub globals: Option<RestoredGlobals>,
    /// Its databases, in the order of the set.
    pub databases: Vec<RestoredMember>,
    /// How long it took.
    pub elapsed: Duration,
}

/// What became of one database of a set.
#[derive(Debug)]
#[non_exhaustive]
pub struct RestoredMember {
    /// The database.
    pub database: String,
    /// Its backup.
    pub backup: Place,
    /// How it went.
    pub outcome: MemberOutcome,
}

/// How it went with one database.
#[derive(Debug)]
#[non_exhaustive]
pub enum MemberOutcome {
    /// It was restored, and this is the proof.
    Restored(Box<Restored>),
    /// It is one that every server has, and holds nothing beside what initdb makes.
    NothingInIt,
    /// It was not restored.
    Failed(Error),
}

impl RestoredSet {
    /// Whether all of its databases are there and proven.
    pub fn is_sound(&self) -> bool {
        self.databases.iter().all(|member| match &member.outcome {
            MemberOutcome::Restored(restored) => restored.verdict() == Verdict::Equal,
            MemberOutcome::NothingInIt => true,
            MemberOutcome::Failed(_) => false,
        })
    }
}

/// Restores the databases of a set, each under its own name, on the server of `target`, and proves
/// each as [`restore`] does. `postgres` and `template1`, which are there already, are restored
/// into and must hold nothing; what the set says of their properties is not applied and named.
///
/// A database that fails leaves nothing under its name and is in the report; the others are
/// restored all the same.
///
/// # Errors
///
/// Before anything is made: `Usage` if the backup is no set; `Missing` or `Integrity` for members
/// that are not there or not those of the set, all of them; `Conflict` for databases whose names
/// are taken, all of them. Those of [`restore_globals`]; `Interrupted` if the work was stopped.
pub async fn restore_all(
    repository: &Repository,
    set: &Backup,
    keys: &Keys,
    target: &ConnInfo,
    options: &SetOptions,
) -> Result<RestoredSet> {
    let started = Instant::now();
    let members = members(repository, set).await?;
    check_free(&members, target).await?;
    // With a wrong key nothing is begun.
    let files = repository.files(set, keys).await?;
    let globals = match &options.globals {
        Some(wanted) => Some(restore_globals(&files.evidence(), target, wanted).await?),
        None => None,
    };
    let mut databases = Vec::with_capacity(members.len());
    for (member, backup) in members {
        let target = target.with_database(&*member.database);
        options
            .restore
            .watch
            .notice(format!("database {}", member.database));
        let outcome = match one(repository, &backup, keys, &target, options).await {
            Ok(Some(restored)) => MemberOutcome::Restored(Box::new(restored)),
            Ok(None) => MemberOutcome::NothingInIt,
            Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
            Err(error) => MemberOutcome::Failed(error),
        };
        databases.push(RestoredMember {
            database: member.database,
            backup: backup.place,
            outcome,
        });
    }
    Ok(RestoredSet {
        place: set.place.clone(),
        globals,
        databases,
        elapsed: started.elapsed(),
    })
}

/// The members, all of which must be there.
async fn members(repository: &Repository, set: &Backup) -> Result<Vec<(Member, Backup)>> {
    let mut there = Vec::new();
    let mut errors: Vec<Error> = Vec::new();
    for (member, backup) in repository.members(set).await? {
        match backup {
            Ok(backup) => there.push((member, backup)),
            Err(error) => errors.push(error),
        }
    }
    match errors.len() {
        0 => Ok(there),
        1 => Err(errors.swap_remove(0)),
        many => {
            let texts: Vec<String> = errors.iter().map(Error::to_string).collect();
            Err(Error::new(
                errors[0].kind(),
                format!(
                    "{many} backups of the set cannot be used: {}",
                    texts.join("; ")
                ),
            ))
        }
    }
}

/// Refuses a server that has databases of these names.
async fn check_free(members: &[(Member, Backup)], target: &ConnInfo) -> Result<()> {
    let there = databases(target).await?;
    let taken: Vec<&str> = members
        .iter()
        .map(|(member, _)| &*member.database)
        .filter(|name| !OF_INITDB.contains(name))
        .filter(|name| {
            let mut names = there.open.iter().chain(&there.closed);
            names.any(|other| other == name)
        })
        .collect();
    if taken.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Conflict,
        format!(
            "the server already has {}; nothing was changed: drop or rename them, or restore \
             single databases of the set under other names",
            taken.join(", ")
        ),
    ))
}

/// One database; `None` if there is nothing to restore into one that is there.
async fn one(
    repository: &Repository,
    backup: &Backup,
    keys: &Keys,
    target: &ConnInfo,
    options: &SetOptions,
) -> Result<Option<Restored>> {
    let files = repository.files(backup, keys).await?;
    let dump = directory::dump_within(Arc::new(files), repository.limits().clone()).await?;
    let kinds = dump.toc().kinds_named(&options.without_kinds)?;
    let selection = Selection::all().without_kinds(kinds);
    let selected = dump.toc().select(&selection)?;
    let watch = &options.restore.watch;
    for notice in &selected.notices {
        watch.notice(notice.to_string());
    }
    let plan = Plan::of(&selected.toc);
    let mut wanted = options.restore.clone();
    if OF_INITDB.contains(&target.database()) {
        for left in left_alone(dump.toc()) {
            watch.notice(format!(
                "{left} is not restored: database {} is there already",
                target.database()
            ));
        }
        if plan.steps.is_empty() {
            return Ok(None);
        }
        wanted = wanted.empty();
    } else {
        wanted = wanted.create();
    }
    restore(&plan, &dump, target, &wanted).await.map(Some)
}

/// What is said of a database of initdb's, beyond what initdb says.
fn left_alone(toc: &Toc) -> impl Iterator<Item = String> {
    toc.about_database()
        .filter(|entry| match entry.kind {
            Kind::Comment => false,
            // initdb makes a template of template1, and lets everybody connect to it.
            Kind::DatabaseProperties => memchr::memmem::find(&entry.definition, b" SET ").is_some(),
            Kind::Acl => !entry.tag.ends_with(b"template1"),
            _ => true,
        })
        .map(ToString::to_string)
}
