//! Settings as the catalogs keep them (`name=value`), written as SET clauses. Used for functions
//! and for the database.

use crate::text::split_guc_list;

/// Settings whose value is a list of names already quoted by the server, in a way that is not
/// quite SQL's. The server does not say which these are; pg_dump carries the same list.
const QUOTED_LISTS: [&str; 8] = [
    "local_preload_libraries",
    "oauth_validator_libraries",
    "output_plugin_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

/// Appends the value of a setting; `push_literal` writes one string literal.
pub(in crate::pg) fn push_value(
    sql: &mut String,
    name: &str,
    value: &str,
    push_literal: impl Fn(&mut String, &str),
) {
    let is_list = QUOTED_LISTS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name));
    if !is_list {
        push_literal(sql, value);
        return;
    }
    for (index, item) in split_guc_list(value).unwrap_or_default().iter().enumerate() {
        if index > 0 {
            sql.push_str(", ");
        }
        push_literal(sql, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::literal;

    fn value(name: &str, value: &str) -> String {
        let mut sql = String::new();
        push_value(&mut sql, name, value, |sql, text| {
            sql.push_str(&literal(text));
        });
        sql
    }

    #[test]
    fn a_list_of_names_is_taken_apart_and_anything_else_is_one_string() {
        assert_eq!(
            value("search_path", "app, \"S x\", \"\""),
            "'app', 'S x', ''"
        );
        assert_eq!(value("Search_Path", "a"), "'a'");
        assert_eq!(value("work_mem", "5MB, it's"), "'5MB, it''s'");
    }
}
