//! What a script sets around its entries, and which database it goes to.

use bytes::Bytes;

use super::super::lexer::Piece;
use super::super::statement::Setting;
use super::{Builder, at, begin_of};
use crate::error::{ErrorKind, Result};
use crate::toc::{Entry, Kind};

/// Client encodings in which a byte below 0x80 may be part of a character: neither quotes nor
/// backslashes can be told in them without decoding.
const UNSAFE_ENCODINGS: &[&str] = &[
    "SJIS",
    "SHIFTJIS",
    "MSKANJI",
    "WIN932",
    "WINDOWS932",
    "BIG5",
    "WIN950",
    "WINDOWS950",
    "GBK",
    "WIN936",
    "WINDOWS936",
    "UHC",
    "WIN949",
    "WINDOWS949",
    "GB18030",
    "JOHAB",
    "SHIFTJIS2004",
];

impl Builder {
    /// Takes a setting; false if it is part of what a definition does.
    pub(super) fn setting(&mut self, setting: &Setting, piece: &Piece) -> Result<bool> {
        if !setting.is_whole {
            return Err(at(piece, ErrorKind::Format, &not_whole(setting)));
        }
        let has_header = self.draft.as_ref().is_some_and(|draft| draft.has_header);
        let is_acl = self
            .draft
            .as_ref()
            .is_some_and(|draft| matches!(draft.kind(), Kind::Acl | Kind::DefaultAcl));
        match &setting.name[..] {
            "default_tablespace" => self.tablespace = Some(setting.word().into()),
            "default_table_access_method" => self.access_method = Some(setting.word().into()),
            "default_with_oids" => {
                if matches!(&setting.word()[..], b"true" | b"on") {
                    return Err(at(
                        piece,
                        ErrorKind::Unsupported,
                        "tables WITH OIDS, which no supported server has",
                    ));
                }
            }
            "search_path" => self.search_path = Some(Bytes::copy_from_slice(&setting.value)),
            // Grants may be made in another role's name.
            "session_authorization" if is_acl => return Ok(false),
            "session_authorization" => self.by_session_authorization = true,
            "role" => {
                self.say_once("SET ROLE of the script is not run: a restore has its own role")
            }
            "client_encoding" => self.encoding(setting, piece)?,
            "standard_conforming_strings" => {
                let on = !matches!(&setting.word()[..], b"off" | b"false" | b"no" | b"0");
                if on != self.toc.std_strings && !self.toc.entries.is_empty() {
                    return Err(at(
                        piece,
                        ErrorKind::Unsupported,
                        "standard_conforming_strings changes in the middle of the script",
                    ));
                }
                self.toc.std_strings = on;
            }
            _ if setting.is_of_every_script() => {}
            _ if has_header => return Ok(false),
            _ if self.toc.entries.is_empty() && self.draft.is_none() => {
                self.session.push(piece.text.clone());
            }
            _ => {
                self.finish_draft()?;
                self.late_setting = Some((begin_of(&piece.text), piece.offset, piece.line));
            }
        }
        Ok(true)
    }

    pub(super) fn encoding(&mut self, setting: &Setting, piece: &Piece) -> Result<()> {
        let name = String::from_utf8_lossy(&setting.word()).to_ascii_uppercase();
        let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        if UNSAFE_ENCODINGS.contains(&&letters[..]) {
            return Err(at(
                piece,
                ErrorKind::Unsupported,
                &format!("a script in {name}, which is no server encoding: make it in UTF8"),
            ));
        }
        let name = match &letters[..] {
            "UTF8" | "UNICODE" => "UTF8".to_owned(),
            _ => name,
        };
        if !self.toc.encoding.is_empty() && self.toc.encoding != name {
            return Err(at(
                piece,
                ErrorKind::Unsupported,
                &format!(
                    "the encoding changes from {} to {name} in the middle of the script",
                    self.toc.encoding
                ),
            ));
        }
        self.toc.encoding = name;
        Ok(())
    }

    /// `\connect`: after CREATE DATABASE, to the database all else goes into.
    pub(super) fn connect(&mut self, piece: &Piece) -> Result<()> {
        self.finish_draft()?;
        let name = connect_target(&piece.text).ok_or_else(|| {
            at(
                piece,
                ErrorKind::Unsupported,
                "a \\connect that does not name just a database",
            )
        })?;
        let is_of_database = |entry: &Entry| {
            matches!(entry.kind, Kind::Database | Kind::DatabaseProperties)
                || entry.tag.starts_with(b"DATABASE ")
        };
        let other = !self.toc.database.is_empty() && self.toc.database != name;
        if other || !self.toc.entries.iter().all(is_of_database) {
            return Err(at(
                piece,
                ErrorKind::Unsupported,
                "the script goes on into another database; split it, or load it with psql",
            ));
        }
        self.toc.database = name;
        self.tablespace = None;
        self.access_method = None;
        Ok(())
    }
}

/// Why a setting is refused that is more than a name and values.
pub(in crate::sql) fn not_whole(setting: &Setting) -> String {
    format!(
        "the setting of {} goes on behind its value: the script is damaged there, or was not made \
         by pg_dump",
        setting.name
    )
}

pub(in crate::sql) fn argument(line: &[u8]) -> Bytes {
    let argument = line
        .splitn(2, u8::is_ascii_whitespace)
        .nth(1)
        .unwrap_or_default();
    Bytes::copy_from_slice(argument.trim_ascii())
}

/// The database a `\connect` goes to, in the two forms pg_dump writes: a name, or a connection
/// string with nothing but a name.
pub(in crate::sql) fn connect_target(line: &[u8]) -> Option<Bytes> {
    let argument = argument(line);
    let (text, is_conninfo) = match argument.strip_prefix(b"-reuse-previous=on ") {
        Some(rest) => (rest.trim_ascii(), true),
        None => (&argument[..], false),
    };
    let name = match text
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""))
    {
        Some(quoted) => {
            let undoubled = quoted.to_vec();
            let mut name = Vec::with_capacity(undoubled.len());
            let mut bytes = undoubled.into_iter();
            while let Some(byte) = bytes.next() {
                if byte == b'"' && bytes.next() != Some(b'"') {
                    return None;
                }
                name.push(byte);
            }
            name
        }
        None if text
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') =>
        {
            text.to_vec()
        }
        None => return None,
    };
    if !is_conninfo {
        return Some(name.into());
    }
    let value = name.strip_prefix(b"dbname=")?;
    let value = match value
        .strip_prefix(b"'")
        .and_then(|rest| rest.strip_suffix(b"'"))
    {
        Some(quoted) => quoted,
        None => value,
    };
    let mut found = Vec::with_capacity(value.len());
    let mut bytes = value.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => found.push(*bytes.next()?),
            b'\'' => return None,
            other => found.push(*other),
        }
    }
    Some(found.into())
}
