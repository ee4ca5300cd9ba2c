//! Defaults and generation expressions of columns. Part of their table where that is possible,
//! entries of their own where it is not. Used by `relation` alone.

use futures::TryStreamExt as _;

use crate::error::Result;
use crate::text::identifier;
use crate::toc::{CatalogId, Kind};

use super::super::Reading;
use super::super::object::{Body, Node, ObjectKind, Tie};
use super::super::render::{Draft, Out, World};
use super::columns::Default;

/// The node of a default: the table's oid and the column's place in it.
pub(super) struct AttributeDefault {
    pub(super) oid: u32,
    pub(super) index: usize,
}

/// Reads the defaults of every relation whose columns were read.
pub(super) async fn read(reading: &mut Reading<'_>) -> Result<()> {
    let wanted = reading.tables.oids(|table| !table.columns.is_empty());
    let mut rows = reading
        .conn
        .each_row(&format!(
            "SELECT d.tableoid, d.oid, d.adrelid, d.adnum, \
             pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS expression \
             FROM pg_catalog.unnest({wanted}) AS w(oid) \
             JOIN pg_catalog.pg_attrdef d ON d.adrelid = w.oid \
             ORDER BY d.adrelid, d.adnum"
        ))
        .await?;
    while let Some(row) = rows.try_next().await? {
        let oid: u32 = row.get("adrelid")?;
        let number: i16 = row.get("adnum")?;
        let table = reading.tables.expect(oid)?;
        let index = usize::try_from(number).unwrap_or(0).wrapping_sub(1);
        let Some(column) = table.columns.get(index).filter(|column| !column.is_dropped) else {
            continue;
        };
        // There is no way to add a generation expression later, so that stays with its table
        // whatever it costs. A view's default has no place in CREATE VIEW.
        let separate = column.generated == 0 && (table.kind == b'v' || !table.prints(column));
        let own = table.node;
        let name = table.name.clone();
        let catalog_id = CatalogId {
            table: row.get("tableoid")?,
            oid: row.get("oid")?,
        };
        let namespace = reading.objects.get(own).namespace;
        let dump = reading.objects.get(own).dump;
        let node = reading
            .objects
            .add(ObjectKind::AttributeDefault, catalog_id, name, namespace);
        let entry = reading.objects.get_mut(node);
        entry.dump = dump;
        entry.part_of = Some(own);
        entry.tie = Tie::Number(i32::from(number));
        entry.separate = separate;
        entry.body = Some(Box::new(AttributeDefault { oid, index }));
        if !separate {
            // What the expression needs must be there before the table.
            reading.objects.depend(own, node);
        }
        reading.tables.expect_mut(oid)?.columns[index].default = Some(Box::new(Default {
            node,
            expression: row.text("expression")?,
        }));
    }
    Ok(())
}

impl Body for AttributeDefault {
    fn render(&self, node: &Node, world: &World<'_>, out: &mut Out) -> Result<()> {
        if !node.separate || !node.defines() {
            return Ok(());
        }
        let table = world.tables.expect(self.oid)?;
        let column = &table.columns[self.index];
        let Some(default) = &column.default else {
            return Ok(());
        };
        let (qualified, name) = (table.qualified(), identifier(&column.name));
        let mut draft = Draft::new(Kind::Default, format!("{} {}", table.name, column.name));
        draft.catalog_id = node.catalog_id;
        draft.namespace = Some(table.schema.clone());
        draft.owner.clone_from(&table.owner);
        draft.definition = format!(
            "ALTER {} ONLY {qualified} ALTER COLUMN {name} SET DEFAULT {};\n",
            table.alter_word(),
            default.expression
        );
        draft.drop = format!(
            "ALTER {} {qualified} ALTER COLUMN {name} DROP DEFAULT;\n",
            table.alter_word()
        );
        out.put(node.id, draft);
        Ok(())
    }
}
