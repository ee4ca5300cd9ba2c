//! One file for each command: its words become options, its verb runs, its result is shown.

mod backup;
mod completions;
mod convert;
mod diff;
mod extract;
mod key;
mod list;
mod prune;
mod restore;
mod set;
mod show;
mod swap_back;
mod verify;

use dr_core::ops::ReadOptions;
use dr_core::pg::{ConnInfo, Environment};
use dr_core::repo::Repository;
use dr_core::toc::Selection;
use dr_core::{Limits, Result};
use tokio_util::sync::CancellationToken;

use crate::args::{Arguments, Command, Global, Parts};
use crate::exit::Outcome;
use crate::render::{Output, Progress};
use crate::{signal, source};

/// What every command is given.
pub(crate) struct Context {
    pub(crate) output: Output,
    pub(crate) progress: Progress,
    pub(crate) stop: CancellationToken,
    pub(crate) limits: Limits,
}

impl Context {
    fn new(global: &Global) -> Result<Self> {
        let mut limits = Limits::default();
        global
            .limit
            .iter()
            .try_for_each(|setting| limits.apply(setting))?;
        Ok(Self {
            output: Output::new(global),
            progress: Progress::new(global),
            stop: signal::token()?,
            limits,
        })
    }

    async fn repository(&self, location: &str) -> Result<Repository> {
        let repository = Repository::open(location).await?;
        Ok(repository.with_limits(self.limits.clone()))
    }

    /// How a dump in a file is read.
    fn reading(&self) -> ReadOptions {
        ReadOptions::new()
            .limits(self.limits.clone())
            .watch(self.progress.watch())
    }
}

/// Runs the command and says how it ended.
pub(crate) async fn run(arguments: Arguments) -> Result<Outcome> {
    let context = Context::new(&arguments.global)?;
    let result = dispatch(&context, arguments.command).await;
    context.progress.finish();
    result
}

async fn dispatch(context: &Context, command: Command) -> Result<Outcome> {
    match command {
        Command::Backup(options) => backup::run(context, &options).await,
        Command::Key(key) => key::run(context, key),
        Command::Completions(wanted) => completions::run(context, &wanted),
        Command::List(options) => list::run(context, &options).await,
        Command::Prune(options) => prune::run(context, &options).await,
        Command::Show(options) => show::run(context, &options).await,
        Command::Verify(options) => verify::run(context, &options).await,
        Command::Restore(options) => restore::run(context, &options).await,
        Command::Diff(options) => diff::run(context, &options).await,
        Command::SwapBack(options) => swap_back::run(context, &options).await,
        Command::Extract(options) => extract::run(context, &options).await,
        Command::Convert(options) => convert::run(context, &options).await,
    }
}

/// The number of connections, or of objects read, at once: what was asked for, else as many as
/// there are processors, but not so many that a database would feel it.
fn jobs(wanted: Option<u16>) -> usize {
    match wanted {
        Some(jobs) => jobs.into(),
        None => std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(1, 4)),
    }
}

/// The server and database a connection string names. A password in it is told, because everybody
/// on the machine can read a command line.
fn database(context: &Context, text: Option<&str>) -> Result<ConnInfo> {
    let info = ConnInfo::resolve(text, &Environment::of_process())?;
    for notice in info.notices() {
        context.progress.notice(notice);
    }
    if text.is_some_and(source::shows_password) {
        context.progress.notice(
            "the password on the command line can be read by everybody on this machine; \
             use a password file or PGPASSWORD",
        );
    }
    Ok(info)
}

/// What of a dump is wanted.
fn selection(parts: &Parts) -> Selection {
    let mut selection = Selection::tables(&parts.table);
    for pattern in &parts.schema {
        selection = selection.and_schema(pattern);
    }
    for pattern in &parts.exclude_table {
        selection = selection.without_table(pattern);
    }
    for pattern in &parts.exclude_schema {
        selection = selection.without_schema(pattern);
    }
    for pattern in &parts.exclude_table_data {
        selection = selection.without_data_of(pattern);
    }
    selection
}
