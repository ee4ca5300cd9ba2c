//! Connection strings, password files and service files.
//!
//! - Any string is read or refused, and no message, notice or `Debug` shows the password in it.
//! - The same facts as a URI and as key/value pairs are the same connection, with that password.
//! - Any password file and any service file is read or refused; what a line was written for is
//!   found in it, escapes and all.

use std::fmt::Write as _;

use arbitrary::{Arbitrary, Unstructured};
use dr_core::ErrorKind;
use dr_core::pg::fuzzing::{password_in, password_of, service_in};
use dr_core::pg::{ConnInfo, Environment};

/// Facts that a connection string can state.
#[derive(Debug, Arbitrary)]
struct Facts {
    user: String,
    password: String,
    dbname: String,
    host: Vec<u8>,
    port: u16,
    application: Option<String>,
    /// What stands unencoded in the middle of a password.
    mistake: char,
}

/// Stands in passwords and nowhere else.
const MARKER: &str = "Zq7hunter2";

/// See the module. Inputs that begin with `!` state facts, all others are strings or files.
pub fn hold(input: &[u8]) {
    if let Some(facts) = input.strip_prefix(b"!") {
        if let Ok(facts) = Facts::arbitrary(&mut Unstructured::new(facts)) {
            stated(&facts);
            mistaken(&facts);
        }
        return;
    }
    let Ok(text) = std::str::from_utf8(input) else {
        password_in(input, "db.example", 5432, "shop", "o:hara");
        return;
    };
    string(text);
    password_in(input, "db.example", 5432, "shop", "o:hara");
    if let Ok(Some(pairs)) = service_in("shop", text) {
        assert!(text.contains("[shop]"));
        for (at, (name, value)) in pairs.iter().enumerate() {
            assert!(pairs[..at].iter().all(|(other, _)| other != name));
            assert!(value.len() < text.len());
        }
    }
}

fn environment() -> Environment {
    // No file of this machine may matter.
    Environment::empty()
        .user("backup")
        .variable("PGSERVICEFILE", "/nowhere/services")
        .variable("PGSYSCONFDIR", "/nowhere")
        .variable("PGPASSFILE", "/nowhere/pgpass")
}

fn string(text: &str) {
    // Neither files of this machine nor its pipes are opened because an input says so.
    if ["passfile", "%"].iter().any(|word| text.contains(word)) && text.contains('/') {
        return;
    }
    match ConnInfo::resolve(Some(text), &environment()) {
        Ok(info) => {
            let _ = info.database().len() + info.user().len();
        }
        Err(error) => assert!(
            matches!(
                error.kind(),
                ErrorKind::Usage | ErrorKind::Unsupported | ErrorKind::Missing
            ),
            "{error}"
        ),
    }
}

/// What people are shown of a connection.
fn shown(info: &ConnInfo) -> String {
    format!("{info} {info:?} {:?}", info.notices())
}

/// A password in a URI that was not encoded, as it happens: what comes of it does not show it.
fn mistaken(facts: &Facts) {
    let between = facts.mistake;
    let uri = format!("postgresql://backup:{MARKER}{between}{MARKER}@db.example/shop");
    match ConnInfo::resolve(Some(&uri), &environment()) {
        Ok(info) => assert!(!shown(&info).contains(MARKER), "{between:?}: {info:?}"),
        Err(error) => {
            let mut cause: Option<&dyn std::error::Error> = Some(&error);
            while let Some(error) = cause {
                assert!(!error.to_string().contains(MARKER), "{between:?}: {error}");
                cause = error.source();
            }
        }
    }
}

/// A word as a part of a URI.
fn percent(out: &mut String, text: &str) {
    for byte in text.bytes() {
        let _ = write!(out, "%{byte:02X}");
    }
}

/// A word as a value of a pair.
fn quoted(out: &mut String, text: &str) {
    out.push('\'');
    for char in text.chars() {
        if matches!(char, '\'' | '\\') {
            out.push('\\');
        }
        out.push(char);
    }
    out.push('\'');
}

fn stated(facts: &Facts) {
    // A NUL ends libpq's strings; empty words count as not said.
    let words = [&facts.user, &facts.password, &facts.dbname];
    let application = facts.application.as_deref().filter(|word| !word.is_empty());
    if facts.port == 0
        || [words[0], words[2]].iter().any(|word| word.is_empty())
        || words.iter().any(|word| word.contains('\0'))
        || application.is_some_and(|word| word.contains('\0'))
    {
        return;
    }
    let host: String = facts
        .host
        .iter()
        .take(40)
        .map(|byte| char::from(b'a' + byte % 26))
        .collect();
    let host = format!("h{host}");
    let password = format!("{}{MARKER}", facts.password);
    if words.iter().any(|word| word.contains(MARKER))
        || application.is_some_and(|word| word.contains(MARKER))
    {
        return;
    }

    let mut uri = "postgresql://".to_owned();
    percent(&mut uri, &facts.user);
    uri.push(':');
    percent(&mut uri, &password);
    let _ = write!(uri, "@{host}:{}/", facts.port);
    percent(&mut uri, &facts.dbname);
    let mut pairs = format!("host={host} port={} user = ", facts.port);
    quoted(&mut pairs, &facts.user);
    pairs.push_str(" password=");
    quoted(&mut pairs, &password);
    pairs.push_str(" dbname =");
    quoted(&mut pairs, &facts.dbname);
    if let Some(application) = application {
        uri.push_str("?application_name=");
        percent(&mut uri, application);
        pairs.push_str(" application_name=");
        quoted(&mut pairs, application);
    }
    let of = |text: &str| ConnInfo::resolve(Some(text), &environment());
    let (uri, pairs) = (of(&uri), of(&pairs));
    let (uri, pairs) = match (uri, pairs) {
        (Ok(uri), Ok(pairs)) => (uri, pairs),
        (Err(uri), Err(pairs)) => panic!("refused: {uri}, {pairs}"),
        (uri, pairs) => panic!("{uri:?} is not {pairs:?}"),
    };
    assert_eq!(format!("{uri:?} {uri}"), format!("{pairs:?} {pairs}"));
    assert_eq!(uri.user(), facts.user);
    assert_eq!(uri.database(), facts.dbname);
    for info in [&uri, &pairs] {
        assert_eq!(password_of(info).as_deref(), Some(password.as_bytes()));
        assert!(!shown(info).contains(MARKER), "{info:?}");
    }
    in_file(facts, &host);
}

/// A line of a password file, as pg_dump's manual says to write it.
fn in_file(facts: &Facts, host: &str) {
    let escape = |text: &str| text.replace('\\', "\\\\").replace(':', "\\:");
    // Lines have no other end than a line feed, and libpq takes carriage returns off their ends.
    if [&facts.user, &facts.dbname, &facts.password]
        .iter()
        .any(|word| word.contains('\n') || word.ends_with('\r'))
    {
        return;
    }
    let line = format!(
        "other:*:*:*:wrong\n{host}:{}:{}:{}:{}\n*:*:*:*:late\n",
        facts.port,
        escape(&facts.dbname),
        escape(&facts.user),
        escape(&facts.password),
    );
    let found = password_in(
        line.as_bytes(),
        host,
        facts.port,
        &facts.dbname,
        &facts.user,
    );
    // `*` means any, written out or escaped; it is what stands in the file that counts.
    assert_eq!(found.as_deref(), Some(facts.password.as_bytes()), "{line}");
}
