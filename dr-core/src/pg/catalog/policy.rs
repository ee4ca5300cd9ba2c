//! Row security: that it is enabled, and the policies. Used by `catalog` once tables are known.

use std::fmt::Write as _;

use crate::error::{Error, ErrorKind, Result};
use crate::text::identifier;
use crate::toc::{CatalogId, EntryId, Kind};

use super::Reading;
use super::comment::Subject;
use super::object::{Body, Components, Node, ObjectKind, Tie};
use super::relation::Table;
use super::render::{Draft, Out, World};

/// The node that says row security is on.
struct RowSecurity {
    /// The table's oid.
    table: u32,
}

struct Policy {
    /// The table's oid.
    table: u32,
    /// `*` all, `r`, `a`, `w`, `d`.
    command: u8,
    is_permissive: bool,
    /// Quoted and joined; none for everybody.
    roles: Option<String>,
    role_names: Vec<String>,
    using: Option<String>,
    check: Option<String>,
}

/// Adds row security and policies of every table that is dumped.
pub(super) async fn read(reading: &mut Reading<'_>) -> Result<()> {
    let takes = |reading: &Reading<'_>, table: &Table| {
        matches!(table.kind, b'r' | b'p')
            && reading.objects.get(table.node).dump.has(Components::POLICY)
    };
    let secured: Vec<u32> = reading
        .tables
        .iter()
        .filter(|table| table.row_security && takes(reading, table))
        .map(|table| table.oid)
        .collect();
    for oid in secured {
        let table = reading.tables.expect(oid)?;
        let (own, name) = (table.node, table.name.clone());
        let namespace = reading.objects.get(own).namespace;
        // No catalog table, or it would be taken for the table itself.
        let catalog_id = CatalogId { table: 0, oid };
        let node = reading
            .objects
            .add(ObjectKind::Policy, catalog_id, name.clone(), namespace);
        let entry = reading.objects.get_mut(node);
        entry.tie = Tie::Of(name);
        entry.body = Some(Box::new(RowSecurity { table: oid }));
    }

    let wanted = reading.tables.oids(|table| takes(reading, table));
    let rows = reading
        .conn
        .rows(&format!(
            "SELECT p.tableoid, p.oid, p.polrelid, p.polname, p.polcmd, p.polpermissive, \
             CASE WHEN p.polroles = '{{0}}' THEN NULL ELSE pg_catalog.array_to_string(ARRAY( \
               SELECT pg_catalog.quote_ident(r.rolname) FROM pg_catalog.pg_roles r \
               WHERE r.oid = ANY (p.polroles)), ', ') END AS roles, \
             ARRAY(SELECT r.rolname FROM pg_catalog.pg_roles r WHERE r.oid = ANY (p.polroles)) \
               AS role_names, \
             pg_catalog.pg_get_expr(p.polqual, p.polrelid) AS using, \
             pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) AS check \
             FROM pg_catalog.unnest({wanted}) AS w(oid) \
             JOIN pg_catalog.pg_policy p ON p.polrelid = w.oid \
             ORDER BY p.polrelid, p.polname"
        ))
        .await?;
    for row in rows {
        let oid: u32 = row.get("polrelid")?;
        let table = reading.tables.expect(oid)?;
        let (own, of) = (table.node, table.name.clone());
        let catalog_id = CatalogId {
            table: row.get("tableoid")?,
            oid: row.get("oid")?,
        };
        let namespace = reading.objects.get(own).namespace;
        let node = reading.objects.add(
            ObjectKind::Policy,
            catalog_id,
            row.text("polname")?,
            namespace,
        );
        let entry = reading.objects.get_mut(node);
        entry.tie = Tie::Of(of);
        entry.body = Some(Box::new(Policy {
            table: oid,
            command: row.char("polcmd")?,
            is_permissive: row.get("polpermissive")?,
            roles: row.opt_text("roles")?,
            role_names: row.texts("role_names")?,
            using: row.opt_text("using")?,
            check: row.opt_text("check")?,
        }));
    }
    Ok(())
}

impl Body for RowSecurity {
    fn render(&self, node: &Node, world: &World<'_>, out: &mut Out) -> Result<()> {
        if !node.defines() {
            return Ok(());
        }
        let table = world.tables.expect(self.table)?;
        let mut draft = Draft::new(Kind::RowSecurity, &*node.name);
        draft.catalog_id = node.catalog_id;
        draft.namespace = Some(table.schema.clone());
        draft.owner.clone_from(&table.owner);
        // No line end: pg_dump has none here.
        draft.definition = format!(
            "ALTER TABLE {} ENABLE ROW LEVEL SECURITY;",
            table.qualified()
        );
        draft.needs = vec![EntryId(table.node.0)];
        out.put(node.id, draft);
        Ok(())
    }
}

impl Body for Policy {
    fn render(&self, node: &Node, world: &World<'_>, out: &mut Out) -> Result<()> {
        let table = world.tables.expect(self.table)?;
        let (qualified, name) = (table.qualified(), identifier(&node.name));
        let command = match self.command {
            b'*' => "",
            b'r' => " FOR SELECT",
            b'a' => " FOR INSERT",
            b'w' => " FOR UPDATE",
            b'd' => " FOR DELETE",
            other => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    format!(
                        "policy {name} on {qualified} is for the unknown command {:?}",
                        char::from(other)
                    ),
                ));
            }
        };
        if node.defines() {
            let restrictive = if self.is_permissive {
                ""
            } else {
                " AS RESTRICTIVE"
            };
            let mut sql = format!("CREATE POLICY {name} ON {qualified}{restrictive}{command}");
            if let Some(roles) = &self.roles {
                let _ = write!(sql, " TO {roles}");
            }
            if let Some(using) = &self.using {
                let _ = write!(sql, " USING ({using})");
            }
            if let Some(check) = &self.check {
                let _ = write!(sql, " WITH CHECK ({check})");
            }
            sql.push_str(";\n");
            out.roles.extend(self.role_names.iter().cloned());
            let mut draft = Draft::new(Kind::Policy, format!("{} {}", table.name, node.name));
            draft.catalog_id = node.catalog_id;
            draft.namespace = Some(table.schema.clone());
            draft.owner.clone_from(&table.owner);
            draft.definition = sql;
            draft.drop = format!("DROP POLICY {name} ON {qualified};\n");
            out.put(node.id, draft);
        }
        if node.dump.has(Components::COMMENT) {
            let subject = Subject {
                kind: &format!("POLICY {name} ON"),
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
