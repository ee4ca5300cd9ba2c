//! The verbs: one a file, the only code that drives anything.
//!
//! Everything below is values and lazy views; here tasks are spawned, into sets that die with
//! their owner, and those who watch are told. Used by the command and the bindings.

pub mod as_json;
mod backup;
mod convert;
mod copy_statement;
mod diff;
mod extract;
mod globals;
mod hooks;
mod item;
mod listing;
mod live_tables;
mod open;
mod output;
mod part;
mod promptly;
mod prune;
mod restore;
mod rows;
mod salvage;
mod set;
mod store_files;
mod swap;
#[cfg(test)]
mod tests;
mod verify;

pub use crate::sql::cluster::{ClusterContents, ClusterDatabase};
pub use crate::sql::reader::{Damage, ReadOptions};
pub use backup::{BackupOptions, CancellationToken, Receipt, backup};
pub use convert::{ConvertOptions, Converted, ConvertedTable, convert};
pub use diff::{ColumnDifference, DiffOptions, DiffReport, DiffTable, RowDifference, diff};
pub use extract::{ExtractOptions, Extracted, ExtractedTable, extract};
pub use globals::{GlobalsOptions, RestoredGlobals, restore_globals};
pub use hooks::{HookFacts, HookOutcome, Hooks};
pub use listing::listing;
pub use open::{Found, look_at, look_into, open_dump, open_input, open_script};
pub use output::{Extract, Format};
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
pub use swap::{
    Client, Connections, DropKept, Kept, SwapBackOptions, SwapOptions, Swapped, Tie, drop_kept,
    kept, swap_back,
};
pub use verify::{
    DumpReport, LiveOptions, LiveReport, LiveTable, Outcome, Problem, Report, VerifyLevel,
    VerifyOptions, verify, verify_against_live, verify_dump,
};
