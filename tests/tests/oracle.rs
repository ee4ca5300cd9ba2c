//! The oracle of round trips on databases that hold much: see `dr_tests::Report`.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;

use dr_tests::{ALL_MAJORS, Cluster, Database, Report, Route, Suite, dr, fixture, make_extensions};

/// The majors of a full sweep: all of them, or those that `DR_ORACLE` lists (`13,17`); none when it is
/// not set, and then a sweep takes what represents the rest.
fn full() -> Option<Vec<u32>> {
    let wanted = std::env::var("DR_ORACLE").ok()?;
    if wanted == "all" {
        return Some(ALL_MAJORS.to_vec());
    }
    let majors = wanted.split(',').map(|major| major.trim().parse().ok());
    let majors: Option<Vec<u32>> = majors.collect();
    let majors = majors.filter(|majors| majors.iter().all(|major| ALL_MAJORS.contains(major)));
    Some(majors.unwrap_or_else(|| {
        panic!("DR_ORACLE is all, or majors of {ALL_MAJORS:?} with commas, but it is {wanted}")
    }))
}

fn majors(default: &[u32]) -> Vec<u32> {
    full().unwrap_or_else(|| default.to_vec())
}

/// The reports of all that a test takes there and back; what is wrong is told when all are done.
#[derive(Default)]
struct Sweep(String);

impl Sweep {
    /// One of them. Should anything panic in it, the others are tried all the same.
    async fn add(&mut self, what: &str, report: impl Future<Output = Report>) {
        match AssertUnwindSafe(report).catch_unwind().await {
            Ok(report) => {
                println!("{}", report.summary());
                self.0 += &report.faults();
            }
            Err(panic) => {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or(panic.downcast_ref::<&str>().copied());
                let text = text.unwrap_or("it panicked");
                println!("{what}: did not come to its end");
                self.0 += &format!("{what}: did not come to its end: {text}\n");
            }
        }
    }

    #[track_caller]
    fn assert_sound(&self) {
        assert!(self.0.is_empty(), "{}", self.0);
    }
}

/// PostgreSQL's own suites: the core's, and in a full sweep those of the extensions, all of which are
/// made elsewhere here.
#[tokio::test]
async fn the_suites_of_postgresql_come_back_as_by_stock_tools() {
    let suite = Suite::fetched();
    let mut sweep = Sweep::default();
    for major in majors(&[15]) {
        let report = async {
            let cluster = Cluster::start(major);
            let source = cluster.create_database("core").await;
            let accepted = suite.run_core(&cluster, &source).await;
            println!("PostgreSQL {major}: {accepted}");
            Report::of("the core suite", &source, &cluster).await
        };
        sweep
            .add(&format!("the core suite on {major}"), report)
            .await;
    }
    for major in full().unwrap_or_default() {
        let report = async {
            let cluster = Cluster::start(major);
            let source = cluster.create_database("contrib").await;
            let accepted = suite.run_contrib(&cluster, &source).await;
            println!("PostgreSQL {major}: {accepted}");
            Report::of("the suites of extensions", &source, &cluster).await
        };
        let what = format!("the suites of extensions on {major}");
        sweep.add(&what, report).await;
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
        let report = async {
            let cluster = Cluster::start(major);
            let source = corpus(&cluster, "names", &["names"]).await;
            Report::of("names", &source, &cluster).await
        };
        sweep.add(&format!("names on {major}"), report).await;
    }
    sweep.assert_sound();
}

/// All that a server can hold, in every shape.
async fn values_and_shapes(cluster: &Arc<Cluster>) -> Database {
    let major = cluster.major();
    let mut files = vec!["values".to_owned(), "shapes".to_owned()];
    files.extend((14..=major).map(|major| format!("since_{major}")));
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    corpus(cluster, &format!("shapes_{major}"), &files).await
}

#[tokio::test]
async fn every_value_and_every_shape_come_back() {
    let mut sweep = Sweep::default();
    for major in majors(&[13, 18]) {
        let report = async {
            let cluster = Cluster::start(major);
            let source = values_and_shapes(&cluster).await;
            Report::of("values and shapes", &source, &cluster).await
        };
        sweep
            .add(&format!("values and shapes on {major}"), report)
            .await;
    }
    sweep.assert_sound();
}

#[tokio::test]
async fn every_right_and_every_setting_comes_back() {
    let mut sweep = Sweep::default();
    for major in majors(&[15]) {
        let report = async {
            let cluster = Cluster::start(major);
            let source = corpus(&cluster, "rights", &["rights"]).await;
            Report::of("rights and settings", &source, &cluster).await
        };
        sweep
            .add(&format!("rights and settings on {major}"), report)
            .await;
    }
    sweep.assert_sound();
}

#[tokio::test]
async fn every_extension_a_server_ships_comes_back_with_what_needs_it() {
    let mut sweep = Sweep::default();
    for major in majors(&[18]) {
        let report = async {
            let cluster = Cluster::builder(major)
                .config("shared_preload_libraries", "pg_stat_statements")
                .start();
            let source = cluster.create_database("extensions").await;
            let (made, without) = make_extensions(&source).await;
            println!("PostgreSQL {major}: {made} extensions; without {without:#?}");
            assert!(made >= 38, "{made} extensions only");
            Report::of("extensions", &source, &cluster).await
        };
        sweep.add(&format!("extensions on {major}"), report).await;
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
            let report = async {
                let options = format!("ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0");
                let label = format!("in_{}", encoding.to_lowercase());
                let source = cluster.create_database_with(&label, &options).await;
                source
                    .psql()
                    .env("PGCLIENTENCODING", encoding)
                    .input(in_encoding(text))
                    .output_ok();
                Report::of(encoding, &source, &cluster).await
            };
            sweep.add(&format!("{encoding} on {major}"), report).await;
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
    let size = match full() {
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
    Report::of("a large value", &source, &cluster)
        .await
        .assert_sound();
}

/// From every major to every other: what is the same on both is the same afterwards. Where the other is
/// older and refuses something, dr stops there as long as it is asked for, and restores the rest.
#[tokio::test]
async fn a_database_goes_to_every_other_major() {
    let mut sweep = Sweep::default();
    let (jumps, routes): (Vec<(u32, u32)>, &[Route]) = match full() {
        None => (vec![(14, 18), (18, 15)], &[Route::Dr]),
        Some(majors) => {
            // The oldest last, for what is taken out of the source before it goes there.
            let to = |from| ALL_MAJORS.into_iter().rev().map(move |to| (from, to));
            let jumps = majors.into_iter().flat_map(to);
            (jumps.filter(|(from, to)| from != to).collect(), &Route::ALL)
        }
    };
    // The source of one major after the other.
    let mut made: Option<(Arc<Cluster>, Database)> = None;
    for (from, to) in jumps {
        let report = async {
            made = made.take().filter(|(cluster, _)| cluster.major() == from);
            if made.is_none() {
                let cluster = Cluster::start(from);
                let source = values_and_shapes(&cluster).await;
                made = Some((cluster, source));
            }
            let (_, source) = made.as_ref().expect("it was made");
            if to < 15 && from >= 15 {
                // Servers before 15 read another value from what 15 writes, which the restore notices: see
                // `a_value_that_an_older_server_reads_otherwise_is_noticed`.
                source
                    .sql("UPDATE oracle_values.texts SET c = 'x' WHERE c::text LIKE '\\\\___'")
                    .await;
            }
            Report::by("values and shapes", source, &Cluster::start(to), routes).await
        };
        sweep.add(&format!("from {from} to {to}"), report).await;
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
