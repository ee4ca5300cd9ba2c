//! What a server has beside its databases: roles, their memberships and settings, tablespaces,
//! privileges on parameters. Values, kept in the manifest of every backup.
//!
//! Read by `pg`, rendered for the server they go to, made by `ops`. Names and texts are in the form
//! of [`crate::text`].

mod render;

use serde::{Deserialize, Serialize};

pub use render::Statement;

/// The globals of one server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Globals {
    /// The role that initdb made: a superuser, which every server has under some name.
    pub bootstrap: String,
    /// Whether the passwords of roles were readable, which takes a superuser.
    pub with_passwords: bool,
    /// Roles, by name; those of PostgreSQL itself (`pg_…`) left out.
    pub roles: Vec<Role>,
    /// Who is a member of what.
    pub memberships: Vec<Membership>,
    /// Settings of all roles in all databases: `ALTER ROLE ALL SET`.
    pub settings: Vec<Setting>,
    /// Tablespaces beside those of initdb, by name.
    pub tablespaces: Vec<Tablespace>,
    /// Privileges on parameters of the server, by parameter.
    pub parameters: Vec<Parameter>,
}

impl Globals {
    /// Leaves the passwords out, for whoever only wants to look.
    pub fn forget_passwords(&mut self) {
        self.with_passwords = false;
        for role in &mut self.roles {
            role.password = None;
        }
    }
}

/// A role.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Role {
    /// Its name.
    pub name: String,
    /// SUPERUSER.
    pub superuser: bool,
    /// INHERIT.
    pub inherit: bool,
    /// CREATEROLE.
    pub create_role: bool,
    /// CREATEDB.
    pub create_db: bool,
    /// LOGIN.
    pub login: bool,
    /// REPLICATION.
    pub replication: bool,
    /// BYPASSRLS.
    pub bypass_rls: bool,
    /// CONNECTION LIMIT; -1 for none.
    pub connection_limit: i32,
    /// The password as the server keeps it: a SCRAM verifier or an MD5 digest.
    pub password: Option<String>,
    /// VALID UNTIL.
    pub valid_until: Option<String>,
    /// `ALTER ROLE … SET`, for all databases.
    pub settings: Vec<Setting>,
    /// The comment on it.
    pub comment: Option<String>,
    /// Its security labels.
    pub labels: Vec<Label>,
}

impl std::fmt::Debug for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Whoever has a verifier can try passwords against it.
        f.debug_struct("Role")
            .field("name", &self.name)
            .field("password", &self.password.as_ref().map(|_| ".."))
            .finish_non_exhaustive()
    }
}

/// A setting, as the clause that sets it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Setting {
    /// Its name, such as `work_mem`.
    pub name: String,
    /// `work_mem TO '64MB'`.
    pub clause: String,
}

/// One role in another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Membership {
    /// The role that has members.
    pub role: String,
    /// The member.
    pub member: String,
    /// Who granted it; `None` if that role is gone.
    pub grantor: Option<String>,
    /// WITH ADMIN OPTION.
    pub admin: bool,
    /// WITH INHERIT, from PostgreSQL 16 on.
    pub inherit: Option<bool>,
    /// WITH SET, from PostgreSQL 16 on.
    pub set: Option<bool>,
}

/// A tablespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Tablespace {
    /// Its name.
    pub name: String,
    /// Its owner.
    pub owner: String,
    /// Its folder on the server; empty for one inside the data folder
    /// (`allow_in_place_tablespaces`).
    pub location: String,
    /// Options, such as `random_page_cost='1.1'`.
    pub options: String,
    /// GRANT and REVOKE commands on it.
    pub grants: String,
    /// The comment on it.
    pub comment: Option<String>,
    /// Its security labels.
    pub labels: Vec<Label>,
}

/// A parameter of the server that was granted on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Parameter {
    /// Its name, such as `log_min_messages`.
    pub name: String,
    /// GRANT and REVOKE commands on it.
    pub grants: String,
    /// The roles they name.
    pub roles: Vec<String>,
}

/// A security label.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Label {
    /// The provider.
    pub provider: String,
    /// The label.
    pub label: String,
}
