//! The command lines that are measured: dr's and its peers'. Used by the cases.
//!
//! The stock client is 17 from Debian, the one here that has all compressions. Where a shell pipes
//! programs together, a failure of any of them fails the run.

use std::process::Command;

use dr_tests::{Stock, client, stock};

use crate::contest::{Arena, Entrant, Needs, TARGET};

/// The stock client that all peers use.
const CLIENT: u32 = 17;

pub(crate) const OURS: &str = "repo";
pub(crate) const DIRECTORY: &str = "directory-zstd";
const PLAIN: &str = "directory-none";
const CUSTOM: &str = "custom";
const SCRIPT: &str = "dump.sql.gz";
const DBBACKUP: &str = "dump.psql.gz";

/// What must be installed for these command lines to run.
pub(crate) const SERVER_PARTS: [&str; 2] = ["client17", "dbbackup"];

fn entrant(name: &str, command: Command, needs: Needs) -> Entrant {
    Entrant {
        name: name.to_owned(),
        ours: false,
        command,
        needs,
    }
}

/// A line for bash, with its words as $1, $2, …
fn bash(line: &str, words: &[&str]) -> Command {
    Stock::new("bash")
        .args(["-o", "pipefail", "-e", "-c", line, "bash"])
        .args(words)
        .into_command()
}

fn path_of(program: &str) -> String {
    client(CLIENT, program).display().to_string()
}

// Backups.

/// With the compression that is used when none is named.
pub(crate) fn dr_backup(arena: &Arena) -> Entrant {
    dr_backup_with(arena, "zstd:3")
}

pub(crate) fn dr_backup_with(arena: &Arena, compression: &str) -> Entrant {
    let command = Stock::new(&arena.dr)
        .args(["backup", arena.source.conninfo()])
        .args(["--repo", &arena.path(OURS), "--jobs", "2"])
        .args(["--compress", compression])
        .args(["--encrypt-to", &arena.recipient])
        .into_command();
    Entrant {
        ours: true,
        ..entrant(
            &format!("dr backup --jobs 2 --compress {compression} --encrypt-to …"),
            command,
            Needs::Room(OURS),
        )
    }
}

fn pg_dump(arena: &Arena, options: &str, output: &'static str) -> Entrant {
    let command = stock(CLIENT, "pg_dump")
        .args(options.split(' '))
        .args(["--file", &arena.path(output)])
        .args(["--dbname", arena.source.conninfo()])
        .into_command();
    entrant(&format!("pg_dump {options}"), command, Needs::Room(output))
}

/// Definitions alone, as a backup: encrypted, and digested as stored.
pub(crate) fn dr_schema(arena: &Arena) -> Entrant {
    let command = Stock::new(&arena.dr)
        .args(["backup", arena.source.conninfo(), "--schema-only"])
        .args(["--repo", &arena.path(OURS), "--jobs", "2"])
        .args(["--encrypt-to", &arena.recipient])
        .into_command();
    Entrant {
        ours: true,
        ..entrant(
            "dr backup --schema-only --encrypt-to …",
            command,
            Needs::Room(OURS),
        )
    }
}

pub(crate) fn pg_dump_schema(arena: &Arena) -> Entrant {
    pg_dump(arena, "--schema-only", "schema.sql")
}

pub(crate) fn pg_dump_schema_archive(arena: &Arena) -> Entrant {
    pg_dump(arena, "--schema-only -Fc", "schema.dump")
}

/// What dr is held against everywhere: as many jobs, the same compression.
pub(crate) fn pg_dump_zstd(arena: &Arena) -> Entrant {
    pg_dump(arena, "-Fd -j2 --compress=zstd:3", DIRECTORY)
}

/// Every row and definition as they are: what throughput counts.
pub(crate) fn pg_dump_plain(arena: &Arena) -> Entrant {
    pg_dump(arena, "-Fd -j2 --compress=none", PLAIN)
}

/// Where [`pg_dump_plain`] writes.
pub(crate) fn plain_bytes(arena: &Arena) -> u64 {
    arena.stored(PLAIN)
}

pub(crate) fn pg_dump_gzip(arena: &Arena) -> Entrant {
    let command = bash(
        "\"$1\" --dbname \"$2\" | gzip > \"$3\"",
        &[
            &path_of("pg_dump"),
            arena.source.conninfo(),
            &arena.path(SCRIPT),
        ],
    );
    entrant("pg_dump | gzip", command, Needs::Room(SCRIPT))
}

pub(crate) fn pg_dump_custom(arena: &Arena) -> Entrant {
    pg_dump(arena, "-Fc", CUSTOM)
}

/// pg_dump in the formats and compressions that are not told of elsewhere.
pub(crate) fn pg_dump_others(arena: &Arena) -> Vec<Entrant> {
    vec![
        pg_dump(arena, "-Fd -j2 --compress=gzip", "directory-gzip"),
        pg_dump(arena, "-Fd -j2 --compress=lz4", "directory-lz4"),
        pg_dump(arena, "-Fc --compress=zstd:3", "custom-zstd"),
        pg_dump(arena, "-Ft", "tar"),
    ]
}

fn manage(arena: &Arena, database: &str, words: &[&str]) -> Command {
    let bin = client(CLIENT, "psql");
    let bin = bin.parent().expect("a program lies in a folder");
    let path = std::env::var("PATH").expect("PATH is text");
    Stock::new(dr_tests::servers().join("dbbackup/bin/python"))
        .args(["-m", "django"])
        .args(words)
        .arg("--noinput")
        .env("PATH", format!("{}:{path}", bin.display()))
        .env("PYTHONPATH", dr_tests::workspace().join("benches/django"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("DJANGO_SETTINGS_MODULE", "bench_settings")
        .env("BENCH_PORT", arena.cluster.port().to_string())
        .env("BENCH_DATABASE", database)
        .env("BENCH_FOLDER", arena.path(""))
        .into_command()
}

pub(crate) fn dbbackup(arena: &Arena) -> Entrant {
    let words = ["dbbackup", "--compress", "--output-filename", DBBACKUP];
    let command = manage(arena, arena.source.name(), &words);
    entrant(
        "django-dbbackup: dbbackup --compress",
        command,
        Needs::Room(DBBACKUP),
    )
}

// Restores, of what the backups above left.

pub(crate) fn dr_restore(arena: &Arena) -> Entrant {
    let command = Stock::new(&arena.dr)
        .args(["restore", "latest", "--repo", &arena.path(OURS)])
        .args(["--to", &arena.cluster.conninfo(TARGET), "--create"])
        .args(["--jobs", "4", "--identity", &arena.identity])
        .into_command();
    Entrant {
        ours: true,
        ..entrant("dr restore --create --jobs 4", command, Needs::NoDatabase)
    }
}

pub(crate) fn pg_restore_parallel(arena: &Arena) -> Entrant {
    let command = stock(CLIENT, "pg_restore")
        .args(["--jobs=4", "--exit-on-error", "--dbname"])
        .arg(arena.cluster.conninfo(TARGET))
        .arg(arena.path(DIRECTORY))
        .into_command();
    entrant("pg_restore -j4, of -Fd zstd", command, Needs::EmptyDatabase)
}

pub(crate) fn pg_restore_custom(arena: &Arena) -> Entrant {
    let command = stock(CLIENT, "pg_restore")
        .args(["--exit-on-error", "--dbname"])
        .arg(arena.cluster.conninfo(TARGET))
        .arg(arena.path(CUSTOM))
        .into_command();
    entrant("pg_restore, of -Fc", command, Needs::EmptyDatabase)
}

pub(crate) fn gunzip_psql(arena: &Arena) -> Entrant {
    let command = bash(
        "gunzip < \"$3\" | \"$1\" --no-psqlrc --quiet --set ON_ERROR_STOP=1 --dbname \"$2\"",
        &[
            &path_of("psql"),
            &arena.cluster.conninfo(TARGET),
            &arena.path(SCRIPT),
        ],
    );
    entrant("gunzip | psql", command, Needs::EmptyDatabase)
}

pub(crate) fn dbrestore(arena: &Arena) -> Entrant {
    let words = ["dbrestore", "--uncompress", "--input-filename", DBBACKUP];
    let command = manage(arena, TARGET, &words);
    entrant(
        "django-dbbackup: dbrestore --uncompress",
        command,
        Needs::EmptyDatabase,
    )
}

// One table, to a script.

pub(crate) fn dr_extract(arena: &Arena, table: &str) -> Entrant {
    let command = Stock::new(&arena.dr)
        .args(["extract", "latest", "--repo", &arena.path(OURS)])
        .args(["--identity", &arena.identity, "--table", table])
        .args(["--to", &arena.path("ours.sql")])
        .into_command();
    Entrant {
        ours: true,
        ..entrant(
            &format!("dr extract --table {table}"),
            command,
            Needs::Room("ours.sql"),
        )
    }
}

pub(crate) fn pg_restore_table(
    arena: &Arena,
    table: &str,
    what: &str,
    archive: &str,
    output: &'static str,
) -> Entrant {
    let command = stock(CLIENT, "pg_restore")
        .args(["--table", table, "--file", &arena.path(output)])
        .arg(arena.path(archive))
        .into_command();
    entrant(
        &format!("pg_restore -t {table}, of {what}"),
        command,
        Needs::Room(output),
    )
}

pub(crate) fn extracts_of_archives(arena: &Arena, table: &str) -> [Entrant; 2] {
    [
        pg_restore_table(arena, table, "-Fd zstd", DIRECTORY, "directory.sql"),
        pg_restore_table(arena, table, "-Fc", CUSTOM, "custom.sql"),
    ]
}

/// The rows alone: what a script without an index allows.
pub(crate) fn gunzip_awk(arena: &Arena, table: &str) -> Entrant {
    let command = bash(
        "gunzip < \"$1\" | awk -v table=\"$2\" \
         'index($0, \"COPY public.\" table \" (\") == 1 { on = 1 } on { print } on && $0 == \"\\\\.\" { on = 0 }' > \"$3\"",
        &[&arena.path(SCRIPT), table, &arena.path("script.sql")],
    );
    entrant("gunzip | awk", command, Needs::Room("script.sql"))
}
