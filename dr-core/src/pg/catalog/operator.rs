//! Operators, and the access methods their classes are for. Used by `catalog`.

use std::fmt::Write as _;

use crate::error::{Error, ErrorKind, Result};
use crate::text::identifier;
use crate::toc::Kind;

use super::Reading;
use super::object::{ObjectKind, Tie};
use super::owner;
use super::settled::{Settled, catalog_id};

/// Adds every operator that initdb did not make.
pub(crate) async fn read_operators(reading: &mut Reading<'_>) -> Result<()> {
    let rows = reading
        .conn
        .rows(
            "SELECT o.tableoid, o.oid, o.oprname, o.oprnamespace, n.nspname, r.rolname AS owner, \
             o.oprkind, o.oprcanmerge, o.oprcanhash, \
             nullif(o.oprcode::pg_catalog.regproc::pg_catalog.text, '-') AS function, \
             nullif(o.oprrest::pg_catalog.regproc::pg_catalog.text, '-') AS restriction, \
             nullif(o.oprjoin::pg_catalog.regproc::pg_catalog.text, '-') AS join_estimate, \
             CASE WHEN o.oprleft <> 0 THEN o.oprleft::pg_catalog.regtype::pg_catalog.text END \
               AS left_type, \
             CASE WHEN o.oprright <> 0 THEN o.oprright::pg_catalog.regtype::pg_catalog.text END \
               AS right_type, \
             ln.nspname AS left_schema, l.typname AS left_name, \
             rn.nspname AS right_schema, t.typname AS right_name, \
             c.oprname AS commutator, cn.nspname AS commutator_schema, \
             g.oprname AS negator, gn.nspname AS negator_schema \
             FROM pg_catalog.pg_operator o \
             JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace \
             LEFT JOIN pg_catalog.pg_roles r ON r.oid = o.oprowner \
             LEFT JOIN pg_catalog.pg_type l ON l.oid = o.oprleft \
             LEFT JOIN pg_catalog.pg_namespace ln ON ln.oid = l.typnamespace \
             LEFT JOIN pg_catalog.pg_type t ON t.oid = o.oprright \
             LEFT JOIN pg_catalog.pg_namespace rn ON rn.oid = t.typnamespace \
             LEFT JOIN pg_catalog.pg_operator c ON c.oid = o.oprcom \
             LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = c.oprnamespace \
             LEFT JOIN pg_catalog.pg_operator g ON g.oid = o.oprnegate \
             LEFT JOIN pg_catalog.pg_namespace gn ON gn.oid = g.oprnamespace \
             WHERE o.oid >= 16384 \
             ORDER BY o.oid",
        )
        .await?;
    for row in rows {
        let name = row.text("oprname")?;
        let qualifier = identifier(&row.text("nspname")?).into_owned();
        let owner = owner::of_row(&row, "operator", &name)?;
        let left = row.opt_text("left_type")?;
        let right = row.opt_text("right_type")?;
        let namespace = reading.namespace(row.get("oprnamespace")?)?;
        let id = reading.objects.add(
            ObjectKind::Operator,
            catalog_id(&row)?,
            &name,
            Some(namespace),
        );
        reading.objects.select(id);
        let mut types = Vec::new();
        for side in ["left", "right"] {
            types.push((
                row.opt_text(&format!("{side}_schema"))?.unwrap_or_default(),
                row.opt_text(&format!("{side}_name"))?.unwrap_or_default(),
            ));
        }
        let node = reading.objects.get_mut(id);
        // Postfix before prefix before infix: by the letter, backwards.
        node.tie = Tie::Arguments(usize::from(u8::MAX - row.char("oprkind")?), types);
        // A shell, named as another's commutator and never made: that other's definition names it.
        let Some(function) = row.opt_text("function")? else {
            continue;
        };

        let mut options = format!("    FUNCTION = {function}");
        for (option, value) in [("LEFTARG", &left), ("RIGHTARG", &right)] {
            if let Some(value) = value {
                let _ = write!(options, ",\n    {option} = {value}");
            }
        }
        for (option, column) in [("COMMUTATOR", "commutator"), ("NEGATOR", "negator")] {
            if let Some(operator) = row.opt_text(column)? {
                let schema = row
                    .opt_text(&format!("{column}_schema"))?
                    .unwrap_or_default();
                let _ = write!(
                    options,
                    ",\n    {option} = OPERATOR({}.{operator})",
                    identifier(&schema)
                );
            }
        }
        for (option, column) in [("MERGES", "oprcanmerge"), ("HASHES", "oprcanhash")] {
            if row.get(column)? {
                let _ = write!(options, ",\n    {option}");
            }
        }
        for (option, column) in [("RESTRICT", "restriction"), ("JOIN", "join_estimate")] {
            if let Some(function) = row.opt_text(column)? {
                let _ = write!(options, ",\n    {option} = {function}");
            }
        }
        let with_types = format!(
            "{name} ({}, {})",
            left.as_deref().unwrap_or("NONE"),
            right.as_deref().unwrap_or("NONE")
        );
        let mut settled = Settled::new(Kind::Operator, &*name, owner);
        settled.definition = format!("CREATE OPERATOR {qualifier}.{name} (\n{options}\n);\n");
        settled.drop = format!("DROP OPERATOR {qualifier}.{with_types};\n");
        settled.comment_on = Some(("OPERATOR", with_types));
        reading.objects.get_mut(id).body = Some(Box::new(settled));
    }
    Ok(())
}

/// Adds every access method that initdb did not make.
pub(crate) async fn read_access_methods(reading: &mut Reading<'_>) -> Result<()> {
    let rows = reading
        .conn
        .rows(
            "SELECT tableoid, oid, amname, amtype, amhandler::pg_catalog.text AS handler \
             FROM pg_catalog.pg_am WHERE oid >= 16384 ORDER BY oid",
        )
        .await?;
    for row in rows {
        let name = row.text("amname")?;
        let quoted = identifier(&name).into_owned();
        let of = match row.char("amtype")? {
            b'i' => "INDEX",
            b't' => "TABLE",
            other => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    format!(
                        "access method {name} is of the unknown type {:?}",
                        char::from(other)
                    ),
                ));
            }
        };
        let mut settled = Settled::new(Kind::from("ACCESS METHOD"), &*name, "");
        settled.definition = format!(
            "CREATE ACCESS METHOD {quoted} TYPE {of} HANDLER {};\n",
            row.text("handler")?
        );
        settled.drop = format!("DROP ACCESS METHOD {quoted};\n");
        settled.comment_on = Some(("ACCESS METHOD", quoted));
        reading.add_settled(ObjectKind::AccessMethod, &row, &name, None, settled)?;
    }
    Ok(())
}
