//! Columns of tables and views, and which of their marks come from a parent table.
//! Used by `relation` alone.

use std::collections::HashSet;
use std::sync::Arc;

use futures::TryStreamExt as _;

use crate::error::{Error, ErrorKind, Result};
use crate::text::qualified;
use crate::toc::CatalogId;

use super::super::Reading;
use super::super::object::{Components, NodeId, ObjectKind, Tie};
use super::Table;

/// One column, dropped or not. There may be a hundred thousand: what few have is out of line.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// As the server formats it, with its modifier; one string for all columns of a type.
    pub(super) type_name: Arc<str>,
    /// -1 for the default.
    pub(super) statistics: i32,
    pub(super) storage: u8,
    /// What the type would have.
    pub(super) type_storage: u8,
    /// `p` pglz, `l` lz4, 0 default.
    pub(super) compression: u8,
    /// `a` always, `d` by default, 0 none.
    pub(super) identity: u8,
    /// `s` stored, `v` virtual, 0 none.
    pub(super) generated: u8,
    pub(super) is_dropped: bool,
    pub(super) is_local: bool,
    /// `n_distinct=5, …`.
    pub(super) options: Option<Box<str>>,
    /// For foreign tables: the inside of an OPTIONS clause.
    pub(super) foreign_options: Option<Box<str>>,
    /// Where it differs from the type's: qualified and quoted.
    pub(super) collation: Option<Box<str>>,
    pub(super) not_null: Option<Box<NotNull>>,
    /// Whether there is a NOT NULL constraint that existing rows were not checked for.
    pub(super) not_null_is_invalid: bool,
    pub(super) default: Option<Box<Default>>,
}

/// A column's NOT NULL.
#[derive(Debug, Clone)]
pub(super) struct NotNull {
    /// Empty where there is none to be said: before PostgreSQL 18, and for the usual name.
    pub(super) name: String,
    pub(super) no_inherit: bool,
    pub(super) is_local: bool,
    pub(super) comment: Option<String>,
}

/// A column's default or generation expression.
#[derive(Debug, Clone)]
pub(super) struct Default {
    pub(super) node: NodeId,
    pub(super) expression: String,
}

/// Reads the columns of every relation that is interesting and is no sequence.
pub(super) async fn read(reading: &mut Reading<'_>) -> Result<()> {
    let wanted = reading
        .tables
        .oids(|table| table.interesting && table.kind != b'S');
    let compression = if reading.since(14) {
        "a.attcompression"
    } else {
        "''::\"char\""
    };
    let (not_null, constraints) = if reading.since(18) {
        (
            "n.conname AS not_null, n.connoinherit AS no_inherit, n.conislocal AS not_null_local, \
             NOT n.convalidated AS not_null_invalid, e.description AS not_null_comment",
            "LEFT JOIN pg_catalog.pg_constraint n ON n.conrelid = a.attrelid \
               AND n.contype = 'n' AND n.conkey = ARRAY[a.attnum] \
             LEFT JOIN pg_catalog.pg_description e ON e.classoid = n.tableoid \
               AND e.objoid = n.oid AND e.objsubid = 0",
        )
    } else {
        (
            "CASE WHEN a.attnotnull THEN ''::pg_catalog.text END AS not_null, \
             false AS no_inherit, a.attislocal OR a.attnotnull AS not_null_local, \
             false AS not_null_invalid, NULL::pg_catalog.text AS not_null_comment",
            "",
        )
    };
    // pg_attver is a version number that servers since the minor releases of November 2026 keep
    // among the options for themselves; no server takes it in a command.
    let mut rows = reading
        .conn
        .each_row(&format!(
            "SELECT a.attrelid, a.attnum, a.attname, a.attstattarget::pg_catalog.int4 AS statistics, \
             a.attstorage, t.typstorage, a.attisdropped, a.attislocal, a.attidentity, \
             a.attgenerated, {compression} AS compression, \
             pg_catalog.format_type(t.oid, a.atttypmod) AS type_name, \
             pg_catalog.array_to_string(ARRAY(SELECT x.x FROM pg_catalog.unnest(a.attoptions) AS x(x) \
               WHERE x.x NOT LIKE 'pg\\_attver=%'), ', ') AS options, \
             {foreign_options} AS foreign_options, \
             CASE WHEN a.attcollation <> t.typcollation THEN o.collname END AS collation, \
             p.nspname AS collation_schema, {not_null} \
             FROM pg_catalog.unnest({wanted}) AS w(oid) \
             JOIN pg_catalog.pg_attribute a ON a.attrelid = w.oid \
             LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
             LEFT JOIN pg_catalog.pg_collation o ON o.oid = a.attcollation \
             LEFT JOIN pg_catalog.pg_namespace p ON p.oid = o.collnamespace \
             {constraints} \
             WHERE a.attnum > 0 ORDER BY a.attrelid, a.attnum",
            foreign_options = super::super::foreign::options("a.attfdwoptions"),
        ))
        .await?;
    let mut types = HashSet::new();
    while let Some(row) = rows.try_next().await? {
        let table = reading.tables.expect_mut(row.get("attrelid")?)?;
        let name = row.text("attname")?;
        if row.get::<i16>("attnum")? as usize != table.columns.len() + 1 {
            return Err(Error::new(
                ErrorKind::Server,
                format!(
                    "the columns of {} are not numbered one by one; the catalog is damaged",
                    table.qualified()
                ),
            ));
        }
        let invalid = row.get::<Option<bool>>("not_null_invalid")? == Some(true);
        let comment = row.opt_text("not_null_comment")?;
        let not_null = match row.opt_text("not_null")? {
            // One that was never checked is an object of its own.
            Some(constraint) if !invalid => Some(Box::new(NotNull {
                name: if comment.is_none()
                    && constraint == format!("{}_{name}_not_null", table.name)
                {
                    String::new()
                } else {
                    constraint
                },
                no_inherit: row.get::<Option<bool>>("no_inherit")? == Some(true),
                is_local: row.get::<Option<bool>>("not_null_local")? == Some(true),
                comment,
            })),
            _ => None,
        };
        let collation = match row.opt_text("collation")? {
            Some(collation) => Some(qualified(&row.text("collation_schema")?, &collation).into()),
            None => None,
        };
        let some = |column| Ok::<_, Error>(row.opt_text(column)?.filter(|text| !text.is_empty()));
        table.columns.push(Column {
            name,
            type_name: shared(&mut types, row.opt_text("type_name")?.unwrap_or_default()),
            statistics: row.get::<Option<i32>>("statistics")?.unwrap_or(-1),
            storage: row.char("attstorage")?,
            type_storage: row.char("typstorage")?,
            compression: row.char("compression")?,
            identity: row.char("attidentity")?,
            generated: row.char("attgenerated")?,
            is_dropped: row.get("attisdropped")?,
            is_local: row.get("attislocal")?,
            options: some("options")?.map(Into::into),
            foreign_options: some("foreign_options")?.map(Into::into),
            collation,
            not_null,
            not_null_is_invalid: invalid,
            default: None,
        });
    }
    for table in reading.tables.by_oid.values_mut() {
        table.columns.shrink_to_fit();
    }
    Ok(())
}

/// The one of these that says the same, or this one, which is then one of these.
fn shared(known: &mut HashSet<Arc<str>>, text: String) -> Arc<str> {
    match known.get(&text[..]) {
        Some(known) => Arc::clone(known),
        None => {
            let text: Arc<str> = text.into();
            known.insert(Arc::clone(&text));
            text
        }
    }
}

/// What a column's parents have, all of them taken together.
struct Inherited {
    /// A NOT NULL, before PostgreSQL 18.
    not_null: bool,
    /// No parent's NOT NULL was checked for existing rows.
    none_checked: bool,
    /// A default that is not NULL.
    default: bool,
    /// The same generation expression.
    same_generated: bool,
    /// Another generation expression.
    other_generated: bool,
}

/// Works out what need not be said of a child table because the parent gives it, and what must be
/// said because the parent would give something else.
pub(super) fn follow_parents(reading: &mut Reading<'_>) -> Result<()> {
    let named = reading.since(18);
    let children: Vec<u32> = reading
        .tables
        .iter()
        .filter(|table| {
            !table.parents.is_empty()
                && !matches!(table.kind, b'S' | b'v' | b'm')
                && reading.objects.get(table.node).dump.any()
        })
        .map(|table| table.oid)
        .collect();
    for oid in children {
        let table = reading.tables.expect(oid)?;
        let mut changes = Vec::new();
        for (index, column) in table.columns.iter().enumerate() {
            if !column.is_dropped {
                changes.push((index, inherited(reading, table, column, named)?));
            }
        }
        for (index, from) in changes {
            let table = reading.tables.expect_mut(oid)?;
            let column = &mut table.columns[index];
            if let Some(not_null) = &mut column.not_null {
                if !named && from.not_null {
                    not_null.is_local = false;
                }
                if named && from.none_checked {
                    not_null.is_local = true;
                }
            }
            if from.default && column.default.is_none() {
                add_default_null(reading, oid, index)?;
            }
            // A generation expression is inherited; before PostgreSQL 16 it must not be repeated.
            let table = reading.tables.expect(oid)?;
            if from.same_generated
                && !from.other_generated
                && !table.is_partition
                && let Some(default) = &table.columns[index].default
            {
                reading.objects.get_mut(default.node).dump = Components::NONE;
            }
        }
    }
    Ok(())
}

fn inherited(
    reading: &Reading<'_>,
    table: &Table,
    column: &Column,
    named: bool,
) -> Result<Inherited> {
    let mut found = Inherited {
        not_null: false,
        none_checked: true,
        default: false,
        same_generated: false,
        other_generated: false,
    };
    for parent in &table.parents {
        let parent = reading.tables.expect(*parent)?;
        let Some(above) = parent
            .columns
            .iter()
            .find(|above| above.name == column.name)
        else {
            continue;
        };
        found.not_null |= !named && above.not_null.is_some();
        found.none_checked &= above.not_null.is_none() || above.not_null_is_invalid;
        if above.generated == 0 {
            found.default |= gives_default(reading, parent, above);
            continue;
        }
        let same = match (&above.default, &column.default) {
            (Some(above), Some(own)) => above.expression == own.expression,
            _ => false,
        };
        found.same_generated |= same;
        found.other_generated |= !same;
    }
    Ok(found)
}

/// Whether a child made right after this table would be given a default other than NULL. Where the
/// table's column comes from a parent, the parent's default is the table's until a statement
/// after CREATE TABLE takes it away; pg_dump does not look further up than the first parent, and
/// what it restores then has a default too many.
fn gives_default(reading: &Reading<'_>, table: &Table, column: &Column) -> bool {
    let mut open = vec![(table, column)];
    while let Some((table, column)) = open.pop() {
        if column
            .default
            .as_ref()
            .is_some_and(|default| default.expression != "NULL")
        {
            return true;
        }
        if table.prints(column) {
            continue;
        }
        for parent in &table.parents {
            let Some(parent) = reading.tables.get(*parent) else {
                continue;
            };
            let above = parent
                .columns
                .iter()
                .find(|above| above.name == column.name);
            open.extend(above.map(|above| (parent, above)));
        }
    }
    false
}

/// A child column without a default whose parent has one: it has to be said, or the child would
/// be given the parent's.
fn add_default_null(reading: &mut Reading<'_>, oid: u32, index: usize) -> Result<()> {
    let table = reading.tables.expect(oid)?;
    let node = table.node;
    let namespace = reading.objects.get(node).namespace;
    let separate = !table.prints(&table.columns[index]);
    let id = reading.objects.add(
        ObjectKind::AttributeDefault,
        CatalogId::default(),
        &table.name,
        namespace,
    );
    let dump = reading.objects.get(node).dump;
    let entry = reading.objects.get_mut(id);
    entry.dump = dump;
    entry.part_of = Some(node);
    entry.tie = Tie::Number(i32::try_from(index + 1).unwrap_or(i32::MAX));
    entry.separate = separate;
    entry.body = Some(Box::new(super::default::AttributeDefault { oid, index }));
    if separate {
        reading.objects.depend(id, node);
    }
    let table = reading.tables.expect_mut(oid)?;
    table.columns[index].default = Some(Box::new(Default {
        node: id,
        expression: "NULL".to_owned(),
    }));
    Ok(())
}

/// The columns whose rows COPY carries: neither dropped nor generated.
pub(super) fn copied(columns: &[Column]) -> impl Iterator<Item = &Column> {
    columns
        .iter()
        .filter(|column| !column.is_dropped && column.generated == 0)
}
