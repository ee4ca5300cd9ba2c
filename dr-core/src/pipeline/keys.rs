//! What opens a stored backup: secret keys, a passphrase, and stages of the caller's own.
//!
//! Used by `repo`, which knows the marks of the stages a backup passed; never prints a secret.

use std::sync::Arc;

use super::Stage;
use super::encryption::{self, Age, Identities, Secret};
use crate::error::{Error, ErrorKind, Result};

/// What opens a stored backup.
#[derive(Clone, Default)]
pub struct Keys {
    identities: Identities,
    passphrase: Option<Secret>,
    stages: Vec<Arc<dyn Stage>>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys")
            .field("identities", &self.identities)
            .field("passphrase", &self.passphrase)
            .field("stages", &self.marks())
            .finish()
    }
}

impl From<Identities> for Keys {
    fn from(identities: Identities) -> Self {
        Self::none().identities(identities)
    }
}

impl Keys {
    /// Nothing: opens what is not encrypted.
    pub fn none() -> Self {
        Self::default()
    }

    /// With these secret keys, in place of those given before.
    #[must_use]
    pub fn identities(mut self, identities: Identities) -> Self {
        self.identities = identities;
        self
    }

    /// With this passphrase.
    #[must_use]
    pub fn passphrase(mut self, passphrase: Secret) -> Self {
        self.passphrase = Some(passphrase);
        self
    }

    /// With a stage of the caller's own, which backups name by its mark.
    #[must_use]
    pub fn stage(mut self, stage: Arc<dyn Stage>) -> Self {
        self.stages.push(stage);
        self
    }

    /// The stages that undo those with the given marks, in the same order. `sealed_identity` is
    /// the backup's own identity under its passphrase, if it has one.
    ///
    /// # Errors
    ///
    /// `Key` if a key, the passphrase or a caller's stage is missing or the wrong one.
    pub async fn stages(
        &self,
        marks: &[String],
        sealed_identity: Option<Vec<u8>>,
    ) -> Result<Vec<Arc<dyn Stage>>> {
        let mut stages = Vec::with_capacity(marks.len());
        let mut sealed_identity = sealed_identity;
        for mark in marks {
            let stage: Arc<dyn Stage> = if mark == encryption::MARK {
                Arc::new(Age::opening(self.unsealed(sealed_identity.take()).await?))
            } else {
                self.stages
                    .iter()
                    .find(|stage| stage.mark() == mark)
                    .cloned()
                    .ok_or_else(|| {
                        Error::new(
                            ErrorKind::Key,
                            format!(
                                "the backup passed a stage marked {mark:?} that dr does not have; \
                                 whoever made it must give it to read the backup"
                            ),
                        )
                    })?
            };
            stages.push(stage);
        }
        Ok(stages)
    }

    async fn unsealed(&self, sealed: Option<Vec<u8>>) -> Result<Identities> {
        let identities = self.identities.clone();
        let has_sealed = sealed.is_some();
        match (&self.passphrase, sealed) {
            (Some(passphrase), Some(sealed)) => {
                let passphrase = passphrase.clone();
                let only_passphrase = identities.is_empty();
                let kept = identities.clone();
                // scrypt: a tenth of a second and more of nothing but work.
                let opened = tokio::task::spawn_blocking(move || {
                    identities.add_sealed(&sealed, &passphrase)
                })
                .await
                .map_err(|error| {
                    Error::new(ErrorKind::Bug, "opening the sealed identity failed")
                        .caused_by(error)
                })?;
                match opened {
                    Ok(identities) => Ok(identities),
                    Err(error) if only_passphrase => Err(error),
                    // The passphrase may belong to the identity file, not to the backup.
                    Err(_) => Ok(kept),
                }
            }
            _ if !identities.is_empty() => Ok(identities),
            (Some(_), None) => Err(Error::new(
                ErrorKind::Key,
                "the backup is encrypted to keys, not to a passphrase: give an identity file",
            )),
            _ => Err(Error::new(
                ErrorKind::Key,
                if has_sealed {
                    "the backup is encrypted: give its passphrase or an identity file"
                } else {
                    "the backup is encrypted: give an identity file"
                },
            )),
        }
    }

    fn marks(&self) -> Vec<&str> {
        self.stages.iter().map(|stage| stage.mark()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::encryption::Recipients;

    #[tokio::test]
    async fn a_missing_key_passphrase_or_stage_is_named() {
        let marks = |marks: &[&str]| {
            marks
                .iter()
                .map(|mark| mark.to_string())
                .collect::<Vec<_>>()
        };
        let none = Keys::none();
        assert!(
            none.stages(&[], None)
                .await
                .expect("nothing to open")
                .is_empty()
        );
        for (wanted, words) in [
            (marks(&["age"]), "identity file"),
            (marks(&["xor"]), "\"xor\""),
        ] {
            let error = none.stages(&wanted, None).await.err().expect("missing");
            assert_eq!(error.kind(), ErrorKind::Key);
            assert!(error.to_string().contains(words), "{error}");
        }
        let secret = Secret::new("right").expect("secret");
        let sealing = Recipients::new()
            .passphrase(secret.clone())
            .seal()
            .expect("sealing");
        let sealed = sealing.sealed_identity;
        let right = Keys::none().passphrase(secret);
        right
            .stages(&marks(&["age"]), sealed.clone())
            .await
            .expect("opens");
        let wrong = Keys::none().passphrase(Secret::new("wrong").expect("secret"));
        let error = wrong
            .stages(&marks(&["age"]), sealed)
            .await
            .err()
            .expect("wrong");
        assert!(error.to_string().contains("wrong passphrase"), "{error}");
    }
}
