//! `dr completions`.

use clap::CommandFactory;
use dr_core::Result;
use serde_json::json;

use super::Context;
use crate::args::{Arguments, Completions};
use crate::exit::Outcome;

pub(super) fn run(context: &Context, wanted: &Completions) -> Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(wanted.shell, &mut Arguments::command(), "dr", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    context.output.result(
        || script.clone(),
        || json!({ "shell": wanted.shell.to_string(), "script": script }),
    )?;
    Ok(Outcome::Done)
}
