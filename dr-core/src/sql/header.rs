//! The comments pg_dump writes above each entry of a script. Pure.
//!
//! Used by the reader, which makes entries of them, and by the writer. A comment says a name only
//! as far as one line can: pg_dump replaces line ends in it by spaces.

use bytes::Bytes;

use crate::toc::{CatalogId, EntryId, Kind};

/// What the comment above an entry says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Header {
    /// `TOC entry …` and `Dependencies: …` of a dump made with `--verbose`.
    pub(super) verbose: Verbose,
    pub(super) kind: Option<Kind>,
    pub(super) tag: Bytes,
    pub(super) namespace: Option<Bytes>,
    pub(super) owner: Bytes,
    pub(super) tablespace: Option<Bytes>,
}

/// The additional lines of a dump made with `--verbose`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Verbose {
    pub(super) id: Option<EntryId>,
    pub(super) catalog_id: CatalogId,
    pub(super) dependencies: Vec<EntryId>,
}

impl Verbose {
    /// Takes a comment line in, if it is one of these.
    pub(super) fn take(&mut self, line: &[u8]) -> bool {
        let Ok(line) = std::str::from_utf8(line) else {
            return false;
        };
        if let Some(rest) = line.strip_prefix("-- TOC entry ") {
            let mut words = rest.split([' ', '(', ')']).filter(|word| !word.is_empty());
            let mut number = |before: &str| -> Option<u32> {
                if !before.is_empty() && words.next() != Some(before) {
                    return None;
                }
                words.next()?.parse().ok()
            };
            if let (Some(id), Some(table), Some(oid)) = (number(""), number("class"), number("OID"))
            {
                self.id = Some(EntryId(id));
                self.catalog_id = CatalogId { table, oid };
                return true;
            }
        } else if let Some(rest) = line.strip_prefix("-- Dependencies:") {
            let ids: Result<Vec<u32>, _> = rest.split_whitespace().map(str::parse).collect();
            if let Ok(ids) = ids {
                self.dependencies = ids.into_iter().map(EntryId).collect();
                return true;
            }
        }
        false
    }
}

impl Header {
    /// The header a comment line is: `-- Name: t; Type: TABLE; Schema: public; Owner: ann`.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let rest = line.strip_prefix(b"-- ")?;
        let rest = [&b"Data for "[..], b"Statistics for "]
            .iter()
            .find_map(|prefix| rest.strip_prefix(*prefix))
            .unwrap_or(rest)
            .strip_prefix(b"Name: ")?;
        // From the right: names come before, and may hold anything but line ends.
        let (rest, owner) = split_last(rest, b"; Owner: ")?;
        let (rest, namespace) = split_last(rest, b"; Schema: ")?;
        let (tag, kind) = split_last(rest, b"; Type: ")?;
        let (owner, tablespace) = match split_last(owner, b"; Tablespace: ") {
            Some((owner, tablespace)) => (owner, Some(Bytes::copy_from_slice(tablespace))),
            None => (owner, None),
        };
        let unless_none = |name: &[u8]| (name != b"-").then(|| Bytes::copy_from_slice(name));
        Some(Self {
            verbose: Verbose::default(),
            kind: Some(Kind::from(std::str::from_utf8(kind).ok()?)),
            tag: Bytes::copy_from_slice(tag),
            namespace: unless_none(namespace),
            owner: unless_none(owner).unwrap_or_default(),
            tablespace,
        })
    }
}

fn split_last<'a>(text: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = memchr::memmem::rfind(text, mark)?;
    Some((&text[..at], &text[at + mark.len()..]))
}

/// A name as a comment may hold it: on one line, whatever it is. A name with a line end would
/// otherwise end the comment, and what follows it would be run.
pub(super) fn on_one_line(name: &[u8]) -> Vec<u8> {
    name.iter()
        .map(|byte| match byte {
            b'\n' | b'\r' => b' ',
            other => *other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_from_the_right() {
        let header = Header::parse(
            b"-- Data for Name: a; Type: b; Type: TABLE DATA; Schema: s t; Owner: An; Tablespace: x",
        )
        .expect("header");
        assert_eq!(header.kind, Some(Kind::TableData));
        assert_eq!(header.tag, "a; Type: b");
        assert_eq!(header.namespace.as_deref(), Some(&b"s t"[..]));
        assert_eq!(header.owner, "An");
        assert_eq!(header.tablespace.as_deref(), Some(&b"x"[..]));
        let header =
            Header::parse(b"-- Name: p; Type: SCHEMA; Schema: -; Owner: -").expect("header");
        assert_eq!((header.namespace, header.owner), (None, Bytes::new()));
        assert!(Header::parse(b"-- Name: of a comment").is_none());
    }

    #[test]
    fn verbose_lines_give_ids_and_dependencies() {
        let mut verbose = Verbose::default();
        assert!(verbose.take(b"-- TOC entry 217 (class 1259 OID 16401)"));
        assert!(verbose.take(b"-- Dependencies: 5 218 5"));
        assert!(!verbose.take(b"-- Dependencies: none of them"));
        assert_eq!(verbose.id, Some(EntryId(217)));
        assert_eq!(verbose.catalog_id.oid, 16401);
        assert_eq!(verbose.dependencies.len(), 3);
    }

    #[test]
    fn no_name_ends_its_comment() {
        assert_eq!(on_one_line(b"a\n\\! rm\r"), b"a \\! rm ");
    }
}
