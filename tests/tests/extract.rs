//! `dr extract`: exactly one table's entries and rows, out of every source into every destination,
//! held against the source by stock clients.

use std::path::{Path, PathBuf};

use dr_tests::{Cluster, Database, Polling, assert_same_lines, client, dr};
use serde_json::Value;
use tempfile::TempDir;

const TABLE: &str = "public.votes_vote";

/// A database with a backup, an archive and a script of it.
struct Sources {
    place: TempDir,
    database: Database,
    key: PathBuf,
}

impl Sources {
    async fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let database = Cluster::shared(15).create_database("extract").await;
        Polling::with_votes(3000).load(&database).await;
        let key = place.path().join("operator.key");
        let made = dr()
            .args(["key", "generate", "--output"])
            .arg(&key)
            .output_ok();
        dr().arg("backup")
            .arg(database.conninfo())
            .args(["--compress", "gzip", "--encrypt-to", made.text().trim()])
            .arg("--repo")
            .arg(place.path().join("repo"))
            .output_ok();
        database
            .pg_dump(15)
            .args(["-Fd", "-f"])
            .arg(place.path().join("archive"))
            .output_ok();
        database
            .pg_dump(15)
            .args(["-Z6", "-f"])
            .arg(place.path().join("dump.sql.gz"))
            .output_ok();
        Self {
            place,
            database,
            key,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// `dr extract` of the backup.
    fn extract(&self, to: impl AsRef<std::ffi::OsStr>) -> dr_tests::Stock {
        dr().args(["extract", "latest", "--repo"])
            .arg(self.path("repo"))
            .arg("--identity")
            .arg(&self.key)
            .args(["--table", TABLE, "--to"])
            .arg(to)
    }

    /// The folder of the only backup.
    fn backup(&self) -> PathBuf {
        let folder = |path: &Path| {
            std::fs::read_dir(path)
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .find(|path| path.is_dir() && !path.ends_with("_dr"))
                .unwrap()
        };
        folder(&folder(&self.path("repo")))
    }

    async fn rows(&self) -> String {
        sorted(
            &self
                .database
                .copy_out(&format!("COPY {TABLE} TO STDOUT"))
                .await,
        )
    }
}

fn sorted(rows: &[u8]) -> String {
    let mut lines: Vec<&str> = std::str::from_utf8(rows).unwrap().lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// What stock pg_dump says of the table alone.
fn schema_of_table(database: &Database) -> String {
    let dump = database
        .pg_dump(15)
        .args(["--schema-only", "--table", TABLE])
        .output_ok();
    // The order of GRANTs tells which came first, and default privileges came when the table did.
    sorted(dr_tests::normalized_schema(dump.text()).as_bytes())
}

/// Relations of the user's, with their kinds.
async fn relations(database: &Database) -> Vec<String> {
    database
        .rows(
            "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace \
             AND c.relkind IN ('r', 'p', 'S', 'v', 'm') ORDER BY 1",
        )
        .await
        .into_iter()
        .map(|row| row[0].clone().unwrap())
        .collect()
}

/// The database after somebody dropped the table.
async fn robbed(sources: &Sources) -> Database {
    let target = Cluster::shared(15).create_database("robbed").await;
    let dump = sources.database.pg_dump(15).output_ok();
    target.psql().input(dump.text()).output_ok();
    target
        .sql(&format!(
            "ALTER TABLE public.votes_vote_archive ALTER id DROP DEFAULT; \
             DROP TABLE {TABLE} CASCADE"
        ))
        .await;
    target
}

async fn empty() -> Database {
    Cluster::shared(15).create_database("empty").await
}

async fn assert_extracted(sources: &Sources, target: &Database) {
    let rows = target.copy_out(&format!("COPY {TABLE} TO STDOUT")).await;
    assert_same_lines(&sources.rows().await, &sorted(&rows), "rows");
}

#[tokio::test]
async fn rows_alone_go_to_standard_output_and_nothing_else_does() {
    let sources = Sources::new().await;
    let expected = sources.rows().await;
    let out = sources.extract("-").output_ok();
    assert_same_lines(&expected, &sorted(out.text().as_bytes()), "backup");
    assert!(out.stderr.contains("proven"), "{}", out.stderr);
    for source in ["archive", "dump.sql.gz"] {
        let out = dr()
            .arg("extract")
            .arg(sources.path(source))
            .args(["--table", TABLE, "--to", "-"])
            .output_ok();
        assert_same_lines(&expected, &sorted(out.text().as_bytes()), source);
    }
    let json = sources.extract("-").arg("--json").output_ok();
    assert_same_lines(&expected, &sorted(json.text().as_bytes()), "with --json");
    let report: Value =
        serde_json::from_str(&json.stderr[json.stderr.find("{\n").expect("a report")..]).unwrap();
    assert_eq!(report["tables"][0]["table"], TABLE);
    assert_eq!(report["tables"][0]["digest"]["rows"], 3000);
    assert_eq!(report["tables"][0]["verdict"], "equal");
}

#[tokio::test]
async fn a_script_loads_beside_its_neighbors_and_without_them() {
    let sources = Sources::new().await;
    for source in ["backup", "archive", "dump.sql.gz"] {
        let script = |name: &str, more: &[&str]| {
            let path = sources.path(&format!("{source}-{name}.sql.zst"));
            match source {
                "backup" => sources.extract(&path),
                other => dr()
                    .arg("extract")
                    .arg(sources.path(other))
                    .args(["--table", TABLE, "--to"])
                    .arg(&path),
            }
            .args(more)
            .output_ok();
            std::fs::read(path).unwrap()
        };
        let whole = robbed(&sources).await;
        let plain = zstd(&script("table", &[])).await;
        whole.psql().input(plain).output_ok();
        assert_extracted(&sources, &whole).await;
        assert_same_lines(
            &schema_of_table(&sources.database),
            &schema_of_table(&whole),
            source,
        );

        let bare = empty().await;
        let plain = zstd(&script("with-needs", &["--with-dependencies"])).await;
        let loaded = bare.psql().input(plain).output_ok();
        assert!(loaded.stderr.contains("left out"), "{}", loaded.stderr);
        assert_extracted(&sources, &bare).await;
        assert_eq!(relations(&bare).await, ["votes_vote", "votes_vote_id_seq"]);
    }
}

async fn zstd(packed: &[u8]) -> Vec<u8> {
    use dr_core::pipeline::compression::{Method, decompress};
    use futures::{StreamExt, TryStreamExt, stream};
    let packed = bytes::Bytes::copy_from_slice(packed);
    let pieces: Vec<bytes::Bytes> = decompress(stream::iter([Ok(packed)]).boxed(), Method::Zstd)
        .try_collect()
        .await
        .unwrap();
    pieces.concat()
}

#[tokio::test]
async fn an_archive_is_one_that_stock_pg_restore_restores() {
    let sources = Sources::new().await;
    let folder = sources.path("table");
    sources
        .extract(&folder)
        .args(["--compress", "gzip"])
        .output_ok();
    let list = dr_tests::Stock::new(client(15, "pg_restore"))
        .arg("--list")
        .arg(&folder)
        .output_ok();
    for kind in [
        "TABLE public votes_vote ",
        "SEQUENCE SET",
        "DEFAULT",
        "FK CONSTRAINT",
        "INDEX",
    ] {
        assert!(list.text().contains(kind), "{kind}: {}", list.text());
    }
    for neighbor in [
        "votes_Vote",
        "votes_vote_archive",
        "users_user_",
        "audit_log",
    ] {
        assert!(!list.text().contains(neighbor), "{}", list.text());
    }
    let whole = robbed(&sources).await;
    whole
        .pg_restore(15)
        .arg("--exit-on-error")
        .arg(&folder)
        .output_ok();
    assert_extracted(&sources, &whole).await;
    assert_same_lines(
        &schema_of_table(&sources.database),
        &schema_of_table(&whole),
        "archive",
    );
}

#[tokio::test]
async fn a_table_goes_into_a_database_with_proof_or_not_at_all() {
    let sources = Sources::new().await;
    let whole = robbed(&sources).await;
    let done = sources.extract(whole.conninfo()).output_ok();
    assert!(done.text().contains("what was restored is what was dumped"));
    assert_extracted(&sources, &whole).await;
    assert_same_lines(
        &schema_of_table(&sources.database),
        &schema_of_table(&whole),
        "into the database",
    );
    // What is there is never touched.
    let again = sources.extract(whole.conninfo()).output();
    assert_eq!(again.code, Some(1), "{}", again.stderr);
    assert!(again.stderr.contains("votes_vote"), "{}", again.stderr);
    assert_extracted(&sources, &whole).await;

    let bare = empty().await;
    let lacking = sources.extract(bare.conninfo()).output();
    assert_eq!(lacking.code, Some(1), "{}", lacking.stderr);
    assert!(lacking.stderr.contains("--with-dependencies"));
    assert!(relations(&bare).await.is_empty());
    let done = sources
        .extract(bare.conninfo())
        .arg("--with-dependencies")
        .output_ok();
    assert!(done.stderr.contains("no table public."), "{}", done.stderr);
    assert_extracted(&sources, &bare).await;

    // A row that refers to nothing: everything goes back.
    let broken = robbed(&sources).await;
    broken.sql("TRUNCATE public.polls_option CASCADE").await;
    let before = relations(&broken).await;
    let failed = sources.extract(broken.conninfo()).output();
    assert_eq!(failed.code, Some(1), "{}", failed.stderr);
    assert!(failed.stderr.contains("FK CONSTRAINT"), "{}", failed.stderr);
    assert_eq!(relations(&broken).await, before);
}

#[tokio::test]
async fn only_what_is_needed_is_read_and_damage_of_it_is_seen() {
    let sources = Sources::new().await;
    let show = dr()
        .args(["show", "latest", "--json", "--entries", "--repo"])
        .arg(sources.path("repo"))
        .arg("--identity")
        .arg(&sources.key)
        .output_ok();
    let show: Value = serde_json::from_str(show.text()).unwrap();
    let entries = show["entries"].as_array().expect("entries");
    let id = entries
        .iter()
        .find(|entry| entry["kind"] == "TABLE DATA" && entry["tag"] == "votes_vote")
        .expect("its data")["entry"]
        .as_u64()
        .unwrap();
    let mine = format!("{id}.dat");
    let mut file = PathBuf::new();
    for entry in std::fs::read_dir(sources.backup()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with(&mine) {
            file = path;
        } else if name.contains(".dat.") && !name.starts_with("toc.") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let out = sources.extract("-").output_ok();
    assert_same_lines(
        &sources.rows().await,
        &sorted(out.text().as_bytes()),
        "rows",
    );

    let whole = std::fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let script = sources.path("never.sql");
    for (content, code) in [(flipped, 3), (whole[..middle].to_vec(), 3)] {
        std::fs::write(&file, content).unwrap();
        for to in [script.as_path(), Path::new("-")] {
            let failed = sources.extract(to).output();
            assert_eq!(failed.code, Some(code), "{}", failed.stderr);
        }
        assert!(!script.exists(), "a script that is not whole has no name");
    }
    std::fs::remove_file(&file).unwrap();
    let failed = sources.extract(&script).output();
    assert_eq!(failed.code, Some(4), "{}", failed.stderr);
    let left: Vec<_> = std::fs::read_dir(sources.place.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_string_lossy().contains("unfinished"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused() {
    let sources = Sources::new().await;
    std::fs::write(sources.path("there.sql"), "mine").unwrap();
    let archive = sources.path("archive");
    for (table, to, more, code) in [
        ("public.*", "-", &[][..], 2),
        ("public.audit_log", "-", &[], 2),
        ("public.nothing", "-", &[], 4),
        (TABLE, "shop", &[], 2),
        (TABLE, "-", &["--no-owner"], 2),
        (TABLE, "dbname=shop", &["--jobs", "3"], 2),
    ] {
        let failed = dr()
            .arg("extract")
            .arg(&archive)
            .args(["--table", table, "--to", to])
            .args(more)
            .output();
        assert_eq!(failed.code, Some(code), "{table} {to}: {}", failed.stderr);
        assert_eq!(failed.text(), "");
    }
    let failed = sources.extract(sources.path("there.sql")).output();
    assert_eq!(failed.code, Some(1), "{}", failed.stderr);
    assert_eq!(std::fs::read(sources.path("there.sql")).unwrap(), b"mine");
}
