//! From the pieces of a script to a table of contents and places of data.
//!
//! Used by the reader, which feeds it. Knows nothing of where the pieces come from.

mod ending;
mod evidence;
mod settings;

pub(super) use evidence::undo_carriage_returns;

use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use super::draft::{DataForm, Draft, drop_for_owner, header_of, section_of, ungroup};
use super::header::{Header, Verbose};
use super::large_object::Call;
use super::lexer::{Piece, PieceKind};
use super::places::{Addition, Place, Store};
use super::statement::{
    Ownership, Setting, Subject, Transaction, copies_binary, copies_plainly, copy_target,
    insert_target, is_global,
};
use crate::text::words::{Name, Word, Words};
use ending::strip_session_authorization;
use evidence::Rows;
pub(super) use settings::{argument, connect_target, not_whole};

use crate::digest::{RowsDigest, RowsHasher};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Watch;
use crate::files::Evidence;
use crate::limits::Limits;
use crate::toc::{Entry, EntryId, Kind, Section, Toc, ident};

/// From where on entries get ids that the script does not say, in a script that says some.
const MADE_UP_IDS: u32 = 1 << 30;

/// Data of one entry: where it lies and what it is.
#[derive(Debug, Clone)]
pub(super) struct Data {
    pub(super) place: Place,
    pub(super) form: DataForm,
    /// What must be run before INSERT statements that name no schema.
    pub(super) prefix: Bytes,
}

/// A script taken in whole.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) toc: Toc,
    pub(super) evidence: Evidence,
    pub(super) data: HashMap<EntryId, Data>,
    pub(super) store: Store,
}

/// What tells one stream of data from another: kind, schema, table, COPY statement.
type StreamKey = (Kind, Option<Bytes>, Bytes, Option<Bytes>);

/// Takes the pieces of a script.
#[derive(Debug)]
pub(super) struct Builder {
    limits: Limits,
    watch: Watch,
    pub(super) store: Store,
    toc: Toc,
    data: HashMap<EntryId, Data>,
    streams: HashMap<StreamKey, EntryId>,
    evidence: Evidence,
    /// The rows of the COPY block that is being read.
    rows: Option<Rows>,
    /// `search_path` of each entry, by position.
    paths: Vec<Option<Bytes>>,
    draft: Option<Draft>,
    /// Comment lines that belong to a header, if one follows.
    marks: Vec<u8>,
    verbose: Verbose,
    /// Whether the line that closes a header is still to come.
    in_header: bool,
    tablespace: Option<Bytes>,
    access_method: Option<Bytes>,
    search_path: Option<Bytes>,
    /// Settings of the head that every session needs, beyond pg_dump's own.
    session: Vec<Bytes>,
    /// A setting made behind the head: an error as soon as something depends on it.
    late_setting: Option<(String, u64, u64)>,
    by_session_authorization: bool,
    drops: Vec<(Subject, Bytes)>,
    restricted: Option<Bytes>,
    section: Section,
    last_id: u32,
    ids: HashSet<EntryId>,
    text: u64,
    begun: bool,
    complete: bool,
    /// Whether the rows of the entry that is being read have come to their end.
    copied: bool,
    said: HashSet<&'static str>,
}

impl Builder {
    pub(super) fn new(store: Store, limits: Limits, watch: Watch) -> Self {
        Self {
            limits,
            watch,
            store,
            toc: Toc {
                std_strings: true,
                ..Toc::default()
            },
            data: HashMap::new(),
            streams: HashMap::new(),
            evidence: Evidence::default(),
            rows: None,
            paths: Vec::new(),
            draft: None,
            marks: Vec::new(),
            verbose: Verbose::default(),
            in_header: false,
            tablespace: None,
            access_method: None,
            search_path: None,
            session: Vec::new(),
            late_setting: None,
            by_session_authorization: false,
            drops: Vec::new(),
            restricted: None,
            section: Section::PreData,
            last_id: 0,
            ids: HashSet::new(),
            text: 0,
            begun: false,
            complete: false,
            copied: false,
            said: HashSet::new(),
        }
    }

    /// Begins the dump of a database in a script of several; its name, if it was said before.
    pub(super) fn begin(&mut self, name: Option<Bytes>) {
        self.begun = true;
        self.toc.database = name.unwrap_or_default();
    }

    /// Whether nothing of a dump was seen yet.
    pub(super) fn is_untouched(&self) -> bool {
        !self.begun && self.draft.is_none() && self.toc.entries.is_empty()
    }

    /// The database, as far as the script has said it.
    pub(super) fn database(&self) -> &Bytes {
        &self.toc.database
    }

    /// Whether the last line of a dump was seen.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Takes the next piece.
    pub(super) async fn take(&mut self, piece: Piece) -> Result<()> {
        match piece.kind {
            PieceKind::CopyData => {
                if let Some(rows) = &mut self.rows {
                    rows.update(&piece.text);
                }
                let draft = self.draft.as_mut().expect("a CopyStart made a draft");
                self.store
                    .add(&mut draft.place, piece.offset, &piece.text, Addition::Bytes)
                    .await
            }
            PieceKind::Blank => {
                if let Some(draft) = self.draft.as_mut().filter(|draft| !draft.body.is_empty()) {
                    draft.append(&piece.text);
                }
                Ok(())
            }
            PieceKind::Comment => self.comment(&piece),
            PieceKind::Statement => {
                self.keep_marks();
                self.statement(&piece).await
            }
            PieceKind::CopyStart => {
                self.keep_marks();
                self.copied = false;
                self.copy(&piece)
            }
            PieceKind::CopyEnd => {
                self.copied = true;
                // A block without a header is complete with its data.
                if self.draft.as_ref().is_some_and(|draft| !draft.has_header) {
                    self.finish_draft()?;
                }
                Ok(())
            }
            PieceKind::Connect => self.connect(&piece),
            PieceKind::Restrict => {
                self.restricted = Some(argument(&piece.text));
                Ok(())
            }
            PieceKind::Unrestrict => {
                if self.restricted.take() == Some(argument(&piece.text)) {
                    Ok(())
                } else {
                    Err(at(
                        &piece,
                        ErrorKind::Format,
                        "\\unrestrict does not match \\restrict",
                    ))
                }
            }
        }
    }

    fn keep_marks(&mut self) {
        self.in_header = false;
        let marks = std::mem::take(&mut self.marks);
        self.verbose = Verbose::default();
        if let Some(draft) = self.draft.as_mut().filter(|draft| draft.has_header)
            && !marks.trim_ascii().is_empty()
            && !draft.has_data()
        {
            draft.append(&marks);
        }
    }

    fn comment(&mut self, piece: &Piece) -> Result<()> {
        let line = piece.text.trim_ascii_end();
        if let Some(version) = line.strip_prefix(b"-- Dumped from database version ")
            && self.draft.is_none()
        {
            self.toc.server_version = String::from_utf8_lossy(version).into_owned();
            return Ok(());
        }
        if let Some(version) = line.strip_prefix(b"-- Dumped by pg_dump version ")
            && self.draft.is_none()
        {
            self.toc.dump_version = String::from_utf8_lossy(version).into_owned();
            return Ok(());
        }
        match line {
            b"-- PostgreSQL database cluster dump" => {
                return Err(at(
                    piece,
                    ErrorKind::Unsupported,
                    "a dump of pg_dumpall begins in the middle of the script: give it as a file of \
                     its own",
                ));
            }
            b"-- PostgreSQL database dump" => {
                if self.begun && !self.complete {
                    return Err(at(
                        piece,
                        ErrorKind::Format,
                        "another dump begins before the end of the first, which was cut short",
                    ));
                }
                self.finish_draft()?;
                self.begun = true;
                self.complete = false;
                self.marks.clear();
                return Ok(());
            }
            b"-- PostgreSQL database dump complete" => {
                self.finish_draft()?;
                self.complete = true;
                self.marks.clear();
                return Ok(());
            }
            _ => {}
        }
        if line == b"--" && std::mem::take(&mut self.in_header) {
            return Ok(());
        }
        if line == b"--" || self.verbose.take(line) {
            self.marks.extend_from_slice(&piece.text);
            return Ok(());
        }
        if let Some(mut header) = Header::parse(line) {
            self.finish_draft()?;
            self.marks.clear();
            header.verbose = std::mem::take(&mut self.verbose);
            self.begin_draft(header, true, piece)?;
            self.in_header = true;
            return Ok(());
        }
        // Said around a verbose dump, about the dump itself.
        let is_time = line.starts_with(b"-- Completed on ") || line.starts_with(b"-- Started on ");
        if is_time {
            self.finish_draft()?;
            return Ok(());
        }
        self.keep_marks();
        if let Some(draft) = self.draft.as_mut().filter(|draft| draft.has_header) {
            draft.append(&piece.text);
        }
        Ok(())
    }

    async fn statement(&mut self, piece: &Piece) -> Result<()> {
        let text = &piece.text;
        if text == ";" {
            return Ok(());
        }
        if let Some(setting) = Setting::of(text)
            && self.setting(&setting, piece)?
        {
            if let Some(draft) = &mut self.draft {
                draft.seal();
            }
            return Ok(());
        }
        if is_global(text) {
            return Err(at(
                piece,
                ErrorKind::Unsupported,
                &format!(
                    "{}: roles and tablespaces are not part of a database; make them with psql and \
                     take the statement out",
                    begin_of(text)
                ),
            ));
        }
        match self.draft.as_mut().filter(|draft| draft.has_header) {
            Some(draft) => match draft.kind() {
                Kind::TableData => {
                    if insert_target(text).is_some() && draft.copy_statement.is_none() {
                        draft.form = Some(DataForm::Inserts);
                        return self
                            .store
                            .add(
                                &mut draft.place,
                                piece.offset,
                                text,
                                Addition::NextStatement,
                            )
                            .await;
                    }
                    self.beside_data(piece)
                }
                Kind::Blobs => match Call::of(text) {
                    Some(_) => {
                        draft.form = Some(DataForm::LargeObjects);
                        self.store
                            .add(
                                &mut draft.place,
                                piece.offset,
                                text,
                                Addition::NextStatement,
                            )
                            .await
                    }
                    None => Err(at(
                        piece,
                        ErrorKind::Unsupported,
                        &format!("{} among large objects", begin_of(text)),
                    )),
                },
                _ => {
                    self.define(piece);
                    Ok(())
                }
            },
            None => self.headerless(piece).await,
        }
    }

    /// A statement of an entry that has a header and no data.
    fn define(&mut self, piece: &Piece) {
        let draft = self.draft.as_mut().expect("the caller has seen it");
        if let Some(ownership) = Ownership::of(&piece.text)
            && draft.take_owner(&ownership)
        {
            return;
        }
        let mut words = Words::of(&piece.text);
        match draft.kind() {
            Kind::Table => {
                // How pg_dump 17 gives a partitioned table an access method.
                if words.eat_all("alter table")
                    && words.qualified().is_some()
                    && words.eat_all("set access method")
                    && let Some(method) = words.name()
                {
                    draft.seal();
                    draft.partitioned = true;
                    draft.access_method = Some(method.into());
                    return;
                }
            }
            Kind::BlobMetadata => {
                let subject = Subject::of(&piece.text);
                if subject.kind == Kind::Blob {
                    draft.oids.push(subject.tag.into());
                    return;
                }
            }
            _ => {}
        }
        draft.append(&piece.text);
    }

    /// A statement beside the rows of a table, such as ALTER TABLE … DISABLE TRIGGER ALL.
    fn beside_data(&mut self, piece: &Piece) -> Result<()> {
        let draft = self.draft.take().expect("the caller has seen it");
        if draft.form.is_some() {
            self.draft = Some(draft);
            self.finish_draft()?;
            return self.loose(piece, Section::Data);
        }
        self.loose(piece, Section::Data)?;
        self.draft = Some(draft);
        Ok(())
    }

    /// An entry of one statement.
    fn loose(&mut self, piece: &Piece, section: Section) -> Result<()> {
        let header = header_of(&piece.text, self.namespace().as_deref());
        self.begin_draft(header, false, piece)?;
        let draft = self.draft.as_mut().expect("begun on the line above");
        draft.append(&piece.text);
        if let Kind::BlobMetadata = draft.kind() {
            draft.header.kind = Some(Kind::Other("BLOB METADATA".to_owned()));
        }
        self.finish_draft()?;
        if section == Section::Data
            && let Some(entry) = self.toc.entries.last_mut()
            && matches!(entry.kind, Kind::Other(_))
        {
            entry.section = Section::Data;
        }
        Ok(())
    }

    /// A statement without a comment above it that says what it is.
    async fn headerless(&mut self, piece: &Piece) -> Result<()> {
        let text = &piece.text;
        match Transaction::of(text) {
            Some(Transaction::Other) => {
                return Err(at(
                    piece,
                    ErrorKind::Unsupported,
                    &format!("{}: a restore cannot take statements back", begin_of(text)),
                ));
            }
            Some(_) => {
                self.say_once(
                    "BEGIN and COMMIT of the script are not run: a restore has transactions of its \
                     own",
                );
                return Ok(());
            }
            None => {}
        }
        // How --clean prepares to drop a template; what it is then is said by its properties.
        if self.begun && self.toc.entries.is_empty() && Words::of(text).eat_all("update pg_catalog")
        {
            return Ok(());
        }
        // The DROPs of --clean stand before the first header, in the opposite order.
        if self.begun
            && self.toc.entries.is_empty()
            && let Some(subject) = Subject::dropped(text)
        {
            self.drops.push((subject, text.clone()));
            return Ok(());
        }
        if let Some(table) = insert_target(text) {
            return self.insert(piece, table).await;
        }
        if Call::of(text).is_some() {
            if self.draft.is_none() {
                let header = Header {
                    kind: Some(Kind::Blobs),
                    tag: Bytes::from_static(b"BLOBS"),
                    ..Header::default()
                };
                self.begin_draft(header, false, piece)?;
            }
            let draft = self.draft.as_mut().expect("begun above");
            if *draft.kind() == Kind::Blobs {
                draft.form = Some(DataForm::LargeObjects);
                return self
                    .store
                    .add(
                        &mut draft.place,
                        piece.offset,
                        text,
                        Addition::NextStatement,
                    )
                    .await;
            }
        }
        self.finish_draft()?;
        if let Some(ownership) = Ownership::of(text)
            && self.give(&ownership)
        {
            return Ok(());
        }
        self.loose(piece, Section::PreData)
    }

    /// `ALTER … OWNER TO` of an entry that is already there.
    fn give(&mut self, ownership: &Ownership) -> bool {
        let mut words = Words::of(&ownership.object);
        let mut name = None;
        // The object is written as its kind and its name; kinds have up to four words.
        for _ in 0..4 {
            words.next();
            let mut ahead = words;
            if let Some(found) = ahead.qualified()
                && ahead.peek().is_none_or(|word| word == Word::Sign(b'('))
            {
                name = Some(found);
                break;
            }
        }
        let Some(Name { namespace, name }) = name else {
            return false;
        };
        let namespace = namespace.or_else(|| self.namespace());
        let found = self.toc.entries.iter_mut().rev().find(|entry| {
            let class = entry.kind.as_str().as_bytes();
            let is_class = ownership.object.starts_with(class)
                || matches!(
                    entry.kind,
                    Kind::View | Kind::MaterializedView | Kind::Sequence
                ) && ownership.object.starts_with(b"TABLE");
            let is_routine = matches!(
                entry.kind,
                Kind::Function | Kind::Procedure | Kind::Aggregate
            );
            is_class
                && !is_routine
                && entry.tag == name
                && (entry.namespace.is_none() || entry.namespace.as_deref() == namespace.as_deref())
        });
        let Some(entry) = found else { return false };
        entry.owner = Bytes::copy_from_slice(&ownership.owner);
        let Some(drop) = drop_for_owner(entry) else {
            entry.owner = Bytes::new();
            return false;
        };
        entry.drop_statement = drop;
        true
    }

    async fn insert(&mut self, piece: &Piece, mut table: Name) -> Result<()> {
        if table.namespace.is_none() {
            table.namespace = self.namespace();
        }
        let is_same = self.draft.as_ref().is_some_and(|draft| {
            draft.form == Some(DataForm::Inserts)
                && draft.header.tag == table.name
                && draft.header.namespace.as_deref() == table.namespace.as_deref()
        });
        if !is_same {
            self.finish_draft()?;
            self.begin_data(table, piece)?;
        }
        let addition = if is_same {
            Addition::NextStatement
        } else {
            Addition::Statement
        };
        let draft = self.draft.as_mut().expect("begun above");
        draft.form = Some(DataForm::Inserts);
        self.store
            .add(&mut draft.place, piece.offset, &piece.text, addition)
            .await
    }

    fn copy(&mut self, piece: &Piece) -> Result<()> {
        if copies_binary(&piece.text) {
            return Err(at(
                piece,
                ErrorKind::Unsupported,
                "COPY of binary data in a script",
            ));
        }
        let Some((mut table, name_at)) = copy_target(&piece.text) else {
            return Err(at(piece, ErrorKind::Format, "COPY without a table"));
        };
        let mut statement = piece.text.trim_ascii_end().to_vec();
        statement.push(b'\n');
        if table.namespace.is_none() {
            let header = self
                .draft
                .as_ref()
                .map(|draft| draft.header.namespace.clone());
            table.namespace = match header.flatten() {
                Some(namespace) => Some(namespace.to_vec()),
                None => self.namespace(),
            };
            // A restore's session may look elsewhere.
            if let Some(namespace) = &table.namespace {
                let mut qualifier = ident::ident(namespace);
                qualifier.push(b'.');
                statement.splice(name_at..name_at, qualifier);
            }
        }
        let is_for_draft = self.draft.as_ref().is_some_and(|draft| {
            draft.has_header && *draft.kind() == Kind::TableData && draft.form.is_none()
        });
        if !is_for_draft {
            self.finish_draft()?;
            self.begin_data(table, piece)?;
        }
        let draft = self.draft.as_mut().expect("begun above");
        draft.copy_statement = Some(statement.into());
        let has_cr = piece.text.ends_with(b"\r\n");
        draft.form = Some(DataForm::Copy(has_cr));
        // With options the lines need not be rows as COPY TO would write them.
        self.rows = copies_plainly(&piece.text).then(|| Rows {
            hasher: RowsHasher::new(),
            has_cr,
            held: false,
        });
        Ok(())
    }

    fn begin_data(&mut self, table: Name, piece: &Piece) -> Result<()> {
        let header = Header {
            kind: Some(Kind::TableData),
            tag: table.name.into(),
            namespace: table.namespace.map(Bytes::from),
            ..Header::default()
        };
        self.begin_draft(header, false, piece)
    }

    fn begin_draft(&mut self, header: Header, has_header: bool, piece: &Piece) -> Result<()> {
        if let Some((setting, offset, line)) = &self.late_setting {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "{setting} in the middle of the script, line {line}: what follows may depend \
                     on it; move it to the head or load the file with psql"
                ),
            )
            .at_offset(*offset));
        }
        let mut draft = Draft::new(header, piece.offset, piece.line);
        draft.has_header = has_header;
        draft.tablespace = self.tablespace.clone();
        draft.access_method = self.access_method.clone();
        draft.search_path = self.search_path.clone();
        self.draft = Some(draft);
        self.copied = false;
        Ok(())
    }

    fn finish_draft(&mut self) -> Result<()> {
        let Some(mut draft) = self.draft.take() else {
            return Ok(());
        };
        let (offset, line) = (draft.offset, draft.line);
        let verbose_id = draft.header.verbose.id;
        let id = verbose_id.unwrap_or_else(|| self.next_id());
        self.last_id = self.last_id.max(id.0);
        if verbose_id.is_some() {
            // Ids still to come are not known; those made up here must not be among them.
            self.last_id = self.last_id.max(MADE_UP_IDS);
        }
        let form = draft.form;
        let path = draft.search_path.clone();
        let oids = std::mem::take(&mut draft.oids);
        let has_header = draft.has_header;
        let (mut entry, place) = draft.into_entry(id);
        if self.by_session_authorization && has_header && entry.drop_statement.is_empty() {
            strip_session_authorization(&mut entry);
            if !entry.owner.is_empty()
                && let Some(drop) = drop_for_owner(&entry)
            {
                entry.drop_statement = drop;
            }
        }
        entry.section = section_of(&entry.kind, self.section);
        match entry.kind {
            Kind::StatisticsData => {}
            _ => self.section = self.section.max(entry.section),
        }
        if entry.has_data {
            let form = form.unwrap_or(match entry.kind {
                Kind::Blobs => DataForm::LargeObjects,
                _ => DataForm::Inserts,
            });
            let digest = match self.rows.take() {
                Some(rows) => Some(rows.hasher.finish()?),
                None => None,
            };
            if self.joins_earlier_data(&entry, form, &place, digest) {
                return Ok(());
            }
            self.note_table(&entry, digest);
            self.data.insert(
                entry.id,
                Data {
                    place,
                    form,
                    prefix: Bytes::new(),
                },
            );
        }
        if !oids.is_empty() {
            for blob in ungroup(&entry, &oids, || self.next_id()) {
                self.push(blob, path.clone(), offset, line)?;
            }
            return Ok(());
        }
        self.push(entry, path, offset, line)
    }

    /// Rows of a table, or large objects, that come in several stretches are one entry: a restore
    /// may empty a table before it loads an entry of it.
    fn joins_earlier_data(
        &mut self,
        entry: &Entry,
        form: DataForm,
        place: &Place,
        digest: Option<RowsDigest>,
    ) -> bool {
        let key = match entry.kind {
            Kind::Blobs => (Kind::Blobs, None, Bytes::new(), None),
            ref kind => (
                kind.clone(),
                entry.namespace.clone(),
                entry.tag.clone(),
                entry.copy_statement.clone(),
            ),
        };
        let earlier = *self.streams.entry(key).or_insert(entry.id);
        match self.data.get_mut(&earlier) {
            Some(data) if data.form == form => {
                data.place.append(place);
                if let (Some(table), Some(digest)) =
                    (self.evidence.tables.get_mut(&earlier.0), digest)
                {
                    table.digest.merge(&digest);
                }
                true
            }
            _ => false,
        }
    }

    fn next_id(&mut self) -> EntryId {
        self.last_id += 1;
        EntryId(self.last_id)
    }

    fn push(&mut self, entry: Entry, path: Option<Bytes>, offset: u64, line: u64) -> Result<()> {
        self.text += (entry.definition.len() + entry.tag.len() + 64) as u64;
        let (entries, bytes) = (self.limits.toc_entries(), self.limits.toc_bytes());
        let exceeded = if self.toc.entries.len() as u64 >= entries.most() {
            Some(entries.exceeded(format_args!("line {line}: there are more definitions")))
        } else if self.text > bytes.most() {
            Some(bytes.exceeded(format_args!("line {line}: the definitions have more bytes")))
        } else {
            None
        };
        if let Some(error) = exceeded {
            return Err(error.at_offset(offset));
        }
        if !self.ids.insert(entry.id) {
            return Err(Error::new(
                ErrorKind::Format,
                format!("two entries have the id {}, line {line}", entry.id),
            )
            .at_offset(offset));
        }
        if entry.kind == Kind::SequenceSet {
            self.note_sequence(&entry);
        }
        self.toc.entries.push(entry);
        self.paths.push(path);
        Ok(())
    }

    /// The schema that names without one mean, as far as the script says.
    fn namespace(&self) -> Option<Vec<u8>> {
        let Some(path) = &self.search_path else {
            return Some(b"public".to_vec());
        };
        Words::of(path)
            .filter_map(|word| match word {
                Word::Plain(name) | Word::Quoted(name) | Word::String(name) => Some(name),
                Word::Sign(_) => None,
            })
            .find(|name| !name.is_empty() && name != b"$user")
    }

    fn say_once(&mut self, message: &'static str) {
        if self.said.insert(message) {
            self.watch.notice(message);
        }
    }
}

pub(super) fn at(piece: &Piece, kind: ErrorKind, message: &str) -> Error {
    Error::new(kind, format!("{message}, line {}", piece.line)).at_offset(piece.offset)
}

/// The first words of a statement, for a message.
fn begin_of(statement: &[u8]) -> String {
    let line = statement
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let text = String::from_utf8_lossy(&line[..line.len().min(60)]).into_owned();
    if text.len() < statement.len() {
        format!("{text} …")
    } else {
        text
    }
}

#[cfg(test)]
mod tests;
