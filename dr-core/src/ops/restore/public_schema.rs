//! The privileges on schema `public` that a dump takes for granted.
//!
//! pg_dump from 15 on, and dr, write them against those that PostgreSQL gives from 15 on, where
//! PUBLIC may not create. A database of an older server is brought to that first; stock pg_restore
//! leaves everybody with the right to create there.

use std::collections::HashSet;

use super::options::{Place, RestoreOptions};
use super::session::Session;
use crate::error::Result;
use crate::toc::{EntryId, Kind, Plan, Toc};

/// `server_version_num` from which PUBLIC may not create in schema `public`.
const WITHOUT_CREATE: u32 = 150_000;

/// Takes the right to create from PUBLIC, where the server gave it and the dump does not mean it.
pub(super) async fn level(
    session: &Session,
    toc: &Toc,
    plan: &Plan,
    options: &RestoreOptions,
) -> Result<()> {
    let planned: HashSet<EntryId> = plan.steps.iter().map(|step| step.entry).collect();
    let left_out = toc.entries.iter().any(|entry| {
        entry.kind == Kind::Acl
            && &entry.tag[..] == b"SCHEMA public"
            && !planned.contains(&entry.id)
    });
    if session.version().0 >= WITHOUT_CREATE
        || options.place == Place::Beside
        || !options.privileges
        || left_out
        || !is_against_new(&toc.dump_version)
    {
        return Ok(());
    }
    // Only as initdb left it: what somebody has changed is theirs.
    let rows = session
        .rows(
            "SELECT 1 FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_init_privs i \
             ON i.objoid = n.oid AND i.classoid = 'pg_catalog.pg_namespace'::regclass \
             AND i.objsubid = 0 WHERE n.nspname = 'public' AND n.nspacl = i.initprivs",
        )
        .await?;
    if rows.is_empty() {
        return Ok(());
    }
    session
        .run(b"REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        .await
}

/// Whether a dump made by that program has them written against those of PostgreSQL 15.
fn is_against_new(dump_version: &str) -> bool {
    let major = dump_version
        .split(|char: char| !char.is_ascii_digit())
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    dump_version.starts_with("dr ") || major.is_some_and(|major| major >= 15)
}

#[cfg(test)]
mod tests {
    use super::is_against_new;

    #[test]
    fn the_program_that_dumped_is_told_by_its_version() {
        assert!(is_against_new("dr 0.1.0"));
        assert!(is_against_new("15.2 (Debian 15.2-1)"));
        assert!(is_against_new("18.4"));
        assert!(!is_against_new("14.23"));
        assert!(!is_against_new(""));
    }
}
