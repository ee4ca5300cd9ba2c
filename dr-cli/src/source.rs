//! What BACKUP|FILE and DATABASE|PATH|- mean. Used by `command`.

use std::path::Path;
use std::sync::Arc;

use dr_core::archive::directory;
use dr_core::event::Watch;
use dr_core::ops::{self, ReadOptions};
use dr_core::pipeline::keys::Keys;
use dr_core::repo::{Repository, StoredFiles};
use dr_core::{Dump, Error, ErrorKind, Limits, Result};

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

/// The dump that BACKUP|FILE names, opened.
pub(crate) async fn open(
    what: What<'_>,
    keys: &Keys,
    limits: &Limits,
    watch: Watch,
) -> Result<Arc<dyn Dump>> {
    match what {
        What::File(path) => {
            let options = ReadOptions::new().limits(limits.clone()).watch(watch);
            open_file(path, &options).await
        }
        What::Backup { repo, name } => {
            let repository = Repository::open(repo).await?.with_limits(limits.clone());
            let backup = repository.find(name).await?;
            backup.one_database()?;
            dump_of(repository.files(&backup, keys).await?, limits).await
        }
    }
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
