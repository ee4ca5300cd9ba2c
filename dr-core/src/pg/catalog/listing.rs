//! The first look at a database: every relation that matters, in one query that calls no function
//! of the server that could fail or wait, so that preflight and locks can come before the rest.
//!
//! Called by the session, whose locks and preflight take the list. Knows no families.

use crate::error::{Error, ErrorKind, Result};
use crate::pg::Conn;

use super::scope::Scope;

/// A relation as the first look sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Relation {
    /// Its oid in `pg_class`.
    pub oid: u32,
    /// Its schema's oid.
    pub namespace: u32,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// `relkind`: `r` table, `p` partitioned table, `v` view, `m` materialized view, `S` sequence,
    /// `f` foreign table, `c` composite type.
    pub kind: u8,
    /// `relpersistence`: `p` permanent, `u` unlogged.
    pub persistence: u8,
    /// Whether its definition is dumped.
    pub defined: bool,
    /// Whether its rows (or a sequence's value) are dumped. An extension's configuration table is
    /// not defined by the dump, yet its rows are in it.
    pub data: bool,
    /// The condition on its rows, for an extension's configuration table: ` WHERE …` or empty.
    pub filter: String,
}

impl Relation {
    /// Whether a dump takes an ACCESS SHARE lock on it. LOCK TABLE takes tables only, and locking
    /// a view would lock what it reads, which may be none of the dump's business.
    pub fn needs_lock(&self) -> bool {
        (self.defined || self.data) && matches!(self.kind, b'r' | b'p')
    }
}

/// Lists every relation outside the system's schemas, by oid. Temporary ones of this or any other
/// session are left out, as are TOAST tables and indexes.
///
/// # Errors
///
/// `Server`; `Missing` if the scope names tables or schemas and none is there.
pub async fn list(conn: &Conn, scope: &Scope) -> Result<Vec<Relation>> {
    // On a standby unlogged relations cannot be read at all.
    let rows = conn
        .rows(
            "SELECT c.oid, c.relnamespace, n.nspname, c.relname, c.relkind, c.relpersistence, \
             e.oid IS NOT NULL AS member, \
             (c.oid = ANY (e.extconfig)) IS TRUE AS config, \
             e.oid >= 16384 AS user_extension, \
             e.extcondition[array_position(e.extconfig, c.oid)] AS condition, \
             o.refobjid AS owner_table, o.deptype = 'i' AS identity, \
             pg_catalog.pg_is_in_recovery() AS standby \
             FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::regclass \
               AND d.objid = c.oid AND d.objsubid = 0 AND d.deptype = 'e' \
               AND d.refclassid = 'pg_catalog.pg_extension'::regclass \
             LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid \
             LEFT JOIN pg_catalog.pg_depend o ON c.relkind = 'S' \
               AND o.classid = 'pg_catalog.pg_class'::regclass AND o.objid = c.oid \
               AND o.objsubid = 0 AND o.refclassid = 'pg_catalog.pg_class'::regclass \
               AND o.deptype IN ('a', 'i') \
             WHERE c.relkind IN ('r', 'S', 'v', 'c', 'm', 'f', 'p') \
             AND c.relpersistence <> 't' \
             AND n.nspname <> 'pg_catalog' AND n.nspname <> 'information_schema' \
             AND n.nspname <> 'pg_toast' \
             ORDER BY c.oid",
        )
        .await?;
    let mut relations: Vec<Relation> = Vec::with_capacity(rows.len());
    let mut owned = Vec::new();
    let mut standby = false;
    for row in rows {
        let schema = row.text("nspname")?;
        let name = row.text("relname")?;
        let kind = row.char("relkind")?;
        let persistence = row.char("relpersistence")?;
        let member: bool = row.get("member")?;
        let config: bool = row.get("config")?;
        let defined = !member && kind != b'c' && scope.takes_table(&schema, &name);
        let named = scope
            .only_tables
            .as_ref()
            .is_some_and(|test| test(&schema, &name));
        let extension_taken =
            scope.is_everything() && row.get::<Option<bool>>("user_extension")? == Some(true);
        let configured = member
            && config
            && (extension_taken
                || named
                || (scope.only_schemas.is_some() && scope.takes_schema(&schema)))
            && !scope.excludes_table(&schema, &name)
            && !scope.excludes_schema(&schema);
        if let Some(table) = row.get::<Option<u32>>("owner_table")? {
            owned.push((relations.len(), table, row.get::<bool>("identity")?));
        }
        standby = row.get("standby")?;
        let readable = persistence != b'u' || !standby;
        let data = (defined || configured)
            && matches!(kind, b'r' | b'S' | b'm')
            && (readable || kind == b'm')
            && scope.takes_data_of(&schema, &name);
        relations.push(Relation {
            oid: row.get("oid")?,
            namespace: row.get("relnamespace")?,
            schema,
            name,
            kind,
            persistence,
            defined,
            data,
            filter: row.opt_text("condition")?.unwrap_or_default(),
        });
    }
    // A sequence owned by a column goes where its table goes, whatever its own name says.
    for (sequence, table, identity) in owned {
        let Ok(table) = relations.binary_search_by_key(&table, |relation| relation.oid) else {
            continue;
        };
        let defined = relations[table].defined;
        let relation = &mut relations[sequence];
        if identity || defined {
            relation.defined = defined;
            relation.data = defined
                && (relation.persistence != b'u' || !standby)
                && scope.takes_data_of(&relation.schema, &relation.name);
        }
    }
    if scope.only_tables.is_some() && !relations.iter().any(|one| one.defined || one.data) {
        return Err(Error::new(
            ErrorKind::Missing,
            "no table of the database has a name that was asked for; nothing was dumped",
        ));
    }
    Ok(relations)
}
