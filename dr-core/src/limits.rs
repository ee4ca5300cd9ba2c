//! Bounds on what untrusted input may make this crate hold in memory. Used by every reader.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind, Result};

/// One bound: how much a reader takes, and what the bound is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Its name in [`Limits`]; none for a bound that nobody may raise.
    name: Option<&'static str>,
    most: u64,
}

impl Limit {
    /// A bound that is a fact, such as PostgreSQL's longest row, and cannot be raised.
    pub const fn fixed(most: u64) -> Self {
        Self { name: None, most }
    }

    /// How much is taken.
    pub fn most(self) -> u64 {
        self.most
    }

    /// The error for something that has more; `what` says what, as in `a statement is longer`.
    pub fn exceeded(self, what: impl fmt::Display) -> Error {
        let most = self.most;
        let message = match self.name {
            Some(name) => format!(
                "{what} than {most}, the limit {name}; if you trust where it comes from, raise it: \
                 --limit {name}=NUMBER, or Limits::set in a program"
            ),
            None => format!("{what} than {most}, which cannot be raised"),
        };
        Error::new(ErrorKind::Limit, message)
    }
}

/// The fields, their defaults, and everything that goes by their names: once.
macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident = $most:expr;)+) => {
        /// How much a reader may take from input that it does not trust.
        ///
        /// The defaults fit databases of a million objects. A reader that meets more stops with
        /// [`ErrorKind::Limit`](crate::ErrorKind::Limit), names the limit and says how to raise it.
        ///
        /// ```
        /// # fn main() -> dr_core::Result<()> {
        /// let mut limits = dr_core::Limits::default();
        /// limits.set("toc_entries", 20_000_000)?;
        /// limits.apply("manifest_bytes=4GiB")?;
        /// assert_eq!(limits.manifest_bytes().most(), 4 << 30);
        /// # Ok(())
        /// # }
        /// ```
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Limits {
            $($name: u64,)+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $most,)+ }
            }
        }

        impl Limits {
            /// What there is to set.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),+];

            $(
                $(#[doc = $doc])+
                pub fn $name(&self) -> Limit {
                    Limit { name: Some(stringify!($name)), most: self.$name }
                }
            )+

            fn slot(&mut self, name: &str) -> Option<&mut u64> {
                match name {
                    $(stringify!($name) => Some(&mut self.$name),)+
                    _ => None,
                }
            }
        }
    };
}

const MIB: u64 = 1 << 20;

limits! {
    /// Bytes of a whole table of contents (`toc.dat`), or of all definitions of a plain dump.
    toc_bytes = 2048 * MIB;
    /// Entries in a table of contents.
    toc_entries = 10_000_000;
    /// Bytes of one string of a table of contents: a name, a definition.
    toc_string = 1024 * MIB;
    /// Bytes of one SQL statement in a plain dump, COPY data not counted. No server takes one
    /// that is longer than the default.
    statement = 1024 * MIB;
    /// Bytes of a commit mark.
    mark_bytes = 256 * MIB;
    /// Bytes of a manifest, unsealed.
    manifest_bytes = 1024 * MIB;
    /// Bytes of `SHA256SUMS`.
    sums_bytes = 1024 * MIB;
}

impl Limits {
    /// Sets the limit called `name`.
    ///
    /// # Errors
    ///
    /// `Usage` if there is none of that name; the message lists them.
    pub fn set(&mut self, name: &str, most: u64) -> Result<()> {
        match self.slot(name) {
            Some(slot) => {
                *slot = most;
                Ok(())
            }
            None => Err(Error::new(
                ErrorKind::Usage,
                format!(
                    "there is no limit {name:?}; there are: {}",
                    Self::NAMES.join(", ")
                ),
            )),
        }
    }

    /// Sets a limit as people write it: `toc_entries=20000000`, `manifest_bytes=4GiB`.
    ///
    /// # Errors
    ///
    /// `Usage` if that is no name, `=` and number with an optional unit (KiB, MiB, GiB, TiB).
    pub fn apply(&mut self, setting: &str) -> Result<()> {
        let number = |text: &str| {
            let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
            let factor: u64 = match &text[digits.len()..] {
                "" => 1,
                "KiB" => 1 << 10,
                "MiB" => 1 << 20,
                "GiB" => 1 << 30,
                "TiB" => 1 << 40,
                _ => return None,
            };
            digits.parse::<u64>().ok()?.checked_mul(factor)
        };
        let found = setting
            .split_once('=')
            .and_then(|(name, text)| Some((name.trim(), number(text.trim())?)));
        match found {
            Some((name, most)) => self.set(name, most),
            None => Err(Error::new(
                ErrorKind::Usage,
                format!("{setting:?} is no limit: say NAME=NUMBER, as in manifest_bytes=4GiB"),
            )),
        }
    }
}

impl FromStr for Limits {
    type Err = Error;

    /// Settings with commas between them, over the defaults.
    fn from_str(text: &str) -> Result<Self> {
        let mut limits = Self::default();
        text.split(',')
            .filter(|setting| !setting.trim().is_empty())
            .try_for_each(|setting| limits.apply(setting))?;
        Ok(limits)
    }
}

/// The sum of sizes that untrusted input claims: numbers of its own making, which may come to more
/// than a number can hold.
pub(crate) fn claimed(sizes: impl IntoIterator<Item = u64>) -> u64 {
    sizes.into_iter().fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_limit_is_set_by_its_name_and_the_error_says_how() {
        let mut limits: Limits = "toc_entries=7, sums_bytes=2KiB".parse().unwrap();
        assert_eq!(limits.toc_entries().most(), 7);
        assert_eq!(limits.sums_bytes().most(), 2048);
        assert_eq!(limits.toc_bytes(), Limits::default().toc_bytes());
        let error = limits.toc_entries().exceeded("9 entries are more");
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert!(
            error.to_string().contains("--limit toc_entries=NUMBER"),
            "{error}"
        );
        for name in Limits::NAMES {
            limits.set(name, 1).unwrap();
        }
    }

    #[test]
    fn claims_of_more_than_there_can_be_do_not_wrap() {
        assert_eq!(claimed([1, 2]), 3);
        assert_eq!(claimed([u64::MAX, 2]), u64::MAX);
    }

    #[test]
    fn what_is_no_limit_is_refused_with_what_there_is() {
        let mut limits = Limits::default();
        for text in [
            "toc_entries",
            "toc_entries=",
            "toc_entries=-1",
            "toc_entries=1MB",
            "toc_entries=99999999999TiB",
        ] {
            let error = limits.apply(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{text}");
        }
        let error = limits.apply("entries=1").unwrap_err();
        assert!(error.to_string().contains("toc_entries"), "{error}");
        assert_eq!(limits, Limits::default());
    }
}
