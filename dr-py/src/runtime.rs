//! The runtime that verbs run on: one for a process, made when it is first needed.
//!
//! A fork takes none of the parent's threads along, so that a runtime made before it would wait for
//! ever: the child makes its own, and lets the parent's be. Celery and gunicorn fork.

use std::sync::{Arc, Mutex, PoisonError};

use dr_core::{Error, ErrorKind, Result};
use tokio::runtime::{Builder, Runtime};

static RUNTIME: Mutex<Option<(u32, Arc<Runtime>)>> = Mutex::new(None);

/// The runtime of this process.
pub(crate) fn of_this_process() -> Result<Arc<Runtime>> {
    let process = std::process::id();
    let mut known = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((of, runtime)) = &*known
        && *of == process
    {
        return Ok(Arc::clone(runtime));
    }
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .thread_name("dr")
        .build()
        .map_err(|error| Error::new(ErrorKind::Bug, "no threads can be made").caused_by(error))?;
    let runtime = Arc::new(runtime);
    if let Some(of_parent) = known.replace((process, Arc::clone(&runtime))) {
        // Ending it would wait for threads that are in another process.
        std::mem::forget(of_parent);
    }
    Ok(runtime)
}
