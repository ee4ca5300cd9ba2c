//! Which relation an entry belongs to, read from its definition. Pure.
//!
//! Used by selection and by the plan. A tag such as `votes vote x` does not say where the table's
//! name ends, plain SQL carries no dependencies, and an archive's dependencies do not say which of
//! two tables an index is on; the definition always does. Names are bytes in the dump's encoding.

use std::fmt;

use super::{Entry, Kind};
use crate::text::words::{Word, Words};

/// A relation (table, view, sequence, index …) by schema and name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelationName {
    /// Its schema; empty if the dump does not say.
    pub namespace: Vec<u8>,
    /// Its name.
    pub name: Vec<u8>,
}

impl RelationName {
    /// The relation `namespace.name`.
    pub fn new(namespace: impl Into<Vec<u8>>, name: impl Into<Vec<u8>>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for RelationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.namespace.is_empty() {
            write!(f, "{}.", String::from_utf8_lossy(&self.namespace))?;
        }
        f.write_str(&String::from_utf8_lossy(&self.name))
    }
}

/// What a COMMENT, an ACL or a SECURITY LABEL is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    /// A relation, or a column of one.
    Relation(RelationName),
    /// A trigger, rule, policy or constraint of a table.
    Part { table: RelationName, name: Vec<u8> },
    /// Extended statistics, which have names of their own.
    Statistics(RelationName),
    /// A schema.
    Schema(Vec<u8>),
    /// Anything else.
    Other,
}

impl Entry {
    /// The name under which the entry itself is a relation, if it is one.
    pub fn relation(&self) -> Option<RelationName> {
        match self.kind {
            Kind::Table
            | Kind::ForeignTable
            | Kind::View
            | Kind::MaterializedView
            | Kind::Sequence => Some(self.tagged()),
            _ => None,
        }
    }

    /// The relation this entry is a part of: a table's data, default, constraint, index, trigger,
    /// rule, policy, statistics; a sequence's value. Not its comments and privileges.
    pub fn home(&self) -> Option<RelationName> {
        let mut words = Words::of(&self.definition);
        match self.kind {
            Kind::TableData
            | Kind::MaterializedViewData
            | Kind::SequenceSet
            | Kind::SequenceOwnedBy
            | Kind::TableAttach
            | Kind::RowSecurity => Some(self.tagged()),
            Kind::Default | Kind::Constraint | Kind::CheckConstraint | Kind::FkConstraint => {
                self.altered_table(&mut words)
            }
            Kind::Index => {
                words.eat("create").then_some(())?;
                words.eat("unique");
                words.eat("index").then_some(())?;
                words.skip_to("on")?;
                words.eat("only");
                self.named(&mut words)
            }
            Kind::Trigger => {
                words.skip_to("trigger")?;
                words.dotted()?;
                words.skip_to("on")?;
                self.named(&mut words)
            }
            Kind::Rule => {
                words.skip_to("rule")?;
                words.dotted()?;
                words.skip_to("to")?;
                self.named(&mut words)
            }
            Kind::Policy => {
                words.skip_to("policy")?;
                words.dotted()?;
                words.skip_to("on")?;
                self.named(&mut words)
            }
            Kind::Statistics => {
                words.skip_to("statistics")?;
                words.skip_to("on")?;
                words.skip_to("from")?;
                self.named(&mut words)
            }
            Kind::Sequence => self.owner_of_sequence(),
            Kind::PublicationTable => {
                words.skip_to("table")?;
                words.eat("only");
                self.named(&mut words)
            }
            _ => None,
        }
    }

    /// The table that owns the sequence of a SEQUENCE entry made by an identity column, or of a
    /// SEQUENCE OWNED BY entry.
    pub(super) fn owner_of_sequence(&self) -> Option<RelationName> {
        let mut words = Words::of(&self.definition);
        if self.kind == Kind::Sequence {
            return self.altered_table(&mut words);
        }
        words.skip_to("owned")?;
        words.eat("by").then_some(())?;
        let mut parts = words.dotted()?;
        parts.pop();
        self.of_parts(parts)
    }

    /// The table an FK CONSTRAINT refers to.
    pub fn referenced_table(&self) -> Option<RelationName> {
        let mut words = Words::of(&self.definition);
        words.skip_to("references")?;
        self.named(&mut words)
    }

    /// Parent and child of a TABLE ATTACH or INDEX ATTACH.
    pub(super) fn attachment(&self) -> Option<(RelationName, RelationName)> {
        let mut words = Words::of(&self.definition);
        words.eat("alter").then_some(())?;
        let _ = words.eat("table") || words.eat("index");
        words.eat("only");
        let parent = self.named(&mut words)?;
        words.skip_to("partition")?;
        Some((parent, self.named(&mut words)?))
    }

    /// The index a CONSTRAINT makes (it has the constraint's name), or an INDEX is.
    pub(super) fn index(&self) -> Option<RelationName> {
        match self.kind {
            Kind::Index => Some(self.tagged()),
            Kind::Constraint => {
                let mut words = Words::of(&self.definition);
                let table = self.altered_table(&mut words)?;
                words.skip_to("constraint")?;
                let name = words.dotted()?.pop()?;
                Some(RelationName::new(table.namespace, name))
            }
            _ => None,
        }
    }

    /// The name of a constraint, trigger, rule or policy within its table.
    pub(super) fn part_name(&self, home: &RelationName) -> Option<&[u8]> {
        self.tag
            .strip_prefix(&home.name[..])
            .and_then(|rest| rest.strip_prefix(b" "))
    }

    /// What a COMMENT, ACL or SECURITY LABEL is about, from its statement.
    pub(super) fn subject(&self) -> Option<Subject> {
        let mut words = Words::of(&self.definition);
        words.skip_to("on")?;
        let class = match words.next()? {
            Word::Plain(class) => class,
            _ => return None,
        };
        Some(match &class[..] {
            b"table" | b"view" | b"sequence" | b"index" => {
                Subject::Relation(self.named(&mut words)?)
            }
            b"materialized" | b"foreign" if words.eat("view") || words.eat("table") => {
                Subject::Relation(self.named(&mut words)?)
            }
            b"column" => {
                let mut parts = words.dotted()?;
                parts.pop();
                Subject::Relation(self.of_parts(parts)?)
            }
            b"constraint" | b"trigger" | b"rule" | b"policy" => {
                let name = words.dotted()?.pop()?;
                words.eat("on").then_some(())?;
                if words.eat("domain") {
                    return Some(Subject::Other);
                }
                let table = self.named(&mut words)?;
                Subject::Part { table, name }
            }
            b"statistics" => Subject::Statistics(self.named(&mut words)?),
            b"schema" => Subject::Schema(words.dotted()?.pop()?),
            _ => Subject::Other,
        })
    }

    /// Every qualified name in the definition, also inside strings (`nextval('s.q'::regclass)`),
    /// but for the body of a function, which nobody looks into before it runs.
    pub(super) fn mentions(&self) -> Vec<RelationName> {
        let mut found = Vec::new();
        let depth = match self.kind {
            Kind::Function | Kind::Procedure => NO_STRINGS,
            _ => 0,
        };
        collect(&self.definition, depth, &mut found);
        found.sort();
        found.dedup();
        found
    }

    /// `namespace` and `tag` as a relation.
    pub(super) fn tagged(&self) -> RelationName {
        RelationName::new(self.namespace.clone().unwrap_or_default(), self.tag.clone())
    }

    fn altered_table(&self, words: &mut Words<'_>) -> Option<RelationName> {
        words.eat("alter").then_some(())?;
        words.eat("foreign");
        words.eat("table").then_some(())?;
        if words.eat("if") {
            words.eat("exists").then_some(())?;
        }
        words.eat("only");
        self.named(words)
    }

    fn named(&self, words: &mut Words<'_>) -> Option<RelationName> {
        let parts = words.dotted()?;
        self.of_parts(parts)
    }

    /// The last two parts of a dotted name; before pg_dump 10.3 names were not qualified, and the
    /// entry's own schema was first in the search path.
    fn of_parts(&self, mut parts: Vec<Vec<u8>>) -> Option<RelationName> {
        let name = parts.pop()?;
        let namespace = parts
            .pop()
            .unwrap_or_else(|| self.namespace.clone().unwrap_or_default().to_vec());
        Some(RelationName::new(namespace, name))
    }
}

/// From this depth on strings are not looked into.
const NO_STRINGS: u32 = 2;

fn collect(text: &[u8], depth: u32, found: &mut Vec<RelationName>) {
    let mut words = Words::of(text);
    loop {
        let mut ahead = words;
        match ahead.next() {
            None => return,
            Some(Word::String(content)) => {
                if depth < NO_STRINGS {
                    collect(&content, depth + 1, found);
                }
                words = ahead;
            }
            Some(Word::Sign(_)) => words = ahead,
            Some(_) => {
                let mut parts = words.dotted().unwrap_or_default();
                // A longer name is a column of a table, or has the database in front.
                parts.truncate(2);
                if let (Some(name), Some(namespace)) = (parts.pop(), parts.pop()) {
                    found.push(RelationName { namespace, name });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::EntryId;
    use super::*;

    fn entry(kind: Kind, tag: &'static str, definition: &'static str) -> Entry {
        let mut entry = Entry::new(EntryId(1), kind, tag);
        entry.namespace = Some("public".into());
        entry.definition = definition.into();
        entry
    }

    fn home(kind: Kind, definition: &'static str) -> String {
        entry(kind, "tag", definition)
            .home()
            .expect("it has a home")
            .to_string()
    }

    #[test]
    fn every_part_of_a_table_knows_its_table() {
        for (kind, definition) in [
            (
                Kind::Index,
                "CREATE UNIQUE INDEX i ON ONLY shop.\"T x\" USING btree (a);",
            ),
            (
                Kind::Index,
                "CREATE INDEX i ON shop.\"T x\" USING btree (a);",
            ),
            (
                Kind::Trigger,
                "CREATE CONSTRAINT TRIGGER t AFTER INSERT OR UPDATE OF a, \"on\" ON shop.\"T x\" FROM s.u DEFERRABLE FOR EACH ROW EXECUTE FUNCTION f();",
            ),
            (
                Kind::Rule,
                "CREATE RULE r AS\n    ON DELETE TO shop.\"T x\"\n   WHERE (old.id < 0) DO INSTEAD NOTHING;",
            ),
            (
                Kind::Policy,
                "CREATE POLICY p ON shop.\"T x\" FOR SELECT TO r USING (true);",
            ),
            (
                Kind::Statistics,
                "CREATE STATISTICS public.s (ndistinct) ON a, b FROM shop.\"T x\";",
            ),
            (
                Kind::Default,
                "ALTER TABLE ONLY shop.\"T x\" ALTER COLUMN a SET DEFAULT 1;",
            ),
            (
                Kind::FkConstraint,
                "ALTER TABLE ONLY shop.\"T x\"\n    ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES s.u(id);",
            ),
            (
                Kind::Constraint,
                "ALTER TABLE ONLY shop.\"T x\"\n    ADD CONSTRAINT p PRIMARY KEY (id);",
            ),
            (
                Kind::Sequence,
                "ALTER TABLE shop.\"T x\" ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME shop.q);",
            ),
            (
                Kind::PublicationTable,
                "ALTER PUBLICATION p ADD TABLE ONLY shop.\"T x\" (a) WHERE (true);",
            ),
        ] {
            assert_eq!(home(kind, definition), "shop.T x", "{definition}");
        }
        assert_eq!(
            entry(
                Kind::SequenceOwnedBy,
                "q",
                "ALTER SEQUENCE s.q OWNED BY shop.\"T x\".id;"
            )
            .owner_of_sequence()
            .expect("an owner")
            .to_string(),
            "shop.T x"
        );
    }

    #[test]
    fn a_check_of_a_domain_has_no_table() {
        let check = entry(
            Kind::CheckConstraint,
            "d c",
            "ALTER DOMAIN s.d ADD CONSTRAINT c CHECK (true);",
        );
        assert_eq!(check.home(), None);
    }

    #[test]
    fn comments_privileges_and_labels_name_their_subject() {
        let subject = |definition| entry(Kind::Comment, "x", definition).subject();
        let table = RelationName::new("shop", "t");
        for definition in [
            "COMMENT ON TABLE shop.t IS 'on x.y';",
            "COMMENT ON COLUMN shop.t.a IS 'x';",
            "COMMENT ON MATERIALIZED VIEW shop.t IS 'x';",
            "GRANT SELECT(a),UPDATE(b) ON TABLE shop.t TO reader;",
            "REVOKE ALL ON SEQUENCE shop.t FROM PUBLIC;\nGRANT ALL ON SEQUENCE shop.t TO x;",
            "SECURITY LABEL FOR p ON TABLE shop.t IS 'x';",
            "COMMENT ON TABLE t IS 'old archives do not qualify';",
        ] {
            match subject(definition) {
                Some(Subject::Relation(found)) if definition.contains("shop") => {
                    assert_eq!(found, table, "{definition}");
                }
                Some(Subject::Relation(found)) => assert_eq!(found.to_string(), "public.t"),
                other => panic!("{definition}: {other:?}"),
            }
        }
        assert_eq!(
            subject("COMMENT ON CONSTRAINT c ON shop.t IS 'x';"),
            Some(Subject::Part {
                table,
                name: b"c".to_vec()
            })
        );
        assert_eq!(
            subject("COMMENT ON CONSTRAINT c ON DOMAIN shop.t IS 'x';"),
            Some(Subject::Other)
        );
        assert_eq!(
            subject("COMMENT ON EXTENSION x IS 'y';"),
            Some(Subject::Other)
        );
    }

    #[test]
    fn attachments_and_references_name_both_ends() {
        let attach = entry(
            Kind::TableAttach,
            "p1",
            "ALTER TABLE ONLY s.p ATTACH PARTITION t.p1 FOR VALUES IN (1);",
        );
        let (parent, child) = attach.attachment().expect("both");
        assert_eq!(
            (parent.to_string(), child.to_string()),
            ("s.p".into(), "t.p1".into())
        );
        let attach = entry(
            Kind::IndexAttach,
            "i1",
            "ALTER INDEX s.i ATTACH PARTITION t.i1;",
        );
        assert_eq!(attach.attachment().expect("both").0.to_string(), "s.i");
        let key = entry(
            Kind::FkConstraint,
            "t f",
            "ALTER TABLE ONLY s.t\n    ADD CONSTRAINT f FOREIGN KEY (\"references\") REFERENCES s.u(id) ON DELETE CASCADE;",
        );
        assert_eq!(key.referenced_table().expect("one").to_string(), "s.u");
    }

    #[test]
    fn mentions_are_found_in_strings_too() {
        let table = entry(
            Kind::Table,
            "t",
            "CREATE TABLE s.t (m s.mood DEFAULT 'ok'::s.mood, id bigint DEFAULT nextval('s.q'::regclass), c int CHECK (s.f(id) > 1.5));",
        );
        let names: Vec<String> = table.mentions().iter().map(ToString::to_string).collect();
        assert_eq!(names, ["s.f", "s.mood", "s.q", "s.t"]);
    }
}
