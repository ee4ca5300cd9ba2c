//! Keys and passphrases: from files and variables, never from arguments. Used by `command`.

use dr_core::Result;
use dr_core::pipeline::encryption::{Identities, Secret};
use dr_core::pipeline::keys::Keys;
use std::path::Path;

use crate::args::KeyOptions;

/// The variable that may hold a passphrase.
const PASSPHRASE: &str = "DR_PASSPHRASE";

/// The passphrase of a file, else of the variable.
pub(crate) fn passphrase(file: Option<&Path>) -> Result<Option<Secret>> {
    match file {
        Some(file) => Secret::from_file(file).map(Some),
        None if std::env::var_os(PASSPHRASE).is_some() => Secret::from_env(PASSPHRASE).map(Some),
        None => Ok(None),
    }
}

/// What opens a backup.
pub(crate) fn keys(options: &KeyOptions) -> Result<Keys> {
    let passphrase = passphrase(options.passphrase_file.as_deref())?;
    let mut identities = Identities::new();
    for file in &options.identity {
        identities = identities.add_file(file, passphrase.as_ref())?;
    }
    let keys = Keys::none().identities(identities);
    Ok(match passphrase {
        Some(passphrase) => keys.passphrase(passphrase),
        None => keys,
    })
}
