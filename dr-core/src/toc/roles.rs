//! Which roles an entry's statements name. Pure; used to ask a target for them beforehand.

use super::{Entry, Kind};
use crate::text::words::{Word, Words};

impl Entry {
    /// Whether making the entry gives it an owner: what has none belongs to its parent.
    pub fn is_owned(&self) -> bool {
        !self.drop_statement.is_empty()
            && !matches!(
                self.kind,
                Kind::Acl
                    | Kind::Cast
                    | Kind::CheckConstraint
                    | Kind::Comment
                    | Kind::Constraint
                    | Kind::Default
                    | Kind::DefaultAcl
                    | Kind::Extension
                    | Kind::FkConstraint
                    | Kind::Index
                    | Kind::IndexAttach
                    | Kind::Policy
                    | Kind::RowSecurity
                    | Kind::Rule
                    | Kind::SecurityLabel
                    | Kind::SequenceOwnedBy
                    | Kind::SequenceSet
                    | Kind::StatisticsData
                    | Kind::TableAttach
                    | Kind::TableData
                    | Kind::Trigger
                    | Kind::UserMapping
            )
    }

    /// Roles that its definition grants to, revokes from, or is for; in the dump's encoding.
    /// `PUBLIC` and the like are no roles.
    pub fn roles_named(&self) -> Vec<Vec<u8>> {
        let openers: &[&str] = match self.kind {
            Kind::Acl => &["to", "from", "by"],
            Kind::DefaultAcl => &["to", "from", "role", "by"],
            Kind::Policy => &["to"],
            Kind::UserMapping => &["for"],
            _ => return Vec::new(),
        };
        let mut roles = Vec::new();
        let mut words = Words::of(&self.definition);
        let mut depth = 0_u32;
        // A policy's conditions may hold any word, and stand last.
        let mut open = true;
        while let Some(word) = words.next() {
            match word {
                Word::Sign(b'(') => depth += 1,
                Word::Sign(b')') => depth = depth.saturating_sub(1),
                _ if depth > 0 || !open => {}
                _ if self.kind == Kind::Policy && (word.is("using") || word.is("with")) => {
                    open = false;
                }
                _ if openers.iter().any(|opener| word.is(opener)) => {
                    list(&mut words, &mut roles);
                }
                _ => {}
            }
        }
        roles.sort();
        roles.dedup();
        roles
    }
}

/// Takes names separated by commas.
fn list(words: &mut Words<'_>, roles: &mut Vec<Vec<u8>>) {
    const NO_ROLES: [&str; 4] = ["public", "current_user", "session_user", "current_role"];
    loop {
        words.eat("group");
        match words.next() {
            Some(word @ Word::Plain(_)) if NO_ROLES.iter().any(|name| word.is(name)) => {}
            Some(Word::Plain(name) | Word::Quoted(name)) => roles.push(name),
            _ => return,
        }
        let mut ahead = *words;
        if ahead.next() != Some(Word::Sign(b',')) {
            return;
        }
        *words = ahead;
    }
}

#[cfg(test)]
mod tests {
    use super::super::EntryId;
    use super::*;

    #[test]
    fn roles_are_found_where_the_grammar_has_them() {
        let roles = |kind: Kind, definition: &'static str| -> Vec<String> {
            let mut entry = Entry::new(EntryId(1), kind, "x");
            entry.definition = definition.into();
            entry
                .roles_named()
                .iter()
                .map(|role| String::from_utf8_lossy(role).into_owned())
                .collect()
        };
        assert_eq!(
            roles(
                Kind::Acl,
                "SET SESSION AUTHORIZATION owner;\nGRANT SELECT(\"to\") ON TABLE s.\"from\" TO \"R 1\" WITH GRANT OPTION;\nRESET SESSION AUTHORIZATION;\nREVOKE ALL ON TABLE s.t FROM PUBLIC;\nGRANT r TO x GRANTED BY y;"
            ),
            ["R 1", "x", "y"]
        );
        assert_eq!(
            roles(
                Kind::Policy,
                "CREATE POLICY p ON s.t AS RESTRICTIVE FOR SELECT TO a, \"B\" USING ((x > to_number('1', '9'))) WITH CHECK (true);"
            ),
            ["B", "a"]
        );
        assert_eq!(
            roles(
                Kind::UserMapping,
                "CREATE USER MAPPING FOR z SERVER s OPTIONS (user 'u');"
            ),
            ["z"]
        );
        assert!(roles(Kind::Table, "CREATE TABLE x TO y").is_empty());
    }
}
