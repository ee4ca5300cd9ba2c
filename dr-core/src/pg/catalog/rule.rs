//! Rules, the ON SELECT rules that make views included: those are nodes so that what the query
//! needs comes before the view. Used by `catalog` once tables are known.

use std::fmt::Write as _;

use crate::error::Result;
use crate::text::identifier;
use crate::toc::{CatalogId, EntryId, Kind};

use super::Reading;
use super::comment::Subject;
use super::object::{Body, Components, Node, ObjectKind, Tie};
use super::render::{Draft, Out, World};

struct Rule {
    /// The table's oid.
    table: u32,
    /// Empty for a view's own rule.
    definition: String,
    /// `O` origin, `D` disabled, `A` always, `R` replica.
    enabled: u8,
}

/// Reads the rules of every known relation.
pub(super) async fn read(reading: &mut Reading<'_>) -> Result<()> {
    let known = reading.tables.oids(|table| table.kind != b'S');
    let wanted = reading
        .tables
        .oids(|table| reading.objects.get(table.node).defines());
    let rows = reading
        .conn
        .rows(&format!(
            "SELECT r.tableoid, r.oid, r.rulename, r.ev_class, r.ev_enabled, \
             r.ev_type = '1' AND r.is_instead AS is_view_rule, \
             CASE WHEN r.ev_class = ANY ({wanted}) AND NOT (r.ev_type = '1' AND r.is_instead) \
               THEN pg_catalog.pg_get_ruledef(r.oid) END AS definition \
             FROM pg_catalog.unnest({known}) AS w(oid) \
             JOIN pg_catalog.pg_rewrite r ON r.ev_class = w.oid \
             ORDER BY r.oid"
        ))
        .await?;
    for row in rows {
        let oid: u32 = row.get("ev_class")?;
        let table = reading.tables.expect(oid)?;
        let (own, of) = (table.node, table.name.clone());
        let makes_view: bool = row.get("is_view_rule")?;
        let is_view = matches!(table.kind, b'v' | b'm') && makes_view;
        let catalog_id = CatalogId {
            table: row.get("tableoid")?,
            oid: row.get("oid")?,
        };
        let namespace = reading.objects.get(own).namespace;
        let dump = reading.objects.get(own).dump;
        let node = reading.objects.add(
            ObjectKind::Rule,
            catalog_id,
            row.text("rulename")?,
            namespace,
        );
        let entry = reading.objects.get_mut(node);
        entry.dump = dump;
        entry.part_of = Some(own);
        entry.tie = Tie::Of(of);
        entry.is_view_rule = makes_view;
        entry.separate = !is_view;
        entry.body = Some(Box::new(Rule {
            table: oid,
            definition: row.opt_text("definition")?.unwrap_or_default(),
            enabled: row.char("ev_enabled")?,
        }));
        if is_view {
            reading.objects.depend(own, node);
        } else {
            reading.objects.depend(node, own);
        }
    }
    Ok(())
}

impl Body for Rule {
    fn render(&self, node: &Node, world: &World<'_>, out: &mut Out) -> Result<()> {
        if !node.separate {
            return Ok(());
        }
        let table = world.tables.expect(self.table)?;
        let (qualified, name) = (table.qualified(), identifier(&node.name));
        let (mut sql, drop) = if node.is_view_rule {
            // The view is there as a dummy; and a dummy it becomes again, for a view's rule cannot
            // be dropped.
            (
                format!("CREATE OR REPLACE VIEW {qualified}{}", table.view_body()?),
                format!(
                    "CREATE OR REPLACE VIEW {qualified} AS\n{};\n",
                    table.dummy()
                ),
            )
        } else {
            (
                format!("{}\n", self.definition),
                format!("DROP RULE {name} ON {qualified};\n"),
            )
        };
        let enabled = match self.enabled {
            b'A' => Some("ENABLE ALWAYS"),
            b'R' => Some("ENABLE REPLICA"),
            b'D' => Some("DISABLE"),
            _ => None,
        };
        if let Some(enabled) = enabled {
            let _ = writeln!(sql, "ALTER TABLE {qualified} {enabled} RULE {name};");
        }
        if node.defines() {
            let mut draft = Draft::new(Kind::Rule, format!("{} {}", table.name, node.name));
            draft.catalog_id = node.catalog_id;
            draft.namespace = Some(table.schema.clone());
            draft.owner.clone_from(&table.owner);
            draft.definition = sql;
            draft.drop = drop;
            out.put(node.id, draft);
        }
        if node.dump.has(Components::COMMENT) {
            let subject = Subject {
                kind: &format!("RULE {name} ON"),
                namespace: Some(&table.schema),
                name: &identifier(&table.name),
                owner: &table.owner,
                needs: EntryId(node.id.0),
            };
            world.put_remarks(node.catalog_id, &subject, out);
        }
        Ok(())
    }
}
