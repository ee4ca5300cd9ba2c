//! A schema as stock pg_dump 18 prints it, entry by entry.
//!
//! What is normalized: what [`normalized_schema`] drops; the name of the database, which becomes
//! `(database)`; and how pg_dump writes where settings of the database decide it. The order of
//! entries counts.

use std::collections::{BTreeMap, BTreeSet};

use crate::Database;
use crate::compare::{normalized_schema, readable};
use crate::database::SETTLED;

/// The entries in pg_dump's order: its comment above each, and the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema(Vec<(String, String)>);

impl Schema {
    /// Of this database, with what CREATE DATABASE and ALTER DATABASE say of it.
    ///
    /// # Panics
    ///
    /// When pg_dump fails.
    pub fn of(database: &Database) -> Self {
        let dump = database
            .pg_dump(18)
            .env("PGOPTIONS", SETTLED)
            .args(["--schema-only", "--create", "--encoding"])
            .arg(database.client_encoding())
            .output_ok();
        let dump = normalized_schema(&readable(&dump.stdout));
        let mut named = String::with_capacity(dump.len());
        for line in dump.lines() {
            let names_it = line.contains("DATABASE") || line.starts_with("\\connect");
            match names_it {
                true => named.push_str(&line.replace(database.name(), "(database)")),
                false => named.push_str(line),
            }
            named.push('\n');
        }
        Self::read(&named)
    }

    fn read(dump: &str) -> Self {
        let mut entries: Vec<(String, String)> = vec![("the beginning".into(), String::new())];
        for line in dump.lines() {
            if line.starts_with("-- Name: ") {
                entries.push((line.to_owned(), String::new()));
            } else if let Some((_, text)) = entries.last_mut() {
                text.push_str(line);
                text.push('\n');
            }
        }
        Self(entries)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn differences(&self, restored: &Self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let (was, is) = (self.texts(), restored.texts());
        let names: BTreeSet<&str> = was.keys().chain(is.keys()).copied().collect();
        for name in names {
            match (was.get(name), is.get(name)) {
                (Some(was), Some(is)) if was == is => {}
                (Some(was), Some(is)) => {
                    let (was, is) = apart(&was.concat(), &is.concat());
                    found.insert(format!("{name}\n  was:\n{was}  is:\n{is}"));
                }
                (Some(text), None) => {
                    found.insert(format!("{name}\n  is lost: {}", text.concat()));
                }
                (None, Some(text)) => {
                    found.insert(format!("{name}\n  is new: {}", text.concat()));
                }
                (None, None) => {}
            }
        }
        let order = |schema: &Self, other: &BTreeMap<&str, Vec<&str>>| -> Vec<String> {
            let names = schema.0.iter().map(|(name, _)| name.clone());
            names
                .filter(|name| other.contains_key(name.as_str()))
                .collect()
        };
        let (was, is) = (order(self, &is), order(restored, &was));
        if let Some((was, is)) = was.iter().zip(&is).find(|(was, is)| was != is) {
            found.insert(format!("order: where {was} was, {is} is"));
        }
        found
    }

    /// The texts under each comment; a few entries have the same.
    fn texts(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut texts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, text) in &self.0 {
            texts.entry(name).or_default().push(text);
        }
        for same in texts.values_mut() {
            same.sort_unstable();
        }
        texts
    }
}

/// Two texts without the lines that they begin and end with alike.
fn apart(was: &str, is: &str) -> (String, String) {
    let (was, is): (Vec<&str>, Vec<&str>) = (was.lines().collect(), is.lines().collect());
    let alike = |(was, is): &(&&str, &&str)| was == is;
    let start = was.iter().zip(&is).take_while(alike).count();
    let rest = was.len().min(is.len()) - start;
    let tails = was.iter().rev().zip(is.iter().rev());
    let end = tails.take_while(alike).count().min(rest);
    let middle = |lines: &[&str]| -> String {
        let lines = &lines[start..lines.len() - end];
        lines.iter().map(|line| format!("    {line}\n")).collect()
    };
    (middle(&was), middle(&is))
}
