//! Owners by name. Used by every family whose objects have one.

use crate::error::{Error, ErrorKind, Result};
use crate::pg::Row;

/// The `owner` column of a row: the name of a role, joined from `pg_roles`.
///
/// # Errors
///
/// `Missing` if the role was dropped behind the catalog's back; the object is named.
pub(crate) fn of_row(row: &Row, kind: &str, name: &str) -> Result<String> {
    row.opt_text("owner")?.ok_or_else(|| {
        Error::new(
            ErrorKind::Missing,
            format!(
                "{kind} {name} is owned by a role that does not exist; \
                 give it an owner with ALTER … OWNER TO and dump again"
            ),
        )
    })
}
