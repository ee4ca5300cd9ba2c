//! The verb `backup`: any [`Files`] into a repository, as one committed backup.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;

use super::store_files::{self, Progress, StoredFile};
use crate::digest::Sha256;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Phase, Watch};
use crate::files::{Evidence, FileInfo, Files};
use crate::limits::claimed;
use crate::pipeline::Stage;
use crate::pipeline::encryption::{self, Recipients};
use crate::repo::{About, FileRecord, Kind, Member, Place, Repository, Unfinished, names};

pub use tokio_util::sync::CancellationToken;

/// What made a backup, as its mark says.
const TOOL: &str = concat!("dr ", env!("CARGO_PKG_VERSION"));

/// What [`backup`](fn@backup) may be told.
///
/// ```
/// # fn main() -> dr_core::Result<()> {
/// use dr_core::ops::BackupOptions;
/// use dr_core::pipeline::encryption::{Recipients, Secret};
/// let options = BackupOptions::new()
///     .encrypt_to(Recipients::new().passphrase(Secret::new("correct horse battery staple")?))
///     .label("pre-migration")
///     .jobs(4);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct BackupOptions {
    recipients: Option<Recipients>,
    stages: Vec<Arc<dyn Stage>>,
    jobs: usize,
    label: Option<String>,
    database: Option<String>,
    kind: Kind,
    members: Vec<Member>,
    watch: Watch,
    stop: CancellationToken,
}

impl Default for BackupOptions {
    fn default() -> Self {
        Self {
            recipients: None,
            stages: Vec::new(),
            jobs: 1,
            label: None,
            database: None,
            kind: Kind::Logical,
            members: Vec::new(),
            watch: Watch::default(),
            stop: CancellationToken::new(),
        }
    }
}

impl std::fmt::Debug for BackupOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BackupOptions")
            .field("recipients", &self.recipients)
            .field("stages", &store_files::marks(&self.stages))
            .field("jobs", &self.jobs)
            .field("label", &self.label)
            .field("database", &self.database)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl BackupOptions {
    /// Unencrypted, one job, no label.
    pub fn new() -> Self {
        Self::default()
    }

    /// Encrypts everything to these recipients, as the last stage before the store.
    #[must_use]
    pub fn encrypt_to(mut self, recipients: Recipients) -> Self {
        self.recipients = Some(recipients);
        self
    }

    /// Adds a stage of the caller's own, before encryption and after stages added earlier. Its
    /// mark is recorded; reading the backup demands it (see
    /// [`Keys::stage`](crate::pipeline::keys::Keys::stage)).
    #[must_use]
    pub fn stage(mut self, stage: Arc<dyn Stage>) -> Self {
        self.stages.push(stage);
        self
    }

    /// How many files are read and stored at once; at least one.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs.max(1);
        self
    }

    /// A line of free text, kept in the commit mark where everybody can read it.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// The name to keep the backup under, in place of that of the database dumped.
    #[must_use]
    pub fn database(mut self, database: impl Into<String>) -> Self {
        self.database = Some(database.into());
        self
    }

    /// What kind of thing the files are.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// As the set that these backups belong to; under no database's name.
    pub(super) fn set_of(mut self, members: Vec<Member>) -> Self {
        self.kind = Kind::Set;
        self.database = Some(String::new());
        self.members = members;
        self
    }

    /// Work before the backup begins, until it is stopped.
    pub(super) async fn unless_stopped<T>(
        &self,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(stopped()),
            done = work => done,
        }
    }

    /// Whether it has been stopped.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Who watches.
    pub(super) fn watcher(&self) -> &Watch {
        &self.watch
    }

    /// Who is told of the progress.
    #[must_use]
    pub fn watch(mut self, watch: Watch) -> Self {
        self.watch = watch;
        self
    }

    /// Stops the backup when the token is canceled: what was written is deleted, and the error
    /// is of kind `Interrupted`. Dropping the future does the same, if the runtime lives on for
    /// long enough.
    #[must_use]
    pub fn stop_when(mut self, token: CancellationToken) -> Self {
        self.stop = token;
        self
    }
}

/// Proof of a backup: it is committed, and this is what is in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Receipt {
    /// The backup's id.
    pub id: crate::repo::BackupId,
    /// Database and id, which is where it lies in the repository.
    pub place: Place,
    /// Free text given to it.
    pub label: Option<String>,
    /// When it was begun.
    pub created: Timestamp,
    /// Files of the backup.
    pub files: u64,
    /// Tables with data.
    pub tables: u64,
    /// Their rows.
    pub rows: u64,
    /// Large objects.
    pub large_objects: u64,
    /// Bytes of rows and large objects, before compression.
    pub bytes_raw: u64,
    /// Bytes of the files, before the stages.
    pub bytes_files: u64,
    /// Bytes as stored, of everything but the commit mark.
    pub bytes_stored: u64,
    /// The marks of the stages that the files passed.
    pub stages: Vec<String>,
    /// SHA-256 of `SHA256SUMS`: with it at hand, nothing of the backup can change unseen.
    pub sums: Sha256,
    /// How long it took.
    pub elapsed: Duration,
}

/// Backs up `files` into `repository`.
///
/// The files are opened in their own order, [`jobs`](BackupOptions::jobs) at a time; each passes
/// the stages and is digested as it is stored. Then come the manifest, the digests and, last and
/// never over another, the commit mark. If anything fails, if the work is stopped or dropped,
/// there is no backup, and what was written is deleted as far as the store lets.
///
/// # Examples
///
/// A live database, encrypted; the [overview](crate) has an example that needs no server.
///
/// ```no_run
/// use dr_core::archive::directory;
/// use dr_core::ops::{BackupOptions, backup};
/// use dr_core::pg::{ConnInfo, DumpOptions, Environment, Session, SessionOptions};
/// use dr_core::pipeline::compression::Compression;
/// use dr_core::pipeline::encryption::Recipients;
/// use dr_core::repo::Repository;
/// use dr_core::toc::Selection;
/// use std::path::Path;
/// use std::sync::Arc;
///
/// # #[tokio::main]
/// # async fn main() -> dr_core::Result<()> {
/// let database = ConnInfo::resolve(Some("service=shop"), &Environment::of_process())?;
/// let session = Session::connect(&database, &SessionOptions::new()).await?;
/// let wanted = Selection::all().without_data_of("audit.*");
/// let dump = session.dump(&wanted, &DumpOptions::new()).await?;
///
/// let files = directory::files(Arc::new(dump), Compression::Zstd(3))?;
/// let repository = Repository::open("/var/backups/dr").await?;
/// let options = BackupOptions::new()
///     .database("shop")
///     .encrypt_to(Recipients::new().add_file(Path::new("recipients.txt"))?);
/// let receipt = backup(&files, &repository, &options).await?;
/// println!("{}: {} rows", receipt.place, receipt.rows);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Those of the files; `Usage` for options that cannot be meant; `Unsupported` or `Format` for
/// file names that cannot be kept, before anything is written; `Store`; `Interrupted`.
pub async fn backup(
    files: &dyn Files,
    repository: &Repository,
    options: &BackupOptions,
) -> Result<Receipt> {
    let started = Instant::now();
    let watch = &options.watch;
    watch.tell(Event::Phase {
        phase: Phase::Prepare,
        items: 0,
        bytes: 0,
    });
    let list = files.list();
    check(&list, options)?;
    let (stages, sealed_identity) = seal(options).await?;
    let about = {
        let mut about = About::new(match &options.database {
            Some(database) => database.clone(),
            None => files.evidence().source.database,
        });
        about.kind = options.kind;
        about.label = options.label.clone();
        about.stages = store_files::marks(&stages);
        about.members.clone_from(&options.members);
        about
    };
    let unfinished = repository.begin(about).await?;
    if let Some(later) = unfinished.dated_later() {
        watch.notice(format!(
            "backup {later} is dated later than now: the clock was put back, or another machine's \
             differs; until it has caught up latest names that backup, so name this one by its id"
        ));
    }
    let mut work = Work {
        tasks: store_files::Tasks::new(),
        unfinished,
        over: false,
    };
    let done = tokio::select! {
        biased;
        () = options.stop.cancelled() => Err(stopped()),
        done = work.run(files, list, &stages, sealed_identity, options) => done,
    };
    match done {
        Ok(mut receipt) => {
            work.over = true;
            receipt.elapsed = started.elapsed();
            Ok(receipt)
        }
        Err(error) => {
            work.over = true;
            work.tasks.shutdown().await;
            tidy_up(&work.unfinished).await;
            Err(error)
        }
    }
}

fn stopped() -> Error {
    Error::new(
        ErrorKind::Interrupted,
        "the backup was stopped; nothing of it is kept",
    )
}

/// What can be refused before anything is written.
fn check(list: &[FileInfo], options: &BackupOptions) -> Result<()> {
    if let Some(stage) = options
        .stages
        .iter()
        .find(|stage| stage.mark() == encryption::MARK || stage.mark().is_empty())
    {
        return Err(Error::new(
            ErrorKind::Usage,
            format!(
                "a stage of the caller's cannot be marked {:?}: that is dr's own",
                stage.mark()
            ),
        ));
    }
    let mut seen = std::collections::HashSet::with_capacity(list.len());
    for file in list {
        Unfinished::check_file_name(&file.name)?;
        if !seen.insert(&file.name) {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("two files are called {}", file.name),
            ));
        }
    }
    Ok(())
}

type Stages = Arc<[Arc<dyn Stage>]>;

async fn seal(options: &BackupOptions) -> Result<(Stages, Option<Vec<u8>>)> {
    let mut stages = options.stages.clone();
    let mut sealed_identity = None;
    if let Some(recipients) = options.recipients.clone() {
        // With a passphrase this is a tenth of a second of nothing but work.
        let sealing = tokio::task::spawn_blocking(move || recipients.seal())
            .await
            .map_err(|error| {
                Error::new(ErrorKind::Bug, "preparing the encryption failed").caused_by(error)
            })??;
        sealed_identity = sealing.sealed_identity;
        stages.push(Arc::new(sealing.stage));
    }
    Ok((stages.into(), sealed_identity))
}

async fn tidy_up(unfinished: &Unfinished) {
    if let Err(error) = unfinished.discard().await {
        // Not listed, and told apart from the error that made it so.
        tracing::warn!(
            place = %unfinished.place(),
            %error,
            "what was written of the failed backup could not be deleted; sweep it with \
             `dr prune --orphans`"
        );
    }
}

/// A backup at work. Dropped before it is over, it takes back what was written.
struct Work {
    tasks: store_files::Tasks,
    unfinished: Unfinished,
    over: bool,
}

impl Drop for Work {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if !self.over {
            let mut tasks = std::mem::take(&mut self.tasks);
            let unfinished = self.unfinished.clone();
            // This outlives its owner on purpose: there is nobody else left to do it.
            runtime.spawn(async move {
                tasks.shutdown().await;
                tidy_up(&unfinished).await;
            });
        }
    }
}

impl Work {
    async fn run(
        &mut self,
        files: &dyn Files,
        list: Vec<FileInfo>,
        stages: &Stages,
        sealed_identity: Option<Vec<u8>>,
        options: &BackupOptions,
    ) -> Result<Receipt> {
        let watch = &options.watch;
        watch.tell(Event::Phase {
            phase: Phase::Store,
            items: list.len() as u64,
            bytes: claimed(list.iter().filter_map(|file| file.size_hint)),
        });
        let unfinished = &self.unfinished;
        let mut objects = Vec::with_capacity(list.len() + 3);
        if let Some(sealed) = sealed_identity {
            let stored = unfinished.put(names::IDENTITY, sealed.into()).await?;
            objects.push((names::IDENTITY.to_owned(), stored));
        }
        // The table of contents goes last of the files: with it, a folder looks like an archive.
        let (contents, data): (Vec<_>, Vec<_>) =
            list.into_iter().partition(|file| file.name == "toc.dat");
        let progress = Progress::new(watch, files);
        let mut stored: Vec<StoredFile> = Vec::with_capacity(data.len() + 1);
        for (list, jobs) in [(data, options.jobs), (contents, 1)] {
            stored.extend(
                store_files::store(
                    &mut self.tasks,
                    files,
                    list,
                    unfinished,
                    stages,
                    jobs,
                    &progress,
                )
                .await?,
            );
        }
        let bytes_files = stored.iter().map(|file| file.bytes).sum();
        let count = stored.len() as u64;
        let records = stored
            .into_iter()
            .map(|file| {
                objects.push((file.stored_name.clone(), file.stored));
                FileRecord::new(file.name, file.bytes, file.stored_name, file.stored.sha256)
            })
            .collect();
        let evidence = files.evidence();
        let totals = Totals::of(&evidence);
        let manifest = unfinished.manifest(TOOL, records, evidence);
        let manifest = store_files::store_bytes(
            &mut self.tasks,
            unfinished,
            stages,
            names::MANIFEST,
            manifest,
        )
        .await?;
        objects.push((manifest.stored_name, manifest.stored));
        let backup = unfinished.commit(TOOL, &objects, bytes_files).await?;
        Ok(Receipt {
            id: backup.id().clone(),
            label: backup.mark.label.clone(),
            created: backup.mark.created,
            files: count,
            tables: totals.tables,
            rows: totals.rows,
            large_objects: totals.large_objects,
            bytes_raw: totals.bytes,
            bytes_files,
            bytes_stored: backup.mark.stored_bytes(),
            stages: backup.mark.stages.clone(),
            sums: backup.mark.sums,
            elapsed: Duration::ZERO,
            place: backup.place,
        })
    }
}

struct Totals {
    tables: u64,
    rows: u64,
    large_objects: u64,
    bytes: u64,
}

impl Totals {
    fn of(evidence: &Evidence) -> Self {
        let tables = evidence.tables.values().map(|table| table.digest);
        let objects = evidence.large_objects.values();
        Self {
            tables: evidence.tables.len() as u64,
            rows: tables.clone().map(|digest| digest.rows).sum(),
            large_objects: evidence.large_objects.len() as u64,
            bytes: tables.map(|digest| digest.bytes).sum::<u64>()
                + objects.map(|object| object.bytes).sum::<u64>(),
        }
    }
}
