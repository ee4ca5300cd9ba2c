//! Backups that an earlier build wrote, kept in `fixtures/golden`: every later build must list, show,
//! verify, restore and extract from them. What they hold is written here, not read from them.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use dr_core::digest::Sha256;
use dr_tests::{
    Cluster, Contents, Database, Finished, MAJORS, Stock, assert_same_contents, assert_same_lines,
    contents, dr, fixture, schema_dump,
};
use serde_json::Value;

/// One of them: its label, its id, the SHA-256 of its commit mark, which vouches for the rest.
struct Golden {
    label: &'static str,
    id: &'static str,
    mark: &'static str,
}

const BACKUPS: [Golden; 7] = [
    Golden {
        label: "18-none",
        id: "20261126T102428Z-ba0c56",
        mark: "b636a78f9bd4a2ce468ad439c5b1e0f03202ab21a6d4dda81a9b40dcab58986c",
    },
    Golden {
        label: "18-zstd-age",
        id: "20261126T102429Z-f60dfb",
        mark: "90b65bdf27f0d0be4b8dcf198d3e997363f0b97eaf873d72bc4cf0c6ca1adab2",
    },
    Golden {
        label: "13-gzip",
        id: "20261126T102429Z-2001a9",
        mark: "b8332cede50d66322ea63ab13830947a03398f3e5d49cc19ed55fc7f2e276581",
    },
    Golden {
        label: "18-wide-gzip",
        id: "20261126T102429Z-a97369",
        mark: "cf97156412c4e3839ff54c5e4a00817c56b201fe0e24c8c431360b869c1878e2",
    },
    Golden {
        label: "18-wide-zstd",
        id: "20261126T102430Z-6dcdcd",
        mark: "e01c7d715c0eaf8bec20cc51484a91ce23cb56df55ac83378070f02b949f55ff",
    },
    Golden {
        label: "18-wide-lz4",
        id: "20261126T102430Z-33071d",
        mark: "e58f88f2058b572dcaa2fc7c318a63779fb025ee3a3e9c22646bbc1d87940d03",
    },
    Golden {
        label: "18-wide-gzip-passphrase",
        id: "20261126T102431Z-f03c6c",
        mark: "a25c157ab5adb9402567953a8b686ae27699b09c42e07ed0eb963e63f8d17dc0",
    },
];

/// Rows, bytes of COPY text and the digest of every table, as the build that wrote them found them.
const TABLES: [(&str, u64, u64, &str); 7] = [
    ("public.person", 5, 266, "207196d561765f570f3fb2a160b27b8f"),
    (
        "Käse & Brot.Tab\"le; DROP",
        40,
        511,
        "eeab96f6b7379da72766bc4c7cf8efb3",
    ),
    (
        "public.event_2024",
        2,
        40,
        "a3008a138583de5d8ddd981ffba3f0b6",
    ),
    (
        "public.event_2025_odd",
        8,
        160,
        "9e6468e2653d83f191a96316a096da8b",
    ),
    (
        "public.event_rest",
        2,
        28,
        "de9cde38c1eb15c6b3cd6e8ab8d2f5fa",
    ),
    ("public.empty", 0, 0, "00000000000000000000000000000000"),
    ("public.wide", 2, 148, "20af1245762164294379125ca8a84763"),
];

/// The large objects: oid, bytes and SHA-256.
const LARGE_OBJECTS: [(&str, u64, &str); 2] = [
    (
        "4242",
        2400,
        "438b0ef4c0ef34a8d35a69385c1c998f50ae3fc6e51f19110e6f0b521a34dd4e",
    ),
    (
        "4243",
        0,
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ),
];

/// What PostgreSQL itself says of the content, as [`contents`] asks it.
const CONTENTS: [(&str, &str); 12] = [
    (
        "\"Käse & Brot\".\"Tab\"\"le; DROP\"",
        "40 46043f563fb675e100f113f5b7c18986",
    ),
    ("\"Seq uence\"", "123 true"),
    ("empty", "0 -"),
    ("event_2024", "2 3e16c08ed7eef62bd551f2741ffb3388"),
    ("event_2025_odd", "8 6ab65db33643d873aab9774698daf4ca"),
    ("event_rest", "2 77ba456d5c8a7d24a3a40883afce4ae2"),
    ("large objects", "2 26d52e1a0616e171e8bfb5f14f750724"),
    ("per_day", "12 e1dbdcb18335b22e0080d75b9067a3e7"),
    ("person", "5 68594b4511f9133dd9b0da0b15c618e0"),
    ("person_id_seq", "50 true"),
    ("untouched", "5 false"),
    ("wide", "2 4c7926241da6528a050b930e9c3e50bb"),
];

/// The rows of `public.wide` as COPY text.
const WIDE: &str = "tab\\tnew\\nline\\\\back \\\\. Ünï 漢 🙂\t{\"a\": [1, null, \"x\\\\\\\\y\"]}\t{\"\",NULL,\"a,b\",\"{\\\\\"\"}\t[1,10)\tNaN\t1 mon 2 days\n\\\\.\t\"text\"\t{}\tempty\t0.1\t-00:00:01\n";

impl Golden {
    fn is_wide_alone(&self) -> bool {
        self.label.contains("-wide-")
    }

    fn is_encrypted(&self) -> bool {
        self.label.ends_with("-age") || self.label.ends_with("-passphrase")
    }

    fn tables(&self) -> impl Iterator<Item = &'static (&'static str, u64, u64, &'static str)> {
        let wide_alone = self.is_wide_alone();
        TABLES
            .iter()
            .filter(move |(table, ..)| !wide_alone || *table == "public.wide")
    }

    /// A verb on this backup, with the keys it takes.
    fn run(&self, verb: &str) -> Stock {
        let command = dr().args([verb, self.id, "--repo"]).arg(repo());
        if self.label.ends_with("-age") {
            return command.arg("--identity").arg(private("test.key"));
        }
        if self.label.ends_with("-passphrase") {
            return command
                .arg("--passphrase-file")
                .arg(private("test.passphrase"));
        }
        command
    }
}

fn repo() -> PathBuf {
    fixture("golden/repo")
}

/// A file that nobody else may read, as dr wants it; git does not keep that.
fn private(name: &str) -> PathBuf {
    static COPIED: OnceLock<()> = OnceLock::new();
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    COPIED.get_or_init(|| {
        for name in ["test.key", "test.passphrase"] {
            let copy = folder.join(name);
            std::fs::copy(fixture("golden").join(name), &copy).unwrap();
            std::fs::set_permissions(&copy, Permissions::from_mode(0o600)).unwrap();
        }
    });
    folder.join(name)
}

fn json(finished: &Finished) -> Value {
    let text = finished.text();
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// What the fixture's source makes of an empty database.
async fn source(cluster: &Arc<Cluster>) -> Database {
    let database = cluster.create_database("golden_source").await;
    database.psql_file(&fixture("golden/source.sql"));
    database
}

/// The schema but for what PostgreSQL 13 had otherwise, and what comes back as it was there: the
/// owner and rights of `public`, and keys that give their columns no named NOT NULL.
fn schema(database: &Database) -> String {
    let of_public = [
        "SCHEMA public",
        "Name: public; Type: SCHEMA",
        "initdb creates",
    ];
    schema_dump(database)
        .lines()
        .filter(|line| !of_public.iter().any(|part| line.contains(part)))
        .flat_map(|line| [line, "\n"])
        .collect::<String>()
        .replace(" CONSTRAINT event_day_not_null NOT NULL", " NOT NULL")
        .replace(" CONSTRAINT event_number_not_null NOT NULL", " NOT NULL")
}

fn expected_contents(golden: &Golden) -> Contents {
    CONTENTS
        .iter()
        .filter(|(name, _)| !golden.is_wide_alone() || *name == "wide")
        .map(|(name, content)| ((*name).to_owned(), (*content).to_owned()))
        .collect()
}

#[test]
fn the_files_are_those_that_were_written() {
    for golden in &BACKUPS {
        let mark = repo().join("golden").join(golden.id).join("backup.json");
        let found = Sha256::of(&std::fs::read(mark).unwrap());
        assert_eq!(found.to_string(), golden.mark, "{}", golden.label);
    }
    let folders = std::fs::read_dir(repo().join("golden")).unwrap().count();
    assert_eq!(folders, BACKUPS.len());
}

#[test]
fn golden_backups_are_listed_and_shown() {
    let listed = json(
        &dr()
            .args(["list", "--json", "--repo"])
            .arg(repo())
            .output_ok(),
    );
    let listed = listed["backups"].as_array().unwrap();
    assert_eq!(listed.len(), BACKUPS.len());
    for (one, golden) in listed.iter().zip(&BACKUPS) {
        let label = golden.label;
        assert_eq!(one["id"], golden.id, "{label}");
        assert_eq!(one["label"], label);
        assert_eq!(one["database"], "golden", "{label}");
        assert_eq!(one["kind"], "logical", "{label}");
        assert_eq!(one["encrypted"], golden.is_encrypted(), "{label}");
        assert_eq!(one["tool"], "dr 0.1.0", "{label}");

        let shown = json(&golden.run("show").args(["--json", "--entries"]).output_ok());
        let evidence = &shown["manifest"]["evidence"];
        let major = label[..2].parse::<u64>().unwrap();
        let version = &evidence["source"]["server_version_num"];
        assert_eq!(version.as_u64().unwrap() / 10_000, major, "{label}");
        let tables = evidence["tables"].as_object().unwrap();
        assert_eq!(tables.len(), golden.tables().count(), "{label}");
        for (name, rows, bytes, sum) in golden.tables() {
            let table = tables
                .values()
                .find(|table| {
                    let part = |member: &str| table[member].as_str().unwrap().to_owned();
                    format!("{}.{}", part("namespace"), part("name")) == *name
                })
                .unwrap_or_else(|| panic!("{label}: no {name}"));
            let digest = &table["digest"];
            assert_eq!(digest["rows"], *rows, "{label}: {name}");
            assert_eq!(digest["bytes"], *bytes, "{label}: {name}");
            assert_eq!(digest["sum"], *sum, "{label}: {name}");
        }
        let objects = evidence["large_objects"].as_object().unwrap();
        if golden.is_wide_alone() {
            assert!(objects.is_empty(), "{label}");
            continue;
        }
        for (oid, bytes, sha256) in LARGE_OBJECTS {
            assert_eq!(objects[oid]["bytes"], bytes, "{label}: {oid}");
            assert_eq!(objects[oid]["sha256"], sha256, "{label}: {oid}");
        }
        let entries = shown["entries"].as_array().unwrap();
        let kinds = |kind: &str| entries.iter().filter(|entry| entry["kind"] == kind).count();
        assert_eq!(kinds("TABLE"), 9, "{label}");
        assert_eq!(kinds("SEQUENCE SET"), 3, "{label}");
        assert_eq!(kinds("TRIGGER"), 1, "{label}");
    }
}

#[test]
fn golden_backups_are_sound_at_every_level() {
    for golden in &BACKUPS {
        for level in ["--quick", "", "--deep"] {
            let mut verify = golden.run("verify").arg("--json");
            if !level.is_empty() {
                verify = verify.arg(level);
            }
            let report = json(&verify.output_ok());
            let what = format!("{} {level}", golden.label);
            assert_eq!(report["outcome"], "sound", "{what}");
            if level == "--deep" {
                let rows: u64 = golden.tables().map(|(_, rows, ..)| rows).sum();
                assert_eq!(report["rows"], rows, "{what}");
                assert_eq!(report["tables"], golden.tables().count(), "{what}");
            }
        }
        // What is stored needs no key.
        dr().args(["verify", golden.id, "--repo"])
            .arg(repo())
            .output_ok();
    }
}

#[tokio::test]
async fn golden_backups_are_restored_and_proven() {
    for major in MAJORS {
        let cluster = Cluster::shared(major);
        let source = source(&cluster).await;
        for golden in &BACKUPS {
            let what = format!("{} into {major}", golden.label);
            let name = format!("golden {}", golden.label);
            let target = cluster.database(&name);
            let done = golden
                .run("restore")
                .args(["--json", "--create", "--to", target.conninfo()])
                .output_ok();
            let report = json(&done);
            let proven = report["tables"].as_array().unwrap();
            assert_eq!(proven.len(), golden.tables().count(), "{what}");
            for (table, rows, _, sum) in golden.tables() {
                let proof = proven
                    .iter()
                    .find(|proof| proof["table"] == *table)
                    .unwrap_or_else(|| panic!("{what}: {table} is not proven"));
                assert_eq!(proof["verdict"], "equal", "{what}: {table}");
                assert_eq!(proof["found"]["rows"], *rows, "{what}: {table}");
                assert_eq!(proof["found"]["sum"], *sum, "{what}: {table}");
            }
            let mut found = contents(&target).await;
            if golden.is_wide_alone() {
                assert_eq!(found.remove("large objects").as_deref(), Some("0 -"));
            } else {
                assert_same_lines(&schema(&source), &schema(&target), &what);
                assert_same_contents(&source, &target).await;
                assert_eq!(report["large_objects"]["equal"], 2, "{what}");
            }
            assert_eq!(found, expected_contents(golden), "{what}");
        }
    }
}

#[tokio::test]
async fn tables_are_extracted_from_golden_backups() {
    let cluster = Cluster::shared(18);
    for golden in &BACKUPS {
        let label = golden.label;
        let rows = golden
            .run("extract")
            .args(["--table", "public.wide", "--to", "-"])
            .output_ok();
        assert_eq!(rows.text(), WIDE, "{label}");

        let target = cluster.create_database("golden_extract").await;
        golden
            .run("extract")
            .args(["--table", "public.wide", "--to", target.conninfo()])
            .output_ok();
        let found = target.copy_out("COPY public.wide TO STDOUT").await;
        assert_eq!(String::from_utf8(found).unwrap(), WIDE, "{label}");
    }
}
