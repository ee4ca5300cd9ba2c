//! pg_dump's patterns for names: `shop.*`, `"Mixed Case"`, `votes_?ote`, `order|orders`.
//!
//! Used by selection over a Toc and by the catalog reader's scope. Knows no catalog: whether an
//! unqualified pattern means "visible in the search path" is for whoever asks.
//!
//! The rules are those of pg_dump's `-t`, `-n` and `--exclude-table-data`: letters outside double
//! quotes fold to lower case, `*` and `?` stand for any run and any one character, a dot separates
//! database, schema and name, `$` is itself, and every other character of a regular expression
//! keeps its meaning outside quotes. The expressions are Rust's, not PostgreSQL's: back references
//! and look-around are refused.

use std::fmt;

use regex::{Regex, RegexBuilder};

use crate::error::{Error, ErrorKind, Result};

/// A pattern of names, parsed. `Display` gives it back as it was written.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    database: Option<String>,
    schema: Option<Part>,
    name: Part,
}

/// One dot-separated part: its expression, and the name itself where nothing in it is wild.
#[derive(Clone)]
struct Part {
    regex: Regex,
    literal: Option<String>,
}

impl Pattern {
    /// A pattern for tables, sequences, views: `name`, `schema.name` or `database.schema.name`.
    ///
    /// # Errors
    ///
    /// `Usage` if it is empty, has too many dots or an open quote, or is no regular expression.
    pub fn relation(text: &str) -> Result<Self> {
        Self::parse(text, 3)
    }

    /// A pattern for schemas: `name` or `database.name`. [`matches_schema`](Self::matches_schema)
    /// is the question to ask of it.
    ///
    /// # Errors
    ///
    /// As [`relation`](Self::relation).
    pub fn schema(text: &str) -> Result<Self> {
        let mut pattern = Self::parse(text, 2)?;
        if let Some(database) = pattern.schema.take() {
            pattern.database = Some(database.literal.ok_or_else(|| {
                usage(text, "the database in front of the dot must be written out")
            })?);
        }
        Ok(pattern)
    }

    /// Whether it names a relation of this schema and name. Without a schema part, any schema
    /// matches.
    pub fn matches(&self, schema: &str, name: &str) -> bool {
        self.name.regex.is_match(name)
            && self
                .schema
                .as_ref()
                .is_none_or(|part| part.regex.is_match(schema))
    }

    /// Whether a pattern made by [`schema`](Self::schema) names this schema.
    pub fn matches_schema(&self, schema: &str) -> bool {
        self.name.regex.is_match(schema)
    }

    /// Whether it says which schema.
    pub fn is_qualified(&self) -> bool {
        self.schema.is_some()
    }

    /// Whether it can match one name only: nothing in the name, nor in the schema if there is
    /// one, is wild.
    pub fn is_literal(&self) -> bool {
        self.name.literal.is_some()
            && self
                .schema
                .as_ref()
                .is_none_or(|part| part.literal.is_some())
    }

    /// The database it says it is about. pg_dump refuses any other than the one dumped.
    pub fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    fn parse(text: &str, most_parts: usize) -> Result<Self> {
        if text.is_empty() {
            return Err(usage(text, "it is empty"));
        }
        let mut parts = split(text)?;
        if parts.len() > most_parts {
            return Err(usage(
                text,
                "too many dots: put a name that contains a dot in double quotes",
            ));
        }
        let compile = |part: Raw| part.compile(text);
        let name = compile(parts.pop().expect("there is always one part"))?;
        let schema = parts.pop().map(compile).transpose()?;
        let database = match parts.pop() {
            Some(part) => Some(part.literal.ok_or_else(|| {
                usage(
                    text,
                    "the database in front of the dots must be written out",
                )
            })?),
            None => None,
        };
        Ok(Self {
            text: text.to_owned(),
            database,
            schema,
            name,
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({})", self.text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// A part before its expression is compiled.
struct Raw {
    regex: String,
    literal: Option<String>,
}

impl Raw {
    fn new() -> Self {
        Self {
            regex: "^(?:".to_owned(),
            literal: Some(String::new()),
        }
    }

    fn plain(&mut self, char: char) {
        if is_special(char) {
            self.regex.push('\\');
        }
        self.regex.push(char);
        if let Some(literal) = &mut self.literal {
            literal.push(char);
        }
    }

    fn wild(&mut self, expression: &str) {
        self.regex.push_str(expression);
        self.literal = None;
    }

    fn compile(mut self, whole: &str) -> Result<Part> {
        self.regex.push_str(")$");
        // In PostgreSQL's expressions a dot takes a line end too, and a name may contain one.
        let regex = RegexBuilder::new(&self.regex)
            .dot_matches_new_line(true)
            .build()
            .map_err(|error| {
                usage(whole, "it is not a regular expression that can be used").caused_by(error)
            })?;
        Ok(Part {
            regex,
            literal: self.literal,
        })
    }
}

fn split(text: &str) -> Result<Vec<Raw>> {
    let mut parts = vec![Raw::new()];
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        let part = parts.last_mut().expect("there is always one part");
        match char {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                part.plain('"');
            }
            '"' => quoted = !quoted,
            _ if quoted => part.plain(char),
            '*' => part.wild(".*"),
            '?' => part.wild("."),
            '.' => parts.push(Raw::new()),
            // Anchoring is done here, and `$` may stand in an identifier.
            '$' => part.plain('$'),
            // `[]` is far more often an array type than the start of a bracket expression.
            '[' if chars.peek() == Some(&']') => part.plain('['),
            // A lone closing bracket or brace means itself.
            ']' if part.regex.ends_with("\\[") => part.plain(']'),
            '\\' => {
                part.wild("\\");
                // What is escaped is not looked at again: `\.` is a dot, not a separator. (pg_dump
                // splits there and is left with a broken expression.)
                if let Some(next) = chars.next() {
                    part.wild(next.encode_utf8(&mut [0; 4]));
                }
            }
            _ if is_special(char) => part.wild(char.encode_utf8(&mut [0; 4])),
            _ => part.plain(char.to_ascii_lowercase()),
        }
    }
    if quoted {
        return Err(usage(text, "a double quote is not closed"));
    }
    Ok(parts)
}

fn is_special(char: char) -> bool {
    "|*+?()[]{}.^$\\".contains(char)
}

fn usage(pattern: &str, why: &str) -> Error {
    Error::new(ErrorKind::Usage, format!("pattern {pattern:?}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(pattern: &str, schema: &str, name: &str) -> bool {
        Pattern::relation(pattern)
            .expect("a pattern")
            .matches(schema, name)
    }

    #[test]
    fn a_plain_name_matches_itself_only_and_in_any_schema() {
        assert!(hits("votes_vote", "public", "votes_vote"));
        assert!(hits("votes_vote", "other", "votes_vote"));
        assert!(!hits("votes_vote", "public", "votes_vote_options"));
        assert!(!hits("votes_vote", "public", "old_votes_vote"));
    }

    #[test]
    fn unquoted_letters_fold_and_quoted_ones_do_not() {
        assert!(hits("Shop.ORDERS", "shop", "orders"));
        assert!(!hits("ORDERS", "shop", "ORDERS"));
        assert!(hits("\"ORDERS\"", "shop", "ORDERS"));
        assert!(hits("\"Or\"ders", "shop", "Orders"));
        assert!(hits("\"a\"\"b\"", "shop", "a\"b"));
    }

    #[test]
    fn stars_and_question_marks_are_shell_like_and_quotes_stop_them() {
        assert!(hits("audit.*", "audit", "anything"));
        assert!(!hits("audit.*", "audit2", "anything"));
        assert!(hits("v?te", "public", "vote"));
        assert!(hits("*.vote", "x\ny", "vote"));
        assert!(hits("\"v*te\"", "public", "v*te"));
        assert!(!hits("\"v*te\"", "public", "vote"));
        assert!(hits("\"a.b\"", "public", "a.b"));
    }

    #[test]
    fn expressions_pass_through_but_dollar_and_empty_brackets_do_not() {
        assert!(hits("(orders|customers)", "shop", "customers"));
        assert!(hits("orders|customers", "shop", "orders"));
        assert!(!hits("orders|customers", "shop", "orders2"));
        assert!(hits("part_[0-9]+", "shop", "part_12"));
        assert!(hits("a$b", "shop", "a$b"));
        assert!(hits("_text[]", "shop", "_text[]"));
        assert!(hits("part_\\d+", "shop", "part_12"));
    }

    #[test]
    fn a_literal_pattern_knows_that_it_is_one() {
        let literal = |text| Pattern::relation(text).expect("a pattern").is_literal();
        assert!(literal("shop.orders"));
        assert!(literal("\"a*b\""));
        assert!(!literal("shop.*"));
        assert!(!literal("*.orders"));
        assert!(!literal("orders?"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for bad in ["", "a.b.c.d", "\"open", "(", "a**{", "*.shop.orders"] {
            let error = Pattern::relation(bad).expect_err(bad);
            assert_eq!(error.kind(), ErrorKind::Usage, "{bad}");
        }
        assert!(Pattern::schema("a.b.c").is_err());
    }

    #[test]
    fn a_database_in_front_is_kept_for_the_caller() {
        let pattern = Pattern::relation("db.shop.orders").expect("a pattern");
        assert_eq!(pattern.database(), Some("db"));
        assert!(pattern.matches("shop", "orders"));
        let pattern = Pattern::schema("db.shop").expect("a pattern");
        assert_eq!(pattern.database(), Some("db"));
        assert!(pattern.matches_schema("shop"));
        assert!(
            Pattern::schema("s*")
                .expect("a pattern")
                .matches_schema("shop")
        );
    }
}
