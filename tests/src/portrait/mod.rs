//! All that is to be the same of a database and of its restore, asked of PostgreSQL itself: its
//! schema as stock pg_dump 18 prints it, every row of every catalog, and every row of every table.
//! Used by `round_trip`; knows nothing of dr.

mod objects;
mod schema;

use std::collections::BTreeSet;

use crate::Database;
use crate::compare::{Contents, contents_by_name};

pub use objects::Objects;
pub use schema::Schema;

/// What two portraits are compared in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// Everything; both servers are of one major.
    Whole,
    /// What different majors have in common: no columns of catalogs, and no constraints of NOT NULL,
    /// which only 18 has.
    AcrossMajors,
}

/// A database at one moment.
#[derive(Debug, Clone)]
pub struct Portrait {
    /// pg_dump's entries.
    pub schema: Schema,
    /// Rows and digests of every table, materialized view, sequence and the large objects.
    pub contents: Contents,
    /// The objects, from every catalog.
    pub objects: Objects,
}

impl Portrait {
    /// Of this database, now.
    ///
    /// # Panics
    ///
    /// When pg_dump or a query fails.
    pub fn of(database: &Database) -> Self {
        Self {
            schema: Schema::of(database),
            contents: contents_by_name(database),
            objects: Objects::of(database),
        }
    }

    /// How many tables have contents.
    pub fn tables(&self) -> usize {
        self.contents.len()
    }

    /// Every way in which `restored` is not `self`, each on a line of its own; empty if none.
    pub fn differences(&self, restored: &Self, likeness: Likeness) -> BTreeSet<String> {
        let mut found = self.schema.differences(&restored.schema);
        found.extend(self.objects.differences(&restored.objects, likeness));
        let names: BTreeSet<&String> = self
            .contents
            .keys()
            .chain(restored.contents.keys())
            .collect();
        for name in names {
            let of = |contents: &Contents| contents.get(name).cloned().unwrap_or("none".to_owned());
            let (was, is) = (of(&self.contents), of(&restored.contents));
            if was != is {
                found.insert(format!("rows of {name}: {was} became {is}"));
            }
        }
        found
    }
}
