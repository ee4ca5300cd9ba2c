//! What is stored beside the files of a backup: commit mark, manifest, `SHA256SUMS`, ids.
//!
//! - Any bytes are read or refused; what is read, written and read again is the same.
//! - A commit mark is refused unless it bears the seal of all its bytes.
//! - Names that leave the backup's folder are never read.

use dr_core::ErrorKind;
use dr_core::files::check_name;
use dr_core::repo::fuzzing::{read_manifest, read_mark, seal, write_manifest, write_mark};
use dr_core::repo::{BackupId, Sums};

/// See the module.
pub fn hold(bytes: &[u8]) {
    mark(bytes);
    manifest(bytes);
    sums(bytes);
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(id) = text.parse::<BackupId>()
    {
        assert_eq!(id.to_string(), text);
        check_name(id.as_str()).expect("an id is a name");
    }
}

fn mark(bytes: &[u8]) {
    // No input finds a SHA-256: the seal is put below it here.
    let sealed = std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| text.strip_suffix("\n}"))
        .map(seal);
    for bytes in [Some(bytes), sealed.as_deref()].into_iter().flatten() {
        match read_mark(bytes) {
            Ok(mark) => {
                for name in mark.objects.keys() {
                    check_name(name).expect("the names of a mark are names");
                }
                assert!(mark.stored_bytes() >= mark.objects.values().copied().max().unwrap_or(0));
                let written = write_mark(&mark);
                assert_eq!(read_mark(&written).expect("its own bytes"), mark);
                let middle = written.len() / 2;
                let mut damaged = written;
                damaged[middle] ^= 1;
                let error = read_mark(&damaged).expect_err("its seal is that of other bytes");
                assert_eq!(error.kind(), ErrorKind::Integrity);
            }
            Err(error) => assert!(
                matches!(
                    error.kind(),
                    ErrorKind::Integrity | ErrorKind::Unsupported | ErrorKind::Format
                ),
                "{error}"
            ),
        }
    }
}

fn manifest(bytes: &[u8]) {
    if let Ok(manifest) = read_manifest(bytes) {
        for file in &manifest.files {
            check_name(&file.name).expect("the names of a manifest are names");
            check_name(&file.stored).expect("the names of a manifest are names");
        }
        let written = write_manifest(&manifest);
        assert_eq!(read_manifest(&written).expect("its own bytes"), manifest);
    }
}

fn sums(bytes: &[u8]) {
    match Sums::parse(bytes) {
        Ok(sums) => {
            for (name, sum) in sums.iter() {
                check_name(name).expect("the names of the sums are names");
                assert_eq!(sums.get(name), Some(sum));
            }
            let text = sums.to_text();
            assert_eq!(text.len(), bytes.len(), "something was passed over");
            assert_eq!(Sums::parse(text.as_bytes()).expect("its own text"), sums);
        }
        Err(error) => assert!(
            matches!(
                error.kind(),
                ErrorKind::Integrity | ErrorKind::Format | ErrorKind::Conflict
            ),
            "{error}"
        ),
    }
}
