//! The commit mark, `backup.json`: what everybody may know of a backup. Used by the repository;
//! holds no name of a table, no row count and no digest of content: those are in the manifest.
//!
//! # Its form
//!
//! JSON, two spaces deep, whose last member is `seal`: the SHA-256, in hexadecimal, of every byte
//! before the comma that precedes it. With the digest of `SHA256SUMS` inside, the mark thus
//! vouches for every byte of the backup, its own included. Against accidents only: somebody who
//! can write to the store can make a new seal; what he cannot do is make a manifest that the
//! backup's own readers would decrypt into what the dump saw, unless he knows the recipient.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::layout::{BackupId, IDENTITY, Place, check_object_name};
use crate::digest::Sha256;
use crate::error::{Error, ErrorKind, Result};

/// The format that this version writes, and the newest it reads.
pub(super) const FORMAT: u32 = 1;

/// What kind of thing was backed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Kind {
    /// One database, as a directory archive.
    #[default]
    Logical,
    /// A folder of files.
    Files,
    /// What a server has beside its databases, and which backups of these belong together.
    Set,
    /// Something a newer version made.
    #[serde(other)]
    Unknown,
}

/// One backup of a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Member {
    /// The database's name.
    pub database: String,
    /// The backup's id.
    pub id: BackupId,
    /// SHA-256 of its `SHA256SUMS`, as its own mark has it: no other backup is taken for it.
    pub sums: Sha256,
}

impl Member {
    /// The backup of this database with this id and digest of its digests.
    pub fn new(database: impl Into<String>, id: BackupId, sums: Sha256) -> Self {
        Self {
            database: database.into(),
            id,
            sums,
        }
    }

    /// Where it lies in the repository of the set.
    pub fn place(&self) -> Place {
        Place::new(&*self.database, self.id.clone())
    }
}

/// What everybody may know of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Mark {
    /// Version of the layout; this version writes and reads 1.
    pub format: u32,
    /// The backup's id.
    pub id: BackupId,
    /// The database's name; empty for a set.
    pub database: String,
    /// What was backed up.
    pub kind: Kind,
    /// Free text of whoever made it.
    pub label: Option<String>,
    /// When the backup was begun.
    pub created: Timestamp,
    /// When everything but the mark was stored.
    pub finished: Timestamp,
    /// What made it, such as `dr 0.1.0`.
    pub tool: String,
    /// The marks of the stages that each file passed, in order.
    pub stages: Vec<String>,
    /// Bytes of all files before the stages.
    pub bytes: u64,
    /// Every object but the mark: name and size as stored.
    pub objects: BTreeMap<String, u64>,
    /// SHA-256 of `SHA256SUMS`.
    pub sums: Sha256,
    /// Of a set: the backups that belong to it, in the order they were made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Member>,
}

const SEAL_HEAD: &str = ",\n  \"seal\": \"";
const SEAL_TAIL: &str = "\"\n}\n";

impl Mark {
    /// Bytes of all objects as stored, the mark not counted.
    pub fn stored_bytes(&self) -> u64 {
        self.objects
            .values()
            .fold(0, |sum, bytes| sum.saturating_add(*bytes))
    }

    /// Whether reading the backup needs a key.
    pub fn is_encrypted(&self) -> bool {
        self.stages
            .iter()
            .any(|stage| stage == crate::pipeline::encryption::MARK)
    }

    /// Whether the backup has an identity of its own, sealed under a passphrase.
    pub fn has_passphrase(&self) -> bool {
        self.objects.contains_key(IDENTITY)
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let text = serde_json::to_string_pretty(self).expect("a mark has text keys only");
        let body = text
            .strip_suffix("\n}")
            .expect("a pretty JSON object ends with its brace on a line of its own");
        seal(body)
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        let damaged = |message: &str| {
            Error::new(
                ErrorKind::Integrity,
                format!("the commit mark is damaged: {message}"),
            )
        };
        let seal_length = SEAL_HEAD.len() + 64 + SEAL_TAIL.len();
        let (body, tail) = bytes
            .len()
            .checked_sub(seal_length)
            .map(|middle| bytes.split_at(middle))
            .ok_or_else(|| damaged("it is cut short"))?;
        let expected = format!("{SEAL_HEAD}{}{SEAL_TAIL}", Sha256::of(body));
        if tail != expected.as_bytes() {
            return Err(damaged("its seal does not match"));
        }
        // The tail has just been found to close the object.
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let not_json = |error: serde_json::Error| {
            damaged("it is sealed, but it does not read as a commit mark").caused_by(error)
        };
        let Format { format } = serde_json::from_slice(bytes).map_err(not_json)?;
        if format > FORMAT {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "the backup has format {format} and this version of dr reads up to {FORMAT}: \
                     use a newer dr"
                ),
            ));
        }
        let mark: Self = serde_json::from_slice(bytes).map_err(not_json)?;
        for name in mark.objects.keys() {
            check_object_name(name)?;
        }
        Ok(mark)
    }
}

/// A mark without its last line, sealed.
pub(super) fn seal(body: &str) -> Vec<u8> {
    let seal = Sha256::of(body.as_bytes());
    format!("{body}{SEAL_HEAD}{seal}{SEAL_TAIL}").into_bytes()
}

/// Refuses a label that would spoil a listing.
///
/// # Errors
///
/// `Usage` for control characters and for more than 1000 bytes.
pub(super) fn check_label(label: &str) -> Result<()> {
    if label.len() > 1000 || label.chars().any(char::is_control) {
        return Err(Error::new(
            ErrorKind::Usage,
            "a label has at most 1000 bytes and no control characters",
        ));
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::repo) fn sample() -> Mark {
        Mark {
            format: FORMAT,
            id: "20261123T084456Z-7f3a9c".parse().expect("id"),
            database: "shop".into(),
            kind: Kind::Logical,
            label: Some("pre-migration".into()),
            created: "2026-11-23T08:44:56.25Z".parse().expect("time"),
            finished: "2026-11-23T08:45:56Z".parse().expect("time"),
            tool: "dr 0.1.0".into(),
            stages: vec!["age".into()],
            bytes: 10,
            objects: [("toc.dat.age".to_owned(), 210)].into(),
            sums: Sha256::of(b"sums"),
            members: Vec::new(),
        }
    }

    #[test]
    fn a_mark_is_read_back_and_is_json() {
        let bytes = sample().to_bytes();
        assert_eq!(Mark::parse(&bytes).expect("sound"), sample());
        let json: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
        assert_eq!(json["label"], "pre-migration");
    }

    #[test]
    fn a_flipped_bit_anywhere_in_the_mark_is_noticed() {
        let bytes = sample().to_bytes();
        for position in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[position] ^= 1 << bit;
                let error = Mark::parse(&damaged).expect_err("flipped");
                assert_eq!(error.kind(), ErrorKind::Integrity);
            }
        }
        for length in 0..bytes.len() {
            assert!(Mark::parse(&bytes[..length]).is_err());
        }
    }

    #[test]
    fn a_newer_format_is_told_from_damage_and_new_members_are_let_be() {
        let mut newer = sample();
        newer.format = FORMAT + 1;
        let error = Mark::parse(&newer.to_bytes()).expect_err("newer");
        assert_eq!(error.kind(), ErrorKind::Unsupported);

        let text = String::from_utf8(sample().to_bytes()).expect("text");
        let (body, _) = text.split_once(SEAL_HEAD).expect("seal");
        let body = format!("{body},\n  \"invented\": true");
        let seal = Sha256::of(body.as_bytes());
        let text = format!("{body}{SEAL_HEAD}{seal}{SEAL_TAIL}");
        assert_eq!(Mark::parse(text.as_bytes()).expect("sound"), sample());
    }

    #[test]
    fn a_label_is_one_line() {
        check_label("pre-migration: größer").expect("fine");
        assert!(check_label("two\nlines").is_err());
        assert!(check_label(&"x".repeat(1001)).is_err());
    }
}
