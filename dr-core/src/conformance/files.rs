//! The laws of [`Files`].

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};

use super::{Outcome, holds, well};
use crate::digest::Sha256;
use crate::error::ErrorKind;
use crate::files::{Files, check_name};

const READS: &str = "every file that is listed can be read to its end";

/// Checks that names can be stored and are each there once, that the list stays as it is, that every file
/// can be read, alone and beside all others, and that a name that is not listed is `Missing`.
///
/// # Errors
///
/// The first law that is broken.
pub async fn files(files: &dyn Files) -> Outcome {
    let list = files.list();
    let mut names = BTreeSet::new();
    for file in &list {
        holds(
            "a file's name can be stored",
            check_name(&file.name).is_ok(),
            || format!("{:?} cannot", file.name),
        )?;
        holds(
            "no two files have one name",
            names.insert(&file.name[..]),
            || format!("two are called {:?}", file.name),
        )?;
    }
    holds("the list stays as it is", files.list() == list, || {
        "asked again, it is another".to_owned()
    })?;
    let mut absent = "there-is-none.dat".to_owned();
    while names.contains(&absent[..]) {
        absent.insert(0, 'x');
    }
    const MISSING: &str = "a name that is not listed is Missing";
    match files.open(&absent).await {
        Ok(_) => holds(MISSING, false, || format!("{absent:?} was opened"))?,
        Err(error) => holds(MISSING, error.kind() == ErrorKind::Missing, || {
            format!("{absent:?} is {:?}: {error}", error.kind())
        })?,
    }
    // A reader that loses interest leaves everybody else alone.
    for name in &names {
        let mut bytes = well(READS, files.open(name).await)?;
        let _first = bytes.next().await;
    }
    read(files, &names, names.len().max(1)).await?;
    Ok(())
}

/// Checks what files do that lie somewhere, and are not made while they are read: each has just as many
/// bytes as the list says, and the same ones whenever it is read.
///
/// # Errors
///
/// The first law that is broken.
pub async fn stored_files(files: &dyn Files) -> Outcome {
    const EXACT: &str = "a file has as many bytes as the list says";
    let list = files.list();
    let names: BTreeSet<&str> = list.iter().map(|file| &file.name[..]).collect();
    let one_by_one = read(files, &names, 1).await?;
    let all_at_once = read(files, &names, names.len().max(1)).await?;
    for file in &list {
        let (bytes, digest) = &one_by_one[&file.name];
        let beside = &all_at_once[&file.name];
        holds(
            "a file has the same bytes whenever it is read",
            (bytes, digest) == (&beside.0, &beside.1),
            || format!("{} had others when all were read at once", file.name),
        )?;
        holds(EXACT, file.size_hint == Some(*bytes), || {
            format!("{} has {bytes}, not {:?}", file.name, file.size_hint)
        })?;
    }
    Ok(())
}

async fn read(
    files: &dyn Files,
    names: &BTreeSet<&str>,
    at_once: usize,
) -> Outcome<BTreeMap<String, (u64, Sha256)>> {
    let all: Result<BTreeMap<_, _>, _> = stream::iter(names.iter().copied())
        .map(|name| async move {
            let mut bytes = files.open(name).await?;
            let mut content = Vec::new();
            while let Some(piece) = bytes.try_next().await? {
                content.extend_from_slice(&piece);
            }
            let digest = Sha256::of(&content);
            Ok::<_, crate::Error>((name.to_owned(), (content.len() as u64, digest)))
        })
        .buffer_unordered(at_once)
        .boxed()
        .try_collect()
        .await;
    well(READS, all)
}
