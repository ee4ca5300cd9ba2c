//! The `dr` command: a thin door into [`dr_core`]. Words become options (`args`), a verb runs
//! (`command`), what it tells and returns is shown (`render`), and how it ended becomes the exit
//! code (`exit`).

mod args;
mod command;
mod destination;
mod exit;
mod hooks;
mod render;
mod secrets;
mod signal;
mod source;

use std::process::ExitCode;

use clap::Parser;
use dr_core::{Error, ErrorKind};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let arguments = match args::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(told) => return ExitCode::from(exit::of_words(&told)),
    };
    let json = arguments.global.json;
    log(&arguments.global);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(command::run(arguments));
            // A blocking read of standard input must not keep the process alive.
            runtime.shutdown_background();
            result
        }
        Err(error) => {
            Err(Error::new(ErrorKind::Bug, "the program's threads cannot be made").caused_by(error))
        }
    };
    ExitCode::from(match result {
        Ok(exit::Outcome::Done) if render::was_unread() => exit::Outcome::Unread.code(),
        Ok(outcome) => outcome.code(),
        Err(error) => {
            render::print_error(&error, json);
            exit::code(&error)
        }
    })
}

/// Diagnosis goes to standard error: by DR_LOG (as `dr_core=debug`), else as often as -v was said.
fn log(global: &args::Global) {
    let level = match global.verbose {
        0 => "warn",
        1 => "dr_core=info,dr=info,warn",
        2 => "dr_core=debug,dr=debug,warn",
        _ => "dr_core=trace,dr=trace,info",
    };
    let filter = EnvFilter::try_from_env("DR_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}
