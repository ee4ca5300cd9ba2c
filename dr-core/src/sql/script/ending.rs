//! What can be said of a script's entries only at its end: whether it is whole, which DROP belongs
//! to which entry, where names without a schema are looked for.

use std::collections::HashMap;

use bytes::Bytes;

use super::super::draft::{DataForm, unlink};
use super::super::header::on_one_line;
use super::super::statement::{Setting, Subject};
use super::{Builder, Script};
use crate::error::{Error, ErrorKind, Result};
use crate::toc::{Entry, Kind, ident};

impl Builder {
    /// Ends the script.
    pub(in crate::sql) fn finish(mut self, offset: u64, line: u64) -> Result<Script> {
        self.finish_draft()?;
        if let Some(error) = self.is_cut_short(offset, line) {
            return Err(error);
        }
        if !self.begun && self.toc.entries.is_empty() {
            return Err(Error::new(ErrorKind::Format, "holds no SQL statement").at_offset(0));
        }
        if self.toc.encoding.is_empty() {
            self.toc.encoding = "UTF8".to_owned();
            self.say_once("the script does not say its encoding: taken as UTF8");
        }
        self.attach_drops();
        self.attach_paths();
        self.doubt_evidence();
        self.keep_streams_apart();
        self.evidence.source.database = String::from_utf8_lossy(&self.toc.database).into_owned();
        self.evidence.source.server_version = self.toc.server_version.clone();
        self.evidence.source.encoding = self.toc.encoding.clone();
        Ok(Script {
            evidence: self.evidence,
            toc: self.toc,
            data: self.data,
            store: self.store,
        })
    }

    /// The error of a dump that has begun and whose last line was not seen.
    pub(in crate::sql) fn is_cut_short(&self, offset: u64, line: u64) -> Option<Error> {
        (self.begun && !self.complete).then(|| {
            Error::new(
                ErrorKind::Format,
                format!(
                    "the dump was cut short: its last line, \"PostgreSQL database dump complete\", \
                     is missing at line {line}"
                ),
            )
            .at_offset(offset)
        })
    }

    /// Takes what was seen so far for all there is. Rows and statements that were begun are no whole
    /// entry: they are left out, each with an error that says so.
    pub(in crate::sql) fn break_off(&mut self) -> Option<Error> {
        self.complete = true;
        let begun = self.draft.as_ref().is_some_and(|draft| {
            let data = matches!(draft.kind(), Kind::TableData | Kind::Blobs);
            // Of INSERTs and large objects only what comes behind them says that they are all.
            !self.copied && (data || draft.body.is_empty())
        });
        if !begun {
            return None;
        }
        self.rows = None;
        let draft = self.draft.take()?;
        let (kind, tag) = (draft.kind().clone(), draft.header.tag.clone());
        let tag = String::from_utf8_lossy(&tag);
        Some(
            Error::new(
                ErrorKind::Format,
                "it is not whole: it was begun and not ended",
            )
            .in_entry(format_args!("{kind} {tag}"))
            .at_offset(draft.offset),
        )
    }

    /// Keeps a parallel restore, ours or pg_restore's, from emptying a table before it loads the
    /// second of its streams: both take this comment as the sign that rows may have come from
    /// elsewhere.
    fn keep_streams_apart(&mut self) {
        let mut counts: HashMap<(Option<Bytes>, Bytes), u32> = HashMap::new();
        let key = |entry: &Entry| (entry.namespace.clone(), entry.tag.clone());
        let is_rows = |entry: &&mut Entry| entry.kind == Kind::TableData;
        for entry in self.toc.entries.iter_mut().filter(is_rows) {
            *counts.entry(key(entry)).or_default() += 1;
        }
        for entry in self.toc.entries.iter_mut().filter(is_rows) {
            if counts[&key(entry)] > 1 && entry.definition.is_empty() {
                let table = ident::qualified(entry.namespace.as_deref(), &entry.tag);
                let comment = [b"-- load via partition root ", &on_one_line(&table)[..]];
                entry.definition = comment.concat().into();
            }
        }
    }

    /// Gives the DROPs of a `--clean` dump to their entries: they stand in the opposite order.
    pub(super) fn attach_drops(&mut self) {
        let mut end = self.toc.entries.len();
        let mut unmatched = 0;
        for (subject, text) in std::mem::take(&mut self.drops) {
            let is_match = |entry: &Entry| is_dropped_by(entry, &subject);
            let entries = &mut self.toc.entries;
            let found = entries[..end]
                .iter()
                .rposition(is_match)
                .or_else(|| entries.iter().rposition(is_match));
            match found {
                Some(at) => {
                    end = at;
                    entries[at].drop_statement = if entries[at].kind == Kind::Blob {
                        unlink(&entries[at].tag)
                    } else {
                        without_if_exists(&text, &entries[at].kind)
                    };
                }
                None => unmatched += 1,
            }
        }
        if unmatched > 0 {
            self.watch.notice(format!(
                "{unmatched} DROP statements of the script's head belong to no entry and are left \
                 out: a restore goes into an empty database"
            ));
        }
    }

    /// Says for every entry where its names are looked for, if that is not the same for all.
    pub(super) fn attach_paths(&mut self) {
        const EMPTY: &[u8] = b"''";
        let first = self.paths.first().cloned().flatten();
        let statement = |path: &Option<Bytes>| -> Vec<u8> {
            match path {
                Some(path) if path == EMPTY => {
                    b"SELECT pg_catalog.set_config('search_path', '', false);\n".to_vec()
                }
                Some(path) => [b"SET search_path = ", &path[..], b";\n"].concat(),
                // What a server has without anybody's setting.
                None => b"SET search_path = \"$user\", public;\n".to_vec(),
            }
        };
        let is_one = self.paths.iter().all(|path| *path == first);
        let is_usual = first.as_deref() == Some(EMPTY) || (self.begun && self.paths.is_empty());
        if !is_usual || !self.session.is_empty() {
            let mut text = self.session.join(&b'\n');
            if !text.is_empty() {
                text.push(b'\n');
            }
            text.extend(statement(&if self.paths.is_empty() {
                Some(Bytes::from_static(EMPTY))
            } else {
                first
            }));
            self.toc.search_path = Some(text.into());
        }
        if is_one {
            return;
        }
        for (entry, path) in self.toc.entries.iter_mut().zip(&self.paths) {
            let prefix = statement(path);
            if let Some(data) = self
                .data
                .get_mut(&entry.id)
                .filter(|data| data.form == DataForm::Inserts)
            {
                data.prefix = prefix.into();
            } else if !entry.definition.is_empty() && !entry.has_data {
                entry.definition = [&prefix[..], &entry.definition].concat().into();
            }
        }
    }
}

/// Takes off the SET SESSION AUTHORIZATION that stands behind the privileges for the next entry.
pub(super) fn strip_session_authorization(entry: &mut Entry) {
    let text = entry.definition.trim_ascii_end();
    let start = memchr::memrchr(b'\n', text).map_or(0, |at| at + 1);
    if Setting::of(&text[start..]).is_some_and(|setting| setting.name == "session_authorization")
        && !text[start..].starts_with(b"RESET")
    {
        let kept = entry.definition[..start].trim_ascii_end().len();
        let mut definition = entry.definition[..kept].to_vec();
        definition.push(b'\n');
        entry.definition = definition.into();
    }
}

/// Whether a DROP is about this entry.
pub(super) fn is_dropped_by(entry: &Entry, subject: &Subject) -> bool {
    let same_kind = match subject.kind {
        Kind::Constraint => matches!(
            entry.kind,
            Kind::Constraint | Kind::FkConstraint | Kind::CheckConstraint
        ),
        ref kind => entry.kind == *kind,
    };
    // Casts, operators and the like are told apart by their order alone.
    same_kind
        && (subject.tag.is_empty()
            || entry.tag == subject.tag
            || on_one_line(&subject.tag) == entry.tag
            || entry.kind == Kind::Rule && entry.tag.starts_with(&subject.tag))
        && (subject.namespace.is_none()
            || entry.namespace.is_none()
            || subject.namespace.as_deref() == entry.namespace.as_deref())
}

/// A DROP as an archive has it: IF EXISTS is put in when it is asked for.
pub(super) fn without_if_exists(statement: &[u8], kind: &Kind) -> Bytes {
    let mut text = statement.trim_ascii_end().to_vec();
    let mut remove = |behind: &str| {
        let with = format!("{behind} IF EXISTS ");
        if let Some(at) = memchr::memmem::find(&text, with.as_bytes()) {
            text.splice(at + behind.len()..at + with.len() - 1, []);
        }
    };
    if statement.starts_with(b"ALTER TABLE") {
        remove("ALTER TABLE");
        remove("DROP CONSTRAINT");
    } else {
        remove(&format!("DROP {kind}"));
    }
    text.push(b'\n');
    text.into()
}
