//! The verb `salvage`: what is intact of a damaged dump, as a [`Dump`], and what is not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use serde::Serialize;

use super::as_json;
use super::verify::{VerifyOptions, read_entries};
use crate::dump::{Data, Dump, LargeObjectPiece};
use crate::error::{Error, ErrorKind, Result};
use crate::files::{ByteStream, Evidence};
use crate::sql::reader::Damage;
use crate::toc::{EntryId, Index, Kind, Toc};

/// What is left of a damaged dump.
pub struct Salvaged {
    /// A dump without what is lost; everything in it was read once from its first byte to its last.
    pub dump: Arc<dyn Dump>,
    /// What is lost, in the order of the dump.
    pub lost: Vec<Lost>,
}

impl std::fmt::Debug for Salvaged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Salvaged")
            .field("lost", &self.lost)
            .finish_non_exhaustive()
    }
}

/// One thing that is lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Lost {
    /// The entry's id in the dump; `None` where there is no telling which entries there were.
    pub entry: Option<u32>,
    /// The entry as a person reads it, such as `TABLE DATA shop.orders`, one large object of it, or
    /// what stood behind a damage.
    pub what: String,
    /// Why, causes included.
    pub why: String,
}

/// Reads all data of a dump as [`verify_dump`](super::verify_dump) does, and leaves out what cannot
/// be read: rows of tables (their definitions stay, so that the rows may come from somewhere else),
/// single large objects, and foreign keys to tables whose rows are lost, which could not be made.
/// `damage` is what was met when the dump was opened, if it was opened by
/// [`ReadOptions::salvage`](super::ReadOptions::salvage).
///
/// Whole entries are intact or lost. Rows that stand before a damage in the same entry are not
/// taken: nothing vouches for them. Formats without checksums can hold damage that nobody can tell;
/// see [`verify_dump`](super::verify_dump).
///
/// # Examples
///
/// ```no_run
/// use dr_core::ops::{Damage, ReadOptions, VerifyOptions, open_dump, salvage};
/// # async fn after_the_flood() -> dr_core::Result<()> {
/// let damage = Damage::new();
/// let reading = ReadOptions::new().salvage(damage.clone());
/// let dump = open_dump("half-written.sql.gz".as_ref(), &reading).await?;
/// let salvaged = salvage(dump, &damage, &VerifyOptions::new().jobs(4)).await?;
/// for lost in &salvaged.lost {
///     eprintln!("lost: {}: {}", lost.what, lost.why);
/// }
/// // salvaged.dump is restored, extracted from or converted as any other.
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// `Bug` if a task dies. What is damaged is no error here.
pub async fn salvage(
    dump: Arc<dyn Dump>,
    damage: &Damage,
    options: &VerifyOptions,
) -> Result<Salvaged> {
    let mut failed: BTreeMap<EntryId, Error> = BTreeMap::new();
    read_entries(&dump, options, |id, outcome| {
        if let Err(error) = outcome {
            failed.insert(id, error);
        }
    })
    .await?;
    let index = Index::of(dump.toc());
    let mut gone: BTreeSet<EntryId> = BTreeSet::new();
    let mut objects: BTreeMap<EntryId, Vec<u32>> = BTreeMap::new();
    let mut lost_objects: BTreeSet<u32> = BTreeSet::new();
    let mut lost: Vec<Lost> = Vec::new();
    for (id, error) in failed {
        let Some(entry) = index.get(dump.toc(), id) else {
            continue;
        };
        let oids = match entry.kind {
            Kind::Blobs => dump.toc().large_objects(entry).unwrap_or_default(),
            _ => Vec::new(),
        };
        if oids.is_empty() {
            gone.insert(id);
            lost.push(Lost::of(id, entry, &error));
            continue;
        }
        let mut intact = Vec::new();
        for oid in oids {
            match read_object(&*dump, id, oid).await {
                Ok(()) => intact.push(oid),
                Err(error) => {
                    lost_objects.insert(oid);
                    lost.push(Lost::of(id, format_args!("large object {oid}"), &error));
                }
            }
        }
        objects.insert(id, intact);
    }
    let (toc, keys) = dump.toc().without_data_of(&gone);
    let toc = toc.without_large_objects(&lost_objects);
    for (id, table) in keys {
        if let Some(entry) = index.get(dump.toc(), id) {
            lost.push(Lost {
                entry: Some(id.0),
                what: entry.to_string(),
                why: format!("it refers to {table}, whose rows are lost"),
            });
        }
    }
    lost.sort_by_key(|lost| lost.entry.and_then(|id| index.position(EntryId(id))));
    let dump: Arc<dyn Dump> = match lost.is_empty() {
        true => dump,
        false => Arc::new(Left::of(dump, toc, objects, lost_objects)),
    };
    lost.extend(damage.take().iter().map(Lost::behind));
    Ok(Salvaged { dump, lost })
}

impl Lost {
    fn of(id: EntryId, what: impl std::fmt::Display, error: &Error) -> Self {
        Self {
            entry: Some(id.0),
            what: what.to_string(),
            why: with_causes(error),
        }
    }

    /// What stood behind a damage that was met when the dump was opened.
    fn behind(error: &Error) -> Self {
        let what = match (error.entry(), error.offset()) {
            (Some(entry), _) => entry.to_owned(),
            (None, Some(offset)) => format!("everything from byte {offset} on"),
            (None, None) => "everything behind a damage".to_owned(),
        };
        Self {
            entry: None,
            what,
            why: with_causes(error),
        }
    }
}

fn with_causes(error: &Error) -> String {
    let causes = as_json::causes(error);
    let why: Vec<String> = std::iter::once(error.to_string()).chain(causes).collect();
    why.join(": ")
}

/// Reads one large object to its end.
async fn read_object(dump: &dyn Dump, entry: EntryId, oid: u32) -> Result<()> {
    let mut content = dump.large_object(entry, oid).await?;
    while content.try_next().await?.is_some() {}
    Ok(())
}

/// A dump without what is lost.
struct Left {
    dump: Arc<dyn Dump>,
    toc: Toc,
    index: Index,
    /// Of BLOBS entries that lost some: the large objects that are intact.
    objects: BTreeMap<EntryId, Vec<u32>>,
    /// Those that are not.
    lost: BTreeSet<u32>,
}

impl Left {
    fn of(
        dump: Arc<dyn Dump>,
        toc: Toc,
        objects: BTreeMap<EntryId, Vec<u32>>,
        lost: BTreeSet<u32>,
    ) -> Self {
        let index = Index::of(&toc);
        Self {
            dump,
            toc,
            index,
            objects,
            lost,
        }
    }

    fn check(&self, entry: EntryId) -> Result<()> {
        match self.index.position(entry) {
            Some(_) => Ok(()),
            None => Err(Error::new(
                ErrorKind::Missing,
                format!("entry {entry} is lost"),
            )),
        }
    }
}

impl Dump for Left {
    fn toc(&self) -> &Toc {
        &self.toc
    }

    fn data(&self, entry: EntryId) -> BoxFuture<'_, Result<Data>> {
        async move {
            self.check(entry)?;
            let Some(oids) = self.objects.get(&entry) else {
                return self.dump.data(entry).await;
            };
            let dump = Arc::clone(&self.dump);
            let each = stream::iter(oids.clone()).map(move |oid| {
                let dump = Arc::clone(&dump);
                async move { pieces(&*dump, entry, oid).await }.boxed()
            });
            let pieces = each.buffered(1).try_flatten();
            Ok(Data::LargeObjects(pieces.boxed()))
        }
        .boxed()
    }

    fn large_object(&self, entry: EntryId, oid: u32) -> BoxFuture<'_, Result<ByteStream>> {
        async move {
            self.check(entry)?;
            if self.lost.contains(&oid) {
                return Err(Error::new(
                    ErrorKind::Missing,
                    format!("large object {oid} is lost"),
                ));
            }
            self.dump.large_object(entry, oid).await
        }
        .boxed()
    }

    fn evidence(&self) -> Evidence {
        let mut evidence = self.dump.evidence();
        let has = |id: &u32| self.index.position(EntryId(*id)).is_some();
        evidence.tables.retain(|id, _| has(id));
        evidence
            .large_objects
            .retain(|oid, _| !self.lost.contains(oid));
        evidence
    }

    fn size_hint(&self, entry: EntryId) -> Option<u64> {
        self.dump.size_hint(entry)
    }

    fn lanes(&self) -> usize {
        self.dump.lanes()
    }
}

/// One large object as a run of pieces.
async fn pieces(
    dump: &dyn Dump,
    entry: EntryId,
    oid: u32,
) -> Result<stream::BoxStream<'static, Result<LargeObjectPiece>>> {
    let content = dump.large_object(entry, oid).await?;
    let begin = stream::iter([Ok(LargeObjectPiece::Begin(oid))]);
    let end = stream::iter([Ok(LargeObjectPiece::End)]);
    let content = content.map_ok(LargeObjectPiece::Content);
    Ok(begin.chain(content).chain(end).boxed())
}
