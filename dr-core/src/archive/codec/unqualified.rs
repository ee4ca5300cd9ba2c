//! Entries of archives below version 1.13, whose definitions do not qualify the names of the
//! objects they make: pg_restore sets `search_path` to each entry's namespace first. Here the
//! entry is made to do that itself, so that it means the same to everybody who runs it.

use bytes::Bytes;

use crate::toc::Entry;
use crate::toc::ident::{push_ident, qualified};

/// Makes an entry's definition and copy statement independent of the session's `search_path`.
pub(super) fn make_self_contained(entry: &mut Entry) {
    let Some(namespace) = &entry.namespace else {
        return;
    };
    if !entry.definition.is_empty() {
        let mut definition = b"SET search_path = ".to_vec();
        push_ident(&mut definition, namespace);
        if &namespace[..] != b"pg_catalog" {
            definition.extend_from_slice(b", pg_catalog");
        }
        definition.extend_from_slice(b";\n\n");
        definition.extend_from_slice(&entry.definition);
        entry.definition = definition.into();
    }
    // `COPY votes (id, …) FROM stdin;` names the entry's own table, whose name is its tag.
    let unqualified = [b"COPY ", &qualified(None, &entry.tag)[..], b" "].concat();
    if let Some(rest) = entry
        .copy_statement
        .as_ref()
        .and_then(|statement| statement.strip_prefix(&unqualified[..]))
    {
        let statement = [
            b"COPY ",
            &qualified(Some(namespace), &entry.tag)[..],
            b" ",
            rest,
        ]
        .concat();
        entry.copy_statement = Some(Bytes::from(statement));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toc::{EntryId, Kind};

    #[test]
    fn an_entry_sets_its_own_search_path_and_qualifies_its_copy() {
        let mut entry = Entry::new(EntryId(1), Kind::TableData, "Votes");
        entry.namespace = Some(Bytes::from_static(b"shop"));
        entry.definition = Bytes::from_static(b"SELECT 1;\n");
        entry.copy_statement = Some(Bytes::from_static(b"COPY \"Votes\" (id) FROM stdin;\n"));
        make_self_contained(&mut entry);
        assert_eq!(
            entry.definition,
            "SET search_path = shop, pg_catalog;\n\nSELECT 1;\n"
        );
        assert_eq!(
            entry.copy_statement.as_deref(),
            Some(&b"COPY shop.\"Votes\" (id) FROM stdin;\n"[..])
        );
    }

    #[test]
    fn an_entry_outside_schemas_stays_as_it_is() {
        let mut entry = Entry::new(EntryId(1), Kind::Schema, "shop");
        entry.definition = Bytes::from_static(b"CREATE SCHEMA shop;\n");
        let before = entry.clone();
        make_self_contained(&mut entry);
        assert_eq!(entry, before);
    }
}
