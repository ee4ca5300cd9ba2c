//! Answers as JSON text, which Python's own parser takes apart faster than objects are made one by
//! one through the interpreter's interface.

use dr_core::Result;
use dr_core::ops::as_json;
use dr_core::pg::ConnInfo;
use serde::Serialize;
use serde_json::{Value, json};

/// Whether it went well; and the value, or the error, as JSON.
pub(crate) fn outcome(result: Result<impl Serialize>) -> (bool, String) {
    match result {
        Ok(value) => (
            true,
            serde_json::to_string(&value).unwrap_or_else(|_| "null".to_owned()),
        ),
        Err(error) => (false, as_json::error(&error).to_string()),
    }
}

/// What a connection string comes to, for people: no secret is in it.
pub(crate) fn target(info: &ConnInfo) -> Value {
    json!({
        "database": info.database(),
        "user": info.user(),
        "description": info.to_string(),
        "notices": info.notices(),
    })
}
