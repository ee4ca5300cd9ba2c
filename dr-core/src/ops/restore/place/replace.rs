//! A new database beside a live one, whose place it takes: what is looked at first, what is done when it
//! is proven, and what becomes of it when it cannot take that place.

use super::super::super::promptly::promptly;
use super::super::super::swap::{Carry, Exchange, Role, Swapped, free_name, look};
use super::super::options::RestoreOptions;
use super::super::session::Door;
use super::super::stop::unless_stopped;
use super::{NewPlace, REACH_THE_DISK};
use crate::error::{Error, ErrorKind, Result};
use crate::pg::ConnInfo;
use crate::pg::target::{self, Standing, standing};

impl NewPlace {
    /// A name beside that of a database that is to be replaced; nothing is made. What a person
    /// should know before it begins is told.
    ///
    /// # Errors
    ///
    /// `Missing` if there is no such database; `Conflict` and `Unsupported` if it cannot be renamed,
    /// or somebody is connected who must not be.
    pub(in super::super) async fn beside(
        info: &ConnInfo,
        door: &Door,
        options: &RestoreOptions,
    ) -> Result<Self> {
        let name = info.database();
        let maintenance = target::maintenance_apart(info).await?;
        target::check_writable(&maintenance, info).await?;
        let Some(live) = standing(&maintenance, name).await? else {
            return Err(Error::new(
                ErrorKind::Missing,
                format!("there is no database {name} to be replaced; make it with --create"),
            ));
        };
        let (connections, watch) = (options.swap.connections, &options.watch);
        look(
            &maintenance,
            name,
            &live,
            connections,
            &options.around,
            watch,
        )
        .await?;
        Ok(Self::named(info, door, maintenance, Some(live)))
    }

    /// Whether this role may give the new database what the live one has; told if they write or
    /// sort text in different ways.
    pub(in super::super) async fn rehearse(&self, options: &RestoreOptions) -> Result<()> {
        let Some(live) = &self.live else {
            return Ok(());
        };
        carry(options)
            .rehearse(&self.maintenance, &self.name, &self.temporary)
            .await?;
        if let Some(new) = standing(&self.maintenance, &self.temporary).await?
            && new.locale != live.locale
        {
            options.watch.notice(format!(
                "database {} has encoding and locale {}, and the restored one has those of the \
                 dump, {}",
                self.name, live.locale, new.locale
            ));
        }
        Ok(())
    }

    /// Everything is there and proven, and is to serve at once: on disk, and with what the planner
    /// needs to know.
    pub(in super::super) async fn settle(
        &self,
        options: &RestoreOptions,
        notices: &mut Vec<String>,
    ) -> Result<()> {
        let session = self.door.open().await?;
        // A view's or an index's function may fail; the planner does without, and so may we.
        if let Err(error) = unless_stopped(&options.stop, session.run(b"ANALYZE")).await {
            if error.kind() == ErrorKind::Interrupted {
                return Err(error);
            }
            notices.push(format!(
                "ANALYZE failed ({error}): until it is run, queries may be slow"
            ));
        }
        session.run(REACH_THE_DISK).await
    }

    /// The restored database takes the place of the live one.
    pub(in super::super) async fn swap(
        &self,
        live: &Standing,
        options: &RestoreOptions,
    ) -> Result<Swapped> {
        let incoming = standing(
            &target::maintenance_apart(&self.info).await?,
            &self.temporary,
        )
        .await?
        .ok_or_else(|| {
            Error::new(
                ErrorKind::Conflict,
                format!(
                    "somebody has dropped or renamed database {}",
                    self.temporary
                ),
            )
        })?;
        Exchange {
            info: &self.info,
            name: &self.name,
            live: live.oid,
            incoming: &self.temporary,
            incoming_oid: incoming.oid,
            carry: Some(carry(options)),
            is_own: true,
            options: options.swap,
            watch: &options.watch,
            stop: &options.stop,
        }
        .run()
        .await
    }

    /// Keeps the proven database that did not take the live one's place; says under which name.
    pub(in super::super) async fn set_aside(&self, options: &RestoreOptions) -> String {
        let work = async {
            let conn = target::maintenance_apart(&self.info).await?;
            if !target::exists(&conn, &self.temporary).await? {
                return Ok(None);
            }
            let now = jiff::Timestamp::now();
            let kept = free_name(&conn, &self.name, Role::Restored, now).await?;
            conn.run("BEGIN; SET LOCAL synchronous_commit = on").await?;
            carry(options)
                .onto(&conn, &self.name, &self.temporary)
                .await?;
            target::rename(&conn, &self.temporary, &kept).await?;
            conn.run("COMMIT").await?;
            Ok::<_, Error>(Some(kept))
        };
        let name = &self.name;
        match promptly(work).await {
            Ok(Some(kept)) => format!(
                "database {name} goes on as it was; the restored one, which is proven, is kept as \
                 {kept}: dr swap-back --with {kept} puts it in its place, and --drop-old {kept} \
                 drops it"
            ),
            Ok(None) => format!(
                "there is no database {} any more: look which one is {name} with dr swap-back --list",
                self.temporary
            ),
            Err(error) => format!(
                "unless that came through, database {name} goes on as it was, and the restored one, \
                 which is proven, is there as {} and can be renamed or dropped ({error})",
                self.temporary
            ),
        }
    }

    /// The database that has the name.
    pub(in super::super) fn live(&self) -> Option<&Standing> {
        self.live.as_ref()
    }
}

fn carry(options: &RestoreOptions) -> Carry {
    Carry {
        owner: options.owners,
        privileges: options.privileges,
    }
}
