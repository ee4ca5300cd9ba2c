//! Whom a backup is encrypted to. Used by `ops::backup`; holds public keys and perhaps a
//! passphrase, never a secret key.

use std::path::Path;
use std::sync::Arc;

use super::{Age, Secret, identities};
use crate::error::{Error, ErrorKind, Result};

/// `2^16` rounds of scrypt: 65 MiB and about 0.14 s, where age's default of about a second needs
/// a gigabyte, which a database server may not have to spare.
const WORK_FACTOR: u8 = 16;

/// No recipients file is longer.
const LONGEST_FILE: u64 = 16 << 20;

#[derive(Clone)]
pub(super) enum Recipient {
    X25519(age::x25519::Recipient),
    #[cfg(feature = "ssh")]
    Ssh(Box<age::ssh::Recipient>),
}

impl Recipient {
    pub(super) fn as_age(&self) -> &dyn age::Recipient {
        match self {
            Self::X25519(recipient) => recipient,
            #[cfg(feature = "ssh")]
            Self::Ssh(recipient) => &**recipient,
        }
    }

    fn parse(text: &str) -> Result<Self> {
        let usage = |message: String| Error::new(ErrorKind::Usage, message);
        if text.starts_with("AGE-SECRET-KEY-") || text.contains("PRIVATE KEY") {
            // Not repeated: it is a secret.
            return Err(usage(
                "a secret key was given as a recipient; give its public key, the line that \
                 begins with age1"
                    .into(),
            ));
        }
        if text.starts_with("ssh-") {
            return Self::parse_ssh(text);
        }
        match text.parse() {
            Ok(recipient) => Ok(Self::X25519(recipient)),
            Err(_) if is_plugin(text) => Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "{text:?} is a recipient of an age plugin; only age1… and ssh keys can be used"
                ),
            )),
            Err(reason) => Err(usage(format!(
                "{text:?} is not a recipient ({reason}); expected age1… or ssh-ed25519 …"
            ))),
        }
    }

    #[cfg(feature = "ssh")]
    fn parse_ssh(text: &str) -> Result<Self> {
        use age::ssh::ParseRecipientKeyError as E;
        text.parse()
            .map(|recipient| Self::Ssh(Box::new(recipient)))
            .map_err(|reason| {
                let reason = match reason {
                    E::Ignore => "it is of a kind that cannot be encrypted to".to_owned(),
                    E::Invalid(reason) => reason.to_owned(),
                    E::RsaModulusTooLarge => "its RSA modulus is too large".to_owned(),
                    E::RsaModulusTooSmall => "its RSA modulus is shorter than 2048 bits".to_owned(),
                    E::Unsupported(kind) => format!("keys of kind {kind} cannot be encrypted to"),
                    _ => "it is not understood".to_owned(),
                };
                Error::new(
                    ErrorKind::Usage,
                    format!("{text:?} is not an ssh recipient: {reason}"),
                )
            })
    }

    #[cfg(not(feature = "ssh"))]
    fn parse_ssh(_: &str) -> Result<Self> {
        Err(Error::new(
            ErrorKind::Unsupported,
            "this build cannot encrypt to ssh keys (feature \"ssh\"); use an age1… recipient, as \
             `dr key generate` makes it",
        ))
    }
}

/// `age1NAME1…`: bech32 with the plugin's name before the separator.
fn is_plugin(text: &str) -> bool {
    text.strip_prefix("age1").is_some_and(|rest| {
        rest.rsplit_once('1')
            .is_some_and(|(name, _)| !name.is_empty())
    })
}

/// Whom to encrypt to: any of the recipients, or a passphrase, can decrypt.
///
/// ```
/// # fn main() -> dr_core::Result<()> {
/// use dr_core::pipeline::encryption::Recipients;
/// let recipients = Recipients::new()
///     .add("age1lx808yhfqxju27yc2mzz3pynf64sl4sfzxtapcerd03wgejutdrqjf429v")?;
/// assert_eq!(recipients.len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Recipients {
    list: Vec<Recipient>,
    passphrase: Option<Secret>,
}

impl std::fmt::Debug for Recipients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recipients")
            .field("list", &self.list.len())
            .field("passphrase", &self.passphrase)
            .finish()
    }
}

impl Recipients {
    /// Nobody yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a recipient: `age1…`, `ssh-ed25519 …` or `ssh-rsa …` (the latter two with feature
    /// `ssh`).
    ///
    /// # Errors
    ///
    /// `Usage` if the text is none; `Unsupported` if this build cannot encrypt to it.
    #[expect(
        clippy::should_implement_trait,
        reason = "recipients are added one after another, not summed"
    )]
    pub fn add(mut self, recipient: &str) -> Result<Self> {
        self.list.push(Recipient::parse(recipient.trim())?);
        Ok(self)
    }

    /// Adds every recipient of a file: one a line; empty lines and lines that begin with `#` do
    /// not count.
    ///
    /// # Errors
    ///
    /// Those of [`add`](Self::add), naming the line; `Usage` if there is none in the file.
    pub fn add_file(mut self, path: impl AsRef<Path>) -> Result<Self> {
        use std::io::Read;
        let path = path.as_ref();
        let mut text = String::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(LONGEST_FILE).read_to_string(&mut text))
            .map_err(|error| {
                let kind = match error.kind() {
                    std::io::ErrorKind::NotFound => ErrorKind::Missing,
                    _ => ErrorKind::Key,
                };
                Error::new(kind, "the recipients file cannot be read")
                    .of_key(path.display())
                    .caused_by(error)
            })?;
        let before = self.list.len();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let recipient = Recipient::parse(line).map_err(|error| {
                Error::new(error.kind(), format!("line {}: {error}", number + 1))
                    .of_key(path.display())
            })?;
            self.list.push(recipient);
        }
        if self.list.len() == before {
            return Err(
                Error::new(ErrorKind::Usage, "no recipient is in the file").of_key(path.display())
            );
        }
        Ok(self)
    }

    /// Lets a passphrase open the backup as well.
    #[must_use]
    pub fn passphrase(mut self, passphrase: Secret) -> Self {
        self.passphrase = Some(passphrase);
        self
    }

    /// How many recipients there are, the passphrase not counted.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether nobody could decrypt.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.passphrase.is_none()
    }

    /// Makes the stage that encrypts one backup.
    ///
    /// With a passphrase this takes 65 MiB and a good tenth of a second of CPU, once: an identity
    /// is made for this backup alone, every file is encrypted to it, and it is itself sealed
    /// under the passphrase. Deriving a key from the passphrase for each of thousands of files
    /// would take that time for each, and stock age would ask for the passphrase as often; the
    /// sealed identity is what age knows as a passphrase-protected identity file (`age -d -i`).
    ///
    /// # Errors
    ///
    /// `Usage` if there is nobody to encrypt to.
    pub fn seal(&self) -> Result<Sealing> {
        if self.is_empty() {
            return Err(Error::new(
                ErrorKind::Usage,
                "encryption was asked for without a recipient or a passphrase",
            ));
        }
        let mut list = self.list.clone();
        let mut sealed_identity = None;
        if let Some(passphrase) = &self.passphrase {
            let identity = age::x25519::Identity::generate();
            list.push(Recipient::X25519(identity.to_public()));
            let text = identities::identity_file_text(&identity);
            let mut recipient = age::scrypt::Recipient::new(passphrase.for_age());
            recipient.set_work_factor(WORK_FACTOR);
            sealed_identity = Some(age::encrypt(&recipient, text.as_bytes()).map_err(|error| {
                Error::new(
                    ErrorKind::Stage,
                    "the backup's identity could not be sealed",
                )
                .caused_by(error)
            })?);
        }
        Ok(Sealing {
            stage: Age::to(Arc::new(list)),
            sealed_identity,
        })
    }
}

/// What encrypts one backup; made by [`Recipients::seal`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Sealing {
    /// The stage.
    pub stage: Age,
    /// The backup's own identity, encrypted under the passphrase: an age file, to be kept beside
    /// what the stage encrypts.
    pub sealed_identity: Option<Vec<u8>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "age1lx808yhfqxju27yc2mzz3pynf64sl4sfzxtapcerd03wgejutdrqjf429v";

    fn refused(text: &str) -> Error {
        Recipients::new().add(text).expect_err("refused")
    }

    #[test]
    fn what_is_no_recipient_is_refused_and_a_secret_key_is_not_repeated() {
        assert_eq!(refused("age1nonsense").kind(), ErrorKind::Usage);
        assert_eq!(refused("shop").kind(), ErrorKind::Usage);
        assert_eq!(
            refused("age1yubikey1q2w3e4r5t6y7u8i9o0p").kind(),
            ErrorKind::Unsupported
        );
        let secret = refused("AGE-SECRET-KEY-1QQQQ");
        assert_eq!(secret.kind(), ErrorKind::Usage);
        assert!(!secret.to_string().contains("QQQQ"));
    }

    #[test]
    fn nobody_to_encrypt_to_is_an_error() {
        let error = Recipients::new().seal().expect_err("nobody");
        assert_eq!(error.kind(), ErrorKind::Usage);
    }

    #[test]
    fn a_recipients_file_holds_several_and_comments() {
        use std::io::Write;
        let mut file = tempfile::NamedTempFile::new().expect("file");
        writeln!(file, "# operators\n\n{KEY}\n  {KEY}  ").expect("written");
        let recipients = Recipients::new().add_file(file.path()).expect("read");
        assert_eq!(recipients.len(), 2);
        writeln!(file, "nonsense").expect("written");
        let error = Recipients::new().add_file(file.path()).expect_err("line 5");
        assert!(error.to_string().contains("line 5"), "{error}");
    }

    #[cfg(not(feature = "ssh"))]
    #[test]
    fn ssh_keys_without_the_feature_are_refused_with_the_reason() {
        let error = refused(
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN",
        );
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("feature \"ssh\""));
    }

    #[cfg(feature = "ssh")]
    #[test]
    fn ssh_keys_are_recipients() {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN alice@rust";
        assert_eq!(Recipients::new().add(key).expect("ssh key").len(), 1);
        assert_eq!(refused("ssh-ed25519 AAAA").kind(), ErrorKind::Usage);
    }
}
