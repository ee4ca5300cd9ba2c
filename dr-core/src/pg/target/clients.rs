//! Who is connected to a database, and how a connection is ended. Used where a database is to be
//! renamed or dropped, which the server does only to one that nobody is in.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::pg::conn::Conn;

/// As many clients are named as fit a message.
const NAMED: usize = 10;

/// One connection to a database, as `pg_stat_activity` shows it. A role that is neither superuser
/// nor a member of `pg_read_all_stats` or of the client's own role sees less of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Client {
    /// Process id of its backend.
    pub pid: i32,
    /// The database it is connected to.
    pub database: String,
    /// The role that logged in; none for a worker of the server's own.
    pub user: Option<String>,
    /// What it calls itself.
    pub application: Option<String>,
    /// Where it comes from; none for a Unix socket, and where it may not be seen.
    pub address: Option<String>,
    /// What it does: `active`, `idle`, `idle in transaction`.
    pub state: Option<String>,
    /// Since when it does that.
    pub since: Option<Timestamp>,
    /// The server's word for what it is: `client backend`, `walsender`.
    pub backend: Option<String>,
    /// Whether the role that asked may end it.
    pub may_be_ended: bool,
}

/// `pid 812 (app, gunicorn, from 10.0.0.7, idle since 2026-11-26 21:40:01Z)`.
impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pid {} (", self.pid)?;
        match &self.user {
            Some(user) => write!(f, "{user}")?,
            None => write!(f, "no role")?,
        }
        if let Some(backend) = self.backend.as_deref()
            && backend != "client backend"
        {
            write!(f, ", {backend}")?;
        }
        if let Some(application) = self.application.as_deref()
            && !application.is_empty()
        {
            write!(f, ", {application}")?;
        }
        if let Some(address) = &self.address {
            write!(f, ", from {address}")?;
        }
        if let Some(state) = &self.state {
            write!(f, ", {state}")?;
            if let Some(since) = self.since {
                write!(f, " since {}", since.strftime("%Y-%m-%d %H:%M:%SZ"))?;
            }
        }
        f.write_str(")")
    }
}

/// Clients for a message: `pid 812 (…), pid 813 (…) and 2 more`.
pub fn named(clients: &[Client]) -> String {
    let mut text: Vec<String> = clients.iter().take(NAMED).map(Client::to_string).collect();
    if clients.len() > NAMED {
        let more = clients.len() - NAMED;
        let last = text.pop().unwrap_or_default();
        text.push(format!("{last} and {more} more"));
    }
    text.join(", ")
}

/// Everybody who is connected to one of these databases and whom the server would not send away by
/// itself. The connection that asks is not among them.
///
/// # Errors
///
/// `Server`.
pub async fn clients(conn: &Conn, databases: &[u32]) -> Result<Vec<Client>> {
    let oids: Vec<String> = databases.iter().map(u32::to_string).collect();
    // An autovacuum worker is ended by whoever renames or drops its database; where it may not be
    // seen what it is, it is known by its having no role. A parallel worker goes with its leader.
    // pg_signal_backend does not reach superusers.
    let sql = format!(
        "SELECT a.pid, a.datname::text AS database, a.usename::text AS user_name, \
                a.application_name AS application, \
                CASE WHEN a.client_addr IS NOT NULL THEN pg_catalog.host(a.client_addr) END AS address, \
                a.state, EXTRACT(epoch FROM a.state_change)::int8 AS since, \
                a.backend_type AS backend, \
                me.rolsuper OR NOT coalesce(r.rolsuper, true) \
                    AND (pg_catalog.pg_has_role(r.oid, 'USAGE') \
                         OR pg_catalog.pg_has_role('pg_signal_backend', 'USAGE')) AS may_be_ended \
         FROM pg_catalog.pg_stat_activity a \
         JOIN pg_catalog.pg_roles me ON me.rolname = current_user \
         LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid \
         WHERE a.datid = ANY (ARRAY[{}]::oid[]) AND a.pid <> pg_catalog.pg_backend_pid() \
           AND NOT coalesce(a.backend_type IN ('autovacuum worker', 'parallel worker'), \
                            a.usesysid IS NULL) \
         ORDER BY a.backend_start, a.pid",
        oids.join(",")
    );
    let mut found = Vec::new();
    for row in conn.rows(&sql).await? {
        found.push(Client {
            pid: row.get("pid")?,
            database: row.text("database")?,
            user: row.opt_text("user_name")?,
            application: row.opt_text("application")?,
            address: row.opt_text("address")?,
            state: row.opt_text("state")?,
            since: row
                .get::<Option<i64>>("since")?
                .and_then(|seconds| Timestamp::from_second(seconds).ok()),
            backend: row.opt_text("backend")?,
            may_be_ended: row.get("may_be_ended")?,
        });
    }
    Ok(found)
}

/// Asks the server to end a client's connection. One that has gone meanwhile is no error.
///
/// # Errors
///
/// `Conflict` if this role may not; `Server`.
pub async fn end(conn: &Conn, client: &Client) -> Result<()> {
    let sql = format!(
        "SELECT pg_catalog.pg_terminate_backend(pid) AS ended FROM pg_catalog.pg_stat_activity \
         WHERE pid = {} AND datid IS NOT NULL",
        client.pid
    );
    match conn.rows(&sql).await {
        // insufficient_privilege
        Err(error) if error.sqlstate() == Some("42501") => Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "{client} may not be ended by this role: connect as a superuser or as a member of \
                 pg_signal_backend, or end it yourself"
            ),
        )
        .caused_by(error)),
        outcome => outcome.map(|_| ()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(pid: i32) -> Client {
        Client {
            pid,
            database: "shop".to_owned(),
            user: Some("app".to_owned()),
            application: Some("gunicorn".to_owned()),
            address: Some("10.0.0.7".to_owned()),
            state: Some("idle".to_owned()),
            since: Timestamp::from_second(1_700_000_000).ok(),
            backend: Some("client backend".to_owned()),
            may_be_ended: true,
        }
    }

    #[test]
    fn a_client_is_named_by_all_that_is_known_of_it() {
        assert_eq!(
            client(812).to_string(),
            "pid 812 (app, gunicorn, from 10.0.0.7, idle since 2023-11-14 22:13:20Z)"
        );
        let worker = Client {
            user: None,
            application: None,
            address: None,
            state: None,
            backend: Some("logical replication apply worker".to_owned()),
            ..client(9)
        };
        assert_eq!(
            worker.to_string(),
            "pid 9 (no role, logical replication apply worker)"
        );
    }

    #[test]
    fn many_clients_are_counted_and_not_all_named() {
        let many: Vec<Client> = (0..13).map(client).collect();
        let text = named(&many);
        assert!(text.ends_with(" and 3 more"), "{text}");
        assert_eq!(text.matches("pid ").count(), 10);
    }
}
