//! Constraints of tables: CHECK, NOT NULL that was never checked, and foreign keys; and how all of
//! them, unique and exclusion constraints too, are written. Used by `catalog` and `index`.

use std::fmt::Write as _;

use futures::TryStreamExt as _;

use crate::error::{Error, ErrorKind, Result};
use crate::pg::Row;
use crate::text::{identifier, push_reloptions};
use crate::toc::{CatalogId, EntryId, Kind};

use super::Reading;
use super::comment::Subject;
use super::index::Index;
use super::object::{Body, Components, Node, NodeId, ObjectKind, Tie};
use super::relation::{Check, Table};
use super::render::{Draft, Out, World};

/// The node of a constraint of a table.
pub(super) struct Constraint {
    /// The table's oid.
    pub(super) table: u32,
    pub(super) form: Form,
}

/// What kind of constraint, and what only that kind has.
pub(super) enum Form {
    /// CHECK or a NOT NULL that was never checked: the definition, and whether it is the table's
    /// own.
    Checked { definition: String, is_local: bool },
    /// A foreign key: the definition.
    ForeignKey { definition: String },
    /// A constraint with an index.
    Indexed(Indexed),
}

/// A primary key, unique or exclusion constraint.
pub(super) struct Indexed {
    /// The index's oid.
    pub(super) index: u32,
    /// The whole definition, for an exclusion constraint.
    pub(super) definition: Option<String>,
    pub(super) is_deferrable: bool,
    pub(super) is_deferred: bool,
    /// WITHOUT OVERLAPS.
    pub(super) is_temporal: bool,
}

/// Adds the node of a constraint of a table.
pub(super) fn add(
    reading: &mut Reading<'_>,
    kind: ObjectKind,
    catalog_id: CatalogId,
    name: &str,
    letter: u8,
    separate: bool,
    body: Constraint,
) -> Result<NodeId> {
    let table = reading.tables.expect(body.table)?;
    let (own, of) = (table.node, table.name.clone());
    let namespace = reading.objects.get(own).namespace;
    let dump = reading.objects.get(own).dump;
    let id = reading.objects.add(kind, catalog_id, name, namespace);
    let node = reading.objects.get_mut(id);
    node.dump = dump;
    node.letter = letter;
    node.part_of = Some(own);
    node.tie = Tie::OfTable(of);
    node.separate = separate;
    node.body = Some(Box::new(body));
    Ok(id)
}

fn catalog_id(row: &Row) -> Result<CatalogId> {
    Ok(CatalogId {
        table: row.get("tableoid")?,
        oid: row.get("oid")?,
    })
}

/// NOT NULL constraints that existing rows were not checked for: they are made after the data,
/// which may not pass them.
pub(super) async fn read_invalid_not_nulls(reading: &mut Reading<'_>) -> Result<()> {
    if !reading.since(18) {
        return Ok(());
    }
    let wanted = reading
        .tables
        .oids(|table| table.interesting && table.kind != b'S');
    let mut rows = reading
        .conn
        .each_row(&format!(
            "SELECT k.tableoid, k.oid, k.conrelid, k.conname, k.conislocal, \
             pg_catalog.pg_get_constraintdef(k.oid) AS definition \
             FROM pg_catalog.unnest({wanted}) AS w(oid) \
             JOIN pg_catalog.pg_constraint k ON k.conrelid = w.oid \
             WHERE k.contype = 'n' AND NOT k.convalidated ORDER BY k.conrelid, k.conname"
        ))
        .await?;
    while let Some(row) = rows.try_next().await? {
        let body = Constraint {
            table: row.get("conrelid")?,
            form: Form::Checked {
                definition: row.text("definition")?,
                is_local: row.get("conislocal")?,
            },
        };
        let name = row.text("conname")?;
        let id = catalog_id(&row)?;
        add(reading, ObjectKind::Constraint, id, &name, b'n', true, body)?;
    }
    Ok(())
}

/// CHECK constraints: part of their table, unless they were never checked.
pub(super) async fn read_checks(reading: &mut Reading<'_>) -> Result<()> {
    let wanted = reading
        .tables
        .oids(|table| table.interesting && table.kind != b'S');
    let mut rows = reading
        .conn
        .each_row(&format!(
            "SELECT k.tableoid, k.oid, k.conrelid, k.conname, k.conislocal, k.convalidated, \
             pg_catalog.pg_get_constraintdef(k.oid) AS definition \
             FROM pg_catalog.unnest({wanted}) AS w(oid) \
             JOIN pg_catalog.pg_constraint k ON k.conrelid = w.oid \
             WHERE k.contype = 'c' ORDER BY k.conrelid, k.conname"
        ))
        .await?;
    while let Some(row) = rows.try_next().await? {
        let table: u32 = row.get("conrelid")?;
        let definition = row.text("definition")?;
        let is_local: bool = row.get("conislocal")?;
        let separate = !row.get::<bool>("convalidated")?;
        let body = Constraint {
            table,
            form: Form::Checked {
                definition: definition.clone(),
                is_local,
            },
        };
        let name = row.text("conname")?;
        let id = catalog_id(&row)?;
        let node = add(
            reading,
            ObjectKind::Constraint,
            id,
            &name,
            b'c',
            separate,
            body,
        )?;
        let table = reading.tables.expect_mut(table)?;
        table.checks.push(Check {
            node,
            definition,
            is_local,
        });
        if !separate {
            // What the expression needs must be there before the table.
            let own = table.node;
            reading.objects.depend(own, node);
        }
    }
    Ok(())
}

/// Foreign keys; those of partitions come with the partitioned table's.
pub(super) async fn read_foreign_keys(reading: &mut Reading<'_>) -> Result<()> {
    let wanted = reading
        .tables
        .oids(|table| reading.objects.get(table.node).defines());
    let mut rows = reading
        .conn
        .each_row(&format!(
            "SELECT k.tableoid, k.oid, k.conrelid, k.conname, k.confrelid, k.conindid, \
             pg_catalog.pg_get_constraintdef(k.oid) AS definition \
             FROM pg_catalog.unnest({wanted}) AS w(oid) \
             JOIN pg_catalog.pg_constraint k ON k.conrelid = w.oid \
             WHERE k.contype = 'f' AND k.conparentid = 0 ORDER BY k.conrelid, k.conname"
        ))
        .await?;
    while let Some(row) = rows.try_next().await? {
        let body = Constraint {
            table: row.get("conrelid")?,
            form: Form::ForeignKey {
                definition: row.text("definition")?,
            },
        };
        let name = row.text("conname")?;
        let id = catalog_id(&row)?;
        let node = add(reading, ObjectKind::ForeignKey, id, &name, b'f', true, body)?;
        let referenced = reading.tables.get(row.get("confrelid")?);
        if referenced.is_some_and(|table| table.kind == b'p') {
            // The key of a partitioned table is valid when all partitions' indexes are attached.
            let mut open = vec![row.get::<u32>("conindid")?];
            while let Some(oid) = open.pop() {
                let Some(index) = reading.indexes.get(&oid) else {
                    continue;
                };
                for (attach, partition) in &index.attachments {
                    reading.objects.depend(node, *attach);
                    open.push(*partition);
                }
            }
        }
    }
    Ok(())
}

impl Body for Constraint {
    fn render(&self, node: &Node, world: &World<'_>, out: &mut Out) -> Result<()> {
        let table = world.tables.expect(self.table)?;
        let qualified = table.qualified();
        let name = identifier(&node.name);
        let alter = format!("ALTER {}", table.alter_word());
        match &self.form {
            Form::Checked {
                definition,
                is_local,
            } => {
                if node.separate && *is_local && node.defines() {
                    let kind = if node.letter == b'c' {
                        Kind::CheckConstraint
                    } else {
                        Kind::Constraint
                    };
                    let mut draft = draft(kind, table, node);
                    // Not ONLY: children are to have it too.
                    draft.definition =
                        format!("{alter} {qualified}\n    ADD CONSTRAINT {name} {definition};\n");
                    draft.drop = format!("{alter} {qualified} DROP CONSTRAINT {name};\n");
                    out.put(node.id, draft);
                }
            }
            Form::ForeignKey { definition } => {
                if node.defines() {
                    // That of a partitioned table is for all its partitions.
                    let only = if table.kind == b'p' { "" } else { "ONLY " };
                    let mut draft = draft(Kind::FkConstraint, table, node);
                    draft.definition = format!(
                        "ALTER TABLE {only}{qualified}\n    ADD CONSTRAINT {name} {definition};\n"
                    );
                    draft.drop = format!("ALTER TABLE {only}{qualified} DROP CONSTRAINT {name};\n");
                    out.put(node.id, draft);
                }
            }
            Form::Indexed(indexed) => {
                if node.defines() {
                    indexed.put(table, node, world, out)?;
                }
            }
        }
        if node.separate && node.dump.has(Components::COMMENT) {
            let subject = Subject {
                kind: &format!("CONSTRAINT {name} ON"),
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

fn draft(kind: Kind, table: &Table, node: &Node) -> Draft {
    let mut draft = Draft::new(kind, format!("{} {}", table.name, node.name));
    draft.catalog_id = node.catalog_id;
    draft.namespace = Some(table.schema.clone());
    draft.owner.clone_from(&table.owner);
    draft
}

impl Indexed {
    fn put(&self, table: &Table, node: &Node, world: &World<'_>, out: &mut Out) -> Result<()> {
        let index = world.indexes.get(&self.index).ok_or_else(|| {
            Error::new(
                ErrorKind::Bug,
                format!("the index of constraint {} was not read", node.name),
            )
        })?;
        let (qualified, name) = (table.qualified(), identifier(&node.name));
        let mut sql = format!("ALTER TABLE ONLY {qualified}\n    ADD CONSTRAINT {name} ");
        match &self.definition {
            Some(definition) => sql.push_str(definition),
            None => self.push_key(&mut sql, node, index, table)?,
        }
        sql.push_str(";\n");
        index.push_clustered(&mut sql, table);
        index.push_identity(&mut sql, table);
        let own = world.objects.get(index.node);
        world
            .objects
            .push_extension_dependencies(own, &mut sql, "INDEX", &index.qualified(table));
        let mut draft = draft(Kind::Constraint, table, node);
        draft.tablespace = Some(index.tablespace.clone());
        draft.definition = sql;
        draft.drop = format!("ALTER TABLE ONLY {qualified} DROP CONSTRAINT {name};\n");
        out.put(node.id, draft);
        Ok(())
    }

    fn push_key(&self, sql: &mut String, node: &Node, index: &Index, table: &Table) -> Result<()> {
        let columns = |numbers: &[i16]| -> Result<String> {
            let names: Vec<_> = numbers
                .iter()
                .take_while(|number| **number != 0)
                .map(|number| table.column_name(*number).map(identifier))
                .collect::<Result<_>>()?;
            Ok(names.join(", "))
        };
        sql.push_str(if node.letter == b'p' {
            "PRIMARY KEY"
        } else {
            "UNIQUE"
        });
        // A primary key could be given such an index once; it has no meaning there.
        if index.nulls_not_distinct && node.letter != b'p' {
            sql.push_str(" NULLS NOT DISTINCT");
        }
        let (keys, included) = index.columns.split_at(index.key_count);
        let overlaps = if self.is_temporal {
            " WITHOUT OVERLAPS"
        } else {
            ""
        };
        let _ = write!(sql, " ({}{overlaps}", columns(keys)?);
        if !included.is_empty() {
            let _ = write!(sql, ") INCLUDE ({}", columns(included)?);
        }
        sql.push(')');
        if index.options.len() > 2 {
            sql.push_str(" WITH (");
            push_reloptions(sql, &index.options, "")?;
            sql.push(')');
        }
        if self.is_deferrable {
            sql.push_str(" DEFERRABLE");
            if self.is_deferred {
                sql.push_str(" INITIALLY DEFERRED");
            }
        }
        Ok(())
    }
}
