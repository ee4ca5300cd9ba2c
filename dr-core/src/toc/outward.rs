//! Foreign keys that refer to tables outside a set of entries: they can be made only where those
//! tables exist already. Pure; used by the script writer and by restore.

use std::collections::{HashMap, HashSet};

use super::relation::Subject;
use super::{Entry, EntryId, Kind, RelationName};

/// For each foreign key among `entries` that refers to a table which is not, and each comment on
/// such a key: that table.
pub(crate) fn outward_keys<'a>(
    entries: impl Iterator<Item = &'a Entry> + Clone,
) -> HashMap<EntryId, RelationName> {
    let relations: HashSet<RelationName> = entries.clone().filter_map(Entry::relation).collect();
    let mut keys = HashMap::new();
    // A script has no dependencies: comments are told by names.
    let mut names = HashMap::new();
    for entry in entries
        .clone()
        .filter(|entry| entry.kind == Kind::FkConstraint)
    {
        let Some(table) = entry
            .referenced_table()
            .filter(|table| !relations.contains(table))
        else {
            continue;
        };
        if let Some(home) = entry.home() {
            // pg_dump's tag: the table, a space, the constraint.
            let name = entry.tag.get(home.name.len() + 1..).unwrap_or_default();
            names.insert((home, name.to_vec()), table.clone());
        }
        keys.insert(entry.id, table);
    }
    if keys.is_empty() {
        return keys;
    }
    for entry in entries.filter(|entry| entry.kind == Kind::Comment) {
        if let Some(Subject::Part { table, name }) = entry.subject()
            && let Some(table) = names.get(&(table, name))
        {
            keys.insert(entry.id, table.clone());
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_to_the_outside_and_their_comments_are_found() {
        let add = |id, kind, tag: &'static str, definition: &'static str| {
            let mut entry = Entry::new(EntryId(id), kind, tag);
            entry.namespace = Some("s".into());
            entry.definition = definition.into();
            entry
        };
        let entries = [
            add(1, Kind::Table, "a b", "CREATE TABLE s.\"a b\" (id int);"),
            add(
                2,
                Kind::FkConstraint,
                "a b out",
                "ALTER TABLE ONLY s.\"a b\" ADD CONSTRAINT out FOREIGN KEY (id) REFERENCES s.c(id);",
            ),
            add(
                3,
                Kind::FkConstraint,
                "a b self",
                "ALTER TABLE ONLY s.\"a b\" ADD CONSTRAINT self FOREIGN KEY (id) REFERENCES s.\"a b\"(id);",
            ),
            add(
                4,
                Kind::Comment,
                "",
                "COMMENT ON CONSTRAINT out ON s.\"a b\" IS 'x';",
            ),
            add(
                5,
                Kind::Comment,
                "",
                "COMMENT ON CONSTRAINT self ON s.\"a b\" IS 'x';",
            ),
        ];
        let found = outward_keys(entries.iter());
        let c = RelationName::new("s", "c");
        assert_eq!(
            found,
            HashMap::from([(EntryId(2), c.clone()), (EntryId(4), c)])
        );
    }
}
