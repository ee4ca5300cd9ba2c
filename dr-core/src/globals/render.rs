//! Globals as the statements that make them, for a server of some version; laid out as
//! `pg_dumpall --globals-only` does it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{Globals, Label, Membership, Role, Tablespace};
use crate::text::{identifier, literal};

/// `server_version_num` from which a membership has INHERIT and SET options, and a grantor that
/// counts.
const MEMBERSHIP_OPTIONS: u32 = 160_000;

/// `server_version_num` from which privileges on parameters exist.
const PARAMETER_GRANTS: u32 = 150_000;

/// SQL that makes one of the globals, and what it is.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statement {
    /// What it is about, such as `ROLE app`.
    pub about: String,
    /// One or several statements.
    pub sql: String,
}

impl std::fmt::Debug for Statement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The text may hold a password.
        write!(f, "Statement({})", self.about)
    }
}

impl Statement {
    fn new(about: String, sql: String) -> Self {
        Self { about, sql }
    }
}

impl Globals {
    /// Statements that make the roles which are not in `existing`, with their settings and
    /// memberships. They may run in one transaction.
    pub fn role_statements(&self, existing: &BTreeSet<String>, target: u32) -> Vec<Statement> {
        let is_new = |name: &str| !existing.contains(name);
        let new: Vec<&Role> = self
            .roles
            .iter()
            .filter(|role| is_new(&role.name))
            .collect();
        let mut statements: Vec<Statement> = new
            .iter()
            .map(|role| Statement::new(format!("ROLE {}", role.name), role.sql()))
            .collect();
        let memberships = self.memberships.iter().filter(|membership| {
            is_new(&membership.role) && !membership.role.starts_with("pg_")
                || is_new(&membership.member) && !membership.member.starts_with("pg_")
        });
        statements.extend(self.in_order(memberships).into_iter().map(|membership| {
            Statement::new(
                format!("ROLE {} IN {}", membership.member, membership.role),
                self.grant(membership, target),
            )
        }));
        statements
    }

    /// Statements that make a tablespace, one each for those which are not in `existing`. CREATE
    /// TABLESPACE cannot run in a transaction.
    pub fn tablespace_statements(&self, existing: &BTreeSet<String>) -> Vec<Vec<Statement>> {
        self.tablespaces
            .iter()
            .filter(|tablespace| !existing.contains(&tablespace.name))
            .map(|tablespace| {
                let about = format!("TABLESPACE {}", tablespace.name);
                tablespace
                    .sql()
                    .into_iter()
                    .map(|sql| Statement::new(about.clone(), sql))
                    .collect()
            })
            .collect()
    }

    /// Statements for the privileges on parameters that only roles have which are not in `existing`.
    pub fn parameter_statements(&self, existing: &BTreeSet<String>, target: u32) -> Vec<Statement> {
        let is_new = |role: &String| *role == self.bootstrap || !existing.contains(role);
        self.parameters
            .iter()
            .filter(|parameter| target >= PARAMETER_GRANTS && parameter.roles.iter().all(is_new))
            .map(|parameter| {
                Statement::new(
                    format!("PARAMETER {}", parameter.name),
                    parameter.grants.clone(),
                )
            })
            .collect()
    }

    /// Statements that set what all roles have. They change what there is.
    pub fn setting_statements(&self) -> Vec<Statement> {
        self.settings
            .iter()
            .map(|setting| {
                Statement::new(
                    format!("SETTING {} of all roles", setting.name),
                    format!("ALTER ROLE ALL SET {};\n", setting.clause),
                )
            })
            .collect()
    }

    /// Everything, as a script that psql runs on an empty server of the version it came from: for
    /// whoever must do without dr. The bootstrap role is altered, not created.
    pub fn script(&self, version: u32) -> String {
        let mut script = "--\n-- Roles and tablespaces of the server, as pg_dumpall \
                          --globals-only gives them\n--\n\nSET standard_conforming_strings = on;\n\n"
            .to_owned();
        let nothing = BTreeSet::new();
        let create_bootstrap = format!("CREATE ROLE {};\n", identifier(&self.bootstrap));
        let roles = self.role_statements(&nothing, version);
        let tablespaces = self.tablespace_statements(&nothing).into_iter().flatten();
        for statement in roles
            .into_iter()
            .chain(self.parameter_statements(&nothing, version))
            .chain(self.setting_statements())
            .chain(tablespaces)
        {
            script.push_str(match statement.sql.strip_prefix(&create_bootstrap) {
                Some(rest) => rest,
                None => &statement.sql,
            });
        }
        script
    }

    /// Memberships so that who grants has the admin option by then.
    fn in_order<'a>(&self, wanted: impl Iterator<Item = &'a Membership>) -> Vec<&'a Membership> {
        let mut waiting: Vec<&Membership> = wanted.collect();
        let mut ordered: Vec<&Membership> = Vec::with_capacity(waiting.len());
        while !waiting.is_empty() {
            let (ready, rest): (Vec<_>, Vec<_>) = waiting.iter().partition(|membership| {
                self.granted_by(membership).is_none_or(|grantor| {
                    !waiting.iter().any(|other| {
                        other.admin && other.role == membership.role && other.member == grantor
                    })
                })
            });
            if ready.is_empty() {
                // A circle: the server says what it thinks of it.
                ordered.extend(rest);
                break;
            }
            ordered.extend(ready);
            waiting = rest;
        }
        ordered
    }

    /// The grantor, where it has to be said: the bootstrap role may bear another name there, and
    /// grants what a superuser grants without saying who.
    fn granted_by<'a>(&self, membership: &'a Membership) -> Option<&'a str> {
        membership
            .grantor
            .as_deref()
            .filter(|grantor| *grantor != self.bootstrap)
    }

    fn grant(&self, membership: &Membership, target: u32) -> String {
        let mut sql = format!(
            "GRANT {} TO {}",
            identifier(&membership.role),
            identifier(&membership.member)
        );
        let mut options = Vec::new();
        if membership.admin {
            options.push("ADMIN OPTION");
        }
        if target >= MEMBERSHIP_OPTIONS {
            options.extend(membership.inherit.map(|inherit| match inherit {
                true => "INHERIT TRUE",
                false => "INHERIT FALSE",
            }));
            if membership.set == Some(false) {
                options.push("SET FALSE");
            }
        }
        if !options.is_empty() {
            let _ = write!(sql, " WITH {}", options.join(", "));
        }
        if let Some(grantor) = self.granted_by(membership) {
            let _ = write!(sql, " GRANTED BY {}", identifier(grantor));
        }
        sql.push_str(";\n");
        sql
    }
}

impl Role {
    fn sql(&self) -> String {
        let name = identifier(&self.name);
        let mut sql = format!("CREATE ROLE {name};\nALTER ROLE {name} WITH");
        for (is, yes, no) in [
            (self.superuser, " SUPERUSER", " NOSUPERUSER"),
            (self.inherit, " INHERIT", " NOINHERIT"),
            (self.create_role, " CREATEROLE", " NOCREATEROLE"),
            (self.create_db, " CREATEDB", " NOCREATEDB"),
            (self.login, " LOGIN", " NOLOGIN"),
            (self.replication, " REPLICATION", " NOREPLICATION"),
            (self.bypass_rls, " BYPASSRLS", " NOBYPASSRLS"),
        ] {
            sql.push_str(if is { yes } else { no });
        }
        if self.connection_limit != -1 {
            let _ = write!(sql, " CONNECTION LIMIT {}", self.connection_limit);
        }
        if let Some(password) = &self.password {
            let _ = write!(sql, " PASSWORD {}", literal(password));
        }
        if let Some(until) = &self.valid_until {
            let _ = write!(sql, " VALID UNTIL {}", literal(until));
        }
        sql.push_str(";\n");
        for setting in &self.settings {
            let _ = writeln!(sql, "ALTER ROLE {name} SET {};", setting.clause);
        }
        push_comment(&mut sql, "ROLE", &name, self.comment.as_deref());
        push_labels(&mut sql, "ROLE", &name, &self.labels);
        sql
    }
}

impl Tablespace {
    /// The CREATE, and what is done to it then.
    fn sql(&self) -> Vec<String> {
        let name = identifier(&self.name);
        let create = format!(
            "CREATE TABLESPACE {name} OWNER {} LOCATION {};\n",
            identifier(&self.owner),
            literal(&self.location)
        );
        let mut rest = String::new();
        if !self.options.is_empty() {
            let _ = writeln!(rest, "ALTER TABLESPACE {name} SET ({});", self.options);
        }
        rest.push_str(&self.grants);
        push_comment(&mut rest, "TABLESPACE", &name, self.comment.as_deref());
        push_labels(&mut rest, "TABLESPACE", &name, &self.labels);
        match rest.is_empty() {
            true => vec![create],
            false => vec![create, rest],
        }
    }
}

fn push_comment(sql: &mut String, kind: &str, name: &str, comment: Option<&str>) {
    if let Some(comment) = comment {
        let _ = writeln!(sql, "COMMENT ON {kind} {name} IS {};", literal(comment));
    }
}

fn push_labels(sql: &mut String, kind: &str, name: &str, labels: &[Label]) {
    for label in labels {
        let _ = writeln!(
            sql,
            "SECURITY LABEL FOR {} ON {kind} {name} IS {};",
            identifier(&label.provider),
            literal(&label.label)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(name: &str) -> Role {
        Role {
            name: name.into(),
            inherit: true,
            connection_limit: -1,
            ..Role::default()
        }
    }

    fn membership(role: &str, member: &str, grantor: &str, admin: bool) -> Membership {
        Membership {
            role: role.into(),
            member: member.into(),
            grantor: Some(grantor.into()),
            admin,
            inherit: Some(true),
            set: Some(false),
        }
    }

    fn globals() -> Globals {
        Globals {
            bootstrap: "postgres".into(),
            roles: vec![role("a"), role("b"), role("c"), role("postgres")],
            memberships: vec![
                membership("a", "c", "b", false),
                membership("a", "b", "postgres", true),
            ],
            ..Globals::default()
        }
    }

    #[test]
    fn who_grants_was_granted_before() {
        let existing = BTreeSet::from(["postgres".to_owned()]);
        let statements = globals().role_statements(&existing, 180_000);
        let said: Vec<&str> = statements
            .iter()
            .map(|statement| statement.sql.trim_end())
            .collect();
        assert_eq!(
            said[3..],
            [
                "GRANT a TO b WITH ADMIN OPTION, INHERIT TRUE, SET FALSE;",
                "GRANT a TO c WITH INHERIT TRUE, SET FALSE GRANTED BY b;"
            ]
        );
        let old = globals().role_statements(&existing, 150_000);
        assert_eq!(old[3].sql, "GRANT a TO b WITH ADMIN OPTION;\n");
        assert_eq!(old[4].sql, "GRANT a TO c GRANTED BY b;\n");
    }

    #[test]
    fn roles_that_exist_are_left_alone_with_what_is_between_them() {
        let existing = ["a", "b", "postgres"].map(String::from).into();
        let statements = globals().role_statements(&existing, 150_000);
        let about: Vec<&str> = statements.iter().map(|s| &*s.about).collect();
        assert_eq!(about, ["ROLE c", "ROLE c IN a"]);
    }

    #[test]
    fn no_password_shows_in_what_is_printed_for_debugging() {
        let mut one = role("x");
        one.password = Some("SCRAM-SHA-256$secret".into());
        let globals = Globals {
            roles: vec![one],
            ..Globals::default()
        };
        let statements = globals.role_statements(&BTreeSet::new(), 150_000);
        let shown = format!("{globals:?}{statements:?}");
        assert!(!shown.contains("secret"), "{shown}");
        assert!(
            statements[0]
                .sql
                .contains("PASSWORD 'SCRAM-SHA-256$secret'")
        );
    }
}
