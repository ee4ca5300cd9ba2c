//! From a connection string to a connection: hosts in turn, sockets, encryption, login.
//!
//! Used by `session` and `target`. Follows libpq's `PQconnectPoll` in what is tried, in which order,
//! and after which failure the next host is. Knows nothing of what the connection is for.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rand::seq::SliceRandom as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::tls::TlsConnect;

use super::conn::server_error;
use super::conninfo::{
    ChannelBinding, ConnInfo, DEFAULT_SOCKET_DIRECTORIES, Host, Place, SslMode, TargetSession,
};
use super::tls::Encryption;
use super::wire::{Control, Socket, Wire};
use crate::error::{Error, ErrorKind, Result};

/// How long a request to cancel may take before it is given up.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that has logged in.
pub(super) struct Link {
    pub(super) client: tokio_postgres::Client,
    pub(super) control: Arc<Control>,
    pub(super) route: Arc<Route>,
}

/// The way that was found to a server, to be taken again by a request to cancel.
pub(super) struct Route {
    host: Host,
    address: Address,
    encryption: Option<Encryption>,
    info: ConnInfo,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("host", &self.host)
            .field("address", &self.address)
            .field("encrypted", &self.encryption.is_some())
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone)]
enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// Connects to the first host that answers, lets the role in and is of the kind asked for.
///
/// # Errors
///
/// `Connect`, with the SQLSTATE where a server said no; with several hosts, what each of them said.
pub(super) async fn dial(info: &ConnInfo, application_name: &str) -> Result<Link> {
    let mut hosts = info.hosts.clone();
    if info.load_balance {
        hosts.shuffle(&mut rand::rng());
    }
    let passes: &[TargetSession] = match info.target {
        TargetSession::PreferStandby => &[TargetSession::Standby, TargetSession::Any],
        _ => std::slice::from_ref(&info.target),
    };
    let mut failures: Vec<(Host, Error)> = Vec::new();
    for target in passes {
        failures.clear();
        for host in &hosts {
            match try_host(info, host, *target, application_name).await {
                Ok(link) => return Ok(link),
                // A server that was reached and refuses the role has answered for all of them.
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::NextHost(error)) => failures.push((host.clone(), error)),
            }
        }
    }
    if failures.len() == 1 {
        return Err(failures.swap_remove(0).1);
    }
    let said: Vec<String> = failures
        .iter()
        .map(|(host, error)| format!("{host}: {}", chain(error)))
        .collect();
    Err(Error::new(
        ErrorKind::Connect,
        format!(
            "none of {} hosts could be used for database {}: {}",
            failures.len(),
            info.dbname,
            said.join("; ")
        ),
    ))
}

/// An error and its causes in one line.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

enum Failure {
    /// Another host may do better.
    NextHost(Error),
    /// It makes no sense to go on.
    Final(Error),
}

async fn try_host(
    info: &ConnInfo,
    host: &Host,
    target: TargetSession,
    application_name: &str,
) -> Result<Link, Failure> {
    let mut addresses = resolve(info, host).await.map_err(Failure::NextHost)?;
    if info.load_balance {
        addresses.shuffle(&mut rand::rng());
    }
    let mut last = None;
    for address in addresses {
        match try_address(info, host, address, application_name).await {
            Ok(link) => {
                match check_target(&link.client, target).await {
                    Ok(None) => return Ok(link),
                    Ok(Some(why)) => {
                        last = Some(refused(host, why));
                        continue;
                    }
                    Err(error) => return Err(Failure::NextHost(error)),
                };
            }
            Err(Failure::NextHost(error)) => last = Some(error),
            Err(failure) => return Err(failure),
        }
    }
    Err(Failure::NextHost(last.unwrap_or_else(|| {
        refused(host, "the name has no address".to_owned())
    })))
}

fn refused(host: &Host, why: String) -> Error {
    Error::new(
        ErrorKind::Connect,
        format!("cannot use the server at {host}: {why}"),
    )
}

/// The addresses of a host.
async fn resolve(info: &ConnInfo, host: &Host) -> Result<Vec<Address>> {
    let file = format!(".s.PGSQL.{}", host.port);
    Ok(match &host.place {
        Place::Unix(directory) => vec![Address::Unix(directory.join(file))],
        Place::Default => {
            let paths: Vec<PathBuf> = DEFAULT_SOCKET_DIRECTORIES
                .iter()
                .map(|directory| PathBuf::from(directory).join(&file))
                .collect();
            let there: Vec<_> = paths.iter().filter(|path| path.exists()).cloned().collect();
            let paths = if there.is_empty() { paths } else { there };
            paths.into_iter().map(Address::Unix).collect()
        }
        Place::Address(address, _) => vec![Address::Tcp((*address, host.port).into())],
        Place::Name(name) => {
            let lookup = tokio::net::lookup_host((name.as_str(), host.port));
            let found = within(info.connect_timeout, lookup)
                .await
                .map_err(|error| {
                    Error::new(
                        ErrorKind::Connect,
                        format!("could not translate host name \"{name}\" to an address"),
                    )
                    .caused_by(error)
                })?;
            found.map(Address::Tcp).collect()
        }
    })
}

/// `connect_timeout` holds for each address by itself.
async fn within<T>(
    limit: Option<Duration>,
    work: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    match limit {
        None => work.await,
        Some(limit) => tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
            Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("no answer within connect_timeout of {} s", limit.as_secs()),
            ))
        }),
    }
}

/// Tries one address, with and without encryption as `sslmode` has it.
async fn try_address(
    info: &ConnInfo,
    host: &Host,
    address: Address,
    application_name: &str,
) -> Result<Link, Failure> {
    // As in libpq, sslmode means nothing on a unix socket.
    let mode = match address {
        Address::Unix(_) => SslMode::Disable,
        Address::Tcp(_) if !Encryption::AVAILABLE && info.tls.mode <= SslMode::Prefer => {
            SslMode::Disable
        }
        Address::Tcp(_) => info.tls.mode,
    };
    let attempts: &[Attempt] = match mode {
        SslMode::Disable => &[Attempt::Plain],
        SslMode::Allow => &[Attempt::Plain, Attempt::Encrypted],
        SslMode::Prefer => &[Attempt::EncryptedIfOffered, Attempt::Plain],
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => &[Attempt::Encrypted],
    };
    let encryption = match mode {
        SslMode::Disable => None,
        _ => Some(Encryption::of(&info.tls, host).map_err(Failure::Final)?),
    };
    let mut outcome = None;
    for attempt in attempts {
        let work = log_in(
            info,
            host,
            &address,
            *attempt,
            encryption.as_ref(),
            application_name,
        );
        let tried = match info.connect_timeout {
            None => work.await,
            Some(limit) => tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
                Err(Refusal::Unreachable(refused(
                    host,
                    format!("no answer within connect_timeout of {} s", limit.as_secs()),
                )))
            }),
        };
        match tried {
            Ok(link) => return Ok(link),
            Err(Refusal::Unreachable(error)) => return Err(Failure::NextHost(error)),
            // The other way, encrypted or not, may be the one pg_hba.conf provides for.
            Err(Refusal::Rejected(error)) => {
                outcome.get_or_insert(Failure::Final(error));
            }
            Err(Refusal::Handshake(error)) => {
                outcome.get_or_insert(Failure::NextHost(error));
            }
            Err(Refusal::NotNow(error)) => return Err(Failure::NextHost(error)),
            Err(Refusal::Denied(error)) => return Err(Failure::Final(error)),
        }
    }
    Err(outcome.expect("every mode has an attempt, and it ended with a refusal"))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    Plain,
    Encrypted,
    EncryptedIfOffered,
}

/// Why a login did not come about.
enum Refusal {
    /// No socket.
    Unreachable(Error),
    /// No agreement on encryption.
    Handshake(Error),
    /// 57P03: starting up, shutting down, not accepting connections.
    NotNow(Error),
    /// pg_hba.conf has no line for this way of connecting.
    Rejected(Error),
    /// Anything else the server or the driver has against the login.
    Denied(Error),
}

async fn log_in(
    info: &ConnInfo,
    host: &Host,
    address: &Address,
    attempt: Attempt,
    encryption: Option<&Encryption>,
    application_name: &str,
) -> Result<Link, Refusal> {
    let socket = open(info, host, address)
        .await
        .map_err(Refusal::Unreachable)?;
    let (socket, encryption): (Box<dyn Socket>, _) = match (socket, attempt) {
        (Opened::Unix(socket), _) => (Box::new(socket), None),
        (Opened::Tcp(socket), Attempt::Plain) => (Box::new(socket), None),
        (Opened::Tcp(mut socket), _) => {
            let encryption =
                encryption.expect("an encrypted attempt is made only where there is a setup");
            if info.tls.direct
                || offered(&mut socket, host)
                    .await
                    .map_err(Refusal::Handshake)?
            {
                let socket = encryption
                    .handshake(socket, host)
                    .await
                    .map_err(Refusal::Handshake)?;
                (socket, Some(encryption.clone()))
            } else if attempt == Attempt::EncryptedIfOffered {
                (Box::new(socket), None)
            } else {
                return Err(Refusal::Handshake(refused(
                    host,
                    "it does not support SSL, but SSL was required by sslmode".to_owned(),
                )));
            }
        }
    };
    let mut config = tokio_postgres::Config::new();
    config
        .user(&info.user)
        .dbname(&info.dbname)
        .application_name(info.application_name.as_deref().unwrap_or(application_name))
        .channel_binding(match info.channel_binding {
            ChannelBinding::Disable => tokio_postgres::config::ChannelBinding::Disable,
            ChannelBinding::Prefer => tokio_postgres::config::ChannelBinding::Prefer,
            ChannelBinding::Require => tokio_postgres::config::ChannelBinding::Require,
        });
    if let Some(options) = &info.options {
        config.options(options);
    }
    if let Some(password) = info.password_for(host) {
        config.password(password.expose());
    }
    agreed(&mut config, encryption.is_some());
    let (wire, control) = Wire::new(socket, info.require_auth);
    let (client, connection) = config.connect_raw(wire, Agreed).await.map_err(|error| {
        if error.code().is_none() && control.password_asked() && info.password_for(host).is_none() {
            return Refusal::Denied(info.password_wanted(host));
        }
        login_refused(info, host, error)
    })?;
    tokio::spawn(drive(connection, Arc::clone(&control)));
    Ok(Link {
        client,
        control,
        route: Arc::new(Route {
            host: host.clone(),
            address: address.clone(),
            encryption,
            info: info.clone(),
        }),
    })
}

fn login_refused(info: &ConnInfo, host: &Host, error: tokio_postgres::Error) -> Refusal {
    let what = format!(
        "the server at {host} does not let role {} into database {}",
        info.user, info.dbname
    );
    let Some(code) = error.code().map(|code| code.code().to_owned()) else {
        return Refusal::Denied(Error::new(ErrorKind::Connect, what).caused_by(error));
    };
    let error = Error::new(ErrorKind::Connect, what)
        .with_sqlstate(code.clone())
        .caused_by(server_error(error));
    match code.as_str() {
        // cannot_connect_now
        "57P03" => Refusal::NotNow(error),
        // invalid_authorization_specification: no line in pg_hba.conf
        "28000" => Refusal::Rejected(error),
        _ => Refusal::Denied(error),
    }
}

/// Whether encryption is there already is settled before the driver gets the stream; telling it
/// "direct" makes it take the stream as it is and ask it for the channel binding.
fn agreed(config: &mut tokio_postgres::Config, encrypted: bool) {
    if encrypted {
        config
            .ssl_mode(tokio_postgres::config::SslMode::Require)
            .ssl_negotiation(tokio_postgres::config::SslNegotiation::Direct);
    } else {
        config.ssl_mode(tokio_postgres::config::SslMode::Disable);
    }
}

/// The handshake that has been made already.
struct Agreed;

impl TlsConnect<Wire> for Agreed {
    type Stream = Wire;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<Wire>>;

    fn connect(self, wire: Wire) -> Self::Future {
        std::future::ready(Ok(wire))
    }
}

/// Moves the connection's bytes until it is closed; notices go to the log.
async fn drive(mut connection: tokio_postgres::Connection<Wire, Wire>, control: Arc<Control>) {
    use tokio_postgres::AsyncMessage;
    loop {
        match std::future::poll_fn(|cx| connection.poll_message(cx)).await {
            Some(Ok(AsyncMessage::Notice(notice))) => {
                tracing::debug!(severity = notice.severity(), "{}", notice.message());
            }
            Some(Ok(_)) => {}
            // Whoever waits for an answer is told only that there is none.
            Some(Err(error)) => {
                tracing::debug!("connection lost: {error}");
                control.lose(error);
                return;
            }
            None => return,
        }
    }
}

enum Opened {
    Tcp(TcpStream),
    Unix(UnixStream),
}

async fn open(info: &ConnInfo, host: &Host, address: &Address) -> Result<Opened> {
    let failed = |error: io::Error| {
        let at = match address {
            Address::Tcp(address) => format!("{host} ({address})"),
            Address::Unix(path) => path.display().to_string(),
        };
        Error::new(ErrorKind::Connect, format!("cannot reach a server at {at}")).caused_by(error)
    };
    match address {
        Address::Tcp(at) => {
            let socket = within(info.connect_timeout, TcpStream::connect(at))
                .await
                .map_err(failed)?;
            settle(info, &socket).map_err(failed)?;
            Ok(Opened::Tcp(socket))
        }
        Address::Unix(path) => within(info.connect_timeout, open_unix(path))
            .await
            .map(Opened::Unix)
            .map_err(failed),
    }
}

async fn open_unix(path: &std::path::Path) -> io::Result<UnixStream> {
    #[cfg(target_os = "linux")]
    if let Some(name) = path.to_str().and_then(|path| path.strip_prefix('@')) {
        use std::os::linux::net::SocketAddrExt as _;
        let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
        let socket = std::os::unix::net::UnixStream::connect_addr(&address)?;
        socket.set_nonblocking(true)?;
        return UnixStream::from_std(socket);
    }
    UnixStream::connect(path).await
}

/// Options of a TCP socket.
fn settle(info: &ConnInfo, socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let socket = socket2::SockRef::from(socket);
    if let Some(keepalive) = info.keepalive {
        let mut options = socket2::TcpKeepalive::new();
        if let Some(idle) = keepalive.idle {
            options = options.with_time(idle);
        }
        if let Some(interval) = keepalive.interval {
            options = options.with_interval(interval);
        }
        if let Some(count) = keepalive.count {
            options = options.with_retries(count);
        }
        socket.set_tcp_keepalive(&options)?;
    }
    #[cfg(target_os = "linux")]
    if let Some(timeout) = info.tcp_user_timeout {
        socket.set_tcp_user_timeout(Some(timeout))?;
    }
    Ok(())
}

/// Asks whether the server would encrypt.
async fn offered(socket: &mut TcpStream, host: &Host) -> Result<bool> {
    // SSLRequest: its length and 80877103, the code that no protocol version can have.
    const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x2F];
    let ask = async {
        socket.write_all(&SSL_REQUEST).await?;
        socket.read_u8().await
    };
    match ask.await {
        Ok(b'S') => Ok(true),
        Ok(b'N') => Ok(false),
        Ok(other) => Err(refused(
            host,
            format!("it answered the request for SSL with byte {other:#04x}, as no server does"),
        )),
        Err(error) => {
            Err(refused(host, "it did not answer the request for SSL".to_owned()).caused_by(error))
        }
    }
}

/// Why the server is not of the kind asked for, if it is not.
async fn check_target(
    client: &tokio_postgres::Client,
    target: TargetSession,
) -> Result<Option<String>> {
    if target == TargetSession::Any {
        return Ok(None);
    }
    let row = client
        .query_one(
            "SELECT pg_catalog.pg_is_in_recovery(), \
             pg_catalog.current_setting('transaction_read_only') = 'on'",
            &[],
        )
        .await
        .map_err(server_error)?;
    let (standby, read_only): (bool, bool) = (row.get(0), row.get(1));
    let why = match target {
        TargetSession::ReadWrite if read_only => "session is read-only",
        TargetSession::ReadOnly if !read_only => "session is not read-only",
        TargetSession::Primary if standby => "server is in hot standby mode",
        TargetSession::Standby if !standby => "server is not in hot standby mode",
        _ => return Ok(None),
    };
    Ok(Some(why.to_owned()))
}

impl Route {
    /// Asks the server to stop what the connection behind `token` is doing.
    pub(super) async fn cancel(&self, token: &tokio_postgres::CancelToken) -> Result<()> {
        let work = async {
            let socket: Box<dyn Socket> = match open(&self.info, &self.host, &self.address).await? {
                Opened::Unix(socket) => Box::new(socket),
                Opened::Tcp(mut socket) => match &self.encryption {
                    None => Box::new(socket),
                    Some(encryption) => {
                        if !self.info.tls.direct && !offered(&mut socket, &self.host).await? {
                            return Err(refused(
                                &self.host,
                                "it no longer supports SSL".to_owned(),
                            ));
                        }
                        encryption.handshake(socket, &self.host).await?
                    }
                },
            };
            let (wire, _) = Wire::new(socket, None);
            token
                .cancel_query_raw(wire, Agreed)
                .await
                .map_err(server_error)
        };
        tokio::time::timeout(CANCEL_TIMEOUT, work)
            .await
            .unwrap_or_else(|_| Err(refused(&self.host, "cancelling took too long".to_owned())))
    }
}
