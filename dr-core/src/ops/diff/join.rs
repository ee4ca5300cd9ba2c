//! The rows of one part of both sides, joined by their keys.

use std::collections::BTreeMap;

use super::report::{DiffTable, RowDifference};
use super::shape::Shape;
use crate::error::Result;

/// Who is told of each row.
pub(super) type Tell<'a> = dyn FnMut(&RowDifference<'_>) -> Result<()> + Send + 'a;

/// What the rows of a table have in common.
pub(super) struct Joined<'a> {
    pub(super) table: &'a str,
    pub(super) columns: &'a [String],
    pub(super) key: &'a [String],
}

/// The lines of a part by key. Those of a key that is there twice are one behind the other.
fn by_key<'a>(lines: &'a [u8], shape: &Shape) -> BTreeMap<Vec<u8>, Vec<&'a [u8]>> {
    let mut found = BTreeMap::<Vec<u8>, Vec<&[u8]>>::new();
    let mut rest = lines;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        let line = &rest[..end];
        rest = &rest[end + 1..];
        found
            .entry(shape.key(line).into_owned())
            .or_default()
            .push(line);
    }
    found
}

impl Joined<'_> {
    fn tell(&self, backup: Option<&[u8]>, live: Option<&[u8]>, tell: &mut Tell<'_>) -> Result<()> {
        tell(&RowDifference {
            table: self.table,
            columns: self.columns,
            key: self.key,
            backup,
            live,
        })
    }

    /// Whether what should be a key is there once in these lines.
    pub(super) fn is_key(&self, lines: &[u8], shape: &Shape) -> bool {
        self.key.is_empty() || by_key(lines, shape).values().all(|lines| lines.len() == 1)
    }

    /// Counts the differences of a part, and tells them in the order of the keys' bytes.
    pub(super) fn part(
        &self,
        backup: &[u8],
        live: &[u8],
        shape: &Shape,
        found: &mut DiffTable,
        tell: &mut Tell<'_>,
    ) -> Result<()> {
        let backup = by_key(backup, shape);
        let mut live = by_key(live, shape);
        for (key, ours) in backup {
            let theirs = live.remove(&key).unwrap_or_default();
            // Of whole rows each is there so many times.
            let both = ours.len().min(theirs.len());
            if let ([one], [other]) = (&ours[..], &theirs[..])
                && one != other
            {
                found.changed += 1;
                self.tell(Some(one), Some(other), tell)?;
                continue;
            }
            for line in &ours[both..] {
                found.only_backup += 1;
                self.tell(Some(line), None, tell)?;
            }
            for line in &theirs[both..] {
                found.only_live += 1;
                self.tell(None, Some(line), tell)?;
            }
        }
        for line in live.into_values().flatten() {
            found.only_live += 1;
            self.tell(None, Some(line), tell)?;
        }
        Ok(())
    }
}
