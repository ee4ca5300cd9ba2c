//! Restoring a plan of a dump into a database, and proving it: every table is counted, digested
//! and compared after it was loaded.
//!
//! Called by the command and by Python. A restore that fails takes back what it made; what it
//! makes has the name that was asked for only when everything in it is proven.

mod blocks;
mod content;
mod executor;
mod load;
mod options;
mod place;
mod preflight;
mod prove;
mod public_schema;
mod report;
mod schedule;
mod session;
mod stop;

use std::time::Instant;

pub use options::RestoreOptions;
pub use report::{Against, LargeObjectsProof, Restored, SequenceProof, TableProof, Verdict};

use self::executor::{Executor, Proof};
use self::options::Place;
use self::place::{EmptyPlace, NewPlace, REACH_THE_DISK};
use self::session::{Door, Session};
use self::stop::{stopped, unless_stopped};
use super::hooks::HookOutcome;
use super::promptly::promptly;
use super::swap::Swapped;
use crate::dump::Dump;
use crate::error::Result;
use crate::event::{Event, Phase};
use crate::pg::ConnInfo;
use crate::pg::target::check_writable;
use crate::toc::{Kind, Plan, Section};

/// Restores `plan`, which is one of `dump`'s Toc or of a selection from it, into the database that
/// `target` names, and compares every table, sequence and large object with what was dumped.
///
/// The report tells the proof. If its [`Restored::is_sound`] is false, something restored is not what
/// was dumped: then nothing was left under the name asked for, as after an error.
///
/// # Examples
///
/// ```no_run
/// use dr_core::Dump;
/// use dr_core::archive::directory;
/// use dr_core::ops::{RestoreOptions, restore};
/// use dr_core::pg::{ConnInfo, Environment};
/// use dr_core::pipeline::encryption::Identities;
/// use dr_core::pipeline::keys::Keys;
/// use dr_core::repo::Repository;
/// use dr_core::toc::Plan;
/// use std::path::Path;
/// use std::sync::Arc;
///
/// # #[tokio::main]
/// # async fn main() -> dr_core::Result<()> {
/// let repository = Repository::open("/var/backups/dr").await?;
/// let backup = repository.find("latest").await?;
/// let keys = Keys::from(Identities::new().add_file(Path::new("operator.key"), None)?);
/// let dump = directory::dump(Arc::new(repository.files(&backup, &keys).await?)).await?;
///
/// let plan = Plan::of(dump.toc()).sized(dump.toc(), |entry| dump.size_hint(entry));
/// println!("{plan}");
///
/// let target = ConnInfo::resolve(Some("dbname=shop"), &Environment::of_process())?;
/// let options = RestoreOptions::new().create().jobs(4);
/// let restored = restore(&plan, &dump, &target, &options).await?;
/// assert!(restored.is_sound());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// `Unsupported` if the target is a standby or read-only; `Conflict` if it is not empty, or with [`RestoreOptions::create`] exists; `Missing` for
/// roles, extensions and tablespaces the target does not have, all of them at once; `Integrity` if
/// what was read is not what was dumped; `Server` with the entry and the SQLSTATE, at the first
/// statement that fails; `Interrupted` if it was stopped. What was made until then is taken back, and the
/// error says so.
pub async fn restore(
    plan: &Plan,
    dump: &dyn Dump,
    target: &ConnInfo,
    options: &RestoreOptions,
) -> Result<Restored> {
    let began = Instant::now();
    let (plan, mut notices) = prepare(plan, dump, options)?;
    let (finished, mut hook_failures) = match options.place {
        // Its hooks stand around its last step.
        Place::Swap => {
            let done = into_swapped(&plan, dump, target, options, &mut notices).await;
            (done, Vec::new())
        }
        place => {
            let work = async {
                match place {
                    Place::New => into_new(&plan, dump, target, options, &mut notices).await,
                    _ => into_existing(&plan, dump, target, options, &mut notices).await,
                }
                .map(|(proof, given_up)| (proof, given_up, None))
            };
            let tell = |(_, given_up, _): &Finishing| match given_up {
                None => (HookOutcome::Done, None),
                Some(_) => (HookOutcome::NotProven, None),
            };
            let (stop, watch) = (&options.stop, &options.watch);
            options
                .around
                .run(target.database(), stop, watch, Box::pin(work), tell)
                .await
        }
    };
    let (proof, given_up, swapped) = finished?;
    let swapped = swapped.map(|(swapped, failures)| {
        hook_failures.extend(failures);
        swapped
    });
    let kept = given_up.is_none();
    notices.extend(given_up);
    Ok(Restored {
        database: target.database().to_owned(),
        kept,
        swapped,
        hook_failures,
        tables: proof.tables,
        sequences: proof.sequences,
        large_objects: proof.large_objects,
        notices,
        elapsed: began.elapsed(),
    })
}

/// A proof, and if it is none, what became of the place.
type Finished = (Proof, Option<String>);

/// The same, and the swap that was done with the hooks that failed after it.
type Finishing = (Proof, Option<String>, Option<(Swapped, Vec<String>)>);

/// The plan as the options leave it, with sizes, and what a person should know about it.
fn prepare(plan: &Plan, dump: &dyn Dump, options: &RestoreOptions) -> Result<(Plan, Vec<String>)> {
    let evidence = dump.evidence();
    let plan = plan
        .clone()
        .without(|step| !options.privileges && matches!(step.kind, Kind::Acl | Kind::DefaultAcl))
        .sized(dump.toc(), |id| {
            evidence
                .tables
                .get(&id.0)
                .map(|table| table.digest.bytes)
                .or_else(|| dump.size_hint(id))
        });
    preflight::check_kinds(dump.toc(), &plan, options.place)?;
    let notices = plan.notices.clone();
    Ok((plan, notices))
}

async fn into_new(
    plan: &Plan,
    dump: &dyn Dump,
    target: &ConnInfo,
    options: &RestoreOptions,
    notices: &mut Vec<String>,
) -> Result<Finished> {
    let toc = dump.toc();
    let source = dump.evidence().source;
    let door = Door::new(target, toc, &source.settings);
    let place = unless_stopped(&options.stop, async {
        let place = NewPlace::choose(target, &door).await?;
        notices.extend(place.leftovers().await?);
        preflight::check_needs(place.maintenance(), toc, plan, options).await?;
        Ok(place)
    })
    .await?;
    place.make(toc, &source, options).await?;
    let outcome: Result<Proof> = async {
        place.apply_settings(toc, plan).await?;
        let session = place.door().open().await?;
        let proof = execute(plan, dump, place.door(), session, options, notices).await?;
        if proof.is_sound() {
            if options.stop.is_cancelled() {
                return Err(stopped());
            }
            place.finish(toc, plan, options).await?;
        }
        Ok(proof)
    }
    .await;
    match outcome {
        Ok(proof) if proof.is_sound() => Ok((proof, None)),
        Ok(proof) => Ok((proof, Some(place.give_up(options).await))),
        Err(error) => Err(error.and_then(place.give_up(options).await)),
    }
}

/// As [`into_new`], beside a live database, whose place the new one then takes.
async fn into_swapped(
    plan: &Plan,
    dump: &dyn Dump,
    target: &ConnInfo,
    options: &RestoreOptions,
    notices: &mut Vec<String>,
) -> Result<Finishing> {
    let toc = dump.toc();
    let source = dump.evidence().source;
    let door = Door::new(target, toc, &source.settings);
    let place = unless_stopped(&options.stop, async {
        let place = NewPlace::beside(target, &door, options).await?;
        notices.extend(place.leftovers().await?);
        preflight::check_needs(place.maintenance(), toc, plan, options).await?;
        Ok(place)
    })
    .await?;
    place.make(toc, &source, options).await?;
    let outcome: Result<Proof> = async {
        place.rehearse(options).await?;
        place.apply_settings(toc, plan).await?;
        let session = place.door().open().await?;
        let proof = execute(plan, dump, place.door(), session, options, notices).await?;
        if proof.is_sound() {
            place.settle(options, notices).await?;
            if options.stop.is_cancelled() {
                return Err(stopped());
            }
        }
        Ok(proof)
    }
    .await;
    let (proof, live) = match (outcome, place.live()) {
        (Ok(proof), Some(live)) if proof.is_sound() => (proof, live),
        (Ok(proof), _) => return Ok((proof, Some(place.give_up(options).await), None)),
        (Err(error), _) => return Err(error.and_then(place.give_up(options).await)),
    };
    // From here on nothing that was restored is thrown away.
    let (stop, watch) = (&options.stop, &options.watch);
    let tell = |swapped: &Swapped| (HookOutcome::Done, Some(swapped.kept.clone()));
    let work = place.swap(live, options);
    let swap = options
        .around
        .run(target.database(), stop, watch, Box::pin(work), tell);
    match swap.await {
        (Ok(swapped), failures) => Ok((proof, None, Some((swapped, failures)))),
        (Err(error), _) => Err(error.and_then(place.set_aside(options).await)),
    }
}

async fn into_existing(
    plan: &Plan,
    dump: &dyn Dump,
    target: &ConnInfo,
    options: &RestoreOptions,
    notices: &mut Vec<String>,
) -> Result<Finished> {
    let toc = dump.toc();
    let door = Door::new(target, toc, &dump.evidence().source.settings);
    let session = unless_stopped(&options.stop, door.open()).await?;
    check_writable(session.conn(), target).await?;
    let mut plan = plan.clone();
    if options.place == Place::Beside {
        let there = preflight::existing(&session, toc, &plan).await?;
        notices.extend(
            toc.entries
                .iter()
                .filter(|entry| there.contains(&entry.id) && entry.section == Section::PreData)
                .map(|entry| format!("{entry} is there already and is not made again")),
        );
        plan = plan.without(|step| there.contains(&step.entry));
    } else {
        preflight::check_empty(&session, target.database()).await?;
    }
    preflight::check_needs(session.conn(), toc, &plan, options).await?;
    if options.single_transaction {
        // Whatever happens, the server takes it back.
        let proof = execute(&plan, dump, &door, session, options, notices)
            .await
            .map_err(|error| error.and_then("nothing was changed"))?;
        let given_up = (!proof.is_sound())
            .then(|| "the transaction was rolled back: nothing was changed".to_owned());
        return Ok((proof, given_up));
    }
    let place = EmptyPlace::remember(&session).await?;
    let outcome: Result<Proof> = async {
        let proof = execute(&plan, dump, &door, session, options, notices).await?;
        if proof.is_sound() {
            door.open().await?.run(REACH_THE_DISK).await?;
        }
        Ok(proof)
    }
    .await;
    match outcome {
        Ok(proof) if proof.is_sound() => Ok((proof, None)),
        Ok(proof) => {
            let note = place
                .give_up(promptly(door.open()).await, &door.backends())
                .await;
            Ok((proof, Some(note)))
        }
        Err(error) => {
            let note = place
                .give_up(promptly(door.open()).await, &door.backends())
                .await;
            Err(error.and_then(note))
        }
    }
}

/// Runs and proves the plan in a place that is ready.
async fn execute(
    plan: &Plan,
    dump: &dyn Dump,
    door: &Door,
    session: Session,
    options: &RestoreOptions,
    notices: &mut Vec<String>,
) -> Result<Proof> {
    let version = session.version().0;
    let (too_new, notice) = preflight::too_new(dump.toc(), plan, version);
    notices.extend(notice);
    let (no_target, left_out) = preflight::without_target(&session, dump.toc(), plan).await?;
    notices.extend(left_out);
    let plan = plan
        .clone()
        .without(|step| too_new.contains(&step.entry) || no_target.contains(&step.entry));
    options.watch.tell(Event::Phase {
        phase: Phase::Load,
        items: plan.steps.len() as u64,
        bytes: plan.data_bytes(),
    });
    let executor = Executor::new(dump, &plan, door.clone(), version, options);
    if !options.single_transaction {
        public_schema::level(&session, dump.toc(), &plan, options).await?;
        let (proof, _) = executor.run(&plan, session).await?;
        return Ok(proof);
    }
    session.run(b"BEGIN").await?;
    public_schema::level(&session, dump.toc(), &plan, options).await?;
    let (proof, session) = executor.run(&plan, session).await?;
    if proof.is_sound() {
        session
            .run(b"SET LOCAL synchronous_commit = on; COMMIT")
            .await?;
    } else {
        session.run(b"ROLLBACK").await?;
    }
    Ok(proof)
}
