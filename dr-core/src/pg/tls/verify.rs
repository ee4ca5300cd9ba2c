//! Who the server must be: nobody in particular, somebody a root vouches for, or the very host.
//!
//! webpki is stricter than OpenSSL in two ways that certificates made by PostgreSQL's own manual
//! run into: it takes neither a self-signed certificate that may also sign (`openssl req -x509`)
//! nor one of X.509 version 1 (`openssl x509 -req`) from a server. Such a certificate is checked
//! here instead: signed by a root, both within their dates, and the name where that is asked for.

use std::sync::Arc;

use ::rustls::client::WebPkiServerVerifier;
use ::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use ::rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use ::rustls::pki_types::{
    AlgorithmIdentifier, CertificateDer, CertificateRevocationListDer, ServerName, UnixTime,
};
use ::rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};
use x509_cert::Certificate;
use x509_cert::der::oid::db::rfc4519::CN;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::error::{Error, ErrorKind, Result};

/// What a server's certificate is held against.
#[derive(Debug)]
pub(super) enum Trust {
    /// Encryption alone.
    Anybody,
    /// One of these roots must have signed.
    Roots(Box<Roots>),
}

#[derive(Debug)]
pub(super) struct Roots {
    webpki: Arc<WebPkiServerVerifier>,
    roots: Vec<CertificateDer<'static>>,
    revocations: bool,
    by_name: bool,
}

impl Trust {
    /// Roots, revocation lists, and whether the name must be right as well.
    ///
    /// # Errors
    ///
    /// `Usage` if no root can be used.
    pub(super) fn of(
        roots: Vec<CertificateDer<'static>>,
        revocations: Vec<CertificateRevocationListDer<'static>>,
        by_name: bool,
        provider: &CryptoProvider,
    ) -> Result<Self> {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(roots.iter().cloned());
        let with_list = !revocations.is_empty();
        let webpki = WebPkiServerVerifier::builder_with_provider(
            Arc::new(store),
            Arc::new(provider.clone()),
        )
        .with_crls(revocations)
        .build()
        .map_err(|error| {
            Error::new(ErrorKind::Usage, "the root certificates cannot be used").caused_by(error)
        })?;
        Ok(Self::Roots(Box::new(Roots {
            webpki,
            roots,
            revocations: with_list,
            by_name,
        })))
    }
}

/// rustls' question, answered by a [`Trust`].
#[derive(Debug)]
pub(super) struct Verifier {
    trust: Trust,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    pub(super) fn new(trust: Trust, provider: &CryptoProvider) -> Self {
        Self {
            trust,
            algorithms: provider.signature_verification_algorithms,
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, ::rustls::Error> {
        let Trust::Roots(trust) = &self.trust else {
            return Ok(ServerCertVerified::assertion());
        };
        let verdict = trust.webpki.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verdict {
            Ok(sound) => Ok(sound),
            // webpki compares names last: the chain is sound.
            Err(::rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => {
                if trust.by_name {
                    // It looks at subject alternative names only; libpq falls back to the CN.
                    let certificate = parse(end_entity)?;
                    check_name(&certificate, server_name)?;
                }
                Ok(ServerCertVerified::assertion())
            }
            Err(strict) => {
                // With a revocation list what webpki refuses stays refused.
                if trust.revocations || !signed_by_root(end_entity, trust, &self.algorithms, now) {
                    return Err(strict);
                }
                if trust.by_name {
                    check_name(&parse(end_entity)?, server_name)?;
                }
                Ok(ServerCertVerified::assertion())
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, ::rustls::Error> {
        ::rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, ::rustls::Error> {
        ::rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn parse(certificate: &CertificateDer<'_>) -> Result<Certificate, ::rustls::Error> {
    Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding.into())
}

/// Whether a certificate webpki has no name for (self-signed, or of version 1) is signed by a root
/// itself, both being within their dates.
fn signed_by_root(
    leaf: &CertificateDer<'_>,
    trust: &Roots,
    algorithms: &WebPkiSupportedAlgorithms,
    now: UnixTime,
) -> bool {
    let Ok(parsed) = parse(leaf) else {
        return false;
    };
    let self_signed = trust
        .roots
        .iter()
        .any(|root| root.as_ref() == leaf.as_ref());
    if !self_signed && parsed.tbs_certificate.version != x509_cert::Version::V1 {
        return false;
    }
    within_dates(&parsed, now)
        && trust.roots.iter().any(|root| {
            parse(root).is_ok_and(|root| {
                root.tbs_certificate.subject == parsed.tbs_certificate.issuer
                    && within_dates(&root, now)
                    && signature_holds(&parsed, &root, algorithms).unwrap_or(false)
            })
        })
}

fn within_dates(certificate: &Certificate, now: UnixTime) -> bool {
    let validity = &certificate.tbs_certificate.validity;
    let now = now.as_secs();
    validity.not_before.to_unix_duration().as_secs() <= now
        && now <= validity.not_after.to_unix_duration().as_secs()
}

/// Whether `root`'s key made the signature; `None` if something cannot be read.
fn signature_holds(
    leaf: &Certificate,
    root: &Certificate,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Option<bool> {
    // pki-types compares algorithm identifiers without the outer SEQUENCE header.
    let identifier = |algorithm: &x509_cert::spki::AlgorithmIdentifierOwned| {
        let mut bytes = algorithm.oid.to_der().ok()?;
        if let Some(parameters) = &algorithm.parameters {
            bytes.extend(parameters.to_der().ok()?);
        }
        Some(bytes)
    };
    let is = |known: &AlgorithmIdentifier, bytes: &[u8]| known.as_ref() == bytes;
    let key = &root.tbs_certificate.subject_public_key_info;
    let key_algorithm = identifier(&key.algorithm)?;
    let signature_algorithm = identifier(&leaf.signature_algorithm)?;
    let signed = leaf.tbs_certificate.to_der().ok()?;
    Some(algorithms.all.iter().any(|algorithm| {
        is(&algorithm.public_key_alg_id(), &key_algorithm)
            && is(&algorithm.signature_alg_id(), &signature_algorithm)
            && algorithm
                .verify_signature(
                    key.subject_public_key.raw_bytes(),
                    &signed,
                    leaf.signature.raw_bytes(),
                )
                .is_ok()
    }))
}

/// libpq's rule: subject alternative names where there are any of the kind, else the common name.
fn check_name(certificate: &Certificate, name: &ServerName<'_>) -> Result<(), ::rustls::Error> {
    let wanted = name.to_str();
    let wanted_address = match name {
        ServerName::IpAddress(address) => Some(std::net::IpAddr::from(*address)),
        _ => None,
    };
    let alternatives = certificate
        .tbs_certificate
        .get::<SubjectAltName>()
        .ok()
        .flatten()
        .map(|(_, names)| names.0)
        .unwrap_or_default();
    let mut use_common_name = true;
    let mut matched = false;
    for alternative in &alternatives {
        match alternative {
            GeneralName::DnsName(dns) => {
                use_common_name = false;
                matched |= name_matches(dns.as_str(), &wanted);
            }
            GeneralName::IpAddress(octets) => {
                use_common_name = false;
                matched |= match (octets.as_bytes(), wanted_address) {
                    (bytes, Some(std::net::IpAddr::V4(address))) => bytes == address.octets(),
                    (bytes, Some(std::net::IpAddr::V6(address))) => bytes == address.octets(),
                    (_, None) => false,
                };
            }
            _ => {}
        }
    }
    if use_common_name {
        let common_name = certificate
            .tbs_certificate
            .subject
            .0
            .iter()
            .flat_map(|part| part.0.iter())
            .filter(|attribute| attribute.oid == CN)
            .find_map(|attribute| std::str::from_utf8(attribute.value.value()).ok());
        matched = common_name.is_some_and(|common_name| name_matches(common_name, &wanted));
    }
    if matched {
        Ok(())
    } else {
        Err(CertificateError::NotValidForName.into())
    }
}

/// Whether a certificate's name covers a host; a leading `*.` stands for one label.
fn name_matches(pattern: &str, host: &str) -> bool {
    if pattern.eq_ignore_ascii_case(host) {
        return true;
    }
    let (Some(suffix), Some(dot)) = (pattern.strip_prefix('*'), host.find('.')) else {
        return false;
    };
    // "*." must be followed by more than one label, and covers exactly one.
    suffix.starts_with('.')
        && suffix.len() > 1
        && dot > 0
        && host[dot..].eq_ignore_ascii_case(suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_covers_one_label() {
        assert!(name_matches("db.Example.com", "DB.example.com"));
        assert!(name_matches("*.example.com", "db.example.com"));
        assert!(!name_matches("*.example.com", "example.com"));
        assert!(!name_matches("*.example.com", "a.b.example.com"));
        assert!(!name_matches("*", "localhost"));
        assert!(!name_matches("d*.example.com", "db.example.com"));
    }
}
