//! Whether an archive of some version can hold a dump. Pure.

use crate::archive::codec::Version;
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::compression::Method;
use crate::toc::{Entry, Kind, Toc};

/// Refuses what an archive, or one of this version, cannot say.
pub(super) fn check(toc: &Toc, version: Version, method: Method) -> Result<()> {
    version.check_written(method)?;
    // Which objects an entry of content holds is said by the entries that make them.
    let is_nameless = |entry: &&Entry| {
        entry.kind == Kind::Blobs
            && entry.has_data
            && toc.large_objects(entry).is_ok_and(|oids| oids.is_empty())
    };
    if let Some(entry) = toc.entries.iter().find(is_nameless) {
        return Err(Error::new(
            ErrorKind::Usage,
            "an archive needs the entries that make these large objects, too: list them as well",
        )
        .in_entry(entry));
    }
    if version.groups_large_objects() {
        return Ok(());
    }
    // Below 1.16 no entry says that its table is partitioned, and pg_restore would set the access
    // method where such a table does not take it from.
    let lost = toc
        .entries
        .iter()
        .find(|entry| entry.relkind == b'p' && entry.table_access_method.is_some());
    match lost {
        Some(entry) => Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "a partitioned table with an access method of its own needs an archive of version \
                 1.16, not {version}"
            ),
        )
        .in_entry(entry)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::toc::EntryId;

    #[test]
    fn what_a_version_cannot_hold_is_refused() {
        let mut table = Entry::new(EntryId(7), Kind::Table, "votes");
        table.relkind = b'p';
        let mut toc = Toc::default();
        toc.entries.push(table);
        for version in [Version::V1_14, Version::V1_15, Version::V1_16] {
            check(&toc, version, Method::Gzip).unwrap();
        }
        let refused = |toc: &Toc, version, method| check(toc, version, method).unwrap_err();
        let error = refused(&toc, Version::V1_14, Method::Zstd);
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        refused(&toc, Version::V1_12, Method::None);
        toc.entries[0].table_access_method = Some("columnar".into());
        check(&toc, Version::V1_16, Method::None).unwrap();
        let error = refused(&toc, Version::V1_15, Method::None);
        assert_eq!(error.entry(), Some("entry 7 (TABLE votes)"));
    }
}
