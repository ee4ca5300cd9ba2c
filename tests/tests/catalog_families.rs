//! What dr reads of schemas, types, routines, privileges, comments, large objects and the kinds of
//! objects that few have is, entry by entry, what stock pg_dump 18 writes of them.

use dr_core::ErrorKind;
use dr_core::pg::catalog::{self, Catalog, Scope};
use dr_core::pg::{ConnInfo, Environment, Session, SessionOptions};
use dr_core::toc::Kind;
use dr_tests::{ALL_MAJORS, Cluster, Database, assert_same_toc, fixture, stock_toc};

async fn read_as(database: &Database, user: &str, scope: &Scope) -> dr_core::Result<Catalog> {
    let info = ConnInfo::resolve(
        Some(&format!("{}?sslmode=disable", database.uri_as(user))),
        &Environment::empty(),
    )?;
    let session = Session::connect(&info, &SessionOptions::new()).await?;
    session
        .conn()
        .run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await?;
    let relations = catalog::list(session.conn(), scope).await?;
    catalog::read(session.conn(), scope, &relations).await
}

async fn read(database: &Database) -> Catalog {
    read_as(database, "postgres", &Scope::default())
        .await
        .expect("the catalog can be read")
}

/// Loads one fixture into a database of every server and compares.
async fn same_on_every_server(file: &str, name: &str) {
    for major in ALL_MAJORS {
        let database = Cluster::shared(major).create_database(name).await;
        database.psql_file(&fixture(file));
        let mut expected = stock_toc(&database, 18, &[]);
        // pg_dump 18 gives subscriptions options that older servers do not take back.
        for entry in &mut expected.entries {
            if entry.kind == Kind::Subscription && major < 16 {
                let text = String::from_utf8_lossy(&entry.definition);
                let mut text = text.replace(", run_as_owner = true", "");
                if major < 14 {
                    text = text.replace(", streaming = off", "");
                }
                entry.definition = text.into();
            }
        }
        let found = read(&database).await;
        println!("server {major}: {} entries", expected.entries.len());
        assert_same_toc(&expected, &found.toc, &|_| true);
    }
}

#[tokio::test]
async fn types_routines_privileges_and_large_objects_are_pg_dumps() {
    same_on_every_server("families.sql", "families").await;
}

#[tokio::test]
async fn kinds_that_few_have_are_pg_dumps() {
    same_on_every_server("rare.sql", "rare").await;
}

#[tokio::test]
async fn properties_of_the_database_and_loops_are_pg_dumps() {
    for major in ALL_MAJORS {
        let database = Cluster::shared(major).create_database("properties").await;
        database.psql_file(&fixture("properties.sql"));
        let expected = stock_toc(&database, 18, &[]);
        let found = read(&database).await;
        assert_same_toc(&expected, &found.toc, &|_| true);
        let oids: usize = found.large_objects.values().map(Vec::len).sum();
        assert_eq!(oids, 2503, "every large object is in a group");
        assert!(
            found
                .large_objects
                .values()
                .all(|group| group.len() <= 1000)
        );
        assert!(found.roles.contains("properties_role"));
    }
}

#[tokio::test]
async fn names_in_encodings_other_than_utf8_come_through_as_bytes() {
    // The same bytes mean é in LATIN1, half of a character in EUC_JP (so twice here), and nothing
    // in SQL_ASCII.
    let statements: Vec<u8> = [
        &b"CREATE SCHEMA \"s\xe9\xe9\"; COMMENT ON SCHEMA \"s\xe9\xe9\" IS '\xe9\xe9 \\ ''';"[..],
        b"CREATE TYPE \"s\xe9\xe9\".\"t\xe9\xe9\" AS ENUM ('\xe9\xe9', 'b');",
        b"CREATE TYPE \"s\xe9\xe9\".c AS (\"\xe9\xe9\" int);",
        b"COMMENT ON COLUMN \"s\xe9\xe9\".c.\"\xe9\xe9\" IS '\xe9\xe9';",
        b"CREATE FUNCTION \"s\xe9\xe9\".\"f\xe9\xe9\"(\"\xe9\xe9\" int DEFAULT 1) RETURNS text LANGUAGE sql AS 'SELECT ''\xe9\xe9''';",
    ]
    .concat();
    for encoding in ["LATIN1", "EUC_JP", "SQL_ASCII"] {
        let cluster = Cluster::shared(18);
        let database = cluster
            .create_database_with(
                "encoded",
                &format!("TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"),
            )
            .await;
        database
            .psql()
            .env("PGCLIENTENCODING", encoding)
            .input(statements.clone())
            .output_ok();
        let expected = stock_toc(&database, 18, &[]);
        let found = read(&database).await;
        assert_eq!(found.toc.encoding, encoding);
        assert_same_toc(&expected, &found.toc, &|_| true);
    }
}

#[tokio::test]
async fn what_cannot_be_dumped_is_refused_by_name() {
    let database = Cluster::shared(18).create_database("refused").await;
    database
        .sql(
            "CREATE ROLE refused_reader LOGIN;
             CREATE SUBSCRIPTION \"a sub\" CONNECTION 'host=nowhere' PUBLICATION p
                 WITH (connect = false, slot_name = NONE);",
        )
        .await;
    let error = read_as(&database, "refused_reader", &Scope::default())
        .await
        .expect_err("only a superuser may read a subscription");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("\"a sub\""), "{error}");
}
