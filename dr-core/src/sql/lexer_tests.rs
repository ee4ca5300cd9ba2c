#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;

/// The pieces of `text` cut at `cuts`; neighboring COPY data joined.
fn pieces(text: &[u8], cuts: &[usize]) -> Result<Vec<Piece>> {
    let mut lexer = Lexer::new(&Limits::default());
    let mut found: Vec<Piece> = Vec::new();
    let mut rest = text;
    let mut cuts = cuts.iter();
    loop {
        match lexer.next_piece()? {
            Some(piece) => match found.last_mut() {
                Some(last)
                    if last.kind == PieceKind::CopyData && piece.kind == PieceKind::CopyData =>
                {
                    last.text = [&last.text[..], &piece.text].concat().into();
                }
                _ => found.push(piece),
            },
            None if rest.is_empty() && lexer.ended => return Ok(found),
            None if rest.is_empty() => lexer.end(),
            None => {
                let cut = cuts
                    .next()
                    .copied()
                    .unwrap_or(rest.len())
                    .clamp(1, rest.len());
                lexer.feed(Bytes::copy_from_slice(&rest[..cut]));
                rest = &rest[cut..];
            }
        }
    }
}

/// Kind and text of what is not blank, each cutting of the text giving the same.
fn texts(text: &str) -> Vec<(PieceKind, String)> {
    let whole = pieces(text.as_bytes(), &[]).unwrap();
    assert_eq!(
        whole,
        pieces(text.as_bytes(), &vec![1; text.len()]).unwrap(),
        "{text:?}"
    );
    let joined: Vec<u8> = whole.iter().flat_map(|piece| piece.text.to_vec()).collect();
    assert_eq!(joined, text.as_bytes());
    whole
        .into_iter()
        .filter(|piece| piece.kind != PieceKind::Blank)
        .map(|piece| (piece.kind, String::from_utf8(piece.text.to_vec()).unwrap()))
        .collect()
}

fn statements(text: &str) -> Vec<String> {
    texts(text)
        .into_iter()
        .filter(|(kind, _)| *kind == PieceKind::Statement)
        .map(|(_, text)| text)
        .collect()
}

fn failure(text: &str) -> Error {
    let whole = pieces(text.as_bytes(), &[]).unwrap_err();
    let cut = pieces(text.as_bytes(), &vec![1; text.len()]).unwrap_err();
    assert_eq!(whole.to_string(), cut.to_string());
    whole
}

#[test]
fn a_semicolon_ends_a_statement_only_outside_everything() {
    for one in [
        "SELECT ';';",
        "SELECT '\\';",
        "SELECT 'a'';b';",
        "SELECT E'a\\';b';",
        "SELECT e'\\\\';",
        "SELECT E'a'\n  'b\\';c';",
        "SELECT E'a' -- x\n 'b\\';c';",
        "SELECT E'a' 'b\\';",
        "SELECT U&'d\\0061t;' UESCAPE '!';",
        "SELECT u&\"d;\\0061\"\"t\";",
        "SELECT n';';",
        "SELECT b'0;', X'1F;';",
        "SELECT 1 AS \"a;\"\"b\";",
        "SELECT $$;$$;",
        "SELECT $a$;$$;$a;$b$;$a$;",
        "SELECT $a$ $$a$;",
        "SELECT $é_1$;$é_1$;",
        "SELECT $1 + a$b + a$$;",
        "SELECT $e'\\';';",
        "SELECT 1e'\\';",
        "SELECT 1$$;$$;",
        "SELECT a-- ;\n;",
        "SELECT 1 -/* ; /* ; */ ; */ 2;",
        "SELECT 1 /**/ + 2 /* *//* */;",
        "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2);",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END;",
        "create or replace procedure p() begin atomic select 1; end;",
        "CREATE FUNCTION public.\"begin\"() RETURNS int LANGUAGE sql RETURN CASE WHEN true THEN 1 END;",
        ";",
        "-1;",
        "/1;",
    ] {
        let text = format!("{one} SELECT 2;\n");
        assert_eq!(statements(&text), [one, "SELECT 2;"], "{one}");
    }
}

#[test]
fn backslashes_escape_where_standard_conforming_strings_is_off() {
    let text = "SET standard_conforming_strings = off;SELECT 'a\\';b';\
                set session standard_conforming_strings to 'on';SELECT 'a\\';SELECT 2;";
    assert_eq!(statements(text).len(), 5);
    assert_eq!(statements(text)[1], "SELECT 'a\\';b';");
}

#[test]
fn copy_data_ends_at_its_marker_only() {
    let text =
        "COPY public.\"a;b\" (x, \"from\") FROM stdin;\n1\t\\.\n\\.x\n \\.\n\\\n\\.\nSELECT 1;\n";
    assert_eq!(
        texts(text),
        [
            (
                PieceKind::CopyStart,
                "COPY public.\"a;b\" (x, \"from\") FROM stdin;\n".to_owned()
            ),
            (PieceKind::CopyData, "1\t\\.\n\\.x\n \\.\n\\\n".to_owned()),
            (PieceKind::CopyEnd, "\\.\n".to_owned()),
            (PieceKind::Statement, "SELECT 1;".to_owned()),
        ]
    );
}

#[test]
fn copy_is_known_in_all_its_forms() {
    for copy in [
        "COPY t FROM stdin;\n",
        "copy a.b.c from STDIN with (format csv, header);\r\n",
        "COPY t (a, b) FROM STDOUT WITH NULL '' ; \n"
            .replace(" ;", ";")
            .as_str(),
        "COPY /* x */ t FROM -- y\n stdin;\n",
    ] {
        let text = format!("{copy}\\.\r\n");
        let kinds: Vec<_> = texts(&text).into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, [PieceKind::CopyStart, PieceKind::CopyEnd], "{copy}");
    }
    for other in [
        "COPY t TO stdout;\n",
        "COPY t FROM '/tmp/x';\n",
        "SELECT 1 FROM stdin;\n",
    ] {
        assert_eq!(texts(other)[0].0, PieceKind::Statement, "{other}");
    }
}

#[test]
fn the_end_marker_may_be_the_end_of_the_file() {
    assert_eq!(
        texts("COPY t FROM stdin;\n1\n\\.").last().unwrap().0,
        PieceKind::CopyEnd
    );
    assert_eq!(
        failure("COPY t FROM stdin;\n1\n\\").kind(),
        ErrorKind::Format
    );
    assert_eq!(failure("COPY t FROM stdin;\n1\n").kind(), ErrorKind::Format);
    assert_eq!(failure("COPY t FROM stdin;").kind(), ErrorKind::Format);
}

#[test]
fn psql_lines_are_known_or_refused() {
    let text = "\\restrict abC1\n\\connect shop\n\\unrestrict abC1";
    let kinds: Vec<_> = texts(text).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(
        kinds,
        [
            PieceKind::Restrict,
            PieceKind::Connect,
            PieceKind::Unrestrict
        ]
    );
    for refused in [
        "SELECT 1;\n\\! rm -rf /\n",
        "SELECT 1 \\gexec\n",
        "\\i x.sql\n",
        "\\copy t from 'x'\n",
        "\\set a b",
        "SELECT 1\\; SELECT 2;",
        "\\restrict a;b\n",
        "\\connectx y\n",
        "\\c y\n",
    ] {
        let error = failure(refused);
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{refused}");
        assert_eq!(
            error.offset(),
            refused.find('\\').map(|at| at as u64),
            "{refused}"
        );
    }
    assert_eq!(failure("\\.\n").kind(), ErrorKind::Format);
}

#[test]
fn what_is_cut_short_says_where_it_began() {
    for (cut, offset, line) in [
        ("SELECT 1;\nSELECT 'a", 10, 2),
        ("SELECT 1;\n\n/* a", 11, 3),
        ("SELECT $x$ $x", 0, 1),
        ("SELECT 1", 0, 1),
        ("SELECT \"a", 0, 1),
        ("CREATE RULE r DO (SELECT 1;", 0, 1),
    ] {
        let error = failure(cut);
        assert_eq!(error.kind(), ErrorKind::Format, "{cut}");
        assert_eq!(error.offset(), Some(offset), "{cut}");
        assert!(
            error.to_string().contains(&format!("line {line}")),
            "{error}"
        );
    }
}

#[test]
fn marks_of_encodings_are_seen() {
    let text = "\u{feff}SELECT 1;";
    assert_eq!(statements(text), ["SELECT 1;"]);
    let error = pieces(b"\xFF\xFES\0E\0", &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let error = pieces(b"SELECT 1;\n\0\0\0", &[]).unwrap_err();
    assert_eq!(
        (error.kind(), error.offset()),
        (ErrorKind::Format, Some(10))
    );
    // LATIN1 and EUC bytes are letters.
    assert_eq!(pieces(b"SELECT \xDF';\xE9';", &[1, 1, 1]).unwrap().len(), 1);
}

#[test]
fn a_statement_is_bounded_but_copy_data_is_not() {
    let limits: Limits = "statement=100".parse().unwrap();
    let mut lexer = Lexer::new(&limits);
    lexer.feed("COPY t FROM stdin;\n".into());
    assert!(lexer.next_piece().unwrap().is_some());
    lexer.feed(vec![b'x'; 1000].into());
    assert_eq!(lexer.next_piece().unwrap().unwrap().text.len(), 1000);
    lexer.feed("\n\\.\nSELECT '".into());
    while lexer.next_piece().unwrap().is_some() {}
    lexer.feed(vec![b'x'; 200].into());
    assert_eq!(lexer.next_piece().unwrap_err().kind(), ErrorKind::Limit);
}

/// Text in which everything that has a state is likely.
fn snippets() -> impl Strategy<Value = Vec<u8>> {
    let parts: Vec<&'static str> = vec![
        "'",
        "\"",
        "$",
        "$$",
        "$a$",
        "\\",
        "\\.",
        "\n",
        "\r\n",
        ";",
        "--",
        "/*",
        "*/",
        "(",
        ")",
        " ",
        "E'",
        "u&'",
        "U&\"",
        "x'",
        "COPY t FROM stdin;\n",
        "\\.\n",
        "1",
        "a",
        "é",
        "-",
        "/",
        "*",
        "CREATE FUNCTION f ",
        "BEGIN ",
        "CASE ",
        "END ",
        "SET standard_conforming_strings = off;",
        "SET standard_conforming_strings = on;",
        "\\connect x\n",
        "\t",
        "e",
        "u",
        "&",
        ".",
        "\u{feff}",
    ];
    proptest::collection::vec(proptest::sample::select(parts), 0..60)
        .prop_map(|parts| parts.concat().into_bytes())
}

proptest! {
    #[test]
    fn cutting_the_input_changes_nothing(
        text in snippets(),
        cuts in proptest::collection::vec(1usize..9, 0..80),
    ) {
        let whole = pieces(&text, &[]);
        let cut = pieces(&text, &cuts);
        match (whole, cut) {
            (Ok(whole), Ok(cut)) => {
                let joined: Vec<u8> = whole.iter().flat_map(|piece| piece.text.to_vec()).collect();
                prop_assert_eq!(joined, text);
                prop_assert_eq!(whole, cut);
            }
            (Err(whole), Err(cut)) => prop_assert_eq!(whole.to_string(), cut.to_string()),
            (whole, cut) => prop_assert!(false, "{whole:?} against {cut:?}"),
        }
    }

    #[test]
    fn any_bytes_are_pieces_or_an_error(text in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(pieces) = pieces(&text, &[7, 1, 50]) {
            let joined: Vec<u8> = pieces.iter().flat_map(|piece| piece.text.to_vec()).collect();
            prop_assert_eq!(joined, text);
        }
    }
}
