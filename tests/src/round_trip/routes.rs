//! The routes there and back.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;

use crate::{Cluster, Database, Finished, Stock, dr, stock};

/// Who dumps and who restores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Route {
    /// `dr backup`, `dr restore --create`.
    Dr,
    /// `dr backup`, stock `pg_restore` of what lies in the repository.
    DrToStock,
    /// Stock `pg_dump`, `dr restore --create`.
    StockToDr,
    /// Stock `pg_dump`, stock `pg_restore`.
    Control,
}

impl Route {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Dr, Self::DrToStock, Self::StockToDr, Self::Control];

    /// For names of databases.
    fn word(self) -> &'static str {
        match self {
            Self::Dr => "by_dr",
            Self::DrToStock => "by_pg_restore",
            Self::StockToDr => "by_pg_dump",
            Self::Control => "by_stock",
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dr => "dr to dr",
            Self::DrToStock => "dr to pg_restore",
            Self::StockToDr => "pg_dump to dr",
            Self::Control => "pg_dump to pg_restore",
        })
    }
}

/// A database as dr and as stock pg_dump have dumped it.
pub(super) struct Dumps {
    place: TempDir,
    /// The client of the stock tools.
    client: u32,
}

impl Dumps {
    /// Of `source`, to go to a server of major `to`.
    pub(super) fn of(source: &Database, to: u32) -> Self {
        let dumps = Self {
            place: tempfile::tempdir().expect("a folder for the dumps"),
            // An operator takes the tools of the server; to go to another one, the newest. Those of
            // 13 and 14 are not here, and those of 15 do the same for them.
            client: match source.major() == to {
                true => to.max(15),
                false => 18,
            },
        };
        dr().arg("backup")
            .arg(source.conninfo())
            .args(["--jobs", "2", "--compress", "gzip:1", "--quiet", "--repo"])
            .arg(dumps.repository())
            .output_ok();
        source
            .pg_dump(dumps.client)
            .args(["--format=custom", "--compress=1", "--file"])
            .arg(dumps.archive())
            .output_ok();
        dumps
    }

    fn repository(&self) -> PathBuf {
        self.place.path().join("repository")
    }

    fn archive(&self) -> PathBuf {
        self.place.path().join("pg_dump.dump")
    }

    /// The folder of the one backup, a directory archive.
    fn stored(&self, source: &Database) -> PathBuf {
        let backups = self.repository().join(source.name());
        std::fs::read_dir(backups)
            .expect("the repository has a folder for the database")
            .next()
            .expect("with one backup")
            .expect("that can be read")
            .path()
    }

    /// Into a new database of the cluster; with what pg_restore complained of.
    pub(super) async fn restore(
        &self,
        route: Route,
        source: &Database,
        cluster: &Arc<Cluster>,
    ) -> (Database, BTreeSet<String>) {
        let target = cluster.database(&format!("{}_{}", source.name(), route.word()));
        let complaints = match route {
            Route::Dr => {
                let what = dr()
                    .args(["restore", "latest", "--globals", "--repo"])
                    .arg(self.repository());
                by_dr(what, &target)
            }
            Route::StockToDr => by_dr(dr().arg("restore").arg(self.archive()), &target),
            Route::DrToStock | Route::Control => {
                create_like(&target, source, cluster).await;
                let archive = match route {
                    Route::Control => self.archive(),
                    _ => self.stored(source),
                };
                let done = stock(self.client, "pg_restore")
                    .args(["--dbname", target.conninfo()])
                    .arg(archive)
                    .output();
                complaints(&done)
            }
        };
        (target, complaints)
    }
}

fn by_dr(what: Stock, target: &Database) -> BTreeSet<String> {
    what.args(["--create", "--jobs", "3", "--quiet", "--to"])
        .arg(target.conninfo())
        .output_ok();
    BTreeSet::new()
}

/// An empty database of the same encoding.
async fn create_like(target: &Database, source: &Database, cluster: &Arc<Cluster>) {
    let encoding = source.value("SELECT getdatabaseencoding()").await;
    let create = format!(
        "CREATE DATABASE \"{}\" TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'",
        target.name()
    );
    cluster.database("postgres").sql(&create).await;
}

/// What pg_restore said of each entry, without numbers, which differ from run to run.
fn complaints(done: &Finished) -> BTreeSet<String> {
    assert!(matches!(done.code, Some(0 | 1)), "{}", done.stderr);
    let mut entry = "";
    let mut found = BTreeSet::new();
    for line in done.stderr.lines() {
        if let Some((_, name)) = line.split_once("pg_restore: from TOC entry ") {
            // 3358; 1259 16385 TABLE orders postgres
            entry = name.splitn(4, ' ').nth(3).unwrap_or(name);
        } else if let Some(what) = line.strip_prefix("pg_restore: error: ") {
            found.insert(format!("pg_restore complains: {entry}: {what}"));
        }
    }
    found
}
