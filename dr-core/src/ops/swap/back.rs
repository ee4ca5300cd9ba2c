//! The old database again: what is kept, taking it back, dropping it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::super::hooks::{Around, HookOutcome, Hooks};
use super::exchange::Exchange;
use super::look::{in_use, look};
use super::names::{Role, head, kept_for};
use super::record;
use super::{Client, Connections, SwapOptions, Swapped};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Watch;
use crate::pg::target::{Standing, check_writable, clients, maintenance_apart, standing, ties};
use crate::pg::{Conn, ConnInfo};
use crate::text::{identifier, literal};

/// A database that is kept for another's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Kept {
    /// Its name.
    pub name: String,
    /// Whether it had the live name once; else it was restored and did not get it.
    pub was_live: bool,
    /// Since when it is kept.
    pub since: Timestamp,
    /// From when on it may be dropped; never, unless that was told.
    pub droppable_from: Option<Timestamp>,
    /// Bytes on the server's disk; none where this role may not ask.
    pub bytes: Option<u64>,
    /// Who is connected to it.
    pub clients: Vec<Client>,
}

impl Kept {
    /// Whether its time to be dropped has come.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.droppable_from.is_some_and(|from| from <= now)
    }
}

/// Databases kept for the one that `info` names, the newest first.
///
/// # Errors
///
/// Those of the connection; `Server`.
pub async fn kept(info: &ConnInfo) -> Result<Vec<Kept>> {
    let conn = maintenance_apart(info).await?;
    kept_on(&conn, info.database()).await
}

async fn kept_on(conn: &Conn, name: &str) -> Result<Vec<Kept>> {
    let rows = conn
        .rows(&format!(
            "SELECT d.oid, d.datname::text AS name, \
                    pg_catalog.shobj_description(d.oid, 'pg_database') AS comment, \
                    CASE WHEN pg_catalog.has_database_privilege(d.oid, 'CONNECT') \
                              OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') \
                         THEN pg_catalog.pg_database_size(d.oid) END AS bytes \
             FROM pg_catalog.pg_database d WHERE pg_catalog.starts_with(d.datname::text, {})",
            literal(&head(name))
        ))
        .await?;
    let mut found = Vec::new();
    for row in rows {
        let called = row.text("name")?;
        let Some((role, since)) = kept_for(&called, name) else {
            continue;
        };
        let comment = row.opt_text("comment")?;
        let (_, record) = record::split(comment.as_deref());
        found.push(Kept {
            clients: clients(conn, &[row.get("oid")?]).await?,
            name: called,
            was_live: role == Role::Before,
            since,
            droppable_from: record.and_then(|record| record.droppable_from),
            bytes: row
                .get::<Option<i64>>("bytes")?
                .and_then(|bytes| u64::try_from(bytes).ok()),
        });
    }
    found.sort_by(|one, other| (other.since, &other.name).cmp(&(one.since, &one.name)));
    Ok(found)
}

/// How a swap is undone.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct SwapBackOptions {
    with: Option<String>,
    swap: SwapOptions,
    around: Around,
    watch: Watch,
    stop: CancellationToken,
}

impl SwapBackOptions {
    /// With the newest of those that had the name; refused while somebody is connected.
    pub fn new() -> Self {
        Self::default()
    }

    /// With this one of [`kept`]: its name, or what only its name begins with, the live name left
    /// out or not.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>) -> Self {
        self.with = Some(name.into());
        self
    }

    /// What is done about those who are connected to one of the two.
    #[must_use]
    pub fn connections(mut self, connections: Connections) -> Self {
        self.swap = self.swap.connections(connections);
        self
    }

    /// As [`SwapOptions::drop_old_after`], of the one that goes out now.
    #[must_use]
    pub fn drop_old_after(mut self, time: Duration) -> Self {
        self.swap = self.swap.drop_old_after(time);
        self
    }

    /// What others do around it. With it, who is connected is not looked for before.
    #[must_use]
    pub fn hooks(mut self, hooks: Arc<dyn Hooks>) -> Self {
        self.around = Around::of(hooks);
        self
    }

    /// Who watches.
    #[must_use]
    pub fn watch(mut self, watch: Watch) -> Self {
        self.watch = watch;
        self
    }

    /// When this is cancelled while others are waited for, nothing is swapped.
    #[must_use]
    pub fn stopped_by(mut self, stop: CancellationToken) -> Self {
        self.stop = stop;
        self
    }
}

/// Exchanges the database that `info` names with one that is kept for it, in one transaction. Each
/// keeps its own owner, privileges, settings and comment; the one that goes out is kept in turn, so
/// that doing it once more undoes it.
///
/// # Errors
///
/// `Missing` if there is no such database, or none is kept for it; `Conflict` if more than one is
/// meant, and as a swap: connections, prepared transactions; `Unsupported` if this role may not;
/// `Interrupted`; `Server`.
pub async fn swap_back(info: &ConnInfo, options: &SwapBackOptions) -> Result<Swapped> {
    let conn = maintenance_apart(info).await?;
    check_writable(&conn, info).await?;
    let name = info.database();
    let all = kept_on(&conn, name).await?;
    let Some(live) = standing(&conn, name).await? else {
        return Err(match all.iter().find(|kept| kept.was_live) {
            None => missing(name),
            Some(kept) => missing(name).and_then(format_args!(
                "there is none to exchange with: ALTER DATABASE {} RENAME TO {}",
                identifier(&kept.name),
                identifier(name)
            )),
        });
    };
    let chosen = choose(name, &all, options.with.as_deref())?;
    let incoming = standing(&conn, &chosen.name)
        .await?
        .ok_or_else(|| missing(&chosen.name))?;
    let (connections, around) = (options.swap.connections, &options.around);
    for (name, standing, watch) in [
        (&chosen.name[..], &incoming, &Watch::default()),
        (name, &live, &options.watch),
    ] {
        look(&conn, name, standing, connections, around, watch).await?;
    }
    let exchange = Exchange {
        info,
        name,
        live: live.oid,
        incoming: &chosen.name,
        incoming_oid: incoming.oid,
        carry: None,
        is_own: false,
        options: options.swap,
        watch: &options.watch,
        stop: &options.stop,
    };
    let (stop, watch) = (&options.stop, &options.watch);
    let tell = |swapped: &Swapped| (HookOutcome::Done, Some(swapped.kept.clone()));
    let (swapped, failures) = around
        .run(name, stop, watch, Box::pin(exchange.run()), tell)
        .await;
    let mut swapped = swapped?;
    swapped.hook_failures = failures;
    Ok(swapped)
}

/// Which of those that are kept [`drop_kept`] drops.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DropKept {
    /// Those whose time has come, by [`SwapOptions::drop_old_after`].
    Due,
    /// This one, as [`SwapBackOptions::with`] names it.
    Named(String),
}

/// Drops databases that are kept for the one that `info` names; returns their names. One that
/// somebody is connected to is not dropped.
///
/// # Errors
///
/// `Missing` and `Conflict` as [`swap_back`]; `Server`. Those dropped until then stay dropped.
pub async fn drop_kept(info: &ConnInfo, which: &DropKept) -> Result<Vec<String>> {
    let conn = maintenance_apart(info).await?;
    check_writable(&conn, info).await?;
    let all = kept_on(&conn, info.database()).await?;
    let now = Timestamp::now();
    let wanted: Vec<&Kept> = match which {
        DropKept::Due => all.iter().filter(|kept| kept.is_due(now)).collect(),
        DropKept::Named(with) => vec![choose(info.database(), &all, Some(with))?],
    };
    let mut dropped = Vec::new();
    for kept in wanted {
        let outcome = drop_one(&conn, kept).await;
        outcome.map_err(|error| match &dropped[..] {
            [] => error,
            dropped => error.and_then(format_args!("dropped before it: {}", dropped.join(", "))),
        })?;
        dropped.push(kept.name.clone());
    }
    Ok(dropped)
}

async fn drop_one(conn: &Conn, kept: &Kept) -> Result<()> {
    let name = &kept.name;
    if !kept.clients.is_empty() {
        return Err(in_use(name, &kept.clients))
            .map_err(|error| error.and_then(format_args!("database {name} was not dropped")));
    }
    let sql = format!("DROP DATABASE {}", identifier(name));
    let Err(error) = conn.run(&sql).await else {
        return Ok(());
    };
    let tied = match standing(conn, name).await? {
        Some(Standing { oid, .. }) => ties(conn, oid).await?,
        None => return Ok(()),
    };
    let error = Error::new(
        ErrorKind::Conflict,
        format!("database {name} was not dropped"),
    )
    .caused_by(error);
    Err(tied.iter().fold(error, |error, tie| {
        error.and_then(format_args!("it has {tie}"))
    }))
}

/// The one that is meant.
fn choose<'a>(name: &str, all: &'a [Kept], with: Option<&str>) -> Result<&'a Kept> {
    let list = |kept: &[&Kept]| -> String {
        let names: Vec<&str> = kept.iter().map(|kept| kept.name.as_str()).collect();
        names.join(", ")
    };
    let everything: Vec<&Kept> = all.iter().collect();
    let Some(with) = with else {
        return all.iter().find(|kept| kept.was_live).ok_or_else(|| {
            let error = Error::new(
                ErrorKind::Missing,
                format!("no database is kept that was {name} before"),
            );
            match all {
                [] => error,
                _ => error.and_then(format_args!(
                    "restored and never swapped in: {}; name one to have it in its place",
                    list(&everything)
                )),
            }
        });
    };
    if let Some(exact) = all.iter().find(|kept| kept.name == with) {
        return Ok(exact);
    }
    let head = head(name);
    let meant: Vec<&Kept> = everything
        .iter()
        .copied()
        .filter(|kept| {
            let tail = kept.name.strip_prefix(&head).unwrap_or_default();
            let time = tail.trim_start_matches(|char: char| !char.is_ascii_digit());
            !with.is_empty() && (kept.name.starts_with(with) || time.starts_with(with))
        })
        .collect();
    match meant[..] {
        [one] => Ok(one),
        [] => Err(Error::new(
            ErrorKind::Missing,
            match all {
                [] => format!("no database is kept for {name}"),
                _ => format!(
                    "{with} is none of those kept for {name}: {}",
                    list(&everything)
                ),
            },
        )),
        _ => Err(Error::new(
            ErrorKind::Conflict,
            format!("{with} may be any of {}: name one of them", list(&meant)),
        )),
    }
}

fn missing(name: &str) -> Error {
    Error::new(ErrorKind::Missing, format!("there is no database {name}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(names: &[&str]) -> Vec<Kept> {
        let kept = |name: &&str| {
            let (role, since) = kept_for(name, "shop").unwrap();
            Kept {
                name: (*name).to_owned(),
                was_live: role == Role::Before,
                since,
                droppable_from: None,
                bytes: None,
                clients: vec![],
            }
        };
        names.iter().map(kept).collect()
    }

    #[test]
    fn the_newest_that_was_live_is_meant_unless_one_is_named() {
        let all = of(&[
            "shop_restored_20261128_000000",
            "shop_before_20261127_000000",
            "shop_before_20261126_120000",
            "shop_before_20261126_110000",
        ]);
        let meant = |with| choose("shop", &all, with).map(|kept| kept.name.clone());
        assert_eq!(meant(None).unwrap(), "shop_before_20261127_000000");
        let restored = "shop_restored_20261128_000000";
        for with in [restored, "20261128", "shop_r"] {
            assert_eq!(meant(Some(with)).unwrap(), restored);
        }
        let oldest = "shop_before_20261126_110000";
        assert_eq!(meant(Some("20261126_11")).unwrap(), oldest);
        for (with, kind) in [
            ("20261126", ErrorKind::Conflict),
            ("shop_before", ErrorKind::Conflict),
            ("2025", ErrorKind::Missing),
            ("", ErrorKind::Missing),
        ] {
            assert_eq!(meant(Some(with)).unwrap_err().kind(), kind, "{with}");
        }
        let restored = of(&[restored]);
        let error = choose("shop", &restored, None).unwrap_err();
        assert!(error.to_string().contains("never swapped in"), "{error}");
    }
}
