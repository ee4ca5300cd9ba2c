//! Where a server is and how to log in there: libpq's connection strings, variables and files.
//!
//! tokio-postgres understands a part of them and answers the rest with "unknown option", so this
//! is a layer of its own. Called by whoever names a database; `dial` follows the result. Opens no
//! connection and knows no SQL. Nothing here prints a password.

mod env;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod keyvalue;
mod keyword;
mod pgpass;
mod resolve;
mod secret;
mod service;
mod uri;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use env::Environment;
pub use secret::Secret;

use crate::error::{Error, ErrorKind, Result};
use pgpass::PasswordFile;

/// A connection string with everything that libpq would complete it by.
///
/// ```
/// use dr_core::pg::{ConnInfo, Environment};
///
/// let environment = Environment::empty().variable("PGPORT", "5433").user("backup");
/// let info = ConnInfo::resolve(Some("postgres://u:hunter2@db.example/shop"), &environment)?;
/// assert_eq!(info.to_string(), "database shop on db.example:5433 as u");
/// # Ok::<(), dr_core::Error>(())
/// ```
#[derive(Clone)]
pub struct ConnInfo {
    pub(crate) hosts: Vec<Host>,
    pub(crate) user: String,
    pub(crate) dbname: String,
    password: Option<Secret>,
    passfile: Arc<PasswordFile>,
    pub(crate) application_name: Option<String>,
    pub(crate) options: Option<String>,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) keepalive: Option<Keepalive>,
    pub(crate) tcp_user_timeout: Option<Duration>,
    pub(crate) tls: Tls,
    pub(crate) channel_binding: ChannelBinding,
    pub(crate) require_auth: Option<RequireAuth>,
    pub(crate) target: TargetSession,
    pub(crate) load_balance: bool,
    notices: Vec<String>,
}

impl ConnInfo {
    /// Completes a connection string: a URI, `key=value` pairs, or a bare database name. What it
    /// leaves open comes from its service, then from the `PG*` variables, then from libpq's
    /// defaults. Without a string, `DATABASE_URL` stands in for it if it is set.
    ///
    /// Reads the password file and the service files, and nothing else.
    ///
    /// # Errors
    ///
    /// `Usage` for a string that is malformed or means nothing, `Unsupported` for a keyword or a
    /// value dr cannot follow, `Missing` for a service no file defines. No message holds a secret.
    pub fn resolve(text: Option<&str>, environment: &Environment) -> Result<Self> {
        resolve::resolve(text, environment)
    }

    /// The same server and user, another database.
    #[must_use]
    pub fn with_database(&self, dbname: impl Into<String>) -> Self {
        Self {
            dbname: dbname.into(),
            ..self.clone()
        }
    }

    /// The same with a `target_session_attrs` of `read-write`, if none was asked for: for a
    /// restore, which must find the primary among several hosts.
    #[must_use]
    pub fn for_writing(&self) -> Self {
        let mut info = self.clone();
        if info.target == TargetSession::Any && info.hosts.len() > 1 {
            info.target = TargetSession::ReadWrite;
        }
        info
    }

    /// The database's name.
    pub fn database(&self) -> &str {
        &self.dbname
    }

    /// The role's name.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// What a person should know about the way this was read: a password file that was not used,
    /// a keyword without effect.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// The password for one of the hosts: the one given, else the password file's.
    pub(crate) fn password_for(&self, host: &Host) -> Option<Secret> {
        self.password.clone().or_else(|| {
            self.passfile
                .find(&host.passfile_name(), host.port, &self.dbname, &self.user)
        })
    }

    /// That a host asks for a password and there is none: where one could be put.
    pub(crate) fn password_wanted(&self, host: &Host) -> Error {
        let line = PasswordFile::line(&host.passfile_name(), host.port, &self.dbname, &self.user);
        Error::new(
            ErrorKind::Usage,
            format!(
                "the server at {host} asks for the password of role {} for database {}, and none \
                 was given: set PGPASSWORD, or {}, or name a service that has it (PGSERVICE)",
                self.user,
                self.dbname,
                self.passfile.where_to_put(&line)
            ),
        )
    }
}

/// `database shop on db.example:5433 as backup`.
impl fmt::Display for ConnInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "database {} on ", self.dbname)?;
        for (at, host) in self.hosts.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            host.fmt(f)?;
        }
        write!(f, " as {}", self.user)
    }
}

impl fmt::Debug for ConnInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnInfo")
            .field("hosts", &self.hosts)
            .field("user", &self.user)
            .field("dbname", &self.dbname)
            .field("password", &self.password)
            .field("application_name", &self.application_name)
            .field("tls", &self.tls)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

/// One of the servers to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) place: Place,
    pub(crate) port: u16,
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// No host was named: the default socket directories.
    Default,
    /// A directory of unix sockets, or `@name` for an abstract one.
    Unix(PathBuf),
    /// A name to look up, and to check the certificate against.
    Name(String),
    /// An address; the name, where one was given, is for the certificate and the password file.
    Address(IpAddr, Option<String>),
}

impl Host {
    /// The name the password file knows this host by.
    fn passfile_name(&self) -> String {
        match &self.place {
            Place::Default => "localhost".to_owned(),
            Place::Unix(path)
                if DEFAULT_SOCKET_DIRECTORIES
                    .iter()
                    .any(|dir| path.as_os_str() == *dir) =>
            {
                "localhost".to_owned()
            }
            Place::Unix(path) => path.display().to_string(),
            Place::Name(name) | Place::Address(_, Some(name)) => name.clone(),
            Place::Address(address, None) => address.to_string(),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Default => write!(f, "local socket, port {}", self.port),
            Place::Unix(path) => write!(f, "{}, port {}", path.display(), self.port),
            Place::Name(name) | Place::Address(_, Some(name)) => {
                write!(f, "{name}:{}", self.port)
            }
            Place::Address(IpAddr::V6(address), None) => write!(f, "[{address}]:{}", self.port),
            Place::Address(address, None) => write!(f, "{address}:{}", self.port),
        }
    }
}

/// Debian's default directory of unix sockets, and upstream's.
pub(crate) const DEFAULT_SOCKET_DIRECTORIES: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// TCP keepalives, where they are on; what is not given is the system's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Keepalive {
    pub(crate) idle: Option<Duration>,
    pub(crate) interval: Option<Duration>,
    pub(crate) count: Option<u32>,
}

/// `sslmode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// A version of TLS that rustls speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TlsVersion {
    V1_2,
    V1_3,
}

/// Where the trusted roots come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Roots {
    /// A file that was named: it must be there.
    File(PathBuf),
    /// `~/.postgresql/root.crt`, which may be absent.
    Default(Option<PathBuf>),
    /// The operating system's.
    System,
}

/// Everything about encryption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tls {
    pub(crate) mode: SslMode,
    /// `sslnegotiation=direct`.
    pub(crate) direct: bool,
    pub(crate) roots: Roots,
    /// The certificate file: the flag says whether it was named and so must be there.
    pub(crate) cert: Option<(PathBuf, bool)>,
    pub(crate) key: Option<PathBuf>,
    /// The revocation list: the flag says whether it was named and so must be there.
    pub(crate) crl: Option<(PathBuf, bool)>,
    pub(crate) sni: bool,
    pub(crate) min: TlsVersion,
    pub(crate) max: TlsVersion,
}

/// `channel_binding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChannelBinding {
    Disable,
    Prefer,
    Require,
}

/// `require_auth`: the ways of logging in the client goes along with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequireAuth {
    pub(crate) none: bool,
    pub(crate) password: bool,
    pub(crate) md5: bool,
    pub(crate) scram: bool,
}

/// `target_session_attrs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TargetSession {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}
