//! The store fails, the files fail, the work is dropped: never half a backup.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::faulty::{Fault, Faulty};
use super::*;
use crate::ops::CancellationToken;

#[tokio::test]
async fn a_store_that_takes_nothing_is_told_by_the_repositorys_name() {
    // The first call looks for what is there.
    let dead = Faulty::new(Arc::new(InMemory::new()), Fault::Dead, 1);
    let repository = Repository::with_small_parts(Arc::new(dead));
    let error = backup(&toys(), &repository, &options()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "test: the repository cannot be written to"
    );
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(std::error::Error::source(&error).is_some());
}

#[tokio::test]
async fn whichever_call_of_the_store_fails_nothing_is_listed_and_a_rerun_works() {
    for dead in [false, true] {
        let mut fail_at = 0;
        loop {
            let inner = Arc::new(InMemory::new());
            let fault = if dead { Fault::Dead } else { Fault::Fail };
            let failing = Faulty::new(inner.clone(), fault, fail_at);
            let repository = Repository::with_small_parts(Arc::new(failing.clone()));
            let sound = Repository::with_small_parts(inner.clone());
            let done = backup(&toys(), &repository, &options()).await;
            if !failing.is_reached() {
                done.unwrap();
                break;
            }
            // The probe may find that it needs not what failed; nothing else may.
            match done {
                Ok(_) => assert!(!dead && fail_at <= 2, "call {fail_at} failed in silence"),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Store, "{error:?}");
                    assert!(sound.list().await.unwrap().is_empty(), "call {fail_at}");
                    let state = failing.state();
                    let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
                    assert_eq!(
                        count(&state.begun),
                        count(&state.completed) + count(&state.aborted),
                        "call {fail_at}: every upload that was begun has an end"
                    );
                    if !dead {
                        // One call failed, so that tidying up could work, unless it was that.
                        let left = keys_of(&*inner).await;
                        let left = left
                            .iter()
                            .filter(|key| key.as_ref().starts_with("shop/"))
                            .count();
                        assert_eq!(left, 0, "call {fail_at}");
                    }
                }
            }
            let receipt = backup(&toys(), &sound, &options()).await.unwrap();
            let report = verify(&sound, receipt.id.as_str(), &VerifyOptions::new())
                .await
                .unwrap();
            assert!(report.is_sound());
            // Whatever is left can be swept, and only that.
            let all = PruneOptions::new().older_than(jiff::SignedDuration::from_secs(-60));
            prune_orphans(&sound, &all).await.unwrap();
            let listed = sound.list().await.unwrap();
            assert!(listed.iter().any(|one| one.place == receipt.place));
            for key in keys_of(&*inner).await {
                let of_a_backup = listed
                    .iter()
                    .any(|one| key.as_ref().starts_with(&one.place.to_string()));
                assert!(
                    of_a_backup || key.as_ref() == "repository.json",
                    "call {fail_at}: {key} is left"
                );
            }
            fail_at += 1;
        }
        assert!(fail_at > 15, "a backup takes more calls than {fail_at}");
    }
}

#[tokio::test]
async fn whichever_call_fails_verification_does_not_say_sound() {
    let inner = Arc::new(InMemory::new());
    let sound = Repository::with_small_parts(inner.clone());
    let receipt = backup(&toys(), &sound, &options()).await.unwrap();
    for level in [VerifyLevel::Quick, VerifyLevel::Stored, VerifyLevel::Deep] {
        for fail_at in 0.. {
            let failing = Faulty::new(inner.clone(), Fault::Fail, fail_at);
            let repository = Repository::with_small_parts(Arc::new(failing.clone()));
            let options = VerifyOptions::new().level(level);
            let done = verify(&repository, receipt.id.as_str(), &options).await;
            if !failing.is_reached() {
                assert!(done.unwrap().is_sound());
                break;
            }
            match done {
                Ok(report) => assert_eq!(report.outcome(), Outcome::Unchecked, "call {fail_at}"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Store),
            }
        }
    }
}

/// Files one of which breaks off, or never comes to its end.
struct Broken {
    toys: Toys,
    hang: bool,
    reached: Arc<tokio::sync::Notify>,
}

impl Files for Broken {
    fn list(&self) -> Vec<FileInfo> {
        self.toys.list()
    }

    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<ByteStream>> {
        Box::pin(async move {
            let whole = self.toys.open(name).await?;
            if name != "2.dat" {
                return Ok(whole);
            }
            let reached = self.reached.clone();
            let hang = self.hang;
            let end = stream::once(async move {
                reached.notify_one();
                if hang {
                    std::future::pending::<()>().await;
                }
                Err(Error::new(ErrorKind::Server, "the server went away"))
            });
            Ok(whole.take(30).chain(end).boxed())
        })
    }

    fn evidence(&self) -> Evidence {
        self.toys.evidence()
    }
}

#[tokio::test]
async fn a_file_that_breaks_off_is_told_and_nothing_is_kept() {
    let (store, repository) = memory();
    let broken = Broken {
        toys: toys(),
        hang: false,
        reached: Arc::default(),
    };
    let error = backup(&broken, &repository, &options()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Server);
    assert_eq!(error.key(), Some("2.dat"));
    assert_eq!(keys_of(&*store).await, [Path::from("repository.json")]);
}

/// Lets everything else run until the store holds no part of a backup.
async fn until_tidy(store: &InMemory) {
    for _ in 0..10_000 {
        if keys_of(store).await == [Path::from("repository.json")] {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("not tidied up: {:?}", keys_of(store).await);
}

#[tokio::test]
async fn a_dropped_backup_takes_back_what_it_wrote() {
    let inner = Arc::new(InMemory::new());
    let failing = Faulty::new(inner.clone(), Fault::Fail, usize::MAX);
    let repository = Repository::with_small_parts(Arc::new(failing.clone()));
    let broken = Broken {
        toys: toys(),
        hang: true,
        reached: Arc::default(),
    };
    let reached = broken.reached.clone();
    let options = options();
    tokio::select! {
        done = backup(&broken, &repository, &options) => panic!("it ended: {done:?}"),
        () = reached.notified() => {}
    }
    until_tidy(&inner).await;
    assert_eq!(failing.state().begun.load(Ordering::SeqCst), 1);
    assert_eq!(failing.state().aborted.load(Ordering::SeqCst), 1);
    assert!(repository.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_stopped_backup_has_tidied_up_when_it_returns() {
    let (store, repository) = memory();
    let broken = Broken {
        toys: toys(),
        hang: true,
        reached: Arc::default(),
    };
    let reached = broken.reached.clone();
    let token = CancellationToken::new();
    let options = options().stop_when(token.clone());
    let (done, ()) = tokio::join!(backup(&broken, &repository, &options), async {
        reached.notified().await;
        token.cancel();
    });
    assert_eq!(done.unwrap_err().kind(), ErrorKind::Interrupted);
    assert_eq!(keys_of(&*store).await, [Path::from("repository.json")]);
}

/// A store that takes an object and does not have it afterwards.
#[tokio::test]
async fn what_the_store_lost_before_the_commit_is_noticed() {
    struct Loses(Toys, Arc<InMemory>);
    impl Files for Loses {
        fn list(&self) -> Vec<FileInfo> {
            self.0.list()
        }
        fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<ByteStream>> {
            Box::pin(async move {
                // The table of contents is stored after the data; the data goes meanwhile.
                if name == "toc.dat" {
                    for key in keys_of(&*self.1).await {
                        if key.filename() == Some("1.dat") {
                            self.1.delete(&key).await.unwrap();
                        }
                    }
                }
                self.0.open(name).await
            })
        }
        fn evidence(&self) -> Evidence {
            self.0.evidence()
        }
    }
    let (store, repository) = memory();
    let error = backup(&Loses(toys(), store.clone()), &repository, &options())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert!(error.to_string().contains("1.dat"), "{error}");
    assert!(repository.list().await.unwrap().is_empty());
}
