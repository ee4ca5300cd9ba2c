//! Reading the globals of a server: roles, memberships, tablespaces, privileges on parameters.
//!
//! Used when a live dump is taken, over its snapshot. One query a catalog, as pg_dumpall has them.

use std::collections::BTreeMap;

use super::catalog::acl::{self, Acl, Grantable, Target};
use super::catalog::setting;
use super::conn::Conn;
use crate::error::Result;
use crate::globals::{Globals, Label, Membership, Parameter, Role, Setting, Tablespace};
use crate::text::{identifier, literal};

/// Everything there is, as far as the role may read it: passwords take a superuser.
pub(super) async fn read(conn: &Conn) -> Result<Globals> {
    let with_passwords = conn
        .rows("SELECT pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'SELECT') AS can")
        .await?
        .first()
        .map(|row| row.get("can"))
        .transpose()?
        .unwrap_or(false);
    let mut settings = read_settings(conn).await?;
    let mut labels = read_labels(conn).await?;
    let mut globals = Globals {
        with_passwords,
        settings: settings.remove(&0).unwrap_or_default(),
        ..Globals::default()
    };
    // Bytes outside ASCII in a reserved name do not occur.
    let authid = if with_passwords {
        "pg_authid"
    } else {
        "pg_roles"
    };
    let password = if with_passwords {
        "rolpassword"
    } else {
        "NULL::text"
    };
    for row in conn
        .rows(&format!(
            "SELECT r.oid, r.rolname::text AS name, r.rolsuper, r.rolinherit, r.rolcreaterole, \
             r.rolcreatedb, r.rolcanlogin, r.rolreplication, r.rolbypassrls, r.rolconnlimit, \
             {password} AS password, r.rolvaliduntil::text AS valid_until, \
             pg_catalog.shobj_description(r.oid, 'pg_authid') AS comment \
             FROM pg_catalog.{authid} r WHERE r.rolname !~ '^pg_' ORDER BY r.rolname"
        ))
        .await?
    {
        let oid: u32 = row.get("oid")?;
        let name = row.text("name")?;
        // BOOTSTRAP_SUPERUSERID
        if oid == 10 {
            globals.bootstrap.clone_from(&name);
        }
        globals.roles.push(Role {
            superuser: row.get("rolsuper")?,
            inherit: row.get("rolinherit")?,
            create_role: row.get("rolcreaterole")?,
            create_db: row.get("rolcreatedb")?,
            login: row.get("rolcanlogin")?,
            replication: row.get("rolreplication")?,
            bypass_rls: row.get("rolbypassrls")?,
            connection_limit: row.get("rolconnlimit")?,
            password: row.opt_text("password")?,
            valid_until: row.opt_text("valid_until")?,
            settings: settings.remove(&oid).unwrap_or_default(),
            comment: row.opt_text("comment")?,
            labels: labels
                .remove(&("pg_authid".to_owned(), oid))
                .unwrap_or_default(),
            name,
        });
    }
    globals.memberships = read_memberships(conn).await?;
    globals.tablespaces = read_tablespaces(conn, &mut labels).await?;
    globals.parameters = read_parameters(conn).await?;
    Ok(globals)
}

/// Settings by role, for all databases; 0 is every role.
async fn read_settings(conn: &Conn) -> Result<BTreeMap<u32, Vec<Setting>>> {
    let mut settings: BTreeMap<u32, Vec<Setting>> = BTreeMap::new();
    for row in conn
        .rows(
            "SELECT setrole AS role, setconfig FROM pg_catalog.pg_db_role_setting \
             WHERE setdatabase = 0 ORDER BY setrole",
        )
        .await?
    {
        let role: u32 = row.get("role")?;
        for item in row.texts("setconfig")? {
            let Some((name, value)) = item.split_once('=') else {
                continue;
            };
            let mut clause = format!("{} TO ", identifier(name));
            setting::push_value(&mut clause, name, value, |sql, text| {
                sql.push_str(&literal(text));
            });
            settings.entry(role).or_default().push(Setting {
                name: name.to_owned(),
                clause,
            });
        }
    }
    Ok(settings)
}

type Labels = BTreeMap<(String, u32), Vec<Label>>;

async fn read_labels(conn: &Conn) -> Result<Labels> {
    let mut labels = Labels::new();
    for row in conn
        .rows(
            "SELECT c.relname::text AS catalog, l.objoid AS oid, l.provider, l.label \
             FROM pg_catalog.pg_shseclabel l \
             JOIN pg_catalog.pg_class c ON c.oid = l.classoid ORDER BY l.objoid, l.provider",
        )
        .await?
    {
        labels
            .entry((row.text("catalog")?, row.get("oid")?))
            .or_default()
            .push(Label {
                provider: row.text("provider")?,
                label: row.text("label")?,
            });
    }
    Ok(labels)
}

async fn read_memberships(conn: &Conn) -> Result<Vec<Membership>> {
    let has_options = conn.version().major() >= 16;
    let options = if has_options {
        "a.inherit_option AS inherit, a.set_option AS set"
    } else {
        "NULL::boolean AS inherit, NULL::boolean AS set"
    };
    let rows = conn
        .rows(&format!(
            "SELECT r.rolname::text AS role, m.rolname::text AS member, \
             g.rolname::text AS grantor, a.admin_option AS admin, {options} \
             FROM pg_catalog.pg_auth_members a \
             JOIN pg_catalog.pg_roles r ON r.oid = a.roleid \
             JOIN pg_catalog.pg_roles m ON m.oid = a.member \
             LEFT JOIN pg_catalog.pg_roles g ON g.oid = a.grantor \
             WHERE NOT (r.rolname ~ '^pg_' AND m.rolname ~ '^pg_') ORDER BY 1, 2, 3"
        ))
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Membership {
                role: row.text("role")?,
                member: row.text("member")?,
                grantor: row.opt_text("grantor")?,
                admin: row.get("admin")?,
                inherit: row.get("inherit")?,
                set: row.get("set")?,
            })
        })
        .collect()
}

async fn read_tablespaces(conn: &Conn, labels: &mut Labels) -> Result<Vec<Tablespace>> {
    let rows = conn
        .rows(
            "SELECT t.oid, t.spcname::text AS name, \
             pg_catalog.pg_get_userbyid(t.spcowner)::text AS owner, \
             pg_catalog.pg_tablespace_location(t.oid) AS location, \
             coalesce(pg_catalog.array_to_string(ARRAY( \
                SELECT pg_catalog.quote_ident(option_name) || '=' \
                    || pg_catalog.quote_literal(option_value) \
                FROM pg_catalog.pg_options_to_table(t.spcoptions)), ', '), '') AS options, \
             t.spcacl::text AS acl, pg_catalog.acldefault('t', t.spcowner)::text AS acldefault, \
             pg_catalog.shobj_description(t.oid, 'pg_tablespace') AS comment \
             FROM pg_catalog.pg_tablespace t WHERE t.spcname !~ '^pg_' ORDER BY 2",
        )
        .await?;
    let mut tablespaces = Vec::new();
    for row in rows {
        let name = row.text("name")?;
        let owner = row.text("owner")?;
        let location = row.text("location")?;
        let acl = Acl {
            current: row.opt_text("acl")?,
            default: row.text("acldefault")?,
            initial: None,
        };
        let oid: u32 = row.get("oid")?;
        tablespaces.push(Tablespace {
            grants: acl.commands(&Target {
                kind: Grantable::Tablespace,
                namespace: "",
                name: &identifier(&name),
                column: None,
                owner: &owner,
            })?,
            options: row.text("options")?,
            comment: row.opt_text("comment")?,
            labels: labels
                .remove(&("pg_tablespace".to_owned(), oid))
                .unwrap_or_default(),
            // One inside the data folder has a relative path, and is made with none.
            location: match location.starts_with("pg_tblspc/") {
                true => String::new(),
                false => location,
            },
            name,
            owner,
        });
    }
    Ok(tablespaces)
}

async fn read_parameters(conn: &Conn) -> Result<Vec<Parameter>> {
    if conn.version().major() < 15 {
        return Ok(Vec::new());
    }
    let rows = conn
        .rows(
            "SELECT p.parname AS name, p.paracl::text AS acl, \
             pg_catalog.acldefault('p', 10)::text AS acldefault, \
             pg_catalog.pg_get_userbyid(10)::text AS owner \
             FROM pg_catalog.pg_parameter_acl p ORDER BY 1",
        )
        .await?;
    let mut parameters = Vec::new();
    for row in rows {
        let name = row.text("name")?;
        let current = row.opt_text("acl")?;
        let mut roles = acl::roles(current.as_deref().unwrap_or("{}"))?;
        roles.sort();
        roles.dedup();
        let acl = Acl {
            current,
            default: row.text("acldefault")?,
            initial: None,
        };
        let grants = acl.commands(&Target {
            kind: Grantable::Parameter,
            namespace: "",
            name: &identifier(&name),
            column: None,
            owner: &row.text("owner")?,
        })?;
        if !grants.is_empty() {
            parameters.push(Parameter {
                name,
                grants,
                roles,
            });
        }
    }
    Ok(parameters)
}
