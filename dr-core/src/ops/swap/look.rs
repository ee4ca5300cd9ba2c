//! What stands in the way of a swap, or will not come along, found before anything is done.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::super::hooks::Around;
use super::Connections;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Watch;
use crate::pg::Conn;
use crate::pg::target::{Client, Standing, Tie, clients, named, ties};

/// A client that comes and goes, such as a health check, is no obstacle.
const PASSING_BY: Duration = Duration::from_secs(2);

/// How often it is looked whether somebody is still there.
pub(super) const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// Refuses a live database that cannot be swapped out, tells what a person should know before it
/// is, and returns what stays with it.
pub(in crate::ops) async fn look(
    conn: &Conn,
    name: &str,
    live: &Standing,
    connections: Connections,
    hooks: &Around,
    watch: &Watch,
) -> Result<Vec<Tie>> {
    live.check_renamable(name)?;
    let stays = refuse_prepared(conn, name, live.oid).await?;
    for tie in &stays {
        watch.notice(stays_behind(name, tie));
    }
    if !live.allows_connections {
        watch.notice(format!(
            "database {name} takes no connections (ALLOW_CONNECTIONS false), and the restored one \
             will not either: ALTER DATABASE … ALLOW_CONNECTIONS true when it may"
        ));
    }
    let until = Instant::now() + PASSING_BY;
    let there = loop {
        let there = clients(conn, &[live.oid]).await?;
        let may_stay = connections != Connections::Refuse || hooks.is_some();
        if there.is_empty() || may_stay || Instant::now() >= until {
            break there;
        }
        sleep(BETWEEN_LOOKS).await;
    };
    // Hooks may be what makes them leave: those that stay are refused at the swap.
    let for_hooks = connections == Connections::Refuse && hooks.is_some();
    if !for_hooks {
        check(name, &there, connections)?;
    }
    if !there.is_empty() {
        let what = match connections {
            _ if for_hooks => "if they are there when the hook has run, there is no swap",
            Connections::Terminate => "they will be ended when the databases are swapped",
            _ => "it will be waited for them before the databases are swapped",
        };
        watch.notice(format!("connected to {name}: {}; {what}", named(&there)));
    }
    Ok(stays)
}

/// Refuses clients that the choice leaves in the way.
pub(super) fn check(name: &str, there: &[Client], connections: Connections) -> Result<()> {
    match connections {
        Connections::Refuse if !there.is_empty() => Err(in_use(name, there)),
        Connections::Terminate => {
            let not_ours: Vec<Client> = there
                .iter()
                .filter(|client| !client.may_be_ended)
                .cloned()
                .collect();
            if not_ours.is_empty() {
                return Ok(());
            }
            Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "connected to {name} and not to be ended by this role: {}; connect as a \
                     superuser or as a member of pg_signal_backend, or end them yourself",
                    named(&not_ours)
                ),
            ))
        }
        _ => Ok(()),
    }
}

/// The error that says who is connected.
pub(super) fn in_use(name: &str, there: &[Client]) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!(
            "connected to {name}: {}; stop what uses it, or choose --connections terminate or \
             --connections wait",
            named(there)
        ),
    )
}

/// Refuses a database with prepared transactions; returns what else is tied to it.
pub(super) async fn refuse_prepared(conn: &Conn, name: &str, oid: u32) -> Result<Vec<Tie>> {
    let (prepared, others): (Vec<Tie>, Vec<Tie>) = ties(conn, oid)
        .await?
        .into_iter()
        .partition(|tie| matches!(tie, Tie::PreparedTransaction { .. }));
    if prepared.is_empty() {
        return Ok(others);
    }
    let list: Vec<String> = prepared.iter().map(Tie::to_string).collect();
    Err(Error::new(
        ErrorKind::Conflict,
        format!(
            "database {name} has {}, and the server renames none with such; connect to it, and \
             COMMIT PREPARED or ROLLBACK PREPARED first",
            list.join(", ")
        ),
    ))
}

fn stays_behind(name: &str, tie: &Tie) -> String {
    let what = match tie {
        Tie::ReplicationSlot { .. } => {
            "whoever reads it will see nothing of the restored one, and it goes on holding WAL \
             until it is dropped"
        }
        _ => {
            "it goes on there, and the one restored from the backup is disabled: decide which of \
             them is to run"
        }
    };
    format!("{tie} of database {name} stays with the old one: {what}")
}
