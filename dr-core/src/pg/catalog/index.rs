//! Indexes, with the constraints that have one, and the attachments of partitions' indexes.
//! Used by `catalog` once tables have their columns.

use std::fmt::Write as _;

use futures::TryStreamExt as _;

use crate::error::Result;
use crate::text::{identifier, qualified};
use crate::toc::{CatalogId, EntryId, Kind};

use super::Reading;
use super::comment::Subject;
use super::constraint::{self, Constraint, Form, Indexed};
use super::object::{Body, Components, Node, NodeId, ObjectKind};
use super::relation::{RELATIONS, Table};
use super::render::{Draft, Out, World};

/// What is known of an index; its body looks it up.
#[derive(Debug)]
pub(crate) struct Index {
    pub(super) node: NodeId,
    /// The table's oid.
    table: u32,
    name: String,
    definition: String,
    /// Empty for the database's default.
    pub(super) tablespace: String,
    /// An array literal.
    pub(super) options: String,
    /// Statistics targets: number of the index's column, and target.
    statistics: Vec<(i16, i32)>,
    /// Attribute numbers of the table, 0 for an expression; those that are only included last.
    pub(super) columns: Vec<i16>,
    /// How many of them are the key.
    pub(super) key_count: usize,
    is_clustered: bool,
    is_identity: bool,
    pub(super) nulls_not_distinct: bool,
    /// The partitioned index above, or 0.
    parent: u32,
    /// The constraint it is the index of.
    pub(super) constraint: Option<NodeId>,
    /// The attachments of partitions' indexes: node, and oid of the index.
    pub(super) attachments: Vec<(NodeId, u32)>,
}

struct IndexBody {
    oid: u32,
}

/// The node of ATTACH PARTITION for indexes.
struct Attach {
    index: u32,
    above: u32,
}

/// Reads the indexes of every table that is interesting.
pub(super) async fn read(reading: &mut Reading<'_>) -> Result<()> {
    let wanted = reading
        .tables
        .oids(|table| table.interesting && table.has_indexes);
    let nulls = if reading.since(15) {
        "i.indnullsnotdistinct"
    } else {
        "false"
    };
    let temporal = if reading.since(18) {
        "k.conperiod"
    } else {
        "false"
    };
    let mut rows = reading
        .conn
        .each_row(&format!(
            "SELECT c.oid, i.indrelid, c.relname, pg_catalog.pg_get_indexdef(c.oid) AS definition, \
             i.indkey::pg_catalog.int2[] AS columns, i.indnkeyatts, i.indisclustered, \
             i.indisreplident, {nulls} AS nulls_not_distinct, h.inhparent AS parent, \
             COALESCE(s.spcname, '') AS tablespace, c.reloptions::pg_catalog.text AS options, \
             (SELECT pg_catalog.array_agg(a.attnum ORDER BY a.attnum) \
               FROM pg_catalog.pg_attribute a \
               WHERE a.attrelid = c.oid AND a.attstattarget >= 0) AS statistics_columns, \
             (SELECT pg_catalog.array_agg(a.attstattarget::pg_catalog.int4 ORDER BY a.attnum) \
               FROM pg_catalog.pg_attribute a \
               WHERE a.attrelid = c.oid AND a.attstattarget >= 0) AS statistics_targets, \
             k.contype, k.conname, k.condeferrable, k.condeferred, {temporal} AS temporal, \
             k.tableoid AS constraint_table, k.oid AS constraint_oid, \
             CASE WHEN k.contype = 'x' THEN pg_catalog.pg_get_constraintdef(k.oid) END \
               AS constraint_definition \
             FROM pg_catalog.unnest({wanted}) AS w(oid) \
             JOIN pg_catalog.pg_index i ON i.indrelid = w.oid \
             JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
             JOIN pg_catalog.pg_class t ON t.oid = i.indrelid \
             LEFT JOIN pg_catalog.pg_tablespace s ON s.oid = c.reltablespace \
             LEFT JOIN pg_catalog.pg_constraint k ON k.conrelid = i.indrelid \
               AND k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x') \
             LEFT JOIN pg_catalog.pg_inherits h ON h.inhrelid = i.indexrelid \
             WHERE (i.indisvalid OR t.relkind = 'p') AND i.indisready \
             ORDER BY i.indrelid, c.relname"
        ))
        .await?;
    while let Some(row) = rows.try_next().await? {
        let oid: u32 = row.get("oid")?;
        let table_oid: u32 = row.get("indrelid")?;
        let name = row.text("relname")?;
        let parent = row.get::<Option<u32>>("parent")?.unwrap_or(0);
        let own = reading.tables.expect(table_oid)?.node;
        let namespace = reading.objects.get(own).namespace;
        let dump = reading.objects.get(own).dump;
        let catalog_id = CatalogId {
            table: RELATIONS,
            oid,
        };
        let node = reading
            .objects
            .add(ObjectKind::Index, catalog_id, &name, namespace);
        let entry = reading.objects.get_mut(node);
        entry.dump = dump;
        entry.parent_index = parent;
        entry.body = Some(Box::new(IndexBody { oid }));

        let letter = row.char("contype")?;
        let constraint = if letter == 0 {
            None
        } else {
            let body = Constraint {
                table: table_oid,
                form: Form::Indexed(Indexed {
                    index: oid,
                    definition: row.opt_text("constraint_definition")?,
                    is_deferrable: row.get("condeferrable")?,
                    is_deferred: row.get("condeferred")?,
                    is_temporal: row.get::<Option<bool>>("temporal")? == Some(true),
                }),
            };
            let id = CatalogId {
                table: row.get("constraint_table")?,
                oid: row.get("constraint_oid")?,
            };
            let name = row.text("conname")?;
            let kind = ObjectKind::Constraint;
            Some(constraint::add(
                reading, kind, id, &name, letter, true, body,
            )?)
        };
        let columns: Vec<i16> = row.get("columns")?;
        let key_count = usize::try_from(row.get::<i16>("indnkeyatts")?).unwrap_or(0);
        let targets = row
            .get::<Option<Vec<i32>>>("statistics_targets")?
            .unwrap_or_default();
        let index = Index {
            node,
            table: table_oid,
            name,
            definition: row.text("definition")?,
            tablespace: row.text("tablespace")?,
            options: row.opt_text("options")?.unwrap_or_default(),
            statistics: row
                .get::<Option<Vec<i16>>>("statistics_columns")?
                .unwrap_or_default()
                .into_iter()
                .zip(targets)
                .collect(),
            key_count: key_count.min(columns.len()),
            columns,
            is_clustered: row.get("indisclustered")?,
            is_identity: row.get("indisreplident")?,
            nulls_not_distinct: row.get("nulls_not_distinct")?,
            parent,
            constraint,
            attachments: Vec::new(),
        };
        reading.indexes.insert(oid, Box::new(index));
    }
    add_attachments(reading)
}

/// An index of a partition is attached to the partitioned table's once both are there.
fn add_attachments(reading: &mut Reading<'_>) -> Result<()> {
    let mut attached: Vec<(u32, u32)> = Vec::new();
    for (oid, index) in &reading.indexes {
        let table = reading.tables.expect(index.table)?;
        if index.parent != 0
            && table.is_partition
            && !table.parents.is_empty()
            && reading.indexes.contains_key(&index.parent)
        {
            attached.push((*oid, index.parent));
        }
    }
    for (oid, above) in attached {
        let (index, parent) = (&reading.indexes[&oid], &reading.indexes[&above]);
        let table = reading.tables.expect(index.table)?.node;
        // The tables too, though they are there long since: so that nothing else is done with
        // them at the same time in a parallel restore.
        let needs = [
            index.node,
            parent.node,
            table,
            reading.tables.expect(parent.table)?.node,
        ];
        let namespace = reading.objects.get(table).namespace;
        let node = reading.objects.add(
            ObjectKind::IndexAttach,
            CatalogId::default(),
            index.name.clone(),
            namespace,
        );
        for on in needs {
            reading.objects.depend(node, on);
        }
        reading.objects.get_mut(node).body = Some(Box::new(Attach { index: oid, above }));
        if let Some(parent) = reading.indexes.get_mut(&above) {
            parent.attachments.push((node, oid));
        }
    }
    Ok(())
}

impl Index {
    /// `schema.name`, quoted; an index is in its table's schema.
    pub(super) fn qualified(&self, table: &Table) -> String {
        qualified(&table.schema, &self.name)
    }

    /// `CLUSTER ON`, if the table is.
    pub(super) fn push_clustered(&self, sql: &mut String, table: &Table) {
        if self.is_clustered {
            let _ = write!(
                sql,
                "\nALTER TABLE {} CLUSTER ON {};\n",
                table.qualified(),
                identifier(&self.name)
            );
        }
    }

    /// `REPLICA IDENTITY USING INDEX`, if it is that.
    pub(super) fn push_identity(&self, sql: &mut String, table: &Table) {
        if self.is_identity {
            let _ = write!(
                sql,
                "\nALTER TABLE ONLY {} REPLICA IDENTITY USING INDEX {};\n",
                table.qualified(),
                identifier(&self.name)
            );
        }
    }
}

impl Body for IndexBody {
    fn render(&self, node: &Node, world: &World<'_>, out: &mut Out) -> Result<()> {
        let index = &world.indexes[&self.oid];
        let table = world.tables.expect(index.table)?;
        let qualified = index.qualified(table);
        if index.constraint.is_none() && node.defines() {
            let mut sql = format!("{};\n", index.definition);
            index.push_clustered(&mut sql, table);
            for (column, target) in &index.statistics {
                let _ = writeln!(
                    sql,
                    "ALTER INDEX {qualified} ALTER COLUMN {column} SET STATISTICS {target};"
                );
            }
            world
                .objects
                .push_extension_dependencies(node, &mut sql, "INDEX", &qualified);
            index.push_identity(&mut sql, table);
            let mut draft = Draft::new(Kind::Index, &*index.name);
            draft.catalog_id = node.catalog_id;
            draft.namespace = Some(table.schema.clone());
            draft.tablespace = Some(index.tablespace.clone());
            draft.owner.clone_from(&table.owner);
            draft.definition = sql;
            // A partition's index goes with its table or with the index above; by itself it cannot.
            if index.parent == 0 {
                draft.drop = format!("DROP INDEX {qualified};\n");
            }
            out.put(node.id, draft);
        }
        if node.dump.has(Components::COMMENT) {
            // The index of a constraint is made by that.
            let made_by = index.constraint.unwrap_or(node.id);
            let subject = Subject {
                kind: "INDEX",
                namespace: Some(&table.schema),
                name: &identifier(&index.name),
                owner: &table.owner,
                needs: EntryId(made_by.0),
            };
            world.put_remarks(node.catalog_id, &subject, out);
        }
        Ok(())
    }
}

impl Body for Attach {
    fn render(&self, node: &Node, world: &World<'_>, out: &mut Out) -> Result<()> {
        let (index, above) = (&world.indexes[&self.index], &world.indexes[&self.above]);
        if !world.objects.get(index.node).defines() {
            return Ok(());
        }
        let table = world.tables.expect(index.table)?;
        let parent = world.tables.expect(above.table)?;
        let mut draft = Draft::new(Kind::IndexAttach, &*index.name);
        draft.namespace = Some(table.schema.clone());
        draft.owner.clone_from(&parent.owner);
        draft.definition = format!(
            "ALTER INDEX {} ATTACH PARTITION {};\n",
            above.qualified(parent),
            index.qualified(table)
        );
        out.put(node.id, draft);
        Ok(())
    }
}
