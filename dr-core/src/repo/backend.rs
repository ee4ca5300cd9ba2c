//! The store behind a repository: opening it by its location, what it can do, its errors. Used by
//! the repository only.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use jiff::Timestamp;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use serde::{Deserialize, Serialize};

use super::layout::REPOSITORY;
use super::local;
use super::upload::PartSizes;
use crate::error::{Error, ErrorKind, Result};

const FORMAT: u32 = 1;

/// Whether the store itself refuses to create an object that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Create {
    /// It does.
    Enforced,
    /// It does not, so that existence is asked for first. Two writers could then both win, but
    /// only with the same id: the random part of an id makes that one in 16 million per second.
    Asked,
}

#[derive(Serialize, Deserialize)]
struct About {
    format: u32,
    created: Timestamp,
    conditional_create: bool,
}

pub(super) struct Backend {
    name: String,
    local: Option<PathBuf>,
    store: OnceLock<Arc<dyn ObjectStore>>,
    /// As `store`, but objects are not forced to disk one by one; only for a folder.
    lazy: OnceLock<Arc<dyn ObjectStore>>,
    create: tokio::sync::OnceCell<Create>,
    pub(super) parts: PartSizes,
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.name)
    }
}

impl Backend {
    /// The backend at a location: a URL or a path.
    pub(super) fn at(location: &str) -> Result<Self> {
        if location.is_empty() {
            return Err(Error::new(
                ErrorKind::Usage,
                "no repository was named: give a path or a URL",
            ));
        }
        if let Some((scheme, rest)) = split_scheme(location) {
            match scheme.to_ascii_lowercase().as_str() {
                "memory" if rest.is_empty() || rest == "//" => {
                    return Ok(Self::of_store(
                        Arc::new(InMemory::new()),
                        "memory:",
                        PartSizes::LOCAL,
                    ));
                }
                "file" => return Ok(Self::of_folder(file_url(location)?)),
                // The rest is not repeated: it may hold a password.
                scheme => {
                    return Err(Error::new(
                        ErrorKind::Unsupported,
                        format!(
                            "repositories at {scheme}: cannot be used; give a path, file:///… or \
                             memory: (a folder whose name begins so is ./{scheme}:…)"
                        ),
                    ));
                }
            }
        }
        Ok(Self::of_folder(PathBuf::from(location)))
    }

    pub(super) fn of_store(
        store: Arc<dyn ObjectStore>,
        name: impl Into<String>,
        parts: PartSizes,
    ) -> Self {
        Self {
            name: name.into(),
            local: None,
            store: OnceLock::from(store),
            lazy: OnceLock::new(),
            create: tokio::sync::OnceCell::new(),
            parts,
        }
    }

    fn of_folder(path: PathBuf) -> Self {
        Self {
            name: path.display().to_string(),
            local: Some(path),
            store: OnceLock::new(),
            lazy: OnceLock::new(),
            create: tokio::sync::OnceCell::new(),
            parts: PartSizes::LOCAL,
        }
    }

    /// What a person calls it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The folder of this machine that it is, if it is one.
    pub(super) fn folder(&self) -> Option<&std::path::Path> {
        self.local.as_deref()
    }

    /// The store, to read what is there.
    pub(super) fn store(&self) -> Result<&Arc<dyn ObjectStore>> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let path = self
            .local
            .as_ref()
            .expect("only a folder is opened after its repository");
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            Error::new(ErrorKind::Store, "the repository cannot be opened")
                .of_key(&self.name)
                .caused_by(error)
        };
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => {
                return Err(Error::new(
                    ErrorKind::Usage,
                    "it is not a folder, so it is no repository",
                )
                .of_key(&self.name));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::new(
                    ErrorKind::Missing,
                    "there is no repository; the first backup makes one",
                )
                .of_key(&self.name));
            }
            Err(error) => return Err(failed(error.into())),
        }
        let store = LocalFileSystem::new_with_prefix(path)
            .map_err(|error| failed(error.into()))?
            .with_automatic_cleanup(true);
        // Two may have come here at once: the same stores either way.
        self.lazy.get_or_init(|| Arc::new(store.clone()));
        Ok(self.store.get_or_init(|| Arc::new(store.with_fsync(true))))
    }

    /// The store to write objects to that [`settle`](Self::settle) makes last.
    pub(super) fn lazy(&self) -> Result<&Arc<dyn ObjectStore>> {
        let store = self.store()?;
        Ok(self.lazy.get().unwrap_or(store))
    }

    /// Makes an object last that was written to the [`lazy`](Self::lazy) store. Its entry in the
    /// folder lasts with the next write there to the other store.
    pub(super) fn settle(&self, key: &Path) -> impl Future<Output = Result<()>> + Send + use<> {
        let path = self.local.as_ref().map(|folder| folder.join(key.as_ref()));
        async move {
            let Some(path) = path else { return Ok(()) };
            let named = path.display().to_string();
            let synced = tokio::task::spawn_blocking(move || {
                std::fs::File::open(path).and_then(|file| file.sync_all())
            });
            synced
                .await
                .map_err(std::io::Error::other)
                .flatten()
                .map_err(|error| {
                    Error::new(ErrorKind::Store, "it cannot be forced to disk")
                        .of_key(named)
                        .caused_by(error)
                })
        }
    }

    /// Makes a folder of the repository, so that it lasts; nothing for stores without folders.
    pub(super) fn make_folder(&self, key: &Path) -> Result<()> {
        match &self.local {
            Some(folder) => local::create_folder(&folder.join(key.as_ref())),
            None => Ok(()),
        }
    }

    /// The store, to write to: made where it is a folder, and probed once in its life.
    pub(super) async fn writable(&self) -> Result<(&Arc<dyn ObjectStore>, Create)> {
        if let Some(path) = &self.local {
            local::create_folder(path)?;
        }
        let store = self.store()?;
        let create = self
            .create
            .get_or_try_init(|| async { self.about(store).await })
            .await?;
        Ok((store, *create))
    }

    async fn about(&self, store: &Arc<dyn ObjectStore>) -> Result<Create> {
        let key = Path::from(REPOSITORY);
        match store.get(&key).await {
            Ok(found) => {
                // It is written by us, and it is a hundred bytes.
                if found.meta.size > 65_536 {
                    return Err(self.foreign().of_key(REPOSITORY));
                }
                let bytes = found.bytes().await.map_err(|error| failed(error, &key))?;
                let about: About = serde_json::from_slice(&bytes)
                    .map_err(|error| self.foreign().of_key(REPOSITORY).caused_by(error))?;
                if about.format > FORMAT {
                    return Err(Error::new(
                        ErrorKind::Unsupported,
                        format!("the repository has format {}; use a newer dr", about.format),
                    )
                    .of_key(&self.name));
                }
                Ok(if about.conditional_create {
                    Create::Enforced
                } else {
                    Create::Asked
                })
            }
            Err(object_store::Error::NotFound { .. }) => {
                let create = probe(store).await.map_err(|error| {
                    Error::new(ErrorKind::Store, "the repository cannot be written to")
                        .of_key(&self.name)
                        .caused_by(error)
                })?;
                let about = About {
                    format: FORMAT,
                    created: Timestamp::now(),
                    conditional_create: create == Create::Enforced,
                };
                let text = serde_json::to_vec_pretty(&about).expect("three plain members are JSON");
                // Whoever comes second writes the same.
                store
                    .put(&key, PutPayload::from(text))
                    .await
                    .map_err(|error| failed(error, &key))?;
                Ok(create)
            }
            Err(error) => Err(failed(error, &key)),
        }
    }

    fn foreign(&self) -> Error {
        Error::new(
            ErrorKind::Format,
            "it is damaged, or not dr's; what the repository's store can do is not known without \
             it. If dr made the repository, remove this one object: it is made again",
        )
    }
}

/// A location's scheme, as RFC 3986 spells one, and what follows its colon. Every word before a
/// colon is one: a misspelt scheme must not become a folder in which backups are believed safe.
fn split_scheme(location: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = location.split_once(':')?;
    let sound = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    // C:\backups
    let is_drive = cfg!(windows) && scheme.len() == 1;
    (sound && !is_drive).then_some((scheme, rest))
}

/// `file:///a/b`, `file:/a/b`.
fn file_url(location: &str) -> Result<PathBuf> {
    let bad = || {
        Error::new(
            ErrorKind::Usage,
            format!("{location:?} does not name a folder of this machine; write file:///path"),
        )
    };
    url::Url::parse(location)
        .map_err(|error| bad().caused_by(error))?
        .to_file_path()
        .map_err(|()| bad())
}

/// Creates an object twice and sees whether the second time is refused: some stores that speak
/// S3 let both succeed.
async fn probe(store: &Arc<dyn ObjectStore>) -> Result<Create> {
    let key = Path::from(format!("probe-{:08x}", rand::random::<u32>()));
    let payload = || PutPayload::from_static(b"probe");
    let first = store
        .put_opts(&key, payload(), PutOptions::from(PutMode::Create))
        .await;
    let create = match first {
        Ok(_) => {
            let second = store
                .put_opts(&key, payload(), PutOptions::from(PutMode::Create))
                .await;
            match second {
                Err(
                    object_store::Error::AlreadyExists { .. }
                    | object_store::Error::Precondition { .. },
                ) => Create::Enforced,
                Ok(_) => Create::Asked,
                Err(error) => return Err(failed(error, &key)),
            }
        }
        // Without the mode (a file system without hard links, a store that does not know it) a
        // plain put must work; if it does not either, that is the error to tell.
        Err(_) => {
            store
                .put(&key, payload())
                .await
                .map_err(|error| failed(error, &key))?;
            Create::Asked
        }
    };
    delete(store, &key).await?;
    Ok(create)
}

/// Puts an object that must not exist.
pub(super) async fn create(
    store: &Arc<dyn ObjectStore>,
    mode: Create,
    key: &Path,
    bytes: Bytes,
) -> Result<()> {
    let exists = || Error::new(ErrorKind::Conflict, "it exists already").of_key(key);
    let mode = match mode {
        Create::Enforced => PutMode::Create,
        Create::Asked => match store.head(key).await {
            Ok(_) => return Err(exists()),
            Err(object_store::Error::NotFound { .. }) => PutMode::Overwrite,
            Err(error) => return Err(failed(error, key)),
        },
    };
    match store
        .put_opts(key, PutPayload::from(bytes), PutOptions::from(mode))
        .await
    {
        Ok(_) => Ok(()),
        Err(
            object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. },
        ) => Err(exists()),
        Err(error) => Err(failed(error, key)),
    }
}

/// Deletes an object; that it is gone already is no error (on S3 it never is one).
pub(super) async fn delete(store: &Arc<dyn ObjectStore>, key: &Path) -> Result<()> {
    match store.delete(key).await {
        Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(failed(error, key)),
    }
}

/// A store's error as ours.
pub(super) fn failed(error: object_store::Error, key: &Path) -> Error {
    let (kind, message) = match &error {
        object_store::Error::NotFound { .. } => (ErrorKind::Missing, "it is not in the store"),
        object_store::Error::AlreadyExists { .. } => (ErrorKind::Conflict, "it exists already"),
        object_store::Error::PermissionDenied { .. } => {
            (ErrorKind::Store, "the store does not permit it")
        }
        object_store::Error::Unauthenticated { .. } => (
            ErrorKind::Store,
            "the store does not accept the credentials",
        ),
        object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. } => {
            (ErrorKind::Unsupported, "the store cannot do this")
        }
        _ => (ErrorKind::Store, refused(&error)),
    };
    Error::new(kind, message).of_key(key).caused_by(error)
}

/// What an error comes to for which the store has no word of its own: a folder's are such.
fn refused(error: &object_store::Error) -> &'static str {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            match error.kind() {
                std::io::ErrorKind::PermissionDenied => {
                    return "the user that dr runs as has no permission for it";
                }
                std::io::ErrorKind::ReadOnlyFilesystem => return "the file system is read-only",
                std::io::ErrorKind::StorageFull => return "the disk is full",
                _ => {}
            }
        }
        cause = error.source();
    }
    "the store failed"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_that_cannot_be_used_are_named_and_paths_are_paths() {
        for location in [
            "s3://bucket/x",
            "gs://bucket",
            "sftp://host/x",
            "ftp://host",
            "fiel:/x",
            "s4://b",
            "S3:bucket",
            "backups:2026",
            "memory:x",
        ] {
            let error = Backend::at(location).expect_err("unsupported");
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{location}");
            let scheme = location.split(':').next().expect("scheme");
            let scheme = scheme.to_ascii_lowercase();
            for told in [&format!("{scheme}:"), "file:///", "memory:", "./"] {
                assert!(error.to_string().contains(told), "{error}");
            }
            let checked = crate::repo::Repository::check(location).expect_err("unsupported");
            assert_eq!(checked.to_string(), error.to_string());
        }
        for (location, path) in [
            ("backups", "backups"),
            ("/var/b:c", "/var/b:c"),
            ("./fiel:/x", "./fiel:/x"),
            ("my backups:1", "my backups:1"),
            ("a/b:c", "a/b:c"),
            ("2026:1", "2026:1"),
            ("file:///var/my%20backups", "/var/my backups"),
            ("FILE:/var/x", "/var/x"),
        ] {
            let backend = Backend::at(location).expect("path");
            assert_eq!(backend.folder(), Some(std::path::Path::new(path)));
        }
        assert!(Backend::at("memory:").expect("memory").folder().is_none());
        assert_eq!(Backend::at("").expect_err("none").kind(), ErrorKind::Usage);
        let error = Backend::at("file://host/x").expect_err("host");
        assert_eq!(error.kind(), ErrorKind::Usage);
    }

    #[test]
    fn what_the_operating_system_refuses_is_told_in_words() {
        use std::io::ErrorKind as Io;
        for (kind, told) in [
            (Io::PermissionDenied, "no permission"),
            (Io::ReadOnlyFilesystem, "read-only"),
            (Io::StorageFull, "disk is full"),
            (Io::TimedOut, "the store failed"),
        ] {
            let error = object_store::Error::Generic {
                store: "LocalFileSystem",
                source: Box::new(
                    Error::new(ErrorKind::Store, "cannot open")
                        .caused_by(std::io::Error::from(kind)),
                ),
            };
            let error = failed(error, &Path::from("x"));
            assert_eq!(error.kind(), ErrorKind::Store);
            assert!(error.to_string().contains(told), "{error}");
        }
    }

    #[tokio::test]
    async fn a_folder_is_made_by_writing_and_not_by_reading() {
        let root = tempfile::tempdir().expect("folder");
        let path = root.path().join("a b/größe");
        let backend = Backend::at(path.to_str().expect("text")).expect("backend");
        let error = backend.store().map(drop).expect_err("absent");
        assert_eq!(error.kind(), ErrorKind::Missing);
        assert!(!path.exists());
        let (_, create) = backend.writable().await.expect("writable");
        assert_eq!(create, Create::Enforced);
        let names: Vec<_> = std::fs::read_dir(&path)
            .expect("folder")
            .map(|entry| entry.expect("entry").file_name())
            .collect();
        assert_eq!(names, [REPOSITORY]);
        // Not probed again.
        let again = Backend::at(path.to_str().expect("text")).expect("backend");
        again.writable().await.expect("writable");
    }
}
