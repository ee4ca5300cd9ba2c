//! Doors for `fuzz/laws` to the password and service files, and to what no user may print. Behind
//! the feature `fuzzing`; no part of the API.

use zeroize::Zeroizing;

use super::ConnInfo;
use super::pgpass::PasswordFile;
use crate::error::Result;

/// What a password file with this text says.
pub fn password_in(
    text: &[u8],
    host: &str,
    port: u16,
    dbname: &str,
    user: &str,
) -> Option<Vec<u8>> {
    PasswordFile::of(Zeroizing::new(text.to_vec()))
        .find(host, port, dbname, user)
        .map(|secret| secret.expose().to_vec())
}

/// Keywords and values.
pub type Pairs = Vec<(&'static str, Vec<u8>)>;

/// What a service file with this text says.
pub fn service_in(service: &str, text: &str) -> Result<Option<Pairs>> {
    let pairs = super::service::in_file(service, text, "pg_service.conf")?;
    Ok(pairs.map(|pairs| {
        let exposed = |(name, value): (_, super::Secret)| (name, value.expose().to_vec());
        pairs.into_iter().map(exposed).collect()
    }))
}

/// The password that the first host would be sent.
pub fn password_of(info: &ConnInfo) -> Option<Vec<u8>> {
    let host = info.hosts.first()?;
    info.password_for(host)
        .map(|secret| secret.expose().to_vec())
}
