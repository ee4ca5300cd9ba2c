//! Leftovers of backups that never came to be, or are gone: finding and sweeping them. Used by
//! `ops::prune`; never touches what has a commit mark.

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};

use super::backend::failed;
use super::layout::{MARK, Place, REPOSITORY, TOMBSTONE};
use super::local;
use super::repository::Repository;
use crate::error::{Error, ErrorKind, Result};
use object_store::ObjectStoreExt;
use object_store::path::Path;

/// Where a leftover lies.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Leftover {
    /// A folder without a commit mark: a backup that was killed, or failed and could not tidy up.
    Unfinished(Place),
    /// A backup whose deletion was interrupted.
    Deleted(Place),
    /// A temporary part of the local store that no process can be writing any more.
    Part(PathBuf),
    /// An object left by the probe of the store.
    Probe(String),
}

impl std::fmt::Display for Leftover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unfinished(place) => write!(f, "{place} (unfinished)"),
            Self::Deleted(place) => write!(f, "{place} (being deleted)"),
            Self::Part(path) => write!(f, "{} (temporary part)", path.display()),
            Self::Probe(key) => write!(f, "{key} (probe)"),
        }
    }
}

/// A leftover: how much it is, and when something was last written to it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Orphan {
    /// What it is.
    pub leftover: Leftover,
    /// Its objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The newest of them.
    pub newest: Timestamp,
}

impl Repository {
    /// Leftovers to which nothing was written for longer than `older_than`, by the store's clock
    /// against this machine's. A backup that is being made is one too as long as it has not
    /// finished an object for that time: be generous.
    ///
    /// # Errors
    ///
    /// `Missing` if there is no repository; `Store` if the store fails.
    pub async fn orphans(&self, older_than: SignedDuration) -> Result<Vec<Orphan>> {
        let limit = Timestamp::now()
            .checked_sub(older_than)
            .unwrap_or(Timestamp::MIN);
        let mut orphans = self.orphaned_parts(limit)?;
        for place in self.places().await? {
            orphans.extend(self.orphaned_place(place, limit).await?);
        }
        orphans.extend(self.orphaned_probes(limit).await?);
        Ok(orphans)
    }

    async fn orphaned_place(&self, place: Place, limit: Timestamp) -> Result<Option<Orphan>> {
        let objects = self.objects(&place).await?;
        // A mark that is damaged or foreign is a mark: somebody has to look at it.
        let Some(newest) = objects.values().map(|object| object.modified).max() else {
            return self.empty_folder(place, limit);
        };
        // A deletion that was begun may be finished at any time.
        let deleted = objects.contains_key(TOMBSTONE);
        if objects.contains_key(MARK) || (newest >= limit && !deleted) {
            return Ok(None);
        }
        // Parts that are being written are not among the objects.
        if !deleted && self.has_fresh_part(&place, limit)? {
            return Ok(None);
        }
        Ok(Some(Orphan {
            objects: objects.len() as u64,
            bytes: objects.values().map(|object| object.bytes).sum(),
            newest,
            leftover: if deleted {
                Leftover::Deleted(place)
            } else {
                Leftover::Unfinished(place)
            },
        }))
    }

    /// Whether there is a commit mark, asked for by its name.
    async fn has_mark(&self, place: &Place) -> Result<bool> {
        let key = place.key(MARK);
        match self.store()?.head(&key).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(failed(error, &key)),
        }
    }

    /// A folder of this machine in which nothing was written yet, or any more.
    fn empty_folder(&self, place: Place, limit: Timestamp) -> Result<Option<Orphan>> {
        let Some(root) = self.backend().folder() else {
            return Ok(None);
        };
        let folder = root.join(place.to_string());
        // With the last of its parts the folder goes as well.
        if !self.parts_in(&folder)?.is_empty() {
            return Ok(None);
        }
        let newest = std::fs::metadata(&folder)
            .and_then(|folder| folder.modified())
            .ok()
            .and_then(|time| Timestamp::try_from(time).ok());
        Ok(newest
            .filter(|newest| *newest < limit)
            .map(|newest| Orphan {
                leftover: Leftover::Unfinished(place),
                objects: 0,
                bytes: 0,
                newest,
            }))
    }

    /// Removes the folder of a place if nothing is in it; whether it is gone.
    pub(super) fn remove_empty(&self, place: &Place) -> bool {
        let Some(root) = self.backend().folder() else {
            return true;
        };
        let folder = root.join(place.to_string());
        local::remove_empty(root, &folder);
        !folder.exists()
    }

    /// Removes the temporary parts in the folder of a place: those whose removal by the store is
    /// still on its way too.
    pub(super) fn remove_parts(&self, place: &Place) -> Result<()> {
        let Some(root) = self.backend().folder() else {
            return Ok(());
        };
        for part in self.parts_in(&root.join(place.to_string()))? {
            match std::fs::remove_file(&part.path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(
                        Error::new(ErrorKind::Store, "a temporary part cannot be deleted")
                            .of_key(part.path.display())
                            .caused_by(error),
                    );
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn parts_in(&self, folder: &std::path::Path) -> Result<Vec<local::TemporaryPart>> {
        local::temporary_parts(folder).map_err(|error| {
            Error::new(ErrorKind::Store, "the repository's folder cannot be read")
                .of_key(folder.display())
                .caused_by(error)
        })
    }

    fn has_fresh_part(&self, place: &Place, limit: Timestamp) -> Result<bool> {
        let Some(root) = self.backend().folder() else {
            return Ok(false);
        };
        let parts = self.parts_in(&root.join(place.to_string()))?;
        Ok(parts.iter().any(|part| time_of(part) >= limit))
    }

    fn orphaned_parts(&self, limit: Timestamp) -> Result<Vec<Orphan>> {
        self.store()?;
        let Some(root) = self.backend().folder() else {
            return Ok(Vec::new());
        };
        let parts = self.parts_in(root)?;
        Ok(parts
            .into_iter()
            .filter(|part| time_of(part) < limit)
            .map(|part| Orphan {
                objects: 1,
                bytes: part.bytes,
                newest: time_of(&part),
                leftover: Leftover::Part(part.path),
            })
            .collect())
    }

    async fn orphaned_probes(&self, limit: Timestamp) -> Result<Vec<Orphan>> {
        let root = self
            .store()?
            .list_with_delimiter(None)
            .await
            .map_err(|error| failed(error, &Path::ROOT))?;
        Ok(root
            .objects
            .into_iter()
            .filter_map(|object| {
                let name = object.location.filename()?;
                let newest = Timestamp::from_second(object.last_modified.timestamp()).ok()?;
                let ours = name.starts_with("probe-") && name.len() == 14 && name != REPOSITORY;
                (ours && newest < limit).then(|| Orphan {
                    leftover: Leftover::Probe(name.to_owned()),
                    objects: 1,
                    bytes: object.size,
                    newest,
                })
            })
            .collect())
    }

    /// Deletes a leftover that [`orphans`](Self::orphans) found. If it was written to, committed
    /// or swept since, it is let be; whether it is gone by this call.
    ///
    /// # Errors
    ///
    /// `Store` if the store fails.
    pub async fn sweep(&self, orphan: &Orphan) -> Result<bool> {
        match &orphan.leftover {
            Leftover::Unfinished(place) | Leftover::Deleted(place) => {
                let objects = self.objects(place).await?;
                if objects.is_empty() {
                    return Ok(orphan.objects == 0 && self.remove_empty(place));
                }
                let newest = objects.values().map(|object| object.modified).max();
                let same = newest == Some(orphan.newest)
                    && objects.len() as u64 == orphan.objects
                    && !objects.contains_key(MARK);
                // Nor is the listing's word enough: one that left the mark out would cost a backup.
                if !same || self.has_mark(place).await? {
                    return Ok(false);
                }
                // What says that it is being deleted stays to the end.
                let (last, first): (Vec<_>, Vec<_>) =
                    objects.into_keys().partition(|name| name == TOMBSTONE);
                self.delete_objects(place, first).await?;
                self.delete_objects(place, last).await?;
                Ok(true)
            }
            Leftover::Probe(name) => {
                let store = self.store()?;
                super::backend::delete(store, &Path::from(name.as_str())).await?;
                Ok(true)
            }
            Leftover::Part(path) => {
                match std::fs::remove_file(path) {
                    Ok(()) => {}
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
                    Err(error) => {
                        return Err(Error::new(
                            ErrorKind::Store,
                            "the temporary part cannot be deleted",
                        )
                        .of_key(path.display())
                        .caused_by(error));
                    }
                }
                if let (Some(root), Some(folder)) = (self.backend().folder(), path.parent()) {
                    local::remove_empty(root, folder);
                }
                Ok(true)
            }
        }
    }
}

fn time_of(part: &local::TemporaryPart) -> Timestamp {
    // A time that cannot be told is not an old one.
    Timestamp::try_from(part.modified).unwrap_or(Timestamp::MAX)
}
