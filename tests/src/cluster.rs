//! A throwaway cluster. Used by every test that needs a server.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use crate::keeper::{Keeper, NOBODY, as_server_user, is_root};
use crate::{Database, client, servers};

/// A running PostgreSQL server with a data folder of its own; stopped and deleted when dropped and
/// when the process ends. Its superuser is `postgres`; connections are trusted unless
/// [`ClusterBuilder::hba`] says otherwise.
#[derive(Debug)]
pub struct Cluster {
    major: u32,
    port: u16,
    folder: PathBuf,
    bin: PathBuf,
    databases: AtomicU32,
    _keeper: Keeper,
}

/// How a [`Cluster`] is to be started.
#[derive(Debug, Clone)]
pub struct ClusterBuilder {
    major: u32,
    config: BTreeMap<String, String>,
    files: Vec<(String, Vec<u8>)>,
    hba: Option<String>,
    initdb: Vec<String>,
    small_disk: Option<String>,
}

impl ClusterBuilder {
    /// A server setting, as in postgresql.conf; the value is quoted here.
    #[must_use]
    pub fn config(mut self, name: &str, value: &str) -> Self {
        self.config.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A file in the data folder, readable by the server only, such as `server.key`.
    #[must_use]
    pub fn file(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((name.to_owned(), content.into()));
        self
    }

    /// The whole of pg_hba.conf. Keep `local all postgres trust` in it: the harness uses it.
    #[must_use]
    pub fn hba(mut self, lines: &str) -> Self {
        self.hba = Some(lines.to_owned());
        self
    }

    /// One more argument for initdb, such as `--data-checksums`.
    #[must_use]
    pub fn initdb(mut self, argument: &str) -> Self {
        self.initdb.push(argument.to_owned());
        self
    }

    /// A disk of this size, such as `6m`, for a tablespace at [`Cluster::small_disk`]. Only the
    /// server sees it.
    #[must_use]
    pub fn small_disk(mut self, size: &str) -> Self {
        self.small_disk = Some(size.to_owned());
        self
    }

    /// Start it.
    ///
    /// # Panics
    ///
    /// When the server is not installed or does not start; the message holds its log.
    pub fn start(self) -> Arc<Cluster> {
        let bin = server_bin(self.major);
        let folder = new_folder();
        let initdb = as_server_user(bin.join("initdb"))
            .args(["--auth=trust", "--no-sync", "--username=postgres"])
            .args(["--encoding=UTF8", "--locale=C"])
            .args(&self.initdb)
            .arg("--pgdata")
            .arg(folder.join("data"))
            .output()
            .expect("initdb runs");
        assert!(
            initdb.status.success(),
            "initdb {} failed: {}{}",
            self.major,
            String::from_utf8_lossy(&initdb.stdout),
            String::from_utf8_lossy(&initdb.stderr)
        );
        self.run(bin, folder)
    }

    /// Start the server on a data folder that is already there.
    fn run(self, bin: PathBuf, folder: PathBuf) -> Arc<Cluster> {
        let data = folder.join("data");
        for (name, content) in &self.files {
            write_as_server(&data.join(name), content);
        }
        if let Some(lines) = &self.hba {
            write_as_server(&data.join("pg_hba.conf"), lines.as_bytes());
        }
        // A port seen free may be taken before the server binds it, so a refusal is tried again.
        let mut log = String::new();
        for _ in 0..5 {
            let port = free_port();
            write_as_server(
                &data.join("postgresql.auto.conf"),
                self.settings(&folder, port).as_bytes(),
            );
            let (keeper, ready) = Keeper::start(&bin, &folder, self.small_disk.as_deref());
            if ready {
                return Arc::new(Cluster {
                    major: self.major,
                    port,
                    folder,
                    bin,
                    databases: AtomicU32::new(0),
                    _keeper: keeper,
                });
            }
            log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            assert!(
                log.contains("could not bind"),
                "PostgreSQL {} did not start: {log}",
                self.major
            );
            // Dropping this keeper deletes the folder, so the next try needs it back.
            let copy = new_folder();
            let moved = std::fs::rename(&data, copy.join("data"));
            moved.expect("the data folder moves within one file system");
            drop(keeper);
            std::fs::rename(&copy, &folder).expect("the folder moves back");
        }
        panic!("PostgreSQL {} found no free port: {log}", self.major);
    }

    fn settings(&self, folder: &Path, port: u16) -> String {
        let mut settings = BTreeMap::from([
            ("listen_addresses", "127.0.0.1".to_owned()),
            ("port", port.to_string()),
            ("unix_socket_directories", folder.display().to_string()),
            ("fsync", "off".to_owned()),
            ("synchronous_commit", "off".to_owned()),
            ("full_page_writes", "off".to_owned()),
            ("shared_buffers", "64MB".to_owned()),
            ("max_connections", "80".to_owned()),
            ("max_wal_size", "2GB".to_owned()),
            // What is known of a table must not change between two looks at it.
            ("autovacuum", "off".to_owned()),
            // Thousands of tables may be locked in one snapshot.
            ("max_locks_per_transaction", "512".to_owned()),
        ]);
        for (name, value) in &self.config {
            settings.insert(name, value.clone());
        }
        let mut text = String::new();
        for (name, value) in settings {
            writeln!(text, "{name} = '{}'", value.replace('\'', "''"))
                .expect("writing to a String cannot fail");
        }
        text
    }
}

impl Cluster {
    /// A cluster of this major with settings of its own.
    pub fn builder(major: u32) -> ClusterBuilder {
        ClusterBuilder {
            major,
            config: BTreeMap::new(),
            files: Vec::new(),
            hba: None,
            initdb: Vec::new(),
            small_disk: None,
        }
    }

    /// A cluster that nobody else uses.
    pub fn start(major: u32) -> Arc<Self> {
        Self::builder(major).start()
    }

    /// The cluster of this major that all tests of a binary share. Use a database of your own in it
    /// and leave roles and tablespaces with unlikely names.
    pub fn shared(major: u32) -> Arc<Self> {
        type Slots = Mutex<BTreeMap<u32, &'static OnceLock<Arc<Cluster>>>>;
        static SHARED: Slots = Mutex::new(BTreeMap::new());
        let slot = {
            let mut slots = SHARED.lock().expect("no holder of this lock panics");
            *slots
                .entry(major)
                .or_insert_with(|| Box::leak(Box::default()))
        };
        Arc::clone(slot.get_or_init(|| Self::start(major)))
    }

    /// A hot standby of this cluster, caught up to what was committed before the call.
    ///
    /// # Panics
    ///
    /// When the base backup fails or the standby does not start.
    pub async fn standby(&self) -> Arc<Self> {
        let folder = new_folder();
        let tool = client(18, "pg_basebackup");
        let copied = as_server_user(tool)
            .args([
                "--checkpoint=fast",
                "--no-sync",
                "--wal-method=stream",
                "--write-recovery-conf",
            ])
            .arg("--pgdata")
            .arg(folder.join("data"))
            .arg("--dbname")
            .arg(self.socket_conninfo("postgres"))
            .output()
            .expect("pg_basebackup runs");
        assert!(
            copied.status.success(),
            "pg_basebackup failed: {}",
            String::from_utf8_lossy(&copied.stderr)
        );
        let standby = Self::builder(self.major)
            .config("primary_conninfo", &self.socket_conninfo("postgres"))
            .run(self.bin.clone(), folder);
        let primary = self.database("postgres");
        let position = primary.value("SELECT pg_current_wal_insert_lsn()").await;
        let copy = standby.database("postgres");
        let behind = format!("SELECT coalesce(pg_last_wal_replay_lsn() < '{position}', true)");
        let patience = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while copy.value(&behind).await == "t" {
            assert!(
                std::time::Instant::now() < patience,
                "the standby never caught up"
            );
            copy.sql("SELECT pg_sleep(0.02)").await;
        }
        standby
    }

    /// Let the server die without a shutdown, as when the machine fails, and start it again.
    ///
    /// # Panics
    ///
    /// When it does not come back.
    pub fn crash(&self) {
        let restarted = self.pg_ctl(&["-m", "immediate", "restart"]);
        assert!(restarted, "it did not come back: {}", self.log());
    }

    /// Ask the server to stop, `smart` or `fast`, and return once it has been told. `pg_ctl` goes on
    /// waiting for the end, and fails if there is none within a minute.
    ///
    /// # Panics
    ///
    /// When it never logs that it was asked.
    pub fn stop(&self, mode: &str) -> std::process::Child {
        let asked = format!("received {mode} shutdown request");
        let before = self.log().matches(&asked).count();
        let stopping = as_server_user(self.bin.join("pg_ctl"))
            .args(["-w", "-t", "60", "-m", mode, "stop", "-D"])
            .arg(self.data_folder())
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("pg_ctl runs");
        let patience = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while self.log().matches(&asked).count() == before {
            assert!(
                std::time::Instant::now() < patience,
                "it was never asked: {}",
                self.log()
            );
            std::thread::yield_now();
        }
        stopping
    }

    /// Start the server that [`stop`](Self::stop) has stopped.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start_again(&self) {
        let started = self.pg_ctl(&["start"]);
        assert!(started, "it did not start: {}", self.log());
    }

    /// Has `pg_ctl` do something that starts the server, and waits for it; whether it came to be.
    fn pg_ctl(&self, what: &[&str]) -> bool {
        as_server_user(self.bin.join("pg_ctl"))
            .args(["-w", "-t", "60", "-D"])
            .arg(self.data_folder())
            .arg("-l")
            .arg(self.folder.join("log"))
            .args(what)
            .stdout(std::process::Stdio::null())
            .status()
            .expect("pg_ctl runs")
            .success()
    }

    /// Where a tablespace on the disk of [`ClusterBuilder::small_disk`] lies.
    pub fn small_disk(&self) -> PathBuf {
        self.folder.join("small/space")
    }

    /// The major version.
    pub fn major(&self) -> u32 {
        self.major
    }

    /// The TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of the Unix socket.
    pub fn socket_folder(&self) -> &Path {
        &self.folder
    }

    /// A folder of its own that the server may write to as well; it goes with the cluster.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    pub fn scratch(&self, name: &str) -> PathBuf {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder).expect("the cluster's folder is writable");
        if is_root() {
            chown(&folder, Some(NOBODY), Some(NOBODY)).expect("root may give folders away");
        }
        folder
    }

    /// The data folder, owned by the user the server runs as.
    pub fn data_folder(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).expect("the server's log is readable")
    }

    /// A key/value connection string over TCP for this database, as `postgres`.
    pub fn conninfo(&self, database: &str) -> String {
        format!(
            "host=127.0.0.1 port={} user=postgres dbname={}",
            self.port,
            quoted(database)
        )
    }

    /// A key/value connection string over the Unix socket.
    pub fn socket_conninfo(&self, database: &str) -> String {
        format!(
            "host={} port={} user=postgres dbname={}",
            self.folder.display(),
            self.port,
            quoted(database)
        )
    }

    /// A new, empty database; `label` is part of its name, which is unique in this cluster.
    pub async fn create_database(self: &Arc<Self>, label: &str) -> Database {
        self.create_database_with(label, "").await
    }

    /// The same, with more words for CREATE DATABASE, such as `TEMPLATE template0 ENCODING 'LATIN1'`.
    pub async fn create_database_with(self: &Arc<Self>, label: &str, options: &str) -> Database {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("{label}_{number}");
        let create = format!(
            "CREATE DATABASE \"{}\" {options}",
            name.replace('"', "\"\"")
        );
        self.database("postgres").sql(&create).await;
        Database::new(self, &name)
    }

    /// A handle on a database that is there already.
    pub fn database(&self, name: &str) -> Database {
        Database::new(self, name)
    }
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn server_bin(major: u32) -> PathBuf {
    let bin = servers().join(major.to_string());
    let bin = bin.canonicalize().unwrap_or(bin).join("bin");
    for tool in ["initdb", "pg_ctl", "postgres"] {
        assert!(
            bin.join(tool).exists(),
            "PostgreSQL {major} is not installed in {}: run scripts/servers {major}",
            servers().display()
        );
    }
    bin
}

/// A new folder owned by the user servers run as. The name is short: a Unix socket's path has 107
/// bytes at most.
fn new_folder() -> PathBuf {
    let folder = tempfile::Builder::new()
        .prefix("dr-")
        .tempdir()
        .expect("a temporary folder can be made")
        .keep();
    if is_root() {
        chown(&folder, Some(NOBODY), Some(NOBODY)).expect("root may give folders away");
    }
    // Others must reach the socket, as under /var/run/postgresql.
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&folder, open).expect("the folder is ours");
    folder
}

fn write_as_server(path: &Path, content: &[u8]) {
    std::fs::write(path, content).expect("the data folder is writable");
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(path, private).expect("the file is ours");
    if is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).expect("root may give files away");
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("127.0.0.1 has a free port")
        .port()
}
