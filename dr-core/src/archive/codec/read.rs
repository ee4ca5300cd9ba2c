//! Reads a header and a table of contents. Nothing is allocated by a count that the input names:
//! strings are slices of the input, and lists grow as their items are found in it.

use bytes::Bytes;

use super::{
    ALGORITHMS, Archived, EMPTY_SEARCH_PATH, ENCODING, FORMAT_CUSTOM, FORMAT_TAR, Format, MAGIC,
    OFFSET_KNOWN, OFFSET_NO_DATA, OFFSET_UNKNOWN, OWN_SEARCH_PATH, Place, SEARCHPATH, STDSTRINGS,
    Version, unqualified,
};
use crate::dump::Header;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::pipeline::compression::Method;
use crate::toc::{CatalogId, Entry, EntryId, Kind, Section, Toc};

/// Reads an archive's header and table of contents from its beginning; what follows is left.
///
/// Definitions of archives below 1.13, which rely on a `search_path` for each entry, are made to
/// set it, so that they mean the same in any session.
///
/// # Errors
///
/// `Format` with the byte offset, and the entry where it was inside one; `Limit`; `Unsupported`
/// for versions below 1.12 or above 1.16.
pub fn read(bytes: &Bytes, limits: &Limits) -> Result<Archived> {
    if bytes.len() as u64 > limits.toc_bytes().most() {
        return Err(limits
            .toc_bytes()
            .exceeded("the table of contents has more bytes"));
    }
    archive(&mut Cursor::new(bytes, limits))
}

/// [`read`], and what of the header an [`Archived`] does not say.
pub(in crate::archive) fn read_with_head(
    bytes: &Bytes,
    limits: &Limits,
) -> Result<(Archived, Head)> {
    let mut cursor = Cursor::new(bytes, limits);
    let archived = match bytes.len() as u64 > limits.toc_bytes().most() {
        true => read(bytes, limits)?,
        false => archive(&mut cursor)?,
    };
    Ok((archived, cursor.head))
}

/// What a header says that matters to nobody but those who list it.
#[derive(Debug, Clone, Default)]
pub(in crate::archive) struct Head {
    pub(in crate::archive) revision: u8,
    pub(in crate::archive) int_size: u8,
    pub(in crate::archive) offset_size: u8,
    /// Of all entries, with those that a Toc has as fields.
    pub(in crate::archive) count: u64,
    /// The ids of those.
    pub(in crate::archive) settings: Vec<EntryId>,
}

impl Head {
    /// As a dump tells it.
    pub(in crate::archive) fn header(
        self,
        format: &'static str,
        version: Version,
        method: Method,
    ) -> Header {
        Header {
            format,
            version: (version.0, version.1, self.revision),
            int_size: self.int_size,
            offset_size: self.offset_size,
            compression: method,
            entries: self.count,
            settings: self.settings,
        }
    }
}

/// What stands in front of the data in a custom archive.
#[derive(Debug)]
pub(in crate::archive) struct Front {
    pub(in crate::archive) archived: Archived,
    pub(in crate::archive) head: Head,
    /// Bytes of an integer in the blocks of data, without its sign.
    pub(in crate::archive) int_size: u8,
    /// Its own bytes: the blocks begin behind them.
    pub(in crate::archive) length: u64,
}

/// Reads the front of an archive of which the first bytes are there.
///
/// # Errors
///
/// Those of [`read`]; with a number, if so many bytes are needed to go on, at least.
pub(in crate::archive) fn read_front(
    bytes: &Bytes,
    limits: &Limits,
) -> std::result::Result<Front, (Error, Option<u64>)> {
    let mut cursor = Cursor::new(bytes, limits);
    match archive(&mut cursor) {
        Ok(archived) => Ok(Front {
            archived,
            int_size: cursor.head.int_size,
            head: cursor.head,
            length: cursor.at as u64,
        }),
        Err(error) => Err((error, cursor.needs)),
    }
}

fn archive(cursor: &mut Cursor<'_>) -> Result<Archived> {
    let limits = cursor.limits;
    let mut archived = cursor.header()?;
    let count_at = cursor.at;
    let count = cursor.int()?;
    let count = u64::try_from(count)
        .map_err(|_| wrong("the number of entries is negative").at_offset(count_at as u64))?;
    if count > limits.toc_entries().most() {
        return Err(limits
            .toc_entries()
            .exceeded(format_args!("it says that it has {count} entries, more"))
            .at_offset(count_at as u64));
    }
    cursor.head.count = count;
    let mut has_search_path = false;
    for number in 1..=count {
        let (entry, place) = cursor.entry(&archived).map_err(|error| {
            // An entry that names itself does so with its kind and tag.
            if error.entry().is_some() {
                error
            } else {
                error.in_entry(format_args!("entry {number} of {count} in the TOC"))
            }
        })?;
        let toc = &mut archived.toc;
        if matches!(entry.kind.as_str(), ENCODING | STDSTRINGS | SEARCHPATH) {
            cursor.head.settings.push(entry.id);
        }
        match entry.kind.as_str() {
            ENCODING => {
                toc.encoding = quoted(&entry)?;
            }
            STDSTRINGS => {
                toc.std_strings = match quoted(&entry)?.as_str() {
                    "on" => true,
                    "off" => false,
                    other => {
                        return Err(wrong(format!("{other:?} is neither on nor off"))
                            .in_entry(&entry)
                            .at_offset(cursor.at as u64));
                    }
                };
            }
            SEARCHPATH => {
                has_search_path = true;
                toc.search_path = match &entry.definition[..] {
                    EMPTY_SEARCH_PATH => None,
                    OWN_SEARCH_PATH => Some(Bytes::new()),
                    _ => Some(entry.definition),
                };
            }
            _ => {
                toc.entries.push(entry);
                archived.places.push(place);
            }
        }
    }
    if !has_search_path {
        for entry in &mut archived.toc.entries {
            unqualified::make_self_contained(entry);
        }
    }
    Ok(archived)
}

/// What stands between the first two quotes of a definition: `SET client_encoding = 'UTF8';`.
fn quoted(entry: &Entry) -> Result<String> {
    let mut parts = entry.definition.split(|byte| *byte == b'\'');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(_), Some(value), Some(_)) if value.is_ascii() => {
            Ok(String::from_utf8_lossy(value).into_owned())
        }
        _ => Err(wrong("its definition has no quoted value").in_entry(entry)),
    }
}

struct Cursor<'a> {
    bytes: &'a Bytes,
    at: usize,
    head: Head,
    limits: &'a Limits,
    /// Set where the bytes end too early: so many would be needed.
    needs: Option<u64>,
}

impl<'a> Cursor<'a> {
    fn new(bytes: &'a Bytes, limits: &'a Limits) -> Self {
        Self {
            bytes,
            at: 0,
            head: Head::default(),
            limits,
            needs: None,
        }
    }

    fn header(&mut self) -> Result<Archived> {
        let magic = self.take(MAGIC.len(), "the header")?;
        if &magic[..] != MAGIC {
            return Err(
                wrong("this is not a pg_dump archive: it does not begin with PGDMP").at_offset(0),
            );
        }
        let version = Version(self.byte()?, self.byte()?);
        self.head.revision = self.byte()?;
        if version < Version::V1_12 || version > Version::V1_16 {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("archives of version {version} are not read; 1.12 to 1.16 are"),
            )
            .at_offset(5));
        }
        self.head.int_size = self.byte()?;
        if self.head.int_size == 0 || self.head.int_size > 32 {
            return Err(self.wrong_before(1, "the size of integers is not 1 to 32"));
        }
        self.head.offset_size = self.byte()?;
        let format = match self.byte()? {
            FORMAT_CUSTOM => Format::Custom,
            FORMAT_TAR => Format::Tar,
            other => return Err(self.wrong_before(1, format!("format {other} is unknown"))),
        };
        let method = if version >= Version::V1_15 {
            let number = self.byte()?;
            ALGORITHMS
                .iter()
                .find(|(known, _)| *known == number)
                .map(|(_, method)| *method)
                .ok_or_else(|| self.wrong_before(1, format!("compression {number} is unknown")))?
        } else if self.int()? == 0 {
            Method::None
        } else {
            Method::Gzip
        };
        let created = self.created()?;
        let database = self.string("the database's name")?.unwrap_or_default();
        let server_version = self.text("the server's version")?;
        let dump_version = self.text("pg_dump's version")?;
        let toc = Toc {
            database,
            server_version,
            dump_version,
            created,
            ..Toc::default()
        };
        Ok(Archived {
            version,
            format,
            method,
            toc,
            places: Vec::new(),
        })
    }

    /// The time of the dump. The header has the wall clock of the machine that dumped, without its
    /// zone; it is taken as UTC, which is what dr writes. A date that no calendar has is 0.
    fn created(&mut self) -> Result<i64> {
        let mut fields = [0; 7];
        for field in &mut fields {
            *field = self.int()?;
        }
        let [second, minute, hour, day, month, year, _daylight_saving] = fields;
        let small = |number: i32| i8::try_from(number).ok();
        let date = || {
            jiff::civil::DateTime::new(
                i16::try_from(year.checked_add(1900)?).ok()?,
                small(month.checked_add(1)?)?,
                small(day)?,
                small(hour)?,
                small(minute)?,
                // A leap second is the one number a calendar may refuse and a clock may show.
                small(second)?.min(59),
                0,
            )
            .ok()?
            .to_zoned(jiff::tz::TimeZone::UTC)
            .ok()
        };
        Ok(date().map_or(0, |date| date.timestamp().as_second()))
    }

    fn entry(&mut self, archived: &Archived) -> Result<(Entry, Place)> {
        let id_at = self.at;
        let id = u32::try_from(self.int()?)
            .ok()
            .filter(|id| *id > 0)
            .ok_or_else(|| wrong("its id is not positive").at_offset(id_at as u64))?;
        let has_data = self.int()? != 0;
        let catalog_id = CatalogId {
            table: self.number("the oid of its catalog")?.unwrap_or_default(),
            oid: self.number("its oid")?.unwrap_or_default(),
        };
        let tag = self.string("its tag")?.unwrap_or_default();
        let kind = Kind::from(self.text("its kind")?.as_str());
        let mut entry = Entry::new(EntryId(id), kind, tag);
        entry.has_data = has_data;
        entry.catalog_id = catalog_id;
        let place = self
            .rest_of_entry(&mut entry, archived)
            .map_err(|error| error.in_entry(&entry))?;
        Ok((entry, place))
    }

    fn rest_of_entry(&mut self, entry: &mut Entry, archived: &Archived) -> Result<Place> {
        let version = archived.version;
        entry.section = match self.int()? {
            1 => Section::None,
            2 => Section::PreData,
            3 => Section::Data,
            4 => Section::PostData,
            other => {
                let size = usize::from(self.head.int_size) + 1;
                return Err(self.wrong_before(size, format!("section {other} is unknown")));
            }
        };
        entry.definition = self.string("its definition")?.unwrap_or_default();
        entry.drop_statement = self.string("its drop statement")?.unwrap_or_default();
        entry.copy_statement = self
            .string("its copy statement")?
            .filter(|statement| !statement.is_empty());
        entry.namespace = self
            .string("its namespace")?
            .filter(|name| !name.is_empty());
        entry.tablespace = self.string("its tablespace")?;
        if version >= Version::V1_14 {
            entry.table_access_method = self
                .string("its table access method")?
                .filter(|name| !name.is_empty());
        }
        if version >= Version::V1_16 {
            entry.relkind = u8::try_from(self.int()?).map_err(|_| {
                self.wrong_before(
                    usize::from(self.head.int_size) + 1,
                    "its relkind is no character",
                )
            })?;
        }
        entry.owner = self.string("its owner")?.unwrap_or_default();
        // Whether the table was made WITH OIDS, which no server that dr restores to has; pg_restore
        // 12 and later make it without them too.
        self.string("its OIDs mark")?;
        while let Some(id) = self.number("a dependency")? {
            entry.dependencies.push(EntryId(id));
        }
        match archived.format {
            Format::Tar => Ok(match self.string("the name of its data file")? {
                Some(name) if !name.is_empty() => Place::File(name),
                _ => Place::Nowhere,
            }),
            Format::Custom => self.position(),
        }
    }

    fn position(&mut self) -> Result<Place> {
        let flag = self.byte()?;
        let bytes = self.take(self.head.offset_size.into(), "the position of its data")?;
        let position = little_endian(&bytes)
            .ok_or_else(|| self.wrong_before(bytes.len(), "the position of its data is too far"))?;
        match flag {
            OFFSET_UNKNOWN => Ok(Place::Unrecorded),
            OFFSET_KNOWN => Ok(Place::At(position)),
            OFFSET_NO_DATA => Ok(Place::Nowhere),
            other => {
                Err(self.wrong_before(bytes.len() + 1, format!("data flag {other} is unknown")))
            }
        }
    }

    fn take(&mut self, length: usize, what: &str) -> Result<Bytes> {
        let end = self.at.saturating_add(length);
        if end > self.bytes.len() {
            self.needs = Some(end as u64);
            return Err(wrong(format!(
                "the table of contents ends inside {what}: it was cut short"
            ))
            .at_offset(self.at as u64));
        }
        let taken = self.bytes.slice(self.at..end);
        self.at = end;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1, "a number")?[0])
    }

    fn int(&mut self) -> Result<i32> {
        let negative = self.byte()? != 0;
        let bytes = self.take(self.head.int_size.into(), "a number")?;
        little_endian(&bytes)
            .and_then(|number| i64::try_from(number).ok())
            .map(|number| if negative { -number } else { number })
            .and_then(|number| i32::try_from(number).ok())
            .ok_or_else(|| self.wrong_before(bytes.len() + 1, "a number has more than 32 bits"))
    }

    fn string(&mut self, what: &str) -> Result<Option<Bytes>> {
        let at = self.at;
        let length = match u64::try_from(self.int()?) {
            Ok(length) => length,
            Err(_) => return Ok(None),
        };
        let limit = self.limits.toc_string();
        if length > limit.most() {
            return Err(limit
                .exceeded(format_args!("{what} has {length} bytes, more"))
                .at_offset(at as u64));
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let string = self.take(length, what)?;
        // pg_restore's strings would end there and silently lose the rest.
        if memchr::memchr(0, &string).is_some() {
            return Err(wrong(format!("{what} holds a zero byte")).at_offset(at as u64));
        }
        Ok(Some(string))
    }

    /// A string that is ASCII in every archive.
    fn text(&mut self, what: &str) -> Result<String> {
        let at = self.at;
        let string = self.string(what)?.unwrap_or_default();
        String::from_utf8(string.into()).map_err(|error| {
            wrong(format!("{what} is no text"))
                .caused_by(error)
                .at_offset(at as u64)
        })
    }

    /// A number that is written as a string.
    fn number(&mut self, what: &str) -> Result<Option<u32>> {
        let at = self.at;
        let Some(string) = self.string(what)? else {
            return Ok(None);
        };
        std::str::from_utf8(&string)
            .ok()
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| text.parse().ok())
            .map(Some)
            .ok_or_else(|| wrong(format!("{what} is no number: {string:?}")).at_offset(at as u64))
    }

    fn wrong_before(&self, length: usize, message: impl Into<String>) -> Error {
        wrong(message).at_offset(self.at.saturating_sub(length) as u64)
    }
}

/// The number that bytes make, lowest first; `None` if it has more than 64 bits.
fn little_endian(bytes: &[u8]) -> Option<u64> {
    let (low, high) = bytes.split_at(bytes.len().min(8));
    if high.iter().any(|byte| *byte != 0) {
        return None;
    }
    Some(
        low.iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)),
    )
}

fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Format, message)
}
