//! Foreign data wrappers, foreign servers, and the user mappings of these. Used by `catalog`.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::error::Result;
use crate::text::{identifier, literal};
use crate::toc::Kind;

use super::Reading;
use super::acl::{self, Acl, Grantable};
use super::object::ObjectKind;
use super::owner;
use super::render::Draft;
use super::settled::Settled;

/// A column of options as the inside of an OPTIONS clause; empty if there are none.
pub(crate) fn options(column: &str) -> String {
    format!(
        "pg_catalog.array_to_string(ARRAY(\
           SELECT pg_catalog.quote_ident(o.option_name) || ' ' || \
             pg_catalog.quote_literal(o.option_value) \
           FROM pg_catalog.pg_options_to_table({column}) o ORDER BY o.option_name), \
         E',\\n    ')"
    )
}

fn push_options(sql: &mut String, options: Option<String>) {
    if let Some(options) = options.filter(|options| !options.is_empty()) {
        let _ = write!(sql, " OPTIONS (\n    {options}\n)");
    }
    sql.push_str(";\n");
}

/// Adds every foreign data wrapper that initdb did not make.
pub(crate) async fn read_wrappers(reading: &mut Reading<'_>) -> Result<()> {
    let rows = reading
        .conn
        .rows(&format!(
            "SELECT w.tableoid, w.oid, w.fdwname, r.rolname AS owner, {}, {} AS options, \
             CASE WHEN w.fdwhandler <> 0 THEN \
               w.fdwhandler::pg_catalog.regproc::pg_catalog.text END AS handler, \
             CASE WHEN w.fdwvalidator <> 0 THEN \
               w.fdwvalidator::pg_catalog.regproc::pg_catalog.text END AS validator \
             FROM pg_catalog.pg_foreign_data_wrapper w \
             LEFT JOIN pg_catalog.pg_roles r ON r.oid = w.fdwowner \
             WHERE w.oid >= 16384 ORDER BY w.oid",
            acl::columns("pg_foreign_data_wrapper", "w", "fdwacl", "fdwowner", 'F'),
            options("w.fdwoptions"),
        ))
        .await?;
    for row in rows {
        let name = row.text("fdwname")?;
        let quoted = identifier(&name).into_owned();
        let owner = owner::of_row(&row, "foreign data wrapper", &name)?;
        let mut settled = Settled::new(Kind::ForeignDataWrapper, &*name, owner);
        let mut sql = format!("CREATE FOREIGN DATA WRAPPER {quoted}");
        for (option, column) in [("HANDLER", "handler"), ("VALIDATOR", "validator")] {
            if let Some(function) = row.opt_text(column)? {
                let _ = write!(sql, " {option} {function}");
            }
        }
        push_options(&mut sql, row.opt_text("options")?);
        settled.definition = sql;
        settled.drop = format!("DROP FOREIGN DATA WRAPPER {quoted};\n");
        settled.comment_on = Some(("FOREIGN DATA WRAPPER", quoted.clone()));
        settled.grants = Some((Grantable::ForeignDataWrapper, quoted, Acl::of_row(&row)?));
        reading.add_settled(ObjectKind::ForeignDataWrapper, &row, &name, None, settled)?;
    }
    Ok(())
}

/// Adds every foreign server with its user mappings.
pub(crate) async fn read_servers(reading: &mut Reading<'_>) -> Result<()> {
    // The view shows no options to who may not use the server; the catalog below it is for
    // superusers alone.
    let rows = reading
        .conn
        .rows(&format!(
            "SELECT m.srvid, m.usename::pg_catalog.text AS role, {} AS options \
             FROM pg_catalog.pg_user_mappings m ORDER BY m.srvid, m.usename",
            options("m.umoptions"),
        ))
        .await?;
    let mut mappings: HashMap<u32, Vec<(String, Option<String>)>> = HashMap::new();
    for row in rows {
        mappings
            .entry(row.get("srvid")?)
            .or_default()
            .push((row.text("role")?, row.opt_text("options")?));
    }
    let rows = reading
        .conn
        .rows(&format!(
            "SELECT s.tableoid, s.oid, s.srvname, r.rolname AS owner, {}, {} AS options, \
             s.srvtype, s.srvversion, w.fdwname \
             FROM pg_catalog.pg_foreign_server s \
             JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw \
             LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.srvowner \
             WHERE s.oid >= 16384 ORDER BY s.oid",
            acl::columns("pg_foreign_server", "s", "srvacl", "srvowner", 'S'),
            options("s.srvoptions"),
        ))
        .await?;
    for row in rows {
        let name = row.text("srvname")?;
        let quoted = identifier(&name).into_owned();
        let owner = owner::of_row(&row, "foreign server", &name)?;
        let mut settled = Settled::new(Kind::Server, &*name, owner.clone());
        let mut sql = format!("CREATE SERVER {quoted}");
        for (option, column) in [("TYPE", "srvtype"), ("VERSION", "srvversion")] {
            if let Some(value) = row.opt_text(column)?.filter(|value| !value.is_empty()) {
                let _ = write!(sql, " {option} {}", literal(&value));
            }
        }
        let _ = write!(
            sql,
            " FOREIGN DATA WRAPPER {}",
            identifier(&row.text("fdwname")?)
        );
        push_options(&mut sql, row.opt_text("options")?);
        settled.definition = sql;
        settled.drop = format!("DROP SERVER {quoted};\n");
        settled.comment_on = Some(("SERVER", quoted.clone()));
        let server_mappings = mappings.remove(&row.get("oid")?).unwrap_or_default();
        for (role, options) in server_mappings {
            let tag = format!("USER MAPPING {role} SERVER {name}");
            let mut draft = Draft::new(Kind::UserMapping, tag);
            draft.owner.clone_from(&owner);
            let which = format!("USER MAPPING FOR {} SERVER {quoted}", identifier(&role));
            draft.definition = format!("CREATE {which}");
            push_options(&mut draft.definition, options);
            draft.drop = format!("DROP {which};\n");
            settled.after.push(draft);
        }
        settled.grants = Some((Grantable::ForeignServer, quoted, Acl::of_row(&row)?));
        reading.add_settled(ObjectKind::ForeignServer, &row, &name, None, settled)?;
    }
    Ok(())
}
