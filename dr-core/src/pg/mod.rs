//! The live database: connections, snapshots, catalogs, COPY.
//!
//! Called by `ops`. A [`Session`] reads: with the settings of a dump, one [`Snapshot`] for all of
//! its connections. A restore writes through [`target`]. Must never know an archive or a store.

pub mod answers;
pub mod catalog;
mod conn;
mod conninfo;
pub mod copy;
mod databases;
mod dial;
mod globals;
mod lanes;
pub mod large_object;
mod live;
mod parts;
mod sequence;
mod session;
mod snapshot;
pub mod target;
mod tls;
mod wire;

pub use conn::{Conn, Row, ServerVersion};
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub use conninfo::fuzzing;
pub use conninfo::{ConnInfo, Environment, Secret};
pub use databases::{Databases, databases};
pub use lanes::Lane;
pub use live::{DumpOptions, LiveDump};
pub use sequence::{SequenceName, SequenceValue, sequence_values};
pub use session::{NEWEST_KNOWN_MAJOR, OLDEST_MAJOR, Session, SessionOptions};
pub use snapshot::{Isolation, Snapshot, SnapshotOptions};
