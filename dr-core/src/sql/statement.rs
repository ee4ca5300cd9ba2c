//! What one statement of a script is: which kind of entry, named how. Pure.
//!
//! Used by the reader: for scripts without pg_dump's comments this is all there is to go by, and
//! in those with comments it tells owners, settings and data from definitions.

use bytes::Bytes;

use crate::text::words::{Name, Word, Words};
use crate::toc::Kind;

/// A `SET`: parameter in lower case, and the text of its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) value: Vec<u8>,
    /// Whether the statement says nothing else: where a quote was damaged, the value takes in what
    /// stands behind it, which must not go with a setting that is not kept.
    pub(super) is_whole: bool,
}

impl Setting {
    /// The setting a statement makes. `SET SESSION AUTHORIZATION` and `SET ROLE` count as
    /// `session_authorization` and `role`, `set_config('search_path', '', false)` as `search_path`.
    pub(super) fn of(statement: &[u8]) -> Option<Self> {
        let mut words = Words::of(statement);
        if words.eat("select") {
            if words.qualified()?.name != b"set_config" || !words.eat_sign(b'(') {
                return None;
            }
            let Some(Word::String(name)) = words.next() else {
                return None;
            };
            let (true, Some(Word::String(value))) = (words.eat_sign(b','), words.next()) else {
                return None;
            };
            let is_plain = words.eat_sign(b',') && words.next().is_some() && words.eat_sign(b')');
            return Some(Self {
                name: String::from_utf8(name).ok()?.to_ascii_lowercase(),
                is_whole: is_plain && words.is_at_end() && !value.contains(&b'\n'),
                value: if value.is_empty() {
                    b"''".to_vec()
                } else {
                    value
                },
            });
        }
        if words.eat("reset") {
            let name = words.name()?;
            let name = match &name[..] {
                b"session" if words.eat("authorization") => b"session_authorization".to_vec(),
                _ => name,
            };
            return Some(Self {
                name: String::from_utf8(name).ok()?,
                is_whole: words.is_at_end(),
                value: b"DEFAULT".to_vec(),
            });
        }
        if !words.eat("set") {
            return None;
        }
        let name = if words.eat_all("session authorization") {
            "session_authorization".to_owned()
        } else if words.eat("role") {
            "role".to_owned()
        } else {
            let _ = words.eat("session") || words.eat("local");
            if words.eat_all("time zone") {
                "timezone".to_owned()
            } else {
                let mut name = words.name()?;
                while words.eat_sign(b'.') {
                    name.push(b'.');
                    name.extend(words.name()?);
                }
                if !words.eat_sign(b'=') && !words.eat("to") {
                    return None;
                }
                String::from_utf8(name).ok()?
            }
        };
        let value = words.rest().trim_ascii();
        let value = value.strip_suffix(b";").unwrap_or(value).trim_ascii();
        Some(Self {
            name,
            value: value.to_vec(),
            is_whole: are_values(words),
        })
    }

    /// The value as a plain word: unquoted, in lower case if it was not quoted.
    pub(super) fn word(&self) -> Vec<u8> {
        match Words::of(&self.value).next() {
            Some(Word::Plain(word) | Word::Quoted(word) | Word::String(word)) => word,
            _ => Vec::new(),
        }
    }

    /// Whether pg_dump sets this at the head of a script, to the same effect as every restore:
    /// such a setting need not be kept.
    pub(super) fn is_of_every_script(&self) -> bool {
        matches!(
            &self.name[..],
            "statement_timeout"
                | "lock_timeout"
                | "idle_in_transaction_session_timeout"
                | "transaction_timeout"
                | "client_encoding"
                | "standard_conforming_strings"
                | "check_function_bodies"
                | "xmloption"
                | "client_min_messages"
                | "escape_string_warning"
                | "row_security"
        )
    }
}

/// Whether these are the values of a setting, one or several, on one line, and nothing behind them.
fn are_values(mut words: Words<'_>) -> bool {
    loop {
        let _ = words.eat_sign(b'-') || words.eat_sign(b'+');
        match words.next() {
            Some(Word::String(value)) if value.contains(&b'\n') => return false,
            Some(Word::Plain(_)) => {
                // A number with a point is several words.
                while words.eat_sign(b'.') {
                    let _ = words.next();
                }
            }
            Some(Word::Quoted(_) | Word::String(_)) => {}
            _ => return false,
        }
        if !words.eat_sign(b',') {
            return words.is_at_end();
        }
    }
}

/// `ALTER … OWNER TO …;`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ownership {
    /// `TABLE public.votes`, as written.
    pub(super) object: Bytes,
    pub(super) owner: Vec<u8>,
}

impl Ownership {
    /// What the statement gives to whom, if it does that and nothing else.
    pub(super) fn of(statement: &Bytes) -> Option<Self> {
        const TO: &[u8] = b" OWNER TO ";
        if !statement.starts_with(b"ALTER ") {
            return None;
        }
        let at = memchr::memmem::rfind(statement, TO)?;
        let mut words = Words::of(&statement[at + TO.len()..]);
        let owner = words.name()?;
        (words.eat_sign(b';') && words.next().is_none()).then(|| Self {
            object: statement.slice(b"ALTER ".len()..at),
            owner,
        })
    }
}

/// What controls transactions, which a restore does by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transaction {
    Begin,
    Commit,
    /// ROLLBACK and savepoints: what was written before them must not be run.
    Other,
}

impl Transaction {
    pub(super) fn of(statement: &[u8]) -> Option<Self> {
        let mut words = Words::of(statement);
        let found = match &words.name()?[..] {
            b"begin" => Self::Begin,
            b"start" if words.eat("transaction") => Self::Begin,
            b"commit" | b"end" => Self::Commit,
            b"rollback" | b"abort" | b"savepoint" | b"release" => Self::Other,
            b"prepare" if words.eat("transaction") => Self::Other,
            _ => return None,
        };
        Some(found)
    }
}

/// What cannot be part of a dump of one database: what pg_dumpall writes beside databases.
pub(super) fn is_global(statement: &[u8]) -> bool {
    let mut words = Words::of(statement);
    (words.eat("create") || words.eat("alter") || words.eat("drop"))
        && (words.eat("role")
            || words.eat("tablespace")
            || words.eat("group")
            || words.peek().is_some_and(|word| word.is("user")) && !words.eat_all("user mapping"))
}

/// The table an INSERT puts rows into.
pub(super) fn insert_target(statement: &[u8]) -> Option<Name> {
    let mut words = Words::of(statement);
    if words.eat_all("insert into") {
        words.qualified()
    } else {
        None
    }
}

/// The table of `COPY … FROM stdin`, and where its name begins in the statement.
pub(super) fn copy_target(statement: &[u8]) -> Option<(Name, usize)> {
    let mut words = Words::of(statement);
    if !words.eat("copy") {
        return None;
    }
    let mut ahead = words;
    if ahead.eat("binary") && ahead.peek().is_some_and(|word| !word.is("from")) {
        words = ahead;
    }
    let gap = words.rest().len() - words.rest().trim_ascii_start().len();
    let at = statement.len() - words.rest().len() + gap;
    words.qualified().map(|name| (name, at))
}

/// Whether a COPY takes binary data, which no text file can hold.
pub(super) fn copies_binary(statement: &[u8]) -> bool {
    let mut words = Words::of(statement);
    if words.eat_all("copy binary") && words.peek().is_some_and(|word| !word.is("from")) {
        return true;
    }
    words.skip_to("from").is_some()
        && words.any(|word| match word {
            Word::Plain(text) | Word::String(text) => text.eq_ignore_ascii_case(b"binary"),
            _ => false,
        })
}

/// Whether a COPY has no options, so that its data is rows as COPY TO writes them.
pub(super) fn copies_plainly(statement: &[u8]) -> bool {
    let mut words = Words::of(statement);
    words.skip_to("from").is_some()
        && words.next().is_some()
        && words.eat_sign(b';')
        && words.next().is_none()
}

/// The columns a COPY names.
pub(super) fn copied_columns(statement: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Words::of(statement);
    let mut columns = Vec::new();
    if words.eat("copy") && words.qualified().is_some() && words.eat_sign(b'(') {
        while let Some(column) = words.name() {
            columns.push(column);
            words.eat_sign(b',');
        }
    }
    columns
}

/// `last_value` and `is_called` of a `SELECT pg_catalog.setval('…', 7, true);`
pub(super) fn sequence_value(statement: &[u8]) -> Option<(i64, bool)> {
    let mut words = Words::of(statement);
    words.eat("select").then_some(())?;
    (words.qualified()?.name == b"setval" && words.eat_sign(b'(')).then_some(())?;
    words.next()?;
    words.eat_sign(b',').then_some(())?;
    let minus = words.eat_sign(b'-');
    let Word::Plain(digits) = words.next()? else {
        return None;
    };
    let number: i128 = std::str::from_utf8(&digits).ok()?.parse().ok()?;
    let value = i64::try_from(if minus { -number } else { number }).ok()?;
    // Said or not, the value counts as used unless `false` stands there.
    let is_called = !words.eat_sign(b',') || words.eat("true");
    Some((value, is_called))
}

/// What a statement makes, sets or drops: an entry's kind, schema and tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) kind: Kind,
    pub(super) namespace: Option<Vec<u8>>,
    pub(super) tag: Vec<u8>,
}

impl Subject {
    fn new(kind: Kind, name: Name) -> Self {
        Self {
            kind,
            namespace: name.namespace,
            tag: name.name,
        }
    }

    /// A part of a table, tagged with both names as pg_dump does.
    fn part(kind: Kind, table: Name, part: &[u8]) -> Self {
        Self {
            kind,
            namespace: table.namespace,
            tag: [&table.name[..], b" ", part].concat(),
        }
    }

    /// What a statement of a script is. What has no better name is of the kind of its first words.
    pub(super) fn of(statement: &[u8]) -> Self {
        let mut words = Words::of(statement);
        let found = match words.next() {
            Some(Word::Plain(first)) => match &first[..] {
                b"create" => created(&mut words),
                b"alter" => altered(&mut words),
                b"comment" => commented(&mut words, Kind::Comment),
                b"security" => words
                    .skip_to("on")
                    .and_then(|()| described(&mut words, Kind::SecurityLabel)),
                b"grant" | b"revoke" => granted(&mut words),
                b"select" => selected(&mut words),
                b"refresh" => {
                    words.eat_all("materialized view").then_some(());
                    words.skip_before_name();
                    words
                        .qualified()
                        .map(|name| Self::new(Kind::MaterializedViewData, name))
                }
                _ => None,
            },
            _ => None,
        };
        found.unwrap_or_else(|| {
            let words: Vec<Vec<u8>> = Words::of(statement)
                .map_while(|word| match word {
                    Word::Plain(word) => Some(word.to_ascii_uppercase()),
                    _ => None,
                })
                .take(2)
                .collect();
            Self {
                kind: Kind::Other(String::from_utf8_lossy(&words.join(&b' ')).into_owned()),
                namespace: None,
                tag: Vec::new(),
            }
        })
    }

    /// What a DROP (or ALTER TABLE … DROP) of a `--clean` dump drops.
    pub(super) fn dropped(statement: &[u8]) -> Option<Self> {
        let mut words = Words::of(statement);
        if words.eat_all("alter table") {
            words.skip_before_name();
            let table = words.qualified()?;
            if words.eat_all("drop constraint") {
                words.skip_before_name();
                let name = words.name()?;
                return Some(Self::part(Kind::Constraint, table, &name));
            }
            if words.eat("alter") {
                words.eat("column");
                let column = words.name()?;
                return words
                    .eat_all("drop default")
                    .then(|| Self::part(Kind::Default, table, &column));
            }
            return None;
        }
        if words.eat_all("create or replace view") {
            // How pg_dump takes an ON SELECT rule away without dropping the view.
            return Some(Self::new(Kind::Rule, words.qualified()?));
        }
        if words.eat("select") {
            let unlink = words.qualified()?.name == b"lo_unlink";
            let oid = words.find_map(|word| match word {
                Word::String(text) if text.iter().all(u8::is_ascii_digit) => Some(text),
                _ => None,
            })?;
            return unlink.then_some(Self {
                kind: Kind::Blob,
                namespace: None,
                tag: oid,
            });
        }
        if !words.eat("drop") {
            return None;
        }
        let kind = kind_named(&mut words)?;
        words.skip_before_name();
        match kind {
            Kind::Trigger | Kind::Rule | Kind::Policy => {
                let name = words.name()?;
                words.skip_to("on")?;
                Some(Self::part(kind, words.qualified()?, &name))
            }
            Kind::Cast | Kind::Transform | Kind::UserMapping | Kind::Operator => Some(Self {
                kind,
                namespace: None,
                tag: Vec::new(),
            }),
            Kind::Function | Kind::Procedure | Kind::Aggregate => {
                let name = words.qualified()?;
                Some(Self::routine(kind, name, words.rest()))
            }
            kind => Some(Self::new(kind, words.qualified()?)),
        }
    }

    /// A routine, tagged with its arguments; `rest` begins at the parenthesis.
    fn routine(kind: Kind, mut name: Name, rest: &[u8]) -> Self {
        let mut words = Words::of(rest);
        let mut depth = 0_u32;
        let end = loop {
            match words.next() {
                Some(Word::Sign(b'(')) => depth += 1,
                Some(Word::Sign(b')')) => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        break rest.len() - words.rest().len();
                    }
                }
                Some(_) if depth > 0 => {}
                _ => break 0,
            }
        };
        name.name.extend_from_slice(rest[..end].trim_ascii());
        Self::new(kind, name)
    }
}

/// Takes the kind of object named after CREATE, DROP, COMMENT ON and the like.
fn kind_named(words: &mut Words<'_>) -> Option<Kind> {
    // Longer names first, where one begins with another.
    const KINDS: &[(&str, Kind)] = &[
        ("access method", Kind::AccessMethod),
        ("aggregate", Kind::Aggregate),
        ("cast", Kind::Cast),
        ("collation", Kind::Collation),
        ("conversion", Kind::Conversion),
        ("database", Kind::Database),
        ("domain", Kind::Domain),
        ("event trigger", Kind::EventTrigger),
        ("extension", Kind::Extension),
        ("foreign data wrapper", Kind::ForeignDataWrapper),
        ("foreign table", Kind::ForeignTable),
        ("function", Kind::Function),
        ("index", Kind::Index),
        ("large object", Kind::Blob),
        ("language", Kind::ProceduralLanguage),
        ("procedural language", Kind::ProceduralLanguage),
        ("materialized view", Kind::MaterializedView),
        ("operator class", Kind::OperatorClass),
        ("operator family", Kind::OperatorFamily),
        ("operator", Kind::Operator),
        ("policy", Kind::Policy),
        ("procedure", Kind::Procedure),
        ("publication", Kind::Publication),
        ("rule", Kind::Rule),
        ("schema", Kind::Schema),
        ("sequence", Kind::Sequence),
        ("server", Kind::Server),
        ("statistics", Kind::Statistics),
        ("subscription", Kind::Subscription),
        ("table", Kind::Table),
        ("text search configuration", Kind::TextSearchConfiguration),
        ("text search dictionary", Kind::TextSearchDictionary),
        ("text search parser", Kind::TextSearchParser),
        ("text search template", Kind::TextSearchTemplate),
        ("transform", Kind::Transform),
        ("trigger", Kind::Trigger),
        ("type", Kind::Type),
        ("user mapping", Kind::UserMapping),
        ("view", Kind::View),
    ];
    KINDS
        .iter()
        .find(|(words_of_kind, _)| words.eat_all(words_of_kind))
        .map(|(_, kind)| kind.clone())
}

fn created(words: &mut Words<'_>) -> Option<Subject> {
    words.eat_all("or replace");
    while [
        "global",
        "local",
        "unlogged",
        "recursive",
        "trusted",
        "unique",
        "constraint",
        "default",
    ]
    .iter()
    .any(|word| words.eat(word))
    {}
    if words
        .peek()
        .is_some_and(|word| word.is("temp") || word.is("temporary"))
    {
        return None;
    }
    let kind = kind_named(words)?;
    words.skip_before_name();
    match kind {
        Kind::Trigger | Kind::Policy => {
            let name = words.name()?;
            words.skip_to("on")?;
            Some(Subject::part(kind, words.qualified()?, &name))
        }
        Kind::Rule => {
            let name = words.name()?;
            words.skip_to("to")?;
            Some(Subject::part(kind, words.qualified()?, &name))
        }
        Kind::Index => {
            let name = words.name()?;
            words.skip_to("on")?;
            words.eat("only");
            // An index lives in the schema of its table.
            let table = words.qualified()?;
            Some(Subject {
                kind,
                namespace: table.namespace,
                tag: name,
            })
        }
        Kind::Schema => {
            words.eat("authorization");
            Some(Subject::new(kind, words.qualified()?))
        }
        Kind::Function | Kind::Procedure | Kind::Aggregate => {
            let name = words.qualified()?;
            Some(Subject::routine(kind, name, words.rest()))
        }
        Kind::Cast | Kind::Transform | Kind::UserMapping => Some(Subject {
            tag: String::from_utf8_lossy(words.rest().trim_ascii())
                .trim_end_matches(';')
                .to_owned()
                .into_bytes(),
            kind,
            namespace: None,
        }),
        Kind::Operator => None,
        kind => Some(Subject::new(kind, words.qualified()?)),
    }
}

fn altered(words: &mut Words<'_>) -> Option<Subject> {
    if words.eat_all("default privileges") {
        return Some(Subject {
            kind: Kind::DefaultAcl,
            namespace: None,
            tag: b"DEFAULT PRIVILEGES".to_vec(),
        });
    }
    if words.eat("sequence") {
        words.skip_before_name();
        let name = words.qualified()?;
        return words
            .eat_all("owned by")
            .then(|| Subject::new(Kind::SequenceOwnedBy, name));
    }
    if words.eat("index") {
        words.skip_before_name();
        words.qualified()?;
        if words.eat_all("attach partition") {
            return Some(Subject::new(Kind::IndexAttach, words.qualified()?));
        }
        return None;
    }
    if !words.eat("table") {
        return None;
    }
    words.skip_before_name();
    let table = words.qualified()?;
    if words.eat_all("attach partition") {
        return Some(Subject::new(Kind::TableAttach, words.qualified()?));
    }
    if words.eat_all("enable row level security") || words.eat_all("force row level security") {
        return Some(Subject::new(Kind::RowSecurity, table));
    }
    if words.eat("alter") {
        words.eat("column");
        let column = words.name()?;
        if words.eat_all("set default") {
            return Some(Subject::part(Kind::Default, table, &column));
        }
        // An identity column's sequence is made by the table.
        if words.eat_all("add generated") {
            words.find(|word| *word == Word::Sign(b'('))?;
            words.eat_all("sequence name").then_some(())?;
            return Some(Subject::new(Kind::Sequence, words.qualified()?));
        }
        return None;
    }
    if words.eat_all("add constraint") {
        let name = words.name()?;
        let kind = match &words.name()?[..] {
            b"foreign" => Kind::FkConstraint,
            b"check" => Kind::CheckConstraint,
            b"primary" | b"unique" | b"exclude" => Kind::Constraint,
            _ => return None,
        };
        return Some(Subject::part(kind, table, &name));
    }
    let kind = if words.eat_all("add primary key")
        || words.eat_all("add unique")
        || words.eat_all("add exclude")
    {
        Kind::Constraint
    } else if words.eat_all("add foreign key") {
        Kind::FkConstraint
    } else {
        return None;
    };
    Some(Subject::part(kind, table, b""))
}

fn commented(words: &mut Words<'_>, kind: Kind) -> Option<Subject> {
    words.eat("on").then_some(())?;
    described(words, kind)
}

/// What a COMMENT, SECURITY LABEL is about: tagged `TABLE votes`, `COLUMN votes.id`.
fn described(words: &mut Words<'_>, kind: Kind) -> Option<Subject> {
    if words.eat("column") {
        let mut parts = vec![words.name()?];
        while words.eat_sign(b'.') {
            parts.push(words.name()?);
        }
        let column = parts.pop()?;
        let table = parts.pop()?;
        return Some(Subject {
            kind,
            namespace: parts.pop(),
            tag: [b"COLUMN ", &table[..], b".", &column].concat(),
        });
    }
    if words.eat("constraint") {
        let name = words.name()?;
        words.eat("on").then_some(())?;
        words.eat("domain");
        let table = words.qualified()?;
        return Some(Subject {
            kind,
            namespace: table.namespace,
            tag: [b"CONSTRAINT ", &name[..], b" ON ", &table.name].concat(),
        });
    }
    let class = kind_named(words)?;
    let class_name = match class {
        Kind::Blob => "LARGE OBJECT",
        ref class => class.as_str(),
    };
    let (namespace, name) = match class {
        Kind::Trigger | Kind::Rule | Kind::Policy => {
            let name = words.name()?;
            words.skip_to("on")?;
            let table = words.qualified()?;
            (table.namespace, [&name[..], b" ON ", &table.name].concat())
        }
        Kind::Function | Kind::Procedure | Kind::Aggregate => {
            let name = words.qualified()?;
            let routine = Subject::routine(class.clone(), name, words.rest());
            (routine.namespace, routine.tag)
        }
        Kind::Blob => match words.next()? {
            Word::Plain(oid) => (None, oid),
            _ => return None,
        },
        _ => {
            let name = words.qualified()?;
            (name.namespace, name.name)
        }
    };
    Some(Subject {
        kind,
        namespace,
        tag: [class_name.as_bytes(), b" ", &name].concat(),
    })
}

fn granted(words: &mut Words<'_>) -> Option<Subject> {
    words.skip_to("on")?;
    let mut ahead = *words;
    match kind_named(&mut ahead) {
        Some(_) => described(words, Kind::Acl),
        None => {
            let name = words.qualified()?;
            Some(Subject {
                kind: Kind::Acl,
                namespace: name.namespace,
                tag: [b"TABLE ", &name.name[..]].concat(),
            })
        }
    }
}

fn selected(words: &mut Words<'_>) -> Option<Subject> {
    let function = words.qualified()?;
    if !words.eat_sign(b'(') {
        return None;
    }
    let Some(Word::String(argument)) = words.next() else {
        return None;
    };
    match &function.name[..] {
        b"setval" => Some(Subject::new(
            Kind::SequenceSet,
            Words::of(&argument).qualified()?,
        )),
        b"lo_create" => Some(Subject {
            kind: Kind::Blob,
            namespace: None,
            tag: argument,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_known_by_their_words() {
        for (statement, expect) in [
            ("CREATE TABLE public.votes (id int);", "TABLE public votes"),
            (
                "CREATE UNLOGGED TABLE IF NOT EXISTS \"V x\" ();",
                "TABLE - V x",
            ),
            ("create or replace view s.v as select 1;", "VIEW s v"),
            (
                "CREATE UNIQUE INDEX i ON ONLY s.t USING btree (a);",
                "INDEX s i",
            ),
            (
                "CREATE FUNCTION s.f(a text DEFAULT ')', b int) RETURNS int;",
                "FUNCTION s f(a text DEFAULT ')', b int)",
            ),
            (
                "CREATE CONSTRAINT TRIGGER g AFTER INSERT ON s.t;",
                "TRIGGER s t g",
            ),
            (
                "CREATE RULE r AS ON INSERT TO s.t DO NOTHING;",
                "RULE s t r",
            ),
            (
                "ALTER TABLE ONLY s.t ADD CONSTRAINT k PRIMARY KEY (a);",
                "CONSTRAINT s t k",
            ),
            (
                "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES u;",
                "FK CONSTRAINT - t k",
            ),
            (
                "ALTER TABLE ONLY s.t ALTER COLUMN c SET DEFAULT 1;",
                "DEFAULT s t c",
            ),
            (
                "ALTER TABLE s.t ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME s.q);",
                "SEQUENCE s q",
            ),
            (
                "ALTER SEQUENCE s.q OWNED BY s.t.id;",
                "SEQUENCE OWNED BY s q",
            ),
            ("COMMENT ON COLUMN s.t.c IS 'x';", "COMMENT s COLUMN t.c"),
            ("COMMENT ON TABLE t IS 'x';", "COMMENT - TABLE t"),
            ("GRANT SELECT(a) ON s.t TO x;", "ACL s TABLE t"),
            (
                "GRANT ALL ON FUNCTION s.f(int) TO x;",
                "ACL s FUNCTION f(int)",
            ),
            (
                "SELECT pg_catalog.setval('s.\"Q\"', 1, false);",
                "SEQUENCE SET s Q",
            ),
            (
                "REFRESH MATERIALIZED VIEW s.m;",
                "MATERIALIZED VIEW DATA s m",
            ),
            ("DO $$ begin end $$;", "DO - "),
            ("UPDATE s.t SET a = 1;", "UPDATE S - "),
        ] {
            let found = Subject::of(statement.as_bytes());
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let namespace = found.namespace.as_deref().map_or("-".into(), text);
            assert_eq!(
                format!("{} {namespace} {}", found.kind, text(&found.tag)),
                expect,
                "{statement}"
            );
        }
    }

    #[test]
    fn settings_are_read_in_all_their_forms() {
        for (statement, name, word) in [
            ("SET default_tablespace = '';", "default_tablespace", ""),
            (
                "SET default_table_access_method = heap;",
                "default_table_access_method",
                "heap",
            ),
            (
                "set session Client_Encoding to 'LATIN1';",
                "client_encoding",
                "LATIN1",
            ),
            (
                "SET SESSION AUTHORIZATION 'Ann';",
                "session_authorization",
                "Ann",
            ),
            (
                "RESET SESSION AUTHORIZATION;",
                "session_authorization",
                "default",
            ),
            (
                "SELECT pg_catalog.set_config('search_path', '', false);",
                "search_path",
                "",
            ),
            ("SET TIME ZONE 'UTC';", "timezone", "UTC"),
            ("SET a.b = 1;", "a.b", "1"),
        ] {
            let setting = Setting::of(statement.as_bytes()).expect("setting");
            assert_eq!(setting.name, name);
            assert_eq!(String::from_utf8_lossy(&setting.word()), word);
        }
        for (statement, is_whole) in [
            ("SET x = -1.5, a, 'b' ;", true),
            ("SET x TO 'a';", true),
            ("SET default_tablespace = \"two\nlines\";", true),
            ("SET x = ';\n\nCREATE TABLE a (b text DEFAULT ';", false),
            ("SET x = on\n\nCREATE TABLE a (b text);", false),
            ("SELECT pg_catalog.set_config('x', '', false);", true),
            (
                "SELECT pg_catalog.set_config('x', '', false)\nCREATE TABLE a (b int);",
                false,
            ),
            ("RESET ROLE;", true),
            ("RESET ROLE CREATE TABLE a (b int);", false),
        ] {
            let setting = Setting::of(statement.as_bytes()).expect("setting");
            assert_eq!(setting.is_whole, is_whole, "{statement}");
        }
        assert!(Setting::of(b"SELECT 1;").is_none());
        assert!(Setting::of(b"SET CONSTRAINTS ALL DEFERRED;").is_none());
    }

    #[test]
    fn owners_are_read_with_the_object_as_written() {
        let statement = Bytes::from_static(b"ALTER FUNCTION public.f(a text) OWNER TO \"A n\";");
        let found = Ownership::of(&statement).expect("ownership");
        assert_eq!(found.object, "FUNCTION public.f(a text)");
        assert_eq!(found.owner, b"A n");
        assert!(Ownership::of(&Bytes::from_static(b"ALTER TABLE t OWNER TO a, SET x;")).is_none());
    }

    #[test]
    fn drops_name_the_entry_they_belong_to() {
        let drop = |statement: &str| Subject::dropped(statement.as_bytes()).expect("drop");
        assert_eq!(drop("DROP TABLE IF EXISTS s.t;").tag, b"t");
        let part = drop("ALTER TABLE IF EXISTS ONLY s.t DROP CONSTRAINT IF EXISTS k;");
        assert_eq!((part.kind, &part.tag[..]), (Kind::Constraint, &b"t k"[..]));
        assert_eq!(drop("DROP TRIGGER IF EXISTS g ON s.t;").tag, b"t g");
        assert_eq!(drop("DROP FUNCTION s.f(integer);").tag, b"f(integer)");
        assert_eq!(drop("SELECT pg_catalog.lo_unlink('16');").kind, Kind::Blob);
    }

    #[test]
    fn globals_are_told_from_objects() {
        assert!(is_global(b"CREATE ROLE x;"));
        assert!(is_global(b"ALTER USER x WITH LOGIN;"));
        assert!(!is_global(b"CREATE USER MAPPING FOR x SERVER y;"));
        assert!(!is_global(b"ALTER TABLE x;"));
    }

    #[test]
    fn copy_targets_and_formats_are_known() {
        let (name, at) = copy_target(b"COPY  votes (a) FROM stdin;\n").expect("copy");
        assert_eq!((&name.name[..], at), (&b"votes"[..], 6));
        assert!(copies_binary(b"COPY t FROM stdin WITH (FORMAT 'binary');"));
        assert!(copies_binary(b"COPY BINARY t FROM stdin;"));
        assert!(!copies_binary(b"COPY binary FROM stdin;"));
        assert!(copies_plainly(b"COPY s.t (a, \"from\") FROM stdin;\n"));
        assert!(!copies_plainly(b"COPY t FROM stdin WITH (FORMAT csv);"));
        assert_eq!(copied_columns(b"COPY s.t (a, \"B;\") FROM stdin;").len(), 2);
        assert!(copied_columns(b"COPY s.t  FROM stdin;").is_empty());
        let setval = b"SELECT pg_catalog.setval('s.\"a,b\"', -9223372036854775808, true);";
        assert_eq!(sequence_value(setval), Some((i64::MIN, true)));
        assert!(!copies_binary(b"COPY t (\"binary\", binary) FROM stdin;"));
    }
}
