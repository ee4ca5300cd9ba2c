//! Collations and encoding conversions. Used by `catalog` after schemas.

use std::fmt::Write as _;

use crate::error::{Error, ErrorKind, Result};
use crate::pg::Row;
use crate::text::{identifier, literal, qualified};
use crate::toc::Kind;

use super::Reading;
use super::object::{ObjectKind, Tie};
use super::owner;
use super::settled::{Settled, catalog_id};

/// Adds every collation that initdb did not make.
pub(crate) async fn read_collations(reading: &mut Reading<'_>) -> Result<()> {
    let locale = match reading.version.major() {
        ..15 => "NULL::pg_catalog.text",
        15 | 16 => "c.colliculocale::pg_catalog.text",
        17.. => "c.colllocale::pg_catalog.text",
    };
    let rules = if reading.since(16) {
        "c.collicurules::pg_catalog.text"
    } else {
        "NULL::pg_catalog.text"
    };
    let rows = reading
        .conn
        .rows(&format!(
            "SELECT c.tableoid, c.oid, c.collname, c.collnamespace, n.nspname, \
             r.rolname AS owner, c.collencoding, c.collprovider, c.collisdeterministic, \
             nullif(c.collcollate::pg_catalog.text, '') AS collate_name, \
             nullif(c.collctype::pg_catalog.text, '') AS ctype_name, \
             {locale} AS locale, {rules} AS rules \
             FROM pg_catalog.pg_collation c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace \
             LEFT JOIN pg_catalog.pg_roles r ON r.oid = c.collowner \
             WHERE c.oid >= 16384 \
             ORDER BY c.oid"
        ))
        .await?;
    for row in rows {
        let name = row.text("collname")?;
        let full_name = qualified(&row.text("nspname")?, &name);
        let owner = owner::of_row(&row, "collation", &full_name)?;
        let mut settled = Settled::new(Kind::Collation, &*name, owner);
        settled.definition = format!(
            "CREATE COLLATION {full_name} ({});\n",
            collation_options(&row, &full_name)?
        );
        settled.drop = format!("DROP COLLATION {full_name};\n");
        settled.comment_on = Some(("COLLATION", identifier(&name).into_owned()));
        let namespace = reading.namespace(row.get("collnamespace")?)?;
        let id = reading.objects.add(
            ObjectKind::Collation,
            catalog_id(&row)?,
            name,
            Some(namespace),
        );
        reading.objects.select(id);
        let node = reading.objects.get_mut(id);
        node.tie = Tie::Number(row.get("collencoding")?);
        node.body = Some(Box::new(settled));
    }
    Ok(())
}

fn collation_options(row: &Row, full_name: &str) -> Result<String> {
    let collate = row.opt_text("collate_name")?;
    let ctype = row.opt_text("ctype_name")?;
    let locale = row.opt_text("locale")?;
    let provider = row.char("collprovider")?;
    let mut sql = String::from(match provider {
        b'b' => "provider = builtin",
        b'c' => "provider = libc",
        b'i' => "provider = icu",
        b'd' => "provider = default",
        other => {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "collation {full_name} has the unknown provider {:?}",
                    char::from(other)
                ),
            ));
        }
    });
    if !row.get::<bool>("collisdeterministic")? {
        sql.push_str(", deterministic = false");
    }
    let quoted = |text: &Option<String>| literal(text.as_deref().unwrap_or_default());
    match provider {
        b'b' | b'i' => {
            // Before PostgreSQL 15 an ICU locale stood where the C library's are.
            let locale = if locale.is_some() { &locale } else { &collate };
            let _ = write!(sql, ", locale = {}", quoted(locale));
            if let Some(rules) = row.opt_text("rules")? {
                let _ = write!(sql, ", rules = {}", literal(&rules));
            }
        }
        b'c' if collate.is_some() && collate == ctype => {
            let _ = write!(sql, ", locale = {}", quoted(&collate));
        }
        b'c' => {
            let _ = write!(
                sql,
                ", lc_collate = {}, lc_ctype = {}",
                quoted(&collate),
                quoted(&ctype)
            );
        }
        _ => {}
    }
    Ok(sql)
}

/// Adds every conversion that initdb did not make.
pub(crate) async fn read_conversions(reading: &mut Reading<'_>) -> Result<()> {
    let rows = reading
        .conn
        .rows(
            "SELECT c.tableoid, c.oid, c.conname, c.connamespace, n.nspname, \
             r.rolname AS owner, c.condefault, c.conproc::pg_catalog.text AS function, \
             pg_catalog.pg_encoding_to_char(c.conforencoding) AS source, \
             pg_catalog.pg_encoding_to_char(c.contoencoding) AS target \
             FROM pg_catalog.pg_conversion c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace \
             LEFT JOIN pg_catalog.pg_roles r ON r.oid = c.conowner \
             WHERE c.oid >= 16384 \
             ORDER BY c.oid",
        )
        .await?;
    for row in rows {
        let name = row.text("conname")?;
        let full_name = qualified(&row.text("nspname")?, &name);
        let owner = owner::of_row(&row, "conversion", &full_name)?;
        let mut settled = Settled::new(Kind::Conversion, &*name, owner);
        settled.definition = format!(
            "CREATE {}CONVERSION {full_name} FOR {} TO {} FROM {};\n",
            if row.get("condefault")? {
                "DEFAULT "
            } else {
                ""
            },
            literal(&row.text("source")?),
            literal(&row.text("target")?),
            row.text("function")?
        );
        settled.drop = format!("DROP CONVERSION {full_name};\n");
        settled.comment_on = Some(("CONVERSION", identifier(&name).into_owned()));
        let namespace = reading.namespace(row.get("connamespace")?)?;
        reading.add_settled(
            ObjectKind::Conversion,
            &row,
            &name,
            Some(namespace),
            settled,
        )?;
    }
    Ok(())
}
