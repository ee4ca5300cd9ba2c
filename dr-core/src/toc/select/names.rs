//! The relations and schemas of a Toc that patterns name.

use std::collections::HashSet;

use super::Selection;
use crate::error::{Error, ErrorKind, Result};
use crate::text::TextForm;
use crate::toc::{Kind, Pattern, RelationName, Toc};

/// The relations and schemas each group of patterns names.
pub(super) struct Names {
    pub(super) tables: HashSet<RelationName>,
    pub(super) without_tables: HashSet<RelationName>,
    pub(super) without_data_of: HashSet<RelationName>,
    pub(super) schemas: HashSet<Vec<u8>>,
    pub(super) without_schemas: HashSet<Vec<u8>>,
}

impl Names {
    pub(super) fn of(toc: &Toc, selection: &Selection) -> Result<Self> {
        let form = TextForm::of_encoding(&toc.encoding);
        let text = |bytes: &[u8]| {
            form.decode(bytes)
                .unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned())
        };
        let mut relations: Vec<RelationName> = toc
            .entries
            .iter()
            .filter_map(|entry| match entry.kind {
                // A data-only dump has no definitions.
                Kind::TableData | Kind::SequenceSet | Kind::MaterializedViewData => {
                    Some(entry.tagged())
                }
                _ => entry.relation(),
            })
            .collect();
        relations.sort();
        relations.dedup();
        let mut schemas: Vec<Vec<u8>> = toc
            .entries
            .iter()
            .filter_map(|entry| match entry.kind {
                Kind::Schema => Some(entry.tag.to_vec()),
                _ => entry.namespace.as_ref().map(|name| name.to_vec()),
            })
            .filter(|name| !name.is_empty())
            .collect();
        schemas.sort();
        schemas.dedup();

        let database = text(&toc.database);
        let check_database = |pattern: &Pattern| match pattern.database() {
            Some(other) if !database.is_empty() && other != database => Err(Error::new(
                ErrorKind::Usage,
                format!(
                    "pattern {pattern} is about database {other}, but this dump is of {database}"
                ),
            )),
            _ => Ok(()),
        };
        let mut unmatched = Vec::new();
        let mut find_tables = |patterns: &[String]| -> Result<HashSet<RelationName>> {
            let mut all = HashSet::new();
            for written in patterns {
                let pattern = Pattern::relation(written)?;
                check_database(&pattern)?;
                let found: Vec<&RelationName> = relations
                    .iter()
                    .filter(|name| pattern.matches(&text(&name.namespace), &text(&name.name)))
                    .collect();
                if found.is_empty() {
                    unmatched.push(format!("table {written}"));
                }
                if found.len() > 1 && pattern.is_literal() && !pattern.is_qualified() {
                    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
                    return Err(Error::new(
                        ErrorKind::Usage,
                        format!(
                            "pattern {written} is ambiguous: it could be {}; write the schema too",
                            found.join(" or ")
                        ),
                    ));
                }
                all.extend(found.into_iter().cloned());
            }
            Ok(all)
        };
        let tables = find_tables(&selection.tables)?;
        let without_tables = find_tables(&selection.without_tables)?;
        let without_data_of = find_tables(&selection.without_data_of)?;
        let mut find_schemas = |patterns: &[String]| -> Result<HashSet<Vec<u8>>> {
            let mut all = HashSet::new();
            for written in patterns {
                let pattern = Pattern::schema(written)?;
                check_database(&pattern)?;
                let before = all.len();
                let mut seen = false;
                for schema in &schemas {
                    if pattern.matches_schema(&text(schema)) {
                        seen = true;
                        all.insert(schema.clone());
                    }
                }
                debug_assert!(seen || all.len() == before);
                if !seen {
                    unmatched.push(format!("schema {written}"));
                }
            }
            Ok(all)
        };
        let schemas_in = find_schemas(&selection.schemas)?;
        let without_schemas = find_schemas(&selection.without_schemas)?;
        if !unmatched.is_empty() {
            return Err(Error::new(
                ErrorKind::Missing,
                format!("nothing in the dump matches {}", unmatched.join(", ")),
            ));
        }
        Ok(Self {
            tables,
            without_tables,
            without_data_of,
            schemas: schemas_in,
            without_schemas,
        })
    }
}
