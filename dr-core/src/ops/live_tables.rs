//! What a live database says of its tables, for verbs that hold it against a dump.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::pg::Conn;

/// A table with rows of its own.
#[derive(Debug, Clone)]
pub(super) struct LiveColumns {
    /// Those that COPY writes, in order.
    pub(super) names: Vec<String>,
    /// Those of the primary key, in its order.
    pub(super) key: Vec<String>,
    pub(super) of_extension: bool,
}

/// Tables with rows of their own, by schema and name.
pub(super) async fn live_tables(conn: &Conn) -> Result<BTreeMap<(String, String), LiveColumns>> {
    let rows = conn
        .rows(
            "SELECT n.nspname::text AS namespace, c.relname::text AS name, \
                    ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a \
                          WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
                            AND a.attgenerated = '' ORDER BY a.attnum) AS columns, \
                    ARRAY(SELECT a.attname::text FROM pg_catalog.pg_index i \
                          CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::pg_catalog.int2[]) \
                            WITH ORDINALITY AS k(number, place) \
                          JOIN pg_catalog.pg_attribute a \
                            ON a.attrelid = i.indrelid AND a.attnum = k.number \
                          WHERE i.indrelid = c.oid AND i.indisprimary \
                            AND k.place <= i.indnkeyatts ORDER BY k.place) AS key, \
                    EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid \
                            AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
                            AND d.deptype = 'e') AS of_extension \
             FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind = 'r' AND c.relpersistence <> 't' \
               AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'",
        )
        .await?;
    let mut tables = BTreeMap::new();
    for row in rows {
        let columns = LiveColumns {
            names: row.texts("columns")?,
            key: row.texts("key")?,
            of_extension: row.get("of_extension")?,
        };
        tables.insert((row.text("namespace")?, row.text("name")?), columns);
    }
    Ok(tables)
}

/// Those wanted that are not there.
pub(super) fn missing_from<'a>(there: &[String], wanted: &'a [String]) -> Vec<&'a str> {
    let wanted = wanted.iter().filter(|column| !there.contains(column));
    wanted.map(String::as_str).collect()
}

/// `column a`, or `columns a, b`.
pub(super) fn listed(columns: &[&str]) -> String {
    match columns {
        [one] => format!("column {one}"),
        columns => format!("columns {}", columns.join(", ")),
    }
}
