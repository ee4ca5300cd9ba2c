//! What must be true of the target before anything is written to it: it is empty, and has the
//! roles, extensions and tablespaces that the dump's statements name. Everything that is missing is
//! listed at once.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::options::{Place, RestoreOptions};
use super::session::Session;
use crate::error::{Error, ErrorKind, Result};
use crate::pg::Conn;
use crate::pg::target::content;
use crate::text::{TextForm, literal, qualified};
use crate::toc::render::needs_version;
use crate::toc::{Entry, EntryId, Kind, Plan, RelationName, Toc, outward_keys};

/// Refuses a database that holds anything.
pub(super) async fn check_empty(session: &Session, database: &str) -> Result<()> {
    let content = content(session.conn()).await?;
    if content.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Conflict,
        format!(
            "database {database} is not empty, it holds {content}; restore into an empty one or \
             make a new one with --create"
        ),
    ))
}

/// Refuses a target that lacks what the plan's statements name.
pub(super) async fn check_needs(
    conn: &Conn,
    toc: &Toc,
    plan: &Plan,
    options: &RestoreOptions,
) -> Result<()> {
    let needs = Needs::of(toc, plan, options);
    let mut missing = Vec::new();
    let roles = absent(conn, &needs.roles, "pg_catalog.pg_roles", "rolname").await?;
    if !roles.is_empty() {
        missing.push(format!(
            "roles {} (create them, or restore with --no-owner and --no-acl)",
            roles.join(", ")
        ));
    }
    let extensions = absent(
        conn,
        &needs.extensions,
        "pg_catalog.pg_available_extensions",
        "name",
    )
    .await?;
    if !extensions.is_empty() {
        missing.push(format!(
            "extensions {} (install their packages on the server)",
            extensions.join(", ")
        ));
    }
    let tablespaces = absent(
        conn,
        &needs.tablespaces,
        "pg_catalog.pg_tablespace",
        "spcname",
    )
    .await?;
    if !tablespaces.is_empty() {
        missing.push(format!(
            "tablespaces {} (create them, or restore with --no-tablespaces)",
            tablespaces.join(", ")
        ));
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Missing,
        format!("the target has no {}", missing.join("; no ")),
    ))
}

/// For a restore beside what is there: refuses relations that exist, and finds definitions that do
/// and need not be made again.
pub(super) async fn existing(
    session: &Session,
    toc: &Toc,
    plan: &Plan,
) -> Result<HashSet<EntryId>> {
    let form = TextForm::of_encoding(&toc.encoding);
    let mut questions: BTreeMap<EntryId, (bool, String)> = BTreeMap::new();
    let planned: HashSet<EntryId> = plan.steps.iter().map(|step| step.entry).collect();
    for entry in toc
        .entries
        .iter()
        .filter(|entry| planned.contains(&entry.id))
    {
        let tag = literal(&form.decode(&entry.tag)?);
        let namespace = literal(&form.decode(entry.namespace.as_deref().unwrap_or_default())?);
        let (is_relation, condition) = match entry.kind {
            Kind::Table
            | Kind::ForeignTable
            | Kind::View
            | Kind::MaterializedView
            | Kind::Sequence
            | Kind::Index => (
                true,
                format!(
                    "EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n \
                     ON n.oid = c.relnamespace WHERE n.nspname = {namespace} AND c.relname = {tag})"
                ),
            ),
            Kind::Schema => (
                false,
                format!("EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = {tag})"),
            ),
            Kind::Extension => (
                false,
                format!("EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = {tag})"),
            ),
            Kind::Type | Kind::Domain | Kind::ShellType => (
                false,
                format!(
                    "EXISTS (SELECT FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n \
                     ON n.oid = t.typnamespace WHERE n.nspname = {namespace} AND t.typname = {tag})"
                ),
            ),
            // The tag of a function names its argument types as `format_type` does.
            Kind::Function | Kind::Procedure | Kind::Aggregate => (
                false,
                format!(
                    "EXISTS (SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n \
                     ON n.oid = p.pronamespace WHERE n.nspname = {namespace} AND \
                     p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')' \
                     = {tag} OR n.nspname = {namespace} AND p.proname || '(' || \
                     coalesce((SELECT pg_catalog.string_agg(pg_catalog.format_type(a.t, NULL), ', ' \
                     ORDER BY a.n) FROM pg_catalog.unnest(p.proargtypes) WITH ORDINALITY a(t, n)), '') \
                     || ')' = {tag})"
                ),
            ),
            _ => continue,
        };
        questions.insert(entry.id, (is_relation, condition));
    }
    let mut present = HashSet::new();
    let ids: Vec<(&EntryId, &(bool, String))> = questions.iter().collect();
    for batch in ids.chunks(200) {
        let sql: Vec<String> = batch
            .iter()
            .map(|(id, (_, condition))| format!("SELECT {}::oid AS id WHERE {condition}", id.0))
            .collect();
        for row in session.rows(&sql.join(" UNION ALL ")).await? {
            present.insert(EntryId(row.get("id")?));
        }
    }
    let in_the_way: Vec<String> = toc
        .entries
        .iter()
        .filter(|entry| present.contains(&entry.id) && questions[&entry.id].0)
        .map(short_name)
        .collect();
    if !in_the_way.is_empty() {
        return Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "the target has {} already; nothing was changed; drop or rename it there first",
                in_the_way.join(", ")
            ),
        ));
    }
    // What belongs to a definition that is there is there, too.
    Ok(toc
        .entries
        .iter()
        .filter(|entry| {
            present.contains(&entry.id)
                || matches!(entry.kind, Kind::Comment | Kind::Acl | Kind::SecurityLabel)
                    && entry.dependencies.iter().any(|id| present.contains(id))
        })
        .map(|entry| entry.id)
        .collect())
}

/// Refuses what cannot be restored at all, by name.
pub(super) fn check_kinds(toc: &Toc, plan: &Plan, place: Place) -> Result<()> {
    let planned: HashSet<EntryId> = plan.steps.iter().map(|step| step.entry).collect();
    for entry in toc
        .entries
        .iter()
        .filter(|entry| planned.contains(&entry.id))
    {
        if entry.has_data && !matches!(entry.kind, Kind::TableData | Kind::Blobs) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "dr cannot restore data of this kind",
            )
            .in_entry(entry));
        }
        let is_large_object = matches!(entry.kind, Kind::Blob | Kind::BlobMetadata | Kind::Blobs);
        if place == Place::Beside && is_large_object {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "large objects have numbers, not names: they cannot be restored beside others",
            )
            .in_entry(entry));
        }
    }
    Ok(())
}

/// Entries that a server of this version cannot run and that can be done without.
pub(super) fn too_new(toc: &Toc, plan: &Plan, version: u32) -> (HashSet<EntryId>, Option<String>) {
    let planned: HashSet<EntryId> = plan.steps.iter().map(|step| step.entry).collect();
    let too_new: HashSet<EntryId> = toc
        .entries
        .iter()
        .filter(|entry| planned.contains(&entry.id) && needs_version(entry) > version)
        .map(|entry| entry.id)
        .collect();
    let notice = (!too_new.is_empty()).then(|| {
        format!(
            "{} entries with planner statistics are left out: the target is older than \
             PostgreSQL 18; run ANALYZE",
            too_new.len()
        )
    });
    (too_new, notice)
}

/// Foreign keys, and comments on them, to tables that neither the plan makes nor the target has.
pub(super) async fn without_target(
    session: &Session,
    toc: &Toc,
    plan: &Plan,
) -> Result<(HashSet<EntryId>, Vec<String>)> {
    let form = TextForm::of_encoding(&toc.encoding);
    let planned: HashSet<EntryId> = plan.steps.iter().map(|step| step.entry).collect();
    let entries = toc.entries.iter();
    let mut keys = outward_keys(entries.filter(|entry| planned.contains(&entry.id)));
    let tables: HashSet<RelationName> = keys.values().cloned().collect();
    for table in tables {
        let name = qualified(&form.decode(&table.namespace)?, &form.decode(&table.name)?);
        let question = format!(
            "SELECT pg_catalog.to_regclass({}) IS NOT NULL AS there",
            literal(&name)
        );
        let rows = session.rows(&question).await?;
        if let Some(row) = rows.first()
            && row.get::<bool>("there")?
        {
            keys.retain(|_, to| *to != table);
        }
    }
    let notices = toc
        .entries
        .iter()
        .filter(|entry| entry.kind == Kind::FkConstraint)
        .filter_map(|entry| {
            let table = keys.get(&entry.id)?;
            Some(format!(
                "{entry} is left out: the target has no table {table} to refer to"
            ))
        })
        .collect();
    Ok((keys.into_keys().collect(), notices))
}

/// Names of a list that a catalog does not hold.
async fn absent(
    conn: &Conn,
    names: &BTreeSet<String>,
    catalog: &str,
    column: &str,
) -> Result<Vec<String>> {
    let mut absent = Vec::new();
    let names: Vec<&String> = names.iter().collect();
    for batch in names.chunks(1000) {
        let list: Vec<String> = batch.iter().map(|name| literal(name)).collect();
        let sql = format!(
            "SELECT n AS name FROM pg_catalog.unnest(ARRAY[{}]::text[]) AS n \
             WHERE n NOT IN (SELECT {column}::text FROM {catalog}) ORDER BY 1",
            list.join(", ")
        );
        for row in conn.rows(&sql).await? {
            absent.push(row.text("name")?);
        }
    }
    Ok(absent)
}

/// What the statements of a plan name and a server must have.
#[derive(Debug, Default, PartialEq)]
struct Needs {
    roles: BTreeSet<String>,
    extensions: BTreeSet<String>,
    tablespaces: BTreeSet<String>,
}

impl Needs {
    fn of(toc: &Toc, plan: &Plan, options: &RestoreOptions) -> Self {
        let form = TextForm::of_encoding(&toc.encoding);
        let mut needs = Self::default();
        let planned: HashSet<EntryId> = plan.steps.iter().map(|step| step.entry).collect();
        let text = |bytes: &[u8]| form.decode(bytes).unwrap_or_default();
        for entry in toc
            .entries
            .iter()
            .filter(|entry| planned.contains(&entry.id))
        {
            if options.owners && !entry.owner.is_empty() && entry.is_owned() {
                needs.roles.insert(text(&entry.owner));
            }
            needs
                .roles
                .extend(entry.roles_named().iter().map(|role| text(role)));
            if entry.kind == Kind::Extension {
                needs.extensions.insert(text(&entry.tag));
            }
            if options.tablespaces
                && let Some(tablespace) = entry.tablespace.as_ref().filter(|name| !name.is_empty())
            {
                needs.tablespaces.insert(text(tablespace));
            }
        }
        needs.roles.remove("");
        needs
    }
}

fn short_name(entry: &Entry) -> String {
    let name = entry.relation().map_or_else(
        || String::from_utf8_lossy(&entry.tag).into_owned(),
        |name| name.to_string(),
    );
    format!("{} {name}", entry.kind.as_str().to_lowercase())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn needs_are_owners_grantees_extensions_and_tablespaces() {
        let mut toc = Toc::default();
        let mut add = |id, kind: Kind, tag: &'static str, definition: &'static str| {
            let mut entry = Entry::new(EntryId(id), kind, tag);
            entry.definition = definition.into();
            entry.drop_statement = "DROP x;".into();
            entry.owner = "Ann".into();
            toc.entries.push(entry);
        };
        add(1, Kind::Table, "t", "CREATE TABLE s.t ();");
        add(
            2,
            Kind::Acl,
            "TABLE t",
            "REVOKE ALL ON TABLE s.t FROM PUBLIC;\nGRANT SELECT ON TABLE s.t TO \"Bob C\",dave WITH GRANT OPTION;",
        );
        add(3, Kind::Extension, "pgcrypto", "CREATE EXTENSION pgcrypto;");
        add(
            4,
            Kind::Policy,
            "t p",
            "CREATE POLICY p ON s.t TO eve, PUBLIC USING (true);",
        );
        add(
            5,
            Kind::DefaultAcl,
            "x",
            "ALTER DEFAULT PRIVILEGES FOR ROLE frank IN SCHEMA s GRANT SELECT ON TABLES TO gina;",
        );
        toc.entries[0].tablespace = Some("fast".into());
        let plan = Plan::of(&toc);
        let needs = Needs::of(&toc, &plan, &RestoreOptions::new());
        let roles: Vec<&str> = needs.roles.iter().map(String::as_str).collect();
        assert_eq!(roles, ["Ann", "Bob C", "dave", "eve", "frank", "gina"]);
        assert!(needs.extensions.contains("pgcrypto"));
        assert!(needs.tablespaces.contains("fast"));
        let bare = Needs::of(
            &toc,
            &plan,
            &RestoreOptions::new().no_owner().no_tablespaces(),
        );
        assert!(!bare.roles.contains("Ann"));
        assert!(bare.tablespaces.is_empty());
    }
}
