//! Progress out of events: bars on a terminal, a line now and then elsewhere, nothing if nobody
//! wants it.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dr_core::event::{Event, Observer, Phase, Watch};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{bytes, clean, count, duration, say};
use crate::args::Global;

/// Where there is no terminal, a line is printed not more often than this.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// Items that have a bar of their own; more would push the rest off the screen.
const MOST_BARS: usize = 8;

/// The observer that draws. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Progress(Arc<Mutex<State>>);

struct State {
    view: View,
    phase: Option<Phase>,
    items: u64,
    items_done: u64,
    bytes: u64,
    bytes_done: u64,
    rows_done: u64,
    began: Instant,
    last_line: Instant,
}

enum View {
    /// Only notices, if even those.
    Silent {
        notices: bool,
    },
    Lines,
    Bars(Box<Bars>),
}

struct Bars {
    all: MultiProgress,
    main: ProgressBar,
    items: HashMap<String, Bar>,
}

struct Bar {
    bar: ProgressBar,
    rows: u64,
    bytes: u64,
}

impl Progress {
    /// The view that fits where standard error goes.
    pub(crate) fn new(global: &Global) -> Self {
        let view = if global.quiet {
            View::Silent { notices: false }
        } else if global.json {
            View::Silent { notices: true }
        } else if std::io::stderr().is_terminal() {
            let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
            let main = all.add(ProgressBar::new_spinner());
            main.set_style(style("{spinner} {wide_msg}"));
            View::Bars(Box::new(Bars {
                all,
                main,
                items: HashMap::new(),
            }))
        } else {
            View::Lines
        };
        let now = Instant::now();
        Self(Arc::new(Mutex::new(State {
            view,
            phase: None,
            items: 0,
            items_done: 0,
            bytes: 0,
            bytes_done: 0,
            rows_done: 0,
            began: now,
            last_line: now,
        })))
    }

    /// For the options of a verb.
    pub(crate) fn watch(&self) -> Watch {
        Watch::by(Arc::new(self.clone()))
    }

    /// Takes the bars off the screen, so that what is printed next stands alone.
    pub(crate) fn finish(&self) {
        let mut state = self.lock();
        if let View::Bars(bars) = &mut state.view {
            for (_, item) in bars.items.drain() {
                item.bar.finish_and_clear();
            }
            bars.main.finish_and_clear();
        }
    }

    /// Tells something a person should know.
    pub(crate) fn notice(&self, message: &str) {
        self.lock().notice(message);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Progress {
    fn event(&self, event: &Event) {
        self.lock().take(event);
    }
}

impl State {
    fn take(&mut self, event: &Event) {
        match event {
            Event::Phase {
                phase,
                items,
                bytes,
            } => {
                self.phase = Some(*phase);
                (self.items, self.items_done) = (*items, 0);
                (self.bytes, self.bytes_done, self.rows_done) = (*bytes, 0, 0);
                self.began = Instant::now();
                self.last_line = self.began;
                if let View::Bars(bars) = &mut self.view {
                    bars.main.enable_steady_tick(Duration::from_millis(120));
                    for (_, item) in bars.items.drain() {
                        item.bar.finish_and_clear();
                    }
                }
                if matches!(self.view, View::Lines) && *items > 0 {
                    let size = if *bytes > 0 {
                        format!(", about {}", super::bytes(*bytes))
                    } else {
                        String::new()
                    };
                    say(&format!("{}: {}{size}", title(*phase), of_items(*items)));
                }
            }
            Event::ItemStarted { item } => {
                if let View::Bars(bars) = &mut self.view {
                    bars.start(item);
                }
            }
            Event::Advanced { item, rows, bytes } => {
                self.rows_done += rows;
                self.bytes_done += bytes;
                if let View::Bars(bars) = &mut self.view {
                    bars.advance(item, *rows, *bytes);
                }
            }
            Event::ItemFinished { item } => {
                self.items_done += 1;
                if let View::Bars(bars) = &mut self.view {
                    bars.end(item);
                }
            }
            Event::Notice { message } => return self.notice(message),
            _ => return,
        }
        self.show();
    }

    fn show(&mut self) {
        match &self.view {
            View::Silent { .. } => {}
            View::Lines => {
                if self.last_line.elapsed() >= BETWEEN_LINES {
                    self.last_line = Instant::now();
                    say(&self.line());
                }
            }
            View::Bars(bars) => bars.main.set_message(self.line()),
        }
    }

    /// `storing: 12 of 60, 340 MiB of 1.2 GiB, 4,500,000 rows, 120 MiB/s, 8 s left`.
    fn line(&self) -> String {
        let Some(phase) = self.phase else {
            return String::new();
        };
        let mut parts = Vec::new();
        if self.items > 0 {
            parts.push(format!(
                "{} of {}",
                count(self.items_done),
                count(self.items)
            ));
        }
        if self.bytes > self.bytes_done {
            parts.push(format!(
                "{} of {}",
                bytes(self.bytes_done),
                bytes(self.bytes)
            ));
        } else if self.bytes_done > 0 {
            parts.push(bytes(self.bytes_done));
        }
        if self.rows_done > 0 {
            parts.push(format!("{} rows", count(self.rows_done)));
        }
        let elapsed = self.began.elapsed();
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        if let Some(rate) = self.bytes_done.saturating_mul(1000).checked_div(millis)
            && rate > 0
            && elapsed >= Duration::from_secs(1)
        {
            parts.push(format!("{}/s", bytes(rate)));
            if self.bytes > self.bytes_done {
                let left = Duration::from_secs((self.bytes - self.bytes_done) / rate);
                parts.push(format!("{} left", duration(left)));
            }
        }
        if parts.is_empty() {
            title(phase).to_owned()
        } else {
            format!("{}: {}", title(phase), parts.join(", "))
        }
    }

    fn notice(&self, message: &str) {
        let line = format!("dr: {}", clean(message));
        match &self.view {
            View::Silent { notices: false } => {}
            View::Silent { notices: true } | View::Lines => say(&line),
            View::Bars(bars) => {
                // Above the bars, which are drawn again below it.
                bars.all.suspend(|| say(&line));
            }
        }
    }
}

impl Bars {
    fn start(&mut self, item: &str) {
        if self.items.len() >= MOST_BARS {
            return;
        }
        let bar = self.all.add(ProgressBar::new_spinner());
        bar.set_style(style("    {wide_msg}"));
        bar.set_message(clean(item));
        self.items.insert(
            item.to_owned(),
            Bar {
                bar,
                rows: 0,
                bytes: 0,
            },
        );
    }

    fn advance(&mut self, item: &str, rows: u64, more: u64) {
        if let Some(bar) = self.items.get_mut(item) {
            bar.rows += rows;
            bar.bytes += more;
            let rows = match bar.rows {
                0 => String::new(),
                rows => format!(", {} rows", count(rows)),
            };
            bar.bar
                .set_message(format!("{}  {}{rows}", clean(item), bytes(bar.bytes)));
        }
    }

    fn end(&mut self, item: &str) {
        if let Some(bar) = self.items.remove(item) {
            bar.bar.finish_and_clear();
            self.all.remove(&bar.bar);
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn title(phase: Phase) -> &'static str {
    match phase {
        Phase::Prepare => "preparing",
        Phase::Store => "storing",
        Phase::Load => "loading",
        Phase::Prove => "proving",
        Phase::Swap => "swapping",
        _ => "working",
    }
}

fn of_items(items: u64) -> String {
    match items {
        1 => "1 item".to_owned(),
        items => format!("{} items", count(items)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_items_bytes_and_rows() {
        let progress = Progress::new(&Global {
            json: false,
            quiet: true,
            verbose: 0,
            limit: Vec::new(),
        });
        let watch = progress.watch();
        watch.tell(Event::Phase {
            phase: Phase::Store,
            items: 3,
            bytes: 4096,
        });
        watch.tell(Event::Advanced {
            item: "a".into(),
            rows: 1500,
            bytes: 1024,
        });
        watch.tell(Event::ItemFinished { item: "a".into() });
        assert_eq!(
            progress.lock().line(),
            "storing: 1 of 3, 1.0 KiB of 4.0 KiB, 1,500 rows"
        );
    }
}
