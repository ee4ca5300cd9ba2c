//! The repository: opening it, what is in it, reading objects of it. Used by `ops`.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use object_store::path::Path;
use object_store::{GetResult, GetResultPayload, ObjectStore, ObjectStoreExt};

use super::backend::{self, Backend, Create, failed};
use super::layout::{self, BackupId, MARK, Place, TOMBSTONE};
use super::mark::{Kind, Mark, Member};
use super::upload::PartSizes;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{Limit, Limits};
use crate::pipeline::{Reader, streams};

/// How many marks are read at once.
const MARKS_AT_ONCE: usize = 16;

/// A committed backup: where it lies and what its mark says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backup {
    /// Where it lies.
    pub place: Place,
    /// What everybody may know of it.
    pub mark: Mark,
}

impl Backup {
    /// The backup's id.
    pub fn id(&self) -> &BackupId {
        self.place.id()
    }

    /// Refuses a set where one database is wanted.
    ///
    /// # Errors
    ///
    /// `Usage`, naming the backups of the set.
    pub fn one_database(&self) -> Result<()> {
        if self.mark.kind != Kind::Set {
            return Ok(());
        }
        let members = self.mark.members.iter();
        let places: Vec<String> = members.map(|member| member.place().to_string()).collect();
        Err(Error::new(
            ErrorKind::Usage,
            format!(
                "this is a set of all databases; name one of its backups: {}",
                places.join(", ")
            ),
        )
        .of_key(&self.place))
    }
}

/// One line of a listing: a backup, or what is wrong with its commit mark.
#[derive(Debug)]
#[non_exhaustive]
pub struct Listing {
    /// Where it lies.
    pub place: Place,
    /// Its mark; the error if there is one that cannot be read, is damaged or is not dr's.
    pub mark: Result<Mark>,
}

impl Listing {
    /// The backup, if its mark is sound.
    ///
    /// # Errors
    ///
    /// What is wrong with the mark.
    pub fn into_backup(self) -> Result<Backup> {
        Ok(Backup {
            place: self.place,
            mark: self.mark?,
        })
    }
}

/// An object as the store lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectInfo {
    /// Bytes as stored.
    pub bytes: u64,
    /// When the store says it was last written.
    pub modified: Timestamp,
}

/// Committed backups over an object store. Cheap to clone.
///
/// ```
/// # async fn example() -> dr_core::Result<()> {
/// use dr_core::repo::Repository;
/// let repository = Repository::open("memory:").await?;
/// assert!(repository.list().await?.is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Repository {
    backend: Arc<Backend>,
    limits: Limits,
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Repository({:?})", self.backend)
    }
}

impl Repository {
    /// The repository at a location: a path, `file:///path`, or `memory:` for one that dies with
    /// the process. A folder need not exist; the first backup makes it. A relative path that begins
    /// as a scheme does is given as `./name:…`.
    ///
    /// # Errors
    ///
    /// `Unsupported` for other schemes.
    pub async fn open(location: &str) -> Result<Self> {
        Ok(Self::over(Backend::at(location)?))
    }

    /// Whether [`open`](Self::open) would take this location. No store is asked, and nothing is made.
    ///
    /// # Errors
    ///
    /// `Unsupported` for a scheme that this build does not speak; `Usage` for what is no location.
    pub fn check(location: &str) -> Result<()> {
        Backend::at(location).map(drop)
    }

    /// The repository in a store of the caller's; `name` is what errors and listings call it.
    pub fn with_store(store: Arc<dyn ObjectStore>, name: impl Into<String>) -> Self {
        Self::over(Backend::of_store(store, name, PartSizes::CLOUD))
    }

    /// As [`with_store`](Self::with_store), with parts so small that a test sees several.
    #[cfg(test)]
    pub(crate) fn with_small_parts(store: Arc<dyn ObjectStore>) -> Self {
        Self::over(Backend::of_store(store, "test", PartSizes::SMALL))
    }

    fn over(backend: Backend) -> Self {
        Self {
            backend: Arc::new(backend),
            limits: Limits::default(),
        }
    }

    /// With other bounds on what reading may take.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What a person calls it: its location without secrets.
    pub fn name(&self) -> &str {
        self.backend.name()
    }

    /// The bounds on what reading takes.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn backend(&self) -> &Backend {
        &self.backend
    }

    pub(super) fn store(&self) -> Result<&Arc<dyn ObjectStore>> {
        self.backend.store()
    }

    pub(super) async fn writable(&self) -> Result<(&Arc<dyn ObjectStore>, Create)> {
        self.backend.writable().await
    }

    /// Every backup, oldest first. One whose mark cannot be read is in the list with the reason;
    /// what has no mark is not.
    ///
    /// # Errors
    ///
    /// `Missing` if there is no repository; `Store` if the store fails.
    pub async fn list(&self) -> Result<Vec<Listing>> {
        let places = self.places().await?;
        let mut listings: Vec<Listing> = self.listings(places).await?;
        listings.sort_by(|a, b| order(a).cmp(&order(b)));
        Ok(listings)
    }

    /// The newest backup, of one database if one is named.
    ///
    /// # Errors
    ///
    /// `Missing` if there is none; what is wrong with its mark, if something is: an older backup
    /// is never silently given in its place.
    pub async fn latest(&self, database: Option<&str>) -> Result<Backup> {
        self.newest(database).await?.into_backup()
    }

    pub(super) async fn newest(&self, database: Option<&str>) -> Result<Listing> {
        let mut places = self.places().await?;
        places.retain(|place| database.is_none_or(|database| place.database() == database));
        places.sort_by(|a, b| b.id().cmp(a.id()));
        // Those of the newest second first, until one of them is committed.
        while let Some(first) = places.first() {
            let second = first.id().second().to_owned();
            let count = places
                .iter()
                .take_while(|place| place.id().second() == second)
                .count();
            let group = places.drain(..count).collect();
            let mut listings = self.listings(group).await?;
            listings.sort_by(|a, b| order(a).cmp(&order(b)));
            if let Some(newest) = listings.pop() {
                return Ok(newest);
            }
        }
        Err(Error::new(
            ErrorKind::Missing,
            match database {
                Some(database) => format!("the repository holds no backup of {database:?}"),
                None => "the repository holds no backup".to_owned(),
            },
        )
        .of_key(self.name()))
    }

    /// The backup that `text` names: an id, the beginning of one that no other shares, or
    /// `latest`; each may be preceded by a database and `/`.
    ///
    /// # Errors
    ///
    /// `Missing` if there is none, `Usage` if there are several; what is wrong with its mark.
    pub async fn find(&self, text: &str) -> Result<Backup> {
        self.look_up(text).await?.into_backup()
    }

    /// As [`find`](Self::find), but a damaged mark is part of the answer.
    ///
    /// # Errors
    ///
    /// `Missing` if there is none, `Usage` if there are several.
    pub async fn look_up(&self, text: &str) -> Result<Listing> {
        let (database, wanted) = match text.rsplit_once('/') {
            Some((database, wanted)) => (Some(database), wanted),
            None => (None, text),
        };
        // A folder's name is taken as well as the database's.
        let database = database.map(|name| layout::unescape(name).unwrap_or_else(|| name.into()));
        if wanted == "latest" {
            return self.newest(database.as_deref()).await;
        }
        if wanted.is_empty() {
            return Err(Error::new(
                ErrorKind::Usage,
                "no backup was named: give an id, the beginning of one, or latest",
            ));
        }
        let mut places = self.places().await?;
        places.retain(|place| {
            place.id().as_str().starts_with(wanted)
                && database
                    .as_ref()
                    .is_none_or(|database| place.database() == database)
        });
        let unfinished = !places.is_empty();
        let mut found = self.listings(places).await?;
        match (found.pop(), found.len()) {
            (Some(listing), 0) => Ok(listing),
            (Some(last), more) => {
                let mut ids: Vec<_> = found
                    .iter()
                    .chain([&last])
                    .map(|listing| listing.place.to_string())
                    .collect();
                ids.sort();
                ids.truncate(5);
                Err(Error::new(
                    ErrorKind::Usage,
                    format!(
                        "{text:?} is the beginning of {} backups: {}{}",
                        more + 1,
                        ids.join(", "),
                        if more + 1 > ids.len() { ", …" } else { "" }
                    ),
                ))
            }
            (None, _) => Err(Error::new(
                ErrorKind::Missing,
                if unfinished {
                    format!("the backup {text:?} was never finished, or is being deleted")
                } else {
                    format!("the repository holds no backup {text:?}")
                },
            )
            .of_key(self.name())),
        }
    }

    /// Every folder that is called as a backup's is, committed or not.
    pub(super) async fn places(&self) -> Result<Vec<Place>> {
        let store = self.store()?;
        let root = store
            .list_with_delimiter(None)
            .await
            .map_err(|error| failed(error, &Path::ROOT))?;
        let databases = root.common_prefixes.into_iter().filter_map(|folder| {
            // Other folders may stand beside ours, such as lost+found.
            let database = layout::unescape(folder.filename()?)?;
            Some((database, folder))
        });
        let places: Vec<Vec<Place>> = futures::stream::iter(databases)
            .map(|(database, folder)| async move {
                let inside = store
                    .list_with_delimiter(Some(&folder))
                    .await
                    .map_err(|error| failed(error, &folder))?;
                Ok::<_, Error>(
                    inside
                        .common_prefixes
                        .iter()
                        .filter_map(|folder| folder.filename()?.parse().ok())
                        .map(|id| Place::new(database.clone(), id))
                        .collect(),
                )
            })
            .buffer_unordered(MARKS_AT_ONCE)
            .boxed()
            .try_collect()
            .await?;
        Ok(places.into_iter().flatten().collect())
    }

    async fn listings(&self, places: Vec<Place>) -> Result<Vec<Listing>> {
        futures::stream::iter(places)
            .map(|place| async move { self.listing(place).await })
            .buffer_unordered(MARKS_AT_ONCE)
            .boxed()
            .filter_map(|listing| async move { listing })
            .map(Ok)
            .try_collect()
            .await
    }

    /// `None` where there is no mark.
    pub(super) async fn listing(&self, place: Place) -> Option<Listing> {
        let mark = match self.read(&place, MARK, self.limits.mark_bytes()).await {
            Ok(bytes) => Mark::parse(&bytes),
            Err(error) if error.kind() == ErrorKind::Missing => return None,
            Err(error) => Err(error),
        };
        let mark = mark
            .and_then(|mark| {
                if mark.id == *place.id() && mark.database == place.database() {
                    Ok(mark)
                } else {
                    Err(Error::new(
                        ErrorKind::Integrity,
                        format!(
                            "the commit mark is that of another backup, {} of {:?}",
                            mark.id, mark.database
                        ),
                    ))
                }
            })
            .map_err(|error| error.of_key(place.key(MARK)));
        Some(Listing { place, mark })
    }

    /// Every object of a backup's folder, committed or not: its name and what the store says.
    ///
    /// # Errors
    ///
    /// `Store` if the store fails.
    pub async fn objects(&self, place: &Place) -> Result<BTreeMap<String, ObjectInfo>> {
        let folder = place.folder();
        let mut listed = self.store()?.list(Some(&folder));
        let mut objects = BTreeMap::new();
        while let Some(object) = listed.next().await {
            let object = object.map_err(|error| failed(error, &folder))?;
            let Some(parts) = object.location.prefix_match(&folder) else {
                continue;
            };
            let name = parts
                .map(|part| part.as_ref().to_owned())
                .collect::<Vec<_>>()
                .join("/");
            let modified =
                Timestamp::from_second(object.last_modified.timestamp()).unwrap_or(Timestamp::MAX);
            objects.insert(
                name,
                ObjectInfo {
                    bytes: object.size,
                    modified,
                },
            );
        }
        Ok(objects)
    }

    /// A whole object, if it has no more bytes than `limit`.
    ///
    /// # Errors
    ///
    /// `Missing`, `Limit`, `Store`.
    pub async fn read(&self, place: &Place, name: &str, limit: Limit) -> Result<Bytes> {
        let key = place.key(name);
        let found = self.get(&key).await?;
        let size = found.meta.size;
        if size > limit.most() {
            return Err(limit
                .exceeded(format_args!("it has {size} bytes, more"))
                .of_key(key));
        }
        found.bytes().await.map_err(|error| failed(error, &key))
    }

    /// An object's size and its bytes as stored, unchecked.
    ///
    /// # Errors
    ///
    /// `Missing`, `Store`.
    pub async fn open_object(&self, place: &Place, name: &str) -> Result<(u64, Reader)> {
        let key = place.key(name);
        let found = self.get(&key).await?;
        let size = found.meta.size;
        let reader: Reader = match found.payload {
            // As a stream a file would come in pieces of 8 KiB, each by way of another thread.
            GetResultPayload::File(file, _) => Box::pin(tokio::fs::File::from_std(file)),
            GetResultPayload::Stream(stream) => {
                streams::reader_of(stream.map_err(move |error| failed(error, &key)))
            }
        };
        Ok((size, reader))
    }

    async fn get(&self, key: &Path) -> Result<GetResult> {
        self.store()?
            .get(key)
            .await
            .map_err(|error| failed(error, key))
    }

    /// The backups of a set, in the order they were made, each the one that was made with it.
    ///
    /// # Errors
    ///
    /// `Usage` if this is no set. Inside: `Missing` for a member that is not there any more;
    /// `Integrity` if it is not the backup that was made with the set, or its mark is damaged.
    pub async fn members(&self, set: &Backup) -> Result<Vec<(Member, Result<Backup>)>> {
        if set.mark.kind != Kind::Set {
            return Err(Error::new(
                ErrorKind::Usage,
                "it is the backup of one database, and no set",
            )
            .of_key(&set.place));
        }
        let mut found = Vec::with_capacity(set.mark.members.len());
        for member in &set.mark.members {
            let place = member.place();
            let backup = match self.listing(place.clone()).await {
                None => Err(Error::new(
                    ErrorKind::Missing,
                    "the backup belongs to the set and is not there any more",
                )
                .of_key(&place)),
                Some(listing) => listing.into_backup().and_then(|backup| {
                    if backup.mark.sums == member.sums {
                        return Ok(backup);
                    }
                    Err(Error::new(
                        ErrorKind::Integrity,
                        "it is not the backup that was made with the set",
                    )
                    .of_key(&place))
                }),
            };
            found.push((member.clone(), backup));
        }
        Ok(found)
    }

    /// Deletes a backup: the commit mark first, so that what is left of it if this is interrupted
    /// is no backup.
    ///
    /// # Errors
    ///
    /// `Missing` if there is nothing; `Store` if the store fails.
    pub async fn delete(&self, place: &Place) -> Result<()> {
        let (store, _) = self.writable().await?;
        let objects = self.objects(place).await?;
        if objects.is_empty() {
            return Err(Error::new(ErrorKind::Missing, "there is nothing to delete").of_key(place));
        }
        backend::delete(store, &place.key(MARK)).await?;
        // A local store forces a folder's entries to disk when it writes, not when it deletes.
        // With this the mark is gone for good before anything it vouches for goes.
        store
            .put(&place.key(TOMBSTONE), Bytes::from_static(b"{}\n").into())
            .await
            .map_err(|error| failed(error, &place.key(TOMBSTONE)))?;
        let names: Vec<_> = objects
            .into_keys()
            .filter(|name| name != MARK && name != TOMBSTONE)
            .collect();
        self.delete_objects(place, names).await?;
        backend::delete(store, &place.key(TOMBSTONE)).await
    }

    pub(super) async fn delete_objects(
        &self,
        place: &Place,
        names: impl IntoIterator<Item = String>,
    ) -> Result<()> {
        let store = self.store()?;
        futures::stream::iter(names)
            .map(Ok)
            .try_for_each_concurrent(MARKS_AT_ONCE, |name| async move {
                backend::delete(store, &place.key(&name)).await
            })
            .await
    }
}

/// By the moment of beginning; within a second an id says nothing of the order, the mark does.
fn order(listing: &Listing) -> (&str, Option<Timestamp>, &Place) {
    (
        listing.place.id().second(),
        listing.mark.as_ref().ok().map(|mark| mark.created),
        &listing.place,
    )
}
