//! The one error of the crate. Used by every floor; knows nothing of any of them.
//!
//! An error says what was being done, in one line about its own level; the cause is behind
//! [`std::error::Error::source`] and is never printed twice.

use std::fmt;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What an [`Error`] is about, as far as a caller would act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The server could not be reached, or refused the connection.
    Connect,
    /// The server answered a statement with an error; see [`Error::sqlstate`].
    Server,
    /// Bytes are not what their format says they must be.
    Format,
    /// A compression or encryption stage failed: a wrong key, or damaged input.
    Stage,
    /// A key, a passphrase or a caller's stage is needed and was not given, or is the wrong one.
    Key,
    /// The object store failed.
    Store,
    /// Bytes, counts or digests differ from what was recorded.
    Integrity,
    /// Something asked for does not exist.
    Missing,
    /// Something is in the way: a target that is not empty, a name that is taken.
    Conflict,
    /// What was found or asked for cannot be handled; nothing was written.
    Unsupported,
    /// A bound of [`Limits`](crate::Limits) was exceeded.
    Limit,
    /// A caller asked for something that cannot be meant.
    Usage,
    /// The work was stopped by request.
    Interrupted,
    /// A promise of this crate to itself was broken.
    Bug,
}

/// Why something could not be done.
///
/// `Display` is one line and does not print the source; walk [`std::error::Error::source`] for
/// the causes.
#[derive(thiserror::Error)]
#[error("{}", self.inner)]
pub struct Error {
    inner: Box<Inner>,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

struct Inner {
    kind: ErrorKind,
    message: String,
    entry: Option<String>,
    offset: Option<u64>,
    key: Option<String>,
    sqlstate: Option<String>,
    afterwards: Vec<String>,
}

impl fmt::Display for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(entry) = &self.entry {
            write!(f, "{entry}: ")?;
        }
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(offset) = self.offset {
            write!(f, " (at byte {offset})")?;
        }
        if let Some(sqlstate) = &self.sqlstate {
            write!(f, " [SQLSTATE {sqlstate}]")?;
        }
        for note in &self.afterwards {
            write!(f, "; {note}")?;
        }
        Ok(())
    }
}

impl Error {
    /// An error of `kind`; `message` is one line that says what failed and, where there is
    /// something to do about it, what.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            inner: Box::new(Inner {
                kind,
                message: message.into(),
                entry: None,
                offset: None,
                key: None,
                sqlstate: None,
                afterwards: Vec::new(),
            }),
            source: None,
        }
    }

    /// The same error, caused by `source`.
    #[must_use]
    pub fn caused_by(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same error, about one TOC entry, such as `entry 3358 (TABLE DATA shop.orders)`.
    #[must_use]
    pub fn in_entry(mut self, entry: impl fmt::Display) -> Self {
        self.inner.entry = Some(entry.to_string());
        self
    }

    /// The same error, at a byte offset of the input being read.
    #[must_use]
    pub fn at_offset(mut self, offset: u64) -> Self {
        self.inner.offset = Some(offset);
        self
    }

    /// The same error, about one object of a store or one file.
    #[must_use]
    pub fn of_key(mut self, key: impl fmt::Display) -> Self {
        self.inner.key = Some(key.to_string());
        self
    }

    /// The same error, with the server's SQLSTATE (five characters).
    #[must_use]
    pub fn with_sqlstate(mut self, sqlstate: impl Into<String>) -> Self {
        self.inner.sqlstate = Some(sqlstate.into());
        self
    }

    /// The same error, with what became of things afterwards behind all of its own.
    #[must_use]
    pub fn and_then(mut self, note: impl fmt::Display) -> Self {
        self.inner.afterwards.push(note.to_string());
        self
    }

    /// What the error is about.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// The TOC entry concerned, if one was.
    pub fn entry(&self) -> Option<&str> {
        self.inner.entry.as_deref()
    }

    /// The byte offset in the input, where one is known.
    pub fn offset(&self) -> Option<u64> {
        self.inner.offset
    }

    /// The store key or file name concerned, if one was.
    pub fn key(&self) -> Option<&str> {
        self.inner.key.as_deref()
    }

    /// The server's SQLSTATE, where a server said no.
    pub fn sqlstate(&self) -> Option<&str> {
        self.inner.sqlstate.as_deref()
    }

    /// Whether the same call may succeed when made again without changing anything.
    pub fn is_retryable(&self) -> bool {
        match self.kind() {
            ErrorKind::Store => true,
            // A server that was reached and refuses the role or has no such database goes on
            // doing so: invalid authorization, invalid catalog name.
            ErrorKind::Connect => !self
                .sqlstate()
                .is_some_and(|state| matches!(state.get(..2), Some("28" | "3D"))),
            // Classes of PostgreSQL's Appendix A: connection exception, transaction rollback,
            // insufficient resources, operator intervention, and lock_not_available.
            ErrorKind::Server => self.sqlstate().is_some_and(|state| {
                matches!(state.get(..2), Some("08" | "40" | "53" | "57")) || state == "55P03"
            }),
            _ => false,
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.inner.kind, self.inner)?;
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

/// Streams of this crate travel through [`tokio::io::AsyncRead`], whose error is
/// [`std::io::Error`]; an [`Error`] put in there comes out whole through [`From`].
impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        std::io::Error::other(error)
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        if error.get_ref().is_some_and(|inner| inner.is::<Error>()) {
            return *error
                .into_inner()
                .and_then(|inner| inner.downcast::<Error>().ok())
                .expect("the type was checked on the line above");
        }
        Error::new(ErrorKind::Store, "input or output failed").caused_by(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_is_one_level_and_debug_walks_the_chain() {
        let error = Error::new(
            ErrorKind::Integrity,
            "stored digest differs from the manifest",
        )
        .in_entry("entry 3358 (TABLE DATA shop.orders)")
        .caused_by(std::io::Error::other("disk"));
        assert_eq!(
            error.to_string(),
            "entry 3358 (TABLE DATA shop.orders): stored digest differs from the manifest"
        );
        assert!(format!("{error:?}").ends_with("manifest: disk"));
    }

    #[test]
    fn what_became_of_things_stands_behind_what_happened() {
        let cleaning = Error::new(ErrorKind::Server, "not its owner").with_sqlstate("42501");
        let error = Error::new(ErrorKind::Server, "the disk is full")
            .and_then(format_args!("it could not be emptied: {cleaning}"))
            .with_sqlstate("53100");
        assert_eq!(
            error.to_string(),
            "the disk is full [SQLSTATE 53100]; it could not be emptied: not its owner \
             [SQLSTATE 42501]"
        );
    }

    #[test]
    fn an_error_survives_the_way_through_io() {
        let io: std::io::Error = Error::new(ErrorKind::Limit, "too long").at_offset(7).into();
        let back = Error::from(io);
        assert_eq!(back.kind(), ErrorKind::Limit);
        assert_eq!(back.offset(), Some(7));
    }
}
