//! Parents and children: inheritance, and partitions, which are made by themselves and attached
//! in entries of their own. Used by `relation` alone.

use crate::error::{Error, ErrorKind, Result};
use crate::toc::{CatalogId, Kind};

use super::super::Reading;
use super::super::object::{Body, Node, ObjectKind};
use super::super::render::{Draft, Out, World};

/// The node of ATTACH PARTITION.
struct Attach {
    partition: u32,
    parent: u32,
}

/// Links every table to its parents, and adds the attachments of the partitions that are dumped.
pub(super) async fn read(reading: &mut Reading<'_>) -> Result<()> {
    let rows = reading
        .conn
        .rows("SELECT inhrelid, inhparent FROM pg_catalog.pg_inherits ORDER BY inhrelid, inhseqno")
        .await?;
    for row in rows {
        let (child, parent): (u32, u32) = (row.get("inhrelid")?, row.get("inhparent")?);
        let known = reading.tables.get(parent).is_some();
        // Indexes have parents too; those are read with the indexes.
        let Some(child) = reading.tables.by_oid.get_mut(&child) else {
            continue;
        };
        if !known {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "table {} inherits from a table of the system; part them with ALTER TABLE … \
                     NO INHERIT and dump again",
                    child.qualified()
                ),
            ));
        }
        child.parents.push(parent);
    }
    let children: Vec<u32> = reading
        .tables
        .iter()
        .filter(|table| reading.objects.get(table.node).dump.any())
        .map(|table| table.oid)
        .collect();
    for oid in children {
        for parent in reading.tables.expect(oid)?.parents.clone() {
            reading.tables.expect_mut(parent)?.interesting = true;
        }
        let table = reading.tables.expect(oid)?;
        if !table.is_partition || !reading.objects.get(table.node).defines() {
            continue;
        }
        let &[parent] = table.parents.as_slice() else {
            return Err(Error::new(
                ErrorKind::Server,
                format!(
                    "partition {} has {} parents instead of one; if it is being detached, let \
                     that finish and dump again",
                    table.qualified(),
                    table.parents.len()
                ),
            ));
        };
        let above = reading.tables.expect(parent)?.node;
        let own = table.node;
        let namespace = reading.objects.get(own).namespace;
        let node = reading.objects.add(
            ObjectKind::TableAttach,
            CatalogId::default(),
            table.name.clone(),
            namespace,
        );
        reading.objects.depend(node, own);
        reading.objects.depend(node, above);
        reading.objects.get_mut(node).body = Some(Box::new(Attach {
            partition: oid,
            parent,
        }));
    }
    read_unsafe(reading).await
}

/// Partitions by the hash of an enum: the hash is that of the value's oid, which is another where
/// the enum is made anew, so a row may belong into another partition there.
async fn read_unsafe(reading: &mut Reading<'_>) -> Result<()> {
    let rows = reading
        .conn
        .rows(
            "SELECT p.partrelid FROM pg_catalog.pg_partitioned_table p \
             WHERE (SELECT c.oid FROM pg_catalog.pg_opclass c \
               JOIN pg_catalog.pg_am a ON a.oid = c.opcmethod \
               WHERE c.opcname = 'enum_ops' AND a.amname = 'hash' \
               AND c.opcnamespace = 'pg_catalog'::pg_catalog.regnamespace) = ANY (p.partclass)",
        )
        .await?;
    for row in rows {
        if let Some(table) = reading.tables.by_oid.get_mut(&row.get("partrelid")?) {
            table.unsafe_partitions = true;
        }
    }
    Ok(())
}

impl Body for Attach {
    fn render(&self, node: &Node, world: &World<'_>, out: &mut Out) -> Result<()> {
        let table = world.tables.expect(self.partition)?;
        let parent = world.tables.expect(self.parent)?;
        let mut draft = Draft::new(Kind::TableAttach, &*table.name);
        draft.namespace = Some(table.schema.clone());
        // Nobody owns it, but it has to be run by somebody who may.
        draft.owner.clone_from(&table.owner);
        draft.definition = format!(
            "ALTER TABLE ONLY {} ATTACH PARTITION {} {};\n",
            parent.qualified(),
            table.qualified(),
            table.partition_bound.as_deref().unwrap_or_default()
        );
        out.put(node.id, draft);
        Ok(())
    }
}
