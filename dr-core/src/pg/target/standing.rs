//! A database as the server knows it from outside: who owns it, where it lies, what ties others to
//! it. Used before one is renamed; nothing here connects to it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::pg::conn::Conn;
use crate::text::literal;

/// What is known of a database without going into it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing {
    /// Its oid, which stays when it is renamed.
    pub oid: u32,
    /// Its owner.
    pub owner: String,
    /// Its default tablespace.
    pub tablespace: String,
    /// Encoding, locale provider and locale, as one line for people.
    pub locale: String,
    /// Whether it takes connections at all.
    pub allows_connections: bool,
    /// Whether a DROP DATABASE broke off in it, so that nothing can be done with it but to drop it.
    pub is_broken: bool,
    /// Whether the role that asked owns it, directly or as a member.
    pub is_ours: bool,
    /// Whether that role may make databases, and so rename them.
    pub may_create: bool,
    /// The comment on it.
    pub comment: Option<String>,
    /// The role that asked.
    pub asked_by: String,
}

/// What is known of a database; `None` if there is none of that name.
///
/// # Errors
///
/// `Server`.
pub async fn standing(conn: &Conn, name: &str) -> Result<Option<Standing>> {
    let major = conn.version().major();
    let locale = match major {
        ..15 => "''",
        15 | 16 => {
            "CASE d.datlocprovider WHEN 'i' THEN ' icu ' || coalesce(d.daticulocale, '') ELSE '' END"
        }
        17.. => {
            "CASE d.datlocprovider WHEN 'i' THEN ' icu ' || coalesce(d.datlocale, '') \
             WHEN 'b' THEN ' builtin ' || coalesce(d.datlocale, '') ELSE '' END"
        }
    };
    let rows = conn
        .rows(&format!(
            "SELECT d.oid, pg_catalog.pg_get_userbyid(d.datdba)::text AS owner, \
                    t.spcname::text AS tablespace, \
                    pg_catalog.pg_encoding_to_char(d.encoding)::text || ' ' || d.datcollate::text \
                        || CASE WHEN d.datctype <> d.datcollate THEN '/' || d.datctype::text \
                           ELSE '' END || {locale} AS locale, \
                    d.datallowconn, d.datconnlimit = -2 AS broken, \
                    pg_catalog.pg_has_role(d.datdba, 'USAGE') AS is_ours, \
                    me.rolsuper OR me.rolcreatedb AS may_create, \
                    pg_catalog.shobj_description(d.oid, 'pg_database') AS comment, \
                    current_user::text AS asked_by \
             FROM pg_catalog.pg_database d \
             JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace \
             JOIN pg_catalog.pg_roles me ON me.rolname = current_user \
             WHERE d.datname = {}",
            literal(name)
        ))
        .await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    Ok(Some(Standing {
        oid: row.get("oid")?,
        owner: row.text("owner")?,
        tablespace: row.text("tablespace")?,
        locale: row.text("locale")?,
        allows_connections: row.get("datallowconn")?,
        is_broken: row.get("broken")?,
        is_ours: row.get("is_ours")?,
        may_create: row.get("may_create")?,
        comment: row.opt_text("comment")?,
        asked_by: row.text("asked_by")?,
    }))
}

impl Standing {
    /// Refuses a database that this role cannot rename.
    ///
    /// # Errors
    ///
    /// `Conflict` if it is broken; `Unsupported` if the role may not, with what is missing.
    pub fn check_renamable(&self, name: &str) -> Result<()> {
        if self.is_broken {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "a DROP DATABASE broke off in database {name}: nothing can be done with it any \
                     more but to drop it"
                ),
            ));
        }
        let role = &self.asked_by;
        let why = match (self.is_ours, self.may_create) {
            (true, true) => return Ok(()),
            (false, _) => format!(
                "it belongs to {}, and role {role} is not a member of that role",
                self.owner
            ),
            (true, false) => format!(
                "role {role} owns it and may not make databases, without which PostgreSQL renames \
                 none: ALTER ROLE … CREATEDB"
            ),
        };
        Err(Error::new(
            ErrorKind::Unsupported,
            format!("database {name} cannot be renamed: {why}"),
        ))
    }
}

/// Something that is tied to one database and stays with it when it is renamed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Tie {
    /// A prepared transaction: while there is one the server does not rename the database.
    PreparedTransaction {
        /// Its global identifier.
        gid: String,
        /// Who prepared it.
        owner: String,
    },
    /// A slot of logical replication or decoding.
    ReplicationSlot {
        /// Its name.
        name: String,
        /// Whether somebody reads from it now.
        active: bool,
    },
    /// A subscription.
    Subscription {
        /// Its name.
        name: String,
        /// Whether it is enabled.
        enabled: bool,
    },
}

impl fmt::Display for Tie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PreparedTransaction { gid, owner } => {
                write!(f, "prepared transaction {} of {owner}", literal(gid))
            }
            Self::ReplicationSlot { name, active } => {
                let read = if *active { ", which is read from" } else { "" };
                write!(f, "replication slot {name}{read}")
            }
            Self::Subscription { name, enabled } => {
                let on = if *enabled { ", which is enabled" } else { "" };
                write!(f, "subscription {name}{on}")
            }
        }
    }
}

/// What is tied to a database.
///
/// # Errors
///
/// `Server`.
pub async fn ties(conn: &Conn, database: u32) -> Result<Vec<Tie>> {
    let mut found = Vec::new();
    let of = format!("(SELECT datname FROM pg_catalog.pg_database WHERE oid = {database})");
    let rows = conn
        .rows(&format!(
            "SELECT gid::text AS name, owner::text AS owner FROM pg_catalog.pg_prepared_xacts \
             WHERE database = {of} ORDER BY prepared"
        ))
        .await?;
    for row in rows {
        found.push(Tie::PreparedTransaction {
            gid: row.text("name")?,
            owner: row.text("owner")?,
        });
    }
    let rows = conn
        .rows(&format!(
            "SELECT slot_name::text AS name, active FROM pg_catalog.pg_replication_slots \
             WHERE datoid = {database} ORDER BY 1"
        ))
        .await?;
    for row in rows {
        found.push(Tie::ReplicationSlot {
            name: row.text("name")?,
            active: row.get("active")?,
        });
    }
    // Everybody may read these columns; the connection string, which holds a password, only some.
    let rows = conn
        .rows(&format!(
            "SELECT subname::text AS name, subenabled FROM pg_catalog.pg_subscription \
             WHERE subdbid = {database} ORDER BY 1"
        ))
        .await?;
    for row in rows {
        found.push(Tie::Subscription {
            name: row.text("name")?,
            enabled: row.get("subenabled")?,
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn whoever_may_not_rename_a_database_is_told_what_is_missing() {
        let mut standing = Standing {
            oid: 5,
            owner: "app".to_owned(),
            tablespace: "pg_default".to_owned(),
            locale: "UTF8 C".to_owned(),
            allows_connections: true,
            is_broken: false,
            is_ours: true,
            may_create: true,
            comment: None,
            asked_by: "ann".to_owned(),
        };
        standing.check_renamable("shop").unwrap();
        standing.may_create = false;
        let error = standing.check_renamable("shop").unwrap_err().to_string();
        assert!(error.contains("CREATEDB"), "{error}");
        standing.is_ours = false;
        let error = standing.check_renamable("shop").unwrap_err().to_string();
        assert!(error.contains("belongs to app"), "{error}");
        standing.is_broken = true;
        let error = standing.check_renamable("shop").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
    }
}
