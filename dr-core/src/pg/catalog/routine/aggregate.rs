//! Aggregates: ordinary, ordered-set and hypothetical-set. Used by `routine`.

use std::fmt::Write as _;

use crate::error::{Error, ErrorKind, Result};
use crate::pg::Row;
use crate::pg::catalog::Reading;
use crate::pg::catalog::acl::{self, Grantable};
use crate::pg::catalog::object::ObjectKind;
use crate::pg::catalog::settled::Settled;
use crate::text::{identifier, literal};
use crate::toc::Kind;

use super::{COLUMNS, CONDITION, Head, add};

/// Adds every aggregate.
pub(in crate::pg::catalog) async fn read(reading: &mut Reading<'_>) -> Result<()> {
    let function = |column: &str| format!("nullif(a.{column}::pg_catalog.text, '-') AS {column}");
    let functions: Vec<String> = [
        "aggtransfn",
        "aggfinalfn",
        "aggcombinefn",
        "aggserialfn",
        "aggdeserialfn",
        "aggmtransfn",
        "aggminvtransfn",
        "aggmfinalfn",
    ]
    .into_iter()
    .map(function)
    .collect();
    let rows = reading
        .conn
        .rows(&format!(
            "SELECT {COLUMNS}, {}, {}, s.nspname, p.proparallel, a.aggkind, \
             a.aggfinalextra, a.aggmfinalextra, a.aggfinalmodify, a.aggmfinalmodify, \
             a.aggtranstype::pg_catalog.regtype::pg_catalog.text AS aggtranstype, \
             a.aggmtranstype::pg_catalog.regtype::pg_catalog.text AS aggmtranstype, \
             a.aggtransspace, a.aggmtransspace, a.agginitval, a.aggminitval, \
             o.oprname AS sort_operator, n.nspname AS sort_operator_schema \
             FROM pg_catalog.pg_proc p \
             JOIN pg_catalog.pg_aggregate a ON a.aggfnoid = p.oid \
             JOIN pg_catalog.pg_namespace s ON s.oid = p.pronamespace \
             LEFT JOIN pg_catalog.pg_roles r ON r.oid = p.proowner \
             LEFT JOIN pg_catalog.pg_operator o ON o.oid = a.aggsortop \
             LEFT JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace \
             WHERE p.prokind = 'a' AND {CONDITION} \
             ORDER BY p.oid",
            acl::columns("pg_proc", "p", "proacl", "proowner", 'f'),
            functions.join(", "),
        ))
        .await?;
    for row in rows {
        let head = Head::of_row(&row)?;
        let qualifier = identifier(&row.text("nspname")?).into_owned();
        let with = |arguments: &str| {
            let name = identifier(&head.name);
            if head.argument_types.is_empty() {
                format!("{name}(*)")
            } else {
                format!("{name}({arguments})")
            }
        };
        let definition = format!(
            "CREATE AGGREGATE {qualifier}.{} (\n{}\n);\n",
            with(&head.arguments),
            options(&row, &head.name)?
        );
        let signature = with(&head.identity_arguments);
        let drop = format!("DROP AGGREGATE {qualifier}.{signature};\n");
        add(
            reading,
            ObjectKind::Aggregate,
            &row,
            head,
            |head, owner, acl| {
                let types = if head.argument_types.is_empty() {
                    "*".to_owned()
                } else {
                    head.argument_types.join(", ")
                };
                let tag = format!("{}({types})", head.name);
                let mut settled = Settled::new(Kind::Aggregate, tag, owner);
                settled.definition = definition;
                settled.drop = drop;
                settled.comment_on = Some(("AGGREGATE", signature));
                // There is no GRANT ON AGGREGATE.
                settled.grants = Some((Grantable::Function, head.grant_signature(), acl));
                Ok(settled)
            },
        )?;
    }
    Ok(())
}

/// The options between the parentheses.
fn options(row: &Row, name: &str) -> Result<String> {
    let kind = row.char("aggkind")?;
    // What CREATE AGGREGATE assumes: only an ordinary aggregate's final function leaves the state
    // alone.
    let usual_modify = if kind == b'n' { b'r' } else { b'w' };
    let mut sql = format!(
        "    SFUNC = {},\n    STYPE = {}",
        row.text("aggtransfn")?,
        row.text("aggtranstype")?
    );
    push_state(
        &mut sql,
        row,
        "SSPACE",
        "aggtransspace",
        "INITCOND",
        "agginitval",
    )?;
    push_final(&mut sql, row, name, usual_modify, "FINALFUNC", "aggfinal")?;
    for (option, column) in [
        ("COMBINEFUNC", "aggcombinefn"),
        ("SERIALFUNC", "aggserialfn"),
        ("DESERIALFUNC", "aggdeserialfn"),
    ] {
        if let Some(function) = row.opt_text(column)? {
            let _ = write!(sql, ",\n    {option} = {function}");
        }
    }
    if let Some(function) = row.opt_text("aggmtransfn")? {
        let _ = write!(
            sql,
            ",\n    MSFUNC = {function},\n    MINVFUNC = {},\n    MSTYPE = {}",
            row.opt_text("aggminvtransfn")?.as_deref().unwrap_or("-"),
            row.text("aggmtranstype")?
        );
    }
    push_state(
        &mut sql,
        row,
        "MSSPACE",
        "aggmtransspace",
        "MINITCOND",
        "aggminitval",
    )?;
    push_final(&mut sql, row, name, usual_modify, "MFINALFUNC", "aggmfinal")?;
    if let Some(operator) = row.opt_text("sort_operator")? {
        let schema = row.opt_text("sort_operator_schema")?.unwrap_or_default();
        let _ = write!(
            sql,
            ",\n    SORTOP = OPERATOR({}.{operator})",
            identifier(&schema)
        );
    }
    if kind == b'h' {
        sql.push_str(",\n    HYPOTHETICAL");
    }
    match row.char("proparallel")? {
        b'u' => {}
        b's' => sql.push_str(",\n    PARALLEL = safe"),
        b'r' => sql.push_str(",\n    PARALLEL = restricted"),
        other => return Err(unknown(name, "parallel safety", other)),
    }
    Ok(sql)
}

/// Appends the size and the initial value of a state.
fn push_state(
    sql: &mut String,
    row: &Row,
    space_option: &str,
    space_column: &str,
    value_option: &str,
    value_column: &str,
) -> Result<()> {
    let space: i32 = row.get(space_column)?;
    if space != 0 {
        let _ = write!(sql, ",\n    {space_option} = {space}");
    }
    if let Some(value) = row.opt_text(value_column)? {
        let _ = write!(sql, ",\n    {value_option} = {}", literal(&value));
    }
    Ok(())
}

/// Appends a final function with its options; `columns` is what its column names begin with.
fn push_final(
    sql: &mut String,
    row: &Row,
    name: &str,
    usual_modify: u8,
    option: &str,
    columns: &str,
) -> Result<()> {
    let Some(function) = row.opt_text(&format!("{columns}fn"))? else {
        return Ok(());
    };
    let _ = write!(sql, ",\n    {option} = {function}");
    if row.get(&format!("{columns}extra"))? {
        let _ = write!(sql, ",\n    {option}_EXTRA");
    }
    let modify = row.char(&format!("{columns}modify"))?;
    if modify != usual_modify {
        let word = match modify {
            b'r' => "READ_ONLY",
            b's' => "SHAREABLE",
            b'w' => "READ_WRITE",
            other => return Err(unknown(name, "modification of its state", other)),
        };
        let _ = write!(sql, ",\n    {option}_MODIFY = {word}");
    }
    Ok(())
}

fn unknown(name: &str, what: &str, letter: u8) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!(
            "aggregate {name} has the unknown {what} {:?}",
            char::from(letter)
        ),
    )
}
