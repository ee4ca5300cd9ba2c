//! What is said of a database as a whole goes over to the one that takes its place: owner,
//! privileges, comment, labels, settings, connection limit, whether it takes connections. As the
//! live one has it, not as the backup had: what is allowed today goes on being allowed, and what is
//! forbidden, forbidden.

use crate::error::{Error, ErrorKind, Result};
use crate::pg::Conn;
use crate::pg::catalog::about_database;
use crate::pg::target::standing;
use crate::text::identifier;
use crate::toc::Kind;

/// What of it is carried over.
#[derive(Debug, Clone, Copy)]
pub(in crate::ops) struct Carry {
    pub(in crate::ops) owner: bool,
    pub(in crate::ops) privileges: bool,
}

impl Carry {
    /// Carries it over from one database to another. In a transaction, or it may break off.
    pub(in crate::ops) async fn onto(&self, conn: &Conn, from: &str, to: &str) -> Result<()> {
        let quoted = identifier(to).into_owned();
        let failed = |what: &str, error: Error| {
            Error::new(
                ErrorKind::Unsupported,
                format!(
                    "what database {from} has cannot be given to the one that takes its place \
                     ({what}); connect as a role that may"
                ),
            )
            .caused_by(error)
        };
        let Some(of_live) = standing(conn, from).await? else {
            return Err(gone(from));
        };
        // The owner first: privileges are written against what an owner has by himself.
        let mut statements = Vec::new();
        if self.owner {
            let owner = identifier(&of_live.owner);
            statements.push(format!("ALTER DATABASE {quoted} OWNER TO {owner}"));
        }
        // Those of the dump, which the restore was done under.
        statements.push(format!("ALTER DATABASE {quoted} RESET ALL"));
        for entry in about_database(conn, from).await? {
            if entry.kind == Kind::Acl && !self.privileges || entry.kind == Kind::Database {
                continue;
            }
            for statement in entry.for_database(&conn.form().encode(to)) {
                statements.push(conn.form().decode(&statement)?);
            }
        }
        if !of_live.allows_connections {
            statements.push(format!("ALTER DATABASE {quoted} ALLOW_CONNECTIONS false"));
        }
        for statement in statements {
            conn.run(&statement)
                .await
                .map_err(|error| failed(statement.trim_end_matches(';'), error))?;
        }
        Ok(())
    }

    /// Does it and takes it back, so that what this role may not do is known before hours of work.
    pub(in crate::ops) async fn rehearse(&self, conn: &Conn, from: &str, to: &str) -> Result<()> {
        conn.run("BEGIN").await?;
        let outcome = self.onto(conn, from, to).await;
        conn.run("ROLLBACK").await?;
        outcome
    }
}

pub(super) fn gone(name: &str) -> Error {
    Error::new(
        ErrorKind::Missing,
        format!("there is no database {name} any more"),
    )
}
