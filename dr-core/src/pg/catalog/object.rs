//! The objects of a database while its catalog is being read: the arena every family of objects
//! puts its nodes into, and what the sort and the rendering need to know of each.
//!
//! Used by every file of `catalog`. Knows no SQL and no family: what an object looks like is its
//! [`Body`]'s secret, and is asked for after the sort only, because breaking a dependency loop
//! changes what is written (a constraint of its own entry, a view made as a dummy first).

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::error::Result;
use crate::text::identifier;
use crate::toc::CatalogId;

use super::render::{Out, World};

/// A node of the arena; its number is the dump id of the entry that the object becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(pub(crate) u32);

impl NodeId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize - 1
    }
}

/// What a node is, in the order in which pg_dump breaks ties between kinds of one priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ObjectKind {
    Namespace,
    Extension,
    Type,
    ShellType,
    Function,
    Aggregate,
    Operator,
    AccessMethod,
    OperatorClass,
    OperatorFamily,
    Collation,
    Conversion,
    Table,
    TableAttach,
    AttributeDefault,
    Index,
    IndexAttach,
    Statistics,
    Rule,
    Trigger,
    Constraint,
    ForeignKey,
    Language,
    Cast,
    TableData,
    SequenceSet,
    /// A row type, array type or multirange that follows from another object; never written.
    DummyType,
    TextSearchParser,
    TextSearchDictionary,
    TextSearchTemplate,
    TextSearchConfiguration,
    ForeignDataWrapper,
    ForeignServer,
    DefaultAcl,
    Transform,
    LargeObject,
    LargeObjectData,
    PreDataBoundary,
    PostDataBoundary,
    EventTrigger,
    RefreshMatview,
    Policy,
    Publication,
    PublicationTable,
    PublicationSchema,
    Subscription,
    /// What is known of a table or materialized view.
    TableStatistics,
    /// What is known of an index.
    IndexStatistics,
}

/// On which side of the two boundaries a kind stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Before data.
    Pre,
    /// Between the boundaries.
    Data,
    /// After data.
    Post,
    /// After data when written apart from its table, view or domain; else with that.
    PostIfSeparate,
    /// A boundary itself.
    Boundary,
}

impl ObjectKind {
    /// pg_dump's rank of the kind: all of a lower rank come first as far as dependencies let them.
    pub(crate) fn priority(self) -> u8 {
        match self {
            Self::Namespace => 1,
            Self::Language => 2,
            Self::Collation => 3,
            Self::Transform => 4,
            Self::Extension => 5,
            Self::Type | Self::ShellType => 6,
            Self::Cast => 7,
            Self::Function => 8,
            Self::Aggregate => 9,
            Self::AccessMethod => 10,
            Self::Operator => 11,
            Self::OperatorClass | Self::OperatorFamily => 12,
            Self::Conversion => 13,
            Self::TextSearchParser => 14,
            Self::TextSearchTemplate => 15,
            Self::TextSearchDictionary => 16,
            Self::TextSearchConfiguration => 17,
            Self::ForeignDataWrapper => 18,
            Self::ForeignServer => 19,
            Self::Table => 20,
            Self::TableAttach => 21,
            Self::DummyType => 22,
            Self::AttributeDefault => 23,
            Self::PreDataBoundary => 24,
            Self::TableData => 25,
            Self::SequenceSet => 26,
            Self::LargeObject => 27,
            Self::LargeObjectData => 28,
            Self::TableStatistics | Self::IndexStatistics => 29,
            Self::PostDataBoundary => 30,
            Self::Constraint => 31,
            Self::Index => 32,
            Self::IndexAttach => 33,
            Self::Statistics => 34,
            Self::Rule => 35,
            Self::Trigger => 36,
            Self::ForeignKey => 37,
            Self::Policy => 38,
            Self::Publication => 39,
            Self::PublicationTable => 40,
            Self::PublicationSchema => 41,
            Self::Subscription => 42,
            Self::DefaultAcl => 44,
            Self::EventTrigger => 45,
            Self::RefreshMatview => 46,
        }
    }

    /// Where the kind stands between the boundaries.
    pub(crate) fn side(self) -> Side {
        match self {
            Self::Namespace
            | Self::Extension
            | Self::Type
            | Self::ShellType
            | Self::Function
            | Self::Aggregate
            | Self::Operator
            | Self::AccessMethod
            | Self::OperatorClass
            | Self::OperatorFamily
            | Self::Collation
            | Self::Conversion
            | Self::Language
            | Self::Cast
            | Self::TextSearchParser
            | Self::TextSearchDictionary
            | Self::TextSearchTemplate
            | Self::TextSearchConfiguration
            | Self::ForeignDataWrapper
            | Self::ForeignServer
            | Self::Transform
            | Self::Table
            | Self::TableAttach
            | Self::AttributeDefault
            | Self::DummyType => Side::Pre,
            Self::TableData
            | Self::SequenceSet
            | Self::LargeObject
            | Self::LargeObjectData
            | Self::TableStatistics => Side::Data,
            Self::Index
            | Self::IndexStatistics
            | Self::IndexAttach
            | Self::RefreshMatview
            | Self::Trigger
            | Self::DefaultAcl
            | Self::Statistics
            | Self::EventTrigger
            | Self::Publication
            | Self::PublicationTable
            | Self::PublicationSchema
            | Self::Subscription
            | Self::Policy => Side::Post,
            Self::Rule | Self::Constraint | Self::ForeignKey => Side::PostIfSeparate,
            Self::PreDataBoundary | Self::PostDataBoundary => Side::Boundary,
        }
    }
}

/// Which parts of an object are written. An extension's member, for one, keeps its ACL alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Components(u8);

impl Components {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const DEFINITION: Self = Self(1);
    pub(crate) const DATA: Self = Self(2);
    pub(crate) const COMMENT: Self = Self(4);
    pub(crate) const ACL: Self = Self(8);
    pub(crate) const POLICY: Self = Self(16);
    pub(crate) const ALL: Self = Self(31);

    /// Whether anything is written at all.
    pub(crate) fn any(self) -> bool {
        self.0 != 0
    }

    /// Whether this part is written.
    pub(crate) fn has(self, part: Self) -> bool {
        self.0 & part.0 != 0
    }

    /// Both.
    #[must_use]
    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What both have.
    #[must_use]
    pub(crate) fn only(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Without this part.
    #[must_use]
    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// What orders objects of the same kind, schema and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Tie {
    /// Nothing: the name is unique.
    #[default]
    None,
    /// An attribute number.
    Number(i32),
    /// The name of the table or role it belongs to.
    Of(String),
    /// A constraint of a domain with this name; before those of tables.
    OfDomain(String),
    /// A constraint of a table with this name.
    OfTable(String),
    /// A function's arguments: how many, then schema and name of each type.
    Arguments(usize, Vec<(String, String)>),
}

/// What a family knows of its object, and how it is written.
pub(crate) trait Body: Send + Sync {
    /// Writes the object's entries (definition, comments, ACL) in pg_dump's order. Called for
    /// nodes that have something to write, in the order of the dump.
    ///
    /// # Errors
    ///
    /// `Unsupported` or `Bug`, naming the object.
    fn render(&self, node: &Node, world: &World<'_>, out: &mut Out) -> Result<()>;
}

/// One object.
pub(crate) struct Node {
    /// Its place in the arena, and its dump id.
    pub(crate) id: NodeId,
    /// What it is.
    pub(crate) kind: ObjectKind,
    /// Where it stands in the catalogs; zeros if nowhere.
    pub(crate) catalog_id: CatalogId,
    /// The name it is sorted by: a single catalog column, not the entry's tag.
    pub(crate) name: String,
    /// Its schema's node.
    pub(crate) namespace: Option<NodeId>,
    /// What of it is written.
    pub(crate) dump: Components,
    /// For schemas and extensions: what is written of the objects inside.
    pub(crate) contains: Components,
    /// Whether an extension owns it.
    pub(crate) extension_member: bool,
    /// The extensions of `ALTER … DEPENDS ON EXTENSION`.
    pub(crate) depends_on_extensions: Vec<NodeId>,
    /// What must come first; may repeat.
    pub(crate) dependencies: Vec<NodeId>,
    /// Breaks ties of the name.
    pub(crate) tie: Tie,
    /// `relkind` of a relation, `contype` of a constraint; 0 else.
    pub(crate) letter: u8,
    /// The table, view or domain it is a part of.
    pub(crate) part_of: Option<NodeId>,
    /// For rules: whether it is the ON SELECT DO INSTEAD rule that makes a relation a view.
    pub(crate) is_view_rule: bool,
    /// Whether it is written apart from what it is a part of.
    pub(crate) separate: bool,
    /// Whether its definition has to wait until after the data.
    pub(crate) postponed: bool,
    /// For views: made without its query first, because the query needs what comes later.
    pub(crate) dummy_view: bool,
    /// For indexes: oid of the partitioned index above, or 0.
    pub(crate) parent_index: u32,
    /// For types: the shell that functions may depend on before the type is there.
    pub(crate) shell: Option<NodeId>,
    /// How it is written; none for what only orders others.
    pub(crate) body: Option<Box<dyn Body>>,
}

impl Node {
    /// Whether the definition is written.
    pub(crate) fn defines(&self) -> bool {
        self.dump.has(Components::DEFINITION)
    }
}

/// Makes room for one more by an eighth of what is there. Of the largest lists there are, doubling
/// would leave half empty.
pub(super) fn grow_little<T>(list: &mut Vec<T>) {
    if list.len() == list.capacity() {
        list.reserve_exact((list.len() / 8).max(64));
    }
}

/// Every object known, written or not.
#[derive(Default)]
pub(crate) struct Objects {
    nodes: Vec<Node>,
    by_catalog: HashMap<CatalogId, NodeId>,
    owners: HashMap<CatalogId, NodeId>,
    /// Whether nothing was selected by name, so that objects without a schema are written too.
    pub(crate) everything: bool,
}

impl Objects {
    /// An empty arena.
    pub(crate) fn new(everything: bool) -> Self {
        Self {
            everything,
            ..Self::default()
        }
    }

    /// Adds an object that is written unless decided otherwise; see [`select`](Self::select).
    pub(crate) fn add(
        &mut self,
        kind: ObjectKind,
        catalog_id: CatalogId,
        name: impl Into<String>,
        namespace: Option<NodeId>,
    ) -> NodeId {
        let id = NodeId(u32::try_from(self.nodes.len() + 1).expect("fewer objects than oids"));
        grow_little(&mut self.nodes);
        self.nodes.push(Node {
            id,
            kind,
            catalog_id,
            name: name.into(),
            namespace,
            dump: Components::ALL,
            contains: Components::ALL,
            extension_member: false,
            depends_on_extensions: Vec::new(),
            dependencies: Vec::new(),
            tie: Tie::None,
            letter: 0,
            part_of: None,
            is_view_rule: false,
            separate: false,
            postponed: false,
            dummy_view: false,
            parent_index: 0,
            shell: None,
            body: None,
        });
        if catalog_id.table != 0 {
            self.by_catalog.insert(catalog_id, id);
        }
        id
    }

    /// Lets a further catalog row stand for the same object (a partition's or array's row).
    pub(crate) fn alias(&mut self, catalog_id: CatalogId, id: NodeId) {
        self.by_catalog.insert(catalog_id, id);
    }

    /// Forgets which object stands for which catalog row: what is tied is tied by nodes.
    pub(crate) fn forget_catalog(&mut self) {
        self.by_catalog = HashMap::new();
        self.owners = HashMap::new();
    }

    /// How many there are; ids are 1 to this.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Takes out how each is written, by id: when it is, nobody needs that any more.
    pub(crate) fn take_bodies(&mut self) -> Vec<Option<Box<dyn Body>>> {
        let nodes = self.nodes.iter_mut();
        nodes.map(|node| node.body.take()).collect()
    }

    /// All of them, by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    /// One.
    pub(crate) fn get(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// One, to be changed.
    pub(crate) fn get_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.index()]
    }

    /// The object of a catalog row.
    pub(crate) fn find(&self, table: u32, oid: u32) -> Option<NodeId> {
        self.by_catalog.get(&CatalogId { table, oid }).copied()
    }

    /// The name of a node's schema.
    pub(crate) fn namespace_name(&self, id: NodeId) -> Option<&str> {
        self.get(id)
            .namespace
            .map(|namespace| self.get(namespace).name.as_str())
    }

    /// Records that `id` needs `on` first.
    pub(crate) fn depend(&mut self, id: NodeId, on: NodeId) {
        self.get_mut(id).dependencies.push(on);
    }

    /// Forgets every dependency of `id` on `on`.
    pub(crate) fn undepend(&mut self, id: NodeId, on: NodeId) {
        self.get_mut(id).dependencies.retain(|other| *other != on);
    }

    /// Appends the `ALTER … DEPENDS ON EXTENSION` that were said of a node.
    pub(crate) fn push_extension_dependencies(
        &self,
        node: &Node,
        sql: &mut String,
        word: &str,
        name: &str,
    ) {
        for extension in &node.depends_on_extensions {
            // A line end before, none after: as pg_dump has it.
            let extension = identifier(&self.get(*extension).name);
            let _ = write!(
                sql,
                "\nALTER {word} {name} DEPENDS ON EXTENSION {extension};"
            );
        }
    }

    /// Records that an extension owns a catalog row; said before the row's object is added.
    pub(crate) fn owned_by_extension(&mut self, member: CatalogId, extension: NodeId) {
        self.owners.insert(member, extension);
    }

    /// If an extension owns the object: ties it to the extension, leaves only its ACL to be
    /// written (CREATE EXTENSION makes the rest), and says true.
    pub(crate) fn claim_for_extension(&mut self, id: NodeId) -> bool {
        let Some(extension) = self.owners.get(&self.get(id).catalog_id).copied() else {
            return false;
        };
        let contains = self.get(extension).contains;
        self.depend(id, extension);
        let node = self.get_mut(id);
        node.extension_member = true;
        node.dump = contains.only(Components::ACL);
        true
    }

    /// The common decision on what is written: an extension's member follows the extension, an
    /// object in a schema the schema, and the rest is written when everything is.
    pub(crate) fn select(&mut self, id: NodeId) {
        if self.claim_for_extension(id) {
            return;
        }
        let dump = match self.get(id).namespace {
            Some(namespace) => self.get(namespace).contains,
            None if self.everything => Components::ALL,
            None => Components::NONE,
        };
        self.get_mut(id).dump = dump;
    }

    /// Adds the two boundaries and ties every node to its side of them.
    pub(crate) fn add_boundaries(&mut self) -> Boundaries {
        let count = self.len();
        let none = CatalogId::default();
        let pre = self.add(ObjectKind::PreDataBoundary, none, "PRE-DATA BOUNDARY", None);
        let post = self.add(
            ObjectKind::PostDataBoundary,
            none,
            "POST-DATA BOUNDARY",
            None,
        );
        for index in 0..count {
            let node = &self.nodes[index];
            let id = node.id;
            match node.kind.side() {
                Side::Pre => self.depend(pre, id),
                Side::Data => {
                    self.depend(id, pre);
                    self.depend(post, id);
                }
                Side::Post => self.depend(id, post),
                Side::PostIfSeparate if node.separate => self.depend(id, post),
                Side::PostIfSeparate | Side::Boundary => {}
            }
        }
        self.depend(post, pre);
        Boundaries { pre, post }
    }
}

/// The nodes between which data stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Boundaries {
    /// Everything that data needs is before it.
    pub(crate) pre: NodeId,
    /// Everything that needs data is after it.
    pub(crate) post: NodeId,
}
