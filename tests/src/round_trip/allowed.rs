//! The differences that may be, each with its reason. Everything else that a round trip changes is
//! a fault.

use super::routes::{Route, STOPS};

/// A kind of difference that may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed {
    /// Why.
    pub(super) reason: &'static str,
    /// The difference has all words of one of these.
    words: &'static [&'static [&'static str]],
    /// It is pg_restore's doing, so dr's restore has no such excuse.
    pub(super) by_restore: bool,
}

/// What stock pg_dump and pg_restore do not bring back.
const OF_STOCK: &[Allowed] = &[
    Allowed {
        reason: "pg_restore without --create restores no property of the database itself",
        words: &[
            &["Type: DATABASE"],
            &["-- Name: DATABASE (database); Type: "],
            &["pg_db_role_setting "],
        ],
        by_restore: true,
    },
    Allowed {
        reason: "pg_dump leaves out what was added to an operator family of PostgreSQL itself",
        words: &[
            &["pg_amop ", " of pg_catalog.", ": is lost"],
            &["pg_amproc ", " of pg_catalog.", ": is lost"],
        ],
        by_restore: false,
    },
    Allowed {
        reason: "pg_dump leaves out an operator that was named as the commutator or negator of another and never made",
        words: &[&["pg_operator b ", ": is lost"]],
        by_restore: false,
    },
    Allowed {
        reason: "how many dimensions an array was declared with, which means nothing, is not in a dump",
        words: &[&["pg_attribute ", ": attndims ", " became "]],
        by_restore: false,
    },
    Allowed {
        reason: "a table with parents gets their columns first, in their order",
        words: &[
            &["pg_attribute ", ": position ", " became "],
            &["; Type: TABLE; ", "was:", "is:"],
        ],
        by_restore: false,
    },
    Allowed {
        reason: "foreign keys of partitions are made anew from those of the partitioned table, with names of their own",
        words: &[
            &["pg_constraint f ", "_fkey"],
            &["pg_trigger internal \"RI_"],
        ],
        by_restore: false,
    },
    Allowed {
        reason: "a key of a partition is made on the partition first, then attached: it is its own then",
        words: &[
            &["pg_constraint p ", ": connoinherit false became true"],
            &["pg_constraint u ", ": connoinherit false became true"],
        ],
        by_restore: false,
    },
    Allowed {
        reason: "a default taken away in the middle of a line of tables comes back below",
        words: &[
            &["-- Name: grandchild late; Type: DEFAULT; ", "is new"],
            &["pg_attrdef  for shapes.grandchild.late: is new"],
            &["pg_attribute  shapes.grandchild.late: atthasdef false became true"],
        ],
        by_restore: false,
    },
    Allowed {
        reason: "a constraint of NOT NULL that only the child has validated is written as its own",
        words: &[&["pg_constraint n ", ": conislocal false became true"]],
        by_restore: false,
    },
    Allowed {
        reason: "a copy of a collation that fits every encoding is made for that of the database",
        words: &[&["pg_collation ", ": collencoding -1 became "]],
        by_restore: false,
    },
    Allowed {
        reason: "an extension is made anew: what was added to it or changed in it since is not dumped",
        words: &[
            &["pg_depend e ", ": is lost"],
            &["pg_proc f of_postgres_fdw.", ": is lost"],
            &["pg_ts_dict ", ": dictinitoption ", " became null"],
        ],
        by_restore: false,
    },
    Allowed {
        reason: "of two array types that want the same name, the one that is made first gets it",
        words: &[&["pg_type b ", "[]: typname "]],
        by_restore: false,
    },
    Allowed {
        reason: "pg_dump takes the schema public for that of 15, where not everybody may CREATE in it; on 13 and 14 pg_restore leaves them the right",
        words: &[
            &["-- Name: SCHEMA public; Type: ACL; "],
            &["pg_namespace  public: nspacl "],
        ],
        by_restore: true,
    },
    Allowed {
        reason: "pg_dump 15 says LOGGED of an identity column of 13 or 14, which these do not take",
        words: &[
            &["syntax error at or near \"LOGGED\""],
            &["identity_dump_unlogged", "is lost"],
            &["public.identity_dump_unlogged.a: attidentity "],
            &["public.identity_dump_unlogged.c: attidentity "],
            &["rows of identity_dump_unlogged_", "became none"],
            &[
                "pg_restore complains: SEQUENCE SET identity_dump_unlogged_",
                "does not exist",
            ],
            &["itest17", "is lost"],
            &["public.itest17.a: attidentity "],
            &["public.itest17.c: attidentity "],
            &["rows of itest17_", "became none"],
            &[
                "pg_restore complains: SEQUENCE SET itest17_",
                "does not exist",
            ],
            &["itest18", "is lost"],
            &["public.itest18.a: attidentity "],
            &["public.itest18.c: attidentity "],
            &["rows of itest18_", "became none"],
            &[
                "pg_restore complains: SEQUENCE SET itest18_",
                "does not exist",
            ],
        ],
        by_restore: false,
    },
    Allowed {
        reason: "a materialized view is computed anew: it was stale",
        words: &[&["rows of mvtest_bb: "]],
        by_restore: false,
    },
];

/// What is otherwise on an older server. What dr makes of it is held against pg_restore's all the same.
const ON_OLDER: &[Allowed] = &[
    Allowed {
        reason: "an older server refuses what only the newer one has",
        words: &[&["pg_restore complains: "]],
        by_restore: false,
    },
    Allowed {
        reason: "the schema public belongs to a role that servers before 15 do not have",
        words: &[&["-- Name: public; Type: SCHEMA; ", "is new"]],
        by_restore: false,
    },
    Allowed {
        reason: "what the older server refused is not there, nor what hangs on it",
        words: &[
            &[": is lost"],
            &["  is lost: "],
            &["rows of ", " became none"],
            &["rows of ", " became 0 "],
        ],
        by_restore: false,
    },
];

/// What is otherwise when the servers are of different majors.
const ACROSS_MAJORS: &[Allowed] = &[
    Allowed {
        reason: "another major prints the same definition in other words",
        words: &[&["-- Name: ", "  was:\n", "  is:\n"], &["order: where "]],
        by_restore: false,
    },
    Allowed {
        reason: "sequences had a type of their own before 14",
        words: &[&["pg_type c ", ": is lost"], &["pg_type c ", ": is new"]],
        by_restore: false,
    },
    Allowed {
        reason: "pg_dump 18 writes, to every server, a NOT NULL of an inherited column as a constraint of the table, which 18 first takes",
        words: &[
            &[
                "pg_restore complains: TABLE grandchild ",
                "syntax error at or near \"NOT\"",
            ],
            &[
                "pg_restore complains: ",
                "\"shapes.grandchild\" does not exist",
            ],
            &["shapes.grandchild", "is lost"],
            &["Name: grandchild", "Schema: shapes;", "is lost"],
            &["rows of shapes.grandchild: "],
        ],
        by_restore: false,
    },
    Allowed {
        reason: "a range has a multirange type from 14 on",
        words: &[&["multirange"]],
        by_restore: false,
    },
    Allowed {
        reason: "the triggers of partitions were internal before 15",
        words: &[
            &["pg_trigger internal ", ": is lost"],
            &["pg_trigger user ", ": is new"],
            &["pg_trigger user ", ": is lost"],
            &["pg_trigger internal ", ": is new"],
        ],
        by_restore: false,
    },
    Allowed {
        reason: "pg_restore 18 sets what servers before 17 do not have, and goes on",
        words: &[&["pg_restore complains: : ", "\"transaction_timeout\""]],
        by_restore: true,
    },
];

/// Where dr is not the same as the control, and rightly.
const OF_DR: &[(&[Route], Allowed)] = &[
    (
        &[Route::Dr, Route::StockToDr],
        Allowed {
            reason: "pg_restore leaves out what the server refuses and goes on; dr stops there, and restores the rest without it",
            words: &[&[STOPS]],
            by_restore: false,
        },
    ),
    (
        &[Route::Dr, Route::StockToDr],
        Allowed {
            reason: "of a table whose access method is refused pg_restore makes the rest; dr is asked for none of it",
            words: &[
                &["since_17.parted_heap", "is lost"],
                &["Name: parted_heap", "Schema: since_17;", "is lost"],
                &["rows of since_17.parted_heap", " became none"],
            ],
            by_restore: false,
        },
    ),
    (
        &[Route::DrToStock],
        Allowed {
            reason: "dr writes a subscription so that its own server takes it back: it is dr restore that sets run_as_owner, from 16 on",
            words: &[&["; Type: SUBSCRIPTION; ", ", run_as_owner = true);"]],
            by_restore: false,
        },
    ),
    (
        &[Route::DrToStock],
        Allowed {
            reason: "a default that pg_dump leaves to come back below, and dr does not, is of a table that was refused",
            words: &[&[
                "pg_restore complains: DEFAULT grandchild late ",
                "\"shapes.grandchild\" does not exist",
            ]],
            by_restore: false,
        },
    ),
];

/// Why stock tools show this difference, if that is known.
pub(super) fn of_stock(difference: &str, majors: (u32, u32)) -> Option<&'static Allowed> {
    let across: &[Allowed] = match majors.0 == majors.1 {
        true => &[],
        false => ACROSS_MAJORS,
    };
    let older: &[Allowed] = match majors.1 < majors.0 {
        true => ON_OLDER,
        false => &[],
    };
    let mut all = OF_STOCK.iter().chain(across).chain(older);
    all.find(|allowed| allowed.is(difference))
}

/// Why dr shows this difference, if that is known and right.
pub(super) fn of_dr(route: Route, difference: &str) -> Option<&'static Allowed> {
    OF_DR
        .iter()
        .find(|(routes, allowed)| routes.contains(&route) && allowed.is(difference))
        .map(|(_, allowed)| allowed)
}

impl Allowed {
    fn is(&self, difference: &str) -> bool {
        self.words
            .iter()
            .any(|words| words.iter().all(|word| difference.contains(word)))
    }
}
