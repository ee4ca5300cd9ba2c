//! Tables, views, materialized views and sequences: what is known of each, and the nodes they are.
//!
//! Used by `catalog` after schemas, and by the families of what belongs to a table (`constraint`,
//! `index`, `trigger`, `rule`, `policy`), which look their tables up in [`Tables`].

mod columns;
mod create;
mod data;
mod default;
mod inherit;
mod sequence;
mod view;

use std::collections::{BTreeMap, HashMap, HashSet};

use futures::TryStreamExt as _;

use crate::error::{Error, ErrorKind, Result};
use crate::text::{identifier, qualified};
use crate::toc::{CatalogId, EntryId};

use super::Reading;
use super::acl::{Acl, Grantable, Target};
use super::object::{Body, Components, Node, NodeId, ObjectKind};
use super::owner;
use super::render::{Out, World};

pub(crate) use columns::Column;

/// `pg_class`.
pub(crate) const RELATIONS: u32 = 1259;

/// The relations that matter, by oid.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    by_oid: BTreeMap<u32, Box<Table>>,
    /// What is known of each sequence, by oid.
    sequences: HashMap<u32, sequence::Sequence>,
}

/// What is known of one relation.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) node: NodeId,
    pub(crate) oid: u32,
    pub(crate) schema: String,
    pub(crate) name: String,
    /// `relkind`.
    pub(crate) kind: u8,
    pub(crate) owner: String,
    persistence: u8,
    /// Empty for the database's default.
    tablespace: String,
    /// An array literal, without the check option of a view.
    options: String,
    /// `LOCAL` or `CASCADED`.
    check_option: Option<String>,
    toast_options: String,
    populated: bool,
    replica_identity: u8,
    access_method: Option<String>,
    /// The composite type of a typed table, as the server formats it.
    of_type: Option<String>,
    pub(crate) has_indexes: bool,
    pub(crate) has_triggers: bool,
    pub(crate) row_security: bool,
    force_row_security: bool,
    pub(crate) is_partition: bool,
    /// Whether rows must be loaded through the root, because they may belong into other partitions
    /// where they are restored.
    unsafe_partitions: bool,
    /// For sequences of a column: the table and the column's number.
    owned_by: Option<(u32, i16)>,
    /// Whether the sequence is that of an identity column.
    is_identity: bool,
    /// Whether columns and indexes are read.
    pub(crate) interesting: bool,
    /// Direct parents, in their order.
    pub(crate) parents: Vec<u32>,
    /// By attribute number, dropped ones too; empty unless interesting.
    pub(crate) columns: Vec<Column>,
    /// Its CHECK constraints, by name.
    pub(crate) checks: Vec<Check>,
    /// The query of a view, without the semicolon.
    query: Option<String>,
    /// For foreign tables: the server, quoted, and the inside of an OPTIONS clause.
    server: Option<(String, String)>,
    partition_key: Option<String>,
    partition_bound: Option<String>,
    /// Bytes on disk, its TOAST table's included.
    bytes: u64,
    /// Pages of its heap; `None` if it is kept in another way.
    pages: Option<u64>,
    /// The node of its rows, if they are dumped.
    pub(super) data: Option<NodeId>,
    acl: Acl,
    /// Privileges of columns: name and ACL, in order.
    column_acls: Vec<(String, Acl)>,
}

/// A CHECK constraint as its table needs it.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) node: NodeId,
    pub(crate) definition: String,
    pub(crate) is_local: bool,
}

impl Tables {
    /// The relation with this oid.
    pub(crate) fn get(&self, oid: u32) -> Option<&Table> {
        self.by_oid.get(&oid).map(Box::as_ref)
    }

    /// The relation that something read before belongs to.
    ///
    /// # Errors
    ///
    /// `Bug` if it is not there.
    pub(crate) fn expect(&self, oid: u32) -> Result<&Table> {
        self.get(oid).ok_or_else(|| unknown(oid))
    }

    /// The same, to be changed.
    pub(crate) fn expect_mut(&mut self, oid: u32) -> Result<&mut Table> {
        let table = self.by_oid.get_mut(&oid);
        table.map(Box::as_mut).ok_or_else(|| unknown(oid))
    }

    /// All of them, by oid.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Table> {
        self.by_oid.values().map(Box::as_ref)
    }

    /// The oids of those that pass, as an array literal for a query.
    pub(crate) fn oids(&self, which: impl Fn(&Table) -> bool) -> String {
        let oids: Vec<String> = self
            .iter()
            .filter(|table| which(table))
            .map(|table| table.oid.to_string())
            .collect();
        format!("'{{{}}}'::pg_catalog.oid[]", oids.join(","))
    }
}

fn unknown(oid: u32) -> Error {
    Error::new(
        ErrorKind::Bug,
        format!("the relation with oid {oid} was not read"),
    )
}

impl Table {
    /// `schema.name`, quoted.
    pub(crate) fn qualified(&self) -> String {
        qualified(&self.schema, &self.name)
    }

    /// The word for it in CREATE, DROP and COMMENT.
    fn word(&self) -> &'static str {
        match self.kind {
            b'v' => "VIEW",
            b'm' => "MATERIALIZED VIEW",
            b'S' => "SEQUENCE",
            b'f' => "FOREIGN TABLE",
            _ => "TABLE",
        }
    }

    /// The word for it after ALTER, where views and the rest pass for tables.
    pub(crate) fn alter_word(&self) -> &'static str {
        match self.kind {
            b'f' => "FOREIGN TABLE",
            _ => "TABLE",
        }
    }

    /// Whether CREATE TABLE says the column: not what comes from a parent alone. A partition is
    /// made by itself first and says all.
    fn prints(&self, column: &Column) -> bool {
        !column.is_dropped && (column.is_local || self.is_partition)
    }

    /// The name of a column by its number; system columns have names too.
    ///
    /// # Errors
    ///
    /// `Bug` if there is no such column.
    pub(crate) fn column_name(&self, number: i16) -> Result<&str> {
        let system = match number {
            -1 => Some("ctid"),
            -2 => Some("xmin"),
            -3 => Some("cmin"),
            -4 => Some("xmax"),
            -5 => Some("cmax"),
            -6 => Some("tableoid"),
            _ => None,
        };
        system
            .or_else(|| {
                let index = usize::try_from(number).ok()?.checked_sub(1)?;
                self.columns.get(index).map(|column| column.name.as_str())
            })
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::Bug,
                    format!("table {} has no column number {number}", self.qualified()),
                )
            })
    }

    /// Whether the rows are loaded through the partitioned table at the root; its oid if so.
    fn root_to_load_through(&self, tables: &Tables) -> Option<u32> {
        let mut forced = false;
        let mut at = self;
        while at.is_partition {
            at = tables.get(*at.parents.first()?)?;
            forced |= at.unsafe_partitions;
        }
        forced.then_some(at.oid)
    }
}

/// Adds the relations, but for the system's own.
pub(crate) async fn read(reading: &mut Reading<'_>) -> Result<()> {
    read_relations(reading).await?;
    read_column_acls(reading).await?;
    follow_owners(reading)?;
    sequence::read(reading).await
}

/// Reads what a table is made of, once all functions and types are known.
pub(crate) async fn read_details(reading: &mut Reading<'_>) -> Result<()> {
    inherit::read(reading).await?;
    data::add_configuration(reading).await?;
    columns::read(reading).await?;
    default::read(reading).await?;
    super::constraint::read_invalid_not_nulls(reading).await?;
    super::constraint::read_checks(reading).await?;
    columns::follow_parents(reading)?;
    read_deep(reading).await
}

/// Adds the nodes of what tables hold, once every node they are ordered by is known.
pub(crate) async fn read_data(reading: &mut Reading<'_>) -> Result<()> {
    data::add(reading)?;
    view::order_refreshes(reading).await?;
    sequence::read_values(reading).await
}

async fn read_relations(reading: &mut Reading<'_>) -> Result<()> {
    // No function that looks into a relation is called here: those come when it is known which
    // relations are dumped, and locked.
    let mut rows = reading
        .conn
        .each_row(&format!(
            "SELECT c.oid, c.relnamespace, n.nspname, c.relname, c.relkind, c.relpersistence, \
             r.rolname AS owner, COALESCE(s.spcname, '') AS tablespace, \
             pg_catalog.array_remove(pg_catalog.array_remove(c.reloptions, \
               'check_option=local'), 'check_option=cascaded')::pg_catalog.text AS options, \
             CASE WHEN 'check_option=local' = ANY (c.reloptions) THEN 'LOCAL' \
               WHEN 'check_option=cascaded' = ANY (c.reloptions) THEN 'CASCADED' END::pg_catalog.text \
               AS check_option, \
             t.reloptions::pg_catalog.text AS toast_options, \
             c.relispopulated, c.relreplident, a.amname, c.relhasindex, c.relhastriggers, \
             c.relrowsecurity, c.relforcerowsecurity, c.relispartition, \
             CASE WHEN c.reloftype <> 0 THEN pg_catalog.format_type(c.reloftype, NULL) END AS of_type, \
             d.refobjid AS owned_by, d.refobjsubid::pg_catalog.int2 AS owned_by_column, \
             (d.deptype = 'i') IS TRUE AS is_identity, \
             c.relacl::pg_catalog.text AS acl, \
             pg_catalog.acldefault(CASE WHEN c.relkind = 'S' THEN 's'::\"char\" \
               ELSE 'r'::\"char\" END, c.relowner)::pg_catalog.text AS acldefault, \
             i.initprivs::pg_catalog.text AS initprivs, \
             f.srvname AS server, {options} AS server_options \
             FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             LEFT JOIN pg_catalog.pg_roles r ON r.oid = c.relowner \
             LEFT JOIN pg_catalog.pg_tablespace s ON s.oid = c.reltablespace \
             LEFT JOIN pg_catalog.pg_am a ON a.oid = c.relam \
             LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid AND t.relkind = 't' \
               AND c.relkind <> 'p' \
             LEFT JOIN pg_catalog.pg_depend d ON c.relkind = 'S' \
               AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid \
               AND d.objsubid = 0 AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass \
               AND d.deptype IN ('a', 'i') \
             LEFT JOIN pg_catalog.pg_init_privs i ON i.objoid = c.oid AND i.objsubid = 0 \
               AND i.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass \
             LEFT JOIN pg_catalog.pg_foreign_table g ON g.ftrelid = c.oid \
             LEFT JOIN pg_catalog.pg_foreign_server f ON f.oid = g.ftserver \
             WHERE c.relkind IN ('r', 'S', 'v', 'c', 'm', 'f', 'p') AND c.relpersistence <> 't' \
             AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') \
             ORDER BY c.oid",
            options = super::foreign::options("g.ftoptions"),
        ))
        .await?;
    while let Some(row) = rows.try_next().await? {
        let oid: u32 = row.get("oid")?;
        let schema = row.text("nspname")?;
        let name = row.text("relname")?;
        let kind = row.char("relkind")?;
        let namespace = reading.namespace(row.get("relnamespace")?)?;
        let catalog_id = CatalogId {
            table: RELATIONS,
            oid,
        };
        let node = reading
            .objects
            .add(ObjectKind::Table, catalog_id, &name, Some(namespace));
        let (defined, has_data) = reading
            .relation(oid)
            .map_or((false, false), |relation| (relation.defined, relation.data));
        let claimed = kind != b'c' && reading.objects.claim_for_extension(node);
        let entry = reading.objects.get_mut(node);
        entry.letter = kind;
        if kind == b'c' {
            entry.dump = Components::NONE;
        } else if !claimed {
            entry.dump = if defined {
                Components::ALL
            } else {
                Components::NONE
            };
        }
        if kind != b'c' {
            entry.body = Some(Box::new(Relation { oid }));
        }
        let acl = row.opt_text("acl")?;
        let table = Table {
            node,
            oid,
            owner: owner::of_row(&row, "relation", &qualified(&schema, &name))?,
            schema,
            name,
            kind,
            persistence: row.char("relpersistence")?,
            tablespace: row.text("tablespace")?,
            options: row.opt_text("options")?.unwrap_or_default(),
            check_option: row.opt_text("check_option")?,
            toast_options: row.opt_text("toast_options")?.unwrap_or_default(),
            populated: row.get("relispopulated")?,
            replica_identity: row.char("relreplident")?,
            access_method: row.opt_text("amname")?,
            of_type: row.opt_text("of_type")?,
            has_indexes: row.get("relhasindex")?,
            has_triggers: row.get("relhastriggers")?,
            row_security: row.get("relrowsecurity")?,
            force_row_security: row.get("relforcerowsecurity")?,
            is_partition: row.get("relispartition")?,
            unsafe_partitions: false,
            owned_by: row
                .get::<Option<u32>>("owned_by")?
                .zip(row.get::<Option<i16>>("owned_by_column")?),
            is_identity: row.get("is_identity")?,
            interesting: defined || has_data,
            parents: Vec::new(),
            columns: Vec::new(),
            checks: Vec::new(),
            query: None,
            server: match row.opt_text("server")? {
                Some(server) => Some((
                    identifier(&server).into_owned(),
                    row.opt_text("server_options")?.unwrap_or_default(),
                )),
                None => None,
            },
            partition_key: None,
            partition_bound: None,
            bytes: 0,
            pages: None,
            data: None,
            acl: Acl {
                initial: match acl {
                    Some(_) => row.opt_text("initprivs")?,
                    None => None,
                },
                current: acl,
                default: row.text("acldefault")?,
            },
            column_acls: Vec::new(),
        };
        reading.tables.by_oid.insert(oid, Box::new(table));
    }
    Ok(())
}

/// Privileges of columns, those of system columns too.
async fn read_column_acls(reading: &mut Reading<'_>) -> Result<()> {
    let mut rows = reading
        .conn
        .each_row(
            "SELECT a.attrelid, a.attname, a.attacl::pg_catalog.text AS acl, \
             i.initprivs::pg_catalog.text AS initprivs \
             FROM pg_catalog.pg_attribute a \
             LEFT JOIN pg_catalog.pg_init_privs i ON i.objoid = a.attrelid \
               AND i.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass \
               AND i.objsubid = a.attnum \
             WHERE NOT a.attisdropped AND (a.attacl IS NOT NULL OR i.initprivs IS NOT NULL) \
             ORDER BY a.attrelid, a.attnum",
        )
        .await?;
    while let Some(row) = rows.try_next().await? {
        let Some(table) = reading.tables.by_oid.get_mut(&row.get("attrelid")?) else {
            continue;
        };
        let acl = Acl {
            current: row.opt_text("acl")?,
            default: "{}".to_owned(),
            initial: row.opt_text("initprivs")?,
        };
        table.column_acls.push((row.text("attname")?, acl));
    }
    Ok(())
}

/// A sequence of a column is dumped with its table: an identity's exactly so, any other's besides
/// for its own sake.
fn follow_owners(reading: &mut Reading<'_>) -> Result<()> {
    let mut interesting = HashSet::new();
    let owned: Vec<(NodeId, u32, u32, bool)> = reading
        .tables
        .iter()
        .filter_map(|table| {
            table
                .owned_by
                .map(|(owner, _)| (table.node, table.oid, owner, table.is_identity))
        })
        .collect();
    for (node, oid, owner, is_identity) in owned {
        let of = reading.objects.get(reading.tables.expect(owner)?.node).dump;
        let sequence = reading.objects.get_mut(node);
        sequence.dump = if is_identity {
            of
        } else {
            sequence.dump.with(of)
        };
        if sequence.dump.any() {
            interesting.extend([oid, owner]);
        }
    }
    for oid in interesting {
        reading.tables.expect_mut(oid)?.interesting = true;
    }
    Ok(())
}

/// What only functions of the server can say, of the relations that are dumped.
async fn read_deep(reading: &mut Reading<'_>) -> Result<()> {
    let wanted = reading.tables.oids(|table| table.interesting);
    let defined = reading.tables.oids(|table| {
        reading.objects.get(table.node).defines()
            && matches!(table.kind, b'v' | b'm' | b'p' | b'r' | b'f')
    });
    let mut rows = reading
        .conn
        .each_row(&format!(
            "SELECT c.oid, \
             CASE WHEN c.relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(c.oid) END AS query, \
             CASE WHEN c.relkind = 'p' THEN pg_catalog.pg_get_partkeydef(c.oid) END AS partition_key, \
             CASE WHEN c.relispartition THEN pg_catalog.pg_get_expr(c.relpartbound, c.oid) END \
               AS partition_bound \
             FROM pg_catalog.unnest({defined}) AS w(oid) \
             JOIN pg_catalog.pg_class c ON c.oid = w.oid"
        ))
        .await?;
    while let Some(row) = rows.try_next().await? {
        let table = reading.tables.expect_mut(row.get("oid")?)?;
        table.partition_key = row.opt_text("partition_key")?;
        table.partition_bound = row.opt_text("partition_bound")?;
        if matches!(table.kind, b'v' | b'm') {
            let query = row.opt_text("query")?.unwrap_or_default();
            let Some(query) = query.strip_suffix(';') else {
                return Err(Error::new(
                    ErrorKind::Server,
                    format!(
                        "the server gave no definition of {} {}; it may have been dropped meanwhile",
                        table.word(),
                        table.qualified()
                    ),
                ));
            };
            table.query = Some(query.to_owned());
        }
    }
    let mut rows = reading
        .conn
        .each_row(&format!(
            "SELECT c.oid, COALESCE(pg_catalog.pg_relation_size(c.oid), 0) \
             + CASE WHEN c.reltoastrelid <> 0 \
               THEN COALESCE(pg_catalog.pg_relation_size(c.reltoastrelid), 0) ELSE 0 END AS bytes, \
             CASE WHEN a.amname = 'heap' THEN pg_catalog.pg_relation_size(c.oid) \
               / pg_catalog.current_setting('block_size')::bigint END AS pages \
             FROM pg_catalog.unnest({wanted}) AS w(oid) \
             JOIN pg_catalog.pg_class c ON c.oid = w.oid \
             LEFT JOIN pg_catalog.pg_am a ON a.oid = c.relam WHERE c.relkind = 'r'"
        ))
        .await?;
    while let Some(row) = rows.try_next().await? {
        let bytes: i64 = row.get("bytes")?;
        let pages: Option<i64> = row.get("pages")?;
        let table = reading.tables.expect_mut(row.get("oid")?)?;
        table.bytes = u64::try_from(bytes).unwrap_or(0);
        table.pages = pages.and_then(|pages| u64::try_from(pages).ok());
    }
    Ok(())
}

/// The node of a relation.
struct Relation {
    oid: u32,
}

impl Body for Relation {
    fn render(&self, node: &Node, world: &World<'_>, out: &mut Out) -> Result<()> {
        let table = world.tables.expect(self.oid)?;
        if node.defines() {
            match table.kind {
                b'S' => sequence::put(table, node, world, out)?,
                _ => create::put(table, node, world, out)?,
            }
        }
        if node.dump.has(Components::ACL) {
            put_acls(table, out)?;
        }
        Ok(())
    }
}

/// The privileges of the relation, then of its columns, which come after the former: a GRANT on
/// the table may run at the same time otherwise.
fn put_acls(table: &Table, out: &mut Out) -> Result<()> {
    let name = identifier(&table.name);
    let mut target = Target {
        kind: if table.kind == b'S' {
            Grantable::Sequence
        } else {
            Grantable::Table
        },
        namespace: &table.schema,
        name: &name,
        column: None,
        owner: &table.owner,
    };
    let own = EntryId(table.node.0);
    let mut needs = vec![own];
    needs.extend(table.acl.put(&target, None, vec![own], out)?);
    target.kind = Grantable::Table;
    for (column, acl) in &table.column_acls {
        let column = identifier(column);
        let target = Target {
            column: Some(&column),
            ..target
        };
        acl.put(&target, None, needs.clone(), out)?;
    }
    Ok(())
}
