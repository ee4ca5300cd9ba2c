//! What a Toc says of the database itself: how it was made, and the statements about it, for a
//! database of another name. Pure; used by a restore that makes the database.

use bytes::Bytes;

use super::ident::ident;
use super::{Entry, Kind, Toc};
use crate::text::words::{Word, Words};

/// Encoding and locale as `CREATE DATABASE` has them; what it does not say is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatabaseOptions {
    /// `ENCODING`.
    pub encoding: Option<String>,
    /// `LC_COLLATE`, or `LOCALE`.
    pub collate: Option<String>,
    /// `LC_CTYPE`, or `LOCALE`.
    pub ctype: Option<String>,
    /// `LOCALE_PROVIDER`.
    pub provider: Option<String>,
    /// `ICU_LOCALE` or `BUILTIN_LOCALE`.
    pub locale: Option<String>,
    /// `ICU_RULES`.
    pub icu_rules: Option<String>,
    /// `TABLESPACE`.
    pub tablespace: Option<String>,
}

impl Toc {
    /// The DATABASE entry.
    pub fn database_entry(&self) -> Option<&Entry> {
        self.entries
            .iter()
            .find(|entry| entry.kind == Kind::Database)
    }

    /// How the database was made; nothing known without a DATABASE entry.
    pub fn database_options(&self) -> DatabaseOptions {
        let mut options = DatabaseOptions::default();
        let Some(entry) = self.database_entry() else {
            return options;
        };
        let mut words = Words::of(&entry.definition);
        while let Some(word) = words.next() {
            let Word::Plain(name) = word else { continue };
            let mut ahead = words;
            if ahead.next() != Some(Word::Sign(b'=')) {
                continue;
            }
            let value = match ahead.next() {
                Some(Word::String(value) | Word::Plain(value) | Word::Quoted(value)) => {
                    Some(String::from_utf8_lossy(&value).into_owned())
                }
                _ => continue,
            };
            words = ahead;
            match &name[..] {
                b"encoding" => options.encoding = value,
                b"locale" => {
                    options.collate.clone_from(&value);
                    options.ctype = value;
                }
                b"lc_collate" => options.collate = value,
                b"lc_ctype" => options.ctype = value,
                b"locale_provider" => options.provider = value,
                b"icu_locale" | b"builtin_locale" => options.locale = value,
                b"icu_rules" => options.icu_rules = value,
                b"tablespace" => options.tablespace = value,
                _ => {}
            }
        }
        options
    }

    /// The entries about the database itself, which are no steps of a plan: properties, privileges,
    /// comment, label.
    pub fn about_database(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| match entry.kind {
            Kind::DatabaseProperties => true,
            Kind::Acl | Kind::Comment | Kind::SecurityLabel => entry.tag.starts_with(b"DATABASE "),
            _ => false,
        })
    }
}

impl Entry {
    /// The statements of an entry about a database, for one of another name: each with its
    /// semicolon, in order.
    pub fn for_database(&self, name: &[u8]) -> Vec<Bytes> {
        let text = &self.definition[..];
        let mut statements = Vec::new();
        let mut statement = Vec::new();
        let mut words = Words::of(text);
        let mut after_keyword = false;
        let mut begin = 0;
        while let Some(word) = words.next() {
            let end = text.len() - words.rest().len();
            match word {
                Word::Sign(b';') => {
                    statement.extend_from_slice(&text[begin..end]);
                    let whole: Vec<u8> = std::mem::take(&mut statement);
                    statements.push(Bytes::copy_from_slice(whole.trim_ascii()));
                }
                Word::Plain(_) | Word::Quoted(_) if after_keyword => {
                    statement.push(b' ');
                    statement.extend(ident(name));
                }
                _ => statement.extend_from_slice(&text[begin..end]),
            }
            after_keyword = word.is("database");
            begin = end;
        }
        if !statement.trim_ascii().is_empty() {
            statements.push(Bytes::copy_from_slice(statement.trim_ascii()));
        }
        statements
    }
}

#[cfg(test)]
mod tests {
    use super::super::EntryId;
    use super::*;

    #[test]
    fn create_database_tells_encoding_and_locale() {
        let mut entry = Entry::new(EntryId(1), Kind::Database, "shop");
        entry.definition = "CREATE DATABASE shop WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = icu LOCALE = 'C.UTF-8' ICU_LOCALE = 'de-DE';\n".into();
        let toc = Toc {
            entries: vec![entry],
            ..Toc::default()
        };
        let options = toc.database_options();
        assert_eq!(options.encoding.as_deref(), Some("UTF8"));
        assert_eq!(options.provider.as_deref(), Some("icu"));
        assert_eq!(options.collate.as_deref(), Some("C.UTF-8"));
        assert_eq!(options.locale.as_deref(), Some("de-DE"));
        assert_eq!(
            Toc::default().database_options(),
            DatabaseOptions::default()
        );
    }

    #[test]
    fn statements_about_a_database_follow_its_new_name() {
        let mut entry = Entry::new(EntryId(1), Kind::DatabaseProperties, "shop");
        entry.definition = "ALTER DATABASE shop SET \"TimeZone\" TO 'database shop';\nALTER ROLE bob IN DATABASE shop SET work_mem TO '4MB';\nALTER DATABASE shop CONNECTION LIMIT = 5;\n\n".into();
        let statements = entry.for_database(b"New one");
        assert_eq!(
            statements,
            [
                "ALTER DATABASE \"New one\" SET \"TimeZone\" TO 'database shop';",
                "ALTER ROLE bob IN DATABASE \"New one\" SET work_mem TO '4MB';",
                "ALTER DATABASE \"New one\" CONNECTION LIMIT = 5;",
            ]
        );
        entry.definition = "REVOKE ALL ON DATABASE \"Shop 1\" FROM PUBLIC;".into();
        assert_eq!(
            entry.for_database(b"x"),
            ["REVOKE ALL ON DATABASE x FROM PUBLIC;"]
        );
    }
}
