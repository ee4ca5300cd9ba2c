//! Stock PostgreSQL clients, the oracles. Used by tests; dr itself never runs one.

use std::ffi::OsStr;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::servers;

/// The path of a stock client program of this major: 15, 16, 18, or 17, the one with zstd and lz4.
///
/// # Panics
///
/// When it is not installed.
pub fn client(major: u32, program: &str) -> PathBuf {
    let path = servers()
        .join("clients")
        .join(major.to_string())
        .join("bin")
        .join(program);
    let part = match major {
        15 => "client15",
        17 => "client17",
        _ => "clients",
    };
    assert!(
        path.exists(),
        "stock {program} {major} is not installed in {}: run scripts/servers {part}",
        servers().display()
    );
    path
}

/// Another stock tool, `age` or `age-keygen`, ready for arguments.
///
/// # Panics
///
/// When it is not installed.
pub fn tool(program: &str) -> Stock {
    let path = servers().join("tools/bin").join(program);
    assert!(
        path.exists(),
        "{program} is not installed in {}: run scripts/servers age",
        servers().display()
    );
    Stock::new(path)
}

/// A stock client program, ready for arguments, with none of the caller's PG* variables.
pub fn stock(major: u32, program: &str) -> Stock {
    Stock::new(client(major, program))
}

/// A program about to be run.
#[derive(Debug)]
pub struct Stock {
    command: Command,
    program: String,
    input: Option<Vec<u8>>,
}

/// What a program that was run left.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error as text.
    pub stderr: String,
}

impl Finished {
    /// Standard output as text.
    ///
    /// # Panics
    ///
    /// When it is not UTF-8.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("the output is UTF-8")
    }
}

impl Stock {
    /// Any program of the system, found in PATH where `program` is a bare name.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        let program = program.into();
        let mut command = Command::new(&program);
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"PG") {
                command.env_remove(name);
            }
        }
        command.env("LC_ALL", "C").env("TZ", "UTC");
        Self {
            command,
            program: program.display().to_string(),
            input: None,
        }
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    /// A variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// The folder it runs in.
    #[must_use]
    pub fn folder(mut self, folder: impl AsRef<std::path::Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// What it reads on standard input; nothing otherwise.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = Some(input.into());
        self
    }

    /// Run it to its end, well or ill.
    pub fn output(mut self) -> Finished {
        self.command
            .stdin(if self.input.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = self
            .command
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", self.program));
        let writer = self.input.take().map(|input| {
            let mut stdin = child.stdin.take().expect("stdin was piped");
            // A program may end before it has read everything; its exit code tells.
            std::thread::spawn(move || stdin.write_all(&input).ok())
        });
        let output = child
            .wait_with_output()
            .expect("the program can be waited for");
        if let Some(writer) = writer {
            writer.join().expect("the writer does not panic");
        }
        Finished {
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Run it and expect exit code 0.
    ///
    /// # Panics
    ///
    /// When the exit code differs; the message holds its standard error.
    pub fn output_ok(self) -> Finished {
        let shown = format!("{:?}", self.command);
        let finished = self.output();
        assert!(
            finished.code == Some(0),
            "{shown} ended with {:?}\n{}\n{}",
            finished.code,
            String::from_utf8_lossy(&finished.stdout),
            finished.stderr
        );
        finished
    }

    /// The command itself, for what this type does not offer (signals, pipes).
    pub fn into_command(self) -> Command {
        self.command
    }
}
