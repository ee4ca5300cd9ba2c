//! Which pass of a restore an entry belongs to. Pure; used by the plan and the plain-SQL writer.

use serde::Serialize;

use super::{Entry, Kind, Section};

/// The passes of a restore, in order, each over the whole Toc.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Pass {
    /// Everything but what the other passes are for.
    Main,
    /// Privileges. After the main pass, because a REVOKE from the owner would break the load.
    Acl,
    /// What needs the privileges (matview refreshes run as their owners) or must not see the
    /// restore itself (event triggers).
    PostAcl,
}

impl Pass {
    /// The pass `entry` belongs to, by pg_restore's `_tocEntryRestorePass`.
    pub fn of(entry: &Entry) -> Self {
        match &entry.kind {
            Kind::Acl | Kind::DefaultAcl => Self::Acl,
            Kind::Other(kind) if kind == "ACL LANGUAGE" => Self::Acl,
            Kind::EventTrigger | Kind::MaterializedViewData => Self::PostAcl,
            // They follow their parents, and an event trigger is the only parent not in Main.
            Kind::Comment | Kind::SecurityLabel if entry.tag.starts_with(b"EVENT TRIGGER ") => {
                Self::PostAcl
            }
            // Statistics of a matview exist only after its refresh.
            Kind::StatisticsData if entry.section == Section::PostData => Self::PostAcl,
            _ => Self::Main,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::EntryId;
    use super::*;

    #[test]
    fn passes_are_those_of_pg_restore() {
        let pass = |kind: Kind, tag: &'static str| Pass::of(&Entry::new(EntryId(1), kind, tag));
        assert_eq!(pass(Kind::Table, "t"), Pass::Main);
        assert_eq!(pass(Kind::DefaultAcl, "x"), Pass::Acl);
        assert_eq!(pass(Kind::MaterializedViewData, "m"), Pass::PostAcl);
        assert_eq!(pass(Kind::Comment, "TABLE t"), Pass::Main);
        assert_eq!(pass(Kind::Comment, "EVENT TRIGGER e"), Pass::PostAcl);
        let mut statistics = Entry::new(EntryId(1), Kind::StatisticsData, "t");
        statistics.section = Section::PreData;
        assert_eq!(Pass::of(&statistics), Pass::Main);
        statistics.section = Section::PostData;
        assert_eq!(Pass::of(&statistics), Pass::PostAcl);
    }
}
