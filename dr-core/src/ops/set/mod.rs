//! All databases of a server as one set: each is a backup of its own, and one more, of kind
//! [`Kind::Set`](crate::repo::Kind::Set), holds the globals and says which of them belong together.

mod backup;
mod restore;

pub use backup::{AllDatabases, Failed, SetReceipt, backup_all};
pub use restore::{MemberOutcome, RestoredMember, RestoredSet, SetOptions, restore_all};
