//! The handshake.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::rustls::ClientConfig;
use ::rustls::crypto::CryptoProvider;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect as _, TlsStream};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::super::conninfo::{Host, Place, SslMode, Tls, TlsVersion};
use super::super::wire::Socket;
use super::files;
use super::verify::{Trust, Verifier};
use crate::error::{Error, ErrorKind, Result};

/// How to encrypt, for one host.
#[derive(Clone)]
pub(in super::super) struct Encryption {
    connector: MakeRustlsConnect,
    name: String,
}

impl fmt::Debug for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encryption")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Encryption {
    pub(in super::super) const AVAILABLE: bool = true;

    /// Reads the certificates and decides what is verified.
    ///
    /// # Errors
    ///
    /// `Usage`, naming the file.
    pub(in super::super) fn of(tls: &Tls, host: &Host) -> Result<Self> {
        // ring is named here and not taken from the process: another library in it may have
        // installed another provider, or none.
        let provider = Arc::new(::rustls::crypto::ring::default_provider());
        let versions: Vec<&'static ::rustls::SupportedProtocolVersion> = [
            (TlsVersion::V1_2, &::rustls::version::TLS12),
            (TlsVersion::V1_3, &::rustls::version::TLS13),
        ]
        .into_iter()
        .filter(|(version, _)| (tls.min..=tls.max).contains(version))
        .map(|(_, version)| version)
        .collect();
        let verifier = Verifier::new(trust(tls, &provider)?, &provider);
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions)
            .map_err(setup)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match files::client(tls)? {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(setup)?,
        };
        config.enable_sni = tls.sni;
        // Required by sslnegotiation=direct, ignored by servers before 17.
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        let name = match &host.place {
            Place::Name(name) | Place::Address(_, Some(name)) => name.clone(),
            Place::Address(address, None) => address.to_string(),
            Place::Default | Place::Unix(_) => "localhost".to_owned(),
        };
        Ok(Self {
            connector: MakeRustlsConnect::new(config),
            name,
        })
    }

    /// Encrypts a connected socket.
    ///
    /// # Errors
    ///
    /// `Connect`: the certificate is not the one expected, or no common protocol.
    pub(in super::super) async fn handshake(
        &self,
        socket: TcpStream,
        host: &Host,
    ) -> Result<Box<dyn Socket>> {
        let mut connector = self.connector.clone();
        let Ok(connect) = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut connector, &self.name);
        let stream = connect.connect(socket).await.map_err(|error| {
            Error::new(
                ErrorKind::Connect,
                format!("no encrypted connection to the server at {host}"),
            )
            .caused_by(error)
        })?;
        Ok(Box::new(Encrypted(stream)))
    }
}

/// What the mode, and the files there are, ask to be verified.
fn trust(tls: &Tls, provider: &CryptoProvider) -> Result<Trust> {
    let roots = match tls.mode {
        SslMode::Disable | SslMode::Allow | SslMode::Prefer => None,
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => files::roots(tls)?,
    };
    let Some(roots) = roots else {
        return Ok(Trust::Anybody);
    };
    let by_name = tls.mode == SslMode::VerifyFull;
    Trust::of(roots, files::revocations(tls)?, by_name, provider)
}

fn setup(error: ::rustls::Error) -> Error {
    Error::new(ErrorKind::Usage, "TLS cannot be set up as asked for").caused_by(error)
}

/// A TLS stream as a socket.
struct Encrypted<S>(S);

impl<S: TlsStream + Send + Unpin> Socket for Encrypted<S> {
    fn binding(&self) -> ChannelBinding {
        self.0.channel_binding()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
