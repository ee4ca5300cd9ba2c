//! The laws of `fuzz/laws`, held against every seed and against every input that ever broke one;
//! on any toolchain, without the fuzzer. `docs/fuzzing.md` says how the inputs come about.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dr_laws::LAWS;
use dr_tests::workspace;

fn folder(of: &str) -> PathBuf {
    workspace().join("fuzz").join(of)
}

/// Names in a folder; none if there is no such folder.
fn names(folder: &Path) -> BTreeSet<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return BTreeSet::new();
    };
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn hold_in(kind: &str, law: &dr_laws::Law) -> usize {
    let folder = folder(kind).join(law.name);
    let names = names(&folder);
    for name in &names {
        let input = std::fs::read(folder.join(name)).unwrap();
        let held = std::panic::catch_unwind(|| (law.hold)(&input));
        assert!(
            held.is_ok(),
            "fuzz/{kind}/{}/{name} breaks its law",
            law.name
        );
    }
    names.len()
}

#[test]
fn every_law_holds_of_its_seeds() {
    for law in LAWS {
        let count = hold_in("seeds", law);
        assert!(count > 0, "{} has no seeds: nothing is tested", law.name);
    }
}

#[test]
fn what_once_broke_a_law_does_not_any_more() {
    let count: usize = LAWS.iter().map(|law| hold_in("regressions", law)).sum();
    assert!(count > 0, "no regressions: the folder is missing");
}

#[test]
fn every_law_is_a_target_and_every_target_a_law() {
    let laws: BTreeSet<String> = LAWS.iter().map(|law| law.name.to_owned()).collect();
    let targets: BTreeSet<String> = names(&folder("fuzz_targets"))
        .iter()
        .map(|name| name.strip_suffix(".rs").unwrap().to_owned())
        .collect();
    assert_eq!(laws, targets);
    let manifest = std::fs::read_to_string(folder("Cargo.toml")).unwrap();
    for law in &laws {
        assert!(
            manifest.contains(&format!("name = \"{law}\"")),
            "fuzz/Cargo.toml does not build {law}"
        );
    }
    for kind in ["seeds", "regressions"] {
        let strays: Vec<_> = names(&folder(kind)).difference(&laws).cloned().collect();
        assert_eq!(strays, [""; 0], "folders in fuzz/{kind} that are of no law");
    }
}
