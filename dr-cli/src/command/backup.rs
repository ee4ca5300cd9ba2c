//! `dr backup`: a live database, as a directory archive, into a repository.

use std::num::NonZeroUsize;
use std::sync::Arc;

use dr_core::archive::directory;
use dr_core::ops::{self, AllDatabases, BackupOptions, Receipt};
use dr_core::pg::{DumpOptions, Isolation, Session, SessionOptions, SnapshotOptions};
use dr_core::pipeline::encryption::Recipients;
use dr_core::{Error, ErrorKind, Result};
use serde_json::Value;

use super::{Context, database, selection, set};
use crate::args::Backup;
use crate::exit::Outcome;
use crate::render::{bytes, clean, count, duration};
use crate::{secrets, signal};

pub(super) async fn run(context: &Context, options: &Backup) -> Result<Outcome> {
    // Everything that cannot be meant is told before a server is asked.
    let recipients = recipients(options)?;
    let selection = selection(&options.parts);
    let info = database(context, options.database.as_deref())?;
    let jobs = NonZeroUsize::new(super::jobs(options.jobs)).unwrap_or(NonZeroUsize::MIN);
    let repository = context.repository(&options.repo.repo).await?;
    let mut wanted = BackupOptions::new()
        .jobs(jobs.get())
        .watch(context.progress.watch())
        .stop_when(context.stop.clone());
    if !recipients.is_empty() {
        wanted = wanted.encrypt_to(recipients);
    }
    if let Some(label) = &options.label {
        wanted = wanted.label(label);
    }

    let mut session = SessionOptions::new();
    if let Some(limit) = options.lock_timeout {
        session = session.lock_timeout(limit);
    }
    if let Some(role) = &options.role {
        session = session.role(role);
    }
    let mut snapshot = SnapshotOptions::new().jobs(jobs);
    if options.serializable_deferrable {
        snapshot = snapshot.isolation(Isolation::SerializableDeferrable);
    }
    let mut dumping = DumpOptions::new()
        .snapshot(snapshot)
        .watch(context.progress.watch());
    if options.schema_only {
        dumping = dumping.schema_only();
    }
    if options.statistics {
        dumping = dumping.statistics();
    }
    for record in &options.record {
        let (name, sql) = record
            .split_once('=')
            .filter(|(name, sql)| !name.trim().is_empty() && !sql.trim().is_empty())
            .ok_or_else(|| Error::new(ErrorKind::Usage, "--record is NAME=SQL"))?;
        dumping = dumping.record(name.trim(), sql);
    }
    if options.all_databases {
        let mut all = AllDatabases::new(wanted)
            .session(session)
            .dump(dumping)
            .compression(options.compress);
        for pattern in &options.exclude_database {
            all = all.exclude(pattern);
        }
        return set::backup(context, &info, &repository, &all).await;
    }
    let dump = async {
        let session = Session::connect(&info, &session).await?;
        session.dump(&selection, &dumping).await
    };
    let dump = signal::droppable(&context.stop, Box::pin(dump)).await?;
    let files = directory::files(Arc::new(dump), options.compress)?;
    let work = ops::backup(&files, &repository, &wanted);
    let receipt = signal::patient(&context.stop, Box::pin(work)).await?;
    context.progress.finish();
    context.output.result(
        || text(&receipt),
        || serde_json::to_value(&receipt).unwrap_or(Value::Null),
    )?;
    Ok(Outcome::Done)
}

fn recipients(options: &Backup) -> Result<Recipients> {
    let mut recipients = Recipients::new();
    for recipient in &options.encrypt_to {
        // No error repeats what was given: it may be an identity, given by mistake.
        recipients = recipients.add(recipient)?;
    }
    for file in &options.recipients_file {
        recipients = recipients.add_file(file)?;
    }
    Ok(
        match secrets::passphrase(options.passphrase_file.as_deref())? {
            Some(passphrase) => recipients.passphrase(passphrase),
            None => recipients,
        },
    )
}

fn text(receipt: &Receipt) -> String {
    let sealed = if receipt.stages.is_empty() {
        "not encrypted".to_owned()
    } else {
        receipt.stages.join(", ")
    };
    let label = match &receipt.label {
        Some(label) => format!(" ({})", clean(label)),
        None => String::new(),
    };
    format!(
        "{}{label}\n{} tables, {} rows, {} large objects: {} stored as {} in {} files, {sealed}; {}\n\
         SHA256SUMS has SHA-256 {}\n",
        clean(&receipt.place.to_string()),
        count(receipt.tables),
        count(receipt.rows),
        count(receipt.large_objects),
        bytes(receipt.bytes_raw),
        bytes(receipt.bytes_stored),
        count(receipt.files),
        duration(receipt.elapsed),
        receipt.sums,
    )
}
