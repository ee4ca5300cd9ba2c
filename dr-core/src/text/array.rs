//! PostgreSQL's array literals and lists of names in settings. Used where the catalogs hand out
//! text arrays and settings as one string; knows no type but text.

use crate::error::{Error, ErrorKind, Result};

/// The items of a one-dimensional array literal such as `{a,"b c"}`. Like libpq's reader it does
/// not tell a null from the word `NULL`: the arrays it is for hold none.
///
/// # Errors
///
/// `Format` if the text is no such literal.
pub fn parse_array(text: &str) -> Result<Vec<String>> {
    let bad = || {
        Error::new(
            ErrorKind::Format,
            format!("not a one-dimensional array literal: {text}"),
        )
    };
    let inside = text
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .ok_or_else(bad)?;
    let mut items = Vec::new();
    if inside.is_empty() {
        return Ok(items);
    }
    let mut item = String::new();
    let mut chars = inside.chars();
    let mut quoted = false;
    while let Some(c) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' if quoted => item.push(chars.next().ok_or_else(bad)?),
            ',' if !quoted => items.push(std::mem::take(&mut item)),
            '{' | '}' if !quoted => return Err(bad()),
            _ => item.push(c),
        }
    }
    if quoted {
        return Err(bad());
    }
    items.push(item);
    Ok(items)
}

/// Appends one item to an array literal being written, of which `out` holds the opening brace and
/// what came before, with the quoting the server's `array_out` chooses.
pub fn append_array_item(out: &mut String, item: &str) {
    if !out.ends_with('{') {
        out.push(',');
    }
    let needs_quotes = item.is_empty()
        || item.eq_ignore_ascii_case("null")
        || item.contains([
            '"', '\\', '{', '}', ',', ' ', '\t', '\n', '\r', '\x0b', '\x0c',
        ]);
    if !needs_quotes {
        out.push_str(item);
        return;
    }
    out.push('"');
    for c in item.chars() {
        if c == '"' || c == '\\' {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

/// The names in a setting that holds a list of quoted names (`search_path` and its like), such as
/// `public, "My Schema", ""`. Case is kept: the server has folded it already. `None` if the text
/// is no such list.
pub fn split_guc_list(text: &str) -> Option<Vec<String>> {
    // scanner_isspace of PostgreSQL.
    let is_space = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c');
    let mut names = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    if rest.is_empty() {
        return Some(names);
    }
    loop {
        let name;
        if let Some(mut inside) = rest.strip_prefix('"') {
            let mut unquoted = String::new();
            loop {
                let end = inside.find('"')?;
                unquoted.push_str(&inside[..end]);
                inside = &inside[end + 1..];
                match inside.strip_prefix('"') {
                    Some(more) => {
                        unquoted.push('"');
                        inside = more;
                    }
                    None => break,
                }
            }
            name = unquoted;
            rest = inside;
        } else {
            let end = rest
                .find(|c: char| c == ',' || is_space(c))
                .unwrap_or(rest.len());
            if end == 0 {
                return None;
            }
            name = rest[..end].to_owned();
            rest = &rest[end..];
        }
        names.push(name);
        rest = rest.trim_start_matches(is_space);
        if rest.is_empty() {
            return Some(names);
        }
        rest = rest.strip_prefix(',')?.trim_start_matches(is_space);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn array_items_come_out_unquoted() {
        assert_eq!(parse_array("{}").expect("array"), Vec::<String>::new());
        assert_eq!(
            parse_array(r#"{a,"b,c","d\"e\\",""}"#).expect("array"),
            ["a", "b,c", "d\"e\\", ""]
        );
        for bad in ["", "{", "a", "{a", "{\"a}", "{a}b}", "{\"\\}"] {
            assert!(parse_array(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_list_setting_splits_into_names() {
        assert_eq!(
            split_guc_list(r#"public, "My ""S""", "",pg_temp"#).expect("list"),
            ["public", "My \"S\"", "", "pg_temp"]
        );
        assert_eq!(split_guc_list("  ").expect("list"), Vec::<String>::new());
        assert!(split_guc_list("a,").is_none());
        assert!(split_guc_list("\"a").is_none());
        assert!(split_guc_list("a b").is_none());
    }

    proptest! {
        #[test]
        fn an_array_written_reads_back(items in proptest::collection::vec(".*", 1..5)) {
            let mut text = String::from("{");
            for item in &items {
                append_array_item(&mut text, item);
            }
            text.push('}');
            prop_assert_eq!(parse_array(&text).expect("array"), items);
        }
    }
}
