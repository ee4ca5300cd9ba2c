//! Comments, read once and handed out by object. Called by every family's bodies; knows no family.

use std::collections::HashMap;

use crate::error::Result;
use crate::pg::Conn;
use crate::text::{identifier, literal};
use crate::toc::{CatalogId, EntryId, Kind};

use super::render::{Draft, Out};

/// Every comment on what a dump may hold.
#[derive(Debug, Default)]
pub(crate) struct Comments {
    by_object: HashMap<CatalogId, Vec<(i32, String)>>,
}

/// What a COMMENT or SECURITY LABEL entry says it is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// The words after `ON`: `TABLE`, `COLUMN`, `CONSTRAINT c ON`.
    pub(crate) kind: &'a str,
    /// Its schema, not quoted; `None` if the name is not to be qualified.
    pub(crate) namespace: Option<&'a str>,
    /// Its name as it stands in the command, quoted: `t`, `t.c`, `f(integer)`.
    pub(crate) name: &'a str,
    /// Owner of the object; empty if nobody's.
    pub(crate) owner: &'a str,
    /// The entry that must come first.
    pub(crate) needs: EntryId,
}

impl Subject<'_> {
    /// Its name with its schema, where it has one.
    pub(super) fn qualified(&self) -> String {
        match self.namespace {
            Some(namespace) if !namespace.is_empty() => {
                format!("{}.{}", identifier(namespace), self.name)
            }
            _ => self.name.to_owned(),
        }
    }
}

impl Comments {
    /// Reads them all, but for those initdb made.
    pub(crate) async fn read(conn: &Conn) -> Result<Self> {
        // Below 16384 are initdb's objects, of which only schema public is ever dumped; large
        // objects have any number.
        let rows = conn
            .rows(
                "SELECT classoid, objoid, objsubid, description \
                 FROM pg_catalog.pg_description \
                 WHERE objoid >= 16384 \
                 OR classoid IN ('pg_catalog.pg_namespace'::pg_catalog.regclass, \
                                 'pg_catalog.pg_largeobject'::pg_catalog.regclass) \
                 ORDER BY classoid, objoid, objsubid",
            )
            .await?;
        let mut by_object: HashMap<CatalogId, Vec<(i32, String)>> = HashMap::new();
        for row in rows {
            let id = CatalogId {
                table: row.get("classoid")?,
                oid: row.get("objoid")?,
            };
            by_object
                .entry(id)
                .or_default()
                .push((row.get("objsubid")?, row.text("description")?));
        }
        Ok(Self { by_object })
    }

    /// The comments on an object (number 0) and its columns (their numbers), in that order.
    pub(crate) fn of(&self, object: CatalogId) -> &[(i32, String)] {
        self.by_object.get(&object).map_or(&[], Vec::as_slice)
    }

    /// The comment on an object as a whole.
    pub(crate) fn whole(&self, object: CatalogId) -> Option<&str> {
        self.of(object)
            .iter()
            .find(|(column, _)| *column == 0)
            .map(|(_, text)| text.as_str())
    }

    /// Puts the entry for the comment on an object as a whole, if there is one.
    pub(crate) fn put(&self, object: CatalogId, subject: &Subject<'_>, out: &mut Out) {
        if let Some(text) = self.whole(object) {
            put(text, subject, out);
        }
    }
}

/// Puts a COMMENT entry.
pub(crate) fn put(text: &str, subject: &Subject<'_>, out: &mut Out) {
    let Subject { kind, name, .. } = *subject;
    let mut draft = Draft::new(Kind::Comment, format!("{kind} {name}"));
    draft.definition = format!(
        "COMMENT ON {kind} {} IS {};\n",
        subject.qualified(),
        literal(text)
    );
    draft.namespace = subject.namespace.map(str::to_owned);
    draft.owner = subject.owner.to_owned();
    draft.needs = vec![subject.needs];
    out.put_fresh(draft);
}
