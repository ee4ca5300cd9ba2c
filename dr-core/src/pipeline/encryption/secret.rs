//! A passphrase. Used by whoever needs one; never printed, wiped when dropped.

use std::fmt;
use std::path::Path;

use zeroize::Zeroizing;

use super::private_file;
use crate::error::{Error, ErrorKind, Result};

/// A passphrase read from a file or the environment, never from a command line.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// A secret that the caller already holds.
    ///
    /// # Errors
    ///
    /// `Usage` if it is empty.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = Zeroizing::new(text.into());
        if text.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "the passphrase is empty"));
        }
        Ok(Self(text))
    }

    /// The content of a file, without one line end at its end.
    ///
    /// # Errors
    ///
    /// `Missing` if there is no such file; `Key` if others may read it; `Usage` if it is empty.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = private_file::read(path, "passphrase file")?;
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        Self::new(text).map_err(|_| {
            Error::new(ErrorKind::Usage, "the passphrase file is empty").of_key(path.display())
        })
    }

    /// The value of an environment variable.
    ///
    /// # Errors
    ///
    /// `Missing` if it is not set, `Usage` if it is empty or not UTF-8.
    pub fn from_env(variable: &str) -> Result<Self> {
        match std::env::var(variable) {
            Ok(text) => Self::new(text).map_err(|_| {
                Error::new(
                    ErrorKind::Usage,
                    format!("the environment variable {variable} holds an empty passphrase"),
                )
            }),
            Err(std::env::VarError::NotPresent) => Err(Error::new(
                ErrorKind::Missing,
                format!("the environment variable {variable} is not set"),
            )),
            Err(std::env::VarError::NotUnicode(_)) => Err(Error::new(
                ErrorKind::Usage,
                format!("the environment variable {variable} is not UTF-8"),
            )),
        }
    }

    pub(super) fn for_age(&self) -> age::secrecy::SecretString {
        age::secrecy::SecretString::from(self.0.as_str().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print_and_is_never_empty() {
        let secret = Secret::new("correct horse").expect("secret");
        assert!(!format!("{secret:?}").contains("horse"));
        assert_eq!(Secret::new("").expect_err("empty").kind(), ErrorKind::Usage);
        assert_eq!(
            Secret::from_env("DR_TEST_NO_SUCH_VARIABLE")
                .expect_err("unset")
                .kind(),
            ErrorKind::Missing
        );
    }

    #[test]
    fn one_line_end_of_a_passphrase_file_does_not_count() {
        use std::io::Write;
        // tempfile creates with mode 0600.
        let mut file = tempfile::NamedTempFile::new().expect("file");
        file.write_all(b"two\nlines\r\n").expect("written");
        let secret = Secret::from_file(file.path()).expect("secret");
        assert_eq!(secret.0.as_str(), "two\nlines");
    }
}
