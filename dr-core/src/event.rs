//! What the verbs tell while they work. Produced by `ops`, consumed by whoever watches.

use std::sync::Arc;

/// What a verb is doing to one piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Reading the catalogs, a TOC, a manifest; planning.
    Prepare,
    /// Moving data out of a database or an archive into the store.
    Store,
    /// Running definitions and loading data.
    Load,
    /// Reading back and comparing.
    Prove,
    /// Waiting for others to leave a database, and exchanging its name with another's.
    Swap,
}

/// One thing that happened. Every verb ends with its return value, not with an event.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A phase begins; totals are what is known at that moment, bytes of data as an estimate.
    Phase {
        /// Which one.
        phase: Phase,
        /// Pieces of work (tables, files) expected.
        items: u64,
        /// Bytes expected; 0 if unknown.
        bytes: u64,
    },
    /// Work on one table, file or statement begins.
    ItemStarted {
        /// Its name as a person reads it, such as `TABLE DATA public.votes_vote`.
        item: String,
    },
    /// More of an item was done. Counts are increments since the last event of this item.
    Advanced {
        /// The name given at the start.
        item: String,
        /// Rows more.
        rows: u64,
        /// Bytes more, of uncompressed data.
        bytes: u64,
    },
    /// An item is complete.
    ItemFinished {
        /// The name given at the start.
        item: String,
    },
    /// Something a person should know although the work goes on.
    Notice {
        /// One line.
        message: String,
    },
}

/// Somebody who watches. Called from many tasks at once and must return quickly.
pub trait Observer: Send + Sync {
    /// Takes one event.
    fn event(&self, event: &Event);
}

impl<F: Fn(&Event) + Send + Sync> Observer for F {
    fn event(&self, event: &Event) {
        self(event);
    }
}

/// An observer that may be absent; what options carry.
#[derive(Clone, Default)]
pub struct Watch(Option<Arc<dyn Observer>>);

impl Watch {
    /// Watched by `observer`.
    pub fn by(observer: Arc<dyn Observer>) -> Self {
        Self(Some(observer))
    }

    /// Passes an event on.
    pub fn tell(&self, event: Event) {
        if let Some(observer) = &self.0 {
            observer.event(&event);
        }
    }

    /// Tells a notice.
    pub fn notice(&self, message: impl Into<String>) {
        self.tell(Event::Notice {
            message: message.into(),
        });
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() {
            "Watch(some)"
        } else {
            "Watch(none)"
        })
    }
}
