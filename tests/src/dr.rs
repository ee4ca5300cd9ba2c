//! The `dr` command as a user runs it. Used by tests of the command line.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::clients::Stock;
use crate::workspace;

/// The path of the `dr` binary: `DR_BINARY`, or the one cargo builds from this workspace, brought up
/// to date once per test binary.
///
/// # Panics
///
/// When it does not build.
pub fn dr_binary() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY
        .get_or_init(|| {
            if let Some(path) = std::env::var_os("DR_BINARY") {
                return PathBuf::from(path);
            }
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let mut build = Command::new(cargo);
            // What cargo says of this package would be taken for news by build scripts (ring's), and
            // all that stands on them built again.
            let of_package =
                |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
            for (name, _) in std::env::vars_os() {
                if name.to_str().is_some_and(of_package) {
                    build.env_remove(&name);
                }
            }
            let built = build
                .current_dir(workspace())
                .args(["build", "--quiet", "--package", "dr-cli", "--bin", "dr"])
                .output()
                .expect("cargo runs");
            assert!(
                built.status.success(),
                "dr does not build: {}",
                String::from_utf8_lossy(&built.stderr)
            );
            // This test binary lies in <target>/<profile>/deps; the debug profile is cargo's default.
            let test = std::env::current_exe().expect("a running program has a path");
            let target = test
                .ancestors()
                .nth(3)
                .expect("test binaries lie in target/<profile>/deps");
            target.join("debug").join("dr")
        })
        .clone()
}

/// The `dr` command, ready for arguments, with none of the caller's PG* variables.
pub fn dr() -> Stock {
    Stock::new(dr_binary())
}
