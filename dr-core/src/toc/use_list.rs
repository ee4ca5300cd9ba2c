//! A list of entries to use, and in which order: what `pg_restore --list` prints, edited. Pure.
//!
//! Given to restore, extract and convert. The grammar is that of `pg_restore --use-list`: a line
//! begins with an id, what stands behind a `;` is a comment. Where pg_restore warns and goes on without a
//! line, this refuses: what was asked for and is not there must not be left out.

use std::collections::{HashMap, HashSet};

use super::render::{self, RenderOptions};
use super::{EntryId, Kind, Toc};
use crate::error::{Error, ErrorKind, Result};

/// Ids in the order in which they are to be used, each once, with the lines they stand on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UseList {
    ids: Vec<(EntryId, usize)>,
    repeated: Vec<(EntryId, usize)>,
}

impl UseList {
    /// Reads a list.
    ///
    /// ```
    /// # fn main() -> dr_core::Result<()> {
    /// let list = b"; everything but the log\n3352; 1259 16386 TABLE public votes me\n\n;3353; ...\n";
    /// let list = dr_core::toc::UseList::parse(list)?;
    /// assert_eq!(list.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// `Usage` with the line if it has no id.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let mut list = Self::default();
        let mut seen = HashSet::new();
        for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            let line = line.split(|byte| *byte == b';').next().unwrap_or_default();
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let id = std::str::from_utf8(&line[..digits])
                .ok()
                .and_then(|digits| digits.parse().ok())
                .filter(|id| *id > 0)
                .ok_or_else(|| {
                    Error::new(
                        ErrorKind::Usage,
                        format!(
                            "line {number} of the list has no id of an entry at its beginning: {:?}",
                            String::from_utf8_lossy(&line[..line.len().min(60)])
                        ),
                    )
                })?;
            let place = (EntryId(id), number);
            match seen.insert(id) {
                true => list.ids.push(place),
                false => list.repeated.push(place),
            }
        }
        Ok(list)
    }

    /// How many entries it names.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether it names none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Lines that name an entry again, for a person to know: the first one counts.
    pub fn notices(&self) -> Vec<String> {
        let again = |(id, line): &(EntryId, usize)| {
            format!("line {line} of the list names entry {id} again: the first counts")
        };
        self.repeated.iter().map(again).collect()
    }

    /// The entries of `selected`, a selection of `whole`, that the list names, in its order.
    /// `settings` are ids that an archive has beside the Toc's (see
    /// [`Header`](crate::dump::Header)): they may be listed, and mean nothing.
    ///
    /// # Errors
    ///
    /// `Usage` if the list names what the dump does not have, or nothing at all.
    pub fn apply(&self, whole: &Toc, settings: &[EntryId], selected: Toc) -> Result<Toc> {
        let known: HashSet<EntryId> = whole.entries.iter().map(|entry| entry.id).collect();
        for (id, line) in &self.ids {
            if !known.contains(id) && !settings.contains(id) {
                return Err(Error::new(
                    ErrorKind::Usage,
                    format!(
                        "the dump has no entry {id}, which line {line} of the list names: is the list \
                         of another dump? dr show --list prints that of this one"
                    ),
                ));
            }
        }
        let Toc { entries, .. } = &selected;
        let mut chosen: HashMap<EntryId, Vec<_>> = HashMap::new();
        for entry in entries {
            chosen.entry(entry.id).or_default().push(entry.clone());
        }
        let mut entries: Vec<_> = self
            .ids
            .iter()
            .filter_map(|(id, _)| chosen.remove(id))
            .flatten()
            .collect();
        let kept: HashSet<EntryId> = entries.iter().map(|entry| entry.id).collect();
        for entry in &mut entries {
            // The privileges of a group of large objects are said once, and the objects by the group.
            if let Some(oids) = entry.tag.strip_prefix(b"LARGE OBJECTS ")
                && entry.kind == Kind::Acl
                && !entry.dependencies.iter().any(|id| kept.contains(id))
            {
                let tag = [b"LARGE OBJECT ", oids].concat();
                let statements = render::create(entry, whole, &RenderOptions::new())?;
                entry.definition = statements.concat().into();
                entry.tag = tag.into();
            }
        }
        if entries.is_empty() {
            return Err(Error::new(
                ErrorKind::Usage,
                "the list names no entry of what was selected",
            ));
        }
        Ok(Toc {
            entries,
            ..selected
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::toc::Entry;

    fn toc(ids: &[u32]) -> Toc {
        let entries = ids
            .iter()
            .map(|id| Entry::new(EntryId(*id), Kind::Table, "t"));
        Toc {
            entries: entries.collect(),
            ..Toc::default()
        }
    }

    fn chosen(list: &str, of: &[u32]) -> Result<Vec<u32>> {
        let toc = toc(of);
        let list = UseList::parse(list.as_bytes())?;
        let chosen = list.apply(&toc, &[EntryId(9)], toc.clone())?;
        Ok(chosen.entries.iter().map(|entry| entry.id.0).collect())
    }

    #[test]
    fn the_order_of_the_list_is_the_order_of_use() {
        let list = ";head\n 3; 1 2 TABLE a\r\n1\n\t\n;2; not\n9; 0 0 ENCODING\n";
        assert_eq!(chosen(list, &[1, 2, 3]).unwrap(), [3, 1]);
        // As pg_restore: what follows the id is not looked at.
        assert_eq!(chosen("2 TABLE x\n2; again", &[1, 2]).unwrap(), [2]);
        let list = UseList::parse(b"2\n1\n2").unwrap();
        assert_eq!(
            list.notices(),
            ["line 3 of the list names entry 2 again: the first counts"]
        );
    }

    #[test]
    fn what_is_not_there_is_refused() {
        for list in ["4;", "x", "0;", "-1", "99999999999", ";1", "9;"] {
            let error = chosen(list, &[1, 2, 3]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{list}");
        }
    }
}
