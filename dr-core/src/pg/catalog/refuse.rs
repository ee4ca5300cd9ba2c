//! What cannot be dumped is refused by name, all of it at once and before anything is written: a
//! backup that leaves something out in silence is worse than none. Called by `catalog` first.

use crate::error::{Error, ErrorKind, Result};

use super::Reading;

/// What this role may not read, as kind and name. What an extension owns comes with that.
///
/// Only a superuser may read how a subscription connects, and to PostgreSQL 13 nobody else may read
/// as much as its oid.
const UNREAD: &str = "\
    SELECT 'subscription (for superusers only)' AS type, \
    pg_catalog.quote_ident(s.subname) AS identity \
    FROM pg_catalog.pg_subscription s \
    WHERE NOT (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user) \
    AND s.subdbid = (SELECT d.oid FROM pg_catalog.pg_database d \
      WHERE d.datname = pg_catalog.current_database()) \
    ORDER BY 1, 2";

/// Refuses a database that holds what the dump would have to leave out.
///
/// # Errors
///
/// `Unsupported`, with every object that is in the way.
pub(crate) async fn check(reading: &Reading<'_>) -> Result<()> {
    // Part of a database is asked for by name, and what was not asked for is not left out in
    // silence.
    if !reading.scope.is_everything() {
        return Ok(());
    }
    let mut found = Vec::new();
    for row in reading.conn.rows(UNREAD).await? {
        let kind = row.opt_text("type")?.unwrap_or_default();
        let identity = row.opt_text("identity")?.unwrap_or_default();
        found.push(format!("{kind} {identity}"));
    }
    if found.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Unsupported,
        format!(
            "{} of the database cannot be dumped, and nothing was: {}",
            if found.len() == 1 {
                "one object".to_owned()
            } else {
                format!("{} objects", found.len())
            },
            found.join(", ")
        ),
    ))
}
