//! Reading back what was loaded: the digest of a table or of a part of it, what a difference may
//! come from, sequences, large objects.
//!
//! Used by the executor, which compares and decides.

use std::collections::HashMap;

use super::super::copy_statement::CopyStatement;
use super::load::LargeObjects;
use super::report::{LargeObjectsProof, SequenceProof, Verdict};
use super::session::{Session, Style};
use crate::digest::{RowsDigest, Sha256};
use crate::error::Result;
use crate::files::{LargeObjectEvidence, SequenceEvidence};
use crate::pg::{SequenceName, ServerVersion, sequence_values};
use crate::pipeline::tap::Meter;
use crate::text::{TextForm, literal};
use crate::toc::{Entry, Kind, Toc};

/// A part of a large table that is read back at once, in pages of 8 KiB.
const PART: u64 = 8192;

/// Pages of a table, the last one not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pages {
    from: u64,
    to: Option<u64>,
}

/// The parts a table of that size is read back in; none: as a whole.
pub(super) fn parts(bytes: u64, version: ServerVersion) -> Vec<Option<Pages>> {
    let pages = bytes / 8192;
    // Before 14 a condition on ctid reads the whole table.
    if version.major() < 14 || pages < 2 * PART {
        return vec![None];
    }
    let count = pages / PART;
    (0..count)
        .map(|at| {
            Some(Pages {
                from: at * PART,
                to: (at + 1 < count).then_some((at + 1) * PART),
            })
        })
        .collect()
}

/// What a table, or a part of it, holds.
pub(super) async fn digest(
    session: &mut Session,
    copy: &CopyStatement,
    whole_tree: bool,
    part: Option<Pages>,
    style: Style,
) -> Result<RowsDigest> {
    session.show_as(style).await?;
    let statement = match part {
        _ if whole_tree => copy.read_back_where(false, ""),
        None => copy.read_back(),
        Some(Pages { from, to }) => {
            let mut condition = format!("ctid >= '({from},0)'");
            if let Some(to) = to {
                condition.push_str(&format!(" AND ctid < '({to},0)'"));
            }
            copy.read_back_where(true, &condition)
        }
    };
    session.digest(&statement).await
}

/// Types in a table whose values are written differently under other settings than the dump's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Renderings {
    /// `timestamp with time zone`, also inside arrays, ranges, composites, domains.
    pub(super) zone: bool,
    /// `bytea`.
    pub(super) bytea: bool,
    /// `money`.
    pub(super) money: bool,
    /// Floating point numbers, which PostgreSQL before 12 wrote with more digits.
    pub(super) float: bool,
}

/// Which of them a table has; `table` is qualified and quoted.
pub(super) async fn renderings(session: &Session, table: &str) -> Result<Renderings> {
    let multirange = if session.version().major() >= 14 {
        "OR r.rngmultitypid = t.oid"
    } else {
        ""
    };
    let rows = session
        .rows(&format!(
            "WITH RECURSIVE used(oid) AS ( \
                SELECT a.atttypid FROM pg_catalog.pg_attribute a \
                WHERE a.attrelid = {}::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped \
                UNION \
                SELECT x.oid FROM used u JOIN pg_catalog.pg_type t ON t.oid = u.oid, LATERAL ( \
                    SELECT t.typelem WHERE t.typelem <> 0 \
                    UNION ALL SELECT t.typbasetype WHERE t.typbasetype <> 0 \
                    UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r \
                        WHERE r.rngtypid = t.oid {multirange} \
                    UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a \
                        WHERE a.attrelid = t.typrelid AND t.typrelid <> 0 \
                          AND a.attnum > 0 AND NOT a.attisdropped \
                ) AS x(oid) \
             ) SELECT DISTINCT oid FROM used",
            literal(table)
        ))
        .await?;
    let mut found = Renderings::default();
    for row in rows {
        match row.get::<u32>("oid")? {
            1184 => found.zone = true,
            17 => found.bytea = true,
            790 => found.money = true,
            700 | 701 => found.float = true,
            _ => {}
        }
    }
    Ok(found)
}

/// Bytes of a table's main fork.
pub(super) async fn table_bytes(session: &Session, table: &str) -> Result<u64> {
    let rows = session
        .rows(&format!(
            "SELECT pg_catalog.pg_relation_size({}::pg_catalog.regclass)::bigint AS bytes",
            literal(table)
        ))
        .await?;
    match rows.first() {
        Some(row) => Ok(u64::try_from(row.get::<i64>("bytes")?).unwrap_or(0)),
        None => Ok(0),
    }
}

/// Compares the sequences of a plan's SEQUENCE SET entries.
pub(super) async fn sequences(
    session: &Session,
    toc: &Toc,
    entries: &[&Entry],
    recorded: impl Fn(&Entry) -> Option<SequenceEvidence>,
) -> Result<Vec<SequenceProof>> {
    let form = TextForm::of_encoding(&toc.encoding);
    let names = entries
        .iter()
        .map(|entry| {
            Ok(SequenceName {
                namespace: form.decode(entry.namespace.as_deref().unwrap_or_default())?,
                name: form.decode(&entry.tag)?,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let found: Vec<Option<(i64, bool)>> = match sequence_values(session.conn(), &names).await {
        Ok(values) => values
            .iter()
            .map(|value| Some((value.last_value, value.is_called)))
            .collect(),
        // undefined_table: find out which.
        Err(error) if error.sqlstate() == Some("42P01") => {
            let mut found = Vec::new();
            for name in &names {
                found.push(
                    match sequence_values(session.conn(), std::slice::from_ref(name)).await {
                        Ok(values) => values
                            .first()
                            .map(|value| (value.last_value, value.is_called)),
                        Err(error) if error.sqlstate() == Some("42P01") => None,
                        Err(error) => return Err(error),
                    },
                );
            }
            found
        }
        Err(error) => return Err(error),
    };
    Ok(entries
        .iter()
        .zip(found)
        .map(|(entry, found)| {
            let expected = recorded(entry)
                .map(|recorded| (recorded.last_value, recorded.is_called))
                .or_else(|| value_set(entry));
            SequenceProof {
                entry: entry.id.0,
                sequence: crate::toc::RelationName::new(
                    entry.namespace.clone().unwrap_or_default(),
                    entry.tag.clone(),
                )
                .to_string(),
                verdict: match (expected, found) {
                    (_, None) => Verdict::Missing,
                    (None, _) => Verdict::NotComparable,
                    (expected, found) if expected == found => Verdict::Equal,
                    _ => Verdict::Differs,
                },
                expected,
                found,
            }
        })
        .collect())
}

/// The value in `SELECT pg_catalog.setval('s.q', 42, true);`.
fn value_set(entry: &Entry) -> Option<(i64, bool)> {
    debug_assert_eq!(entry.kind, Kind::SequenceSet);
    // The name may be in any encoding; what follows it is ASCII.
    let text = String::from_utf8_lossy(&entry.definition);
    let (_, arguments) = text.trim_end().trim_end_matches(';').rsplit_once('\'')?;
    let mut arguments = arguments.trim_end_matches(')').split(',').skip(1);
    let value = arguments.next()?.trim().parse().ok()?;
    let is_called = match arguments.next().map(str::trim) {
        Some("true") | None => true,
        Some("false") => false,
        Some(_) => return None,
    };
    Some((value, is_called))
}

/// Reads large objects back and compares them with what was loaded.
pub(super) async fn large_objects(
    session: &Session,
    loaded: &LargeObjects,
) -> Result<LargeObjectsProof> {
    /// Objects up to this size are digested by the server, many at a time.
    const SMALL: u64 = 4 << 20;
    /// So many bytes of them at a time.
    const BATCH: u64 = 64 << 20;
    let mut proof = LargeObjectsProof::default();
    let (small, large): (Vec<_>, Vec<_>) = loaded
        .iter()
        .partition(|(_, content)| content.bytes <= SMALL);
    let mut at = 0;
    while at < small.len() {
        let mut bytes = 0;
        let batch: Vec<&(u32, LargeObjectEvidence)> = small[at..]
            .iter()
            .take(1000)
            .take_while(|(_, content)| {
                bytes += content.bytes;
                bytes <= BATCH
            })
            .copied()
            .collect();
        at += batch.len();
        let oids: Vec<String> = batch.iter().map(|(oid, _)| oid.to_string()).collect();
        let rows = session
            .rows(&format!(
                "SELECT m.oid, pg_catalog.encode(pg_catalog.sha256(pg_catalog.lo_get(m.oid)), 'hex') \
                 AS sha256 FROM pg_catalog.pg_largeobject_metadata m \
                 WHERE m.oid = ANY (ARRAY[{}]::oid[])",
                oids.join(",")
            ))
            .await?;
        let mut found = HashMap::new();
        for row in rows {
            found.insert(
                row.get::<u32>("oid")?,
                row.text("sha256")?.parse::<Sha256>()?,
            );
        }
        for (oid, content) in batch {
            match found.get(oid) {
                None => proof.missing.push(*oid),
                Some(sha256) if *sha256 == content.sha256 => proof.equal += 1,
                Some(_) => proof.differing.push(*oid),
            }
        }
    }
    for (oid, content) in large {
        match read_large_object(session, *oid).await {
            Ok(found) if found == *content => proof.equal += 1,
            Ok(_) => proof.differing.push(*oid),
            // undefined_object
            Err(error) if error.sqlstate() == Some("42704") => proof.missing.push(*oid),
            Err(error) => return Err(error),
        }
    }
    Ok(proof)
}

async fn read_large_object(session: &Session, oid: u32) -> Result<LargeObjectEvidence> {
    const PIECE: u64 = 1 << 20;
    let mut meter = Meter::new();
    loop {
        let rows = session
            .rows(&format!(
                "SELECT pg_catalog.lo_get({oid}, {}, {PIECE}) AS piece",
                meter.bytes()
            ))
            .await?;
        let Some(row) = rows.first() else { break };
        let piece: Vec<u8> = row.get("piece")?;
        meter.update(&piece);
        if (piece.len() as u64) < PIECE {
            break;
        }
    }
    Ok(LargeObjectEvidence::new(meter.bytes(), meter.sha256()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toc::EntryId;

    #[test]
    fn a_large_table_is_read_back_in_parts_that_leave_nothing_out() {
        let v = ServerVersion;
        assert_eq!(parts(100 << 20, v(150_000)), [None]);
        assert_eq!(parts(1 << 40, v(130_000)), [None]);
        let parts = parts((200 << 20) + 12_345, v(150_000));
        assert_eq!(parts.len(), 3);
        let mut next = 0;
        for part in parts.iter().flatten() {
            assert_eq!(part.from, next);
            next = part.to.unwrap_or(u64::MAX);
        }
        assert_eq!(next, u64::MAX, "the last part has no end");
    }

    #[test]
    fn the_value_of_a_sequence_is_read_from_its_statement() {
        let value = |definition: &'static str| {
            let mut entry = Entry::new(EntryId(1), Kind::SequenceSet, "q");
            entry.definition = definition.into();
            entry.definition = entry
                .definition
                .iter()
                .map(|byte| match byte {
                    b'?' => 0xe9,
                    byte => *byte,
                })
                .collect::<Vec<u8>>()
                .into();
            value_set(&entry)
        };
        assert_eq!(
            value("SELECT pg_catalog.setval('s.q', 42, true);\n"),
            Some((42, true))
        );
        assert_eq!(
            value("SELECT pg_catalog.setval('s.\"q, 7\"', -1, false);\n"),
            Some((-1, false))
        );
        // In LATIN1.
        assert_eq!(
            value("SELECT pg_catalog.setval('\"s?\".\"q?\"', 7, true);\n"),
            Some((7, true))
        );
        assert_eq!(value("SELECT something();"), None);
    }
}
