//! Any [`Dump`] as a script that `psql -v ON_ERROR_STOP=1` loads, laid out as pg_dump's.
//!
//! Used by `ops`. The script holds no psql line but the `\.` that ends COPY data: text from a dump
//! that would give psql a command of its own (a `\!` in a definition, a line end in a name, a `\.`
//! among the rows) is refused, as the dump may come from a server that means harm
//! (CVE-2025-8714 and CVE-2025-8715 were that in pg_dump).

use std::collections::HashSet;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream};

use super::header::on_one_line;
use super::large_object::calls_of;
use super::lexer::{Lexer, PieceKind};
use crate::dump::{Data, Dump};
use crate::error::{Error, ErrorKind, Result};
use crate::files::ByteStream;
use crate::limits::Limits;
use crate::toc::render::{self, EntrySettings, Existing, RenderOptions};
use crate::toc::{Entry, EntryId, Kind, Pass, Toc, outward_keys};

/// Which parts of a dump are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Parts {
    /// Definitions and data.
    #[default]
    All,
    /// Definitions only.
    Schema,
    /// Data only: rows, sequence values, large objects.
    Data,
}

/// What a script holds, and for whom it is made.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct WriteOptions {
    render: RenderOptions,
    parts: Parts,
    no_acl: bool,
    clean: Option<Existing>,
    limits: Limits,
}

impl WriteOptions {
    /// Everything, for the newest server known here.
    pub fn new() -> Self {
        Self::default()
    }

    /// Owners, tablespaces, access methods and the version of the target.
    #[must_use]
    pub fn render(mut self, render: RenderOptions) -> Self {
        self.render = render;
        self
    }

    /// Only these parts.
    #[must_use]
    pub fn parts(mut self, parts: Parts) -> Self {
        self.parts = parts;
        self
    }

    /// No GRANT and REVOKE.
    #[must_use]
    pub fn no_acl(mut self) -> Self {
        self.no_acl = true;
        self
    }

    /// First drops everything it makes.
    #[must_use]
    pub fn clean(mut self, existing: Existing) -> Self {
        self.clean = Some(existing);
        self
    }

    /// Bounds on what is held in memory: `statement`, for INSERT statements.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Whether an entry is written at all. DATABASE entries are not: the script is loaded into a
    /// database that exists, as that of a pg_dump without `--create`.
    fn takes(&self, entry: &Entry) -> bool {
        let of_database = matches!(entry.kind, Kind::Database | Kind::DatabaseProperties)
            || is_dependent(&entry.kind) && entry.tag.starts_with(b"DATABASE ");
        if of_database
            || entry.kind == Kind::Warning
            || self.no_acl && Pass::of(entry) == Pass::Acl
            || render::needs_version(entry) > self.render.target()
        {
            return false;
        }
        match self.parts {
            Parts::All => true,
            Parts::Schema => !is_data(entry),
            Parts::Data => is_data(entry),
        }
    }
}

fn is_dependent(kind: &Kind) -> bool {
    matches!(kind, Kind::Acl | Kind::Comment | Kind::SecurityLabel)
}

/// What pg_restore counts as data: also large objects with all that is theirs.
fn is_data(entry: &Entry) -> bool {
    entry.has_data
        || matches!(
            entry.kind,
            Kind::SequenceSet | Kind::Blob | Kind::BlobMetadata | Kind::TableData | Kind::Blobs
        )
        || is_dependent(&entry.kind) && entry.tag.starts_with(b"LARGE OBJECT")
}

/// The script of the entries of `toc`, which is the dump's own or a selection of it.
///
/// A view: nothing is read from the dump until the stream is polled, and then one entry after
/// another. The stream fails with `Unsupported` or `Format` at text that psql would take for
/// something else than what pg_restore would run, beside the errors of the dump.
///
/// A foreign key to a table that is not in `toc` is written so that it is made where that table
/// exists, and told and left out where it does not.
pub fn script(dump: Arc<dyn Dump>, toc: Arc<Toc>, options: WriteOptions) -> ByteStream {
    let mut order: Vec<(Pass, usize)> = toc
        .entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| options.takes(entry))
        .map(|(at, entry)| (Pass::of(entry), at))
        .collect();
    // Stable: within a pass in the order of the dump.
    order.sort_by_key(|(pass, _)| *pass);
    let outward = outward_keys(toc.entries.iter()).into_keys().collect();
    let state = Writing {
        dump,
        toc,
        outward,
        options,
        settings: EntrySettings::default(),
        order: order.into_iter().map(|(_, at)| at),
        at: At::Head,
    };
    stream::try_unfold(state, |mut state| async move {
        let next = state.next().await?;
        Ok::<_, Error>(next.map(|stream| (stream, state)))
    })
    .try_flatten()
    .boxed()
}

enum At {
    Head,
    Entries,
    End,
}

struct Writing<I> {
    dump: Arc<dyn Dump>,
    toc: Arc<Toc>,
    /// Foreign keys, and comments on them, that need a table which the script does not make.
    outward: HashSet<EntryId>,
    options: WriteOptions,
    settings: EntrySettings,
    order: I,
    at: At,
}

fn one(text: impl Into<Bytes>) -> ByteStream {
    let text = text.into();
    stream::iter([Ok(text)]).boxed()
}

impl<I: Iterator<Item = usize> + Clone> Writing<I> {
    async fn next(&mut self) -> Result<Option<ByteStream>> {
        match self.at {
            At::Head => {
                self.at = At::Entries;
                Ok(Some(one(self.head()?)))
            }
            At::Entries => match self.order.next() {
                Some(at) => {
                    let toc = Arc::clone(&self.toc);
                    let entry = &toc.entries[at];
                    self.entry(entry)
                        .await
                        .map(Some)
                        .map_err(|error| error.in_entry(entry))
                }
                None => {
                    self.at = At::End;
                    Ok(Some(one(
                        &b"--\n-- PostgreSQL database dump complete\n--\n\n"[..],
                    )))
                }
            },
            At::End => Ok(None),
        }
    }

    fn head(&self) -> Result<BytesMut> {
        let toc = &self.toc;
        if !toc
            .encoding
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        {
            return Err(Error::new(
                ErrorKind::Format,
                format!("{:?} is no name of an encoding", toc.encoding),
            ));
        }
        let mut text = BytesMut::from(&b"--\n-- PostgreSQL database dump\n--\n\n"[..]);
        for (what, version) in [
            ("-- Dumped from database version ", &toc.server_version),
            ("-- Dumped by pg_dump version ", &toc.dump_version),
        ] {
            if !version.is_empty() {
                text.extend_from_slice(what.as_bytes());
                text.extend_from_slice(&on_one_line(version.as_bytes()));
                text.extend_from_slice(b"\n");
            }
        }
        text.extend_from_slice(b"\n");
        for setting in render::session_settings(toc, &self.options.render) {
            self.check(&setting)?;
            text.extend_from_slice(&setting);
            text.extend_from_slice(b"\n");
        }
        text.extend_from_slice(b"\n");
        if let Some(existing) = self.options.clean {
            let mut positions: Vec<usize> = self.order.clone().collect();
            positions.sort_unstable();
            for at in positions.into_iter().rev() {
                let entry = &toc.entries[at];
                if let Some(statement) =
                    render::drop(entry, existing).map_err(|error| error.in_entry(entry))?
                {
                    self.check(&statement)
                        .map_err(|error| error.in_entry(entry))?;
                    text.extend_from_slice(&statement);
                }
            }
        }
        Ok(text)
    }

    /// The text of an entry, with its data behind it.
    async fn entry(&mut self, entry: &Entry) -> Result<ByteStream> {
        let mut text = BytesMut::new();
        for setting in self.settings.switch_to(entry, &self.options.render) {
            text.extend_from_slice(&setting);
            text.extend_from_slice(b"\n\n");
        }
        self.comment(entry, &mut text);
        let is_stream = entry.has_data && self.options.parts != Parts::Schema;
        for (at, statement) in render::create(entry, &self.toc, &self.options.render)?
            .into_iter()
            .enumerate()
        {
            self.check(&statement)?;
            let statement = match self.outward.contains(&entry.id) {
                true => where_possible(&statement),
                false => statement,
            };
            text.extend_from_slice(&statement);
            text.extend_from_slice(if at == 0 { b"\n\n" } else { b"\n" });
        }
        if !is_stream {
            return Ok(one(text));
        }
        let data = match self.dump.data(entry.id).await? {
            Data::Rows(rows) => match &entry.copy_statement {
                Some(copy) => {
                    let copy = copy.trim_ascii_end();
                    self.check_copy(copy)?;
                    text.extend_from_slice(copy);
                    text.extend_from_slice(b"\n");
                    checked_rows(rows, entry)
                        .chain(one(&b"\\.\n\n\n"[..]))
                        .boxed()
                }
                None => checked_statements(rows, &self.options.limits, self.toc.std_strings, entry)
                    .chain(one(&b"\n\n"[..]))
                    .boxed(),
            },
            Data::LargeObjects(pieces) => calls_of(pieces, self.toc.std_strings),
        };
        Ok(one(text).chain(data).boxed())
    }

    fn comment(&self, entry: &Entry, text: &mut BytesMut) {
        let prefix = match entry.kind {
            Kind::StatisticsData => "Statistics for ",
            _ if entry.has_data => "Data for ",
            _ => "",
        };
        let or_none = |name: &[u8]| {
            if name.is_empty() {
                b"-".to_vec()
            } else {
                on_one_line(name)
            }
        };
        text.extend_from_slice(b"--\n-- ");
        text.extend_from_slice(prefix.as_bytes());
        text.extend_from_slice(b"Name: ");
        text.extend_from_slice(&on_one_line(&entry.tag));
        text.extend_from_slice(b"; Type: ");
        text.extend_from_slice(&on_one_line(entry.kind.as_str().as_bytes()));
        text.extend_from_slice(b"; Schema: ");
        text.extend_from_slice(&or_none(entry.namespace.as_deref().unwrap_or_default()));
        text.extend_from_slice(b"; Owner: ");
        let has_owner = self.options.render.has_owners();
        text.extend_from_slice(&or_none(if has_owner { &entry.owner } else { b"" }));
        if let Some(tablespace) = entry
            .tablespace
            .as_ref()
            .filter(|name| !name.is_empty() && self.options.render.has_tablespaces())
        {
            text.extend_from_slice(b"; Tablespace: ");
            text.extend_from_slice(&on_one_line(tablespace));
        }
        text.extend_from_slice(b"\n--\n\n");
    }

    /// Refuses text in which psql would see anything but statements.
    fn check(&self, text: &Bytes) -> Result<()> {
        let mut lexer = Lexer::within(&self.options.limits, self.toc.std_strings, 0, 1);
        lexer.feed(text.clone());
        lexer.end();
        while let Some(piece) = lexer.next_piece()? {
            only_sql(piece.kind)?;
        }
        Ok(())
    }

    /// Refuses what is not one `COPY … FROM stdin;`.
    fn check_copy(&self, copy: &[u8]) -> Result<()> {
        let mut lexer = Lexer::within(&self.options.limits, self.toc.std_strings, 0, 1);
        lexer.feed([copy, b"\n\\.\n"].concat().into());
        lexer.end();
        let mut kinds = Vec::new();
        while let Some(piece) = lexer.next_piece()? {
            kinds.push(piece.kind);
        }
        if kinds == [PieceKind::CopyStart, PieceKind::CopyEnd] {
            Ok(())
        } else {
            Err(Error::new(
                ErrorKind::Format,
                "its COPY statement is not one from stdin",
            ))
        }
    }
}

/// A foreign key that is made where the table it refers to exists, and else told and left out: of
/// a table extracted alone, the rows should load anywhere.
fn where_possible(statement: &Bytes) -> Bytes {
    let mut quote = "$dr$".to_owned();
    let mut number = 0;
    while memchr::memmem::find(statement, quote.as_bytes()).is_some() {
        number += 1;
        quote = format!("$dr{number}$");
    }
    [
        b"DO ",
        quote.as_bytes(),
        b"\nBEGIN\n",
        statement.trim_ascii_end(),
        b"\nEXCEPTION WHEN undefined_table OR invalid_schema_name OR undefined_object THEN\n    \
          RAISE WARNING 'left out: %', SQLERRM;\nEND\n",
        quote.as_bytes(),
        b";\n",
    ]
    .concat()
    .into()
}

fn only_sql(kind: PieceKind) -> Result<()> {
    match kind {
        PieceKind::Blank | PieceKind::Comment | PieceKind::Statement => Ok(()),
        _ => Err(Error::new(
            ErrorKind::Unsupported,
            "its SQL holds a psql command or COPY data, which dr does not write into a script",
        )),
    }
}

fn name_of(entry: &Entry) -> String {
    entry.to_string()
}

/// COPY data in which no line ends the data early, and whose last line is complete.
fn checked_rows(rows: ByteStream, entry: &Entry) -> ByteStream {
    struct State {
        rows: ByteStream,
        /// The last bytes seen; a line end before the first.
        tail: Vec<u8>,
        name: String,
        ended: bool,
    }
    /// Bytes of the longest mark looked for, but one.
    const TAIL: usize = 3;
    let state = State {
        rows,
        tail: vec![b'\n'],
        name: name_of(entry),
        ended: false,
    };
    fn ends_data(text: &[u8]) -> bool {
        memchr::memmem::find_iter(text, b"\n\\.")
            .any(|at| matches!(text.get(at + 3), Some(b'\n' | b'\r')))
    }
    stream::try_unfold(state, |mut state| async move {
        if state.ended {
            return Ok(None);
        }
        let bad = |state: &State, what: &str| {
            Err(Error::new(ErrorKind::Format, what.to_owned()).in_entry(&state.name))
        };
        let Some(piece) = state.rows.try_next().await? else {
            state.ended = true;
            if !state.tail.ends_with(b"\n") {
                return bad(&state, "its data ends inside a row: it was cut short");
            }
            return Ok(None);
        };
        state
            .tail
            .extend_from_slice(&piece[..piece.len().min(TAIL + 1)]);
        if ends_data(&state.tail) || ends_data(&piece) {
            return bad(&state, "a line \\. among its rows would end them early");
        }
        if piece.len() > TAIL {
            state.tail.clear();
            state.tail.extend_from_slice(&piece[piece.len() - TAIL..]);
        } else {
            let surplus = state.tail.len().saturating_sub(TAIL);
            state.tail.drain(..surplus);
        }
        Ok(Some((piece, state)))
    })
    .boxed()
}

/// SQL in which psql sees statements only, and whole ones.
fn checked_statements(
    text: ByteStream,
    limits: &Limits,
    std_strings: bool,
    entry: &Entry,
) -> ByteStream {
    let name = name_of(entry);
    let lexer = Lexer::within(limits, std_strings, 0, 1);
    stream::try_unfold(
        (text, lexer, name, false),
        |(mut text, mut lexer, name, ended)| async move {
            if ended {
                return Ok(None);
            }
            let piece = text.try_next().await?;
            match &piece {
                Some(piece) => lexer.feed(piece.clone()),
                None => lexer.end(),
            }
            let checked = loop {
                match lexer.next_piece() {
                    Ok(Some(piece)) => {
                        if let Err(error) = only_sql(piece.kind) {
                            break Err(error);
                        }
                    }
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            checked.map_err(|error| error.in_entry(&name))?;
            let ended = piece.is_none();
            Ok(Some((
                piece.unwrap_or_default(),
                (text, lexer, name, ended),
            )))
        },
    )
    .boxed()
}

/// The data of one entry as psql would take it from stdin, without anything around it: COPY text.
///
/// # Errors
///
/// `Unsupported` if the entry's data is not COPY text.
pub async fn raw_rows(dump: &dyn Dump, id: EntryId) -> Result<ByteStream> {
    let entry = dump
        .toc()
        .get(id)
        .filter(|entry| entry.copy_statement.is_some());
    match (entry, dump.data(id).await?) {
        (Some(_), Data::Rows(rows)) => Ok(rows),
        _ => Err(Error::new(
            ErrorKind::Unsupported,
            format!("the data of entry {id} is not COPY text"),
        )),
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
