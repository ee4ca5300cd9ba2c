//! Dumps and backups made to do harm: names that leave their folder, sizes that exhaust memory,
//! endless dependencies, SQL and commands where there should be a name. Each is refused with an
//! error that says what and where, or does nothing but what it says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use dr_core::archive::codec::{self, Archived, Format, Place, Version};
use dr_core::archive::directory;
use dr_core::digest::Sha256;
use dr_core::ops::{BackupOptions, ReadOptions, backup, open_dump};
use dr_core::pipeline::compression::{Compression, Method, compress};
use dr_core::repo::Repository;
use dr_core::toc::{Entry, EntryId, Kind, Toc};
use dr_tests::{Cluster, Finished, dr};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder with the archive that these entries make; the data of those that have some is a row.
fn archive(entries: Vec<(Entry, Place)>) -> (TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("archive");
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("toc.dat"), toc(entries)).unwrap();
    (place, path)
}

fn toc(entries: Vec<(Entry, Place)>) -> Bytes {
    let (entries, places) = entries.into_iter().unzip();
    let mut toc = Toc::default();
    toc.database = "shop".into();
    toc.encoding = "UTF8".into();
    toc.std_strings = true;
    toc.server_version = "15.1".into();
    toc.dump_version = "15.1".into();
    toc.entries = entries;
    codec::write(&Archived {
        version: Version::V1_14,
        format: Format::Tar,
        method: Method::None,
        toc,
        places,
    })
    .unwrap()
}

fn table(id: u32, name: &str) -> Entry {
    let mut entry = Entry::new(EntryId(id), Kind::Table, name.to_owned());
    entry.namespace = Some("public".into());
    entry.owner = "postgres".into();
    entry.definition = format!("CREATE TABLE public.{name} (id integer);\n").into();
    entry.drop_statement = format!("DROP TABLE public.{name};\n").into();
    entry
}

fn data(id: u32, of: &Entry, statement: &str) -> Entry {
    let mut entry = Entry::new(EntryId(id), Kind::TableData, of.tag.clone());
    entry.namespace = of.namespace.clone();
    entry.owner = "postgres".into();
    entry.copy_statement = Some(statement.to_owned().into());
    entry.dependencies = vec![of.id];
    entry.has_data = true;
    entry
}

/// It failed with this exit code, in one go, and says all of this.
fn assert_refused(done: &Finished, code: i32, says: &[&str]) {
    assert_eq!(done.code, Some(code), "{}", done.stderr);
    for words in says {
        assert!(done.stderr.contains(words), "{words}: {}", done.stderr);
    }
    assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
}

#[test]
fn names_in_a_table_of_contents_do_not_leave_the_folder() {
    let votes = table(1, "votes");
    let long = "x".repeat(300);
    for name in [
        "../secret.dat",
        "/etc/passwd",
        "..",
        "a\\..\\b",
        "c:d",
        "1.dat\n",
        "bl\u{f6}b",
        &long,
    ] {
        let rows = data(2, &votes, "COPY public.votes (id) FROM stdin;\n");
        let file = Place::File(name.to_owned().into());
        let (place, path) = archive(vec![(votes.clone(), Place::Nowhere), (rows, file)]);
        std::fs::write(place.path().join("secret.dat"), "1\n").unwrap();
        let done = dr()
            .arg("extract")
            .arg(&path)
            .args(["--table", "votes", "--to", "-"])
            .output();
        assert_refused(
            &done,
            3,
            &["entry 2 (TABLE DATA public.votes)", "is no name"],
        );
        assert_eq!(done.text(), "");
    }
}

/// A backup of a small dump, not encrypted, in a folder.
fn stored() -> (TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let repo = place.path().join("repo");
    let votes = table(1, "votes");
    let rows = data(2, &votes, "COPY public.votes (id) FROM stdin;\n");
    let (_archive, path) = archive(vec![
        (votes, Place::Nowhere),
        (rows, Place::File("2.dat".into())),
    ]);
    std::fs::write(path.join("2.dat"), "1\n2\n\\.\n\n\n").unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let dump = open_dump(&path, &ReadOptions::new()).await.unwrap();
        let files = directory::files(dump, Compression::None).unwrap();
        let repository = Repository::open(repo.to_str().unwrap()).await.unwrap();
        let options = BackupOptions::new().database("shop");
        backup(&files, &repository, &options).await.unwrap();
    });
    let backup = std::fs::read_dir(repo.join("shop"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    (place, backup.path())
}

/// Puts the digests of `SHA256SUMS` and of the commit mark right again, as somebody would who can
/// write to the store.
fn seal_again(backup: &Path) {
    let mut sums = String::new();
    let mut objects = BTreeMap::new();
    for file in std::fs::read_dir(backup).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        if name == "backup.json" {
            continue;
        }
        let bytes = std::fs::read(backup.join(&name)).unwrap();
        if name != "SHA256SUMS" {
            sums.push_str(&format!("{}  {name}\n", Sha256::of(&bytes)));
        }
        objects.insert(name, bytes.len());
    }
    objects.insert("SHA256SUMS".to_owned(), sums.len());
    std::fs::write(backup.join("SHA256SUMS"), &sums).unwrap();
    seal_mark(backup, |mark| {
        mark["objects"] = json!(objects);
        mark["sums"] = json!(Sha256::of(sums.as_bytes()));
    });
}

fn seal_mark(backup: &Path, change: impl FnOnce(&mut Value)) {
    let path = backup.join("backup.json");
    let mut mark: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut mark);
    mark.as_object_mut().unwrap().remove("seal");
    let text = serde_json::to_string_pretty(&mark).unwrap();
    let body = text.strip_suffix("\n}").unwrap();
    let seal = Sha256::of(body.as_bytes());
    std::fs::write(path, format!("{body},\n  \"seal\": \"{seal}\"\n}}\n")).unwrap();
}

fn change_manifest(backup: &Path, change: impl FnOnce(&mut Value)) {
    let path = backup.join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut manifest);
    std::fs::write(path, manifest.to_string()).unwrap();
    seal_again(backup);
}

fn on(backup: &Path, words: &[&str]) -> Finished {
    let repo = backup.parent().unwrap().parent().unwrap();
    dr().args(words)
        .arg(backup.file_name().unwrap())
        .arg("--repo")
        .arg(repo)
        .output()
}

#[test]
fn what_was_sealed_again_by_this_test_is_sound() {
    let (_place, backup) = stored();
    seal_again(&backup);
    assert_eq!(on(&backup, &["verify", "--deep"]).code, Some(0));
}

#[test]
fn names_in_a_manifest_do_not_leave_the_backup() {
    for name in ["../../../outside", "/etc/passwd", "x/../../y", "", "a\\b"] {
        let (place, backup) = stored();
        std::fs::write(place.path().join("outside"), "1\n2\n").unwrap();
        change_manifest(&backup, |manifest| {
            let file = &mut manifest["files"][0];
            file["name"] = json!(name);
            file["stored"] = json!(name);
        });
        for words in [&["verify", "--deep"][..], &["show", "--entries"]] {
            let done = on(&backup, words);
            assert_refused(&done, 3, &[]);
        }
    }
}

#[test]
fn names_in_the_sums_and_the_mark_do_not_leave_the_backup() {
    for name in ["../../../outside", "/etc/passwd", "a/../b"] {
        let (place, backup) = stored();
        let outside = place.path().join("outside");
        std::fs::write(&outside, "x").unwrap();
        let sums = std::fs::read_to_string(backup.join("SHA256SUMS")).unwrap()
            + &format!("{}  {name}\n", Sha256::of(b"x"));
        std::fs::write(backup.join("SHA256SUMS"), &sums).unwrap();
        seal_mark(&backup, |mark| {
            mark["sums"] = json!(Sha256::of(sums.as_bytes()));
            mark["objects"]["SHA256SUMS"] = json!(sums.len());
            mark["objects"][name] = json!(1);
        });
        assert_refused(&on(&backup, &["verify"]), 3, &[]);
        // What is not a backup may be swept, but nothing outside of it.
        std::fs::remove_file(backup.join("backup.json")).unwrap();
        let repo = backup.parent().unwrap().parent().unwrap();
        dr().args(["prune", "--orphans", "--older-than", "0s", "--repo"])
            .arg(repo)
            .output_ok();
        assert!(outside.exists(), "{name}");
    }
}

#[test]
fn a_swapped_database_name_or_label_in_the_mark_cannot_disturb_a_terminal() {
    let (_place, backup) = stored();
    seal_mark(&backup, |mark| {
        mark["label"] = json!("fine\u{1b}[2J\u{7}\nroot  shop  2026");
    });
    let repo = backup.parent().unwrap().parent().unwrap();
    let listed = dr().arg("list").arg("--repo").arg(repo).output();
    assert!(!listed.text().contains('\u{1b}'), "{}", listed.text());
    assert!(!listed.text().contains("\nroot"), "{}", listed.text());
}

#[test]
fn counts_and_lengths_beyond_reason_are_refused_before_memory_is_taken() {
    let sound = toc(vec![(table(1, "votes"), Place::Nowhere)]);
    let limits = dr_core::Limits::default();
    let archived = codec::read(&sound, &limits).unwrap();
    assert_eq!(archived.toc.entries.len(), 1);
    // Every number of the file is a sign byte and four bytes: each is made huge and negative.
    for at in 0..sound.len().saturating_sub(5) {
        for number in [[0, 0xff, 0xff, 0xff, 0x7f], [1, 0xff, 0xff, 0xff, 0x7f]] {
            let mut bytes = sound.to_vec();
            bytes[at..at + 5].copy_from_slice(&number);
            if let Err(error) = codec::read(&bytes.into(), &limits) {
                assert_ne!(error.kind(), dr_core::ErrorKind::Bug, "at {at}: {error}");
            }
        }
    }
}

fn gzip(plain: Vec<u8>) -> Vec<u8> {
    use futures::{StreamExt, TryStreamExt, stream};
    let plain = stream::iter([Ok(Bytes::from(plain))]).boxed();
    let packed = compress(plain, Compression::Gzip(9));
    let packed: Vec<Bytes> = tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(packed.try_collect())
        .unwrap();
    packed.concat()
}

#[test]
fn a_bomb_meets_a_limit_that_the_error_names_and_the_command_raises() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("bomb");
    std::fs::create_dir(&folder).unwrap();
    // A table of contents of 64 MiB in a few KiB.
    let packed = gzip(vec![0; 64 << 20]);
    assert!(packed.len() < 256 << 10);
    std::fs::write(folder.join("toc.dat.gz"), &packed).unwrap();
    let bounded = |limit: &str| {
        dr().arg("show")
            .arg(&folder)
            .args(["--limit", limit])
            .output()
    };
    assert_refused(
        &bounded("toc_bytes=1MiB"),
        1,
        &["toc.dat", "the limit toc_bytes", "--limit toc_bytes="],
    );
    // Raised, it is read, and turns out to be no archive.
    assert_refused(&bounded("toc_bytes=1GiB"), 3, &["toc.dat"]);

    let script = place.path().join("bomb.sql.gz");
    let mut text = b"SELECT '".to_vec();
    text.resize(64 << 20, b'x');
    std::fs::write(&script, gzip(text)).unwrap();
    let done = dr()
        .arg("show")
        .arg(&script)
        .env("DR_LIMITS", "statement=1MiB,toc_entries=10")
        .output();
    assert_refused(&done, 1, &["the limit statement", "line 1"]);
    let done = dr()
        .args(["list", "--repo"])
        .arg(place.path())
        .args(["--limit", "rows=1"])
        .output();
    assert_refused(&done, 2, &["there is no limit \"rows\"", "toc_entries"]);
}

#[test]
fn each_limit_of_a_stored_backup_is_named_where_it_is_met() {
    let (_place, backup) = stored();
    for (limit, says) in [
        ("mark_bytes", "backup.json"),
        ("sums_bytes", "SHA256SUMS"),
        ("manifest_bytes", "manifest.json"),
        ("toc_bytes", "toc.dat"),
        ("toc_string", "toc.dat"),
        ("toc_entries", "toc.dat"),
    ] {
        let setting = format!("{limit}=1");
        let done = on(&backup, &["show", "--entries", "--limit", &setting]);
        let named = format!("the limit {limit}");
        assert_refused(&done, 1, &[says, &named, "raise it"]);
    }
}

#[test]
fn dependencies_in_circles_in_chains_and_in_masses_come_to_an_end() {
    const MANY: u32 = 100_000;
    let mut entries = Vec::new();
    for id in 1..=MANY {
        let mut entry = table(id, &format!("t{id}"));
        // Each on the next, the last on the first, all on themselves and on what is not there.
        entry.dependencies = vec![EntryId(id % MANY + 1), EntryId(id), EntryId(MANY + 7)];
        entries.push((entry, Place::Nowhere));
    }
    let mut hub = table(MANY + 1, "hub");
    hub.dependencies = (1..=MANY).map(EntryId).collect();
    entries.push((hub, Place::Nowhere));
    let (_place, path) = archive(entries);
    let plan = dr()
        .arg("restore")
        .arg(&path)
        .args(["--plan", "--json"])
        .output_ok();
    let plan: Value = serde_json::from_str(plan.text()).unwrap();
    assert_eq!(plan["steps"].as_array().unwrap().len(), MANY as usize + 1);
    let done = dr()
        .arg("extract")
        .arg(&path)
        .args(["--table", "t1", "--with-dependencies", "--to", "-"])
        .args(["--format", "sql"])
        .output_ok();
    assert!(done.text().contains("CREATE TABLE public.t99999 "));
}

#[tokio::test]
async fn names_with_sql_in_them_are_names() {
    let cluster = Cluster::shared(15);
    let database = cluster.create_database("hostile").await;
    database.sql("CREATE TABLE victim (id integer)").await;
    let evil = "x\"; DROP TABLE victim; --\n\\! touch pwned\n'";
    let quoted = format!("\"{}\"", evil.replace('"', "\"\""));
    // As the name of a table, with everything quoted as pg_dump would: it comes back as it was.
    let source = cluster.create_database("hostile_source").await;
    source
        .sql(&format!(
            "CREATE TABLE {quoted} (id integer); INSERT INTO {quoted} VALUES (7); \
             COMMENT ON TABLE {quoted} IS E'two\\n\\\\! touch pwned\\n; DROP TABLE victim;'"
        ))
        .await;
    let place = tempfile::tempdir().unwrap();
    let script = place.path().join("dump.sql");
    dr().args(["backup", source.conninfo(), "--repo"])
        .arg(place.path().join("repo"))
        .output_ok();
    dr().args(["extract", "latest", "--table", "*", "--repo"])
        .arg(place.path().join("repo"))
        .arg("--to")
        .arg(&script)
        .output_ok();
    database
        .psql()
        .folder(place.path())
        .args(["--set", "ON_ERROR_STOP=1", "--file"])
        .arg(&script)
        .output_ok();
    assert!(!place.path().join("pwned").exists());
    let count = format!("SELECT count(*) FROM {quoted}");
    assert_eq!(database.value(&count).await, "1");
    assert_eq!(database.value("SELECT count(*) FROM victim").await, "0");

    // In the fields of a crafted archive that are names: owner, schema, tablespace, access method.
    for (field, what) in ["owner", "tablespace", "method", "namespace"]
        .iter()
        .zip(0..)
    {
        let mut entry = table(1, &format!("crafted_{what}"));
        match *field {
            "owner" => entry.owner = evil.into(),
            "tablespace" => entry.tablespace = Some(evil.into()),
            "method" => entry.table_access_method = Some(evil.into()),
            _ => entry.namespace = Some(evil.into()),
        }
        let (_folder, path) = archive(vec![(entry, Place::Nowhere)]);
        let target = cluster.database(&format!("hostile_{field}"));
        let done = dr()
            .arg("restore")
            .arg(&path)
            .args(["--create", "--to", target.conninfo()])
            .output();
        // Refused for want of such a role or tablespace, or restored where the field is not used.
        assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
        let script = dr()
            .arg("extract")
            .arg(&path)
            .args(["--table", "*.crafted*", "--to", "-", "--format", "sql"])
            .output();
        if script.code == Some(0) {
            let ran = database
                .psql()
                .folder(place.path())
                .input(script.stdout)
                .output();
            assert!(
                !place.path().join("pwned").exists(),
                "{field}: {}",
                ran.stderr
            );
        }
        assert_eq!(
            database.value("SELECT count(*) FROM victim").await,
            "0",
            "{field}"
        );
    }
}

#[test]
fn a_copy_statement_that_is_none_is_not_run() {
    let votes = table(1, "votes");
    for statement in [
        "COPY public.votes FROM PROGRAM 'touch pwned';\n",
        "COPY public.votes FROM '/etc/passwd';\n",
        "COPY (SELECT 1) TO PROGRAM 'touch pwned';\n",
        "DROP TABLE public.votes;\n",
    ] {
        let rows = data(2, &votes, statement);
        let (_place, path) = archive(vec![
            (votes.clone(), Place::Nowhere),
            (rows, Place::File("2.dat".into())),
        ]);
        std::fs::write(path.join("2.dat"), "1\n").unwrap();
        let target = Cluster::shared(15).database("hostile_copy");
        let done = dr()
            .arg("restore")
            .arg(&path)
            .args(["--create", "--to", target.conninfo()])
            .output();
        assert_refused(&done, 3, &["entry 2 (TABLE DATA public.votes)"]);
    }
}

#[test]
fn what_psql_would_run_is_refused_wherever_it_stands() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("dump.sql");
    for command in [
        "\\! touch pwned",
        "\\i /etc/passwd",
        "\\copy t from program 'touch pwned'",
        "\\o |touch pwned",
        "\\set x `touch pwned`",
        "\\gexec",
    ] {
        for script in [
            format!("{command}\nSELECT 1;\n"),
            format!("CREATE TABLE public.t99999 (a int);\n{command}\n"),
            format!(
                "CREATE TABLE public.t99999 (a int);\nCOPY public.t (a) FROM stdin;\n1\n\\.\n{command}\n"
            ),
        ] {
            std::fs::write(&path, script).unwrap();
            let done = dr().arg("show").arg(&path).folder(place.path()).output();
            assert_refused(&done, 1, &["meta-command", "line "]);
            assert!(!place.path().join("pwned").exists());
        }
    }
}
