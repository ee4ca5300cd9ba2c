//! The words of a statement: enough of SQL to say what it is about and to find the names in it.
//!
//! Used by `sql` to classify statements, and by `toc` to say which table an entry belongs to where
//! no dependency says so. Comments are passed over; this is no parser of SQL.

/// A word of SQL text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// An unquoted word, folded to lower case: a keyword, a name or a number.
    Plain(Vec<u8>),
    /// A name that stood in double quotes.
    Quoted(Vec<u8>),
    /// A string, without its quotes; only doubled quotes are undone.
    String(Vec<u8>),
    /// Any other byte.
    Sign(u8),
}

impl Word {
    pub(crate) fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Plain(word) if word == keyword.as_bytes())
    }

    pub(crate) fn into_name(self) -> Option<Vec<u8>> {
        match self {
            Self::Plain(name) if !name[0].is_ascii_digit() => Some(name),
            Self::Quoted(name) => Some(name),
            _ => None,
        }
    }
}

/// A name with its schema, if that is said.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Name {
    pub(crate) namespace: Option<Vec<u8>>,
    pub(crate) name: Vec<u8>,
}

/// The words of a statement, one after another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words<'a> {
    text: &'a [u8],
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

impl<'a> Words<'a> {
    pub(crate) fn of(text: &'a [u8]) -> Self {
        Self { text }
    }

    /// What has not been taken.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.text
    }

    /// Whether nothing is left but the sign that ends a statement.
    pub(crate) fn is_at_end(mut self) -> bool {
        let _ = self.eat_sign(b';');
        self.peek().is_none()
    }

    /// The next word, left in place.
    pub(crate) fn peek(&self) -> Option<Word> {
        self.clone().next()
    }

    /// Takes the next word if it is `keyword`, given in lower case.
    pub(crate) fn eat(&mut self, keyword: &str) -> bool {
        self.eat_all(keyword)
    }

    /// Takes the next words if they are these, separated by single spaces.
    pub(crate) fn eat_all(&mut self, keywords: &str) -> bool {
        let mut ahead = *self;
        for keyword in keywords.split(' ') {
            if !ahead.next().is_some_and(|word| word.is(keyword)) {
                return false;
            }
        }
        *self = ahead;
        true
    }

    pub(crate) fn eat_sign(&mut self, sign: u8) -> bool {
        let mut ahead = *self;
        let found = ahead.next() == Some(Word::Sign(sign));
        if found {
            *self = ahead;
        }
        found
    }

    /// Goes on until behind `keyword`, outside parentheses.
    pub(crate) fn skip_to(&mut self, keyword: &str) -> Option<()> {
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

    /// Takes a name, as keywords are names too.
    pub(crate) fn name(&mut self) -> Option<Vec<u8>> {
        let mut ahead = *self;
        let name = ahead.next()?.into_name()?;
        *self = ahead;
        Some(name)
    }

    /// Takes a name of any number of dotted parts; the last two count.
    pub(crate) fn qualified(&mut self) -> Option<Name> {
        let mut found = Name {
            namespace: None,
            name: self.name()?,
        };
        while self.eat_sign(b'.') {
            found = Name {
                namespace: Some(found.name),
                name: self.name()?,
            };
        }
        Some(found)
    }

    /// Takes a name of any number of dotted parts, all of them; one word is taken in any case.
    pub(crate) fn dotted(&mut self) -> Option<Vec<Vec<u8>>> {
        let mut parts = vec![self.next()?.into_name()?];
        loop {
            let mut ahead = *self;
            if ahead.next() != Some(Word::Sign(b'.')) {
                return Some(parts);
            }
            match ahead.name() {
                Some(part) => parts.push(part),
                None => return Some(parts),
            }
            *self = ahead;
        }
    }

    /// Takes `IF EXISTS`, `IF NOT EXISTS`, `ONLY`, `CONCURRENTLY`, which stand before names.
    pub(crate) fn skip_before_name(&mut self) {
        while self.eat_all("if exists")
            || self.eat_all("if not exists")
            || self.eat("concurrently")
            || self.eat("only")
        {}
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
        let end = 1 + self.text.get(1..)?.iter().position(|byte| *byte == b'$')?;
        let tag = &self.text[..=end];
        if tag[1..end].first().is_some_and(u8::is_ascii_digit)
            || !tag[1..end].iter().all(|byte| is_word(*byte))
        {
            return None;
        }
        self.split(tag.len());
        let length = memchr::memmem::find(self.text, tag).unwrap_or(self.text.len());
        let content = self.split(length).to_vec();
        self.split(tag.len());
        Some(content)
    }

    fn skip_comments(&mut self) {
        loop {
            self.text = self.text.trim_ascii_start();
            if self.text.starts_with(b"--") {
                let end = self
                    .text
                    .iter()
                    .position(|byte| matches!(byte, b'\n' | b'\r'));
                self.split(end.unwrap_or(self.text.len()));
            } else if self.text.starts_with(b"/*") {
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
            } else {
                return;
            }
        }
    }
}

impl Iterator for Words<'_> {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        self.skip_comments();
        let first = *self.text.first()?;
        Some(match first {
            b'"' => {
                self.split(1);
                Word::Quoted(self.quoted(b'"', false))
            }
            b'\'' => {
                self.split(1);
                Word::String(self.quoted(b'\'', false))
            }
            b'e' | b'E' if self.text.get(1) == Some(&b'\'') => {
                self.split(2);
                Word::String(self.quoted(b'\'', true))
            }
            b'$' => match self.dollar_quoted() {
                Some(content) => Word::String(content),
                None => Word::Sign(self.split(1)[0]),
            },
            _ if is_word(first) => {
                let length = self.text.iter().take_while(|byte| is_word(**byte)).count();
                Word::Plain(self.split(length).to_ascii_lowercase())
            }
            _ => Word::Sign(self.split(1)[0]),
        })
    }
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
    fn names_are_taken_with_their_schema() {
        let mut words = Words::of(b" /* a /* b */ */ Shop.\"Or\"\"ders\" -- x\n (a)");
        let name = words.qualified().expect("a name");
        assert_eq!(name.namespace.as_deref(), Some(&b"shop"[..]));
        assert_eq!(name.name, b"Or\"ders");
        assert!(words.eat_sign(b'('));
        assert_eq!(words.rest(), b"a)");
    }

    #[test]
    fn a_keyword_in_a_string_is_none() {
        let mut words = Words::of(b"CREATE x $a$ on $a$ E'\\' on' 'on' (on) ON t");
        assert!(words.skip_to("on").is_some());
        assert_eq!(words.name().expect("t"), b"t");
    }

    #[test]
    fn text_cut_short_ends_quietly() {
        for cut in ["\"a", "'a", "$a$ b", "/* a", "a.", "E'\\", "$", "--"] {
            assert!(Words::of(cut.as_bytes()).count() <= 2, "{cut}");
        }
    }

    #[test]
    fn dotted_names_are_taken_whole() {
        let mut words = Words::of(b"a.\"B c\".d rest");
        let parts = words.dotted().expect("a name");
        assert_eq!(parts, [b"a".to_vec(), b"B c".to_vec(), b"d".to_vec()]);
        assert!(words.eat("rest"));
    }
}
