//! The dump's text as Rust strings, and back, without loss. Used by `toc`, `sql` and `pg`.
//!
//! Names and definitions are bytes in the database's encoding, and only for UTF-8 are those bytes
//! a Rust string. Every server encoding of PostgreSQL keeps ASCII bytes for ASCII characters
//! alone, so code that quotes, splits and compares looks at ASCII only and need not know the rest.
//! For any encoding but UTF-8 each byte above 0x7F is therefore carried as the character of the
//! same number, and turned back into that byte on the way out.

mod array;
mod copy_text;
mod quote;
pub(crate) mod words;

pub use array::{append_array_item, parse_array, split_guc_list};
pub use copy_text::{CopyFields, LONGEST_ROW, copy_fields};
pub use quote::{
    dollar_quoted, identifier, literal, push_connection_literal, push_reloptions, qualified,
};

use bytes::Bytes;

use crate::error::{Error, ErrorKind, Result};

/// How the bytes of a dump are carried in a `String`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TextForm {
    /// The encoding is UTF-8: bytes and string are the same.
    #[default]
    Utf8,
    /// Any other encoding: byte 0xNN is the character U+00NN.
    ByteMapped,
}

impl TextForm {
    /// The form for a PostgreSQL encoding name, such as `UTF8` or `LATIN1`.
    pub fn of_encoding(name: &str) -> Self {
        if name.eq_ignore_ascii_case("UTF8") || name.eq_ignore_ascii_case("UTF-8") {
            Self::Utf8
        } else {
            Self::ByteMapped
        }
    }

    /// Bytes in the dump's encoding as a string.
    ///
    /// # Errors
    ///
    /// `Format` if the encoding is UTF-8 and the bytes are not.
    pub fn decode(self, bytes: &[u8]) -> Result<String> {
        match self {
            Self::Utf8 => std::str::from_utf8(bytes)
                .map(str::to_owned)
                .map_err(|error| {
                    Error::new(
                        ErrorKind::Format,
                        format!(
                            "text is not valid UTF-8 although the database's encoding is: {:?}",
                            String::from_utf8_lossy(bytes)
                        ),
                    )
                    .caused_by(error)
                }),
            // Most text is ASCII, and a string made of it at once has no room that nobody needs.
            Self::ByteMapped => Ok(match std::str::from_utf8(bytes) {
                Ok(text) if text.is_ascii() => text.to_owned(),
                _ => bytes.iter().map(|byte| char::from(*byte)).collect(),
            }),
        }
    }

    /// The bytes that [`decode`](Self::decode) made `text` of.
    ///
    /// # Panics
    ///
    /// If a byte-mapped text holds a character above U+00FF, which `decode` never makes.
    pub fn encode(self, text: &str) -> Bytes {
        match self {
            Self::Utf8 => Bytes::copy_from_slice(text.as_bytes()),
            Self::ByteMapped if text.is_ascii() => Bytes::copy_from_slice(text.as_bytes()),
            Self::ByteMapped => text
                .chars()
                .map(|char| {
                    u8::try_from(u32::from(char))
                        .expect("byte-mapped text has no character above U+00FF")
                })
                .collect(),
        }
    }
}
