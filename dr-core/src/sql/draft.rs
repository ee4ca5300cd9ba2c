//! An entry in the making: what stands between one header comment of a script and the next.
//!
//! Used by the reader. An archive's entry holds its owner, tablespace and access method beside its
//! definition; a script says them in statements around it, which are taken out again here.

use bytes::Bytes;

use super::header::{Header, on_one_line};
use super::places::Place;
use super::statement::{Ownership, Subject};
use crate::text::words::{Name, Words};
use crate::toc::{CatalogId, Entry, EntryId, Kind, Section, ident};

/// What a draft's data is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DataForm {
    /// COPY text; `true` if its lines end in CR LF.
    Copy(bool),
    /// INSERT statements.
    Inserts,
    /// Calls that write large objects.
    LargeObjects,
}

/// An entry in the making.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) header: Header,
    /// Whether there was a header comment; else the statement itself is all there is.
    pub(super) has_header: bool,
    pub(super) offset: u64,
    pub(super) line: u64,
    pub(super) body: Vec<u8>,
    /// Where the definition ended when a statement around it was first taken out.
    sealed: Option<usize>,
    pub(super) drop_statement: Bytes,
    pub(super) tablespace: Option<Bytes>,
    pub(super) access_method: Option<Bytes>,
    pub(super) partitioned: bool,
    /// `search_path` where it began.
    pub(super) search_path: Option<Bytes>,
    pub(super) copy_statement: Option<Bytes>,
    pub(super) form: Option<DataForm>,
    pub(super) place: Place,
    /// Oids of the large objects a BLOB METADATA entry of a script makes.
    pub(super) oids: Vec<Bytes>,
}

impl Draft {
    pub(super) fn new(header: Header, offset: u64, line: u64) -> Self {
        Self {
            header,
            has_header: true,
            offset,
            line,
            body: Vec::new(),
            sealed: None,
            drop_statement: Bytes::new(),
            tablespace: None,
            access_method: None,
            partitioned: false,
            search_path: None,
            copy_statement: None,
            form: None,
            place: Place::default(),
            oids: Vec::new(),
        }
    }

    pub(super) fn kind(&self) -> &Kind {
        self.header.kind.as_ref().expect("every draft has a kind")
    }

    /// Whether entries of this kind carry a stream of data.
    pub(super) fn has_data(&self) -> bool {
        matches!(self.kind(), Kind::TableData | Kind::Blobs)
    }

    /// Says that a statement in this place is not part of the definition.
    pub(super) fn seal(&mut self) {
        self.sealed.get_or_insert(self.body.len());
    }

    /// Appends to the definition; blank space at its start is dropped.
    pub(super) fn append(&mut self, text: &[u8]) {
        if !text.trim_ascii().is_empty() {
            self.sealed = None;
        }
        if self.body.is_empty() {
            self.body.extend_from_slice(text.trim_ascii_start());
        } else {
            self.body.extend_from_slice(text);
        }
    }

    /// Takes `ALTER … OWNER TO` out of the definition, if it is about this very entry; the entry
    /// then has a DROP statement, as what has an owner of its own has in an archive.
    pub(super) fn take_owner(&mut self, ownership: &Ownership) -> bool {
        if on_one_line(&ownership.owner) != self.header.owner && self.has_header {
            return false;
        }
        let end = self.body.len();
        let taken = self.take_ownership(ownership);
        if taken {
            self.sealed.get_or_insert(end);
        }
        taken
    }

    fn take_ownership(&mut self, ownership: &Ownership) -> bool {
        let object = &ownership.object;
        let kind = self.kind().clone();
        if let Some(oid) = object.strip_prefix(b"LARGE OBJECT ") {
            if !matches!(kind, Kind::Blob | Kind::BlobMetadata) {
                return false;
            }
            self.drop_statement = unlink(oid);
            self.header.owner = Bytes::copy_from_slice(&ownership.owner);
            return true;
        }
        let class = kind.as_str().as_bytes();
        // Up to version 14 pg_dump said TABLE for everything like one.
        let said: &[u8] = match kind {
            Kind::View | Kind::MaterializedView | Kind::Sequence | Kind::ForeignTable
                if !object.starts_with(class) =>
            {
                b"TABLE"
            }
            _ => class,
        };
        let Some(name) = object
            .strip_prefix(said)
            .and_then(|rest| rest.strip_prefix(b" "))
        else {
            return false;
        };
        if !self.body.is_empty() && !self.is_named(name) {
            return false;
        }
        self.drop_statement = if kind == Kind::Schema && self.body.starts_with(b"--") {
            // Schema public is there from the start.
            Bytes::from_static(b"-- *not* dropping schema, since initdb creates it\n")
        } else {
            [b"DROP ", class, b" ", name, b";\n"].concat().into()
        };
        self.header.owner = Bytes::copy_from_slice(&ownership.owner);
        true
    }

    /// Whether `name`, as written, is this entry's, as far as its header can say it. Routines and
    /// operators are compared by their names without arguments.
    fn is_named(&self, name: &[u8]) -> bool {
        match self.kind() {
            Kind::Operator => true,
            _ => Words::of(name)
                .qualified()
                .is_some_and(|Name { name, .. }| self.header.tag.starts_with(&on_one_line(&name))),
        }
    }

    /// The entry; its definition ends as archives have it.
    pub(super) fn into_entry(mut self, id: EntryId) -> (Entry, Place) {
        self.repair_names();
        let kind = self.header.kind.take().expect("every draft has a kind");
        // An archive says the privileges of a group of large objects once, a script for each.
        if kind == Kind::Acl
            && let Some(oids) = self.header.tag.strip_prefix(b"LARGE OBJECTS ")
        {
            self.header.tag = [b"LARGE OBJECT ", oids].concat().into();
        }
        let mut entry = Entry::new(id, kind, self.header.tag);
        entry.catalog_id = self.header.verbose.catalog_id;
        entry.dependencies = self.header.verbose.dependencies;
        entry.namespace = self.header.namespace;
        entry.owner = self.header.owner;
        entry.drop_statement = self.drop_statement;
        // pg_dump writes two line ends behind a definition, which may or may not end in one.
        self.body.truncate(self.sealed.unwrap_or(self.body.len()));
        let length = self.body.trim_ascii_end().len();
        let ends = memchr::memchr_iter(b'\n', &self.body[length..]).count();
        self.body.truncate(length);
        if !self.body.is_empty() && (ends > 2 || !self.has_header) {
            self.body.push(b'\n');
        }
        entry.definition = self.body.into();
        entry.copy_statement = self.copy_statement;
        entry.has_data = matches!(entry.kind, Kind::TableData | Kind::Blobs);
        // Which kinds carry the settings in an archive; for others they are no more than what was
        // set last.
        if matches!(
            entry.kind,
            Kind::Table
                | Kind::ForeignTable
                | Kind::MaterializedView
                | Kind::Index
                | Kind::Constraint
        ) {
            entry.tablespace = self.tablespace;
        }
        if matches!(entry.kind, Kind::Table | Kind::MaterializedView) {
            entry.relkind = match entry.kind {
                Kind::MaterializedView => b'm',
                _ if self.partitioned || is_partitioned(&entry.definition) => b'p',
                _ => b'r',
            };
            if entry.relkind != b'p' || self.partitioned {
                entry.table_access_method = self.access_method;
            }
        }
        (entry, self.place)
    }

    /// Puts line ends back into names that a comment could not hold.
    fn repair_names(&mut self) {
        let squeezed = |name: &[u8]| name.contains(&b' ');
        let doubtful =
            squeezed(&self.header.tag) || self.header.namespace.as_deref().is_some_and(squeezed);
        if !self.has_header || !doubtful {
            return;
        }
        let said = match &self.copy_statement {
            Some(copy) => super::statement::copy_target(copy).map(|(name, _)| Subject {
                kind: Kind::TableData,
                namespace: name.namespace,
                tag: name.name,
            }),
            None => Some(Subject::of(&self.body)),
        };
        let Some(said) = said else { return };
        if on_one_line(&said.tag) == self.header.tag {
            self.header.tag = said.tag.into();
        }
        if let (Some(namespace), Some(said)) = (&mut self.header.namespace, said.namespace)
            && on_one_line(&said) == *namespace
        {
            *namespace = said.into();
        }
    }
}

/// `SELECT pg_catalog.lo_unlink('16400');`, as an archive drops a large object.
pub(super) fn unlink(oid: &[u8]) -> Bytes {
    [b"SELECT pg_catalog.lo_unlink('", oid, b"');\n"]
        .concat()
        .into()
}

/// Whether a CREATE TABLE has PARTITION BY, outside its column list.
fn is_partitioned(definition: &[u8]) -> bool {
    let mut words = Words::of(definition);
    // A statement may be followed by others: ALTER TABLE … ALTER COLUMN … SET STORAGE.
    words.eat("create") && words.skip_to("partition").is_some() && {
        // PARTITION OF comes first where a partition is itself partitioned.
        words.eat("by") || (words.skip_to("partition").is_some() && words.eat("by"))
    }
}

/// A DROP statement for an entry whose owner is said by SET SESSION AUTHORIZATION, from which
/// alone the owner's statement can be made; `None` for kinds without an owner of their own.
pub(super) fn drop_for_owner(entry: &Entry) -> Option<Bytes> {
    let object = match entry.kind {
        Kind::Collation
        | Kind::Conversion
        | Kind::Domain
        | Kind::ForeignTable
        | Kind::MaterializedView
        | Kind::Sequence
        | Kind::Statistics
        | Kind::Table
        | Kind::TextSearchDictionary
        | Kind::TextSearchConfiguration
        | Kind::Type
        | Kind::View
        | Kind::Database
        | Kind::ProceduralLanguage
        | Kind::Schema
        | Kind::EventTrigger
        | Kind::ForeignDataWrapper
        | Kind::Server
        | Kind::Publication
        | Kind::Subscription => ident::qualified(entry.namespace.as_deref(), &entry.tag),
        Kind::Blob => return Some(unlink(&entry.tag)),
        Kind::Function | Kind::Procedure | Kind::Aggregate => {
            // The tag has the argument types, the definition what the name is without them.
            let mut words = Words::of(&entry.definition);
            words.skip_to(&entry.kind.as_str().to_lowercase())?;
            let name = words.qualified()?;
            let arguments = entry.tag.strip_prefix(&name.name[..])?;
            let mut object = ident::qualified(name.namespace.as_deref(), &name.name);
            object.extend_from_slice(arguments);
            object
        }
        Kind::Operator => operator(&entry.definition)?,
        Kind::OperatorClass | Kind::OperatorFamily => operator_class(&entry.definition)?,
        _ => return None,
    };
    let class = entry.kind.as_str().as_bytes();
    Some([b"DROP ", class, b" ", &object[..], b";\n"].concat().into())
}

/// `app.=== (integer, integer)`, from the definition as pg_dump lays it out.
fn operator(definition: &[u8]) -> Option<Vec<u8>> {
    let rest = definition.strip_prefix(b"CREATE OPERATOR ")?;
    let at = memchr::memmem::find(rest, b" (\n")?;
    let argument = |name: &[u8]| {
        rest[at..]
            .split(|byte| *byte == b'\n')
            .find_map(|line| line.trim_ascii().strip_prefix(name))
            .map_or(&b"NONE"[..], |value| {
                value.strip_suffix(b",").unwrap_or(value)
            })
    };
    let (left, right) = (argument(b"LEFTARG = "), argument(b"RIGHTARG = "));
    Some([&rest[..at], b" (", left, b", ", right, b")"].concat())
}

/// `app.ops USING btree`, from the definition as pg_dump lays it out.
fn operator_class(definition: &[u8]) -> Option<Vec<u8>> {
    let mut words = Words::of(definition);
    (words.eat_all("create operator class") || words.eat_all("create operator family"))
        .then_some(())?;
    let name = words.qualified()?;
    words.skip_to("using")?;
    let mut object = ident::qualified(name.namespace.as_deref(), &name.name);
    object.extend_from_slice(b" USING ");
    object.extend(ident::ident(&words.name()?));
    Some(object)
}

/// The section an entry stands in: its kind's, but never before what came earlier. pg_dump puts
/// what must wait for a constraint (a view grouped by a primary key) behind it.
pub(super) fn section_of(kind: &Kind, so_far: Section) -> Section {
    match kind.usual_section() {
        Section::None => Section::None,
        Section::Data => Section::Data,
        // Statistics follow what they are of, in either of the last sections.
        _ if *kind == Kind::StatisticsData => so_far.max(Section::Data),
        // Words without a kind of their own: where they stand is all that is known.
        Section::PreData if matches!(kind, Kind::Other(_)) && so_far == Section::Data => {
            Section::PostData
        }
        Section::PreData if so_far == Section::PostData => Section::PostData,
        section => section,
    }
}

/// The header a statement without a comment above it would have.
pub(super) fn header_of(statement: &[u8], namespace: Option<&[u8]>) -> Header {
    let subject = Subject::of(statement);
    let lives_in_schema = matches!(
        subject.kind,
        Kind::Table
            | Kind::ForeignTable
            | Kind::View
            | Kind::MaterializedView
            | Kind::MaterializedViewData
            | Kind::Sequence
            | Kind::SequenceSet
            | Kind::SequenceOwnedBy
            | Kind::Index
            | Kind::IndexAttach
            | Kind::TableAttach
            | Kind::Constraint
            | Kind::FkConstraint
            | Kind::CheckConstraint
            | Kind::Default
            | Kind::Trigger
            | Kind::Rule
            | Kind::Policy
            | Kind::RowSecurity
            | Kind::Type
            | Kind::Domain
            | Kind::Function
            | Kind::Procedure
            | Kind::Aggregate
            | Kind::Collation
            | Kind::Conversion
            | Kind::Statistics
    );
    Header {
        kind: Some(subject.kind),
        tag: subject.tag.into(),
        namespace: subject
            .namespace
            .or_else(|| namespace.filter(|_| lives_in_schema).map(<[u8]>::to_vec))
            .map(Bytes::from),
        ..Header::default()
    }
}

/// One BLOB entry for each large object of a group. A script spells out what an archive of version
/// 1.16 says once, and without dependencies it cannot say which group is meant.
pub(super) fn ungroup(
    entry: &Entry,
    oids: &[Bytes],
    mut next: impl FnMut() -> EntryId,
) -> Vec<Entry> {
    oids.iter()
        .enumerate()
        .map(|(at, oid)| {
            let id = if at == 0 { entry.id } else { next() };
            let mut blob = Entry::new(id, Kind::Blob, oid.clone());
            blob.catalog_id = CatalogId {
                table: entry.catalog_id.table,
                oid: std::str::from_utf8(oid)
                    .ok()
                    .and_then(|oid| oid.parse().ok())
                    .unwrap_or_default(),
            };
            blob.owner = entry.owner.clone();
            blob.dependencies = entry.dependencies.clone();
            blob.definition = [b"SELECT pg_catalog.lo_create('", &oid[..], b"');\n"]
                .concat()
                .into();
            if !entry.drop_statement.is_empty() {
                blob.drop_statement = unlink(oid);
            }
            blob
        })
        .collect()
}
