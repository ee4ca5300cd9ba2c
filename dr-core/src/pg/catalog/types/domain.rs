//! Domains and their constraints. Used by `types`.
//!
//! A constraint is a node of its own, so that the domain waits for the functions the constraint
//! calls; it is written with the domain unless it is NOT VALID or a loop had to be broken.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::error::Result;
use crate::pg::Conn;
use crate::pg::catalog::comment::Subject;
use crate::pg::catalog::object::{Body, Components, Node, NodeId, ObjectKind, Objects, Tie};
use crate::pg::catalog::render::{Draft, Out, World};
use crate::text::{identifier, literal, qualified};
use crate::toc::{CatalogId, EntryId, Kind};

/// One domain.
#[derive(Debug)]
pub(super) struct Domain {
    /// The type below, with its modifier.
    base: String,
    /// Qualified; only if it is not the base's own.
    collation: Option<String>,
    not_null: bool,
    /// An expression, or a literal already quoted.
    default: Option<String>,
    /// By name.
    constraints: Vec<(NodeId, Constraint)>,
}

/// A CHECK or NOT NULL constraint of a domain.
#[derive(Debug, Clone)]
pub(super) struct Constraint {
    catalog_id: CatalogId,
    name: String,
    /// `CHECK (…)` or `NOT NULL`, with NOT VALID if it is not.
    definition: String,
    valid: bool,
    /// `contype`: `c` or, from PostgreSQL 17 on, `n`.
    letter: u8,
}

/// Reads every domain, by its oid.
pub(super) async fn read(conn: &Conn) -> Result<HashMap<u32, Domain>> {
    let rows = conn
        .rows(
            "SELECT t.oid, t.typnotnull, \
             pg_catalog.format_type(t.typbasetype, t.typtypmod) AS base, \
             pg_catalog.pg_get_expr(t.typdefaultbin, \
               'pg_catalog.pg_type'::pg_catalog.regclass) AS default_expression, \
             t.typdefault, n.nspname AS collation_schema, l.collname AS collation_name \
             FROM pg_catalog.pg_type t \
             LEFT JOIN pg_catalog.pg_type u ON u.oid = t.typbasetype \
             LEFT JOIN pg_catalog.pg_collation l \
               ON l.oid = t.typcollation AND t.typcollation <> u.typcollation \
             LEFT JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace \
             WHERE t.typtype = 'd' AND t.oid >= 16384",
        )
        .await?;
    let mut domains = HashMap::new();
    for row in rows {
        let default = match row.opt_text("default_expression")? {
            Some(expression) => Some(expression),
            None => row.opt_text("typdefault")?.as_deref().map(literal),
        };
        let collation = match row.opt_text("collation_name")? {
            Some(name) => Some(qualified(
                &row.opt_text("collation_schema")?.unwrap_or_default(),
                &name,
            )),
            None => None,
        };
        let domain = Domain {
            base: row.text("base")?,
            collation,
            not_null: row.get("typnotnull")?,
            default,
            constraints: Vec::new(),
        };
        domains.insert(row.get("oid")?, domain);
    }
    Ok(domains)
}

/// Reads the constraints of every domain, by the domain's oid and in the order of their names.
pub(super) async fn read_constraints(conn: &Conn) -> Result<HashMap<u32, Vec<Constraint>>> {
    let rows = conn
        .rows(
            "SELECT contypid, tableoid, oid, conname, contype, convalidated, \
             pg_catalog.pg_get_constraintdef(oid) AS definition \
             FROM pg_catalog.pg_constraint \
             WHERE contypid >= 16384 AND contype IN ('c', 'n') \
             ORDER BY contypid, conname",
        )
        .await?;
    let mut constraints: HashMap<u32, Vec<Constraint>> = HashMap::new();
    for row in rows {
        let constraint = Constraint {
            catalog_id: CatalogId {
                table: row.get("tableoid")?,
                oid: row.get("oid")?,
            },
            name: row.text("conname")?,
            definition: row.text("definition")?,
            valid: row.get("convalidated")?,
            letter: row.char("contype")?,
        };
        constraints
            .entry(row.get("contypid")?)
            .or_default()
            .push(constraint);
    }
    Ok(constraints)
}

impl Domain {
    /// Adds the nodes of the constraints of the domain that is node `domain`.
    pub(super) fn add_constraints(
        &mut self,
        objects: &mut Objects,
        domain: NodeId,
        owner: &str,
        constraints: Vec<Constraint>,
    ) {
        let namespace = objects.get(domain).namespace;
        let domain_name = objects.get(domain).name.clone();
        for constraint in constraints {
            let id = objects.add(
                ObjectKind::Constraint,
                constraint.catalog_id,
                &constraint.name,
                namespace,
            );
            let node = objects.get_mut(id);
            node.letter = constraint.letter;
            node.part_of = Some(domain);
            node.separate = !constraint.valid;
            node.tie = Tie::OfDomain(domain_name.clone());
            node.body = Some(Box::new(SeparateConstraint {
                owner: owner.to_owned(),
                definition: constraint.definition.clone(),
                letter: constraint.letter,
            }));
            // One that is not valid comes after the domain anyway.
            if constraint.valid {
                objects.depend(domain, id);
            }
            self.constraints.push((id, constraint));
        }
    }

    /// The constraints written with the domain.
    fn together<'a>(
        &'a self,
        objects: &'a Objects,
        letter: u8,
    ) -> impl Iterator<Item = &'a Constraint> {
        self.constraints
            .iter()
            .filter(move |(id, constraint)| {
                constraint.letter == letter && !objects.get(*id).separate
            })
            .map(|(_, constraint)| constraint)
    }

    pub(super) fn definition(&self, name: &str, full_name: &str, objects: &Objects) -> String {
        let mut sql = format!("CREATE DOMAIN {full_name} AS {}", self.base);
        if let Some(collation) = &self.collation {
            let _ = write!(sql, " COLLATE {collation}");
        }
        let named = self
            .constraints
            .iter()
            .any(|(_, constraint)| constraint.letter == b'n');
        if self.not_null && !named {
            // Before PostgreSQL 17 it has no name.
            sql.push_str(" NOT NULL");
        } else if self.not_null {
            for constraint in self.together(objects, b'n') {
                // The name the server would give it is left to the server.
                if constraint.name == format!("{name}_not_null") {
                    sql.push_str(" NOT NULL");
                } else {
                    let _ = write!(
                        sql,
                        " CONSTRAINT {} {}",
                        identifier(&constraint.name),
                        constraint.definition
                    );
                }
            }
        }
        if let Some(default) = &self.default {
            let _ = write!(sql, " DEFAULT {default}");
        }
        for constraint in self.together(objects, b'c') {
            let _ = write!(
                sql,
                "\n\tCONSTRAINT {} {}",
                identifier(&constraint.name),
                constraint.definition
            );
        }
        sql.push_str(";\n");
        sql
    }

    /// Puts the comments on the constraints written with the domain.
    pub(super) fn put_comments(&self, subject: &Subject<'_>, world: &World<'_>, out: &mut Out) {
        for letter in [b'c', b'n'] {
            for constraint in self.together(world.objects, letter) {
                let kind = format!("CONSTRAINT {} ON DOMAIN", identifier(&constraint.name));
                let subject = Subject {
                    kind: &kind,
                    ..*subject
                };
                world.put_remarks(constraint.catalog_id, &subject, out);
            }
        }
    }
}

/// A constraint written apart from its domain.
struct SeparateConstraint {
    owner: String,
    definition: String,
    letter: u8,
}

impl Body for SeparateConstraint {
    fn render(&self, node: &Node, world: &World<'_>, out: &mut Out) -> Result<()> {
        let Some(domain) = node.part_of.filter(|_| node.separate) else {
            return Ok(());
        };
        let namespace = world.objects.namespace_name(node.id).unwrap_or_default();
        let domain = &world.objects.get(domain).name;
        let full_name = qualified(namespace, domain);
        let name = identifier(&node.name);
        if node.defines() {
            let kind = if self.letter == b'c' {
                Kind::CheckConstraint
            } else {
                Kind::Constraint
            };
            let mut draft = Draft::new(kind, format!("{domain} {}", node.name));
            draft.catalog_id = node.catalog_id;
            draft.namespace = Some(namespace.to_owned());
            draft.owner.clone_from(&self.owner);
            draft.definition = format!(
                "ALTER DOMAIN {full_name}\n    ADD CONSTRAINT {name} {};\n",
                self.definition
            );
            draft.drop = format!("ALTER DOMAIN {full_name} DROP CONSTRAINT {name};\n");
            out.put(node.id, draft);
        }
        if node.dump.has(Components::COMMENT) {
            let kind = format!("CONSTRAINT {name} ON DOMAIN");
            let subject = Subject {
                kind: &kind,
                namespace: Some(namespace),
                name: &identifier(domain),
                owner: &self.owner,
                needs: EntryId(node.id.0),
            };
            world.put_remarks(node.catalog_id, &subject, out);
        }
        Ok(())
    }
}
