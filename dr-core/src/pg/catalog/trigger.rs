//! Triggers. A partition's are made with the partitioned table's; they appear here only where one
//! is enabled or disabled unlike that. Used by `catalog` once tables are known.

use std::fmt::Write as _;

use crate::error::Result;
use crate::text::identifier;
use crate::toc::{CatalogId, EntryId, Kind};

use super::Reading;
use super::comment::Subject;
use super::object::{Body, Components, Node, ObjectKind, Tie};
use super::render::{Draft, Out, World};

struct Trigger {
    /// The table's oid.
    table: u32,
    definition: String,
    /// `O` origin, `D` disabled, `A` always, `R` replica.
    enabled: u8,
    /// Whether it comes with the partitioned table's.
    is_inherited: bool,
}

/// Reads the triggers of every table that is dumped.
pub(super) async fn read(reading: &mut Reading<'_>) -> Result<()> {
    let wanted = reading
        .tables
        .oids(|table| table.has_triggers && reading.objects.get(table.node).defines());
    // Before PostgreSQL 15 a partition's copy of a trigger counted as internal.
    let (inherited, condition) = if reading.since(15) {
        (
            "g.tgparentid <> 0",
            "(NOT g.tgisinternal AND g.tgparentid = 0) OR g.tgenabled <> p.tgenabled",
        )
    } else {
        (
            "g.tgisinternal",
            "NOT g.tgisinternal OR g.tgenabled <> p.tgenabled",
        )
    };
    let rows = reading
        .conn
        .rows(&format!(
            "SELECT g.tableoid, g.oid, g.tgrelid, g.tgname, g.tgenabled, \
             {inherited} AS is_inherited, \
             pg_catalog.pg_get_triggerdef(g.oid, false) AS definition \
             FROM pg_catalog.unnest({wanted}) AS w(oid) \
             JOIN pg_catalog.pg_trigger g ON g.tgrelid = w.oid \
             LEFT JOIN pg_catalog.pg_trigger p ON p.oid = g.tgparentid \
             WHERE {condition} ORDER BY g.tgrelid, g.tgname"
        ))
        .await?;
    for row in rows {
        let oid: u32 = row.get("tgrelid")?;
        let table = reading.tables.expect(oid)?;
        let (own, of) = (table.node, table.name.clone());
        let catalog_id = CatalogId {
            table: row.get("tableoid")?,
            oid: row.get("oid")?,
        };
        let namespace = reading.objects.get(own).namespace;
        let node = reading.objects.add(
            ObjectKind::Trigger,
            catalog_id,
            row.text("tgname")?,
            namespace,
        );
        let entry = reading.objects.get_mut(node);
        entry.tie = Tie::Of(of);
        entry.part_of = Some(own);
        entry.body = Some(Box::new(Trigger {
            table: oid,
            definition: row.text("definition")?,
            enabled: row.char("tgenabled")?,
            is_inherited: row.get("is_inherited")?,
        }));
    }
    Ok(())
}

impl Body for Trigger {
    fn render(&self, node: &Node, world: &World<'_>, out: &mut Out) -> Result<()> {
        let table = world.tables.expect(self.table)?;
        let (qualified, name) = (table.qualified(), identifier(&node.name));
        let mut sql = String::new();
        let mut drop = String::new();
        if !self.is_inherited {
            let _ = writeln!(sql, "{};", self.definition);
            let identity = format!("{name} ON {qualified}");
            world
                .objects
                .push_extension_dependencies(node, &mut sql, "TRIGGER", &identity);
            drop = format!("DROP TRIGGER {identity};\n");
        }
        let enabled = match self.enabled {
            b'D' => Some("DISABLE"),
            b'A' => Some("ENABLE ALWAYS"),
            b'R' => Some("ENABLE REPLICA"),
            _ if self.is_inherited => Some("ENABLE"),
            _ => None,
        };
        if let Some(enabled) = enabled {
            let word = table.alter_word();
            let _ = write!(
                sql,
                "\nALTER {word} {qualified} {enabled} TRIGGER {name};\n"
            );
        }
        if node.defines() {
            let mut draft = Draft::new(Kind::Trigger, format!("{} {}", table.name, node.name));
            draft.catalog_id = node.catalog_id;
            draft.namespace = Some(table.schema.clone());
            draft.owner.clone_from(&table.owner);
            draft.definition = sql;
            draft.drop = drop;
            out.put(node.id, draft);
        }
        if node.dump.has(Components::COMMENT) {
            let subject = Subject {
                kind: &format!("TRIGGER {name} ON"),
                namespace: Some(&table.schema),
                name: &identifier(&table.name),
                owner: &table.owner,
                needs: EntryId(node.id.0),
            };
            world.put_remarks(node.catalog_id, &subject, out);
        }
        Ok(())
    }
}
