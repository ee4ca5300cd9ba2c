//! A verb that was started, as Python holds it: waited for, listened to, stopped.

use std::time::Duration;

use dr_core::ops::Row;
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};
use serde_json::Value;

use crate::answer;
use crate::work::Work;
use crate::{runtime, verbs};

/// A verb at work. Letting go of it stops it.
#[pyclass(frozen, module = "dr._dr")]
pub(crate) struct Call {
    work: Work,
}

impl Call {
    /// Starts `verb`. The request is put into words inside here, so that no frame of Python holds
    /// the text of a password.
    pub(crate) fn start(
        verb: &str,
        request: &Bound<'_, PyAny>,
        wake: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let py = request.py();
        let dumps = py.import("json")?.getattr("dumps")?;
        let text: String = dumps.call1((request,))?.extract()?;
        let request: Value = serde_json::from_str(&text)
            .map_err(|_| PyValueError::new_err("an argument is no JSON value"))?;
        let runtime = runtime::of_this_process()
            .map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        let work = Work::new(wake);
        let verb = verb.to_owned();
        let at_work = work.clone();
        runtime.spawn(async move {
            // A panic of the verb is told like any other end: whoever waits must not wait for ever.
            let verb = tokio::spawn(verbs::run(verb, request, at_work.clone()));
            at_work.end(match verb.await {
                Ok(ended) => ended,
                Err(error) => Err(dr_core::Error::new(
                    dr_core::ErrorKind::Bug,
                    "dr panicked; please report what led to it",
                )
                .caused_by(error)),
            });
        });
        Ok(Self { work })
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.work.stop().cancel();
    }
}

#[pymethods]
impl Call {
    /// Waits, without holding the interpreter, until there is something new, at most so many
    /// seconds.
    fn wait(&self, py: Python<'_>, seconds: f64) {
        let at_most = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO);
        py.detach(|| self.work.wait(at_most));
    }

    /// Asks the verb to stop; it has stopped when it has ended.
    fn stop(&self) {
        self.work.stop().cancel();
    }

    /// Whether it has ended, well or ill.
    fn has_ended(&self) -> bool {
        self.work.has_ended()
    }

    /// Whether it went well, and the result or the error as JSON; None before its end. Told once.
    fn ended(&self) -> Option<(bool, String)> {
        self.work.ended().map(answer::outcome)
    }

    /// What it has told since it was asked last, as a JSON list.
    fn events(&self) -> Option<String> {
        let events = self.work.events();
        (!events.is_empty()).then(|| Value::Array(events).to_string())
    }

    /// The columns of the rows that follow and their encoding, as PostgreSQL names it; None before
    /// they are known.
    fn columns(&self) -> Option<(Vec<String>, String)> {
        self.work.columns()
    }

    /// The next rows, if some wait: values in this codec of Python's, or bytes without one.
    #[pyo3(signature = (codec=None))]
    fn batch<'py>(
        &self,
        py: Python<'py>,
        codec: Option<&str>,
    ) -> PyResult<Option<Bound<'py, PyList>>> {
        let Some(batch) = self.work.batch() else {
            return Ok(None);
        };
        let rows: PyResult<Vec<Bound<'py, PyTuple>>> =
            batch.iter().map(|row| tuple(py, row, codec)).collect();
        PyList::new(py, rows?).map(Some)
    }
}

fn tuple<'py>(py: Python<'py>, row: &Row, codec: Option<&str>) -> PyResult<Bound<'py, PyTuple>> {
    let fields: PyResult<Vec<Bound<'py, PyAny>>> = row
        .fields()
        .map(|field| match (field, codec) {
            (None, _) => Ok(py.None().into_bound(py)),
            (Some(bytes), None) => Ok(PyBytes::new(py, &bytes).into_any()),
            (Some(bytes), Some("utf-8")) => match std::str::from_utf8(&bytes) {
                Ok(text) => text.into_bound_py_any(py),
                // Python's own error says where.
                Err(_) => decoded(py, &bytes, "utf-8"),
            },
            (Some(bytes), Some(codec)) => decoded(py, &bytes, codec),
        })
        .collect();
    PyTuple::new(py, fields?)
}

fn decoded<'py>(py: Python<'py>, bytes: &[u8], codec: &str) -> PyResult<Bound<'py, PyAny>> {
    PyBytes::new(py, bytes)
        .into_any()
        .call_method1("decode", (PyString::new(py, codec),))
}
