//! A caller's selection as the scope the catalog reader asks. Used by `live` alone.

use std::sync::Arc;

use super::DumpOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::pg::Conn;
use crate::pg::catalog::{RelationTest, SchemaTest, Scope};
use crate::toc::{Pattern, Selection};

/// The scope of a selection by names.
///
/// # Errors
///
/// `Usage` for a pattern that cannot be meant, or that names another database, and for a selection
/// by something else than names.
pub(super) fn of(selection: &Selection, options: &DumpOptions, database: &str) -> Result<Scope> {
    if !selection.is_by_name() {
        return Err(Error::new(
            ErrorKind::Usage,
            "a live database is selected from by the names of tables and schemas; kinds, sections \
             and dependencies are selected from the Toc of a dump",
        ));
    }
    let names = selection.patterns();
    Ok(Scope {
        only_tables: relations(names.tables, database)?,
        without_tables: relations(names.without_tables, database)?,
        only_schemas: schemas(names.schemas, database)?,
        without_schemas: schemas(names.without_schemas, database)?,
        without_data_of: relations(names.without_data_of, database)?,
        schema_only: options.schema_only,
        statistics: options.statistics,
    })
}

/// Refuses a selection of schemas none of which is there.
///
/// # Errors
///
/// `Missing`; `Server`.
pub(super) async fn check_schemas(conn: &Conn, selection: &Selection) -> Result<()> {
    let names = selection.patterns();
    if names.schemas.is_empty() {
        return Ok(());
    }
    let patterns = names
        .schemas
        .iter()
        .map(|text| Pattern::schema(text))
        .collect::<Result<Vec<_>>>()?;
    for row in conn
        .rows("SELECT nspname FROM pg_catalog.pg_namespace")
        .await?
    {
        let name = row.text("nspname")?;
        if patterns.iter().any(|pattern| pattern.matches_schema(&name)) {
            return Ok(());
        }
    }
    Err(Error::new(
        ErrorKind::Missing,
        "no schema of the database has a name that was asked for; nothing was dumped",
    ))
}

fn relations(texts: &[String], database: &str) -> Result<Option<RelationTest>> {
    let patterns = parse(texts, database, Pattern::relation)?;
    Ok((!patterns.is_empty()).then(|| {
        Arc::new(move |schema: &str, name: &str| {
            patterns.iter().any(|pattern| pattern.matches(schema, name))
        }) as RelationTest
    }))
}

fn schemas(texts: &[String], database: &str) -> Result<Option<SchemaTest>> {
    let patterns = parse(texts, database, Pattern::schema)?;
    Ok((!patterns.is_empty()).then(|| {
        Arc::new(move |schema: &str| {
            patterns
                .iter()
                .any(|pattern| pattern.matches_schema(schema))
        }) as SchemaTest
    }))
}

fn parse(
    texts: &[String],
    database: &str,
    parse: impl Fn(&str) -> Result<Pattern>,
) -> Result<Vec<Pattern>> {
    texts
        .iter()
        .map(|text| {
            let pattern = parse(text)?;
            match pattern.database() {
                Some(named) if named != database => Err(Error::new(
                    ErrorKind::Usage,
                    format!("{text}: the pattern names another database than {database}"),
                )),
                _ => Ok(pattern),
            }
        })
        .collect()
}
