//! What must hold of dr-core for any input at all.
//!
//! Each module is one law, or a few about the same reader: a function that takes bytes and panics
//! where the law is broken. The fuzzer (`fuzz/fuzz_targets`) calls them with what it invents, the
//! test `fuzz_corpus` with every seed and every input that ever broke one. Knows the fuzzer no more
//! than the tests do. `docs/fuzzing.md` says what the laws are and how they are run.

pub mod archive;
pub mod cluster;
pub mod conninfo;
pub mod custom;
pub mod lexer;
pub mod marks;
pub mod pattern;
pub mod plan;
pub mod rows;
pub mod script;
pub mod toc;
pub mod verify;

mod edit;
mod memory;

/// One law with its name, which is also the name of its fuzz target and of its folders of inputs.
#[derive(Debug, Clone, Copy)]
pub struct Law {
    /// Its name.
    pub name: &'static str,
    /// Panics if the law does not hold of these bytes.
    pub hold: fn(&[u8]),
}

macro_rules! laws {
    ($($name:ident),+ $(,)?) => {
        /// Every law there is.
        pub const LAWS: &[Law] = &[$(Law { name: stringify!($name), hold: $name::hold }),+];
    };
}

laws!(
    archive, cluster, conninfo, custom, lexer, marks, pattern, plan, rows, script, toc, verify
);
