//! Casts, and transforms between types and procedural languages. Used by `catalog`.

use crate::error::{Error, ErrorKind, Result};
use crate::text::{identifier, qualified};
use crate::toc::Kind;

use super::Reading;
use super::object::ObjectKind;
use super::settled::Settled;

/// The name and argument types of a function joined as `p`, in a schema joined as `pn`. A function
/// of the system is qualified too, which the server's own formatting would not do.
const FUNCTION: &str = "pn.nspname AS function_schema, p.proname AS function_name, \
    ARRAY(SELECT pg_catalog.format_type(a.type, NULL) \
      FROM pg_catalog.unnest(p.proargtypes::pg_catalog.oid[]) WITH ORDINALITY a (type, n) \
      ORDER BY a.n) AS function_arguments";

/// Adds every cast that initdb did not make; that of a range to its multirange comes with it.
pub(crate) async fn read_casts(reading: &mut Reading<'_>) -> Result<()> {
    let rows = reading
        .conn
        .rows(&format!(
            "SELECT c.tableoid, c.oid, s.typname AS source_name, t.typname AS target_name, \
             pg_catalog.format_type(c.castsource, NULL) AS source, \
             pg_catalog.format_type(c.casttarget, NULL) AS target, \
             c.castcontext, c.castmethod, {FUNCTION} \
             FROM pg_catalog.pg_cast c \
             JOIN pg_catalog.pg_type s ON s.oid = c.castsource \
             JOIN pg_catalog.pg_type t ON t.oid = c.casttarget \
             LEFT JOIN pg_catalog.pg_proc p ON p.oid = c.castfunc \
             LEFT JOIN pg_catalog.pg_namespace pn ON pn.oid = p.pronamespace \
             WHERE c.oid >= 16384 \
             AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
               WHERE d.classid = c.tableoid AND d.objid = c.oid AND d.deptype = 'i') \
             ORDER BY c.oid"
        ))
        .await?;
    for row in rows {
        let name = format!("{} {}", row.text("source_name")?, row.text("target_name")?);
        let between = format!("({} AS {})", row.text("source")?, row.text("target")?);
        let method = match row.char("castmethod")? {
            b'b' => "WITHOUT FUNCTION".to_owned(),
            b'i' => "WITH INOUT".to_owned(),
            b'f' => {
                let function = qualified(
                    &row.opt_text("function_schema")?.unwrap_or_default(),
                    &row.opt_text("function_name")?.unwrap_or_default(),
                );
                let arguments = row.texts("function_arguments")?.join(", ");
                format!("WITH FUNCTION {function}({arguments})")
            }
            other => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    format!(
                        "cast {between} has the unknown method {:?}",
                        char::from(other)
                    ),
                ));
            }
        };
        let context = match row.char("castcontext")? {
            b'a' => " AS ASSIGNMENT",
            b'i' => " AS IMPLICIT",
            _ => "",
        };
        let mut settled = Settled::new(Kind::Cast, format!("CAST {between}"), "");
        settled.definition = format!("CREATE CAST {between} {method}{context};\n");
        settled.drop = format!("DROP CAST {between};\n");
        settled.comment_on = Some(("CAST", between));
        reading.add_settled(ObjectKind::Cast, &row, &name, None, settled)?;
    }
    Ok(())
}

/// Adds every transform.
pub(crate) async fn read_transforms(reading: &mut Reading<'_>) -> Result<()> {
    let signature = |column: &str| {
        format!(
            "(SELECT pn.nspname FROM pg_catalog.pg_proc p \
               JOIN pg_catalog.pg_namespace pn ON pn.oid = p.pronamespace \
               WHERE p.oid = x.{column}) AS {column}_schema, \
             (SELECT p.proname FROM pg_catalog.pg_proc p WHERE p.oid = x.{column}) \
               AS {column}_name, \
             (SELECT ARRAY(SELECT pg_catalog.format_type(a.type, NULL) \
                FROM pg_catalog.unnest(p.proargtypes::pg_catalog.oid[]) \
                WITH ORDINALITY a (type, n) ORDER BY a.n) \
               FROM pg_catalog.pg_proc p WHERE p.oid = x.{column}) AS {column}_arguments"
        )
    };
    let rows = reading
        .conn
        .rows(&format!(
            "SELECT x.tableoid, x.oid, t.typname, l.lanname, \
             pg_catalog.format_type(x.trftype, NULL) AS for_type, {}, {} \
             FROM pg_catalog.pg_transform x \
             JOIN pg_catalog.pg_type t ON t.oid = x.trftype \
             JOIN pg_catalog.pg_language l ON l.oid = x.trflang \
             WHERE x.oid >= 16384 \
             ORDER BY x.oid",
            signature("trffromsql"),
            signature("trftosql"),
        ))
        .await?;
    for row in rows {
        let language = row.text("lanname")?;
        let language = identifier(&language);
        let name = format!("{} {language}", row.text("typname")?);
        let which = format!("FOR {} LANGUAGE {language}", row.text("for_type")?);
        let mut functions = Vec::new();
        for (column, words) in [("trffromsql", "FROM SQL"), ("trftosql", "TO SQL")] {
            if let Some(function) = row.opt_text(&format!("{column}_name"))? {
                let schema = row.opt_text(&format!("{column}_schema"))?;
                let arguments = row.texts(&format!("{column}_arguments"))?.join(", ");
                functions.push(format!(
                    "{words} WITH FUNCTION {}({arguments})",
                    qualified(&schema.unwrap_or_default(), &function)
                ));
            }
        }
        let mut settled = Settled::new(Kind::Transform, format!("TRANSFORM {which}"), "");
        settled.definition = format!("CREATE TRANSFORM {which} ({});\n", functions.join(", "));
        settled.drop = format!("DROP TRANSFORM {which};\n");
        settled.comment_on = Some(("TRANSFORM", which));
        settled.exact_dependencies = true;
        reading.add_settled(ObjectKind::Transform, &row, &name, None, settled)?;
    }
    Ok(())
}
