//! COPY's text format taken apart: the fields of a row.
//!
//! Used by whoever reads rows instead of passing them on. The rules are those of `CopyReadAttributesText` in
//! PostgreSQL's copyfromparse.c: fields end at a tab, `\N` alone is null, a backslash begins
//! `\b \f \n \r \t \v`, up to three octal digits or `x` and up to two hexadecimal ones, and stands
//! for the byte behind it otherwise.

use std::borrow::Cow;

use crate::limits::Limit;

/// Bytes of one row of COPY text: a server neither sends nor takes more in one piece of memory
/// (`MaxAllocSize`).
pub const LONGEST_ROW: Limit = Limit::fixed(1 << 30);

/// The fields of one row of COPY text, which comes without its line end; `None` is null.
///
/// The row of a table without columns is an empty line, which reads as one empty field.
///
/// ```
/// use dr_core::text::copy_fields;
///
/// let fields: Vec<_> = copy_fields(b"7\t\\N\tone\\ttwo").collect();
/// assert_eq!(fields[0].as_deref(), Some(&b"7"[..]));
/// assert_eq!(fields[1], None);
/// assert_eq!(fields[2].as_deref(), Some(&b"one\ttwo"[..]));
/// ```
pub fn copy_fields(row: &[u8]) -> CopyFields<'_> {
    CopyFields { rest: Some(row) }
}

/// The fields of a row: see [`copy_fields`].
#[derive(Debug, Clone)]
pub struct CopyFields<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> CopyFields<'a> {
    /// The next field as it stands in the row.
    pub(crate) fn next_raw(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        Some(match end_of_field(rest) {
            Some(end) => {
                self.rest = Some(&rest[end + 1..]);
                &rest[..end]
            }
            None => {
                self.rest = None;
                rest
            }
        })
    }
}

impl<'a> Iterator for CopyFields<'a> {
    type Item = Option<Cow<'a, [u8]>>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(match self.next_raw()? {
            b"\\N" => None,
            field => Some(unescape(field)),
        })
    }
}

/// A tab that no backslash stands before. COPY writes none in a value, but accepts them.
fn end_of_field(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\t', text).find(|tab| {
        let before = text[..*tab].iter().rev();
        before.take_while(|byte| **byte == b'\\').count() % 2 == 0
    })
}

fn unescape(field: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(b'\\', field) else {
        return Cow::Borrowed(field);
    };
    let mut out = Vec::with_capacity(field.len());
    let (plain, mut rest) = field.split_at(first);
    out.extend_from_slice(plain);
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let Some((&escaped, after)) = rest.split_first() else {
            // A backslash at the very end stands for itself.
            out.push(b'\\');
            break;
        };
        rest = after;
        out.push(match escaped {
            b'b' => 0x08,
            b'f' => 0x0C,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 0x0B,
            b'0'..=b'7' => {
                let mut value = u32::from(escaped - b'0');
                for _ in 0..2 {
                    let Some((digit @ b'0'..=b'7', after)) = rest.split_first() else {
                        break;
                    };
                    value = value * 8 + u32::from(digit - b'0');
                    rest = after;
                }
                // As PostgreSQL has it: `\777` is the byte 0xFF.
                (value & 0xFF) as u8
            }
            b'x' => number(&mut rest).unwrap_or(b'x'),
            other => other,
        });
    }
    Cow::Owned(out)
}

/// Up to two hexadecimal digits.
fn number(rest: &mut &[u8]) -> Option<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let mut value = digit(rest.first()?)?;
    *rest = &rest[1..];
    if let Some(more) = rest.first().and_then(digit) {
        value = value * 16 + more;
        *rest = &rest[1..];
    }
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn fields(row: &[u8]) -> Vec<Option<Vec<u8>>> {
        copy_fields(row)
            .map(|field| field.map(Cow::into_owned))
            .collect()
    }

    #[test]
    fn every_escape_is_undone_as_postgresql_does() {
        let some = |bytes: &[u8]| Some(bytes.to_vec());
        assert_eq!(fields(b""), [some(b"")]);
        assert_eq!(fields(b"\t\\N\t"), [some(b""), None, some(b"")]);
        assert_eq!(fields(b"\\\\N\t\\Nx"), [some(b"\\N"), some(b"Nx")]);
        assert_eq!(
            fields(b"\\b\\f\\n\\r\\t\\v\\\\\\q"),
            [some(b"\x08\x0C\n\r\t\x0B\\q")]
        );
        assert_eq!(fields(b"\\101\\18\\777\\0"), [some(b"A\x018\xFF\0")]);
        assert_eq!(fields(b"\\x41\\x4g\\xg\\x"), [some(b"A\x04gxgx")]);
        // A tab behind a backslash is part of the value; behind two it is not.
        assert_eq!(fields(b"a\\\tb\\\\\tc\\"), [some(b"a\tb\\"), some(b"c\\")]);
    }

    /// What COPY TO writes.
    fn escape(field: Option<&[u8]>) -> Vec<u8> {
        let Some(field) = field else {
            return b"\\N".to_vec();
        };
        let mut out = Vec::new();
        for byte in field {
            match byte {
                b'\\' => out.extend(b"\\\\"),
                b'\n' => out.extend(b"\\n"),
                b'\t' => out.extend(b"\\t"),
                b'\r' => out.extend(b"\\r"),
                byte => out.push(*byte),
            }
        }
        out
    }

    proptest! {
        #[test]
        fn what_copy_writes_is_read_back(
            row in prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 0..40)), 1..6)
        ) {
            let escaped: Vec<_> = row.iter().map(|field| escape(field.as_deref())).collect();
            prop_assert_eq!(fields(&escaped.join(&b'\t')), row);
        }

        #[test]
        fn nothing_makes_it_panic_and_no_field_grows(row in prop::collection::vec(any::<u8>(), 0..200)) {
            let total: usize = fields(&row).iter().flatten().map(Vec::len).sum();
            prop_assert!(total <= row.len());
        }
    }
}
