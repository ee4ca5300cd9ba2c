//! The two things about a folder of this machine that a store does not know: making it so that it
//! lasts, and the temporary parts that a killed process leaves. Used by the backend and the sweep.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::{Error, ErrorKind, Result};

/// Makes a folder and those above it, and forces their entries to disk: a backup that was
/// reported must not vanish with a folder that was never written.
pub(super) fn create_folder(path: &Path) -> Result<()> {
    let failed = |error: std::io::Error| {
        Error::new(ErrorKind::Store, "the repository's folder cannot be made")
            .of_key(path.display())
            .caused_by(error)
    };
    if path.is_dir() {
        return Ok(());
    }
    let mut missing = Vec::new();
    let mut above = path;
    while !above.exists() {
        missing.push(above);
        match above.parent() {
            Some(parent) if parent.as_os_str().is_empty() => {
                above = Path::new(".");
                break;
            }
            Some(parent) => above = parent,
            None => break,
        }
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    // As pg_dump makes its folders: what is in a backup is for its owner.
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(failed)?;
    missing
        .into_iter()
        .chain([above])
        .try_for_each(sync_folder)
        .map_err(failed)
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> std::io::Result<()> {
    std::fs::File::open(path)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// A temporary part of an upload.
#[derive(Debug, Clone)]
pub(super) struct TemporaryPart {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) modified: SystemTime,
}

/// Every temporary part under `root`: files called `<name>#<number>`, which the local store
/// writes to before it renames, and hides from listings.
pub(super) fn temporary_parts(root: &Path) -> std::io::Result<Vec<TemporaryPart>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            // Somebody else swept it meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            // Does not follow links: a part is never one, and a link may lead anywhere.
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && is_part(&entry.file_name().to_string_lossy()) {
                match entry.metadata() {
                    Ok(metadata) => found.push(TemporaryPart {
                        path: entry.path(),
                        bytes: metadata.len(),
                        modified: metadata.modified()?,
                    }),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
    Ok(found)
}

fn is_part(name: &str) -> bool {
    name.split_once('#').is_some_and(|(_, number)| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Removes a folder if nothing is in it, and the one above it likewise; never `root`.
pub(super) fn remove_empty(root: &Path, folder: &Path) {
    let mut folder = folder;
    // A folder that is not empty stays, and that is no failure.
    while folder != root && folder.starts_with(root) && std::fs::remove_dir(folder).is_ok() {
        match folder.parent() {
            Some(parent) => folder = parent,
            None => break,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_temporary_parts_are_found() {
        let root = tempfile::tempdir().expect("folder");
        let deep = root.path().join("shop/id");
        create_folder(&deep).expect("made");
        create_folder(&deep).expect("made before");
        for name in ["a.dat#1", "a.dat", "a#b", "a#", "backup.json#23"] {
            std::fs::write(deep.join(name), b"x").expect("written");
        }
        let mut names: Vec<_> = temporary_parts(root.path())
            .expect("walked")
            .into_iter()
            .map(|part| part.path.file_name().expect("name").to_owned())
            .collect();
        names.sort();
        assert_eq!(names, ["a.dat#1", "backup.json#23"]);
    }
}
