//! Subscriptions, as a superuser sees them; anybody else's dump is refused where there are any.
//! Used by `catalog`.

use std::fmt::Write as _;

use crate::error::Result;
use crate::pg::Row;
use crate::text::{identifier, literal};
use crate::toc::Kind;

use super::Reading;
use super::object::ObjectKind;
use super::owner;
use super::settled::Settled;

/// Adds every subscription of this database. A restored one does not connect until it is told to.
pub(crate) async fn read(reading: &mut Reading<'_>) -> Result<()> {
    let superuser = reading
        .conn
        .rows(
            "SELECT FROM pg_catalog.pg_roles \
               WHERE rolname = current_user AND rolsuper",
        )
        .await?;
    // Who is none may not read the connection strings; `refuse` has made sure there are none.
    if superuser.is_empty() {
        return Ok(());
    }
    let streaming = match reading.version.major() {
        ..14 => "'f'",
        14 | 15 => "CASE WHEN s.substream THEN 't' ELSE 'f' END",
        16.. => "s.substream::pg_catalog.text",
    };
    let (binary, two_phase, disable) = match reading.version.major() {
        ..14 => ("false", "false", "false"),
        14 => ("s.subbinary", "false", "false"),
        15.. => (
            "s.subbinary",
            "s.subtwophasestate <> 'd'",
            "s.subdisableonerr",
        ),
    };
    let (password, run_as_owner, origin) = if reading.since(16) {
        ("s.subpasswordrequired", "s.subrunasowner", "s.suborigin")
    } else {
        // They ran as their owner and there was no choice. pg_dump 18 writes that down, and then the
        // server that was dumped does not take it back: it does not know the option.
        ("true", "false", "'any'")
    };
    let failover = if reading.since(17) {
        "s.subfailover"
    } else {
        "false"
    };
    let rows = reading
        .conn
        .rows(&format!(
            "SELECT s.tableoid, s.oid, s.subname, r.rolname AS owner, s.subconninfo, \
             s.subslotname::pg_catalog.text AS slot, s.subsynccommit, s.subpublications, \
             {streaming} AS streaming, {binary} AS binary, {two_phase} AS two_phase, \
             {disable} AS disable_on_error, {password} AS password_required, \
             {run_as_owner} AS run_as_owner, {failover} AS failover, \
             {origin}::pg_catalog.text AS origin \
             FROM pg_catalog.pg_subscription s \
             LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.subowner \
             WHERE s.subdbid = (SELECT d.oid FROM pg_catalog.pg_database d \
               WHERE d.datname = pg_catalog.current_database()) \
             ORDER BY s.oid"
        ))
        .await?;
    for row in rows {
        let name = row.text("subname")?;
        let quoted = identifier(&name).into_owned();
        let owner = owner::of_row(&row, "subscription", &name)?;
        let mut settled = Settled::new(Kind::Subscription, &*name, owner);
        let rest = rest(&row, reading.since(14))?;
        settled.definition = format!("CREATE SUBSCRIPTION {quoted} {rest};\n");
        settled.drop = format!("DROP SUBSCRIPTION {quoted};\n");
        settled.comment_on = Some(("SUBSCRIPTION", quoted));
        reading.add_settled(ObjectKind::Subscription, &row, &name, None, settled)?;
    }
    Ok(())
}

/// What follows the name; `streams` if the server knows the option of that name.
fn rest(row: &Row, streams: bool) -> Result<String> {
    let publications: Vec<String> = row
        .texts("subpublications")?
        .iter()
        .map(|publication| identifier(publication).into_owned())
        .collect();
    let slot = row.opt_text("slot")?;
    let mut sql = format!(
        "CONNECTION {} PUBLICATION {} WITH (connect = false, slot_name = {}",
        literal(&row.text("subconninfo")?),
        publications.join(", "),
        slot.map_or_else(|| "NONE".to_owned(), |slot| literal(&slot))
    );
    let on = |column: &str| row.get::<bool>(column);
    if on("binary")? {
        sql.push_str(", binary = true");
    }
    sql.push_str(match row.text("streaming")?.as_str() {
        "t" => ", streaming = on",
        "p" => ", streaming = parallel",
        _ if streams => ", streaming = off",
        _ => "",
    });
    for (present, option) in [
        (on("two_phase")?, "two_phase = on"),
        (on("disable_on_error")?, "disable_on_error = true"),
        (!on("password_required")?, "password_required = false"),
        (on("run_as_owner")?, "run_as_owner = true"),
        (on("failover")?, "failover = true"),
    ] {
        if present {
            let _ = write!(sql, ", {option}");
        }
    }
    let commit = row.text("subsynccommit")?;
    if commit != "off" {
        let _ = write!(sql, ", synchronous_commit = {}", identifier(&commit));
    }
    let origin = row.text("origin")?;
    if !origin.eq_ignore_ascii_case("any") {
        let _ = write!(sql, ", origin = {origin}");
    }
    sql.push(')');
    Ok(sql)
}
