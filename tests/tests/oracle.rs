//! The oracle of round trips on databases that hold much: see `dr_tests::Report`.

use std::sync::Arc;

use dr_tests::{ALL_MAJORS, Cluster, Database, Report, Route, Suite, dr, fixture, make_extensions};

/// The majors of a sweep: all of them by `make oracle`, which sets `DR_ORACLE=all`; these by default.
fn majors(default: &[u32]) -> Vec<u32> {
    match std::env::var("DR_ORACLE").as_deref() {
        Ok("all") => ALL_MAJORS.to_vec(),
        Ok(other) => panic!("DR_ORACLE is all, or not set, but it is {other}"),
        Err(_) => default.to_vec(),
    }
}

/// The reports of all that a test takes there and back; what is wrong is told when all are done.
#[derive(Default)]
struct Sweep(String);

impl Sweep {
    fn add(&mut self, report: &Report) {
        println!("{}", report.summary());
        self.0 += &report.faults();
    }

    #[track_caller]
    fn assert_sound(&self) {
        assert!(self.0.is_empty(), "{}", self.0);
    }
}

#[tokio::test]
async fn the_core_suite_of_postgresql_comes_back_as_by_stock_tools() {
    let suite = Suite::fetched();
    let mut sweep = Sweep::default();
    for major in majors(&[15]) {
        let cluster = Cluster::start(major);
        let source = cluster.create_database("core").await;
        suite.run_core(&cluster, &source).await;
        sweep.add(&Report::of("the core suite", &source, &cluster).await);
    }
    sweep.assert_sound();
}

/// A database with fixtures in it, as far as its server knows what they are about.
async fn corpus(cluster: &Arc<Cluster>, name: &str, files: &[&str]) -> Database {
    let database = cluster.create_database(name).await;
    for file in files {
        database.psql_file(&fixture(&format!("oracle/{file}.sql")));
    }
    database
}

#[tokio::test]
async fn every_kind_of_object_comes_back_under_every_name() {
    let mut sweep = Sweep::default();
    for major in majors(&[18]) {
        let cluster = Cluster::start(major);
        let source = corpus(&cluster, "names", &["names"]).await;
        sweep.add(&Report::of("names", &source, &cluster).await);
    }
    sweep.assert_sound();
}

#[tokio::test]
async fn every_value_and_every_shape_come_back() {
    let mut sweep = Sweep::default();
    for major in majors(&[13, 18]) {
        let cluster = Cluster::start(major);
        let mut files = vec!["values".to_owned(), "shapes".to_owned()];
        files.extend((14..=major).map(|major| format!("since_{major}")));
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let source = corpus(&cluster, "shapes", &files).await;
        sweep.add(&Report::of("values and shapes", &source, &cluster).await);
    }
    sweep.assert_sound();
}

#[tokio::test]
async fn every_right_and_every_setting_comes_back() {
    let mut sweep = Sweep::default();
    for major in majors(&[15]) {
        let cluster = Cluster::start(major);
        let source = corpus(&cluster, "rights", &["rights"]).await;
        sweep.add(&Report::of("rights and settings", &source, &cluster).await);
    }
    sweep.assert_sound();
}

#[tokio::test]
async fn every_extension_a_server_ships_comes_back_with_what_needs_it() {
    let mut sweep = Sweep::default();
    for major in majors(&[18]) {
        let cluster = Cluster::builder(major)
            .config("shared_preload_libraries", "pg_stat_statements")
            .start();
        let source = cluster.create_database("extensions").await;
        let (made, without) = make_extensions(&source).await;
        println!("PostgreSQL {major}: {made} extensions; without {without:#?}");
        assert!(made >= 38, "{made} extensions only");
        sweep.add(&Report::of("extensions", &source, &cluster).await);
    }
    sweep.assert_sound();
}

#[tokio::test]
async fn the_suites_of_the_extensions_come_back_as_by_stock_tools() {
    let suite = Suite::fetched();
    let mut sweep = Sweep::default();
    for major in majors(&[15]) {
        let cluster = Cluster::start(major);
        let source = cluster.create_database("contrib").await;
        suite.run_contrib(&cluster, &source).await;
        sweep.add(&Report::of("the suites of extensions", &source, &cluster).await);
    }
    sweep.assert_sound();
}

/// Names, values, comments and bodies in encodings that are not UTF-8.
#[tokio::test]
async fn databases_in_other_encodings_come_back() {
    let mut sweep = Sweep::default();
    for major in majors(&[18]) {
        let cluster = Cluster::start(major);
        for (encoding, text) in [
            ("LATIN1", &b"\xe9\xdf\xff\xa0"[..]),
            ("EUC_JP", b"\xa4\xa2\x8e\xb1\x8f\xb0\xa1"),
            ("SQL_ASCII", b"\xff\xfe\x80\xe9"),
            ("WIN1251", b"\xcf\xf0\xe8"),
        ] {
            let options = format!("ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0");
            let label = format!("in_{}", encoding.to_lowercase());
            let source = cluster.create_database_with(&label, &options).await;
            source
                .psql()
                .env("PGCLIENTENCODING", encoding)
                .input(in_encoding(text))
                .output_ok();
            sweep.add(&Report::of(encoding, &source, &cluster).await);
        }
    }
    sweep.assert_sound();
}

/// A script with this text in every place where text can be.
fn in_encoding(text: &[u8]) -> Vec<u8> {
    let script = "CREATE SCHEMA \"s@\"; CREATE TYPE \"s@\".\"t@\" AS ENUM ('@', '@@'); \
        CREATE TABLE \"s@\".\"@\" (\"c@\" text DEFAULT '@' CONSTRAINT \"k@\" CHECK (\"c@\" <> '@''\\'), e \"s@\".\"t@\", \
            x xml, j json, b bytea DEFAULT '@', a text[] DEFAULT '{@,\"@ \\\" @\"}'); \
        INSERT INTO \"s@\".\"@\" VALUES ('\t@\n', '@@', NULL, '\"@\"', DEFAULT, DEFAULT), (repeat('@', 5000), '@', NULL, NULL, NULL, NULL); \
        COMMENT ON TABLE \"s@\".\"@\" IS '@'; CREATE INDEX \"i@\" ON \"s@\".\"@\" (lower(\"c@\")) WHERE \"c@\" = '@x'; \
        CREATE FUNCTION \"s@\".\"f@\"(\"a@\" text DEFAULT '@') RETURNS text LANGUAGE sql AS 'SELECT ''@''::text'; \
        CREATE VIEW \"s@\".\"v@\" AS SELECT '@'::text AS \"@\" FROM \"s@\".\"@\"; \
        CREATE MATERIALIZED VIEW \"s@\".\"m@\" AS SELECT \"c@\" FROM \"s@\".\"@\"; \
        CREATE FOREIGN DATA WRAPPER w; CREATE SERVER \"r@\" FOREIGN DATA WRAPPER w OPTIONS (\"o@\" '@'); \
        CREATE SEQUENCE \"s@\".\"q@\"; SELECT nextval('\"s@\".\"q@\"'); SELECT lo_from_bytea(5000, '@'); \
        COMMENT ON LARGE OBJECT 5000 IS '@'; CREATE PUBLICATION \"p@\" FOR TABLE \"s@\".\"@\";";
    let mut bytes = Vec::new();
    for (index, part) in script.split('@').enumerate() {
        if index > 0 {
            bytes.extend_from_slice(text);
        }
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

/// One value of a hundred million bytes, and rows on both sides of it; in the full run only, where
/// there is time for it, and of a million by default.
#[tokio::test]
async fn a_large_value_comes_back() {
    let mut sweep = Sweep::default();
    let size = match std::env::var_os("DR_ORACLE") {
        Some(_) => 100_000_000,
        None => 1_000_000,
    };
    let cluster = Cluster::shared(18);
    let source = cluster.create_database("large").await;
    source
        .sql(&format!(
            "CREATE TABLE large (a int, t text, b bytea); \
             INSERT INTO large VALUES (1, 'x', 'y'); \
             INSERT INTO large SELECT 2, repeat(E'0123\\\\\t\n789', {size} / 10), NULL; \
             INSERT INTO large SELECT 3, NULL, decode(repeat('00ff5c0a09', {size} / 5), 'hex'); \
             INSERT INTO large VALUES (4, '', '')"
        ))
        .await;
    sweep.add(&Report::of("a large value", &source, &cluster).await);
    sweep.assert_sound();
}

/// What every server from `from` to `to` can hold. The shapes of a newer one have statements that an
/// older one does not know, such as NOT NULL constraints of their own; `portable` is about the rest.
async fn portable(cluster: &Arc<Cluster>, to: u32) -> Database {
    let files: &[&str] = match cluster.major() <= to {
        true => &["values", "shapes"],
        false => &["values"],
    };
    corpus(cluster, &format!("to_{to}"), files).await
}

/// From every major to every other: what is the same on both is the same afterwards.
#[tokio::test]
async fn a_database_goes_to_every_other_major() {
    let mut sweep = Sweep::default();
    let all = majors(&[]);
    let jumps: Vec<(u32, u32)> = match all.is_empty() {
        true => vec![(14, 18), (18, 15)],
        false => all
            .iter()
            .flat_map(|from| all.iter().map(move |to| (*from, *to)))
            .filter(|(from, to)| from != to)
            .collect(),
    };
    for (from, to) in jumps {
        let source = portable(&Cluster::shared(from), to).await;
        let cluster = Cluster::shared(to);
        let report = Report::by("values and shapes", &source, &cluster, &[Route::Dr]).await;
        sweep.add(&report);
    }
    sweep.assert_sound();
}

/// What an older server does not have is named, and nothing is left of the try.
#[tokio::test]
async fn what_an_older_server_does_not_have_is_named() {
    let source = Cluster::shared(18).create_database("newer").await;
    for (to, sql, name) in [
        (
            17,
            "CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a * 2) VIRTUAL)",
            "TABLE public.t",
        ),
        (
            17,
            "CREATE TABLE t (a int); ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT ENFORCED",
            "public.t",
        ),
        (
            16,
            "CREATE COLLATION c (provider = builtin, locale = 'C.UTF-8')",
            "COLLATION public.c",
        ),
        (
            15,
            "CREATE VIEW v AS SELECT json_array(1, 2) AS a",
            "VIEW public.v",
        ),
        (
            14,
            "CREATE TABLE t (a int, UNIQUE NULLS NOT DISTINCT (a))",
            "public.t t_a_key",
        ),
        (13, "CREATE TABLE t (a int4multirange)", "TABLE public.t"),
        (
            13,
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1",
            "FUNCTION public.f()",
        ),
    ] {
        source
            .sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
            .await;
        source.sql(sql).await;
        let place = tempfile::tempdir().unwrap();
        dr().arg("backup")
            .arg(source.conninfo())
            .arg("--repo")
            .arg(place.path())
            .output_ok();
        let cluster = Cluster::shared(to);
        let target = cluster.database("older");
        let done = dr()
            .args(["restore", "latest", "--create", "--globals", "--repo"])
            .arg(place.path())
            .args(["--to", target.conninfo()])
            .output();
        assert_eq!(done.code, Some(1), "{sql}: {}", done.stderr);
        assert!(done.stderr.contains(name), "{sql}: {}", done.stderr);
        assert!(!cluster.has_database("older").await);
        assert!(cluster.leftovers_of("older").await.is_empty());
    }
}
