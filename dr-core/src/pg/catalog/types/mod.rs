//! Types: enums, composites, domains, ranges, base types and shells. Used by `catalog` after
//! schemas; the row types of tables are here as nodes only, for others to depend on.

mod base;
mod composite;
mod domain;
mod enums;
mod range;

use std::collections::HashMap;

use crate::error::{Error, ErrorKind, Result};
use crate::text::{identifier, qualified};
use crate::toc::{CatalogId, EntryId, Kind};

use super::Reading;
use super::acl::{self, Acl, Grantable, Target};
use super::comment::Subject;
use super::object::{Body, Components, Node, NodeId, ObjectKind};
use super::owner;
use super::render::{Draft, Out, World};

/// What a type is made of.
enum Shape {
    Enum(enums::Labels),
    Composite(composite::Attributes),
    Domain(domain::Domain),
    Range(range::Range),
    Base(base::Base),
    /// Declared and never filled in.
    Undefined,
}

struct Type {
    owner: String,
    acl: Acl,
    /// None for the system's types, of which no more than the privileges is ever written.
    shape: Option<Shape>,
}

/// The type as functions see it before it is there, for a type with functions of its own.
struct Shell {
    owner: String,
}

/// Adds every type that is not the system's own, and those of the system that were granted on.
pub(crate) async fn read(reading: &mut Reading<'_>) -> Result<()> {
    let rows = reading
        .conn
        .rows(&format!(
            "SELECT t.tableoid, t.oid, t.typname, t.typnamespace, r.rolname AS owner, \
             t.typrelid, t.typtype, t.typisdefined, {}, \
             t.typrelid <> 0 AND (SELECT c.relkind FROM pg_catalog.pg_class c \
               WHERE c.oid = t.typrelid) IS DISTINCT FROM 'c' AS of_relation, \
             t.typelem <> 0 AND (SELECT e.typarray FROM pg_catalog.pg_type e \
               WHERE e.oid = t.typelem) = t.oid AS is_array \
             FROM pg_catalog.pg_type t \
             LEFT JOIN pg_catalog.pg_roles r ON r.oid = t.typowner \
             WHERE t.oid >= 16384 OR t.typacl IS NOT NULL \
             ORDER BY t.oid",
            acl::columns("pg_type", "t", "typacl", "typowner", 'T')
        ))
        .await?;
    let mut shapes = Shapes::read(reading).await?;
    for row in rows {
        let catalog_id = CatalogId {
            table: row.get("tableoid")?,
            oid: row.get("oid")?,
        };
        let name = row.text("typname")?;
        let namespace = reading.namespace(row.get("typnamespace")?)?;
        let letter = row.char("typtype")?;
        let of_relation: bool = row.get("of_relation")?;
        let follows = of_relation || row.get::<bool>("is_array")? || letter == b'm';
        let kind = if follows {
            ObjectKind::DummyType
        } else {
            ObjectKind::Type
        };
        let id = reading
            .objects
            .add(kind, catalog_id, &name, Some(namespace));
        if of_relation {
            let relation = reading.objects.find(1259, row.get("typrelid")?);
            let dump = relation.map_or(Components::NONE, |table| reading.objects.get(table).dump);
            reading.objects.get_mut(id).dump = dump;
            continue;
        }
        reading.objects.select(id);
        if follows {
            continue;
        }
        let owner = owner::of_row(&row, "type", &name)?;
        let shape = if letter == b'p' && !row.get::<bool>("typisdefined")? {
            Some(Shape::Undefined)
        } else {
            shapes.take(catalog_id.oid, letter)
        };
        let mut body = Type {
            owner,
            acl: Acl::of_row(&row)?,
            shape,
        };
        if reading.objects.get(id).defines() {
            if let Some(Shape::Domain(domain)) = &mut body.shape {
                let constraints = shapes.constraints(catalog_id.oid);
                domain.add_constraints(&mut reading.objects, id, &body.owner, constraints);
            }
            if matches!(letter, b'b' | b'r') {
                add_shell(reading, id, &name, namespace, &body.owner);
            }
        }
        reading.objects.get_mut(id).body = Some(Box::new(body));
    }
    Ok(())
}

/// Adds the shell of a type, which is written only if breaking a loop of dependencies asks for it.
/// It has no catalog id, or it would draw the type's dependencies to itself.
fn add_shell(reading: &mut Reading<'_>, of: NodeId, name: &str, namespace: NodeId, owner: &str) {
    let shell = reading.objects.add(
        ObjectKind::ShellType,
        CatalogId::default(),
        name,
        Some(namespace),
    );
    let node = reading.objects.get_mut(shell);
    node.dump = Components::NONE;
    node.body = Some(Box::new(Shell {
        owner: owner.to_owned(),
    }));
    reading.objects.get_mut(of).shell = Some(shell);
}

/// What was read of all types, by oid.
struct Shapes {
    enums: HashMap<u32, enums::Labels>,
    composites: HashMap<u32, composite::Attributes>,
    domains: HashMap<u32, domain::Domain>,
    constraints: HashMap<u32, Vec<domain::Constraint>>,
    ranges: HashMap<u32, range::Range>,
    bases: HashMap<u32, base::Base>,
}

impl Shapes {
    async fn read(reading: &Reading<'_>) -> Result<Self> {
        let conn = reading.conn;
        Ok(Self {
            enums: enums::read(conn).await?,
            composites: composite::read(conn).await?,
            domains: domain::read(conn).await?,
            constraints: domain::read_constraints(conn).await?,
            ranges: range::read(conn).await?,
            bases: base::read(conn).await?,
        })
    }

    fn take(&mut self, oid: u32, letter: u8) -> Option<Shape> {
        match letter {
            // An enum may have no labels, a composite no attributes: no rows is no lack.
            b'e' => Some(Shape::Enum(self.enums.remove(&oid).unwrap_or_default())),
            b'c' => Some(Shape::Composite(
                self.composites.remove(&oid).unwrap_or_default(),
            )),
            b'd' => self.domains.remove(&oid).map(Shape::Domain),
            b'r' => self.ranges.remove(&oid).map(Shape::Range),
            b'b' => self.bases.remove(&oid).map(Shape::Base),
            _ => None,
        }
    }

    fn constraints(&mut self, oid: u32) -> Vec<domain::Constraint> {
        self.constraints.remove(&oid).unwrap_or_default()
    }
}

impl Body for Type {
    fn render(&self, node: &Node, world: &World<'_>, out: &mut Out) -> Result<()> {
        let namespace = world.objects.namespace_name(node.id).unwrap_or_default();
        let name = identifier(&node.name);
        let full_name = qualified(namespace, &node.name);
        let (kind, word) = match self.shape {
            Some(Shape::Domain(_)) => (Kind::Domain, "DOMAIN"),
            _ => (Kind::Type, "TYPE"),
        };
        if node.defines() {
            let (definition, cascade) = match &self.shape {
                Some(Shape::Enum(labels)) => (labels.definition(&full_name), ""),
                Some(Shape::Composite(attributes)) => (attributes.definition(&full_name), ""),
                Some(Shape::Domain(domain)) => {
                    (domain.definition(&node.name, &full_name, world.objects), "")
                }
                Some(Shape::Range(range)) => (range.definition(&full_name), ""),
                // It and its functions need each other: nothing else can drop them.
                Some(Shape::Base(base)) => (base.definition(&full_name), " CASCADE"),
                Some(Shape::Undefined) => (format!("CREATE TYPE {full_name};\n"), ""),
                None => {
                    return Err(Error::new(
                        ErrorKind::Unsupported,
                        format!("type {full_name} is of a kind that cannot be dumped"),
                    ));
                }
            };
            let mut draft = Draft::new(kind, &*node.name);
            draft.catalog_id = node.catalog_id;
            draft.namespace = Some(namespace.to_owned());
            draft.owner.clone_from(&self.owner);
            draft.definition = definition;
            draft.drop = format!("DROP {word} {full_name}{cascade};\n");
            out.put(node.id, draft);
        }
        let needs = EntryId(node.id.0);
        let subject = Subject {
            kind: word,
            namespace: Some(namespace),
            name: &name,
            owner: &self.owner,
            needs,
        };
        if node.dump.has(Components::COMMENT) {
            world.put_remarks(node.catalog_id, &subject, out);
        }
        if node.dump.has(Components::ACL) {
            let target = Target {
                kind: Grantable::Type,
                namespace,
                name: &name,
                column: None,
                owner: &self.owner,
            };
            self.acl.put(&target, None, vec![needs], out)?;
        }
        if node.dump.has(Components::COMMENT) {
            match &self.shape {
                Some(Shape::Composite(attributes)) => {
                    attributes.put_comments(&subject, world, out);
                }
                Some(Shape::Domain(domain)) => domain.put_comments(&subject, world, out),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Body for Shell {
    fn render(&self, node: &Node, world: &World<'_>, out: &mut Out) -> Result<()> {
        let namespace = world.objects.namespace_name(node.id).unwrap_or_default();
        let mut draft = Draft::new(Kind::ShellType, &*node.name);
        draft.namespace = Some(namespace.to_owned());
        draft.owner.clone_from(&self.owner);
        // No drop statement: the type's own entry has it, and the owner is set there too, since
        // the server refuses to change the owner of a shell.
        draft.definition = format!("CREATE TYPE {};\n", qualified(namespace, &node.name));
        out.put(node.id, draft);
        Ok(())
    }
}
