//! Connection strings of the form `host=db user='o\'hara'`, by the rules of libpq's
//! `conninfo_parse`.

use super::{keyword, secret::Secret};
use crate::error::{Error, ErrorKind, Result};

/// The pairs of a key/value string, in order; a keyword may come twice.
///
/// # Errors
///
/// `Usage`, naming the keyword and never a value.
pub(super) fn parse(text: &str) -> Result<Vec<(&'static str, Secret)>> {
    let mut pairs = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    while !rest.is_empty() {
        let end = rest.find(|c| c == '=' || is_space(c)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let Some(after) = after.trim_start_matches(is_space).strip_prefix('=') else {
            return Err(usage(format!(
                "missing \"=\" after \"{name}\" in the connection string"
            )));
        };
        let Some(known) = keyword::find(name) else {
            return Err(usage(format!(
                "invalid connection parameter \"{name}\" in the connection string"
            )));
        };
        let (value, after) = value(known.name, after.trim_start_matches(is_space))?;
        pairs.push((known.name, Secret::new(value)));
        rest = after.trim_start_matches(is_space);
    }
    Ok(pairs)
}

/// One value, quoted or not, and what follows it. A backslash takes the next character as it is.
fn value<'a>(name: &str, text: &'a str) -> Result<(String, &'a str)> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut chars = text.char_indices();
    if quoted {
        chars.next();
    }
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' => value.extend(chars.next().map(|(_, next)| next)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            char if !quoted && is_space(char) => return Ok((value, &text[at..])),
            char => value.push(char),
        }
    }
    if quoted {
        return Err(usage(format!(
            "unterminated quoted value of \"{name}\" in the connection string"
        )));
    }
    Ok((value, ""))
}

/// C's `isspace` in the C locale.
fn is_space(char: char) -> bool {
    matches!(char, ' ' | '\t' | '\n' | '\r' | '\x0B' | '\x0C')
}

fn usage(message: String) -> Error {
    Error::new(ErrorKind::Usage, message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn pairs(text: &str) -> Vec<(&'static str, String)> {
        parse(text)
            .unwrap()
            .into_iter()
            .map(|(name, value)| (name, String::from_utf8(value.expose().to_vec()).unwrap()))
            .collect()
    }

    #[test]
    fn quotes_escapes_and_spaces_around_the_sign() {
        assert_eq!(
            pairs(r"  host = db.example  user='o\'hara \\ x' dbname=a\ b port= 5433 "),
            [
                ("host", "db.example".to_owned()),
                ("user", r"o'hara \ x".to_owned()),
                ("dbname", "a b".to_owned()),
                ("port", "5433".to_owned()),
            ]
        );
        assert_eq!(pairs("password=''"), [("password", String::new())]);
        // After "=" libpq skips blanks, so the next word is the value.
        assert_eq!(
            pairs("user= password=x"),
            [("user", "password=x".to_owned())]
        );
    }

    #[test]
    fn a_malformed_string_names_the_keyword_and_never_the_value() {
        for (text, says) in [
            ("host", "missing \"=\" after \"host\""),
            ("host db", "missing \"=\" after \"host\""),
            ("hots=db", "invalid connection parameter \"hots\""),
            (
                "password='hunter2",
                "unterminated quoted value of \"password\"",
            ),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
