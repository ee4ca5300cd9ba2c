//! A table of contents as `pg_restore --list` prints it: made to be edited and given back as a list
//! of what to use. Pure.

use bytes::{BufMut, Bytes, BytesMut};

use crate::dump::Dump;
use crate::toc::{Entry, Kind, Toc};

/// The list of a dump, byte for byte as pg_restore 18 prints it: header and entries. Names are in the
/// dump's encoding, as they are. The time is that of the header, which has no zone, with the zone of
/// this machine.
///
/// A plain SQL dump, which pg_restore does not take, has a shorter header.
pub fn listing(dump: &dyn Dump) -> Bytes {
    let toc = dump.toc();
    let mut out = BytesMut::new();
    out.put_slice(b";\n");
    let mut fact = |name: &str, value: &[u8]| {
        out.put_slice(b";     ");
        out.put_slice(name.as_bytes());
        out.put_slice(b": ");
        out.put_slice(&on_one_line(value));
        out.put_slice(b"\n");
    };
    match dump.header() {
        Some(header) => {
            let (major, minor, revision) = header.version;
            fact("dbname", &toc.database);
            fact("TOC Entries", header.entries.to_string().as_bytes());
            fact("Compression", header.compression.to_string().as_bytes());
            fact(
                "Dump Version",
                format!("{major}.{minor}-{revision}").as_bytes(),
            );
            fact("Format", header.format.as_bytes());
            fact("Integer", format!("{} bytes", header.int_size).as_bytes());
            fact("Offset", format!("{} bytes", header.offset_size).as_bytes());
        }
        None => {
            fact("dbname", &toc.database);
            fact("TOC Entries", toc.entries.len().to_string().as_bytes());
            fact("Format", b"PLAIN");
        }
    }
    for (name, version) in [
        ("Dumped from database version", &toc.server_version),
        ("Dumped by pg_dump version", &toc.dump_version),
    ] {
        if !version.is_empty() {
            fact(name, version.as_bytes());
        }
    }
    let mut whole = BytesMut::from(&b";\n"[..]);
    if dump.header().is_some() {
        whole.put_slice(format!("; Archive created at {}\n", created(toc)).as_bytes());
    }
    whole.put_slice(&out[2..]);
    whole.put_slice(b";\n;\n; Selected TOC Entries:\n;\n");
    for entry in toc.entries.iter().filter(|entry| is_listed(entry)) {
        line(entry, &mut whole);
    }
    whole.freeze()
}

/// The time of the header as C's `%Y-%m-%d %H:%M:%S %Z` has it.
fn created(toc: &Toc) -> String {
    let time = jiff::Timestamp::from_second(toc.created).unwrap_or_default();
    // What the header has is a wall clock without a zone.
    let clock = time.to_zoned(jiff::tz::TimeZone::UTC).datetime();
    match clock.to_zoned(jiff::tz::TimeZone::system()) {
        Ok(zoned) => zoned.strftime("%Y-%m-%d %H:%M:%S %Z").to_string(),
        Err(_) => clock.strftime("%Y-%m-%d %H:%M:%S").to_string(),
    }
}

/// Whether pg_restore without options would restore it (`_tocEntryRequired`): not what belongs to
/// the database itself, nor what neither makes nor holds anything.
fn is_listed(entry: &Entry) -> bool {
    let of_database = match entry.kind {
        Kind::Database | Kind::DatabaseProperties => true,
        Kind::Acl | Kind::Comment | Kind::SecurityLabel => entry.tag.starts_with(b"DATABASE "),
        _ => false,
    };
    let is_data = entry.has_data || matches!(entry.kind, Kind::SequenceSet | Kind::StatisticsData);
    let makes = !entry.definition.is_empty()
        && !entry.definition.starts_with(b"-- load via partition root ");
    !of_database && (is_data || makes)
}

/// `ID; TABLEOID OID KIND SCHEMA TAG OWNER`.
fn line(entry: &Entry, out: &mut BytesMut) {
    let ids = format!(
        "{}; {} {} {} ",
        entry.id, entry.catalog_id.table, entry.catalog_id.oid, entry.kind
    );
    out.put_slice(ids.as_bytes());
    out.put_slice(&on_one_line(entry.namespace.as_deref().unwrap_or(b"-")));
    out.put_slice(b" ");
    out.put_slice(&on_one_line(&entry.tag));
    out.put_slice(b" ");
    out.put_slice(&on_one_line(&entry.owner));
    out.put_slice(b"\n");
}

/// A name with a line end would be read as a line of its own when the list is given back.
fn on_one_line(text: &[u8]) -> Vec<u8> {
    let space = |byte: &u8| match byte {
        b'\n' | b'\r' => b' ',
        other => *other,
    };
    text.iter().map(space).collect()
}
