//! Default privileges (ALTER DEFAULT PRIVILEGES). Used by `catalog` after schemas.

use crate::error::Result;
use crate::toc::{CatalogId, Kind};

use super::Reading;
use super::acl::{self, Grantable};
use super::object::{Body, Components, Node, ObjectKind, Tie};
use super::owner;
use super::render::{Draft, Out, World};

struct DefaultAcl {
    owner: String,
    kind: Grantable,
    current: String,
    base: String,
}

/// Adds every entry of `pg_default_acl`.
pub(crate) async fn read(reading: &mut Reading<'_>) -> Result<()> {
    // An entry of the whole database replaces the built-in default, so it is written as the way
    // from that; one of a schema adds to it, and is written as it is.
    let rows = reading
        .conn
        .rows(
            "SELECT a.tableoid, a.oid, r.rolname AS owner, a.defaclnamespace, a.defaclobjtype, \
             a.defaclacl::pg_catalog.text AS acl, \
             CASE WHEN a.defaclnamespace = 0 THEN pg_catalog.acldefault( \
               CASE WHEN a.defaclobjtype = 'S' THEN 's'::\"char\" ELSE a.defaclobjtype END, \
               a.defaclrole)::pg_catalog.text ELSE '{}' END AS base \
             FROM pg_catalog.pg_default_acl a \
             LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.defaclrole \
             ORDER BY a.oid",
        )
        .await?;
    for row in rows {
        let catalog_id = CatalogId {
            table: row.get("tableoid")?,
            oid: row.get("oid")?,
        };
        let letter = row.char("defaclobjtype")?;
        let namespace = match row.get("defaclnamespace")? {
            0 => None,
            oid => Some(reading.namespace(oid)?),
        };
        let name = char::from(letter).to_string();
        let owner = owner::of_row(&row, "default privileges entry", &name)?;
        let body = DefaultAcl {
            kind: Grantable::of_default_acl(letter)?,
            current: row.text("acl")?,
            base: row.text("base")?,
            owner: owner.clone(),
        };
        let id = reading
            .objects
            .add(ObjectKind::DefaultAcl, catalog_id, name, namespace);
        reading.objects.select(id);
        let node = reading.objects.get_mut(id);
        node.tie = Tie::Of(owner);
        node.body = Some(Box::new(body));
    }
    Ok(())
}

impl Body for DefaultAcl {
    fn render(&self, node: &Node, world: &World<'_>, out: &mut Out) -> Result<()> {
        if !node.dump.has(Components::ACL) {
            return Ok(());
        }
        let namespace = world.objects.namespace_name(node.id);
        let tag = format!("DEFAULT PRIVILEGES FOR {}", self.kind.as_str());
        let mut draft = Draft::new(Kind::DefaultAcl, tag);
        draft.catalog_id = node.catalog_id;
        draft.namespace = namespace.map(str::to_owned);
        draft.owner.clone_from(&self.owner);
        draft.definition = acl::default_privileges(
            self.kind,
            namespace.unwrap_or_default(),
            &self.owner,
            &self.current,
            &self.base,
        )?;
        for acl in [&self.current, &self.base] {
            out.roles.extend(acl::roles(acl)?);
        }
        out.put(node.id, draft);
        Ok(())
    }
}
