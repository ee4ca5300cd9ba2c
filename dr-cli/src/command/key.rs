//! `dr key generate`.

use dr_core::Result;
use dr_core::pipeline::encryption::generate_key;
use serde_json::json;

use super::Context;
use crate::args::Key;
use crate::exit::Outcome;

pub(super) fn run(context: &Context, key: Key) -> Result<Outcome> {
    let Key::Generate { output } = key;
    let recipient = generate_key(&output)?;
    context.progress.notice(&format!(
        "the secret identity is in {}: keep copies away from the machines you back up",
        output.display()
    ));
    context.output.result(
        || recipient.clone(),
        || json!({ "recipient": recipient, "identity_file": output }),
    )?;
    Ok(Outcome::Done)
}
