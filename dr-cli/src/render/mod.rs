//! What a person or a program sees: results on standard output, progress and errors on standard
//! error. Used by `command` and `main`; knows no verb.

mod error;
mod human;
mod progress;
mod rows;
mod table;

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::args::Global;

pub(crate) use error::{print_error, print_error_of};
pub(crate) use human::{bytes, clean, count, duration, time};
pub(crate) use progress::Progress;
pub(crate) use rows::DifferentRows;
pub(crate) use table::{Align, Table};

/// Where results go: text for people, or one JSON document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    stderr: bool,
}

impl Output {
    pub(crate) fn new(global: &Global) -> Self {
        Self {
            json: global.json,
            stderr: false,
        }
    }

    /// For a command whose standard output is the data itself.
    pub(crate) fn on_stderr(self) -> Self {
        Self {
            stderr: true,
            ..self
        }
    }

    /// Whether results and errors are JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Prints a result: `text` is only made for people, `value` only for programs.
    pub(crate) fn result(
        self,
        text: impl FnOnce() -> String,
        value: impl FnOnce() -> Value,
    ) -> dr_core::Result<()> {
        let mut out = if self.json {
            format!("{:#}", value())
        } else {
            text()
        };
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        if self.stderr {
            say(out.trim_end());
            return Ok(());
        }
        write_out(out.as_bytes())
    }

    /// Prints a result that is text whatever was asked for, byte for byte; on a terminal safe to show.
    pub(crate) fn raw(self, bytes: &[u8]) -> dr_core::Result<()> {
        if self.json {
            return Err(dr_core::Error::new(
                dr_core::ErrorKind::Usage,
                "this is a text and no JSON: leave out --json",
            ));
        }
        if !std::io::stdout().is_terminal() {
            return write_out(bytes);
        }
        let text = String::from_utf8_lossy(bytes);
        let lines: Vec<String> = text.lines().map(clean).collect();
        write_out(format!("{}\n", lines.join("\n")).as_bytes())
    }
}

fn write_out(bytes: &[u8]) -> dr_core::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        // What was asked for is done, whether its report is read to the end or not.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            UNREAD.store(true, Ordering::Relaxed);
            Ok(())
        }
        Err(error) => Err(dr_core::Error::new(
            dr_core::ErrorKind::Store,
            "cannot write to standard output",
        )
        .caused_by(error)),
        Ok(()) => Ok(()),
    }
}

/// Whoever reads standard output stopped before the end of a result: `dr list | head -1`.
static UNREAD: AtomicBool = AtomicBool::new(false);

/// Whether a result was not read to its end.
pub(crate) fn was_unread() -> bool {
    UNREAD.load(Ordering::Relaxed)
}

/// A line on standard error. Nothing can be done about one that cannot be written.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
