//! Large objects, in groups that share owner and privileges: one entry for a group's metadata,
//! one for its data. Used by `catalog` when everything is dumped; reads no content.

use crate::error::Result;
use crate::toc::{CatalogId, EntryId, Kind, Section};

use super::Reading;
use super::acl::{Acl, Grantable, Target};
use super::comment::Subject;
use super::object::{Body, Components, Node, NodeId, ObjectKind};
use super::owner;
use super::render::{Draft, Out, World};

/// `pg_largeobject`, which comments are filed under.
const CATALOG: u32 = 2613;

struct Group {
    owner: String,
    acl: Acl,
    oids: Vec<u32>,
}

struct Data {
    owner: String,
    metadata: NodeId,
    oids: Vec<u32>,
}

/// Adds every large object, at most a thousand to a group, as pg_dump groups them.
pub(crate) async fn read(reading: &mut Reading<'_>) -> Result<()> {
    let rows = reading
        .conn
        .rows(
            "SELECT r.rolname AS owner, g.acl, g.acldefault, \
             NULL::pg_catalog.text AS initprivs, \
             pg_catalog.array_agg(g.oid ORDER BY g.oid) AS oids \
             FROM (SELECT oid, lomowner, lomacl::pg_catalog.text AS acl, \
                   pg_catalog.acldefault('L', lomowner)::pg_catalog.text AS acldefault, \
                   (pg_catalog.row_number() OVER (PARTITION BY lomowner, \
                     lomacl::pg_catalog.text ORDER BY oid) - 1) / 1000 AS chunk \
                   FROM pg_catalog.pg_largeobject_metadata) g \
             LEFT JOIN pg_catalog.pg_roles r ON r.oid = g.lomowner \
             GROUP BY g.lomowner, r.rolname, g.acl, g.acldefault, g.chunk \
             ORDER BY g.lomowner, g.acl, g.chunk",
        )
        .await?;
    for row in rows {
        let oids: Vec<u32> = row.get("oids")?;
        let (Some(first), Some(last)) = (oids.first().copied(), oids.last().copied()) else {
            continue;
        };
        let name = if oids.len() > 1 {
            format!("{first}..{last}")
        } else {
            first.to_string()
        };
        let owner = owner::of_row(&row, "large object", &name)?;
        let id_of = |oid| CatalogId {
            table: CATALOG,
            oid,
        };
        let objects = &mut reading.objects;
        let metadata = objects.add(ObjectKind::LargeObject, id_of(first), &name, None);
        for oid in oids.iter().skip(1) {
            objects.alias(id_of(*oid), metadata);
        }
        let data = objects.add(
            ObjectKind::LargeObjectData,
            CatalogId::default(),
            &name,
            None,
        );
        objects.depend(data, metadata);
        objects.get_mut(data).body = Some(Box::new(Data {
            owner: owner.clone(),
            metadata,
            oids: oids.clone(),
        }));
        objects.get_mut(metadata).body = Some(Box::new(Group {
            owner,
            acl: Acl::of_row(&row)?,
            oids,
        }));
    }
    Ok(())
}

impl Body for Group {
    fn render(&self, node: &Node, world: &World<'_>, out: &mut Out) -> Result<()> {
        if node.defines() {
            let mut draft = Draft::new(Kind::BlobMetadata, &*node.name);
            draft.section = Section::Data;
            draft.catalog_id = node.catalog_id;
            draft.owner.clone_from(&self.owner);
            // pg_restore takes the oids out of the definition and makes the commands itself; that
            // there is a drop statement is all it wants to know of that.
            draft.definition = self.oids.iter().map(|oid| format!("{oid}\n")).collect();
            draft.drop = "-- dummy".into();
            out.put(node.id, draft);
        }
        let needs = EntryId(node.id.0);
        if node.dump.has(Components::COMMENT) {
            for oid in &self.oids {
                let id = CatalogId {
                    table: CATALOG,
                    oid: *oid,
                };
                let subject = Subject {
                    kind: "LARGE OBJECT",
                    namespace: None,
                    name: &oid.to_string(),
                    owner: &self.owner,
                    needs,
                };
                world.put_remarks(id, &subject, out);
            }
        }
        if node.dump.has(Components::ACL) {
            let [first, .., last] = self.oids.as_slice() else {
                return self.put_acl(None, needs, out);
            };
            // The commands are for the first alone; the tag tells pg_restore to repeat them.
            self.put_acl(Some(format!("LARGE OBJECTS {first}..{last}")), needs, out)?;
        }
        Ok(())
    }
}

impl Group {
    fn put_acl(&self, tag: Option<String>, needs: EntryId, out: &mut Out) -> Result<()> {
        let Some(first) = self.oids.first() else {
            return Ok(());
        };
        let target = Target {
            kind: Grantable::LargeObject,
            namespace: "",
            name: &first.to_string(),
            column: None,
            owner: &self.owner,
        };
        self.acl.put(&target, tag.as_deref(), vec![needs], out)?;
        Ok(())
    }
}

impl Body for Data {
    fn render(&self, node: &Node, _world: &World<'_>, out: &mut Out) -> Result<()> {
        let mut draft = Draft::new(Kind::Blobs, &*node.name);
        draft.owner.clone_from(&self.owner);
        draft.needs = vec![EntryId(self.metadata.0)];
        draft.has_data = true;
        let id = out.put(node.id, draft);
        out.large_objects.insert(id, self.oids.clone());
        Ok(())
    }
}
