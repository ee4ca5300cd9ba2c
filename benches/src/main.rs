//! dr beside the stock tools, on the same server, in the same run.
//!
//! `make bench` runs it; `--help` says what it can. Contestants take turns, so that a machine that
//! slows down slows all; what is told is the median. A ratio is a result, a lone time is not.

mod cases;
mod contest;
mod data;
mod entrants;
mod measure;
mod options;
mod plot;
mod report;
mod stages;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use options::{Asked, Options};
use report::{Report, Section};

/// The `dr` to measure: `DR_BINARY`, or the one beside this program, built by the same profile and
/// brought up to date first.
fn dr_binary() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("DR_BINARY") {
        return Ok(PathBuf::from(path));
    }
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let folder = this.parent().ok_or("this program lies in no folder")?;
    if folder.file_name() != Some("release".as_ref()) {
        return Err("numbers of a debug build mean nothing: use cargo run --release".to_owned());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(dr_tests::workspace())
        .args(["build", "--release", "--quiet", "--package", "dr-cli"])
        .status()
        .map_err(|error| format!("cargo does not run: {error}"))?;
    if !status.success() {
        return Err("dr does not build".to_owned());
    }
    Ok(folder.join("dr"))
}

/// Every peer must take part: what is missing is fetched, or the run ends here.
fn install_peers(options: &Options) -> Result<(), String> {
    let status = Command::new(dr_tests::workspace().join("scripts/servers"))
        .arg(options.major.to_string())
        .args(entrants::SERVER_PARTS)
        .status()
        .map_err(|error| format!("scripts/servers does not run: {error}"))?;
    if !status.success() {
        return Err("a peer is missing and could not be installed".to_owned());
    }
    for tool in ["bash", "gzip", "gunzip", "awk"] {
        let found = Command::new("sh")
            .args(["-c", "command -v \"$0\" > /dev/null", tool])
            .status()
            .map_err(|error| format!("sh does not run: {error}"))?;
        if !found.success() {
            return Err(format!("{tool} is missing: install it"));
        }
    }
    Ok(())
}

async fn run(case: &str, dr: &Path, options: &Options) -> Result<Vec<Section>, String> {
    Ok(match case {
        "stages" => vec![stages::run(&options.out)?],
        "dump" => cases::dump(dr, options).await,
        "restore" => cases::restore(dr, options).await,
        "extract" => cases::extract(dr, options).await,
        "shapes" => cases::shape_by_shape(dr, options).await,
        "catalog" => cases::catalog(dr, options).await,
        "schema" => cases::schema(dr, options).await,
        "memory" => cases::memory(dr, options).await,
        other => return Err(format!("there is no case {other}")),
    })
}

fn bench(options: &Options) -> Result<(), String> {
    install_peers(options)?;
    let dr = dr_binary()?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let mut report = Report::new(options);
    for case in &options.cases {
        eprintln!("dr-benches: {case}");
        for section in runtime.block_on(run(case, &dr, options))? {
            print!("{}", section.markdown());
            report.add(section);
        }
        // After every case: a long run that is stopped keeps what it has.
        report.write(&options.out);
    }
    Ok(())
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|first| first == measure::WORD) {
        return measure::run_and_tell(&words[1..]);
    }
    let (message, code) = match options::parse(&words) {
        Ok(Asked::Help) => {
            print!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Ok(Asked::Run(options)) => match bench(&options) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(message) => (message, 1),
        },
        Err(message) => (message, 2),
    };
    eprintln!("dr-benches: {message}");
    ExitCode::from(code)
}
