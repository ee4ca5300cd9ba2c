//! dr beside the stock tools, on the same server, in the same run.
//!
//! ```text
//! cargo run --release -p dr-benches -- [CASE ...] [--runs N] [--scale F] [--major 17]
//! ```
//!
//! Cases: `stages`, `dump`, `restore`, `catalog`, `memory`; all of them when none is named. Results go
//! to `target/bench/results.md` and `results.json`. Contestants alternate, so that a machine that slows
//! down slows both; what is told is the median. A ratio is a result, a lone time is not.

mod cases;
mod data;
mod measure;
mod report;
mod stages;

use std::path::PathBuf;
use std::process::ExitCode;

use report::Report;

/// What the command line asked for.
#[derive(Debug)]
pub(crate) struct Options {
    cases: Vec<String>,
    runs: usize,
    scale: f64,
    major: u32,
    dr: PathBuf,
}

const CASES: [&str; 5] = ["stages", "dump", "restore", "catalog", "memory"];
const USAGE: &str = "dr-benches [CASE ...] [--runs N] [--scale F] [--major N]\n\
    cases: stages dump restore catalog memory";

fn options(arguments: &[String]) -> Result<Options, String> {
    let mut options = Options {
        cases: Vec::new(),
        runs: 3,
        scale: 1.0,
        major: 17,
        dr: release_binary()?,
    };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        let number = |text: &str| format!("{argument}: {text} is not a number");
        match argument.as_str() {
            "--runs" => {
                let text = value()?;
                options.runs = text.parse().map_err(|_| number(text))?;
            }
            "--scale" => {
                let text = value()?;
                options.scale = text.parse().map_err(|_| number(text))?;
            }
            "--major" => {
                let text = value()?;
                options.major = text.parse().map_err(|_| number(text))?;
            }
            case if CASES.contains(&case) => options.cases.push(case.to_owned()),
            other => return Err(format!("{other} is not understood\n{USAGE}")),
        }
    }
    if options.cases.is_empty() {
        options.cases = CASES.map(str::to_owned).to_vec();
    }
    if options.runs == 0 || options.scale <= 0.0 {
        return Err("--runs and --scale must be above zero".to_owned());
    }
    Ok(options)
}

/// The `dr` beside this program: built by the same profile, brought up to date first.
fn release_binary() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("DR_BINARY") {
        return Ok(PathBuf::from(path));
    }
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let folder = this.parent().ok_or("this program lies in no folder")?;
    if folder.file_name() != Some("release".as_ref()) {
        return Err("numbers of a debug build mean nothing: use cargo run --release".to_owned());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = std::process::Command::new(cargo)
        .current_dir(dr_tests::workspace())
        .args(["build", "--release", "--quiet", "--package", "dr-cli"])
        .status()
        .map_err(|error| format!("cargo does not run: {error}"))?;
    if !status.success() {
        return Err("dr does not build".to_owned());
    }
    Ok(folder.join("dr"))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments
        .first()
        .is_some_and(|first| first == measure::WORD)
    {
        return measure::run_and_tell(&arguments[1..]);
    }
    let options = match options(&arguments) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("dr-benches: {message}");
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    let mut report = Report::new(&options);
    for case in &options.cases {
        eprintln!("dr-benches: {case}");
        let section = runtime.block_on(async {
            match case.as_str() {
                "stages" => stages::run(&options).await,
                "dump" => cases::dump(&options).await,
                "restore" => cases::restore(&options).await,
                "catalog" => cases::catalog(&options).await,
                "memory" => cases::memory(&options).await,
                _ => unreachable!("options() knows the cases"),
            }
        });
        print!("{}", section.markdown());
        report.add(section);
        // Written after every case: a long run that is stopped keeps what it has.
        report.write();
    }
    ExitCode::SUCCESS
}
