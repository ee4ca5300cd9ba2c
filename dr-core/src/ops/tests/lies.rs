//! The store is late, or says that a call worked that did not: time changes nothing, and a lie is
//! noticed by the backup itself or by verification.

use super::faulty::{Fault, Faulty};
use super::*;
use crate::pipeline::keys::Keys;

const LEVELS: [VerifyLevel; 3] = [VerifyLevel::Quick, VerifyLevel::Stored, VerifyLevel::Deep];

async fn level(repository: &Repository, id: &str, level: VerifyLevel) -> Result<Report> {
    verify(repository, id, &VerifyOptions::new().level(level)).await
}

#[tokio::test]
async fn whichever_call_is_late_the_backup_is_the_same() {
    for at in 0.. {
        let inner = Arc::new(InMemory::new());
        let late = Faulty::new(inner.clone(), Fault::Late, at);
        let repository = Repository::with_small_parts(Arc::new(late.clone()));
        let receipt = backup(&toys(), &repository, &options()).await.unwrap();
        if !late.is_reached() {
            assert!(at > 15, "a backup takes more calls than {at}");
            break;
        }
        let sound = Repository::with_small_parts(inner.clone());
        let id = receipt.id.as_str();
        assert!(
            level(&sound, id, VerifyLevel::Deep)
                .await
                .unwrap()
                .is_sound()
        );
        let found = sound.find(id).await.unwrap();
        let files = sound.files(&found, &Keys::none()).await.unwrap();
        assert_same(read_all(&files).await.unwrap(), &toys());
    }
}

#[tokio::test]
async fn whatever_the_store_did_not_keep_as_it_said_is_noticed() {
    let (recipients, identities) = key_pair();
    let keys = Keys::from(identities);
    for (fault, options) in [
        (Fault::Short, options()),
        (Fault::Flipped, options()),
        (Fault::Short, options().encrypt_to(recipients.clone())),
        (Fault::Flipped, options().encrypt_to(recipients)),
    ] {
        let mut noticed = 0;
        for at in 0.. {
            let inner = Arc::new(InMemory::new());
            let lying = Faulty::new(inner.clone(), fault, at);
            let repository = Repository::with_small_parts(Arc::new(lying.clone()));
            let sound = Repository::with_small_parts(inner.clone());
            let what = format!("call {at}, {fault:?}");
            let done = backup(&toys(), &repository, &options).await;
            if !lying.is_reached() {
                done.unwrap();
                break;
            }
            match &done {
                Ok(receipt) => {
                    let report = level(&sound, receipt.id.as_str(), VerifyLevel::Stored).await;
                    if report.unwrap().is_sound() {
                        let found = sound.find(receipt.id.as_str()).await.unwrap();
                        let files = sound.files(&found, &keys).await.unwrap();
                        assert_same(read_all(&files).await.unwrap(), &toys());
                    } else {
                        noticed += 1;
                    }
                }
                Err(_) => {
                    assert!(lying.has_lied(), "{what}");
                    assert!(sound.list().await.unwrap().is_empty(), "{what}");
                    noticed += 1;
                }
            }
            // What it says of the repository itself is not believed either, and says what to do.
            let again = match backup(&toys(), &sound, &options).await {
                Err(error) if error.kind() == ErrorKind::Format => {
                    assert!(
                        error.to_string().contains("remove this one object"),
                        "{what}"
                    );
                    inner.delete(&Path::from("repository.json")).await.unwrap();
                    let sound = Repository::with_small_parts(inner.clone());
                    backup(&toys(), &sound, &options).await.unwrap()
                }
                again => again.unwrap(),
            };
            let report = level(&sound, again.id.as_str(), VerifyLevel::Stored).await;
            assert!(report.unwrap().is_sound(), "{what}");
        }
        // Each of: five parts, two small files, the manifest, the sums, the mark, the listing
        // before the commit.
        assert!(noticed >= 11, "{fault:?}: only {noticed} noticed");
    }
}

#[tokio::test]
async fn whatever_comes_back_otherwise_is_not_called_sound() {
    let inner = Arc::new(InMemory::new());
    let sound = Repository::with_small_parts(inner.clone());
    let receipt = backup(&toys(), &sound, &options()).await.unwrap();
    for fault in [Fault::Late, Fault::Short, Fault::Flipped] {
        for one in LEVELS {
            for at in 0.. {
                let faulty = Faulty::new(inner.clone(), fault, at);
                let repository = Repository::with_small_parts(Arc::new(faulty.clone()));
                let done = level(&repository, receipt.id.as_str(), one).await;
                if !faulty.is_reached() {
                    assert!(done.unwrap().is_sound());
                    break;
                }
                let is_sound = done.is_ok_and(|report| report.is_sound());
                assert_eq!(
                    is_sound,
                    !faulty.has_lied(),
                    "call {at}, {fault:?}, {one:?}"
                );
            }
        }
    }
}

/// Reading files for a restore is held to the same digests.
#[tokio::test]
async fn files_that_come_back_otherwise_are_an_error_to_their_reader() {
    let inner = Arc::new(InMemory::new());
    let sound = Repository::with_small_parts(inner.clone());
    let (recipients, identities) = key_pair();
    let keys = Keys::from(identities);
    for options in [options(), options().encrypt_to(recipients)] {
        let receipt = backup(&toys(), &sound, &options).await.unwrap();
        for fault in [Fault::Fail, Fault::Late, Fault::Short, Fault::Flipped] {
            for at in 0.. {
                let faulty = Faulty::new(inner.clone(), fault, at);
                let repository = Repository::with_small_parts(Arc::new(faulty.clone()));
                let read = async {
                    let found = repository.find(receipt.id.as_str()).await?;
                    let files = repository.files(&found, &keys).await?;
                    read_all(&files).await
                };
                match read.await {
                    Ok(read) => {
                        assert!(!faulty.has_lied(), "call {at}, {fault:?}");
                        assert!(fault != Fault::Fail || !faulty.is_reached());
                        assert_same(read, &toys());
                    }
                    Err(_) => assert!(fault == Fault::Fail || faulty.has_lied()),
                }
                if !faulty.is_reached() {
                    break;
                }
            }
        }
    }
}
