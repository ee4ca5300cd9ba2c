//! Encryption on rustls, by libpq's rules for what must be verified. Used by `dial`; knows neither
//! hosts to try nor logins.
//!
//! `require` encrypts without asking who is there, unless a root file exists, in which case it
//! verifies as `verify-ca` does (libpq keeps that for compatibility, and so does dr).

#[cfg(feature = "tls")]
mod files;
#[cfg(feature = "tls")]
mod rustls;
#[cfg(feature = "tls")]
mod verify;

#[cfg(feature = "tls")]
pub(super) use rustls::Encryption;

#[cfg(not(feature = "tls"))]
mod without {
    use super::super::conninfo::{Host, Tls};
    use super::super::wire::Socket;
    use crate::error::{Error, ErrorKind, Result};

    /// Built without encryption.
    #[derive(Debug, Clone)]
    pub(in super::super) enum Encryption {}

    impl Encryption {
        pub(in super::super) const AVAILABLE: bool = false;

        pub(in super::super) fn of(_: &Tls, _: &Host) -> Result<Self> {
            Err(Error::new(
                ErrorKind::Unsupported,
                "sslmode require and above need dr to be built with its feature \"tls\"",
            ))
        }

        pub(in super::super) async fn handshake(
            &self,
            _: tokio::net::TcpStream,
            _: &Host,
        ) -> Result<Box<dyn Socket>> {
            match *self {}
        }
    }
}

#[cfg(not(feature = "tls"))]
pub(super) use without::Encryption;
