//! Views and materialized views. Used by `relation`, and by `rule` for a view whose query had to
//! wait.

use std::fmt::Write as _;

use crate::error::Result;
use crate::text::{identifier, push_reloptions};

use super::super::Reading;
use super::super::object::Node;
use super::Table;
use super::create::is_nonempty;

/// CREATE VIEW, as a dummy if the query has to wait.
pub(super) fn create(table: &Table, node: &Node) -> Result<String> {
    let qualified = table.qualified();
    if node.dummy_view {
        return Ok(format!("CREATE VIEW {qualified} AS\n{};\n", table.dummy()));
    }
    Ok(format!("CREATE VIEW {qualified}{}", table.view_body()?))
}

impl Table {
    /// What follows the name in CREATE VIEW: options, query, check option.
    pub(in super::super) fn view_body(&self) -> Result<String> {
        let mut sql = String::new();
        if is_nonempty(&self.options) {
            sql.push_str(" WITH (");
            push_reloptions(&mut sql, &self.options, "")?;
            sql.push(')');
        }
        let _ = write!(sql, " AS\n{}", self.query.as_deref().unwrap_or_default());
        if let Some(check) = &self.check_option {
            let _ = write!(sql, "\n  WITH {check} CHECK OPTION");
        }
        sql.push_str(";\n");
        Ok(sql)
    }

    /// A query with the columns of the view, their types and collations, that needs nothing else.
    pub(in super::super) fn dummy(&self) -> String {
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|column| {
                let collation = column
                    .collation
                    .as_ref()
                    .map(|collation| format!(" COLLATE {collation}"))
                    .unwrap_or_default();
                format!(
                    "\n    NULL::{}{collation} AS {}",
                    column.type_name,
                    identifier(&column.name)
                )
            })
            .collect();
        format!("SELECT{}", columns.join(","))
    }
}

/// A materialized view is refreshed after those it reads, straight or through views; and if one of
/// those holds nothing, neither can this one.
pub(super) async fn order_refreshes(reading: &mut Reading<'_>) -> Result<()> {
    let rows = reading
        .conn
        .rows(
            "WITH RECURSIVE reads AS ( \
               SELECT c.oid AS reader, d.refobjid AS read, k.relkind \
               FROM pg_catalog.pg_class c \
               JOIN pg_catalog.pg_rewrite r ON r.ev_class = c.oid \
               JOIN pg_catalog.pg_depend d ON d.objid = r.oid AND d.refobjid <> c.oid \
                 AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass \
                 AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass \
               JOIN pg_catalog.pg_class k ON k.oid = d.refobjid AND k.relkind IN ('m', 'v') \
               WHERE c.relkind = 'm' \
               UNION \
               SELECT w.reader, d.refobjid, k.relkind \
               FROM reads w \
               JOIN pg_catalog.pg_rewrite r ON r.ev_class = w.read \
               JOIN pg_catalog.pg_depend d ON d.objid = r.oid AND d.refobjid <> w.read \
                 AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass \
                 AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass \
               JOIN pg_catalog.pg_class k ON k.oid = d.refobjid AND k.relkind IN ('m', 'v')) \
             SELECT reader, read FROM reads WHERE relkind = 'm' ORDER BY reader, read",
        )
        .await?;
    for row in rows {
        let (reader, read): (u32, u32) = (row.get("reader")?, row.get("read")?);
        let (Some(table), Some(other)) = (reading.tables.get(reader), reading.tables.get(read))
        else {
            continue;
        };
        let (Some(refresh), Some(before)) = (table.data, other.data) else {
            continue;
        };
        let populated = other.populated;
        reading.objects.depend(refresh, before);
        if !populated {
            reading.tables.expect_mut(reader)?.populated = false;
        }
    }
    Ok(())
}
