//! The floors of the house: who may import whom in dr-core. ARCHITECTURE.md says why.

use std::collections::BTreeSet;
use std::path::Path;

/// Modules and the floor they stand on; a module imports from its own floor and from below.
const FLOORS: &[(&str, u8)] = &[
    ("error", 1),
    ("digest", 1),
    ("limits", 1),
    ("event", 1),
    ("pipeline", 2),
    ("text", 2),
    ("toc", 3),
    ("globals", 3),
    ("files", 3),
    ("repo", 4),
    ("wal", 4),
    ("dump", 4),
    ("conformance", 5),
    ("pg", 5),
    ("archive", 5),
    ("sql", 5),
    ("ops", 6),
];

/// Modules that never import each other, though they share a floor or stand on neighboring ones:
/// live, stored and script; and the repository, which knows no Toc, beside the log, which knows no
/// Toc either.
const WALLS: &[(&str, &[&str])] = &[
    ("pg", &["archive", "sql", "repo"]),
    ("archive", &["pg", "sql", "repo"]),
    ("sql", &["pg", "archive", "repo"]),
    ("repo", &["toc", "dump", "wal"]),
    ("wal", &["toc", "dump", "repo"]),
    ("dump", &["repo", "wal"]),
];

/// Names re-exported at the crate's root, and the module each comes from.
const ROOT_NAMES: &[(&str, &str)] = &[
    ("Error", "error"),
    ("ErrorKind", "error"),
    ("Result", "error"),
    ("Event", "event"),
    ("Observer", "event"),
    ("Watch", "event"),
    ("Limits", "limits"),
    ("Files", "files"),
    ("Dump", "dump"),
];

fn floor(module: &str) -> u8 {
    FLOORS
        .iter()
        .find(|(name, _)| *name == module)
        .map(|(_, floor)| *floor)
        .unwrap_or_else(|| panic!("module `{module}` stands on no floor: give it one in this test"))
}

/// The modules a file names after `crate::`, outside comments and outside its tests.
fn imports(source: &str) -> BTreeSet<String> {
    let code: String = source
        .split("#[cfg(test)]\nmod tests")
        .next()
        .expect("split yields a first part")
        .lines()
        .map(|line| line.split("//").next().expect("split yields a first part"))
        .collect::<Vec<_>>()
        .join("\n");
    let mut found = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        // `use crate::{a::B, c}` names several; every other path names one.
        if let Some(group) = after.strip_prefix('{') {
            let mut depth = 0_u32;
            let mut first = true;
            let mut word = String::new();
            for character in group.chars() {
                match character {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => first = true,
                    c if depth == 0 && first && (c.is_alphanumeric() || c == '_') => word.push(c),
                    _ if depth == 0 && first && !word.is_empty() => {
                        found.insert(std::mem::take(&mut word));
                        first = false;
                    }
                    _ => {}
                }
                if first && character == ',' && !word.is_empty() {
                    found.insert(std::mem::take(&mut word));
                }
            }
            if !word.is_empty() {
                found.insert(word);
            }
        } else {
            let name: String = after
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            found.insert(name);
        }
    }
    found
        .into_iter()
        .map(|name| {
            ROOT_NAMES
                .iter()
                .find(|(root, _)| *root == name)
                .map_or(name, |(_, module)| (*module).to_owned())
        })
        .collect()
}

fn rust_files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder is readable") {
        let path = entry.expect("the folder is readable").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn nothing_imports_from_a_higher_floor_or_through_a_wall() {
    let root = dr_tests::workspace().join("dr-core/src");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    let mut broken = Vec::new();
    let mut checked = 0;
    for path in files {
        let relative = path.strip_prefix(&root).expect("it was found there");
        let first = relative.iter().next().expect("a file has a name");
        let module = first.to_str().expect("ASCII").trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let source = std::fs::read_to_string(&path).expect("sources are UTF-8");
        let forbidden = WALLS
            .iter()
            .find(|(name, _)| *name == module)
            .map_or(&[][..], |(_, forbidden)| *forbidden);
        for import in imports(&source) {
            checked += 1;
            // A path may also name the crate's own macro or a root item of no floor.
            if import != module
                && (floor(&import) > floor(module) || forbidden.contains(&import.as_str()))
            {
                broken.push(format!("{}: {module} imports {import}", relative.display()));
            }
        }
    }
    assert!(
        checked > 10,
        "the imports were not found; this test reads the wrong folder"
    );
    assert!(
        broken.is_empty(),
        "the floors do not hold:\n{}",
        broken.join("\n")
    );
}

#[test]
fn the_command_and_the_python_module_do_not_know_each_other() {
    for (door, other) in [("dr-cli", "dr-py"), ("dr-py", "dr-cli")] {
        let manifest = dr_tests::workspace().join(door).join("Cargo.toml");
        if manifest.exists() {
            let text = std::fs::read_to_string(manifest).expect("manifests are UTF-8");
            assert!(!text.contains(other), "{door} depends on {other}");
        }
    }
}

#[test]
fn imports_are_read_from_every_form_of_path() {
    let source = "use crate::error::Result;\nuse crate::{files::Files, toc::{Entry, Kind}, Dump};\n\
                  // use crate::ops::backup;\nfn f() -> crate::text::Text { crate::limits::X }\n\
                  #[cfg(test)]\nmod tests { use crate::ops::restore; }\n";
    let found: Vec<_> = imports(source).into_iter().collect();
    assert_eq!(found, ["dump", "error", "files", "limits", "text", "toc"]);
}
