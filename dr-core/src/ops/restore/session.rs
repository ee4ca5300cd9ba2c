//! One connection of a restore: its settings, its statements, COPY in both directions.
//!
//! Used by every part of the restore. Everything it is told is text of the dump, as bytes in the
//! dump's encoding or put together from such.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::digest::RowsDigest;
use crate::error::{Error, Result};
use crate::pg::target::{Preamble, connect};
use crate::pg::{Conn, ConnInfo, Row, ServerVersion, answers};
use crate::text::{TextForm, literal};
use crate::toc::render::{self, EntrySettings, RenderOptions};
use crate::toc::{Entry, Kind, Toc, ident::qualified};

/// How sessions are opened: where, and with which settings.
#[derive(Debug, Clone)]
pub(super) struct Door {
    info: ConnInfo,
    preamble: Preamble,
    form: TextForm,
    settings: Arc<[u8]>,
    backends: Arc<Mutex<Vec<i32>>>,
}

/// Values are written the same way however the database or the role is set up, both when they are
/// read and when they are read back. These are what pg_dump and dr's own dumps pin; and a database
/// set up with `array_nulls = off`, which pg_restore heeds, would take NULL in an array for a word,
/// one with `quote_all_identifiers` would write names with quotes into the settings of functions.
const FORMATS: &str = "SET DateStyle = ISO; SET IntervalStyle = postgres; SET array_nulls = on; \
    SET quote_all_identifiers = off; SET extra_float_digits = 3; SET bytea_output = hex;\n";

/// A database may be read-only by default; and where every commit waits for the disk a restore of
/// many tables takes many times as long. The last statement of a restore waits, for all of them.
const WRITING: &str =
    "SET default_transaction_read_only = off; SET synchronous_commit = off; SET jit = off;\n";

/// How a session writes values that have more than one writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Style {
    /// Values with time zone in the fixed zone that dr's dumps are made in, instead of the
    /// database's own, in which definitions are run.
    pub(super) fixed_zone: bool,
    /// `bytea` in the escape format, as a database may have been set up to.
    pub(super) escaped_bytea: bool,
}

impl Style {
    /// As dr's dumps are made.
    pub(super) const OF_DUMP: Self = Self {
        fixed_zone: true,
        escaped_bytea: false,
    };
}

impl Door {
    /// Sessions of the restore of `toc`, on the server and database of `info`; `of_source` are the
    /// source's settings, as far as known.
    pub(super) fn new(info: &ConnInfo, toc: &Toc, of_source: &BTreeMap<String, String>) -> Self {
        let encoding = match &toc.encoding[..] {
            "" => "UTF8",
            encoding => encoding,
        };
        let mut settings = format!("{FORMATS}{WRITING}").into_bytes();
        // money is written and read by it.
        if let Some(monetary) = of_source.get("lc_monetary") {
            settings.extend_from_slice(
                format!(
                    "SELECT pg_catalog.set_config('lc_monetary', {0}, false) \
                     WHERE pg_catalog.current_setting('lc_monetary') <> {0};\n",
                    literal(monetary)
                )
                .as_bytes(),
            );
        }
        if let Some(statement) = &toc.search_path {
            settings.extend_from_slice(statement);
        }
        Self {
            info: info.clone(),
            preamble: Preamble::new(encoding).std_strings(toc.std_strings),
            form: TextForm::of_encoding(encoding),
            settings: settings.into(),
            backends: Arc::default(),
        }
    }

    /// The same into another database.
    pub(super) fn to_database(&self, database: &str) -> Self {
        Self {
            info: self.info.with_database(database),
            ..self.clone()
        }
    }

    /// Opens a session.
    pub(super) async fn open(&self) -> Result<Session> {
        let conn = connect(&self.info, &self.preamble).await?;
        let session = Session {
            conn,
            form: self.form,
            entry_settings: EntrySettings::default(),
            style: Style::default(),
        };
        session.run(&self.settings).await?;
        let rows = session
            .rows("SELECT pg_catalog.pg_backend_pid() AS pid")
            .await?;
        if let Some(row) = rows.first() {
            self.backends
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(row.get("pid")?);
        }
        Ok(session)
    }

    /// Process ids of every backend opened so far.
    pub(super) fn backends(&self) -> Vec<i32> {
        self.backends
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Session {
    conn: Conn,
    form: TextForm,
    entry_settings: EntrySettings,
    style: Style,
}

impl Session {
    /// The server's version.
    pub(super) fn version(&self) -> ServerVersion {
        self.conn.version()
    }

    /// Runs statements.
    pub(super) async fn run(&self, sql: &[u8]) -> Result<()> {
        self.conn.run(&self.form.decode(sql)?).await
    }

    /// Runs statements and says how many rows they inserted, changed or returned.
    pub(super) async fn run_counting(&self, sql: &[u8]) -> Result<u64> {
        answers::count(&self.conn, &self.form.decode(sql)?).await
    }

    /// Asks a question.
    pub(super) async fn rows(&self, sql: &str) -> Result<Vec<Row>> {
        self.conn.rows(sql).await
    }

    /// Makes what an entry defines.
    pub(super) async fn make(
        &mut self,
        entry: &Entry,
        toc: &Toc,
        options: &RenderOptions,
    ) -> Result<()> {
        self.show_as(Style::default()).await?;
        let settings = self.entry_settings.switch_to(entry, options);
        let statements = render::create(entry, toc, options)?;
        let further = as_before_16(entry, toc, self.version().0);
        for statement in settings.iter().chain(&statements).chain(&further) {
            self.run(statement)
                .await
                .map_err(|error| of_entry(error, entry))?;
        }
        Ok(())
    }

    /// Writes values in that style from now on.
    pub(super) async fn show_as(&mut self, style: Style) -> Result<()> {
        if self.style != style {
            let zone = match style.fixed_zone {
                true => "SET TimeZone = 'UTC'",
                false => "RESET TimeZone",
            };
            let bytea = match style.escaped_bytea {
                true => "SET bytea_output = escape",
                false => "SET bytea_output = hex",
            };
            self.run(format!("{zone}; {bytea}").as_bytes()).await?;
            self.style = style;
        }
        Ok(())
    }

    /// Reads rows back by a COPY … TO STDOUT.
    pub(super) async fn digest(&self, statement: &str) -> Result<RowsDigest> {
        answers::digest(&self.conn, statement).await
    }

    /// The connection, for COPY and large objects.
    pub(super) fn conn(&self) -> &Conn {
        &self.conn
    }
}

/// A subscription of a server before 16 runs as its owner, which 16 and later do only if told. Its own
/// server does not know the option, so the dump cannot have it.
fn as_before_16(entry: &Entry, toc: &Toc, target: u32) -> Option<Bytes> {
    const SINCE: u32 = 16;
    let from_before = toc.server_major().is_some_and(|major| major < SINCE);
    let told = memchr::memmem::find(&entry.definition, b"run_as_owner").is_some();
    if entry.kind != Kind::Subscription || !from_before || told || target < SINCE * 10_000 {
        return None;
    }
    let mut statement = b"ALTER SUBSCRIPTION ".to_vec();
    statement.extend(qualified(None, &entry.tag));
    statement.extend_from_slice(b" SET (run_as_owner = true);\n");
    Some(statement.into())
}

/// The error of the entry it is about, with what to do where that is not in the server's words.
pub(super) fn of_entry(error: Error, entry: &Entry) -> Error {
    let error = match entry.kind {
        Kind::SecurityLabel => error.and_then(
            "load the label provider's module into the server (shared_preload_libraries), or \
             restore without labels: --exclude-kind 'SECURITY LABEL'",
        ),
        _ => error,
    };
    error.in_entry(entry)
}
