//! `pg_depend`, read once. Called by `catalog` when every node is there; knows no family.

use futures::TryStreamExt as _;

use crate::error::Result;

use super::Reading;
use super::object::ObjectKind;

/// Ties every known object to what it depends on. Columns count as their tables. What is not
/// known (TOAST tables, what initdb made) is passed over: there is nothing to order.
pub(crate) async fn read(reading: &mut Reading<'_>) -> Result<()> {
    // Members of operator families are no objects of their own: what they need, the family needs,
    // unless they came with a class ('i').
    // 'p' (to PG 13) says that initdb made it; 'e' was read with the extensions.
    let mut rows = reading
        .conn
        .each_row(
            "SELECT classid, objid, refclassid, refobjid, deptype \
             FROM pg_catalog.pg_depend \
             WHERE deptype NOT IN ('p', 'e') \
             UNION ALL \
             SELECT 'pg_catalog.pg_opfamily'::pg_catalog.regclass, o.amopfamily, \
               d.refclassid, d.refobjid, d.deptype \
             FROM pg_catalog.pg_depend d \
             JOIN pg_catalog.pg_amop o ON o.oid = d.objid \
             WHERE d.deptype NOT IN ('p', 'e', 'i') \
             AND d.classid = 'pg_catalog.pg_amop'::pg_catalog.regclass \
             AND NOT (d.refclassid = 'pg_catalog.pg_opfamily'::pg_catalog.regclass \
               AND d.refobjid = o.amopfamily) \
             UNION ALL \
             SELECT 'pg_catalog.pg_opfamily'::pg_catalog.regclass, f.amprocfamily, \
               d.refclassid, d.refobjid, d.deptype \
             FROM pg_catalog.pg_depend d \
             JOIN pg_catalog.pg_amproc f ON f.oid = d.objid \
             WHERE d.deptype NOT IN ('p', 'e', 'i') \
             AND d.classid = 'pg_catalog.pg_amproc'::pg_catalog.regclass \
             AND NOT (d.refclassid = 'pg_catalog.pg_opfamily'::pg_catalog.regclass \
               AND d.refobjid = f.amprocfamily) \
             ORDER BY 1, 2",
        )
        .await?;
    let objects = &mut reading.objects;
    while let Some(row) = rows.try_next().await? {
        let Some(object) = objects.find(row.get("classid")?, row.get("objid")?) else {
            continue;
        };
        let Some(needs) = objects.find(row.get("refclassid")?, row.get("refobjid")?) else {
            continue;
        };
        let strength = row.char("deptype")?;
        if strength == b'x' {
            objects.get_mut(object).depends_on_extensions.push(needs);
        }
        // A composite type's relation is said to depend on the type; but the relation's columns
        // bear the dependencies on other types, so the order must be the other way round.
        let reversed = strength == b'i'
            && objects.get(object).kind == ObjectKind::Table
            && objects.get(needs).kind == ObjectKind::Type;
        if reversed {
            objects.depend(needs, object);
        } else {
            objects.depend(object, needs);
        }
    }
    Ok(())
}
