//! `dr verify --against-live`: a live database beside a backup of it, or of another.

use dr_tests::{Cluster, Finished, Polling, dr};
use serde_json::Value;

async fn verdicts(repo: &std::path::Path, live: &str) -> (Finished, Value) {
    let done = dr()
        .args([
            "verify",
            "latest",
            "--json",
            "--jobs",
            "2",
            "--against-live",
            live,
            "--repo",
        ])
        .arg(repo)
        .output();
    let value = serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{}", done.stderr));
    (done, value)
}

fn of<'a>(report: &'a Value, table: &str) -> &'a Value {
    let tables = report["tables"].as_array().unwrap();
    let found = tables.iter().find(|one| one["table"] == table);
    found.unwrap_or_else(|| panic!("{table}: {report}"))
}

#[tokio::test]
async fn each_table_is_told_equal_different_gone_or_new() {
    for major in dr_tests::MAJORS {
        let database = Cluster::shared(major).create_database("live").await;
        Polling::with_votes(500).load(&database).await;
        database
            .sql(
                "CREATE SCHEMA \"Ümläut\"; CREATE TABLE \"Ümläut\".\"a \"\"b\" (\"x y\" text); \
                 INSERT INTO \"Ümläut\".\"a \"\"b\" VALUES ('é'); \
                 CREATE TABLE changed (id int, note text); INSERT INTO changed VALUES (1, 'a'); \
                 CREATE TABLE dropped (id int); CREATE TABLE narrowed (id int, gone int); \
                 CREATE TABLE widened (id int); INSERT INTO widened VALUES (1); \
                 CREATE TABLE rowless (id int); INSERT INTO rowless VALUES (1); \
                 CREATE TABLE stamped (at timestamptz); \
                 INSERT INTO stamped VALUES ('2024-01-01 12:00+02');",
            )
            .await;
        let place = tempfile::tempdir().unwrap();
        let repo = place.path().join("repo");
        dr().args([
            "backup",
            database.conninfo(),
            "--exclude-table-data",
            "rowless",
            "--repo",
        ])
        .arg(&repo)
        .output_ok();

        // Settings of the database change how values are shown, and are no difference.
        let name = database.name();
        database
            .sql(&format!(
                "ALTER DATABASE {name} SET timezone = 'Asia/Tokyo'"
            ))
            .await;
        let (done, report) = verdicts(&repo, database.conninfo()).await;
        assert_eq!(done.code, Some(5), "{report}");
        assert_eq!(report["verdict"], "not_comparable");
        let tables = report["tables"].as_array().unwrap();
        for table in tables {
            let verdict = match table["table"].as_str() {
                Some("public.rowless") => "not_comparable",
                _ => "equal",
            };
            assert_eq!(table["verdict"], verdict, "{table}");
        }
        assert_eq!(of(&report, "public.votes_vote")["live"]["rows"], 500);
        assert_eq!(of(&report, "\"Ümläut\".\"a \"\"b\"")["verdict"], "equal");

        database
            .sql(
                "UPDATE changed SET note = 'b'; DROP TABLE dropped; CREATE TABLE fresh (id int); \
                 ALTER TABLE narrowed DROP COLUMN gone; ALTER TABLE widened ADD more int; \
                 DELETE FROM votes_vote WHERE id = (SELECT max(id) FROM votes_vote)",
            )
            .await;
        let (done, report) = verdicts(&repo, database.conninfo()).await;
        assert_eq!(done.code, Some(3), "{report}");
        for (table, verdict) in [
            ("changed", "differs"),
            ("dropped", "missing"),
            ("narrowed", "not_comparable"),
            ("widened", "equal"),
            ("votes_vote", "differs"),
            ("stamped", "equal"),
        ] {
            let found = of(&report, &format!("public.{table}"));
            assert_eq!(found["verdict"], verdict, "{found}");
        }
        let votes = of(&report, "public.votes_vote");
        assert_eq!(
            (&votes["dumped"]["rows"], &votes["live"]["rows"]),
            (&500.into(), &499.into())
        );
        assert!(
            of(&report, "public.widened")["note"]
                .as_str()
                .unwrap()
                .contains("more")
        );
        assert_eq!(report["only_live"], serde_json::json!(["public.fresh"]));

        let shown = dr()
            .args([
                "verify",
                "latest",
                "--against-live",
                database.conninfo(),
                "--repo",
            ])
            .arg(&repo)
            .output();
        assert_eq!(shown.code, Some(3));
        for line in ["DIFFERS", "NOT LIVE", "NOT IN THE BACKUP", "not compared"] {
            assert!(shown.text().contains(line), "{line}: {}", shown.text());
        }
    }
}
