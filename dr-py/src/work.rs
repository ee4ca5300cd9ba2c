//! One verb at work: what it has told and returned so far, shared between the runtime and Python.
//!
//! Used by `call` from Python's side and by `verbs` from the runtime's. Knows no verb.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dr_core::event::{Event, Observer, Watch};
use dr_core::ops::{CancellationToken, Row};
use dr_core::{Error, ErrorKind, Result};
use pyo3::prelude::*;
use serde_json::Value;
use tokio::sync::Notify;

use crate::events::Waiting;

/// Batches of rows that may wait to be taken.
const BATCHES: usize = 2;

/// A verb at work.
#[derive(Clone)]
pub(crate) struct Work(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// A batch was taken.
    room: Notify,
    stop: CancellationToken,
    wake: Option<Py<PyAny>>,
}

#[derive(Default)]
struct State {
    events: Waiting,
    columns: Option<(Vec<String>, String)>,
    batches: Vec<Vec<Row>>,
    ended: Option<Result<Value>>,
    has_ended: bool,
}

impl State {
    fn is_idle(&self) -> bool {
        self.events.is_empty() && self.batches.is_empty() && !self.has_ended
    }
}

impl Work {
    pub(crate) fn new(wake: Option<Py<PyAny>>) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            room: Notify::new(),
            stop: CancellationToken::new(),
            wake,
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is there to take, and says so. Whoever is woken takes all there is, so that a
    /// second call before that would tell nothing new.
    fn put(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        let was_idle = state.is_idle();
        change(&mut state);
        let wakes = was_idle && !state.is_idle();
        drop(state);
        self.0.changed.notify_all();
        if let Some(wake) = self.0.wake.as_ref().filter(|_| wakes) {
            // An event loop that is closed already has nobody who waits.
            Python::try_attach(|py| wake.call0(py).ok());
        }
    }

    /// What asks the verb to stop.
    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.0.stop
    }

    /// Runs what does not look at the stop by itself: then it is dropped.
    pub(crate) async fn unless_stopped<T>(
        &self,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        tokio::select! {
            result = work => result,
            () = self.0.stop.cancelled() => Err(Error::new(ErrorKind::Interrupted, "stopped")),
        }
    }

    /// For the options of a verb.
    pub(crate) fn watch(&self) -> Watch {
        Watch::by(Arc::new(Teller(self.clone())))
    }

    /// The columns of the rows that follow, and their encoding.
    pub(crate) fn columns_are(&self, columns: Vec<String>, encoding: &str) {
        let columns = Some((columns, encoding.to_owned()));
        self.put(|state| state.columns = columns);
    }

    /// Hands a batch of rows over, once there is room for it.
    pub(crate) async fn hand_over(&self, batch: Vec<Row>) {
        loop {
            let room = self.0.room.notified();
            if self.state().batches.len() < BATCHES {
                break;
            }
            room.await;
        }
        self.put(|state| state.batches.insert(0, batch));
    }

    /// It ended, well or ill.
    pub(crate) fn end(&self, how: Result<Value>) {
        self.put(|state| {
            state.ended = Some(how);
            state.has_ended = true;
        });
    }

    /// Waits until there is something to take, at most so long.
    pub(crate) fn wait(&self, at_most: Duration) {
        let until = Instant::now() + at_most;
        let mut state = self.state();
        while state.is_idle() {
            let Some(left) = until.checked_duration_since(Instant::now()) else {
                return;
            };
            state = self
                .0
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    pub(crate) fn events(&self) -> Vec<Value> {
        self.state().events.take()
    }

    pub(crate) fn columns(&self) -> Option<(Vec<String>, String)> {
        self.state().columns.clone()
    }

    pub(crate) fn batch(&self) -> Option<Vec<Row>> {
        let batch = self.state().batches.pop();
        self.0.room.notify_one();
        batch
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.state().has_ended
    }

    /// How it ended; to be asked once.
    pub(crate) fn ended(&self) -> Option<Result<Value, Error>> {
        self.state().ended.take()
    }
}

/// Passes events on.
struct Teller(Work);

impl Observer for Teller {
    fn event(&self, event: &Event) {
        self.0.put(|state| state.events.push(event));
    }
}
