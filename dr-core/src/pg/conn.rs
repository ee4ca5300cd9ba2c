//! One connection and what it answers, as text in the dump's form.
//!
//! Used by everything in `pg`. Knows no catalog.

use std::fmt;
use std::sync::Arc;

use futures::{Stream, StreamExt as _};
use postgres_types::{FromSql, ToSql, Type};

use super::dial::{Link, Route};
use super::wire::Control;
use crate::error::{Error, ErrorKind, Result};
use crate::text::TextForm;

/// `server_version_num`, such as 150018.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ServerVersion(pub u32);

impl ServerVersion {
    /// The major version, such as 15.
    pub fn major(self) -> u32 {
        self.0 / 10_000
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 10_000, self.0 % 10_000)
    }
}

/// One connection to a server. Dropping it closes it; an open transaction is rolled back.
pub struct Conn {
    client: Arc<tokio_postgres::Client>,
    control: Arc<Control>,
    route: Arc<Route>,
    form: TextForm,
    version: ServerVersion,
}

impl fmt::Debug for Conn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conn")
            .field("version", &self.version)
            .field("form", &self.form)
            .field("route", &self.route)
            .finish_non_exhaustive()
    }
}

/// What can stop a statement of a connection, from another one.
pub(super) struct Canceller {
    token: tokio_postgres::CancelToken,
    route: Arc<Route>,
}

impl Canceller {
    /// Asks the server to stop whatever the connection is doing at that moment.
    pub(super) async fn cancel(&self) -> Result<()> {
        self.route.cancel(&self.token).await
    }
}

impl Conn {
    /// Takes over a connection whose `client_encoding` is, from now on, that of the text form.
    pub(super) fn new(link: Link, form: TextForm, version: ServerVersion) -> Self {
        if form == TextForm::ByteMapped {
            link.control.map_bytes();
        }
        Self {
            client: Arc::new(link.client),
            control: link.control,
            route: link.route,
            form,
            version,
        }
    }

    /// The driver's client, to be kept by work that outlives a borrow.
    pub(super) fn shared_client(&self) -> Arc<tokio_postgres::Client> {
        Arc::clone(&self.client)
    }

    /// The part of the wire below the driver.
    pub(super) fn control(&self) -> &Arc<Control> {
        &self.control
    }

    /// What can stop a statement of this connection.
    pub(super) fn canceller(&self) -> Canceller {
        Canceller {
            token: self.client.cancel_token(),
            route: Arc::clone(&self.route),
        }
    }

    /// Whether the connection is gone.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// The driver's client.
    pub fn client(&self) -> &tokio_postgres::Client {
        &self.client
    }

    /// How this connection's text is carried in strings.
    pub fn form(&self) -> TextForm {
        self.form
    }

    /// The server's version.
    pub fn version(&self) -> ServerVersion {
        self.version
    }

    /// Runs one query without parameters. Cast what is not text, oid, a number, bool or an array
    /// of those to one of them: unknown types cost a round trip each.
    ///
    /// # Errors
    ///
    /// `Server`, with the SQLSTATE.
    pub async fn rows(&self, sql: &str) -> Result<Vec<Row>> {
        let rows = self
            .client
            .query(sql, &[])
            .await
            .map_err(|error| self.failed(error))?;
        Ok(rows
            .into_iter()
            .map(|row| Row {
                row,
                form: self.form,
            })
            .collect())
    }

    /// The same, row by row: for answers that grow with the number of objects of a database, which
    /// would otherwise be held twice. Another query waits until the last row was taken.
    ///
    /// # Errors
    ///
    /// As [`rows`](Self::rows); each row may be one.
    pub async fn each_row(
        &self,
        sql: &str,
    ) -> Result<impl Stream<Item = Result<Row>> + Unpin + use<'_>> {
        let none: [&(dyn ToSql + Sync); 0] = [];
        let rows = self
            .client
            .query_raw(sql, none)
            .await
            .map_err(|error| self.failed(error))?;
        Ok(Box::pin(rows).map(|row| match row {
            Ok(row) => Ok(Row {
                row,
                form: self.form,
            }),
            Err(error) => Err(self.failed(error)),
        }))
    }

    /// Runs statements that return nothing of interest.
    ///
    /// # Errors
    ///
    /// `Server`, with the SQLSTATE.
    pub async fn run(&self, sql: &str) -> Result<()> {
        self.client
            .batch_execute(sql)
            .await
            .map_err(|error| self.failed(error))
    }

    /// The driver's error of this connection as ours.
    pub(crate) fn failed(&self, error: tokio_postgres::Error) -> Error {
        failed(&self.control, error)
    }
}

/// The driver's error as ours, of a connection that may be lost: then with what it was lost for,
/// such as the server's farewell or a time-out of the network.
pub(super) fn failed(control: &Control, error: tokio_postgres::Error) -> Error {
    if error.as_db_error().is_some() {
        return server_error(error);
    }
    let failed = Error::new(ErrorKind::Connect, LOST);
    match (control.farewell(), control.lost()) {
        (Some(farewell), _) => failed
            .with_sqlstate(&farewell.sqlstate)
            .caused_by(Error::new(ErrorKind::Server, &farewell.message)),
        (None, Some(lost)) if error.is_closed() => failed.caused_by(Arc::clone(lost)),
        _ => server_error(error),
    }
}

const LOST: &str = "the connection to the server failed";

/// The driver's error as ours: the server's message, detail and hint in one line, and its SQLSTATE.
pub(crate) fn server_error(error: tokio_postgres::Error) -> Error {
    let Some(db) = error.as_db_error() else {
        let kind = if error.is_closed() {
            ErrorKind::Connect
        } else {
            ErrorKind::Server
        };
        return Error::new(kind, LOST).caused_by(error);
    };
    let mut message = db.message().to_owned();
    if let Some(detail) = db.detail() {
        message = format!("{message} ({})", detail.replace('\n', " "));
    }
    if let Some(hint) = db.hint() {
        message = format!("{message} (hint: {})", hint.replace('\n', " "));
    }
    // For COPY this says which line and column: `COPY votes, line 3, column id: "x"`.
    if let Some(context) = db.where_().and_then(|context| context.lines().next()) {
        message = format!("{message} ({})", shortened(context));
    }
    Error::new(ErrorKind::Server, message).with_sqlstate(db.code().code())
}

/// As much of a context line as belongs in a message.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 300;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// One row of an answer; columns by name.
#[derive(Debug)]
pub struct Row {
    row: tokio_postgres::Row,
    form: TextForm,
}

impl Row {
    /// A value of a fixed-size type: `u32` for oid, `i16`, `i32`, `i64`, `bool`, `i8` for "char",
    /// an `Option` or a `Vec` of those.
    ///
    /// # Errors
    ///
    /// `Bug` if the column is absent or of another type.
    pub fn get<'a, T: FromSql<'a>>(&'a self, column: &str) -> Result<T> {
        self.row.try_get(column).map_err(|error| {
            Error::new(
                ErrorKind::Bug,
                format!("column {column} of a catalog query"),
            )
            .caused_by(error)
        })
    }

    /// A text that is never null.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get); `Format` if it is not text in the database's encoding.
    pub fn text(&self, column: &str) -> Result<String> {
        self.form.decode(self.get::<RawText<'_>>(column)?.0)
    }

    /// A text or null.
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text).
    pub fn opt_text(&self, column: &str) -> Result<Option<String>> {
        self.get::<Option<RawText<'_>>>(column)?
            .map(|raw| self.form.decode(raw.0))
            .transpose()
    }

    /// An array of texts; null is empty.
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text).
    pub fn texts(&self, column: &str) -> Result<Vec<String>> {
        self.get::<Option<Vec<RawText<'_>>>>(column)?
            .unwrap_or_default()
            .into_iter()
            .map(|raw| self.form.decode(raw.0))
            .collect()
    }

    /// A "char" as a byte; 0 for null.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn char(&self, column: &str) -> Result<u8> {
        Ok(self.get::<Option<i8>>(column)?.map_or(0, i8::cast_unsigned))
    }
}

/// Text as it came, undecoded.
struct RawText<'a>(&'a [u8]);

impl<'a> FromSql<'a> for RawText<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(
            *ty,
            Type::TEXT | Type::NAME | Type::VARCHAR | Type::BPCHAR | Type::UNKNOWN | Type::BYTEA
        )
    }
}
