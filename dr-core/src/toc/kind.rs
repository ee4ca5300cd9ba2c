//! What an entry is, and which part of a restore it belongs to.

use std::fmt;

/// The parts of a dump, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// COMMENT, ACL and what else follows its object wherever that stands.
    None,
    /// Definitions that data needs.
    PreData,
    /// Table data, large objects, sequence values.
    Data,
    /// Indexes, constraints, triggers, rules: what is made after the data.
    PostData,
}

macro_rules! kinds {
    ($($variant:ident $text:literal $section:ident,)*) => {
        /// What an entry is: pg_dump's `desc`.
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Kind {
            $(#[doc = concat!("`", $text, "`")] $variant,)*
            /// A kind this version has no name for; carried through untouched.
            Other(String),
        }

        impl Kind {
            /// pg_dump's word for it, such as `TABLE DATA`.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(text) => text,
                }
            }

            /// The section pg_dump puts this kind into; `PreData` for kinds unknown here.
            pub fn usual_section(&self) -> Section {
                match self {
                    $(Self::$variant => Section::$section,)*
                    Self::Other(_) => Section::PreData,
                }
            }
        }

        impl From<&str> for Kind {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)*
                    other => Self::Other(other.to_owned()),
                }
            }
        }
    };
}

kinds! {
    AccessMethod "ACCESS METHOD" PreData,
    Acl "ACL" None,
    Aggregate "AGGREGATE" PreData,
    Blob "BLOB" PreData,
    BlobMetadata "BLOB METADATA" Data,
    Blobs "BLOBS" Data,
    Cast "CAST" PreData,
    CheckConstraint "CHECK CONSTRAINT" PostData,
    Collation "COLLATION" PreData,
    Comment "COMMENT" None,
    Constraint "CONSTRAINT" PostData,
    Conversion "CONVERSION" PreData,
    Database "DATABASE" PreData,
    DatabaseProperties "DATABASE PROPERTIES" PreData,
    Default "DEFAULT" PreData,
    DefaultAcl "DEFAULT ACL" PostData,
    Domain "DOMAIN" PreData,
    EventTrigger "EVENT TRIGGER" PostData,
    Extension "EXTENSION" PreData,
    FkConstraint "FK CONSTRAINT" PostData,
    ForeignDataWrapper "FOREIGN DATA WRAPPER" PreData,
    ForeignTable "FOREIGN TABLE" PreData,
    Function "FUNCTION" PreData,
    Index "INDEX" PostData,
    IndexAttach "INDEX ATTACH" PostData,
    MaterializedView "MATERIALIZED VIEW" PreData,
    MaterializedViewData "MATERIALIZED VIEW DATA" PostData,
    Operator "OPERATOR" PreData,
    OperatorClass "OPERATOR CLASS" PreData,
    OperatorFamily "OPERATOR FAMILY" PreData,
    Policy "POLICY" PostData,
    Procedure "PROCEDURE" PreData,
    ProceduralLanguage "PROCEDURAL LANGUAGE" PreData,
    Publication "PUBLICATION" PostData,
    PublicationTable "PUBLICATION TABLE" PostData,
    PublicationTablesInSchema "PUBLICATION TABLES IN SCHEMA" PostData,
    RowSecurity "ROW SECURITY" PostData,
    Rule "RULE" PostData,
    Schema "SCHEMA" PreData,
    SecurityLabel "SECURITY LABEL" None,
    Sequence "SEQUENCE" PreData,
    SequenceOwnedBy "SEQUENCE OWNED BY" PreData,
    SequenceSet "SEQUENCE SET" Data,
    Server "SERVER" PreData,
    ShellType "SHELL TYPE" PreData,
    Statistics "STATISTICS" PostData,
    StatisticsData "STATISTICS DATA" PostData,
    Subscription "SUBSCRIPTION" PostData,
    SubscriptionTable "SUBSCRIPTION TABLE" PostData,
    Table "TABLE" PreData,
    TableAttach "TABLE ATTACH" PreData,
    TableData "TABLE DATA" Data,
    TextSearchConfiguration "TEXT SEARCH CONFIGURATION" PreData,
    TextSearchDictionary "TEXT SEARCH DICTIONARY" PreData,
    TextSearchParser "TEXT SEARCH PARSER" PreData,
    TextSearchTemplate "TEXT SEARCH TEMPLATE" PreData,
    Transform "TRANSFORM" PreData,
    Trigger "TRIGGER" PostData,
    Type "TYPE" PreData,
    UserMapping "USER MAPPING" PreData,
    View "VIEW" PreData,
    Warning "WARNING" PreData,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
