//! The repository: committed backups over an object store, and what lies there.
//!
//! ```text
//! <repository>/repository.json                 what the store can do, probed once
//! <repository>/<database>/<backup id>/
//!     3358.dat.zst[.age] …                     the files of the backup, through its stages
//!     identity.age                             only with a passphrase: the backup's own key
//!     manifest.json[.age]                      what a reader with the key may know
//!     SHA256SUMS                               of all the above, as stored
//!     backup.json                              the commit mark
//! <repository>/all.databases/<backup id>/      a set: globals, and which backups belong together
//! ```
//!
//! A backup exists when its commit mark exists: it is written last, create-only, and deleted
//! first. Used by `ops`, which brings [`Files`](crate::Files) in and takes them out; knows neither
//! Toc nor Lsn, and nowhere that a store might be a folder of this machine, except in
//! [`backend`](self) where one is opened and in the sweep of that folder's temporary parts.

mod backend;
mod checked;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod layout;
mod local;
mod manifest;
mod mark;
mod orphans;
mod repository;
mod stored;
mod sums;
mod unfinished;
mod upload;

pub use layout::{BackupId, Place};
pub use manifest::{FileRecord, Manifest};
pub use mark::{Kind, Mark, Member};
pub use orphans::{Leftover, Orphan};
pub use repository::{Backup, Listing, ObjectInfo, Repository};
pub use stored::StoredFiles;
pub use sums::Sums;
pub use unfinished::{About, Unfinished};
pub use upload::{ObjectWriter, Stored, Written};

/// Names of the objects that are not files of the backup.
pub mod names {
    pub use super::layout::{IDENTITY, MANIFEST, MARK, SUMS};
}
