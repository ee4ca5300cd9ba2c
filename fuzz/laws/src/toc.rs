//! A table of contents as bytes: read, written, read again.
//!
//! - What is read, written at a version that is written, and read again is the same.
//! - What is read takes no more than its bytes do, however much they say there is.
//! - Within tight limits reading ends with `Limit`, or nothing exceeds them.

use bytes::Bytes;
use dr_core::archive::codec::{Archived, Format, Version, read, write};
use dr_core::toc::{Entry, Toc};
use dr_core::{ErrorKind, Limits};

/// See the module.
pub fn hold(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    match read(&bytes, &Limits::default()) {
        Ok(archived) => {
            let size = size(&archived.toc);
            // Below 1.13 each entry is made to set its search_path: once more its namespace, whose
            // quotes double, and less than 40 bytes; the same in front of a COPY.
            let most = bytes.len() * 5 + 100 * archived.toc.entries.len();
            assert!(size <= most, "{size} bytes out of {}", bytes.len());
            assert_eq!(archived.places.len(), archived.toc.entries.len());
            again(archived);
        }
        Err(error) => {
            if let Some(offset) = error.offset() {
                assert!(offset <= bytes.len() as u64, "{offset}: {error}");
            }
        }
    }
    tight(&bytes);
}

/// Written and read again.
fn again(mut archived: Archived) {
    archived.version = archived
        .version
        .max(Version::lowest_with(archived.method))
        .max(Version::V1_14);
    if archived.version < Version::V1_16 {
        for entry in &mut archived.toc.entries {
            assert_eq!(entry.relkind, 0, "older archives have no place for it");
        }
    }
    let written = write(&archived).expect("what was read can be written");
    let found = read(&written, &Limits::default()).expect("what was written can be read");
    assert_eq!(found, archived);
    assert_eq!(write(&found).expect("as before"), written);
}

/// Bytes of everything that a Toc holds.
fn size(toc: &Toc) -> usize {
    let entry = |entry: &Entry| {
        let texts = [
            &entry.tag,
            &entry.owner,
            &entry.definition,
            &entry.drop_statement,
        ];
        let options = [
            &entry.namespace,
            &entry.tablespace,
            &entry.table_access_method,
            &entry.copy_statement,
        ];
        texts.into_iter().map(Bytes::len).sum::<usize>()
            + options.into_iter().flatten().map(Bytes::len).sum::<usize>()
            + entry.kind.as_str().len()
            + entry.dependencies.len()
    };
    toc.entries.iter().map(entry).sum()
}

fn tight(bytes: &Bytes) {
    let limits: Limits = "toc_bytes=2000,toc_entries=5,toc_string=30"
        .parse()
        .expect("limits");
    match read(bytes, &limits) {
        Ok(archived) => {
            assert!(bytes.len() as u64 <= limits.toc_bytes().most());
            // Three of them may be the settings that the Toc itself holds.
            assert!(archived.toc.entries.len() as u64 <= limits.toc_entries().most());
            for entry in &archived.toc.entries {
                assert!(entry.tag.len() as u64 <= limits.toc_string().most());
                assert!(entry.drop_statement.len() as u64 <= limits.toc_string().most());
            }
            assert!(matches!(archived.format, Format::Custom | Format::Tar));
        }
        Err(error) if error.kind() == ErrorKind::Limit => {
            assert!(error.to_string().contains("--limit toc_"), "{error}");
        }
        Err(_) => {}
    }
}
