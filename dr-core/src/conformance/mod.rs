//! What every implementation of a joint must do, as checks that anybody can run: for stages, Files and
//! dumps of a caller's own as for those of this crate. Behind the feature `conformance`.
//!
//! A check returns the first law that is broken, and how. It reads what it is given, several times
//! over, and changes nothing; what it is given should be small.
//!
//! ```
//! use dr_core::conformance;
//! use dr_core::files::Files;
//! # use dr_core::archive::directory;
//! # use dr_core::ops::{ReadOptions, open_script};
//! # use dr_core::pipeline::compression::Compression;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let script = b"CREATE TABLE public.t (a int);\nCOPY public.t (a) FROM stdin;\n1\n\\.\n\
//! #     -- PostgreSQL database dump complete\n";
//! # let dump = open_script(Box::pin(&script[..]), &ReadOptions::new()).await?;
//! conformance::dump(&*dump).await?;
//! let archive = directory::files(dump, Compression::Zstd(3))?;
//! conformance::files(&archive).await?;
//! # Ok(())
//! # }
//! ```

mod dump;
mod files;
mod stage;

pub use dump::dump;
pub use files::{files, stored_files};
pub use stage::{authenticating_stage, stage};

/// A law, and how it was broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{law}: {how}")]
pub struct Broken {
    /// The law, as a sentence.
    pub law: &'static str,
    /// What happened instead.
    pub how: String,
}

type Outcome<T = ()> = std::result::Result<T, Broken>;

/// That it is so, or the law is broken.
fn holds(law: &'static str, is_so: bool, how: impl FnOnce() -> String) -> Outcome {
    if is_so {
        Ok(())
    } else {
        Err(Broken { law, how: how() })
    }
}

/// What went well, or the law is broken by the error.
fn well<T, E: std::fmt::Display>(law: &'static str, result: Result<T, E>) -> Outcome<T> {
    result.map_err(|error| Broken {
        law,
        how: error.to_string(),
    })
}
