//! The verb `restore_globals`: roles and tablespaces that a server does not have yet.
//!
//! Called before the restore of a database whose statements name them. What the server has already
//! is left as it is, and listed.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};
use crate::files::Evidence;
use crate::globals::{Globals, Statement};
use crate::pg::target;
use crate::pg::{Conn, ConnInfo};

/// How globals are restored.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct GlobalsOptions {
    tablespaces: bool,
}

impl Default for GlobalsOptions {
    fn default() -> Self {
        Self { tablespaces: true }
    }
}

impl GlobalsOptions {
    /// Everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Roles only: the target's disks are laid out in another way.
    #[must_use]
    pub fn no_tablespaces(mut self) -> Self {
        self.tablespaces = false;
        self
    }
}

/// What became of the globals.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RestoredGlobals {
    /// Roles made.
    pub roles: Vec<String>,
    /// Roles that were there, left as they are.
    pub existing_roles: Vec<String>,
    /// Memberships granted.
    pub memberships: u64,
    /// Tablespaces made.
    pub tablespaces: Vec<String>,
    /// Tablespaces that were there, left as they are.
    pub existing_tablespaces: Vec<String>,
    /// What a person should know.
    pub notices: Vec<String>,
}

/// Makes the roles, memberships and tablespaces that the server of `target` does not have. Roles
/// and memberships are made in one transaction; each tablespace by itself, after them.
///
/// Settings of all roles would change a server that is in use: they are named, not restored. So are
/// privileges on parameters that a role has which was there.
///
/// # Examples
///
/// ```no_run
/// # use dr_core::ops::{GlobalsOptions, restore_globals};
/// # use dr_core::pg::{ConnInfo, Environment};
/// # async fn roles_of(dump: &dyn dr_core::Dump) -> dr_core::Result<()> {
/// let server = ConnInfo::resolve(Some("host=new-server dbname=postgres"), &Environment::of_process())?;
/// let made = restore_globals(&dump.evidence(), &server, &GlobalsOptions::new()).await?;
/// println!("{} roles made, {} were there", made.roles.len(), made.existing_roles.len());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// `Missing` if the dump has no globals; `Unsupported` if the server is a standby or read-only; `Server` with the role or tablespace and the SQLSTATE, at the first that cannot be made: then
/// no role was made. Those of the connection.
pub async fn restore_globals(
    evidence: &Evidence,
    target: &ConnInfo,
    options: &GlobalsOptions,
) -> Result<RestoredGlobals> {
    let globals = evidence.globals.as_ref().ok_or_else(|| {
        Error::new(
            ErrorKind::Missing,
            "the dump holds no roles and tablespaces: neither dr nor pg_dumpall made it",
        )
    })?;
    let conn = target::maintenance_in(target, &evidence.source.encoding).await?;
    target::check_writable(&conn, target).await?;
    let version = conn.version().0;
    let there = names(&conn, "pg_roles", "rolname").await?;
    let mut done = RestoredGlobals::default();
    for role in &globals.roles {
        match there.contains(&role.name) {
            true => done.existing_roles.push(role.name.clone()),
            false => done.roles.push(role.name.clone()),
        }
    }
    let mut statements = globals.role_statements(&there, version);
    done.memberships = (statements.len() - done.roles.len()) as u64;
    let parameters = globals.parameter_statements(&there, version);
    let left = left(globals, &parameters);
    statements.extend(parameters);
    if !statements.is_empty() {
        conn.run("BEGIN").await?;
        for statement in &statements {
            run(&conn, statement).await?;
        }
        conn.run("COMMIT").await?;
    }
    if !globals.with_passwords && !done.roles.is_empty() {
        done.notices.push(
            "the backup holds no passwords, as its role could not read them: set those of the \
             roles that were made"
                .to_owned(),
        );
    }
    if !left.is_empty() {
        done.notices.push(format!(
            "not restored, as it would change what a server in use has: {}; the statements are in \
             the backup's globals.sql, or in the script of pg_dumpall",
            left.join(", ")
        ));
    }
    if options.tablespaces {
        make_tablespaces(&conn, globals, &mut done).await?;
    }
    Ok(done)
}

/// What is named and not restored.
fn left(globals: &Globals, parameters: &[Statement]) -> Vec<String> {
    let settings = globals.setting_statements().into_iter();
    let parameters = globals
        .parameters
        .iter()
        .map(|parameter| format!("PARAMETER {}", parameter.name))
        .filter(|about| parameters.iter().all(|statement| statement.about != *about));
    settings
        .map(|statement| statement.about)
        .chain(parameters)
        .collect()
}

async fn make_tablespaces(
    conn: &Conn,
    globals: &Globals,
    done: &mut RestoredGlobals,
) -> Result<()> {
    let there = names(conn, "pg_tablespace", "spcname").await?;
    for tablespace in &globals.tablespaces {
        match there.contains(&tablespace.name) {
            true => done.existing_tablespaces.push(tablespace.name.clone()),
            false => done.tablespaces.push(tablespace.name.clone()),
        }
    }
    for statements in globals.tablespace_statements(&there) {
        for statement in &statements {
            run(conn, statement).await.map_err(|error| {
                error.and_then(
                    "make its folder on the server, owned by the server's user and empty, or \
                     restore with --no-tablespaces",
                )
            })?;
        }
    }
    Ok(())
}

/// Runs a statement; an error never repeats it, for it may hold a password.
async fn run(conn: &Conn, statement: &Statement) -> Result<()> {
    conn.run(&statement.sql)
        .await
        .map_err(|error| error.in_entry(&statement.about))
}

async fn names(conn: &Conn, catalog: &str, column: &str) -> Result<BTreeSet<String>> {
    let rows = conn
        .rows(&format!(
            "SELECT {column}::text AS name FROM pg_catalog.{catalog}"
        ))
        .await?;
    rows.iter().map(|row| row.text("name")).collect()
}
