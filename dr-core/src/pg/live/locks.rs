//! ACCESS SHARE locks on every table that is dumped, taken in batches before anything is read, so
//! that nobody drops or rewrites one under the dump. Used by `live` alone.

use std::time::Duration;

use crate::error::{Error, Result};
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
/// look and the lock; a second try sees what there is then.
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
    Ok(())
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
