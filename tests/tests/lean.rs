//! What a feature of dr-core brings, and what it does not: heavy dependencies stay behind theirs.

use std::collections::BTreeSet;
use std::process::Command;

use dr_tests::workspace;

/// The names of all crates that dr-core is built with, given these features.
fn crates_with(features: &str) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tree = Command::new(cargo)
        .current_dir(workspace())
        .args(["tree", "--package", "dr-core", "--edges", "normal,build"])
        .args(["--prefix", "none", "--format", "{p}", "--offline"])
        .args(["--no-default-features", "--features", features])
        .output()
        .expect("cargo runs");
    assert!(
        tree.status.success(),
        "{}",
        String::from_utf8_lossy(&tree.stderr)
    );
    let names: BTreeSet<String> = String::from_utf8_lossy(&tree.stdout)
        .lines()
        .filter_map(|line| Some(line.split_whitespace().next()?.to_owned()))
        .collect();
    assert!(names.contains("tokio-postgres"), "this is no tree of dr");
    names
}

fn has_any(crates: &BTreeSet<String>, wanted: &[&str]) -> Vec<String> {
    crates
        .iter()
        .filter(|name| wanted.iter().any(|wanted| name.starts_with(wanted)))
        .cloned()
        .collect()
}

const TLS: [&str; 6] = [
    "rustls",
    "ring",
    "tokio-rustls",
    "openssl-sys",
    "native-tls",
    "aws-lc",
];
const HTTP: [&str; 5] = ["reqwest", "hyper", "h2", "rusoto", "aws-"];

#[test]
fn without_features_there_is_no_tls_and_no_http_client() {
    let crates = crates_with("");
    assert_eq!(has_any(&crates, &TLS), [""; 0]);
    assert_eq!(has_any(&crates, &HTTP), [""; 0]);
    assert_eq!(has_any(&crates, &["rsa", "pyo3", "clap"]), [""; 0]);
}

#[test]
fn tls_is_rustls_with_ring_and_nothing_else() {
    let crates = crates_with("tls");
    for name in ["rustls", "ring", "tokio-postgres-rustls"] {
        assert!(crates.contains(name), "{name}");
    }
    assert_eq!(
        has_any(&crates, &["openssl-sys", "native-tls", "aws-lc"]),
        [""; 0]
    );
    assert_eq!(has_any(&crates, &HTTP), [""; 0]);
}

#[test]
fn ssh_keys_bring_rsa_and_no_tls() {
    let crates = crates_with("ssh");
    assert!(crates.contains("rsa"));
    assert_eq!(has_any(&crates, &TLS), [""; 0]);
}
