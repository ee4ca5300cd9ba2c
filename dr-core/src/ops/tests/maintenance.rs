//! Verbs that tidy up, under faults and done twice: no committed backup is ever touched, and doing
//! it again brings what doing it once would have.

use jiff::SignedDuration;

use super::faulty::{Fault, Faulty};
use super::*;

const FAULTS: [Fault; 5] = [
    Fault::Fail,
    Fault::Dead,
    Fault::Late,
    Fault::Short,
    Fault::Flipped,
];

fn everything() -> PruneOptions {
    PruneOptions::new().older_than(SignedDuration::from_secs(-60))
}

/// A backup, the leftover of another, and one whose deletion was interrupted.
async fn untidy() -> (Arc<InMemory>, Repository, Receipt) {
    let (store, repository) = memory();
    let kept = backup(&toys(), &repository, &options()).await.unwrap();
    let killed = backup(&toys(), &repository, &options()).await.unwrap();
    let mark = Path::from(format!("{}/backup.json", killed.place));
    store.delete(&mark).await.unwrap();
    let deleted = backup(&toys(), &repository, &options()).await.unwrap();
    let key = |name: &str| Path::from(format!("{}/{name}", deleted.place));
    store.delete(&key("backup.json")).await.unwrap();
    store
        .put(&key("deleted.json"), "{}\n".into())
        .await
        .unwrap();
    store
        .put(&Path::from("probe-01234567"), "probe".into())
        .await
        .unwrap();
    (store, repository, kept)
}

async fn is_sound(repository: &Repository, receipt: &Receipt) -> bool {
    let options = VerifyOptions::new();
    let report = verify(repository, receipt.id.as_str(), &options).await;
    report.unwrap().is_sound()
}

#[tokio::test]
async fn pruning_twice_is_pruning_once() {
    let (store, repository, kept) = untidy().await;
    let first = prune_orphans(&repository, &everything()).await.unwrap();
    assert_eq!(first.swept.len(), 3);
    let left = keys_of(&*store).await;
    let second = prune_orphans(&repository, &everything()).await.unwrap();
    assert_eq!((second.swept.len(), second.spared.len()), (0, 0));
    assert_eq!(keys_of(&*store).await, left);
    assert!(is_sound(&repository, &kept).await);
}

#[tokio::test]
async fn whichever_call_goes_wrong_pruning_touches_no_backup_and_a_rerun_ends_it() {
    for fault in FAULTS {
        for at in 0.. {
            let (inner, sound, kept) = untidy().await;
            let faulty = Faulty::new(inner.clone(), fault, at);
            let repository = Repository::with_small_parts(Arc::new(faulty.clone()));
            let done = prune_orphans(&repository, &everything()).await;
            let what = format!("call {at}, {fault:?}");
            assert!(is_sound(&sound, &kept).await, "{what}");
            assert_eq!(sound.list().await.unwrap().len(), 1, "{what}");
            let reached = faulty.is_reached();
            match done {
                Ok(pruned) if !reached || fault == Fault::Late => {
                    assert_eq!(pruned.swept.len(), 3, "{what}");
                }
                // A listing that cannot be trusted may spare something.
                Ok(_) => assert!(matches!(fault, Fault::Short | Fault::Flipped), "{what}"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Store, "{what}"),
            }
            prune_orphans(&sound, &everything()).await.unwrap();
            let prefix = Path::from(kept.place.to_string());
            for key in keys_of(&*inner).await {
                assert!(
                    key.prefix_matches(&prefix) || key.as_ref() == "repository.json",
                    "{what}: {key} is left"
                );
            }
            assert!(is_sound(&sound, &kept).await, "{what}");
            if !reached {
                assert!(at > 15, "pruning takes more calls than {at}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn whichever_call_goes_wrong_a_deleted_backup_is_whole_or_not_listed() {
    for fault in FAULTS {
        for at in 0.. {
            let (inner, sound) = memory();
            let kept = backup(&toys(), &sound, &options()).await.unwrap();
            let gone = backup(&toys(), &sound, &options()).await.unwrap();
            let faulty = Faulty::new(inner.clone(), fault, at);
            let repository = Repository::with_small_parts(Arc::new(faulty.clone()));
            let done = repository.delete(&gone.place).await;
            let what = format!("call {at}, {fault:?}");
            let listed = sound.list().await.unwrap();
            if listed.iter().any(|one| one.place == gone.place) {
                assert!(done.is_err(), "{what}: deleted and still listed");
                assert!(is_sound(&sound, &gone).await, "{what}");
            }
            let reached = faulty.is_reached();
            if !reached || fault == Fault::Late {
                done.unwrap();
            }
            // Again: there may be nothing left to do, and that is said.
            if let Err(error) = sound.delete(&gone.place).await {
                assert_eq!(error.kind(), ErrorKind::Missing, "{what}");
            }
            let left = keys_of(&*inner).await;
            let prefix = Path::from(gone.place.to_string());
            assert!(
                !left.iter().any(|key| key.prefix_matches(&prefix)),
                "{what}"
            );
            assert!(is_sound(&sound, &kept).await, "{what}");
            let error = sound.delete(&gone.place).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Missing, "{what}");
            assert_eq!(keys_of(&*inner).await, left, "{what}");
            if !reached {
                assert!(at > 5, "deleting takes more calls than {at}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn verifying_twice_says_the_same_and_changes_nothing() {
    let (store, repository, kept) = untidy().await;
    let before = keys_of(&*store).await;
    let damaged = Path::from(format!("{}/1.dat", kept.place));
    for damage in [false, true] {
        if damage {
            store.put(&damaged, "x".into()).await.unwrap();
        }
        for level in [VerifyLevel::Quick, VerifyLevel::Stored, VerifyLevel::Deep] {
            let options = VerifyOptions::new().level(level);
            let id = kept.id.as_str();
            let first = verify(&repository, id, &options).await.unwrap();
            let second = verify(&repository, id, &options).await.unwrap();
            assert_eq!(first.outcome(), second.outcome());
            assert_eq!(first.is_sound(), !damage);
            assert_eq!(
                format!("{:?}", first.problems),
                format!("{:?}", second.problems)
            );
        }
    }
    assert_eq!(keys_of(&*store).await, before);
}

/// A store that leaves the commit mark out of what it lists: its word alone costs no backup.
#[tokio::test]
async fn a_mark_that_is_not_listed_is_asked_for_by_name_before_anything_is_swept() {
    let (store, repository, kept) = untidy().await;
    let orphan = {
        // What the repository looks like to such a store.
        let mark = Path::from(format!("{}/backup.json", kept.place));
        let bytes = content(&*store, &mark).await;
        store.delete(&mark).await.unwrap();
        let found = repository.orphans(SignedDuration::from_secs(-60)).await;
        store.put(&mark, bytes.into()).await.unwrap();
        found.unwrap()
    };
    assert_eq!(orphan.len(), 4);
    let mut swept = 0;
    for orphan in &orphan {
        swept += usize::from(repository.sweep(orphan).await.unwrap());
    }
    assert_eq!(swept, 3);
    assert!(is_sound(&repository, &kept).await);
}
