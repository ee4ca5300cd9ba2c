//! ACCESS SHARE locks on every table that is dumped, taken in batches before anything is read, so
//! that nobody drops or rewrites one under the dump. Used by `live` alone.

use std::time::Duration;

use super::listed;
use crate::error::{Error, ErrorKind, Result};
use crate::pg::Conn;
use crate::pg::catalog::Relation;
use crate::text::qualified;

/// Bytes of one LOCK statement: hundreds of tables a round trip, and a message the server parses
/// without effort.
const STATEMENT: usize = 100_000;

/// Locks the relations that need it, in the order of their oids.
///
/// # Errors
///
/// `Server`: with 55P03 if `patience` is over, with 42P01 if a table was dropped between the first
/// look and the lock; `Conflict` if one was replaced, truncated or rewritten meanwhile. A second try
/// sees what there is then.
pub(super) async fn take(
    conn: &Conn,
    relations: &[Relation],
    patience: Option<Duration>,
) -> Result<()> {
    if let Some(patience) = patience {
        let milliseconds = patience.as_millis().clamp(1, i32::MAX as u128);
        conn.run(&format!("SET LOCAL lock_timeout = {milliseconds}"))
            .await?;
    }
    let mut names = String::new();
    for relation in relations.iter().filter(|relation| relation.needs_lock()) {
        if !names.is_empty() {
            names.push_str(", ");
        }
        // Not the children with it: each of them is in the list itself, or is none of ours.
        names.push_str("ONLY ");
        names.push_str(&qualified(&relation.schema, &relation.name));
        if names.len() > STATEMENT {
            lock(conn, &names).await?;
            names.clear();
        }
    }
    if !names.is_empty() {
        lock(conn, &names).await?;
    }
    if patience.is_some() {
        conn.run("SET LOCAL lock_timeout = 0").await?;
    }
    unchanged(conn, relations).await
}

/// Refuses what was truncated, rewritten or replaced by another of its name after the snapshot and
/// before the lock. To the snapshot it would look empty: TRUNCATE and the forms of ALTER TABLE that
/// rewrite do not keep old rows for those who began earlier.
async fn unchanged(conn: &Conn, relations: &[Relation]) -> Result<()> {
    let locked: Vec<String> = relations
        .iter()
        .filter(|relation| relation.needs_lock())
        .map(|relation| relation.oid.to_string())
        .collect();
    // The row is that of the snapshot; the functions answer for what is there now.
    let changed = conn
        .rows(&format!(
            "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE c.oid = ANY ('{{{}}}'::pg_catalog.oid[])
               AND (pg_catalog.pg_relation_filenode(c.oid) IS DISTINCT FROM nullif(c.relfilenode, 0)
                    OR pg_catalog.to_regclass(pg_catalog.format('%I.%I', n.nspname, c.relname))
                       IS DISTINCT FROM c.oid::pg_catalog.regclass)
             ORDER BY 1",
            locked.join(",")
        ))
        .await?;
    if changed.is_empty() {
        return Ok(());
    }
    let names = changed
        .iter()
        .map(|row| row.text("name"))
        .collect::<Result<Vec<_>>>()?;
    Err(Error::new(
        ErrorKind::Conflict,
        format!(
            "truncated, rewritten or replaced between the snapshot and the lock, so that the \
             snapshot no longer shows the rows: {}; try again",
            listed(&names)
        ),
    ))
}

async fn lock(conn: &Conn, names: &str) -> Result<()> {
    conn.run(&format!("LOCK TABLE {names} IN ACCESS SHARE MODE"))
        .await
        .map_err(|error| {
            let message = match error.sqlstate() {
                Some("55P03") => {
                    "a table could not be locked in time, because somebody alters, truncates or \
                     vacuums it in full; try again later, or with a longer lock timeout"
                }
                Some("42P01") => "a table was dropped while it was being locked; try again",
                _ => "the tables could not be locked",
            };
            let sqlstate = error.sqlstate().unwrap_or_default().to_owned();
            Error::new(error.kind(), message)
                .with_sqlstate(sqlstate)
                .caused_by(error)
        })
}
