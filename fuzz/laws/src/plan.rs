//! Selection and plan over tables of contents that nobody's pg_dump wrote: circles, ids that are
//! missing or repeated, definitions of other things, sizes that no disk has.
//!
//! - A selection is a part of the Toc, in its order; that of everything is the Toc.
//! - Selected again, what was selected by table stays, if nothing had to be left out.
//! - Every entry is a step of the plan once, or none at all; what a step waits for is a step of
//!   the same pass and stage, and nobody waits in a circle.

use std::collections::{HashMap, HashSet};

use arbitrary::{Result, Unstructured};
use dr_core::toc::{Entry, EntryId, Kind, Plan, Section, Selection, Toc};
use dr_core::{ErrorKind, toc::Step};

/// Kinds with rules of their own, and one that nobody knows.
const KINDS: &[&str] = &[
    "TABLE",
    "TABLE DATA",
    "TABLE ATTACH",
    "INDEX",
    "INDEX ATTACH",
    "CONSTRAINT",
    "FK CONSTRAINT",
    "CHECK CONSTRAINT",
    "DEFAULT",
    "SEQUENCE",
    "SEQUENCE SET",
    "SEQUENCE OWNED BY",
    "VIEW",
    "MATERIALIZED VIEW",
    "MATERIALIZED VIEW DATA",
    "TRIGGER",
    "EVENT TRIGGER",
    "RULE",
    "POLICY",
    "ROW SECURITY",
    "STATISTICS",
    "STATISTICS DATA",
    "COMMENT",
    "ACL",
    "SECURITY LABEL",
    "DEFAULT ACL",
    "SCHEMA",
    "EXTENSION",
    "TYPE",
    "DOMAIN",
    "FUNCTION",
    "BLOB",
    "BLOB METADATA",
    "BLOBS",
    "DATABASE",
    "DATABASE PROPERTIES",
    "PUBLICATION",
    "PUBLICATION TABLE",
    "PUBLICATION TABLES IN SCHEMA",
    "SUBSCRIPTION",
    "WARNING",
    "NEWS",
];

const NAMES: &[&str] = &[
    "a",
    "b",
    "a b",
    "A",
    "a\"b",
    "votes",
    "votes_vote",
    "é",
    "a.b",
    "",
];

const SECTIONS: [Section; 4] = [
    Section::None,
    Section::PreData,
    Section::Data,
    Section::PostData,
];

/// See the module.
pub fn hold(input: &[u8]) {
    let mut input = Unstructured::new(input);
    if let Ok((toc, selection, tables)) = invented(&mut input) {
        planned(&toc);
        selected(&toc, &selection, tables.as_deref());
    }
}

fn invented(input: &mut Unstructured<'_>) -> Result<(Toc, Selection, Option<String>)> {
    let (selection, tables) = selection(input)?;
    let mut toc = Toc::default();
    toc.encoding = "UTF8".into();
    let mut entries = Vec::new();
    while !input.is_empty() && entries.len() < 60 {
        let entry = entry(input, entries.len() as u32 + 1)?;
        entries.push(entry);
    }
    toc.entries = entries;
    Ok((toc, selection, tables))
}

fn name(input: &mut Unstructured<'_>) -> Result<String> {
    Ok((*input.choose(NAMES)?).to_owned())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn pattern(input: &mut Unstructured<'_>) -> Result<String> {
    Ok(match input.int_in_range(0..=5)? {
        0 => "*".to_owned(),
        1 => format!("{}.*", quoted(&name(input)?)),
        2 => format!("{}.{}", quoted(&name(input)?), quoted(&name(input)?)),
        3 => "[a-z]*".to_owned(),
        4 => "**".to_owned(),
        _ => quoted(&name(input)?),
    })
}

/// A selection; and its pattern, if it is one table pattern and nothing else.
fn selection(input: &mut Unstructured<'_>) -> Result<(Selection, Option<String>)> {
    let first = pattern(input)?;
    let only = input.arbitrary::<bool>()?;
    let mut selection = match input.int_in_range(0..=2)? {
        0 if only => return Ok((Selection::tables([first.clone()]), Some(first))),
        0 => Selection::tables([first]),
        1 => Selection::schemas([first]),
        _ => Selection::all(),
    };
    let chosen = input.arbitrary::<u8>()?;
    if chosen & 1 != 0 {
        selection = selection.and_schema(pattern(input)?);
    }
    if chosen & 2 != 0 {
        selection = selection.without_table(pattern(input)?);
    }
    if chosen & 4 != 0 {
        selection = selection.without_schema(pattern(input)?);
    }
    if chosen & 8 != 0 {
        selection = selection.without_data_of(pattern(input)?);
    }
    if chosen & 16 != 0 {
        selection = selection.with_dependencies();
    }
    if chosen & 32 != 0 {
        selection = selection.only_sections([*input.choose(&SECTIONS)?]);
    }
    if chosen & 64 != 0 {
        selection = selection.without_kinds([Kind::from(*input.choose(KINDS)?)]);
    }
    Ok((selection, None))
}

fn entry(input: &mut Unstructured<'_>, next: u32) -> Result<Entry> {
    let id = match input.int_in_range(0..=9)? {
        0 => u32::from(input.arbitrary::<u8>()?),
        _ => next,
    };
    let kind = Kind::from(*input.choose(KINDS)?);
    let (namespace, tag) = (name(input)?, name(input)?);
    let own = format!("{}.{}", quoted(&namespace), quoted(&tag));
    let other = format!("{}.{}", quoted(&name(input)?), quoted(&name(input)?));
    let definition = match input.int_in_range(0..=11)? {
        0 => format!("CREATE TABLE {own} (id integer) PARTITION BY RANGE (id);"),
        1 => format!("ALTER TABLE ONLY {other} ATTACH PARTITION {own} FOR VALUES IN (1);"),
        2 => format!(
            "CREATE UNIQUE INDEX {} ON {other} USING btree (id);",
            quoted(&tag)
        ),
        3 => format!("ALTER INDEX {other} ATTACH PARTITION {own};"),
        4 => format!(
            "ALTER TABLE ONLY {own}\n    ADD CONSTRAINT x FOREIGN KEY (a) REFERENCES {other}(a);"
        ),
        5 => format!(
            "ALTER TABLE ONLY {other} ADD CONSTRAINT {} PRIMARY KEY (id);",
            quoted(&tag)
        ),
        6 => format!("COMMENT ON TABLE {other} IS 'x';"),
        7 => format!("GRANT SELECT ON TABLE {other} TO \"x\";"),
        8 => format!("CREATE TRIGGER t AFTER INSERT ON {other} EXECUTE FUNCTION {own}();"),
        9 => format!("ALTER SEQUENCE {own} OWNED BY {other}.id;"),
        10 => String::new(),
        _ => input.arbitrary::<&str>()?.to_owned(),
    };
    let tag = match input.int_in_range(0..=7)? {
        0 => format!("TABLE {tag}"),
        1 => format!("{tag} {}", name(input)?),
        2 => format!("DATABASE {tag}"),
        3 => format!("COLUMN {tag}.id"),
        _ => tag,
    };
    let mut entry = Entry::new(EntryId(id), kind, tag);
    if input.ratio(1, 8)? {
        entry.section = *input.choose(&SECTIONS)?;
    }
    entry.namespace = (!namespace.is_empty()).then(|| namespace.into());
    entry.definition = definition.into();
    entry.has_data = input.arbitrary()?;
    entry.relkind = *input.choose(b"rpviS\0")?;
    if input.ratio(1, 2)? {
        entry.copy_statement = Some(format!("COPY {own} (id) FROM stdin;\n").into());
    }
    for _ in 0..input.int_in_range(0..=4)? {
        let near = next + 3 - input.int_in_range(0..=next + 2)?;
        entry.dependencies.push(EntryId(near));
    }
    Ok(entry)
}

fn planned(toc: &Toc) {
    let plan = Plan::of(toc);
    let ids: HashSet<EntryId> = toc.entries.iter().map(|entry| entry.id).collect();
    assert!(plan.steps.len() <= toc.entries.len());
    let stepless = |kind: &Kind| {
        matches!(
            kind,
            Kind::Database | Kind::DatabaseProperties | Kind::Warning
        )
    };
    let about_database = |entry: &&Entry| {
        matches!(entry.kind, Kind::Comment | Kind::Acl | Kind::SecurityLabel)
            && entry.tag.starts_with(b"DATABASE ")
    };
    let expected = toc
        .entries
        .iter()
        .filter(|entry| !stepless(&entry.kind) && !about_database(entry))
        .count();
    assert_eq!(plan.steps.len(), expected, "every entry once");
    // With ids that occur once there is nothing to be mistaken about.
    if ids.len() == toc.entries.len() {
        sound(&plan.steps);
    }
    assert!(plan.to_string().lines().count() >= plan.steps.len());
    serde_json::to_string(&plan).expect("a plan is JSON");
    let sized = plan
        .clone()
        .sized(toc, |id| Some(u64::MAX - u64::from(id.0)));
    assert_eq!(sized.steps.len(), plan.steps.len());
    assert!(sized.data_bytes() >= sized.steps.iter().map(|step| step.bytes).min().unwrap_or(0));
    let fewer = plan.clone().without(|step| step.entry.0 % 2 == 0);
    assert!(fewer.steps.iter().all(|step| step.entry.0 % 2 == 1));
    for (step, other) in plan.steps.iter().zip(plan.steps.iter().skip(1)) {
        assert_eq!(step.conflicts_with(other), other.conflicts_with(step));
    }
}

fn sound(steps: &[Step]) {
    let by_id: HashMap<EntryId, &Step> = steps.iter().map(|step| (step.entry, step)).collect();
    assert_eq!(by_id.len(), steps.len(), "a step twice");
    let mut waits: HashMap<EntryId, HashSet<EntryId>> = HashMap::new();
    for step in steps {
        for id in &step.after {
            let before = by_id[id];
            assert_eq!(
                (before.pass, before.stage),
                (step.pass, step.stage),
                "{} waits for {}",
                step.what,
                before.what
            );
        }
        waits.insert(step.entry, step.after.iter().copied().collect());
    }
    while !waits.is_empty() {
        let ready: Vec<EntryId> = waits
            .iter()
            .filter(|(_, after)| after.is_empty())
            .map(|(id, _)| *id)
            .collect();
        assert!(!ready.is_empty(), "these wait for one another: {waits:?}");
        for id in &ready {
            waits.remove(id);
        }
        for after in waits.values_mut() {
            after.retain(|id| !ready.contains(id));
        }
    }
}

fn is_part_of(part: &Toc, whole: &Toc) -> bool {
    let mut rest = whole.entries.iter();
    part.entries
        .iter()
        .all(|entry| rest.any(|other| other == entry))
}

fn selected(toc: &Toc, selection: &Selection, tables: Option<&str>) {
    let all = toc.select(&Selection::all()).expect("everything");
    assert_eq!(all.toc, *toc);
    match toc.select(selection) {
        Ok(selected) => {
            assert!(
                is_part_of(&selected.toc, toc),
                "not a part, or out of order"
            );
            for notice in &selected.notices {
                assert!(!notice.to_string().is_empty());
            }
            planned(&selected.toc);
            // What was left out for want of another entry is not found again, and is told of.
            if tables.is_some() && selected.notices.is_empty() {
                let again = selected.toc.select(selection).expect("it was found before");
                assert_eq!(again.toc, selected.toc);
            }
        }
        Err(error) => assert!(
            matches!(error.kind(), ErrorKind::Usage | ErrorKind::Missing),
            "{error}"
        ),
    }
}
