//! Security labels, read once and handed out by object. Called with the comments, by every family's
//! bodies; knows no family.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::error::Result;
use crate::pg::Conn;
use crate::text::{identifier, literal};
use crate::toc::{CatalogId, Kind};

use super::comment::Subject;
use super::render::{Draft, Out};

/// One label: of an object (number 0) or of a column of it.
#[derive(Debug)]
struct Label {
    column: i32,
    provider: String,
    text: String,
}

/// Every security label on what a dump may hold.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    by_object: HashMap<CatalogId, Vec<Label>>,
}

impl Labels {
    /// Reads them all, and those of the database itself. Roles and tablespaces have theirs with the
    /// globals.
    pub(crate) async fn read(conn: &Conn) -> Result<Self> {
        Self::of(
            conn,
            "SELECT classoid, objoid, objsubid, provider, label FROM pg_catalog.pg_seclabel \
             UNION ALL \
             SELECT l.classoid, l.objoid, 0, l.provider, l.label \
             FROM pg_catalog.pg_shseclabel l \
             JOIN pg_catalog.pg_database d ON d.oid = l.objoid \
             WHERE l.classoid = 'pg_catalog.pg_database'::pg_catalog.regclass \
             AND d.datname = pg_catalog.current_database() \
             ORDER BY 1, 2, 3, 4",
        )
        .await
    }

    /// Reads those of a database as a whole, whichever `conn` is in.
    pub(crate) async fn of_database(conn: &Conn, oid: u32) -> Result<Self> {
        let sql = format!(
            "SELECT classoid, objoid, 0 AS objsubid, provider, label \
             FROM pg_catalog.pg_shseclabel \
             WHERE classoid = 'pg_catalog.pg_database'::pg_catalog.regclass AND objoid = {oid} \
             ORDER BY provider"
        );
        Self::of(conn, &sql).await
    }

    async fn of(conn: &Conn, sql: &str) -> Result<Self> {
        let rows = conn.rows(sql).await?;
        let mut by_object: HashMap<CatalogId, Vec<Label>> = HashMap::new();
        for row in rows {
            let id = CatalogId {
                table: row.get("classoid")?,
                oid: row.get("objoid")?,
            };
            by_object.entry(id).or_default().push(Label {
                column: row.get("objsubid")?,
                provider: row.text("provider")?,
                text: row.text("label")?,
            });
        }
        Ok(Self { by_object })
    }

    /// Puts the entry for the labels of an object as a whole, if it has any.
    pub(crate) fn put(&self, object: CatalogId, subject: &Subject<'_>, out: &mut Out) {
        self.put_with_columns(object, subject, |_| None, out);
    }

    /// Puts one entry for the labels of a relation and of its columns, whose quoted names are told
    /// by their numbers.
    pub(crate) fn put_with_columns(
        &self,
        object: CatalogId,
        subject: &Subject<'_>,
        column: impl Fn(i32) -> Option<String>,
        out: &mut Out,
    ) {
        let qualified = subject.qualified();
        let mut definition = String::new();
        for label in self.by_object.get(&object).into_iter().flatten() {
            let target = match label.column {
                0 => format!("{} {qualified}", subject.kind),
                number => match column(number) {
                    Some(column) => format!("COLUMN {qualified}.{column}"),
                    None => continue,
                },
            };
            let _ = writeln!(
                definition,
                "SECURITY LABEL FOR {} ON {target} IS {};",
                identifier(&label.provider),
                literal(&label.text)
            );
        }
        if definition.is_empty() {
            return;
        }
        let tag = format!("{} {}", subject.kind, subject.name);
        let mut draft = Draft::new(Kind::SecurityLabel, tag);
        draft.definition = definition;
        draft.namespace = subject.namespace.map(str::to_owned);
        draft.owner = subject.owner.to_owned();
        draft.needs = vec![subject.needs];
        out.put_fresh(draft);
    }
}
