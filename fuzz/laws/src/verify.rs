//! A sound backup, damaged in any place, and its digests put right again up to some layer: what
//! `verify --deep` says of it.
//!
//! - It ends with a report, whatever was done to the backup.
//! - What it calls sound is sound: every size, every SHA-256, every row digest and every large
//!   object, reckoned here without the code that verifies.
//! - What was not touched is sound.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use arbitrary::Unstructured;
use bytes::Bytes;
use dr_core::Limits;
use dr_core::archive::codec::{self, Place};
use dr_core::digest::{RowsHasher, Sha256};
use dr_core::ops::{VerifyLevel, VerifyOptions, verify};
use dr_core::repo::fuzzing::seal;
use dr_core::repo::{Repository, names};
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use serde_json::{Value, json};

use crate::edit::edits;
use crate::memory::runtime;

/// Whose backup is damaged: its data plain, or compressed.
const DATABASES: [&str; 2] = ["plain", "zstd"];

/// Up to which layer the damage is covered up.
const FILES: u8 = 1;
const SUMS: u8 = 2;
const MARK: u8 = 4;

/// A backup: its key in the repository, and its objects by name.
#[derive(Debug, Clone)]
struct Stored {
    place: String,
    objects: BTreeMap<String, Bytes>,
}

/// See the module. The first byte chooses the backup, the second what is covered up; then edits.
pub fn hold(input: &[u8]) {
    let [database, cover, edited @ ..] = input else {
        return;
    };
    let mut stored = base()[usize::from(*database) % DATABASES.len()].clone();
    for edit in edits(&mut Unstructured::new(edited)) {
        edit.apply(&mut stored.objects);
    }
    cover_up(&mut stored.objects, *cover);
    let untouched = edited.is_empty() && *cover == 0;
    match sound(&stored) {
        true => check(&stored.objects, *database == 0),
        false => assert!(!untouched, "the base is not sound"),
    }
}

/// The backups in `base`, see `examples/base.rs`.
fn base() -> &'static [Stored] {
    static BASE: OnceLock<Vec<Stored>> = OnceLock::new();
    BASE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("base");
        DATABASES
            .iter()
            .map(|database| {
                let list = |path: &Path| {
                    std::fs::read_dir(path)
                        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                        .expect("fuzz/laws/base is there")
                };
                let backup = list(&folder.join(database)).remove(0);
                let name = |entry: &std::fs::DirEntry| entry.file_name().display().to_string();
                Stored {
                    place: format!("{database}/{}", name(&backup)),
                    objects: list(&backup.path())
                        .iter()
                        .map(|file| {
                            let bytes = std::fs::read(file.path()).expect("it is readable");
                            (name(file), bytes.into())
                        })
                        .collect(),
                }
            })
            .collect()
    })
}

/// Whether the backup is reported to be sound.
fn sound(stored: &Stored) -> bool {
    runtime().block_on(async {
        let store = Arc::new(InMemory::new());
        let marks = include_bytes!("../base/repository.json");
        let put = async |key: String, bytes: Bytes| {
            let key = object_store::path::Path::from(key);
            store.put(&key, bytes.into()).await.expect("it is memory");
        };
        put("repository.json".into(), Bytes::from_static(marks)).await;
        for (name, bytes) in &stored.objects {
            put(format!("{}/{name}", stored.place), bytes.clone()).await;
        }
        let limits = "toc_bytes=1MiB,mark_bytes=1MiB,manifest_bytes=1MiB,sums_bytes=1MiB"
            .parse::<Limits>()
            .expect("limits");
        let store: Arc<dyn ObjectStore> = store;
        let repository = Repository::with_store(store, "memory").with_limits(limits);
        let options = VerifyOptions::new().level(VerifyLevel::Deep);
        let report = verify(&repository, &stored.place, &options)
            .await
            .expect("the store can be listed");
        for problem in &report.problems {
            assert!(!problem.message.is_empty());
        }
        assert_eq!(report.is_sound(), report.problems.is_empty());
        report.is_sound()
    })
}

fn change(
    objects: &mut BTreeMap<String, Bytes>,
    name: &str,
    by: impl FnOnce(&mut Value, &BTreeMap<String, Bytes>),
) {
    let Some(mut json) = objects
        .get(name)
        .and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok())
        .filter(Value::is_object)
    else {
        return;
    };
    by(&mut json, objects);
    let text = serde_json::to_string_pretty(&json).expect("JSON");
    objects.insert(name.to_owned(), text.into());
}

/// What somebody would do who can write to the store: the digests follow the bytes.
fn cover_up(objects: &mut BTreeMap<String, Bytes>, cover: u8) {
    if cover & FILES != 0 {
        change(objects, names::MANIFEST, |manifest, objects| {
            let files = manifest.get_mut("files").and_then(Value::as_array_mut);
            for file in files.into_iter().flatten() {
                let found = file.get("stored").and_then(Value::as_str);
                if let Some(bytes) = found.and_then(|name| objects.get(name)) {
                    file["sha256"] = json!(Sha256::of(bytes));
                    file["bytes"] = json!(bytes.len());
                }
            }
        });
    }
    if cover & SUMS != 0 {
        let sums: String = objects
            .iter()
            .filter(|(name, _)| ![names::MARK, names::SUMS].contains(&name.as_str()))
            .map(|(name, bytes)| format!("{}  {name}\n", Sha256::of(bytes)))
            .collect();
        objects.insert(names::SUMS.to_owned(), sums.into());
    }
    if cover & MARK != 0 {
        change(objects, names::MARK, |mark, objects| {
            let sizes: BTreeMap<&str, usize> = objects
                .iter()
                .filter(|(name, _)| *name != names::MARK)
                .map(|(name, bytes)| (name.as_str(), bytes.len()))
                .collect();
            mark["objects"] = json!(sizes);
            mark["sums"] = json!(objects.get(names::SUMS).map(|sums| Sha256::of(sums)));
            if let Some(mark) = mark.as_object_mut() {
                mark.remove("seal");
            }
        });
        let sealed = objects
            .get(names::MARK)
            .and_then(|text| std::str::from_utf8(text).ok())
            .and_then(|text| text.strip_suffix("\n}"))
            .map(seal);
        if let Some(sealed) = sealed {
            objects.insert(names::MARK.to_owned(), sealed.into());
        }
    }
}

/// Everything that a sound backup promises.
fn check(objects: &BTreeMap<String, Bytes>, plain: bool) {
    let read = |name: &str| -> Value { serde_json::from_slice(&objects[name]).expect("JSON") };
    let mark = read(names::MARK);
    let sums = &objects[names::SUMS];
    assert_eq!(mark["sums"], json!(Sha256::of(sums)), "SHA256SUMS");
    for (name, size) in mark["objects"].as_object().expect("objects") {
        assert_eq!(*size, json!(objects[name].len()), "{name}");
        if name != names::SUMS {
            let line = format!("{}  {name}\n", Sha256::of(&objects[name]));
            let sums = std::str::from_utf8(sums).expect("text");
            assert!(sums.contains(&line), "{name}");
        }
    }
    let manifest = read(names::MANIFEST);
    for file in manifest["files"].as_array().expect("files") {
        let stored = file["stored"].as_str().expect("a name");
        assert_eq!(file["sha256"], json!(Sha256::of(&objects[stored])));
    }
    if plain {
        contents(objects, &manifest["evidence"]);
    }
}

/// The rows and large objects of a backup whose files are stored as they are.
fn contents(objects: &BTreeMap<String, Bytes>, evidence: &Value) {
    let archived = codec::read(&objects["toc.dat"], &Limits::default()).expect("a Toc");
    let mut tables = 0;
    let mut large_objects = 0;
    for (entry, place) in archived.toc.entries.iter().zip(&archived.places) {
        let Place::File(name) = place else { continue };
        let name = std::str::from_utf8(name).expect("a name");
        if !entry.has_data {
            continue;
        }
        if entry.kind.as_str() == "BLOBS" {
            let list = std::str::from_utf8(&objects[name]).expect("a list");
            for (oid, file) in list.lines().filter_map(|line| line.split_once(' ')) {
                let oid = oid.parse::<u32>().expect("an oid").to_string();
                let recorded = &evidence["large_objects"][&oid];
                assert_eq!(
                    recorded["sha256"],
                    json!(Sha256::of(&objects[file])),
                    "{oid}"
                );
                assert_eq!(recorded["bytes"], json!(objects[file].len()), "{oid}");
                large_objects += 1;
            }
        } else if entry.copy_statement.is_some() {
            let rows = objects[name].strip_suffix(b"\\.\n\n\n").expect("an end");
            let mut hasher = RowsHasher::new();
            hasher.update(rows);
            let digest = hasher.finish().expect("whole rows");
            let recorded = &evidence["tables"][&entry.id.to_string()];
            assert_eq!(recorded["digest"], json!(digest), "entry {}", entry.id);
            tables += 1;
        }
    }
    let recorded = |what: &str| evidence[what].as_object().map_or(0, |map| map.len());
    assert_eq!(tables, recorded("tables"));
    assert!(large_objects >= recorded("large_objects"));
}
