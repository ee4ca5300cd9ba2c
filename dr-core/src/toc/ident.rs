//! Identifiers as SQL text. Pure; used wherever a statement is put together from names.
//!
//! Works on bytes: every server encoding keeps ASCII bytes for ASCII characters alone, so a quote
//! byte is a quote.

use crate::text;

/// Appends `name` as an identifier, quoted where pg_dump's `fmtId` quotes it.
pub fn push_ident(out: &mut Vec<u8>, name: &[u8]) {
    let plain = matches!(name.first(), Some(b'a'..=b'z' | b'_'))
        && name
            .iter()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        && std::str::from_utf8(name).is_ok_and(|name| !text::identifier(name).starts_with('"'));
    if plain {
        out.extend_from_slice(name);
        return;
    }
    out.push(b'"');
    for byte in name {
        if *byte == b'"' {
            out.push(b'"');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

/// `name` as an identifier, quoted where needed.
pub fn ident(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + 2);
    push_ident(&mut out, name);
    out
}

/// `namespace.name`, or `name` alone for what lives in no schema.
pub fn qualified(namespace: Option<&[u8]>, name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + 16);
    if let Some(namespace) = namespace.filter(|namespace| !namespace.is_empty()) {
        push_ident(&mut out, namespace);
        out.push(b'.');
    }
    push_ident(&mut out, name);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_fmt_id_quotes_them() {
        for (name, expect) in [
            ("votes", "votes"),
            ("_v1", "_v1"),
            ("1v", "\"1v\""),
            ("", "\"\""),
            ("Votes", "\"Votes\""),
            ("user", "\"user\""),
            ("int", "\"int\""),
            ("name", "name"),
            ("a\"b", "\"a\"\"b\""),
            ("a$b", "\"a$b\""),
            ("é", "\"é\""),
        ] {
            assert_eq!(ident(name.as_bytes()), expect.as_bytes(), "{name}");
        }
        assert_eq!(qualified(Some(b"s"), b"T"), b"s.\"T\"");
        assert_eq!(qualified(None, b"t"), b"t");
    }
}
