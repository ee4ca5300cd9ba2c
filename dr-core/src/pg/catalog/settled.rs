//! Objects whose entries are settled as soon as they are read: nothing in them depends on the sort
//! but, for functions, the section. Used by the families that need no body of their own.

use crate::error::Result;
use crate::pg::Row;
use crate::toc::{CatalogId, EntryId, Kind, Section};

use super::acl::{Acl, Grantable, Target};
use super::comment::Subject;
use super::object::{Body, Components, Node};
use super::render::{Draft, Out, World};

/// The text of an object's entries.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) kind: Kind,
    pub(crate) tag: String,
    /// The schema the entry names, where that is not the one the object is in.
    pub(crate) namespace: Option<String>,
    pub(crate) owner: String,
    pub(crate) definition: String,
    pub(crate) drop: String,
    /// What COMMENT ON takes: the words and the quoted name; `None` if it takes none.
    pub(crate) comment_on: Option<(&'static str, String)>,
    /// What GRANT takes: the words and the quoted name.
    pub(crate) grants: Option<(Grantable, String, Acl)>,
    /// Entries that follow the object's own and have no object.
    pub(crate) after: Vec<Draft>,
    /// Whether the entry depends on exactly what the object does, written or not.
    pub(crate) exact_dependencies: bool,
}

impl Settled {
    /// One that is a definition and may be commented on.
    pub(crate) fn new(kind: Kind, tag: impl Into<String>, owner: impl Into<String>) -> Self {
        Self {
            kind,
            tag: tag.into(),
            namespace: None,
            owner: owner.into(),
            definition: String::new(),
            drop: String::new(),
            comment_on: None,
            grants: None,
            after: Vec::new(),
            exact_dependencies: false,
        }
    }
}

/// The `tableoid` and `oid` of a row.
pub(crate) fn catalog_id(row: &Row) -> Result<CatalogId> {
    Ok(CatalogId {
        table: row.get("tableoid")?,
        oid: row.get("oid")?,
    })
}

impl Body for Settled {
    fn render(&self, node: &Node, world: &World<'_>, out: &mut Out) -> Result<()> {
        let namespace = world.objects.namespace_name(node.id);
        if node.defines() {
            let mut draft = Draft::new(self.kind.clone(), &*self.tag);
            draft.catalog_id = node.catalog_id;
            draft.namespace = self
                .namespace
                .clone()
                .or_else(|| namespace.map(str::to_owned));
            draft.owner.clone_from(&self.owner);
            draft.definition.clone_from(&self.definition);
            draft.drop.clone_from(&self.drop);
            if node.postponed {
                draft.section = Section::PostData;
            }
            if self.exact_dependencies {
                draft.needs = node.dependencies.iter().map(|on| EntryId(on.0)).collect();
            }
            out.put(node.id, draft);
        }
        let needs = EntryId(node.id.0);
        if node.dump.has(Components::COMMENT)
            && let Some((kind, name)) = &self.comment_on
        {
            let subject = Subject {
                kind,
                namespace,
                name,
                owner: &self.owner,
                needs,
            };
            world.put_remarks(node.catalog_id, &subject, out);
        }
        if node.dump.has(Components::ACL)
            && let Some((kind, name, acl)) = &self.grants
        {
            let target = Target {
                kind: *kind,
                namespace: namespace.unwrap_or_default(),
                name,
                column: None,
                owner: &self.owner,
            };
            acl.put(&target, None, vec![needs], out)?;
        }
        if node.defines() {
            for draft in &self.after {
                out.put_fresh(draft.clone());
            }
        }
        Ok(())
    }
}
