//! Laws of the codec: what is written is read back the same; input of any kind is an error or a
//! Toc, within the limits.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::limits::Limits;
use crate::toc::{CatalogId, Entry, EntryId, Kind, Section};
use proptest::prelude::*;

fn text() -> impl Strategy<Value = Bytes> {
    proptest::collection::vec(1u8..=255, 0..20).prop_map(Bytes::from)
}

fn some_text() -> impl Strategy<Value = Bytes> {
    proptest::collection::vec(1u8..=255, 1..20).prop_map(Bytes::from)
}

prop_compose! {
    fn any_entry()(
        id in 1u32..=0x7fff_ffff,
        table in any::<u32>(),
        oid in any::<u32>(),
        kind in prop_oneof![
            Just("TABLE".to_owned()), Just("TABLE DATA".to_owned()), Just("ACL".to_owned()),
            "[A-Z ]{1,12}".prop_filter("settings are no entries",
                |kind| ![ENCODING, STDSTRINGS, SEARCHPATH].contains(&kind.as_str())),
        ],
        section in prop_oneof![
            Just(Section::None), Just(Section::PreData), Just(Section::Data), Just(Section::PostData),
        ],
        texts in [text(), text(), text(), text()],
        namespace in proptest::option::of(some_text()),
        tablespace in proptest::option::of(text()),
        method in proptest::option::of(some_text()),
        copy in proptest::option::of(some_text()),
        relkind in any::<u8>(),
        dependencies in proptest::collection::vec(any::<u32>(), 0..5),
        has_data in any::<bool>(),
    ) -> Entry {
        let [tag, owner, definition, drop_statement] = texts;
        let mut entry = Entry::new(EntryId(id), Kind::from(kind.as_str()), tag);
        entry.catalog_id = CatalogId { table, oid };
        entry.section = section;
        entry.owner = owner;
        entry.definition = definition;
        entry.drop_statement = drop_statement;
        entry.namespace = namespace;
        entry.tablespace = tablespace;
        entry.table_access_method = method;
        entry.copy_statement = copy;
        entry.relkind = relkind;
        entry.dependencies = dependencies.into_iter().map(EntryId).collect();
        entry.has_data = has_data;
        entry
    }
}

prop_compose! {
    fn any_archive()(
        entries in proptest::collection::vec((any_entry(), any::<u64>()), 0..6),
        version in prop_oneof![Just(Version::V1_14), Just(Version::V1_15), Just(Version::V1_16)],
        method in prop_oneof![
            Just(Method::None), Just(Method::Gzip), Just(Method::Lz4), Just(Method::Zstd),
        ],
        custom in any::<bool>(),
        created in -60_000_000_000i64..200_000_000_000,
        std_strings in any::<bool>(),
        encoding in prop_oneof![Just(""), Just("UTF8"), Just("LATIN1")],
        search_path in proptest::option::of(prop_oneof![
            Just(Bytes::new()), Just(Bytes::from_static(b"SET search_path = a;\n")),
        ]),
        database in text(),
        versions in ["[ -~]{0,20}", "[ -~]{0,20}"],
    ) -> Archived {
        let mut toc = Toc::default();
        let version = version.max(Version::lowest_with(method));
        let mut places = Vec::new();
        for (mut entry, number) in entries {
            if version < Version::V1_16 {
                entry.relkind = 0;
            }
            places.push(match (number % 3, custom) {
                (0, _) => Place::Nowhere,
                (1, true) => Place::Unrecorded,
                (_, true) => Place::At(number),
                (_, false) => Place::File(Bytes::from(format!("{number}.dat"))),
            });
            toc.entries.push(entry);
        }
        toc.created = created;
        toc.std_strings = std_strings;
        toc.encoding = encoding.to_owned();
        toc.search_path = search_path;
        toc.database = database;
        let [server_version, dump_version] = versions;
        toc.server_version = server_version;
        toc.dump_version = dump_version;
        Archived {
            version,
            format: if custom { Format::Custom } else { Format::Tar },
            method,
            toc,
            places,
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_the_same(archived in any_archive()) {
        let bytes = write(&archived).unwrap();
        prop_assert_eq!(read(&bytes, &Limits::default()).unwrap(), archived);
    }

    #[test]
    fn a_cut_table_of_contents_is_an_error_with_its_offset(archived in any_archive(), cut in any::<prop::sample::Index>()) {
        let bytes = write(&archived).unwrap();
        let cut = bytes.slice(..cut.index(bytes.len()));
        let error = read(&cut, &Limits::default()).unwrap_err();
        prop_assert_eq!(error.kind(), ErrorKind::Format);
        prop_assert!(error.offset().unwrap() <= cut.len() as u64);
    }

    #[test]
    fn damaged_bytes_are_read_or_refused(
        archived in any_archive(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = write(&archived).unwrap().to_vec();
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = read(&Bytes::from(bytes), &Limits::default());
    }
}

#[test]
fn a_length_is_refused_by_the_limits_before_anything_is_taken() {
    let mut toc = Toc::default();
    let mut entry = Entry::new(EntryId(1), Kind::Function, "f()");
    entry.definition = Bytes::from(vec![b'x'; 2000]);
    toc.entries.push(entry);
    let archived = Archived {
        version: Version::V1_16,
        format: Format::Tar,
        method: Method::None,
        toc,
        places: vec![Place::Nowhere],
    };
    let bytes = write(&archived).unwrap();
    let mut limits: Limits = "toc_string=1999".parse().unwrap();
    let error = read(&bytes, &limits).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert_eq!(error.entry(), Some("entry 1 (FUNCTION f())"));
    limits.apply("toc_string=2000").unwrap();
    limits.apply("toc_entries=2").unwrap(); // the settings count as entries
    assert_eq!(read(&bytes, &limits).unwrap_err().kind(), ErrorKind::Limit);
    limits.apply("toc_entries=3").unwrap();
    assert!(read(&bytes, &limits).is_ok());
}

#[test]
fn what_a_version_cannot_hold_is_refused_when_it_is_built() {
    let archived = Archived {
        version: Version::V1_14,
        format: Format::Tar,
        method: Method::Zstd,
        toc: Toc::default(),
        places: Vec::new(),
    };
    let error = write(&archived).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn the_version_is_that_of_the_servers_own_pg_dump_or_the_lowest_that_holds_the_compression() {
    for (server, method, version) in [
        ("13.23", Method::Gzip, Version::V1_14),
        (
            "15.18 (Debian 15.18-0+deb12u1)",
            Method::None,
            Version::V1_14,
        ),
        ("15.18", Method::Zstd, Version::V1_15),
        ("16.14", Method::Gzip, Version::V1_15),
        ("17.1", Method::None, Version::V1_16),
        ("18beta1", Method::Zstd, Version::V1_16),
        ("9.6.24", Method::None, Version::V1_14),
        ("", Method::None, Version::V1_16),
    ] {
        assert_eq!(Version::for_dump(server, method), version, "{server}");
    }
}

/// A table of contents as pg_dump 9.6 writes it: no SEARCHPATH entry, no table access methods.
#[test]
fn an_archive_of_9_6_means_the_same_without_its_search_path() {
    let mut bytes = b"PGDMP\x01\x0c\x00\x04\x08\x03".to_vec();
    let int = |bytes: &mut Vec<u8>, number: i32| {
        bytes.push(u8::from(number < 0));
        bytes.extend_from_slice(&number.unsigned_abs().to_le_bytes());
    };
    let string = |bytes: &mut Vec<u8>, text: Option<&str>| {
        int(
            bytes,
            text.map_or(-1, |text| i32::try_from(text.len()).unwrap()),
        );
        bytes.extend_from_slice(text.unwrap_or_default().as_bytes());
    };
    int(&mut bytes, -1); // compression
    for number in [5, 4, 3, 2, 0, 117, 0] {
        int(&mut bytes, number); // 03:04:05 on the 2nd of January 2017
    }
    for text in ["shop", "9.6.24", "9.6.24"] {
        string(&mut bytes, Some(text));
    }
    int(&mut bytes, 1);
    int(&mut bytes, 2100);
    int(&mut bytes, 1);
    for text in ["0", "16385", "votes", "TABLE DATA"] {
        string(&mut bytes, Some(text));
    }
    int(&mut bytes, 3);
    for text in [
        "",
        "",
        "COPY votes (id) FROM stdin;\n",
        "public",
        "",
        "app",
        "false",
        "185",
    ] {
        string(&mut bytes, Some(text));
    }
    string(&mut bytes, None);
    string(&mut bytes, Some("2100.dat"));
    let archived = read(&Bytes::from(bytes), &Limits::default()).unwrap();
    assert_eq!(archived.version, Version::V1_12);
    assert_eq!(archived.method, Method::Gzip);
    assert_eq!(archived.toc.created, 1_483_326_245);
    assert_eq!(
        archived.places,
        [Place::File(Bytes::from_static(b"2100.dat"))]
    );
    let entry = &archived.toc.entries[0];
    assert_eq!(entry.to_string(), "entry 2100 (TABLE DATA public.votes)");
    assert_eq!(entry.dependencies, [EntryId(185)]);
    assert_eq!(
        entry.copy_statement.as_deref(),
        Some(&b"COPY public.votes (id) FROM stdin;\n"[..])
    );
}
