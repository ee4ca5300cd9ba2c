//! A store at the other end of a network that breaks, ends one way, falls silent or trickles, at
//! offsets nobody chose; what passes through it is what dr says to its store. The words of the dice
//! in the message of a failure repeat its offsets.

use std::sync::Arc;
use std::time::Duration;

use dr_core::ops::{
    BackupOptions, CancellationToken, Outcome, PruneOptions, Receipt, Report, VerifyLevel,
    VerifyOptions, prune_orphans, verify,
};
use dr_core::pipeline::compression::Compression;
use dr_core::repo::Repository;
use dr_core::{ErrorKind, Result};
use dr_tests::{
    Cluster, Database, Dice, Fault, Proxy, RemoteServer, RemoteStore, Way, assert_same_contents,
    back_up, restore_latest,
};
use object_store::memory::InMemory;

/// How many offsets of each fault are tried.
const ROUNDS: u32 = 4;

/// Nothing here takes so long unless it waits for ever.
const PATIENCE: Duration = Duration::from_secs(120);

/// A store that is asked through a network.
struct Away {
    inner: Arc<InMemory>,
    server: RemoteServer,
}

impl Away {
    fn empty() -> Self {
        let inner = Arc::new(InMemory::new());
        let server = RemoteServer::of(Arc::clone(&inner));
        Self { inner, server }
    }

    /// The repository as it is, with no network between.
    fn at_hand(&self) -> Repository {
        Repository::with_store(self.inner.clone(), "at hand")
    }

    fn before(&self, fault: Fault) -> (Proxy, Repository) {
        let proxy = Proxy::before(self.server.port(), fault);
        let store = Arc::new(RemoteStore::at(proxy.port()));
        (proxy, Repository::with_store(store, "away"))
    }
}

/// What passes when nothing is wrong.
struct Measured {
    both: u64,
    to_server: u64,
    to_client: u64,
}

impl Measured {
    fn of(proxy: &Proxy) -> Self {
        Self {
            both: proxy.passed(),
            to_server: proxy.passed_on(Way::ToServer),
            to_client: proxy.passed_on(Way::ToClient),
        }
    }

    /// Every way to break, each at an offset of its own.
    fn breaks(&self, dice: &mut Dice) -> [Fault; 4] {
        [
            Fault::Cut(dice.below(self.both)),
            Fault::Reset(dice.below(self.both)),
            Fault::HalfClose(Way::ToServer, dice.below(self.to_server)),
            Fault::HalfClose(Way::ToClient, dice.below(self.to_client)),
        ]
    }
}

async fn filled(name: &str) -> Database {
    let source = Cluster::shared(18).create_database(name).await;
    source
        .sql(
            "CREATE TABLE a AS SELECT n, md5(n::text) AS t FROM generate_series(1, 5000) n; \
             CREATE TABLE b AS SELECT 'one'::text AS t; \
             SELECT lo_from_bytea(4711, convert_to(repeat('a large object ', 1000), 'UTF8'))",
        )
        .await;
    source
}

async fn backed_up(source: &Database, to: &Repository, options: BackupOptions) -> Result<Receipt> {
    back_up(source, to, Compression::None, &options).await
}

/// Fails instead of waiting for ever.
async fn in_time<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => panic!("{what}: it waits for ever"),
    }
}

async fn is_sound(repository: &Repository) -> bool {
    let options = VerifyOptions::new().level(VerifyLevel::Deep);
    let report = verify(repository, "latest", &options).await.unwrap();
    report.outcome() == Outcome::Sound
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_to_a_store_behind_a_network_that_breaks_is_whole_or_not_listed() {
    let source = filled("store_network_backup").await;
    let away = Away::empty();
    let (proxy, repository) = away.before(Fault::None);
    backed_up(&source, &repository, BackupOptions::new())
        .await
        .unwrap();
    let measured = Measured::of(&proxy);
    let mut dice = Dice::new();
    for _ in 0..ROUNDS {
        for fault in measured.breaks(&mut dice) {
            let what = format!("{fault:?}, {dice}");
            let away = Away::empty();
            let (proxy, repository) = away.before(fault);
            let work = backed_up(&source, &repository, BackupOptions::new());
            let done = in_time(&what, work).await;
            assert!(proxy.struck() || done.is_ok(), "{what}: {done:?}");
            let at_hand = away.at_hand();
            let listed = at_hand.list().await.unwrap().len();
            // The answer to the commit may be lost: then it fails aloud, and the backup is whole.
            assert!(listed <= 1, "{what}: {listed} backups");
            assert!(done.is_err() || listed == 1, "{what}: {done:?}");
            assert!(listed == 0 || is_sound(&at_hand).await, "{what}");
            backed_up(&source, &at_hand, BackupOptions::new())
                .await
                .unwrap();
            let all = PruneOptions::new().older_than(Default::default());
            prune_orphans(&at_hand, &all).await.unwrap();
            assert_eq!(at_hand.list().await.unwrap().len(), listed + 1, "{what}");
            assert!(is_sound(&at_hand).await, "{what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_from_a_store_behind_a_network_that_breaks_is_whole_or_leaves_no_database() {
    let source = filled("store_network_restore").await;
    let away = Away::empty();
    backed_up(&source, &away.at_hand(), BackupOptions::new())
        .await
        .unwrap();
    let postgres = Cluster::shared(18).database("postgres");
    let target = Cluster::shared(18).database("store_network_target");
    let there = "SELECT count(*) FROM pg_database WHERE datname LIKE '%store_network_target%'";
    let drop = "DROP DATABASE store_network_target";
    let (proxy, repository) = away.before(Fault::None);
    restore_latest(&repository, &target).await.unwrap();
    postgres.sql(drop).await;
    let measured = Measured::of(&proxy);
    let mut dice = Dice::new();
    for _ in 0..ROUNDS {
        for fault in measured.breaks(&mut dice) {
            let what = format!("{fault:?}, {dice}");
            let (proxy, repository) = away.before(fault);
            let done = in_time(&what, restore_latest(&repository, &target)).await;
            assert!(proxy.struck() || done.is_ok(), "{what}: {done:?}");
            if done.is_ok() {
                assert_same_contents(&source, &target).await;
                postgres.sql(drop).await;
            }
            assert_eq!(postgres.value(there).await, "0", "{what}: {done:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_network_withholds_is_unchecked_and_never_called_damaged_or_sound() {
    let source = filled("store_network_verify").await;
    let away = Away::empty();
    backed_up(&source, &away.at_hand(), BackupOptions::new())
        .await
        .unwrap();
    let options = VerifyOptions::new().level(VerifyLevel::Deep);
    let (proxy, repository) = away.before(Fault::None);
    let undisturbed = verify(&repository, "latest", &options).await.unwrap();
    let measured = Measured::of(&proxy);
    let mut dice = Dice::new();
    for _ in 0..ROUNDS {
        for fault in measured.breaks(&mut dice) {
            let what = format!("{fault:?}, {dice}");
            let (proxy, repository) = away.before(fault);
            let done = in_time(&what, verify(&repository, "latest", &options)).await;
            match done {
                Ok(report) if report.outcome() == Outcome::Sound => {
                    // HTTP asks again on another connection where one ended before it had answered.
                    let seen = |report: &Report| (report.objects, report.bytes, report.rows);
                    assert_eq!(seen(&report), seen(&undisturbed), "{what}: {report:?}");
                }
                Ok(report) => {
                    assert!(proxy.struck(), "{what}: {report:?}");
                    assert_eq!(report.outcome(), Outcome::Unchecked, "{what}: {report:?}");
                }
                Err(error) => {
                    assert!(proxy.struck(), "{what}: {error}");
                    assert_eq!(error.kind(), ErrorKind::Store, "{what}: {error}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_trickles_to_a_store_changes_nothing() {
    let source = filled("store_network_slow").await;
    let mut dice = Dice::new();
    let what = dice.to_string();
    let away = Away::empty();
    let (_proxy, repository) = away.before(Fault::Trickle(dice.below(u64::MAX)));
    let work = backed_up(&source, &repository, BackupOptions::new());
    in_time(&what, work).await.unwrap();
    assert!(is_sound(&away.at_hand()).await, "{what}");
    let target = Cluster::shared(18).database("store_network_slow_back");
    in_time(&what, restore_latest(&repository, &target))
        .await
        .unwrap();
    assert_same_contents(&source, &target).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_to_a_store_that_says_nothing_any_more_is_stopped() {
    let source = filled("store_network_silent").await;
    let away = Away::empty();
    let (proxy, repository) = away.before(Fault::None);
    backed_up(&source, &repository, BackupOptions::new())
        .await
        .unwrap();
    let total = proxy.passed();
    let mut dice = Dice::new();
    for _ in 0..ROUNDS {
        let fault = Fault::Stall(dice.below(total));
        let what = format!("{fault:?}, {dice}");
        let away = Away::empty();
        let (proxy, repository) = away.before(fault);
        let stop = CancellationToken::new();
        let options = BackupOptions::new().stop_when(stop.clone());
        let (work, watching) = tokio::join!(
            in_time(&what, backed_up(&source, &repository, options)),
            tokio::task::spawn_blocking(move || {
                proxy.wait_until_struck();
                stop.cancel();
                // So that what was written can be taken back.
                proxy.release();
                proxy
            })
        );
        watching.unwrap();
        let at_hand = away.at_hand();
        let listed = at_hand.list().await.unwrap().len();
        match work {
            // It was being committed when it was stopped.
            Ok(_) => assert_eq!(listed, 1, "{what}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Interrupted, "{what}: {error}"),
        }
        assert!(listed == 0 || is_sound(&at_hand).await, "{what}");
    }
}
