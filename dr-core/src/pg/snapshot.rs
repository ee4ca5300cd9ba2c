//! One exported snapshot, the connection that holds it, and the lanes that share it.
//!
//! Used by `live` and by `ops` for proving. Everything of one dump is read under one snapshot: the
//! catalogs on the leading connection, data on the lanes.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use futures::TryStreamExt as _;

use super::conn::Conn;
use super::copy::copy_out;
use super::lanes::{Lane, Lanes};
use super::session::Session;
use crate::digest::{RowsDigest, RowsHasher};
use crate::error::{Error, ErrorKind, Result};
use crate::files::{ByteStream, SourceFacts};
use crate::text::{identifier, qualified};

/// How the snapshot is isolated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// `REPEATABLE READ`: pg_dump's way.
    #[default]
    RepeatableRead,
    /// `SERIALIZABLE, DEFERRABLE`: waits for a moment at which the snapshot agrees with some serial
    /// order of all serializable transactions (pg_dump's `--serializable-deferrable`). Not on
    /// standbys.
    SerializableDeferrable,
}

/// How a [`Snapshot`] is taken.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SnapshotOptions {
    pub(super) isolation: Isolation,
    pub(super) jobs: NonZeroUsize,
}

impl Default for SnapshotOptions {
    fn default() -> Self {
        Self {
            isolation: Isolation::default(),
            jobs: NonZeroUsize::MIN,
        }
    }
}

impl SnapshotOptions {
    /// `REPEATABLE READ`, one lane.
    pub fn new() -> Self {
        Self::default()
    }

    /// How the snapshot is isolated.
    #[must_use]
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = isolation;
        self
    }

    /// How many connections may read data at once, beside the leading one.
    #[must_use]
    pub fn jobs(mut self, jobs: NonZeroUsize) -> Self {
        self.jobs = jobs;
        self
    }
}

/// A moment of a database, held open.
#[derive(Debug)]
pub struct Snapshot {
    leader: Conn,
    lanes: Arc<Lanes>,
    facts: SourceFacts,
    jobs: NonZeroUsize,
}

impl Snapshot {
    pub(super) async fn take(session: Session, options: &SnapshotOptions) -> Result<Self> {
        let (info, session_options, leader, encoding) = session.into_parts();
        // Outside the transaction, which a refusal would end.
        let system_identifier = system_identifier(&leader).await?;
        let begin = match options.isolation {
            Isolation::RepeatableRead => {
                "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
            }
            Isolation::SerializableDeferrable => {
                if in_recovery(&leader).await? {
                    return Err(Error::new(
                        ErrorKind::Unsupported,
                        "a serializable snapshot cannot be taken on a standby; \
                         take it on the primary, or do without",
                    ));
                }
                "BEGIN TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE"
            }
        };
        leader.run(begin).await?;
        let mut facts = facts(&leader).await?;
        facts.system_identifier = system_identifier;
        let lanes = Arc::new(Lanes::new(
            info,
            session_options.encoding(encoding),
            facts.snapshot.clone(),
            options.jobs,
        ));
        Ok(Self {
            leader,
            lanes,
            facts,
            jobs: options.jobs,
        })
    }

    /// The leading connection, which holds the snapshot and the locks. For catalogs; data goes over
    /// lanes.
    pub fn conn(&self) -> &Conn {
        &self.leader
    }

    /// Facts about the database at that moment. `roles` is for the catalog reader to fill.
    pub fn facts(&self) -> &SourceFacts {
        &self.facts
    }

    /// How many lanes there are.
    pub fn jobs(&self) -> NonZeroUsize {
        self.jobs
    }

    /// The lanes, for whoever reads over several at once.
    pub(super) fn lanes(&self) -> &Arc<Lanes> {
        &self.lanes
    }

    /// How long a lock may be waited for.
    pub(super) fn lock_timeout(&self) -> Option<std::time::Duration> {
        self.lanes.lock_timeout()
    }

    /// A connection that sees the snapshot; waits while all of them are in use. It is opened when
    /// first needed and goes back when the lane is dropped.
    ///
    /// # Errors
    ///
    /// As [`Session::connect`]; `Server` if the snapshot is gone because the leading connection is.
    pub async fn lane(&self) -> Result<Lane> {
        self.lanes.lease().await
    }

    /// Rows, bytes and digest of what these columns of a table hold, its own rows only; to be
    /// compared with what was recorded when they were dumped. Names are in the form of
    /// [`crate::text`]; several calls run at once, on as many lanes as there are.
    ///
    /// # Errors
    ///
    /// `Server`: the table or a column is missing, or may not be read.
    pub async fn rows_digest(
        &self,
        namespace: &str,
        name: &str,
        columns: &[String],
    ) -> Result<RowsDigest> {
        let mut rows = self.copy_rows(namespace, name, columns).await?;
        let mut hasher = RowsHasher::new();
        while let Some(piece) = rows.try_next().await? {
            hasher.update(&piece);
        }
        hasher.finish()
    }

    /// What these columns of a table hold as COPY text, its own rows only.
    pub(crate) async fn copy_rows(
        &self,
        namespace: &str,
        name: &str,
        columns: &[String],
    ) -> Result<ByteStream> {
        let columns: Vec<_> = columns.iter().map(|column| identifier(column)).collect();
        // A table may have no column at all, and COPY takes no empty list.
        let list = match columns.join(", ") {
            list if list.is_empty() => list,
            list => format!(" ({list})"),
        };
        let sql = format!("COPY {}{list} TO STDOUT", qualified(namespace, name));
        let lane = self.lane().await?;
        Ok(copy_out(lane, sql, format!("table {namespace}.{name}")))
    }
}

async fn in_recovery(conn: &Conn) -> Result<bool> {
    let rows = conn
        .rows("SELECT pg_catalog.pg_is_in_recovery() AS standby")
        .await?;
    rows.first().map_or(Ok(false), |row| row.get("standby"))
}

/// The cluster's identity, where the role may ask for it.
async fn system_identifier(conn: &Conn) -> Result<Option<String>> {
    let asked = conn
        .rows("SELECT system_identifier::text AS id FROM pg_catalog.pg_control_system()")
        .await;
    match asked {
        Ok(rows) => rows.first().map_or(Ok(None), |row| row.opt_text("id")),
        // insufficient_privilege: some hosters revoke it.
        Err(error) if error.sqlstate() == Some("42501") => Ok(None),
        Err(error) => Err(error),
    }
}

/// Settings whose value may matter to somebody who restores, as a new session would get them.
const SETTINGS: &str = "'DateStyle','IntervalStyle','TimeZone','block_size','data_checksums',\
    'default_table_access_method','default_tablespace','default_text_search_config',\
    'default_toast_compression','lc_messages','lc_monetary','lc_numeric','lc_time',\
    'max_identifier_length','server_encoding','shared_preload_libraries',\
    'standard_conforming_strings','wal_level'";

/// The first statements of the transaction: they fix its snapshot and export it.
async fn facts(conn: &Conn) -> Result<SourceFacts> {
    let provider = match conn.version().major() {
        ..=14 => "'c'::\"char\" AS provider, NULL::text AS locale, NULL::text AS icu_rules",
        15 => "datlocprovider AS provider, daticulocale AS locale, NULL::text AS icu_rules",
        16 => "datlocprovider AS provider, daticulocale AS locale, daticurules AS icu_rules",
        _ => "datlocprovider AS provider, datlocale AS locale, daticurules AS icu_rules",
    };
    // On a standby the position that matters is the one replayed. pg_export_snapshot works there
    // too, since 10.
    let rows = conn
        .rows(&format!(
            "SELECT pg_catalog.pg_export_snapshot() AS snapshot, \
             d.datname::text AS database, pg_catalog.pg_encoding_to_char(d.encoding)::text AS encoding, \
             d.datcollate::text AS collate, d.datctype::text AS ctype, {provider}, \
             pg_catalog.current_setting('server_version') AS server_version, \
             pg_catalog.pg_is_in_recovery() AS standby, \
             CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()::text \
                  ELSE pg_catalog.pg_current_wal_lsn()::text END AS lsn, \
             pg_catalog.to_char(pg_catalog.timezone('UTC', pg_catalog.clock_timestamp()), \
                'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS taken_at \
             FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()"
        ))
        .await?;
    let row = rows.first().ok_or_else(|| {
        Error::new(
            ErrorKind::Server,
            "the database is not listed in pg_database: was it dropped or renamed?",
        )
    })?;
    // The session has pinned some of them; reset_val is what it began with.
    let settings = pairs(
        conn,
        &format!(
            "SELECT name, reset_val AS value FROM pg_catalog.pg_settings WHERE name IN ({SETTINGS})"
        ),
    )
    .await?;
    let extensions = pairs(
        conn,
        "SELECT extname::text AS name, extversion AS value FROM pg_catalog.pg_extension",
    )
    .await?;
    Ok(SourceFacts {
        database: row.text("database")?,
        server_version: row.text("server_version")?,
        server_version_num: conn.version().0,
        encoding: row.text("encoding")?,
        collate: row.text("collate")?,
        ctype: row.text("ctype")?,
        locale_provider: match row.char("provider")? {
            b'i' => "icu",
            b'b' => "builtin",
            _ => "libc",
        }
        .to_owned(),
        locale: row.opt_text("locale")?,
        icu_rules: row.opt_text("icu_rules")?,
        system_identifier: None,
        snapshot: row.text("snapshot")?,
        lsn: row.opt_text("lsn")?,
        taken_at: row.text("taken_at")?,
        in_recovery: row.get("standby")?,
        settings,
        extensions,
        roles: Vec::new(),
    })
}

async fn pairs(conn: &Conn, sql: &str) -> Result<BTreeMap<String, String>> {
    let mut map = BTreeMap::new();
    for row in conn.rows(sql).await? {
        if let Some(value) = row.opt_text("value")? {
            map.insert(row.text("name")?, value);
        }
    }
    Ok(map)
}
