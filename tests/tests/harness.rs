//! The harness keeps its promises: servers start and go, oracles see differences.

use dr_tests::{
    ALL_MAJORS, Cluster, Polling, assert_same_contents, assert_same_schema, contents, stock, tls,
};

#[tokio::test]
async fn every_major_runs_and_says_which_it_is() {
    for major in ALL_MAJORS {
        let cluster = Cluster::start(major);
        let version = cluster
            .database("postgres")
            .value("SHOW server_version_num")
            .await;
        assert_eq!(version.parse::<u32>().unwrap() / 10000, major);
    }
}

#[tokio::test]
async fn a_dropped_cluster_leaves_no_folder_and_no_server() {
    let cluster = Cluster::start(18);
    let (folder, port) = (cluster.socket_folder().to_owned(), cluster.port());
    drop(cluster);
    assert!(!folder.exists());
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[tokio::test]
async fn stock_clients_copy_the_fixture_and_the_oracles_agree() {
    for (server, client) in [(13, 16), (15, 15), (16, 16), (17, 17), (18, 18)] {
        let cluster = Cluster::shared(server);
        let source = cluster.create_database("source").await;
        Polling::with_votes(500).load(&source).await;
        let dump = source.pg_dump(client).arg("--format=custom").output_ok();
        let target = cluster.create_database("target").await;
        target.pg_restore(client).input(dump.stdout).output_ok();
        assert_same_schema(&source, &target);
        assert_same_contents(&source, &target).await;
        let before = contents(&source).await;
        assert!(before["votes_vote"].starts_with("500 "), "{before:?}");

        target
            .sql("UPDATE votes_vote SET user_agent = '' WHERE user_agent IS NULL")
            .await;
        target.sql("SELECT nextval('votes_vote_id_seq')").await;
        let after = contents(&target).await;
        let differing: Vec<_> = before
            .keys()
            .filter(|name| before[*name] != after[*name])
            .collect();
        assert_eq!(differing, ["votes_vote", "votes_vote_id_seq"]);
    }
}

#[tokio::test]
async fn client_17_writes_and_reads_zstd_and_lz4() {
    let database = Cluster::shared(17).create_database("compressed").await;
    database
        .sql("CREATE TABLE t AS SELECT generate_series(1, 1000) AS n")
        .await;
    for method in ["zstd:3", "lz4"] {
        let dump = database
            .pg_dump(17)
            .args(["--format=custom", "--compress", method])
            .output_ok();
        let listing = stock(17, "pg_restore")
            .arg("--list")
            .input(dump.stdout)
            .output_ok();
        assert!(listing.text().contains(method.split(':').next().unwrap()));
    }
}

#[tokio::test]
async fn a_standby_follows_and_refuses_to_write() {
    let primary = Cluster::start(16);
    let database = primary.create_database("shop").await;
    database.sql("CREATE TABLE t (n int)").await;
    let standby = primary.standby().await;
    let copy = standby.database(database.name());
    assert_eq!(copy.value("SELECT pg_is_in_recovery()").await, "t");
    assert_eq!(copy.value("SELECT count(*) FROM t").await, "0");
}

#[tokio::test]
async fn a_server_with_tls_presents_our_certificate() {
    let authority = tls::Authority::new("dr test CA");
    let pair = authority.server(&["localhost", "127.0.0.1"]);
    for major in [15, 18] {
        let cluster = Cluster::builder(major)
            .config("ssl", "on")
            .file("server.crt", pair.certificate.clone())
            .file("server.key", pair.key.clone())
            .start();
        assert_eq!(cluster.database("postgres").value("SHOW ssl").await, "on");
    }
}

#[tokio::test]
async fn psql_runs_a_script_and_stops_at_an_error() {
    let database = Cluster::shared(18).create_database("script").await;
    let finished = database
        .psql()
        .input("SELECT 1;\nSELECT nonsense;\nSELECT 3;\n")
        .output();
    assert_eq!(finished.code, Some(3));
    assert!(!finished.text().contains('3'), "{}", finished.text());
}
