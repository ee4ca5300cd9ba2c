//! The harness: throwaway PostgreSQL servers, stock clients and fixtures for the tests of dr.
//!
//! ```no_run
//! # async fn example() {
//! let cluster = dr_tests::Cluster::shared(18);
//! let shop = cluster.create_database("shop").await;
//! shop.sql("CREATE TABLE orders (id int PRIMARY KEY)").await;
//! let dump = dr_tests::stock(18, "pg_dump").arg(shop.uri()).output_ok();
//! # }
//! ```
//!
//! Servers and clients come from `scripts/servers`; a missing one is a failure that says so, never
//! a skipped test. Every server listens on 127.0.0.1 and a Unix socket of its own, and is gone with
//! the process that started it, however that ends.

mod clients;
mod cluster;
mod compare;
mod database;
mod dice;
mod dr;
mod embedded;
mod extensions;
mod fixture;
mod keeper;
mod oracle;
mod portrait;
mod proxy;
mod remote;
mod round_trip;
mod source;
mod suite;
pub mod tls;

pub use clients::{Finished, Stock, client, stock, tool};
pub use cluster::{Cluster, ClusterBuilder};
pub use compare::{
    Contents, assert_same_contents, assert_same_lines, assert_same_schema, contents,
    normalized_schema, schema_dump,
};
pub use database::Database;
pub use dice::Dice;
pub use dr::{dr, dr_binary};
pub use embedded::{back_up, restore_latest};
pub use extensions::make_extensions;
pub use fixture::Polling;
pub use oracle::{assert_same_toc, stock_toc, toc_differences};
pub use portrait::{Likeness, Portrait};
pub use proxy::{Fault, Proxy, Way};
pub use remote::{RemoteServer, RemoteStore};
pub use round_trip::{Report, Route};
pub use source::{Source, ended, files_below, signal, start, through};
pub use suite::Suite;

use std::path::{Path, PathBuf};

/// The majors the suite is run against when a test has no reason to choose.
pub const MAJORS: [u32; 2] = [15, 18];

/// Every major that `scripts/servers` installs.
pub const ALL_MAJORS: [u32; 6] = [13, 14, 15, 16, 17, 18];

/// The folder of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this crate lies in the workspace")
}

/// Where servers and clients lie: `DR_SERVERS`, or `target/servers` of the workspace. Links are
/// resolved, because the user the servers run as may not be able to follow them.
pub fn servers() -> PathBuf {
    let folder = std::env::var_os("DR_SERVERS")
        .map_or_else(|| workspace().join("target/servers"), PathBuf::from);
    folder.canonicalize().unwrap_or_else(|error| {
        panic!(
            "no PostgreSQL servers in {}: {error}; run scripts/servers",
            folder.display()
        )
    })
}

/// A file of `tests/fixtures`.
pub fn fixture(name: &str) -> PathBuf {
    let path = workspace().join("tests/fixtures").join(name);
    assert!(path.exists(), "no fixture {}", path.display());
    path
}
