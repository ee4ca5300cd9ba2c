//! The script of a whole cluster, as pg_dumpall writes it: roles and tablespaces, then one database
//! after another, of which one is taken.
//!
//! Used by the reader, which feeds it. The script is gone through once; what is not wanted is not
//! kept.

use bytes::Bytes;

use super::lexer::{Piece, PieceKind};
use super::places::Store;
use super::roles::GlobalsReader;
use super::script::{Builder, Script, argument, at, connect_target};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Watch;
use crate::globals::Globals;
use crate::limits::{Limits, claimed};
use crate::toc::{Entry, Kind};

/// Which of a cluster's databases is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Wanted {
    /// The only one that holds anything.
    #[default]
    Only,
    /// The one of this name.
    Named(String),
    /// None: roles and tablespaces.
    Globals,
}

/// What the script of a whole cluster holds, where no database of it was taken.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClusterContents {
    /// Its databases, in the order of the script.
    pub databases: Vec<ClusterDatabase>,
    /// Its roles and tablespaces.
    pub globals: Globals,
    pub(super) encoding: String,
}

/// One database of such a script.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct ClusterDatabase {
    /// Its name.
    pub name: String,
    /// Entries, but for those about the database itself.
    pub entries: u64,
    /// Tables with rows of their own.
    pub tables: u64,
    /// Rows of COPY.
    pub rows: u64,
    /// Bytes of data.
    pub bytes: u64,
}

impl ClusterContents {
    /// Why none of them was taken, and how one is.
    pub fn which(&self) -> Error {
        if self.databases.is_empty() {
            return Error::new(
                ErrorKind::Usage,
                "the script holds roles and tablespaces, and no database: dr restore --globals-only \
                 makes those that a server does not have",
            );
        }
        let filled: Vec<&ClusterDatabase> = self
            .databases
            .iter()
            .filter(|one| one.entries > 0)
            .collect();
        let told = |one: &ClusterDatabase| format!("{:?} ({} tables)", one.name, one.tables);
        let (what, list) = match filled.is_empty() {
            true => (
                "databases, all of them empty",
                &self.databases.iter().collect(),
            ),
            false => ("several databases", &filled),
        };
        let names: Vec<String> = list.iter().map(|one| told(one)).collect();
        Error::new(
            ErrorKind::Usage,
            format!(
                "the script holds {what}: {}; say which one is meant: --database NAME",
                names.join(", ")
            ),
        )
    }
}

/// What became of a cluster's script.
#[derive(Debug)]
pub(super) enum Taken {
    /// One database.
    Database(Box<Script>),
    /// None; what there is.
    Contents(ClusterContents),
}

/// Takes the pieces of a cluster's script.
#[derive(Debug)]
pub(super) struct Cluster {
    limits: Limits,
    watch: Watch,
    wanted: Wanted,
    /// Until a database has it.
    store: Option<Store>,
    section: Section,
    /// The database the script is connected to, between sections.
    connected: Option<Bytes>,
    databases: Vec<ClusterDatabase>,
    found: Option<Box<Script>>,
    globals: GlobalsReader,
    restricted: Option<Bytes>,
    complete: bool,
    /// Whether reading ended at a damage, behind which there may be more.
    broken_off: bool,
}

#[derive(Debug)]
enum Section {
    /// Between databases.
    None,
    /// Of a database that is wanted or may be.
    Taken(Box<Builder>),
    /// Of one that is not; whether its last line was seen.
    PassedOver(bool),
}

const BEGINS: &[u8] = b"-- PostgreSQL database dump";
const ENDS: &[u8] = b"-- PostgreSQL database dump complete";
const CLUSTER_BEGINS: &[u8] = b"-- PostgreSQL database cluster dump";
const CLUSTER_ENDS: &[u8] = b"-- PostgreSQL database cluster dump complete";

/// Whether a piece says that the script is one of a cluster.
pub(super) fn begins(piece: &Piece) -> bool {
    piece.kind == PieceKind::Comment && piece.text.trim_ascii_end() == CLUSTER_BEGINS
}

impl Cluster {
    pub(super) fn new(store: Store, wanted: Wanted, limits: Limits, watch: Watch) -> Self {
        Self {
            limits,
            watch,
            wanted,
            store: Some(store),
            section: Section::None,
            connected: None,
            databases: Vec::new(),
            found: None,
            globals: GlobalsReader::default(),
            restricted: None,
            complete: false,
            broken_off: false,
        }
    }

    /// Takes the next piece.
    pub(super) async fn take(&mut self, piece: Piece) -> Result<()> {
        let line = match piece.kind {
            PieceKind::Comment => piece.text.trim_ascii_end(),
            _ => &b""[..],
        };
        if line == CLUSTER_ENDS {
            self.end_section(&piece)?;
            self.complete = true;
            return Ok(());
        }
        // A section is over when what comes behind it begins, for its \unrestrict is its own.
        let is_over = match &self.section {
            Section::None => false,
            Section::Taken(builder) => builder.is_complete(),
            Section::PassedOver(complete) => *complete,
        };
        if line == BEGINS || (is_over && piece.kind == PieceKind::Connect) {
            self.end_section(&piece)?;
        }
        match &mut self.section {
            Section::None => self.between(&piece, line),
            Section::PassedOver(complete) => {
                *complete |= line == ENDS;
                Ok(())
            }
            Section::Taken(builder) => {
                if is_over && matches!(piece.kind, PieceKind::Statement | PieceKind::CopyStart) {
                    return Err(at(
                        &piece,
                        ErrorKind::Format,
                        "a statement between one database and the next",
                    ));
                }
                let connects = piece.kind == PieceKind::Connect;
                builder.take(piece).await?;
                if connects && !self.wanted.may_be(builder.database()) {
                    self.pass_over();
                }
                Ok(())
            }
        }
    }

    fn between(&mut self, piece: &Piece, line: &[u8]) -> Result<()> {
        match piece.kind {
            PieceKind::Comment if line == BEGINS => {
                self.begin_section();
                Ok(())
            }
            PieceKind::Connect => {
                let name = connect_target(&piece.text).ok_or_else(|| {
                    at(
                        piece,
                        ErrorKind::Unsupported,
                        "a \\connect that does not name just a database",
                    )
                })?;
                self.connected = Some(name);
                Ok(())
            }
            PieceKind::Statement if piece.text == ";" => Ok(()),
            PieceKind::Statement => self.globals.take(&piece.text).map_err(|error| {
                let message = format!("{error}, line {}", piece.line);
                Error::new(error.kind(), message).at_offset(piece.offset)
            }),
            PieceKind::Restrict => {
                self.restricted = Some(argument(&piece.text));
                Ok(())
            }
            PieceKind::Unrestrict if self.restricted.take() == Some(argument(&piece.text)) => {
                Ok(())
            }
            PieceKind::Unrestrict => Err(at(
                piece,
                ErrorKind::Format,
                "\\unrestrict does not match \\restrict",
            )),
            PieceKind::CopyStart | PieceKind::CopyData | PieceKind::CopyEnd => {
                Err(at(piece, ErrorKind::Format, "rows outside of any database"))
            }
            _ => Ok(()),
        }
    }

    fn begin_section(&mut self) {
        let name = self.connected.take();
        let is_wanted = match &name {
            Some(name) => self.wanted.may_be(name),
            // It will be made, and connected to, by its own section.
            None => self.wanted != Wanted::Globals,
        };
        if !is_wanted {
            self.note(&name.unwrap_or_default(), None);
            self.section = Section::PassedOver(false);
            return;
        }
        // Of a second one nothing is kept but what it holds in numbers.
        let store = self.store.take().unwrap_or(Store::Nowhere);
        let mut builder = Builder::new(store, self.limits.clone(), self.watch.clone());
        builder.begin(name);
        self.section = Section::Taken(Box::new(builder));
    }

    fn pass_over(&mut self) {
        if let Section::Taken(builder) =
            std::mem::replace(&mut self.section, Section::PassedOver(false))
        {
            self.note(&builder.database().clone(), None);
            self.give_back(builder.store);
        }
    }

    fn give_back(&mut self, store: Store) {
        if !matches!(store, Store::Nowhere) {
            self.store = Some(store);
        }
    }

    fn note(&mut self, name: &[u8], script: Option<&Script>) {
        let entries = script.map(|script| &script.toc.entries);
        let own = || {
            entries
                .into_iter()
                .flatten()
                .filter(|entry| !is_of_database(entry))
        };
        let data = || own().filter(|entry| entry.kind == Kind::TableData);
        let sizes = script.into_iter().flat_map(|script| script.data.values());
        let tables = script.map(|script| &script.evidence.tables);
        let rows = tables
            .into_iter()
            .flatten()
            .map(|(_, table)| table.digest.rows);
        self.databases.push(ClusterDatabase {
            name: String::from_utf8_lossy(name).into_owned(),
            entries: own().count() as u64,
            tables: data().count() as u64,
            rows: claimed(rows),
            bytes: claimed(sizes.map(|data| data.place.bytes)),
        });
    }

    fn end_section(&mut self, piece: &Piece) -> Result<()> {
        match std::mem::replace(&mut self.section, Section::None) {
            Section::None => Ok(()),
            Section::PassedOver(true) => Ok(()),
            Section::PassedOver(false) => Err(at(
                piece,
                ErrorKind::Format,
                "another database begins before the end of one, which was cut short",
            )),
            Section::Taken(builder) => self.keep(builder, piece.offset, piece.line),
        }
    }

    /// Keeps what a section came to, if it may be wanted.
    fn keep(&mut self, builder: Box<Builder>, offset: u64, line: u64) -> Result<()> {
        let script = builder.finish(offset, line)?;
        let name = script.toc.database.clone();
        self.note(&name, Some(&script));
        let is_filled = script
            .toc
            .entries
            .iter()
            .any(|entry| !is_of_database(entry));
        let is_named = matches!(self.wanted, Wanted::Named(_));
        match (is_filled || is_named, &self.found) {
            (true, None) => self.found = Some(Box::new(script)),
            (true, Some(_)) => {}
            (false, _) => self.give_back(script.store),
        }
        Ok(())
    }

    /// Why this is not the whole of a cluster, if nothing of it follows.
    pub(super) fn is_cut_short(&self, offset: u64, line: u64) -> Option<Error> {
        (!self.complete).then(|| {
            Error::new(
                ErrorKind::Format,
                format!(
                    "the dump was cut short: its last line, \"PostgreSQL database cluster dump \
                     complete\", is missing at line {line}"
                ),
            )
            .at_offset(offset)
        })
    }

    /// Ends the script at a damage: of the database that it is in, what stands in front of it is
    /// kept. What of that is lost.
    ///
    /// # Errors
    ///
    /// Those of what was kept.
    pub(super) fn break_off(&mut self, offset: u64, line: u64) -> Result<Option<Error>> {
        self.complete = true;
        self.broken_off = true;
        match std::mem::replace(&mut self.section, Section::None) {
            Section::Taken(mut builder) => {
                let lost = builder.break_off();
                self.keep(builder, offset, line)?;
                Ok(lost)
            }
            Section::None | Section::PassedOver(_) => Ok(None),
        }
    }

    /// Ends the script.
    ///
    /// # Errors
    ///
    /// `Format` if it was cut short; `Missing` if it does not hold the database that was named.
    pub(super) fn finish(self, offset: u64, line: u64) -> Result<Taken> {
        if let Some(error) = self.is_cut_short(offset, line) {
            return Err(error);
        }
        if self.globals.drops > 0 {
            self.watch.notice(
                "the DROP statements before the databases are left out: nothing that is there is \
                 dropped",
            );
        }
        let filled = self.databases.iter().filter(|one| one.entries > 0).count();
        let names = || -> Vec<String> {
            let name = |one: &ClusterDatabase| format!("{:?}", one.name);
            self.databases.iter().map(name).collect()
        };
        let encoding = self.globals.encoding.clone();
        match (&self.wanted, self.found) {
            (Wanted::Named(name), None) => Err(Error::new(
                ErrorKind::Missing,
                format!(
                    "the script holds no database {name:?}{}; it holds {}",
                    match self.broken_off {
                        true => " in front of the damage",
                        false => "",
                    },
                    match self.databases.is_empty() {
                        true => "roles and tablespaces only".to_owned(),
                        false => names().join(", "),
                    }
                ),
            )),
            (Wanted::Named(_), Some(script)) => {
                Ok(Taken::Database(with_globals(script, self.globals.finish())))
            }
            (Wanted::Only, Some(script)) if filled == 1 => {
                if self.databases.len() > 1 {
                    self.watch.notice(format!(
                        "of the databases of the script, {}, only {:?} holds anything: it is meant",
                        names().join(", "),
                        String::from_utf8_lossy(&script.toc.database)
                    ));
                }
                Ok(Taken::Database(with_globals(script, self.globals.finish())))
            }
            _ => Ok(Taken::Contents(ClusterContents {
                databases: self.databases,
                globals: self.globals.finish(),
                encoding,
            })),
        }
    }
}

fn with_globals(mut script: Box<Script>, globals: Globals) -> Box<Script> {
    script.evidence.globals = Some(globals);
    script
}

impl Wanted {
    fn may_be(&self, name: &[u8]) -> bool {
        match self {
            Self::Only => true,
            Self::Named(wanted) => wanted.as_bytes() == name,
            Self::Globals => false,
        }
    }
}

fn is_of_database(entry: &Entry) -> bool {
    matches!(entry.kind, Kind::Database | Kind::DatabaseProperties)
        || matches!(entry.kind, Kind::Comment | Kind::Acl | Kind::SecurityLabel)
            && entry.tag.starts_with(b"DATABASE ")
}
