//! Base types: those with input and output functions of their own. Used by `types`.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::error::Result;
use crate::pg::Conn;
use crate::text::literal;

/// One base type: the options of its CREATE TYPE in their order, each with its value if it has one.
#[derive(Debug)]
pub(super) struct Base(Vec<(&'static str, Option<String>)>);

/// Reads every base type but arrays, by its oid.
pub(super) async fn read(conn: &Conn) -> Result<HashMap<u32, Base>> {
    let subscript = if conn.version().major() >= 14 {
        "nullif(typsubscript::pg_catalog.text, '-')"
    } else {
        "NULL::pg_catalog.text"
    };
    let rows = conn
        .rows(&format!(
            "SELECT oid, typlen, typinput::pg_catalog.text AS input, \
             typoutput::pg_catalog.text AS output, \
             nullif(typreceive::pg_catalog.text, '-') AS receive, \
             nullif(typsend::pg_catalog.text, '-') AS send, \
             nullif(typmodin::pg_catalog.text, '-') AS modifier_in, \
             nullif(typmodout::pg_catalog.text, '-') AS modifier_out, \
             nullif(typanalyze::pg_catalog.text, '-') AS analyze, \
             {subscript} AS subscript, typcollation <> 0 AS collatable, \
             pg_catalog.pg_get_expr(typdefaultbin, 0) AS default_expression, typdefault, \
             CASE WHEN typelem <> 0 THEN pg_catalog.format_type(typelem, NULL) END AS element, \
             typcategory, typispreferred, typdelim, typalign, typstorage, typbyval \
             FROM pg_catalog.pg_type t \
             WHERE typtype = 'b' AND oid >= 16384 \
             AND (typelem = 0 OR NOT EXISTS (SELECT FROM pg_catalog.pg_type e \
                  WHERE e.oid = t.typelem AND e.typarray = t.oid))"
        ))
        .await?;
    let mut bases = HashMap::new();
    for row in rows {
        let mut options: Vec<(&'static str, Option<String>)> = Vec::new();
        let length: i16 = row.get("typlen")?;
        let length = if length == -1 {
            "variable".to_owned()
        } else {
            length.to_string()
        };
        options.push(("INTERNALLENGTH", Some(length)));
        options.push(("INPUT", Some(row.text("input")?)));
        options.push(("OUTPUT", Some(row.text("output")?)));
        for (option, column) in [
            ("RECEIVE", "receive"),
            ("SEND", "send"),
            ("TYPMOD_IN", "modifier_in"),
            ("TYPMOD_OUT", "modifier_out"),
            ("ANALYZE", "analyze"),
        ] {
            if let Some(function) = row.opt_text(column)? {
                options.push((option, Some(function)));
            }
        }
        if row.get("collatable")? {
            options.push(("COLLATABLE", Some("true".into())));
        }
        let default = match row.opt_text("default_expression")? {
            Some(expression) => Some(expression),
            None => row.opt_text("typdefault")?.as_deref().map(literal),
        };
        if default.is_some() {
            options.push(("DEFAULT", default));
        }
        for (option, column) in [("SUBSCRIPT", "subscript"), ("ELEMENT", "element")] {
            if let Some(value) = row.opt_text(column)? {
                options.push((option, Some(value)));
            }
        }
        let char_literal = |byte: u8| literal(&char::from(byte).to_string());
        let category = row.char("typcategory")?;
        if category != b'U' {
            options.push(("CATEGORY", Some(char_literal(category))));
        }
        if row.get("typispreferred")? {
            options.push(("PREFERRED", Some("true".into())));
        }
        let delimiter = row.char("typdelim")?;
        if delimiter != b',' {
            options.push(("DELIMITER", Some(char_literal(delimiter))));
        }
        let alignment = match row.char("typalign")? {
            b'c' => Some("char"),
            b's' => Some("int2"),
            b'i' => Some("int4"),
            b'd' => Some("double"),
            _ => None,
        };
        if let Some(alignment) = alignment {
            options.push(("ALIGNMENT", Some(alignment.into())));
        }
        let storage = match row.char("typstorage")? {
            b'p' => Some("plain"),
            b'e' => Some("external"),
            b'x' => Some("extended"),
            b'm' => Some("main"),
            _ => None,
        };
        if let Some(storage) = storage {
            options.push(("STORAGE", Some(storage.into())));
        }
        if row.get("typbyval")? {
            options.push(("PASSEDBYVALUE", None));
        }
        bases.insert(row.get("oid")?, Base(options));
    }
    Ok(bases)
}

impl Base {
    pub(super) fn definition(&self, full_name: &str) -> String {
        let mut sql = format!("CREATE TYPE {full_name} (");
        for (index, (option, value)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let _ = write!(sql, "{comma}\n    {option}");
            if let Some(value) = value {
                let _ = write!(sql, " = {value}");
            }
        }
        sql.push_str("\n);\n");
        sql
    }
}
