//! Certificates, keys and revocation lists in files, and who may read them.

use std::io::ErrorKind as IoKind;
use std::path::Path;

use ::rustls::pki_types::pem::PemObject as _;
use ::rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use super::super::conninfo::{Roots, SslMode, Tls};
use crate::error::{Error, ErrorKind, Result};

/// The trusted roots, or `None` if there are none and the mode does not need any.
pub(super) fn roots(tls: &Tls) -> Result<Option<Vec<CertificateDer<'static>>>> {
    match &tls.roots {
        Roots::File(path) => match certificates(path)? {
            // libpq: a missing file matters only where the mode asks for verification.
            None if tls.mode < SslMode::VerifyCa => Ok(None),
            None => Err(missing_roots(path)),
            some => Ok(some),
        },
        Roots::Default(path) => {
            let found = match path {
                Some(path) => certificates(path)?,
                None => None,
            };
            if found.is_none() && tls.mode >= SslMode::VerifyCa {
                return Err(match path {
                    Some(path) => missing_roots(path),
                    None => Error::new(
                        ErrorKind::Usage,
                        "sslmode asks for verification, but neither sslrootcert nor a home directory is known",
                    ),
                });
            }
            Ok(found)
        }
        Roots::System => {
            let found = rustls_native_certs::load_native_certs();
            if found.certs.is_empty() {
                let mut error = Error::new(
                    ErrorKind::Usage,
                    "sslrootcert=system: the operating system's certificates cannot be found",
                );
                if let Some(cause) = found.errors.into_iter().next() {
                    error = error.caused_by(cause);
                }
                return Err(error);
            }
            Ok(Some(found.certs))
        }
    }
}

fn missing_roots(path: &Path) -> Error {
    Error::new(
        ErrorKind::Usage,
        format!(
            "root certificate file \"{}\" does not exist; provide it, use sslrootcert=system, \
             or use sslmode=require to do without verification",
            path.display()
        ),
    )
}

/// The certificates of a PEM file; `None` if it does not exist.
fn certificates(path: &Path) -> Result<Option<Vec<CertificateDer<'static>>>> {
    let Some(pem) = contents(path, "certificate")? else {
        return Ok(None);
    };
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err(unreadable(path, "holds no certificate in PEM form")),
        Ok(found) => Ok(Some(found)),
        Err(error) => Err(unreadable(path, "is not PEM").caused_by(error)),
    }
}

/// The revocation lists that apply.
pub(super) fn revocations(tls: &Tls) -> Result<Vec<CertificateRevocationListDer<'static>>> {
    let Some((path, named)) = &tls.crl else {
        return Ok(Vec::new());
    };
    let Some(pem) = contents(path, "revocation list")? else {
        if *named {
            return Err(unreadable(path, "does not exist, but sslcrl names it"));
        }
        return Ok(Vec::new());
    };
    CertificateRevocationListDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable(path, "is not PEM").caused_by(error))
}

/// The client's chain and key, if it has one. As in libpq a certificate that is not there is no
/// error: the server may not ask for one.
pub(super) fn client(
    tls: &Tls,
) -> Result<Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>> {
    let Some((path, _)) = &tls.cert else {
        return Ok(None);
    };
    let Some(chain) = certificates(path)? else {
        return Ok(None);
    };
    let Some(key) = &tls.key else {
        return Err(unreadable(path, "is there, but no sslkey goes with it"));
    };
    check_key_permissions(key)?;
    let Some(pem) = contents(key, "key")? else {
        return Err(unreadable(
            key,
            &format!(
                "does not exist, but certificate \"{}\" does",
                path.display()
            ),
        ));
    };
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| {
        unreadable(key, "holds no unencrypted private key in PEM form").caused_by(error)
    })?;
    Ok(Some((chain, key)))
}

/// libpq's rule: others must not be able to read the key, unless root owns it, in which case the
/// group may.
fn check_key_permissions(path: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let Ok(metadata) = std::fs::metadata(path) else {
            return Ok(()); // Its absence is told by whoever reads it.
        };
        if !metadata.is_file() {
            return Err(unreadable(path, "is not a regular file"));
        }
        let forbidden = if metadata.uid() == 0 { 0o037 } else { 0o077 };
        if metadata.mode() & forbidden != 0 {
            return Err(unreadable(
                path,
                "has group or world access; it must have permissions u=rw (0600) or less \
                 if owned by the current user, or u=rw,g=r (0640) or less if owned by root",
            ));
        }
    }
    Ok(())
}

fn contents(path: &Path, what: &str) -> Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), IoKind::NotFound | IoKind::NotADirectory) => Ok(None),
        Err(error) => {
            Err(unreadable(path, &format!("cannot be read as a {what} file")).caused_by(error))
        }
    }
}

fn unreadable(path: &Path, why: &str) -> Error {
    Error::new(
        ErrorKind::Usage,
        format!("file \"{}\" {why}", path.display()),
    )
}
