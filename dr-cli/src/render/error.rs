//! Errors: one line each, the causes below; or one JSON document.

use dr_core::Error;
use serde_json::{Value, json};

use super::{clean, say};

/// Prints an error and what caused it.
pub(crate) fn print_error(error: &Error, json: bool) {
    if json {
        say(&error_json(error, crate::exit::code(error)).to_string());
        return;
    }
    say(&format!("dr: {}", clean(&error.to_string())));
    for cause in causes(error) {
        say(&format!("    because: {}", clean(&cause)));
    }
}

/// An error as JSON: kind, message, the facts known, the causes, the exit code.
pub(crate) fn error_json(error: &Error, exit: u8) -> Value {
    json!({
        "error": {
            "kind": format!("{:?}", error.kind()),
            "message": error.to_string(),
            "entry": error.entry(),
            "key": error.key(),
            "offset": error.offset(),
            "sqlstate": error.sqlstate(),
            "retryable": error.is_retryable(),
            "causes": causes(error),
            "exit": exit,
        }
    })
}

fn causes(error: &Error) -> Vec<String> {
    let mut causes: Vec<String> = Vec::new();
    let mut source = std::error::Error::source(error);
    let mut above = error.to_string();
    while let Some(cause) = source {
        let text = cause.to_string();
        // Some libraries say their cause in their own words; twice is once too many.
        if !above.contains(&text) {
            causes.push(text.clone());
        }
        above = text;
        source = cause.source();
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;
    use dr_core::ErrorKind;

    #[test]
    fn causes_are_listed_once() {
        let deepest = std::io::Error::other("disk on fire");
        let error = Error::new(ErrorKind::Store, "cannot read it").caused_by(
            Error::new(ErrorKind::Store, "reading stopped: disk on fire").caused_by(deepest),
        );
        assert_eq!(causes(&error), ["reading stopped: disk on fire"]);
        let value = error_json(&error, 1);
        assert_eq!(value["error"]["kind"], "Store");
        assert_eq!(value["error"]["exit"], 1);
    }
}
