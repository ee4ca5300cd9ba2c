//! The routes there and back.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use crate::{Cluster, Database, Finished, dr, stock};

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

/// A database as dr and as stock pg_dump have dumped it, or why they have not.
pub(super) struct Dumps {
    place: TempDir,
    /// The client of the stock tools.
    client: u32,
    by_dr: Result<(), String>,
    by_stock: Result<(), String>,
}

/// What a route made of a database.
pub(super) struct Restored {
    /// What came back, if anything did.
    pub(super) database: Option<Database>,
    /// What the tools said about it.
    pub(super) complaints: BTreeSet<String>,
}

/// What pg_restore said of one entry, and went on.
struct Complaint {
    /// The number of the entry in its archive; none when it is about no entry.
    id: Option<u32>,
    /// Its kind, tag and owner.
    entry: String,
    what: String,
}

impl Dumps {
    /// Of `source`, to go to a server of major `to`.
    pub(super) fn of(source: &Database, to: u32) -> Self {
        let place = tempfile::tempdir().expect("a folder for the dumps");
        // An operator takes the tools of the server; to go to another one, the newest. Those of
        // 13 and 14 are not here, and those of 15 do the same for them.
        let client = match source.major() == to {
            true => to.max(15),
            false => 18,
        };
        let by_dr = dr()
            .arg("backup")
            .arg(source.conninfo())
            .args(["--jobs", "2", "--compress", "gzip:1", "--quiet", "--repo"])
            .arg(place.path().join(REPOSITORY));
        let by_stock = source
            .pg_dump(client)
            .args(["--format=custom", "--compress=1", "--file"])
            .arg(place.path().join(ARCHIVE));
        Self {
            by_dr: ended_well(&by_dr.output()),
            by_stock: ended_well(&by_stock.output()),
            place,
            client,
        }
    }

    /// What pg_restore would read: a directory in the repository, or the archive of pg_dump.
    fn archive(&self, route: Route, source: &Database) -> PathBuf {
        match route {
            Route::StockToDr | Route::Control => self.place.path().join(ARCHIVE),
            Route::Dr | Route::DrToStock => {
                let backups = self.place.path().join(REPOSITORY).join(source.name());
                std::fs::read_dir(backups)
                    .expect("the repository has a folder for the database")
                    .next()
                    .expect("with one backup")
                    .expect("that can be read")
                    .path()
            }
        }
    }

    /// Into a new database of the cluster. Where dr stops at what pg_restore complains of as well, that
    /// is said, and dr restores the rest.
    pub(super) async fn restore(
        &self,
        route: Route,
        source: &Database,
        cluster: &Arc<Cluster>,
    ) -> Restored {
        let (who, dumped) = match route {
            Route::Dr | Route::DrToStock => ("dr backup", &self.by_dr),
            Route::StockToDr | Route::Control => ("pg_dump", &self.by_stock),
        };
        if let Err(why) = dumped {
            return Restored::nothing([format!("{who} fails: {why}")]);
        }
        let target = cluster.database(&format!("{}_{}", source.name(), route.word()));
        let said = match route {
            Route::DrToStock | Route::Control => {
                let said = self.by_pg_restore(route, source, &target, cluster).await;
                said.iter().map(Complaint::line).collect()
            }
            Route::Dr | Route::StockToDr => match self.by_dr(route, source, &target, None) {
                Ok(()) => BTreeSet::new(),
                Err(why) => match self
                    .by_dr_without(route, &why, source, &target, cluster)
                    .await
                {
                    Ok(()) => BTreeSet::from([format!("{STOPS}{why}")]),
                    Err(why) => return Restored::nothing([format!("dr restore fails: {why}")]),
                },
            },
        };
        Restored {
            database: Some(target),
            complaints: said,
        }
    }

    async fn by_pg_restore(
        &self,
        route: Route,
        source: &Database,
        target: &Database,
        cluster: &Arc<Cluster>,
    ) -> Vec<Complaint> {
        create_like(target, source, cluster).await;
        // Without --verbose it does not say which entry an error is about.
        let done = stock(self.client, "pg_restore")
            .args(["--verbose", "--dbname", target.conninfo()])
            .arg(self.archive(route, source))
            .output();
        complaints(&done)
    }

    fn by_dr(
        &self,
        route: Route,
        source: &Database,
        target: &Database,
        list: Option<&Path>,
    ) -> Result<(), String> {
        let what = match route {
            Route::Dr | Route::DrToStock => dr()
                .args(["restore", "latest", "--globals", "--repo"])
                .arg(self.place.path().join(REPOSITORY)),
            Route::StockToDr | Route::Control => {
                dr().arg("restore").arg(self.archive(route, source))
            }
        };
        let what = match list {
            Some(list) => what.arg("--use-list").arg(list),
            None => what,
        };
        let what = what.args(["--create", "--jobs", "3", "--quiet", "--to"]);
        ended_well(&what.arg(target.conninfo()).output())
    }

    /// The same without the entries of which pg_restore complains, if dr's failure is about one of them.
    async fn by_dr_without(
        &self,
        route: Route,
        why: &str,
        source: &Database,
        target: &Database,
        cluster: &Arc<Cluster>,
    ) -> Result<(), String> {
        let tried = cluster.database(&format!("{}_tried", target.name()));
        let said = self.by_pg_restore(route, source, &tried, cluster).await;
        if !said.iter().any(|complaint| complaint.is_told_in(why)) {
            return Err(why.to_owned());
        }
        let mut without: BTreeSet<u32> = said.iter().filter_map(|complaint| complaint.id).collect();
        let list = stock(self.client, "pg_restore")
            .arg("--list")
            .arg(self.archive(route, source))
            .output_ok();
        let path = self.place.path().join("list");
        let mut why = why.to_owned();
        loop {
            // A name may be in any encoding.
            let lines = list.stdout.split_inclusive(|byte| *byte == b'\n');
            let kept = lines.filter(|line| !number(line).is_some_and(|id| without.contains(&id)));
            std::fs::write(&path, kept.collect::<Vec<_>>().concat()).expect("it can be written");
            let Err(again) = self.by_dr(route, source, target, Some(&path)) else {
                return Ok(());
            };
            // What hangs on an entry that pg_restore could make in part.
            let next = entry_of(&again).filter(|_| again.contains("does not exist"));
            why = format!("{why}\nand without that: {again}");
            if !next.is_some_and(|id| without.insert(id)) {
                return Err(why);
            }
        }
    }
}

/// Begins what is said of a restore by dr that ended where pg_restore complains as well.
pub(super) const STOPS: &str = "dr stops where pg_restore complains: ";

const REPOSITORY: &str = "repository";
const ARCHIVE: &str = "pg_dump.dump";

impl Restored {
    fn nothing(complaints: impl Into<BTreeSet<String>>) -> Self {
        Self {
            database: None,
            complaints: complaints.into(),
        }
    }
}

impl Complaint {
    fn line(&self) -> String {
        format!("pg_restore complains: {}: {}", self.entry, self.what)
    }

    /// Whether dr says the same of the same entry.
    fn is_told_in(&self, why: &str) -> bool {
        let message = self.what.split_once("ERROR:  ");
        let message = message.map_or(self.what.as_str(), |(_, message)| message);
        // "TABLE orders postgres" is "TABLE public.orders" in dr's words.
        let words: Vec<&str> = self.entry.split(' ').collect();
        let named = (1..words.len().saturating_sub(1)).any(|kind| {
            let tag = words[kind..words.len() - 1].join(" ");
            why.contains(&words[..kind].join(" ")) && why.contains(&tag)
        });
        named && why.contains(message)
    }
}

fn ended_well(done: &Finished) -> Result<(), String> {
    match done.code {
        Some(0) => Ok(()),
        _ => Err(done.stderr.trim_end().to_owned()),
    }
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

/// The entry that an error of dr is about: `dr: entry 3358 (TABLE shop.orders): …`.
fn entry_of(why: &str) -> Option<u32> {
    let (_, rest) = why.split_once("entry ")?;
    let (number, _) = rest.split_once(' ')?;
    number.parse().ok()
}

/// The number that a line of a list begins with: `3358; 1259 16385 TABLE public orders postgres`.
fn number(line: &[u8]) -> Option<u32> {
    let end = line.iter().position(|byte| *byte == b';')?;
    std::str::from_utf8(&line[..end]).ok()?.parse().ok()
}

/// What pg_restore said of each entry, without numbers, which differ from run to run.
fn complaints(done: &Finished) -> Vec<Complaint> {
    let mut id = None;
    let mut entry = "";
    let mut found = Vec::new();
    let mut complain = |id, entry: &str, what: &str| {
        found.push(Complaint {
            id,
            entry: entry.to_owned(),
            what: what.to_owned(),
        });
    };
    for line in done.stderr.lines() {
        if let Some((_, name)) = line.split_once("pg_restore: from TOC entry ") {
            // 3358; 1259 16385 TABLE orders postgres
            id = number(name.as_bytes());
            entry = name.splitn(4, ' ').nth(3).unwrap_or(name);
        } else if let Some(what) = line.strip_prefix("pg_restore: error: ") {
            complain(id, entry, what);
        }
    }
    if !matches!(done.code, Some(0 | 1)) {
        complain(
            None,
            "",
            &format!("it ended with {:?}: {}", done.code, done.stderr),
        );
    }
    found
}
