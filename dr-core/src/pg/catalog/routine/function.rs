//! Functions and procedures. Used by `routine`.

use std::fmt::Write as _;

use crate::error::{Error, ErrorKind, Result};
use crate::pg::Row;
use crate::pg::catalog::Reading;
use crate::pg::catalog::acl::{self, Grantable};
use crate::pg::catalog::object::ObjectKind;
use crate::pg::catalog::setting;
use crate::pg::catalog::settled::Settled;
use crate::text::{dollar_quoted, identifier, literal};
use crate::toc::Kind;

use super::{COLUMNS, CONDITION, Head, add};

/// Adds every function and procedure.
pub(in crate::pg::catalog) async fn read(reading: &mut Reading<'_>) -> Result<()> {
    let body = if reading.since(14) {
        "pg_catalog.pg_get_function_sqlbody(p.oid)"
    } else {
        "NULL::pg_catalog.text"
    };
    let rows = reading
        .conn
        .rows(&format!(
            "SELECT {COLUMNS}, {}, s.nspname, p.prokind, p.proretset, p.prosrc, p.probin, \
             p.provolatile, p.proisstrict, p.prosecdef, p.proleakproof, p.proparallel, \
             p.procost::pg_catalog.text AS cost, p.prorows::pg_catalog.text AS result_rows, \
             nullif(p.prosupport::pg_catalog.text, '-') AS support, \
             p.proconfig, l.lanname, {body} AS sql_body, \
             pg_catalog.pg_get_function_result(p.oid) AS result, \
             ARRAY(SELECT pg_catalog.format_type(a.type, NULL) \
               FROM pg_catalog.unnest(p.protrftypes) WITH ORDINALITY a (type, n) \
               ORDER BY a.n) AS transforms, \
             ARRAY(SELECT e.extname::pg_catalog.text FROM pg_catalog.pg_depend d \
               JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid \
               WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid \
               AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass \
               AND d.deptype = 'x') AS needs_extensions \
             FROM pg_catalog.pg_proc p \
             JOIN pg_catalog.pg_namespace s ON s.oid = p.pronamespace \
             JOIN pg_catalog.pg_language l ON l.oid = p.prolang \
             LEFT JOIN pg_catalog.pg_roles r ON r.oid = p.proowner \
             WHERE p.prokind <> 'a' AND {CONDITION} \
             ORDER BY p.oid",
            acl::columns("pg_proc", "p", "proacl", "proowner", 'f')
        ))
        .await?;
    for row in rows {
        let head = Head::of_row(&row)?;
        let namespace = row.text("nspname")?;
        let procedure = row.char("prokind")? == b'p';
        let keyword = if procedure { "PROCEDURE" } else { "FUNCTION" };
        let name = identifier(&head.name).into_owned();
        let signature = format!("{name}({})", head.identity_arguments);
        let qualifier = identifier(&namespace);
        let mut definition = format!("CREATE {keyword} {qualifier}.{name}({})", head.arguments);
        push_definition(&mut definition, &row, &head, procedure)?;
        for extension in row.texts("needs_extensions")? {
            let _ = write!(
                definition,
                "\nALTER {keyword} {qualifier}.{signature} DEPENDS ON EXTENSION {};",
                identifier(&extension)
            );
        }
        let drop = format!("DROP {keyword} {qualifier}.{signature};\n");
        add(
            reading,
            ObjectKind::Function,
            &row,
            head,
            |head, owner, acl| {
                let of = if procedure {
                    Kind::Procedure
                } else {
                    Kind::Function
                };
                let grant_on = if procedure {
                    Grantable::Procedure
                } else {
                    Grantable::Function
                };
                let tag = format!("{}({})", head.name, head.argument_types.join(", "));
                let mut settled = Settled::new(of, tag, owner);
                settled.definition = definition;
                settled.drop = drop;
                settled.comment_on = Some((keyword, signature.clone()));
                settled.grants = Some((grant_on, signature, acl));
                Ok(settled)
            },
        )?;
    }
    Ok(())
}

/// Appends everything of the definition that follows the arguments.
fn push_definition(sql: &mut String, row: &Row, head: &Head, procedure: bool) -> Result<()> {
    let unknown = |what: &str, letter: u8| {
        Error::new(
            ErrorKind::Unsupported,
            format!(
                "function {} has the unknown {what} {:?}",
                head.name,
                char::from(letter)
            ),
        )
    };
    let language = row.text("lanname")?;
    let returns_set: bool = row.get("proretset")?;
    if !procedure && let Some(result) = row.opt_text("result")? {
        let _ = write!(sql, " RETURNS {result}");
    }
    let _ = write!(sql, "\n    LANGUAGE {}", identifier(&language));
    let transforms = row.texts("transforms")?;
    if !transforms.is_empty() {
        let types: Vec<String> = transforms
            .iter()
            .map(|of_type| format!("FOR TYPE {of_type}"))
            .collect();
        let _ = write!(sql, " TRANSFORM {}", types.join(", "));
    }
    if row.char("prokind")? == b'w' {
        sql.push_str(" WINDOW");
    }
    match row.char("provolatile")? {
        b'v' => {}
        b'i' => sql.push_str(" IMMUTABLE"),
        b's' => sql.push_str(" STABLE"),
        other => return Err(unknown("volatility", other)),
    }
    for (column, words) in [
        ("proisstrict", " STRICT"),
        ("prosecdef", " SECURITY DEFINER"),
        ("proleakproof", " LEAKPROOF"),
    ] {
        if row.get(column)? {
            sql.push_str(words);
        }
    }
    // What CREATE FUNCTION would choose by itself is not written.
    let cost = row.text("cost")?;
    let usual_cost = if matches!(language.as_str(), "internal" | "c") {
        "1"
    } else {
        "100"
    };
    if cost != "0" && cost != usual_cost {
        let _ = write!(sql, " COST {cost}");
    }
    let rows = row.text("result_rows")?;
    if returns_set && rows != "0" && rows != "1000" {
        let _ = write!(sql, " ROWS {rows}");
    }
    if let Some(support) = row.opt_text("support")? {
        let _ = write!(sql, " SUPPORT {support}");
    }
    match row.char("proparallel")? {
        b'u' => {}
        b's' => sql.push_str(" PARALLEL SAFE"),
        b'r' => sql.push_str(" PARALLEL RESTRICTED"),
        other => return Err(unknown("parallel safety", other)),
    }
    for item in row.texts("proconfig")? {
        if let Some((name, value)) = item.split_once('=') {
            let _ = write!(sql, "\n    SET {} TO ", identifier(name));
            setting::push_value(sql, name, value, |sql, text| sql.push_str(&literal(text)));
        }
    }
    sql.push_str("\n    ");
    push_body(sql, row)?;
    sql.push_str(";\n");
    Ok(())
}

/// Appends `AS …`, or the SQL-standard body.
fn push_body(sql: &mut String, row: &Row) -> Result<()> {
    if let Some(body) = row.opt_text("sql_body")? {
        sql.push_str(&body);
        return Ok(());
    }
    let source = row.text("prosrc")?;
    sql.push_str("AS ");
    match row.opt_text("probin")?.filter(|file| !file.is_empty()) {
        Some(file) => {
            sql.push_str(&literal(&file));
            if !source.is_empty() {
                sql.push_str(", ");
                if source.contains(['\'', '\\']) {
                    sql.push_str(&dollar_quoted(&source));
                } else {
                    sql.push_str(&literal(&source));
                }
            }
        }
        None => sql.push_str(&dollar_quoted(&source)),
    }
    Ok(())
}
