//! Whole backups and restores, dr beside the stock tools.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use dr_tests::{Cluster, Database, stock};
use tempfile::TempDir;

use crate::measure::{Run, measure, size_of};
use crate::report::{Contestant, Section};
use crate::{Options, data};

/// A server with the memory a small machine would give it.
fn cluster(options: &Options) -> Arc<Cluster> {
    Cluster::builder(options.major)
        .config("shared_buffers", "512MB")
        .config("maintenance_work_mem", "128MB")
        .config("max_wal_size", "4GB")
        .config("max_parallel_maintenance_workers", "0")
        .start()
}

/// Where both contestants write: one file system, removed at the end.
struct Place {
    folder: TempDir,
    identity: String,
    recipient: String,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("dr-bench-")
            .tempdir()
            .expect("a temporary folder can be made");
        let key = folder.path().join("operator.key");
        let recipient =
            dr_core::pipeline::encryption::generate_key(&key).expect("a key can be made");
        Self {
            identity: key.display().to_string(),
            folder,
            recipient,
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn clear(&self, name: &str) {
        let path = self.folder.path().join(name);
        let gone = if path.is_dir() {
            std::fs::remove_dir_all(&path)
        } else {
            std::fs::remove_file(&path)
        };
        match gone {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => panic!("{}: {error}", path.display()),
        }
    }
}

fn dr_backup(options: &Options, place: &Place, source: &Database) -> Command {
    let mut command = Command::new(&options.dr);
    command
        .args(["backup", source.conninfo(), "--repo", &place.path("repo")])
        .args(["--jobs", "2", "--compress", "zstd:3"])
        .args(["--encrypt-to", &place.recipient]);
    command
}

fn dr_restore(options: &Options, place: &Place, target: &str) -> Command {
    let mut command = Command::new(&options.dr);
    command
        .args(["restore", "latest", "--repo", &place.path("repo")])
        .args(["--to", target, "--create", "--jobs", "4"])
        .args(["--identity", &place.identity]);
    command
}

/// pg_dump 17 has zstd where Debian's packages could be had; else -Z0, and zstd -3 after it.
fn pg_dump_zstd(source: &Database, output: &str) -> (Command, &'static str) {
    let with_zstd = dr_tests::servers().join("clients/17/bin/pg_dump").exists();
    if with_zstd {
        let command = source
            .pg_dump(17)
            .args([
                "--format=directory",
                "--jobs=2",
                "--compress=zstd:3",
                "--file",
                output,
            ])
            .into_command();
        return (command, "pg_dump -Fd -j2 --compress=zstd:3");
    }
    eprintln!("dr-benches: no stock client with zstd; comparing with -Z0 and zstd -3 after it");
    let tool = dr_tests::client(18, "pg_dump");
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg("\"$1\" -Fd -j2 -Z0 -f \"$3\" -d \"$2\" && zstd -q -3 -T2 --rm \"$3\"/*.dat")
        .arg("sh")
        .arg(tool)
        .args([source.conninfo(), output]);
    (command, "pg_dump -Fd -j2 -Z0, then zstd -3 -T2")
}

fn run(command: Command, cluster: &Cluster) -> Run {
    measure(command, &cluster.data_folder())
}

async fn drop_database(cluster: &Arc<Cluster>, name: &str) {
    let postgres = cluster.database("postgres").connect().await;
    for statement in [
        format!("DROP DATABASE IF EXISTS {name}"),
        "CHECKPOINT".to_owned(),
    ] {
        postgres
            .batch_execute(&statement)
            .await
            .expect("nobody is connected to it");
    }
}

/// How many bytes of COPY text a database holds, for the report.
async fn copy_bytes(database: &Database) -> f64 {
    let size = database
        .value("SELECT pg_database_size(current_database())")
        .await;
    size.parse::<f64>().expect("a size is a number") / 1e6
}

/// Dump to disk: dr with encryption and digests, pg_dump with neither.
pub(crate) async fn dump(options: &Options) -> Section {
    let cluster = cluster(options);
    let source = cluster.create_database("source").await;
    data::mixed(&source, options.scale).await;
    let place = Place::new();
    let mut ours = Contestant::new("dr backup, zstd:3, age, digests, 2 jobs");
    let (_, name) = pg_dump_zstd(&source, "unused");
    let mut peer = Contestant::new(name);
    let mut script = Contestant::new("pg_dump \\| gzip");
    for _ in 0..options.runs {
        place.clear("repo");
        let mut done = run(dr_backup(options, &place, &source), &cluster);
        done.bytes = size_of(Path::new(&place.path("repo")));
        ours.runs.push(done);

        place.clear("peer");
        let mut done = run(pg_dump_zstd(&source, &place.path("peer")).0, &cluster);
        done.bytes = size_of(Path::new(&place.path("peer")));
        peer.runs.push(done);
    }
    // Minutes long and far away: once is enough.
    let mut gzip = Command::new("sh");
    gzip.args(["-c", "\"$1\" -d \"$2\" | gzip > \"$3\"", "sh"])
        .arg(dr_tests::client(18, "pg_dump"))
        .args([source.conninfo(), &place.path("dump.sql.gz")]);
    let mut done = run(gzip, &cluster);
    done.bytes = size_of(Path::new(&place.path("dump.sql.gz")));
    script.runs.push(done);

    let wall = |run: &Run| run.wall;
    let (a, b, c) = (ours.median(wall), peer.median(wall), script.median(wall));
    let note = format!(
        "A database of {:.0} MB, mixed tables dominated by one.",
        copy_bytes(&source).await
    );
    let mut section = Section::new("Dump to disk", &note);
    section.claim("wall time of dr / of stock pg_dump", a / b, 1.0);
    section.claim("wall time of dr / of pg_dump \\| gzip", a / c, 0.2);
    for contestant in [ours, peer, script] {
        section.contestant(contestant);
    }
    section
}

/// Restore with 4 jobs: dr compares every table afterwards, pg_restore does not.
pub(crate) async fn restore(options: &Options) -> Section {
    let cluster = cluster(options);
    let source = cluster.create_database("source").await;
    data::mixed(&source, options.scale).await;
    let place = Place::new();
    run(dr_backup(options, &place, &source), &cluster);
    run(pg_dump_zstd(&source, &place.path("peer")).0, &cluster);
    let size = copy_bytes(&source).await;
    let reader = if dr_tests::servers()
        .join("clients/17/bin/pg_restore")
        .exists()
    {
        17
    } else {
        18
    };

    let mut ours = Contestant::new("dr restore --create, 4 jobs, digests compared");
    let mut peer = Contestant::new("pg_restore -j4");
    for _ in 0..options.runs {
        let target = cluster.conninfo("restored");
        ours.runs
            .push(run(dr_restore(options, &place, &target), &cluster));
        drop_database(&cluster, "restored").await;

        cluster
            .database("postgres")
            .sql("CREATE DATABASE restored")
            .await;
        if reader == 18 {
            // The stock client without zstd reads what zstd packed only after zstd unpacked it.
            let mut unpack = Command::new("sh");
            unpack.args([
                "-c",
                "zstd -q -d --rm \"$1\"/*.dat.zst 2>/dev/null || true",
                "sh",
            ]);
            run(
                {
                    unpack.arg(place.path("peer"));
                    unpack
                },
                &cluster,
            );
        }
        let command = stock(reader, "pg_restore")
            .args(["--jobs=4", "--exit-on-error", "--dbname", &target])
            .arg(place.path("peer"))
            .into_command();
        peer.runs.push(run(command, &cluster));
        drop_database(&cluster, "restored").await;
    }
    let wall = |run: &Run| run.wall;
    let ratio = ours.median(wall) / peer.median(wall);
    let mut section = Section::new(
        "Restore",
        &format!("The same database of {size:.0} MB, indexes and foreign keys included."),
    );
    section.claim("wall time of dr / of pg_restore -j4", ratio, 1.1);
    section.contestant(ours);
    section.contestant(peer);
    section
}

/// A database of 5 000 small tables: what the catalog costs.
pub(crate) async fn catalog(options: &Options) -> Section {
    let cluster = cluster(options);
    let source = cluster.create_database("tenants").await;
    data::many_tables(&source, 5000).await;
    let place = Place::new();
    let mut ours = Contestant::new("dr backup, zstd:3, age, digests, 2 jobs");
    let (_, name) = pg_dump_zstd(&source, "unused");
    let mut peer = Contestant::new(name);
    for _ in 0..options.runs {
        place.clear("repo");
        ours.runs
            .push(run(dr_backup(options, &place, &source), &cluster));
        place.clear("peer");
        peer.runs
            .push(run(pg_dump_zstd(&source, &place.path("peer")).0, &cluster));
    }
    let wall = |run: &Run| run.wall;
    let ratio = ours.median(wall) / peer.median(wall);
    let mut section = Section::new(
        "5 000 tables",
        "Each with a key, an index, a foreign key and three rows.",
    );
    section.claim("wall time of dr / of stock pg_dump", ratio, 2.0);
    section.contestant(ours);
    section.contestant(peer);
    section
}

/// Peak memory of backup and restore, and again with ten times the rows.
pub(crate) async fn memory(options: &Options) -> Section {
    let cluster = cluster(options);
    let mut section = Section::new(
        "Memory",
        "Peak resident memory, and again with ten times the rows.",
    );
    let mut peaks = Vec::new();
    for (label, scale) in [("1×", 0.08), ("10×", 0.8)] {
        let source = cluster.create_database("source").await;
        data::mixed(&source, scale * options.scale).await;
        let place = Place::new();
        let mut backup = Contestant::new(&format!("dr backup, {label} rows, 2 jobs"));
        let mut done = run(dr_backup(options, &place, &source), &cluster);
        done.bytes = size_of(Path::new(&place.path("repo")));
        backup.runs.push(done);
        let mut restore = Contestant::new(&format!("dr restore, {label} rows, 4 jobs"));
        restore.runs.push(run(
            dr_restore(options, &place, &cluster.conninfo("restored")),
            &cluster,
        ));
        for name in ["restored", source.name()] {
            drop_database(&cluster, name).await;
        }
        peaks.push((
            backup.median(|run| run.memory),
            restore.median(|run| run.memory),
        ));
        section.contestant(backup);
        section.contestant(restore);
    }
    let [(backup, restore), (backup10, restore10)] = peaks[..] else {
        unreachable!("two sizes were measured");
    };
    // The largest row here has four kilobytes, so it does not matter beside 128 MiB.
    section.claim("peak MiB of a backup", backup.max(backup10), 128.0);
    section.claim("peak MiB of a restore", restore.max(restore10), 128.0);
    section.claim("backup: 10× rows / 1× rows", backup10 / backup, 1.25);
    // From 64 MB of one table on, it is loaded over several connections.
    section.claim("restore: 10× rows / 1× rows", restore10 / restore, 1.5);
    section
}
