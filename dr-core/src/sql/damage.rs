//! Where a dump that is to be salvaged could not be read on. Filled by its readers; asked by whoever
//! wants to know what is lost.

use std::sync::{Arc, Mutex, PoisonError};

use futures::{StreamExt as _, stream};

use crate::error::{Error, ErrorKind};
use crate::files::ByteStream;

/// A list of damages, shared by all who have a clone of it.
#[derive(Debug, Clone, Default)]
pub struct Damage(Arc<Mutex<Vec<Error>>>);

impl Damage {
    /// None so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was found since the last time.
    pub fn take(&self) -> Vec<Error> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes an error after which reading can end well; others are given back.
    ///
    /// # Errors
    ///
    /// The error, if it says nothing about the dump.
    pub(crate) fn note(&self, error: Error) -> Result<(), Error> {
        match error.kind() {
            ErrorKind::Format | ErrorKind::Stage | ErrorKind::Integrity | ErrorKind::Store => {
                let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                found.push(error);
                Ok(())
            }
            _ => Err(error),
        }
    }

    /// The bytes up to the damage: a stream that ends where the other fails.
    pub(crate) fn until(&self, bytes: ByteStream) -> ByteStream {
        let state = Some((bytes, self.clone()));
        stream::unfold(state, |state| async move {
            let (mut bytes, damage) = state?;
            match bytes.next().await? {
                Ok(piece) => Some((Ok(piece), Some((bytes, damage)))),
                Err(error) => damage.note(error).err().map(|error| (Err(error), None)),
            }
        })
        .boxed()
    }
}
