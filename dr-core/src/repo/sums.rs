//! `SHA256SUMS`: the digest of every object as stored, in the form that `sha256sum -c` takes.
//! Used by the repository and by verification. Pure.

use std::collections::BTreeMap;

use super::layout::check_object_name;
use crate::digest::Sha256;
use crate::error::{Error, ErrorKind, Result};

/// Names and digests of a backup's objects; neither itself nor the commit mark is among them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sums(BTreeMap<String, Sha256>);

impl Sums {
    /// The digest recorded for an object.
    pub fn get(&self, name: &str) -> Option<Sha256> {
        self.0.get(name).copied()
    }

    /// All names and digests, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Sha256)> {
        self.0.iter().map(|(name, sum)| (name.as_str(), *sum))
    }

    /// Records an object.
    ///
    /// # Errors
    ///
    /// `Format` for a name that a repository cannot hold, `Conflict` for one it has already.
    pub fn insert(&mut self, name: &str, sum: Sha256) -> Result<()> {
        check_object_name(name)?;
        if self.0.insert(name.to_owned(), sum).is_some() {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("two objects of the backup are called {name}"),
            ));
        }
        Ok(())
    }

    /// The file's text.
    pub fn to_text(&self) -> String {
        // Two spaces: sha256sum's text mode, which it and its relatives (busybox, shasum) read.
        self.0
            .iter()
            .map(|(name, sum)| format!("{sum}  {name}\n"))
            .collect()
    }

    /// Reads the text that [`to_text`](Self::to_text) makes, and nothing else.
    ///
    /// # Errors
    ///
    /// `Integrity`, with the line, if it is not in that form.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let damaged = |line: usize| {
            Error::new(
                ErrorKind::Integrity,
                format!("SHA256SUMS is damaged: line {line} is not a digest and a name"),
            )
        };
        let text = std::str::from_utf8(text).map_err(|_| damaged(0))?;
        let mut sums = Self::default();
        for (number, line) in text.split_inclusive('\n').enumerate() {
            let number = number + 1;
            let (sum, name) = line
                .strip_suffix('\n')
                .and_then(|line| line.split_once("  "))
                .ok_or_else(|| damaged(number))?;
            let parsed: Sha256 = sum.parse().map_err(|_| damaged(number))?;
            if parsed.to_string() != sum {
                return Err(damaged(number));
            }
            sums.insert(name, parsed)
                .map_err(|error| damaged(number).caused_by(error))?;
        }
        Ok(sums)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_read_back_and_other_lines_refused() {
        let mut sums = Sums::default();
        sums.insert("toc.dat", Sha256::of(b"toc")).expect("new");
        sums.insert("1.dat", Sha256::of(b"1")).expect("new");
        assert!(sums.insert("1.dat", Sha256::of(b"1")).is_err());
        let text = sums.to_text();
        assert_eq!(Sums::parse(text.as_bytes()).expect("read"), sums);
        for bad in [
            &text[1..],
            &text[..text.len() - 1],
            "nonsense\n",
            &text.to_uppercase(),
            &format!("{text}\n"),
            &format!("{text}{text}"),
            &format!("{}  ../etc/passwd\n", Sha256::of(b"")),
        ] {
            let error = Sums::parse(bad.as_bytes()).expect_err("damaged");
            assert_eq!(error.kind(), ErrorKind::Integrity);
        }
    }
}
