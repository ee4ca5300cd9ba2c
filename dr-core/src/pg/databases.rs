//! The databases of a server. Used by the verbs that take all of them.

use super::conninfo::ConnInfo;
use super::target;
use crate::error::Result;

/// The databases of a server, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Databases {
    /// Those that can be connected to; what initdb made (`template1`, `postgres`) first.
    pub open: Vec<String>,
    /// Those that take no connections, and that a DROP DATABASE broke off in; `template0`, which
    /// holds nothing that initdb did not make, is left out.
    pub closed: Vec<String>,
}

/// Asks the server of `info` for its databases, as pg_dumpall does: over a connection to `postgres`
/// or `template1`, whatever database `info` names.
///
/// # Errors
///
/// Those of the connection; `Server`.
pub async fn databases(info: &ConnInfo) -> Result<Databases> {
    let conn = target::maintenance(info).await?;
    let rows = conn
        .rows(
            // -2: DATCONNLIMIT_INVALID_DB
            "SELECT datname::text AS name, datallowconn AND datconnlimit <> -2 AS open \
             FROM pg_catalog.pg_database WHERE datname <> 'template0' OR datallowconn \
             ORDER BY datname <> 'template1', datname <> 'postgres', datname",
        )
        .await?;
    let mut found = Databases::default();
    for row in rows {
        match row.get("open")? {
            true => found.open.push(row.text("name")?),
            false => found.closed.push(row.text("name")?),
        }
    }
    Ok(found)
}
