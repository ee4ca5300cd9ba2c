//! What the role may not read, all of it by name, before a byte is written. Used by `live` alone.

use std::collections::HashMap;

use super::{listed, shown};
use crate::error::{Error, ErrorKind, Result};
use crate::pg::Conn;
use crate::pg::catalog::{Relation, Scope};

/// Refuses a dump that would stop in the middle for want of a right.
///
/// # Errors
///
/// `Server` with SQLSTATE 42501, naming every relation, sequence and large object concerned.
pub(super) async fn check(conn: &Conn, scope: &Scope, relations: &[Relation]) -> Result<()> {
    let wanted: HashMap<u32, &Relation> = relations
        .iter()
        .filter(|relation| is_read(relation))
        .map(|relation| (relation.oid, relation))
        .collect();
    let mut unreadable = unreadable(conn, &wanted).await?;
    if scope.is_everything() {
        unreadable.extend(large_objects(conn).await?);
    }
    if unreadable.is_empty() {
        return Ok(());
    }
    unreadable.sort();
    Err(Error::new(
        ErrorKind::Server,
        format!(
            "the role may not read {}; nothing was written. Grant it USAGE on the schemas and \
             SELECT on these (or, from PostgreSQL 14 on, membership in pg_read_all_data), give it \
             BYPASSRLS where a policy hides rows, or exclude them",
            listed(&unreadable)
        ),
    )
    .with_sqlstate("42501"))
}

/// Tables are locked even where only their definition is dumped, which takes SELECT.
fn is_read(relation: &Relation) -> bool {
    relation.needs_lock() || (relation.data && relation.kind == b'S')
}

async fn unreadable(conn: &Conn, wanted: &HashMap<u32, &Relation>) -> Result<Vec<String>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let mut oids: Vec<String> = wanted.keys().map(u32::to_string).collect();
    oids.sort();
    let rows = conn
        .rows(&format!(
            "SELECT c.oid, pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE') AS entered, \
             pg_catalog.has_table_privilege(c.oid, 'SELECT') AS selected, \
             c.relkind IN ('r', 'p') AND pg_catalog.row_security_active(c.oid) AS hidden \
             FROM pg_catalog.pg_class c WHERE c.oid = ANY ('{{{}}}'::pg_catalog.oid[])",
            oids.join(",")
        ))
        .await?;
    let mut found = Vec::new();
    for row in rows {
        let entered = row.get::<Option<bool>>("entered")?.unwrap_or(true);
        let selected = row.get::<Option<bool>>("selected")?.unwrap_or(true);
        let hidden = row.get::<Option<bool>>("hidden")?.unwrap_or(false);
        let Some(relation) = wanted.get(&row.get::<u32>("oid")?) else {
            continue;
        };
        let name = shown(&relation.schema, &relation.name);
        if !entered {
            found.push(format!("{name} (its schema)"));
        } else if !selected {
            found.push(name);
        } else if hidden && relation.data {
            found.push(format!("{name} (row security)"));
        }
    }
    Ok(found)
}

/// Large objects the role has no SELECT on.
async fn large_objects(conn: &Conn) -> Result<Vec<String>> {
    let rows = conn
        .rows(
            "SELECT m.oid FROM pg_catalog.pg_largeobject_metadata m \
             WHERE NOT (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user) \
             AND pg_catalog.current_setting('lo_compat_privileges') = 'off' \
             AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode( \
                 COALESCE(m.lomacl, pg_catalog.acldefault('L', m.lomowner))) a \
               WHERE a.privilege_type = 'SELECT' \
               AND (a.grantee = 0 OR pg_catalog.pg_has_role(a.grantee, 'USAGE'))) \
             ORDER BY m.oid",
        )
        .await?;
    rows.iter()
        .map(|row| Ok(format!("large object {}", row.get::<u32>("oid")?)))
        .collect()
}
