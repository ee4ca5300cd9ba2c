//! Doors for `fuzz/laws` to the bytes of a commit mark and of a manifest. Behind the feature
//! `fuzzing`; no part of the API.

use super::manifest::Manifest;
use super::mark::Mark;
use crate::error::Result;

/// A commit mark from its bytes.
pub fn read_mark(bytes: &[u8]) -> Result<Mark> {
    Mark::parse(bytes)
}

/// The bytes of a commit mark.
pub fn write_mark(mark: &Mark) -> Vec<u8> {
    mark.to_bytes()
}

/// Everything of a commit mark but the seal, sealed.
pub fn seal(body: &str) -> Vec<u8> {
    super::mark::seal(body)
}

/// A manifest from its bytes.
pub fn read_manifest(bytes: &[u8]) -> Result<Manifest> {
    Manifest::parse(bytes)
}

/// The bytes of a manifest.
pub fn write_manifest(manifest: &Manifest) -> Vec<u8> {
    manifest.to_bytes()
}
