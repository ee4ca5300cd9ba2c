//! The words of a definition: enough of SQL to find the names in it. Pure.
//!
//! Used to say which table an entry belongs to where no dependency says so. It reads only what
//! pg_dump and the server's own deparsers wrote; it is not a parser for what people write.

/// A word of SQL text, as far as finding names needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// An unquoted word, folded to lower case: a keyword, a name or a number.
    Plain(Vec<u8>),
    /// A name that stood in double quotes.
    Quoted(Vec<u8>),
    /// The content of a string, not unescaped.
    String(Vec<u8>),
    /// Any other byte.
    Sign(u8),
}

impl Word {
    /// Whether it is this keyword, given in lower case.
    pub(super) fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Plain(word) if word == keyword.as_bytes())
    }

    fn name(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(name) if name.first().is_some_and(u8::is_ascii_digit) => None,
            Self::Plain(name) | Self::Quoted(name) => Some(name),
            Self::String(_) | Self::Sign(_) => None,
        }
    }
}

/// The words of a text, one after another; comments are passed over.
#[derive(Debug, Clone)]
pub(super) struct Words<'a> {
    text: &'a [u8],
}

impl<'a> Words<'a> {
    pub(super) fn of(text: &'a [u8]) -> Self {
        Self { text }
    }

    /// What has not been taken.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.text
    }

    /// Takes the next word if it is `keyword`.
    pub(super) fn eat(&mut self, keyword: &str) -> bool {
        let mut ahead = self.clone();
        let found = ahead.next().is_some_and(|word| word.is(keyword));
        if found {
            *self = ahead;
        }
        found
    }

    /// Goes on until behind `keyword`, outside parentheses.
    pub(super) fn skip_to(&mut self, keyword: &str) -> Option<()> {
        let mut depth = 0_u32;
        loop {
            match self.next()? {
                Word::Sign(b'(') => depth += 1,
                Word::Sign(b')') => depth = depth.saturating_sub(1),
                word if depth == 0 && word.is(keyword) => return Some(()),
                _ => {}
            }
        }
    }

    /// Takes a name of any number of dotted parts.
    pub(super) fn dotted(&mut self) -> Option<Vec<Vec<u8>>> {
        let mut parts = vec![self.next()?.name()?.to_vec()];
        loop {
            let mut ahead = self.clone();
            if ahead.next() != Some(Word::Sign(b'.')) {
                return Some(parts);
            }
            match ahead.next().as_ref().and_then(Word::name) {
                Some(part) => parts.push(part.to_vec()),
                None => return Some(parts),
            }
            *self = ahead;
        }
    }

    fn split(&mut self, at: usize) -> &'a [u8] {
        let (head, tail) = self.text.split_at(at.min(self.text.len()));
        self.text = tail;
        head
    }

    /// Behind an opening quote: the content up to the closing one, which may be doubled inside.
    fn quoted(&mut self, quote: u8, backslashes: bool) -> Vec<u8> {
        let mut content = Vec::new();
        let mut at = 0;
        while let Some(byte) = self.text.get(at) {
            if *byte == quote {
                if self.text.get(at + 1) != Some(&quote) {
                    break;
                }
                at += 1;
            } else if backslashes && *byte == b'\\' {
                content.push(*byte);
                at += 1;
            }
            content.extend(self.text.get(at));
            at += 1;
        }
        self.split(at + 1);
        content
    }

    /// At a dollar: the content of a dollar-quoted string, if one begins here.
    fn dollar_quoted(&mut self) -> Option<Vec<u8>> {
        let tag_end = 1 + self.text.get(1..)?.iter().position(|byte| *byte == b'$')?;
        let tag = &self.text[..=tag_end];
        let sound = tag[1..tag_end].iter().enumerate().all(|(at, byte)| {
            is_word(*byte) && *byte != b'$' && (at > 0 || !byte.is_ascii_digit())
        });
        if !sound {
            return None;
        }
        let rest = &self.text[tag.len()..];
        let end = memchr::memmem::find(rest, tag).unwrap_or(rest.len());
        let length = tag.len();
        self.split(length);
        let content = self.split(end).to_vec();
        self.split(length);
        Some(content)
    }

    fn pass_block_comment(&mut self) {
        let mut depth = 0_u32;
        let mut at = 0;
        while at < self.text.len() {
            match self.text.get(at..at + 2) {
                Some(b"/*") => depth += 1,
                Some(b"*/") => depth -= 1,
                _ => {
                    at += 1;
                    continue;
                }
            }
            at += 2;
            if depth == 0 {
                break;
            }
        }
        self.split(at);
    }
}

impl Iterator for Words<'_> {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        loop {
            self.text = self.text.trim_ascii_start();
            if self.text.starts_with(b"--") {
                let end = memchr::memchr(b'\n', self.text).unwrap_or(self.text.len());
                self.split(end);
            } else if self.text.starts_with(b"/*") {
                self.pass_block_comment();
            } else {
                break;
            }
        }
        let first = *self.text.first()?;
        let word = match first {
            b'"' => {
                self.split(1);
                Word::Quoted(self.quoted(b'"', false))
            }
            b'\'' => {
                self.split(1);
                Word::String(self.quoted(b'\'', false))
            }
            b'$' => match self.dollar_quoted() {
                Some(content) => Word::String(content),
                None => Word::Sign(self.split(1)[0]),
            },
            b'e' | b'E' if self.text.get(1) == Some(&b'\'') => {
                self.split(2);
                Word::String(self.quoted(b'\'', true))
            }
            _ if is_word(first) => {
                let end = self.text.iter().take_while(|byte| is_word(**byte)).count();
                Word::Plain(self.split(end).to_ascii_lowercase())
            }
            _ => Word::Sign(self.split(1)[0]),
        };
        Some(word)
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_names_strings_and_comments_are_told_apart() {
        let words: Vec<Word> = Words::of(
            b"ALTER /* x /* y */ */ \"We\"\"ird\".t -- no\n SET 'it''s' E'a\\'b' $x$ y $x$;",
        )
        .collect();
        let plain = |text: &str| Word::Plain(text.into());
        let string = |text: &str| Word::String(text.into());
        assert_eq!(
            words,
            [
                plain("alter"),
                Word::Quoted(b"We\"ird".to_vec()),
                Word::Sign(b'.'),
                plain("t"),
                plain("set"),
                string("it's"),
                string("a\\'b"),
                string(" y "),
                Word::Sign(b';'),
            ]
        );
    }

    #[test]
    fn dotted_names_are_taken_whole_and_text_cut_short_ends_quietly() {
        let mut words = Words::of(b"a.\"B c\".d rest");
        let parts = words.dotted().expect("a name");
        assert_eq!(parts, [b"a".to_vec(), b"B c".to_vec(), b"d".to_vec()]);
        assert!(words.eat("rest"));
        for cut in ["\"open", "'open", "$a$open", "/* open", "a.", "E'\\"] {
            assert!(Words::of(cut.as_bytes()).count() <= 2, "{cut}");
        }
    }
}
