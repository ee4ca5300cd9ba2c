//! The names under which databases are kept: `shop_before_20261126_213513` was `shop` until then,
//! `shop_restored_20261126_213513` was restored and did not take its place. Times are in UTC.
//!
//! A name says by itself whose it is, also where it had to be shortened. Pure but for one question.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::pg::Conn;
use crate::pg::target::exists;

/// PostgreSQL cuts longer names off, in silence.
const LONGEST: usize = 63;

/// How times are written in names.
const TIME: &str = "%Y%m%d_%H%M%S";

/// What a database that is kept was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ops) enum Role {
    /// It bore the name.
    Before,
    /// It was to bear it.
    Restored,
}

impl Role {
    const ALL: [Self; 2] = [Self::Before, Self::Restored];

    fn word(self) -> &'static str {
        match self {
            Self::Before => "_before_",
            Self::Restored => "_restored_",
        }
    }
}

/// Bytes that the longest word and a time take.
const TAIL: usize = "_restored_20261126_213513".len();

/// What the names of those kept for `name` begin with. A long one is shortened, and what tells it
/// from others that begin alike is put behind it.
pub(super) fn head(name: &str) -> String {
    if name.len() + TAIL <= LONGEST {
        return name.to_owned();
    }
    let sum = Sha256::digest(name.as_bytes());
    let sum: String = sum[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    let mut end = LONGEST - TAIL - sum.len() - 1;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}_{sum}", &name[..end])
}

/// The name of what is kept for `name` since then.
fn kept_name(name: &str, role: Role, since: Timestamp) -> String {
    format!("{}{}{}", head(name), role.word(), since.strftime(TIME))
}

/// A name that no database of the server has: that of `since`, or of the first second after it
/// that is free.
pub(in crate::ops) async fn free_name(
    conn: &Conn,
    name: &str,
    role: Role,
    since: Timestamp,
) -> Result<String> {
    let mut since = since;
    loop {
        let candidate = kept_name(name, role, since);
        if !exists(conn, &candidate).await? {
            return Ok(candidate);
        }
        since += jiff::SignedDuration::from_secs(1);
    }
}

/// What a database called `candidate` was to `name`, and since when, if its name says so.
pub(super) fn kept_for(candidate: &str, name: &str) -> Option<(Role, Timestamp)> {
    let rest = candidate.strip_prefix(&head(name))?;
    Role::ALL.iter().find_map(|role| {
        let time = rest.strip_prefix(role.word())?;
        let time = DateTime::strptime(TIME, time).ok()?;
        let since = time.to_zoned(TimeZone::UTC).ok()?.timestamp();
        // One way of writing it: no signs, no blanks.
        (kept_name(name, *role, since) == candidate).then_some((*role, since))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn time() -> Timestamp {
        "2026-11-26T21:35:13Z".parse().unwrap()
    }

    #[test]
    fn a_name_says_whose_it_was_and_until_when() {
        let name = kept_name("shop", Role::Before, time());
        assert_eq!(name, "shop_before_20261126_213513");
        assert_eq!(kept_for(&name, "shop"), Some((Role::Before, time())));
        assert_eq!(kept_for(&name, "sho"), None);
        assert_eq!(kept_for(&name, "shop_before"), None);
        let restored = kept_name("shop", Role::Restored, time());
        assert_eq!(kept_for(&restored, "shop"), Some((Role::Restored, time())));
        // What is kept for one that is itself kept is not kept for the first.
        let twice = kept_name(&name, Role::Before, time());
        assert_eq!(kept_for(&twice, "shop"), None);
        assert_eq!(kept_for(&twice, &name), Some((Role::Before, time())));
        for other in [
            "shop_before_",
            "shop_before_2026",
            "shop_before_20261126_213513x",
            "shop_before_20261326_213513",
            "shop_before_+2026126_213513",
            "Shop_before_20261126_213513",
        ] {
            assert_eq!(kept_for(other, "shop"), None, "{other}");
        }
    }

    #[test]
    fn long_names_are_shortened_and_still_told_apart() {
        for long in [
            "x".repeat(63),
            "ü".repeat(31),
            format!("{}a", "€".repeat(20)),
        ] {
            let name = kept_name(&long, Role::Restored, time());
            assert!(name.len() <= LONGEST, "{name}");
            assert_eq!(kept_for(&name, &long), Some((Role::Restored, time())));
            let mut other = long.clone();
            other.pop();
            other.push('y');
            assert_eq!(kept_for(&name, &other), None);
        }
        let fits = "y".repeat(LONGEST - TAIL);
        assert_eq!(head(&fits), fits);
        assert_eq!(kept_name(&fits, Role::Restored, time()).len(), LONGEST);
    }
}
