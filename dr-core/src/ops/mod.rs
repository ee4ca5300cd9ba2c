//! The verbs: one a file, the only code that drives anything.
//!
//! Everything below is values and lazy views; here tasks are spawned, into sets that die with
//! their owner, and those who watch are told. Used by the command and the bindings.

pub mod as_json;
mod backup;
mod copy_statement;
mod extract;
mod globals;
mod item;
mod open;
mod part;
mod prune;
mod restore;
mod rows;
mod salvage;
mod set;
mod store_files;
#[cfg(test)]
mod tests;
mod verify;

pub use crate::sql::reader::ReadOptions;
pub use backup::{BackupOptions, CancellationToken, Receipt, backup};
pub use extract::{Extract, ExtractOptions, Extracted, ExtractedTable, extract};
pub use globals::{GlobalsOptions, RestoredGlobals, restore_globals};
pub use open::{open_dump, open_input, open_script};
pub use prune::{PruneOptions, Pruned, prune_orphans};
pub use restore::{
    Against, LargeObjectsProof, RestoreOptions, Restored, SequenceProof, TableProof, Verdict,
    restore,
};
pub use rows::{Row, Rows, rows};
pub use salvage::{Lost, Salvaged, salvage};
pub use set::{
    AllDatabases, Failed, MemberOutcome, RestoredMember, RestoredSet, SetOptions, SetReceipt,
    backup_all, restore_all,
};
pub use verify::{
    DumpReport, LiveOptions, LiveReport, LiveTable, Outcome, Problem, Report, VerifyLevel,
    VerifyOptions, verify, verify_against_live, verify_dump,
};
