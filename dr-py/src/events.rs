//! What a verb tells while it works, kept until Python takes it.
//!
//! A callback may be slower than the work: advances of one item are added up while nobody looks, so
//! that what waits here is bounded by the items in flight.

use std::collections::VecDeque;

use dr_core::event::{Event, Phase};
use serde_json::{Value, json};

/// So far back an item's last advance is looked for.
const IN_FLIGHT: usize = 64;

/// Events that wait.
#[derive(Debug, Default)]
pub(crate) struct Waiting(VecDeque<Event>);

impl Waiting {
    /// One more event; an advance is added to the one that waits for the same item.
    pub(crate) fn push(&mut self, event: &Event) {
        if let Event::Advanced { item, rows, bytes } = event {
            for waiting in self.0.iter_mut().rev().take(IN_FLIGHT) {
                match waiting {
                    Event::Advanced {
                        item: same,
                        rows: rows_so_far,
                        bytes: bytes_so_far,
                    } if same == item => {
                        *rows_so_far += rows;
                        *bytes_so_far += bytes;
                        return;
                    }
                    _ => {}
                }
            }
        }
        self.0.push_back(event.clone());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, as JSON values.
    pub(crate) fn take(&mut self) -> Vec<Value> {
        self.0.drain(..).map(|event| value(&event)).collect()
    }
}

fn value(event: &Event) -> Value {
    match event {
        Event::Phase {
            phase,
            items,
            bytes,
        } => {
            let phase = match phase {
                Phase::Prepare => "prepare",
                Phase::Store => "store",
                Phase::Load => "load",
                Phase::Prove => "prove",
                Phase::Swap => "swap",
                _ => "other",
            };
            json!({ "kind": "phase", "phase": phase, "items": items, "bytes": bytes })
        }
        Event::ItemStarted { item } => json!({ "kind": "item_started", "item": item }),
        Event::Advanced { item, rows, bytes } => {
            json!({ "kind": "advanced", "item": item, "rows": rows, "bytes": bytes })
        }
        Event::ItemFinished { item } => json!({ "kind": "item_finished", "item": item }),
        Event::Notice { message } => json!({ "kind": "notice", "message": message }),
        _ => json!({ "kind": "other" }),
    }
}
