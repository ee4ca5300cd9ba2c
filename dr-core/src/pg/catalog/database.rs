//! The database itself: how it was created, its properties, its comment and privileges. Used by
//! `catalog`; these entries come before all others and are applied only by a restore that makes
//! the database.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::error::{Error, ErrorKind, Result};
use crate::pg::Conn;
use crate::text::{identifier, literal, push_connection_literal};
use crate::toc::{CatalogId, Entry, Kind};

use super::acl::{Acl, Grantable, Target};
use super::comment::{self, Comments, Subject};
use super::label::Labels;
use super::object::Objects;
use super::owner;
use super::relation::Tables;
use super::render::{Draft, Out, World};
use super::setting;

/// What the entries are made of.
#[derive(Debug)]
pub(crate) struct Database {
    catalog_id: CatalogId,
    name: String,
    owner: String,
    acl: Acl,
    comment: Option<String>,
    create: String,
    properties: String,
    drop_properties: String,
    /// Roles with settings of their own in this database.
    roles: Vec<String>,
}

/// The entries about one database as a whole, whichever `conn` is in: how it was made and who owns
/// it (DATABASE), its comment, labels, privileges and properties.
///
/// # Errors
///
/// `Missing` if there is none of that name; `Server`.
pub async fn about_database(conn: &Conn, name: &str) -> Result<Vec<Entry>> {
    let database = read(conn, Some(name)).await?;
    let objects = Objects::new(false);
    let world = World {
        objects: &objects,
        version: conn.version(),
        tables: &Tables::default(),
        indexes: &BTreeMap::new(),
        comments: &Comments::default(),
        labels: &Labels::of_database(conn, database.catalog_id.oid).await?,
    };
    let mut out = Out::new(conn.form(), &objects);
    database.render(&world, &mut out)?;
    Ok(out.finish(&objects))
}

/// Reads a database, or the one that `conn` is in.
pub(crate) async fn read(conn: &Conn, name: Option<&str>) -> Result<Database> {
    let wanted = match name {
        Some(name) => literal(name),
        None => "pg_catalog.current_database()".to_owned(),
    };
    let version = conn.version().major();
    let locale = match version {
        ..15 => "'c'::\"char\" AS datlocprovider, NULL::pg_catalog.text AS locale",
        15 | 16 => "d.datlocprovider, d.daticulocale::pg_catalog.text AS locale",
        17.. => "d.datlocprovider, d.datlocale::pg_catalog.text AS locale",
    };
    let rules = if version >= 16 {
        "d.daticurules::pg_catalog.text"
    } else {
        "NULL::pg_catalog.text"
    };
    let rows = conn
        .rows(&format!(
            "SELECT d.tableoid, d.oid, d.datname, r.rolname AS owner, \
             pg_catalog.pg_encoding_to_char(d.encoding) AS encoding, \
             d.datcollate::pg_catalog.text, d.datctype::pg_catalog.text, \
             {locale}, {rules} AS rules, d.datistemplate, d.datconnlimit, \
             (SELECT t.spcname FROM pg_catalog.pg_tablespace t \
              WHERE t.oid = d.dattablespace) AS tablespace, \
             d.datacl::pg_catalog.text AS acl, \
             pg_catalog.acldefault('d', d.datdba)::pg_catalog.text AS acldefault, \
             NULL::pg_catalog.text AS initprivs, \
             pg_catalog.shobj_description(d.oid, 'pg_database') AS description \
             FROM pg_catalog.pg_database d \
             LEFT JOIN pg_catalog.pg_roles r ON r.oid = d.datdba \
             WHERE d.datname = {wanted}"
        ))
        .await?;
    let row = rows.first().ok_or_else(|| {
        Error::new(
            ErrorKind::Missing,
            "the database is not in pg_database any more",
        )
    })?;
    let catalog_id = CatalogId {
        table: row.get("tableoid")?,
        oid: row.get("oid")?,
    };
    let name = row.text("datname")?;
    let quoted = identifier(&name);

    let mut create = format!("CREATE DATABASE {quoted} WITH TEMPLATE = template0");
    let mut option = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = write!(create, " {name} = {}", literal(value));
        }
    };
    option("ENCODING", &row.text("encoding")?);
    let provider = row.char("datlocprovider")?;
    let provider_name = match provider {
        b'b' => "builtin",
        b'c' => "libc",
        b'i' => "icu",
        other => {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "database {name} has the unknown locale provider {:?}",
                    char::from(other)
                ),
            ));
        }
    };
    let _ = write!(create, " LOCALE_PROVIDER = {provider_name}");
    let mut option = |name: &str, value: &str| {
        let _ = write!(create, " {name} = {}", literal(value));
    };
    let collate = row.text("datcollate")?;
    let ctype = row.text("datctype")?;
    if !collate.is_empty() && collate == ctype {
        option("LOCALE", &collate);
    } else {
        for (name, value) in [("LC_COLLATE", &collate), ("LC_CTYPE", &ctype)] {
            if !value.is_empty() {
                option(name, value);
            }
        }
    }
    if let Some(locale) = row.opt_text("locale")? {
        let name = if provider == b'b' {
            "BUILTIN_LOCALE"
        } else {
            "ICU_LOCALE"
        };
        option(name, &locale);
    }
    if let Some(rules) = row.opt_text("rules")? {
        option("ICU_RULES", &rules);
    }
    match row.opt_text("tablespace")?.as_deref() {
        None | Some("" | "pg_default") => {}
        Some(tablespace) => {
            let _ = write!(create, " TABLESPACE = {}", identifier(tablespace));
        }
    }
    create.push_str(";\n");

    let mut properties = String::new();
    let mut drop_properties = String::new();
    let limit: i32 = row.get("datconnlimit")?;
    if limit != -1 {
        let _ = writeln!(
            properties,
            "ALTER DATABASE {quoted} CONNECTION LIMIT = {limit};"
        );
    }
    if row.get("datistemplate")? {
        let _ = writeln!(properties, "ALTER DATABASE {quoted} IS_TEMPLATE = true;");
        // The server drops no template, and there is no ALTER DATABASE IF EXISTS.
        let _ = writeln!(
            drop_properties,
            "UPDATE pg_catalog.pg_database SET datistemplate = false WHERE datname = {};",
            literal(&name)
        );
    }
    let roles = push_settings(conn, &mut properties, &quoted, catalog_id.oid).await?;
    Ok(Database {
        catalog_id,
        owner: owner::of_row(row, "database", &name)?,
        acl: Acl::of_row(row)?,
        comment: row
            .opt_text("description")?
            .filter(|comment| !comment.is_empty()),
        create,
        properties,
        drop_properties,
        roles,
        name,
    })
}

/// Appends the settings of the database, then those of roles in it; returns these roles.
async fn push_settings(
    conn: &Conn,
    sql: &mut String,
    database: &str,
    oid: u32,
) -> Result<Vec<String>> {
    let rows = conn
        .rows(&format!(
            "SELECT r.rolname, s.setconfig \
             FROM pg_catalog.pg_db_role_setting s \
             LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole \
             WHERE s.setdatabase = {oid} AND (s.setrole = 0 OR r.oid IS NOT NULL) \
             ORDER BY s.setrole"
        ))
        .await?;
    let mut roles = Vec::new();
    for row in rows {
        let role = row.opt_text("rolname")?;
        for item in row.texts("setconfig")? {
            let Some((name, value)) = item.split_once('=') else {
                continue;
            };
            match &role {
                Some(role) => {
                    let _ = write!(
                        sql,
                        "ALTER ROLE {} IN DATABASE {database} ",
                        identifier(role)
                    );
                }
                None => {
                    let _ = write!(sql, "ALTER DATABASE {database} ");
                }
            }
            let _ = write!(sql, "SET {} TO ", identifier(name));
            setting::push_value(sql, name, value, push_connection_literal);
            sql.push_str(";\n");
        }
        roles.extend(role);
    }
    Ok(roles)
}

impl Database {
    /// Puts the entries.
    ///
    /// # Errors
    ///
    /// `Format` if the ACL is not as the server writes it.
    pub(crate) fn render(&self, world: &World<'_>, out: &mut Out) -> Result<()> {
        let quoted = identifier(&self.name);
        let mut draft = Draft::new(Kind::Database, &*self.name);
        draft.catalog_id = self.catalog_id;
        draft.owner.clone_from(&self.owner);
        draft.definition.clone_from(&self.create);
        draft.drop = format!("DROP DATABASE {quoted};\n");
        let id = out.put_fresh(draft);
        let subject = Subject {
            kind: "DATABASE",
            namespace: None,
            name: &quoted,
            owner: &self.owner,
            needs: id,
        };
        if let Some(text) = &self.comment {
            comment::put(text, &subject, out);
        }
        world.labels.put(self.catalog_id, &subject, out);
        let target = Target {
            kind: Grantable::Database,
            namespace: "",
            name: &quoted,
            column: None,
            owner: &self.owner,
        };
        self.acl.put(&target, None, vec![id], out)?;
        if !self.properties.is_empty() {
            let mut draft = Draft::new(Kind::DatabaseProperties, &*self.name);
            draft.owner.clone_from(&self.owner);
            draft.definition.clone_from(&self.properties);
            draft.drop.clone_from(&self.drop_properties);
            out.put_fresh(draft);
        }
        out.roles.extend(self.roles.iter().cloned());
        Ok(())
    }
}
