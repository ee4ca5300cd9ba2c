//! The stages of the pipeline alone: runs the criterion benches and reads what they found.
//!
//! What is measured stands in `benches/stages.rs`; criterion says how often, and where the median
//! lies. Without a peer to take turns with, they are no part of a contest.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::report::{Section, Speed, Spread};

/// Runs the benches; their numbers and criterion's own go to `folder`.
///
/// # Errors
///
/// When they do not build, fail, or left nothing that can be read.
pub(crate) fn run(folder: &Path) -> Result<Section, String> {
    let home = folder.join("criterion");
    // What an earlier run left is not this run's.
    match std::fs::remove_dir_all(&home) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(format!("{}: {error}", home.display()));
        }
        _ => {}
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(dr_tests::workspace())
        .args(["bench", "--quiet", "--package", "dr-benches"])
        .args(["--bench", "stages", "--", "--noplot"])
        .env("CRITERION_HOME", &home)
        .status()
        .map_err(|error| format!("cargo does not run: {error}"))?;
    if !status.success() {
        return Err("the benches of the stages failed".to_owned());
    }
    let mut section = Section::new(
        "stages",
        "Stages",
        "Each on data in memory, one thread; bytes are those of plain data, and of toc.dat for tables of contents of 5 000 tables.",
    );
    let mut found = Vec::new();
    collect(&home, &mut found)?;
    if found.is_empty() {
        return Err(format!("criterion left nothing in {}", home.display()));
    }
    for path in found {
        section.speeds.push(speed(&path)?);
    }
    section
        .speeds
        .sort_by(|a, b| (&a.group, &a.name).cmp(&(&b.group, &b.name)));
    Ok(section)
}

/// The folders named `new`, where criterion keeps the last run of each bench.
fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), String> {
    let told = |error: std::io::Error| format!("{}: {error}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(told)? {
        let path = entry.map_err(told)?.path();
        if path.is_dir() {
            if path.ends_with("new") {
                found.push(path);
            } else {
                collect(&path, found)?;
            }
        }
    }
    Ok(())
}

/// One bench: bytes of each iteration, and nanoseconds.
fn speed(folder: &Path) -> Result<Speed, String> {
    let read = |name: &str| -> Result<Value, String> {
        let path = folder.join(name);
        let text = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))
    };
    let (bench, estimates) = (read("benchmark.json")?, read("estimates.json")?);
    let lacks = |what: &str| format!("{} tells no {what}", folder.display());
    let bytes = bench["throughput"]["Bytes"]
        .as_f64()
        .ok_or_else(|| lacks("bytes"))?;
    let megabytes_per_second = |nanoseconds: &Value| {
        let nanoseconds = nanoseconds.as_f64().ok_or_else(|| lacks("median"))?;
        Ok::<f64, String>(bytes * 1e3 / nanoseconds)
    };
    let median = &estimates["median"];
    let interval = &median["confidence_interval"];
    let word = |name: &str| bench[name].as_str().map(str::to_owned);
    Ok(Speed {
        group: word("group_id").ok_or_else(|| lacks("group"))?,
        name: word("function_id").ok_or_else(|| lacks("name"))?,
        ours: true,
        megabytes_per_second: Spread {
            median: megabytes_per_second(&median["point_estimate"])?,
            least: megabytes_per_second(&interval["upper_bound"])?,
            most: megabytes_per_second(&interval["lower_bound"])?,
        },
        ratio: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_criterion_leaves_is_read_as_megabytes_a_second() {
        let home = tempfile::tempdir().expect("a temporary folder can be made");
        let folder = home.path().join("digest/SHA-256/new");
        std::fs::create_dir_all(&folder).expect("the folder is new");
        let write = |name: &str, text: &str| {
            std::fs::write(folder.join(name), text).expect("the folder is writable");
        };
        write(
            "benchmark.json",
            r#"{"group_id": "digest", "function_id": "SHA-256", "throughput": {"Bytes": 32000000}}"#,
        );
        write(
            "estimates.json",
            r#"{"median": {"point_estimate": 2e7, "confidence_interval": {"lower_bound": 1e7, "upper_bound": 4e7}}}"#,
        );
        let mut found = Vec::new();
        collect(home.path(), &mut found).expect("it is there");
        assert_eq!(found, [folder]);
        let speed = speed(&found[0]).expect("it is whole");
        assert_eq!((&speed.group[..], &speed.name[..]), ("digest", "SHA-256"));
        let Spread {
            median,
            least,
            most,
        } = speed.megabytes_per_second;
        assert_eq!((least, median, most), (800.0, 1600.0, 3200.0));
    }
}
