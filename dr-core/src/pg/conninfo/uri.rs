//! Connection URIs, by the rules of libpq's `conninfo_uri_parse_options`, which are looser than
//! RFC 3986: several hosts, empty parts, socket directories, parameters for everything.

use super::{keyword, secret::Secret};
use crate::error::{Error, ErrorKind, Result};

/// What follows the scheme, if `text` is a connection URI.
pub(super) fn strip_scheme(text: &str) -> Option<&str> {
    text.strip_prefix("postgresql://")
        .or_else(|| text.strip_prefix("postgres://"))
}

/// The pairs of a URI, given without its scheme, in order.
///
/// # Errors
///
/// `Usage`; the message never shows the user info or a parameter's value.
pub(super) fn parse(rest: &str) -> Result<Vec<(&'static str, Secret)>> {
    let mut pairs = Vec::new();
    let mut rest = rest;

    // User info: only if "@" comes before any "/".
    let end = rest.find(['@', '/']).unwrap_or(rest.len());
    if rest[end..].starts_with('@') {
        let (user, password) = match rest[..end].split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (&rest[..end], None),
        };
        if !user.is_empty() {
            pairs.push(("user", decode(user, "user")?));
        }
        if let Some(password) = password.filter(|password| !password.is_empty()) {
            pairs.push(("password", decode(password, "password")?));
        }
        rest = &rest[end + 1..];
    }

    let (mut hosts, mut ports) = (String::new(), String::new());
    loop {
        let host;
        if let Some(inside) = rest.strip_prefix('[') {
            let Some(close) = inside.find(']') else {
                return Err(usage("a \"[\" without \"]\" in the host part of the URI"));
            };
            host = &inside[..close];
            if host.is_empty() {
                return Err(usage("an IPv6 host address in the URI is empty"));
            }
            rest = &inside[close + 1..];
            if let Some(next) = rest.chars().next().filter(|c| !":/?,".contains(*c)) {
                return Err(usage(format!(
                    "unexpected character \"{next}\" after \"]\" in the URI (expected \":\" or \"/\")"
                )));
            }
        } else {
            let end = rest.find([':', '/', '?', ',']).unwrap_or(rest.len());
            (host, rest) = rest.split_at(end);
        }
        hosts.push_str(host);
        if let Some(after) = rest.strip_prefix(':') {
            let end = after.find(['/', '?', ',']).unwrap_or(after.len());
            ports.push_str(&after[..end]);
            rest = &after[end..];
        }
        match rest.strip_prefix(',') {
            Some(after) => {
                hosts.push(',');
                ports.push(',');
                rest = after;
            }
            None => break,
        }
    }
    // A password that was not encoded ends at its first "/" or "@", and the rest of it stands where
    // a port, a host or a parameter is read. No message may show it.
    let is_port = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'%' | b',' | b' ');
    let is_no_host = |host: &str| host.trim_start_matches('@').contains('@');
    if !ports.bytes().all(is_port) || hosts.split(',').any(is_no_host) {
        return Err(usage(
            "the host part of the URI is not hosts and port numbers; if a password with \"/\", \
             \"@\" or \":\" in it stands before it, write these as %2F, %40 and %3A",
        ));
    }
    if !hosts.is_empty() {
        pairs.push(("host", decode(&hosts, "host")?));
    }
    if !ports.is_empty() {
        pairs.push(("port", decode(&ports, "port")?));
    }

    if let Some(after) = rest.strip_prefix('/') {
        let end = after.find('?').unwrap_or(after.len());
        if end > 0 {
            pairs.push(("dbname", decode(&after[..end], "database name")?));
        }
        rest = &after[end..];
    }
    if let Some(parameters) = rest.strip_prefix('?') {
        self::parameters(parameters, &mut pairs)?;
    }
    Ok(pairs)
}

fn parameters(text: &str, pairs: &mut Vec<(&'static str, Secret)>) -> Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let count = text.split('&').count();
    for (at, pair) in text.split('&').enumerate() {
        // libpq's loop ends at the end of the string, so one trailing "&" is harmless.
        if pair.is_empty() && at + 1 == count {
            break;
        }
        let Some((name, value)) = pair.split_once('=') else {
            return Err(usage(format!(
                "missing \"=\" after the URI parameter \"{pair}\""
            )));
        };
        if value.contains('=') {
            return Err(usage(format!(
                "extra \"=\" in the URI parameter \"{name}\"; write %3D for one inside a value"
            )));
        }
        let decoded = decode(name, name)?;
        let spelled = String::from_utf8_lossy(decoded.expose()).into_owned();
        let value = decode(value, &spelled)?;
        // For JDBC's sake libpq takes ssl=true for sslmode=require, and nothing else of ssl.
        if spelled == "ssl" && value.expose() == b"true" {
            pairs.push(("sslmode", Secret::new("require")));
            continue;
        }
        let Some(known) = keyword::find(&spelled) else {
            return Err(usage(format!("invalid URI query parameter: \"{spelled}\"")));
        };
        pairs.push((known.name, value));
    }
    Ok(())
}

/// Percent-decodes one part, whose spaces at either end do not count.
fn decode(text: &str, what: &str) -> Result<Secret> {
    let trimmed = text.trim_matches(' ');
    if trimmed.contains(' ') {
        return Err(usage(format!(
            "unexpected spaces found in the {what} of the URI, use percent-encoded spaces (%20) instead"
        )));
    }
    let mut bytes = Vec::with_capacity(trimmed.len());
    let mut rest = trimmed.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
            return Err(usage(format!(
                "invalid percent-encoded token in the {what} of the URI"
            )));
        };
        match u8::try_from(high * 16 + low).expect("two hexadecimal digits are a byte") {
            0 => {
                return Err(usage(format!(
                    "forbidden value %00 in the {what} of the URI"
                )));
            }
            byte => bytes.push(byte),
        }
    }
    Ok(Secret::new(bytes))
}

fn usage(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Usage, message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Inputs and outcomes of PostgreSQL's src/interfaces/libpq/t/001_uri.pl.
    #[test]
    fn the_uris_of_libpqs_own_test_mean_what_they_mean_there() {
        let table: &[(&str, &str)] = &[
            (
                "postgresql://uri-user:secret@host:12345/db",
                "user=uri-user password=secret host=host port=12345 dbname=db",
            ),
            (
                "postgresql://uri-user@host:12345/db",
                "user=uri-user host=host port=12345 dbname=db",
            ),
            (
                "postgresql://uri-user@host/db",
                "user=uri-user host=host dbname=db",
            ),
            (
                "postgresql://host:12345/db",
                "host=host port=12345 dbname=db",
            ),
            ("postgresql://host/db", "host=host dbname=db"),
            (
                "postgresql://uri-user@host:12345/",
                "user=uri-user host=host port=12345",
            ),
            ("postgresql://uri-user@host/", "user=uri-user host=host"),
            ("postgresql://uri-user@", "user=uri-user"),
            ("postgresql://host:12345/", "host=host port=12345"),
            ("postgresql://host:12345", "host=host port=12345"),
            ("postgresql://host/", "host=host"),
            ("postgresql://host", "host=host"),
            ("postgresql://", ""),
            ("postgresql://?hostaddr=127.0.0.1", "hostaddr=127.0.0.1"),
            (
                "postgresql://example.com?hostaddr=63.1.2.4",
                "host=example.com hostaddr=63.1.2.4",
            ),
            ("postgresql://%68ost/", "host=host"),
            (
                "postgresql://host/db?user=uri-user",
                "host=host dbname=db user=uri-user",
            ),
            (
                "postgresql://host/db?user=uri-user&port=12345",
                "host=host dbname=db user=uri-user port=12345",
            ),
            (
                "postgresql://host/db?u%73er=someotheruser&port=12345",
                "host=host dbname=db user=someotheruser port=12345",
            ),
            (
                "postgresql://host:12345?user=uri-user",
                "host=host port=12345 user=uri-user",
            ),
            ("postgresql://host?user=uri-user", "host=host user=uri-user"),
            (
                "postgresql://host?  user = uri-user & port  = 12345 ",
                "host=host user=uri-user port=12345",
            ),
            ("postgresql://host?", "host=host"),
            (
                "postgresql://[::1]:12345/db",
                "host=::1 port=12345 dbname=db",
            ),
            ("postgresql://[::1]/db", "host=::1 dbname=db"),
            ("postgresql://[2001:db8::1234]/", "host=2001:db8::1234"),
            ("postgresql://[200z:db8::1234]/", "host=200z:db8::1234"),
            ("postgresql://[::1]", "host=::1"),
            ("postgres://", ""),
            ("postgres:///", ""),
            ("postgres:///db", "dbname=db"),
            ("postgres://uri-user@/db", "user=uri-user dbname=db"),
            (
                "postgres://?host=/path/to/socket/dir",
                "host=/path/to/socket/dir",
            ),
            ("postgres://@host", "host=host"),
            ("postgres://host:/", "host=host"),
            ("postgres://:12345/", "port=12345"),
            (
                "postgres://otheruser@?host=/no/such/directory",
                "user=otheruser host=/no/such/directory",
            ),
            (
                "postgres://otheruser@/?host=/no/such/directory",
                "user=otheruser host=/no/such/directory",
            ),
            (
                "postgres://otheruser@:12345?host=/no/such/socket/path",
                "user=otheruser port=12345 host=/no/such/socket/path",
            ),
            (
                "postgres://otheruser@:12345/db?host=/path/to/socket",
                "user=otheruser port=12345 dbname=db host=/path/to/socket",
            ),
            (
                "postgres://:12345/db?host=/path/to/socket",
                "port=12345 dbname=db host=/path/to/socket",
            ),
            (
                "postgres://:12345?host=/path/to/socket",
                "port=12345 host=/path/to/socket",
            ),
            (
                "postgres://%2Fvar%2Flib%2Fpostgresql/dbname",
                "host=/var/lib/postgresql dbname=dbname",
            ),
            // Beyond that file: several hosts, JDBC's ssl.
            (
                "postgres://a:1,b,[::1]:3/db",
                "host=a,b,::1 port=1,,3 dbname=db",
            ),
            (
                "postgres://a,b/db?ssl=true",
                "host=a,b port=, dbname=db sslmode=require",
            ),
        ];
        for (uri, expected) in table {
            let pairs: Vec<String> = parse(strip_scheme(uri).unwrap())
                .unwrap_or_else(|error| panic!("{uri}: {error}"))
                .into_iter()
                .map(|(name, value)| {
                    format!("{name}={}", std::str::from_utf8(value.expose()).unwrap())
                })
                .collect();
            assert_eq!(pairs.join(" "), *expected, "{uri}");
        }
    }

    #[test]
    fn the_uris_libpqs_own_test_refuses_are_refused() {
        for (uri, says) in [
            (
                "postgresql://host/db?u%7aer=someotheruser&port=12345",
                "\"uzer\"",
            ),
            (
                "postgresql://host?  user user  =  uri  & port = 12345 12 ",
                "unexpected spaces",
            ),
            (
                "postgresql://host?  user  =  uri-user  & port = 12345 12 ",
                "unexpected spaces",
            ),
            ("postgresql://host?uzer=", "\"uzer\""),
            ("postgres://[::1", "without \"]\""),
            ("postgres://[]", "empty"),
            ("postgres://[::1]z", "unexpected character \"z\""),
            ("postgresql://host?zzz", "missing \"=\""),
            ("postgresql://host?value1&value2", "missing \"=\""),
            ("postgresql://host?key=key=value", "extra \"=\""),
            ("postgres://host?dbname=%XXfoo", "invalid percent-encoded"),
            ("postgresql://a%00b", "forbidden value %00"),
            ("postgresql://%zz", "invalid percent-encoded"),
            ("postgresql://%1", "invalid percent-encoded"),
            ("postgresql://%", "invalid percent-encoded"),
        ] {
            let error = parse(strip_scheme(uri).unwrap()).unwrap_err().to_string();
            assert!(error.contains(says), "{uri}: {error}");
        }
        assert!(strip_scheme("postgre://").is_none());
    }

    #[test]
    fn a_password_that_was_not_encoded_is_not_shown() {
        for uri in [
            "postgres://u:hunter2/x@db/shop",
            "postgres://u:x@hunter2@db/shop",
            "postgres://u:hunter2/a?hunter2@db/shop",
            "postgres://u:x@a,hunter2@db/shop",
        ] {
            let error = parse(strip_scheme(uri).unwrap()).unwrap_err().to_string();
            assert!(error.contains("%2F"), "{uri}: {error}");
            assert!(!error.contains("hunter2"), "{uri}: {error}");
        }
        // An abstract socket's name begins with one.
        assert!(parse("u@@abstract/db").is_ok());
    }
}
