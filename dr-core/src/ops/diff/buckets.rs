//! The rows of a table in 65 536 heaps by their keys, each with its digest: what is equal in both
//! databases is known without holding a row. Pure.

use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// How many heaps. Each takes some 48 bytes on either side, and a change anywhere makes one of them
/// to be looked at row by row.
const BUCKETS: usize = 1 << 16;

/// Bytes of rows that are looked at together in memory, where there are not more than
/// [`MOST_PARTS`] of so many.
const PART: u64 = 16 << 20;

/// Most parts: each has a buffer while rows are set aside.
const MOST_PARTS: u64 = 512;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Bucket {
    rows: u64,
    bytes: u64,
    /// Of the rows, as [`crate::digest`] has it.
    sum: u128,
}

/// One side of a table.
#[derive(Debug)]
pub(super) struct Buckets {
    buckets: Vec<Bucket>,
    pub(super) rows: u64,
}

impl Buckets {
    pub(super) fn new() -> Self {
        Self {
            buckets: vec![Bucket::default(); BUCKETS],
            rows: 0,
        }
    }

    pub(super) fn add(&mut self, key: &[u8], line: &[u8]) {
        let bucket = &mut self.buckets[of(key)];
        bucket.rows += 1;
        bucket.bytes += line.len() as u64 + 1;
        bucket.sum = bucket.sum.wrapping_add(xxh3_128(line));
        self.rows += 1;
    }
}

fn of(key: &[u8]) -> usize {
    (xxh3_64(key) % BUCKETS as u64) as usize
}

/// Which heaps differ, in parts that are looked at one after another.
#[derive(Debug)]
pub(super) struct Unequal {
    /// Of each heap, its part.
    parts: Vec<Option<u16>>,
    pub(super) count: usize,
}

impl Unequal {
    pub(super) fn of(one: &Buckets, other: &Buckets) -> Self {
        let pairs = || one.buckets.iter().zip(&other.buckets);
        let size = |(one, other): (&Bucket, &Bucket)| match one == other {
            true => 0,
            false => one.bytes + other.bytes,
        };
        let total: u64 = pairs().map(size).sum();
        let limit = PART.max(total.div_ceil(MOST_PARTS));
        let (mut part, mut filled, mut count) = (0, 0, 0);
        let parts = pairs()
            .map(|(one, other)| {
                if one == other {
                    return None;
                }
                if filled > limit {
                    (part, filled) = (part + 1, 0);
                }
                filled += size((one, other));
                count = usize::from(part) + 1;
                Some(part)
            })
            .collect();
        Self { parts, count }
    }

    /// The part in which a row with this key is looked at, if it is.
    pub(super) fn part(&self, key: &[u8]) -> Option<usize> {
        self.parts[of(key)].map(usize::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(rows: impl Iterator<Item = (u32, &'static str)>) -> Buckets {
        let mut buckets = Buckets::new();
        for (key, value) in rows {
            let key = key.to_string();
            buckets.add(key.as_bytes(), format!("{key}\t{value}").as_bytes());
        }
        buckets
    }

    #[test]
    fn only_heaps_with_a_difference_are_looked_at() {
        let one = side((0..10_000).map(|key| (key, "same")));
        // In another order, one of them changed, one gone, one new.
        let changed = |key| if key == 77 { "other" } else { "same" };
        let keys = (1..10_000).rev().chain([10_001]);
        let other = side(keys.map(|key| (key, changed(key))));
        let unequal = Unequal::of(&one, &other);
        assert_eq!(unequal.count, 1);
        for key in ["0", "77", "10001"] {
            assert_eq!(unequal.part(key.as_bytes()), Some(0));
        }
        let looked_at =
            (0..10_000).filter(|key: &u32| unequal.part(key.to_string().as_bytes()).is_some());
        assert!(looked_at.count() < 20);
        assert_eq!(Unequal::of(&one, &one).count, 0);
    }

    #[test]
    fn what_is_looked_at_is_cut_into_parts() {
        let mut one = Buckets::new();
        let line = vec![b'x'; 1 << 20];
        for key in 0..64_u32 {
            one.add(&key.to_le_bytes(), &line);
        }
        let unequal = Unequal::of(&one, &Buckets::new());
        assert!((2..=5).contains(&unequal.count), "{}", unequal.count);
        let parts = (0..64_u32).filter_map(|key| unequal.part(&key.to_le_bytes()));
        assert!(parts.max() == Some(unequal.count - 1));
    }
}
