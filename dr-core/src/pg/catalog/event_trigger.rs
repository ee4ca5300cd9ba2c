//! Event triggers. Used by `catalog`.

use std::fmt::Write as _;

use crate::error::Result;
use crate::text::identifier;
use crate::toc::Kind;

use super::Reading;
use super::object::ObjectKind;
use super::owner;
use super::settled::Settled;

/// Adds every event trigger.
pub(crate) async fn read(reading: &mut Reading<'_>) -> Result<()> {
    let rows = reading
        .conn
        .rows(
            "SELECT e.tableoid, e.oid, e.evtname, e.evtevent, e.evtenabled, r.rolname AS owner, \
             pg_catalog.array_to_string(ARRAY(SELECT pg_catalog.quote_literal(t.tag) \
               FROM pg_catalog.unnest(e.evttags) WITH ORDINALITY t (tag, n) ORDER BY t.n), ', ') \
               AS tags, \
             e.evtfoid::pg_catalog.regproc::pg_catalog.text AS function \
             FROM pg_catalog.pg_event_trigger e \
             LEFT JOIN pg_catalog.pg_roles r ON r.oid = e.evtowner \
             ORDER BY e.oid",
        )
        .await?;
    for row in rows {
        let name = row.text("evtname")?;
        let quoted = identifier(&name).into_owned();
        let owner = owner::of_row(&row, "event trigger", &name)?;
        let mut sql = format!(
            "CREATE EVENT TRIGGER {quoted} ON {}",
            identifier(&row.text("evtevent")?)
        );
        if let Some(tags) = row.opt_text("tags")?.filter(|tags| !tags.is_empty()) {
            let _ = write!(sql, "\n         WHEN TAG IN ({tags})");
        }
        let _ = write!(sql, "\n   EXECUTE FUNCTION {}();\n", row.text("function")?);
        let state = match row.char("evtenabled")? {
            b'O' => None,
            b'D' => Some("DISABLE"),
            b'A' => Some("ENABLE ALWAYS"),
            b'R' => Some("ENABLE REPLICA"),
            _ => Some("ENABLE"),
        };
        if let Some(state) = state {
            let _ = write!(sql, "\nALTER EVENT TRIGGER {quoted} {state};\n");
        }
        let mut settled = Settled::new(Kind::EventTrigger, &*name, owner);
        settled.definition = sql;
        settled.drop = format!("DROP EVENT TRIGGER {quoted};\n");
        settled.comment_on = Some(("EVENT TRIGGER", quoted));
        reading.add_settled(ObjectKind::EventTrigger, &row, &name, None, settled)?;
    }
    Ok(())
}
