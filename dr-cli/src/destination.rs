//! What DATABASE|PATH|- means in `dr extract`, and PATH|- in `dr convert`. Used by `command`.

use std::path::Path;

use dr_core::archive::codec::Version;
use dr_core::ops::{Extract, Format};
use dr_core::pipeline::compression::Compression;
use dr_core::{Error, ErrorKind, Result};

/// Where an extract goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Destination<'a> {
    Database(&'a str),
    Output(Format, Compression),
    File(Format, &'a Path, Compression),
}

/// Tells a database from a path, and what to write there; an option without a meaning there is
/// refused.
pub(crate) fn destination(
    to: &str,
    format: Option<Format>,
    compress: Option<Compression>,
) -> Result<Destination<'_>> {
    if to == "-" {
        return output(format.unwrap_or(Format::Rows), compress, None);
    }
    if is_database(to) {
        if format.is_some() || compress.is_some() {
            return Err(usage(
                "--format and --compress have no meaning for a database",
            ));
        }
        return Ok(Destination::Database(to));
    }
    let path = Path::new(to);
    // A word alone could be either, and what is meant matters.
    if format.is_none() && !to.contains(['/', '.', '\\']) {
        return Err(usage(format!(
            "{to:?} could be a database or a folder: say dbname={to} or ./{to}"
        )));
    }
    let (format, compression) = Format::of_name(to, format, compress, None);
    Ok(Destination::File(format, path, compression))
}

/// A path or standard output, and what a whole dump is written as there.
pub(crate) fn dump_destination(
    to: &str,
    format: Option<Format>,
    compress: Option<Compression>,
    version: Option<Version>,
) -> Result<Destination<'_>> {
    if to == "-" {
        let format = format.ok_or_else(|| {
            usage("say what to write to standard output: --format custom, tar or plain")
        })?;
        return output(format, compress, version);
    }
    if is_database(to) {
        return Err(usage(
            "OUT is a file or folder: into a database, dr restore writes a dump",
        ));
    }
    let (format, compression) = Format::of_name(to, format, compress, version);
    Ok(Destination::File(format, Path::new(to), compression))
}

fn output(
    format: Format,
    compress: Option<Compression>,
    version: Option<Version>,
) -> Result<Destination<'static>> {
    match (format, compress) {
        (Format::Directory, _) => Err(usage("a directory archive does not fit into a stream")),
        // Its data is compressed inside.
        (Format::Custom, compress) => Ok(Destination::Output(
            Format::Custom,
            compress.unwrap_or_else(|| Format::inside(version)),
        )),
        (_, Some(_)) => Err(usage(
            "standard output is not compressed: pipe it into the program of your choice",
        )),
        (format, None) => Ok(Destination::Output(format, Compression::None)),
    }
}

impl Destination<'_> {
    /// Where that is; none for a database.
    ///
    /// # Errors
    ///
    /// See [`Extract::into`].
    pub(crate) fn extract(&self) -> Result<Option<Extract>> {
        Ok(match *self {
            Self::Database(_) => None,
            Self::Output(format, compression) => {
                let stdout = Box::pin(tokio::io::stdout());
                Some(Extract::into(stdout, format, compression)?)
            }
            Self::File(format, path, compression) => Some(Extract::at(path, format, compression)),
        })
    }
}

/// A URI, or key/value pairs; a path may hold `=` too, but then begins with a slash or a dot.
fn is_database(text: &str) -> bool {
    let is_path = text.starts_with(['/', '.']);
    text.contains("://") || (text.contains('=') && !is_path)
}

fn usage(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Usage, message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_database_is_told_from_a_path_and_a_path_says_what_to_write() {
        let plain = |to| destination(to, None, None).unwrap();
        for database in ["postgres:///shop", "dbname=shop", "host=/run user=x"] {
            assert_eq!(plain(database), Destination::Database(database));
        }
        assert_eq!(
            plain("-"),
            Destination::Output(Format::Rows, Compression::None)
        );
        for (to, format, compression) in [
            ("polls.sql", Format::Script, Compression::None),
            ("./polls.sql.gz", Format::Script, Compression::Gzip(6)),
            ("/x=y/polls.sql.zst", Format::Script, Compression::Zstd(3)),
            ("./polls", Format::Directory, Compression::Zstd(3)),
            ("out/polls.d", Format::Directory, Compression::Zstd(3)),
            ("polls.dump", Format::Custom, Compression::Zstd(3)),
            ("./polls.dump.gz", Format::Directory, Compression::Zstd(3)),
            ("polls.tar", Format::Tar, Compression::None),
            ("polls.tar.gz", Format::Tar, Compression::Gzip(6)),
        ] {
            assert_eq!(
                plain(to),
                Destination::File(format, Path::new(to), compression)
            );
        }
        let custom = destination("-", Some(Format::Custom), Some(Compression::Gzip(9))).unwrap();
        assert_eq!(
            custom,
            Destination::Output(Format::Custom, Compression::Gzip(9))
        );
        let rows = destination("votes.lz4", Some(Format::Rows), None).unwrap();
        assert_eq!(
            rows,
            Destination::File(Format::Rows, Path::new("votes.lz4"), Compression::Lz4(0))
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (to, format, compress) in [
            ("shop", None, None),
            ("-", Some(Format::Directory), None),
            ("-", None, Some(Compression::Gzip(1))),
            ("-", Some(Format::Tar), Some(Compression::Gzip(1))),
            ("dbname=shop", Some(Format::Script), None),
            ("postgres:///shop", None, Some(Compression::None)),
        ] {
            let error = destination(to, format, compress).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{to}");
        }
    }
}
