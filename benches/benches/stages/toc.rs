//! The table of contents of many small tables, and the same as a script.

use bytes::Bytes;
use dr_core::archive::codec::{Archived, Format, Place, Version};
use dr_core::pipeline::compression::Method;
use dr_core::toc::{CatalogId, Entry, EntryId, Kind, Toc};

/// A directory archive of tables that each have a key, an index, a foreign key, a sequence with its
/// default, a comment and data: ten entries a table, as pg_dump lists them.
pub(crate) fn archived(tables: usize) -> Archived {
    let mut entries = Vec::with_capacity(tables * 10);
    for n in 0..tables {
        add_table(&mut entries, n);
    }
    let mut toc = Toc::default();
    toc.database = "bench".into();
    toc.encoding = "UTF8".to_owned();
    toc.std_strings = true;
    toc.server_version = "17.0".to_owned();
    toc.dump_version = "17.0".to_owned();
    let place = |entry: &Entry| match entry.has_data {
        true => Place::File(format!("{}.dat", entry.id).into()),
        false => Place::Nowhere,
    };
    let places = entries.iter().map(place).collect();
    toc.entries = entries;
    Archived {
        version: Version::V1_16,
        format: Format::Tar,
        method: Method::Zstd,
        toc,
        places,
    }
}

fn add_table(entries: &mut Vec<Entry>, n: usize) {
    let first = u32::try_from(n * 10).expect("a few thousand tables");
    let id = |place: u32| EntryId(first + place);
    let (table, sequence) = (format!("tenant_{n}"), format!("tenant_{n}_id_seq"));
    let entry = |place: u32, kind: Kind, tag: String, definition: String, after: &[EntryId]| {
        let mut entry = Entry::new(id(place), kind, tag);
        entry.catalog_id = CatalogId {
            table: 1259,
            oid: 16_384 + first + place,
        };
        entry.namespace = Some("public".into());
        entry.owner = "postgres".into();
        entry.definition = definition.into();
        entry.dependencies = after.to_vec();
        entry
    };
    let mut made = entry(
        1,
        Kind::Table,
        table.clone(),
        format!(
            "CREATE TABLE public.{table} (\n    id integer NOT NULL,\n    name text DEFAULT 'x'::text NOT NULL,\n    \
             created timestamp with time zone DEFAULT now() NOT NULL,\n    parent integer\n);\n"
        ),
        &[],
    );
    made.drop_statement = format!("DROP TABLE public.{table};\n").into();
    entries.push(made);
    entries.push(entry(
        2,
        Kind::Comment,
        format!("TABLE {table}"),
        format!("COMMENT ON TABLE public.{table} IS 'Tenant {n}';\n"),
        &[id(1)],
    ));
    entries.push(entry(
        3,
        Kind::Sequence,
        sequence.clone(),
        format!(
            "CREATE SEQUENCE public.{sequence}\n    AS integer\n    START WITH 1\n    INCREMENT BY 1\n    \
             NO MINVALUE\n    NO MAXVALUE\n    CACHE 1;\n"
        ),
        &[id(1)],
    ));
    entries.push(entry(
        4,
        Kind::SequenceOwnedBy,
        sequence.clone(),
        format!("ALTER SEQUENCE public.{sequence} OWNED BY public.{table}.id;\n"),
        &[id(3), id(1)],
    ));
    entries.push(entry(
        5,
        Kind::Default,
        format!("{table} id"),
        format!(
            "ALTER TABLE ONLY public.{table} ALTER COLUMN id SET DEFAULT nextval('public.{sequence}'::regclass);\n"
        ),
        &[id(4), id(3), id(1)],
    ));
    let mut data = entry(6, Kind::TableData, table.clone(), String::new(), &[id(1)]);
    data.copy_statement =
        Some(format!("COPY public.{table} (id, name, created, parent) FROM stdin;\n").into());
    data.has_data = true;
    entries.push(data);
    entries.push(entry(
        7,
        Kind::SequenceSet,
        sequence.clone(),
        format!("SELECT pg_catalog.setval('public.{sequence}', 3, true);\n"),
        &[id(3)],
    ));
    entries.push(entry(
        8,
        Kind::Constraint,
        format!("{table} {table}_pkey"),
        format!(
            "ALTER TABLE ONLY public.{table}\n    ADD CONSTRAINT {table}_pkey PRIMARY KEY (id);\n"
        ),
        &[id(1)],
    ));
    entries.push(entry(
        9,
        Kind::Index,
        format!("{table}_name_idx"),
        format!("CREATE INDEX {table}_name_idx ON public.{table} USING btree (name);\n"),
        &[id(1)],
    ));
    entries.push(entry(
        10,
        Kind::FkConstraint,
        format!("{table} {table}_parent_fkey"),
        format!(
            "ALTER TABLE ONLY public.{table}\n    ADD CONSTRAINT {table}_parent_fkey FOREIGN KEY (parent) \
             REFERENCES public.{table}(id);\n"
        ),
        &[id(1), id(8)],
    ));
}

/// The definitions of that many tables one after another, as in a plain dump without data.
pub(crate) fn script(tables: usize) -> Bytes {
    let mut text = Vec::new();
    for entry in archived(tables).toc.entries {
        text.extend_from_slice(b"--\n-- Name: ");
        text.extend_from_slice(&entry.tag);
        text.extend_from_slice(b"; Schema: public; Owner: postgres\n--\n\n");
        text.extend_from_slice(&entry.definition);
        text.extend_from_slice(b"\n\n");
    }
    text.into()
}
