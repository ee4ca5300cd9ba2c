//! Errors: one line each, the causes below; or one JSON document.

use dr_core::Error;
use dr_core::ops::as_json;
use serde_json::{Value, json};

use super::{clean, say};

/// Prints an error and what caused it.
pub(crate) fn print_error(error: &Error, json: bool) {
    if json {
        say(&error_json(error, crate::exit::code(error)).to_string());
        return;
    }
    print_lines("dr", error);
}

/// Prints the error of one of several databases that are worked on.
pub(crate) fn print_error_of(database: &str, error: &Error) {
    print_lines(&format!("dr: database {}", clean(database)), error);
}

fn print_lines(head: &str, error: &Error) {
    say(&format!("{head}: {}", clean(&error.to_string())));
    for cause in as_json::causes(error) {
        say(&format!("    because: {}", clean(&cause)));
    }
}

/// An error as JSON, with the exit code.
fn error_json(error: &Error, exit: u8) -> Value {
    let mut value = as_json::error(error);
    value["exit"] = exit.into();
    json!({ "error": value })
}
