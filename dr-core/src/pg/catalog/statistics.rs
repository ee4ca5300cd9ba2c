//! Extended statistics: what is to be gathered, not what was. Used by `catalog` after tables, whose
//! selection they follow.

use crate::error::Result;
use crate::text::{identifier, qualified};
use crate::toc::Kind;

use super::Reading;
use super::object::{Components, ObjectKind};
use super::owner;
use super::settled::Settled;

/// `pg_class`.
const RELATIONS: u32 = 1259;

/// Adds every statistics object.
pub(crate) async fn read(reading: &mut Reading<'_>) -> Result<()> {
    let rows = reading
        .conn
        .rows(
            "SELECT s.tableoid, s.oid, s.stxname, s.stxnamespace, n.nspname, \
             r.rolname AS owner, s.stxrelid, \
             coalesce(s.stxstattarget::pg_catalog.int4, -1) AS target, \
             pg_catalog.pg_get_statisticsobjdef(s.oid) AS definition \
             FROM pg_catalog.pg_statistic_ext s \
             JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace \
             LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.stxowner \
             WHERE s.oid >= 16384 ORDER BY s.oid",
        )
        .await?;
    for row in rows {
        let name = row.text("stxname")?;
        let full_name = qualified(&row.text("nspname")?, &name);
        let owner = owner::of_row(&row, "statistics object", &full_name)?;
        let mut settled = Settled::new(Kind::Statistics, &*name, owner);
        settled.definition = format!("{};\n", row.text("definition")?);
        let target: i32 = row.get("target")?;
        if target >= 0 {
            settled.definition +=
                &format!("ALTER STATISTICS {full_name} SET STATISTICS {target};\n");
        }
        settled.drop = format!("DROP STATISTICS {full_name};\n");
        settled.comment_on = Some(("STATISTICS", identifier(&name).into_owned()));
        let namespace = reading.namespace(row.get("stxnamespace")?)?;
        let table_defined = reading
            .objects
            .find(RELATIONS, row.get("stxrelid")?)
            .is_some_and(|table| reading.objects.get(table).defines());
        let id = reading.add_settled(
            ObjectKind::Statistics,
            &row,
            &name,
            Some(namespace),
            settled,
        )?;
        let node = reading.objects.get_mut(id);
        if !node.extension_member && !table_defined {
            node.dump = Components::NONE;
        }
    }
    Ok(())
}
