//! The rows of a database's catalogs, with names for numbers; `objects.sql` says how.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Likeness;
use crate::Database;

/// Objects by catalog, kind and name, with what their catalog says of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objects(BTreeMap<(String, String, String), Vec<String>>);

impl Objects {
    /// Of this database, now.
    ///
    /// # Panics
    ///
    /// When a query fails.
    pub fn of(database: &Database) -> Self {
        let mut objects: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for row in database.answers(include_str!("objects.sql")) {
            let [catalog, kind, name, columns] = row.try_into().expect("four values");
            let columns: Vec<String> = vec![columns];
            objects
                .entry((catalog, kind, name))
                .or_default()
                .extend(columns);
        }
        for columns in objects.values_mut() {
            columns.sort();
        }
        Self(objects)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are of each catalog and kind.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for ((catalog, kind, _), columns) in &self.0 {
            *counts.entry(format!("{catalog} {kind}")).or_default() += columns.len();
        }
        counts
    }

    pub(super) fn differences(&self, restored: &Self, likeness: Likeness) -> BTreeSet<String> {
        let none = Vec::new();
        let mut found = BTreeSet::new();
        let keys: BTreeSet<_> = self.0.keys().chain(restored.0.keys()).collect();
        for key in keys {
            let (catalog, kind, name) = key;
            let what = format!("{catalog} {kind} {name}");
            let was = self.0.get(key).unwrap_or(&none);
            let is = restored.0.get(key).unwrap_or(&none);
            if likeness == Likeness::AcrossMajors {
                if catalog == "pg_constraint" && kind == "n" {
                    continue;
                }
            } else if was == is {
                continue;
            } else if let ([was], [is]) = (was.as_slice(), is.as_slice()) {
                found.extend(columns(was, is).map(|column| format!("{what}: {column}")));
                continue;
            } else if was.len() == is.len() {
                found.insert(format!("{what}: {was:?} became {is:?}"));
                continue;
            }
            match (was.len(), is.len()) {
                (was, is) if was == is => {}
                (_, 0) => {
                    found.insert(format!("{what}: is lost"));
                }
                (0, _) => {
                    found.insert(format!("{what}: is new"));
                }
                (was, is) => {
                    found.insert(format!("{what}: {was} became {is}"));
                }
            }
        }
        found
    }
}

/// The columns in which two rows of a catalog differ.
fn columns(was: &str, is: &str) -> impl Iterator<Item = String> {
    let read = |text: &str| -> BTreeMap<String, Value> {
        serde_json::from_str(text).unwrap_or_else(|_| BTreeMap::from([("row".into(), text.into())]))
    };
    let (was, is) = (read(was), read(is));
    let names: BTreeSet<String> = was.keys().chain(is.keys()).cloned().collect();
    names.into_iter().filter_map(move |name| {
        let of = |row: &BTreeMap<String, Value>| row.get(&name).cloned().unwrap_or_default();
        let (was, is) = (of(&was), of(&is));
        (was != is).then(|| format!("{name} {was} became {is}"))
    })
}
