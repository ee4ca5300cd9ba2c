//! What ANALYZE and VACUUM found of relations and their columns, for a server that takes it (18 and
//! later): STATISTICS DATA entries. Used by `catalog` if they are wanted, once tables, indexes and
//! what they hold are known.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::error::Result;
use crate::pg::{Row, ServerVersion};
use crate::text::literal;
use crate::toc::{CatalogId, EntryId, Kind, Section};

use super::Reading;
use super::object::{Body, Components, Node, NodeId, ObjectKind};
use super::render::{Draft, Out, World};

/// Arguments of `pg_restore_attribute_stats` as columns of `pg_stats`, with their types.
const OF_ATTRIBUTES: [(&str, &str); 10] = [
    ("null_frac", "real"),
    ("avg_width", "integer"),
    ("n_distinct", "real"),
    ("most_common_vals", "text"),
    ("most_common_freqs", "real[]"),
    ("histogram_bounds", "text"),
    ("correlation", "real"),
    ("most_common_elems", "text"),
    ("most_common_elem_freqs", "real[]"),
    ("elem_count_histogram", "real[]"),
];

/// The same, from PostgreSQL 17 on.
const OF_RANGES: [(&str, &str); 3] = [
    ("range_length_histogram", "text"),
    ("range_empty_frac", "real"),
    ("range_bounds_histogram", "text"),
];

/// The node of what is known of a relation.
struct Known {
    schema: String,
    name: String,
    /// The commands that restore it.
    definition: String,
}

/// What a relation's statistics come after.
struct Place {
    kind: ObjectKind,
    after: Vec<NodeId>,
}

/// Adds the statistics of every table, materialized view and index that is written.
pub(super) async fn read(reading: &mut Reading<'_>) -> Result<()> {
    let places = places(reading);
    if places.is_empty() {
        return Ok(());
    }
    let mut oids: Vec<u32> = places.keys().copied().collect();
    oids.sort_unstable();
    let wanted = format!(
        "'{{{}}}'::pg_catalog.oid[]",
        oids.iter()
            .map(u32::to_string)
            .collect::<Vec<_>>()
            .join(",")
    );
    let frozen = match reading.since(18) {
        true => "c.relallfrozen",
        false => "0",
    };
    let relations = reading
        .conn
        .rows(&format!(
            "SELECT c.oid, n.nspname, c.relname, c.relpages, c.reltuples::pg_catalog.text, \
             c.relallvisible, {frozen} AS relallfrozen, \
             CASE WHEN i.indexprs IS NOT NULL THEN ARRAY( \
               SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a \
               WHERE a.attrelid = c.oid ORDER BY a.attnum) END AS expressions \
             FROM pg_catalog.unnest({wanted}) AS w(oid) \
             JOIN pg_catalog.pg_class c ON c.oid = w.oid \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid ORDER BY c.oid"
        ))
        .await?;
    let mut attributes = read_attributes(reading, &wanted)
        .await?
        .into_iter()
        .peekable();
    for row in relations {
        let oid: u32 = row.get("oid")?;
        let Some(place) = places.get(&oid) else {
            continue;
        };
        let mut known = Known {
            schema: row.text("nspname")?,
            name: row.text("relname")?,
            definition: String::new(),
        };
        known.push_relation(&row, reading.version)?;
        let expressions = row.texts("expressions")?;
        while let Some(attribute) =
            attributes.next_if(|row| row.get::<u32>("oid").is_ok_and(|of| of == oid))
        {
            known.push_attribute(&attribute, &expressions, reading.version)?;
        }
        add(reading, known, place);
    }
    Ok(())
}

/// The relations whose statistics are wanted, by oid.
fn places(reading: &Reading<'_>) -> HashMap<u32, Place> {
    let mut places = HashMap::new();
    for relation in reading.relations {
        let Some(table) = reading.tables.get(relation.oid) else {
            continue;
        };
        if !matches!(table.kind, b'r' | b'p' | b'm' | b'f')
            || !reading.objects.get(table.node).defines()
        {
            continue;
        }
        let mut after = vec![table.node];
        // A refresh makes a new table and resets what is known of it.
        if table.kind == b'm' {
            after.extend(table.data);
        }
        let kind = ObjectKind::TableStatistics;
        places.insert(relation.oid, Place { kind, after });
    }
    for (oid, index) in &reading.indexes {
        if reading.objects.get(index.node).defines() {
            let mut after = vec![index.node];
            after.extend(index.constraint);
            let kind = ObjectKind::IndexStatistics;
            places.insert(*oid, Place { kind, after });
        }
    }
    places
}

/// The statistics of all columns of these relations, by oid and name.
async fn read_attributes(reading: &Reading<'_>, wanted: &str) -> Result<Vec<Row>> {
    let ranges: &[_] = match reading.since(17) {
        true => &OF_RANGES,
        false => &[],
    };
    let columns: String = OF_ATTRIBUTES
        .iter()
        .chain(ranges)
        .map(|(name, _)| format!(", s.{name}::pg_catalog.text"))
        .collect();
    reading
        .conn
        .rows(&format!(
            "SELECT c.oid, s.attname, s.inherited{columns} \
             FROM pg_catalog.unnest({wanted}) AS w(oid) \
             JOIN pg_catalog.pg_class c ON c.oid = w.oid \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             JOIN pg_catalog.pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname \
             ORDER BY c.oid, s.attname, s.inherited"
        ))
        .await
}

fn add(reading: &mut Reading<'_>, known: Known, place: &Place) {
    let Some(first) = place.after.first() else {
        return;
    };
    let namespace = reading.objects.get(*first).namespace;
    let node = reading.objects.add(
        place.kind,
        CatalogId::default(),
        known.name.clone(),
        namespace,
    );
    for on in &place.after {
        reading.objects.depend(node, *on);
    }
    let node = reading.objects.get_mut(node);
    node.dump = Components::ALL;
    node.body = Some(Box::new(known));
}

impl Known {
    fn push_head(&mut self, function: &str, version: ServerVersion) {
        let _ = write!(
            self.definition,
            "SELECT * FROM pg_catalog.{function}(\n\t'version', '{}'::integer,\n\
             \t'schemaname', {},\n\t'relname', {}",
            version.0,
            literal(&self.schema),
            literal(&self.name)
        );
    }

    fn push(&mut self, name: &str, value: &str, kind: &str) {
        let _ = write!(self.definition, ",\n\t'{name}', {}::{kind}", literal(value));
    }

    fn push_relation(&mut self, row: &Row, version: ServerVersion) -> Result<()> {
        self.push_head("pg_restore_relation_stats", version);
        self.push(
            "relpages",
            &row.get::<i32>("relpages")?.to_string(),
            "integer",
        );
        // Before 14, 0 meant unknown as well.
        let tuples = match row.text("reltuples")? {
            zero if version.major() < 14 && zero == "0" => "-1".to_owned(),
            tuples => tuples,
        };
        self.push("reltuples", &tuples, "real");
        let visible = row.get::<i32>("relallvisible")?.to_string();
        self.push("relallvisible", &visible, "integer");
        if version.major() >= 18 {
            let frozen = row.get::<i32>("relallfrozen")?.to_string();
            self.push("relallfrozen", &frozen, "integer");
        }
        self.definition.push_str("\n);\n");
        Ok(())
    }

    /// The columns of an index of expressions are told by number: their names may be others where
    /// it is made anew.
    fn push_attribute(
        &mut self,
        row: &Row,
        expressions: &[String],
        version: ServerVersion,
    ) -> Result<()> {
        self.push_head("pg_restore_attribute_stats", version);
        let name = row.text("attname")?;
        let number = expressions.iter().position(|other| *other == name);
        match number {
            Some(index) => self.push("attnum", &(index + 1).to_string(), "smallint"),
            None => {
                let _ = write!(self.definition, ",\n\t'attname', {}", literal(&name));
            }
        }
        let inherited = match row.get("inherited")? {
            true => "t",
            false => "f",
        };
        self.push("inherited", inherited, "boolean");
        let ranges: &[_] = match version.major() >= 17 {
            true => &OF_RANGES,
            false => &[],
        };
        for (name, kind) in OF_ATTRIBUTES.iter().chain(ranges) {
            if let Some(value) = row.opt_text(name)? {
                self.push(name, &value, kind);
            }
        }
        self.definition.push_str("\n);\n");
        Ok(())
    }
}

impl Body for Known {
    fn render(&self, node: &Node, _world: &World<'_>, out: &mut Out) -> Result<()> {
        let mut draft = Draft::new(Kind::StatisticsData, &*self.name);
        draft.section = match node.kind {
            ObjectKind::TableStatistics if !node.postponed => Section::Data,
            _ => Section::PostData,
        };
        draft.namespace = Some(self.schema.clone());
        draft.definition.clone_from(&self.definition);
        draft.needs = node.dependencies.iter().map(|on| EntryId(on.0)).collect();
        out.put_fresh(draft);
        Ok(())
    }
}
