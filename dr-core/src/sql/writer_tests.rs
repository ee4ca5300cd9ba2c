#![allow(clippy::unwrap_used)]
use std::collections::HashMap;

use futures::FutureExt;
use futures::future::BoxFuture;
use proptest::prelude::*;

use super::super::reader::{ReadOptions, read};
use super::*;
use crate::dump::LargeObjectPiece;

/// A dump held in memory.
struct Held {
    toc: Toc,
    rows: HashMap<EntryId, Vec<Bytes>>,
}

impl Dump for Held {
    fn toc(&self) -> &Toc {
        &self.toc
    }

    fn data(&self, entry: EntryId) -> BoxFuture<'_, Result<Data>> {
        async move {
            if self.toc.get(entry).unwrap().kind == Kind::Blobs {
                let pieces = vec![
                    LargeObjectPiece::Begin(7),
                    LargeObjectPiece::Content(Bytes::from_static(b"\\\n\\.")),
                    LargeObjectPiece::End,
                ];
                return Ok(Data::LargeObjects(stream::iter(pieces).map(Ok).boxed()));
            }
            let rows = self.rows[&entry].clone();
            Ok(Data::Rows(stream::iter(rows).map(Ok).boxed()))
        }
        .boxed()
    }
}

fn held(rows: Vec<Bytes>) -> Held {
    let mut table = Entry::new(EntryId(3), Kind::Table, "a\n\\! touch x\nb");
    table.namespace = Some("public".into());
    table.owner = "an\nn".into();
    table.definition = "CREATE TABLE public.\"a\n\\! touch x\nb\" (\n    id integer\n);\n".into();
    table.drop_statement = "DROP TABLE public.\"a\n\\! touch x\nb\";\n".into();
    let mut data = Entry::new(EntryId(5), Kind::TableData, table.tag.clone());
    data.namespace = table.namespace.clone();
    data.copy_statement = Some("COPY public.\"a\n\\! touch x\nb\" (id) FROM stdin;\n".into());
    data.has_data = true;
    let mut blobs = Entry::new(EntryId(6), Kind::Blobs, "BLOBS");
    blobs.has_data = true;
    let mut acl = Entry::new(EntryId(4), Kind::Acl, "TABLE t");
    acl.definition = "GRANT ALL ON TABLE public.t TO x;\n".into();
    Held {
        toc: Toc {
            encoding: "UTF8".into(),
            std_strings: true,
            entries: vec![table, acl, data, blobs],
            ..Toc::default()
        },
        rows: HashMap::from([(EntryId(5), rows)]),
    }
}

async fn written(held: Held, options: WriteOptions) -> Result<String> {
    let toc = Arc::new(held.toc.clone());
    let pieces: Vec<Bytes> = script(Arc::new(held), toc, options).try_collect().await?;
    Ok(String::from_utf8(pieces.concat()).unwrap())
}

#[tokio::test]
async fn no_line_of_a_script_is_a_psql_command() {
    let text = written(held(vec!["1\n".into()]), WriteOptions::new())
        .await
        .unwrap();
    assert!(text.contains("-- Name: a \\! touch x b; Type: TABLE; Schema: public; Owner: an n\n"));
    let mut lexer = Lexer::new(&Limits::default());
    lexer.feed(text.clone().into());
    lexer.end();
    while let Some(piece) = lexer.next_piece().unwrap() {
        assert!(!matches!(
            piece.kind,
            PieceKind::Connect | PieceKind::Restrict
        ));
    }
    let acl = text.find("GRANT").unwrap();
    assert!(
        acl > text.find("lo_close").unwrap(),
        "privileges come after data"
    );
    assert!(
        !written(held(vec![]), WriteOptions::new().no_acl())
            .await
            .unwrap()
            .contains("GRANT")
    );
}

#[tokio::test]
async fn text_that_commands_psql_is_refused() {
    for (definition, kind) in [
        ("SELECT 1;\n\\! rm\n", ErrorKind::Unsupported),
        ("\\connect other\n", ErrorKind::Unsupported),
        ("SELECT 'open", ErrorKind::Format),
        ("COPY t FROM stdin;\n\\.\n", ErrorKind::Unsupported),
    ] {
        let mut held = held(vec![]);
        held.toc.entries[0].definition = definition.into();
        let error = written(held, WriteOptions::new()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{definition}");
        assert!(error.entry().is_some());
    }
    for rows in [
        &["1\n\\.\n2\n"][..],
        &["\\.\n"],
        &["1\n", "\\", ".", "\r\n"],
        &["1\n\\.", "\n"],
        &["1"],
    ] {
        let rows = rows.iter().map(|text| Bytes::from(*text)).collect();
        let error = written(held(rows), WriteOptions::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format);
    }
    let mut inserts = held(vec![
        "INSERT INTO t VALUES (';')".into(),
        ";\n\\! rm\n".into(),
    ]);
    inserts.toc.entries[2].copy_statement = None;
    let error = written(inserts, WriteOptions::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn parts_and_drops_are_chosen() {
    let schema = written(held(vec![]), WriteOptions::new().parts(Parts::Schema))
        .await
        .unwrap();
    assert!(
        schema.contains("CREATE TABLE") && !schema.contains("COPY") && !schema.contains("lo_open")
    );
    let data = written(held(vec![]), WriteOptions::new().parts(Parts::Data))
        .await
        .unwrap();
    assert!(!data.contains("CREATE TABLE") && data.contains("COPY") && data.contains("lo_open"));
    let clean = written(held(vec![]), WriteOptions::new().clean(Existing::Maybe))
        .await
        .unwrap();
    assert!(clean.find("DROP TABLE IF EXISTS").unwrap() < clean.find("CREATE TABLE").unwrap());
}

proptest! {
    #[test]
    fn what_is_written_is_read(rows in proptest::collection::vec("[a-z\\\\N.\t]{0,6}", 0..8), cut in 1usize..5) {
        let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
        let ends = text.starts_with("\\.\n") || text.contains("\n\\.\n");
        let pieces = text.as_bytes().chunks(cut).map(Bytes::copy_from_slice).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let before = held(pieces);
            let mut toc = before.toc.clone();
            let script = written(before, WriteOptions::new()).await;
            if ends {
                assert_eq!(script.unwrap_err().kind(), ErrorKind::Format);
                return;
            }
            let input = std::io::Cursor::new(script.unwrap().into_bytes());
            let dump = read(Box::pin(input), &ReadOptions::new()).await.unwrap();
            // The script puts privileges last, numbers by itself, and cannot say a line end.
            let acl = toc.entries.remove(1);
            toc.entries.push(acl);
            for (entry, found) in toc.entries.iter_mut().zip(&dump.toc().entries) {
                entry.id = found.id;
                entry.relkind = found.relkind;
            }
            toc.entries[0].owner = "an\nn".into();
            assert_eq!(dump.toc(), &toc);
            let Data::Rows(read) = dump.data(toc.entries[1].id).await.unwrap() else { panic!() };
            let read: Vec<Bytes> = read.try_collect().await.unwrap();
            assert_eq!(read.concat(), text.as_bytes());
        });
    }
}
