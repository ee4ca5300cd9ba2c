//! What DATABASE|PATH|- means in `dr extract`. Used by `command`.

use std::path::Path;

use dr_core::pipeline::compression::{Compression, Method};
use dr_core::{Error, ErrorKind, Result};

use crate::args::Format;

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
        return match (format.unwrap_or(Format::Copy), compress) {
            (Format::Directory, _) => Err(usage("a directory archive does not fit into a stream")),
            // Its data is compressed inside.
            (Format::Custom, compress) => Ok(Destination::Output(
                Format::Custom,
                compress.unwrap_or_default(),
            )),
            (_, Some(_)) => Err(usage(
                "standard output is not compressed: pipe it into the program of your choice",
            )),
            (format, None) => Ok(Destination::Output(format, Compression::None)),
        };
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
    let method = Method::of_name(to);
    let inside = to.strip_suffix(method.suffix()).unwrap_or(to);
    let format = format.unwrap_or(match inside.rsplit_once('.') {
        Some((_, "sql")) => Format::Sql,
        Some((_, "tar")) => Format::Tar,
        // Its data is compressed inside: `.dump.gz` would be something else.
        Some((_, "dump")) if method == Method::None => Format::Custom,
        _ => Format::Directory,
    });
    let compression = compress.unwrap_or(match format {
        Format::Directory | Format::Custom => Compression::from(Method::Zstd),
        Format::Sql | Format::Tar | Format::Copy => Compression::from(method),
    });
    Ok(Destination::File(format, path, compression))
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
            Destination::Output(Format::Copy, Compression::None)
        );
        for (to, format, compression) in [
            ("polls.sql", Format::Sql, Compression::None),
            ("./polls.sql.gz", Format::Sql, Compression::Gzip(6)),
            ("/x=y/polls.sql.zst", Format::Sql, Compression::Zstd(3)),
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
        let rows = destination("votes.lz4", Some(Format::Copy), None).unwrap();
        assert_eq!(
            rows,
            Destination::File(Format::Copy, Path::new("votes.lz4"), Compression::Lz4(0))
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (to, format, compress) in [
            ("shop", None, None),
            ("-", Some(Format::Directory), None),
            ("-", None, Some(Compression::Gzip(1))),
            ("-", Some(Format::Tar), Some(Compression::Gzip(1))),
            ("dbname=shop", Some(Format::Sql), None),
            ("postgres:///shop", None, Some(Compression::None)),
        ] {
            let error = destination(to, format, compress).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{to}");
        }
    }
}
