//! Queries that a caller wants answered in the dump's own snapshot, such as which migrations are
//! applied: kept beside the dump, for whoever restores it to know.

use futures::{TryStreamExt as _, pin_mut};

use crate::error::{Error, ErrorKind, Result};
use crate::files::Record;
use crate::limits::Limit;
use crate::pg::conn::Conn;
use crate::text::copy_fields;

/// Bytes of COPY text of one answer: it lies in the manifest, which everybody reads whole.
const LONGEST: Limit = Limit::fixed(16 << 20);

/// Answers one query. The transaction is read-only, and the search path is empty.
pub(super) async fn read(conn: &Conn, name: &str, sql: &str) -> Result<Record> {
    answer(conn, sql)
        .await
        .map_err(|error| error.in_entry(format_args!("the query to record as {name:?}")))
}

async fn answer(conn: &Conn, sql: &str) -> Result<Record> {
    let sql = sql.trim().trim_end_matches(';');
    // Names the columns, and takes one statement only.
    let statement = conn
        .client()
        .prepare(sql)
        .await
        .map_err(|error| conn.failed(error))?;
    let columns: Vec<String> = statement
        .columns()
        .iter()
        .map(|column| column.name().to_owned())
        .collect();
    if columns.is_empty() {
        return Err(Error::new(ErrorKind::Usage, "it returns no columns"));
    }
    let copy = format!("COPY ({sql}\n) TO STDOUT");
    let stream = conn
        .client()
        .copy_out(&copy)
        .await
        .map_err(|error| conn.failed(error))?;
    pin_mut!(stream);
    let mut text = Vec::new();
    let mut longer = false;
    // Read to its end whatever comes: the connection is needed further on.
    while let Some(piece) = stream
        .try_next()
        .await
        .map_err(|error| conn.failed(error))?
    {
        longer |= (text.len() + piece.len()) as u64 > LONGEST.most();
        if !longer {
            text.extend_from_slice(&piece);
        }
    }
    if longer {
        return Err(LONGEST.exceeded("its answer has more bytes"));
    }
    let mut rows = Vec::new();
    if let Some(lines) = text.strip_suffix(b"\n") {
        for line in lines.split(|byte| *byte == b'\n') {
            let fields = copy_fields(line)
                .map(|field| field.map(|bytes| conn.form().decode(&bytes)).transpose());
            rows.push(fields.collect::<Result<_>>()?);
        }
    }
    Ok(Record { columns, rows })
}
