//! Extensions and what belongs to them. Read first: whether an object is an extension's decides
//! what is written of it. Knows nothing of the members but their catalog ids.

use crate::error::Result;
use crate::text::identifier;
use crate::toc::{CatalogId, EntryId, Kind};

use super::Reading;
use super::comment::Subject;
use super::object::{Body, Components, Node, ObjectKind};
use super::render::{Draft, Out, World};

struct Extension {
    schema: String,
}

/// Adds every extension, and tells the arena the members of each.
pub(crate) async fn read(reading: &mut Reading<'_>) -> Result<()> {
    let rows = reading
        .conn
        .rows(
            "SELECT x.tableoid, x.oid, x.extname, n.nspname, x.extversion \
             FROM pg_catalog.pg_extension x \
             JOIN pg_catalog.pg_namespace n ON n.oid = x.extnamespace \
             ORDER BY x.oid",
        )
        .await?;
    let catalog_everything = reading.scope.is_everything();
    for row in rows {
        let catalog_id = CatalogId {
            table: row.get("tableoid")?,
            oid: row.get("oid")?,
        };
        let name = row.text("extname")?;
        let id = reading
            .objects
            .add(ObjectKind::Extension, catalog_id, &name, None);
        let dump = if catalog_id.oid < 16384 {
            // plpgsql and what else initdb made: there already wherever this is restored, except
            // for what was granted since.
            Components::ACL
        } else if catalog_everything {
            reading.extensions.insert(name, row.text("extversion")?);
            Components::ALL
        } else {
            Components::NONE
        };
        let node = reading.objects.get_mut(id);
        node.dump = dump;
        node.contains = dump;
        node.body = Some(Box::new(Extension {
            schema: row.text("nspname")?,
        }));
    }

    let rows = reading
        .conn
        .rows(
            "SELECT classid, objid, refclassid, refobjid FROM pg_catalog.pg_depend \
             WHERE refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass \
             AND deptype = 'e' \
             ORDER BY refobjid, classid, objid",
        )
        .await?;
    for row in rows {
        if let Some(extension) = reading
            .objects
            .find(row.get("refclassid")?, row.get("refobjid")?)
        {
            let member = CatalogId {
                table: row.get("classid")?,
                oid: row.get("objid")?,
            };
            reading.objects.owned_by_extension(member, extension);
        }
    }
    Ok(())
}

impl Body for Extension {
    fn render(&self, node: &Node, world: &World<'_>, out: &mut Out) -> Result<()> {
        let name = identifier(&node.name);
        if node.defines() {
            let mut draft = Draft::new(Kind::Extension, &*node.name);
            draft.catalog_id = node.catalog_id;
            // The version is left out on purpose: the target installs the one it has.
            draft.definition = format!(
                "CREATE EXTENSION IF NOT EXISTS {name} WITH SCHEMA {};\n",
                identifier(&self.schema)
            );
            draft.drop = format!("DROP EXTENSION {name};\n");
            out.put(node.id, draft);
        }
        if node.dump.has(Components::COMMENT) {
            let subject = Subject {
                kind: "EXTENSION",
                namespace: None,
                name: &name,
                owner: "",
                needs: EntryId(node.id.0),
            };
            world.put_remarks(node.catalog_id, &subject, out);
        }
        Ok(())
    }
}
