//! Plain SQL is taken apart without loss, and in the same way however it arrives.
//!
//! - The pieces put together are the input, or its beginning up to an error.
//! - Offsets and lines are those of the input.
//! - Input in other chunks gives the same pieces and the same error; only COPY data is divided
//!   elsewhere.
//! - A lexer that begins between two statements goes on as the first one did.
//! - No piece but COPY data is longer than the limit says.

use bytes::Bytes;
use dr_core::sql::lexer::{Lexer, Piece, PieceKind};
use dr_core::{ErrorKind, Limits};

/// Pieces, and the error they end with: kind, offset and message.
#[derive(Debug, PartialEq)]
struct Taken {
    pieces: Vec<Piece>,
    error: Option<(ErrorKind, Option<u64>, String)>,
}

/// See the module.
pub fn hold(text: &[u8]) {
    let limits = Limits::default();
    let whole = take(Lexer::new(&limits), text, &[]);
    contiguous(&whole, text);

    let cuts = cuts(text);
    for cuts in [&cuts[..], &all(text.len().min(2000))] {
        let other = take(Lexer::new(&limits), text, cuts);
        contiguous(&other, text);
        assert_eq!(joined(&whole), joined(&other), "cut at {cuts:?}");
    }
    go_on(&whole, text, &limits);
    short(text, &cuts);
}

/// Everything a lexer makes of `text`, fed in the chunks that `cuts` divide it into.
fn take(mut lexer: Lexer, text: &[u8], cuts: &[usize]) -> Taken {
    let text = Bytes::copy_from_slice(text);
    let mut taken = Taken {
        pieces: Vec::new(),
        error: None,
    };
    let mut begin = 0;
    for end in cuts.iter().copied().chain([text.len()]) {
        lexer.feed(text.slice(begin..end));
        begin = end;
        if end == text.len() {
            lexer.end();
        }
        loop {
            match lexer.next_piece() {
                Ok(Some(piece)) => taken.pieces.push(piece),
                Ok(None) => break,
                Err(error) => {
                    taken.error = Some((error.kind(), error.offset(), error.to_string()));
                    return taken;
                }
            }
        }
    }
    taken
}

/// No byte is lost, doubled or altered, and each piece says truly where it was.
fn contiguous(taken: &Taken, text: &[u8]) {
    let mut at = 0;
    let mut line = 1;
    for piece in &taken.pieces {
        assert!(!piece.text.is_empty(), "an empty {:?} at {at}", piece.kind);
        assert_eq!((piece.offset, piece.line), (at as u64, line));
        assert_eq!(piece.text, text[at..at + piece.text.len()]);
        at += piece.text.len();
        line += piece.text.iter().filter(|byte| **byte == b'\n').count() as u64;
    }
    match &taken.error {
        None => assert_eq!(at, text.len(), "the end is missing"),
        Some((_, offset, message)) => {
            let offset = offset.unwrap_or_else(|| panic!("no offset: {message}"));
            assert!(offset <= text.len() as u64, "{offset}: {message}");
        }
    }
}

/// With runs of COPY data as one piece: where they are divided is not said.
fn joined(taken: &Taken) -> Taken {
    let mut pieces: Vec<Piece> = Vec::new();
    for piece in &taken.pieces {
        match pieces.last_mut() {
            Some(last) if last.kind == PieceKind::CopyData && piece.kind == last.kind => {
                last.text = [&last.text[..], &piece.text].concat().into();
            }
            _ => pieces.push(piece.clone()),
        }
    }
    // COPY data that an error follows is given out as far as the chunks went.
    if taken.error.is_some()
        && pieces
            .last()
            .is_some_and(|piece| piece.kind == PieceKind::CopyData)
    {
        pieces.pop();
    }
    Taken {
        pieces,
        error: taken.error.clone(),
    }
}

/// Begins again behind a few of the statements.
fn go_on(whole: &Taken, text: &[u8], limits: &Limits) {
    let between: Vec<usize> = (1..whole.pieces.len())
        .filter(|next| {
            !matches!(
                whole.pieces[*next - 1].kind,
                PieceKind::CopyStart | PieceKind::CopyData
            )
        })
        .collect();
    for next in between.iter().step_by(between.len() / 3 + 1) {
        let first = &whole.pieces[*next];
        // Whether strings have escapes there is known to whoever goes through the whole dump.
        let mut reader = Lexer::new(limits);
        reader.feed(Bytes::copy_from_slice(&text[..first.offset as usize]));
        while let Ok(Some(_)) = reader.next_piece() {}
        let lexer = Lexer::within(limits, reader.std_strings(), first.offset, first.line);
        let rest = take(lexer, &text[first.offset as usize..], &[]);
        assert_eq!(rest.pieces, whole.pieces[*next..], "from {}", first.offset);
        assert_eq!(rest.error, whole.error, "from {}", first.offset);
    }
}

/// Nothing that is held grows beyond the limit.
fn short(text: &[u8], cuts: &[usize]) {
    const MOST: u64 = 40;
    let mut limits = Limits::default();
    limits.set("statement", MOST).expect("a limit of that name");
    let taken = take(Lexer::new(&limits), text, cuts);
    contiguous(&taken, text);
    for piece in &taken.pieces {
        assert!(piece.kind == PieceKind::CopyData || piece.text.len() as u64 <= MOST);
    }
}

fn all(length: usize) -> Vec<usize> {
    (1..length).collect()
}

/// Places to cut at that follow from the text, so that an input is all there is to a failure.
fn cuts(text: &[u8]) -> Vec<usize> {
    let mut seed = text.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut cuts = Vec::new();
    let mut at = 0;
    loop {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        at += 1 + (seed >> 33) as usize % 61;
        if at >= text.len() {
            return cuts;
        }
        cuts.push(at);
    }
}
