//! One entry or file on its way, as those who watch see it. Used by the verbs that read data.

use crate::event::{Event, Watch};

/// Progress is told after so many bytes.
const TELL_EVERY: u64 = 1 << 20;

/// Tells when it begins, how far it is, and when it is dropped.
pub(super) struct Item {
    watch: Watch,
    name: String,
    bytes: u64,
    rows: u64,
    rows_told: u64,
}

impl Item {
    pub(super) fn begin(watch: &Watch, name: String) -> Self {
        watch.tell(Event::ItemStarted { item: name.clone() });
        Self {
            watch: watch.clone(),
            name,
            bytes: 0,
            rows: 0,
            rows_told: 0,
        }
    }

    /// So many bytes more; `rows` is how many there are in all.
    pub(super) fn advance(&mut self, bytes: usize, rows: u64) {
        self.bytes += bytes as u64;
        self.rows = rows;
        if self.bytes >= TELL_EVERY {
            self.tell();
        }
    }

    fn tell(&mut self) {
        if self.bytes > 0 {
            self.watch.tell(Event::Advanced {
                item: self.name.clone(),
                rows: self.rows - self.rows_told,
                bytes: self.bytes,
            });
            self.bytes = 0;
            self.rows_told = self.rows;
        }
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        self.tell();
        self.watch.tell(Event::ItemFinished {
            item: self.name.clone(),
        });
    }
}
