//! What a network can do to a dump and a restore short of breaking: it falls silent, both ways or
//! one, for good or for a while; it ends one way; it trickles. The law is that of process_faults.rs.
//! Offsets are those of the dice, whose words in the message of a failure repeat it.

#![cfg(unix)]

use dr_tests::{
    Cluster, Dice, Fault, Finished, Proxy, Source, Stock, Way, assert_same_contents,
    assert_same_schema, dr, ended, signal, start, through,
};
use serde_json::Value;

const MAJOR: u32 = 18;

/// How many offsets of each fault are tried.
const ROUNDS: u32 = 2;

/// Both ways, or one; with a word for names.
const ANY_WAY: [(&str, Option<Way>); 3] = [
    ("both", None),
    ("up", Some(Way::ToServer)),
    ("down", Some(Way::ToClient)),
];

/// One thing that is done through a proxy, and how much passes when nothing is wrong.
struct Run {
    restoring: bool,
    to_server: u64,
    to_client: u64,
}

impl Run {
    /// The dump and the restore of a source, both measured. There is one backup afterwards.
    fn both(source: &Source) -> [Self; 2] {
        source.backup().output_ok();
        let measured = |restoring, database: &str| {
            let proxy = Proxy::before(Cluster::shared(MAJOR).port(), Fault::None);
            let mut run = Self {
                restoring,
                to_server: 0,
                to_client: 0,
            };
            run.command(source, &through(&proxy, database)).output_ok();
            run.to_server = proxy.passed_on(Way::ToServer);
            run.to_client = proxy.passed_on(Way::ToClient);
            run
        };
        let whole = format!("{}_whole", source.database.name());
        [
            measured(false, source.database.name()),
            measured(true, &whole),
        ]
    }

    fn command(&self, source: &Source, conninfo: &str) -> Stock {
        match self.restoring {
            false => source.backup_of(conninfo),
            true => source.restore(conninfo).arg("--create"),
        }
    }

    /// What is dumped, or made.
    fn database(&self, source: &Source, label: &str, number: u32) -> String {
        match self.restoring {
            false => source.database.name().to_owned(),
            true => format!("{label}_{number}"),
        }
    }

    /// An offset nobody chose, this way or both together; not in the last bytes, which are goodbyes.
    fn offset(&self, way: Option<Way>, dice: &mut Dice) -> u64 {
        let total = match way {
            Some(Way::ToServer) => self.to_server,
            Some(Way::ToClient) => self.to_client,
            None => self.to_server + self.to_client,
        };
        dice.below(total * 9 / 10)
    }

    fn stall(&self, way: Option<Way>, dice: &mut Dice) -> Fault {
        let offset = self.offset(way, dice);
        way.map_or(Fault::Stall(offset), |way| Fault::StallOneWay(way, offset))
    }
}

/// What is left of a run that did not come to its end: nothing, or what it named.
struct Left<'a> {
    source: &'a Source,
    stored: Vec<std::path::PathBuf>,
}

impl<'a> Left<'a> {
    fn by(source: &'a Source) -> Self {
        let stored = source.stored();
        Self { source, stored }
    }

    /// Neither a backup nor a database; returns the databases that could not be dropped.
    async fn nothing(&self, database: Option<&String>, done: &Finished, what: &str) -> Vec<String> {
        assert_eq!(self.source.stored(), self.stored, "{what}: {}", done.stderr);
        let Some(database) = database else {
            return Vec::new();
        };
        let cluster = Cluster::shared(MAJOR);
        assert!(!cluster.has_database(database).await, "{what}");
        let leftovers = cluster.leftovers_of(database).await;
        for leftover in &leftovers {
            assert!(done.stderr.contains(leftover), "{what}: {}", done.stderr);
        }
        leftovers
    }
}

/// Ctrl-C ends what has stalled; the network moves again afterwards, as networks do.
#[tokio::test]
async fn control_c_ends_what_has_stalled_anywhere_in_any_direction() {
    let source = Source::on(&Cluster::shared(MAJOR), 3_000).await;
    let mut dice = Dice::new();
    for run in Run::both(&source) {
        let left = Left::by(&source);
        for (label, way) in ANY_WAY {
            for round in 0..ROUNDS {
                let fault = run.stall(way, &mut dice);
                let what = format!("{dice}, restoring {}, {fault:?}", run.restoring);
                let target = run.database(&source, &format!("stalled_{label}"), round);
                let proxy = Proxy::before(Cluster::shared(MAJOR).port(), fault);
                let child = start(run.command(&source, &through(&proxy, &target)));
                proxy.wait_until_struck();
                signal(&child, "-INT");
                let done = ended(child);
                assert_eq!(done.code, Some(130), "{what}: {}", done.stderr);
                left.nothing(run.restoring.then_some(&target), &done, &what)
                    .await;
            }
        }
    }
    // Nothing of all that stands in the way of the next.
    source.backup().output_ok();
    assert_eq!(source.sound_backups(), 3);
}

#[tokio::test]
async fn what_stalled_for_a_while_goes_on_as_if_nothing_had_been() {
    let source = Source::on(&Cluster::shared(MAJOR), 3_000).await;
    let mut dice = Dice::new();
    for run in Run::both(&source) {
        for (label, way) in ANY_WAY {
            let fault = run.stall(way, &mut dice);
            let what = format!("{dice}, restoring {}, {fault:?}", run.restoring);
            let target = run.database(&source, &format!("paused_{label}"), 0);
            let proxy = Proxy::before(Cluster::shared(MAJOR).port(), fault);
            let child = start(run.command(&source, &through(&proxy, &target)));
            proxy.wait_until_struck();
            proxy.release();
            let done = ended(child);
            assert_eq!(done.code, Some(0), "{what}: {}", done.stderr);
            if run.restoring {
                let target = Cluster::shared(MAJOR).database(&target);
                assert_same_contents(&source.database, &target).await;
            }
        }
    }
    assert_eq!(source.sound_backups(), 5);
}

/// Packets are lost and nothing is acknowledged: keep-alives tell a dump, which waits for the server;
/// `tcp_user_timeout` tells a restore, whose rows nobody takes.
#[tokio::test]
async fn a_network_that_falls_silent_is_noticed_by_keepalives_and_tcp_user_timeout() {
    let source = Source::on(&Cluster::shared(MAJOR), 3_000).await;
    let mut dice = Dice::new();
    for run in Run::both(&source) {
        let left = Left::by(&source);
        for round in 0..ROUNDS {
            let fault = Fault::Silence(run.offset(None, &mut dice));
            let what = format!("{dice}, restoring {}, {fault:?}", run.restoring);
            let target = run.database(&source, "silent", round);
            let proxy = Proxy::before(Cluster::shared(MAJOR).port(), fault);
            let conninfo = format!(
                "host=127.0.0.1 port={} user=postgres dbname={target} connect_timeout=2 \
                 keepalives_idle=1 keepalives_interval=1 keepalives_count=2 tcp_user_timeout=2000",
                proxy.port()
            );
            let done = run.command(&source, &conninfo).output();
            assert!(proxy.struck(), "{what}: {}", done.stderr);
            assert_eq!(done.code, Some(1), "{what}: {}", done.stderr);
            assert!(
                done.stderr.to_lowercase().contains("timed out"),
                "{what}: {}",
                done.stderr
            );
            left.nothing(run.restoring.then_some(&target), &done, &what)
                .await;
        }
    }
}

#[tokio::test]
async fn a_connection_that_ends_one_way_fails_the_run_and_leaves_nothing() {
    let source = Source::on(&Cluster::shared(MAJOR), 3_000).await;
    let mut dice = Dice::new();
    for run in Run::both(&source) {
        let left = Left::by(&source);
        for (label, way) in [("up", Way::ToServer), ("down", Way::ToClient)] {
            for round in 0..ROUNDS {
                let fault = Fault::HalfClose(way, run.offset(Some(way), &mut dice));
                let what = format!("{dice}, restoring {}, {fault:?}", run.restoring);
                let target = run.database(&source, &format!("half_{label}"), round);
                let proxy = Proxy::before(Cluster::shared(MAJOR).port(), fault);
                let done = run.command(&source, &through(&proxy, &target)).output();
                assert!(proxy.struck(), "{what}: {}", done.stderr);
                assert_eq!(done.code, Some(1), "{what}: {}", done.stderr);
                assert!(!done.stderr.is_empty(), "{what}");
                let leftovers = left
                    .nothing(run.restoring.then_some(&target), &done, &what)
                    .await;
                // Whoever connects anew can drop what the run had made.
                assert_eq!(leftovers, [""; 0], "{what}: {}", done.stderr);
            }
        }
    }
}

#[tokio::test]
async fn a_network_that_trickles_makes_the_same_backup_and_the_same_database() {
    let source = Source::on(&Cluster::shared(MAJOR), 3_000).await;
    source.backup().output_ok();
    let recorded = || {
        let shown = dr().args(["show", "latest", "--json", "--repo"]);
        let shown = shown.arg(source.repo()).output_ok();
        let mut shown: Value = serde_json::from_str(shown.text()).unwrap();
        let tables = shown["manifest"]["evidence"]["tables"].take();
        assert!(tables.as_object().is_some_and(|tables| !tables.is_empty()));
        tables
    };
    let straight = recorded();
    let mut dice = Dice::new();
    let trickle = Fault::Trickle(dice.below(u64::MAX));
    let port = Cluster::shared(MAJOR).port();
    let proxy = Proxy::before(port, trickle);
    let name = source.database.name();
    let done = source.backup_of(&through(&proxy, name)).output();
    assert_eq!(done.code, Some(0), "{dice}, {trickle:?}: {}", done.stderr);
    assert_eq!(recorded(), straight, "{dice}, {trickle:?}");
    assert_eq!(source.sound_backups(), 2);

    let proxy = Proxy::before(port, trickle);
    let restore = source.restore(&through(&proxy, "trickled")).arg("--create");
    let done = restore.output();
    assert_eq!(done.code, Some(0), "{dice}, {trickle:?}: {}", done.stderr);
    let target = Cluster::shared(MAJOR).database("trickled");
    assert_same_schema(&source.database, &target);
    assert_same_contents(&source.database, &target).await;
}
