//! A connection that reads: logged in, and with every setting that would change what is read
//! pinned, as pg_dump's `setup_connection` does and in a few more respects.
//!
//! Used by `ops` for dumping and for proving a restored database. Changes nothing in a database.

use std::time::Duration;

use super::conn::{Conn, ServerVersion, failed};
use super::conninfo::ConnInfo;
use super::dial::{Link, dial};
use super::snapshot::{Snapshot, SnapshotOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::text::TextForm;
use crate::text::{identifier, literal};

/// The oldest major version dr works with.
pub const OLDEST_MAJOR: u32 = 13;

/// The newest major version dr was tested with; newer ones are tried, with a warning.
pub const NEWEST_KNOWN_MAJOR: u32 = 18;

/// How a [`Session`] is set up.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct SessionOptions {
    pub(super) lock_timeout: Option<Duration>,
    pub(super) encoding: Option<String>,
    pub(super) role: Option<String>,
}

impl SessionOptions {
    /// Waits for no lock, reads in the database's own encoding, acts as the role that logs in.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives up when a table's lock is not to be had within this time; without it, waits.
    #[must_use]
    pub fn lock_timeout(mut self, limit: Duration) -> Self {
        self.lock_timeout = Some(limit);
        self
    }

    /// Reads text in this encoding instead of the database's own: that of a dump the database is
    /// compared with.
    #[must_use]
    pub fn encoding(mut self, name: impl Into<String>) -> Self {
        self.encoding = Some(name.into());
        self
    }

    /// Acts as this role after login (pg_dump's `--role`).
    #[must_use]
    pub fn role(mut self, name: impl Into<String>) -> Self {
        self.role = Some(name.into());
        self
    }
}

/// A connection set up for reading.
#[derive(Debug)]
pub struct Session {
    info: ConnInfo,
    options: SessionOptions,
    conn: Conn,
    encoding: String,
    warning: Option<String>,
}

impl Session {
    /// Connects and pins the settings. `application_name` is `dr` unless `info` has another.
    ///
    /// # Errors
    ///
    /// `Connect` if no server lets the role in, `Unsupported` if it is older than
    /// [`OLDEST_MAJOR`], `Server` if it refuses a setting.
    pub async fn connect(info: &ConnInfo, options: &SessionOptions) -> Result<Self> {
        let link = dial(info, "dr").await?;
        let (version, server_encoding) = greet(&link).await?;
        let encoding = options.encoding.clone().unwrap_or(server_encoding);
        let settings = settings(version, &encoding, options);
        link.client
            .batch_execute(&settings)
            .await
            .map_err(|error| failed(&link.control, error))?;
        let conn = Conn::new(link, TextForm::of_encoding(&encoding), version);
        Ok(Self {
            info: info.clone(),
            options: options.clone(),
            conn,
            encoding,
            warning: too_new(version),
        })
    }

    /// The connection.
    pub fn conn(&self) -> &Conn {
        &self.conn
    }

    /// The encoding names and data are read in: the database's own unless the options say
    /// otherwise.
    pub fn encoding(&self) -> &str {
        &self.encoding
    }

    /// The server's version.
    pub fn version(&self) -> ServerVersion {
        self.conn.version()
    }

    /// What a person should be told: notices of the connection string, a server newer than any
    /// this was tested with.
    pub fn notices(&self) -> impl Iterator<Item = &str> {
        self.info
            .notices()
            .iter()
            .map(String::as_str)
            .chain(self.warning.as_deref())
    }

    /// Takes the one snapshot under which everything is read.
    ///
    /// # Errors
    ///
    /// `Server`; `Unsupported` for [`Isolation::SerializableDeferrable`](super::Isolation) on a
    /// standby.
    pub async fn snapshot(self, options: &SnapshotOptions) -> Result<Snapshot> {
        Snapshot::take(self, options).await
    }

    pub(super) fn into_parts(self) -> (ConnInfo, SessionOptions, Conn, String) {
        (self.info, self.options, self.conn, self.encoding)
    }
}

/// Makes the search path safe, then asks for the version and the database's encoding.
pub(super) async fn greet(link: &Link) -> Result<(ServerVersion, String)> {
    // With an empty search_path nothing below can be answered by somebody's own function
    // (CVE-2018-1058).
    let answers = link
        .client
        .simple_query(
            "SELECT pg_catalog.set_config('search_path', '', false); \
             SHOW server_version_num; SHOW server_encoding",
        )
        .await
        .map_err(|error| failed(&link.control, error))?;
    let mut values = answers.iter().filter_map(|answer| match answer {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    let (_, number, encoding) = (values.next(), values.next(), values.next());
    let version = number
        .and_then(|number| number.parse().ok())
        .map(ServerVersion);
    let (Some(version), Some(encoding)) = (version, encoding) else {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "the server does not say its version and encoding as PostgreSQL does",
        ));
    };
    if version.major() < OLDEST_MAJOR {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "the server is PostgreSQL {version}, and dr works with {OLDEST_MAJOR} and newer; \
                 use the pg_dump of that version"
            ),
        ));
    }
    Ok((version, encoding.to_owned()))
}

fn too_new(version: ServerVersion) -> Option<String> {
    (version.major() > NEWEST_KNOWN_MAJOR).then(|| {
        format!(
            "the server is PostgreSQL {}, newer than any this version of dr was tested with \
             ({NEWEST_KNOWN_MAJOR}): what that version added may be refused or missing",
            version.major()
        )
    })
}

/// Everything that would change what is read, as one batch.
fn settings(version: ServerVersion, encoding: &str, options: &SessionOptions) -> String {
    let mut sql = vec![
        format!("SET client_encoding = {}", literal(encoding)),
        "SET standard_conforming_strings = on".to_owned(),
        "SET DateStyle = ISO".to_owned(),
        "SET IntervalStyle = postgres".to_owned(),
        "SET TimeZone = 'UTC'".to_owned(),
        "SET extra_float_digits = 3".to_owned(),
        "SET bytea_output = hex".to_owned(),
        "SET xmloption = content".to_owned(),
        // Or two COPYs of one table differ in their order.
        "SET synchronize_seqscans = off".to_owned(),
        "SET statement_timeout = 0".to_owned(),
        "SET lock_timeout = 0".to_owned(),
        "SET idle_in_transaction_session_timeout = 0".to_owned(),
        "SET quote_all_identifiers = off".to_owned(),
        // Rows that a policy hides are an error and not left out.
        "SET row_security = off".to_owned(),
        // Catalog queries are large and short: compiling them takes longer than running them.
        "SET jit = off".to_owned(),
        // No code of a view's owner runs while a superuser reads (CVE-2024-7348). Minor releases
        // of August 2024 and later have the setting.
        "SELECT pg_catalog.set_config(name, 'view, foreign-table', false) \
         FROM pg_catalog.pg_settings WHERE name = 'restrict_nonsystem_relation_kind'"
            .to_owned(),
    ];
    if version.major() >= 14 {
        sql.push("SET idle_session_timeout = 0".to_owned());
    }
    if version.major() >= 17 {
        sql.push("SET transaction_timeout = 0".to_owned());
    }
    if let Some(role) = &options.role {
        sql.push(format!("SET ROLE {}", identifier(role)));
    }
    sql.join(";\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_made_only_where_the_version_has_it() {
        let of = |number| settings(ServerVersion(number), "UTF8", &SessionOptions::new());
        assert!(!of(130_020).contains("idle_session_timeout"));
        assert!(of(140_000).contains("idle_session_timeout"));
        assert!(!of(160_009).contains("transaction_timeout = 0;\nSET transaction_timeout"));
        assert!(!of(160_009).contains("SET transaction_timeout"));
        assert!(of(170_000).contains("SET transaction_timeout"));
    }

    #[test]
    fn a_version_newer_than_the_tests_is_warned_about() {
        assert!(too_new(ServerVersion(180_004)).is_none());
        assert!(too_new(ServerVersion(190_000)).is_some());
    }
}
