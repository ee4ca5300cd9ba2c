//! What docs/reliability.md says is held by tests is held by tests that exist.

use std::collections::BTreeSet;

use dr_tests::workspace;

/// Every `file::test` of the document.
fn named(document: &str) -> BTreeSet<(String, String)> {
    document
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|word| word.split_once("::"))
        .filter(|(file, _)| file.ends_with(".rs") || file.ends_with(".py"))
        .map(|(file, test)| (file.to_owned(), test.to_owned()))
        .collect()
}

#[test]
fn every_test_that_the_document_names_exists() {
    let document = std::fs::read_to_string(workspace().join("docs/reliability.md")).unwrap();
    let named = named(&document);
    assert!(named.len() > 40, "the document names {} tests", named.len());
    let missing: Vec<String> = named
        .iter()
        .filter(|(file, test)| {
            let text = std::fs::read_to_string(workspace().join(file)).unwrap_or_default();
            if file.ends_with(".py") {
                return !text.contains(&format!("def {test}("));
            }
            // A test, and not some function of that name: its attribute stands right before it.
            let function = format!("fn {test}(");
            let mut before = "";
            !text.lines().any(|line| {
                let is_test = before.starts_with("#[") && before.contains("test");
                before = line.trim();
                is_test && line.contains(&function)
            })
        })
        .map(|(file, test)| format!("{file}::{test}"))
        .collect();
    assert_eq!(
        missing, [""; 0],
        "docs/reliability.md names what is not there"
    );
}

#[test]
fn a_row_without_a_test_is_noticed() {
    let document = std::fs::read_to_string(workspace().join("docs/reliability.md")).unwrap();
    let mut rows = 0;
    let mut promises = false;
    for line in document.lines() {
        if !line.starts_with('|') {
            promises = false;
        } else if line.contains("held by") {
            promises = true;
        } else if promises && line.starts_with("| ") {
            rows += 1;
            assert!(!named(line).is_empty(), "nothing holds: {line}");
        }
    }
    assert!(rows > 20, "{rows} promises");
}
