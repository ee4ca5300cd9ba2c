//! What a kept database says of itself: a line at the end of its comment, where `\l+` shows it. The
//! server has no other place that an owner may write to. Pure.

use jiff::Timestamp;

const HEAD: &str = "dr: kept since ";
const DROPPABLE: &str = "; may be dropped from ";

/// Since when a database is kept, and from when on it may be dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) since: Timestamp,
    pub(super) droppable_from: Option<Timestamp>,
}

impl Record {
    fn line(&self) -> String {
        let mut line = format!("{HEAD}{:.0}", self.since);
        if let Some(from) = self.droppable_from {
            line.push_str(&format!("{DROPPABLE}{from:.0}"));
        }
        line
    }

    fn parse(line: &str) -> Option<Self> {
        let text = line.strip_prefix(HEAD)?;
        let (since, from) = match text.split_once(DROPPABLE) {
            Some((since, from)) => (since, Some(from.parse().ok()?)),
            None => (text, None),
        };
        Some(Self {
            since: since.parse().ok()?,
            droppable_from: from,
        })
    }

    /// The comment with this in it, and no other.
    pub(super) fn added_to(&self, comment: Option<&str>) -> String {
        match split(comment).0 {
            Some(own) => format!("{own}\n{}", self.line()),
            None => self.line(),
        }
    }
}

/// What somebody else wrote, and the record behind it.
pub(super) fn split(comment: Option<&str>) -> (Option<&str>, Option<Record>) {
    let Some(comment) = comment else {
        return (None, None);
    };
    let (own, line) = match comment.rsplit_once('\n') {
        Some((own, line)) => (Some(own), line),
        None => (None, comment),
    };
    match Record::parse(line) {
        Some(record) => (own, Some(record)),
        None => (Some(comment), None),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_record_is_put_behind_a_comment_and_taken_off_again() {
        let record = Record {
            since: "2026-11-26T21:35:13Z".parse().unwrap(),
            droppable_from: Some("2026-12-03T21:35:13Z".parse().unwrap()),
        };
        let forever = Record {
            droppable_from: None,
            ..record
        };
        for comment in [None, Some("the shop"), Some("two\nlines"), Some("")] {
            for record in [record, forever] {
                let text = record.added_to(comment);
                assert_eq!(split(Some(&text)), (comment, Some(record)), "{text}");
                // A later one takes its place.
                assert_eq!(split(Some(&forever.added_to(Some(&text)))).0, comment);
            }
            assert_eq!(split(comment), (comment, None));
        }
        assert_eq!(
            record.added_to(None),
            "dr: kept since 2026-11-26T21:35:13Z; may be dropped from 2026-12-03T21:35:13Z"
        );
    }
}
