//! One function for each verb: the words of a request become options, the verb of `dr_core::ops`
//! runs, and what it returns becomes a JSON value.

use std::num::NonZeroUsize;
use std::sync::Arc;

use dr_core::archive::directory;
use dr_core::ops::{
    self, AllDatabases, BackupOptions, ConvertOptions, ExtractOptions, GlobalsOptions, LiveOptions,
    PruneOptions, ReadOptions, RestoreOptions, SetOptions, VerifyLevel, VerifyOptions, as_json,
};
use dr_core::pg::{DumpOptions, Isolation, Session, SessionOptions, SnapshotOptions};
use dr_core::repo::Repository;
use dr_core::toc::{Kind, Selection, Toc};
use dr_core::{Dump, Error, ErrorKind, Result};
use futures::FutureExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::request;
use crate::work::Work;

/// Runs the verb of that name. Boxed: a caller's task is no place for the state of all verbs.
pub(crate) async fn run(verb: String, request: Value, work: Work) -> Result<Value> {
    match &verb[..] {
        // These clean up before they stop, and see to it themselves.
        "backup" => backup(words(request)?, &work).boxed().await,
        "backup_all" => backup_all(words(request)?, &work).boxed().await,
        "restore" => restore(words(request)?, &work).boxed().await,
        "restore_all" => restore_all(words(request)?, &work).boxed().await,
        "extract" => extract(words(request)?, &work).boxed().await,
        "convert" => convert(words(request)?, &work).boxed().await,
        _ => {
            let work = &work;
            work.unless_stopped(read(&verb, request, work).boxed())
                .await
        }
    }
}

/// Verbs that leave nothing behind wherever they are stopped.
async fn read(verb: &str, request: Value, work: &Work) -> Result<Value> {
    match verb {
        "list" => list(words(request)?).await,
        "latest" => latest(words(request)?).await,
        "show" => show(words(request)?, work).await,
        "verify" => verify(words(request)?, work).await,
        "verify_dump" => verify_dump(words(request)?, work).await,
        "verify_against_live" => verify_against_live(words(request)?, work).boxed().await,
        "plan" => plan(words(request)?, work).await,
        "restore_globals" => restore_globals(words(request)?, work).boxed().await,
        "rows" => rows(words(request)?, work).await,
        "prune_orphans" => prune_orphans(words(request)?, work).await,
        _ => Err(Error::new(
            ErrorKind::Bug,
            format!("there is no verb {verb}"),
        )),
    }
}

fn words<T: DeserializeOwned>(request: Value) -> Result<T> {
    // The cause is not told: it could repeat a word that is a secret.
    serde_json::from_value(request).map_err(|error| {
        Error::new(
            ErrorKind::Usage,
            match error.is_data() {
                true => "an argument is not of the type that the documentation says",
                false => "the arguments cannot be meant",
            },
        )
    })
}

fn value(result: &impl Serialize) -> Result<Value> {
    serde_json::to_value(result)
        .map_err(|error| Error::new(ErrorKind::Bug, "a result is no JSON").caused_by(error))
}

async fn repository(place: &request::Place) -> Result<Repository> {
    Ok(Repository::open(&place.url)
        .await?
        .with_limits(place.limits()?))
}

/// The dump in a backup, or in a file.
async fn open(what: &request::What, work: &Work) -> Result<Arc<dyn Dump>> {
    let Some(place) = &what.repository else {
        let mut options = ReadOptions::new().watch(work.watch());
        if let Some(database) = &what.database {
            options = options.database(database);
        }
        return ops::open_dump(what.name.as_ref(), &options).await;
    };
    let keys = what.keys.keys()?;
    let repository = repository(place).await?;
    let backup = repository.find(&what.name).await?;
    backup.one_database()?;
    let files = repository.files(&backup, &keys).await?;
    let limits = place.limits()?;
    Ok(Arc::new(
        directory::dump_within(Arc::new(files), limits).await?,
    ))
}

/// What is wanted of a dump; what a person should know of the choice is told.
fn select(dump: &dyn Dump, selection: &Selection, work: &Work) -> Result<Toc> {
    let selected = dump.toc().select(selection)?;
    for notice in &selected.notices {
        work.watch().notice(notice.to_string());
    }
    Ok(selected.toc)
}

fn planned(dump: &dyn Dump, toc: &Toc) -> dr_core::toc::Plan {
    dr_core::toc::Plan::of(toc).sized(toc, |entry| dump.size_hint(entry))
}

async fn backup(request: request::Backup, work: &Work) -> Result<Value> {
    // Everything that cannot be meant is told before a server is asked.
    let options = backup_options(&request, work)?;
    let compression = request.compression.parse()?;
    let dumping = dump_options(&request, work)?;
    let info = request.database.resolve(work)?;
    let repository = repository(&request.repository).await?;
    let session = session_options(&request)?;
    let selection = request.parts.selection();
    let dump = async {
        let session = Session::connect(&info, &session).await?;
        session.dump(&selection, &dumping).await
    };
    let dump = work.unless_stopped(dump.boxed()).await?;
    let files = directory::files(Arc::new(dump), compression)?;
    value(&ops::backup(&files, &repository, &options).boxed().await?)
}

async fn backup_all(request: request::BackupAll, work: &Work) -> Result<Value> {
    let one = &request.backup;
    let mut options = AllDatabases::new(backup_options(one, work)?)
        .session(session_options(one)?)
        .dump(dump_options(one, work)?)
        .compression(one.compression.parse()?);
    for pattern in &request.exclude_databases {
        options = options.exclude(pattern);
    }
    let server = one.database.resolve(work)?;
    let repository = repository(&one.repository).await?;
    let done = ops::backup_all(&server, &repository, &options).boxed();
    Ok(as_json::set_receipt(&done.await?))
}

fn jobs(request: &request::Backup) -> Result<NonZeroUsize> {
    Ok(NonZeroUsize::new(request.jobs.count()?).unwrap_or(NonZeroUsize::MIN))
}

fn session_options(request: &request::Backup) -> Result<SessionOptions> {
    let mut session = SessionOptions::new();
    if let Some(limit) = request.lock_timeout()? {
        session = session.lock_timeout(limit);
    }
    if let Some(role) = &request.role {
        session = session.role(role);
    }
    Ok(session)
}

fn dump_options(request: &request::Backup, work: &Work) -> Result<DumpOptions> {
    let mut snapshot = SnapshotOptions::new().jobs(jobs(request)?);
    if request.serializable_deferrable {
        snapshot = snapshot.isolation(Isolation::SerializableDeferrable);
    }
    let mut dumping = DumpOptions::new().snapshot(snapshot).watch(work.watch());
    for (name, sql) in &request.record {
        dumping = dumping.record(name, sql);
    }
    if request.schema_only {
        dumping = dumping.schema_only();
    }
    if request.statistics {
        dumping = dumping.statistics();
    }
    Ok(dumping)
}

fn backup_options(request: &request::Backup, work: &Work) -> Result<BackupOptions> {
    let recipients = request.recipients()?;
    let mut options = BackupOptions::new()
        .jobs(jobs(request)?.get())
        .watch(work.watch())
        .stop_when(work.stop().clone());
    if !recipients.is_empty() {
        options = options.encrypt_to(recipients);
    }
    if let Some(label) = &request.label {
        options = options.label(label);
    }
    Ok(options)
}

async fn list(request: request::List) -> Result<Value> {
    let listings = repository(&request.repository).await?.list().await?;
    Ok(listings.iter().map(as_json::listing).collect())
}

async fn latest(request: request::Latest) -> Result<Value> {
    let repository = repository(&request.repository).await?;
    let backup = repository.latest(request.database.as_deref()).await?;
    let listings = repository.list().await?;
    let listing = listings.iter().find(|one| one.place == backup.place);
    listing.map(as_json::listing).ok_or_else(|| {
        Error::new(ErrorKind::Conflict, "it was deleted meanwhile").of_key(&backup.place)
    })
}

async fn show(request: request::Show, work: &Work) -> Result<Value> {
    let what = &request.what;
    let Some(place) = &what.repository else {
        let dump = open(what, work).await?;
        return Ok(as_json::contents(&*dump, request.entries));
    };
    let repository = repository(place).await?;
    let backup = repository.find(&what.name).await?;
    // Without a key there is still the mark to show.
    if backup.mark.is_encrypted() && !what.keys.are_given() {
        return Ok(as_json::backup(&backup, None, None));
    }
    let files = repository.files(&backup, &what.keys.keys()?).await?;
    let manifest = files.manifest().clone();
    let dump = match request.entries && backup.one_database().map(|()| true)? {
        true => Some(directory::dump_within(Arc::new(files), place.limits()?).await?),
        false => None,
    };
    let toc = dump.as_ref().map(|dump| dump.toc());
    Ok(as_json::backup(&backup, Some(&manifest), toc))
}

async fn verify(request: request::Verify, work: &Work) -> Result<Value> {
    let level = match &request.level[..] {
        "quick" => VerifyLevel::Quick,
        "stored" => VerifyLevel::Stored,
        "deep" => VerifyLevel::Deep,
        _ => {
            return Err(Error::new(
                ErrorKind::Usage,
                "level is \"quick\", \"stored\" or \"deep\"",
            ));
        }
    };
    let place = stored(&request.what)?;
    let options = VerifyOptions::new()
        .level(level)
        .jobs(request.jobs.count()?)
        .keys(request.what.keys.keys()?)
        .watch(work.watch());
    let repository = repository(place).await?;
    let report = ops::verify(&repository, &request.what.name, &options).await?;
    Ok(as_json::report(&report))
}

fn stored(what: &request::What) -> Result<&request::Place> {
    what.repository.as_ref().ok_or_else(|| {
        Error::new(
            ErrorKind::Usage,
            "this is no backup in a repository: it has no digests to be held against",
        )
    })
}

async fn verify_dump(request: request::VerifyDump, work: &Work) -> Result<Value> {
    if request.what.repository.is_some() {
        return Err(Error::new(
            ErrorKind::Usage,
            "a backup is verified by its repository, which holds it against its digests",
        ));
    }
    let options = VerifyOptions::new()
        .jobs(request.jobs.count()?)
        .watch(work.watch());
    let dump = open(&request.what, work).await?;
    let report = ops::verify_dump(dump, &options).await?;
    Ok(as_json::dump_report(&report))
}

async fn verify_against_live(request: request::VerifyAgainstLive, work: &Work) -> Result<Value> {
    let live = request.database.resolve(work)?;
    let options = LiveOptions::new()
        .jobs(request.jobs.count()?)
        .watch(work.watch());
    let dump = open(&request.what, work).await?;
    let report = ops::verify_against_live(&*dump, &live, &options).await?;
    Ok(as_json::live_report(&report))
}

async fn plan(request: request::Plan, work: &Work) -> Result<Value> {
    let dump = open(&request.what, work).await?;
    let toc = select(&*dump, &request.parts.selection(), work)?;
    let plan = planned(&*dump, &toc);
    Ok(json!({ "plan": plan, "text": plan.to_string() }))
}

async fn restore(request: request::Restore, work: &Work) -> Result<Value> {
    let target = request.into.resolve(work)?;
    let mut options = RestoreOptions::new()
        .jobs(request.jobs.count()?)
        .watch(work.watch())
        .stopped_by(work.stop().clone());
    for (wanted, set) in [
        (request.create, RestoreOptions::create as fn(_) -> _),
        (
            request.single_transaction,
            RestoreOptions::single_transaction,
        ),
        (request.no_owner, RestoreOptions::no_owner),
        (request.no_acl, RestoreOptions::no_acl),
        (request.no_tablespaces, RestoreOptions::no_tablespaces),
        (request.keep_failed, RestoreOptions::keep_failed),
    ] {
        if wanted {
            options = set(options);
        }
    }
    let dump = work.unless_stopped(open(&request.what, work)).await?;
    let kinds = dump.toc().kinds_named(&request.exclude_kinds)?;
    let selection = request.parts.selection().without_kinds(kinds);
    let toc = select(&*dump, &selection, work)?;
    let plan = planned(&*dump, &toc);
    let globals = match request.globals {
        true => {
            let made = made_globals(&*dump, &target, request.no_tablespaces, work);
            Some(work.unless_stopped(made.boxed()).await?)
        }
        false => None,
    };
    let restored = ops::restore(&plan, &*dump, &target, &options).await?;
    for notice in &restored.notices {
        work.watch().notice(notice);
    }
    let mut json = as_json::restored(&restored);
    if let Some(globals) = globals {
        json["globals"] = globals;
    }
    Ok(json)
}

async fn restore_all(request: request::RestoreAll, work: &Work) -> Result<Value> {
    let target = request.into.resolve(work)?;
    let mut options = RestoreOptions::new()
        .jobs(request.jobs.count()?)
        .watch(work.watch())
        .stopped_by(work.stop().clone());
    for (wanted, set) in [
        (request.no_owner, RestoreOptions::no_owner as fn(_) -> _),
        (request.no_acl, RestoreOptions::no_acl),
        (request.no_tablespaces, RestoreOptions::no_tablespaces),
        (request.keep_failed, RestoreOptions::keep_failed),
    ] {
        if wanted {
            options = set(options);
        }
    }
    let mut options = SetOptions::new(options).without_kinds(&request.exclude_kinds);
    if request.globals {
        options = options.globals(globals_options(request.no_tablespaces));
    }
    let keys = request.what.keys.keys()?;
    let place = stored(&request.what)?;
    let repository = repository(place).await?;
    let set = repository.find(&request.what.name).await?;
    let done = ops::restore_all(&repository, &set, &keys, &target, &options).boxed();
    Ok(as_json::restored_set(&done.await?))
}

fn globals_options(no_tablespaces: bool) -> GlobalsOptions {
    match no_tablespaces {
        true => GlobalsOptions::new().no_tablespaces(),
        false => GlobalsOptions::new(),
    }
}

async fn restore_globals(request: request::RestoreGlobals, work: &Work) -> Result<Value> {
    let target = request.into.resolve(work)?;
    let dump = open(&request.what, work).await?;
    made_globals(&*dump, &target, request.no_tablespaces, work).await
}

async fn made_globals(
    dump: &dyn Dump,
    target: &dr_core::pg::ConnInfo,
    no_tablespaces: bool,
    work: &Work,
) -> Result<Value> {
    let options = globals_options(no_tablespaces);
    let made = ops::restore_globals(&dump.evidence(), target, &options).await?;
    for notice in &made.notices {
        work.watch().notice(notice);
    }
    value(&made)
}

async fn extract(request: request::Extract, work: &Work) -> Result<Value> {
    let mut selection = Selection::tables(&request.tables);
    if request.with_dependencies {
        selection = selection.with_dependencies();
    }
    if request.no_acl {
        selection = selection.without_kinds([Kind::Acl, Kind::DefaultAcl]);
    }
    let into = match &request.into {
        Some(database) => Some(database.resolve(work)?),
        None => None,
    };
    let mut request = request;
    let to = match request.to.take() {
        Some(to) => Some(to.extract(None)?),
        None => None,
    };
    if let Some(to) = &to {
        request.check(to.format())?;
    }
    let dump = work.unless_stopped(open(&request.what, work)).await?;
    let toc = select(&*dump, &selection, work)?;
    if let Some(target) = into {
        let mut options = RestoreOptions::new()
            .beside()
            .watch(work.watch())
            .stopped_by(work.stop().clone());
        if request.no_owner {
            options = options.no_owner();
        }
        if request.no_acl {
            options = options.no_acl();
        }
        let plan = planned(&*dump, &toc);
        let restored = ops::restore(&plan, &*dump, &target, &options).await?;
        return Ok(as_json::restored(&restored));
    }
    let mut options = ExtractOptions::new()
        .jobs(request.jobs.count()?)
        .watch(work.watch())
        .stopped_by(work.stop().clone());
    if request.no_owner {
        options = options.no_owner();
    }
    let to = to.ok_or_else(|| Error::new(ErrorKind::Usage, "say where to extract to"))?;
    value(&ops::extract(dump, toc, to, &options).await?)
}

async fn convert(request: request::Convert, work: &Work) -> Result<Value> {
    let version = match &request.archive_version {
        Some(version) => Some(version.parse()?),
        None => None,
    };
    let to = request.to.extract(version)?;
    let mut options = ConvertOptions::new()
        .jobs(request.jobs.count()?)
        .watch(work.watch())
        .stopped_by(work.stop().clone());
    if let Some(version) = version {
        options = options.archive_version(version);
    }
    if let Some(place) = &request.what.repository {
        options = options.limits(place.limits()?);
    }
    let dump = work.unless_stopped(open(&request.what, work)).await?;
    let toc = dump.toc().clone();
    value(&ops::convert(dump, toc, to, &options).await?)
}

async fn rows(request: request::Rows, work: &Work) -> Result<Value> {
    let dump = open(&request.what, work).await?;
    let toc = select(&*dump, &Selection::tables([&request.table]), work)?;
    let mut rows = ops::rows(dump, toc, work.watch()).await?;
    work.columns_are(rows.columns().to_vec(), rows.encoding());
    while let Some(batch) = rows.next_batch().await? {
        work.hand_over(batch).await;
    }
    Ok(Value::Null)
}

async fn prune_orphans(request: request::Prune, work: &Work) -> Result<Value> {
    let older_than = request::seconds("older_than", request.older_than)?;
    let older_than = jiff::SignedDuration::try_from(older_than)
        .map_err(|error| Error::new(ErrorKind::Usage, "older_than is too long").caused_by(error))?;
    let mut options = PruneOptions::new()
        .older_than(older_than)
        .watch(work.watch());
    if request.dry_run {
        options = options.dry_run();
    }
    let repository = repository(&request.repository).await?;
    let pruned = ops::prune_orphans(&repository, &options).await?;
    Ok(as_json::pruned(&pruned, request.dry_run))
}
