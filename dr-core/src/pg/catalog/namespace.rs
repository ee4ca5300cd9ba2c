//! Schemas, and the special case of schema `public`. Read before everything that lives in one:
//! what is written of a schema decides about its contents.

use crate::error::{Error, ErrorKind, Result};
use crate::text::identifier;
use crate::toc::{CatalogId, EntryId, Kind};

use super::Reading;
use super::acl::{self, Acl, Grantable, Target};
use super::comment::{self, Subject};
use super::object::{Body, Components, Node, ObjectKind};
use super::owner;
use super::render::{Draft, Out, World};

/// The role `pg_database_owner`, which owns `public` in databases made by PostgreSQL 15 and later.
const DATABASE_OWNER: u32 = 6171;

struct Namespace {
    owner: String,
    acl: Acl,
    /// Whether a restore makes it; `public` is there already.
    create: bool,
}

/// Adds every schema, the system's too.
pub(crate) async fn read(reading: &mut Reading<'_>) -> Result<()> {
    let rows = reading
        .conn
        .rows(&format!(
            "SELECT n.tableoid, n.oid, n.nspname, n.nspowner, r.rolname AS owner, {} \
             FROM pg_catalog.pg_namespace n \
             LEFT JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner \
             ORDER BY n.oid",
            acl::columns("pg_namespace", "n", "nspacl", "nspowner", 'n')
        ))
        .await?;
    let mut found = false;
    for row in rows {
        let catalog_id = CatalogId {
            table: row.get("tableoid")?,
            oid: row.get("oid")?,
        };
        let name = row.text("nspname")?;
        let owner = owner::of_row(&row, "schema", &name)?;
        let mut acl = Acl::of_row(&row)?;
        let scope = reading.scope;
        let mut create = true;
        let (mut dump, mut contains) = if scope.only_tables.is_some() {
            (Components::NONE, Components::NONE)
        } else if scope.only_schemas.is_some() {
            // A pattern such as `*` fits the system's schemas too, which no restore could make.
            let system = name.starts_with("pg_") || name == "information_schema";
            let taken = if scope.takes_schema(&name) && !system {
                found = true;
                Components::ALL
            } else {
                Components::NONE
            };
            (taken, taken)
        } else if name == "pg_catalog" {
            // What was granted on the system's own objects since initdb.
            (Components::ACL, Components::ACL)
        } else if name.starts_with("pg_") || name == "information_schema" {
            (Components::NONE, Components::NONE)
        } else if name == "public" {
            create = false;
            // Its definition says no more than who owns it, and that goes without saying if it is
            // who owns it in every new database.
            let dump = if row.get::<u32>("nspowner")? == DATABASE_OWNER {
                Components::ALL.without(Components::DEFINITION)
            } else {
                Components::ALL
            };
            (dump, Components::ALL)
        } else {
            (Components::ALL, Components::ALL)
        };
        if contains.any() && scope.excludes_schema(&name) {
            (dump, contains) = (Components::NONE, Components::NONE);
        }
        if name == "public" {
            // pg_init_privs says what initdb granted, which is not what a restore will find after
            // it has set the owner; and a restore is to give the same on every version.
            acl.initial = Some(acl::public_schema_initial(&owner));
        }
        let id = reading
            .objects
            .add(ObjectKind::Namespace, catalog_id, name, None);
        let node = reading.objects.get_mut(id);
        node.dump = dump;
        node.contains = contains;
        node.body = Some(Box::new(Namespace { owner, acl, create }));
        reading.objects.claim_for_extension(id);
    }
    if reading.scope.only_schemas.is_some() && reading.scope.only_tables.is_none() && !found {
        return Err(Error::new(
            ErrorKind::Missing,
            "no schema of the database has a name that was asked for (the system's own are never \
             dumped); nothing was dumped",
        ));
    }
    Ok(())
}

impl Body for Namespace {
    fn render(&self, node: &Node, world: &World<'_>, out: &mut Out) -> Result<()> {
        let name = identifier(&node.name);
        if node.defines() {
            let mut draft = Draft::new(Kind::Schema, &*node.name);
            draft.catalog_id = node.catalog_id;
            draft.owner.clone_from(&self.owner);
            if self.create {
                draft.definition = format!("CREATE SCHEMA {name};\n");
                draft.drop = format!("DROP SCHEMA {name};\n");
            } else {
                draft.definition = "-- *not* creating schema, since initdb creates it\n".into();
                draft.drop = "-- *not* dropping schema, since initdb creates it\n".into();
            }
            out.put(node.id, draft);
        }
        let needs = EntryId(node.id.0);
        if node.dump.has(Components::COMMENT) {
            let subject = Subject {
                kind: "SCHEMA",
                namespace: None,
                name: &name,
                owner: &self.owner,
                needs,
            };
            let text = world.comments.whole(node.catalog_id);
            if self.create {
                world.put_remarks(node.catalog_id, &subject, out);
            } else {
                // initdb's own comment is there already; that it was removed has to be said.
                match text {
                    Some("standard public schema") => {}
                    Some(text) => comment::put(text, &subject, out),
                    None => comment::put("", &subject, out),
                }
                world.labels.put(node.catalog_id, &subject, out);
            }
        }
        if node.dump.has(Components::ACL) {
            let target = Target {
                kind: Grantable::Schema,
                namespace: "",
                name: &name,
                column: None,
                owner: &self.owner,
            };
            self.acl.put(&target, None, vec![needs], out)?;
        }
        Ok(())
    }
}
