//! What relations hold: rows of tables, values of sequences, refreshes of materialized views.
//! Used by `relation` alone.

use crate::error::{Error, ErrorKind, Result};
use crate::files::SequenceEvidence;
use crate::pg::SequenceValue;
use crate::text::{identifier, literal};
use crate::toc::{CatalogId, EntryId, Kind};

use super::super::object::{Body, Components, Node, ObjectKind};
use super::super::render::{Draft, Out, World};
use super::super::{Reading, TableSource};
use super::{Table, columns};

/// The node of what a relation holds.
struct Held {
    oid: u32,
    /// ` WHERE …` or empty.
    filter: String,
}

/// Adds the rows of extensions' configuration tables, which come before those of the user. Their
/// tables have their foreign keys already when the rows are loaded, so that a referenced table
/// goes first.
pub(super) async fn add_configuration(reading: &mut Reading<'_>) -> Result<()> {
    add_where(reading, |defined| !defined)?;
    let rows = reading
        .conn
        .rows(
            "SELECT k.conrelid, k.confrelid FROM pg_catalog.pg_constraint k \
             JOIN pg_catalog.pg_depend d ON d.objid = k.confrelid \
               AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
               AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass \
             WHERE k.contype = 'f' ORDER BY k.conrelid, k.confrelid",
        )
        .await?;
    for row in rows {
        let data = |oid: u32| reading.tables.get(oid).and_then(|table| table.data);
        if let (Some(referencing), Some(referenced)) =
            (data(row.get("conrelid")?), data(row.get("confrelid")?))
        {
            reading.objects.depend(referencing, referenced);
        }
    }
    Ok(())
}

/// Adds what all other relations hold.
pub(super) fn add(reading: &mut Reading<'_>) -> Result<()> {
    add_where(reading, |_| true)
}

fn add_where(reading: &mut Reading<'_>, which: impl Fn(bool) -> bool) -> Result<()> {
    let relations = reading.relations;
    for relation in relations {
        if !relation.data || !which(relation.defined) {
            continue;
        }
        let Some(table) = reading.tables.get(relation.oid) else {
            continue;
        };
        if table.data.is_some() {
            continue;
        }
        let kind = match table.kind {
            b'S' => ObjectKind::SequenceSet,
            b'm' => ObjectKind::RefreshMatview,
            b'r' => ObjectKind::TableData,
            _ => continue,
        };
        let own = table.node;
        let catalog_id = CatalogId {
            table: 0,
            oid: table.oid,
        };
        let namespace = reading.objects.get(own).namespace;
        let node = reading
            .objects
            .add(kind, catalog_id, table.name.clone(), namespace);
        reading.objects.depend(node, own);
        reading.objects.get_mut(node).body = Some(Box::new(Held {
            oid: relation.oid,
            filter: relation.filter.clone(),
        }));
        let table = reading.tables.expect_mut(relation.oid)?;
        table.data = Some(node);
        table.interesting = true;
    }
    Ok(())
}

impl Body for Held {
    fn render(&self, node: &Node, world: &World<'_>, out: &mut Out) -> Result<()> {
        if !node.dump.has(Components::DATA) {
            return Ok(());
        }
        let table = world.tables.expect(self.oid)?;
        match node.kind {
            ObjectKind::SequenceSet => put_value(table, world, out),
            ObjectKind::RefreshMatview => {
                put_refresh(table, node, out);
                Ok(())
            }
            _ => self.put_rows(table, node, world, out),
        }
    }
}

impl Held {
    fn put_rows(&self, table: &Table, node: &Node, world: &World<'_>, out: &mut Out) -> Result<()> {
        let names: Vec<String> = columns::copied(&table.columns)
            .map(|column| column.name.clone())
            .collect();
        // A column list even where it would be all columns: a table made anew may have them in
        // another order. A table without columns has none to list.
        let quoted: Vec<_> = names.iter().map(|name| identifier(name)).collect();
        let list = if quoted.is_empty() {
            String::new()
        } else {
            format!("({})", quoted.join(", "))
        };
        let qualified = table.qualified();
        let mut draft = Draft::new(Kind::TableData, &*table.name);
        draft.catalog_id = node.catalog_id;
        draft.namespace = Some(table.schema.clone());
        draft.owner.clone_from(&table.owner);
        let into = match table.root_to_load_through(world.tables) {
            Some(root) => {
                let root = world.tables.expect(root)?.qualified();
                // pg_restore knows by this comment that it must not TRUNCATE the table.
                let line = root.replace(['\n', '\r'], " ");
                draft.definition = format!("-- load via partition root {line}");
                root
            }
            None => qualified.clone(),
        };
        draft.copy = Some(format!("COPY {into} {list} FROM stdin;\n"));
        draft.needs = vec![EntryId(table.node.0)];
        // pg_dump does not say which configuration rows refer to which, and a parallel restore
        // of its archive may load them the wrong way round.
        let before = node.dependencies.iter().filter(|on| {
            world.objects.get(**on).kind == ObjectKind::TableData
                && world.objects.get(**on).dump.has(Components::DATA)
        });
        draft.needs.extend(before.map(|on| EntryId(on.0)));
        draft.has_data = true;
        let copy = if self.filter.is_empty() {
            format!("COPY {qualified} {list} TO stdout;")
        } else {
            let what = if quoted.is_empty() {
                "*".to_owned()
            } else {
                quoted.join(", ")
            };
            // ONLY: the rows of children are theirs.
            format!(
                "COPY (SELECT {what} FROM ONLY {qualified} {}) TO stdout;",
                self.filter
            )
        };
        let pages = table
            .pages
            .filter(|_| self.filter.is_empty() && !names.is_empty());
        let id = out.put(node.id, draft);
        out.tables.insert(
            id,
            TableSource {
                oid: table.oid,
                namespace: table.schema.clone(),
                name: table.name.clone(),
                columns: names,
                copy,
                bytes: table.bytes,
                pages,
            },
        );
        Ok(())
    }
}

fn put_refresh(table: &Table, node: &Node, out: &mut Out) {
    if !table.populated {
        return;
    }
    let mut draft = Draft::new(Kind::MaterializedViewData, &*table.name);
    draft.catalog_id = node.catalog_id;
    draft.namespace = Some(table.schema.clone());
    draft.owner.clone_from(&table.owner);
    draft.definition = format!("REFRESH MATERIALIZED VIEW {};\n", table.qualified());
    draft.needs = node.dependencies.iter().map(|id| EntryId(id.0)).collect();
    out.put(node.id, draft);
}

fn put_value(table: &Table, world: &World<'_>, out: &mut Out) -> Result<()> {
    let qualified = table.qualified();
    let SequenceValue {
        last_value,
        is_called,
    } = world
        .tables
        .sequences
        .get(&table.oid)
        .and_then(|sequence| sequence.value)
        .ok_or_else(|| {
            Error::new(
                ErrorKind::Bug,
                format!("the value of sequence {qualified} was not read"),
            )
        })?;
    let mut draft = Draft::new(Kind::SequenceSet, &*table.name);
    draft.namespace = Some(table.schema.clone());
    draft.owner.clone_from(&table.owner);
    draft.definition = format!(
        "SELECT pg_catalog.setval({}, {last_value}, {is_called});\n",
        literal(&qualified)
    );
    draft.needs = vec![EntryId(table.node.0)];
    let id = out.put_fresh(draft);
    let mut evidence = SequenceEvidence::default();
    evidence.namespace.clone_from(&table.schema);
    evidence.name.clone_from(&table.name);
    evidence.last_value = last_value;
    evidence.is_called = is_called;
    out.sequences.insert(id, evidence);
    Ok(())
}
