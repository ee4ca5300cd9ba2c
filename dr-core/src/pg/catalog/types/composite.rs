//! The attributes of composite types, and the comments on them. Used by `types`.

use std::collections::HashMap;

use crate::error::Result;
use crate::pg::Conn;
use crate::pg::catalog::comment::{self, Subject};
use crate::pg::catalog::render::{Out, World};
use crate::text::{identifier, qualified};
use crate::toc::CatalogId;

/// The attributes of one composite type.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    /// Its row in `pg_class`, which the comments on its attributes are filed under.
    relation: CatalogId,
    attributes: Vec<Attribute>,
}

#[derive(Debug)]
struct Attribute {
    number: i16,
    name: String,
    /// With its modifier, as `format_type` writes it.
    of_type: String,
    /// Qualified; only if it is not the type's own.
    collation: Option<String>,
}

/// Reads the attributes of every composite type, by its oid.
pub(super) async fn read(conn: &Conn) -> Result<HashMap<u32, Attributes>> {
    let rows = conn
        .rows(
            "SELECT c.reltype, c.tableoid, c.oid, a.attnum, a.attname, \
             pg_catalog.format_type(a.atttypid, a.atttypmod) AS of_type, \
             n.nspname AS collation_schema, l.collname AS collation_name \
             FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid \
             LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
             LEFT JOIN pg_catalog.pg_collation l \
               ON l.oid = a.attcollation AND a.attcollation <> t.typcollation \
             LEFT JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace \
             WHERE c.relkind = 'c' AND c.oid >= 16384 AND NOT a.attisdropped \
             ORDER BY c.reltype, a.attnum",
        )
        .await?;
    let mut composites: HashMap<u32, Attributes> = HashMap::new();
    for row in rows {
        let composite = composites.entry(row.get("reltype")?).or_default();
        composite.relation = CatalogId {
            table: row.get("tableoid")?,
            oid: row.get("oid")?,
        };
        let collation = match row.opt_text("collation_name")? {
            Some(name) => Some(qualified(
                &row.opt_text("collation_schema")?.unwrap_or_default(),
                &name,
            )),
            None => None,
        };
        composite.attributes.push(Attribute {
            number: row.get("attnum")?,
            name: row.text("attname")?,
            of_type: row.text("of_type")?,
            collation,
        });
    }
    Ok(composites)
}

impl Attributes {
    pub(super) fn definition(&self, full_name: &str) -> String {
        let attributes: Vec<String> = self
            .attributes
            .iter()
            .map(|attribute| {
                let collation = match &attribute.collation {
                    Some(collation) => format!(" COLLATE {collation}"),
                    None => String::new(),
                };
                let name = identifier(&attribute.name);
                format!("\n\t{name} {}{collation}", attribute.of_type)
            })
            .collect();
        format!("CREATE TYPE {full_name} AS ({}\n);\n", attributes.join(","))
    }

    pub(super) fn put_comments(&self, subject: &Subject<'_>, world: &World<'_>, out: &mut Out) {
        for (number, text) in world.comments.of(self.relation) {
            let attribute = self
                .attributes
                .iter()
                .find(|attribute| i32::from(attribute.number) == *number);
            if let Some(attribute) = attribute {
                let name = format!("{}.{}", subject.name, identifier(&attribute.name));
                let subject = Subject {
                    kind: "COLUMN",
                    name: &name,
                    ..*subject
                };
                comment::put(text, &subject, out);
            }
        }
    }
}
