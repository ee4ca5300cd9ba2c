//! A custom archive as a dump. A view: of the file only what stands in front of the data is read
//! when it is made.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use tokio::sync::{Mutex, OnceCell};

use super::blocks::{Blocks, Header, Holds};
use super::walk::Walk;
use crate::archive::codec::{Format, Front, Place, Version, read_front};
use crate::archive::data_places::DataPlaces;
use crate::archive::rows::without_end;
use crate::archive::seekable::Seekable;
use crate::archive::source::add_facts;
use crate::dump::{Data, Dump, Header as ArchiveHeader, LargeObjectPiece};
use crate::error::{Error, ErrorKind, Result};
use crate::files::{ByteStream, Evidence};
use crate::limits::Limits;
use crate::pipeline::compression::Method;
use crate::toc::{Entry, EntryId, Kind, Toc};

/// Bytes of the file that are taken for what stands in front of the data, at first.
const FRONT: u64 = 64 * 1024;

/// The dump in a custom archive, of dr or of pg_dump 9 to 18.
///
/// # Errors
///
/// See [`dump_within`].
pub async fn dump(file: Arc<dyn Seekable>) -> Result<CustomDump> {
    dump_within(file, Limits::default()).await
}

/// The dump in a custom archive, read within limits.
///
/// A block that is missing or damaged is an error only when its entry is asked for: what else an
/// archive holds can still be had. Where blocks are to be searched for, this is done once, when the
/// first of them is asked for.
///
/// # Errors
///
/// `Format`, with entry and offset, if this is no custom archive or its table of contents is
/// damaged; `Unsupported` for its version; `Limit`.
pub async fn dump_within(file: Arc<dyn Seekable>, limits: Limits) -> Result<CustomDump> {
    let Front {
        archived,
        head,
        int_size,
        length,
    } = front(&*file, &limits).await?;
    if archived.format != Format::Custom {
        return Err(Error::new(
            ErrorKind::Format,
            "this is the table of contents of a directory or tar archive, not a custom archive",
        ));
    }
    let toc = archived.toc;
    let mut places = DataPlaces::new();
    let mut objects = HashMap::new();
    for (index, (entry, place)) in toc.entries.iter().zip(archived.places).enumerate() {
        let place = match (place, entry.has_data) {
            (Place::Nowhere, false) => continue,
            (Place::At(at), true) => Some(at),
            (Place::Unrecorded, true) => None,
            _ => {
                return Err(Error::new(
                    ErrorKind::Format,
                    "it says both that it has data and that it has none",
                )
                .in_entry(entry));
            }
        };
        if entry.kind == Kind::Blobs {
            objects.insert(entry.id, OnceCell::new());
        }
        places.add(entry.id, index, place);
    }
    Ok(CustomDump {
        sizes: sizes(&places, file.length()),
        blocks: Arc::new(Blocks {
            source: file,
            int_size,
            method: archived.method,
            begin: length,
            ids: places.ids().collect(),
        }),
        header: head.header("CUSTOM", archived.version, archived.method),
        version: archived.version,
        toc,
        places,
        found: OnceCell::new(),
        objects,
        limits,
    })
}

/// Reads header and table of contents: as much of the file as they have bytes, up to twice.
async fn front(file: &dyn Seekable, limits: &Limits) -> Result<Front> {
    let most = limits.toc_bytes();
    let mut stream = file.read(0).await?;
    let mut read = BytesMut::new();
    let mut wanted = FRONT;
    loop {
        wanted = wanted.min(most.most());
        let mut ended = false;
        while (read.len() as u64) < wanted {
            match stream.try_next().await? {
                None => {
                    ended = true;
                    break;
                }
                Some(more) => read.extend_from_slice(&more),
            }
        }
        read.truncate(usize::try_from(most.most()).unwrap_or(usize::MAX));
        let bytes: Bytes = read.freeze();
        match read_front(&bytes, limits) {
            Ok(front) => return Ok(front),
            Err((_, Some(needs))) if needs > most.most() => {
                return Err(most.exceeded("the table of contents has more bytes"));
            }
            Err((_, Some(needs))) if !ended && needs <= file.length() => {
                wanted = needs.max(bytes.len() as u64 * 2);
                read = bytes.into();
            }
            Err((error, _)) => return Err(error),
        }
    }
}

/// About how many bytes each block has: up to the next one.
fn sizes(places: &DataPlaces<Option<u64>>, length: u64) -> HashMap<EntryId, u64> {
    let mut places: Vec<(u64, EntryId)> = places
        .iter()
        .filter_map(|(id, place)| Some(((*place)?, id)))
        .collect();
    places.sort_unstable();
    let ends = places.iter().skip(1).map(|(at, _)| *at).chain([length]);
    places
        .iter()
        .zip(ends)
        .map(|((at, id), end)| (*id, end.saturating_sub(*at)))
        .collect()
}

/// The dump in a custom archive; made by [`dump`].
pub struct CustomDump {
    blocks: Arc<Blocks>,
    header: ArchiveHeader,
    version: Version,
    toc: Toc,
    /// Of each block, as far as it is recorded.
    places: DataPlaces<Option<u64>>,
    sizes: HashMap<EntryId, u64>,
    /// What was found by going through all blocks.
    found: OnceCell<Found>,
    /// Of each BLOBS entry, where the content of its large objects begins.
    objects: HashMap<EntryId, OnceCell<HashMap<u32, u64>>>,
    limits: Limits,
}

/// Blocks by the ids they say.
#[derive(Default)]
struct Found {
    blocks: HashMap<EntryId, u64>,
    /// Several blocks say these.
    twice: HashSet<EntryId>,
    /// Where the search could not go on.
    stopped: Option<(String, u64)>,
}

impl std::fmt::Debug for CustomDump {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CustomDump")
            .field("version", &self.version)
            .field("method", &self.blocks.method)
            .field("entries", &self.toc.entries.len())
            .finish_non_exhaustive()
    }
}

impl CustomDump {
    /// The archive's version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// How its data is compressed, where gzip means zlib's format.
    pub fn method(&self) -> Method {
        self.blocks.method
    }

    /// The block of an entry, with a walk that stands behind its header.
    async fn block(&self, entry: &Entry, place: Option<u64>) -> Result<(Header, Walk)> {
        let at = match place {
            Some(at) => at,
            None => self.search(entry).await?,
        };
        let wrong = |message: String| Error::new(ErrorKind::Format, message).at_offset(at);
        if at < self.blocks.begin || at >= self.blocks.source.length() {
            return Err(wrong(format!(
                "its data is said to begin at byte {at}, where the file holds none: it was cut \
                 short or is damaged"
            )));
        }
        let mut walk = self.blocks.walk(at);
        let header = self.blocks.header(&mut walk).await?;
        let header = header.ok_or_else(|| wrong("its data is not there".to_owned()))?;
        if header.id != entry.id {
            return Err(wrong(format!(
                "the block of data that should be its own is that of entry {}",
                header.id
            )));
        }
        let holds = match entry.kind {
            Kind::Blobs => Holds::LargeObjects,
            _ => Holds::Rows,
        };
        if header.holds != holds {
            return Err(wrong(
                match holds {
                    Holds::Rows => "its block of data holds large objects",
                    Holds::LargeObjects => "its block of data holds no large objects",
                }
                .to_owned(),
            ));
        }
        Ok((header, walk))
    }

    /// Where the block of an entry begins that does not say so.
    async fn search(&self, entry: &Entry) -> Result<u64> {
        let found = self
            .found
            .get_or_try_init(|| async { go_through(&self.blocks).await })
            .await?;
        let wrong = |message: String| Error::new(ErrorKind::Format, message);
        if found.twice.contains(&entry.id) {
            return Err(wrong(
                "several blocks of data are said to be its own".to_owned(),
            ));
        }
        match (found.blocks.get(&entry.id), &found.stopped) {
            (Some(at), _) => Ok(*at),
            (None, Some((why, at))) => {
                Err(wrong(format!("its data is not among what can be read: {why}")).at_offset(*at))
            }
            (None, None) => Err(wrong(
                "the file holds no data of it: it was cut short or is damaged".to_owned(),
            )
            .at_offset(self.blocks.source.length())),
        }
    }

    /// Where the content of each large object begins, gone through once.
    async fn objects(&self, entry: &Entry, place: Option<u64>) -> Result<&HashMap<u32, u64>> {
        let known = self.objects.get(&entry.id).ok_or_else(|| {
            Error::new(ErrorKind::Missing, "it holds no large objects").in_entry(entry)
        })?;
        known
            .get_or_try_init(|| async {
                let (_, mut walk) = self.block(entry, place).await?;
                let most = self.limits.toc_entries();
                let mut objects = HashMap::new();
                while let Some(oid) = self.blocks.oid(&mut walk).await? {
                    objects.entry(oid).or_insert(walk.at());
                    if objects.len() as u64 > most.most() {
                        return Err(most.exceeded("it has more large objects"));
                    }
                    self.blocks.skip_data(&mut walk).await?;
                }
                Ok(objects)
            })
            .await
    }

    /// The large objects of a block, which must be those that the Toc names.
    fn large_objects(
        &self,
        entry: &Entry,
        walk: Walk,
    ) -> Result<BoxStream<'static, Result<LargeObjectPiece>>> {
        let expected: HashSet<u32> = self.toc.large_objects(entry)?.into_iter().collect();
        let blocks = Arc::clone(&self.blocks);
        let state = (Arc::new(Mutex::new(walk)), expected);
        let objects = stream::try_unfold(state, move |(walk, mut expected)| {
            let blocks = Arc::clone(&blocks);
            async move {
                let mut on = walk.lock().await;
                let at = on.at();
                let wrong = |message: String| Error::new(ErrorKind::Format, message).at_offset(at);
                let Some(oid) = blocks.oid(&mut on).await? else {
                    return match expected.iter().min() {
                        Some(oid) => Err(wrong(format!(
                            "large object {oid} is in the table of contents and not among the data"
                        ))),
                        None => Ok(None),
                    };
                };
                drop(on);
                if !expected.remove(&oid) {
                    return Err(wrong(format!(
                        "large object {oid} is not in the table of contents, or comes twice"
                    )));
                }
                let content = blocks.content(Arc::clone(&walk));
                let object = stream::iter([Ok(LargeObjectPiece::Begin(oid))])
                    .chain(content.map_ok(LargeObjectPiece::Content))
                    .chain(stream::iter([Ok(LargeObjectPiece::End)]));
                Ok(Some((object, (walk, expected))))
            }
        });
        Ok(objects.try_flatten().boxed())
    }
}

/// Goes through all blocks, once. What stops it is an error for those whose blocks were not found.
async fn go_through(blocks: &Blocks) -> Result<Found> {
    let mut found = Found::default();
    let mut walk = blocks.walk(blocks.begin);
    let stopped = loop {
        let header = match blocks.header(&mut walk).await {
            Ok(Some(header)) => header,
            Ok(None) => return Ok(found),
            Err(error) => break error,
        };
        if found.blocks.insert(header.id, header.at).is_some() {
            found.twice.insert(header.id);
        }
        if let Err(error) = blocks.skip(&mut walk, header.holds).await {
            break error;
        }
    };
    if stopped.kind() != ErrorKind::Format {
        return Err(stopped);
    }
    found.stopped = Some((
        stopped.to_string(),
        stopped.offset().unwrap_or_else(|| walk.at()),
    ));
    Ok(found)
}

/// Gives an error what it lacks: the entry, and for damage inside the data, where its block begins.
fn named(title: &str, at: u64, error: Error) -> Error {
    match (error.entry(), error.kind()) {
        (Some(_), _) => error,
        (None, ErrorKind::Stage) => error.in_entry(title).at_offset(at),
        (None, _) => error.in_entry(title),
    }
}

impl Dump for CustomDump {
    fn toc(&self) -> &Toc {
        &self.toc
    }

    fn data(&self, id: EntryId) -> BoxFuture<'_, Result<Data>> {
        async move {
            let (entry, place) = self.places.find(&self.toc, id)?;
            let (header, walk) = self
                .block(entry, *place)
                .await
                .map_err(|error| error.in_entry(entry))?;
            let title = entry.to_string();
            let named = move |error| named(&title, header.at, error);
            if header.holds == Holds::LargeObjects {
                let pieces = self.large_objects(entry, walk).map_err(&named)?;
                return Ok(Data::LargeObjects(pieces.map_err(named).boxed()));
            }
            let data = Arc::clone(&self.blocks).rows(walk);
            let rows = match entry.copy_statement {
                Some(_) => without_end(data),
                None => data,
            };
            Ok(Data::Rows(rows.map_err(named).boxed()))
        }
        .boxed()
    }

    fn large_object(&self, id: EntryId, oid: u32) -> BoxFuture<'_, Result<ByteStream>> {
        async move {
            let (entry, place) = self.places.find(&self.toc, id)?;
            let title = entry.to_string();
            let objects = self.objects(entry, *place).await;
            let at = *objects
                .map_err(|error| match error.entry() {
                    Some(_) => error,
                    None => error.in_entry(&title),
                })?
                .get(&oid)
                .ok_or_else(|| {
                    Error::new(
                        ErrorKind::Missing,
                        format!("the archive holds no large object {oid}"),
                    )
                    .in_entry(&title)
                })?;
            let walk = Arc::new(Mutex::new(self.blocks.walk(at)));
            let content = self.blocks.content(walk);
            Ok(content
                .map_err(move |error| named(&title, at, error))
                .boxed())
        }
        .boxed()
    }

    fn evidence(&self) -> Evidence {
        let mut evidence = Evidence::default();
        add_facts(&mut evidence.source, &self.toc);
        evidence
    }

    fn header(&self) -> Option<&ArchiveHeader> {
        Some(&self.header)
    }

    fn size_hint(&self, id: EntryId) -> Option<u64> {
        let size = *self.sizes.get(&id)?;
        // As of a directory's files: text of tables shrinks to a quarter or so.
        Some(match self.blocks.method {
            Method::None => size,
            _ => size.saturating_mul(4),
        })
    }
}
