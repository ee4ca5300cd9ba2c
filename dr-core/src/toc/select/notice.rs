//! What a person should know about a selection.

use std::fmt;

/// Something about a selection that a person should know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SelectNotice {
    /// An entry of a selected table that joins it to something outside the selection.
    LeftOut {
        /// The entry.
        entry: String,
        /// What it needs.
        needs: String,
    },
    /// A selected entry that needs something outside the selection, which must exist already.
    Needs {
        /// The entry.
        entry: String,
        /// What it needs.
        needs: String,
    },
    /// A foreign key to a table outside the selection: it is made where that table exists.
    Refers {
        /// The foreign key.
        entry: String,
        /// The table it refers to.
        table: String,
    },
    /// A partitioned table or inheritance parent some of whose children are not selected.
    Children {
        /// The parent.
        parent: String,
        /// How many are not selected.
        count: usize,
    },
    /// A foreign key to a table whose data was excluded: it will fail if there is data on this
    /// side.
    DataExcluded {
        /// The foreign key.
        entry: String,
        /// The table it refers to.
        table: String,
    },
}

impl fmt::Display for SelectNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeftOut { entry, needs } => {
                write!(
                    f,
                    "{entry} is left out: it needs {needs}, which is not selected"
                )
            }
            Self::Needs { entry, needs } => write!(
                f,
                "{entry} needs {needs}, which is not selected and must exist in the target"
            ),
            Self::Refers { entry, table } => write!(
                f,
                "{entry} refers to {table}, which is not selected: it can be made only where that \
                 table exists"
            ),
            Self::Children { parent, count } => write!(
                f,
                "{parent} has {count} partitions or child tables that are not selected"
            ),
            Self::DataExcluded { entry, table } => write!(
                f,
                "{entry} refers to {table}, whose data is excluded: it cannot be made if rows refer to it"
            ),
        }
    }
}
