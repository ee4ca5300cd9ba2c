//! `dr show`: a backup by its mark and manifest, a dump by its table of contents.

use dr_core::files::Evidence;
use dr_core::ops::as_json::{self, name, shown};
use dr_core::ops::{self, ClusterContents, Found};
use dr_core::repo::{Backup, Manifest};
use dr_core::toc::{Kind, Toc};
use dr_core::{Dump, Error, ErrorKind, Result};

use super::Context;
use crate::args::Show;
use crate::exit::Outcome;
use crate::render::{Align, Table, bytes, clean, count, time};
use crate::source::{self, What};
use crate::{secrets, signal};

pub(super) async fn run(context: &Context, options: &Show) -> Result<Outcome> {
    match source::what(&options.what, options.repo.repo.as_deref())? {
        What::Backup { repo, name } => {
            source::refuse_database(options.of_cluster.database.as_deref())?;
            let work = stored(context, options, repo, name);
            signal::droppable(&context.stop, Box::pin(work)).await
        }
        What::File(path) => {
            let database = options.of_cluster.database.as_deref();
            let reading = source::of_database(context.reading(), database);
            let work = source::look_at(path, &reading);
            let found = signal::droppable(&context.stop, Box::pin(work)).await?;
            context.progress.finish();
            show(context, options, found)
        }
    }
}

fn show(context: &Context, options: &Show, found: Found) -> Result<Outcome> {
    match found {
        Found::Dump(dump) if options.list => return list(context, &*dump),
        Found::Dump(dump) => context.output.result(
            || contents(&*dump, options.entries),
            || as_json::contents(&*dump, options.entries),
        )?,
        Found::Cluster(cluster) if options.list || options.entries => return Err(cluster.which()),
        Found::Cluster(cluster) => context
            .output
            .result(|| databases(&cluster), || as_json::cluster(&cluster))?,
    }
    Ok(Outcome::Done)
}

/// The list of pg_restore, to be edited.
fn list(context: &Context, dump: &dyn Dump) -> Result<Outcome> {
    context.output.raw(&ops::listing(dump))?;
    Ok(Outcome::Done)
}

async fn stored(context: &Context, options: &Show, repo: &str, name: &str) -> Result<Outcome> {
    let repository = context.repository(repo).await?;
    let backup = repository.find(name).await?;
    let keys = secrets::keys(&options.keys)?;
    // Without a key there is still the mark to show.
    let has_key = !backup.mark.is_encrypted()
        || !options.keys.identity.is_empty()
        || secrets::passphrase(options.keys.passphrase_file.as_deref())?.is_some();
    if options.list && !has_key {
        return Err(Error::new(
            ErrorKind::Usage,
            "what it contains is sealed: give --identity or a passphrase",
        ));
    }
    let (manifest, dump) = if has_key {
        let files = repository.files(&backup, &keys).await?;
        let manifest = files.manifest().clone();
        let dump = if options.entries || options.list {
            backup.one_database()?;
            Some(source::dump_of(files, &context.limits).await?)
        } else {
            None
        };
        (Some(manifest), dump)
    } else {
        (None, None)
    };
    if let (true, Some(dump)) = (options.list, &dump) {
        return list(context, &**dump);
    }
    context.output.result(
        || {
            let mut out = facts(&backup, manifest.as_ref());
            if backup.mark.kind == dr_core::repo::Kind::Set {
                out.push_str(&members(&backup));
            } else if let Some(manifest) = &manifest {
                out.push_str(&evidence(&manifest.evidence));
            } else {
                out.push_str("\nWhat it contains is sealed: give --identity or a passphrase.\n");
            }
            if let Some(dump) = &dump {
                out.push('\n');
                out.push_str(&entries(dump.toc()));
            }
            out
        },
        || {
            let toc = dump.as_ref().map(|dump| dump.toc());
            as_json::backup(&backup, manifest.as_ref(), toc)
        },
    )?;
    Ok(Outcome::Done)
}

/// `created      2026-…`, one fact a line.
fn fact(out: &mut String, name: &str, value: &str) {
    if !value.is_empty() {
        out.push_str(&format!("{name:<14}{}\n", clean(value)));
    }
}

fn facts(backup: &Backup, manifest: Option<&Manifest>) -> String {
    let mark = &backup.mark;
    let mut out = String::new();
    fact(&mut out, "backup", &backup.place.to_string());
    fact(&mut out, "label", mark.label.as_deref().unwrap_or_default());
    fact(&mut out, "created", &time(mark.created));
    fact(&mut out, "finished", &time(mark.finished));
    fact(&mut out, "made by", &mark.tool);
    let stored = format!(
        "{} in {} objects ({} before encryption)",
        bytes(mark.stored_bytes()),
        count(mark.objects.len() as u64),
        bytes(mark.bytes)
    );
    fact(&mut out, "stored", &stored);
    let stages = mark.stages.join(", ");
    fact(
        &mut out,
        "stages",
        if stages.is_empty() { "none" } else { &stages },
    );
    if let Some(manifest) = manifest {
        let source = &manifest.evidence.source;
        fact(&mut out, "server", &source.server_version);
        fact(&mut out, "taken at", &source.taken_at);
        fact(
            &mut out,
            "WAL position",
            source.lsn.as_deref().unwrap_or_default(),
        );
        fact(&mut out, "encoding", &source.encoding);
        let extensions: Vec<String> = source
            .extensions
            .iter()
            .map(|(name, version)| format!("{name} {version}"))
            .collect();
        fact(&mut out, "extensions", &extensions.join(", "));
        fact(&mut out, "roles", &source.roles.join(", "));
    }
    out
}

/// The backups that belong to a set.
fn members(set: &Backup) -> String {
    let mut table = Table::new([("database", Align::Left), ("backup", Align::Left)]);
    for member in &set.mark.members {
        table.row([clean(&member.database), member.place().to_string()]);
    }
    format!("\n{table}")
}

fn evidence(evidence: &Evidence) -> String {
    let mut table = Table::new([
        ("table", Align::Left),
        ("rows", Align::Right),
        ("size", Align::Right),
        ("digest", Align::Left),
    ]);
    for seen in evidence.tables.values() {
        table.row([
            format!("{}.{}", seen.namespace, seen.name),
            count(seen.digest.rows),
            bytes(seen.digest.bytes),
            seen.digest.sum.to_string(),
        ]);
    }
    let mut out = format!("\n{table}");
    out.push_str(&format!(
        "\n{} tables, {} sequences, {} large objects\n",
        count(evidence.tables.len() as u64),
        count(evidence.sequences.len() as u64),
        count(evidence.large_objects.len() as u64)
    ));
    for (name, record) in &evidence.records {
        let heads = record
            .columns
            .iter()
            .map(|column| (&column[..], Align::Left));
        let mut table = Table::new(heads);
        for row in &record.rows {
            table.row(row.iter().map(|value| value.clone().unwrap_or_default()));
        }
        out.push_str(&format!("\n{}:\n{table}", clean(name)));
    }
    out
}

/// A dump in a file: what its table of contents says.
fn contents(dump: &dyn Dump, all: bool) -> String {
    let toc = dump.toc();
    let mut out = String::new();
    fact(&mut out, "database", &shown(toc, &toc.database));
    fact(&mut out, "server", &toc.server_version);
    fact(&mut out, "made by", &toc.dump_version);
    if toc.created != 0
        && let Ok(created) = jiff::Timestamp::from_second(toc.created)
    {
        fact(&mut out, "created", &time(created));
    }
    fact(&mut out, "encoding", &toc.encoding);
    fact(&mut out, "entries", &count(toc.entries.len() as u64));
    out.push('\n');
    out.push_str(&if all { entries(toc) } else { tables(dump) });
    out
}

/// The databases in the script of a cluster, and what it holds beside them.
fn databases(cluster: &ClusterContents) -> String {
    let mut table = Table::new([
        ("database", Align::Left),
        ("entries", Align::Right),
        ("tables", Align::Right),
        ("rows", Align::Right),
        ("size", Align::Right),
    ]);
    for one in &cluster.databases {
        table.row([
            clean(&one.name),
            count(one.entries),
            count(one.tables),
            count(one.rows),
            bytes(one.bytes),
        ]);
    }
    let globals = &cluster.globals;
    let names = |names: Vec<&str>| match names[..] {
        [] => "none".to_owned(),
        _ => clean(&names.join(", ")),
    };
    let mut out = "a dump of pg_dumpall\n".to_owned();
    let roles = globals.roles.iter().map(|role| &role.name[..]).collect();
    fact(&mut out, "roles", &names(roles));
    let tablespaces = globals
        .tablespaces
        .iter()
        .map(|one| &one.name[..])
        .collect();
    fact(&mut out, "tablespaces", &names(tablespaces));
    match table.is_empty() {
        true => out.push_str("\nno database\n"),
        false => out.push_str(&format!(
            "\n{table}\nOne of them is shown, restored, extracted from or converted with --database NAME.\n"
        )),
    }
    out
}

fn tables(dump: &dyn Dump) -> String {
    let toc = dump.toc();
    let mut table = Table::new([
        ("table", Align::Left),
        ("entry", Align::Right),
        ("about", Align::Right),
    ]);
    for entry in &toc.entries {
        if entry.kind == Kind::TableData {
            table.row([
                name(toc, entry),
                entry.id.to_string(),
                dump.size_hint(entry.id).map(bytes).unwrap_or_default(),
            ]);
        }
    }
    if table.is_empty() {
        return "no table has data\n".to_owned();
    }
    table.to_string()
}

fn entries(toc: &Toc) -> String {
    let mut table = Table::new([
        ("entry", Align::Right),
        ("kind", Align::Left),
        ("name", Align::Left),
        ("owner", Align::Left),
    ]);
    for entry in &toc.entries {
        table.row([
            entry.id.to_string(),
            entry.kind.to_string(),
            name(toc, entry),
            shown(toc, &entry.owner),
        ]);
    }
    table.to_string()
}
