//! One database of a throwaway cluster. Used by tests to set up and to ask questions.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::{SinkExt, TryStreamExt};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use crate::Cluster;
use crate::clients::{Stock, stock};
use crate::compare::readable;

/// What a database may set otherwise and changes how answers are written.
pub(crate) const SETTLED: &str = "-c DateStyle=ISO,MDY -c IntervalStyle=postgres -c TimeZone=UTC \
    -c bytea_output=hex -c lc_monetary=C -c search_path=public -c client_min_messages=warning \
    -c quote_all_identifiers=off -c standard_conforming_strings=on -c extra_float_digits=1";

/// Between the fields of an answer: a character that no name of the tests holds.
const FIELD: &str = "\u{1f}";

/// A database and how to reach it. A handle: dropping it leaves the database, which goes with its
/// cluster.
#[derive(Debug, Clone)]
pub struct Database {
    name: String,
    port: u16,
    major: u32,
    socket_folder: PathBuf,
    conninfo: String,
    socket_conninfo: String,
}

impl Database {
    pub(crate) fn new(cluster: &Cluster, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            port: cluster.port(),
            major: cluster.major(),
            socket_folder: cluster.socket_folder().to_owned(),
            conninfo: cluster.conninfo(name),
            socket_conninfo: cluster.socket_conninfo(name),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The major version of its server.
    pub fn major(&self) -> u32 {
        self.major
    }

    /// A key/value connection string over TCP, as the superuser `postgres`.
    pub fn conninfo(&self) -> &str {
        &self.conninfo
    }

    /// A key/value connection string over the Unix socket.
    pub fn socket_conninfo(&self) -> &str {
        &self.socket_conninfo
    }

    /// A URI over TCP, as the superuser `postgres`.
    pub fn uri(&self) -> String {
        self.uri_as("postgres")
    }

    /// A URI over TCP for another role; `user` may hold `:password`.
    pub fn uri_as(&self, user: &str) -> String {
        let mut name = String::new();
        for byte in self.name.bytes() {
            if byte.is_ascii_alphanumeric() || byte == b'_' {
                name.push(char::from(byte));
            } else {
                name.push_str(&format!("%{byte:02X}"));
            }
        }
        format!("postgresql://{user}@127.0.0.1:{}/{name}", self.port)
    }

    /// A connection of its own, as `postgres`.
    pub async fn connect(&self) -> Client {
        let mut config = tokio_postgres::Config::new();
        config
            .host_path(&self.socket_folder)
            .port(self.port)
            .user("postgres")
            .dbname(&self.name)
            .application_name("dr-tests");
        let (client, connection) = config
            .connect(NoTls)
            .await
            .unwrap_or_else(|error| panic!("cannot connect to {}: {error:?}", self.name));
        tokio::spawn(connection);
        client
    }

    /// Run statements, one transaction around them all.
    pub async fn sql(&self, statements: &str) {
        let client = self.connect().await;
        if let Err(error) = client.batch_execute(statements).await {
            panic!("{}: {error:?}\nin: {:.2000}", self.name, statements);
        }
    }

    /// Run a query and return its rows as text; SQL null is `None`.
    pub async fn rows(&self, query: &str) -> Vec<Vec<Option<String>>> {
        let client = self.connect().await;
        let messages = client
            .simple_query(query)
            .await
            .unwrap_or_else(|error| panic!("{}: {error:?}\nin: {query}", self.name));
        messages
            .iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(
                    (0..row.len())
                        .map(|column| row.get(column).map(str::to_owned))
                        .collect(),
                ),
                _ => None,
            })
            .collect()
    }

    /// The one value of a query with one row and one column, as text.
    pub async fn value(&self, query: &str) -> String {
        let rows = self.rows(query).await;
        match rows.as_slice() {
            [row] if row.len() == 1 => row[0].clone().unwrap_or_default(),
            _ => panic!("expected one value from {query}, got {rows:?}"),
        }
    }

    /// What `COPY … TO STDOUT` sends.
    pub async fn copy_out(&self, statement: &str) -> Vec<u8> {
        let client = self.connect().await;
        let stream = client
            .copy_out(statement)
            .await
            .unwrap_or_else(|error| panic!("{}: {error:?}\nin: {statement}", self.name));
        let pieces: Vec<Bytes> = stream.try_collect().await.expect("COPY OUT ends well");
        pieces.concat()
    }

    /// Send `data` to `COPY … FROM STDIN`; returns the number of rows.
    pub async fn copy_in(&self, statement: &str, data: impl Into<Bytes>) -> u64 {
        let client = self.connect().await;
        let sink = client
            .copy_in::<_, Bytes>(statement)
            .await
            .unwrap_or_else(|error| panic!("{}: {error:?}\nin: {statement}", self.name));
        futures::pin_mut!(sink);
        sink.send(data.into()).await.expect("COPY IN takes data");
        sink.finish().await.expect("COPY IN ends well")
    }

    /// Stock psql on this database, without the user's psqlrc and stopping at the first error.
    pub fn psql(&self) -> Stock {
        stock(18, "psql")
            .args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"])
            .arg("--dbname")
            .arg(&self.conninfo)
    }

    /// Run a script with stock psql, as an operator would.
    pub fn psql_file(&self, script: &Path) {
        self.psql().arg("--file").arg(script).output_ok();
    }

    /// The encoding in which a client gets all it asks for: UTF8, but SQL_ASCII from a database that
    /// says of its bytes only that they are bytes.
    pub fn client_encoding(&self) -> &'static str {
        let asked = self
            .psql()
            .args(["-XAtc", "SELECT getdatabaseencoding()"])
            .output_ok();
        match asked.text().trim() {
            "SQL_ASCII" => "SQL_ASCII",
            _ => "UTF8",
        }
    }

    /// The rows of all queries of a script, run by stock psql; what is not UTF-8 is spelled out, and
    /// SQL null is empty. How values are written does not depend on settings of the database.
    ///
    /// # Panics
    ///
    /// When a query fails.
    pub fn answers(&self, script: &str) -> Vec<Vec<String>> {
        let done = self
            .psql()
            .env("PGOPTIONS", SETTLED)
            .env("PGCLIENTENCODING", self.client_encoding())
            .args(["-Atq0", "-F", FIELD])
            .input(script)
            .output_ok();
        let rows = done.stdout.split(|byte| *byte == 0);
        rows.filter(|row| !row.is_empty())
            .map(|row| readable(row).split(FIELD).map(str::to_owned).collect())
            .collect()
    }

    /// Stock pg_dump of this client major on this database.
    pub fn pg_dump(&self, major: u32) -> Stock {
        stock(major, "pg_dump").arg("--dbname").arg(&self.conninfo)
    }

    /// Stock pg_restore of this client major into this database, stopping at the first error.
    pub fn pg_restore(&self, major: u32) -> Stock {
        stock(major, "pg_restore")
            .arg("--exit-on-error")
            .arg("--dbname")
            .arg(&self.conninfo)
    }
}
