//! Operator classes and families. Used by `catalog`.
//!
//! Members of a family that belong to one of its classes are written with the class; the loose
//! ones with the family. Which is which, `pg_depend` says.

use std::collections::HashMap;

use crate::error::Result;
use crate::text::{identifier, qualified};
use crate::toc::{CatalogId, Kind};

use super::Reading;
use super::object::{ObjectKind, Tie};
use super::owner;
use super::settled::{Settled, catalog_id};

/// The members that depend on each class and family, as clauses in their order.
struct Members {
    operators: HashMap<CatalogId, Vec<(u32, String)>>,
    functions: HashMap<CatalogId, Vec<String>>,
}

/// Adds every operator family and class that initdb did not make.
pub(crate) async fn read(reading: &mut Reading<'_>) -> Result<()> {
    let members = Members::read(reading).await?;
    read_families(reading, &members).await?;
    read_classes(reading, &members).await
}

impl Members {
    async fn read(reading: &Reading<'_>) -> Result<Self> {
        let rows = reading
            .conn
            .rows(
                "SELECT d.refclassid, d.refobjid, o.amopfamily, o.amopstrategy, \
                 o.amopopr::pg_catalog.regoperator::pg_catalog.text AS operator, \
                 f.opfname, n.nspname \
                 FROM pg_catalog.pg_amop o \
                 JOIN pg_catalog.pg_depend d \
                   ON d.classid = 'pg_catalog.pg_amop'::pg_catalog.regclass AND d.objid = o.oid \
                 LEFT JOIN pg_catalog.pg_opfamily f ON f.oid = o.amopsortfamily \
                 LEFT JOIN pg_catalog.pg_namespace n ON n.oid = f.opfnamespace \
                 WHERE o.oid >= 16384 AND d.refclassid IN ( \
                   'pg_catalog.pg_opclass'::pg_catalog.regclass, \
                   'pg_catalog.pg_opfamily'::pg_catalog.regclass) \
                 AND (d.refclassid = 'pg_catalog.pg_opclass'::pg_catalog.regclass \
                   OR d.refobjid = o.amopfamily) \
                 ORDER BY d.refclassid, d.refobjid, o.amopstrategy, o.oid",
            )
            .await?;
        let mut operators: HashMap<CatalogId, Vec<(u32, String)>> = HashMap::new();
        for row in rows {
            let of = CatalogId {
                table: row.get("refclassid")?,
                oid: row.get("refobjid")?,
            };
            let mut clause = format!(
                "OPERATOR {} {}",
                row.get::<i16>("amopstrategy")?,
                row.text("operator")?
            );
            if let Some(family) = row.opt_text("opfname")? {
                let schema = row.opt_text("nspname")?.unwrap_or_default();
                clause = format!("{clause} FOR ORDER BY {}", qualified(&schema, &family));
            }
            operators
                .entry(of)
                .or_default()
                .push((row.get("amopfamily")?, clause));
        }
        let rows = reading
            .conn
            .rows(
                "SELECT d.refclassid, d.refobjid, f.amprocnum, \
                 f.amproc::pg_catalog.regprocedure::pg_catalog.text AS function, \
                 f.amproclefttype::pg_catalog.regtype::pg_catalog.text AS left_type, \
                 f.amprocrighttype::pg_catalog.regtype::pg_catalog.text AS right_type \
                 FROM pg_catalog.pg_amproc f \
                 JOIN pg_catalog.pg_depend d \
                   ON d.classid = 'pg_catalog.pg_amproc'::pg_catalog.regclass AND d.objid = f.oid \
                 WHERE f.oid >= 16384 AND d.refclassid IN ( \
                   'pg_catalog.pg_opclass'::pg_catalog.regclass, \
                   'pg_catalog.pg_opfamily'::pg_catalog.regclass) \
                 ORDER BY d.refclassid, d.refobjid, f.amprocnum, f.oid",
            )
            .await?;
        let mut functions: HashMap<CatalogId, Vec<String>> = HashMap::new();
        for row in rows {
            let of = CatalogId {
                table: row.get("refclassid")?,
                oid: row.get("refobjid")?,
            };
            functions.entry(of).or_default().push(format!(
                "FUNCTION {} ({}, {}) {}",
                row.get::<i16>("amprocnum")?,
                row.text("left_type")?,
                row.text("right_type")?,
                row.text("function")?
            ));
        }
        Ok(Self {
            operators,
            functions,
        })
    }

    /// The clauses for members of `family` that depend on `of`.
    fn clauses(&self, of: CatalogId, family: u32) -> Vec<String> {
        let operators = self.operators.get(&of).into_iter().flatten();
        let functions = self.functions.get(&of).into_iter().flatten();
        operators
            .filter(|(in_family, _)| *in_family == family)
            .map(|(_, clause)| clause.clone())
            .chain(functions.cloned())
            .collect()
    }
}

async fn read_families(reading: &mut Reading<'_>, members: &Members) -> Result<()> {
    let rows = reading
        .conn
        .rows(
            "SELECT f.tableoid, f.oid, f.opfname, f.opfnamespace, n.nspname, \
             r.rolname AS owner, a.amname \
             FROM pg_catalog.pg_opfamily f \
             JOIN pg_catalog.pg_namespace n ON n.oid = f.opfnamespace \
             JOIN pg_catalog.pg_am a ON a.oid = f.opfmethod \
             LEFT JOIN pg_catalog.pg_roles r ON r.oid = f.opfowner \
             WHERE f.oid >= 16384 \
             ORDER BY f.oid",
        )
        .await?;
    for row in rows {
        let id = catalog_id(&row)?;
        let name = row.text("opfname")?;
        let method = row.text("amname")?;
        let full_name = qualified(&row.text("nspname")?, &name);
        let using = format!("USING {}", identifier(&method));
        let owner = owner::of_row(&row, "operator family", &full_name)?;
        let mut settled = Settled::new(Kind::OperatorFamily, &*name, owner);
        settled.definition = format!("CREATE OPERATOR FAMILY {full_name} {using};\n");
        let loose = members.clauses(id, id.oid);
        if !loose.is_empty() {
            settled.definition += &format!(
                "ALTER OPERATOR FAMILY {full_name} {using} ADD\n    {};\n",
                loose.join(" ,\n    ")
            );
        }
        settled.drop = format!("DROP OPERATOR FAMILY {full_name} {using};\n");
        settled.comment_on = Some(("OPERATOR FAMILY", format!("{} {using}", identifier(&name))));
        let namespace = reading.namespace(row.get("opfnamespace")?)?;
        let node = reading.add_settled(
            ObjectKind::OperatorFamily,
            &row,
            &name,
            Some(namespace),
            settled,
        )?;
        reading.objects.get_mut(node).tie = Tie::Of(method);
    }
    Ok(())
}

async fn read_classes(reading: &mut Reading<'_>, members: &Members) -> Result<()> {
    let rows = reading
        .conn
        .rows(
            "SELECT c.tableoid, c.oid, c.opcname, c.opcnamespace, n.nspname, \
             r.rolname AS owner, a.amname, c.opcdefault, c.opcfamily, \
             c.opcintype::pg_catalog.regtype::pg_catalog.text AS for_type, \
             CASE WHEN c.opckeytype <> 0 THEN \
               c.opckeytype::pg_catalog.regtype::pg_catalog.text END AS storage, \
             f.opfname, fn.nspname AS family_schema \
             FROM pg_catalog.pg_opclass c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.opcnamespace \
             JOIN pg_catalog.pg_am a ON a.oid = c.opcmethod \
             LEFT JOIN pg_catalog.pg_roles r ON r.oid = c.opcowner \
             LEFT JOIN pg_catalog.pg_opfamily f ON f.oid = c.opcfamily \
             LEFT JOIN pg_catalog.pg_namespace fn ON fn.oid = f.opfnamespace \
             WHERE c.oid >= 16384 \
             ORDER BY c.oid",
        )
        .await?;
    for row in rows {
        let id = catalog_id(&row)?;
        let name = row.text("opcname")?;
        let method = row.text("amname")?;
        let full_name = qualified(&row.text("nspname")?, &name);
        let using = format!("USING {}", identifier(&method));
        let owner = owner::of_row(&row, "operator class", &full_name)?;
        let for_type = row.text("for_type")?;
        let family = match row.opt_text("opfname")? {
            Some(family) => {
                let schema = row.opt_text("family_schema")?.unwrap_or_default();
                format!(" FAMILY {}", qualified(&schema, &family))
            }
            None => String::new(),
        };
        let mut clauses: Vec<String> = row
            .opt_text("storage")?
            .map(|storage| format!("STORAGE {storage}"))
            .into_iter()
            .collect();
        clauses.extend(members.clauses(id, row.get("opcfamily")?));
        if clauses.is_empty() {
            // The grammar wants a clause, and the server takes this one for none.
            clauses.push(format!("STORAGE {for_type}"));
        }
        let mut settled = Settled::new(Kind::OperatorClass, &*name, owner);
        settled.definition = format!(
            "CREATE OPERATOR CLASS {full_name}\n    {}FOR TYPE {for_type} {using}{family} AS\n    {};\n",
            if row.get("opcdefault")? {
                "DEFAULT "
            } else {
                ""
            },
            clauses.join(" ,\n    ")
        );
        settled.drop = format!("DROP OPERATOR CLASS {full_name} {using};\n");
        settled.comment_on = Some(("OPERATOR CLASS", format!("{} {using}", identifier(&name))));
        let namespace = reading.namespace(row.get("opcnamespace")?)?;
        let node = reading.add_settled(
            ObjectKind::OperatorClass,
            &row,
            &name,
            Some(namespace),
            settled,
        )?;
        reading.objects.get_mut(node).tie = Tie::Of(method);
    }
    Ok(())
}
