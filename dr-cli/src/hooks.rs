//! Commands of the user's own around a restore: `--before`, `--after`, `--health`. Each is run by the
//! shell, in a process group of its own, so that Ctrl-C reaches it only through dr.

use std::process::Stdio;
use std::time::Duration;

use dr_core::ops::{HookFacts, HookOutcome, Hooks};
use dr_core::{Error, ErrorKind, Result};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::args::HookOptions;
use crate::render::{duration, say};

/// How long a command that was told to end may take to do so.
const GRACE: Duration = Duration::from_secs(10);

/// The commands, and what they are told beside the library's facts.
#[derive(Debug)]
pub(crate) struct Commands {
    before: Option<String>,
    after: Option<String>,
    health: Option<String>,
    limit: Duration,
    stop: CancellationToken,
    /// The backup or file that is restored.
    what: String,
}

impl Commands {
    /// Those of the command line; none if none was given.
    pub(crate) fn of(options: &HookOptions, what: &str, stop: &CancellationToken) -> Option<Self> {
        let commands = Self {
            before: options.before.clone(),
            after: options.after.clone(),
            health: options.health.clone(),
            limit: options.hook_timeout,
            stop: stop.clone(),
            what: what.to_owned(),
        };
        let given = [&commands.before, &commands.after, &commands.health];
        let any = given.iter().any(|command| command.is_some());
        any.then_some(commands)
    }

    /// Runs one; `name` is that of its option.
    async fn run(&self, name: &str, command: Option<&str>, facts: &HookFacts) -> Result<()> {
        let Some(command) = command else {
            return Ok(());
        };
        say(&format!("dr: running --{name}: {command}"));
        let failed = |why: String| {
            let so = match (name, facts.outcome) {
                ("before", _) => "nothing was changed",
                (_, Some(HookOutcome::Done)) => {
                    "the database is there and proven; what uses it may be down"
                }
                _ => "what uses the database may be down",
            };
            Error::new(ErrorKind::Conflict, format!("--{name} ({command}) {why}")).and_then(so)
        };
        let mut shell = Command::new("sh");
        shell
            .args(["-c", command])
            .env("DR_HOOK", name)
            .env("DR_DATABASE", &facts.database)
            .env("DR_BACKUP", &self.what)
            .env("DR_OUTCOME", facts.outcome.map_or("", HookOutcome::as_str))
            .env("DR_KEPT", facts.kept.as_deref().unwrap_or_default())
            // Standard output is the result's.
            .stdin(Stdio::null())
            .stdout(std::io::stderr())
            .stderr(std::io::stderr());
        #[cfg(unix)]
        shell.process_group(0);
        let child = shell
            .spawn()
            .map_err(|error| failed("could not be started".to_owned()).caused_by(error))?;
        let mut group = Group { child };
        // What brings services back is not given up on request.
        let stopped = async {
            match name {
                "after" => std::future::pending().await,
                _ => self.stop.cancelled().await,
            }
        };
        let ended = tokio::select! {
            ended = group.child.wait() => ended,
            () = sleep(self.limit) => {
                group.end().await;
                return Err(failed(format!(
                    "was still running after {} and was ended (--hook-timeout)",
                    duration(self.limit)
                )));
            }
            () = stopped => {
                group.end().await;
                let error = Error::new(
                    ErrorKind::Interrupted,
                    format!("--{name} ({command}) was stopped by request"),
                );
                return Err(error);
            }
        };
        match ended {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(failed(format!("ended with {status}"))),
            Err(error) => Err(failed("could not be waited for".to_owned()).caused_by(error)),
        }
    }
}

impl Hooks for Commands {
    fn before<'a>(&'a self, facts: &'a HookFacts) -> BoxFuture<'a, Result<()>> {
        self.run("before", self.before.as_deref(), facts).boxed()
    }

    fn after<'a>(&'a self, facts: &'a HookFacts) -> BoxFuture<'a, Result<()>> {
        self.run("after", self.after.as_deref(), facts).boxed()
    }

    fn health<'a>(&'a self, facts: &'a HookFacts) -> BoxFuture<'a, Result<()>> {
        self.run("health", self.health.as_deref(), facts).boxed()
    }
}

/// A command with all that it started.
struct Group {
    child: Child,
}

impl Group {
    /// Asks them to end, and after a while makes them.
    async fn end(&mut self) {
        self.signal(false);
        if timeout(GRACE, self.child.wait()).await.is_err() {
            self.signal(true);
            // It cannot refuse.
            let _ = self.child.wait().await;
        }
    }

    #[cfg(unix)]
    fn signal(&mut self, hard: bool) {
        use nix::sys::signal::{Signal, killpg};
        use nix::unistd::Pid;
        let signal = match hard {
            true => Signal::SIGKILL,
            false => Signal::SIGTERM,
        };
        // None once it was waited for: then the number may be another's.
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
            let _ = killpg(Pid::from_raw(pid), signal);
        }
    }

    #[cfg(not(unix))]
    fn signal(&mut self, _hard: bool) {
        let _ = self.child.start_kill();
    }
}

/// One that nobody waits for any more is asked to end.
impl Drop for Group {
    fn drop(&mut self) {
        self.signal(false);
    }
}
