#![allow(clippy::unwrap_used)]
use std::io::Write as _;
use std::sync::{Arc, Mutex};

use super::*;
use crate::dump::LargeObjectPiece;
use crate::event::Event;
use crate::pipeline::compression::{Compression, compress};
use crate::toc::{Kind, Section};

const HEAD: &str = "--\n-- PostgreSQL database dump\n--\n\n\\restrict Ab1\n\n\
    -- Dumped from database version 17.10\n-- Dumped by pg_dump version 18.4\n\n\
    SET statement_timeout = 0;\nSET transaction_timeout = 0;\nSET client_encoding = 'UTF8';\n\
    SET standard_conforming_strings = on;\n\
    SELECT pg_catalog.set_config('search_path', '', false);\nSET row_security = off;\n\n";
const END: &str = "--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict Ab1\n\n";

fn shop() -> String {
    format!(
        "{HEAD}SET default_tablespace = '';\n\nSET default_table_access_method = heap;\n\n\
         --\n-- Name: orders; Type: TABLE; Schema: public; Owner: ann\n--\n\n\
         CREATE TABLE public.orders (\n    id integer,\n    note text DEFAULT ';--'::text\n);\n\n\n\
         ALTER TABLE public.orders OWNER TO ann;\n\n\
         --\n-- Data for Name: orders; Type: TABLE DATA; Schema: public; Owner: ann\n--\n\n\
         COPY public.orders (id, note) FROM stdin;\n1\ta\\nb\n2\t\\N\n\\.\n\n\n\
         --\n-- Name: orders orders_pkey; Type: CONSTRAINT; Schema: public; Owner: ann\n--\n\n\
         ALTER TABLE ONLY public.orders\n    ADD CONSTRAINT orders_pkey PRIMARY KEY (id);\n\n\n{END}"
    )
}

async fn from_file(text: &[u8]) -> Result<(PlainDump, tempfile::NamedTempFile)> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text).unwrap();
    let dump = open(file.path(), &ReadOptions::new()).await?;
    Ok((dump, file))
}

async fn from_pipe(text: Vec<u8>) -> Result<PlainDump> {
    read(Box::pin(std::io::Cursor::new(text)), &ReadOptions::new()).await
}

async fn rows(dump: &PlainDump, table: &str) -> String {
    let entry = dump
        .toc()
        .entries
        .iter()
        .find(|entry| entry.has_data && entry.tag == table)
        .unwrap();
    match dump.data(entry.id).await.unwrap() {
        Data::Rows(rows) => {
            let pieces: Vec<Bytes> = rows.try_collect().await.unwrap();
            String::from_utf8(pieces.concat()).unwrap()
        }
        other => panic!("{other:?}"),
    }
}

fn kinds(dump: &PlainDump) -> Vec<String> {
    dump.toc()
        .entries
        .iter()
        .map(|entry| format!("{} {}", entry.kind, String::from_utf8_lossy(&entry.tag)))
        .collect()
}

fn failure(result: Result<PlainDump>) -> Error {
    result.expect_err("an error")
}

#[tokio::test]
async fn a_script_becomes_entries_as_an_archive_has_them() {
    let (dump, _file) = from_file(shop().as_bytes()).await.unwrap();
    let toc = dump.toc();
    assert_eq!(toc.server_version, "17.10");
    assert_eq!((&toc.encoding[..], toc.std_strings), ("UTF8", true));
    assert_eq!(toc.search_path, None);
    let [table, data, key] = &toc.entries[..] else {
        panic!("{:?}", kinds(&dump))
    };
    assert_eq!(table.kind, Kind::Table);
    assert!(table.definition.ends_with(b"';--'::text\n);\n"));
    assert_eq!(table.drop_statement, "DROP TABLE public.orders;\n");
    assert_eq!(
        (&table.owner[..], table.tablespace.as_deref()),
        (&b"ann"[..], Some(&b""[..]))
    );
    assert_eq!(table.table_access_method.as_deref(), Some(&b"heap"[..]));
    let copy = data.copy_statement.as_deref().unwrap();
    assert_eq!(copy, b"COPY public.orders (id, note) FROM stdin;\n");
    assert!(data.definition.is_empty());
    assert_eq!(key.section, Section::PostData);
    assert_eq!(rows(&dump, "orders").await, "1\ta\\nb\n2\t\\N\n");
    assert_eq!(dump.size_hint(data.id), Some(12));
}

#[tokio::test]
async fn pipes_and_compressed_files_give_the_same_dump_and_say_so() {
    let (plain, _file) = from_file(shop().as_bytes()).await.unwrap();
    let said = Arc::new(Mutex::new(Vec::new()));
    for compression in [
        Compression::None,
        Compression::Gzip(6),
        Compression::Zstd(3),
        Compression::Lz4(0),
    ] {
        let text = stream::iter([Ok(Bytes::from(shop()))]).boxed();
        let packed: Vec<Bytes> = compress(text, compression).try_collect().await.unwrap();
        let heard = Arc::clone(&said);
        let options = ReadOptions::new().watch(Watch::by(Arc::new(move |event: &Event| {
            heard.lock().unwrap().push(event.clone());
        })));
        let packed = packed.concat();
        // Two frames, one behind the other, are one file; two scripts are not one dump of a table.
        let dump = read(Box::pin(std::io::Cursor::new(packed.clone())), &options)
            .await
            .unwrap();
        assert_eq!(dump.toc(), plain.toc());
        assert_eq!(rows(&dump, "orders").await, rows(&plain, "orders").await);
        if compression != Compression::None {
            let cut = packed[..packed.len() - 3].to_vec();
            assert_eq!(
                failure(from_pipe(cut).await).kind(),
                ErrorKind::Stage,
                "{compression}"
            );
        }
    }
    assert_eq!(said.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn a_dump_cut_anywhere_is_an_error() {
    let text = shop();
    let whole = text.find("\\unrestrict").unwrap();
    for cut in 0..text.find("complete\n").unwrap() + "complete".len() - 1 {
        let result = from_pipe(text.as_bytes()[..cut].to_vec()).await;
        let error = result.err().unwrap_or_else(|| panic!("{:?}", &text[..cut]));
        assert_eq!(error.kind(), ErrorKind::Format, "{error}");
        assert!(error.offset().is_some());
    }
    assert!(from_pipe(text.as_bytes()[..whole].to_vec()).await.is_ok());
}

/// Every line of what a dump holds: definitions, owners, COPY statements, rows.
async fn lines(dump: &PlainDump) -> Result<Vec<String>> {
    let mut text = Vec::new();
    for entry in &dump.toc().entries {
        text.extend_from_slice(&entry.definition);
        text.extend_from_slice(b"\nOWNER TO ");
        text.extend_from_slice(&entry.owner);
        text.push(b'\n');
        if entry.has_data {
            text.extend_from_slice(entry.copy_statement.as_deref().unwrap_or_default());
            if let Data::Rows(rows) = dump.data(entry.id).await? {
                let pieces: Vec<Bytes> = rows.try_collect().await?;
                text.extend_from_slice(&pieces.concat());
            }
        }
    }
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(lines.map(str::to_owned).collect())
}

/// A script bears no sums, so that a letter of a row may become another unseen. But a byte that is
/// damaged is an error, or changes the line that it is in and costs no other.
#[tokio::test]
async fn a_script_damaged_at_any_byte_loses_no_other_line_in_silence() {
    for (text, of) in [(shop(), ""), (cluster(&["shop"]), "shop")] {
        let text = text.into_bytes();
        let mut options = ReadOptions::new();
        if !of.is_empty() {
            options = options.database(of);
        }
        let held = async |text: Vec<u8>| {
            let dump = read(Box::pin(std::io::Cursor::new(text)), &options).await?;
            lines(&dump).await
        };
        let sound = held(text.clone()).await.unwrap();
        let (mut errors, mut same) = (0, 0);
        for at in 0..text.len() {
            let flipped = |bit| {
                let mut bytes = text.clone();
                bytes[at] ^= bit;
                bytes
            };
            let mut removed = text.clone();
            removed.remove(at);
            for bytes in [flipped(0x01), flipped(0x20), removed] {
                let Ok(found) = held(bytes).await else {
                    errors += 1;
                    continue;
                };
                same += usize::from(found == sound);
                let is_there = |line: &&String| found.iter().any(|other| other.contains(*line));
                // The line itself, and the one that joins it where the end of a line was hit.
                let start = text[..at].iter().rposition(|byte| *byte == b'\n');
                let end = text[at + 1..].iter().position(|byte| *byte == b'\n');
                let touched =
                    &text[start.map_or(0, |at| at + 1)..end.map_or(text.len(), |end| at + 1 + end)];
                let touched = String::from_utf8_lossy(touched);
                for line in sound.iter().filter(|line| !is_there(line)) {
                    assert!(
                        touched.contains(line.as_str()),
                        "byte {at} of {touched:?} costs {line:?}: {found:?}"
                    );
                }
            }
        }
        assert!(errors > 0 && same > 0);
    }
}

#[tokio::test]
async fn a_copy_block_without_its_end_takes_in_no_other() {
    let text = shop().replace("\\.\n", "");
    let error = failure(from_pipe(text.clone().into_bytes()).await);
    assert_eq!(error.kind(), ErrorKind::Format);
    assert!(error.to_string().contains("COPY"), "{error}");
}

#[tokio::test]
async fn insert_dumps_stream_their_statements() {
    let text = format!(
        "{HEAD}--\n-- Data for Name: t; Type: TABLE DATA; Schema: public; Owner: -\n--\n\n\
         INSERT INTO public.t VALUES (1, 'a;\n');\nINSERT INTO public.t VALUES\n\t(2, ''),\n\t(3, '')\n  ON CONFLICT DO NOTHING;\n\n\n\
         --\n-- Name: t_seq; Type: SEQUENCE SET; Schema: public; Owner: -\n--\n\n\
         SELECT pg_catalog.setval('public.t_seq', 3, true);\n\n\n{END}"
    );
    let (file, _file) = from_file(text.as_bytes()).await.unwrap();
    let pipe = from_pipe(text.clone().into_bytes()).await.unwrap();
    assert_eq!(kinds(&file), ["TABLE DATA t", "SEQUENCE SET t_seq"]);
    assert!(file.toc().entries[0].copy_statement.is_none());
    for dump in [&file, &pipe] {
        let rows = rows(dump, "t").await;
        assert!(
            rows.starts_with("INSERT INTO public.t VALUES (1, 'a;\n');\nINSERT"),
            "{rows}"
        );
        assert!(
            rows.trim_end().ends_with("ON CONFLICT DO NOTHING;"),
            "{rows}"
        );
    }
}

#[tokio::test]
async fn statements_without_comments_are_known_by_their_words() {
    let text = "SET session_replication_role = replica;\nBEGIN;\n\
         CREATE TABLE votes (id int PRIMARY KEY);\nALTER TABLE votes OWNER TO ann;\n\
         INSERT INTO votes VALUES (1);\nCREATE TABLE options (id int);\n\
         COPY options (id) FROM stdin;\n7\n\\.\nINSERT INTO votes VALUES (2);\n\
         CREATE INDEX i ON votes (id);\nUPDATE votes SET id = 3;\nCOMMIT;\n";
    let (dump, _file) = from_file(text.as_bytes()).await.unwrap();
    assert_eq!(
        kinds(&dump),
        [
            "TABLE votes",
            "TABLE DATA votes",
            "TABLE options",
            "TABLE DATA options",
            "INDEX i",
            "UPDATE VOTES "
        ]
    );
    let toc = dump.toc();
    assert_eq!(toc.entries[0].owner, "ann");
    assert_eq!(toc.entries[0].namespace.as_deref(), Some(&b"public"[..]));
    assert_eq!(toc.entries[5].section, Section::PostData);
    assert_eq!(
        toc.search_path.as_deref(),
        Some(
            &b"SET session_replication_role = replica;\nSET search_path = \"$user\", public;\n"[..]
        )
    );
    // All rows of a table are one entry: a restore may empty the table before it loads one.
    assert_eq!(
        rows(&dump, "votes").await,
        "INSERT INTO votes VALUES (1);INSERT INTO votes VALUES (2);"
    );
    let copy = toc.entries[3].copy_statement.as_deref().unwrap();
    assert_eq!(copy, b"COPY public.options (id) FROM stdin;\n");
}

#[tokio::test]
async fn search_paths_of_old_dumps_go_with_their_entries() {
    let text = "SET search_path = a, pg_catalog;\nCREATE TABLE t (id int);\n\
                COPY t (id) FROM stdin;\n1\n\\.\nSET search_path = \"B\", pg_catalog;\nCREATE VIEW v AS SELECT 1;\n";
    let (dump, _file) = from_file(text.as_bytes()).await.unwrap();
    let toc = dump.toc();
    assert_eq!(
        toc.entries[0].definition,
        "SET search_path = a, pg_catalog;\nCREATE TABLE t (id int);\n"
    );
    assert_eq!(
        toc.entries[1].copy_statement.as_deref(),
        Some(&b"COPY a.t (id) FROM stdin;\n"[..])
    );
    assert_eq!(toc.entries[2].namespace.as_deref(), Some(&b"B"[..]));
    assert!(
        toc.entries[2]
            .definition
            .starts_with(b"SET search_path = \"B\", pg_catalog;\n")
    );
}

#[tokio::test]
async fn dos_line_ends_of_copy_data_are_undone() {
    let text = shop().replace('\n', "\r\n");
    let (file, _file) = from_file(text.as_bytes()).await.unwrap();
    assert_eq!(rows(&file, "orders").await, "1\ta\\nb\n2\t\\N\n");
    let copy = file.toc().entries[1].copy_statement.as_deref().unwrap();
    assert_eq!(copy, b"COPY public.orders (id, note) FROM stdin;\n");
}

#[tokio::test]
async fn large_objects_are_one_entry_each_and_their_content_one() {
    let text = format!(
        "{HEAD}--\n-- Name: 5..6; Type: BLOB METADATA; Schema: -; Owner: ann\n--\n\n\
         SELECT pg_catalog.lo_create('5');\nSELECT pg_catalog.lo_create('6');\n\n\n\
         ALTER LARGE OBJECT 5 OWNER TO ann;\nALTER LARGE OBJECT 6 OWNER TO ann;\n\n\
         --\n-- Data for Name: 5..6; Type: BLOBS; Schema: -; Owner: ann\n--\n\nBEGIN;\n\n\
         SELECT pg_catalog.lo_open('5', 131072);\nSELECT pg_catalog.lowrite(0, '\\x00ff');\n\
         SELECT pg_catalog.lo_close(0);\n\n\
         SELECT pg_catalog.lo_open('6', 131072);\nSELECT pg_catalog.lo_close(0);\n\nCOMMIT;\n\n\n{END}"
    );
    for dump in [
        from_file(text.as_bytes()).await.unwrap().0,
        from_pipe(text.clone().into_bytes()).await.unwrap(),
    ] {
        assert_eq!(kinds(&dump), ["BLOB 5", "BLOB 6", "BLOBS 5..6"]);
        let toc = dump.toc();
        assert_eq!(toc.large_objects(&toc.entries[2]).unwrap(), [5, 6]);
        assert_eq!(
            toc.entries[1].drop_statement,
            "SELECT pg_catalog.lo_unlink('6');\n"
        );
    }
    let dump = from_pipe(text.into_bytes()).await.unwrap();
    let Data::LargeObjects(pieces) = dump.data(dump.toc().entries[2].id).await.unwrap() else {
        panic!("large objects")
    };
    let pieces: Vec<_> = pieces.try_collect().await.unwrap();
    assert_eq!(
        pieces[1],
        LargeObjectPiece::Content(Bytes::from_static(b"\x00\xff"))
    );
    assert_eq!(pieces.len(), 5);
}

#[tokio::test]
async fn drops_of_a_clean_dump_go_to_their_entries() {
    let text = shop().replace(
        "SET default_tablespace",
        "ALTER TABLE IF EXISTS ONLY public.orders DROP CONSTRAINT IF EXISTS orders_pkey;\n\
         DROP TABLE IF EXISTS public.orders;\nSET default_tablespace",
    );
    let (dump, _file) = from_file(text.as_bytes()).await.unwrap();
    let entries = &dump.toc().entries;
    assert_eq!(entries.len(), 3);
    assert_eq!(entries[0].drop_statement, "DROP TABLE public.orders;\n");
    assert_eq!(
        entries[2].drop_statement,
        "ALTER TABLE ONLY public.orders DROP CONSTRAINT orders_pkey;\n"
    );
}

#[tokio::test]
async fn what_only_psql_can_load_is_refused_with_its_place() {
    for (text, kind) in [
        ("SELECT 1;\n\\! id\n", ErrorKind::Unsupported),
        ("CREATE ROLE x;\n", ErrorKind::Unsupported),
        (
            "CREATE TABLE t ();\n-- PostgreSQL database cluster dump\n",
            ErrorKind::Unsupported,
        ),
        (
            "SET client_encoding = 'SJIS';\nSELECT 1;",
            ErrorKind::Unsupported,
        ),
        ("CREATE TABLE t ();\n\\connect x\n", ErrorKind::Unsupported),
        ("CREATE TABLE t ();\nROLLBACK;\n", ErrorKind::Unsupported),
        (
            "CREATE TABLE t ();\nSET DateStyle = 'German';\nINSERT INTO t VALUES (1);",
            ErrorKind::Unsupported,
        ),
        ("COPY t FROM stdin BINARY;\n\\.\n", ErrorKind::Unsupported),
        (
            "\\restrict a\nSELECT 1;\n\\unrestrict b\n",
            ErrorKind::Format,
        ),
        ("", ErrorKind::Format),
        ("PGDMP\u{1}\u{f}", ErrorKind::Unsupported),
        ("BZh91AY", ErrorKind::Unsupported),
    ] {
        let error = failure(from_pipe(text.as_bytes().to_vec()).await);
        assert_eq!(error.kind(), kind, "{text:?}: {error}");
    }
    let error = failure(open(Path::new("/nonexistent/x.sql"), &ReadOptions::new()).await);
    assert_eq!(error.kind(), ErrorKind::Missing);
}

#[tokio::test]
async fn names_with_line_ends_are_read_from_the_definition() {
    let text = format!(
        "{HEAD}--\n-- Name: a b; Type: TABLE; Schema: s x; Owner: ann\n--\n\n\
         CREATE TABLE \"s\nx\".\"a\nb\" (\n    id integer\n);\n\n\n\
         ALTER TABLE \"s\nx\".\"a\nb\" OWNER TO ann;\n\n\
         --\n-- Data for Name: a b; Type: TABLE DATA; Schema: s x; Owner: ann\n--\n\n\
         COPY \"s\nx\".\"a\nb\" (id) FROM stdin;\n1\n\\.\n\n\n{END}"
    );
    let (dump, _file) = from_file(text.as_bytes()).await.unwrap();
    for entry in &dump.toc().entries {
        assert_eq!(
            (&entry.tag[..], entry.namespace.as_deref()),
            (&b"a\nb"[..], Some(&b"s\nx"[..]))
        );
    }
    assert_eq!(
        dump.toc().entries[0].drop_statement,
        "DROP TABLE \"s\nx\".\"a\nb\";\n"
    );
}

#[tokio::test]
async fn definitions_are_bounded() {
    let limits = "toc_entries=2".parse().unwrap();
    let options = ReadOptions::new().limits(limits);
    let input = std::io::Cursor::new(shop().into_bytes());
    let error = failure(read(Box::pin(input), &options).await);
    assert_eq!(error.kind(), ErrorKind::Limit);
}

#[tokio::test]
async fn what_a_script_holds_is_digested_where_it_says_the_whole() {
    let mut hasher = crate::digest::RowsHasher::new();
    hasher.update(b"1\ta\\nb\n2\t\\N\n");
    let expect = hasher.finish().unwrap();
    for text in [shop(), shop().replace('\n', "\r\n")] {
        let dump = from_pipe(text.into_bytes()).await.unwrap();
        let evidence = dump.evidence();
        let [table] = &evidence.tables.values().collect::<Vec<_>>()[..] else {
            panic!("{evidence:?}")
        };
        assert_eq!(table.digest, expect);
        assert_eq!(
            (&table.namespace[..], &table.name[..]),
            ("public", "orders")
        );
        assert_eq!(table.columns, ["id", "note"]);
        assert_eq!(evidence.source.server_version, "17.10");
    }
    for doubtful in [
        "CREATE TABLE t (a int);\nCOPY t FROM stdin;\n1\n\\.\nUPDATE t SET a = 2;\n",
        "CREATE TABLE t (a int);\nCOPY t FROM stdin;\n1\n\\.\nINSERT INTO t VALUES (2);\n",
        "CREATE TABLE t (a int);\nCOPY t FROM stdin WITH (FORMAT csv);\n\"1\"\n\\.\n",
    ] {
        let dump = from_pipe(doubtful.as_bytes().to_vec()).await.unwrap();
        assert!(dump.evidence().tables.is_empty(), "{doubtful}");
    }
    let text = "COPY t FROM stdin;\n1\n\\.\nCOPY t FROM stdin;\n2\n\\.\nSELECT setval('s', -7);\n";
    let evidence = from_pipe(text.as_bytes().to_vec())
        .await
        .unwrap()
        .evidence();
    assert_eq!(evidence.tables.values().next().unwrap().digest.rows, 2);
    assert_eq!(evidence.sequences.values().next().unwrap().last_value, -7);
}

#[tokio::test]
async fn a_table_of_two_streams_is_never_emptied_between_them() {
    let text = "COPY t (a) FROM stdin;\n1\n\\.\nCOPY t (a, b) FROM stdin;\n1\t2\n\\.\nCOPY u FROM stdin;\n\\.\n";
    let dump = from_pipe(text.as_bytes().to_vec()).await.unwrap();
    let via_root: Vec<bool> = dump
        .toc()
        .entries
        .iter()
        .map(crate::toc::render::loads_via_partition_root)
        .collect();
    assert_eq!(via_root, [true, true, false]);
}

#[tokio::test]
async fn what_is_encrypted_is_called_so() {
    for (begin, by) in [
        (&b"age-encryption.org/v1\n-> X25519 "[..], "age"),
        (b"-----BEGIN AGE ENCRYPTED FILE-----\n", "age"),
        (b"-----BEGIN PGP MESSAGE-----\n\n", "gpg"),
        // gpg --symmetric, --recipient with a key of RSA, and in the new framing.
        (b"\x8c\x0d\x04\x09\x03\x02\x7d\xa6\x0e\x8e", "gpg"),
        (b"\x85\x01\x8c\x03\x77\xce\x8b\xf7\x0c\x6b", "gpg"),
        (b"\xc1\xc0\x4c\x03\x77\xce\x8b\xf7\x0c\x6b", "gpg"),
        (b"Salted__\x05\x54\x7b\xe9\x39\x19\xd9\xdf", "openssl"),
    ] {
        let mut text = begin.to_vec();
        text.extend([0x91; 300]);
        let error = from_pipe(text).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains(by), "{error}");
    }
    // Text of any encoding is not.
    for text in ["\u{feff}SELECT 1;\n", "-- \u{e9}\nSELECT 1;\n", "\u{e9}"] {
        assert_eq!(encrypted_by(text.as_bytes()), None, "{text}");
    }
}

fn cluster(databases: &[&str]) -> String {
    let mut text = "--\n-- PostgreSQL database cluster dump\n--\n\n\\restrict Top\n\n\
        SET client_encoding = 'UTF8';\nCREATE ROLE ann;\nALTER ROLE ann WITH LOGIN;\n\n\
        \\unrestrict Top\n\n--\n-- Databases\n--\n\n--\n-- Database \"template1\" dump\n--\n\n\
        \\connect template1\n\n"
        .to_owned();
    text.push_str(&format!("{HEAD}{END}"));
    for name in databases {
        text.push_str(&format!(
            "--\n-- Database \"{name}\" dump\n--\n\n{HEAD}\
             --\n-- Name: {name}; Type: DATABASE; Schema: -; Owner: ann\n--\n\n\
             CREATE DATABASE {name} WITH TEMPLATE = template0 ENCODING = 'UTF8';\n\n\n\
             ALTER DATABASE {name} OWNER TO ann;\n\n\\unrestrict Ab1\n\n\\connect {name}\n\n"
        ));
        text.push_str(&shop().replacen(HEAD, "\\restrict Ab1\n\nSET row_security = off;\n\n", 1));
    }
    text.push_str("--\n-- PostgreSQL database cluster dump complete\n--\n\n");
    text
}

async fn taken(text: &str, options: &ReadOptions) -> Result<PlainDump> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let from_file = open(file.path(), options).await;
    let text = std::io::Cursor::new(text.to_owned());
    let from_pipe = read(Box::pin(text), options).await;
    match (&from_file, &from_pipe) {
        (Ok(one), Ok(other)) => {
            assert_eq!(one.toc(), other.toc());
            if !one.toc().entries.is_empty() {
                assert_eq!(rows(one, "orders").await, rows(other, "orders").await);
            }
        }
        (Err(one), Err(other)) => assert_eq!(one.kind(), other.kind()),
        _ => panic!("{from_file:?} and {from_pipe:?}"),
    }
    from_pipe
}

#[tokio::test]
async fn one_database_of_a_cluster_is_taken() {
    let two = cluster(&["shop", "blog"]);
    let dump = taken(&two, &ReadOptions::new().database("blog"))
        .await
        .unwrap();
    assert_eq!(dump.toc().database, "blog");
    assert_eq!(rows(&dump, "orders").await, "1\ta\\nb\n2\t\\N\n");
    let globals = dump.evidence().globals.unwrap();
    assert!(globals.roles[0].login);

    let error = taken(&two, &ReadOptions::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    let said = error.to_string();
    assert!(
        said.contains("\"shop\" (1 tables)") && said.contains("--database"),
        "{said}"
    );
    let error = taken(&two, &ReadOptions::new().database("x"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing);
    let dump = taken(&two, &ReadOptions::new().globals_only())
        .await
        .unwrap();
    assert!(dump.toc().entries.is_empty() && dump.evidence().globals.is_some());

    // The only one that holds anything needs no name.
    let dump = taken(&cluster(&["shop"]), &ReadOptions::new())
        .await
        .unwrap();
    assert_eq!(dump.toc().database, "shop");
    // Empty ones are known by name too.
    let dump = taken(&two, &ReadOptions::new().database("template1"))
        .await
        .unwrap();
    assert!(dump.toc().entries.is_empty());
}

#[tokio::test]
async fn a_cluster_that_was_cut_gives_the_databases_in_front() {
    let two = cluster(&["shop", "blog"]);
    let blog = two.find("Database \"blog\" dump").unwrap();
    let rows_of_blog = blog + two[blog..].find("2\t\\N").unwrap();
    let salvaged = async |end: usize, of: &str| {
        let damage = Damage::new();
        let options = ReadOptions::new().database(of).salvage(damage.clone());
        let text = std::io::Cursor::new(two[..end].to_owned());
        (read(Box::pin(text), &options).await, damage.take())
    };
    // In the rows of the second: the first is whole, and the second without its rows.
    let (shop, damages) = salvaged(rows_of_blog, "shop").await;
    assert_eq!(rows(&shop.unwrap(), "orders").await, "1\ta\\nb\n2\t\\N\n");
    assert!(!damages.is_empty());
    let (dump, damages) = salvaged(rows_of_blog, "blog").await;
    let dump = dump.unwrap();
    assert_eq!(dump.toc().database, "blog");
    assert!(
        dump.toc()
            .entries
            .iter()
            .any(|entry| entry.kind == Kind::Table)
    );
    assert!(!dump.toc().entries.iter().any(|entry| entry.has_data));
    assert!(
        damages
            .iter()
            .any(|lost| lost.to_string().contains("orders")),
        "{damages:?}"
    );
    // In front of it: it is not there.
    let (missing, damages) = salvaged(blog, "blog").await;
    let error = missing.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing);
    assert!(
        error.to_string().contains("in front of the damage"),
        "{error}"
    );
    assert!(!damages.is_empty());
}

#[tokio::test]
async fn a_cluster_that_was_cut_is_refused_wherever() {
    let two = cluster(&["shop", "blog"]);
    for at in (0..two.len()).step_by(37).filter(|at| *at > 45) {
        let end = two.floor_char_boundary(at);
        for options in [
            ReadOptions::new().database("shop"),
            ReadOptions::new().globals_only(),
        ] {
            let error = taken(&two[..end], &options).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Format, "{at}: {error}");
        }
    }
}
