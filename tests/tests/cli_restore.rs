//! `dr restore` as a user runs it: from backups and from what stock pg_dump wrote, into new and
//! existing databases; what is printed, and the exit codes.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use dr_tests::{Cluster, Database, Polling, Stock, assert_same_contents, assert_same_schema, dr};
use serde_json::Value;
use tempfile::TempDir;

const MAJOR: u32 = 18;

struct Source {
    database: Database,
    place: TempDir,
    recipient: String,
}

impl Source {
    async fn new() -> Self {
        let database = Cluster::shared(MAJOR).create_database("source").await;
        Polling::with_votes(1000).load(&database).await;
        let place = tempfile::tempdir().unwrap();
        let made = dr()
            .args(["key", "generate", "--output"])
            .arg(place.path().join("key"))
            .output_ok();
        Self {
            database,
            recipient: made.text().trim().to_owned(),
            place,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn backup(&self, more: &[&str]) {
        dr().arg("backup")
            .arg(self.database.conninfo())
            .arg("--repo")
            .arg(self.path("repo"))
            .args(more)
            .output_ok();
    }

    fn restore(&self, to: &str) -> Stock {
        dr().args(["restore", "latest", "--repo"])
            .arg(self.path("repo"))
            .args(["--to", to])
    }

    /// What stock pg_dump prints.
    fn script(&self, more: &[&str]) -> Vec<u8> {
        self.database.pg_dump(MAJOR).args(more).output_ok().stdout
    }
}

async fn empty() -> Database {
    Cluster::shared(MAJOR).create_database("target").await
}

fn new_database(name: &str) -> Database {
    Cluster::shared(MAJOR).database(name)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test]
async fn an_encrypted_backup_comes_back_under_its_name_with_proof() {
    let source = Source::new().await;
    source.backup(&["--encrypt-to", &source.recipient, "--jobs", "2"]);
    let target = new_database("cli_created");
    let key = source.path("key");
    let done = source
        .restore(target.conninfo())
        .args(["--create", "--jobs", "4", "--identity"])
        .arg(&key)
        .output_ok();
    assert!(
        done.text().contains("what was restored is what was dumped"),
        "{}",
        done.text()
    );
    assert!(done.text().contains("1,000"), "{}", done.text());
    assert_same_schema(&source.database, &target);
    assert_same_contents(&source.database, &target).await;

    // It is there now, and nothing touches it.
    let again = source
        .restore(target.conninfo())
        .args(["--create", "--identity"])
        .arg(&key)
        .output();
    assert_eq!(again.code, Some(1), "{}", again.stderr);
    assert!(again.stderr.contains("cli_created"), "{}", again.stderr);
    let full = source
        .restore(target.conninfo())
        .arg("--identity")
        .arg(&key)
        .output();
    assert_eq!(full.code, Some(1), "{}", full.stderr);
    assert!(full.stderr.contains("not empty"), "{}", full.stderr);

    let locked = source.restore(target.conninfo()).arg("--create").output();
    assert_eq!(locked.code, Some(1), "{}", locked.stderr);
    assert!(locked.stderr.contains("encrypted"), "{}", locked.stderr);
    let other = source.path("other");
    dr().args(["key", "generate", "--output"])
        .arg(&other)
        .output_ok();
    let wrong = source
        .restore(&Cluster::shared(MAJOR).conninfo("cli_never"))
        .args(["--create", "--identity"])
        .arg(&other)
        .output();
    assert_eq!(wrong.code, Some(1), "{}", wrong.stderr);
}

#[tokio::test]
async fn a_passphrase_opens_what_it_sealed() {
    let source = Source::new().await;
    std::fs::write(source.path("word"), "correct horse battery staple\n").unwrap();
    let word = source.path("word").display().to_string();
    // One that others may read is refused, as ssh refuses a key.
    let open = dr()
        .arg("backup")
        .arg(source.database.conninfo())
        .args(["--passphrase-file", &word, "--repo"])
        .arg(source.path("repo"))
        .output();
    assert_eq!(open.code, Some(1), "{}", open.stderr);
    std::fs::set_permissions(&word, PermissionsExt::from_mode(0o600)).unwrap();
    source.backup(&["--passphrase-file", &word]);
    let target = empty().await;
    let done = source
        .restore(target.conninfo())
        .args(["--passphrase-file", &word, "--json"])
        .output_ok();
    let report = json(done.text());
    assert_eq!(report["kept"], true);
    let votes = report["tables"]
        .as_array()
        .unwrap()
        .iter()
        .find(|table| table["table"] == "public.votes_vote")
        .expect("the votes are there");
    assert_eq!(votes["verdict"], "equal");
    assert_eq!(votes["against"], "manifest");
    assert_same_contents(&source.database, &target).await;
}

#[tokio::test]
async fn a_plan_is_printed_and_nothing_is_done() {
    let source = Source::new().await;
    source.backup(&[]);
    let target = empty().await;
    let plan = source.restore(target.conninfo()).arg("--plan").output_ok();
    let text = plan.text();
    let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what}: {text}"));
    assert!(at("TABLE public.votes_vote") < at("TABLE DATA public.votes_vote"));
    assert!(at("TABLE DATA public.votes_vote") < at("INDEX public.votes_vote_option_id_idx"));
    let plan = source
        .restore(target.conninfo())
        .args(["--plan", "--json"])
        .output_ok();
    assert!(json(plan.text())["steps"].as_array().unwrap().len() > 100);
    // A plan needs no target.
    dr().args(["restore", "latest", "--plan", "--repo"])
        .arg(source.path("repo"))
        .output_ok();
    let tables =
        target.value("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace");
    assert_eq!(tables.await, "0");
}

#[tokio::test]
async fn everything_in_one_transaction_is_proven_before_it_commits() {
    let source = Source::new().await;
    source.backup(&[]);
    let target = empty().await;
    source
        .restore(target.conninfo())
        .arg("--single-transaction")
        .output_ok();
    assert_same_schema(&source.database, &target);
    assert_same_contents(&source.database, &target).await;
}

#[tokio::test]
async fn owners_and_privileges_may_be_left_out() {
    let source = Source::new().await;
    source.backup(&[]);
    let target = empty().await;
    source
        .restore(target.conninfo())
        .args(["--no-owner", "--no-acl"])
        .output_ok();
    let foreign = target
        .value(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace \
             AND (relowner <> 'postgres'::regrole OR relacl IS NOT NULL)",
        )
        .await;
    assert_eq!(foreign, "0");
}

#[tokio::test]
async fn what_stock_pg_dump_wrote_is_restored_however_it_is_packed() {
    let source = Source::new().await;
    let archive = source.path("archive");
    source
        .database
        .pg_dump(MAJOR)
        .args(["-Fd", "-f"])
        .arg(&archive)
        .output_ok();
    let plain = source.path("dump.sql");
    std::fs::write(&plain, source.script(&[])).unwrap();
    let gzip = source.path("dump.sql.gz");
    std::fs::write(&gzip, source.script(&["--compress=6"])).unwrap();
    for path in [&archive, &plain, &gzip] {
        let target = empty().await;
        let done = dr()
            .arg("restore")
            .arg(path)
            .args(["--to", target.conninfo(), "--jobs", "2"])
            .output_ok();
        assert!(done.text().contains("equal"), "{}", done.text());
        assert_same_schema(&source.database, &target);
        assert_same_contents(&source.database, &target).await;
    }
    let target = new_database("cli_piped");
    dr().args(["restore", "-", "--create", "--to", target.conninfo()])
        .input(source.script(&[]))
        .output_ok();
    assert_same_schema(&source.database, &target);
    assert_same_contents(&source.database, &target).await;
    // Cut short, it is nothing.
    let script = source.script(&[]);
    let cut = dr()
        .args(["restore", "-", "--create", "--to"])
        .arg(Cluster::shared(MAJOR).conninfo("cli_cut"))
        .input(&script[..script.len() / 2])
        .output();
    assert_eq!(cut.code, Some(3), "{}", cut.stderr);
    let databases = source
        .database
        .value("SELECT count(*) FROM pg_database WHERE datname LIKE '%cli_cut%'")
        .await;
    assert_eq!(databases, "0");
}

#[tokio::test]
async fn what_cannot_be_meant_or_found_says_what_to_do() {
    let source = Source::new().await;
    source.backup(&[]);
    source.backup(&[]);
    let target = empty().await;
    let restore = |what: &str| {
        dr().args(["restore", what, "--repo"])
            .arg(source.path("repo"))
            .args(["--to", target.conninfo()])
    };
    let missing = restore("1999").output();
    assert_eq!(missing.code, Some(4), "{}", missing.stderr);
    let ambiguous = restore("2").output();
    assert!(
        matches!(ambiguous.code, Some(1 | 2)),
        "{}",
        ambiguous.stderr
    );
    assert!(
        ambiguous.stderr.contains("2 backups"),
        "{}",
        ambiguous.stderr
    );
    let nothing = dr()
        .args(["restore", "./nothing.sql", "--to", target.conninfo()])
        .output();
    assert_eq!(nothing.code, Some(4), "{}", nothing.stderr);
    let nowhere = source
        .restore(&Cluster::shared(MAJOR).conninfo("cli_no_such"))
        .output();
    assert_eq!(nowhere.code, Some(1), "{}", nowhere.stderr);
    assert!(nowhere.stderr.contains("cli_no_such"), "{}", nowhere.stderr);
    let no_target = dr().args(["restore", "latest"]).output();
    assert_eq!(no_target.code, Some(2));
}
