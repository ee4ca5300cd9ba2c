//! Verification of what is stored, without a key: presence, sizes, digests.

use std::collections::BTreeSet;

use tokio::io::AsyncReadExt;
use tokio::task::JoinSet;

use super::{Outcome, Report, VerifyOptions};
use crate::digest::Sha256;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Phase};
use crate::limits::claimed;
use crate::pipeline::tap::Meter;
use crate::repo::{Backup, Place, Repository, names};

/// How much is read at once.
const READ_SIZE: usize = 1 << 20;

/// Holds the folder against the mark; the names of the objects that are there as they should be.
pub(super) async fn sizes(
    repository: &Repository,
    backup: &Backup,
    report: &mut Report,
) -> Result<BTreeSet<String>> {
    let there = repository.objects(&backup.place).await?;
    let mut present = BTreeSet::new();
    for (name, bytes) in &backup.mark.objects {
        report.objects += 1;
        match there.get(name) {
            None => report.problem(Outcome::Missing, name, "it is not in the store"),
            Some(object) if object.bytes < *bytes => report.problem(
                Outcome::Damaged,
                name,
                format_args!("truncated: {} of {bytes} bytes are stored", object.bytes),
            ),
            Some(object) if object.bytes > *bytes => report.problem(
                Outcome::Damaged,
                name,
                format_args!(
                    "trailing bytes: {} more than the {bytes} that were stored",
                    object.bytes - bytes
                ),
            ),
            Some(_) => {
                present.insert(name.clone());
            }
        }
    }
    for name in there.keys() {
        if name != names::MARK && !backup.mark.objects.contains_key(name) {
            report.problem(
                Outcome::Unexpected,
                name,
                "it is in the backup's folder and no part of the backup",
            );
        }
    }
    Ok(present)
}

/// Digests every object that is `present`, and holds it against `SHA256SUMS`.
pub(super) async fn digests(
    repository: &Repository,
    backup: &Backup,
    present: &BTreeSet<String>,
    options: &VerifyOptions,
    report: &mut Report,
) -> Result<()> {
    if !present.contains(names::SUMS) {
        // Told of already; without it there is nothing to compare with.
        return Ok(());
    }
    let sums = match repository.sums(backup).await {
        Ok(sums) => sums,
        Err(error) => {
            report.error(error);
            return Ok(());
        }
    };
    report.bytes += backup.mark.objects[names::SUMS];
    let mut waiting = Vec::new();
    for name in present {
        match sums.get(name) {
            Some(sum) => waiting.push((name.clone(), sum)),
            None if name == names::SUMS => {}
            None => report.problem(
                Outcome::Damaged,
                name,
                "the commit mark names it, SHA256SUMS does not",
            ),
        }
    }
    let watch = &options.watch;
    watch.tell(Event::Phase {
        phase: Phase::Prove,
        items: waiting.len() as u64,
        bytes: claimed(waiting.iter().map(|(name, _)| backup.mark.objects[name])),
    });
    waiting.sort_by_key(|(name, _)| backup.mark.objects[name]);
    let mut tasks = JoinSet::new();
    loop {
        while tasks.len() < options.jobs {
            let Some((name, sum)) = waiting.pop() else {
                break;
            };
            let repository = repository.clone();
            let place = backup.place.clone();
            let watch = watch.clone();
            tasks.spawn(async move {
                watch.tell(Event::ItemStarted { item: name.clone() });
                let read = digest(&repository, &place, &name, |bytes| {
                    watch.tell(Event::Advanced {
                        item: name.clone(),
                        rows: 0,
                        bytes,
                    });
                })
                .await;
                watch.tell(Event::ItemFinished { item: name.clone() });
                (name, sum, read)
            });
        }
        let Some(done) = tasks.join_next().await else {
            return Ok(());
        };
        let (name, sum, read) = done.map_err(|error| {
            Error::new(ErrorKind::Bug, "a task of the verification died").caused_by(error)
        })?;
        match read {
            Ok((found, bytes)) => {
                report.bytes += bytes;
                if found != sum {
                    report.problem(
                        Outcome::Damaged,
                        name,
                        "damaged: the stored bytes do not have the digest recorded in SHA256SUMS",
                    );
                }
            }
            Err(error) => report.error(error),
        }
    }
}

async fn digest(
    repository: &Repository,
    place: &Place,
    name: &str,
    told: impl Fn(u64),
) -> Result<(Sha256, u64)> {
    let (_, mut reader) = repository.open_object(place, name).await?;
    let mut meter = Meter::new();
    let mut buffer = vec![0; READ_SIZE];
    loop {
        let read = reader
            .read(&mut buffer)
            .await
            .map_err(|error| Error::from(error).of_key(name))?;
        if read == 0 {
            return Ok((meter.sha256(), meter.bytes()));
        }
        meter.update(&buffer[..read]);
        told(read as u64);
    }
}
