//! Reading and making files that only their owner may read. Used for keys and passphrases.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result};

/// No key or passphrase file is longer; the bound of age's own identity files is the same.
const LONGEST: u64 = 16 << 20;

/// The text of a file that nobody but its owner may read; `what` names it in errors.
pub(super) fn read(path: &Path, what: &str) -> Result<Zeroizing<String>> {
    let failed = |error: std::io::Error| {
        let kind = if error.kind() == std::io::ErrorKind::NotFound {
            ErrorKind::Missing
        } else {
            ErrorKind::Key
        };
        Error::new(kind, format!("the {what} cannot be read"))
            .of_key(path.display())
            .caused_by(error)
    };
    let file = File::open(path).map_err(failed)?;
    check_mode(&file, path, what)?;
    // Reserved once: a buffer that grew would leave copies of the secret behind.
    let length = file.metadata().map_err(failed)?.len().min(LONGEST);
    let mut bytes = Zeroizing::new(Vec::with_capacity(
        usize::try_from(length)
            .map_or(0, |length| length + 1)
            .max(4096),
    ));
    file.take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > LONGEST {
        return Err(Error::new(
            ErrorKind::Limit,
            format!("the {what} is longer than {LONGEST} bytes"),
        )
        .of_key(path.display()));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(
            Error::new(ErrorKind::Format, format!("the {what} is not text")).of_key(path.display()),
        ),
    }
}

/// Refuses a regular file that its group or others may read. Asked of the open file, not of the
/// path, so that nothing changes in between. Pipes (`<(…)` of a shell) have no such bits.
#[cfg(unix)]
fn check_mode(file: &File, path: &Path, what: &str) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let metadata = file.metadata().map_err(|error| {
        Error::new(ErrorKind::Key, format!("the {what} cannot be read"))
            .of_key(path.display())
            .caused_by(error)
    })?;
    let mode = metadata.mode() & 0o7777;
    if metadata.is_file() && mode & 0o077 != 0 {
        return Err(Error::new(
            ErrorKind::Key,
            format!("the {what} may be read by others (mode {mode:04o}); run: chmod 600"),
        )
        .of_key(path.display()));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_mode(_: &File, _: &Path, _: &str) -> Result<()> {
    Ok(())
}

/// Makes a new file with mode 0600 and forces it to disk.
pub(super) fn create(path: &Path, text: &str) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|error| {
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            Error::new(
                ErrorKind::Conflict,
                "the file exists already; a key is never overwritten",
            )
        } else {
            Error::new(ErrorKind::Key, "the key file cannot be created").caused_by(error)
        }
        .of_key(path.display())
    })?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| {
            Error::new(ErrorKind::Key, "the key file cannot be written")
                .of_key(path.display())
                .caused_by(error)
        })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_that_others_may_read_is_refused_with_what_to_do() {
        let file = tempfile::NamedTempFile::new().expect("file");
        for (mode, allowed) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode))
                .expect("mode");
            match read(file.path(), "identity file") {
                Ok(_) => assert!(allowed, "{mode:o}"),
                Err(error) => {
                    assert!(!allowed, "{mode:o}");
                    assert_eq!(error.kind(), ErrorKind::Key);
                    assert!(error.to_string().contains("chmod 600"), "{error}");
                }
            }
        }
    }

    #[test]
    fn a_key_file_is_private_and_never_overwritten() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("key");
        create(&path, "one").expect("created");
        let mode = std::fs::metadata(&path).expect("file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let error = create(&path, "two").expect_err("exists");
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert_eq!(std::fs::read_to_string(&path).expect("text"), "one");
    }
}
