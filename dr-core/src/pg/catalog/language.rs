//! Procedural languages. Used by `catalog` after functions: whether a language's own are dumped
//! decides how it is written.

use std::fmt::Write as _;

use crate::error::Result;
use crate::text::{identifier, qualified};
use crate::toc::Kind;

use super::Reading;
use super::acl::{self, Acl, Grantable};
use super::object::{Components, ObjectKind};
use super::owner;
use super::settled::Settled;

/// `pg_proc`.
const FUNCTIONS: u32 = 1255;

/// Adds every procedural language; of initdb's no more than the privileges is written.
pub(crate) async fn read(reading: &mut Reading<'_>) -> Result<()> {
    let function = |column: &str| {
        format!(
            "l.{column} AS {column}_oid, \
             (SELECT p.proname FROM pg_catalog.pg_proc p WHERE p.oid = l.{column}) \
               AS {column}_name, \
             (SELECT n.nspname FROM pg_catalog.pg_proc p \
               JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
               WHERE p.oid = l.{column}) AS {column}_schema"
        )
    };
    let rows = reading
        .conn
        .rows(&format!(
            "SELECT l.tableoid, l.oid, l.lanname, l.lanpltrusted, r.rolname AS owner, \
             {}, {}, {}, {} \
             FROM pg_catalog.pg_language l \
             LEFT JOIN pg_catalog.pg_roles r ON r.oid = l.lanowner \
             WHERE l.lanispl ORDER BY l.oid",
            acl::columns("pg_language", "l", "lanacl", "lanowner", 'l'),
            function("lanplcallfoid"),
            function("laninline"),
            function("lanvalidator"),
        ))
        .await?;
    for row in rows {
        let name = row.text("lanname")?;
        let quoted = identifier(&name).into_owned();
        let owner = owner::of_row(&row, "language", &name)?;
        let trusted: bool = row.get("lanpltrusted")?;
        let mut functions = String::new();
        let mut complete = true;
        for (option, column) in [
            ("HANDLER", "lanplcallfoid"),
            ("INLINE", "laninline"),
            ("VALIDATOR", "lanvalidator"),
        ] {
            let oid: u32 = row.get(&format!("{column}_oid"))?;
            if oid == 0 && option != "HANDLER" {
                continue;
            }
            // PostgreSQL's own functions and those of extensions are not dumped and will be there;
            // pg_dump leaves them out and writes a statement that then fails.
            complete &= reading.objects.find(FUNCTIONS, oid).is_none_or(|id| {
                let function = reading.objects.get(id);
                function.extension_member || function.dump.any()
            });
            let schema = row.opt_text(&format!("{column}_schema"))?;
            let function = row.opt_text(&format!("{column}_name"))?;
            let _ = write!(
                functions,
                " {option} {}",
                qualified(&schema.unwrap_or_default(), &function.unwrap_or_default())
            );
        }
        let mut settled = Settled::new(Kind::ProceduralLanguage, &*name, owner);
        settled.definition = if complete {
            let trusted = if trusted { "TRUSTED " } else { "" };
            format!("CREATE {trusted}PROCEDURAL LANGUAGE {quoted}{functions};\n")
        } else {
            // The server takes this for CREATE EXTENSION IF NOT EXISTS.
            format!("CREATE OR REPLACE PROCEDURAL LANGUAGE {quoted};\n")
        };
        settled.drop = format!("DROP PROCEDURAL LANGUAGE {quoted};\n");
        settled.comment_on = Some(("LANGUAGE", quoted.clone()));
        // Nothing can be granted on a language that is not trusted.
        if trusted {
            settled.grants = Some((Grantable::Language, quoted, Acl::of_row(&row)?));
        }
        let oid: u32 = row.get("oid")?;
        let node = reading.add_settled(ObjectKind::Language, &row, &name, None, settled)?;
        let node = reading.objects.get_mut(node);
        if oid < 16384 && !node.extension_member {
            node.dump = node.dump.only(Components::ACL);
        }
    }
    Ok(())
}
