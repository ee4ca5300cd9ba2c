//! Secret keys: reading identity files, making one. Used by whoever opens backups; never prints.

use std::path::Path;
use std::sync::Arc;

use age::secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::{Secret, private_file};
use crate::error::{Error, ErrorKind, Result};

/// The most work a passphrase-protected identity may demand: `2^20` rounds of scrypt take a
/// gigabyte, as age files made on fast machines do; more is refused instead of done.
const MOST_WORK: u8 = 20;

pub(super) type Identity = Arc<dyn age::Identity + Send + Sync>;

/// Secret keys that may open a backup. `Debug` tells how many there are and no more.
#[derive(Clone, Default)]
pub struct Identities(pub(super) Vec<Identity>);

impl std::fmt::Debug for Identities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identities({})", self.0.len())
    }
}

impl Identities {
    /// No key.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the keys of a file: age identities, one a line, with comments; or one ssh private key
    /// (feature `ssh`). A file encrypted by age under a passphrase, or a protected ssh key, needs
    /// `passphrase`.
    ///
    /// # Errors
    ///
    /// `Missing` if there is no such file; `Key` if others may read it, if it holds no key or if
    /// the passphrase is missing or wrong; `Unsupported` for kinds of keys this build cannot use.
    pub fn add_file(self, path: impl AsRef<Path>, passphrase: Option<&Secret>) -> Result<Self> {
        let path = path.as_ref();
        let text = private_file::read(path, "identity file")?;
        self.add_text(&text, passphrase)
            .map_err(|error| error.of_key(path.display()))
    }

    /// Adds the keys of an identity file's text; see [`add_file`](Self::add_file).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn add_text(mut self, text: &str, passphrase: Option<&Secret>) -> Result<Self> {
        if text.starts_with("-----BEGIN AGE ENCRYPTED FILE-----") {
            let passphrase = passphrase.ok_or_else(|| {
                Error::new(
                    ErrorKind::Key,
                    "the identity file is protected by a passphrase, and none was given",
                )
            })?;
            return self.add_sealed(text.as_bytes(), passphrase);
        }
        if text.trim_start().starts_with("-----BEGIN") {
            self.0.push(ssh_identity(text, passphrase)?);
            return Ok(self);
        }
        let before = self.0.len();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            // Errors name the line, never its content.
            if line.starts_with("AGE-PLUGIN-") {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    format!("line {} is an identity of an age plugin", number + 1),
                ));
            }
            let identity: age::x25519::Identity = line.parse().map_err(|reason| {
                Error::new(
                    ErrorKind::Key,
                    format!("line {} is not an age identity ({reason})", number + 1),
                )
            })?;
            self.0.push(Arc::new(identity));
        }
        if self.0.len() == before {
            return Err(Error::new(ErrorKind::Key, "no identity is in the file"));
        }
        Ok(self)
    }

    /// Adds the keys of an identity file that age encrypted under a passphrase. Takes as long as
    /// whoever encrypted it decided: not for a task that others wait for.
    ///
    /// # Errors
    ///
    /// `Key` if the passphrase is the wrong one, `Stage` if the bytes are damaged.
    pub fn add_sealed(self, sealed: &[u8], passphrase: &Secret) -> Result<Self> {
        use std::io::Read;
        let damaged = |reason: &str| Error::new(ErrorKind::Stage, reason.to_owned());
        let decryptor = age::Decryptor::new_buffered(age::armor::ArmoredReader::new(sealed))
            .map_err(|error| {
                damaged("the sealed identity is damaged: its header cannot be read")
                    .caused_by(error)
            })?;
        if !decryptor.is_scrypt() {
            return Err(Error::new(
                ErrorKind::Key,
                "the identity file is encrypted, but not under a passphrase",
            ));
        }
        let mut identity = age::scrypt::Identity::new(passphrase.for_age());
        identity.set_max_work_factor(MOST_WORK);
        let mut reader = decryptor
            .decrypt(std::iter::once(&identity as &dyn age::Identity))
            .map_err(|error| match error {
                // With one scrypt stanza a failed unwrap is a wrong passphrase, or damage to the
                // stanza, which nothing tells apart.
                age::DecryptError::NoMatchingKeys
                | age::DecryptError::DecryptionFailed
                | age::DecryptError::KeyDecryptionFailed => Error::new(
                    ErrorKind::Key,
                    "the passphrase does not open it: wrong passphrase",
                ),
                age::DecryptError::ExcessiveWork { required, .. } => Error::new(
                    ErrorKind::Limit,
                    format!(
                        "the passphrase was made to take 2^{required} rounds of scrypt; at most \
                         2^{MOST_WORK} are done"
                    ),
                ),
                error => damaged("the sealed identity is damaged").caused_by(error),
            })?;
        // Never grows beyond what an encrypted copy of itself took.
        let mut text = Zeroizing::new(Vec::with_capacity(sealed.len()));
        reader
            .read_to_end(&mut text)
            .map_err(|error| damaged("the sealed identity is damaged").caused_by(error))?;
        let text = std::str::from_utf8(&text)
            .map_err(|_| Error::new(ErrorKind::Format, "the sealed identity is not text"))?;
        if text.starts_with("-----BEGIN AGE ENCRYPTED FILE-----") {
            return Err(Error::new(
                ErrorKind::Format,
                "the sealed identity holds another sealed identity",
            ));
        }
        self.add_text(text, None)
    }
}

#[cfg(feature = "ssh")]
fn ssh_identity(text: &str, passphrase: Option<&Secret>) -> Result<Identity> {
    use age::ssh;
    let key = |message: &str| Error::new(ErrorKind::Key, message.to_owned());
    match ssh::Identity::from_buffer(text.as_bytes(), None) {
        Ok(ssh::Identity::Unencrypted(identity)) => {
            Ok(Arc::new(ssh::Identity::Unencrypted(identity)))
        }
        Ok(ssh::Identity::Encrypted(identity)) => {
            let passphrase = passphrase.ok_or_else(|| {
                key("the ssh key is protected by a passphrase, and none was given")
            })?;
            let opened = identity.decrypt(passphrase.for_age()).map_err(|error| {
                key("the passphrase does not open the ssh key").caused_by(error)
            })?;
            Ok(Arc::new(ssh::Identity::Unencrypted(opened)))
        }
        Ok(ssh::Identity::Unsupported(_)) => Err(Error::new(
            ErrorKind::Unsupported,
            "the ssh key is of a kind that age cannot use; ssh-ed25519 and ssh-rsa can be",
        )),
        Err(error) => Err(key("the file is not an ssh private key").caused_by(error)),
    }
}

#[cfg(not(feature = "ssh"))]
fn ssh_identity(_: &str, _: Option<&Secret>) -> Result<Identity> {
    Err(Error::new(
        ErrorKind::Unsupported,
        "this build cannot decrypt with ssh keys (feature \"ssh\"); use age identities, or decrypt \
         with the age command",
    ))
}

/// The text of an identity file, as age-keygen writes it.
pub(super) fn identity_file_text(identity: &age::x25519::Identity) -> Zeroizing<String> {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
    Zeroizing::new(format!(
        "# created: {now}\n# public key: {}\n{}\n",
        identity.to_public(),
        identity.to_string().expose_secret()
    ))
}

/// Makes a new key: a private file as age-keygen writes it (mode 0600). Returns the recipient,
/// `age1…`, which is no secret.
///
/// # Errors
///
/// `Conflict` if the file exists, `Key` if it cannot be written.
pub fn generate_key(path: impl AsRef<Path>) -> Result<String> {
    let identity = age::x25519::Identity::generate();
    private_file::create(path.as_ref(), &identity_file_text(&identity))?;
    Ok(identity.to_public().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::encryption::Recipients;

    #[test]
    fn a_generated_key_is_read_back_and_does_not_print() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("operator.key");
        let recipient = generate_key(&path).expect("key");
        let text = std::fs::read_to_string(&path).expect("text");
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].starts_with("# created: 2"));
        assert_eq!(lines[1], format!("# public key: {recipient}"));
        assert!(lines[2].starts_with("AGE-SECRET-KEY-1"));
        let identities = Identities::new().add_file(&path, None).expect("identities");
        assert_eq!(format!("{identities:?}"), "Identities(1)");
    }

    #[test]
    fn a_bad_line_is_named_by_number_not_by_content() {
        let error = Identities::new()
            .add_text("# x\nAGE-SECRET-KEY-1HELLO\n", None)
            .expect_err("bad");
        assert_eq!(error.kind(), ErrorKind::Key);
        assert!(error.to_string().contains("line 2"), "{error}");
        assert!(!format!("{error:?}").contains("HELLO"));
        let error = Identities::new().add_text("# x\n", None).expect_err("none");
        assert_eq!(error.kind(), ErrorKind::Key);
    }

    #[test]
    fn a_sealed_identity_opens_with_its_passphrase_only() {
        let right = Secret::new("right").expect("secret");
        let sealing = Recipients::new()
            .passphrase(right.clone())
            .seal()
            .expect("sealing");
        let sealed = sealing.sealed_identity.expect("sealed identity");
        let identities = Identities::new().add_sealed(&sealed, &right).expect("open");
        assert_eq!(identities.len(), 1);
        let wrong = Secret::new("wrong").expect("secret");
        let error = Identities::new()
            .add_sealed(&sealed, &wrong)
            .expect_err("wrong");
        assert_eq!(error.kind(), ErrorKind::Key);
        let error = Identities::new()
            .add_sealed(&sealed[..20], &right)
            .expect_err("cut");
        assert_eq!(error.kind(), ErrorKind::Stage);
    }
}
