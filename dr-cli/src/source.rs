//! What BACKUP|FILE and DATABASE|PATH|- mean. Used by `command`.

use std::path::Path;
use std::sync::Arc;

use dr_core::archive::directory;
use dr_core::event::Watch;
use dr_core::ops::{self, Damage, Found, Lost, ReadOptions, VerifyOptions};
use dr_core::pipeline::keys::Keys;
use dr_core::repo::{Repository, StoredFiles};
use dr_core::toc::{Toc, UseList};
use dr_core::{Dump, Error, ErrorKind, Limits, Result};

use serde_json::{Value, json};

use crate::args::{ListToUse, Salvage};
use crate::command::Context;
use crate::exit::Outcome;
use crate::render::clean;

/// A backup in a repository, or a dump in a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum What<'a> {
    Backup { repo: &'a str, name: &'a str },
    File(&'a Path),
}

/// Tells a backup from a file: what looks like a path is one; else it is a backup if there is a
/// repository, and a file if there is none.
pub(crate) fn what<'a>(text: &'a str, repo: Option<&'a str>) -> Result<What<'a>> {
    let path = Path::new(text);
    let looks_like_a_path =
        text == "-" || text.starts_with("./") || text.starts_with("../") || path.is_absolute();
    match repo {
        Some(repo) if !looks_like_a_path => Ok(What::Backup { repo, name: text }),
        _ if looks_like_a_path || path.exists() => Ok(What::File(path)),
        _ => Err(Error::new(
            // A word alone was meant as a backup.
            if text.contains(['/', '.']) {
                ErrorKind::Missing
            } else {
                ErrorKind::Usage
            },
            format!("there is no file {text:?}; for a backup say --repo, or set DR_REPO"),
        )),
    }
}

/// Whether a connection string holds a password.
pub(crate) fn shows_password(text: &str) -> bool {
    if let Some((_, rest)) = text.split_once("://") {
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let in_user = authority.rsplit_once('@').is_some_and(|(user, _)| {
            user.split_once(':')
                .is_some_and(|(_, word)| !word.is_empty())
        });
        return in_user || rest.contains("password=");
    }
    // `passfile=` and `sslpassword=` are other words; the latter is a secret too.
    text.contains("password=") || text.contains("password =")
}

/// The dump that BACKUP|FILE names, opened; `database` is which of a file's is meant.
pub(crate) async fn open(
    what: What<'_>,
    keys: &Keys,
    limits: &Limits,
    reading: ReadOptions,
    database: Option<&str>,
) -> Result<Arc<dyn Dump>> {
    match what {
        What::File(path) => open_file(path, &of_database(reading, database)).await,
        What::Backup { repo, name } => {
            refuse_database(database)?;
            let repository = Repository::open(repo).await?.with_limits(limits.clone());
            let backup = repository.find(name).await?;
            backup.one_database()?;
            dump_of(repository.files(&backup, keys).await?, limits).await
        }
    }
}

/// The dump opened as [`open`] does, or with `--salvage` what is intact of it, and what is lost.
pub(crate) async fn open_or_salvage(
    context: &Context,
    what: What<'_>,
    keys: &Keys,
    reading: ReadOptions,
    database: Option<&str>,
    salvage: &Salvage,
) -> Result<(Arc<dyn Dump>, Vec<Lost>)> {
    let limits = &context.limits;
    if !salvage.salvage {
        let dump = open(what, keys, limits, reading, database).await?;
        return Ok((dump, Vec::new()));
    }
    let damage = Damage::new();
    let reading = reading.salvage(damage.clone());
    let dump = open(what, keys, limits, reading, database).await?;
    let looking = VerifyOptions::new().watch(context.progress.watch());
    let salvaged = ops::salvage(dump, &damage, &looking).await?;
    // Told before the work begins, which may fail; and again with the result.
    for lost in &salvaged.lost {
        context.progress.notice(&line(lost));
    }
    Ok((salvaged.dump, salvaged.lost))
}

fn line(lost: &Lost) -> String {
    format!("lost: {}: {}", clean(&lost.what), clean(&lost.why))
}

/// What is lost, a line each, for people.
pub(crate) fn lost_text(lost: &[Lost]) -> String {
    lost.iter().map(|lost| line(lost) + "\n").collect()
}

/// A result with what is lost, where something is.
pub(crate) fn with_lost(mut result: Value, lost: &[Lost]) -> Value {
    if !lost.is_empty() {
        result["lost"] = json!(lost);
    }
    result
}

/// How a command ends that did what it could with what was left.
pub(crate) fn salvaged(outcome: Outcome, lost: &[Lost]) -> Outcome {
    match outcome {
        Outcome::Done if !lost.is_empty() => Outcome::Damaged,
        outcome => outcome,
    }
}

/// How a file is read of which this database is meant.
pub(crate) fn of_database(reading: ReadOptions, database: Option<&str>) -> ReadOptions {
    match database {
        Some(name) => reading.database(name),
        None => reading,
    }
}

/// A backup is of one database.
pub(crate) fn refuse_database(database: Option<&str>) -> Result<()> {
    match database {
        Some(_) => Err(Error::new(
            ErrorKind::Usage,
            "--database is for a dump of several databases: a backup is of one",
        )),
        None => Ok(()),
    }
}

/// What of a selection a list names, in its order.
pub(crate) fn listed(
    list: &ListToUse,
    dump: &dyn Dump,
    selected: Toc,
    watch: &Watch,
) -> Result<Toc> {
    let Some(path) = &list.use_list else {
        return Ok(selected);
    };
    let about = |error: Error| error.of_key(path.display());
    let text = std::fs::read(path).map_err(|error| {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::Missing,
            _ => ErrorKind::Store,
        };
        about(Error::new(kind, "the list cannot be read").caused_by(error))
    })?;
    let list = UseList::parse(&text).map_err(about)?;
    for notice in list.notices() {
        watch.notice(notice);
    }
    let settings = dump.header().map_or(&[][..], |header| &header.settings);
    list.apply(dump.toc(), settings, selected).map_err(about)
}

/// The dump in the files of a backup.
pub(crate) async fn dump_of(files: StoredFiles, limits: &Limits) -> Result<Arc<dyn Dump>> {
    Ok(Arc::new(
        directory::dump_within(Arc::new(files), limits.clone()).await?,
    ))
}

/// The dump in a file or folder, or on standard input.
pub(crate) async fn open_file(path: &Path, options: &ReadOptions) -> Result<Arc<dyn Dump>> {
    if path == Path::new("-") {
        ops::open_input(Box::pin(tokio::io::stdin()), options).await
    } else {
        ops::open_dump(path, options).await
    }
}

/// What a file or folder, or standard input, holds.
pub(crate) async fn look_at(path: &Path, options: &ReadOptions) -> Result<Found> {
    if path == Path::new("-") {
        ops::look_into(Box::pin(tokio::io::stdin()), options).await
    } else {
        ops::look_at(path, options).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_password_is_seen_in_every_spelling() {
        for text in [
            "postgres://me:secret@db/shop",
            "postgresql://db/shop?password=secret",
            "host=db password=secret",
            "sslpassword=secret",
        ] {
            assert!(shows_password(text), "{text}");
        }
        for text in ["postgres://me@db:5432/shop", "host=db passfile=x", "shop"] {
            assert!(!shows_password(text), "{text}");
        }
    }

    #[test]
    fn a_path_is_told_from_a_backup() {
        let backup = |name| What::Backup { repo: "r", name };
        assert_eq!(what("latest", Some("r")).unwrap(), backup("latest"));
        assert_eq!(
            what("shop/latest", Some("r")).unwrap(),
            backup("shop/latest")
        );
        let file = |text| What::File(Path::new(text));
        assert_eq!(what("./x.sql", Some("r")).unwrap(), file("./x.sql"));
        assert_eq!(what("/x.sql", None).unwrap(), file("/x.sql"));
        assert_eq!(what("-", None).unwrap(), file("-"));
        // Cargo runs tests in the package's folder.
        assert_eq!(what("Cargo.toml", None).unwrap(), file("Cargo.toml"));
        assert_eq!(what("latest", None).unwrap_err().kind(), ErrorKind::Usage);
    }
}
