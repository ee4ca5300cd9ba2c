//! What two databases have in common, asked of PostgreSQL itself. Used to judge restores; knows
//! nothing of how dr reads catalogs or computes digests.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::Database;

/// The schema as stock pg_dump 18 prints it, normalized by [`normalized_schema`].
pub fn schema_dump(database: &Database) -> String {
    let dump = database
        .pg_dump(18)
        .args(["--schema-only", "--encoding"])
        .arg(database.client_encoding())
        .output_ok();
    normalized_schema(&readable(&dump.stdout))
}

/// A plain dump without what differs from run to run:
///
/// - lines that start with `\restrict` or `\unrestrict` (a random word since 2025);
/// - the comments `-- Dumped from database version` and `-- Dumped by pg_dump version`;
/// - empty lines and lines of `--` alone;
/// - the column option `pg_attver`, a version number that PostgreSQL's minor releases of November
///   2026 (15.20 and its siblings) keep for themselves, and that an older pg_dump takes for a
///   setting.
///
/// Nothing else is dropped and the order is kept.
pub fn normalized_schema(dump: &str) -> String {
    let mut text = String::with_capacity(dump.len());
    for line in dump.lines() {
        let noise = line.starts_with("\\restrict ")
            || line.starts_with("\\unrestrict ")
            || line.starts_with("-- Dumped from database version")
            || line.starts_with("-- Dumped by pg_dump version")
            || line.is_empty()
            || line == "--";
        if noise {
            continue;
        }
        if let Some(line) = without_attver(line) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    text
}

/// A definition without `pg_attver`, as [`normalized_schema`] leaves it out.
pub(crate) fn definition_without_attver(definition: &str) -> String {
    definition
        .split_inclusive('\n')
        .filter_map(without_attver)
        .collect()
}

fn without_attver(line: &str) -> Option<Cow<'_, str>> {
    let Some((before, after)) = line.split_once(" SET (pg_attver=") else {
        return Some(Cow::Borrowed(line));
    };
    // What DEPENDS ON EXTENSION ends with is no line end.
    let Some(start) = before.rfind("ALTER TABLE ONLY ") else {
        return Some(Cow::Borrowed(line));
    };
    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
    match rest.strip_prefix(", ") {
        Some(others) => Some(Cow::Owned(format!("{before} SET ({others}"))),
        None if start == 0 => None,
        None => Some(Cow::Borrowed(&line[..start])),
    }
}

/// For every table, sequence and the large objects of a database, a line that differs when the
/// content differs.
pub type Contents = BTreeMap<String, String>;

/// The content of every table (rows and an MD5 over the sorted MD5s of its rows, computed by the
/// server), every sequence (`last_value`, `is_called`), every populated materialized view, and all large
/// objects. Two databases hold the same data exactly when this is equal.
pub async fn contents(database: &Database) -> Contents {
    contents_by(database, "attnum")
}

/// The same with the columns of each row in the order of their names, for tables whose columns may
/// stand in another order.
pub(crate) fn contents_by_name(database: &Database) -> Contents {
    contents_by(database, "attname")
}

fn contents_by(database: &Database, order: &str) -> Contents {
    let rows = database.answers(&CONTENTS.replace("(order)", order));
    rows.into_iter()
        .map(|row| <[String; 2]>::try_from(row).expect("a content line has two values"))
        .map(Into::into)
        .collect()
}

/// A query that writes the queries; psql runs them, since names need not be UTF-8.
const CONTENTS: &str = r#"
SELECT 'large objects', count(*) || ' ' || coalesce(md5(string_agg(oid || ':' || md5(lo_get(oid)), ',' ORDER BY oid)), '-')
FROM pg_largeobject_metadata;
SELECT format(
    CASE c.relkind WHEN 'S' THEN 'SELECT %1$L, last_value || '' '' || is_called FROM %1$s'
    ELSE 'SELECT %1$L, count(*) || '' '' || coalesce(md5(string_agg(d, '''' ORDER BY d COLLATE "C")), ''-'') '
        'FROM (SELECT md5(ROW(%2$s)::text) FROM %3$s %1$s) _(d)' END,
    c.oid::regclass,
    (SELECT string_agg(quote_ident(attname), ', ' ORDER BY (order)) FROM pg_attribute
        WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped),
    CASE c.relkind WHEN 'r' THEN 'ONLY' ELSE '' END)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'S', 'm') AND c.relpersistence <> 't' AND c.relispopulated
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
\gexec
"#;

/// Text with every byte that is not UTF-8 spelled out, so that different bytes stay different.
pub(crate) fn readable(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => bytes
            .utf8_chunks()
            .map(|chunk| format!("{}{}", chunk.valid(), chunk.invalid().escape_ascii()))
            .collect(),
    }
}

/// Panics with the lines that differ when two texts are not equal.
///
/// # Panics
///
/// When they differ in a line or in the order of lines.
#[track_caller]
pub fn assert_same_lines(left: &str, right: &str, what: &str) {
    if left == right {
        return;
    }
    let mut count: BTreeMap<&str, i64> = BTreeMap::new();
    for line in left.lines() {
        *count.entry(line).or_default() += 1;
    }
    for line in right.lines() {
        *count.entry(line).or_default() -= 1;
    }
    let mut report = String::new();
    for (text, sign) in [(left, '-'), (right, '+')] {
        let mut comment = "";
        for line in text.lines() {
            if line.starts_with("-- ") {
                comment = line;
            }
            let differs = match sign {
                '-' => count[line] > 0,
                _ => count[line] < 0,
            };
            if differs {
                report.push_str(&format!("{sign} {line}    [{comment}]\n"));
            }
        }
    }
    if report.is_empty() {
        let moved = left
            .lines()
            .zip(right.lines())
            .find(|(left, right)| left != right)
            .map_or("the number of lines".to_owned(), |(left, right)| {
                format!("- {left}\n+ {right}")
            });
        report = format!("same lines, other order, first:\n{moved}");
    }
    panic!("{what} differs (- left, + right):\n{report}");
}

/// Panics unless stock pg_dump prints the same schema for both databases.
#[track_caller]
pub fn assert_same_schema(left: &Database, right: &Database) {
    assert_same_lines(&schema_dump(left), &schema_dump(right), "the schema");
}

/// Panics unless both databases hold the same data.
///
/// # Panics
///
/// When a table, sequence, materialized view or the large objects differ; the message names them.
pub async fn assert_same_contents(left: &Database, right: &Database) {
    let text = |contents: Contents| -> String {
        contents
            .into_iter()
            .map(|(name, content)| format!("{name}: {content}\n"))
            .collect()
    };
    let (left, right) = (contents(left).await, contents(right).await);
    assert_same_lines(&text(left), &text(right), "the data");
}

#[cfg(test)]
mod tests {
    use super::normalized_schema;

    #[test]
    fn only_what_differs_from_run_to_run_is_dropped() {
        let dump = "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\
            -- Dumped from database version 15.20\n-- Dumped by pg_dump version 18.4\n\
            ALTER TABLE ONLY public.t ALTER COLUMN a SET (pg_attver=221, n_distinct=5);\n\
            ALTER TABLE ONLY public.t ALTER COLUMN b SET (pg_attver=221);\n\
            ALTER TABLE ONLY public.t ALTER COLUMN c SET (n_distinct=6);\n\\unrestrict abc\n";
        assert_eq!(
            normalized_schema(dump),
            "-- PostgreSQL database dump\n\
             ALTER TABLE ONLY public.t ALTER COLUMN a SET (n_distinct=5);\n\
             ALTER TABLE ONLY public.t ALTER COLUMN c SET (n_distinct=6);\n"
        );
    }
}
