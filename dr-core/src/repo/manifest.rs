//! The manifest: what only readers with the key may know of a backup. Used by the repository and
//! by verification; it passes the same stages as the files.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::layout::{BackupId, check_object_name};
use super::mark::{FORMAT, Kind, Member};
use crate::digest::Sha256;
use crate::error::{Error, ErrorKind, Result};
use crate::files::Evidence;

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FileRecord {
    /// Its name before the stages, such as `3358.dat.zst`.
    pub name: String,
    /// Its bytes before the stages.
    pub bytes: u64,
    /// Its name as stored, such as `3358.dat.zst.age`.
    pub stored: String,
    /// SHA-256 of it as stored. The same is in `SHA256SUMS`, but nobody without a recipient's key
    /// can put another file of the same backup, or of an older one, in its place here.
    pub sha256: Sha256,
}

impl FileRecord {
    /// A record of a stored file.
    pub fn new(
        name: impl Into<String>,
        bytes: u64,
        stored: impl Into<String>,
        sha256: Sha256,
    ) -> Self {
        Self {
            name: name.into(),
            bytes,
            stored: stored.into(),
            sha256,
        }
    }
}

/// What only readers with the key may know of a backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Manifest {
    /// Version of the layout, as in the commit mark.
    pub format: u32,
    /// The backup's id, as in the commit mark.
    pub id: BackupId,
    /// The database's name, as in the commit mark.
    pub database: String,
    /// What was backed up.
    pub kind: Kind,
    /// Free text of whoever made it.
    pub label: Option<String>,
    /// When the backup was begun.
    pub created: Timestamp,
    /// What made it.
    pub tool: String,
    /// The marks of the stages, in order.
    pub stages: Vec<String>,
    /// The files.
    pub files: Vec<FileRecord>,
    /// Of a set: the backups that belong to it, as in the commit mark.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Member>,
    /// What the dump says about itself: rows and digests of its tables, facts of its source.
    pub evidence: Evidence,
}

impl Manifest {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut text =
            serde_json::to_vec_pretty(self).expect("a manifest has text and number keys only");
        text.push(b'\n');
        text
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| {
            Error::new(ErrorKind::Format, "the manifest cannot be read").caused_by(error)
        })?;
        if manifest.format > FORMAT {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "the manifest has format {}; use a newer dr",
                    manifest.format
                ),
            ));
        }
        for file in &manifest.files {
            check_object_name(&file.name)?;
            check_object_name(&file.stored)?;
        }
        Ok(manifest)
    }
}
