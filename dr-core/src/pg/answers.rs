//! Answers of which only a sum is wanted: the digest of what a COPY sends, the number of rows that
//! statements touched.
//!
//! Used by `ops` for restoring and proving, on connections that may be inside a transaction block.

use tokio_postgres::SimpleQueryMessage;

use super::conn::Conn;
use crate::digest::{RowsDigest, RowsHasher};
use crate::error::Result;

/// Rows, bytes and digest of what a `COPY … TO STDOUT` sends.
///
/// # Errors
///
/// `Server`.
pub async fn digest(conn: &Conn, sql: &str) -> Result<RowsDigest> {
    let mut pieces = conn.control().tap();
    let mut statement = std::pin::pin!(conn.client().simple_query(sql));
    let mut hasher = RowsHasher::new();
    let mut over = false;
    loop {
        tokio::select! {
            biased;
            piece = pieces.recv() => match piece {
                Some(piece) => hasher.update(&piece),
                None => break,
            },
            answers = &mut statement, if !over => {
                // An error before the COPY begins leaves the tap where it is.
                answers.map_err(|error| conn.failed(error))?;
                over = true;
            }
        }
    }
    if !over {
        statement.await.map_err(|error| conn.failed(error))?;
    }
    hasher.finish()
}

/// Runs statements and says how many rows they inserted, changed or returned, together.
///
/// # Errors
///
/// `Server`.
pub async fn count(conn: &Conn, sql: &str) -> Result<u64> {
    let answers = conn
        .client()
        .simple_query(sql)
        .await
        .map_err(|error| conn.failed(error))?;
    Ok(answers
        .iter()
        .map(|answer| match answer {
            SimpleQueryMessage::CommandComplete(rows) => *rows,
            _ => 0,
        })
        .sum())
}
