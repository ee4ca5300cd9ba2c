//! Contestants on the same server, in the same run, taking turns. Used by the cases.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use dr_tests::{Cluster, Database};
use tempfile::TempDir;

use crate::data::Shape;
use crate::measure::{Run, measure, size_of};
use crate::options::Options;
use crate::report::Contestant;

/// The database that restores fill.
pub(crate) const TARGET: &str = "restored";

/// A server with the memory a small machine would give it.
pub(crate) fn cluster(options: &Options) -> Arc<Cluster> {
    Cluster::builder(options.major)
        .config("shared_buffers", "512MB")
        .config("maintenance_work_mem", "128MB")
        .config("max_wal_size", "4GB")
        .config("max_parallel_maintenance_workers", "0")
        // It wakes up when it likes, in one contestant's run and not in the other's.
        .config("autovacuum", "off")
        .start()
}

/// A source, the folder that all contestants write to, and the key of dr's backups.
pub(crate) struct Arena {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) source: Database,
    /// The dr to measure.
    pub(crate) dr: PathBuf,
    pub(crate) recipient: String,
    pub(crate) identity: String,
    folder: TempDir,
}

impl Arena {
    /// With a database of this shape.
    pub(crate) async fn new(dr: &Path, options: &Options, shape: Shape, scale: f64) -> Self {
        let arena = Self::empty(dr, options).await;
        eprintln!("dr-benches: filling a database: {}", shape.about());
        shape.fill(&arena.source, scale).await;
        arena
    }

    /// With a database that is still empty.
    pub(crate) async fn empty(dr: &Path, options: &Options) -> Self {
        let cluster = cluster(options);
        let source = cluster.create_database("source").await;
        let folder = tempfile::Builder::new()
            .prefix("dr-bench-")
            .tempdir()
            .expect("a temporary folder can be made");
        let identity = folder.path().join("operator.key");
        let generated = Command::new(dr)
            .args(["key", "generate", "--output"])
            .arg(&identity)
            .output()
            .expect("dr runs");
        assert!(generated.status.success(), "dr makes no key: {generated:?}");
        let recipient = String::from_utf8(generated.stdout).expect("a recipient is ASCII");
        Self {
            cluster,
            source,
            dr: dr.to_owned(),
            recipient: recipient.trim().to_owned(),
            identity: identity.display().to_string(),
            folder,
        }
    }

    /// Where something of this name lies.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Bytes of what lies there.
    pub(crate) fn stored(&self, name: &str) -> u64 {
        size_of(&self.folder.path().join(name))
    }

    fn clear(&self, name: &str) {
        let path = self.folder.path().join(name);
        let gone = if path.is_dir() {
            std::fs::remove_dir_all(&path)
        } else {
            std::fs::remove_file(&path)
        };
        match gone {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => panic!("{}: {error}", path.display()),
        }
    }

    async fn drop_database(&self, name: &str) {
        let postgres = self.cluster.database("postgres").connect().await;
        for statement in [
            format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            "CHECKPOINT".to_owned(),
        ] {
            let done = postgres.batch_execute(&statement).await;
            done.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
        }
    }

    /// One run of one entrant, between making ready and cleaning up.
    pub(crate) async fn run(&self, entrant: &Entrant) -> Run {
        match &entrant.needs {
            Needs::Room(name) => self.clear(name),
            Needs::NoDatabase => self.drop_database(TARGET).await,
            Needs::EmptyDatabase => {
                self.drop_database(TARGET).await;
                let postgres = self.cluster.database("postgres");
                postgres.sql(&format!("CREATE DATABASE {TARGET}")).await;
            }
        }
        let mut run = measure(&entrant.command, &self.cluster.data_folder());
        if let Needs::Room(name) = &entrant.needs {
            run.bytes = self.stored(name);
        }
        run
    }

    /// All entrants' runs, one of each in turn, so that a machine that slows down slows all.
    pub(crate) async fn contest(&self, runs: usize, entrants: &[Entrant]) -> Vec<Contestant> {
        let mut contestants: Vec<Contestant> = entrants
            .iter()
            .map(|entrant| Contestant::new(&entrant.name, entrant.ours))
            .collect();
        for round in 1..=runs {
            for (entrant, contestant) in entrants.iter().zip(&mut contestants) {
                let run = self.run(entrant).await;
                eprintln!(
                    "dr-benches: {round}/{runs} {}: {:.2} s",
                    entrant.name, run.wall
                );
                contestant.runs.push(run);
            }
        }
        self.drop_database(TARGET).await;
        contestants
    }
}

/// What must hold before a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing lies under this name yet; what does afterwards is what it stored.
    Room(&'static str),
    /// The database it restores into does not exist.
    NoDatabase,
    /// It exists and is empty.
    EmptyDatabase,
}

/// Who takes part, before it has run.
#[derive(Debug)]
pub(crate) struct Entrant {
    /// What it is, as a person would type it.
    pub(crate) name: String,
    /// Whether it is dr.
    pub(crate) ours: bool,
    /// What is run.
    pub(crate) command: Command,
    pub(crate) needs: Needs,
}
