//! Writes a header and a table of contents, byte for byte as pg_dump does on a machine of today:
//! integers of 4 bytes, offsets of 8.

use bytes::Bytes;

use super::{
    ALGORITHMS, Archived, EMPTY_SEARCH_PATH, ENCODING, FORMAT_CUSTOM, FORMAT_TAR, Format, MAGIC,
    OFFSET_KNOWN, OFFSET_NO_DATA, OFFSET_UNKNOWN, OWN_SEARCH_PATH, Place, SEARCHPATH, STDSTRINGS,
    Version,
};
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::compression::Method;
use crate::toc::{Entry, EntryId, Kind, Section};

const INT_SIZE: u8 = 4;
const OFFSET_SIZE: u8 = 8;

/// The bytes of an archive's header and table of contents.
///
/// # Errors
///
/// `Unsupported` for a version that is not written or cannot hold what it should; `Format` for
/// strings with zero bytes, ids that are no positive 32-bit integers, a number of places that is
/// not that of entries, or a time that has no date.
pub fn write(archived: &Archived) -> Result<Bytes> {
    archived.version.check_written(archived.method)?;
    let toc = &archived.toc;
    if toc.entries.len() != archived.places.len() {
        return Err(wrong("every entry needs one place for its data"));
    }
    let mut out = Out {
        bytes: Vec::with_capacity(toc.entries.len() * 512),
    };
    out.header(archived)?;

    let mut settings = vec![(
        STDSTRINGS,
        format!(
            "SET standard_conforming_strings = '{}';\n",
            if toc.std_strings { "on" } else { "off" }
        )
        .into_bytes(),
    )];
    if !toc.encoding.is_empty() {
        let encoding = format!("SET client_encoding = '{}';\n", toc.encoding).into_bytes();
        settings.insert(0, (ENCODING, encoding));
    }
    settings.push((
        SEARCHPATH,
        match &toc.search_path {
            None => EMPTY_SEARCH_PATH,
            Some(statement) if statement.is_empty() => OWN_SEARCH_PATH,
            Some(statement) => statement,
        }
        .to_vec(),
    ));

    let count = i32::try_from(settings.len() + toc.entries.len())
        .map_err(|_| wrong("there are more entries than an archive can count"))?;
    out.int(count);
    // pg_dump gives these the ids after all others and puts them first.
    let last = toc
        .entries
        .iter()
        .map(|entry| entry.id.0)
        .max()
        .unwrap_or(0);
    for ((kind, definition), id) in settings.into_iter().zip(last.saturating_add(1)..) {
        let mut entry = Entry::new(EntryId(id), Kind::from(kind), kind);
        entry.section = Section::PreData;
        entry.definition = definition.into();
        out.entry(&entry, &Place::Nowhere, archived)?;
    }
    for (entry, place) in toc.entries.iter().zip(&archived.places) {
        out.entry(entry, place, archived)
            .map_err(|error| error.in_entry(entry))?;
    }
    Ok(out.bytes.into())
}

struct Out {
    bytes: Vec<u8>,
}

impl Out {
    fn header(&mut self, archived: &Archived) -> Result<()> {
        self.bytes.extend_from_slice(MAGIC);
        self.bytes
            .extend([archived.version.0, archived.version.1, 0]);
        self.bytes.extend([INT_SIZE, OFFSET_SIZE]);
        self.bytes.push(match archived.format {
            Format::Custom => FORMAT_CUSTOM,
            Format::Tar => FORMAT_TAR,
        });
        if archived.version >= Version::V1_15 {
            let algorithm = ALGORITHMS
                .iter()
                .find(|(_, method)| *method == archived.method)
                .map(|(number, _)| *number)
                .ok_or_else(|| wrong("the compression has no number"))?;
            self.bytes.push(algorithm);
        } else {
            // -1 is zlib's default level: which one was used matters to nobody who reads.
            self.int(if archived.method == Method::None {
                0
            } else {
                -1
            });
        }
        let toc = &archived.toc;
        let date = jiff::Timestamp::from_second(toc.created)
            .map_err(|error| wrong("the time of the dump has no date").caused_by(error))?
            .to_zoned(jiff::tz::TimeZone::UTC)
            .datetime();
        self.int(date.second().into());
        self.int(date.minute().into());
        self.int(date.hour().into());
        self.int(date.day().into());
        self.int(i32::from(date.month()) - 1);
        self.int(i32::from(date.year()) - 1900);
        self.int(0);
        self.string(Some(&toc.database))?;
        self.string(Some(toc.server_version.as_bytes()))?;
        self.string(Some(toc.dump_version.as_bytes()))
    }

    fn entry(&mut self, entry: &Entry, place: &Place, archived: &Archived) -> Result<()> {
        let id = i32::try_from(entry.id.0)
            .ok()
            .filter(|id| *id > 0)
            .ok_or_else(|| wrong("its id is not a positive 32-bit integer"))?;
        self.int(id);
        self.int(entry.has_data.into());
        self.string(Some(entry.catalog_id.table.to_string().as_bytes()))?;
        self.string(Some(entry.catalog_id.oid.to_string().as_bytes()))?;
        self.string(Some(&entry.tag))?;
        self.string(Some(entry.kind.as_str().as_bytes()))?;
        self.int(match entry.section {
            Section::None => 1,
            Section::PreData => 2,
            Section::Data => 3,
            Section::PostData => 4,
        });
        self.string(unless_empty(&entry.definition))?;
        self.string(unless_empty(&entry.drop_statement))?;
        self.string(entry.copy_statement.as_deref())?;
        self.string(entry.namespace.as_deref())?;
        self.string(entry.tablespace.as_deref())?;
        self.string(entry.table_access_method.as_deref())?;
        if archived.version >= Version::V1_16 {
            self.int(entry.relkind.into());
        }
        self.string(unless_empty(&entry.owner))?;
        self.string(Some(b"false"))?; // WITH OIDS
        for id in &entry.dependencies {
            self.string(Some(id.to_string().as_bytes()))?;
        }
        self.string(None)?;
        match (archived.format, place) {
            (Format::Tar, Place::File(name)) => self.string(Some(name)),
            (Format::Tar, Place::Nowhere) => self.string(Some(b"")),
            (Format::Custom, Place::Nowhere) => self.position(OFFSET_NO_DATA, 0),
            (Format::Custom, Place::Unrecorded) => self.position(OFFSET_UNKNOWN, 0),
            (Format::Custom, Place::At(offset)) => self.position(OFFSET_KNOWN, *offset),
            (Format::Tar, _) | (Format::Custom, Place::File(_)) => {
                Err(wrong("the place of its data is not one of this format"))
            }
        }
    }

    fn position(&mut self, flag: u8, offset: u64) -> Result<()> {
        self.bytes.push(flag);
        self.bytes.extend_from_slice(&offset.to_le_bytes());
        Ok(())
    }

    fn int(&mut self, number: i32) {
        self.bytes.push(u8::from(number < 0));
        self.bytes
            .extend_from_slice(&number.unsigned_abs().to_le_bytes());
    }

    fn string(&mut self, string: Option<&[u8]>) -> Result<()> {
        let Some(string) = string else {
            self.int(-1);
            return Ok(());
        };
        if memchr::memchr(0, string).is_some() {
            return Err(wrong("a text with a zero byte cannot be archived"));
        }
        let length = i32::try_from(string.len())
            .map_err(|_| wrong("a text of more than 2 GB cannot be archived"))?;
        self.int(length);
        self.bytes.extend_from_slice(string);
        Ok(())
    }
}

fn unless_empty(text: &Bytes) -> Option<&[u8]> {
    (!text.is_empty()).then_some(&text[..])
}

fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Format, message)
}
