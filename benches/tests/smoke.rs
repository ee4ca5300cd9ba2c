//! The runner runs: one case, little data, every file that it promises.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn runner(words: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dr-benches"))
        .args(words)
        .arg("--out")
        .arg(folder)
        // Of the debug profile: here its numbers need not mean anything.
        .env("DR_BINARY", dr_tests::dr_binary())
        .output()
        .expect("the runner runs")
}

#[test]
fn cases_leave_tables_numbers_and_plots() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let words = "dump shapes --shape mixed --scale 0.01 --runs 1";
    let done = runner(&words.split(' ').collect::<Vec<_>>(), folder.path());
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let read = |name: &str| {
        std::fs::read(folder.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let results: Value = serde_json::from_slice(&read("results.json")).expect("it is JSON");
    check_contest(&results["sections"][0]);
    check_speeds(&results["sections"][1]);

    let table = String::from_utf8(read("results.md")).expect("it is text");
    for row in [
        "| pg_dump \\| gzip |",
        "| dr backup |",
        "| pg_restore -j4 |",
    ] {
        assert!(table.contains(row), "no {row} in {table}");
    }
    for (name, bar) in [
        ("dump-mixed", ">pg_dump | gzip</text>"),
        ("shapes", ">pg_restore -j4</text>"),
    ] {
        let plot = String::from_utf8(read(&format!("{name}.svg"))).expect("it is text");
        assert!(plot.contains(bar), "no {bar} in {plot}");
        assert!(read(&format!("{name}.png")).starts_with(b"\x89PNG"));
    }
}

/// Every contestant took time and memory and stored something.
fn check_contest(section: &Value) {
    let contestants = section["contestants"].as_array().expect("a contest");
    assert_eq!(contestants.len(), 11);
    for one in contestants {
        for key in ["wall_s", "client_cpu_s", "peak_mib", "peak_mib_of_all"] {
            let median = one[key]["median"].as_f64().expect("a number");
            assert!(median > 0.0, "{key} of {one}");
        }
        let ratio = one["ratio"].as_f64().expect("a number");
        assert!(ratio > 0.0 && ratio.is_finite(), "{one}");
        let stored = one["runs"][0]["stored_bytes"].as_u64();
        assert!(stored > Some(1000), "{one}");
    }
}

/// Dump and restore, dr and its peer, with a ratio at the peer.
fn check_speeds(section: &Value) {
    let speeds = section["speeds"].as_array().expect("speeds");
    let ours = speeds.iter().filter(|speed| speed["dr"] == true).count();
    assert_eq!((speeds.len(), ours), (4, 2), "{section}");
    for speed in speeds {
        let number = |key: &str| speed["mb_per_s"][key].as_f64().expect("a number");
        let (least, median, most) = (number("min"), number("median"), number("max"));
        assert!(0.0 < least && least <= median && median <= most, "{speed}");
        let ratio = speed["ratio"].as_f64();
        assert_eq!(ratio.is_some(), speed["dr"] == false, "{speed}");
        let sane = ratio.is_none_or(|ratio| ratio > 0.0 && ratio.is_finite());
        assert!(sane, "{speed}");
    }
}

#[test]
fn words_that_mean_nothing_are_refused_and_help_is_at_hand() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let refused = runner(&["dump", "--fast"], folder.path());
    assert_eq!(refused.status.code(), Some(2));
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("there is no option --fast"), "{told}");

    let help = runner(&["--help"], folder.path());
    assert!(help.status.success());
    assert!(String::from_utf8_lossy(&help.stdout).contains("Examples:"));
}
