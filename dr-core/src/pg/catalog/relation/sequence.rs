//! Sequences, by themselves and of columns. Used by `relation` alone.

use std::fmt::Write as _;

use crate::error::{Error, ErrorKind, Result};
use crate::pg::{SequenceName, SequenceValue, sequence_values};
use crate::text::identifier;
use crate::toc::{EntryId, Kind};

use super::super::Reading;
use super::super::comment::Subject;
use super::super::object::{Components, Node};
use super::super::render::{Draft, Out, World};
use super::Table;

/// How a sequence counts, and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Sequence {
    type_name: String,
    start: i64,
    increment: i64,
    max: i64,
    min: i64,
    cache: i64,
    cycles: bool,
    /// Where it stands, if its value is dumped.
    pub(super) value: Option<SequenceValue>,
}

/// Reads how every sequence counts.
pub(super) async fn read(reading: &mut Reading<'_>) -> Result<()> {
    let rows = reading
        .conn
        .rows(
            "SELECT seqrelid, pg_catalog.format_type(seqtypid, NULL) AS type_name, seqstart, \
             seqincrement, seqmax, seqmin, seqcache, seqcycle FROM pg_catalog.pg_sequence",
        )
        .await?;
    for row in rows {
        let sequence = Sequence {
            type_name: row.text("type_name")?,
            start: row.get("seqstart")?,
            increment: row.get("seqincrement")?,
            max: row.get("seqmax")?,
            min: row.get("seqmin")?,
            cache: row.get("seqcache")?,
            cycles: row.get("seqcycle")?,
            value: None,
        };
        reading
            .tables
            .sequences
            .insert(row.get("seqrelid")?, sequence);
    }
    Ok(())
}

/// Reads where the sequences stand whose values are dumped. A sequence is not transactional: this
/// is its value now, not that of the snapshot, and so never behind the rows.
pub(super) async fn read_values(reading: &mut Reading<'_>) -> Result<()> {
    let (oids, names): (Vec<u32>, Vec<SequenceName>) = reading
        .tables
        .iter()
        .filter(|table| table.kind == b'S' && table.data.is_some())
        .map(|table| {
            let name = SequenceName {
                namespace: table.schema.clone(),
                name: table.name.clone(),
            };
            (table.oid, name)
        })
        .unzip();
    let values = sequence_values(reading.conn, &names).await?;
    for (oid, value) in oids.into_iter().zip(values) {
        if let Some(sequence) = reading.tables.sequences.get_mut(&oid) {
            sequence.value = Some(value);
        }
    }
    Ok(())
}

impl Sequence {
    /// MINVALUE and MAXVALUE that CREATE SEQUENCE would choose.
    fn usual_bounds(&self) -> Result<(i64, i64)> {
        let (least, most) = match self.type_name.as_str() {
            "smallint" => (i64::from(i16::MIN), i64::from(i16::MAX)),
            "integer" => (i64::from(i32::MIN), i64::from(i32::MAX)),
            "bigint" => (i64::MIN, i64::MAX),
            other => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    format!("a sequence of type {other}"),
                ));
            }
        };
        Ok(if self.increment >= 0 {
            (1, most)
        } else {
            (least, -1)
        })
    }
}

/// Puts the entry of a sequence, of the column that owns it, and its comment.
pub(super) fn put(table: &Table, node: &Node, world: &World<'_>, out: &mut Out) -> Result<()> {
    let sequence = world.tables.sequences.get(&table.oid).ok_or_else(|| {
        Error::new(
            ErrorKind::Server,
            format!(
                "sequence {} is not in pg_sequence; the catalog is damaged",
                table.qualified()
            ),
        )
    })?;
    let qualified = table.qualified();
    let owner = match table.owned_by {
        Some((oid, number)) => Some((world.tables.expect(oid)?, number)),
        None => None,
    };
    let mut sql = String::new();
    match owner {
        Some((of, number)) if table.is_identity => {
            let column = of.column_name(number)?;
            let mode = match of.columns[number as usize - 1].identity {
                b'a' => "ALWAYS",
                _ => "BY DEFAULT",
            };
            let _ = write!(
                sql,
                "ALTER TABLE {} ALTER COLUMN {} ADD GENERATED {mode} AS IDENTITY (\n    \
                 SEQUENCE NAME {qualified}\n",
                of.qualified(),
                identifier(column)
            );
            if table.persistence != of.persistence {
                sql.push_str(if table.persistence == b'u' {
                    "    UNLOGGED\n"
                } else {
                    "    LOGGED\n"
                });
            }
        }
        _ => {
            let unlogged = if table.persistence == b'u' {
                "UNLOGGED "
            } else {
                ""
            };
            let _ = writeln!(sql, "CREATE {unlogged}SEQUENCE {qualified}");
            if sequence.type_name != "bigint" {
                let _ = writeln!(sql, "    AS {}", sequence.type_name);
            }
        }
    }
    let (usual_min, usual_max) = sequence.usual_bounds()?;
    let _ = writeln!(sql, "    START WITH {}", sequence.start);
    let _ = writeln!(sql, "    INCREMENT BY {}", sequence.increment);
    let _ = if sequence.min == usual_min {
        writeln!(sql, "    NO MINVALUE")
    } else {
        writeln!(sql, "    MINVALUE {}", sequence.min)
    };
    let _ = if sequence.max == usual_max {
        writeln!(sql, "    NO MAXVALUE")
    } else {
        writeln!(sql, "    MAXVALUE {}", sequence.max)
    };
    let cycle = if sequence.cycles { "\n    CYCLE" } else { "" };
    let end = if table.is_identity { "\n)" } else { "" };
    let _ = writeln!(sql, "    CACHE {}{cycle}{end};", sequence.cache);

    let mut draft = Draft::new(Kind::Sequence, &*table.name);
    draft.catalog_id = node.catalog_id;
    draft.namespace = Some(table.schema.clone());
    draft.owner.clone_from(&table.owner);
    draft.definition = sql;
    if !table.is_identity {
        draft.drop = format!("DROP SEQUENCE {qualified};\n");
    }
    out.put(node.id, draft);

    // An entry of its own, for it needs the sequence to belong to the table's owner already.
    if let Some((of, number)) = owner
        && !table.is_identity
        && world.objects.get(of.node).defines()
    {
        let mut draft = Draft::new(Kind::SequenceOwnedBy, &*table.name);
        draft.namespace = Some(table.schema.clone());
        draft.owner.clone_from(&table.owner);
        draft.definition = format!(
            "ALTER SEQUENCE {qualified} OWNED BY {}.{};\n",
            of.qualified(),
            identifier(of.column_name(number)?)
        );
        draft.needs = vec![EntryId(node.id.0)];
        out.put_fresh(draft);
    }
    if node.dump.has(Components::COMMENT) {
        let subject = Subject {
            kind: "SEQUENCE",
            namespace: Some(&table.schema),
            name: &identifier(&table.name),
            owner: &table.owner,
            needs: EntryId(node.id.0),
        };
        world.put_remarks(node.catalog_id, &subject, out);
    }
    Ok(())
}
