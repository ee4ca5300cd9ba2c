//! The words of a connection string: every keyword of libpq 18, with its variable and default, and
//! what dr does about those it has no use for. Nothing is ignored in silence.

use crate::error::{Error, ErrorKind, Result};

/// What dr does with a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Treatment {
    /// Followed.
    Followed,
    /// These values change nothing here and are accepted; any other is refused with the reason.
    Only(&'static [&'static str], &'static str),
    /// Has no effect here; said in a notice.
    WithoutEffect(&'static str),
    /// Refused when set to anything, with the reason.
    Refused(&'static str),
}

/// One keyword.
#[derive(Debug)]
pub(super) struct Keyword {
    pub(super) name: &'static str,
    pub(super) variable: Option<&'static str>,
    pub(super) default: Option<&'static str>,
    pub(super) treatment: Treatment,
}

const fn followed(
    name: &'static str,
    variable: Option<&'static str>,
    default: Option<&'static str>,
) -> Keyword {
    Keyword {
        name,
        variable,
        default,
        treatment: Treatment::Followed,
    }
}

const fn treated(
    name: &'static str,
    variable: Option<&'static str>,
    treatment: Treatment,
) -> Keyword {
    Keyword {
        name,
        variable,
        default: None,
        treatment,
    }
}

const NO_GSS: &str = "dr has no GSSAPI";
const NO_OAUTH: &str = "dr has no OAuth";
const PROTOCOL: &str = "dr speaks protocol 3.0";

/// `PQconninfoOptions` of libpq 18.
pub(super) static KEYWORDS: &[Keyword] = &[
    followed("service", Some("PGSERVICE"), None),
    followed("user", Some("PGUSER"), None),
    followed("password", Some("PGPASSWORD"), None),
    followed("passfile", Some("PGPASSFILE"), None),
    followed("channel_binding", Some("PGCHANNELBINDING"), Some("prefer")),
    followed("connect_timeout", Some("PGCONNECT_TIMEOUT"), None),
    followed("dbname", Some("PGDATABASE"), None),
    followed("host", Some("PGHOST"), None),
    followed("hostaddr", Some("PGHOSTADDR"), None),
    followed("port", Some("PGPORT"), Some("5432")),
    treated(
        "client_encoding",
        Some("PGCLIENTENCODING"),
        Treatment::WithoutEffect("dr always uses the database's own encoding"),
    ),
    followed("options", Some("PGOPTIONS"), None),
    followed("application_name", Some("PGAPPNAME"), None),
    followed("fallback_application_name", None, None),
    followed("keepalives", None, Some("1")),
    followed("keepalives_idle", None, None),
    followed("keepalives_interval", None, None),
    followed("keepalives_count", None, None),
    followed("tcp_user_timeout", None, None),
    followed("sslmode", Some("PGSSLMODE"), Some("prefer")),
    followed("sslnegotiation", Some("PGSSLNEGOTIATION"), Some("postgres")),
    treated(
        "sslcompression",
        Some("PGSSLCOMPRESSION"),
        Treatment::Only(
            &["0"],
            "TLS compression is insecure and gone from PostgreSQL",
        ),
    ),
    followed("sslcert", Some("PGSSLCERT"), None),
    followed("sslkey", Some("PGSSLKEY"), None),
    treated(
        "sslcertmode",
        Some("PGSSLCERTMODE"),
        Treatment::Only(
            &["allow"],
            "dr sends a client certificate when it has one and the server asks",
        ),
    ),
    treated(
        "sslpassword",
        None,
        Treatment::Refused("dr reads unencrypted client keys only"),
    ),
    followed("sslrootcert", Some("PGSSLROOTCERT"), None),
    followed("sslcrl", Some("PGSSLCRL"), None),
    treated(
        "sslcrldir",
        Some("PGSSLCRLDIR"),
        Treatment::Refused("dr reads one revocation list, given by sslcrl"),
    ),
    followed("sslsni", Some("PGSSLSNI"), Some("1")),
    treated(
        "requirepeer",
        Some("PGREQUIREPEER"),
        Treatment::Refused("dr does not check the owner of the server's process"),
    ),
    followed("require_auth", Some("PGREQUIREAUTH"), None),
    treated(
        "min_protocol_version",
        Some("PGMINPROTOCOLVERSION"),
        Treatment::Only(&["3.0"], PROTOCOL),
    ),
    treated(
        "max_protocol_version",
        Some("PGMAXPROTOCOLVERSION"),
        Treatment::Only(&["3.0", "3.2", "latest"], PROTOCOL),
    ),
    followed(
        "ssl_min_protocol_version",
        Some("PGSSLMINPROTOCOLVERSION"),
        Some("TLSv1.2"),
    ),
    followed(
        "ssl_max_protocol_version",
        Some("PGSSLMAXPROTOCOLVERSION"),
        None,
    ),
    treated(
        "gssencmode",
        Some("PGGSSENCMODE"),
        Treatment::Only(&["disable", "prefer"], NO_GSS),
    ),
    treated(
        "krbsrvname",
        Some("PGKRBSRVNAME"),
        Treatment::Only(&["postgres"], NO_GSS),
    ),
    treated(
        "gsslib",
        Some("PGGSSLIB"),
        Treatment::Only(&["gssapi"], NO_GSS),
    ),
    treated(
        "gssdelegation",
        Some("PGGSSDELEGATION"),
        Treatment::Only(&["0"], NO_GSS),
    ),
    treated(
        "replication",
        None,
        Treatment::Only(
            &["false", "off", "no", "0"],
            "this is an ordinary connection",
        ),
    ),
    followed(
        "target_session_attrs",
        Some("PGTARGETSESSIONATTRS"),
        Some("any"),
    ),
    followed(
        "load_balance_hosts",
        Some("PGLOADBALANCEHOSTS"),
        Some("disable"),
    ),
    treated(
        "scram_client_key",
        None,
        Treatment::Refused("dr logs in with a password"),
    ),
    treated(
        "scram_server_key",
        None,
        Treatment::Refused("dr logs in with a password"),
    ),
    treated("oauth_issuer", None, Treatment::Refused(NO_OAUTH)),
    treated("oauth_client_id", None, Treatment::Refused(NO_OAUTH)),
    treated("oauth_client_secret", None, Treatment::Refused(NO_OAUTH)),
    treated("oauth_scope", None, Treatment::Refused(NO_OAUTH)),
    treated(
        "sslkeylogfile",
        None,
        Treatment::Refused("dr does not write session keys to files"),
    ),
];

/// The keyword of that name.
pub(super) fn find(name: &str) -> Option<&'static Keyword> {
    KEYWORDS.iter().find(|keyword| keyword.name == name)
}

/// Refuses a value dr cannot follow; answers with what a person should be told, if anything.
///
/// # Errors
///
/// `Unsupported`, naming the keyword.
pub(super) fn judge(keyword: &Keyword, value: &str) -> Result<Option<String>> {
    let name = keyword.name;
    if value.is_empty() {
        return Ok(None);
    }
    match keyword.treatment {
        Treatment::Followed => Ok(None),
        Treatment::Only(values, _) if values.contains(&value) => Ok(None),
        Treatment::WithoutEffect(why) => Ok(Some(format!("{name} has no effect: {why}"))),
        Treatment::Only(_, why) => Err(Error::new(
            ErrorKind::Unsupported,
            format!("{name}={value} is not supported: {why}"),
        )),
        // The value may be a secret (sslpassword, oauth_client_secret).
        Treatment::Refused(why) => Err(Error::new(
            ErrorKind::Unsupported,
            format!("the connection parameter {name} is not supported: {why}"),
        )),
    }
}
