//! Text search parsers, templates, dictionaries and configurations. Used by `catalog`.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::error::Result;
use crate::pg::Row;
use crate::text::{identifier, qualified};
use crate::toc::Kind;

use super::Reading;
use super::object::ObjectKind;
use super::owner;
use super::settled::Settled;

/// Adds everything of text search that initdb did not make.
pub(crate) async fn read(reading: &mut Reading<'_>) -> Result<()> {
    read_parsers(reading).await?;
    read_templates(reading).await?;
    read_dictionaries(reading).await?;
    read_configurations(reading).await
}

/// The columns every one is read with; `c` is its catalog, `prefix` what its columns begin with.
fn columns(prefix: &str) -> String {
    format!(
        "c.tableoid, c.oid, c.{prefix}name AS name, c.{prefix}namespace AS namespace, n.nspname"
    )
}

/// The name of the function in a column, or null.
fn function(column: &str) -> String {
    format!("nullif(c.{column}::pg_catalog.text, '-') AS {column}")
}

/// Adds one whose definition is `CREATE words schema.name (\n` and the rest.
fn add(
    reading: &mut Reading<'_>,
    kind: ObjectKind,
    of: Kind,
    words: &'static str,
    row: &Row,
    owner: String,
    rest: &str,
) -> Result<()> {
    let name = row.text("name")?;
    let full_name = qualified(&row.text("nspname")?, &name);
    let mut settled = Settled::new(of, &*name, owner);
    settled.definition = format!("CREATE {words} {full_name} (\n{rest}");
    settled.drop = format!("DROP {words} {full_name};\n");
    settled.comment_on = Some((words, identifier(&name).into_owned()));
    let namespace = reading.namespace(row.get("namespace")?)?;
    reading.add_settled(kind, row, &name, Some(namespace), settled)?;
    Ok(())
}

/// Appends `OPTION = function` and what follows it, if there is a function.
fn push_function(sql: &mut String, row: &Row, option: &str, column: &str, end: &str) -> Result<()> {
    if let Some(function) = row.opt_text(column)? {
        let _ = writeln!(sql, "    {option} = {function}{end}");
    }
    Ok(())
}

async fn read_parsers(reading: &mut Reading<'_>) -> Result<()> {
    let rows = reading
        .conn
        .rows(&format!(
            "SELECT {}, {}, {}, {}, {}, {} FROM pg_catalog.pg_ts_parser c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.prsnamespace \
             WHERE c.oid >= 16384 ORDER BY c.oid",
            columns("prs"),
            function("prsstart"),
            function("prstoken"),
            function("prsend"),
            function("prsheadline"),
            function("prslextype"),
        ))
        .await?;
    for row in rows {
        let mut rest = String::new();
        for (option, column, end) in [
            ("START", "prsstart", ","),
            ("GETTOKEN", "prstoken", ","),
            ("END", "prsend", ","),
            ("HEADLINE", "prsheadline", ","),
            ("LEXTYPES", "prslextype", " );"),
        ] {
            push_function(&mut rest, &row, option, column, end)?;
        }
        add(
            reading,
            ObjectKind::TextSearchParser,
            Kind::TextSearchParser,
            "TEXT SEARCH PARSER",
            &row,
            String::new(),
            &rest,
        )?;
    }
    Ok(())
}

async fn read_templates(reading: &mut Reading<'_>) -> Result<()> {
    let rows = reading
        .conn
        .rows(&format!(
            "SELECT {}, {}, {} FROM pg_catalog.pg_ts_template c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.tmplnamespace \
             WHERE c.oid >= 16384 ORDER BY c.oid",
            columns("tmpl"),
            function("tmplinit"),
            function("tmpllexize"),
        ))
        .await?;
    for row in rows {
        let mut rest = String::new();
        push_function(&mut rest, &row, "INIT", "tmplinit", ",")?;
        push_function(&mut rest, &row, "LEXIZE", "tmpllexize", " );")?;
        add(
            reading,
            ObjectKind::TextSearchTemplate,
            Kind::TextSearchTemplate,
            "TEXT SEARCH TEMPLATE",
            &row,
            String::new(),
            &rest,
        )?;
    }
    Ok(())
}

async fn read_dictionaries(reading: &mut Reading<'_>) -> Result<()> {
    let rows = reading
        .conn
        .rows(&format!(
            "SELECT {}, r.rolname AS owner, c.dictinitoption, t.tmplname, \
             tn.nspname AS template_schema \
             FROM pg_catalog.pg_ts_dict c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.dictnamespace \
             JOIN pg_catalog.pg_ts_template t ON t.oid = c.dicttemplate \
             JOIN pg_catalog.pg_namespace tn ON tn.oid = t.tmplnamespace \
             LEFT JOIN pg_catalog.pg_roles r ON r.oid = c.dictowner \
             WHERE c.oid >= 16384 ORDER BY c.oid",
            columns("dict"),
        ))
        .await?;
    for row in rows {
        let mut rest = format!(
            "    TEMPLATE = {}",
            qualified(&row.text("template_schema")?, &row.text("tmplname")?)
        );
        // Kept by the server as it stands in the command.
        if let Some(options) = row.opt_text("dictinitoption")? {
            let _ = write!(rest, ",\n    {options}");
        }
        rest.push_str(" );\n");
        let owner = owner::of_row(&row, "text search dictionary", &row.text("name")?)?;
        add(
            reading,
            ObjectKind::TextSearchDictionary,
            Kind::TextSearchDictionary,
            "TEXT SEARCH DICTIONARY",
            &row,
            owner,
            &rest,
        )?;
    }
    Ok(())
}

async fn read_configurations(reading: &mut Reading<'_>) -> Result<()> {
    let rows = reading
        .conn
        .rows(
            "SELECT m.mapcfg, \
             (SELECT t.alias FROM pg_catalog.ts_token_type(c.cfgparser) t \
              WHERE t.tokid = m.maptokentype) AS token, \
             m.mapdict::pg_catalog.regdictionary::pg_catalog.text AS dictionary \
             FROM pg_catalog.pg_ts_config_map m \
             JOIN pg_catalog.pg_ts_config c ON c.oid = m.mapcfg \
             WHERE c.oid >= 16384 \
             ORDER BY m.mapcfg, m.maptokentype, m.mapseqno",
        )
        .await?;
    let mut mappings: HashMap<u32, Vec<(String, String)>> = HashMap::new();
    for row in rows {
        mappings.entry(row.get("mapcfg")?).or_default().push((
            row.opt_text("token")?.unwrap_or_default(),
            row.text("dictionary")?,
        ));
    }
    let rows = reading
        .conn
        .rows(&format!(
            "SELECT {}, r.rolname AS owner, p.prsname, pn.nspname AS parser_schema \
             FROM pg_catalog.pg_ts_config c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.cfgnamespace \
             JOIN pg_catalog.pg_ts_parser p ON p.oid = c.cfgparser \
             JOIN pg_catalog.pg_namespace pn ON pn.oid = p.prsnamespace \
             LEFT JOIN pg_catalog.pg_roles r ON r.oid = c.cfgowner \
             WHERE c.oid >= 16384 ORDER BY c.oid",
            columns("cfg"),
        ))
        .await?;
    for row in rows {
        let name = row.text("name")?;
        let full_name = qualified(&row.text("nspname")?, &name);
        let mut rest = format!(
            "    PARSER = {} );\n",
            qualified(&row.text("parser_schema")?, &row.text("prsname")?)
        );
        let mut last: Option<&str> = None;
        let mapped = mappings.get(&row.get("oid")?);
        for (token, dictionary) in mapped.into_iter().flatten() {
            if last == Some(token.as_str()) {
                let _ = write!(rest, ", {dictionary}");
                continue;
            }
            if last.is_some() {
                rest.push_str(";\n");
            }
            let _ = write!(
                rest,
                "\nALTER TEXT SEARCH CONFIGURATION {full_name}\n    ADD MAPPING FOR {} WITH {dictionary}",
                identifier(token)
            );
            last = Some(token);
        }
        if last.is_some() {
            rest.push_str(";\n");
        }
        let owner = owner::of_row(&row, "text search configuration", &name)?;
        add(
            reading,
            ObjectKind::TextSearchConfiguration,
            Kind::TextSearchConfiguration,
            "TEXT SEARCH CONFIGURATION",
            &row,
            owner,
            &rest,
        )?;
    }
    Ok(())
}
