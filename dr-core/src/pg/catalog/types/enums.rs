//! The labels of enums. Used by `types`.

use std::collections::HashMap;

use crate::error::Result;
use crate::pg::Conn;
use crate::text::literal;

/// The labels of one enum, in their order.
#[derive(Debug, Default)]
pub(super) struct Labels(Vec<String>);

/// Reads the labels of every enum, by its oid.
pub(super) async fn read(conn: &Conn) -> Result<HashMap<u32, Labels>> {
    let rows = conn
        .rows(
            "SELECT enumtypid, enumlabel FROM pg_catalog.pg_enum \
             ORDER BY enumtypid, enumsortorder",
        )
        .await?;
    let mut enums: HashMap<u32, Labels> = HashMap::new();
    for row in rows {
        enums
            .entry(row.get("enumtypid")?)
            .or_default()
            .0
            .push(row.text("enumlabel")?);
    }
    Ok(enums)
}

impl Labels {
    pub(super) fn definition(&self, full_name: &str) -> String {
        let labels: Vec<String> = self
            .0
            .iter()
            .map(|label| format!("\n    {}", literal(label)))
            .collect();
        format!(
            "CREATE TYPE {full_name} AS ENUM ({}\n);\n",
            labels.join(",")
        )
    }
}
