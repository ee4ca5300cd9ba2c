//! The laws of [`Dump`].

use std::collections::{BTreeMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream};

use super::{Broken, Outcome, holds, well};
use crate::digest::{RowsDigest, RowsHasher, Sha256};
use crate::dump::{Data, Dump, LargeObjectPiece};
use crate::error::ErrorKind;
use crate::files::ByteStream;
use crate::toc::{Entry, EntryId, Kind};

const YIELDS: &str = "every entry that has data yields it to its end";
const MISSING: &str = "an entry without data is Missing";

/// What an entry's data is, whatever the order of its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Rows(RowsDigest),
    Statements(Sha256),
    LargeObjects(BTreeMap<u32, Sha256>),
}

/// Checks that every entry that has data yields it, and no other does; that rows are whole lines
/// without an end mark; that large objects come one after another and can be asked for alone; and that
/// all of it is the same again, read beside one another over as many lanes as the dump says.
///
/// # Errors
///
/// The first law that is broken.
pub async fn dump(dump: &dyn Dump) -> Outcome {
    let entries = &dump.toc().entries;
    let mut ids = HashSet::new();
    let with_data: Vec<&Entry> = entries.iter().filter(|entry| entry.has_data).collect();
    for entry in &with_data {
        holds(
            "no two entries with data have one id",
            ids.insert(entry.id),
            || format!("{} is there twice", entry.id),
        )?;
    }
    holds("a dump has at least one lane", dump.lanes() > 0, || {
        "it has none".to_owned()
    })?;
    let nobody = EntryId(entries.iter().map(|entry| entry.id.0).max().unwrap_or(0) + 1);
    is_missing(dump, nobody).await?;
    for entry in entries {
        if !entry.has_data && !ids.contains(&entry.id) {
            is_missing(dump, entry.id).await?;
        }
    }
    // A reader that loses interest leaves everybody else alone.
    for entry in &with_data {
        match well(YIELDS, dump.data(entry.id).await)? {
            Data::Rows(mut rows) => drop(rows.next().await),
            Data::LargeObjects(mut pieces) => drop(pieces.next().await),
        }
    }
    let mut one_by_one = BTreeMap::new();
    for entry in &with_data {
        one_by_one.insert(entry.id, see(dump, entry).await?);
    }
    let lanes = dump.lanes().min(with_data.len()).max(1);
    let beside: BTreeMap<EntryId, Seen> = stream::iter(with_data.iter().copied())
        .map(|entry| async move { Ok::<_, Broken>((entry.id, see(dump, entry).await?)) })
        .buffer_unordered(lanes)
        .boxed()
        .try_collect()
        .await?;
    for entry in &with_data {
        holds(
            "an entry has the same data whenever it is read",
            one_by_one[&entry.id] == beside[&entry.id],
            || {
                format!(
                    "{entry}: {:?}, then {:?}",
                    one_by_one[&entry.id], beside[&entry.id]
                )
            },
        )?;
    }
    let groups = || {
        one_by_one.iter().filter_map(|(id, seen)| match seen {
            Seen::LargeObjects(objects) => Some((*id, objects)),
            _ => None,
        })
    };
    // No entry holds this one.
    let most = groups().flat_map(|(_, objects)| objects.keys()).max();
    let nobody = most.map_or(1, |oid| oid.wrapping_add(1));
    for (id, objects) in groups() {
        alone(dump, id, objects, nobody).await?;
    }
    Ok(())
}

async fn is_missing(dump: &dyn Dump, entry: EntryId) -> Outcome {
    match dump.data(entry).await {
        Ok(_) => holds(MISSING, false, || format!("entry {entry} has some")),
        Err(error) => holds(MISSING, error.kind() == ErrorKind::Missing, || {
            format!("entry {entry} is {:?}: {error}", error.kind())
        }),
    }
}

async fn see(dump: &dyn Dump, entry: &Entry) -> Outcome<Seen> {
    const FITS: &str = "BLOBS yield large objects, and everything else rows";
    match well(YIELDS, dump.data(entry.id).await)? {
        Data::LargeObjects(pieces) => {
            holds(FITS, entry.kind == Kind::Blobs, || entry.to_string())?;
            objects(entry, pieces).await.map(Seen::LargeObjects)
        }
        Data::Rows(rows) => {
            holds(FITS, entry.kind != Kind::Blobs, || entry.to_string())?;
            match entry.copy_statement {
                Some(_) => lines(entry, rows).await.map(Seen::Rows),
                None => Ok(Seen::Statements(Sha256::of(&whole(rows).await?))),
            }
        }
    }
}

async fn whole(mut stream: ByteStream) -> Outcome<Vec<u8>> {
    let mut content = Vec::new();
    while let Some(piece) = well(YIELDS, stream.try_next().await)? {
        content.extend_from_slice(&piece);
    }
    Ok(content)
}

async fn lines(entry: &Entry, rows: ByteStream) -> Outcome<RowsDigest> {
    const LINES: &str = "rows are whole lines of COPY text, without the end mark";
    let text = whole(rows).await?;
    holds(LINES, text.is_empty() || text.ends_with(b"\n"), || {
        format!("{entry}: the last one has no end")
    })?;
    holds(
        LINES,
        !text.split(|byte| *byte == b'\n').any(|line| line == b"\\."),
        || format!("{entry}: the end mark is among them"),
    )?;
    let mut hasher = RowsHasher::new();
    hasher.update(&text);
    well(LINES, hasher.finish())
}

async fn objects(
    entry: &Entry,
    mut pieces: stream::BoxStream<'static, crate::Result<LargeObjectPiece>>,
) -> Outcome<BTreeMap<u32, Sha256>> {
    const GRAMMAR: &str = "a large object begins, has content, and ends before the next begins";
    let broken = |how: &str| Broken {
        law: GRAMMAR,
        how: format!("{entry}: {how}"),
    };
    let mut open: Option<(u32, Vec<u8>)> = None;
    let mut found = BTreeMap::new();
    while let Some(piece) = well(YIELDS, pieces.try_next().await)? {
        match (piece, &mut open) {
            (LargeObjectPiece::Begin(oid), None) => open = Some((oid, Vec::new())),
            (LargeObjectPiece::Content(bytes), Some((_, content))) => {
                content.extend_from_slice(&bytes);
            }
            (LargeObjectPiece::End, Some(_)) => {
                if let Some((oid, content)) = open.take()
                    && found.insert(oid, Sha256::of(&content)).is_some()
                {
                    return Err(broken("one comes twice"));
                }
            }
            _ => return Err(broken("it does not")),
        }
    }
    holds(GRAMMAR, open.is_none(), || {
        format!("{entry}: the last one has no end")
    })?;
    Ok(found)
}

async fn alone(
    dump: &dyn Dump,
    entry: EntryId,
    objects: &BTreeMap<u32, Sha256>,
    nobody: u32,
) -> Outcome {
    const ALONE: &str = "a large object is the same when it is asked for alone";
    for (oid, digest) in objects {
        let content = whole(well(ALONE, dump.large_object(entry, *oid).await)?).await?;
        holds(ALONE, Sha256::of(&content) == *digest, || {
            format!("large object {oid} is another")
        })?;
    }
    match dump.large_object(entry, nobody).await {
        Ok(_) => holds(MISSING, false, || format!("large object {nobody} is there")),
        Err(error) => holds(MISSING, error.kind() == ErrorKind::Missing, || {
            format!("large object {nobody} is {:?}: {error}", error.kind())
        }),
    }
}
