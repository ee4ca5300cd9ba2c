//! Two tables of contents side by side: what stock pg_dump wrote of a database, and what dr read
//! of it. Used by the tests of the catalog reader.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use bytes::Bytes;
use dr_core::Limits;
use dr_core::archive::codec;
use dr_core::toc::{Entry, EntryId, Toc};

use crate::Database;
use crate::compare::definition_without_attver;

/// The table of contents of a schema and its data as stock pg_dump of this client major writes it.
///
/// # Panics
///
/// When pg_dump fails, or writes what cannot be read.
pub fn stock_toc(database: &Database, client_major: u32, options: &[&str]) -> Toc {
    let folder = tempfile::tempdir().expect("a folder for the archive");
    let archive = folder.path().join("archive");
    database
        .pg_dump(client_major)
        .args(["--format=directory", "--compress=0", "--file"])
        .arg(&archive)
        .args(options)
        .output_ok();
    let bytes = std::fs::read(archive.join("toc.dat")).expect("pg_dump wrote a toc.dat");
    codec::read(&Bytes::from(bytes), &Limits::default())
        .expect("a stock archive can be read")
        .toc
}

/// What one entry is, without numbers that differ from dump to dump.
#[derive(Debug, PartialEq, Eq)]
struct Described {
    fields: BTreeMap<&'static str, String>,
    dependencies: BTreeSet<String>,
}

/// The entries that `wanted` takes, in order, under names that are unique.
fn described(toc: &Toc, wanted: &dyn Fn(&Entry) -> bool) -> Vec<(String, Described)> {
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    let optional = |bytes: &Option<Bytes>| bytes.as_ref().map_or_else(|| "-".into(), text);
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let mut names: BTreeMap<EntryId, String> = BTreeMap::new();
    for entry in &toc.entries {
        let plain = format!(
            "{} {}.{}",
            entry.kind,
            optional(&entry.namespace),
            text(&entry.tag)
        );
        let count = seen.entry(plain.clone()).or_default();
        *count += 1;
        let name = match count {
            1 => plain,
            more => format!("{plain} #{more}"),
        };
        names.insert(entry.id, name);
    }
    toc.entries
        .iter()
        .filter(|entry| wanted(entry))
        .map(|entry| {
            let fields = BTreeMap::from([
                ("owner", text(&entry.owner)),
                ("section", format!("{:?}", entry.section)),
                ("catalog id", format!("{:?}", entry.catalog_id)),
                ("tablespace", optional(&entry.tablespace)),
                ("access method", optional(&entry.table_access_method)),
                ("relkind", entry.relkind.to_string()),
                (
                    "definition",
                    definition_without_attver(&text(&entry.definition)),
                ),
                ("drop statement", text(&entry.drop_statement)),
                ("copy statement", optional(&entry.copy_statement)),
                ("has data", entry.has_data.to_string()),
            ]);
            let dependencies = entry
                .dependencies
                .iter()
                .filter_map(|id| names.get(id).cloned())
                .collect();
            (
                names[&entry.id].clone(),
                Described {
                    fields,
                    dependencies,
                },
            )
        })
        .collect()
}

/// Every way in which the entries that `wanted` takes differ, as lines to read; empty if none.
pub fn toc_differences(expected: &Toc, actual: &Toc, wanted: &dyn Fn(&Entry) -> bool) -> String {
    let expected = described(expected, wanted);
    let actual = described(actual, wanted);
    let by_name: BTreeMap<&str, &Described> = actual
        .iter()
        .map(|(name, entry)| (name.as_str(), entry))
        .collect();
    let expected_names: BTreeSet<&str> = expected.iter().map(|(name, _)| name.as_str()).collect();
    let mut out = String::new();
    for (name, wanted) in &expected {
        let Some(found) = by_name.get(name.as_str()) else {
            let _ = writeln!(
                out,
                "MISSING {name}\n    {}",
                wanted.fields["definition"].replace('\n', "\n    ")
            );
            continue;
        };
        for (field, value) in &wanted.fields {
            if &found.fields[field] != value {
                let _ = writeln!(
                    out,
                    "{name}: {field}\n  pg_dump: {value}\n  dr:      {}",
                    found.fields[field]
                );
            }
        }
        for lost in wanted.dependencies.difference(&found.dependencies) {
            let _ = writeln!(out, "{name}: does not depend on {lost}");
        }
        for invented in found.dependencies.difference(&wanted.dependencies) {
            let _ = writeln!(out, "{name}: depends on {invented}");
        }
    }
    for (name, found) in &actual {
        if !expected_names.contains(name.as_str()) {
            let _ = writeln!(
                out,
                "EXTRA {name}\n    {}",
                found.fields["definition"].replace('\n', "\n    ")
            );
        }
    }
    let order = |list: &[(String, Described)], other: &BTreeSet<&str>| -> Vec<String> {
        list.iter()
            .map(|(name, _)| name.clone())
            .filter(|name| other.contains(name.as_str()))
            .collect()
    };
    let actual_names: BTreeSet<&str> = by_name.keys().copied().collect();
    let wanted_order = order(&expected, &actual_names);
    let found_order = order(&actual, &expected_names);
    if let Some((wanted, found)) = wanted_order
        .iter()
        .zip(&found_order)
        .find(|(wanted, found)| wanted != found)
    {
        let _ = writeln!(out, "ORDER: pg_dump has {wanted} where dr has {found}");
    }
    out
}

/// Asserts that the entries that `wanted` takes are the same, in the same order.
///
/// # Panics
///
/// When they differ, with every difference.
#[track_caller]
pub fn assert_same_toc(expected: &Toc, actual: &Toc, wanted: &dyn Fn(&Entry) -> bool) {
    let differences = toc_differences(expected, actual, wanted);
    assert!(
        differences.is_empty(),
        "the entries differ from pg_dump's:\n{differences}"
    );
}
