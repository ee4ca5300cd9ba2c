//! A server that is stopped in order, smart or fast, in the middle of a dump and of a restore, and
//! started again. The law is that of process_faults.rs.

#![cfg(unix)]

use dr_tests::{Cluster, Dice, Fault, Proxy, Source, assert_same_contents, ended, start, through};

const MAJOR: u32 = 18;

/// How often each way to stop is tried, at offsets of the dice.
const ROUNDS: u32 = 2;

/// Why a run ended is told in the server's words, to those it had let in and to those it did not let
/// in any more; or no server was there any more; or what was still on its way to it met a closed
/// socket, whose reset takes the server's last words along.
const REASONS: [&str; 4] = [
    "connection closed",
    "terminating connection due to administrator command",
    "the database system is shutting down",
    "cannot reach a server",
];

// The harness's own connections must close while the test waits: a smart stop waits for them too.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_stopped_fast_ends_the_run_and_leaves_nothing() {
    stopped("fast").await;
}

/// It waits for those who are connected, and takes no new connections: the run comes to its end, or
/// says that it was refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_stopped_smart_lets_the_run_end_or_refuses_it_aloud() {
    stopped("smart").await;
}

async fn stopped(mode: &str) {
    let cluster = Cluster::start(MAJOR);
    let source = Source::on(&cluster, 3_000).await;
    source.backup().output_ok();
    let mut dice = Dice::new();
    for restoring in [false, true] {
        let run = |conninfo: &str| match restoring {
            false => source.backup_of(conninfo),
            true => source.restore(conninfo).arg("--create"),
        };
        let name = |label: String| match restoring {
            false => source.database.name().to_owned(),
            true => label,
        };
        let proxy = Proxy::before(cluster.port(), Fault::None);
        run(&through(&proxy, &name("whole".to_owned()))).output_ok();
        let total = proxy.passed();
        for round in 0..ROUNDS {
            let stored = source.stored();
            let target = name(format!("stopped_{round}"));
            let fault = Fault::Stall(dice.below(total * 9 / 10));
            let what = format!("{dice}, {mode}, restoring {restoring}, {fault:?}");
            let proxy = Proxy::before(cluster.port(), fault);
            let child = start(run(&through(&proxy, &target)));
            proxy.wait_until_struck();
            let mut stopping = cluster.stop(mode);
            proxy.release();
            let done = ended(child);
            // Whoever waits for the server's end sees that the run has let go of it.
            assert!(stopping.wait().unwrap().success(), "{what}");
            cluster.start_again();
            if done.code == Some(0) {
                assert_eq!(mode, "smart", "{what}: {}", done.stderr);
                if restoring {
                    assert_same_contents(&source.database, &cluster.database(&target)).await;
                } else {
                    source.sound_backups();
                }
                continue;
            }
            assert_eq!(done.code, Some(1), "{what}: {}", done.stderr);
            assert!(
                REASONS.iter().any(|reason| done.stderr.contains(reason)),
                "{what}: {}",
                done.stderr
            );
            assert_eq!(source.stored(), stored, "{what}: {}", done.stderr);
            if restoring {
                assert!(!cluster.has_database(&target).await, "{what}");
                for leftover in cluster.leftovers_of(&target).await {
                    assert!(done.stderr.contains(&leftover), "{what}: {}", done.stderr);
                }
            }
            let again = run(&match restoring {
                false => source.database.conninfo().to_owned(),
                true => cluster.conninfo(&target),
            });
            again.output_ok();
        }
    }
}
