//! What is left when dr, the server or the network ends in the middle of the work. The law is the
//! same whenever it happens: a backup that is listed verifies, a database that bears its name is
//! what was dumped, and doing it once more works.

#![cfg(unix)]

use std::time::{Duration, Instant};

use dr_tests::{
    Cluster, Database, Dice, Fault, Proxy, Source, Stock, assert_same_contents, assert_same_schema,
    dr, ended, files_below, signal, start, through,
};

const MAJOR: u32 = 18;

/// How many moments of a run are tried.
const MOMENTS: u32 = 10;

/// Runs it as often as there are moments and kills it at each; `make` is told the moment's number.
/// The law holds whenever the kill strikes, also before the start and after the end.
fn killed_at_moments(
    whole: Duration,
    mut make: impl FnMut(u32) -> Stock,
    mut law: impl FnMut(u32),
) {
    for moment in 0..MOMENTS {
        let child = start(make(moment));
        std::thread::sleep(whole * moment / MOMENTS);
        signal(&child, "-KILL");
        ended(child);
        law(moment);
    }
}

#[tokio::test]
async fn a_backup_killed_at_any_moment_is_whole_or_not_listed() {
    let source = Source::on(&Cluster::shared(MAJOR), 20_000).await;
    let began = Instant::now();
    source.backup().output_ok();
    let whole = began.elapsed();
    let mut before = source.sound_backups();
    killed_at_moments(
        whole,
        |_| source.backup(),
        |moment| {
            let now = source.sound_backups();
            assert!(now == before || now == before + 1, "moment {moment}");
            before = now;
        },
    );
    source.sweep();
    source.backup().output_ok();
    assert_eq!(source.sound_backups(), before + 1);
}

#[tokio::test]
async fn a_restore_killed_at_any_moment_never_bears_the_name_unproven() {
    let source = Source::on(&Cluster::shared(MAJOR), 20_000).await;
    source.backup().output_ok();
    let conninfo = |name: &str| Cluster::shared(MAJOR).conninfo(name);
    let began = Instant::now();
    source
        .restore(&conninfo("killed_whole"))
        .arg("--create")
        .output_ok();
    let whole = began.elapsed();
    let mut made = Vec::new();
    killed_at_moments(
        whole,
        |moment| {
            let name = format!("killed_{moment}");
            let restore = source.restore(&conninfo(&name)).arg("--create");
            made.push(name);
            restore
        },
        |_| {},
    );
    for name in made {
        let target = Cluster::shared(MAJOR).database(&name);
        if !Cluster::shared(MAJOR).has_database(&name).await {
            let left = Cluster::shared(MAJOR).leftovers_of(&name).await;
            let again = source
                .restore(target.conninfo())
                .arg("--create")
                .output_ok();
            // Whoever finds what a kill left is told what it is and what to do.
            for leftover in left {
                assert!(
                    again.stderr.contains(&leftover),
                    "{leftover}: {}",
                    again.stderr
                );
            }
        }
        assert_same_schema(&source.database, &target);
        assert_same_contents(&source.database, &target).await;
    }
}

#[tokio::test]
async fn a_restore_in_one_transaction_that_is_killed_leaves_the_database_empty() {
    let source = Source::on(&Cluster::shared(MAJOR), 20_000).await;
    source.backup().output_ok();
    let target = Cluster::shared(MAJOR).create_database("one").await;
    let began = Instant::now();
    source
        .restore(target.conninfo())
        .arg("--single-transaction")
        .output_ok();
    let whole = began.elapsed();
    let target = Cluster::shared(MAJOR).create_database("one").await;
    for moment in 0..MOMENTS / 2 {
        let child = start(
            source
                .restore(target.conninfo())
                .arg("--single-transaction"),
        );
        std::thread::sleep(whole * moment / MOMENTS);
        signal(&child, "-KILL");
        ended(child);
    }
    // The server notices that its client is gone when it next writes to it.
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let patience = Instant::now() + Duration::from_secs(60);
    while target.value(others).await != "0" {
        assert!(Instant::now() < patience, "a killed restore goes on");
    }
    source
        .restore(target.conninfo())
        .arg("--single-transaction")
        .output_ok();
    assert_same_contents(&source.database, &target).await;
}

#[tokio::test]
async fn an_extraction_killed_at_any_moment_gives_the_whole_table_or_none() {
    let source = Source::on(&Cluster::shared(MAJOR), 5_000).await;
    source.backup().output_ok();
    let extract = |target: &Database| {
        dr().args(["extract", "latest", "--table", "public.votes_vote"])
            .args(["--with-dependencies", "--to", target.conninfo(), "--repo"])
            .arg(source.repo())
    };
    let cluster = Cluster::shared(MAJOR);
    let target = cluster.create_database("extract").await;
    let began = Instant::now();
    extract(&target).output_ok();
    let whole = began.elapsed();
    for moment in 0..MOMENTS {
        let target = cluster.create_database("extract").await;
        let child = start(extract(&target));
        std::thread::sleep(whole * moment / MOMENTS);
        signal(&child, "-KILL");
        ended(child);
        let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let patience = Instant::now() + Duration::from_secs(60);
        while target.value(others).await != "0" {
            assert!(Instant::now() < patience, "a killed extraction goes on");
        }
        let made = "SELECT to_regclass('public.votes_vote') IS NOT NULL";
        if target.value(made).await == "t" {
            let rows = target.value("SELECT count(*) FROM public.votes_vote").await;
            assert_eq!(rows, "5000", "moment {moment}");
        }
    }
}

#[tokio::test]
async fn a_sweep_killed_at_any_moment_touches_no_backup_and_is_finished_by_the_next() {
    let source = Source::on(&Cluster::shared(MAJOR), 1_000).await;
    source.backup().output_ok();
    let mut folders = vec![source.repo()];
    // The repository, the database, the backup.
    for _ in 0..2 {
        let inside = std::fs::read_dir(folders.last().unwrap()).unwrap();
        let folder = inside.flatten().find(|entry| entry.path().is_dir());
        folders.push(folder.unwrap().path());
    }
    let leave = |number: u32| {
        let leftover = folders[1].join(format!("20260101T000000Z-{number:06x}"));
        std::fs::create_dir_all(&leftover).unwrap();
        for file in std::fs::read_dir(&folders[2]).unwrap().flatten() {
            if file.file_name() != "backup.json" {
                std::fs::copy(file.path(), leftover.join(file.file_name())).unwrap();
            }
        }
    };
    let prune = || {
        dr().args(["prune", "--orphans", "--older-than", "0s", "--repo"])
            .arg(source.repo())
    };
    (0..20).for_each(leave);
    let began = Instant::now();
    prune().output_ok();
    let whole = began.elapsed();
    killed_at_moments(
        whole,
        |_| {
            (0..20).for_each(leave);
            prune()
        },
        |moment| assert_eq!(source.sound_backups(), 1, "moment {moment}"),
    );
    source.sweep();
    assert_eq!(source.sound_backups(), 1);
    assert_eq!(std::fs::read_dir(&folders[1]).unwrap().count(), 1);
}

/// Offsets that nobody chose; the message of whatever fails tells how to repeat them.
#[tokio::test]
async fn a_network_that_breaks_anywhere_at_all_leaves_nothing_half_done() {
    let source = Source::on(&Cluster::shared(MAJOR), 2_000).await;
    let port = Cluster::shared(MAJOR).port();
    let name = source.database.name();
    let proxy = Proxy::before(port, Fault::None);
    source.backup_of(&through(&proxy, name)).output_ok();
    let dumped = proxy.passed();
    let proxy = Proxy::before(port, Fault::None);
    source
        .restore(&through(&proxy, "anywhere_whole"))
        .arg("--create")
        .output_ok();
    let restored = proxy.passed();
    let listed = files_below(&source.repo());
    let mut dice = Dice::new();
    for round in 0..5 {
        // Not the last bytes: those are goodbyes.
        let fault = Fault::Cut(dice.below(dumped * 9 / 10));
        let proxy = Proxy::before(port, fault);
        let done = source.backup_of(&through(&proxy, name)).output();
        let what = format!("{dice}, round {round}, {fault:?}: {}", done.stderr);
        assert_eq!(done.code, Some(1), "{what}");
        assert_eq!(files_below(&source.repo()), listed, "{what}");

        let fault = Fault::Cut(dice.below(restored * 9 / 10));
        let target = format!("anywhere_{round}");
        let proxy = Proxy::before(port, fault);
        let done = source
            .restore(&through(&proxy, &target))
            .arg("--create")
            .output();
        let what = format!("{dice}, round {round}, {fault:?}: {}", done.stderr);
        assert_eq!(done.code, Some(1), "{what}");
        assert!(
            !Cluster::shared(MAJOR).has_database(&target).await,
            "{what}"
        );
    }
}

#[tokio::test]
async fn a_server_that_takes_the_connection_and_says_nothing_is_given_up_after_connect_timeout() {
    let source = Source::on(&Cluster::shared(MAJOR), 100).await;
    let proxy = Proxy::before(Cluster::shared(MAJOR).port(), Fault::Stall(0));
    let conninfo = format!(
        "host=127.0.0.1 port={} user=postgres dbname={} connect_timeout=2",
        proxy.port(),
        source.database.name()
    );
    let done = source.backup_of(&conninfo).output();
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    assert!(
        done.stderr.contains("connect_timeout of 2 s"),
        "{}",
        done.stderr
    );
}

#[tokio::test]
async fn control_c_in_a_restore_leaves_no_database() {
    let source = Source::on(&Cluster::shared(MAJOR), 50_000).await;
    source.backup().output_ok();
    let cluster = Cluster::shared(MAJOR);
    for (name, share) in [("interrupted_early", 3), ("interrupted_late", 2)] {
        let proxy = Proxy::before(cluster.port(), Fault::None);
        source
            .restore(&through(&proxy, &format!("{name}_whole")))
            .arg("--create")
            .output_ok();
        let total = proxy.passed();
        let proxy = Proxy::before(cluster.port(), Fault::Stall(total / share));
        let child = start(source.restore(&through(&proxy, name)).arg("--create"));
        proxy.wait_until_struck();
        signal(&child, "-INT");
        // Or dr could not even tell the server that it gives up.
        proxy.release();
        let done = ended(child);
        assert_eq!(done.code, Some(130), "{}", done.stderr);
        assert!(!Cluster::shared(MAJOR).has_database(name).await);
    }
}

#[tokio::test]
async fn control_c_ends_the_run_when_nothing_answers_any_more() {
    let source = Source::on(&Cluster::shared(MAJOR), 20_000).await;
    source.backup().output_ok();
    let listed = files_below(&source.repo());
    let port = Cluster::shared(MAJOR).port();
    for (when, stalled_at) in [("late", 200_000), ("early", 20)] {
        let proxy = Proxy::before(port, Fault::Stall(stalled_at));
        let child = start(source.backup_of(&through(&proxy, source.database.name())));
        proxy.wait_until_struck();
        signal(&child, "-INT");
        let done = ended(child);
        assert_eq!(done.code, Some(130), "{}", done.stderr);
        assert_eq!(files_below(&source.repo()), listed, "{}", done.stderr);
        let name = format!("unanswered_{when}");
        let proxy = Proxy::before(port, Fault::Stall(stalled_at));
        let child = start(source.restore(&through(&proxy, &name)).arg("--create"));
        proxy.wait_until_struck();
        signal(&child, "-INT");
        let done = ended(child);
        assert_eq!(done.code, Some(130), "{}", done.stderr);
        for leftover in Cluster::shared(MAJOR).leftovers_of(&name).await {
            assert!(done.stderr.contains(&leftover), "{}", done.stderr);
        }
    }
}

#[tokio::test]
async fn a_backup_over_a_network_that_breaks_fails_and_leaves_nothing() {
    let source = Source::on(&Cluster::shared(MAJOR), 5_000).await;
    let port = Cluster::shared(MAJOR).port();
    let name = source.database.name();
    let proxy = Proxy::before(port, Fault::None);
    source.backup_of(&through(&proxy, name)).output_ok();
    let total = proxy.passed();
    let listed = files_below(&source.repo());
    for moment in 1..=MOMENTS {
        let at = total * u64::from(moment) / u64::from(MOMENTS + 1);
        for fault in [Fault::Cut(at), Fault::Reset(at)] {
            let proxy = Proxy::before(port, fault);
            let done = source.backup_of(&through(&proxy, name)).output();
            assert_eq!(done.code, Some(1), "{fault:?}: {}", done.stderr);
            assert!(!done.stderr.is_empty());
            assert_eq!(
                files_below(&source.repo()),
                listed,
                "{fault:?}: {}",
                done.stderr
            );
        }
    }
    // A slow one is only slow.
    let proxy = Proxy::before(port, Fault::Slow(2000));
    source.backup_of(&through(&proxy, name)).output_ok();
    assert_eq!(source.sound_backups(), 2);
}

#[tokio::test]
async fn a_restore_over_a_network_that_breaks_fails_and_leaves_no_name() {
    let source = Source::on(&Cluster::shared(MAJOR), 5_000).await;
    source.backup().output_ok();
    let port = Cluster::shared(MAJOR).port();
    let proxy = Proxy::before(port, Fault::None);
    source
        .restore(&through(&proxy, "cut_whole"))
        .arg("--create")
        .output_ok();
    let total = proxy.passed();
    for moment in 1..=MOMENTS {
        let at = total * u64::from(moment) / u64::from(MOMENTS + 1);
        for (kind, fault) in [("cut", Fault::Cut(at)), ("reset", Fault::Reset(at))] {
            let name = format!("{kind}_{moment}");
            let proxy = Proxy::before(port, fault);
            let done = source
                .restore(&through(&proxy, &name))
                .arg("--create")
                .output();
            assert_eq!(done.code, Some(1), "{fault:?}: {}", done.stderr);
            assert!(
                !Cluster::shared(MAJOR).has_database(&name).await,
                "{fault:?}"
            );
            for leftover in Cluster::shared(MAJOR).leftovers_of(&name).await {
                // Only where there was no way to drop it, and then it is said.
                assert!(matches!(fault, Fault::Cut(_)), "{fault:?}: {}", done.stderr);
                assert!(
                    done.stderr.contains(&leftover),
                    "{fault:?}: {}",
                    done.stderr
                );
            }
        }
    }
}

#[tokio::test]
async fn backends_that_are_terminated_end_the_run_and_leave_nothing() {
    let source = Source::on(&Cluster::shared(MAJOR), 20_000).await;
    source.backup().output_ok();
    let listed = files_below(&source.repo());
    let port = Cluster::shared(MAJOR).port();
    let admin = Cluster::shared(MAJOR).database("postgres");
    let terminate = |database: &str| {
        format!(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE datname LIKE '{database}%' AND pid <> pg_backend_pid()"
        )
    };

    let proxy = Proxy::before(port, Fault::None);
    source
        .backup_of(&through(&proxy, source.database.name()))
        .output_ok();
    let proxy = Proxy::before(port, Fault::Stall(proxy.passed() / 2));
    let listed_now = files_below(&source.repo());
    assert!(listed_now.len() > listed.len());
    let child = start(source.backup_of(&through(&proxy, source.database.name())));
    proxy.wait_until_struck();
    assert_ne!(admin.value(&terminate(source.database.name())).await, "0");
    drop(proxy);
    let done = ended(child);
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    assert_eq!(files_below(&source.repo()), listed_now, "{}", done.stderr);

    let proxy = Proxy::before(port, Fault::None);
    source
        .restore(&through(&proxy, "ended_whole"))
        .arg("--create")
        .output_ok();
    let proxy = Proxy::before(port, Fault::Stall(proxy.passed() / 2));
    let child = start(source.restore(&through(&proxy, "ended")).arg("--create"));
    proxy.wait_until_struck();
    assert_ne!(admin.value(&terminate("dr_restoring_ended_")).await, "0");
    drop(proxy);
    let done = ended(child);
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    assert!(!Cluster::shared(MAJOR).has_database("ended").await);
}

#[tokio::test]
async fn a_server_that_dies_ends_the_run_and_leaves_nothing() {
    let cluster = Cluster::start(MAJOR);
    let source = Source::on(&cluster, 20_000).await;
    source.backup().output_ok();
    let listed = files_below(&source.repo());
    for restoring in [false, true] {
        let run = |conninfo: &str| match restoring {
            false => source.backup_of(conninfo),
            true => source.restore(conninfo).arg("--create"),
        };
        let name = |whole: &str| match restoring {
            false => source.database.name().to_owned(),
            true => format!("died{whole}"),
        };
        let proxy = Proxy::before(cluster.port(), Fault::None);
        run(&through(&proxy, &name("_whole"))).output_ok();
        let listed = if restoring {
            listed.clone()
        } else {
            files_below(&source.repo())
        };
        let proxy = Proxy::before(cluster.port(), Fault::Stall(proxy.passed() / 2));
        let child = start(run(&through(&proxy, &name(""))));
        proxy.wait_until_struck();
        cluster.crash();
        drop(proxy);
        let done = ended(child);
        assert_eq!(done.code, Some(1), "{}", done.stderr);
        if !restoring {
            assert_eq!(files_below(&source.repo()), listed, "{}", done.stderr);
        }
    }
    let query = "SELECT count(*) FROM pg_database WHERE datname = 'died'";
    assert_eq!(cluster.database("postgres").value(query).await, "0");
}

/// A terminal that is closed says so by SIGHUP, and nohup says that it is nobody's business.
#[tokio::test]
async fn a_terminal_that_is_closed_stops_the_run_unless_nohup_was_said() {
    let source = Source::on(&Cluster::shared(MAJOR), 1_000).await;
    source.backup().output_ok();
    let cluster = Cluster::shared(MAJOR);
    for (name, nohup, code) in [("hung_up", "", 130), ("not_hung_up", "trap '' HUP;", 0)] {
        let proxy = Proxy::before(cluster.port(), Fault::Stall(50_000));
        let script = format!(r#"{nohup} exec "$@""#);
        let restore = Stock::new("sh")
            .args(["-c", &script, "sh"])
            .arg(dr_tests::dr_binary())
            .args(["restore", "latest", "--create", "--repo"])
            .arg(source.repo())
            .args(["--to", &through(&proxy, name)]);
        let child = start(restore);
        proxy.wait_until_struck();
        signal(&child, "-HUP");
        proxy.release();
        let done = ended(child);
        assert_eq!(done.code, Some(code), "{}", done.stderr);
        assert_eq!(cluster.has_database(name).await, code == 0);
        assert_eq!(cluster.leftovers_of(name).await, [""; 0]);
    }
}
