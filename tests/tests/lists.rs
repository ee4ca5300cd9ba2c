//! Lists of entries: printed as pg_restore prints them, edited, and given back, side by side with
//! stock pg_restore.

use std::path::Path;

use dr_tests::{Cluster, Database, Finished, dr, fixture, stock};
use tempfile::TempDir;

fn dr_list(archive: &Path) -> Finished {
    dr().arg("show").arg(archive).arg("--list").output_ok()
}

fn stock_list(archive: &Path) -> Finished {
    stock(18, "pg_restore")
        .arg("--list")
        .arg(archive)
        .output_ok()
}

/// Every line, the header's included.
fn assert_same_list(archive: &Path) {
    let (own, stock) = (dr_list(archive), stock_list(archive));
    assert_eq!(
        String::from_utf8_lossy(&own.stdout),
        String::from_utf8_lossy(&stock.stdout),
        "{}",
        archive.display()
    );
}

#[test]
fn the_kept_archives_are_listed_as_pg_restore_lists_them() {
    let archives = fixture("archives");
    for name in [
        "15-0",
        "15-6",
        "16-gzip",
        "17-lz4",
        "17-none",
        "17-zstd",
        "18-gzip",
        "custom/15-0",
        "custom/15-6",
        "custom/16-gzip",
        "custom/17-lz4",
        "custom/17-none",
        "custom/17-piped",
        "custom/17-zstd",
        "custom/18-gzip",
        "tar/15",
        "tar/16",
        "tar/17",
        "tar/18",
    ] {
        assert_same_list(&archives.join(name));
    }
}

/// One of everything, with names that try to end their line.
async fn filled(major: u32) -> Database {
    let database = Cluster::shared(major).create_database("listed").await;
    let families = std::fs::read_to_string(fixture("families.sql")).unwrap();
    database.psql().input(families).output_ok();
    database
        .sql(
            "CREATE SCHEMA \"a\n; b\"; CREATE TABLE \"a\n; b\".\"x\ry\" (i int);
             COMMENT ON TABLE \"a\n; b\".\"x\ry\" IS 'c';
             SELECT lo_from_bytea(7001, 'one'); COMMENT ON LARGE OBJECT 7001 IS 'x';
             ANALYZE;",
        )
        .await;
    let name = database.name().to_owned();
    database
        .sql(&format!(
            "COMMENT ON DATABASE {name} IS 'of the database'; ALTER DATABASE {name} SET work_mem = '8MB'"
        ))
        .await;
    database
}

#[tokio::test]
async fn archives_of_every_server_and_format_are_listed_as_pg_restore_lists_them() {
    for (major, client) in [(13, 15), (14, 18), (15, 15), (16, 16), (17, 17), (18, 18)] {
        let source = filled(major).await;
        let place: TempDir = tempfile::tempdir().unwrap();
        for format in ["-Fc", "-Ft", "-Fd"] {
            let archive = place.path().join(format);
            let mut dump = source.pg_dump(client).arg(format);
            if client == 18 {
                // 18 keeps statistics where it is asked to.
                dump = dump.arg("--statistics");
            }
            dump.arg("--file").arg(&archive).output_ok();
            assert_same_list(&archive);
        }
    }
}

/// The lines of a list that name entries.
fn entries(list: &Finished) -> Vec<String> {
    let lines = list.text().lines().filter(|line| !line.starts_with(';'));
    lines.map(str::to_owned).collect()
}

#[tokio::test]
async fn a_list_chooses_and_orders_as_for_pg_restore() {
    let source = filled(18).await;
    let place: TempDir = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    source
        .pg_dump(18)
        .args(["-Fc", "--file"])
        .arg(path("a"))
        .output_ok();
    let all = entries(&dr_list(&path("a")));
    // The other way around, every third left out, one twice, comments in between.
    let mut chosen: Vec<String> = all.iter().rev().step_by(3).cloned().collect();
    chosen.insert(
        3,
        format!("{} ; again", all[all.len() - 1].split(';').next().unwrap()),
    );
    chosen.insert(1, "; a comment\n\n  \t".to_owned());
    std::fs::write(path("list"), chosen.join("\n")).unwrap();

    // Stock: which entries its script has, in which order.
    let names = |script: &[u8]| -> Vec<String> {
        let text = String::from_utf8_lossy(script).into_owned();
        let lines = text.lines().filter(|line| line.contains("; Type: "));
        // Without its group, whose entry the list leaves out, dr spells the privileges out; and nobody
        // is nobody, whether by an empty name or by none.
        let plain = |line: &str| {
            let line = line.replace("LARGE OBJECTS", "LARGE OBJECT");
            line.trim_end_matches([' ', '-']).to_owned()
        };
        lines.map(plain).collect()
    };
    let stock_script = stock(18, "pg_restore")
        .args(["--file=-", "--use-list"])
        .arg(path("list"))
        .arg(path("a"))
        .output_ok();
    for verb in [&["convert"][..], &["extract", "--to"]] {
        let mut command = dr().arg(verb[0]).arg(path("a"));
        command = match verb {
            [_, to] => command.args([*to, "-"]),
            _ => command.arg("-"),
        };
        let own = command
            .args(["--format", "plain", "--use-list"])
            .arg(path("list"))
            .output_ok();
        assert_eq!(names(&own.stdout), names(&stock_script.stdout), "{verb:?}");
        assert!(
            own.stderr.contains("again: the first counts"),
            "{}",
            own.stderr
        );
    }
    // An archive of a list has the order of the list. Content of large objects without the entries
    // that make them is in none.
    let refused = dr()
        .arg("convert")
        .arg(path("a"))
        .arg(path("b.dump"))
        .arg("-L")
        .arg(path("list"))
        .output();
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("list them as well"),
        "{}",
        refused.stderr
    );
    let is_nameless = |line: &&String| line.contains(" BLOBS ");
    chosen.retain(|line| !is_nameless(&line));
    std::fs::write(path("list"), chosen.join("\n")).unwrap();
    dr().arg("convert")
        .arg(path("a"))
        .arg(path("b.dump"))
        .args(["--compress=gzip", "-L"])
        .arg(path("list"))
        .output_ok();
    let kept = entries(&stock_list(&path("b.dump")));
    let plain = |line: &String| line.replace("LARGE OBJECTS", "LARGE OBJECT");
    let wanted = all.iter().rev().step_by(3);
    let wanted: Vec<String> = wanted
        .filter(|line| !is_nameless(line))
        .map(plain)
        .collect();
    assert_eq!(kept.iter().map(plain).collect::<Vec<_>>(), wanted);
}

#[tokio::test]
async fn a_list_is_restored_and_no_more() {
    let cluster = Cluster::shared(16);
    let source = cluster.create_database("lists").await;
    source
        .sql(
            "CREATE TABLE a AS SELECT 1 AS i; CREATE TABLE b AS SELECT 2 AS i;
             CREATE TABLE c AS SELECT 3 AS i; CREATE INDEX b_i ON b (i)",
        )
        .await;
    let place: TempDir = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    dr().args(["backup", source.conninfo(), "--repo"])
        .arg(path("repo"))
        .output_ok();
    source
        .pg_dump(16)
        .args(["-Fd", "--file"])
        .arg(path("d"))
        .output_ok();
    source
        .pg_dump(16)
        .args(["-Fp", "--file"])
        .arg(path("s.sql"))
        .output_ok();
    for (number, what) in ["latest", "d", "s.sql"].into_iter().enumerate() {
        let command = |verb: &str| {
            let command = dr().arg(verb);
            match what {
                "latest" => command.arg(what).arg("--repo").arg(path("repo")),
                file => command.arg(path(file)),
            }
        };
        let list = command("show").arg("--list").output_ok();
        // The index of b first, and nothing of a; neither the definition of c.
        let mut lines = entries(&list);
        lines.retain(|line| !line.contains(" a ") && !line.contains("TABLE public c"));
        lines.reverse();
        // Definitions in the order that makes them.
        lines.sort_by_key(|line| !line.contains(" TABLE public"));
        std::fs::write(path("list"), lines.join("\n")).unwrap();
        let target = cluster.create_database(&format!("of_list_{number}")).await;
        target.sql("CREATE SCHEMA other").await;
        let missing_table = command("restore")
            .args(["--to", target.conninfo(), "--use-list"])
            .arg(path("list"))
            .output();
        // Rows without their table: an error that names them, as pg_restore's.
        assert_ne!(missing_table.code, Some(0));
        let lines: Vec<&String> = lines.iter().filter(|line| !line.contains(" c ")).collect();
        let text: Vec<&str> = lines.iter().map(|line| line.as_str()).collect();
        std::fs::write(path("list"), text.join("\n")).unwrap();
        let target = cluster
            .create_database(&format!("of_list_b_{number}"))
            .await;
        command("restore")
            .args(["--to", target.conninfo(), "--jobs=1", "--use-list"])
            .arg(path("list"))
            .output_ok();
        let tables = "SELECT string_agg(tablename, ',') FROM pg_tables WHERE schemaname = 'public'";
        assert_eq!(target.value(tables).await, "b");
        assert_eq!(target.value("SELECT i FROM b").await, "2");
        let index = "SELECT count(*) FROM pg_indexes WHERE indexname = 'b_i'";
        assert_eq!(target.value(index).await, "1");
    }
    // What is not in the dump is an error, before anything is done.
    for list in ["77777;", "no id", "3; x\n0;"] {
        std::fs::write(path("list"), list).unwrap();
        for verb in ["restore", "convert"] {
            let mut command = dr().arg(verb).arg(path("d")).arg("-L").arg(path("list"));
            command = match verb {
                "restore" => command.args(["--to", source.conninfo()]),
                _ => command.arg(path("none.dump")),
            };
            let refused = command.output();
            assert_eq!(refused.code, Some(2), "{list}: {}", refused.stderr);
            assert!(refused.stderr.contains("list"), "{}", refused.stderr);
        }
        assert!(!path("none.dump").exists());
    }
}
