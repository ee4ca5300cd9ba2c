//! A dump as the files of a directory archive. A view: data is read, digested and compressed while
//! a file is read, and not before.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use sha2::Digest as _;

use super::run::Run;
use super::{GLOBALS, TOC};
use crate::archive::codec::{self, Archived, Format, Place, Version};
use crate::archive::large_objects;
use crate::archive::rows::{Passed, counted, with_end};
use crate::archive::source::signed;
use crate::digest::{RowsDigest, Sha256};
use crate::dump::{Data, Dump};
use crate::error::{Error, ErrorKind, Result};
use crate::files::{
    ByteStream, Evidence, FileInfo, Files, LargeObjectEvidence, Seen, TableEvidence,
};
use crate::pipeline::compression::{Compression, compress};
use crate::text::TextForm;
use crate::toc::{Entry, EntryId, Index, Kind, Toc};

/// The files of a directory archive of `dump`, in the version that the server's own pg_restore
/// reads, or the lowest that can hold the compression: zstd and lz4 need a pg_restore of 16 or
/// later, whatever the server.
///
/// # Errors
///
/// See [`files_of_version`].
pub fn files(dump: Arc<dyn Dump>, compression: Compression) -> Result<DirectoryFiles> {
    let version = Version::for_dump(&dump.toc().server_version, compression.method());
    files_of_version(dump, compression, version)
}

/// The files of a directory archive of one version. Below 1.16, large objects become single
/// entries.
///
/// # Errors
///
/// `Unsupported` if the version cannot hold the compression; `Format` if the Toc cannot be
/// archived, with the entry.
pub fn files_of_version(
    dump: Arc<dyn Dump>,
    compression: Compression,
    version: Version,
) -> Result<DirectoryFiles> {
    DirectoryFiles::new(dump, compression, version, Order::BiggestFirst)
}

/// In which order the files of data are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// So that the biggest does not run alone at the end.
    BiggestFirst,
    /// As the Toc has them, and the large objects of an entry before their list.
    OfToc,
}

/// A dump as the files of a directory archive; made by [`files`].
pub struct DirectoryFiles {
    dump: Arc<dyn Dump>,
    /// Of the dump's own Toc.
    index: Index,
    compression: Compression,
    version: Version,
    toc: Bytes,
    /// In the order to begin in.
    list: Vec<FileInfo>,
    contents: HashMap<String, Content>,
    evidence: Arc<Mutex<Evidence>>,
}

/// What a file is made of.
struct Content {
    title: String,
    passed: Arc<Passed>,
    source: Source,
}

enum Source {
    /// The list of large objects, or the table of contents.
    Text(Bytes),
    /// The data of an entry.
    Rows(EntryId),
    /// One large object of an entry; in order where the dump has one lane.
    LargeObject(EntryId, u32, Option<Arc<Run>>),
}

impl std::fmt::Debug for DirectoryFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DirectoryFiles")
            .field("version", &self.version)
            .field("compression", &self.compression)
            .field("files", &self.list.len())
            .finish_non_exhaustive()
    }
}

impl DirectoryFiles {
    /// Uncompressed, in the order in which a tar has them.
    pub(in crate::archive) fn in_order(dump: Arc<dyn Dump>, version: Version) -> Result<Self> {
        Self::new(dump, Compression::None, version, Order::OfToc)
    }

    fn new(
        dump: Arc<dyn Dump>,
        compression: Compression,
        version: Version,
        order: Order,
    ) -> Result<Self> {
        let toc = if version.groups_large_objects() {
            dump.toc().clone()
        } else {
            large_objects::one_by_one(dump.toc())?
        };
        let mut layout = Layout {
            version,
            suffix: compression.method().suffix(),
            list: Vec::new(),
            contents: HashMap::new(),
        };
        let mut places = Vec::with_capacity(toc.entries.len());
        for entry in &toc.entries {
            places.push(match (entry.has_data, &entry.kind) {
                (false, _) => Place::Nowhere,
                (true, Kind::Blobs) => layout.large_objects(entry, &*dump, &toc)?,
                (true, _) => layout.rows(entry, &*dump)?,
            });
        }
        let archived = Archived {
            version,
            format: Format::Tar,
            method: compression.method(),
            toc: signed(toc),
            places,
        };
        let toc = codec::write(&archived)?;
        // One lane means one order: that of the Toc.
        if order == Order::BiggestFirst && dump.lanes() > 1 {
            layout
                .list
                .sort_by_key(|file| std::cmp::Reverse(file.size_hint.unwrap_or(0)));
        }
        layout.add(
            TOC.to_owned(),
            "table of contents".to_owned(),
            Some(toc.len() as u64),
            Source::Text(toc.clone()),
        )?;
        layout.list.rotate_right(1);
        let evidence = dump.evidence();
        if let Some(globals) = &evidence.globals {
            let script = globals.script(evidence.source.server_version_num);
            let text = TextForm::of_encoding(&dump.toc().encoding).encode(&script);
            layout.add(
                GLOBALS.to_owned(),
                "roles and tablespaces".to_owned(),
                Some(text.len() as u64),
                Source::Text(text),
            )?;
        }
        Ok(Self {
            index: Index::of(dump.toc()),
            dump,
            compression,
            version,
            toc,
            list: layout.list,
            contents: layout.contents,
            evidence: Arc::new(Mutex::new(evidence)),
        })
    }

    /// The archive's version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The bytes of `toc.dat`.
    pub fn toc(&self) -> &Bytes {
        &self.toc
    }

    async fn rows(&self, id: EntryId, passed: Arc<Passed>) -> Result<ByteStream> {
        let entry = self.index.get(self.dump.toc(), id).ok_or_else(|| {
            Error::new(
                ErrorKind::Bug,
                format!("entry {id} has left the dump's Toc"),
            )
        })?;
        let Data::Rows(rows) = self.dump.data(id).await? else {
            return Err(Error::new(
                ErrorKind::Format,
                "large objects came where rows were expected",
            )
            .in_entry(entry));
        };
        let Some(copy) = &entry.copy_statement else {
            // INSERT statements, as `--inserts` makes them, have no end mark.
            return Ok(counted(rows, passed));
        };
        let mut seen = TableEvidence::default();
        let form = TextForm::of_encoding(&self.dump.toc().encoding);
        seen.namespace = form.decode(entry.namespace.as_deref().unwrap_or_default())?;
        seen.name = form.decode(&entry.tag)?;
        seen.columns = columns(copy)
            .iter()
            .map(|column| form.decode(column))
            .collect::<Result<_>>()?;
        let evidence = self.evidence.clone();
        let title = entry.to_string();
        Ok(with_end(rows, passed, move |digest: RowsDigest| {
            seen.digest = digest;
            let mut evidence = evidence.lock().unwrap_or_else(PoisonError::into_inner);
            evidence.tables.insert(id.0, seen);
        })
        .map_err(move |error| match error.entry() {
            Some(_) => error,
            None => error.in_entry(&title),
        })
        .boxed())
    }

    async fn large_object(
        &self,
        entry: EntryId,
        oid: u32,
        run: Option<&Run>,
        passed: Arc<Passed>,
    ) -> Result<ByteStream> {
        let content = match run {
            Some(run) => run.open(&*self.dump, entry, oid).await?,
            None => self.dump.large_object(entry, oid).await?,
        };
        let evidence = self.evidence.clone();
        let hashed = stream::try_unfold(Some((content, sha2::Sha256::new(), 0u64)), move |state| {
            let evidence = evidence.clone();
            async move {
                let Some((mut content, mut hasher, bytes)) = state else {
                    return Ok(None);
                };
                let Some(piece) = content.try_next().await? else {
                    let digest: [u8; 32] = hasher.finalize().into();
                    let seen = LargeObjectEvidence::new(bytes, Sha256::from(digest));
                    let mut evidence = evidence.lock().unwrap_or_else(PoisonError::into_inner);
                    evidence.large_objects.insert(oid, seen);
                    return Ok::<_, Error>(None);
                };
                hasher.update(&piece);
                let bytes = bytes + piece.len() as u64;
                Ok(Some((piece, Some((content, hasher, bytes)))))
            }
        })
        .boxed();
        Ok(counted(hashed, passed))
    }
}

impl Files for DirectoryFiles {
    fn list(&self) -> Vec<FileInfo> {
        self.list.clone()
    }

    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<ByteStream>> {
        async move {
            let content = self.contents.get(name).ok_or_else(|| {
                Error::new(ErrorKind::Missing, "the archive has no such file").of_key(name)
            })?;
            let passed = content.passed.clone();
            passed.set(0, 0);
            let plain = match &content.source {
                Source::Text(text) => {
                    passed.set(0, text.len() as u64);
                    return Ok(stream::iter([Ok(text.clone())]).boxed());
                }
                Source::Rows(id) => self.rows(*id, passed).await?,
                Source::LargeObject(entry, oid, run) => {
                    self.large_object(*entry, *oid, run.as_deref(), passed)
                        .await?
                }
            };
            Ok(compress(plain, self.compression))
        }
        .boxed()
    }

    fn title(&self, name: &str) -> String {
        self.contents
            .get(name)
            .map_or_else(|| name.to_owned(), |content| content.title.clone())
    }

    fn seen(&self, name: &str) -> Option<Seen> {
        self.contents.get(name).map(|content| content.passed.seen())
    }

    fn evidence(&self) -> Evidence {
        self.evidence
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The files while they are being laid out.
struct Layout {
    version: Version,
    suffix: &'static str,
    list: Vec<FileInfo>,
    contents: HashMap<String, Content>,
}

impl Layout {
    fn rows(&mut self, entry: &Entry, dump: &dyn Dump) -> Result<Place> {
        let name = format!("{}.dat", entry.id);
        self.add(
            format!("{name}{}", self.suffix),
            title(entry),
            dump.size_hint(entry.id),
            Source::Rows(entry.id),
        )
        .map_err(|error| error.in_entry(entry))?;
        Ok(Place::File(name.into()))
    }

    /// `blobs_<id>.toc` and the objects it lists.
    fn large_objects(&mut self, entry: &Entry, dump: &dyn Dump, toc: &Toc) -> Result<Place> {
        let name = if self.version.groups_large_objects() {
            format!("blobs_{}.toc", entry.id)
        } else {
            // pg_restore looks for this name whatever the entry says.
            "blobs.toc".to_owned()
        };
        let sources = large_objects::sources(dump.toc(), toc, entry)?;
        let mut list = Vec::new();
        for source in sources {
            let run = (dump.lanes() <= 1).then(Arc::<Run>::default);
            let objects = match dump.toc().get(source) {
                Some(source) => dump.toc().large_objects(source)?,
                None => Vec::new(),
            };
            for oid in objects {
                let file = format!("blob_{oid}.dat");
                list.extend_from_slice(format!("{oid} {file}\n").as_bytes());
                self.add(
                    format!("{file}{}", self.suffix),
                    format!("LARGE OBJECT {oid}"),
                    None,
                    Source::LargeObject(source, oid, run.clone()),
                )
                .map_err(|error| error.in_entry(entry))?;
            }
        }
        let size = list.len() as u64;
        self.add(
            name.clone(),
            title(entry),
            Some(size),
            Source::Text(list.into()),
        )
        .map_err(|error| error.in_entry(entry))?;
        Ok(Place::File(name.into()))
    }

    fn add(
        &mut self,
        name: String,
        title: String,
        size_hint: Option<u64>,
        source: Source,
    ) -> Result<()> {
        let content = Content {
            title,
            passed: Arc::default(),
            source,
        };
        if self.contents.insert(name.clone(), content).is_some() {
            return Err(Error::new(
                ErrorKind::Format,
                format!("two entries with data would share the file {name}: ids must be unique"),
            ));
        }
        self.list.push(FileInfo { name, size_hint });
        Ok(())
    }
}

/// `TABLE DATA public.votes_vote`.
fn title(entry: &Entry) -> String {
    let tag = String::from_utf8_lossy(&entry.tag);
    match &entry.namespace {
        Some(namespace) => format!(
            "{} {}.{tag}",
            entry.kind,
            String::from_utf8_lossy(namespace)
        ),
        None => format!("{} {tag}", entry.kind),
    }
}

/// The names in the column list of `COPY public.votes (id, "Option") FROM stdin;`.
fn columns(copy: &[u8]) -> Vec<Vec<u8>> {
    let mut in_quotes = false;
    let mut depth = 0u32;
    let mut names: Vec<Vec<u8>> = Vec::new();
    let mut bytes = copy.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' if in_quotes && bytes.peek() == Some(&b'"') => {
                bytes.next();
                if let (1, Some(name)) = (depth, names.last_mut()) {
                    name.push(b'"');
                }
            }
            b'"' => in_quotes = !in_quotes,
            b'(' if !in_quotes => {
                depth += 1;
                names.push(Vec::new());
            }
            b')' if !in_quotes => break,
            b',' if !in_quotes && depth == 1 => names.push(Vec::new()),
            b' ' if !in_quotes => {}
            _ => {
                if let (1, Some(name)) = (depth, names.last_mut()) {
                    name.push(byte);
                }
            }
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_of_a_copy_statement_are_read_with_their_quotes_undone() {
        let names = |copy: &str| -> Vec<String> {
            columns(copy.as_bytes())
                .into_iter()
                .map(|name| String::from_utf8_lossy(&name).into_owned())
                .collect()
        };
        assert_eq!(
            names("COPY public.\"odd (t\" (id, \"a, \"\"b\"\")\", c) FROM stdin;\n"),
            ["id", "a, \"b\")", "c"]
        );
        assert!(names("COPY public.t  FROM stdin;\n").is_empty());
        assert!(names("COPY public.t () FROM stdin;\n").is_empty());
    }
}
