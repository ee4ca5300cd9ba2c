//! `dr diff`: the rows of a live database beside those of a backup, against what PostgreSQL says.

use std::path::Path;

use dr_tests::{Cluster, Database, Finished, dr};
use serde_json::{Value, json};

const TABLES: &str = "
    CREATE TABLE orders (id bigint PRIMARY KEY, note text, total numeric(10, 2), tags text[]);
    INSERT INTO orders SELECT n, 'order ' || n, n / 7.0, ARRAY['a', n::text]
        FROM generate_series(1, 20000) n;
    CREATE TABLE words (lang text, word text, seen int, PRIMARY KEY (lang, word));
    INSERT INTO words VALUES ('en', E'tab\\tand\\nline', 1), ('en', 'back\\slash', 2), ('de', '', 3);
    CREATE TABLE events (kind text, at int);
    INSERT INTO events SELECT 'k' || n % 3, n % 5 FROM generate_series(1, 3000) n;
    CREATE TABLE narrowed (id int PRIMARY KEY, gone text, kept text);
    INSERT INTO narrowed VALUES (1, 'x', 'a'), (2, 'y', 'b');
    CREATE TABLE widened (id int PRIMARY KEY, a text);
    INSERT INTO widened VALUES (1, 'a'), (2, NULL);
    CREATE TABLE same (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED);
    INSERT INTO same VALUES (1), (2);
    CREATE TABLE lost (id int); INSERT INTO lost SELECT generate_series(1, 12);
    CREATE TABLE nothing ();";

const CHANGES: &str = "
    DELETE FROM orders WHERE id % 4000 = 0;
    UPDATE orders SET note = NULL WHERE id = 17; UPDATE orders SET total = total + 0.01 WHERE id = 18;
    INSERT INTO orders VALUES (20001, 'new', 1, '{}');
    UPDATE words SET seen = 9 WHERE word LIKE 'tab%'; UPDATE words SET word = 'x' WHERE lang = 'de';
    DELETE FROM events WHERE ctid IN (SELECT ctid FROM events WHERE kind = 'k1' AND at = 2 LIMIT 7);
    INSERT INTO events VALUES ('k1', 3), ('k1', 3), (NULL, NULL);
    ALTER TABLE narrowed DROP gone; UPDATE narrowed SET kept = 'z' WHERE id = 2;
    ALTER TABLE widened ADD more int DEFAULT 5; UPDATE widened SET a = '' WHERE id = 2;
    DROP TABLE lost; CREATE TABLE fresh (id int);";

async fn backed_up(major: u32) -> (Database, tempfile::TempDir) {
    let database = Cluster::shared(major).create_database("diff").await;
    database.sql(TABLES).await;
    let repo = tempfile::tempdir().unwrap();
    dr().args(["backup", database.conninfo(), "--repo"])
        .arg(repo.path())
        .output_ok();
    (database, repo)
}

fn diff(what: &str, database: &Database, repo: &Path, more: &[&str]) -> Finished {
    dr().args(["diff", what, database.conninfo(), "--json", "--repo"])
        .arg(repo)
        .args(more)
        .output()
}

fn report(done: &Finished) -> Value {
    serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{}", done.stderr))
}

/// Verdict, key and the four numbers of a table.
fn numbers(report: &Value, table: &str) -> Value {
    let tables = report["tables"].as_array().unwrap();
    let one = tables.iter().find(|one| one["table"] == table).unwrap();
    json!([
        one["verdict"],
        one["key"],
        one["only_backup"],
        one["only_live"],
        one["changed"],
        one["equal"]
    ])
}

#[tokio::test]
async fn rows_that_are_gone_new_and_changed_are_counted_and_told() {
    for major in dr_tests::MAJORS {
        let (database, repo) = backed_up(major).await;
        let done = diff("latest", &database, repo.path(), &[]);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        let before = report(&done);
        assert_eq!(
            numbers(&before, "public.orders"),
            json!(["equal", ["id"], 0, 0, 0, 20000])
        );

        database.sql(CHANGES).await;
        let done = diff("latest", &database, repo.path(), &[]);
        assert_eq!(done.code, Some(3), "{}", done.stderr);
        let report = report(&done);
        assert_eq!(report["only_live"], json!(["public.fresh"]));
        for (table, expected) in [
            ("orders", json!(["differs", ["id"], 5, 1, 2, 19993])),
            ("words", json!(["differs", ["lang", "word"], 1, 1, 1, 1])),
            ("events", json!(["differs", [], 7, 3, 0, 2993])),
            ("narrowed", json!(["differs", ["id"], 0, 0, 1, 1])),
            ("widened", json!(["differs", ["id"], 0, 0, 1, 1])),
            ("same", json!(["equal", ["id"], 0, 0, 0, 2])),
            ("lost", json!(["missing", [], 12, 0, 0, 0])),
            ("nothing", json!(["equal", [], 0, 0, 0, 0])),
        ] {
            assert_eq!(
                numbers(&report, &format!("public.{table}")),
                expected,
                "{table}"
            );
        }
        let note = |table: &str| {
            let tables = report["tables"].as_array().unwrap();
            tables.iter().find(|one| one["table"] == table).unwrap()["note"].clone()
        };
        assert_eq!(
            note("public.narrowed"),
            "compared without column gone, which it no longer has"
        );
        assert_eq!(
            note("public.widened"),
            "compared without column more, which is new"
        );

        // The rows themselves, in each form; the report is on standard error then.
        let done = diff(
            "latest",
            &database,
            repo.path(),
            &["-t", "words", "--rows", "json"],
        );
        assert_eq!(done.code, Some(3), "{}", done.stderr);
        let mut rows: Vec<Value> = done
            .text()
            .lines()
            .map(|row| serde_json::from_str(row).unwrap())
            .collect();
        rows.sort_by_key(|row| row["difference"].to_string());
        let key = json!(["lang", "word"]);
        assert_eq!(
            rows,
            [
                json!({"table": "public.words", "difference": "changed", "key": key,
                    "backup": {"lang": "en", "word": "tab\tand\nline", "seen": "1"},
                    "live": {"lang": "en", "word": "tab\tand\nline", "seen": "9"}}),
                json!({"table": "public.words", "difference": "only_backup", "key": key,
                    "backup": {"lang": "de", "word": "", "seen": "3"}, "live": null}),
                json!({"table": "public.words", "difference": "only_live", "key": key,
                    "backup": null, "live": {"lang": "de", "word": "x", "seen": "3"}}),
            ]
        );
        let report: Value = serde_json::from_str(&done.stderr).unwrap();
        assert_eq!(report["tables"].as_array().unwrap().len(), 1);
        // Of a part of the tables it is not told which others there are.
        assert_eq!(report["only_live"], json!([]));
        let done = diff(
            "latest",
            &database,
            repo.path(),
            &["-t", "orders", "--rows", "csv"],
        );
        let csv: Vec<&str> = done.text().lines().collect();
        assert_eq!(csv[0], "table,difference,key,column,backup,live");
        assert!(
            csv.contains(&"public.orders,changed,id=17,note,order 17,"),
            "{csv:?}"
        );
        assert!(
            csv.contains(&"public.orders,only_live,id=20001,tags,,{}"),
            "{csv:?}"
        );
        assert!(
            csv.contains(&"public.orders,only_backup,id=8000,tags,\"{a,8000}\","),
            "{csv:?}"
        );
        assert_eq!(csv.len(), 1 + 5 * 4 + 4 + 2);
        let done = dr()
            .args([
                "diff",
                "latest",
                database.conninfo(),
                "-t",
                "widened",
                "--rows",
                "text",
                "--repo",
            ])
            .arg(repo.path())
            .output();
        assert_eq!(done.text(), "public.widened id=2: changed: a NULL -> \n");
        assert!(
            done.stderr
                .contains("DIFFERS by id: compared without column more")
        );
        // Nobody's rows were touched.
        assert_eq!(
            database.value("SELECT count(*)::text FROM orders").await,
            "19996"
        );
    }
}

#[tokio::test]
async fn dumps_of_stock_tools_are_compared_and_keys_are_what_they_are_said_to_be() {
    let (database, repo) = backed_up(18).await;
    let dump = repo.path().join("shop.dump");
    database
        .pg_dump(18)
        .args(["-Fc", "-f"])
        .arg(&dump)
        .output_ok();
    let inserts = repo.path().join("shop.sql");
    database
        .pg_dump(18)
        .args(["--inserts", "-f"])
        .arg(&inserts)
        .output_ok();
    database.sql(CHANGES).await;
    let dump = dump.to_str().unwrap();
    let found = report(&diff(dump, &database, repo.path(), &[]));
    assert_eq!(
        numbers(&found, "public.orders"),
        json!(["differs", ["id"], 5, 1, 2, 19993])
    );
    assert_eq!(
        numbers(&found, "public.lost"),
        json!(["missing", [], 12, 0, 0, 0])
    );
    let found = report(&diff(
        inserts.to_str().unwrap(),
        &database,
        repo.path(),
        &["-t", "orders"],
    ));
    assert_eq!(
        numbers(&found, "public.orders"),
        json!(["not_comparable", [], 0, 0, 0, 0])
    );

    // Another key; one that is none; one that is not there.
    let by = |key: &str| {
        diff(
            "latest",
            &database,
            repo.path(),
            &["-t", "words", "--key", key],
        )
    };
    let found = report(&by("public.words=word"));
    assert_eq!(
        numbers(&found, "public.words"),
        json!(["differs", ["word"], 1, 1, 1, 1])
    );
    database
        .sql("INSERT INTO words VALUES ('fr', E'tab\\tand\\nline', 1)")
        .await;
    let found = report(&by("public.words=word"));
    assert_eq!(
        numbers(&found, "public.words"),
        json!(["differs", [], 2, 3, 0, 1])
    );
    for key in [
        "public.words=nothing",
        "public.words",
        "public.orders=id",
        "=a",
    ] {
        let refused = by(key);
        assert_eq!(refused.code, Some(2), "{key}: {}", refused.stderr);
    }
}

/// Every row differs, so that all are set aside, in many parts.
#[tokio::test]
async fn a_table_of_which_nothing_is_the_same_is_compared_in_parts() {
    let database = Cluster::shared(17).create_database("diff").await;
    database
        .sql(
            "CREATE TABLE wide (id int PRIMARY KEY, filler text); INSERT INTO wide \
             SELECT n, repeat(md5(n::text), 40) FROM generate_series(1, 30000) n;",
        )
        .await;
    let repo = tempfile::tempdir().unwrap();
    dr().args(["backup", database.conninfo(), "--repo"])
        .arg(repo.path())
        .output_ok();
    database
        .sql("DELETE FROM wide WHERE id % 3 = 0; UPDATE wide SET filler = filler || 'x'")
        .await;
    let done = diff("latest", &database, repo.path(), &["--rows", "json"]);
    assert_eq!(done.text().lines().count(), 30000, "{}", done.stderr);
    let report: Value = serde_json::from_str(&done.stderr).unwrap();
    assert_eq!(
        numbers(&report, "public.wide"),
        json!(["differs", ["id"], 10000, 0, 20000, 0])
    );
}
