//! Commands around a restore: in their order, with what they are told; what was stopped is started again
//! whatever happens; none outlives its time.

#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use dr_tests::{Cluster, Database, Source, Stock, dr, ended, signal, start};
use serde_json::Value;

const MAJOR: u32 = 18;

/// A database that has lost its votes since its backup, and a file that hooks write to.
struct Place {
    source: Source,
    told: PathBuf,
}

impl Place {
    async fn new() -> Self {
        let source = Source::on(&Cluster::shared(MAJOR), 50).await;
        source.backup().output_ok();
        source.database.sql("TRUNCATE public.votes_vote").await;
        let told = source.place.path().join("told");
        Self { source, told }
    }

    fn database(&self) -> &Database {
        &self.source.database
    }

    fn swap(&self) -> Stock {
        self.source
            .restore(self.database().conninfo())
            .arg("--swap")
    }

    /// A command that writes down what it was told.
    fn tells(&self) -> String {
        format!(
            "echo \"$DR_HOOK|$DR_DATABASE|$DR_OUTCOME|$DR_KEPT\" >> {}",
            self.told.display()
        )
    }

    /// What hooks were told so far, and no more from now on.
    fn told(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.told).unwrap_or_default();
        let _ = std::fs::remove_file(&self.told);
        text.lines().map(str::to_owned).collect()
    }

    async fn votes(&self) -> String {
        self.database()
            .value("SELECT count(*) FROM public.votes_vote")
            .await
    }
}

fn is_running(pid: &str) -> bool {
    // A zombie has ended.
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !status.is_empty() && !status.contains(") Z ")
}

/// Waits until a file has a line, and returns it.
fn line_of(path: &Path) -> String {
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        if text.ends_with('\n') {
            return text.trim().to_owned();
        }
        assert!(Instant::now() < patience, "nothing is written to it");
        std::thread::yield_now();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn services_are_stopped_for_the_swap_started_again_and_looked_at() {
    let place = Place::new().await;
    let name = place.database().name().to_owned();
    // The service: it is connected all the while, and the hook stops it.
    let mut service = place
        .database()
        .psql()
        .into_command()
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let connected = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'psql' \
         AND datname = current_database()";
    let patience = Instant::now() + Duration::from_secs(60);
    while place.database().value(connected).await == "0" {
        assert!(Instant::now() < patience, "the service never comes");
    }
    let tells = place.tells();
    let stop = format!("{tells}; kill {}", service.id());
    let done = place
        .swap()
        .args([
            "--before", &stop, "--after", &tells, "--health", &tells, "--json",
        ])
        .output_ok();
    service.wait().unwrap();
    let report: Value = serde_json::from_str(done.text()).unwrap();
    let kept = report["swapped"]["kept"].as_str().unwrap();
    assert_eq!(
        place.told(),
        [
            format!("before|{name}||"),
            format!("after|{name}|done|{kept}"),
            format!("health|{name}|done|{kept}"),
        ]
    );
    assert_eq!(report["hook_failures"], serde_json::json!([]));
    assert_eq!(place.votes().await, "50");
    let backup = "test -n \"$DR_BACKUP\" || exit 1; env > env; ";
    dr().args([
        "swap-back",
        place.database().conninfo(),
        "--before",
        &tells,
        "--after",
        &tells,
    ])
    .output_ok();
    assert_eq!(place.told().len(), 2);
    assert_eq!(place.votes().await, "0");

    // Around everything where there is no swap; and no password comes to a hook by dr.
    let env = place.source.place.path().join("env");
    let secret = format!(
        "{} password=never-told",
        Cluster::shared(MAJOR).conninfo("hooked")
    );
    place
        .source
        .restore(&secret)
        .args(["--create", "--before"])
        .arg(backup.replace("env > env", &format!("env > {}", env.display())) + &tells)
        .args(["--after", &tells])
        .output_ok();
    assert_eq!(place.told(), ["before|hooked||", "after|hooked|done|"]);
    let env = std::fs::read_to_string(env).unwrap();
    assert!(env.contains(&format!("DR_BACKUP={name}/")), "{env}");
    assert!(!env.contains("never-told"), "{env}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stopped_is_started_again_when_something_fails() {
    let place = Place::new().await;
    let name = place.database().name().to_owned();
    let tells = place.tells();
    let fails = format!("{tells}; exit 3");
    let not_begun = place
        .swap()
        .args(["--before", &fails, "--after", &tells, "--health", &tells])
        .output();
    assert_eq!(not_begun.code, Some(1), "{}", not_begun.stderr);
    for word in ["exit status: 3", "nothing was changed", "is kept as"] {
        assert!(
            not_begun.stderr.contains(word),
            "{word}: {}",
            not_begun.stderr
        );
    }
    assert_eq!(
        place.told(),
        [format!("before|{name}||"), format!("after|{name}|failed|")]
    );
    assert_eq!(place.votes().await, "0");

    // Somebody who does not leave.
    let client = place.database().connect().await;
    let refused = place
        .swap()
        .args(["--before", &tells, "--after", &tells])
        .output();
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("dr-tests"), "{}", refused.stderr);
    assert_eq!(
        place.told().last().unwrap(),
        &format!("after|{name}|failed|")
    );
    drop(client);

    // The swap stands; that services may be down is told, and by the exit code.
    for (hook, other) in [("--after", "--health"), ("--health", "--after")] {
        let done = place.swap().args([hook, &fails, other, &tells]).output();
        assert_eq!(done.code, Some(1), "{}", done.stderr);
        assert!(done.text().contains("HOOK FAILED"), "{}", done.text());
        assert!(done.text().contains("what was restored is what was dumped"));
        let told = place.told();
        assert_eq!(
            told.len(),
            if hook == "--after" { 1 } else { 2 },
            "{told:?}"
        );
        assert_eq!(place.votes().await, "50");
    }
    let full = place
        .source
        .restore(place.database().conninfo())
        .args(["--before", &tells, "--after", &tells])
        .output();
    assert_eq!(full.code, Some(1), "{}", full.stderr);
    assert_eq!(place.told()[1], format!("after|{name}|failed|"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_ends_in_time_and_with_all_that_it_started() {
    let place = Place::new().await;
    let tells = place.tells();
    let pid = place.source.place.path().join("pid");
    let hangs = format!("sleep 600 & echo $! > {}; wait", pid.display());
    let late = place
        .swap()
        .args([
            "--before",
            &hangs,
            "--after",
            &tells,
            "--hook-timeout",
            "1s",
        ])
        .output();
    assert_eq!(late.code, Some(1), "{}", late.stderr);
    assert!(late.stderr.contains("--hook-timeout"), "{}", late.stderr);
    assert!(!is_running(&line_of(&pid)));
    assert_eq!(place.told().len(), 1);

    std::fs::remove_file(&pid).unwrap();
    let child = start(place.swap().args(["--before", &hangs, "--after", &tells]));
    let sleeping = line_of(&pid);
    assert!(is_running(&sleeping));
    signal(&child, "-INT");
    let stopped = ended(child);
    assert_eq!(stopped.code, Some(130), "{}", stopped.stderr);
    assert!(!is_running(&sleeping));
    let name = place.database().name();
    assert_eq!(place.told(), [format!("after|{name}|interrupted|")]);
    assert_eq!(place.votes().await, "0");
}
