//! A backup that is being written. Used by `ops::backup`; becomes a [`Backup`] by its commit.

use bytes::Bytes;
use jiff::Timestamp;
use tokio_util::task::TaskTracker;

use super::backend::{self, Create};
use super::layout::{BackupId, MARK, Place, RESERVED, SUMS, check_object_name};
use super::manifest::Manifest;
use super::mark::{FORMAT, Kind, Mark, Member, check_label};
use super::repository::{Backup, Repository};
use super::sums::Sums;
use super::upload::{ObjectWriter, Stored, Written};
use crate::error::{Error, ErrorKind, Result};
use crate::files::Evidence;

/// A backup that is being written: a folder without a commit mark, which nobody lists.
#[derive(Debug, Clone)]
pub struct Unfinished {
    repository: Repository,
    create: Create,
    place: Place,
    created: Timestamp,
    /// The newest backup of the database, if it is dated later than this one.
    later: Option<Place>,
    kind: Kind,
    label: Option<String>,
    stages: Vec<String>,
    members: Vec<Member>,
    /// Calls to the store that are under way.
    calls: TaskTracker,
}

/// What is said of a backup when it is begun.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct About {
    /// The database's name; empty for a set.
    pub database: String,
    /// What is backed up.
    pub kind: Kind,
    /// Free text.
    pub label: Option<String>,
    /// The marks of the stages, in order.
    pub stages: Vec<String>,
    /// Of a set: the backups that belong to it.
    pub members: Vec<Member>,
}

impl About {
    /// A backup of `database`.
    pub fn new(database: impl Into<String>) -> Self {
        Self {
            database: database.into(),
            ..Self::default()
        }
    }
}

impl Repository {
    /// Begins a backup: makes the repository if there is none, and chooses an id.
    ///
    /// # Errors
    ///
    /// `Usage` for a database without a name or a label of more than one line; `Store` if the
    /// repository cannot be written to.
    pub async fn begin(&self, about: About) -> Result<Unfinished> {
        if about.database.is_empty() && about.kind != Kind::Set {
            return Err(Error::new(
                ErrorKind::Usage,
                "a backup is kept under a database's name, and none was given",
            ));
        }
        if let Some(label) = &about.label {
            check_label(label)?;
        }
        let (_, create) = self.writable().await?;
        let created = Timestamp::now();
        let id = BackupId::new(created);
        let later = match self.newest(Some(&about.database)).await {
            Ok(newest) => Some(newest.place).filter(|place| place.id().second() > id.second()),
            Err(error) if error.kind() == ErrorKind::Missing => None,
            Err(error) => return Err(error),
        };
        let place = Place::new(about.database, id);
        self.backend().make_folder(&place.folder())?;
        Ok(Unfinished {
            repository: self.clone(),
            create,
            place,
            created,
            later,
            kind: about.kind,
            label: about.label,
            stages: about.stages,
            members: about.members,
            calls: TaskTracker::new(),
        })
    }
}

impl Unfinished {
    /// Where it will lie.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// When it was begun.
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// The newest backup of the same database, if by its id it was begun after this one: then the
    /// clock was put back, or another machine's differs, and `latest` goes on naming that one.
    pub fn dated_later(&self) -> Option<&Place> {
        self.later.as_ref()
    }

    /// Refuses a name that a file of a backup cannot have.
    ///
    /// # Errors
    ///
    /// `Unsupported` for names that dr's own objects have, `Format` for those no store takes.
    pub fn check_file_name(name: &str) -> Result<()> {
        if RESERVED
            .iter()
            .any(|reserved| name.eq_ignore_ascii_case(reserved))
        {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("a file of a backup cannot be called {name}: dr keeps its own there"),
            ));
        }
        check_object_name(name)
    }

    /// A writer for one object.
    ///
    /// # Errors
    ///
    /// `Format` for a name that no store takes.
    pub fn writer(&self, name: &str) -> Result<ObjectWriter> {
        check_object_name(name)?;
        let backend = self.repository.backend();
        // In a local folder every write that is forced to disk waits for the disk twice. For
        // thousands of small tables that takes longer than dumping them; so files are forced
        // there while others are being written, and their folder once, with `SHA256SUMS`.
        let store = if name.contains('/') {
            backend.store()?
        } else {
            backend.lazy()?
        };
        Ok(ObjectWriter::new(
            store.clone(),
            self.place.key(name),
            backend.parts,
            self.calls.clone(),
        ))
    }

    /// Makes an object last whatever happens to the machine. Several should be under way at once:
    /// the disk does them together.
    ///
    /// # Errors
    ///
    /// `Store` if the disk fails.
    pub fn settle(
        &self,
        name: &str,
        written: Written,
    ) -> impl Future<Output = Result<Stored>> + Send + use<> {
        let settled = self.repository.backend().settle(&self.place.key(name));
        async move {
            settled.await?;
            Ok(written.0)
        }
    }

    /// Writes a small object, to stay.
    ///
    /// # Errors
    ///
    /// `Store` if the store fails.
    pub async fn put(&self, name: &str, bytes: Bytes) -> Result<Stored> {
        check_object_name(name)?;
        let mut writer = ObjectWriter::new(
            self.repository.store()?.clone(),
            self.place.key(name),
            self.repository.backend().parts,
            self.calls.clone(),
        );
        writer.write(bytes).await?;
        Ok(writer.finish().await?.0)
    }

    /// The bytes of the manifest, before the stages.
    pub fn manifest(
        &self,
        tool: &str,
        files: Vec<super::FileRecord>,
        evidence: Evidence,
    ) -> Vec<u8> {
        Manifest {
            format: FORMAT,
            id: self.place.id().clone(),
            database: self.place.database().to_owned(),
            kind: self.kind,
            label: self.label.clone(),
            created: self.created,
            tool: tool.to_owned(),
            stages: self.stages.clone(),
            files,
            members: self.members.clone(),
            evidence,
        }
        .to_bytes()
    }

    /// Makes it a backup: writes `SHA256SUMS` (which makes the entries of all other objects of a
    /// local folder last), asks the store whether every object is there as it
    /// was written, and puts the commit mark.
    ///
    /// # Errors
    ///
    /// `Integrity` if the store has not what was written to it; `Store` if it fails. The backup
    /// then does not exist; [`discard`](Self::discard) it.
    pub async fn commit(
        &self,
        tool: &str,
        objects: &[(String, Stored)],
        bytes: u64,
    ) -> Result<Backup> {
        let mut sums = Sums::default();
        for (name, stored) in objects {
            sums.insert(name, stored.sha256)?;
        }
        let sums = self.put(SUMS, Bytes::from(sums.to_text())).await?;
        let mark = Mark {
            format: FORMAT,
            id: self.place.id().clone(),
            database: self.place.database().to_owned(),
            kind: self.kind,
            label: self.label.clone(),
            created: self.created,
            finished: Timestamp::now(),
            tool: tool.to_owned(),
            stages: self.stages.clone(),
            bytes,
            objects: objects
                .iter()
                .map(|(name, stored)| (name.clone(), stored.bytes))
                .chain([(SUMS.to_owned(), sums.bytes)])
                .collect(),
            sums: sums.sha256,
            members: self.members.clone(),
        };
        let there = self.repository.objects(&self.place).await?;
        for (name, bytes) in &mark.objects {
            let found = there.get(name).map(|object| object.bytes);
            if found != Some(*bytes) {
                let message = match found {
                    None => "the store does not have it although it took it".to_owned(),
                    Some(found) => {
                        format!("the store has {found} bytes of the {bytes} that it took")
                    }
                };
                return Err(Error::new(ErrorKind::Integrity, message).of_key(self.place.key(name)));
            }
        }
        backend::create(
            self.repository.store()?,
            self.create,
            &self.place.key(MARK),
            Bytes::from(mark.to_bytes()),
        )
        .await?;
        Ok(Backup {
            place: self.place.clone(),
            mark,
        })
    }

    /// Deletes what was written. The mark goes first: its put may have failed only on the way
    /// back.
    ///
    /// # Errors
    ///
    /// `Store` if the store fails; what is left is an orphan.
    pub async fn discard(&self) -> Result<()> {
        // A call that is still under way could make something appear when all is deleted.
        self.calls.close();
        self.calls.wait().await;
        let store = self.repository.store()?;
        backend::delete(store, &self.place.key(MARK)).await?;
        let objects = self.repository.objects(&self.place).await?;
        self.repository
            .delete_objects(&self.place, objects.into_keys())
            .await?;
        self.repository.remove_parts(&self.place)?;
        self.repository.remove_empty(&self.place);
        Ok(())
    }
}
