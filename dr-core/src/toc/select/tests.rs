#![allow(clippy::unwrap_used)]
use super::*;
use crate::error::ErrorKind;
use crate::toc::{Entry, EntryId};

/// Entries as pg_dump makes them for three tables in two schemas, a type and a function.
fn shop() -> Toc {
    let mut toc = Toc {
        database: "shop".into(),
        encoding: "UTF8".into(),
        ..Toc::default()
    };
    let mut id = 0;
    let mut add = |kind: Kind, namespace: &str, tag: &str, definition: &str, on: &[u32]| {
        id += 1;
        let mut entry = Entry::new(EntryId(id), kind, tag.as_bytes().to_vec());
        entry.namespace = (!namespace.is_empty()).then(|| namespace.as_bytes().to_vec().into());
        entry.definition = definition.as_bytes().to_vec().into();
        entry.dependencies = on.iter().map(|id| EntryId(*id)).collect();
        toc.entries.push(entry);
    };
    add(Kind::Schema, "", "old", "CREATE SCHEMA old;", &[]); // 1
    add(
        Kind::Type,
        "public",
        "mood",
        "CREATE TYPE public.mood AS ENUM ('a');",
        &[],
    ); // 2
    add(
        Kind::Function,
        "public",
        "touch()",
        "CREATE FUNCTION public.touch() RETURNS trigger",
        &[],
    ); // 3
    add(
        Kind::Table,
        "old",
        "votes_vote",
        "CREATE TABLE old.votes_vote (id int);",
        &[1],
    ); // 4
    add(
        Kind::Table,
        "public",
        "polls",
        "CREATE TABLE public.polls (id int);",
        &[],
    ); // 5
    add(
        Kind::Table,
        "public",
        "votes_vote",
        "CREATE TABLE public.votes_vote (id int, m public.mood);",
        &[2, 2],
    ); // 6
    add(
        Kind::Comment,
        "public",
        "TABLE votes_vote",
        "COMMENT ON TABLE public.votes_vote IS 'x';",
        &[6],
    ); // 7
    add(
        Kind::Acl,
        "public",
        "TABLE votes_vote",
        "GRANT SELECT ON TABLE public.votes_vote TO r;",
        &[6],
    ); // 8
    add(
        Kind::Sequence,
        "public",
        "votes_vote_id_seq",
        "CREATE SEQUENCE public.votes_vote_id_seq;",
        &[6],
    ); // 9
    add(
        Kind::SequenceOwnedBy,
        "public",
        "votes_vote_id_seq",
        "ALTER SEQUENCE public.votes_vote_id_seq OWNED BY public.votes_vote.id;",
        &[9],
    ); // 10
    add(
        Kind::Table,
        "public",
        "votes_vote_options",
        "CREATE TABLE public.votes_vote_options (id int);",
        &[],
    ); // 11
    add(
        Kind::Sequence,
        "public",
        "votes_vote_options_id_seq",
        "ALTER TABLE public.votes_vote_options ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME public.votes_vote_options_id_seq);",
        &[11],
    ); // 12
    add(
        Kind::Default,
        "public",
        "votes_vote id",
        "ALTER TABLE ONLY public.votes_vote ALTER COLUMN id SET DEFAULT nextval('public.votes_vote_id_seq'::regclass);",
        &[6, 9, 6],
    ); // 13
    add(Kind::TableData, "old", "votes_vote", "", &[4]); // 14
    add(Kind::TableData, "public", "polls", "", &[5]); // 15
    add(Kind::TableData, "public", "votes_vote", "", &[6]); // 16
    add(Kind::TableData, "public", "votes_vote_options", "", &[11]); // 17
    add(
        Kind::SequenceSet,
        "public",
        "votes_vote_id_seq",
        "SELECT pg_catalog.setval('public.votes_vote_id_seq', 1, true);",
        &[9],
    ); // 18
    add(
        Kind::SequenceSet,
        "public",
        "votes_vote_options_id_seq",
        "SELECT pg_catalog.setval('public.votes_vote_options_id_seq', 1, true);",
        &[12],
    ); // 19
    add(
        Kind::Constraint,
        "public",
        "polls polls_pkey",
        "ALTER TABLE ONLY public.polls\n    ADD CONSTRAINT polls_pkey PRIMARY KEY (id);",
        &[5],
    ); // 20
    add(
        Kind::Constraint,
        "public",
        "votes_vote votes_vote_pkey",
        "ALTER TABLE ONLY public.votes_vote\n    ADD CONSTRAINT votes_vote_pkey PRIMARY KEY (id);",
        &[6],
    ); // 21
    add(
        Kind::Comment,
        "public",
        "CONSTRAINT votes_vote_pkey ON votes_vote",
        "COMMENT ON CONSTRAINT votes_vote_pkey ON public.votes_vote IS 'x';",
        &[21],
    ); // 22
    add(
        Kind::Index,
        "public",
        "votes_at",
        "CREATE INDEX votes_at ON public.votes_vote USING btree (id);",
        &[6],
    ); // 23
    add(
        Kind::Index,
        "public",
        "opt_label",
        "CREATE INDEX opt_label ON public.votes_vote_options USING btree (id);",
        &[11],
    ); // 24
    add(
        Kind::Trigger,
        "public",
        "votes_vote t",
        "CREATE TRIGGER t BEFORE INSERT ON public.votes_vote FOR EACH ROW EXECUTE FUNCTION public.touch();",
        &[6, 3],
    ); // 25
    add(
        Kind::FkConstraint,
        "public",
        "votes_vote f",
        "ALTER TABLE ONLY public.votes_vote\n    ADD CONSTRAINT f FOREIGN KEY (id) REFERENCES public.polls(id);",
        &[5, 20, 6],
    ); // 26
    add(
        Kind::Comment,
        "public",
        "CONSTRAINT f ON votes_vote",
        "COMMENT ON CONSTRAINT f ON public.votes_vote IS 'x';",
        &[26],
    ); // 27
    add(
        Kind::FkConstraint,
        "public",
        "votes_vote_options g",
        "ALTER TABLE ONLY public.votes_vote_options\n    ADD CONSTRAINT g FOREIGN KEY (id) REFERENCES public.votes_vote(id);",
        &[6, 21, 11],
    ); // 28
    add(
        Kind::DefaultAcl,
        "public",
        "DEFAULT PRIVILEGES FOR TABLES",
        "ALTER DEFAULT PRIVILEGES FOR ROLE p IN SCHEMA public GRANT SELECT ON TABLES TO r;",
        &[],
    ); // 29
    toc
}

fn ids(toc: &Toc, selection: &Selection) -> Vec<u32> {
    let selected = toc.select(selection).unwrap();
    selected
        .toc
        .entries
        .iter()
        .map(|entry| entry.id.0)
        .collect()
}

fn flat() -> Toc {
    let mut toc = shop();
    for entry in &mut toc.entries {
        entry.dependencies.clear();
    }
    toc
}

const OF_VOTES: [u32; 14] = [6, 7, 8, 9, 10, 13, 16, 18, 21, 22, 23, 25, 26, 27];

#[test]
fn a_table_comes_with_what_is_its_own_and_nothing_of_its_neighbors() {
    let one = Selection::tables(["public.votes_vote"]);
    assert_eq!(ids(&shop(), &one), OF_VOTES);
    assert_eq!(ids(&flat(), &one), OF_VOTES, "by names alone");
}

#[test]
fn a_foreign_key_to_the_outside_is_kept_and_said() {
    let selected = shop()
        .select(&Selection::tables(["public.votes_vote"]))
        .unwrap();
    let said: Vec<String> = selected.notices.iter().map(ToString::to_string).collect();
    let refers = "entry 26 (FK CONSTRAINT public.votes_vote f) refers to public.polls, which is \
                  not selected: it can be made only where that table exists";
    assert!(said.iter().any(|line| line == refers), "{said:?}");
    assert!(
        said.iter()
            .any(|line| line.contains("needs entry 2 (TYPE public.mood)"))
    );
    let both = Selection::tables(["public.votes_vote", "polls"]);
    let both = shop().select(&both).unwrap();
    let refers = |notice: &SelectNotice| matches!(notice, SelectNotice::Refers { .. });
    assert!(!both.notices.iter().any(refers), "{:?}", both.notices);
}

#[test]
fn dependencies_come_when_asked_for_but_no_table_does() {
    let one = Selection::tables(["public.votes_vote"]).with_dependencies();
    let mut expect: Vec<u32> = OF_VOTES.to_vec();
    expect.extend([2, 3]);
    expect.sort_unstable();
    assert_eq!(ids(&shop(), &one), expect);
    assert_eq!(ids(&flat(), &one), expect, "by names alone");
    let old = Selection::tables(["old.votes_vote"]).with_dependencies();
    assert_eq!(ids(&shop(), &old), [1, 4, 14]);
    assert_eq!(ids(&flat(), &old), [1, 4, 14]);
}

#[test]
fn a_schema_is_everything_in_it() {
    assert_eq!(ids(&shop(), &Selection::schemas(["old"])), [1, 4, 14]);
    assert_eq!(
        ids(&shop(), &Selection::all().without_schema("public")),
        [1, 4, 14]
    );
    let public: Vec<u32> = (1..=29).filter(|id| ![1, 4, 14].contains(id)).collect();
    assert_eq!(ids(&shop(), &Selection::schemas(["public"])), public);
    assert_eq!(ids(&flat(), &Selection::schemas(["public"])), public);
}

#[test]
fn data_can_be_left_behind() {
    let no_data = Selection::all().without_data_of("*.votes_vote*");
    let expect: Vec<u32> = (1..=29)
        .filter(|id| ![14, 16, 17, 18, 19].contains(id))
        .collect();
    assert_eq!(ids(&shop(), &no_data), expect);
    let no_polls = shop()
        .select(&Selection::all().without_data_of("polls"))
        .unwrap();
    assert!(matches!(
        no_polls.notices[..],
        [SelectNotice::DataExcluded { .. }]
    ));
}

#[test]
fn tables_can_be_excluded_with_what_is_theirs() {
    let expect: Vec<u32> = (1..=29).filter(|id| !OF_VOTES.contains(id)).collect();
    let without = Selection::all().without_table("public.votes_vote");
    assert_eq!(ids(&shop(), &without), expect);
    assert_eq!(ids(&flat(), &without), expect);
}

#[test]
fn kinds_and_sections_narrow_a_selection() {
    let keys = Selection::tables(["public.votes_vote"]).only_kinds([Kind::Constraint]);
    assert_eq!(ids(&shop(), &keys), [21]);
    let data = Selection::all().only_sections([Section::Data]);
    assert_eq!(ids(&shop(), &data), [14, 15, 16, 17, 18, 19]);
    let post = ids(
        &shop(),
        &Selection::all().only_sections([Section::PostData]),
    );
    assert!(
        post.contains(&22) && !post.contains(&7),
        "comments go with their objects"
    );
    let no_acl = ids(&shop(), &Selection::all().without_kinds([Kind::Acl]));
    assert_eq!(no_acl.len(), 28);
    let no_tables = Selection::all().without_kinds([Kind::Table]);
    let left = shop().select(&no_tables).unwrap().toc.entries;
    assert!(left.iter().all(|entry| !entry.tag.starts_with(b"TABLE ")));
    assert!(
        left.iter()
            .any(|entry| entry.kind == Kind::Comment || entry.kind == Kind::Acl)
    );
}

#[test]
fn patterns_without_a_match_and_ambiguous_names_are_refused() {
    let error = shop()
        .select(&Selection::tables(["public.votes", "nothing", "polls"]))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing);
    assert_eq!(
        error.to_string(),
        "nothing in the dump matches table public.votes, table nothing"
    );
    let error = shop()
        .select(&Selection::tables(["votes_vote"]))
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("old.votes_vote or public.votes_vote")
    );
    let error = shop()
        .select(&Selection::tables(["other.public.polls"]))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
}

#[test]
fn a_partition_brings_its_parent_only_as_a_dependency() {
    let mut toc = Toc::default();
    let mut add = |id, kind, tag: &'static str, definition: &'static str, on: &[u32]| {
        let mut entry = Entry::new(EntryId(id), kind, tag);
        entry.namespace = Some("s".into());
        entry.definition = definition.into();
        entry.dependencies = on.iter().map(|id| EntryId(*id)).collect();
        toc.entries.push(entry);
    };
    add(
        1,
        Kind::Table,
        "p",
        "CREATE TABLE s.p (id int) PARTITION BY RANGE (id);",
        &[],
    );
    add(2, Kind::Table, "p1", "CREATE TABLE s.p1 (id int);", &[1]);
    add(
        3,
        Kind::TableAttach,
        "p1",
        "ALTER TABLE ONLY s.p ATTACH PARTITION s.p1 DEFAULT;",
        &[1, 2],
    );
    add(4, Kind::TableData, "p1", "", &[2]);
    add(
        5,
        Kind::Index,
        "i",
        "CREATE INDEX i ON ONLY s.p USING btree (id);",
        &[1],
    );
    add(
        6,
        Kind::Index,
        "i1",
        "CREATE INDEX i1 ON s.p1 USING btree (id);",
        &[2],
    );
    add(
        7,
        Kind::IndexAttach,
        "i1",
        "ALTER INDEX s.i ATTACH PARTITION s.i1;",
        &[5, 6],
    );
    assert_eq!(ids(&toc, &Selection::tables(["s.p1"])), [2, 4, 6]);
    assert_eq!(
        ids(&toc, &Selection::tables(["s.p1"]).with_dependencies()),
        [1, 2, 3, 4, 6]
    );
    let parent = toc.select(&Selection::tables(["s.p"])).unwrap();
    assert_eq!(parent.toc.entries.len(), 2);
    assert_eq!(
        parent.notices[0].to_string(),
        "s.p has 1 partitions or child tables that are not selected"
    );
    assert_eq!(
        ids(&toc, &Selection::tables(["s.p*"])),
        [1, 2, 3, 4, 5, 6, 7]
    );
}
