//! What of a database is dumped. Made by the session from the caller's selection; asked by the
//! families. Knows no pattern syntax: it takes questions that answer yes or no.

use std::fmt;
use std::sync::Arc;

/// A question about a relation: schema and name.
pub type RelationTest = Arc<dyn Fn(&str, &str) -> bool + Send + Sync>;

/// A question about a schema.
pub type SchemaTest = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// What is dumped; by default everything. Names are in the form of [`crate::text`].
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Scope {
    /// Only these relations, and nothing that is not theirs.
    pub only_tables: Option<RelationTest>,
    /// Not these relations.
    pub without_tables: Option<RelationTest>,
    /// Only these schemas and what is in them.
    pub only_schemas: Option<SchemaTest>,
    /// Not these schemas.
    pub without_schemas: Option<SchemaTest>,
    /// The definitions of these relations, but not their rows.
    pub without_data_of: Option<RelationTest>,
    /// Definitions alone: no rows, no values of sequences, no large objects.
    pub schema_only: bool,
    /// Also what is known of relations and columns, for the planner.
    pub statistics: bool,
}

impl Scope {
    /// Whether nothing is selected by name, so that objects outside all schemas (extensions,
    /// large objects, the database itself) are dumped too.
    pub fn is_everything(&self) -> bool {
        self.only_tables.is_none() && self.only_schemas.is_none()
    }

    /// Whether the objects of a schema are dumped, as far as the schema decides it.
    pub fn takes_schema(&self, schema: &str) -> bool {
        if self.only_tables.is_some() {
            return false;
        }
        let taken = match &self.only_schemas {
            Some(test) => test(schema),
            None => !schema.starts_with("pg_") && schema != "information_schema",
        };
        taken && !self.excludes_schema(schema)
    }

    /// Whether a schema is excluded by name.
    pub fn excludes_schema(&self, schema: &str) -> bool {
        self.without_schemas
            .as_ref()
            .is_some_and(|test| test(schema))
    }

    /// Whether a relation is dumped.
    pub fn takes_table(&self, schema: &str, name: &str) -> bool {
        let taken = match &self.only_tables {
            Some(test) => test(schema, name),
            None => self.takes_schema(schema),
        };
        taken && !self.excludes_table(schema, name)
    }

    /// Whether a relation is excluded by name.
    pub fn excludes_table(&self, schema: &str, name: &str) -> bool {
        self.without_tables
            .as_ref()
            .is_some_and(|test| test(schema, name))
    }

    /// Whether a relation's rows are dumped, if it is.
    pub fn takes_data_of(&self, schema: &str, name: &str) -> bool {
        let excluded = self.without_data_of.as_ref();
        !self.schema_only && !excluded.is_some_and(|test| test(schema, name))
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("only_tables", &self.only_tables.is_some())
            .field("without_tables", &self.without_tables.is_some())
            .field("only_schemas", &self.only_schemas.is_some())
            .field("without_schemas", &self.without_schemas.is_some())
            .field("without_data_of", &self.without_data_of.is_some())
            .field("schema_only", &self.schema_only)
            .field("statistics", &self.statistics)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_schemas_are_taken_only_when_asked_for_by_name() {
        let everything = Scope::default();
        assert!(everything.takes_table("public", "t"));
        assert!(!everything.takes_table("pg_catalog", "pg_class"));
        let scope = Scope {
            only_tables: Some(Arc::new(|schema, name| {
                schema == "public" && name.starts_with("vote")
            })),
            without_tables: Some(Arc::new(|_, name| name == "vote_log")),
            ..Scope::default()
        };
        assert!(scope.takes_table("public", "votes"));
        assert!(!scope.takes_table("public", "vote_log"));
        assert!(!scope.takes_schema("public"));
        assert!(!scope.is_everything());
    }
}
