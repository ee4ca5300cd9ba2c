//! PostgreSQL's own regression tests, as a source of databases that hold a bit of everything: the SQL
//! of its core suite and of its extensions, as `scripts/servers suite` fetches them. Used by the tests
//! of round trips. What a statement answers is none of our business, and many fail: the suite's C
//! functions are not here, and its SQL is that of PostgreSQL 15 whatever server it is run on.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::{Cluster, Database, Finished, Stock, servers};

/// Tests of the core suite that are left out: they take long and leave nothing behind, since all they
/// make is rolled back.
const NOTHING_LEFT: [&str; 1] = ["join_hash"];

/// What a server made of a suite: how many scripts psql ran to their end, and how many statements failed,
/// many of which are meant to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Scripts that psql began.
    pub scripts: usize,
    /// Those of them that ended early, because the server went down.
    pub ended_early: usize,
    /// Errors, in all of them.
    pub errors: usize,
    /// The statements that the server went down with, to come back.
    pub crashes: Vec<String>,
}

/// The regression tests of PostgreSQL.
#[derive(Debug)]
pub struct Suite {
    folder: PathBuf,
}

impl Suite {
    /// Those that `scripts/servers suite` has fetched.
    ///
    /// # Panics
    ///
    /// When they are not there; the message says what to do.
    pub fn fetched() -> Self {
        let folder = servers().join("suite");
        assert!(
            folder.join("src/test/regress/parallel_schedule").exists(),
            "PostgreSQL's regression tests are not in {}: run scripts/servers suite, which fetches \
             Debian's source package postgresql-15 through apt",
            folder.display()
        );
        Self { folder }
    }

    /// Runs the core suite in a database, as its schedule says, two tests at once.
    ///
    /// # Panics
    ///
    /// When psql does not start.
    pub async fn run_core(&self, cluster: &Cluster, database: &Database) -> Accepted {
        let folder = self.folder.join("src/test/regress");
        // As pg_regress does.
        for setting in [
            "lc_messages TO 'C'",
            "lc_monetary TO 'C'",
            "lc_numeric TO 'C'",
            "lc_time TO 'C'",
            "bytea_output TO 'hex'",
            "timezone_abbreviations TO 'Default'",
        ] {
            let name = database.name();
            let alter = format!("ALTER DATABASE \"{name}\" SET {setting}");
            database.sql(&alter).await;
        }
        let written = cluster.scratch("results");
        let accepted = Mutex::new(Accepted::default());
        let schedule = std::fs::read_to_string(folder.join("parallel_schedule"))
            .expect("the suite has a schedule");
        for line in schedule.lines() {
            let Some(tests) = line.strip_prefix("test: ") else {
                continue;
            };
            let tests = tests.split_whitespace();
            let tests = tests.filter(|test| !NOTHING_LEFT.contains(test)).rev();
            let waiting: Mutex<Vec<&str>> = Mutex::new(tests.collect());
            let next = || waiting.lock().expect("nobody panics with it").pop();
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        while let Some(test) = next() {
                            let script = folder.join("sql").join(format!("{test}.sql"));
                            let done = run(cluster, database, || {
                                regress(database, &folder, &written, &script)
                            });
                            accepted.lock().expect("nobody panics with it").add(&done);
                        }
                    });
                }
            });
        }
        let mut accepted = accepted.into_inner().expect("nobody panics with it");
        accepted.count_crashes(cluster, database).await;
        accepted
    }

    /// Runs the tests of every extension, each in a schema of its own.
    ///
    /// # Panics
    ///
    /// When psql does not start.
    pub async fn run_contrib(&self, cluster: &Cluster, database: &Database) -> Accepted {
        let written = cluster.scratch("results");
        let mut accepted = Accepted::default();
        for extension in folders(&self.folder.join("contrib")) {
            let scripts = tests_of(&extension);
            if scripts.is_empty() {
                continue;
            }
            let name = extension.file_name().expect("it has a name");
            let schema = format!("of_{}", name.to_string_lossy());
            database.sql(&format!("CREATE SCHEMA \"{schema}\"")).await;
            let path = format!("-c search_path=\"{schema}\",public");
            for script in scripts {
                let done = run(cluster, database, || {
                    regress(database, &extension, &written, &script).env("PGOPTIONS", &path)
                });
                accepted.add(&done);
            }
        }
        accepted.count_crashes(cluster, database).await;
        accepted
    }
}

impl Accepted {
    /// Tells the crashes, and clears what they leave that ends of sessions do not: temporary tables.
    async fn count_crashes(&mut self, cluster: &Cluster, database: &Database) {
        until_it_is_back(cluster, database);
        let log = cluster.log();
        let of = |line: &str| {
            Some(
                line.split_once("Failed process was running: ")?
                    .1
                    .to_owned(),
            )
        };
        self.crashes = log.lines().filter_map(of).collect();
        if !self.crashes.is_empty() {
            let left = "DO $$ DECLARE s text; BEGIN FOR s IN SELECT nspname FROM pg_namespace \
                WHERE nspname LIKE 'pg\\_temp\\_%' LOOP EXECUTE format('DROP SCHEMA %I CASCADE', s); END LOOP; END $$";
            database.sql(left).await;
        }
    }

    fn add(&mut self, done: &Finished) {
        self.scripts += 1;
        self.ended_early += usize::from(done.code != Some(0));
        // psql names file and line in front.
        self.errors += done.stderr.matches(": ERROR:  ").count();
    }
}

impl fmt::Display for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} scripts, {} of them ended early, {} errors, {} crashes",
            self.scripts,
            self.ended_early,
            self.errors,
            self.crashes.len()
        )?;
        let mut statements = self.crashes.iter();
        statements.try_for_each(|statement| write!(f, "\n    a crash by {statement}"))
    }
}

/// Runs a script; once more when the server was down because of another.
fn run(cluster: &Cluster, database: &Database, script: impl Fn() -> Stock) -> Finished {
    loop {
        let done = script().output();
        if !done.stderr.starts_with("psql: error: connection to server") {
            return done;
        }
        until_it_is_back(cluster, database);
    }
}

/// Waits until the server takes connections again, should a statement have crashed it.
fn until_it_is_back(cluster: &Cluster, database: &Database) {
    let patience = Instant::now() + Duration::from_secs(60);
    while database.psql().args(["-c", "SELECT"]).output().code != Some(0) {
        assert!(
            Instant::now() < patience,
            "the server does not come back: {}",
            cluster.log()
        );
    }
}

/// psql as pg_regress starts it.
fn regress(database: &Database, folder: &Path, written: &Path, script: &Path) -> Stock {
    crate::stock(18, "psql")
        .args(["--no-psqlrc", "--echo-all", "--quiet", "--dbname"])
        .arg(database.conninfo())
        .arg("--file")
        .arg(script)
        .folder(written)
        .env("PG_ABS_SRCDIR", folder)
        .env(
            "PG_ABS_BUILDDIR",
            written.parent().expect("it is a folder of the cluster"),
        )
        .env("PG_LIBDIR", "/nowhere")
        .env("PG_DLSUFFIX", ".so")
        .env("PGTZ", "PST8PDT")
        .env("PGDATESTYLE", "Postgres, MDY")
        .env("PGOPTIONS", "-c intervalstyle=postgres_verbose")
}

/// The scripts of an extension in the order its Makefile names them.
fn tests_of(extension: &Path) -> Vec<PathBuf> {
    let makefile = std::fs::read_to_string(extension.join("Makefile")).unwrap_or_default();
    let makefile = makefile.replace("\\\n", " ");
    let named = makefile.lines().filter_map(|line| {
        let (name, tests) = line.split_once('=')?;
        (name.trim().trim_end_matches(['+', ':']).trim() == "REGRESS").then_some(tests)
    });
    named
        .flat_map(str::split_whitespace)
        .map(|test| extension.join("sql").join(format!("{test}.sql")))
        .filter(|script| script.exists())
        .collect()
}

fn folders(below: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(below).expect("the suite has extensions");
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    found
}
