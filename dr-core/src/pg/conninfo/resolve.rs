//! From pairs to meaning: fills in service, variables and defaults in libpq's order, then reads
//! every value (`conninfo_add_defaults` and `pqConnectOptions2` of libpq).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::env::Environment;
use super::keyword::{self, KEYWORDS};
use super::pgpass::PasswordFile;
use super::secret::Secret;
use super::{
    ChannelBinding, ConnInfo, Host, Keepalive, Place, RequireAuth, Roots, SslMode, TargetSession,
    Tls, TlsVersion, keyvalue, service, uri,
};
use crate::error::{Error, ErrorKind, Result};

type Pairs = BTreeMap<&'static str, Secret>;

pub(super) fn resolve(text: Option<&str>, environment: &Environment) -> Result<ConnInfo> {
    let text = match text {
        Some(text) => Some(text),
        None => environment
            .get("DATABASE_URL")?
            .filter(|url| !url.is_empty()),
    };
    let mut pairs: Pairs = parse(text.unwrap_or(""))?.into_iter().collect();
    complete(&mut pairs, environment)?;
    let mut notices = Vec::new();
    for keyword in KEYWORDS {
        if let Some(value) = pairs.get(keyword.name) {
            notices.extend(keyword::judge(keyword, text_of(keyword.name, value)?)?);
        }
    }
    Values {
        pairs: &pairs,
        environment,
    }
    .read(notices)
}

/// A URI, key/value pairs, or a database's name.
fn parse(text: &str) -> Result<Vec<(&'static str, Secret)>> {
    if let Some(rest) = uri::strip_scheme(text) {
        return uri::parse(rest);
    }
    if let Some((scheme, _)) = text
        .split_once("://")
        .filter(|(scheme, _)| !scheme.is_empty() && !scheme.contains(['=', ' ', '\'']))
    {
        return Err(usage(format!(
            "\"{scheme}://\" is not a PostgreSQL connection URI; write postgresql://…"
        )));
    }
    if text.contains('=') {
        return keyvalue::parse(text);
    }
    if text.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![("dbname", Secret::new(text))])
}

/// What is not set: from the service, then from variables, then from libpq's defaults.
fn complete(pairs: &mut Pairs, environment: &Environment) -> Result<()> {
    let service = match pairs.get("service") {
        Some(service) => Some(text_of("service", service)?.to_owned()),
        None => environment.get("PGSERVICE")?.map(str::to_owned),
    };
    if let Some(service) = service.filter(|service| !service.is_empty()) {
        for (name, value) in service::lookup(&service, environment)? {
            pairs.entry(name).or_insert(value);
        }
    }
    let mut sslmode_is_default = false;
    for keyword in KEYWORDS {
        if pairs.contains_key(keyword.name) {
            continue;
        }
        let from_variable = match keyword.variable {
            Some(variable) => environment.get(variable)?,
            None => None,
        };
        let mut value = from_variable;
        if keyword.name == "sslmode" && value.is_none() {
            // Deprecated, but libpq still looks at it.
            if environment
                .get("PGREQUIRESSL")?
                .is_some_and(|value| value.starts_with('1'))
            {
                value = Some("require");
            } else {
                sslmode_is_default = true;
            }
        }
        if let Some(value) = value.or(keyword.default) {
            pairs.insert(keyword.name, Secret::new(value));
        }
    }
    if sslmode_is_default
        && pairs
            .get("sslrootcert")
            .is_some_and(|value| value.expose() == b"system")
    {
        pairs.insert("sslmode", Secret::new("verify-full"));
    }
    Ok(())
}

/// The completed pairs and where files are looked for.
struct Values<'a> {
    pairs: &'a Pairs,
    environment: &'a Environment,
}

impl Values<'_> {
    fn read(&self, mut notices: Vec<String>) -> Result<ConnInfo> {
        let user = match self.get("user")? {
            Some(user) => user.to_owned(),
            None => self
                .environment
                .os_user()
                .ok_or_else(|| {
                    usage("no user was named, and the operating system does not know one either")
                })?
                .to_owned(),
        };
        // libpq names the database like the user when nothing else does.
        let dbname = self.get("dbname")?.unwrap_or(&user).to_owned();
        let password = self
            .pairs
            .get("password")
            .filter(|password| !password.expose().is_empty())
            .cloned();
        let passfile = if password.is_some() {
            PasswordFile::default()
        } else {
            let path = match self.get("passfile")? {
                Some(path) => Some(PathBuf::from(path)),
                None => self.environment.in_home(".pgpass"),
            };
            let file = path
                .map(|path| PasswordFile::read(&path))
                .unwrap_or_default();
            notices.extend(file.warning());
            file
        };
        let info = ConnInfo {
            hosts: self.hosts()?,
            user,
            dbname,
            password,
            passfile: Arc::new(passfile),
            application_name: match self.get("application_name")? {
                Some(name) => Some(name.to_owned()),
                None => self.get("fallback_application_name")?.map(str::to_owned),
            },
            options: self.get("options")?.map(str::to_owned),
            connect_timeout: self
                .integer("connect_timeout")?
                .filter(|seconds| *seconds > 0)
                .map(seconds),
            keepalive: self.keepalive()?,
            tcp_user_timeout: self
                .integer("tcp_user_timeout")?
                .and_then(|millis| u64::try_from(millis).ok())
                .filter(|millis| *millis > 0)
                .map(Duration::from_millis),
            tls: self.tls()?,
            channel_binding: self.one_of(
                "channel_binding",
                &[
                    ("disable", ChannelBinding::Disable),
                    ("prefer", ChannelBinding::Prefer),
                    ("require", ChannelBinding::Require),
                ],
            )?,
            require_auth: match self.get("require_auth")? {
                Some(list) => Some(require_auth(list)?),
                None => None,
            },
            target: self.one_of(
                "target_session_attrs",
                &[
                    ("any", TargetSession::Any),
                    ("read-write", TargetSession::ReadWrite),
                    ("read-only", TargetSession::ReadOnly),
                    ("primary", TargetSession::Primary),
                    ("standby", TargetSession::Standby),
                    ("prefer-standby", TargetSession::PreferStandby),
                ],
            )?,
            load_balance: self.one_of(
                "load_balance_hosts",
                &[("disable", false), ("random", true)],
            )?,
            notices,
        };
        if info.channel_binding == ChannelBinding::Require && info.tls.mode == SslMode::Disable {
            return Err(usage(
                "channel_binding=require needs encryption, but sslmode is disable",
            ));
        }
        Ok(info)
    }

    /// A value as text; empty counts as absent, as it does for libpq.
    fn get(&self, name: &'static str) -> Result<Option<&str>> {
        match self.pairs.get(name) {
            Some(value) => Ok(Some(text_of(name, value)?).filter(|text| !text.is_empty())),
            None => Ok(None),
        }
    }

    fn integer(&self, name: &'static str) -> Result<Option<i32>> {
        self.get(name)?
            .map(|text| {
                text.trim_ascii().parse().map_err(|_| {
                    usage(format!(
                        "invalid integer value \"{text}\" for connection parameter \"{name}\""
                    ))
                })
            })
            .transpose()
    }

    /// One of a list of words; empty counts as the default of the keyword.
    fn one_of<T: Copy>(&self, name: &'static str, words: &[(&str, T)]) -> Result<T> {
        let default = keyword::find(name).and_then(|keyword| keyword.default);
        let text = self.get(name)?.or(default).unwrap_or_default();
        words
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, value)| *value)
            .ok_or_else(|| {
                let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                usage(format!(
                    "invalid {name} value \"{text}\"; it can be {}",
                    words.join(", ")
                ))
            })
    }

    fn hosts(&self) -> Result<Vec<Host>> {
        fn list(text: Option<&str>) -> Vec<&str> {
            text.map(|text| text.split(',').collect())
                .unwrap_or_default()
        }
        let names = list(self.get("host")?);
        let addresses = list(self.get("hostaddr")?);
        let ports = list(self.get("port")?);
        if !names.is_empty() && !addresses.is_empty() && names.len() != addresses.len() {
            return Err(usage(format!(
                "could not match {} host names to {} hostaddr values",
                names.len(),
                addresses.len()
            )));
        }
        let count = names.len().max(addresses.len()).max(1);
        if ports.len() > 1 && ports.len() != count {
            return Err(usage(format!(
                "could not match {} port numbers to {count} hosts",
                ports.len()
            )));
        }
        (0..count)
            .map(|at| {
                let port = ports
                    .get(if ports.len() > 1 { at } else { 0 })
                    .map_or("", |port| port.trim_ascii());
                let port = match port {
                    "" => 5432,
                    text => text
                        .parse()
                        .ok()
                        .filter(|port| *port > 0)
                        // In a URI it may be the beginning of a password: see `uri`.
                        .ok_or_else(|| usage("invalid port: it is not a number from 1 to 65535"))?,
                };
                let name = names.get(at).copied().unwrap_or_default();
                let address = addresses.get(at).copied().unwrap_or_default();
                Ok(Host {
                    place: place(name, address)?,
                    port,
                })
            })
            .collect()
    }

    fn keepalive(&self) -> Result<Option<Keepalive>> {
        if self.integer("keepalives")? == Some(0) {
            return Ok(None);
        }
        let positive =
            |name| -> Result<Option<i32>> { Ok(self.integer(name)?.filter(|value| *value > 0)) };
        Ok(Some(Keepalive {
            idle: positive("keepalives_idle")?.map(seconds),
            interval: positive("keepalives_interval")?.map(seconds),
            count: positive("keepalives_count")?.map(i32::unsigned_abs),
        }))
    }

    fn tls(&self) -> Result<Tls> {
        let mode = self.one_of(
            "sslmode",
            &[
                ("disable", SslMode::Disable),
                ("allow", SslMode::Allow),
                ("prefer", SslMode::Prefer),
                ("require", SslMode::Require),
                ("verify-ca", SslMode::VerifyCa),
                ("verify-full", SslMode::VerifyFull),
            ],
        )?;
        let direct = self.one_of("sslnegotiation", &[("postgres", false), ("direct", true)])?;
        // With a weak mode libpq could fall back to plain text after a direct attempt.
        if direct && mode < SslMode::Require {
            return Err(usage(
                "weak sslmode may not be used with sslnegotiation=direct (use \"require\", \
                 \"verify-ca\", or \"verify-full\")",
            ));
        }
        let roots = match self.get("sslrootcert")? {
            Some("system") => Roots::System,
            Some(path) => Roots::File(path.into()),
            None => Roots::Default(self.environment.in_home(".postgresql/root.crt")),
        };
        if roots == Roots::System && mode != SslMode::VerifyFull {
            return Err(usage(
                "weak sslmode may not be used with sslrootcert=system (use \"verify-full\")",
            ));
        }
        let file = |name, default| -> Result<Option<(PathBuf, bool)>> {
            Ok(match self.get(name)? {
                Some(path) => Some((path.into(), true)),
                None => self.environment.in_home(default).map(|path| (path, false)),
            })
        };
        let version = |name, default| -> Result<TlsVersion> {
            match self.get(name)? {
                None => Ok(default),
                Some(text) => match text.to_ascii_lowercase().as_str() {
                    // rustls has nothing older than 1.2: an older lower bound excludes nothing.
                    "tlsv1" | "tlsv1.1" if name == "ssl_min_protocol_version" => {
                        Ok(TlsVersion::V1_2)
                    }
                    "tlsv1.2" => Ok(TlsVersion::V1_2),
                    "tlsv1.3" => Ok(TlsVersion::V1_3),
                    _ => Err(usage(format!(
                        "invalid {name} value \"{text}\"; it can be TLSv1.2 or TLSv1.3"
                    ))),
                },
            }
        };
        let tls = Tls {
            mode,
            direct,
            roots,
            cert: file("sslcert", ".postgresql/postgresql.crt")?,
            key: file("sslkey", ".postgresql/postgresql.key")?.map(|(path, _)| path),
            crl: file("sslcrl", ".postgresql/root.crl")?,
            sni: self.integer("sslsni")? != Some(0),
            min: version("ssl_min_protocol_version", TlsVersion::V1_2)?,
            max: version("ssl_max_protocol_version", TlsVersion::V1_3)?,
        };
        if tls.min > tls.max {
            return Err(usage(
                "ssl_min_protocol_version is above ssl_max_protocol_version",
            ));
        }
        Ok(tls)
    }
}

/// What one host and hostaddr mean.
fn place(name: &str, address: &str) -> Result<Place> {
    if !address.is_empty() {
        let parsed: IpAddr = address
            .trim_ascii()
            .parse()
            .map_err(|_| usage(format!("could not parse network address \"{address}\"")))?;
        return Ok(Place::Address(
            parsed,
            Some(name.to_owned()).filter(|name| !name.is_empty()),
        ));
    }
    Ok(if name.is_empty() {
        Place::Default
    } else if name.starts_with(['/', '@']) {
        Place::Unix(name.into())
    } else if let Ok(parsed) = name.parse() {
        Place::Address(parsed, None)
    } else {
        Place::Name(name.to_owned())
    })
}

/// A list of methods, all of them with or all without `!`.
fn require_auth(list: &str) -> Result<RequireAuth> {
    let negated = list.trim_ascii().starts_with('!');
    let mut auth = RequireAuth {
        none: negated,
        password: negated,
        md5: negated,
        scram: negated,
    };
    let mut seen = Vec::new();
    for method in list.split(',') {
        let method = method.trim_ascii();
        let name = match (negated, method.strip_prefix('!')) {
            (true, Some(name)) => name,
            (false, None) => method,
            _ => {
                return Err(usage(
                    "require_auth cannot mix methods with and without \"!\"",
                ));
            }
        };
        if seen.contains(&name) {
            return Err(usage(format!(
                "require_auth method \"{name}\" is specified more than once"
            )));
        }
        seen.push(name);
        match name {
            "none" => auth.none = !negated,
            "password" => auth.password = !negated,
            "md5" => auth.md5 = !negated,
            "scram-sha-256" => auth.scram = !negated,
            // dr has none of these, so allowing or forbidding them changes nothing.
            "gss" | "sspi" | "oauth" => {}
            _ => {
                return Err(usage(format!("invalid require_auth value: \"{name}\"")));
            }
        }
    }
    if auth
        == (RequireAuth {
            none: false,
            password: false,
            md5: false,
            scram: false,
        })
    {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("require_auth={list} leaves no method that dr has"),
        ));
    }
    Ok(auth)
}

fn text_of<'a>(name: &str, value: &'a Secret) -> Result<&'a str> {
    // A password may be any bytes and is never read as text.
    if name == "password" {
        return Ok("");
    }
    std::str::from_utf8(value.expose())
        .map_err(|_| usage(format!("the value of \"{name}\" is not valid UTF-8")))
}

fn seconds(count: i32) -> Duration {
    Duration::from_secs(u64::from(count.unsigned_abs()))
}

fn usage(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Usage, message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn environment() -> Environment {
        Environment::empty().user("me")
    }

    fn info(text: &str) -> ConnInfo {
        resolve(Some(text), &environment()).unwrap()
    }

    fn error(text: &str) -> Error {
        resolve(Some(text), &environment()).unwrap_err()
    }

    #[test]
    fn nothing_at_all_is_the_local_socket_and_the_users_own_database() {
        let info = resolve(None, &environment()).unwrap();
        assert_eq!(
            info.to_string(),
            "database me on local socket, port 5432 as me"
        );
        assert_eq!(info.tls.mode, SslMode::Prefer);
        assert_eq!(info.target, TargetSession::Any);
    }

    #[test]
    fn a_bare_word_is_a_database_and_a_foreign_scheme_is_refused() {
        assert_eq!(info("shop").database(), "shop");
        let error = error("mysql://u:hunter2@h/d");
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn the_string_comes_before_the_service_the_service_before_variables_and_they_before_defaults() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("services");
        std::fs::write(&file, "[shop]\nhost=service\nport=2\nuser=service\n").unwrap();
        let environment = environment()
            .variable("PGSERVICEFILE", file.display().to_string())
            .variable("PGSERVICE", "shop")
            .variable("PGUSER", "variable")
            .variable("PGDATABASE", "variable")
            .variable("DATABASE_URL", "postgres://never/used");
        let info = resolve(Some("host=string"), &environment).unwrap();
        assert_eq!(info.to_string(), "database variable on string:2 as service");
    }

    #[test]
    fn database_url_stands_in_for_a_missing_string_only() {
        let environment = environment()
            .variable("DATABASE_URL", "postgres://u:p@h:1/d")
            .variable("PGPORT", "2");
        let info = resolve(None, &environment).unwrap();
        assert_eq!(info.to_string(), "database d on h:1 as u");
        let info = resolve(Some("dbname=x"), &environment).unwrap();
        assert_eq!(info.to_string(), "database x on local socket, port 2 as me");
    }

    #[test]
    fn several_hosts_share_one_port_or_have_one_each() {
        assert_eq!(
            info("host=a,,/run,::1,@abs port=1,,3,4,5 dbname=d").to_string(),
            "database d on a:1,local socket, port 5432,/run, port 3,[::1]:4,@abs, port 5 as me"
        );
        assert_eq!(
            info("host=a,b port=7 dbname=d").to_string(),
            "database d on a:7,b:7 as me"
        );
        assert_eq!(
            info("host=name hostaddr=127.0.0.1").hosts[0].place,
            Place::Address("127.0.0.1".parse().unwrap(), Some("name".to_owned()))
        );
        assert!(
            error("host=a,b,c port=1,2")
                .to_string()
                .contains("match 2 port")
        );
        assert!(
            error("host=a,b hostaddr=127.0.0.1")
                .to_string()
                .contains("match 2 host")
        );
        assert!(error("port=65536").to_string().contains("invalid port"));
        assert!(error("port=0").to_string().contains("invalid port"));
        assert!(error("hostaddr=db").to_string().contains("network address"));
    }

    #[test]
    fn no_keyword_is_ignored_in_silence() {
        for text in [
            "sslpassword=hunter2",
            "requirepeer=postgres",
            "gssencmode=require",
            "sslcrldir=/x",
            "replication=true",
            "oauth_client_secret=hunter2",
            "min_protocol_version=3.2",
            "sslcompression=1",
        ] {
            let error = error(text);
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            let name = text.split_once('=').unwrap().0;
            assert!(error.to_string().contains(name), "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        assert!(
            info("gssencmode=prefer krbsrvname=postgres sslcompression=0")
                .notices()
                .is_empty()
        );
        let told = info("client_encoding=LATIN1");
        assert!(told.notices()[0].contains("client_encoding"));
    }

    #[test]
    fn system_roots_imply_full_verification_and_allow_no_less() {
        assert_eq!(info("sslrootcert=system").tls.mode, SslMode::VerifyFull);
        assert!(
            error("sslrootcert=system sslmode=require")
                .to_string()
                .contains("weak sslmode")
        );
        assert!(
            error("sslnegotiation=direct")
                .to_string()
                .contains("weak sslmode")
        );
        assert!(error("sslmode=on").to_string().contains("verify-full"));
        assert!(
            error("ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.2")
                .to_string()
                .contains("above")
        );
        let environment = environment().variable("PGREQUIRESSL", "1");
        assert_eq!(
            resolve(None, &environment).unwrap().tls.mode,
            SslMode::Require
        );
    }

    #[test]
    fn require_auth_is_a_list_of_all_or_of_all_but() {
        let auth = |text: &str| info(&format!("require_auth={text}")).require_auth.unwrap();
        assert!(auth("scram-sha-256,md5").md5);
        assert!(!auth("scram-sha-256").none);
        assert!(auth("!password").scram && !auth("!password").password);
        assert!(
            error("require_auth=md5,!password")
                .to_string()
                .contains("mix")
        );
        assert!(
            error("require_auth=md5,md5")
                .to_string()
                .contains("more than once")
        );
        assert_eq!(error("require_auth=gss").kind(), ErrorKind::Unsupported);
    }

    #[test]
    fn the_password_file_is_asked_with_host_port_database_and_user() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".pgpass");
        std::fs::write(&path, "h:1:d:me:one\nlocalhost:*:*:*:local\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let environment = environment().home(directory.path());
        let password = |text: &str| {
            let info = resolve(Some(text), &environment).unwrap();
            info.password_for(&info.hosts[0])
                .map(|secret| String::from_utf8(secret.expose().to_vec()).unwrap())
        };
        assert_eq!(password("host=h port=1 dbname=d").as_deref(), Some("one"));
        assert_eq!(password("host=h port=1 dbname=other"), None);
        assert_eq!(password("").as_deref(), Some("local"));
        assert_eq!(password("host=/tmp").as_deref(), Some("local"));
        assert_eq!(password("host=/elsewhere"), None);
        assert_eq!(password("password=given").as_deref(), Some("given"));
    }

    #[test]
    fn printing_shows_no_password() {
        let info = info("postgres://u:hunter2@h/d");
        assert!(!format!("{info} {info:?} {info:#?}").contains("hunter2"));
        let environment = environment().variable("PGPASSWORD", "hunter2");
        assert!(!format!("{environment:?}").contains("hunter2"));
    }
}
