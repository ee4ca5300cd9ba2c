//! Identifiers and literals as PostgreSQL's own programs quote them. Used by everything that writes
//! SQL; looks at ASCII only, so it need not know how the text is carried.
//!
//! The rules are those of `fmtId` and `appendStringLiteral` of PostgreSQL 18: an entry made here
//! is to be the same text as pg_dump's.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::parse_array;
use crate::error::Result;

/// The keywords of PostgreSQL 18 that `fmtId` quotes: all but the unreserved ones. Sorted.
#[rustfmt::skip]
const QUOTED_KEYWORDS: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "both",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "float",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "inout",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "json",
    "json_array",
    "json_arrayagg",
    "json_exists",
    "json_object",
    "json_objectagg",
    "json_query",
    "json_scalar",
    "json_serialize",
    "json_table",
    "json_value",
    "lateral",
    "leading",
    "least",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "merge_action",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "not",
    "notnull",
    "null",
    "nullif",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "placing",
    "position",
    "precision",
    "primary",
    "real",
    "references",
    "returning",
    "right",
    "row",
    "select",
    "session_user",
    "setof",
    "similar",
    "smallint",
    "some",
    "substring",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "treat",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "varchar",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
];

/// `name` as an SQL identifier, quoted unless it is a plain lower-case word that is no keyword
/// (an unreserved keyword stays plain).
pub fn identifier(name: &str) -> Cow<'_, str> {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && QUOTED_KEYWORDS.binary_search(&name).is_err();
    if plain {
        return Cow::Borrowed(name);
    }
    let mut quoted = String::with_capacity(name.len() + 2);
    quoted.push('"');
    for c in name.chars() {
        if c == '"' {
            quoted.push('"');
        }
        quoted.push(c);
    }
    quoted.push('"');
    Cow::Owned(quoted)
}

/// `namespace.name`, each quoted as [`identifier`] does; the name alone if the namespace is empty.
pub fn qualified(namespace: &str, name: &str) -> String {
    if namespace.is_empty() {
        identifier(name).into_owned()
    } else {
        format!("{}.{}", identifier(namespace), identifier(name))
    }
}

/// `text` as a string literal for `standard_conforming_strings = on`, which the session sets:
/// backslashes stay single. pg_dump writes this form for comments, among others.
pub fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    push_quoted(&mut out, text, false);
    out
}

/// Appends `text` as a string literal that means the same under either setting of
/// `standard_conforming_strings`: with a backslash in it, the `E''` form, set off by a blank if
/// what stands before is not one. pg_dump writes this form for enum labels, collation locales and
/// configuration settings, among others (`appendStringLiteralConn`).
pub fn push_connection_literal(out: &mut String, text: &str) {
    if text.contains('\\') {
        if !out.is_empty() && !out.ends_with(' ') {
            out.push(' ');
        }
        out.push('E');
        push_quoted(out, text, true);
    } else {
        push_quoted(out, text, false);
    }
}

/// `text` between dollar quotes: `$$`, or with as much of pg_dump's suffix as it takes for the
/// opening delimiter not to occur in the text.
pub fn dollar_quoted(text: &str) -> String {
    const SUFFIX: &[u8] = b"_XXXXXXX";
    let mut delimiter = String::from("$");
    // The closing `$` is not looked for: a text that ends in `$_` must not be closed by `$_$`.
    for next in SUFFIX.iter().cycle() {
        if !text.contains(&delimiter) {
            break;
        }
        delimiter.push(char::from(*next));
    }
    delimiter.push('$');
    format!("{delimiter}{text}{delimiter}")
}

fn push_quoted(out: &mut String, text: &str, double_backslash: bool) {
    out.push('\'');
    for c in text.chars() {
        if c == '\'' || (double_backslash && c == '\\') {
            out.push(c);
        }
        out.push(c);
    }
    out.push('\'');
}

/// Appends a `reloptions` array literal (`{fillfactor=70,"user_catalog_table=true"}`) as the
/// inside of a `WITH (…)` list, each name prefixed by `prefix` (empty, or `toast.`).
///
/// # Errors
///
/// `Format` if `options` is no array literal.
pub fn push_reloptions(out: &mut String, options: &str, prefix: &str) -> Result<()> {
    for (index, option) in parse_array(options)?.iter().enumerate() {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        if index > 0 {
            out.push_str(", ");
        }
        let _ = write!(out, "{prefix}{}=", identifier(name));
        // A word that would need no quotes as an identifier needs none here; the rest is quoted,
        // numbers included, for nothing is assumed of what an extension's option may hold.
        match identifier(value) {
            Cow::Borrowed(word) => out.push_str(word),
            Cow::Owned(_) => push_quoted(out, value, false),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keyword_list_is_sorted() {
        assert!(QUOTED_KEYWORDS.is_sorted());
    }

    #[test]
    fn an_identifier_is_quoted_only_when_it_must_be() {
        for (name, expected) in [
            ("votes", "votes"),
            ("_v1", "_v1"),
            ("1v", "\"1v\""),
            ("", "\"\""),
            ("Votes", "\"Votes\""),
            ("a b", "\"a b\""),
            ("a\"b", "\"a\"\"b\""),
            ("a$b", "\"a$b\""),
            ("é", "\"é\""),
            ("select", "\"select\""),
            ("user", "\"user\""),
            ("merge_action", "\"merge_action\""),
            ("int", "\"int\""),
            ("left", "\"left\""),
            ("name", "name"),
            ("type", "type"),
            ("temporary", "temporary"),
        ] {
            assert_eq!(identifier(name), expected);
        }
    }

    #[test]
    fn a_qualified_name_quotes_each_part() {
        assert_eq!(qualified("public", "Order"), "public.\"Order\"");
        assert_eq!(qualified("", "order"), "\"order\"");
        assert_eq!(qualified("a.b", "c"), "\"a.b\".c");
    }

    #[test]
    fn a_literal_doubles_quotes_and_leaves_backslashes() {
        assert_eq!(literal("it's a \\ back"), "'it''s a \\ back'");
        assert_eq!(literal(""), "''");
    }

    #[test]
    fn a_literal_for_either_setting_takes_the_e_form_for_backslashes() {
        let mut out = String::from("(");
        push_connection_literal(&mut out, "a\\'b");
        assert_eq!(out, "( E'a\\\\''b'");
        let mut out = String::from("x ");
        push_connection_literal(&mut out, "a'b");
        assert_eq!(out, "x 'a''b'");
        let mut out = String::from("x ");
        push_connection_literal(&mut out, "\\");
        assert_eq!(out, "x E'\\\\'");
    }

    #[test]
    fn dollar_quotes_grow_until_they_do_not_occur() {
        assert_eq!(dollar_quoted("a'b"), "$$a'b$$");
        assert_eq!(dollar_quoted("a$b"), "$_$a$b$_$");
        assert_eq!(dollar_quoted("$_$ $$"), "$_X$$_$ $$$_X$");
        assert_eq!(
            dollar_quoted("$_XXXXXXX"),
            "$_XXXXXXX_$$_XXXXXXX$_XXXXXXX_$"
        );
    }

    #[test]
    fn reloptions_quote_all_values_but_plain_words() {
        let mut out = String::new();
        push_reloptions(
            &mut out,
            "{fillfactor=70,autovacuum_enabled=off,buffering=Auto,lone}",
            "toast.",
        )
        .expect("an array literal");
        assert_eq!(
            out,
            "toast.fillfactor='70', toast.autovacuum_enabled=off, toast.buffering='Auto', toast.lone=''"
        );
    }
}
