//! Results as JSON values, the same at every door: what `dr --json` prints is what the Python module
//! gives. Used by the command and the bindings. Results that are not here serialize as they are.

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    ClusterContents, DiffReport, DumpReport, LiveReport, MemberOutcome, Pruned, Report, Restored,
    RestoredMember, RestoredSet, RowDifference, SetReceipt,
};
use crate::dump::Dump;
use crate::error::Error;
use crate::repo::{Backup, Listing, Manifest, Orphan};
use crate::text::{TextForm, copy_fields};
use crate::toc::{Entry, Kind, Toc};

/// An error: kind, message, the facts known, and the causes, each said once.
pub fn error(error: &Error) -> Value {
    json!({
        "kind": format!("{:?}", error.kind()),
        "message": error.to_string(),
        "entry": error.entry(),
        "key": error.key(),
        "offset": error.offset(),
        "sqlstate": error.sqlstate(),
        "retryable": error.is_retryable(),
        "causes": causes(error),
    })
}

/// What caused an error, one line each, nearest first.
pub fn causes(error: &Error) -> Vec<String> {
    let mut causes: Vec<String> = Vec::new();
    let mut source = std::error::Error::source(error);
    let mut above = error.to_string();
    while let Some(cause) = source {
        let text = cause.to_string();
        // Some libraries say their cause in their own words; twice is once too many.
        if !above.contains(&text) {
            causes.push(text.clone());
        }
        above = text;
        source = cause.source();
    }
    causes
}

/// One backup of a list; one whose mark is damaged has an `error` in place of the mark's facts.
pub fn listing(listing: &Listing) -> Value {
    match &listing.mark {
        Ok(mark) => json!({
            "id": listing.place.id(),
            "database": listing.place.database(),
            "created": mark.created,
            "finished": mark.finished,
            "kind": mark.kind,
            "label": mark.label,
            "tool": mark.tool,
            "encrypted": mark.is_encrypted(),
            "stages": mark.stages,
            "bytes_files": mark.bytes,
            "bytes_stored": mark.stored_bytes(),
            "objects": mark.objects.len(),
            "members": mark.members,
        }),
        Err(damage) => json!({
            "id": listing.place.id(),
            "database": listing.place.database(),
            "error": error(damage),
        }),
    }
}

/// A backup by its mark, and by its manifest where there is a key. Verifiers of passwords are left
/// out: whoever sees one can try passwords against it.
pub fn backup(backup: &Backup, manifest: Option<&Manifest>, toc: Option<&Toc>) -> Value {
    let manifest = manifest.cloned().map(|mut manifest| {
        if let Some(globals) = &mut manifest.evidence.globals {
            globals.forget_passwords();
        }
        manifest
    });
    json!({
        "id": backup.id(),
        "database": backup.place.database(),
        "mark": backup.mark,
        "manifest": manifest,
        "entries": toc.map(entries),
    })
}

/// A foreign dump by its table of contents.
pub fn contents(dump: &dyn Dump, all: bool) -> Value {
    let toc = dump.toc();
    let tables: Vec<Value> = toc
        .entries
        .iter()
        .filter(|entry| entry.kind == Kind::TableData)
        .map(|entry| {
            json!({
                "entry": entry.id.0,
                "table": name(toc, entry),
                "bytes_about": dump.size_hint(entry.id),
            })
        })
        .collect();
    json!({
        "database": shown(toc, &toc.database),
        "server_version": toc.server_version,
        "dump_version": toc.dump_version,
        "created": jiff::Timestamp::from_second(toc.created).ok(),
        "encoding": toc.encoding,
        "tables": tables,
        "entries": all.then(|| entries(toc)),
    })
}

/// The script of a cluster: its databases, and the names of its roles and tablespaces.
pub fn cluster(cluster: &ClusterContents) -> Value {
    let globals = &cluster.globals;
    let roles: Vec<&str> = globals.roles.iter().map(|role| &role.name[..]).collect();
    let tablespaces: Vec<&str> = globals
        .tablespaces
        .iter()
        .map(|tablespace| &tablespace.name[..])
        .collect();
    json!({
        "databases": cluster.databases,
        "roles": roles,
        "tablespaces": tablespaces,
    })
}

/// Every entry of a table of contents.
fn entries(toc: &Toc) -> Value {
    toc.entries
        .iter()
        .map(|entry| {
            json!({
                "entry": entry.id.0,
                "kind": entry.kind.as_str(),
                "namespace": entry.namespace.as_ref().map(|name| shown(toc, name)),
                "tag": shown(toc, &entry.tag),
                "owner": shown(toc, &entry.owner),
                "has_data": entry.has_data,
                "depends_on": entry.dependencies.iter().map(|id| id.0).collect::<Vec<_>>(),
            })
        })
        .collect()
}

/// `namespace.tag` of an entry, for people.
pub fn name(toc: &Toc, entry: &Entry) -> String {
    let tag = shown(toc, &entry.tag);
    match &entry.namespace {
        Some(namespace) => format!("{}.{tag}", shown(toc, namespace)),
        None => tag,
    }
}

/// A name as text: exact for UTF-8, readable for other encodings.
pub fn shown(toc: &Toc, name: &[u8]) -> String {
    TextForm::of_encoding(&toc.encoding)
        .decode(name)
        .unwrap_or_else(|_| String::from_utf8_lossy(name).into_owned())
}

/// A verification, with what it comes to.
pub fn report(report: &Report) -> Value {
    with(report, "outcome", report.outcome())
}

/// A dump that was read through, with what it comes to.
pub fn dump_report(report: &DumpReport) -> Value {
    with(report, "outcome", report.outcome())
}

/// A comparison with a live database, with what it comes to.
pub fn live_report(report: &LiveReport) -> Value {
    with(report, "verdict", report.verdict())
}

/// The rows of a live database beside a dump's, with what it comes to.
pub fn diff_report(report: &DiffReport) -> Value {
    with(report, "verdict", report.verdict())
}

/// One row that is not the same: `backup` and `live` are its columns, or null where it is not there.
/// What is not UTF-8 in a value is replaced.
pub fn row_difference(row: &RowDifference<'_>) -> Value {
    let side = |line: Option<&[u8]>| {
        let columns = copy_fields(line?).zip(row.columns).map(|(value, column)| {
            let value = value.map(|value| String::from_utf8_lossy(&value).into_owned());
            (column.clone(), Value::from(value))
        });
        Some(Value::Object(columns.collect()))
    };
    json!({
        "table": row.table,
        "difference": row.word(),
        "key": row.key,
        "backup": side(row.backup),
        "live": side(row.live),
    })
}

/// A restore, with what the proof comes to.
pub fn restored(restored: &Restored) -> Value {
    with(restored, "verdict", restored.verdict())
}

/// A backup of all databases: the set's receipt, or null if there is none; those of its members.
pub fn set_receipt(done: &SetReceipt) -> Value {
    let failed = done
        .failed
        .iter()
        .map(|failed| json!({ "database": failed.database, "error": error(&failed.error) }));
    json!({
        "set": done.set,
        "members": done.members,
        "failed": failed.collect::<Vec<_>>(),
        "closed": done.closed,
        "elapsed": done.elapsed,
    })
}

/// What became of a set, database by database.
pub fn restored_set(set: &RestoredSet) -> Value {
    let member = |member: &RestoredMember| {
        let outcome = match &member.outcome {
            MemberOutcome::Restored(proof) => json!({ "restored": restored(proof) }),
            MemberOutcome::NothingInIt => json!({ "nothing_in_it": true }),
            MemberOutcome::Failed(failure) => json!({ "error": error(failure) }),
        };
        let mut value = json!({ "database": member.database, "backup": member.backup });
        if let (Value::Object(value), Value::Object(outcome)) = (&mut value, outcome) {
            value.extend(outcome);
        }
        value
    };
    json!({
        "set": set.place,
        "sound": set.is_sound(),
        "globals": set.globals,
        "databases": set.databases.iter().map(member).collect::<Vec<_>>(),
        "elapsed": set.elapsed,
    })
}

/// What was swept, or would be.
pub fn pruned(pruned: &Pruned, dry_run: bool) -> Value {
    let all = |orphans: &[Orphan]| orphans.iter().map(orphan).collect::<Vec<_>>();
    json!({
        "dry_run": dry_run,
        "swept": all(&pruned.swept),
        "spared": all(&pruned.spared),
    })
}

fn orphan(orphan: &Orphan) -> Value {
    json!({
        "leftover": orphan.leftover.to_string(),
        "objects": orphan.objects,
        "bytes": orphan.bytes,
        "newest": orphan.newest,
    })
}

/// A value of this crate's own, which has text keys only and always serializes.
fn value(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

fn with(result: &impl Serialize, name: &str, verdict: impl Serialize) -> Value {
    let mut json = value(result);
    json[name] = value(&verdict);
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn causes_are_listed_once() {
        let deepest = std::io::Error::other("disk on fire");
        let failed = Error::new(ErrorKind::Store, "cannot read it").caused_by(
            Error::new(ErrorKind::Store, "reading stopped: disk on fire").caused_by(deepest),
        );
        assert_eq!(causes(&failed), ["reading stopped: disk on fire"]);
        assert_eq!(error(&failed)["kind"], "Store");
    }
}
