//! Plain SQL dumps as a [`Dump`]: from a file or a pipe, compressed or not.
//!
//! Used by `ops`. The script is gone through once, from its first byte to its last, before there is
//! a Toc: only then is it known to be whole. Nothing of it is run.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use super::cluster::{self, Cluster, ClusterContents, Taken, Wanted};
use super::draft::DataForm;
use super::large_object::pieces_of;
use super::lexer::{Lexer, Piece};
use super::places::{Source, Spool, Store};
use super::script;
use super::script::{Builder, undo_carriage_returns};
use crate::dump::{Data, Dump};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Watch;
use crate::files::{ByteStream, Evidence};
use crate::limits::Limits;
use crate::pipeline::Reader;
use crate::pipeline::compression::{Method, decompress};
use crate::pipeline::streams::stream_of;
use crate::toc::{EntryId, Toc};

pub use super::damage::Damage;

/// How a dump is read.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ReadOptions {
    limits: Limits,
    watch: Watch,
    spool: Option<PathBuf>,
    wanted: Wanted,
    salvage: Option<Damage>,
}

impl ReadOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bounds on what is held in memory.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The bounds: see [`limits`](Self::limits).
    pub(crate) fn bounds(&self) -> &Limits {
        &self.limits
    }

    /// The folder to set things aside in: see [`spool_in`](Self::spool_in).
    pub(crate) fn spool(&self) -> Option<&Path> {
        self.spool.as_deref()
    }

    /// Who is told: see [`watch`](Self::watch).
    pub(crate) fn watch_of(&self) -> &Watch {
        &self.watch
    }

    /// Who is told what a person should know.
    #[must_use]
    pub fn watch(mut self, watch: Watch) -> Self {
        self.watch = watch;
        self
    }

    /// Of a dump of several databases, as pg_dumpall makes it, this one. A dump of one database is
    /// refused if it is another one.
    #[must_use]
    pub fn database(mut self, name: impl Into<String>) -> Self {
        self.wanted = Wanted::Named(name.into());
        self
    }

    /// Of a dump of pg_dumpall the roles and tablespaces, and no database: a dump without entries,
    /// whose evidence has the globals.
    #[must_use]
    pub fn globals_only(mut self) -> Self {
        self.wanted = Wanted::Globals;
        self
    }

    /// The database that is wanted, if one was named.
    pub(crate) fn wanted_database(&self) -> Option<&str> {
        match &self.wanted {
            Wanted::Named(name) => Some(name),
            Wanted::Only | Wanted::Globals => None,
        }
    }

    /// Takes what stands in front of a damage: of a script that is cut short or cannot be read on
    /// the statements and rows before, of a file whose compression breaks off what it held until
    /// there. Each damage is noted, to be told with what [`salvage`](crate::ops::salvage) finds
    /// lost. Not for the scripts of pg_dumpall.
    #[must_use]
    pub fn salvage(mut self, damage: Damage) -> Self {
        self.salvage = Some(damage);
        self
    }

    /// The bytes up to a damage, if one is to be survived.
    pub(crate) fn until_damage(&self, bytes: ByteStream) -> ByteStream {
        match &self.salvage {
            Some(damage) => damage.until(bytes),
            None => bytes,
        }
    }

    /// The folder in which the data of a script, or an archive, that cannot be read twice is set
    /// aside; the system's folder for temporary files if none is said. A script takes about the
    /// size of the compressed dump, an archive that of the archive itself.
    #[must_use]
    pub fn spool_in(mut self, folder: impl Into<PathBuf>) -> Self {
        self.spool = Some(folder.into());
        self
    }
}

/// A plain SQL dump, gone through.
#[derive(Debug)]
pub struct PlainDump {
    toc: Toc,
    data: HashMap<EntryId, script::Data>,
    evidence: Evidence,
    source: Source,
    limits: Limits,
}

/// Opens a script in a file: plain, or compressed by gzip, zstd or lz4, which its first bytes say.
///
/// A plain file is read again for its data and must stay as it is; the data of any other is set
/// aside (see [`ReadOptions::spool_in`]), which the options' watch is told.
///
/// # Errors
///
/// `Missing` if there is no such file; `Format` with offset and line where the script is damaged or
/// cut short; `Stage` where its compression is; `Unsupported` for psql meta-commands and what only
/// psql can load; `Limit`.
pub async fn open(path: &Path, options: &ReadOptions) -> Result<PlainDump> {
    look_at(path, options)
        .await?
        .dump()
        .map_err(|error| error.of_key(path.display()))
}

/// Reads a script from a pipe, or anything else that can be read once. Its data is set aside.
///
/// # Errors
///
/// See [`open`].
pub async fn read(input: Reader, options: &ReadOptions) -> Result<PlainDump> {
    look_into(input, options).await?.dump()
}

/// What a script was found to be.
#[derive(Debug)]
pub enum Found {
    /// A dump of one database, or the one that was wanted of several.
    Dump(Box<PlainDump>),
    /// The script of a cluster, of which no database was taken: there are several or none.
    Cluster(ClusterContents),
}

impl Found {
    fn dump(self) -> Result<PlainDump> {
        match self {
            Self::Dump(dump) => Ok(*dump),
            Self::Cluster(contents) => Err(contents.which()),
        }
    }
}

/// [`open`], which also tells the script of a cluster from a dump.
///
/// # Errors
///
/// See [`open`].
pub async fn look_at(path: &Path, options: &ReadOptions) -> Result<Found> {
    let named = |error: Error| error.of_key(path.display());
    let file = tokio::fs::File::open(path).await.map_err(|error| {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::Missing,
            _ => ErrorKind::Store,
        };
        named(Error::new(kind, "the dump cannot be opened").caused_by(error))
    })?;
    let is_file = file
        .metadata()
        .await
        .is_ok_and(|metadata| metadata.is_file());
    let again = is_file.then(|| path.to_path_buf());
    read_from(Box::pin(file), again, options)
        .await
        .map_err(named)
}

/// [`read`], which also tells the script of a cluster from a dump.
///
/// # Errors
///
/// See [`open`].
pub async fn look_into(input: Reader, options: &ReadOptions) -> Result<Found> {
    read_from(input, None, options).await
}

/// Who takes the pieces: what the script is, its first comment says.
enum Taking {
    One(Box<Builder>),
    Several(Box<Cluster>),
}

impl Taking {
    async fn take(&mut self, piece: Piece, options: &ReadOptions) -> Result<()> {
        match self {
            Self::One(builder) if cluster::begins(&piece) && builder.is_untouched() => {
                let cluster = Cluster::new(
                    std::mem::replace(&mut builder.store, Store::Nowhere),
                    options.wanted.clone(),
                    options.limits.clone(),
                    options.watch.clone(),
                );
                *self = Self::Several(Box::new(cluster));
                Ok(())
            }
            Self::One(builder) => builder.take(piece).await,
            Self::Several(cluster) => cluster.take(piece).await,
        }
    }

    /// Survives a damage, if that is wanted and can be.
    fn survive(
        &mut self,
        error: Error,
        options: &ReadOptions,
        (offset, line): (u64, u64),
    ) -> Result<()> {
        let Some(damage) = &options.salvage else {
            return Err(error);
        };
        damage.note(error)?;
        let lost = match self {
            Self::One(builder) => builder.break_off(),
            Self::Several(cluster) => cluster.break_off(offset, line)?,
        };
        lost.map_or(Ok(()), |lost| damage.note(lost))
    }

    /// Why the script is not whole, if nothing of it follows.
    fn is_cut_short(&self, offset: u64, line: u64) -> Option<Error> {
        match self {
            Self::One(builder) => builder.is_cut_short(offset, line),
            Self::Several(cluster) => cluster.is_cut_short(offset, line),
        }
    }
}

async fn read_from(input: Reader, again: Option<PathBuf>, options: &ReadOptions) -> Result<Found> {
    let (method, input) = recognize(stream_of(input)).await?;
    let store = match again.filter(|_| method == Method::None) {
        Some(path) => Store::File(path),
        // Of roles and tablespaces there is nothing to set aside.
        None if options.wanted == Wanted::Globals => Store::Nowhere,
        None => {
            let spool = Spool::new(options.spool.as_deref())?;
            options.watch.notice(format!(
                "the dump can be read only once: its data is set aside in {} as long as it is needed",
                spool.path().display()
            ));
            Store::Spool(Box::new(spool))
        }
    };
    let builder = Builder::new(store, options.limits.clone(), options.watch.clone());
    let mut taking = Taking::One(Box::new(builder));
    let mut lexer = Lexer::new(&options.limits);
    let mut input = options.until_damage(decompress(input, method));
    let mut damaged = None;
    let mut ended = false;
    'script: loop {
        loop {
            let taken = match lexer.next_piece() {
                Ok(Some(piece)) => taking.take(piece, options).await,
                Ok(None) => break,
                Err(error) => Err(error),
            };
            if let Err(error) = taken {
                damaged = Some(error);
                break 'script;
            }
        }
        if ended {
            break;
        }
        match input.try_next().await? {
            Some(chunk) => lexer.feed(chunk),
            None => {
                lexer.end();
                ended = true;
            }
        }
    }
    let (offset, line) = (lexer.offset(), lexer.line());
    if damaged.is_none() {
        damaged = taking.is_cut_short(offset, line);
    }
    if let Some(error) = damaged {
        taking.survive(error, options, (offset, line))?;
    }
    let script = match taking {
        Taking::One(_) if options.wanted == Wanted::Globals => {
            return Err(Error::new(
                ErrorKind::Missing,
                "this is a dump of one database: it holds no roles and tablespaces",
            ));
        }
        Taking::One(builder) => builder.finish(offset, line)?,
        Taking::Several(cluster) => match cluster.finish(offset, line)? {
            Taken::Database(script) => *script,
            Taken::Contents(contents) if options.wanted == Wanted::Globals => {
                return Ok(Found::Dump(Box::new(globals_of(contents, options))));
            }
            Taken::Contents(contents) => return Ok(Found::Cluster(contents)),
        },
    };
    Ok(Found::Dump(Box::new(PlainDump {
        toc: script.toc,
        data: script.data,
        evidence: script.evidence,
        source: script.store.finish().await?,
        limits: options.limits.clone(),
    })))
}

/// A dump that has no entry, and roles and tablespaces.
fn globals_of(contents: ClusterContents, options: &ReadOptions) -> PlainDump {
    let mut evidence = Evidence::default();
    evidence.source.encoding.clone_from(&contents.encoding);
    evidence.globals = Some(contents.globals);
    PlainDump {
        toc: Toc {
            encoding: contents.encoding,
            std_strings: true,
            ..Toc::default()
        },
        data: HashMap::new(),
        evidence,
        source: Source::File(PathBuf::new()),
        limits: options.limits.clone(),
    }
}

/// Bytes that tell what a file is, as far as that matters here.
const HEAD: usize = 64;

/// How the input is compressed, and the input whole.
async fn recognize(mut input: ByteStream) -> Result<(Method, ByteStream)> {
    let mut head = Vec::new();
    while head.len() < HEAD {
        match input.try_next().await? {
            Some(chunk) => head.extend_from_slice(&chunk),
            None => break,
        }
    }
    let refuse = |what: &str| {
        Err(Error::new(
            ErrorKind::Unsupported,
            format!("{what}; give it unpacked, or as .sql, .sql.gz, .sql.zst or .sql.lz4"),
        ))
    };
    match &head[..] {
        [b'P', b'G', b'D', b'M', b'P', ..] => {
            return refuse("a pg_dump archive in custom format, not a script");
        }
        [0xFD, b'7', b'z', b'X', b'Z', ..] => return refuse("compressed by xz"),
        [b'B', b'Z', b'h', ..] => return refuse("compressed by bzip2"),
        [b'P', b'K', 3, 4, ..] => return refuse("a zip file"),
        [b'7', b'z', 0xBC, 0xAF, ..] => return refuse("a 7z file"),
        _ => {}
    }
    if let Some(by) = encrypted_by(&head) {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "this is a file encrypted by {by}, not a dump: decrypt it first, for instance into a \
                 pipe, and give - as the file"
            ),
        ));
    }
    let method = Method::of_magic(&head);
    let whole = stream::iter([Ok(Bytes::from(head))]).chain(input).boxed();
    Ok((method, whole))
}

/// What a file is encrypted by, if its first bytes say so.
pub(crate) fn encrypted_by(head: &[u8]) -> Option<&'static str> {
    let is = |begin: &[u8]| head.starts_with(begin);
    if is(b"age-encryption.org/") || is(b"-----BEGIN AGE ENCRYPTED FILE-----") {
        return Some("age (age -d -i KEY FILE)");
    }
    if is(b"-----BEGIN PGP MESSAGE-----") {
        return Some("gpg (gpg -d FILE)");
    }
    if is(b"Salted__") {
        return Some("openssl enc (openssl enc -d)");
    }
    // The packets an encrypted message begins with (RFC 9580, 4.2 and 5): a session key encrypted to
    // a key or by a passphrase, in the old framing or the new, then the packet's version. No text
    // begins so: in UTF-8 these bytes never begin a character, and control characters follow.
    let (tag, body) = match head {
        [first @ 0x80..=0xBF, rest @ ..] => {
            let lengths = 1 << (first & 3);
            ((first >> 2) & 15, rest.get(lengths..)?)
        }
        [first @ 0xC0..=0xFF, rest @ ..] => {
            let lengths = match rest.first()? {
                0..=191 => 1,
                192..=223 => 2,
                _ => return None,
            };
            (first & 63, rest.get(lengths..)?)
        }
        _ => return None,
    };
    let version = body.first()?;
    let is_key =
        (tag == 1 && matches!(version, 2 | 3 | 6)) || (tag == 3 && matches!(version, 4..=6));
    is_key.then_some("gpg (gpg -d FILE)")
}

impl Dump for PlainDump {
    fn toc(&self) -> &Toc {
        &self.toc
    }

    fn data(&self, entry: EntryId) -> BoxFuture<'_, Result<Data>> {
        async move {
            let data = self.data.get(&entry).ok_or_else(|| {
                Error::new(ErrorKind::Missing, format!("entry {entry} has no data"))
            })?;
            let text = self.source.open(&data.place).await?;
            Ok(match data.form {
                DataForm::Copy(false) => Data::Rows(text),
                DataForm::Copy(true) => Data::Rows(with_line_feeds(text)),
                DataForm::Inserts if data.prefix.is_empty() => Data::Rows(text),
                DataForm::Inserts => {
                    let prefix = data.prefix.clone();
                    Data::Rows(stream::iter([Ok(prefix)]).chain(text).boxed())
                }
                DataForm::LargeObjects => {
                    Data::LargeObjects(pieces_of(text, &self.limits, self.toc.std_strings))
                }
            })
        }
        .boxed()
    }

    /// What was seen while the script was gone through: rows and digest of COPY data, values of
    /// sequences, encoding and version of the source. INSERT statements are not rows to digest.
    fn evidence(&self) -> Evidence {
        self.evidence.clone()
    }

    fn size_hint(&self, entry: EntryId) -> Option<u64> {
        self.data.get(&entry).map(|data| data.place.bytes)
    }
}

/// COPY text whose lines end in CR LF with the line ends COPY writes.
fn with_line_feeds(text: ByteStream) -> ByteStream {
    let mut held = false;
    text.map_ok(move |chunk| Bytes::from(undo_carriage_returns(&chunk, &mut held)))
        .boxed()
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
