use super::ending::without_if_exists;
use super::settings::connect_target;
use crate::toc::Kind;

#[test]
fn databases_are_named_as_pg_dump_names_them() {
    for (line, name) in [
        ("\\connect shop\n", Some("shop")),
        ("\\connect \"Shop\"\n", Some("Shop")),
        (
            "\\connect -reuse-previous=on \"dbname='my \"\"db\\'s'\"\n",
            Some("my \"db's"),
        ),
        ("\\connect -reuse-previous=on \"dbname=x\"\n", Some("x")),
        ("\\connect shop ann\n", None),
        ("\\connect \"a\" \\! rm\n", None),
    ] {
        let found = connect_target(line.as_bytes());
        assert_eq!(found.as_deref(), name.map(str::as_bytes), "{line}");
    }
}

#[test]
fn if_exists_is_taken_out_of_drops() {
    for (with, without, kind) in [
        (
            "DROP TABLE IF EXISTS s.t;",
            "DROP TABLE s.t;\n",
            Kind::Table,
        ),
        (
            "ALTER TABLE IF EXISTS ONLY s.t DROP CONSTRAINT IF EXISTS \"a IF EXISTS b\";",
            "ALTER TABLE ONLY s.t DROP CONSTRAINT \"a IF EXISTS b\";\n",
            Kind::FkConstraint,
        ),
    ] {
        assert_eq!(without_if_exists(with.as_bytes(), &kind), without);
    }
}
