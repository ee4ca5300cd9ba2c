//! Security labels, of a provider that takes any: they are read as pg_dump reads them and come back;
//! a server without the provider is told about, and can be restored to without them.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use dr_core::pg::catalog::{self, Scope};
use dr_core::pg::{ConnInfo, Environment, Session, SessionOptions};
use dr_tests::{
    Cluster, Database, assert_same_contents, assert_same_schema, assert_same_toc, dr, stock_toc,
};

/// A module of PostgreSQL 15 that lets every label pass. Its first words are those of the server's
/// `PG_MODULE_MAGIC`, so that no headers of the server are needed.
const PROVIDER: &str = r#"
struct magic { int len, version, arguments, keys, name, float8; char abi[32]; };
static const struct magic magic =
    { sizeof(struct magic), 1500, 100, 32, 64, 1, "PostgreSQL" };
const struct magic *Pg_magic_func(void) { return &magic; }
struct object { unsigned class, oid; int part; };
extern void register_label_provider(const char *, void (*)(const struct object *, const char *));
static void relabel(const struct object *object, const char *label) { (void)object; (void)label; }
void _PG_init(void) { register_label_provider("dummy", relabel); register_label_provider("zz \"odd\" one", relabel); }
"#;

/// A server that has the provider, in a folder which must outlive it.
fn cluster_with_provider(folder: &Path) -> Arc<Cluster> {
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder, open).unwrap();
    let source = folder.join("labels.c");
    let library = folder.join("labels.so");
    std::fs::write(&source, PROVIDER).unwrap();
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(&source)
        .status()
        .expect("cc runs: rustc links with it");
    assert!(compiled.success());
    Cluster::builder(15)
        .config("session_preload_libraries", library.to_str().unwrap())
        .start()
}

const LABELED: &str = r#"
    CREATE ROLE labels_owner;
    CREATE SCHEMA l AUTHORIZATION labels_owner;
    CREATE TYPE l.pair AS (a int, "B b" int);
    CREATE TYPE l.mood AS ENUM ('ok');
    CREATE DOMAIN l.positive AS int CHECK (VALUE > 0);
    CREATE TABLE l."Odd.table" (id int PRIMARY KEY, "second 'column'" text, gone int);
    ALTER TABLE l."Odd.table" DROP COLUMN gone;
    CREATE VIEW l.look AS SELECT 1 AS one;
    CREATE MATERIALIZED VIEW l.kept AS SELECT 1 AS one;
    CREATE SEQUENCE l.counter;
    CREATE FUNCTION l.f(int, text DEFAULT 'x') RETURNS int LANGUAGE sql AS 'SELECT $1';
    CREATE PROCEDURE l.p() LANGUAGE sql AS '';
    CREATE AGGREGATE l.total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
    CREATE FUNCTION l.on_event() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
    CREATE EVENT TRIGGER watches ON ddl_command_end EXECUTE FUNCTION l.on_event();
    CREATE PUBLICATION news FOR TABLE l."Odd.table";
    CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;
    CREATE FOREIGN TABLE l.far (a int) SERVER s;
    CREATE TABLE l.divided (a int) PARTITION BY LIST (a);
    COMMENT ON TABLE l."Odd.table" IS 'also this';
    SECURITY LABEL FOR dummy ON SCHEMA l IS 'a schema';
    SECURITY LABEL FOR dummy ON SCHEMA public IS 'initdb''s';
    SECURITY LABEL FOR dummy ON TYPE l.pair IS 'composite';
    SECURITY LABEL FOR dummy ON TYPE l.mood IS 'enum';
    SECURITY LABEL FOR dummy ON DOMAIN l.positive IS 'domain';
    SECURITY LABEL FOR dummy ON TABLE l."Odd.table" IS E'it''s \\ one\ntwo';
    SECURITY LABEL FOR "zz ""odd"" one" ON TABLE l."Odd.table" IS 'second provider';
    SECURITY LABEL FOR dummy ON COLUMN l."Odd.table"."second 'column'" IS 'column';
    SECURITY LABEL FOR dummy ON VIEW l.look IS 'view';
    SECURITY LABEL FOR dummy ON COLUMN l.look.one IS 'column of a view';
    SECURITY LABEL FOR dummy ON MATERIALIZED VIEW l.kept IS 'materialized view';
    SECURITY LABEL FOR dummy ON SEQUENCE l.counter IS 'sequence';
    SECURITY LABEL FOR dummy ON FUNCTION l.f(int, text) IS 'function';
    SECURITY LABEL FOR dummy ON PROCEDURE l.p() IS 'procedure';
    SECURITY LABEL FOR dummy ON AGGREGATE l.total(int) IS 'aggregate';
    SECURITY LABEL FOR dummy ON EVENT TRIGGER watches IS 'event trigger';
    SECURITY LABEL FOR dummy ON PUBLICATION news IS 'publication';
    SECURITY LABEL FOR dummy ON FOREIGN TABLE l.far IS 'foreign table';
    SECURITY LABEL FOR dummy ON TABLE l.divided IS 'partitioned table';
    SELECT lo_create(7001), lo_create(7002);
    SECURITY LABEL FOR dummy ON LARGE OBJECT 7002 IS 'large object';
"#;

async fn labeled(cluster: &Arc<Cluster>) -> Database {
    let source = cluster.create_database("labeled").await;
    source.sql(LABELED).await;
    let name = source.name().to_owned();
    source
        .sql(&format!(
            "SECURITY LABEL FOR dummy ON DATABASE \"{name}\" IS 'database'; \
             COMMENT ON DATABASE \"{name}\" IS 'labeled'"
        ))
        .await;
    source
}

fn backup(source: &Database, repo: &Path) {
    dr().arg("backup")
        .arg(source.conninfo())
        .arg("--repo")
        .arg(repo)
        .output_ok();
}

const LABELS: &str = "SELECT string_agg(i.identity || ': ' || provider || ' ' || label, E'\\n' \
    ORDER BY i.identity, provider) FROM pg_seclabel l, \
    pg_identify_object(l.classoid, l.objoid, l.objsubid) i";

#[tokio::test(flavor = "multi_thread")]
async fn labels_are_read_as_pg_dump_reads_them_and_come_back() {
    let place = tempfile::tempdir().unwrap();
    let cluster = cluster_with_provider(place.path());
    let source = labeled(&cluster).await;

    let info = ConnInfo::resolve(Some(source.conninfo()), &Environment::empty()).unwrap();
    let session = Session::connect(&info, &SessionOptions::new())
        .await
        .unwrap();
    let relations = catalog::list(session.conn(), &Scope::default())
        .await
        .unwrap();
    let found = catalog::read(session.conn(), &Scope::default(), &relations).await;
    let expected = stock_toc(&source, 18, &["--create"]);
    assert_same_toc(&expected, &found.unwrap().toc, &|_| true);

    let repo = place.path().join("repo");
    backup(&source, &repo);
    let target = cluster.database("labeled_back");
    dr().args(["restore", "latest", "--create", "--repo"])
        .arg(&repo)
        .args(["--to", target.conninfo()])
        .output_ok();
    assert_same_schema(&source, &target);
    assert_same_contents(&source, &target).await;
    let labels = source.value(LABELS).await;
    assert_eq!(labels, target.value(LABELS).await);
    assert!(labels.lines().count() >= 20, "{labels}");
    let of_database = |name: &str| {
        format!(
            "SELECT l.label FROM pg_shseclabel l JOIN pg_database d ON d.oid = l.objoid \
             WHERE d.datname = '{name}'"
        )
    };
    assert_eq!(target.value(&of_database(target.name())).await, "database");

    // One that takes the place of a live database has that one's label.
    let relabel = "SECURITY LABEL FOR dummy ON DATABASE labeled_back IS 'changed since'";
    cluster.database("postgres").sql(relabel).await;
    dr().args(["restore", "latest", "--swap", "--repo"])
        .arg(&repo)
        .args(["--to", target.conninfo()])
        .output_ok();
    assert_eq!(
        target.value(&of_database(target.name())).await,
        "changed since"
    );
    assert_eq!(labels, target.value(LABELS).await);
}

#[tokio::test]
async fn a_server_without_the_provider_is_told_about_and_restored_to_without_labels() {
    let place = tempfile::tempdir().unwrap();
    let cluster = cluster_with_provider(place.path());
    let source = labeled(&cluster).await;
    let repo = place.path().join("repo");
    backup(&source, &repo);

    let other = Cluster::shared(15);
    other
        .database("postgres")
        .sql("CREATE ROLE labels_owner")
        .await;
    let target = other.database("unlabeled");
    let restore = |more: &[&str]| {
        dr().args(["restore", "latest", "--create", "--repo"])
            .arg(&repo)
            .args(["--to", target.conninfo()])
            .args(more)
    };
    let refused = restore(&[]).output();
    assert_ne!(refused.code, Some(0));
    assert!(
        refused.stderr.contains("SECURITY LABEL"),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains("--exclude-kind"),
        "{}",
        refused.stderr
    );
    assert!(!other.has_database("unlabeled").await);

    let unknown = restore(&["--exclude-kind", "SECURITY LABELS"]).output();
    assert_eq!(unknown.code, Some(2), "{}", unknown.stderr);

    restore(&["--exclude-kind", "security label"]).output_ok();
    assert_eq!(target.value("SELECT count(*) FROM pg_seclabel").await, "0");
    assert_same_contents(&source, &target).await;
}
