//! The schema of a live database, read from its catalogs into a [`Toc`] as pg_dump would have
//! written it: kinds, tags, sections, order, definitions and drop statements.
//!
//! Called by the session, in two steps: [`list`] first, then preflight and locks on what it
//! found, then [`read`]. The number of queries is fixed: a database of ten thousand tables is
//! asked as often as an empty one. Knows nothing of archives, and moves no table data.
//!
//! Each family of objects has a file with its SQL beside the rows it fills. A family's `read` adds
//! nodes with bodies to `object::Objects`; when all have, `depend` ties them, `sort` orders them
//! and `render` asks the bodies for their entries. A body is asked late because breaking loops of
//! dependencies changes what is written.

pub(super) mod acl;
mod cast;
mod collation;
mod comment;
mod constraint;
mod database;
mod default_acl;
mod depend;
mod event_trigger;
mod extension;
mod foreign;
mod index;
mod label;
mod language;
mod large_object;
mod listing;
mod namespace;
mod object;
mod operator;
mod operator_class;
mod owner;
mod policy;
mod publication;
mod refuse;
mod relation;
mod relation_statistics;
mod render;
mod routine;
mod rule;
mod scope;
pub(super) mod setting;
mod settled;
mod sort;
mod statistics;
mod subscription;
mod system_relation;
mod text_search;
mod trigger;
mod types;

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, ErrorKind, Result};
use crate::files::SequenceEvidence;
use crate::pg::{Conn, Row, ServerVersion};
use crate::toc::{EntryId, Toc};

pub use database::about_database;
pub use listing::{Relation, list};
pub use scope::{RelationTest, SchemaTest, Scope};

use comment::Comments;
use index::Index;
use label::Labels;
use object::{NodeId, ObjectKind, Objects};
use relation::Tables;
use render::{Out, World};
use settled::Settled;

/// Everything a dump has to know of a database before its data moves.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Catalog {
    /// What the dump will contain.
    pub toc: Toc,
    /// How the rows of each TABLE DATA entry are read.
    pub tables: BTreeMap<EntryId, TableSource>,
    /// The value behind each SEQUENCE SET entry.
    pub sequences: BTreeMap<EntryId, SequenceEvidence>,
    /// The large objects behind each BLOBS entry.
    pub large_objects: BTreeMap<EntryId, Vec<u32>>,
    /// Extensions the dump makes: name to version.
    pub extensions: BTreeMap<String, String>,
    /// Roles that own something or are granted something in the dump.
    pub roles: BTreeSet<String>,
}

/// How the rows of one table are read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableSource {
    /// Its oid in `pg_class`.
    pub oid: u32,
    /// Its schema.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The columns, in order, that the rows hold.
    pub columns: Vec<String>,
    /// `COPY … TO stdout;` that yields exactly the rows of this table, none of its children's.
    pub copy: String,
    /// How many bytes it takes on the server's disk, what is kept out of line included.
    pub bytes: u64,
    /// Pages of its heap, if all its rows are read and by their pages; `None` if it is no heap, or
    /// only some rows are wanted.
    pub pages: Option<u64>,
}

/// `pg_namespace`.
const NAMESPACES: u32 = 2615;

/// What the families share while they read.
pub(crate) struct Reading<'a> {
    pub(crate) conn: &'a Conn,
    pub(crate) scope: &'a Scope,
    pub(crate) version: ServerVersion,
    /// The relations of the first look, by oid.
    pub(crate) relations: &'a [Relation],
    pub(crate) objects: Objects,
    /// What is known of the relations.
    pub(crate) tables: Tables,
    /// What is known of the indexes, by oid.
    pub(crate) indexes: BTreeMap<u32, Box<Index>>,
    /// Extensions the dump makes: name to version.
    pub(crate) extensions: BTreeMap<String, String>,
}

impl Reading<'_> {
    /// Whether the server is of this major version or later.
    pub(crate) fn since(&self, major: u32) -> bool {
        self.version.major() >= major
    }

    /// Adds an object whose entries are settled, selected by the common rule.
    pub(crate) fn add_settled(
        &mut self,
        kind: ObjectKind,
        row: &Row,
        name: &str,
        namespace: Option<NodeId>,
        settled: Settled,
    ) -> Result<NodeId> {
        let id = self
            .objects
            .add(kind, settled::catalog_id(row)?, name, namespace);
        self.objects.select(id);
        self.objects.get_mut(id).body = Some(Box::new(settled));
        Ok(id)
    }

    /// The relation as the first look saw it.
    pub(crate) fn relation(&self, oid: u32) -> Option<&Relation> {
        self.relations
            .binary_search_by_key(&oid, |relation| relation.oid)
            .ok()
            .map(|index| &self.relations[index])
    }

    /// The node of the schema with this oid; schemas are read before what is in them.
    pub(crate) fn namespace(&self, oid: u32) -> Result<NodeId> {
        self.objects.find(NAMESPACES, oid).ok_or_else(|| {
            Error::new(
                ErrorKind::Server,
                format!("an object is in the schema with oid {oid}, which does not exist"),
            )
        })
    }
}

/// Reads the catalogs of the database that `conn` is in, as far as the scope wants it.
/// `relations` is what [`list`] returned in the same transaction, and the caller holds ACCESS
/// SHARE locks on those that need one.
///
/// # Errors
///
/// `Unsupported`, naming every object that is of a kind not known here: nothing is left out in
/// silence. `Server` if a query fails.
pub async fn read(conn: &Conn, scope: &Scope, relations: &[Relation]) -> Result<Catalog> {
    let facts = conn
        .rows(
            "SELECT pg_catalog.current_database() AS name, \
             pg_catalog.pg_client_encoding()::text AS encoding, \
             pg_catalog.current_setting('server_version') AS version, \
             pg_catalog.current_setting('standard_conforming_strings') = 'on' AS std_strings, \
             EXTRACT(epoch FROM pg_catalog.transaction_timestamp())::int8 AS started",
        )
        .await?;
    let facts = facts
        .first()
        .ok_or_else(|| Error::new(ErrorKind::Bug, "a query for one row of facts answered none"))?;
    let mut reading = Reading {
        conn,
        scope,
        version: conn.version(),
        relations,
        objects: Objects::new(scope.is_everything()),
        tables: Tables::default(),
        indexes: BTreeMap::new(),
        extensions: BTreeMap::new(),
    };

    refuse::check(&reading).await?;
    // Families add their nodes here; extensions first, since they own members of every kind.
    extension::read(&mut reading).await?;
    namespace::read(&mut reading).await?;
    system_relation::read(&mut reading).await?;
    relation::read(&mut reading).await?;
    routine::read_functions(&mut reading).await?;
    types::read(&mut reading).await?;
    language::read(&mut reading).await?;
    routine::read_aggregates(&mut reading).await?;
    operator::read_operators(&mut reading).await?;
    operator::read_access_methods(&mut reading).await?;
    operator_class::read(&mut reading).await?;
    collation::read_collations(&mut reading).await?;
    collation::read_conversions(&mut reading).await?;
    text_search::read(&mut reading).await?;
    foreign::read_wrappers(&mut reading).await?;
    foreign::read_servers(&mut reading).await?;
    cast::read_casts(&mut reading).await?;
    cast::read_transforms(&mut reading).await?;
    statistics::read(&mut reading).await?;
    event_trigger::read(&mut reading).await?;
    publication::read(&mut reading).await?;
    subscription::read(&mut reading).await?;
    default_acl::read(&mut reading).await?;
    relation::read_details(&mut reading).await?;
    index::read(&mut reading).await?;
    constraint::read_foreign_keys(&mut reading).await?;
    trigger::read(&mut reading).await?;
    rule::read(&mut reading).await?;
    policy::read(&mut reading).await?;
    relation::read_data(&mut reading).await?;
    if scope.is_everything() && !scope.schema_only {
        large_object::read(&mut reading).await?;
    }
    if scope.statistics {
        relation_statistics::read(&mut reading).await?;
    }
    let database = database::read(conn, None).await?;
    let comments = Comments::read(conn).await?;
    let labels = Labels::read(conn).await?;

    depend::read(&mut reading).await?;
    let Reading {
        mut objects,
        tables,
        indexes,
        extensions,
        ..
    } = reading;
    let boundaries = objects.add_boundaries();
    objects.forget_catalog();
    let order = sort::sort(&mut objects, boundaries)?;
    let bodies = objects.take_bodies();
    let mut out = Out::new(conn.form(), &objects);
    let world = World {
        objects: &objects,
        version: conn.version(),
        tables: &tables,
        indexes: &indexes,
        comments: &comments,
        labels: &labels,
    };
    database.render(&world, &mut out)?;
    render::render(&world, bodies, &order, &mut out)?;

    let toc = Toc {
        database: conn.form().encode(&facts.text("name")?),
        encoding: facts.text("encoding")?,
        std_strings: facts.get("std_strings")?,
        server_version: facts.text("version")?,
        dump_version: concat!("dr ", env!("CARGO_PKG_VERSION")).to_owned(),
        created: facts.get("started")?,
        entries: out.finish(&objects),
        // The search path stays empty, as the session has it: the entries qualify every name.
        ..Toc::default()
    };
    Ok(Catalog {
        toc,
        tables: out.tables,
        sequences: out.sequences,
        large_objects: out.large_objects,
        extensions,
        roles: out.roles,
    })
}
