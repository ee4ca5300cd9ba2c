//! A plain dump taken apart: statements, COPY data, comments, psql lines. Pure, no I/O.
//!
//! Used by the reader. Knows nothing of a Toc; it must find the same pieces as psql finds
//! (`psqlscan.l`, `handleCopyIn`), or a restore would run something else than psql would.
//!
//! The laws, held by property tests: the pieces put together are the input; cutting the input into
//! other chunks changes nothing but where COPY data is divided; no more is kept than one piece,
//! which [`Limits::statement`] bounds.

use bytes::{Bytes, BytesMut};

use crate::error::{Error, ErrorKind, Result};
use crate::limits::{Limit, Limits};

/// What a [`Piece`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PieceKind {
    /// White space between statements, at most to the end of a line; a byte order mark.
    Blank,
    /// A comment between statements: one `--` line with its line end, or one `/* … */`.
    Comment,
    /// One statement to its semicolon. Comments inside and a leading semicolon alone included.
    Statement,
    /// `COPY … FROM stdin;` with the rest of its line: data follows.
    CopyStart,
    /// COPY data; a block comes in as many pieces as it takes, divided anywhere.
    CopyData,
    /// The line `\.`, with its line end.
    CopyEnd,
    /// `\connect …`, the whole line.
    Connect,
    /// `\restrict …`, the whole line.
    Restrict,
    /// `\unrestrict …`, the whole line.
    Unrestrict,
}

/// A stretch of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What it is.
    pub kind: PieceKind,
    /// Byte offset of its first byte in the (uncompressed) input.
    pub offset: u64,
    /// Line of its first byte, from 1.
    pub line: u64,
    /// Its bytes.
    pub text: Bytes,
}

/// Takes chunks of any size and gives pieces.
///
/// ```
/// use dr_core::sql::lexer::{Lexer, PieceKind};
///
/// let mut lexer = Lexer::new(&dr_core::Limits::default());
/// lexer.feed("SELECT ';'; -- done\n".into());
/// lexer.end();
/// assert_eq!(lexer.next_piece()?.expect("one").text, "SELECT ';';");
/// assert_eq!(lexer.next_piece()?.expect("two").kind, PieceKind::Blank);
/// assert_eq!(lexer.next_piece()?.expect("three").text, "-- done\n");
/// assert!(lexer.next_piece()?.is_none());
/// # Ok::<(), dr_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Lexer {
    limit: Limit,
    /// Bytes of the piece in progress that came with earlier chunks; already scanned.
    held: BytesMut,
    /// What has not been scanned.
    chunk: Bytes,
    ended: bool,
    /// Where the piece in progress begins.
    offset: u64,
    line: u64,
    state: State,
    statement: Statement,
    std_strings: bool,
}

/// Where in the text the scanner is. Bytes of a piece in progress have all gone through here.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// Nothing was read yet: a byte order mark may come.
    Head,
    Between,
    Blank,
    /// A piece that began with `-` or `/`.
    BetweenDash,
    BetweenSlash,
    BetweenLineComment,
    BetweenBlock(Block),
    Meta,
    /// Inside a statement, outside everything else.
    Normal,
    Ident,
    /// `u&` or `U&` was read.
    UnicodeMark,
    Number,
    NumberJunk,
    Minus,
    Slash,
    LineComment,
    Block(Block),
    /// A string in which a backslash is itself.
    Text,
    TextQuote,
    /// A string in which a backslash escapes.
    Escaped,
    EscapedBackslash,
    EscapedQuote,
    /// Behind an escape string: it goes on if another quote follows on a later line.
    EscapedGap {
        newline: bool,
    },
    EscapedGapMinus {
        newline: bool,
    },
    EscapedGapComment,
    Name,
    NameQuote,
    Dollar,
    DollarTag,
    DollarBody,
    /// The rest of the line behind `COPY … FROM stdin;`.
    CopyHead,
    /// `true` at the start of a line.
    CopyData(bool),
}

/// Inside a block comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    depth: u32,
    last: u8,
}

/// What is known of the statement in progress.
#[derive(Debug, Default)]
struct Statement {
    parens: u64,
    /// Open BEGINs and CASEs of an SQL function body.
    begins: u64,
    words: [Word; 8],
    word_count: usize,
    ident: Ident,
    /// The tag of a dollar quote, with both dollars once it is complete.
    tag: Vec<u8>,
    tag_matched: usize,
}

/// The first words of a statement, as far as psql looks at them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Word {
    #[default]
    Other,
    Create,
    Or,
    Replace,
    Routine,
    Copy,
    From,
    Stdin,
}

/// The identifier being read: length, and its first bytes in lower case.
#[derive(Debug, Default)]
struct Ident {
    length: usize,
    bytes: [u8; 10],
}

impl Ident {
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte.to_ascii_lowercase();
        }
        self.length += 1;
    }

    fn lower(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl Statement {
    fn begin(&mut self) {
        self.parens = 0;
        self.begins = 0;
        self.words = Default::default();
        self.word_count = 0;
    }

    fn end_ident(&mut self) {
        let ident = self.ident.lower();
        if self.parens == 0 {
            if let Some(word) = self.words.get_mut(self.word_count) {
                *word = match ident {
                    b"create" => Word::Create,
                    b"or" => Word::Or,
                    b"replace" => Word::Replace,
                    b"function" | b"procedure" => Word::Routine,
                    b"copy" => Word::Copy,
                    b"from" => Word::From,
                    // The server's grammar takes either for either direction.
                    b"stdin" | b"stdout" => Word::Stdin,
                    _ => Word::Other,
                };
                self.word_count += 1;
            }
            if self.makes_routine() {
                match ident {
                    b"begin" => self.begins += 1,
                    // CASE ends with END as well; outside a body neither counts.
                    b"case" if self.begins > 0 => self.begins += 1,
                    b"end" => self.begins = self.begins.saturating_sub(1),
                    _ => {}
                }
            }
        }
        self.ident.length = 0;
    }

    fn makes_routine(&self) -> bool {
        matches!(
            self.words,
            [Word::Create, Word::Routine, ..]
                | [Word::Create, Word::Or, Word::Replace, Word::Routine, ..]
        )
    }

    fn copies_from_stdin(&self) -> bool {
        self.words[0] == Word::Copy
            && self.words[1..]
                .iter()
                .position(|word| *word == Word::From)
                .is_some_and(|from| self.words.get(from + 2) == Some(&Word::Stdin))
    }
}

/// What a step decided about the byte it was given.
enum Step {
    /// It belongs to the piece.
    On,
    /// It is the last of the piece.
    Last(PieceKind),
    /// The piece ended before it.
    Before(PieceKind),
    /// Look at it again in the new state.
    Again,
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C)
}

fn begins_ident(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn continues_ident(byte: u8) -> bool {
    begins_ident(byte) || byte.is_ascii_digit() || byte == b'$'
}

impl Block {
    const OPEN: Self = Self { depth: 1, last: 0 };

    /// Takes a byte; true if it closes the outermost comment.
    fn step(&mut self, byte: u8) -> bool {
        match (self.last, byte) {
            (b'*', b'/') => {
                self.depth -= 1;
                self.last = 0;
            }
            (b'/', b'*') => {
                self.depth = self.depth.saturating_add(1);
                self.last = 0;
            }
            _ => self.last = byte,
        }
        self.depth == 0
    }
}

impl Lexer {
    /// A lexer at the start of a dump, with `standard_conforming_strings` on.
    pub fn new(limits: &Limits) -> Self {
        Self {
            limit: limits.statement(),
            held: BytesMut::new(),
            chunk: Bytes::new(),
            ended: false,
            offset: 0,
            line: 1,
            state: State::Head,
            statement: Statement::default(),
            std_strings: true,
        }
    }

    /// A lexer for a stretch from inside a dump, between two statements.
    pub fn within(limits: &Limits, std_strings: bool, offset: u64, line: u64) -> Self {
        Self {
            offset,
            line,
            std_strings,
            state: State::Between,
            ..Self::new(limits)
        }
    }

    /// Gives more input. Take the pieces out first, or chunks are joined by copying.
    pub fn feed(&mut self, chunk: Bytes) {
        if self.chunk.is_empty() {
            self.chunk = chunk;
        } else {
            self.chunk = [&self.chunk[..], &chunk].concat().into();
        }
    }

    /// Says that there is no more input.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Byte offset where the piece in progress begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Line where the piece in progress begins, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Whether `standard_conforming_strings` is on at this place.
    pub fn std_strings(&self) -> bool {
        self.std_strings
    }

    /// The next piece; `None` if more input is needed, or if there is none after [`end`](Self::end).
    ///
    /// # Errors
    ///
    /// `Format` where the text cannot be SQL or ends inside something; `Unsupported` at a psql
    /// meta-command; `Limit` at a statement that is too long. Each with offset and line.
    pub fn next_piece(&mut self) -> Result<Option<Piece>> {
        if let State::CopyData(line_start) = self.state {
            return self.copy_data(line_start);
        }
        if self.state == State::Head
            && let Some(done) = self.head()?
        {
            return Ok(done);
        }
        let mut at = 0;
        while at < self.chunk.len() {
            at += self.skip(at);
            let Some(byte) = self.chunk.get(at).copied() else {
                break;
            };
            match self.step(byte, at)? {
                Step::On => at += 1,
                Step::Again => {}
                Step::Last(kind) => return self.take(at + 1, kind).map(Some),
                Step::Before(kind) => return self.take(at, kind).map(Some),
            }
        }
        let rest = std::mem::take(&mut self.chunk);
        self.check_length(self.held.len() + rest.len())?;
        self.held.extend_from_slice(&rest);
        if self.ended { self.last() } else { Ok(None) }
    }

    /// Bytes from `at` on that cannot change the state.
    fn skip(&self, at: usize) -> usize {
        let rest = &self.chunk[at..];
        let found = match self.state {
            State::Text => memchr::memchr2(b'\'', 0, rest),
            State::Escaped => memchr::memchr3(b'\'', b'\\', 0, rest),
            State::Name => memchr::memchr2(b'"', 0, rest),
            State::DollarBody if self.statement.tag_matched == 0 => memchr::memchr2(b'$', 0, rest),
            State::LineComment | State::BetweenLineComment => {
                memchr::memchr3(b'\n', b'\r', 0, rest)
            }
            _ => return 0,
        };
        found.unwrap_or(rest.len())
    }

    fn step(&mut self, byte: u8, at: usize) -> Result<Step> {
        if byte == 0 {
            return Err(self.at_byte(
                at,
                ErrorKind::Format,
                "a NUL byte where SQL was expected: the dump is damaged",
            ));
        }
        let statement = &mut self.statement;
        match &mut self.state {
            State::Head => unreachable!("the head is taken before any step"),
            State::CopyData(_) => unreachable!("COPY data does not go byte by byte"),
            State::Between => {
                self.state = match byte {
                    byte if is_space(byte) => State::Blank,
                    b'-' => State::BetweenDash,
                    b'/' => State::BetweenSlash,
                    b'\\' => State::Meta,
                    _ => {
                        statement.begin();
                        State::Normal
                    }
                };
                // The states that decide by this very byte must see it.
                return Ok(match self.state {
                    State::Blank | State::Normal => Step::Again,
                    _ => Step::On,
                });
            }
            State::Blank => {
                return Ok(match byte {
                    b'\n' => Step::Last(PieceKind::Blank),
                    byte if is_space(byte) => Step::On,
                    _ => Step::Before(PieceKind::Blank),
                });
            }
            State::BetweenDash => {
                if byte == b'-' {
                    self.state = State::BetweenLineComment;
                } else {
                    statement.begin();
                    self.state = State::Normal;
                    return Ok(Step::Again);
                }
            }
            State::BetweenSlash => {
                if byte == b'*' {
                    self.state = State::BetweenBlock(Block::OPEN);
                } else {
                    statement.begin();
                    self.state = State::Normal;
                    return Ok(Step::Again);
                }
            }
            State::BetweenLineComment => {
                // psql ends a comment at either; a DOS line end gives a blank line feed after it.
                if matches!(byte, b'\n' | b'\r') {
                    return Ok(Step::Last(PieceKind::Comment));
                }
            }
            State::BetweenBlock(block) => {
                if block.step(byte) {
                    return Ok(Step::Last(PieceKind::Comment));
                }
            }
            State::Meta => {
                if byte == b'\n' {
                    let kind = self.meta_kind(at)?;
                    return Ok(Step::Last(kind));
                }
            }
            State::Normal => return self.normal(byte, at),
            State::Ident => {
                if continues_ident(byte) {
                    statement.ident.push(byte);
                    return Ok(Step::On);
                }
                let ident = statement.ident.lower();
                self.state = match (ident, byte) {
                    (b"e", b'\'') => State::Escaped,
                    // Bits and bytes hold no backslash that would escape, whatever the setting.
                    (b"b" | b"x", b'\'') => State::Text,
                    (b"u", b'&') => State::UnicodeMark,
                    _ => {
                        statement.end_ident();
                        self.state = State::Normal;
                        return Ok(Step::Again);
                    }
                };
                statement.ident.length = 0;
            }
            State::UnicodeMark => {
                self.state = match byte {
                    b'\'' => State::Text,
                    b'"' => State::Name,
                    _ => {
                        // `u` was a name after all, and `&` an operator.
                        statement.ident.push(b'u');
                        statement.end_ident();
                        self.state = State::Normal;
                        return Ok(Step::Again);
                    }
                };
            }
            State::Number => {
                if begins_ident(byte) {
                    self.state = State::NumberJunk;
                } else if !byte.is_ascii_digit() && byte != b'.' {
                    self.state = State::Normal;
                    return Ok(Step::Again);
                }
            }
            State::NumberJunk => {
                if !continues_ident(byte) {
                    self.state = State::Normal;
                    return Ok(Step::Again);
                }
            }
            State::Minus => {
                if byte == b'-' {
                    self.state = State::LineComment;
                } else {
                    self.state = State::Normal;
                    return Ok(Step::Again);
                }
            }
            State::Slash => {
                if byte == b'*' {
                    self.state = State::Block(Block::OPEN);
                } else {
                    self.state = State::Normal;
                    return Ok(Step::Again);
                }
            }
            State::LineComment => {
                if matches!(byte, b'\n' | b'\r') {
                    self.state = State::Normal;
                }
            }
            State::Block(block) => {
                if block.step(byte) {
                    self.state = State::Normal;
                }
            }
            State::Text => {
                if byte == b'\'' {
                    self.state = State::TextQuote;
                }
            }
            // A doubled quote goes on; so would a second part on a later line, but without
            // backslashes that is no different from another string.
            State::TextQuote => {
                if byte == b'\'' {
                    self.state = State::Text;
                } else {
                    self.state = State::Normal;
                    return Ok(Step::Again);
                }
            }
            State::Escaped => {
                self.state = match byte {
                    b'\'' => State::EscapedQuote,
                    b'\\' => State::EscapedBackslash,
                    _ => return Ok(Step::On),
                };
            }
            State::EscapedBackslash => self.state = State::Escaped,
            State::EscapedQuote => {
                if byte == b'\'' {
                    self.state = State::Escaped;
                } else {
                    self.state = State::EscapedGap { newline: false };
                    return Ok(Step::Again);
                }
            }
            State::EscapedGap { newline } => match byte {
                b'\n' | b'\r' => *newline = true,
                byte if is_space(byte) => {}
                b'-' => self.state = State::EscapedGapMinus { newline: *newline },
                b'\'' if *newline => self.state = State::Escaped,
                _ => {
                    self.state = State::Normal;
                    return Ok(Step::Again);
                }
            },
            State::EscapedGapMinus { newline: _ } => {
                if byte == b'-' {
                    self.state = State::EscapedGapComment;
                } else {
                    self.state = State::Normal;
                    return Ok(Step::Again);
                }
            }
            State::EscapedGapComment => {
                if matches!(byte, b'\n' | b'\r') {
                    self.state = State::EscapedGap { newline: true };
                }
            }
            State::Name => {
                if byte == b'"' {
                    self.state = State::NameQuote;
                }
            }
            State::NameQuote => {
                if byte == b'"' {
                    self.state = State::Name;
                } else {
                    self.state = State::Normal;
                    return Ok(Step::Again);
                }
            }
            State::Dollar => {
                self.state = match byte {
                    b'$' => {
                        statement.tag.push(byte);
                        statement.tag_matched = 0;
                        State::DollarBody
                    }
                    byte if begins_ident(byte) => {
                        statement.tag.push(byte);
                        State::DollarTag
                    }
                    byte if byte.is_ascii_digit() => State::Number,
                    _ => {
                        self.state = State::Normal;
                        return Ok(Step::Again);
                    }
                };
            }
            State::DollarTag => match byte {
                b'$' => {
                    statement.tag.push(byte);
                    statement.tag_matched = 0;
                    self.state = State::DollarBody;
                }
                byte if continues_ident(byte) => statement.tag.push(byte),
                _ => {
                    // No quote: the dollar stands alone and the rest is an identifier.
                    statement.ident.length = 0;
                    for byte in &statement.tag[1..] {
                        statement.ident.push(*byte);
                    }
                    self.state = State::Ident;
                    return Ok(Step::Again);
                }
            },
            State::DollarBody => {
                let tag = &statement.tag;
                // Dollars stand at both ends of a tag only, so a failed match leaves at most one.
                statement.tag_matched = if tag[statement.tag_matched] == byte {
                    statement.tag_matched + 1
                } else {
                    usize::from(byte == b'$')
                };
                if statement.tag_matched == tag.len() {
                    self.state = State::Normal;
                }
            }
            State::CopyHead => match byte {
                b'\n' => {
                    self.state = State::CopyData(true);
                    return Ok(Step::Last(PieceKind::CopyStart));
                }
                b' ' | b'\t' | b'\r' => {}
                _ => {
                    return Err(self.at_byte(
                        at,
                        ErrorKind::Format,
                        "text behind COPY … FROM stdin; on the same line: nothing but its data \
                         can follow",
                    ));
                }
            },
        }
        Ok(Step::On)
    }

    fn normal(&mut self, byte: u8, at: usize) -> Result<Step> {
        let statement = &mut self.statement;
        self.state = match byte {
            byte if begins_ident(byte) => {
                statement.ident.length = 0;
                statement.ident.push(byte);
                State::Ident
            }
            b'0'..=b'9' => State::Number,
            b'\'' if self.std_strings => State::Text,
            b'\'' => State::Escaped,
            b'"' => State::Name,
            b'$' => {
                statement.tag.clear();
                statement.tag.push(byte);
                State::Dollar
            }
            b'-' => State::Minus,
            b'/' => State::Slash,
            b'(' => {
                statement.parens += 1;
                State::Normal
            }
            b')' => {
                statement.parens = statement.parens.saturating_sub(1);
                State::Normal
            }
            b';' if statement.parens == 0 && statement.begins == 0 => {
                if statement.copies_from_stdin() {
                    State::CopyHead
                } else {
                    return Ok(Step::Last(PieceKind::Statement));
                }
            }
            b'\\' => {
                return Err(self.at_byte(
                    at,
                    ErrorKind::Unsupported,
                    "a psql meta-command inside a statement; dr runs none: load the file with \
                     psql if you trust it",
                ));
            }
            _ => State::Normal,
        };
        Ok(Step::On)
    }

    /// Cuts `length` bytes of the chunk off as (the end of) a piece.
    fn take(&mut self, length: usize, kind: PieceKind) -> Result<Piece> {
        let tail = self.chunk.split_to(length);
        if kind != PieceKind::CopyData {
            self.check_length(self.held.len() + tail.len())?;
        }
        let text = if self.held.is_empty() {
            tail
        } else {
            self.held.extend_from_slice(&tail);
            self.held.split().freeze()
        };
        match kind {
            PieceKind::CopyStart | PieceKind::CopyData => {}
            _ => self.state = State::Between,
        }
        if kind == PieceKind::Statement
            && let Some(on) = sets_std_strings(&text)
        {
            self.std_strings = on;
        }
        let piece = Piece {
            kind,
            offset: self.offset,
            line: self.line,
            text,
        };
        self.offset += piece.text.len() as u64;
        self.line += memchr::memchr_iter(b'\n', &piece.text).count() as u64;
        Ok(piece)
    }

    /// A byte order mark, or none. `Some` if the caller has something to return.
    fn head(&mut self) -> Result<Option<Option<Piece>>> {
        const UTF8: &[u8] = b"\xEF\xBB\xBF";
        if self.chunk.starts_with(b"\xFF\xFE") || self.chunk.starts_with(b"\xFE\xFF") {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "the dump is UTF-16 text, as a PowerShell redirection writes it: make it again \
                 with pg_dump --file, or convert it to UTF-8",
            )
            .at_offset(0));
        }
        if self.chunk.len() < UTF8.len() && !self.ended {
            return Ok(Some(None));
        }
        self.state = State::Between;
        if self.chunk.starts_with(UTF8) {
            return self.take(UTF8.len(), PieceKind::Blank).map(Some).map(Some);
        }
        Ok(None)
    }

    /// The end of the input: what stands in `held` is the last piece, or cut short.
    fn last(&mut self) -> Result<Option<Piece>> {
        let what = match &self.state {
            State::Head | State::Between => return Ok(None),
            State::Blank => return self.take(0, PieceKind::Blank).map(Some),
            State::BetweenLineComment => return self.take(0, PieceKind::Comment).map(Some),
            State::Meta => match self.meta_kind(0) {
                Ok(kind) => return self.take(0, kind).map(Some),
                Err(_) if is_begun_line(&self.held) => "a psql line",
                Err(error) => return Err(error),
            },
            State::CopyHead | State::CopyData(_) => "COPY data",
            State::BetweenBlock(_) | State::Block(_) => "a block comment",
            State::Text
            | State::TextQuote
            | State::Escaped
            | State::EscapedBackslash
            | State::EscapedQuote => "a quoted string",
            State::Name | State::NameQuote => "a quoted name",
            State::DollarBody => "a dollar-quoted string",
            _ => "a statement",
        };
        Err(self.at_piece(
            ErrorKind::Format,
            &format!("the dump was cut short: it ends inside {what} that begins here"),
        ))
    }

    /// COPY data from the chunk, or the line that ends it.
    fn copy_data(&mut self, line_start: bool) -> Result<Option<Piece>> {
        if !self.held.is_empty() {
            // A line that may be the end marker: at most three bytes.
            let held = self.held.split();
            self.chunk = [&held[..], &self.chunk].concat().into();
        }
        if self.chunk.is_empty() {
            if self.ended {
                return Err(self.at_piece(
                    ErrorKind::Format,
                    "the dump ends inside COPY data: the line \\. that ends it is missing, so the \
                     dump was cut short",
                ));
            }
            return Ok(None);
        }
        // Where the next line that begins with a backslash and a period, or with what may become
        // that, begins.
        let start = if line_start && b"\\.".starts_with(&self.chunk[..self.chunk.len().min(2)]) {
            Some(0)
        } else {
            memchr::memmem::find(&self.chunk, b"\n\\.")
                .or_else(|| self.chunk.ends_with(b"\n\\").then(|| self.chunk.len() - 2))
                .map(|at| at + 1)
        };
        match start {
            None => {
                self.state = State::CopyData(self.chunk.ends_with(b"\n"));
                self.take(self.chunk.len(), PieceKind::CopyData).map(Some)
            }
            Some(0) => {
                let end = match &self.chunk[..] {
                    [b'\\', b'.', b'\n', ..] => Some(3),
                    [b'\\', b'.', b'\r', b'\n', ..] => Some(4),
                    [b'\\', b'.'] | [b'\\', b'.', b'\r'] if self.ended => Some(self.chunk.len()),
                    [b'\\'] | [b'\\', b'.'] | [b'\\', b'.', b'\r'] => None,
                    // A row of its own, which the server will judge.
                    _ => {
                        self.state = State::CopyData(false);
                        return self.take(2, PieceKind::CopyData).map(Some);
                    }
                };
                match end {
                    Some(end) => self.take(end, PieceKind::CopyEnd).map(Some),
                    None if self.ended => {
                        self.state = State::CopyData(false);
                        self.take(self.chunk.len(), PieceKind::CopyData).map(Some)
                    }
                    None => {
                        let rest = std::mem::take(&mut self.chunk);
                        self.held.extend_from_slice(&rest);
                        Ok(None)
                    }
                }
            }
            Some(start) => {
                self.state = State::CopyData(true);
                self.take(start, PieceKind::CopyData).map(Some)
            }
        }
    }

    /// Which psql line this is: `held` and the chunk up to `end`.
    fn meta_kind(&self, end: usize) -> Result<PieceKind> {
        let line = [&self.held[..], &self.chunk[..end]].concat();
        let line = line.trim_ascii_end();
        let name = line[1..]
            .split(|byte| byte.is_ascii_whitespace())
            .next()
            .unwrap_or_default();
        let argument = line[1 + name.len()..].trim_ascii();
        let is_token = !argument.is_empty() && argument.iter().all(u8::is_ascii_alphanumeric);
        match name {
            b"connect" if !argument.is_empty() => Ok(PieceKind::Connect),
            b"restrict" if is_token => Ok(PieceKind::Restrict),
            b"unrestrict" if is_token => Ok(PieceKind::Unrestrict),
            b"." => Err(self.at_piece(
                ErrorKind::Format,
                "a line \\. outside COPY data: the COPY statement before it is missing or damaged",
            )),
            _ => Err(self.at_piece(
                ErrorKind::Unsupported,
                &format!(
                    "psql meta-command {:?}; dr runs none: load the file with psql if you trust it",
                    String::from_utf8_lossy(&line[..line.len().min(60)])
                ),
            )),
        }
    }

    fn check_length(&self, length: usize) -> Result<()> {
        if length as u64 <= self.limit.most() {
            return Ok(());
        }
        Err(self
            .limit
            .exceeded(format_args!(
                "a statement, comment or line that begins in line {} has more bytes",
                self.line
            ))
            .at_offset(self.offset))
    }

    fn at_piece(&self, kind: ErrorKind, message: &str) -> Error {
        Error::new(kind, format!("{message}, line {}", self.line)).at_offset(self.offset)
    }

    /// An error at byte `at` of the chunk.
    fn at_byte(&self, at: usize, kind: ErrorKind, message: &str) -> Error {
        let before = memchr::memchr_iter(b'\n', &self.held).count()
            + memchr::memchr_iter(b'\n', &self.chunk[..at]).count();
        Error::new(
            kind,
            format!("{message}, line {}", self.line + before as u64),
        )
        .at_offset(self.offset + (self.held.len() + at) as u64)
    }
}

/// Whether a line without its end may be the beginning of one that pg_dump writes.
fn is_begun_line(line: &[u8]) -> bool {
    [&b"\\connect "[..], b"\\restrict ", b"\\unrestrict "]
        .iter()
        .any(|known| known.starts_with(line))
}

/// The value a `SET standard_conforming_strings` statement sets.
fn sets_std_strings(statement: &[u8]) -> Option<bool> {
    if statement.len() > 200 || !statement[..statement.len().min(3)].eq_ignore_ascii_case(b"set") {
        return None;
    }
    let text = String::from_utf8_lossy(statement).to_ascii_lowercase();
    let mut words = text
        .split(|char: char| !(char.is_alphanumeric() || char == '_'))
        .filter(|word| !word.is_empty() && !matches!(*word, "session" | "local" | "to"));
    match (words.next(), words.next(), words.next()) {
        (Some("set"), Some("standard_conforming_strings"), Some(value)) => {
            Some(matches!(value, "on" | "true" | "yes" | "1" | "default"))
        }
        _ => None,
    }
}

#[cfg(test)]
#[path = "lexer_tests.rs"]
mod tests;
