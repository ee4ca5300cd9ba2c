//! Publications, and the tables and schemas in them. Used by `catalog` after tables.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::error::Result;
use crate::text::{identifier, qualified};
use crate::toc::Kind;

use super::Reading;
use super::object::{Components, NodeId, ObjectKind, Tie};
use super::owner;
use super::settled::{Settled, catalog_id};

/// `pg_class`.
const RELATIONS: u32 = 1259;

/// Name and owner of a publication.
type Head = (String, String);

/// Adds every publication and what it publishes.
pub(crate) async fn read(reading: &mut Reading<'_>) -> Result<()> {
    let generated = if reading.since(18) {
        "p.pubgencols"
    } else {
        "'n'::\"char\" AS pubgencols"
    };
    let rows = reading
        .conn
        .rows(&format!(
            "SELECT p.tableoid, p.oid, p.pubname, r.rolname AS owner, p.puballtables, \
             p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate, p.pubviaroot, {generated} \
             FROM pg_catalog.pg_publication p \
             LEFT JOIN pg_catalog.pg_roles r ON r.oid = p.pubowner \
             ORDER BY p.oid"
        ))
        .await?;
    let mut publications: HashMap<u32, Head> = HashMap::new();
    for row in rows {
        let name = row.text("pubname")?;
        let quoted = identifier(&name).into_owned();
        let owner = owner::of_row(&row, "publication", &name)?;
        let mut actions = Vec::new();
        for (column, action) in [
            ("pubinsert", "insert"),
            ("pubupdate", "update"),
            ("pubdelete", "delete"),
            ("pubtruncate", "truncate"),
        ] {
            if row.get(column)? {
                actions.push(action);
            }
        }
        let mut sql = format!("CREATE PUBLICATION {quoted}");
        if row.get("puballtables")? {
            sql.push_str(" FOR ALL TABLES");
        }
        let _ = write!(sql, " WITH (publish = '{}'", actions.join(", "));
        if row.get("pubviaroot")? {
            sql.push_str(", publish_via_partition_root = true");
        }
        if row.char("pubgencols")? == b's' {
            sql.push_str(", publish_generated_columns = stored");
        }
        sql.push_str(");\n");
        let mut settled = Settled::new(Kind::Publication, &*name, owner.clone());
        settled.definition = sql;
        settled.drop = format!("DROP PUBLICATION {quoted};\n");
        settled.comment_on = Some(("PUBLICATION", quoted));
        reading.add_settled(ObjectKind::Publication, &row, &name, None, settled)?;
        publications.insert(row.get("oid")?, (name, owner));
    }
    if publications.is_empty() {
        return Ok(());
    }
    read_tables(reading, &publications).await?;
    if reading.since(15) {
        read_schemas(reading, &publications).await?;
    }
    Ok(())
}

async fn read_tables(reading: &mut Reading<'_>, publications: &HashMap<u32, Head>) -> Result<()> {
    let details = if reading.since(15) {
        "pg_catalog.pg_get_expr(p.prqual, p.prrelid) AS condition, \
         ARRAY(SELECT a.attname::pg_catalog.text \
           FROM pg_catalog.unnest(p.prattrs::pg_catalog.int2[]) WITH ORDINALITY l (number, n) \
           JOIN pg_catalog.pg_attribute a ON a.attrelid = p.prrelid AND a.attnum = l.number \
           ORDER BY l.n) AS columns"
    } else {
        "NULL::pg_catalog.text AS condition, NULL::pg_catalog.text[] AS columns"
    };
    let rows = reading
        .conn
        .rows(&format!(
            "SELECT p.tableoid, p.oid, p.prpubid, p.prrelid, {details} \
             FROM pg_catalog.pg_publication_rel p ORDER BY p.oid"
        ))
        .await?;
    for row in rows {
        let Some((publication, owner)) = publications.get(&row.get("prpubid")?) else {
            continue;
        };
        let Some(table) = reading.objects.find(RELATIONS, row.get("prrelid")?) else {
            continue;
        };
        let schema = reading
            .objects
            .namespace_name(table)
            .unwrap_or_default()
            .to_owned();
        let node = reading.objects.get(table);
        let (name, namespace) = (node.name.clone(), node.namespace);
        let mut sql = format!(
            "ALTER PUBLICATION {} ADD TABLE ONLY {}",
            identifier(publication),
            qualified(&schema, &name)
        );
        let columns: Vec<String> = row
            .texts("columns")?
            .iter()
            .map(|column| identifier(column).into_owned())
            .collect();
        if !columns.is_empty() {
            let _ = write!(sql, " ({})", columns.join(", "));
        }
        if let Some(condition) = row.opt_text("condition")? {
            let _ = write!(sql, " WHERE ({condition})");
        }
        sql.push_str(";\n");
        let tag = format!("{publication} {name}");
        let mut settled = Settled::new(Kind::PublicationTable, tag, owner.as_str());
        settled.definition = sql;
        let id = reading.objects.add(
            ObjectKind::PublicationTable,
            catalog_id(&row)?,
            name,
            namespace,
        );
        finish(reading, id, publication, settled);
    }
    Ok(())
}

async fn read_schemas(reading: &mut Reading<'_>, publications: &HashMap<u32, Head>) -> Result<()> {
    let rows = reading
        .conn
        .rows(
            "SELECT p.tableoid, p.oid, p.pnpubid, n.nspname \
             FROM pg_catalog.pg_publication_namespace p \
             JOIN pg_catalog.pg_namespace n ON n.oid = p.pnnspid \
             ORDER BY p.oid",
        )
        .await?;
    for row in rows {
        let Some((publication, owner)) = publications.get(&row.get("pnpubid")?) else {
            continue;
        };
        let schema = row.text("nspname")?;
        let tag = format!("{publication} {schema}");
        let mut settled = Settled::new(Kind::PublicationTablesInSchema, tag, owner.as_str());
        settled.definition = format!(
            "ALTER PUBLICATION {} ADD TABLES IN SCHEMA {};\n",
            identifier(publication),
            identifier(&schema)
        );
        settled.namespace = Some(schema.clone());
        let id = reading.objects.add(
            ObjectKind::PublicationSchema,
            catalog_id(&row)?,
            schema,
            None,
        );
        finish(reading, id, publication, settled);
    }
    Ok(())
}

/// What is in a publication is dumped when the publication is, wherever it lives.
fn finish(reading: &mut Reading<'_>, id: NodeId, publication: &str, settled: Settled) {
    if !reading.objects.claim_for_extension(id) {
        reading.objects.get_mut(id).dump = if reading.scope.is_everything() {
            Components::ALL
        } else {
            Components::NONE
        };
    }
    let node = reading.objects.get_mut(id);
    node.tie = Tie::Of(publication.to_owned());
    node.body = Some(Box::new(settled));
}
