//! What an entry is as SQL: the statements that make it, give it to its owner and drop it, and the
//! settings they need. Pure.
//!
//! Used by the plain-SQL writer, which prints them, and by the restore, which runs them. Must never
//! know where they go. The rules are those of pg_restore's `_printTocEntry` and its neighbors.

use bytes::Bytes;

use super::ident::{ident, push_ident, qualified};
use super::{Entry, EntryId, Kind, Toc};
use crate::error::{Error, ErrorKind, Result};

/// `server_version_num` from which `pg_restore_relation_stats` exists.
const STATISTICS_FUNCTIONS: u32 = 180_000;

/// What of an entry is rendered, and for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RenderOptions {
    owners: bool,
    tablespaces: bool,
    access_methods: bool,
    target: u32,
}

impl Default for RenderOptions {
    /// Owners, tablespaces and access methods as in the dump, for the newest server known here.
    fn default() -> Self {
        Self {
            owners: true,
            tablespaces: true,
            access_methods: true,
            target: 180_000,
        }
    }
}

impl RenderOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything belongs to whoever runs the statements.
    #[must_use]
    pub fn no_owner(mut self) -> Self {
        self.owners = false;
        self
    }

    /// Everything goes to the database's default tablespace.
    #[must_use]
    pub fn no_tablespaces(mut self) -> Self {
        self.tablespaces = false;
        self
    }

    /// Tables use the target's `default_table_access_method`.
    #[must_use]
    pub fn no_table_access_method(mut self) -> Self {
        self.access_methods = false;
        self
    }

    /// For a server of this `server_version_num`, such as 150018.
    #[must_use]
    pub fn target_version(mut self, version_num: u32) -> Self {
        self.target = version_num;
        self
    }

    /// Whether owners are rendered.
    pub fn has_owners(&self) -> bool {
        self.owners
    }

    /// Whether tablespaces are rendered.
    pub fn has_tablespaces(&self) -> bool {
        self.tablespaces
    }

    /// The `server_version_num` rendered for.
    pub fn target(&self) -> u32 {
        self.target
    }
}

/// The oldest `server_version_num` that can run an entry of this kind at all; 0 if any can.
pub fn needs_version(entry: &Entry) -> u32 {
    match entry.kind {
        Kind::StatisticsData => STATISTICS_FUNCTIONS,
        _ => 0,
    }
}

/// The settings every session of a restore begins with, one statement each, without line ends.
///
/// They are the ones pg_dump writes at the head of a script, but only those the target knows: a
/// script of pg_dump 17 does not load into 16 under ON_ERROR_STOP because of
/// `transaction_timeout`.
pub fn session_settings(toc: &Toc, options: &RenderOptions) -> Vec<Bytes> {
    let mut settings: Vec<Bytes> = Vec::new();
    let mut add = |text: &[u8]| settings.push(Bytes::copy_from_slice(text));
    add(b"SET statement_timeout = 0;");
    add(b"SET lock_timeout = 0;");
    add(b"SET idle_in_transaction_session_timeout = 0;");
    if options.target >= 170_000 {
        add(b"SET transaction_timeout = 0;");
    }
    if !toc.encoding.is_empty() {
        let encoding = toc.encoding.replace('\'', "''");
        add(format!("SET client_encoding = '{encoding}';").as_bytes());
    }
    // Without a rule of its own in the header of an entry, a statement is read by this setting.
    add(if toc.std_strings {
        &b"SET standard_conforming_strings = on;"[..]
    } else {
        &b"SET standard_conforming_strings = off;"[..]
    });
    match &toc.search_path {
        None => add(b"SELECT pg_catalog.set_config('search_path', '', false);"),
        Some(statement) => {
            let statement = statement.trim_ascii_end();
            if !statement.is_empty() {
                add(statement);
            }
        }
    }
    add(b"SET check_function_bodies = false;");
    add(b"SET xmloption = content;");
    add(b"SET client_min_messages = warning;");
    if !toc.std_strings {
        add(b"SET escape_string_warning = off;");
    }
    add(b"SET row_security = off;");
    settings
}

/// The settings that change from entry to entry, as one session has them.
///
/// A new value stands for a session that has run only [`session_settings`].
#[derive(Debug, Clone, Default)]
pub struct EntrySettings {
    tablespace: Option<Bytes>,
    access_method: Option<Bytes>,
}

impl EntrySettings {
    /// The statements, without line ends, that this session must run before the definition of
    /// `entry`; none if it has run them already.
    pub fn switch_to(&mut self, entry: &Entry, options: &RenderOptions) -> Vec<Bytes> {
        let mut statements = Vec::new();
        if let Some(want) = entry
            .tablespace
            .as_ref()
            .filter(|want| options.tablespaces && self.tablespace.as_ref() != Some(*want))
        {
            let mut statement = b"SET default_tablespace = ".to_vec();
            if want.is_empty() {
                statement.extend_from_slice(b"''");
            } else {
                push_ident(&mut statement, want);
            }
            statement.push(b';');
            statements.push(statement.into());
            self.tablespace = Some(want.clone());
        }
        // A partitioned table has no storage for the setting to act on; see `create`.
        if let Some(want) = entry.table_access_method.as_ref().filter(|want| {
            options.access_methods
                && entry.relkind != b'p'
                && self.access_method.as_ref() != Some(*want)
        }) {
            let mut statement = b"SET default_table_access_method = ".to_vec();
            push_ident(&mut statement, want);
            statement.push(b';');
            statements.push(statement.into());
            self.access_method = Some(want.clone());
        }
        statements
    }
}

/// The statements that make an entry: its definition, its owner, a partitioned table's access
/// method. In order, each with its line end; the first may hold several statements and comments.
/// Empty if there is nothing to run.
///
/// # Errors
///
/// `Format` if the entry lacks what the rendering of its kind needs; `Unsupported` if its kind has
/// no known way to set an owner.
pub fn create(entry: &Entry, toc: &Toc, options: &RenderOptions) -> Result<Vec<Bytes>> {
    let mut statements = Vec::new();
    let is_comment = entry.definition.starts_with(b"--");
    if !options.owners && entry.kind == Kind::Schema && !is_comment {
        // pg_dump before 8.x put AUTHORIZATION into CREATE SCHEMA; pg_restore rebuilds it too.
        let mut statement = b"CREATE SCHEMA ".to_vec();
        push_ident(&mut statement, &entry.tag);
        statement.extend_from_slice(b";\n");
        statements.push(statement.into());
    } else if entry.kind == Kind::BlobMetadata {
        statements.push(for_each_oid(
            entry,
            b"SELECT pg_catalog.lo_create('",
            b"')",
        )?);
    } else if is_acl_of_many(entry) {
        statements.push(acl_of_many(entry, toc)?);
    } else if !entry.definition.is_empty() {
        statements.push(entry.definition.clone());
    }
    if let Some(statement) = set_owner(entry, options)? {
        statements.push(statement);
    }
    if let Some(method) = entry
        .table_access_method
        .as_ref()
        .filter(|_| options.access_methods && entry.relkind == b'p')
    {
        let mut statement = b"ALTER TABLE ".to_vec();
        statement.extend(qualified(entry.namespace.as_deref(), &entry.tag));
        statement.extend_from_slice(b" SET ACCESS METHOD ");
        push_ident(&mut statement, method);
        statement.extend_from_slice(b";\n");
        statements.push(statement.into());
    }
    Ok(statements)
}

/// The statement that gives an entry to its owner; `None` if nobody owns it by itself.
///
/// # Errors
///
/// See [`create`].
pub fn set_owner(entry: &Entry, options: &RenderOptions) -> Result<Option<Bytes>> {
    // pg_restore's rule: what has no DROP is not owned by itself (TABLE ATTACH, COMMENT, …).
    if !options.owners || entry.owner.is_empty() || entry.drop_statement.is_empty() {
        return Ok(None);
    }
    let mut to = b" OWNER TO ".to_vec();
    push_ident(&mut to, &entry.owner);
    if entry.kind == Kind::BlobMetadata {
        return for_each_oid(entry, b"ALTER LARGE OBJECT ", &to).map(Some);
    }
    let Some(object) = owned_object(entry)? else {
        return Ok(None);
    };
    let mut statement = b"ALTER ".to_vec();
    statement.extend(object);
    statement.extend(to);
    statement.extend_from_slice(b";\n");
    Ok(Some(statement.into()))
}

/// The object of ALTER … OWNER TO, such as `TABLE public.votes`; `None` for kinds without owners.
fn owned_object(entry: &Entry) -> Result<Option<Vec<u8>>> {
    Ok(match &entry.kind {
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
        | Kind::Subscription => {
            let mut object = entry.kind.as_str().as_bytes().to_vec();
            object.push(b' ');
            object.extend(qualified(entry.namespace.as_deref(), &entry.tag));
            Some(object)
        }
        Kind::Blob => {
            let mut object = b"LARGE OBJECT ".to_vec();
            object.extend_from_slice(&entry.tag);
            Some(object)
        }
        // Argument types and the like stand nowhere but in the DROP.
        Kind::Aggregate
        | Kind::Function
        | Kind::Operator
        | Kind::OperatorClass
        | Kind::OperatorFamily
        | Kind::Procedure => {
            let mut object = entry.drop_statement.strip_prefix(b"DROP ").ok_or_else(|| {
                Error::new(
                    ErrorKind::Format,
                    "its drop statement does not begin with DROP; restore without owners",
                )
                .in_entry(entry)
            })?;
            while let [rest @ .., b'\n' | b';'] = object {
                object = rest;
            }
            Some(object.to_vec())
        }
        Kind::Cast
        | Kind::CheckConstraint
        | Kind::Constraint
        | Kind::DatabaseProperties
        | Kind::Default
        | Kind::FkConstraint
        | Kind::Index
        | Kind::Rule
        | Kind::Trigger
        | Kind::RowSecurity
        | Kind::Policy
        | Kind::UserMapping => None,
        kind => {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("no way is known to set the owner of a {kind}; restore without owners"),
            )
            .in_entry(entry));
        }
    })
}

/// Whether a drop says IF EXISTS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// The object is there: an error if it is not.
    Certain,
    /// IF EXISTS.
    Maybe,
}

/// The statement that drops an entry's object, as `pg_restore --clean` runs it; `None` if it has
/// none.
///
/// # Errors
///
/// `Format` if a BLOB METADATA entry lists anything but oids.
pub fn drop(entry: &Entry, existing: Existing) -> Result<Option<Bytes>> {
    if entry.drop_statement.is_empty() {
        return Ok(None);
    }
    let maybe = existing == Existing::Maybe;
    if entry.kind == Kind::BlobMetadata {
        let (begin, end): (&[u8], &[u8]) = if maybe {
            (UNLINK_IF_EXISTS, b"'")
        } else {
            (b"SELECT pg_catalog.lo_unlink('", b"')")
        };
        return for_each_oid(entry, begin, end).map(Some);
    }
    if !maybe || entry.drop_statement.starts_with(b"--") {
        return Ok(Some(entry.drop_statement.clone()));
    }
    if entry.kind == Kind::Blob {
        let statement = [UNLINK_IF_EXISTS, &entry.tag, b"';\n"].concat();
        return Ok(Some(statement.into()));
    }
    let mut statement = Vec::new();
    let mut rest = &entry.drop_statement[..];
    if let Some(tail) = rest.strip_prefix(b"ALTER TABLE") {
        statement.extend_from_slice(b"ALTER TABLE IF EXISTS");
        rest = tail;
    }
    // DROP DEFAULT takes no IF EXISTS, and a view may be "dropped" by replacing it.
    let verbatim = matches!(entry.kind, Kind::Default | Kind::DatabaseProperties)
        || rest.starts_with(b"CREATE OR REPLACE VIEW");
    let mark = match entry.kind {
        Kind::Constraint | Kind::CheckConstraint | Kind::FkConstraint => {
            b"DROP CONSTRAINT".to_vec()
        }
        _ => format!("DROP {}", entry.kind).into_bytes(),
    };
    match memchr::memmem::find(rest, &mark) {
        Some(at) if !verbatim => {
            let (before, after) = rest.split_at(at + mark.len());
            statement.extend_from_slice(before);
            statement.extend_from_slice(b" IF EXISTS");
            statement.extend_from_slice(after);
        }
        _ => statement.extend_from_slice(rest),
    }
    Ok(Some(statement.into()))
}

const UNLINK_IF_EXISTS: &[u8] =
    b"SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata WHERE oid = '";

/// Oids of the large objects of a BLOB or BLOB METADATA entry (archive version 1.16 lists up to a
/// thousand of them, one a line, in place of a definition).
///
/// # Errors
///
/// `Format` if there is anything but oids.
pub fn large_object_oids(entry: &Entry) -> Result<Vec<u32>> {
    let text = match entry.kind {
        Kind::Blob => &entry.tag,
        _ => &entry.definition,
    };
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| {
            std::str::from_utf8(line)
                .ok()
                .and_then(|line| line.parse().ok())
                .ok_or_else(|| {
                    Error::new(ErrorKind::Format, "its list of oids is damaged").in_entry(entry)
                })
        })
        .collect()
}

/// `begin oid end;` for every oid of a BLOB METADATA entry.
fn for_each_oid(entry: &Entry, begin: &[u8], end: &[u8]) -> Result<Bytes> {
    let mut statements = Vec::new();
    for oid in large_object_oids(entry)? {
        statements.extend_from_slice(begin);
        statements.extend_from_slice(oid.to_string().as_bytes());
        statements.extend_from_slice(end);
        statements.extend_from_slice(b";\n");
    }
    Ok(statements.into())
}

/// Whether an ACL stands for all large objects of the BLOB METADATA entry it depends on.
fn is_acl_of_many(entry: &Entry) -> bool {
    entry.kind == Kind::Acl && entry.tag.starts_with(b"LARGE OBJECTS")
}

/// The commands of an ACL written for one large object, for each of its group.
fn acl_of_many(entry: &Entry, toc: &Toc) -> Result<Bytes> {
    let bad = |what: &str| Error::new(ErrorKind::Format, what.to_owned()).in_entry(entry);
    let group = entry
        .dependencies
        .iter()
        .find_map(|id: &EntryId| {
            toc.get(*id)
                .filter(|entry| entry.kind == Kind::BlobMetadata)
        })
        .ok_or_else(|| bad("the BLOB METADATA entry it is for is missing"))?;
    let mut statements = Vec::new();
    let mut quoted = false;
    let mut start = 0;
    let mut oid: Option<(usize, usize)> = None;
    let text = &entry.definition[..];
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'L' if text[at..].starts_with(b"LARGE OBJECT ") => {
                let from = at + b"LARGE OBJECT ".len();
                let digits = text[from..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_digit())
                    .count();
                if digits == 0 || oid.is_some() {
                    return Err(bad("its privileges are not those of one large object"));
                }
                oid = Some((from, from + digits));
                at = from + digits;
                continue;
            }
            b';' => {
                let (from, to) = oid
                    .take()
                    .ok_or_else(|| bad("its privileges are not those of one large object"))?;
                statements.extend_from_slice(&for_each_oid(
                    group,
                    &text[start..from],
                    &text[to..at],
                )?);
                let gap = text[at + 1..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_whitespace())
                    .count();
                start = at + 1 + gap;
                at = start;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    if start < text.len() {
        return Err(bad("its privileges end inside a statement"));
    }
    Ok(statements.into())
}

/// `TRUNCATE TABLE ONLY …;`, which a restore runs before the COPY of a table it has just made in
/// the same transaction, so that the rows need not be logged.
pub fn truncate(entry: &Entry) -> Bytes {
    let mut statement = b"TRUNCATE TABLE ONLY ".to_vec();
    statement.extend(qualified(entry.namespace.as_deref(), &entry.tag));
    statement.extend_from_slice(b";\n");
    statement.into()
}

/// Whether a TABLE DATA entry loads into an ancestor of the table it is named after
/// (`--load-via-partition-root`): then rows may go anywhere in the tree, and neither
/// [`truncate`] nor loading beside the siblings is safe.
pub fn loads_via_partition_root(entry: &Entry) -> bool {
    if entry.definition.starts_with(b"-- load via partition root ") {
        return true;
    }
    match &entry.copy_statement {
        Some(copy) if !copy.is_empty() => {
            let mut own = b"COPY ".to_vec();
            own.extend(qualified(entry.namespace.as_deref(), &entry.tag));
            own.push(b' ');
            !copy.starts_with(&own)
        }
        _ => false,
    }
}

/// `SET ROLE …;`, for a restore that runs as another role than the one it connected as.
pub fn set_role(role: &[u8]) -> Bytes {
    [b"SET ROLE ", &ident(role)[..], b";"].concat().into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn entry(kind: Kind, tag: &'static str) -> Entry {
        let mut entry = Entry::new(EntryId(7), kind, tag);
        entry.owner = Bytes::from_static(b"Ann");
        entry
    }

    fn text(statements: &[Bytes]) -> String {
        String::from_utf8(statements.concat()).unwrap()
    }

    #[test]
    fn a_table_gets_its_owner_after_its_definition() {
        let mut table = entry(Kind::Table, "T");
        table.namespace = Some("public".into());
        table.definition = "CREATE TABLE public.\"T\" ();\n".into();
        let toc = Toc::default();
        let options = RenderOptions::new();
        assert_eq!(
            text(&create(&table, &toc, &options).unwrap()),
            "CREATE TABLE public.\"T\" ();\n",
            "without a DROP nothing is owned"
        );
        table.drop_statement = "DROP TABLE public.\"T\";\n".into();
        assert_eq!(
            text(&create(&table, &toc, &options).unwrap()),
            "CREATE TABLE public.\"T\" ();\nALTER TABLE public.\"T\" OWNER TO \"Ann\";\n"
        );
        assert_eq!(create(&table, &toc, &options.no_owner()).unwrap().len(), 1);
        table.relkind = b'p';
        table.table_access_method = Some("heap".into());
        let rendered = text(&create(&table, &toc, &options).unwrap());
        assert!(rendered.ends_with("ALTER TABLE public.\"T\" SET ACCESS METHOD heap;\n"));
        assert!(
            EntrySettings::default()
                .switch_to(&table, &options)
                .is_empty()
        );
    }

    #[test]
    fn a_function_is_named_by_its_drop_statement() {
        let mut function = entry(Kind::Function, "f(integer)");
        function.drop_statement = "DROP FUNCTION public.f(a integer);\n".into();
        let statement = set_owner(&function, &RenderOptions::new())
            .unwrap()
            .unwrap();
        assert_eq!(
            statement,
            "ALTER FUNCTION public.f(a integer) OWNER TO \"Ann\";\n"
        );
    }

    #[test]
    fn an_unknown_owned_kind_is_refused() {
        let mut other = entry(Kind::Other("GRAPH".into()), "g");
        other.drop_statement = "DROP GRAPH g;\n".into();
        let error = set_owner(&other, &RenderOptions::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }

    #[test]
    fn if_exists_stands_behind_the_kind() {
        let drop_maybe = |kind: Kind, statement: &'static str| {
            let mut entry = entry(kind, "x");
            entry.drop_statement = statement.into();
            String::from_utf8(drop(&entry, Existing::Maybe).unwrap().unwrap().to_vec()).unwrap()
        };
        assert_eq!(
            drop_maybe(Kind::Table, "DROP TABLE x;\n"),
            "DROP TABLE IF EXISTS x;\n"
        );
        assert_eq!(
            drop_maybe(
                Kind::FkConstraint,
                "ALTER TABLE ONLY s.t DROP CONSTRAINT c;\n"
            ),
            "ALTER TABLE IF EXISTS ONLY s.t DROP CONSTRAINT IF EXISTS c;\n"
        );
        assert_eq!(
            drop_maybe(
                Kind::Default,
                "ALTER TABLE s.t ALTER COLUMN c DROP DEFAULT;\n"
            ),
            "ALTER TABLE IF EXISTS s.t ALTER COLUMN c DROP DEFAULT;\n"
        );
        assert_eq!(
            drop_maybe(Kind::Schema, "-- *not* dropping\n"),
            "-- *not* dropping\n"
        );
    }

    #[test]
    fn large_object_groups_are_spelled_out() {
        let mut group = entry(Kind::BlobMetadata, "LARGE OBJECTS 5..9");
        group.definition = "5\n9\n".into();
        group.drop_statement = " \n".into();
        let mut acl = entry(Kind::Acl, "LARGE OBJECTS 5..9");
        acl.definition = "GRANT ALL ON LARGE OBJECT 5 TO \"a;b\";\n".into();
        acl.dependencies = vec![group.id];
        let toc = Toc {
            entries: vec![group.clone()],
            ..Toc::default()
        };
        let options = RenderOptions::new();
        assert_eq!(
            text(&create(&group, &toc, &options).unwrap()),
            "SELECT pg_catalog.lo_create('5');\nSELECT pg_catalog.lo_create('9');\n\
             ALTER LARGE OBJECT 5 OWNER TO \"Ann\";\nALTER LARGE OBJECT 9 OWNER TO \"Ann\";\n"
        );
        assert_eq!(
            text(&create(&acl, &toc, &options).unwrap()),
            "GRANT ALL ON LARGE OBJECT 5 TO \"a;b\";\nGRANT ALL ON LARGE OBJECT 9 TO \"a;b\";\n"
        );
        group.definition = "5\nx\n".into();
        assert_eq!(
            create(&group, &toc, &options).unwrap_err().kind(),
            ErrorKind::Format
        );
    }

    #[test]
    fn settings_are_said_once_and_only_to_servers_that_know_them() {
        let toc = Toc {
            encoding: "UTF8".into(),
            std_strings: true,
            ..Toc::default()
        };
        let has = |version: u32| {
            session_settings(&toc, &RenderOptions::new().target_version(version))
                .contains(&Bytes::from_static(b"SET transaction_timeout = 0;"))
        };
        assert!(has(170_000));
        assert!(!has(160_014));

        let mut table = entry(Kind::Table, "t");
        table.tablespace = Some(Bytes::new());
        table.table_access_method = Some("heap".into());
        let options = RenderOptions::new();
        let mut session = EntrySettings::default();
        assert_eq!(session.switch_to(&table, &options).len(), 2);
        assert!(session.switch_to(&table, &options).is_empty());
        table.tablespace = Some("Fast".into());
        assert_eq!(
            text(&session.switch_to(&table, &options)),
            "SET default_tablespace = \"Fast\";"
        );
        table.tablespace = None;
        assert!(session.switch_to(&table, &options).is_empty());
    }

    #[test]
    fn loading_via_the_root_is_seen_in_comment_and_copy() {
        let mut data = entry(Kind::TableData, "leaf");
        data.namespace = Some("s".into());
        data.copy_statement = Some("COPY s.leaf (a) FROM stdin;\n".into());
        assert!(!loads_via_partition_root(&data));
        data.copy_statement = Some("COPY s.root (a) FROM stdin;\n".into());
        assert!(loads_via_partition_root(&data));
        data.copy_statement = None;
        assert!(!loads_via_partition_root(&data));
        data.definition = "-- load via partition root s.root".into();
        assert!(loads_via_partition_root(&data));
    }
}
