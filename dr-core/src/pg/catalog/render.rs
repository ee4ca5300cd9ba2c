//! From sorted nodes to the entries of a Toc. The families fill [`Draft`]s; this file numbers
//! them, turns their text into bytes and works out what each depends on.
//!
//! Used by `catalog` and its families. Knows no SQL.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use bytes::Bytes;

use crate::error::Result;
use crate::files::SequenceEvidence;
use crate::pg::ServerVersion;
use crate::text::TextForm;
use crate::toc::{CatalogId, Entry, EntryId, Kind, Section};

use super::TableSource;
use super::comment::{Comments, Subject};
use super::index::Index;
use super::label::Labels;
use super::object::{Body, NodeId, ObjectKind, Objects, grow_little};
use super::relation::Tables;

/// What a family may look at while it writes its entries.
pub(crate) struct World<'a> {
    /// Every object, in its final state.
    pub(crate) objects: &'a Objects,
    /// The server's version.
    pub(crate) version: ServerVersion,
    /// Every relation.
    pub(crate) tables: &'a Tables,
    /// Every index, by oid.
    pub(crate) indexes: &'a BTreeMap<u32, Box<Index>>,
    /// Every comment.
    pub(crate) comments: &'a Comments,
    /// Every security label.
    pub(crate) labels: &'a Labels,
}

impl World<'_> {
    /// Puts what is said of an object as a whole: the comment and the security labels on it, if
    /// there are any.
    pub(crate) fn put_remarks(&self, object: CatalogId, subject: &Subject<'_>, out: &mut Out) {
        self.comments.put(object, subject, out);
        self.labels.put(object, subject, out);
    }
}

/// An entry as a family fills it: text instead of bytes, and no number unless it is a node's.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) catalog_id: CatalogId,
    pub(crate) kind: Kind,
    pub(crate) section: Section,
    pub(crate) tag: String,
    pub(crate) namespace: Option<String>,
    pub(crate) tablespace: Option<String>,
    pub(crate) access_method: Option<String>,
    pub(crate) relkind: u8,
    pub(crate) owner: String,
    pub(crate) definition: String,
    pub(crate) drop: String,
    pub(crate) copy: Option<String>,
    /// Dependencies that are exactly these; where empty, those of the node of the same number.
    pub(crate) needs: Vec<EntryId>,
    pub(crate) has_data: bool,
}

impl Draft {
    /// A draft with a kind and a tag, in the kind's usual section, and nothing else.
    pub(crate) fn new(kind: Kind, tag: impl Into<String>) -> Self {
        Self {
            catalog_id: CatalogId::default(),
            section: kind.usual_section(),
            kind,
            tag: tag.into(),
            namespace: None,
            tablespace: None,
            access_method: None,
            relkind: 0,
            owner: String::new(),
            definition: String::new(),
            drop: String::new(),
            copy: None,
            needs: Vec::new(),
            has_data: false,
        }
    }
}

/// Where entries go, and what else a dump has to know of them.
#[derive(Debug)]
pub(crate) struct Out {
    form: TextForm,
    last_id: u32,
    entries: Vec<Entry>,
    /// Owners, schemas and the like: few, and said again and again.
    names: HashMap<String, Bytes>,
    /// How the rows of a TABLE DATA entry are read.
    pub(crate) tables: BTreeMap<EntryId, TableSource>,
    /// The value behind a SEQUENCE SET entry.
    pub(crate) sequences: BTreeMap<EntryId, SequenceEvidence>,
    /// The oids behind a BLOBS entry.
    pub(crate) large_objects: BTreeMap<EntryId, Vec<u32>>,
    /// Roles that own or are granted something.
    pub(crate) roles: BTreeSet<String>,
}

impl Out {
    /// An empty one, for entries of `objects`.
    pub(crate) fn new(form: TextForm, objects: &Objects) -> Self {
        Self {
            form,
            last_id: u32::try_from(objects.len()).expect("fewer objects than oids"),
            entries: Vec::new(),
            names: HashMap::new(),
            tables: BTreeMap::new(),
            sequences: BTreeMap::new(),
            large_objects: BTreeMap::new(),
            roles: BTreeSet::new(),
        }
    }

    /// A number for an entry that is no node: a comment, an ACL.
    pub(crate) fn fresh_id(&mut self) -> EntryId {
        self.last_id += 1;
        EntryId(self.last_id)
    }

    /// Puts the entry of a node.
    pub(crate) fn put(&mut self, node: NodeId, draft: Draft) -> EntryId {
        self.put_as(EntryId(node.0), draft)
    }

    /// Puts an entry that is no node's.
    pub(crate) fn put_fresh(&mut self, draft: Draft) -> EntryId {
        let id = self.fresh_id();
        self.put_as(id, draft)
    }

    /// Puts an entry under a number that was taken before.
    pub(crate) fn put_as(&mut self, id: EntryId, draft: Draft) -> EntryId {
        if !draft.owner.is_empty() {
            self.roles.insert(draft.owner.clone());
        }
        let form = self.form;
        let bytes = |text: &str| form.encode(text);
        let mut name = |name: String| {
            let known = self.names.entry(name);
            known.or_insert_with_key(|name| form.encode(name)).clone()
        };
        let entry = Entry {
            id,
            catalog_id: draft.catalog_id,
            kind: draft.kind,
            section: draft.section,
            tag: bytes(&draft.tag),
            namespace: draft.namespace.map(&mut name),
            tablespace: draft.tablespace.map(&mut name),
            table_access_method: draft.access_method.map(&mut name),
            relkind: draft.relkind,
            owner: name(draft.owner),
            definition: bytes(&draft.definition),
            drop_statement: bytes(&draft.drop),
            copy_statement: draft.copy.as_deref().map(bytes),
            dependencies: draft.needs,
            has_data: draft.has_data,
        };
        grow_little(&mut self.entries);
        self.entries.push(entry);
        id
    }

    /// The entries, with the dependencies of those that were given none. A dependency on an object
    /// that is not in the dump is replaced by what that object depends on.
    pub(crate) fn finish(&mut self, objects: &Objects) -> Vec<Entry> {
        let mut entries = std::mem::take(&mut self.entries);
        let written: HashSet<u32> = entries.iter().map(|entry| entry.id.0).collect();
        for entry in &mut entries {
            let is_node = entry.id.0 as usize <= objects.len();
            if entry.dependencies.is_empty() && is_node {
                entry.dependencies = reach(objects, &written, NodeId(entry.id.0));
            }
        }
        entries
    }
}

/// What a node depends on among the written, through the unwritten. Does not search through the
/// boundaries: everything is behind them.
fn reach(objects: &Objects, written: &HashSet<u32>, from: NodeId) -> Vec<EntryId> {
    let mut found = Vec::new();
    let mut seen = HashSet::from([from]);
    let mut open = vec![from];
    while let Some(id) = open.pop() {
        if id != from && written.contains(&id.0) {
            found.push(EntryId(id.0));
            continue;
        }
        let node = objects.get(id);
        if matches!(
            node.kind,
            ObjectKind::PreDataBoundary | ObjectKind::PostDataBoundary
        ) {
            continue;
        }
        // The stack hands out the last first; the order of the dependencies is kept.
        for on in node.dependencies.iter().rev() {
            if seen.insert(*on) {
                open.push(*on);
            }
        }
    }
    found
}

/// Lets every node that has something to write write it, in the order of the dump. A body goes when
/// it has written: the entries need the memory.
pub(crate) fn render(
    world: &World<'_>,
    mut bodies: Vec<Option<Box<dyn Body>>>,
    order: &[NodeId],
    out: &mut Out,
) -> Result<()> {
    for id in order {
        let node = world.objects.get(*id);
        if let Some(body) = bodies[id.index()].take()
            && node.dump.any()
        {
            body.render(node, world, out)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_on_what_is_not_dumped_becomes_one_on_what_that_needs() {
        let mut objects = Objects::new(true);
        let mut node =
            |name: &str| objects.add(ObjectKind::Table, CatalogId::default(), name, None);
        let (view, rule, table) = (node("v"), node("rule"), node("t"));
        objects.depend(view, rule);
        objects.depend(rule, table);
        objects.depend(rule, view);
        let mut out = Out::new(TextForm::Utf8, &objects);
        out.put(table, Draft::new(Kind::Table, "t"));
        out.put(view, Draft::new(Kind::View, "v"));
        let comment = out.put_fresh(Draft::new(Kind::Comment, "VIEW v"));
        assert_eq!(comment.0, 4);
        let entries = out.finish(&objects);
        assert_eq!(entries[0].dependencies, []);
        assert_eq!(entries[1].dependencies, [EntryId(table.0)]);
    }
}
