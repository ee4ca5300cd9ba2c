//! Databases as a whole: made from template0 with the source's locale, renamed when proven, dropped
//! when not.

use crate::error::{Error, ErrorKind, Result};
use crate::files::SourceFacts;
use crate::pg::conn::{Conn, ServerVersion};
use crate::pg::conninfo::ConnInfo;
use crate::text::{identifier, literal};

use super::{Preamble, connect};

/// A connection from which databases can be made, renamed and dropped: to `postgres`, else to
/// `template1`, on the server of `info`, as PostgreSQL's own `createdb` does.
///
/// # Errors
///
/// As [`connect`]. With none of the two databases there, the error is about `postgres`.
pub async fn maintenance(info: &ConnInfo) -> Result<Conn> {
    maintenance_in(info, "UTF8").await
}

/// The same, with texts in this encoding.
///
/// # Errors
///
/// As [`maintenance`].
pub async fn maintenance_in(info: &ConnInfo, encoding: &str) -> Result<Conn> {
    let preamble = Preamble::new(encoding);
    match connect(&info.with_database("postgres"), &preamble).await {
        // invalid_catalog_name
        Err(error) if error.sqlstate() == Some("3D000") => {
            connect(&info.with_database("template1"), &preamble)
                .await
                .map_err(|_| error)
        }
        other => other,
    }
}

/// The same, but never to the database that `info` names, so that this one can be renamed.
///
/// # Errors
///
/// As [`connect`].
pub async fn maintenance_apart(info: &ConnInfo) -> Result<Conn> {
    match info.database() {
        "postgres" => connect(&info.with_database("template1"), &Preamble::new("UTF8")).await,
        _ => maintenance(info).await,
    }
}

/// Refuses a server that takes no changes, before the first of them is tried.
///
/// # Errors
///
/// `Unsupported` for a standby and for sessions that are read-only; `Server`.
pub async fn check_writable(conn: &Conn, info: &ConnInfo) -> Result<()> {
    let rows = conn
        .rows(
            "SELECT pg_catalog.pg_is_in_recovery() AS standby, \
             pg_catalog.current_setting('transaction_read_only') = 'on' AS read_only",
        )
        .await?;
    let Some(row) = rows.first() else {
        return Ok(());
    };
    let why = if row.get("standby")? {
        "the server is in recovery: it is a standby and takes no changes; connect to the primary"
    } else if row.get("read_only")? {
        "the server's sessions are read-only (default_transaction_read_only); connect to the \
         primary, or have it turned off for this role"
    } else {
        return Ok(());
    };
    Err(Error::new(
        ErrorKind::Unsupported,
        format!("cannot restore into {info}: {why}"),
    ))
}

/// A database to be made. What is left open is the server's default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewDatabase {
    name: String,
    encoding: Option<String>,
    collate: Option<String>,
    ctype: Option<String>,
    provider: Option<String>,
    locale: Option<String>,
    icu_rules: Option<String>,
    owner: Option<String>,
    tablespace: Option<String>,
}

impl NewDatabase {
    /// A database of that name.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// With the encoding and the locale of the database a dump was made of, as far as they are
    /// known: a dump that tells nothing leaves the server's default.
    #[must_use]
    pub fn like(mut self, source: &SourceFacts) -> Self {
        let known = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        self.encoding = known(&source.encoding);
        self.collate = known(&source.collate);
        self.ctype = known(&source.ctype);
        self.provider = known(&source.locale_provider);
        self.locale.clone_from(&source.locale);
        self.icu_rules.clone_from(&source.icu_rules);
        self
    }

    /// In this encoding.
    #[must_use]
    pub fn encoding(mut self, name: impl Into<String>) -> Self {
        self.encoding = Some(name.into());
        self
    }

    /// Owned by this role instead of the one that makes it.
    #[must_use]
    pub fn owner(mut self, role: impl Into<String>) -> Self {
        self.owner = Some(role.into());
        self
    }

    /// In this tablespace.
    #[must_use]
    pub fn tablespace(mut self, name: impl Into<String>) -> Self {
        self.tablespace = Some(name.into());
        self
    }

    /// The statement, for a server of that version.
    ///
    /// # Errors
    ///
    /// `Unsupported` for a locale provider that version does not have.
    pub fn sql(&self, version: ServerVersion) -> Result<String> {
        let major = version.major();
        // template0 holds nothing of anybody's and takes any encoding and locale.
        let mut sql = format!(
            "CREATE DATABASE {} TEMPLATE template0",
            identifier(&self.name)
        );
        let mut option = |name: &str, value: &Option<String>| {
            if let Some(value) = value {
                sql.push_str(&format!(" {name} {}", literal(value)));
            }
        };
        option("ENCODING", &self.encoding);
        let provider = self.provider.as_deref().unwrap_or("libc");
        let since = match provider {
            "libc" => 0,
            "icu" => 15,
            "builtin" => 17,
            other => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    format!("locale provider {other} of the source database is not known"),
                ));
            }
        };
        if major < since {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "the source database has locale provider {provider}, which PostgreSQL {major} \
                     does not have; create the database by hand and restore into it"
                ),
            ));
        }
        if major >= 15 {
            option("LOCALE_PROVIDER", &self.provider);
        }
        option("LC_COLLATE", &self.collate);
        option("LC_CTYPE", &self.ctype);
        match provider {
            "icu" => option("ICU_LOCALE", &self.locale),
            "builtin" => option("BUILTIN_LOCALE", &self.locale),
            _ => {}
        }
        if major >= 16 {
            option("ICU_RULES", &self.icu_rules);
        }
        if let Some(owner) = &self.owner {
            sql.push_str(&format!(" OWNER {}", identifier(owner)));
        }
        if let Some(tablespace) = &self.tablespace {
            sql.push_str(&format!(" TABLESPACE {}", identifier(tablespace)));
        }
        Ok(sql)
    }
}

/// Makes a database. `conn` is a [`maintenance`] connection.
///
/// # Errors
///
/// `Conflict` if the name is taken; `Unsupported` as [`NewDatabase::sql`]; `Server`, among others
/// for a locale the target's operating system does not have.
pub async fn create(conn: &Conn, database: &NewDatabase) -> Result<()> {
    let outcome = conn.run(&database.sql(conn.version())?).await;
    outcome.map_err(|error| taken(error, &database.name))
}

/// Whether a database of that name exists.
///
/// # Errors
///
/// `Server`.
pub async fn exists(conn: &Conn, name: &str) -> Result<bool> {
    let sql = format!(
        "SELECT 1 AS one FROM pg_catalog.pg_database WHERE datname = {}",
        literal(name)
    );
    Ok(!conn.rows(&sql).await?.is_empty())
}

/// Databases whose names begin so and that nobody is connected to.
///
/// # Errors
///
/// `Server`.
pub async fn unused(conn: &Conn, prefix: &str) -> Result<Vec<String>> {
    let sql = format!(
        "SELECT d.datname::text AS name FROM pg_catalog.pg_database d \
         WHERE pg_catalog.starts_with(d.datname::text, {}) AND NOT EXISTS \
             (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid) ORDER BY 1",
        literal(prefix)
    );
    let rows = conn.rows(&sql).await?;
    rows.iter().map(|row| row.text("name")).collect()
}

/// Gives a database another name. Nobody may be connected to it; connections just closed are
/// waited for by the server, up to five seconds.
///
/// # Errors
///
/// `Conflict` if the name is taken; `Server`.
pub async fn rename(conn: &Conn, from: &str, to: &str) -> Result<()> {
    let sql = format!(
        "ALTER DATABASE {} RENAME TO {}",
        identifier(from),
        identifier(to)
    );
    conn.run(&sql).await.map_err(|error| taken(error, to))
}

/// Drops a database, also when somebody is connected to it; for one that was made here and did not
/// come to be. A database that is not there is no error.
///
/// # Errors
///
/// `Server`.
pub async fn drop_database(conn: &Conn, name: &str) -> Result<()> {
    conn.run(&format!(
        "DROP DATABASE IF EXISTS {} WITH (FORCE)",
        identifier(name)
    ))
    .await
}

/// Drops the subscriptions of the database that `conn` is in, which could not be dropped itself with
/// them. What they would have replicated from is not asked and its slots are left alone: they may be
/// in use by the database that was dumped.
///
/// # Errors
///
/// `Server`.
pub async fn drop_subscriptions(conn: &Conn) -> Result<()> {
    let rows = conn
        .rows(
            "SELECT s.subname::text AS name FROM pg_catalog.pg_subscription s \
             JOIN pg_catalog.pg_database d ON d.oid = s.subdbid \
             WHERE d.datname = pg_catalog.current_database()",
        )
        .await?;
    for row in rows {
        let name = identifier(&row.text("name")?).into_owned();
        conn.run(&format!("ALTER SUBSCRIPTION {name} DISABLE"))
            .await?;
        conn.run(&format!("ALTER SUBSCRIPTION {name} SET (slot_name = NONE)"))
            .await?;
        conn.run(&format!("DROP SUBSCRIPTION {name}")).await?;
    }
    Ok(())
}

fn taken(error: Error, name: &str) -> Error {
    // duplicate_database
    if error.sqlstate() != Some("42P04") {
        return error;
    }
    Error::new(
        ErrorKind::Conflict,
        format!("database {name} exists already; choose another name, or rename it first"),
    )
    .caused_by(error)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn icu() -> SourceFacts {
        SourceFacts {
            encoding: "UTF8".to_owned(),
            collate: "C".to_owned(),
            ctype: "C".to_owned(),
            locale_provider: "icu".to_owned(),
            locale: Some("de-DE".to_owned()),
            ..SourceFacts::default()
        }
    }

    #[test]
    fn a_database_is_made_with_the_options_the_version_has() {
        let database = NewDatabase::new("shop copy").like(&icu()).owner("me");
        assert_eq!(
            database.sql(ServerVersion(150_000)).unwrap(),
            "CREATE DATABASE \"shop copy\" TEMPLATE template0 ENCODING 'UTF8' \
             LOCALE_PROVIDER 'icu' LC_COLLATE 'C' LC_CTYPE 'C' ICU_LOCALE 'de-DE' OWNER me"
        );
        let refused = database.sql(ServerVersion(140_000)).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported);
        let libc = SourceFacts {
            locale_provider: "libc".to_owned(),
            locale: None,
            ..icu()
        };
        assert_eq!(
            NewDatabase::new("d")
                .like(&libc)
                .sql(ServerVersion(130_000))
                .unwrap(),
            "CREATE DATABASE d TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
        );
        assert_eq!(
            NewDatabase::new("d")
                .like(&SourceFacts::default())
                .sql(ServerVersion(180_000))
                .unwrap(),
            "CREATE DATABASE d TEMPLATE template0"
        );
    }
}
