//! Where things lie in a repository: keys, ids, names. Pure. Used by the rest of `repo`.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use object_store::path::Path;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, ErrorKind, Result};

/// The commit mark.
pub const MARK: &str = "backup.json";
/// The digests of everything but the mark, as `sha256sum -c` reads them.
pub const SUMS: &str = "SHA256SUMS";
/// The manifest, before the suffixes of the stages.
pub const MANIFEST: &str = "manifest.json";
/// The backup's own secret key, sealed under a passphrase.
pub const IDENTITY: &str = "identity.age";
/// Says that a backup is being deleted; see `Repository::delete`.
pub(super) const TOMBSTONE: &str = "deleted.json";
/// What the repository says about itself. Its dot cannot be in the folder name of a database.
pub(super) const REPOSITORY: &str = "repository.json";

/// The folder of sets, which are of all databases: no database has an empty name, and no name of a
/// database makes a folder with a dot.
const ALL_DATABASES: &str = "all.databases";

/// The names that files of a backup may not have.
pub(super) const RESERVED: [&str; 5] = [MARK, SUMS, MANIFEST, IDENTITY, TOMBSTONE];

/// The id of one backup: when it was begun, in UTC, and a random part; sorts by time.
///
/// ```
/// use dr_core::repo::BackupId;
/// let id: BackupId = "20261123T084456Z-7f3a9c".parse()?;
/// assert_eq!(id.to_string(), "20261123T084456Z-7f3a9c");
/// # Ok::<_, dr_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackupId(String);

impl BackupId {
    /// A new id for a backup that begins at `now`.
    pub(super) fn new(now: Timestamp) -> Self {
        let random = rand::random::<u32>() & 0x00ff_ffff;
        Self(format!("{}-{random:06x}", now.strftime("%Y%m%dT%H%M%SZ")))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part that says when: equal for backups begun in the same second.
    pub(super) fn second(&self) -> &str {
        &self.0[..16]
    }
}

impl fmt::Display for BackupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BackupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for BackupId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let sound = text.len() == 23
            && text.bytes().enumerate().all(|(at, byte)| match at {
                8 => byte == b'T',
                15 => byte == b'Z',
                16 => byte == b'-',
                17.. => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
                _ => byte.is_ascii_digit(),
            });
        if sound {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::new(
                ErrorKind::Format,
                format!("{text:?} is not a backup id, such as 20261123T084456Z-7f3a9c"),
            ))
        }
    }
}

impl Serialize for BackupId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for BackupId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// Where a backup lies, committed or not: database and id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    database: String,
    id: BackupId,
}

impl Place {
    pub(super) fn new(database: impl Into<String>, id: BackupId) -> Self {
        Self {
            database: database.into(),
            id,
        }
    }

    /// The database's name; empty where sets of all databases lie.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The backup's id.
    pub fn id(&self) -> &BackupId {
        &self.id
    }

    pub(super) fn folder(&self) -> Path {
        Path::from(format!("{}/{}", escape(&self.database), self.id))
    }

    /// The key of one object; `name` has passed [`check_object_name`].
    pub(super) fn key(&self, name: &str) -> Path {
        Path::from(format!("{}/{}/{name}", escape(&self.database), self.id))
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", escape(&self.database), self.id)
    }
}

/// A database's name as the name of a folder: letters, digits, `_` and `-` stand for themselves,
/// any other byte of its UTF-8 is `=` and two hexadecimal digits. Object names stay ASCII: stores
/// and file systems differ on anything else. No name at all stands for all databases.
pub(super) fn escape(database: &str) -> String {
    if database.is_empty() {
        return ALL_DATABASES.to_owned();
    }
    let mut escaped = String::with_capacity(database.len());
    for byte in database.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("={byte:02X}"));
        }
    }
    escaped
}

/// Undoes [`escape`]; `None` for a folder whose name it never makes.
pub(super) fn unescape(folder: &str) -> Option<String> {
    if folder == ALL_DATABASES {
        return Some(String::new());
    }
    let mut bytes = Vec::with_capacity(folder.len());
    let mut rest = folder.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'=' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    let database = String::from_utf8(bytes).ok()?;
    (!database.is_empty() && escape(&database) == folder).then_some(database)
}

/// Refuses a name that a store or `sha256sum` could not carry as it is.
///
/// # Errors
///
/// `Format` for anything but letters, digits and `._+=,@-` in parts divided by `/`, none of them
/// beginning with a dot.
pub(super) fn check_object_name(name: &str) -> Result<()> {
    crate::files::check_name(name)?;
    let sound = name.split('/').all(|part| {
        !part.starts_with('.')
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._+=,@-".contains(&byte))
    });
    if sound {
        Ok(())
    } else {
        Err(Error::new(
            ErrorKind::Format,
            format!("{name:?} is not a file name a repository may hold"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_sort_by_time_and_only_ids_parse() {
        let id = BackupId::new("2026-11-23T08:44:56Z".parse().expect("time"));
        assert_eq!(id.second(), "20261123T084456Z");
        assert_eq!(id.to_string().parse::<BackupId>().expect("id"), id);
        let later = BackupId::new("2026-11-23T08:44:57Z".parse().expect("time"));
        assert!(id < later);
        for text in [
            "",
            "latest",
            "20261123T084456Z-7F3A9C",
            "20261123T084456Z-7f3a9",
            "20261123T084456Z-7f3a9cc",
            "20261123 084456Z-7f3a9c",
            "../61123T084456Z-7f3a9c",
        ] {
            assert!(text.parse::<BackupId>().is_err(), "{text}");
        }
    }

    #[test]
    fn keys_are_safe_whatever_the_database_is_called() {
        let id: BackupId = "20261123T084456Z-7f3a9c".parse().expect("id");
        for (database, folder) in [
            ("shop", "shop"),
            ("My Shop", "My=20Shop"),
            ("..", "=2E=2E"),
            ("a/b", "a=2Fb"),
            ("größe", "gr=C3=B6=C3=9Fe"),
            ("repository.json", "repository=2Ejson"),
            ("all.databases", "all=2Edatabases"),
            ("", "all.databases"),
        ] {
            let key = Place::new(database, id.clone()).key("toc.dat.age");
            assert_eq!(
                key.to_string(),
                format!("{folder}/20261123T084456Z-7f3a9c/toc.dat.age")
            );
        }
    }

    #[test]
    fn object_names_that_a_store_would_change_are_refused() {
        for name in ["toc.dat.age", "3358.dat.zst", "a/b.dat", "blob_16400.dat"] {
            check_object_name(name).expect(name);
        }
        for name in [
            "", "a b", "a#1", "a%20", "../a", ".hidden", "ä", "a//b", "a\\b",
        ] {
            assert!(check_object_name(name).is_err(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn unescape_undoes_escape(database in "\\PC{1,63}") {
            let escaped = escape(&database);
            prop_assert!(escaped.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'.'));
            prop_assert_eq!(unescape(&escaped), Some(database));
        }

        #[test]
        fn only_what_escape_makes_is_unescaped(folder in "[a-zA-Z=._0-9]{0,12}") {
            if let Some(database) = unescape(&folder) {
                prop_assert_eq!(escape(&database), folder);
            }
        }
    }
}
