//! What the command's exit code says. Used by `main` alone.

use dr_core::{Error, ErrorKind};

/// How a command ended, where that is not an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done, and proven where there is something to prove.
    Done,
    /// Part of it failed, and the errors have been told.
    Failed,
    /// What is stored or was restored is not what was dumped.
    Damaged,
    /// Something of a backup is not there.
    Missing,
    /// What was asked for could not be checked.
    Unchecked,
    /// Whoever reads standard output stopped before its end.
    Unread,
}

impl Outcome {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Damaged => 3,
            Self::Missing => 4,
            Self::Unchecked => 5,
            // 128 and SIGPIPE, as a shell says of a program that the signal ends.
            Self::Unread => 141,
        }
    }
}

/// 128 and SIGINT, as a shell says it.
pub(crate) const INTERRUPTED: u8 = 130;

/// Prints what the command line comes to where that is no command: help, the version, or what
/// cannot be meant. The code for it.
pub(crate) fn of_words(told: &clap::Error) -> u8 {
    match told.print() {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe && !told.use_stderr() => {
            Outcome::Unread.code()
        }
        _ if told.use_stderr() => 2,
        _ => 0,
    }
}

/// The code for an error.
pub(crate) fn code(error: &Error) -> u8 {
    match error.kind() {
        ErrorKind::Usage => 2,
        ErrorKind::Integrity | ErrorKind::Format | ErrorKind::Stage => Outcome::Damaged.code(),
        ErrorKind::Missing => Outcome::Missing.code(),
        ErrorKind::Interrupted => INTERRUPTED,
        _ => 1,
    }
}
