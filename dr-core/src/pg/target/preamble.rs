//! What a session that restores is told first: pg_restore's preamble, without the settings the
//! target's version does not have.

use crate::error::Result;
use crate::pg::conn::{Conn, ServerVersion, failed};
use crate::pg::conninfo::ConnInfo;
use crate::pg::dial::dial;
use crate::pg::session::greet;
use crate::text::TextForm;
use crate::text::{identifier, literal};

/// The settings of a session that restores.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Preamble {
    encoding: String,
    std_strings: bool,
    role: Option<String>,
}

impl Preamble {
    /// For a dump in this encoding.
    pub fn new(encoding: impl Into<String>) -> Self {
        Self {
            encoding: encoding.into(),
            std_strings: true,
            role: None,
        }
    }

    /// `standard_conforming_strings` of the dump.
    #[must_use]
    pub fn std_strings(mut self, on: bool) -> Self {
        self.std_strings = on;
        self
    }

    /// Acts as this role after login (pg_restore's `--role`).
    #[must_use]
    pub fn role(mut self, name: impl Into<String>) -> Self {
        self.role = Some(name.into());
        self
    }

    /// The statements, for a server of that version. pg_restore writes the same, but for the newest
    /// version it knows, and an older server answers with errors.
    pub fn sql(&self, version: ServerVersion) -> String {
        let on_off = |on| if on { "on" } else { "off" };
        let mut sql = vec![
            "SET statement_timeout = 0".to_owned(),
            "SET lock_timeout = 0".to_owned(),
            "SET idle_in_transaction_session_timeout = 0".to_owned(),
        ];
        if version.major() >= 14 {
            sql.push("SET idle_session_timeout = 0".to_owned());
        }
        if version.major() >= 17 {
            sql.push("SET transaction_timeout = 0".to_owned());
        }
        sql.push(format!("SET client_encoding = {}", literal(&self.encoding)));
        sql.push(format!(
            "SET standard_conforming_strings = {}",
            on_off(self.std_strings)
        ));
        if let Some(role) = &self.role {
            sql.push(format!("SET ROLE {}", identifier(role)));
        }
        sql.extend(
            [
                "SELECT pg_catalog.set_config('search_path', '', false)",
                "SET check_function_bodies = false",
                "SET xmloption = content",
                "SET client_min_messages = warning",
                "SET row_security = off",
                // A dump's definitions are written for these; a role or database may have others.
                "SET default_tablespace = ''",
                "SET default_table_access_method = heap",
                "SET synchronize_seqscans = off",
            ]
            .map(str::to_owned),
        );
        if !self.std_strings {
            sql.push("SET escape_string_warning = off".to_owned());
        }
        sql.join(";\n") + ";\n"
    }
}

/// A connection that restores: settings made, no transaction open. [`Conn::run`] and
/// [`copy_in`](crate::pg::copy::copy_in) take statements as text in the form of
/// [`crate::text`] for the preamble's encoding.
///
/// Of several hosts the one that can be written to is taken unless `target_session_attrs` says
/// otherwise. `application_name` is `dr` unless `info` has another.
///
/// # Errors
///
/// `Connect`; `Unsupported` for a server older than [`OLDEST_MAJOR`](crate::pg::OLDEST_MAJOR);
/// `Server` if it refuses a setting, such as an encoding it cannot convert.
pub async fn connect(info: &ConnInfo, preamble: &Preamble) -> Result<Conn> {
    let link = dial(&info.for_writing(), "dr").await?;
    let (version, _) = greet(&link).await?;
    link.client
        .batch_execute(&preamble.sql(version))
        .await
        .map_err(|error| failed(&link.control, error))?;
    Ok(Conn::new(
        link,
        TextForm::of_encoding(&preamble.encoding),
        version,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_server_is_not_told_settings_it_does_not_have() {
        let preamble = Preamble::new("UTF8");
        assert!(
            !preamble
                .sql(ServerVersion(130_020))
                .contains("idle_session_timeout")
        );
        assert!(
            !preamble
                .sql(ServerVersion(160_009))
                .contains("SET transaction_timeout")
        );
        assert!(
            preamble
                .sql(ServerVersion(170_000))
                .contains("SET transaction_timeout = 0")
        );
        assert!(
            preamble
                .sql(ServerVersion(150_000))
                .contains("standard_conforming_strings = on")
        );
    }
}
