//! The verb `rows`: one table of a dump row by row, without restoring it.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::copy_statement::CopyStatement;
use super::output::only_table;
use super::part::Part;
use crate::dump::{Data, Dump};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Watch;
use crate::files::ByteStream;
use crate::text::{LONGEST_ROW, TextForm, copy_fields};
use crate::toc::Toc;

/// The rows of one table, a batch at a time.
///
/// Rows are digested as they pass and compared with what the dump recorded: only `None` says that
/// all of them were there and sound, and an error at the end means that those before cannot be
/// trusted. Memory holds one piece of the dump's stream, or the longest row.
pub struct Rows {
    columns: Vec<String>,
    has_no_columns: bool,
    encoding: String,
    data: ByteStream,
    /// The beginning of a row whose end has not come yet.
    partial: BytesMut,
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows")
            .field("columns", &self.columns)
            .field("encoding", &self.encoding)
            .finish_non_exhaustive()
    }
}

/// One row, as COPY wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    line: Bytes,
    /// Of a table without columns: the line is empty.
    is_empty: bool,
}

impl Row {
    /// Its values as text in the dump's encoding, in the order of [`Rows::columns`]; `None` is
    /// null.
    pub fn fields(&self) -> impl Iterator<Item = Option<Cow<'_, [u8]>>> {
        let most = if self.is_empty { 0 } else { usize::MAX };
        copy_fields(&self.line).take(most)
    }

    /// The line of COPY text, without its end.
    pub fn raw(&self) -> &[u8] {
        &self.line
    }
}

/// The rows of the one table with rows in `toc`, which is a selection of `dump`'s.
///
/// # Errors
///
/// `Usage` if there is not exactly one table with rows; `Unsupported` if its data is not COPY
/// text; those of the dump.
///
/// # Examples
///
/// ```
/// use dr_core::event::Watch;
/// use dr_core::ops::{ReadOptions, open_script, rows};
/// use dr_core::toc::Selection;
///
/// # #[tokio::main]
/// # async fn main() -> dr_core::Result<()> {
/// let script = b"CREATE TABLE public.polls (id integer, question text);\n\
///     COPY public.polls (id, question) FROM stdin;\n1\tWhy?\n2\t\\N\n\\.\n\
///     -- PostgreSQL database dump complete\n";
/// let dump = open_script(Box::pin(&script[..]), &ReadOptions::new()).await?;
/// let toc = dump.toc().select(&Selection::tables(["public.polls"]))?.toc;
/// let mut polls = rows(dump, toc, Watch::default()).await?;
/// assert_eq!(polls.columns(), ["id", "question"]);
/// while let Some(batch) = polls.next_batch().await? {
///     for row in batch {
///         assert_eq!(row.fields().count(), 2);
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub async fn rows(dump: Arc<dyn Dump>, toc: Toc, watch: Watch) -> Result<Rows> {
    let toc = Arc::new(toc);
    let entry = only_table(&toc)?;
    let encoding = match &toc.encoding[..] {
        "" => "UTF8".to_owned(),
        encoding => encoding.to_owned(),
    };
    let statement = match &entry.copy_statement {
        Some(statement) => {
            let text = TextForm::of_encoding(&encoding).decode(statement)?;
            let statement = CopyStatement::parse(&text).map_err(|error| error.in_entry(entry))?;
            statement.is_plain().then_some(statement)
        }
        None => None,
    };
    let part = Part::of(dump, Arc::clone(&toc), watch);
    let (Some(statement), Data::Rows(data)) = (statement, part.data(entry.id).await?) else {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "its rows are not COPY text: restore it to read them",
        )
        .in_entry(entry));
    };
    Ok(Rows {
        columns: statement.column_names(),
        // pg_dump writes a list wherever there are columns.
        has_no_columns: statement.columns.as_deref().is_none_or(str::is_empty),
        encoding,
        data,
        partial: BytesMut::new(),
    })
}

impl Rows {
    /// Rows of COPY text that come from elsewhere.
    pub(super) fn of(columns: Vec<String>, encoding: String, data: ByteStream) -> Self {
        Self {
            has_no_columns: columns.is_empty(),
            columns,
            encoding,
            data,
            partial: BytesMut::new(),
        }
    }

    /// The columns' names, in the form of [`crate::text`]; empty where the dump does not say them.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The encoding of the values, as PostgreSQL names it: `UTF8`.
    pub fn encoding(&self) -> &str {
        &self.encoding
    }

    /// The next rows, at least one; `None` when all of them were there and sound.
    ///
    /// # Errors
    ///
    /// `Integrity` if they are not those that were dumped; `Limit` for a row that is too long;
    /// those of the dump. After an error nothing more is to be had.
    pub async fn next_batch(&mut self) -> Result<Option<Vec<Row>>> {
        while let Some(piece) = self.data.try_next().await? {
            let batch = self.split(piece)?;
            if !batch.is_empty() {
                return Ok(Some(batch));
            }
        }
        // That the last row has its end was seen to by whoever digests them.
        Ok(None)
    }

    /// The rows one after another.
    pub fn into_stream(self) -> BoxStream<'static, Result<Row>> {
        stream::try_unfold(self, |mut rows| async move {
            let batch = rows.next_batch().await?;
            let batch = batch.map(|batch| stream::iter(batch.into_iter().map(Ok)));
            Ok::<_, Error>(batch.map(|batch| (batch, rows)))
        })
        .try_flatten()
        .boxed()
    }

    fn split(&mut self, mut piece: Bytes) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        if !self.partial.is_empty() {
            let Some(end) = memchr::memchr(b'\n', &piece) else {
                self.keep(&piece)?;
                return Ok(rows);
            };
            self.keep(&piece.split_to(end))?;
            piece = piece.slice(1..);
            let line = self.partial.split().freeze();
            rows.push(self.row(line));
        }
        while let Some(end) = memchr::memchr(b'\n', &piece) {
            rows.push(self.row(piece.split_to(end)));
            piece = piece.slice(1..);
        }
        self.keep(&piece)?;
        Ok(rows)
    }

    fn row(&self, line: Bytes) -> Row {
        Row {
            is_empty: self.has_no_columns && line.is_empty(),
            line,
        }
    }

    fn keep(&mut self, part: &[u8]) -> Result<()> {
        if (self.partial.len() + part.len()) as u64 > LONGEST_ROW.most() {
            return Err(LONGEST_ROW.exceeded("a row has more bytes"));
        }
        self.partial.extend_from_slice(part);
        Ok(())
    }
}
