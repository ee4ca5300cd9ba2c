//! The password file, by the rules of libpq's `passwordFromFile`.

use std::io::Read as _;
use std::path::Path;

use zeroize::Zeroizing;

use super::secret::Secret;

/// More than any real password file.
const MAX_BYTES: u64 = 4 << 20;

/// A password file in memory, wiped when dropped.
#[derive(Clone, Default)]
pub(super) struct PasswordFile(Zeroizing<Vec<u8>>);

impl PasswordFile {
    /// One that holds this text.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn of(text: Zeroizing<Vec<u8>>) -> Self {
        Self(text)
    }

    /// Reads a password file. As with libpq one that is not there counts as empty, and one that
    /// others may read is left alone with a warning, which is the second part of the answer.
    pub(super) fn read(path: &Path) -> (Self, Option<String>) {
        let shown = path.display();
        let Ok(file) = std::fs::File::open(path) else {
            return (Self::default(), None);
        };
        let Ok(metadata) = file.metadata() else {
            return (Self::default(), None);
        };
        if !metadata.is_file() {
            let warning = format!("password file \"{shown}\" is not a plain file and is not used");
            return (Self::default(), Some(warning));
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            if metadata.permissions().mode() & 0o077 != 0 {
                let warning = format!(
                    "password file \"{shown}\" has group or world access and is not used; \
                     permissions should be u=rw (0600) or less"
                );
                return (Self::default(), Some(warning));
            }
        }
        let mut bytes = Zeroizing::new(Vec::new());
        match file.take(MAX_BYTES + 1).read_to_end(&mut bytes) {
            Err(error) => (
                Self::default(),
                Some(format!("password file \"{shown}\" cannot be read: {error}")),
            ),
            Ok(_) if bytes.len() as u64 > MAX_BYTES => (
                Self::default(),
                Some(format!(
                    "password file \"{shown}\" is larger than {MAX_BYTES} bytes and is not used"
                )),
            ),
            Ok(_) => (Self(bytes), None),
        }
    }

    /// The password of the first line that matches.
    pub(super) fn find(&self, host: &str, port: u16, dbname: &str, user: &str) -> Option<Secret> {
        let port = port.to_string();
        self.0.split(|byte| *byte == b'\n').find_map(|line| {
            if line.first() == Some(&b'#') {
                return None;
            }
            let end = line
                .iter()
                .rposition(|byte| *byte != b'\r')
                .map_or(0, |at| at + 1);
            let rest = match_field(&line[..end], host)?;
            let rest = match_field(rest, &port)?;
            let rest = match_field(rest, dbname)?;
            let rest = match_field(rest, user)?;
            Some(unescape(rest))
        })
    }
}

/// What follows the field and its colon, if the field is `*` or spells `token`.
fn match_field<'a>(line: &'a [u8], token: &str) -> Option<&'a [u8]> {
    if let Some(rest) = line.strip_prefix(b"*:") {
        return Some(rest);
    }
    let mut line = line;
    for expected in token.bytes() {
        if let [b'\\', _, ..] = line {
            line = &line[1..];
        }
        if line.first() != Some(&expected) {
            return None;
        }
        line = &line[1..];
    }
    line.strip_prefix(b":")
}

/// The last field: up to an unescaped colon or the end.
fn unescape(field: &[u8]) -> Secret {
    let mut password = Vec::with_capacity(field.len());
    let mut bytes = field.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b':' => break,
            b'\\' => password.push(bytes.next().unwrap_or(b'\\')),
            byte => password.push(byte),
        }
    }
    Secret::new(password)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn file(text: &str) -> PasswordFile {
        PasswordFile::of(Zeroizing::new(text.as_bytes().to_vec()))
    }

    fn found(text: &str) -> Option<String> {
        file(text)
            .find("db.example", 5432, "shop", "o:hara")
            .map(|secret| String::from_utf8(secret.expose().to_vec()).unwrap())
    }

    #[test]
    fn the_first_matching_line_wins_and_comments_do_not_count() {
        let text = "#db.example:5432:shop:o\\:hara:no\nother:*:*:*:no\n\n\
                    db.example:5432:shop:o\\:hara:first\r\n*:*:*:*:second\n";
        assert_eq!(found(text).unwrap(), "first");
    }

    #[test]
    fn stars_match_whole_fields_only_and_escapes_count() {
        assert_eq!(
            found("*:*:*:*:pa\\:ss\\\\word:rest\n").unwrap(),
            "pa:ss\\word"
        );
        assert_eq!(found("*.example:5432:shop:o\\:hara:x"), None);
        // As in libpq a colon that needs no escape to match needs none.
        assert_eq!(found("db.example:5432:shop:o:hara:x").unwrap(), "x");
        assert_eq!(found("db.example:543:shop:*:x"), None);
        assert_eq!(found("db.example:5432:shop:*:").unwrap(), "");
    }

    #[test]
    fn a_file_others_may_read_is_warned_about_and_not_used() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pgpass");
        std::fs::write(&path, "*:*:*:*:secret\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let (read, warning) = PasswordFile::read(&path);
        assert!(read.find("h", 1, "d", "u").is_none());
        assert!(warning.unwrap().contains("group or world access"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let (read, warning) = PasswordFile::read(&path);
        assert_eq!(read.find("h", 1, "d", "u").unwrap().expose(), b"secret");
        assert_eq!(warning, None);
        let (_, warning) = PasswordFile::read(directory.path());
        assert!(warning.unwrap().contains("not a plain file"));
    }
}
