//! The password file, by the rules of libpq's `passwordFromFile`.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::secret::Secret;

/// More than any real password file.
const MAX_BYTES: u64 = 4 << 20;

/// A password file in memory, wiped when dropped.
#[derive(Clone, Default)]
pub(super) struct PasswordFile {
    /// Where it is looked for; nowhere if a password was given or no home is known.
    path: PathBuf,
    text: Zeroizing<Vec<u8>>,
    state: State,
}

#[derive(Clone, Default)]
enum State {
    #[default]
    Used,
    /// As with libpq this is no fault.
    NotThere,
    /// Why it is left alone.
    Unusable(String),
}

impl PasswordFile {
    /// One that holds this text.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn of(text: Zeroizing<Vec<u8>>) -> Self {
        Self {
            text,
            ..Self::default()
        }
    }

    /// Reads a password file. As with libpq one that is not there counts as empty, and one that
    /// others may read is left alone with a warning.
    pub(super) fn read(path: &Path) -> Self {
        let (text, state) = match contents(path) {
            Ok(Some(text)) => (text, State::Used),
            Ok(None) => (Zeroizing::default(), State::NotThere),
            Err(why) => (Zeroizing::default(), State::Unusable(why)),
        };
        Self {
            path: path.to_owned(),
            text,
            state,
        }
    }

    /// What a person should know, if it is there and not used.
    pub(super) fn warning(&self) -> Option<String> {
        match &self.state {
            State::Unusable(why) => {
                Some(format!("password file \"{}\" {why}", self.path.display()))
            }
            State::Used | State::NotThere => None,
        }
    }

    /// What to do so that this line is found: `add the line … to the password file "…"`.
    pub(super) fn where_to_put(&self, line: &str) -> String {
        if self.path.as_os_str().is_empty() {
            return format!("name a password file in PGPASSFILE that has the line {line}");
        }
        let path = self.path.display();
        match &self.state {
            State::Used => format!("add the line {line} to the password file \"{path}\""),
            State::NotThere => {
                format!("make the password file \"{path}\" (mode 0600) with the line {line}")
            }
            State::Unusable(why) => format!("mend the password file: \"{path}\" {why}"),
        }
    }

    /// The line that a password file would have, with the password to be filled in.
    pub(super) fn line(host: &str, port: u16, dbname: &str, user: &str) -> String {
        let escaped = |field: &str| field.replace('\\', "\\\\").replace(':', "\\:");
        format!(
            "{}:{port}:{}:{}:PASSWORD",
            escaped(host),
            escaped(dbname),
            escaped(user)
        )
    }

    /// The password of the first line that matches.
    pub(super) fn find(&self, host: &str, port: u16, dbname: &str, user: &str) -> Option<Secret> {
        let port = port.to_string();
        self.text.split(|byte| *byte == b'\n').find_map(|line| {
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

/// The text of a password file, if it is there; or why it is not used.
fn contents(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err("is not a plain file and is not used".to_owned());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(
                "has group or world access and is not used; permissions should be u=rw (0600) or \
                 less"
                    .to_owned(),
            );
        }
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("is larger than {MAX_BYTES} bytes and is not used"));
    }
    Ok(Some(bytes))
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
        let read = PasswordFile::read(&path);
        assert!(read.find("h", 1, "d", "u").is_none());
        assert!(read.warning().unwrap().contains("group or world access"));
        assert!(read.where_to_put("…").contains("u=rw (0600)"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let read = PasswordFile::read(&path);
        assert_eq!(read.find("h", 1, "d", "u").unwrap().expose(), b"secret");
        assert_eq!(read.warning(), None);
        let read = PasswordFile::read(directory.path());
        assert!(read.warning().unwrap().contains("not a plain file"));
        let read = PasswordFile::read(&directory.path().join("none"));
        assert_eq!(read.warning(), None);
        assert!(
            read.where_to_put("…")
                .contains("(mode 0600) with the line …")
        );
    }

    #[test]
    fn the_line_that_is_told_is_found() {
        let names = ("::1", 5432, "sh\\op", "o:hara");
        let line = PasswordFile::line(names.0, names.1, names.2, names.3);
        let found = file(&line).find(names.0, names.1, names.2, names.3);
        assert_eq!(found.unwrap().expose(), b"PASSWORD");
    }
}
