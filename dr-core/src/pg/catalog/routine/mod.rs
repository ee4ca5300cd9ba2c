//! Functions, procedures and aggregates. Used by `catalog` after schemas.
//!
//! What they have in common is here.

mod aggregate;
mod function;

use crate::error::Result;
use crate::pg::Row;
use crate::text::identifier;
use crate::toc::CatalogId;

use super::Reading;
use super::acl::Acl;
use super::object::{ObjectKind, Tie};
use super::owner;
use super::settled::{Settled, catalog_id};

pub(super) use aggregate::read as read_aggregates;
pub(super) use function::read as read_functions;

/// The columns of `pg_proc p` and its owner `r` that every routine is read with.
const COLUMNS: &str = "p.tableoid, p.oid, p.proname, p.pronamespace, p.pronargs, \
    r.rolname AS owner, \
    ARRAY(SELECT pg_catalog.format_type(a.type, NULL) \
      FROM pg_catalog.unnest(p.proargtypes::pg_catalog.oid[]) WITH ORDINALITY a (type, n) \
      ORDER BY a.n) AS argument_types, \
    ARRAY(SELECT s.nspname::pg_catalog.text \
      FROM pg_catalog.unnest(p.proargtypes::pg_catalog.oid[]) WITH ORDINALITY a (type, n) \
      JOIN pg_catalog.pg_type t ON t.oid = a.type \
      JOIN pg_catalog.pg_namespace s ON s.oid = t.typnamespace \
      ORDER BY a.n) AS argument_schemas, \
    ARRAY(SELECT t.typname::pg_catalog.text \
      FROM pg_catalog.unnest(p.proargtypes::pg_catalog.oid[]) WITH ORDINALITY a (type, n) \
      JOIN pg_catalog.pg_type t ON t.oid = a.type \
      ORDER BY a.n) AS argument_names, \
    pg_catalog.pg_get_function_arguments(p.oid) AS arguments, \
    pg_catalog.pg_get_function_identity_arguments(p.oid) AS identity_arguments";

/// Which routines are looked at: the user's own, and those of the system that were granted on
/// since initdb. Those that something else made, like the constructors of ranges, come with that.
const CONDITION: &str = "NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
      WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid \
      AND d.deptype = 'i') \
    AND (p.pronamespace <> 'pg_catalog'::pg_catalog.regnamespace \
      OR p.proacl IS DISTINCT FROM (SELECT i.initprivs FROM pg_catalog.pg_init_privs i \
        WHERE i.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass \
        AND i.objoid = p.oid AND i.objsubid = 0))";

/// Name and identity of a routine.
struct Head {
    catalog_id: CatalogId,
    name: String,
    argument_types: Vec<String>,
    arguments: String,
    identity_arguments: String,
}

impl Head {
    fn of_row(row: &Row) -> Result<Self> {
        Ok(Self {
            catalog_id: catalog_id(row)?,
            name: row.text("proname")?,
            argument_types: row.texts("argument_types")?,
            arguments: row.text("arguments")?,
            identity_arguments: row.text("identity_arguments")?,
        })
    }

    /// `"Name"(type, type)`.
    fn grant_signature(&self) -> String {
        format!(
            "{}({})",
            identifier(&self.name),
            self.argument_types.join(", ")
        )
    }
}

/// Adds the node of a routine.
fn add(
    reading: &mut Reading<'_>,
    kind: ObjectKind,
    row: &Row,
    head: Head,
    make: impl FnOnce(&Head, String, Acl) -> Result<Settled>,
) -> Result<()> {
    let namespace = reading.namespace(row.get("pronamespace")?)?;
    let owner = owner::of_row(row, "function", &head.name)?;
    let settled = make(&head, owner, Acl::of_row(row)?)?;
    let id = reading
        .objects
        .add(kind, head.catalog_id, &head.name, Some(namespace));
    reading.objects.select(id);
    let types = row
        .texts("argument_schemas")?
        .into_iter()
        .zip(row.texts("argument_names")?)
        .collect();
    let count = head.argument_types.len();
    let node = reading.objects.get_mut(id);
    node.tie = Tie::Arguments(count, types);
    node.body = Some(Box::new(settled));
    Ok(())
}
