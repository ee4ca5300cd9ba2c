//! Range types; the multirange that each has from PostgreSQL 14 on is named here. Used by `types`.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::error::Result;
use crate::pg::Conn;
use crate::text::qualified;

/// One range type. Names are as the definition has them.
#[derive(Debug)]
pub(super) struct Range {
    subtype: String,
    multirange: Option<String>,
    /// Only if it is not the subtype's default.
    operator_class: Option<String>,
    /// Only if it is not the subtype's own.
    collation: Option<String>,
    canonical: Option<String>,
    difference: Option<String>,
}

/// Reads every range type, by its oid.
pub(super) async fn read(conn: &Conn) -> Result<HashMap<u32, Range>> {
    let multirange = if conn.version().major() >= 14 {
        "pg_catalog.format_type(r.rngmultitypid, NULL)"
    } else {
        "NULL::pg_catalog.text"
    };
    let rows = conn
        .rows(&format!(
            "SELECT r.rngtypid, {multirange} AS multirange, \
             pg_catalog.format_type(r.rngsubtype, NULL) AS subtype, \
             o.opcname, o.opcdefault, s.nspname AS class_schema, \
             n.nspname AS collation_schema, l.collname AS collation_name, \
             nullif(r.rngcanonical::pg_catalog.regproc::pg_catalog.text, '-') AS canonical, \
             nullif(r.rngsubdiff::pg_catalog.regproc::pg_catalog.text, '-') AS difference \
             FROM pg_catalog.pg_range r \
             JOIN pg_catalog.pg_type t ON t.oid = r.rngsubtype \
             JOIN pg_catalog.pg_opclass o ON o.oid = r.rngsubopc \
             JOIN pg_catalog.pg_namespace s ON s.oid = o.opcnamespace \
             LEFT JOIN pg_catalog.pg_collation l \
               ON l.oid = r.rngcollation AND r.rngcollation <> t.typcollation \
             LEFT JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace \
             WHERE r.rngtypid >= 16384",
        ))
        .await?;
    let mut ranges = HashMap::new();
    for row in rows {
        let operator_class = if row.get("opcdefault")? {
            None
        } else {
            Some(qualified(&row.text("class_schema")?, &row.text("opcname")?))
        };
        let collation = match row.opt_text("collation_name")? {
            Some(name) => Some(qualified(
                &row.opt_text("collation_schema")?.unwrap_or_default(),
                &name,
            )),
            None => None,
        };
        let range = Range {
            subtype: row.text("subtype")?,
            multirange: row.opt_text("multirange")?,
            operator_class,
            collation,
            canonical: row.opt_text("canonical")?,
            difference: row.opt_text("difference")?,
        };
        ranges.insert(row.get("rngtypid")?, range);
    }
    Ok(ranges)
}

impl Range {
    pub(super) fn definition(&self, full_name: &str) -> String {
        let mut sql = format!(
            "CREATE TYPE {full_name} AS RANGE (\n    subtype = {}",
            self.subtype
        );
        for (option, value) in [
            ("multirange_type_name", &self.multirange),
            ("subtype_opclass", &self.operator_class),
            ("collation", &self.collation),
            ("canonical", &self.canonical),
            ("subtype_diff", &self.difference),
        ] {
            if let Some(value) = value {
                let _ = write!(sql, ",\n    {option} = {value}");
            }
        }
        sql.push_str("\n);\n");
        sql
    }
}
