//! What verification found. Pure.

use std::time::Duration;

use serde::Serialize;

use super::VerifyLevel;
use crate::error::{Error, ErrorKind};
use crate::repo::{BackupId, Place};

/// How it stands with a backup, or with one thing in it; the worse, the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Outcome {
    /// Everything looked at is as it was stored.
    Sound,
    /// Something lies in its folder that does not belong to it; the backup itself is sound.
    Unexpected,
    /// Something could not be looked at: a key is missing or wrong, the store failed.
    Unchecked,
    /// Something is not there.
    Missing,
    /// Something is there and is not what was stored.
    Damaged,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// How it stands with it; never `Sound`.
    pub outcome: Outcome,
    /// The object or entry concerned, if it is about one.
    pub object: Option<String>,
    /// One line, object and causes included.
    pub message: String,
}

/// What verification found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The backup.
    pub id: BackupId,
    /// Where it lies.
    pub place: Place,
    /// How deep it was looked at: `quick`, `stored`, `deep`.
    pub level: &'static str,
    /// Objects looked at.
    pub objects: u64,
    /// Bytes read and digested as stored; zero for a quick look.
    pub bytes: u64,
    /// Tables whose rows were found to be those that were dumped.
    pub tables: u64,
    /// Their rows.
    pub rows: u64,
    /// Large objects found to be those that were dumped.
    pub large_objects: u64,
    /// Everything that is wrong, the worst first.
    pub problems: Vec<Problem>,
    /// How long it took.
    pub elapsed: Duration,
}

impl Report {
    pub(super) fn new(place: &Place, level: VerifyLevel) -> Self {
        Self {
            id: place.id().clone(),
            place: place.clone(),
            level: match level {
                VerifyLevel::Quick => "quick",
                VerifyLevel::Stored => "stored",
                VerifyLevel::Deep => "deep",
            },
            objects: 0,
            bytes: 0,
            tables: 0,
            rows: 0,
            large_objects: 0,
            problems: Vec::new(),
            elapsed: Duration::ZERO,
        }
    }

    /// How it stands with the backup: as with the worst of its problems.
    pub fn outcome(&self) -> Outcome {
        self.problems
            .iter()
            .map(|problem| problem.outcome)
            .max()
            .unwrap_or(Outcome::Sound)
    }

    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    pub(super) fn problem(
        &mut self,
        outcome: Outcome,
        object: impl Into<String>,
        message: impl std::fmt::Display,
    ) {
        let object = object.into();
        self.problems.push(Problem {
            outcome,
            message: format!("{object}: {message}"),
            object: Some(object),
        });
    }

    pub(super) fn error(&mut self, error: Error) {
        let problem = problem_of(&error);
        // A damaged object may be met by every table that is read from it.
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Takes up what was found of a member of a set.
    pub(super) fn take_up(&mut self, member: Self) {
        self.objects += member.objects;
        self.bytes += member.bytes;
        self.tables += member.tables;
        self.rows += member.rows;
        self.large_objects += member.large_objects;
        let place = member.place;
        self.problems
            .extend(member.problems.into_iter().map(|problem| Problem {
                object: Some(match &problem.object {
                    Some(object) => format!("{place}: {object}"),
                    None => place.to_string(),
                }),
                message: format!("{place}: {}", problem.message),
                ..problem
            }));
    }

    pub(super) fn finish(&mut self, elapsed: Duration) {
        self.problems.sort_by(|a, b| {
            b.outcome
                .cmp(&a.outcome)
                .then_with(|| a.message.cmp(&b.message))
        });
        self.elapsed = elapsed;
    }
}

/// An error as what is wrong with the thing it is about.
pub(super) fn problem_of(error: &Error) -> Problem {
    Problem {
        outcome: match error.kind() {
            ErrorKind::Missing => Outcome::Missing,
            ErrorKind::Integrity | ErrorKind::Format | ErrorKind::Stage => Outcome::Damaged,
            _ => Outcome::Unchecked,
        },
        object: error.entry().or(error.key()).map(str::to_owned),
        message: with_causes(error),
    }
}

fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
