//! Service files, by the rules of libpq's `parseServiceInfo`.

use std::path::{Path, PathBuf};

use super::env::Environment;
use super::{keyword, secret::Secret};
use crate::error::{Error, ErrorKind, Result};

/// More than any real service file.
const MAX_BYTES: u64 = 4 << 20;

/// Where a libpq built without instructions, and Debian's, look for the system-wide file.
const SYSTEM_DIRECTORIES: [&str; 2] = ["/etc/postgresql-common", "/usr/local/pgsql/etc"];

/// The parameters of a service, in the order of its file.
///
/// The user's file (`PGSERVICEFILE`, else `~/.pg_service.conf`) comes first, then the system's
/// (`PGSYSCONFDIR`).
///
/// # Errors
///
/// `Missing` if no file defines it, `Usage` if the definition cannot be read.
pub(super) fn lookup(
    service: &str,
    environment: &Environment,
) -> Result<Vec<(&'static str, Secret)>> {
    let user = match environment.get("PGSERVICEFILE")? {
        Some(path) => Some(PathBuf::from(path)),
        None => environment.in_home(".pg_service.conf"),
    };
    let system: Vec<PathBuf> = match environment.get("PGSYSCONFDIR")? {
        Some(directory) => vec![Path::new(directory).join("pg_service.conf")],
        None => SYSTEM_DIRECTORIES
            .iter()
            .map(|directory| Path::new(directory).join("pg_service.conf"))
            .collect(),
    };
    for path in user.iter().chain(&system) {
        if !path.exists() {
            continue;
        }
        if let Some(pairs) = in_file(service, &read(path)?, &path.display().to_string())? {
            return Ok(pairs);
        }
    }
    Err(Error::new(
        ErrorKind::Missing,
        format!("definition of service \"{service}\" not found in any service file"),
    ))
}

fn read(path: &Path) -> Result<String> {
    use std::io::Read as _;
    let failed = |error: std::io::Error| {
        Error::new(
            ErrorKind::Usage,
            format!("service file \"{}\" cannot be read", path.display()),
        )
        .caused_by(error)
    };
    let mut text = String::new();
    std::fs::File::open(path)
        .map_err(failed)?
        .take(MAX_BYTES)
        .read_to_string(&mut text)
        .map_err(failed)?;
    Ok(text)
}

/// The group of that name, if the file has it.
pub(super) fn in_file(
    service: &str,
    text: &str,
    path: &str,
) -> Result<Option<Vec<(&'static str, Secret)>>> {
    let mut found: Option<Vec<(&'static str, Secret)>> = None;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(header) = line.strip_prefix('[') {
            if found.is_some() {
                break;
            }
            if header
                .strip_prefix(service)
                .is_some_and(|rest| rest.starts_with(']'))
            {
                found = Some(Vec::new());
            }
            continue;
        }
        let Some(pairs) = &mut found else {
            continue;
        };
        let wrong = |what: &str| {
            Error::new(
                ErrorKind::Usage,
                format!("{what} in service file \"{path}\", line {}", at + 1),
            )
        };
        if line.starts_with("ldap") {
            return Err(wrong("LDAP lookup is not supported"));
        }
        let (name, value) = line.split_once('=').ok_or_else(|| wrong("syntax error"))?;
        if name == "service" {
            return Err(wrong("nested service specifications are not supported"));
        }
        let known =
            keyword::find(name).ok_or_else(|| wrong(&format!("unknown parameter \"{name}\"")))?;
        if pairs.iter().all(|(other, _)| *other != known.name) {
            pairs.push((known.name, Secret::new(value)));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const FILE: &str = "# comment\n[other]\nhost=elsewhere\n\n[shop]\n  host=db.example \nport=5433\nhost=ignored\n[shop]\nport=1\n";

    fn shown(pairs: &[(&'static str, Secret)]) -> String {
        pairs
            .iter()
            .map(|(name, value)| format!("{name}={};", String::from_utf8_lossy(value.expose())))
            .collect()
    }

    #[test]
    fn the_first_group_of_the_name_counts_and_in_it_the_first_value() {
        let pairs = in_file("shop", FILE, "f").unwrap().unwrap();
        assert_eq!(shown(&pairs), "host=db.example;port=5433;");
        assert!(in_file("sho", FILE, "f").unwrap().is_none());
    }

    #[test]
    fn what_cannot_be_read_is_an_error_with_its_line() {
        for (text, says) in [
            (
                "[shop]\nhost\n",
                "syntax error in service file \"f\", line 2",
            ),
            ("[shop]\n\nservice=x\n", "line 3"),
            ("[shop]\nhots=x\n", "\"hots\""),
            ("[shop]\nldap://x\n", "LDAP"),
        ] {
            let error = in_file("shop", text, "f").unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn the_users_file_comes_before_the_systems() {
        let directory = tempfile::tempdir().unwrap();
        let user = directory.path().join("user.conf");
        std::fs::write(&user, "[shop]\nhost=user\n").unwrap();
        std::fs::write(
            directory.path().join("pg_service.conf"),
            "[shop]\nhost=system\n[other]\nhost=other\n",
        )
        .unwrap();
        let environment = Environment::empty()
            .variable("PGSERVICEFILE", user.display().to_string())
            .variable("PGSYSCONFDIR", directory.path().display().to_string());
        assert_eq!(shown(&lookup("shop", &environment).unwrap()), "host=user;");
        assert_eq!(
            shown(&lookup("other", &environment).unwrap()),
            "host=other;"
        );
        let missing = lookup("none", &environment).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::Missing);
    }
}
