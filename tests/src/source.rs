//! A database to back up, a repository for it, the commands on them, and what to ask about
//! afterwards. Used by tests of faults, which start dr, disturb it, and look at what is left.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;

use crate::{Cluster, Database, Finished, Polling, Proxy, Stock, dr};

/// A database with rows, and a folder with a place for a repository; the folder goes when dropped.
#[derive(Debug)]
pub struct Source {
    /// The database.
    pub database: Database,
    /// The folder.
    pub place: TempDir,
}

impl Source {
    /// With so many rows in `public.votes_vote`, on this cluster.
    pub async fn on(cluster: &Arc<Cluster>, votes: u64) -> Self {
        let database = cluster.create_database("source").await;
        Polling::with_votes(votes).load(&database).await;
        Self {
            database,
            place: tempfile::tempdir().expect("a temporary folder can be made"),
        }
    }

    /// Where its backups lie.
    pub fn repo(&self) -> PathBuf {
        self.place.path().join("repo")
    }

    /// `dr backup` through this connection string.
    pub fn backup_of(&self, conninfo: &str) -> Stock {
        dr().args(["backup", conninfo, "--jobs", "2", "--repo"])
            .arg(self.repo())
    }

    /// `dr backup` of the database.
    pub fn backup(&self) -> Stock {
        self.backup_of(self.database.conninfo())
    }

    /// `dr restore` of the newest backup.
    pub fn restore(&self, to: &str) -> Stock {
        dr().args(["restore", "latest", "--jobs", "2", "--repo"])
            .arg(self.repo())
            .args(["--to", to])
    }

    /// How many backups are listed; the newest is whole.
    ///
    /// # Panics
    ///
    /// When it is not.
    pub fn sound_backups(&self) -> usize {
        let listed = dr().args(["list", "--json", "--repo"]).arg(self.repo());
        let listed: Value =
            serde_json::from_str(listed.output_ok().text()).expect("--json prints JSON");
        dr().args(["verify", "latest", "--deep", "--repo"])
            .arg(self.repo())
            .output_ok();
        listed["backups"].as_array().map_or(0, Vec::len)
    }

    /// Sweeps the leftovers; then there are none.
    ///
    /// # Panics
    ///
    /// When there still are.
    pub fn sweep(&self) {
        let sweep = || {
            dr().args([
                "prune",
                "--orphans",
                "--older-than",
                "0s",
                "--json",
                "--repo",
            ])
            .arg(self.repo())
            .output_ok()
        };
        sweep();
        let again: Value = serde_json::from_str(sweep().text()).expect("--json prints JSON");
        assert_eq!(again["swept"].as_array().map(Vec::len), Some(0), "{again}");
    }

    /// The files of the repository, but for the mark of the repository itself.
    pub fn stored(&self) -> Vec<PathBuf> {
        files_below(&self.repo())
    }
}

/// A connection string through a proxy to its cluster.
pub fn through(proxy: &Proxy, database: &str) -> String {
    format!(
        "host=127.0.0.1 port={} user=postgres dbname={database} connect_timeout=5",
        proxy.port()
    )
}

/// Starts a command and leaves it running.
///
/// # Panics
///
/// When it does not start.
pub fn start(command: Stock) -> Child {
    command
        .into_command()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts")
}

/// Sends it a signal, such as `-INT`.
///
/// # Panics
///
/// When there is no `kill`.
pub fn signal(child: &Child, name: &str) {
    // It may have ended by itself just before.
    Command::new("kill")
        .args([name, &child.id().to_string()])
        .stderr(Stdio::null())
        .status()
        .expect("kill runs");
}

/// Waits for its end.
///
/// # Panics
///
/// When it cannot be waited for.
pub fn ended(child: Child) -> Finished {
    let output = child.wait_with_output().expect("a child can be waited for");
    Finished {
        code: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Cluster {
    /// Whether it has a database of this name.
    pub async fn has_database(&self, name: &str) -> bool {
        let query = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
        self.database("postgres").value(&query).await == "1"
    }

    /// Databases that restores have left under their temporary names for this one.
    pub async fn leftovers_of(&self, database: &str) -> Vec<String> {
        let query = format!(
            "SELECT datname FROM pg_database WHERE datname LIKE 'dr_restoring_{database}%'"
        );
        let rows = self.database("postgres").rows(&query).await;
        rows.into_iter()
            .filter_map(|mut row| row.swap_remove(0))
            .collect()
    }
}

/// All files below a folder, however deep, but for the mark of a repository.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            // A file may be gone between the listing and the look.
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(_) if entry.file_name() != "repository.json" => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found.sort();
    found
}
