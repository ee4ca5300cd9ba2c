//! CREATE TABLE and CREATE MATERIALIZED VIEW, and what has to be said with ALTER TABLE after them.
//! Used by `relation` alone.

use std::fmt::Write as _;

use crate::error::Result;
use crate::text::{identifier, literal, push_reloptions};
use crate::toc::{EntryId, Kind, Section};

use super::super::comment::{self, Subject};
use super::super::object::{Components, Node};
use super::super::render::{Draft, Out, World};
use super::columns::{Column, NotNull};
use super::{Table, view};

/// Puts the entry of a table or view, and what is said of it.
pub(super) fn put(table: &Table, node: &Node, world: &World<'_>, out: &mut Out) -> Result<()> {
    let kind = match table.kind {
        b'v' => Kind::View,
        b'm' => Kind::MaterializedView,
        b'f' => Kind::ForeignTable,
        _ => Kind::Table,
    };
    let qualified = table.qualified();
    let mut sql = if table.kind == b'v' {
        view::create(table, node)?
    } else {
        create(table, node, world)?
    };
    if matches!(table.kind, b'r' | b'p' | b'm') {
        // `i` is said by the index.
        let identity = match table.replica_identity {
            b'n' => Some("NOTHING"),
            b'f' => Some("FULL"),
            _ => None,
        };
        if let Some(identity) = identity {
            let _ = write!(
                sql,
                "\nALTER TABLE ONLY {qualified} REPLICA IDENTITY {identity};\n"
            );
        }
    }
    if table.force_row_security {
        let _ = write!(
            sql,
            "\nALTER TABLE ONLY {qualified} FORCE ROW LEVEL SECURITY;\n"
        );
    }
    let mut draft = Draft::new(kind, &*table.name);
    draft.catalog_id = node.catalog_id;
    draft.namespace = Some(table.schema.clone());
    draft.owner.clone_from(&table.owner);
    draft.relkind = table.kind;
    if matches!(table.kind, b'r' | b'm' | b'p') {
        draft.tablespace = Some(table.tablespace.clone());
        draft.access_method.clone_from(&table.access_method);
    }
    if node.postponed {
        draft.section = Section::PostData;
    }
    draft.definition = sql;
    draft.drop = format!("DROP {} {qualified};\n", table.word());
    out.put(node.id, draft);
    put_remarks(table, node, world, out);
    Ok(())
}

fn create(table: &Table, node: &Node, world: &World<'_>) -> Result<String> {
    let qualified = table.qualified();
    // An unlogged partitioned table says nothing, and PostgreSQL 18 refuses to make one.
    let unlogged = if table.persistence == b'u' && table.kind != b'p' {
        "UNLOGGED "
    } else {
        ""
    };
    let mut sql = format!("CREATE {unlogged}{} {qualified}", table.word());
    if let Some(of) = &table.of_type {
        let _ = write!(sql, " OF {of}");
    }
    if table.kind != b'm' {
        let items = items(table, world);
        if !items.is_empty() {
            let _ = write!(sql, " (\n    {}\n)", items.join(",\n    "));
        } else if table.of_type.is_none() {
            sql.push_str(" (\n)");
        }
        if !table.parents.is_empty() && !table.is_partition {
            let mut parents = Vec::new();
            for parent in &table.parents {
                parents.push(world.tables.expect(*parent)?.qualified());
            }
            let _ = write!(sql, "\nINHERITS ({})", parents.join(", "));
        }
        if let Some(key) = &table.partition_key {
            let _ = write!(sql, "\nPARTITION BY {key}");
        }
        if let Some((server, _)) = &table.server {
            let _ = write!(sql, "\nSERVER {server}");
        }
    }
    let mut options = String::new();
    for (literal, prefix) in [(&table.options, ""), (&table.toast_options, "toast.")] {
        if is_nonempty(literal) {
            if !options.is_empty() {
                options.push_str(", ");
            }
            push_reloptions(&mut options, literal, prefix)?;
        }
    }
    if !options.is_empty() {
        let _ = write!(sql, "\nWITH ({options})");
    }
    if let Some((_, options)) = table
        .server
        .as_ref()
        .filter(|(_, options)| !options.is_empty())
    {
        let _ = write!(sql, "\nOPTIONS (\n    {options}\n)");
    }
    if table.kind == b'm' {
        let query = table.query.as_deref().unwrap_or_default();
        let _ = write!(sql, " AS\n{query}\n  WITH NO DATA;\n");
        world
            .objects
            .push_extension_dependencies(node, &mut sql, "MATERIALIZED VIEW", &qualified);
    } else {
        sql.push_str(";\n");
    }
    for column in table.columns.iter().filter(|column| !column.is_dropped) {
        if own_not_null(table, column).is_some() && !takes_not_null_items(world) {
            let name = identifier(&column.name);
            let _ = writeln!(
                sql,
                "ALTER {} ONLY {qualified} ALTER COLUMN {name} SET NOT NULL;",
                table.alter_word()
            );
        }
        push_alterations(&mut sql, table, column);
    }
    Ok(sql)
}

/// The NOT NULL of a column that comes from a parent, where the table has one of its own.
fn own_not_null<'a>(table: &Table, column: &'a Column) -> Option<&'a NotNull> {
    column
        .not_null
        .as_deref()
        .filter(|not_null| not_null.is_local && !column.is_dropped && !table.prints(column))
}

/// Whether CREATE TABLE takes NOT NULL apart from its column. pg_dump 18 writes it so whatever the
/// server; but what is read from an older server must be one that an older server takes.
fn takes_not_null_items(world: &World<'_>) -> bool {
    world.version.major() >= 18
}

/// Whether a `reloptions` array says anything.
pub(super) fn is_nonempty(options: &str) -> bool {
    options.len() > 2
}

/// What stands between the parentheses: columns, NOT NULLs of columns that come from a parent, and
/// CHECK constraints.
fn items(table: &Table, world: &World<'_>) -> Vec<String> {
    let mut items = Vec::new();
    for column in &table.columns {
        if table.prints(column) {
            items.extend(column_item(table, column, world));
        } else if let Some(not_null) = own_not_null(table, column)
            && takes_not_null_items(world)
        {
            let name = identifier(&column.name);
            let mut item = if not_null.name.is_empty() {
                format!("NOT NULL {name}")
            } else {
                format!("CONSTRAINT {} NOT NULL {name}", identifier(&not_null.name))
            };
            if not_null.no_inherit {
                item.push_str(" NO INHERIT");
            }
            items.push(item);
        }
    }
    for check in &table.checks {
        // A partition must have its parent's constraints before it is attached.
        let constraint = world.objects.get(check.node);
        if !constraint.separate && (check.is_local || table.is_partition) {
            items.push(format!(
                "CONSTRAINT {} {}",
                identifier(&constraint.name),
                check.definition
            ));
        }
    }
    items
}

/// One column of CREATE TABLE; none if a typed table's type says all of it.
fn column_item(table: &Table, column: &Column, world: &World<'_>) -> Option<String> {
    let default = column.default.as_ref().filter(|default| {
        let node = world.objects.get(default.node);
        node.dump.any() && !node.separate
    });
    let not_null = column
        .not_null
        .as_ref()
        .filter(|not_null| not_null.is_local || table.is_partition);
    if table.of_type.is_some() && default.is_none() && not_null.is_none() {
        return None;
    }
    let mut item = identifier(&column.name).into_owned();
    if table.of_type.is_none() {
        let _ = write!(item, " {}", column.type_name);
    }
    if let Some(default) = default {
        let expression = &default.expression;
        let _ = match column.generated {
            b's' => write!(item, " GENERATED ALWAYS AS ({expression}) STORED"),
            b'v' => write!(item, " GENERATED ALWAYS AS ({expression})"),
            _ => write!(item, " DEFAULT {expression}"),
        };
    }
    if let Some(not_null) = not_null {
        if !not_null.name.is_empty() {
            let _ = write!(item, " CONSTRAINT {}", identifier(&not_null.name));
        }
        item.push_str(" NOT NULL");
        if not_null.no_inherit {
            item.push_str(" NO INHERIT");
        }
    }
    if let Some(collation) = &column.collation {
        let _ = write!(item, " COLLATE {collation}");
    }
    Some(item)
}

/// What CREATE TABLE has no words for.
fn push_alterations(sql: &mut String, table: &Table, column: &Column) {
    let column_of = format!(
        "ALTER {} ONLY {} ALTER COLUMN {}",
        table.alter_word(),
        table.qualified(),
        identifier(&column.name)
    );
    let mut alter = |what: &str| {
        let _ = writeln!(sql, "{column_of} SET {what};");
    };
    if column.statistics >= 0 {
        alter(&format!("STATISTICS {}", column.statistics));
    }
    if column.storage != column.type_storage {
        let storage = match column.storage {
            b'p' => Some("PLAIN"),
            b'e' => Some("EXTERNAL"),
            b'x' => Some("EXTENDED"),
            b'm' => Some("MAIN"),
            _ => None,
        };
        if let Some(storage) = storage {
            alter(&format!("STORAGE {storage}"));
        }
    }
    match column.compression {
        b'p' => alter("COMPRESSION pglz"),
        b'l' => alter("COMPRESSION lz4"),
        _ => {}
    }
    if let Some(options) = &column.options {
        alter(&format!("({options})"));
    }
    if let Some(options) = &column.foreign_options {
        let _ = write!(sql, "{column_of} OPTIONS (\n    {options}\n);\n");
    }
}

fn put_remarks(table: &Table, node: &Node, world: &World<'_>, out: &mut Out) {
    let needs = EntryId(node.id.0);
    let (qualified, name) = (table.qualified(), identifier(&table.name));
    if node.dump.has(Components::COMMENT) {
        let whole = Subject {
            kind: table.word(),
            namespace: Some(&table.schema),
            name: &name,
            owner: &table.owner,
            needs,
        };
        let column = |number: i32| {
            let index = usize::try_from(number - 1).ok()?;
            let column = table.columns.get(index)?;
            Some(identifier(&column.name).into_owned())
        };
        for (number, text) in world.comments.of(node.catalog_id) {
            if *number == 0 {
                comment::put(text, &whole, out);
            } else if let Some(column) = column(*number) {
                let subject = Subject {
                    kind: "COLUMN",
                    name: &format!("{name}.{column}"),
                    ..whole
                };
                comment::put(text, &subject, out);
            }
        }
        world
            .labels
            .put_with_columns(node.catalog_id, &whole, column, out);
    }
    for not_null in table
        .columns
        .iter()
        .filter_map(|column| column.not_null.as_ref())
    {
        if let Some(text) = &not_null.comment {
            let constraint = identifier(&not_null.name);
            let mut draft = Draft::new(Kind::Comment, format!("CONSTRAINT {constraint} ON {name}"));
            draft.namespace = Some(table.schema.clone());
            draft.owner.clone_from(&table.owner);
            draft.definition = format!(
                "COMMENT ON CONSTRAINT {constraint} ON {qualified} IS {};\n",
                literal(text)
            );
            draft.needs = vec![needs];
            out.put_fresh(draft);
        }
    }
    for check in &table.checks {
        let constraint = world.objects.get(check.node);
        if !constraint.separate && check.is_local && constraint.dump.has(Components::COMMENT) {
            let subject = Subject {
                kind: &format!("CONSTRAINT {} ON", identifier(&constraint.name)),
                namespace: Some(&table.schema),
                name: &name,
                owner: &table.owner,
                needs,
            };
            world.put_remarks(constraint.catalog_id, &subject, out);
        }
    }
}
