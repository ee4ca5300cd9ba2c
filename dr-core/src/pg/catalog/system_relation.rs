//! What was granted on the system's own tables and views since initdb. Used by `catalog`: nothing
//! else of a system relation is ever dumped, and most databases have none of these.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::text::identifier;
use crate::toc::{CatalogId, EntryId};

use super::Reading;
use super::acl::{self, Acl, Grantable, Target};
use super::object::{Body, Components, Node, ObjectKind};
use super::owner;
use super::render::{Out, World};

struct SystemRelation {
    owner: String,
    acl: Acl,
    /// Privileges of columns, by number.
    columns: Vec<(String, Acl)>,
}

/// Adds the relations of `pg_catalog` whose privileges, or a column's, are not what initdb made
/// them.
pub(crate) async fn read(reading: &mut Reading<'_>) -> Result<()> {
    let init = |object: &str, number: &str| {
        format!(
            "(SELECT i.initprivs FROM pg_catalog.pg_init_privs i \
              WHERE i.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass \
              AND i.objoid = {object} AND i.objsubid = {number})"
        )
    };
    let rows = reading
        .conn
        .rows(&format!(
            "SELECT a.attrelid, a.attname, a.attacl::pg_catalog.text AS acl, \
             '{{}}'::pg_catalog.text AS acldefault, {column}::pg_catalog.text AS initprivs \
             FROM pg_catalog.pg_attribute a \
             JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
             WHERE c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace \
             AND NOT a.attisdropped AND a.attacl IS DISTINCT FROM {column} \
             ORDER BY a.attrelid, a.attnum",
            column = init("a.attrelid", "a.attnum"),
        ))
        .await?;
    let mut columns: BTreeMap<u32, Vec<(String, Acl)>> = BTreeMap::new();
    for row in rows {
        columns
            .entry(row.get("attrelid")?)
            .or_default()
            .push((row.text("attname")?, Acl::of_row(&row)?));
    }
    let with_columns: Vec<String> = columns.keys().map(u32::to_string).collect();
    let rows = reading
        .conn
        .rows(&format!(
            "SELECT c.tableoid, c.oid, c.relname, c.relnamespace, r.rolname AS owner, {} \
             FROM pg_catalog.pg_class c \
             LEFT JOIN pg_catalog.pg_roles r ON r.oid = c.relowner \
             WHERE c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace \
             AND c.relkind IN ('r', 'v', 'm', 'p', 'f') \
             AND (c.relacl IS DISTINCT FROM {} OR c.oid = ANY ('{{{}}}'::pg_catalog.oid[])) \
             ORDER BY c.oid",
            acl::columns("pg_class", "c", "relacl", "relowner", 'r'),
            init("c.oid", "0"),
            with_columns.join(","),
        ))
        .await?;
    for row in rows {
        let catalog_id = CatalogId {
            table: row.get("tableoid")?,
            oid: row.get("oid")?,
        };
        let name = row.text("relname")?;
        let namespace = reading.namespace(row.get("relnamespace")?)?;
        let body = SystemRelation {
            owner: owner::of_row(&row, "table", &name)?,
            acl: Acl::of_row(&row)?,
            columns: columns.remove(&catalog_id.oid).unwrap_or_default(),
        };
        let id = reading
            .objects
            .add(ObjectKind::Table, catalog_id, name, Some(namespace));
        reading.objects.select(id);
        reading.objects.get_mut(id).body = Some(Box::new(body));
    }
    Ok(())
}

impl Body for SystemRelation {
    fn render(&self, node: &Node, world: &World<'_>, out: &mut Out) -> Result<()> {
        // A schema selected by name is dumped whole, but the system's own cannot be.
        if !node.dump.has(Components::ACL) || node.defines() {
            return Ok(());
        }
        let namespace = world.objects.namespace_name(node.id).unwrap_or_default();
        let name = identifier(&node.name);
        let target = Target {
            kind: Grantable::Table,
            namespace,
            name: &name,
            column: None,
            owner: &self.owner,
        };
        let needs = EntryId(node.id.0);
        let table = self.acl.put(&target, None, vec![needs], out)?;
        for (column, acl) in &self.columns {
            let needs = [needs].into_iter().chain(table).collect();
            let target = Target {
                column: Some(&identifier(column)),
                ..target
            };
            acl.put(&target, None, needs, out)?;
        }
        Ok(())
    }
}
