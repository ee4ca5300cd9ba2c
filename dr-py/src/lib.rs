//! `dr._dr`: the native half of the Python module `dr`. Takes a verb's name and its words, runs it on
//! a runtime of this process, and hands over what it tells and returns. What Python sees of it (names,
//! types, exceptions) is in `dr-py/python/dr`; what the verbs do is in `dr_core`.

mod answer;
mod call;
mod events;
mod request;
mod runtime;
mod verbs;
mod work;

use dr_core::pg::{ConnInfo, Environment};
use dr_core::pipeline::encryption::{Recipients, generate_key};
use dr_core::repo::Repository;
use pyo3::prelude::*;

/// The native module.
#[pymodule]
mod _dr {
    use super::*;

    #[pymodule_export]
    use super::call::Call;

    /// The version of dr.
    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const version: &str = env!("CARGO_PKG_VERSION");

    /// Runs `verb` with `request`, a dictionary of JSON values; `wake` is called, from a thread of
    /// the runtime, whenever there is something new to take.
    #[pyfunction]
    #[pyo3(signature = (verb, request, wake=None))]
    fn start(verb: &str, request: &Bound<'_, PyAny>, wake: Option<Py<PyAny>>) -> PyResult<Call> {
        Call::start(verb, request, wake)
    }

    /// Makes a key file and returns its recipient, or an error, as JSON.
    #[pyfunction]
    fn generate(py: Python<'_>, path: std::path::PathBuf) -> (bool, String) {
        answer::outcome(py.detach(|| generate_key(&path)))
    }

    /// Checks a recipient: `null`, or an error, as JSON. No error repeats it.
    #[pyfunction]
    fn check_recipient(text: &str) -> (bool, String) {
        answer::outcome(Recipients::new().add(text).map(|_| ()))
    }

    /// Checks a repository's location, asking no store: `null`, or an error, as JSON.
    #[pyfunction]
    fn check_repository(location: &str) -> (bool, String) {
        answer::outcome(Repository::check(location))
    }

    /// What a connection string comes to, without its password, or an error, as JSON.
    #[pyfunction]
    fn resolve(py: Python<'_>, text: &str) -> (bool, String) {
        answer::outcome(py.detach(|| {
            ConnInfo::resolve(Some(text), &Environment::of_process())
                .map(|info| answer::target(&info))
        }))
    }
}
