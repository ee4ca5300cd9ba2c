//! PostgreSQL's own regression tests, as a source of databases that hold a bit of everything: the SQL
//! of its core suite and of its extensions, as `scripts/servers suite` fetches them. Used by the tests
//! of round trips. What a statement answers is none of our business, and many fail: the suite's C
//! functions are not here, and its SQL is that of PostgreSQL 15 whatever server it is run on.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::{Cluster, Database, Stock, servers};

/// Tests of the core suite that are left out: they take long and leave nothing behind, since all they
/// make is rolled back.
const NOTHING_LEFT: [&str; 1] = ["join_hash"];

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
    pub async fn run_core(&self, cluster: &Cluster, database: &Database) {
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
                            regress(database, &folder, &written, &script).output();
                        }
                    });
                }
            });
        }
    }

    /// Runs the tests of every extension, each in a schema of its own.
    ///
    /// # Panics
    ///
    /// When psql does not start.
    pub async fn run_contrib(&self, cluster: &Cluster, database: &Database) {
        let written = cluster.scratch("results");
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
                regress(database, &extension, &written, &script)
                    .env("PGOPTIONS", &path)
                    .output();
            }
        }
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
