//! Which columns of a row are compared, and which of them are its key. Pure.

use std::borrow::Cow;

use crate::text::copy_fields;

/// How the rows of one side of a table are looked at.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// Where each compared column stands in the row; none if the row is compared as it is.
    columns: Option<Vec<usize>>,
    /// Where each column of the key stands among those compared; empty if the whole row is the key.
    key: Vec<usize>,
}

fn places(names: &[String], wanted: &[String]) -> Vec<usize> {
    let place = |name| names.iter().position(|other| other == name);
    wanted.iter().filter_map(place).collect()
}

/// These fields of a row, in this order, as they stand in it.
fn take(row: &[u8], wanted: &[usize]) -> Vec<u8> {
    let mut fields = copy_fields(row);
    let fields: Vec<&[u8]> = std::iter::from_fn(|| fields.next_raw()).collect();
    let mut taken = Vec::with_capacity(row.len());
    for (number, place) in wanted.iter().enumerate() {
        if number > 0 {
            taken.push(b'\t');
        }
        taken.extend_from_slice(fields.get(*place).copied().unwrap_or_default());
    }
    taken
}

impl Shape {
    /// Rows of the columns `there`, of which `compared` are compared; `key` is of these.
    pub(super) fn new(there: &[String], compared: &[String], key: &[String]) -> Self {
        Self {
            columns: (there != compared).then(|| places(there, compared)),
            key: places(compared, key),
        }
    }

    /// What of a row is compared.
    pub(super) fn line<'a>(&self, row: &'a [u8]) -> Cow<'a, [u8]> {
        match &self.columns {
            Some(columns) => take(row, columns).into(),
            None => row.into(),
        }
    }

    /// The key of what is compared.
    pub(super) fn key<'a>(&self, line: &'a [u8]) -> Cow<'a, [u8]> {
        match &self.key[..] {
            [] => line.into(),
            // The usual one: an id in front.
            [0] => copy_fields(line).next_raw().unwrap_or_default().into(),
            key => take(line, key).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn columns_are_taken_by_name_and_fields_stay_as_they_are_written() {
        let there = names(&["a", "gone", "b", "c"]);
        let compared = names(&["b", "c", "a"]);
        let shape = Shape::new(&there, &compared, &names(&["a", "b"]));
        let line = shape.line(b"1\tx\t\\N\ty\\tz");
        assert_eq!(&*line, b"\\N\ty\\tz\t1");
        assert_eq!(&*shape.key(&line), b"1\t\\N");
        let whole = Shape::new(&there, &there, &[]);
        assert_eq!(&*whole.line(b"1\t2"), b"1\t2");
        assert_eq!(&*whole.key(b"1\t2"), b"1\t2");
        let first = Shape::new(&there, &there, &names(&["a"]));
        assert_eq!(&*first.key(b"17\tx\ty\tz"), b"17");
    }
}
