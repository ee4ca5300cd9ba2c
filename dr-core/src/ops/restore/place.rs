//! Where a restore goes: a database made for it under another name, or one that was empty and must
//! be so again if the restore fails.
//!
//! Used by `restore`. A failed restore never bears the name that was asked for.

mod replace;

use std::time::{SystemTime, UNIX_EPOCH};

use super::super::promptly::promptly;
use super::options::RestoreOptions;
use super::session::{Door, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::files::SourceFacts;
use crate::pg::target::{self, NewDatabase, Standing};
use crate::pg::{Conn, ConnInfo};
use crate::text::{identifier, literal};
use crate::toc::ident::ident;
use crate::toc::{Entry, Kind, Plan, Toc};

/// Databases that a restore is making are named so, followed by the name they are to have.
pub(super) const PREFIX: &str = "dr_restoring_";

/// A database made for a restore, which does not have its name yet.
#[derive(Debug)]
pub(super) struct NewPlace {
    maintenance: Conn,
    info: ConnInfo,
    temporary: String,
    name: String,
    /// Into the temporary database.
    door: Door,
    /// The database that has the name now, and is to give it up.
    live: Option<Standing>,
}

impl NewPlace {
    /// A name that is free, on a server that has what the plan needs; nothing is made.
    ///
    /// # Errors
    ///
    /// `Conflict` if the name is taken; `Unsupported` if the server takes no changes.
    pub(super) async fn choose(info: &ConnInfo, door: &Door) -> Result<Self> {
        let name = info.database().to_owned();
        let maintenance = target::maintenance(info).await?;
        target::check_writable(&maintenance, info).await?;
        if target::exists(&maintenance, &name).await? {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "database {name} exists already; nothing was changed; choose another name, or \
                     rename or drop it first"
                ),
            ));
        }
        Ok(Self::named(info, door, maintenance, None))
    }

    fn named(info: &ConnInfo, door: &Door, maintenance: Conn, live: Option<Standing>) -> Self {
        let name = info.database().to_owned();
        let temporary = temporary_name(&name);
        Self {
            maintenance,
            info: info.clone(),
            door: door.to_database(&temporary),
            temporary,
            name,
            live,
        }
    }

    /// What earlier restores to this name have left that were killed: one notice each.
    pub(super) async fn leftovers(&self) -> Result<Vec<String>> {
        let head = temporary_head(&self.name);
        let mut found = target::unused(&self.maintenance, &head).await?;
        found.retain(|name| is_tail(&name[head.len()..]));
        let notice = |name| {
            format!(
                "database {name} was left by a restore that was killed, unless one is just \
                 beginning; nobody is connected to it, and it can be dropped"
            )
        };
        Ok(found.into_iter().map(notice).collect())
    }

    /// The connection to the server, to no database in particular.
    pub(super) fn maintenance(&self) -> &Conn {
        &self.maintenance
    }

    /// Sessions in the new database.
    pub(super) fn door(&self) -> &Door {
        &self.door
    }

    /// Makes the database, with encoding and locale of the source as far as they are known.
    pub(super) async fn make(
        &self,
        toc: &Toc,
        source: &SourceFacts,
        options: &RestoreOptions,
    ) -> Result<()> {
        let of_toc = toc.database_options();
        let mut facts = source.clone();
        // What the dump says of the database itself goes first: its encoding is not that of the dump,
        // which is all that an archive's header tells.
        if let Some(encoding) = of_toc.encoding {
            facts.encoding = encoding;
            facts.collate = of_toc.collate.unwrap_or(facts.collate);
            facts.ctype = of_toc.ctype.unwrap_or(facts.ctype);
            facts.locale_provider = of_toc.provider.unwrap_or(facts.locale_provider);
            facts.locale = of_toc.locale.or(facts.locale);
            facts.icu_rules = of_toc.icu_rules.or(facts.icu_rules);
        } else if facts.encoding.is_empty() {
            facts.encoding.clone_from(&toc.encoding);
        }
        let mut database = NewDatabase::new(&self.temporary).like(&facts);
        let tablespace = match &self.live {
            // What template0 lies in needs no right to be named.
            Some(live) => Some(live.tablespace.clone()).filter(|name| name != "pg_default"),
            None => of_toc.tablespace,
        };
        if options.tablespaces
            && let Some(tablespace) = tablespace
        {
            database = database.tablespace(tablespace);
        }
        target::create(&self.maintenance, &database).await
    }

    /// Settings of the database, which are in force for the sessions opened next.
    pub(super) async fn apply_settings(&self, toc: &Toc, plan: &Plan) -> Result<()> {
        let session = self.door.open().await?;
        self.apply(&session, toc, plan, Part::Settings, true).await
    }

    /// Owner, privileges, limits; then its name. The restore's sessions are closed.
    pub(super) async fn finish(
        &self,
        toc: &Toc,
        plan: &Plan,
        options: &RestoreOptions,
    ) -> Result<()> {
        let session = self.door.open().await?;
        if options.owners
            && let Some(entry) = toc.database_entry()
            && !entry.owner.is_empty()
        {
            let mut statement =
                format!("ALTER DATABASE {} OWNER TO ", identifier(&self.temporary)).into_bytes();
            statement.extend(ident(&entry.owner));
            session
                .run(&statement)
                .await
                .map_err(|error| error.in_entry(entry))?;
        }
        self.apply(&session, toc, plan, Part::Others, options.privileges)
            .await?;
        // The restore's sessions did not wait for the disk; this one does, for all of them.
        session.run(REACH_THE_DISK).await?;
        drop(session);
        target::rename(&self.maintenance, &self.temporary, &self.name).await
    }

    /// Drops what was made; says how that went in one line.
    pub(super) async fn give_up(self, options: &RestoreOptions) -> String {
        if options.keep_failed {
            return format!(
                "what there is of it was kept as database {}",
                self.temporary
            );
        }
        // The connection may be what failed.
        let conn = match promptly(self.maintenance.run("SELECT")).await {
            Ok(()) => Ok(self.maintenance),
            Err(_) => promptly(target::maintenance_apart(&self.info)).await,
        };
        let outcome = match conn {
            Ok(conn) => match target::drop_database(&conn, &self.temporary).await {
                // object_in_use: the server drops no database that has subscriptions.
                Err(error) if error.sqlstate() == Some("55006") => {
                    match unsubscribe(&self.door).await {
                        Ok(()) => target::drop_database(&conn, &self.temporary).await,
                        Err(_) => Err(error),
                    }
                }
                outcome => outcome,
            },
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) if self.live.is_some() => {
                format!("database {} goes on as it was", self.name)
            }
            Ok(()) => format!("database {} was not made", self.name),
            Err(error) => format!(
                "database {} is left over and can be dropped: {error}",
                self.temporary
            ),
        }
    }

    async fn apply(
        &self,
        session: &Session,
        toc: &Toc,
        plan: &Plan,
        part: Part,
        privileges: bool,
    ) -> Result<()> {
        for entry in toc.about_database() {
            let planned = plan.database.as_ref();
            if entry.kind == Kind::Acl && !privileges
                || planned.is_some_and(|planned| !planned.contains(&entry.id))
            {
                continue;
            }
            for statement in entry.for_database(self.temporary.as_bytes()) {
                // Those of roles are the live database's, and nobody but us comes in before.
                let is_left = self.live.is_some() && statement.starts_with(b"ALTER ROLE ");
                if Part::of(entry, &statement) == part && !is_left {
                    session
                        .run(&statement)
                        .await
                        .map_err(|error| super::session::of_entry(error, entry))?;
                }
            }
        }
        Ok(())
    }
}

async fn unsubscribe(door: &Door) -> Result<()> {
    let session = door.open().await?;
    target::drop_subscriptions(session.conn()).await
}

/// Waits until everything committed so far is on disk, also by sessions that did not wait.
pub(super) const REACH_THE_DISK: &[u8] =
    b"SET synchronous_commit = on; SELECT pg_catalog.pg_current_xact_id();";

/// The two times at which statements about a database are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Before the restore: what its sessions are to see.
    Settings,
    /// After it: what might keep them out.
    Others,
}

impl Part {
    fn of(entry: &Entry, statement: &[u8]) -> Self {
        let is_setting = entry.kind == Kind::DatabaseProperties
            && memchr::memmem::find(statement, b" SET ").is_some()
            && !statement.starts_with(b"UPDATE");
        if is_setting {
            Self::Settings
        } else {
            Self::Others
        }
    }
}

/// A name that no restore had before; within PostgreSQL's 63 bytes.
fn temporary_name(name: &str) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    let tail = format!("_{:x}_{:04x}", now, rand::random::<u16>());
    temporary_head(name) + &tail
}

/// What the temporary names for a name begin with; it leaves room for a tail.
fn temporary_head(name: &str) -> String {
    // It goes into statements of the dump, whatever the dump's encoding.
    let mut head = format!("{PREFIX}{name}");
    head.retain(|char| char.is_ascii_alphanumeric() || char == '_');
    head.truncate(63 - TAIL);
    head
}

/// Bytes kept for a tail: milliseconds in hexadecimal digits reach eleven in 2527.
const TAIL: usize = "_00000000000_0000".len();

fn is_tail(text: &str) -> bool {
    let hexadecimal = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    match text.split('_').collect::<Vec<_>>()[..] {
        ["", time, random] => {
            time.len() > 8 && random.len() == 4 && hexadecimal(time) && hexadecimal(random)
        }
        _ => false,
    }
}

/// A database that was empty, and what it had all the same.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct EmptyPlace {
    extensions: Vec<Extension>,
    public: Option<PublicSchema>,
}

/// An extension as it was.
#[derive(Debug, PartialEq, Eq)]
struct Extension {
    name: String,
    schema: String,
    version: String,
}

/// The schema `public` as it was.
#[derive(Debug, PartialEq, Eq)]
struct PublicSchema {
    owner: String,
    grants: Vec<String>,
    comment: Option<String>,
}

impl EmptyPlace {
    /// Remembers what is there.
    pub(super) async fn remember(session: &Session) -> Result<Self> {
        let mut extensions = Vec::new();
        for row in session
            .rows(
                "SELECT e.extname::text AS name, n.nspname::text AS schema, \
                        e.extversion AS version FROM pg_catalog.pg_extension e \
                 JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace ORDER BY 1",
            )
            .await?
        {
            extensions.push(Extension {
                name: row.text("name")?,
                schema: row.text("schema")?,
                version: row.text("version")?,
            });
        }
        let rows = session
            .rows(
                "SELECT pg_catalog.pg_get_userbyid(n.nspowner)::text AS owner, \
                        pg_catalog.obj_description(n.oid, 'pg_namespace') AS comment, \
                        ARRAY(SELECT 'GRANT ' || a.privilege_type || ' ON SCHEMA public TO ' || \
                              CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident( \
                                  pg_catalog.pg_get_userbyid(a.grantee)) END || \
                              CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END \
                              FROM pg_catalog.aclexplode(n.nspacl) a)::text[] AS grants \
                 FROM pg_catalog.pg_namespace n WHERE n.nspname = 'public'",
            )
            .await?;
        let public = match rows.first() {
            Some(row) => Some(PublicSchema {
                owner: row.text("owner")?,
                grants: row.texts("grants")?,
                comment: row.opt_text("comment")?,
            }),
            None => None,
        };
        Ok(Self { extensions, public })
    }

    /// Takes everything away that was not there; says how that went in one line.
    ///
    /// `ours` are the backends of the restore, which may still be working.
    pub(super) async fn give_up(&self, session: Result<Session>, ours: &[i32]) -> String {
        let outcome = async {
            let session = session?;
            end_backends(&session, ours).await?;
            // Who could make nothing may not be able to drop anything either.
            if self.is_untouched(&session).await? {
                return Ok(None);
            }
            self.clean(&session).await.map(Some)
        };
        let outcome: Result<Option<target::Content>> = outcome.await;
        match outcome {
            Ok(None) => "nothing was changed".to_owned(),
            Ok(Some(content)) if content.is_empty() => {
                "everything restored so far was removed again: the database is empty".to_owned()
            }
            Ok(Some(content)) => {
                format!("the database could not be emptied again, it holds {content}")
            }
            Err(error) => format!("the database could not be emptied again: {error}"),
        }
    }

    /// Whether all is as it was remembered.
    async fn is_untouched(&self, session: &Session) -> Result<bool> {
        let content = target::content(session.conn()).await?;
        Ok(content.is_empty() && Self::remember(session).await? == *self)
    }

    async fn clean(&self, session: &Session) -> Result<target::Content> {
        // Event triggers first: they would fire on the rest. The search path is empty, so that
        // unqualified names are found in pg_catalog alone.
        for statements in [
            "SELECT 'DROP EVENT TRIGGER ' || quote_ident(evtname) AS sql FROM pg_event_trigger",
            "SELECT 'DROP PUBLICATION ' || quote_ident(pubname) AS sql FROM pg_publication",
            "SELECT 'ALTER SUBSCRIPTION ' || quote_ident(subname) || ' DISABLE; ALTER SUBSCRIPTION ' \
                || quote_ident(subname) || ' SET (slot_name = NONE); DROP SUBSCRIPTION ' \
                || quote_ident(subname) AS sql FROM pg_subscription \
                WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())",
            "SELECT 'DROP SCHEMA ' || quote_ident(nspname) || ' CASCADE' AS sql FROM pg_namespace \
                WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'",
            "SELECT 'DROP FOREIGN DATA WRAPPER ' || quote_ident(fdwname) || ' CASCADE' AS sql \
                FROM pg_foreign_data_wrapper",
            "SELECT 'DROP CAST (' || format_type(castsource, NULL) || ' AS ' || \
                format_type(casttarget, NULL) || ')' AS sql FROM pg_cast WHERE oid >= 16384",
            "SELECT 'DROP LANGUAGE ' || quote_ident(lanname) || ' CASCADE' AS sql FROM pg_language l \
                WHERE oid >= 16384 AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = l.oid \
                AND d.classid = 'pg_language'::regclass AND d.deptype = 'e')",
            "SELECT 'SELECT lo_unlink(oid) FROM pg_largeobject_metadata' AS sql \
                WHERE EXISTS (SELECT FROM pg_largeobject_metadata)",
        ] {
            let found = session
                .rows(&format!(
                    "SELECT f.sql::text AS sql FROM ({}) f",
                    statements
                ))
                .await?;
            for row in found {
                session.run(row.text("sql")?.as_bytes()).await?;
            }
        }
        let kept: Vec<String> = self
            .extensions
            .iter()
            .map(|extension| literal(&extension.name))
            .collect();
        let added = session
            .rows(&format!(
                "SELECT extname::text AS name FROM pg_catalog.pg_extension \
                 WHERE extname <> ALL (ARRAY[{}]::text[])",
                kept.join(",")
            ))
            .await?;
        for row in added {
            session
                .run(
                    format!(
                        "DROP EXTENSION IF EXISTS {} CASCADE",
                        identifier(&row.text("name")?)
                    )
                    .as_bytes(),
                )
                .await?;
        }
        self.remake_public(session).await?;
        // Those that were in a schema that went.
        for extension in &self.extensions {
            session
                .run(
                    format!(
                        "CREATE EXTENSION IF NOT EXISTS {} SCHEMA {} VERSION {}",
                        identifier(&extension.name),
                        identifier(&extension.schema),
                        literal(&extension.version)
                    )
                    .as_bytes(),
                )
                .await?;
        }
        target::content(session.conn()).await
    }

    async fn remake_public(&self, session: &Session) -> Result<()> {
        let Some(public) = &self.public else {
            return Ok(());
        };
        let mut sql = format!(
            "CREATE SCHEMA public; ALTER SCHEMA public OWNER TO {};",
            identifier(&public.owner)
        );
        for grant in &public.grants {
            sql.push_str(grant);
            sql.push(';');
        }
        if let Some(comment) = &public.comment {
            sql.push_str(&format!(
                "COMMENT ON SCHEMA public IS {};",
                literal(comment)
            ));
        }
        session.run(sql.as_bytes()).await
    }
}

/// Ends what the restore's other sessions may still be doing in the database.
async fn end_backends(session: &Session, ours: &[i32]) -> Result<()> {
    let pids: Vec<String> = ours.iter().map(ToString::to_string).collect();
    session
        .run(
            format!(
                "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
                 WHERE pid = ANY (ARRAY[{}]::int[]) AND pid <> pg_catalog.pg_backend_pid() \
                   AND datname = pg_catalog.current_database()",
                pids.join(",")
            )
            .as_bytes(),
        )
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_name_fits_and_is_its_own() {
        let one = temporary_name("shop");
        assert!(one.starts_with("dr_restoring_shop_"), "{one}");
        assert_ne!(one, temporary_name("shop"));
        let long = temporary_name(&"ü and \"more\" ".repeat(60));
        assert!(long.len() <= 63 && long.is_ascii(), "{long}");
        let found = one.strip_prefix(&temporary_head("shop"));
        assert!(found.is_some_and(is_tail), "{one}");
        // That of another database whose name begins alike.
        let found = one.strip_prefix(&temporary_head("sh"));
        assert!(!found.is_some_and(is_tail), "{one}");
    }
}
