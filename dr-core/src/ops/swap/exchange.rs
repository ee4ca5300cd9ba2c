//! The exchange itself. Both names change in one transaction, so that a crash at any moment leaves
//! one of the two serving under the name and never none.
//!
//! Nobody is kept out by a setting, which a crash would leave behind: while ALTER DATABASE … RENAME
//! waits for others to leave, up to five seconds, it holds a lock that everybody who wants in waits
//! for. Those who are in are ended in just that time, from a second connection.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::super::promptly::promptly;
use super::carry::{Carry, gone};
use super::look::{BETWEEN_LOOKS, check, in_use, refuse_prepared};
use super::names::{Role, free_name};
use super::record::{self, Record};
use super::{Connections, SwapOptions, Swapped};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Phase, Watch};
use crate::pg::target::{self, Client, clients, maintenance_apart, named, standing};
use crate::pg::{Conn, ConnInfo};
use crate::text::{identifier, literal};

/// Each try keeps newcomers waiting for up to five seconds.
const TRIES: u32 = 3;

/// A client that comes and goes is no reason to refuse.
const PASSING_BY: Duration = Duration::from_secs(5);

/// While it is waited for others, who they are is told as often as this.
const BETWEEN_NOTICES: Duration = Duration::from_secs(60);

/// How long the server may take to end a connection that was lost.
const LOST_FOR: Duration = Duration::from_secs(20);

/// Two databases that are to exchange their names.
#[derive(Debug)]
pub(in crate::ops) struct Exchange<'a> {
    /// The server.
    pub(in crate::ops) info: &'a ConnInfo,
    /// The name both want.
    pub(in crate::ops) name: &'a str,
    /// Which database is to have it now.
    pub(in crate::ops) live: u32,
    /// The name of the one that comes in.
    pub(in crate::ops) incoming: &'a str,
    /// Which database that is.
    pub(in crate::ops) incoming_oid: u32,
    /// What goes over to it.
    pub(in crate::ops) carry: Option<Carry>,
    /// Whether the one that comes in is dr's own, and whoever is connected to it a stranger.
    pub(in crate::ops) is_own: bool,
    /// How.
    pub(in crate::ops) options: SwapOptions,
    /// Who watches.
    pub(in crate::ops) watch: &'a Watch,
    /// Heeded while it is waited for others, and not once the exchange has begun.
    pub(in crate::ops) stop: &'a CancellationToken,
}

/// The second connection, and whom it has ended.
#[derive(Debug)]
struct Others {
    conn: Conn,
    ended: Vec<Client>,
}

impl Exchange<'_> {
    /// Exchanges them. After an error each has the name it had, unless the error says that this could
    /// not be learned.
    ///
    /// # Errors
    ///
    /// `Conflict` for connections, prepared transactions and databases that are not the ones that
    /// were meant; `Interrupted`; `Server`.
    pub(in crate::ops) async fn run(&self) -> Result<Swapped> {
        self.watch.tell(Event::Phase {
            phase: Phase::Swap,
            items: 0,
            bytes: 0,
        });
        let mut others = Others {
            conn: maintenance_apart(self.info).await?,
            ended: Vec::new(),
        };
        let stays = refuse_prepared(&others.conn, self.name, self.live).await?;
        let began = Instant::now();
        let mut tries = 0;
        let mut told: Option<Instant> = None;
        let is_over = |tries| match self.options.connections {
            Connections::Refuse => began.elapsed() >= PASSING_BY,
            Connections::Wait(limit) => limit.is_some_and(|limit| began.elapsed() >= limit),
            Connections::Terminate => tries >= TRIES,
        };
        loop {
            if self.stop.is_cancelled() {
                return Err(Error::new(
                    ErrorKind::Interrupted,
                    "stopped by request before the databases were swapped",
                ));
            }
            let there = self.in_the_way(&others.conn).await?;
            if self.options.connections == Connections::Terminate {
                check(self.name, &there, self.options.connections)?;
            } else if !there.is_empty() {
                if is_over(tries) {
                    return Err(in_use(self.name, &there));
                }
                if self.options.connections != Connections::Refuse
                    && told.is_none_or(|told| told.elapsed() >= BETWEEN_NOTICES)
                {
                    told = Some(Instant::now());
                    self.watch
                        .notice(format!("waiting for {} to leave", named(&there)));
                }
                self.pause().await;
                continue;
            }
            tries += 1;
            match self.once(&mut others).await {
                Ok((kept, droppable_from)) => {
                    return Ok(Swapped {
                        database: self.name.to_owned(),
                        was: self.incoming.to_owned(),
                        kept,
                        droppable_from,
                        ended: others.ended,
                        hook_failures: Vec::new(),
                        stays,
                    });
                }
                // object_in_use: somebody was quicker. lock_not_available: somebody makes a copy of
                // the database, or changes it.
                Err(error) if matches!(error.sqlstate(), Some("55006" | "55P03")) => {
                    refuse_prepared(&others.conn, self.name, self.live).await?;
                    if is_over(tries) {
                        let there = self.in_the_way(&others.conn).await?;
                        return Err(match there.is_empty() {
                            true => error,
                            false if self.options.connections == Connections::Terminate => {
                                Error::new(
                                    ErrorKind::Conflict,
                                    format!(
                                        "connected to {} and did not end when the server told \
                                         them to: {}",
                                        self.name,
                                        named(&there)
                                    ),
                                )
                                .caused_by(error)
                            }
                            false => in_use(self.name, &there).caused_by(error),
                        });
                    }
                    self.pause().await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn pause(&self) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = sleep(BETWEEN_LOOKS) => {}
        }
    }

    /// Clients that must have left.
    async fn in_the_way(&self, conn: &Conn) -> Result<Vec<Client>> {
        match self.is_own {
            true => clients(conn, &[self.live]).await,
            false => clients(conn, &[self.live, self.incoming_oid]).await,
        }
    }

    /// One try: the name of the one that went out, and from when on it may be dropped.
    async fn once(&self, others: &mut Others) -> Result<(String, Option<Timestamp>)> {
        let conn = maintenance_apart(self.info).await?;
        let rows = conn
            .rows("SELECT pg_catalog.pg_backend_pid() AS pid")
            .await?;
        let pid: i32 = rows.first().map_or(Ok(0), |row| row.get("pid"))?;
        let now = Timestamp::now();
        let kept = free_name(&conn, self.name, Role::Before, now).await?;
        let record = Record {
            since: now,
            droppable_from: match self.options.drop_old_after {
                Some(time) => Some(later(now, time)?),
                None => None,
            },
        };
        if let Err(error) = self.transact(&conn, others, &kept, record).await {
            // Dropping the connection rolls back as well.
            if let Err(error) = promptly(conn.run("ROLLBACK")).await {
                tracing::debug!("no rollback: {error:?}");
            }
            return Err(error);
        }
        match conn.run("COMMIT").await {
            Ok(()) => Ok((kept, record.droppable_from)),
            Err(error) => match self.was_committed(pid).await {
                Ok(true) => Ok((kept, record.droppable_from)),
                Ok(false) => Err(error),
                Err(unknown) => Err(error.and_then(format_args!(
                    "whether the databases were swapped could not be learned ({unknown}): \
                     {} serves in any case, and if there is a {kept}, that is the old one",
                    self.name
                ))),
            },
        }
    }

    async fn transact(
        &self,
        conn: &Conn,
        others: &mut Others,
        kept: &str,
        record: Record,
    ) -> Result<()> {
        conn.run("BEGIN; SET LOCAL lock_timeout = '5s'; SET LOCAL synchronous_commit = on")
            .await?;
        let terminate = self.options.connections == Connections::Terminate;
        self.rename(conn, others, (self.name, kept), self.live, terminate)
            .await?;
        self.expect(conn, kept, self.live).await?;
        self.expect(conn, self.incoming, self.incoming_oid).await?;
        if let Some(carry) = &self.carry {
            carry.onto(conn, kept, self.incoming).await?;
        }
        let (incoming, name) = (self.incoming, self.name);
        let end = terminate || self.is_own;
        self.rename(conn, others, (incoming, name), self.incoming_oid, end)
            .await?;
        let of_kept = standing(conn, kept).await?.ok_or_else(|| gone(kept))?;
        comment(
            conn,
            kept,
            Some(&record.added_to(of_kept.comment.as_deref())),
        )
        .await?;
        let of_new = standing(conn, name).await?.ok_or_else(|| gone(name))?;
        if let (own, Some(_)) = record::split(of_new.comment.as_deref()) {
            comment(conn, name, own).await?;
        }
        Ok(())
    }

    /// Renames a database, and ends those who are in it while the server waits for them.
    async fn rename(
        &self,
        conn: &Conn,
        others: &mut Others,
        (from, to): (&str, &str),
        oid: u32,
        terminate: bool,
    ) -> Result<()> {
        let rename = target::rename(conn, from, to);
        if !terminate {
            return rename.await;
        }
        let ending = async {
            loop {
                for client in clients(&others.conn, &[oid]).await? {
                    target::end(&others.conn, &client).await?;
                    let is_new = others.ended.iter().all(|other| other.pid != client.pid);
                    if is_new && (oid == self.live || !self.is_own) {
                        others.ended.push(client);
                    }
                }
                sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::select! {
            biased;
            renamed = rename => renamed,
            failed = ending => failed,
        }
    }

    /// Somebody else may have swapped, or dropped, one of the two meanwhile.
    async fn expect(&self, conn: &Conn, name: &str, oid: u32) -> Result<()> {
        match standing(conn, name).await? {
            Some(standing) if standing.oid == oid => Ok(()),
            _ => Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "the databases are not the ones that were there when this began: somebody \
                     else has renamed or replaced {} or {}",
                    self.name, self.incoming
                ),
            )),
        }
    }

    /// Whether a COMMIT whose answer was lost was done, once its session is over.
    async fn was_committed(&self, pid: i32) -> Result<bool> {
        let patience = Instant::now() + LOST_FOR;
        loop {
            let look = async {
                let conn = maintenance_apart(self.info).await?;
                let gone = conn
                    .rows(&format!(
                        "SELECT 1 AS one FROM pg_catalog.pg_stat_activity WHERE pid = {pid}"
                    ))
                    .await?
                    .is_empty();
                let now = standing(&conn, self.name).await?;
                Ok((gone, now.is_some_and(|now| now.oid == self.incoming_oid)))
            };
            match promptly(look).await {
                Ok((_, true)) => return Ok(true),
                Ok((true, false)) => return Ok(false),
                Ok((false, false)) | Err(_) if Instant::now() < patience => {
                    sleep(BETWEEN_LOOKS).await;
                }
                Ok((false, false)) => {
                    return Err(Error::new(
                        ErrorKind::Connect,
                        "the server has not ended the session yet",
                    ));
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Says something of a database, or nothing any more.
async fn comment(conn: &Conn, name: &str, text: Option<&str>) -> Result<()> {
    let text = text.map_or_else(|| "NULL".to_owned(), literal);
    conn.run(&format!(
        "COMMENT ON DATABASE {} IS {text}",
        identifier(name)
    ))
    .await
}

fn later(now: Timestamp, time: Duration) -> Result<Timestamp> {
    SignedDuration::try_from(time)
        .ok()
        .and_then(|time| now.checked_add(time).ok())
        .ok_or_else(|| Error::new(ErrorKind::Usage, "that time is never"))
}
