//! A COPY statement of a dump taken apart: what is loaded, so that the same can be read back, and
//! its columns be named. Pure.

use crate::error::{Error, ErrorKind, Result};

/// `COPY table (columns) FROM stdin;` in its parts, as text of the dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CopyStatement {
    /// The table as it is written there, qualified and quoted.
    pub(super) table: String,
    /// The columns as they are written there, if they are; with no column in it for a table that
    /// has none.
    pub(super) columns: Option<String>,
    /// What stands behind `stdin`, without the semicolon: options that no pg_dump writes.
    pub(super) options: String,
}

impl CopyStatement {
    /// # Errors
    ///
    /// `Format` if it is anything else.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let bad = || {
            Error::new(
                ErrorKind::Format,
                format!("{:?} is not a COPY … FROM stdin", text.trim_end()),
            )
        };
        let body = text.trim_end().trim_end_matches(';').trim_end();
        let rest = strip_keyword(body, "copy").ok_or_else(bad)?;
        let table_end = end_of_name(rest).ok_or_else(bad)?;
        let (table, rest) = rest.split_at(table_end);
        let rest = rest.trim_start();
        let (columns, rest) = if rest.starts_with('(') {
            let end = end_of_list(rest).ok_or_else(bad)?;
            (Some(rest[1..end - 1].to_owned()), rest[end..].trim_start())
        } else {
            (None, rest)
        };
        let rest = strip_keyword(rest, "from").ok_or_else(bad)?;
        let options = strip_keyword(rest, "stdin").ok_or_else(bad)?;
        Ok(Self {
            table: table.to_owned(),
            columns,
            options: options.trim().to_owned(),
        })
    }

    /// The statement that loads.
    pub(super) fn load(&self, freeze: bool) -> String {
        let options = match (&self.options[..], freeze) {
            ("", true) => " WITH (FREEZE)".to_owned(),
            ("", false) => String::new(),
            (options, _) => format!(" {options}"),
        };
        format!("COPY {} FROM STDIN{options}", self.head())
    }

    /// The statement that reads the same back.
    pub(super) fn read_back(&self) -> String {
        format!("COPY {} TO STDOUT", self.head())
    }

    /// The statement that reads a part back, or what is in a whole partition tree.
    pub(super) fn read_back_where(&self, only: bool, condition: &str) -> String {
        let columns = self.columns.as_deref().unwrap_or("*");
        let only = if only { "ONLY " } else { "" };
        let condition = match condition {
            "" => String::new(),
            condition => format!(" WHERE {condition}"),
        };
        format!(
            "COPY (SELECT {columns} FROM {only}{}{condition}) TO STDOUT",
            self.table
        )
    }

    /// The columns' names without their quotes, where they are written there.
    pub(super) fn column_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut name = String::new();
        let mut quoted = false;
        let mut chars = self
            .columns
            .as_deref()
            .unwrap_or_default()
            .chars()
            .peekable();
        while let Some(char) = chars.next() {
            match char {
                '"' if quoted && chars.peek() == Some(&'"') => name.extend(chars.next()),
                '"' => quoted = !quoted,
                ',' if !quoted => names.push(std::mem::take(&mut name)),
                char if !quoted && char.is_whitespace() => {}
                char => name.push(char),
            }
        }
        if !name.is_empty() {
            names.push(name);
        }
        names
    }

    /// Whether reading back gives the same text as was loaded: no option changes the format.
    pub(super) fn is_plain(&self) -> bool {
        self.options.is_empty()
    }

    fn head(&self) -> String {
        match &self.columns {
            Some(columns) => format!("{} ({columns})", self.table),
            None => self.table.clone(),
        }
    }
}

/// What stands behind a keyword and white space.
fn strip_keyword<'a>(text: &'a str, keyword: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(keyword.len())?;
    let ends = rest
        .chars()
        .next()
        .is_none_or(|next| !next.is_alphanumeric() && next != '_');
    (head.eq_ignore_ascii_case(keyword) && ends).then(|| rest.trim_start())
}

/// Where a name of dotted, possibly quoted parts ends.
fn end_of_name(text: &str) -> Option<usize> {
    let mut quoted = false;
    let end = text
        .char_indices()
        .find(|(_, char)| {
            if *char == '"' {
                quoted = !quoted;
            }
            !quoted && (char.is_whitespace() || *char == '(')
        })
        .map_or(text.len(), |(at, _)| at);
    (end > 0 && !quoted).then_some(end)
}

/// Behind the parenthesis that closes the one at the start.
fn end_of_list(text: &str) -> Option<usize> {
    let mut quoted = false;
    text.char_indices()
        .find(|(_, char)| {
            if *char == '"' {
                quoted = !quoted;
            }
            !quoted && *char == ')'
        })
        .map(|(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> CopyStatement {
        CopyStatement::parse(text).expect("a COPY statement")
    }

    #[test]
    fn names_with_everything_in_them_are_found_whole() {
        let copy =
            parse("COPY \"We ird\".\"t\"\" FROM (x)\" (id, \"a) FROM stdin;\", b) FROM stdin;\n");
        assert_eq!(copy.table, "\"We ird\".\"t\"\" FROM (x)\"");
        assert_eq!(copy.columns.as_deref(), Some("id, \"a) FROM stdin;\", b"));
        assert!(copy.is_plain());
        assert_eq!(copy.column_names(), ["id", "a) FROM stdin;", "b"]);
        assert_eq!(
            copy.read_back(),
            "COPY \"We ird\".\"t\"\" FROM (x)\" (id, \"a) FROM stdin;\", b) TO STDOUT"
        );
    }

    #[test]
    fn a_table_without_columns_and_one_without_a_list_are_read_back() {
        assert_eq!(
            parse("COPY public.t  FROM stdin;\n").read_back(),
            "COPY public.t TO STDOUT"
        );
        assert!(
            parse("COPY public.t () FROM stdin;\n")
                .column_names()
                .is_empty()
        );
        let copy = parse("COPY public.t (id, \"a \"\"b\", \"\"\"\") FROM stdin;\n");
        assert_eq!(copy.column_names(), ["id", "a \"b", "\""]);
        let copy = parse("COPY public.t (id) FROM stdin;\n");
        assert_eq!(
            copy.load(true),
            "COPY public.t (id) FROM STDIN WITH (FREEZE)"
        );
        assert_eq!(copy.load(false), "COPY public.t (id) FROM STDIN");
        assert_eq!(
            copy.read_back_where(true, "ctid < '(8,0)'"),
            "COPY (SELECT id FROM ONLY public.t WHERE ctid < '(8,0)') TO STDOUT"
        );
    }

    #[test]
    fn options_are_kept_and_other_statements_refused() {
        let copy = parse("COPY t FROM stdin WITH CSV;");
        assert!(!copy.is_plain());
        assert_eq!(copy.load(true), "COPY t FROM STDIN WITH CSV");
        for bad in [
            "COPY t TO stdout;",
            "COPY t FROM '/etc/passwd';",
            "COPY ;",
            "SELECT 1;",
            "COPY t (a FROM stdin;",
        ] {
            assert!(CopyStatement::parse(bad).is_err(), "{bad}");
        }
    }
}
