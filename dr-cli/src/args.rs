//! The words of the command line. Declares; decides nothing. Turned into options by `command`.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use dr_core::archive::codec::Version;
use dr_core::ops::{self, Connections};
use dr_core::pipeline::compression::Compression;

const EXIT_CODES: &str = "\
Exit codes:
    0  done, and proven where there is something to prove
    1  failed
    2  the command line cannot be meant
    3  damaged: what is stored, was restored or is live is not what was dumped
    4  missing: no such backup, file or table
    5  could not be checked (verify): no key, or the store does not answer
  130  stopped by Ctrl-C, SIGTERM or SIGHUP; nothing half done is left listed
  141  whoever reads standard output stopped before its end (as in dr extract … --to - | head);
       nothing is printed about it, and a report of 3, 4 or 5 keeps its code

Secrets are read from files and variables (PGPASSWORD, a password file, DR_PASSPHRASE), never from arguments.";

/// Dump, verify and restore PostgreSQL, and prove that what was restored is what was dumped.
#[derive(Debug, Parser)]
#[command(name = "dr", version, about, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Print the result, or the error, as one JSON document; no progress
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// No progress, no notices; only the result
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,

    /// Say more about what is being done; twice for everything (see also DR_LOG)
    #[arg(long, short, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Take more, or less, of what is read than by default, such as toc_entries=20000000; an
    /// error that a limit causes names it
    #[arg(
        long,
        global = true,
        value_name = "NAME=NUMBER",
        env = "DR_LIMITS",
        value_delimiter = ','
    )]
    pub(crate) limit: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Back up a database into a repository: one snapshot, one commit
    Backup(Box<Backup>),
    /// List the backups of a repository
    List(List),
    /// Show what a backup or a dump contains
    Show(Show),
    /// Check a backup against what was recorded when it was made
    Verify(Verify),
    /// Restore a backup or a dump into a database and prove every table
    Restore(Box<Restore>),
    /// Compare the rows of a live database with those of a backup or a dump
    Diff(Box<Diff>),
    /// Put back the database that a restore with --swap has replaced; list and drop what is kept
    SwapBack(SwapBack),
    /// Take single tables out of a backup or a dump
    Extract(Box<Extract>),
    /// Write a backup or a dump in another format, and prove that it holds the same
    Convert(Box<Convert>),
    /// Make keys for encryption
    #[command(subcommand)]
    Key(Key),
    /// Sweep what backups that never came to be have left
    Prune(Prune),
    /// Print a completion script for a shell
    Completions(Completions),
}

/// The repository, where there must be one.
#[derive(Debug, Args)]
pub(crate) struct Repo {
    /// Where the backups lie: a folder or a URL
    #[arg(long, env = "DR_REPO", value_name = "REPO")]
    pub(crate) repo: String,
}

/// The repository, where a file will do as well.
#[derive(Debug, Args)]
pub(crate) struct MaybeRepo {
    /// Where the backups lie: a folder or a URL
    #[arg(long, env = "DR_REPO", value_name = "REPO")]
    pub(crate) repo: Option<String>,
}

/// Keys that open backups.
#[derive(Debug, Args)]
pub(crate) struct KeyOptions {
    /// A file with age identities or an ssh key that can decrypt; may be given several times
    #[arg(long, short, value_name = "FILE", env = "DR_IDENTITY")]
    pub(crate) identity: Vec<PathBuf>,

    /// A file with the passphrase; else the variable DR_PASSPHRASE is used if it is set
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

/// Which database of a file is meant.
#[derive(Debug, Args)]
pub(crate) struct OfCluster {
    /// Of a dump of pg_dumpall, which holds several databases, this one
    #[arg(long, value_name = "NAME")]
    pub(crate) database: Option<String>,
}

/// A list of what to use, as dr show --list and pg_restore --list print it.
#[derive(Debug, Args)]
pub(crate) struct ListToUse {
    /// Only the entries that this list names, in its order; dr show --list prints one to edit
    #[arg(long, short = 'L', value_name = "FILE")]
    pub(crate) use_list: Option<PathBuf>,
}

/// Parts of a database, in pg_dump's patterns.
#[derive(Debug, Args)]
pub(crate) struct Parts {
    /// Only these tables (a pattern as in pg_dump: public.vote*)
    #[arg(long, short, value_name = "PATTERN")]
    pub(crate) table: Vec<String>,

    /// Not these tables
    #[arg(long, short = 'T', value_name = "PATTERN")]
    pub(crate) exclude_table: Vec<String>,

    /// Only these schemas
    #[arg(long, short = 'n', value_name = "PATTERN")]
    pub(crate) schema: Vec<String>,

    /// Not these schemas
    #[arg(long, short = 'N', value_name = "PATTERN")]
    pub(crate) exclude_schema: Vec<String>,

    /// These tables without their rows
    #[arg(long, value_name = "PATTERN")]
    pub(crate) exclude_table_data: Vec<String>,
}

impl Parts {
    /// Whether nothing was chosen.
    pub(crate) fn is_everything(&self) -> bool {
        let lists = [
            &self.table,
            &self.exclude_table,
            &self.schema,
            &self.exclude_schema,
            &self.exclude_table_data,
        ];
        lists.iter().all(|list| list.is_empty())
    }
}

/// How two databases exchange their names.
#[derive(Debug, Args)]
pub(crate) struct Swapping {
    /// What to do about those who are connected to the database when it is to give up its name: refuse
    /// and say who they are; wait until nobody is, at most TIME (wait=10m); or terminate them
    #[arg(
        long,
        value_name = "refuse|wait[=TIME]|terminate",
        default_value = "refuse",
        value_parser = connections
    )]
    pub(crate) connections: Connections,

    /// From this time after the swap on, dr swap-back --drop-old drops the old database; nothing drops
    /// it by itself
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) drop_old_after: Option<std::time::Duration>,
}

/// Commands of one's own around the work.
#[derive(Debug, Args)]
pub(crate) struct HookOptions {
    /// A shell command before anything changes, such as one that stops services. With --swap, when all
    /// is restored and proven. If it fails, nothing is changed
    #[arg(long, value_name = "CMD")]
    pub(crate) before: Option<String>,

    /// A shell command when it is over, such as one that starts services: once --before was begun it
    /// runs whatever happens, also after a failure and Ctrl-C
    #[arg(long, value_name = "CMD")]
    pub(crate) after: Option<String>,

    /// A shell command that says whether what uses the database is well, when all is done
    #[arg(long, value_name = "CMD")]
    pub(crate) health: Option<String>,

    /// How long each of them may run
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    pub(crate) hook_timeout: std::time::Duration,
}

/// What to do with a dump that is damaged.
#[derive(Debug, Args)]
pub(crate) struct Salvage {
    /// Take what is intact of a damaged dump, and list what is not; the exit code is 3 if anything
    /// is lost
    #[arg(long)]
    pub(crate) salvage: bool,
}

/// Kinds of entries, in the words of `dr show --entries`.
#[derive(Debug, Args)]
pub(crate) struct Kinds {
    /// No entries of this kind, nor comments and privileges on them, such as 'SECURITY LABEL' or
    /// SUBSCRIPTION (dr show --entries tells the kinds)
    #[arg(long, value_name = "KIND")]
    pub(crate) exclude_kind: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dr backup postgres://backup@db/shop --repo /var/backups/dr --jobs 4
  dr backup 'service=shop' --repo ./backups --encrypt-to age1… --label pre-migration
  dr backup dbname=shop --repo ./backups --exclude-table-data 'audit.*' --compress zstd:9
  dr backup dbname=shop --repo ./backups --record 'migrations=SELECT app, name FROM public.django_migrations'
  dr backup --all-databases host=db --repo ./backups --exclude-database 'scratch_*'

Stock pg_restore of the server's own major restores a backup made with gzip or none; one made with
zstd or lz4 needs pg_restore 16 or later.")]
pub(crate) struct Backup {
    /// The database: a libpq connection string or URI; else DATABASE_URL, then the PG* variables
    pub(crate) database: Option<String>,

    #[command(flatten)]
    pub(crate) repo: Repo,

    /// Connections that read at once
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub(crate) jobs: Option<u16>,

    /// none, gzip, zstd or lz4, with :LEVEL if wanted
    #[arg(long, short = 'Z', value_name = "METHOD", default_value = "zstd:3")]
    pub(crate) compress: Compression,

    /// Encrypt to this recipient (age1… or an ssh public key); may be given several times
    #[arg(long, short = 'r', value_name = "RECIPIENT")]
    pub(crate) encrypt_to: Vec<String>,

    /// Encrypt to every recipient in this file
    #[arg(long, value_name = "FILE")]
    pub(crate) recipients_file: Vec<PathBuf>,

    /// Encrypt so that the passphrase in this file opens it too
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,

    /// A line of free text; everybody who can list the repository can read it
    #[arg(long, short, value_name = "TEXT")]
    pub(crate) label: Option<String>,

    #[command(flatten)]
    pub(crate) parts: Parts,

    /// Give up if a table cannot be locked within this time (such as 30s); else wait
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) lock_timeout: Option<std::time::Duration>,

    /// Wait for a snapshot that agrees with a serial order of serializable transactions
    #[arg(long)]
    pub(crate) serializable_deferrable: bool,

    /// Definitions alone: no rows, no values of sequences, no large objects
    #[arg(long, short = 's')]
    pub(crate) schema_only: bool,

    /// Also the planner's statistics, which a server of PostgreSQL 18 or later takes
    #[arg(long)]
    pub(crate) statistics: bool,

    /// Act as this role after login
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Option<String>,

    /// Keep the answer to a query, taken in the same snapshot, with the backup: what dr show tells
    /// under this name; may be given several times
    #[arg(long, value_name = "NAME=SQL")]
    pub(crate) record: Vec<String>,

    /// Every database of the server, and its roles and tablespaces, as one set
    #[arg(long, short = 'A', conflicts_with_all = [
        "table", "exclude_table", "schema", "exclude_schema", "exclude_table_data", "record",
    ])]
    pub(crate) all_databases: bool,

    /// With --all-databases: not these (a pattern as pg_dumpall has it)
    #[arg(long, value_name = "PATTERN", requires = "all_databases")]
    pub(crate) exclude_database: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dr list --repo ./backups")]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) repo: Repo,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dr show latest --repo ./backups --identity operator.key
  dr show ./dump.sql.gz          a plain dump, whatever it is compressed with
  dr show ./shop.dump            an archive in custom, tar or directory format
  dr show ./shop.dir --entries   entry by entry
  dr show ./cluster.sql.gz       the databases, roles and tablespaces of a dump of pg_dumpall
  dr show ./shop.dump --list > list     as pg_restore --list: edit it, then dr restore --use-list list")]
pub(crate) struct Show {
    /// A backup (an id, the beginning of one, or latest), or a dump's path
    #[arg(value_name = "BACKUP|FILE")]
    pub(crate) what: String,

    #[command(flatten)]
    pub(crate) repo: MaybeRepo,

    #[command(flatten)]
    pub(crate) keys: KeyOptions,

    #[command(flatten)]
    pub(crate) of_cluster: OfCluster,

    /// Every entry of the table of contents
    #[arg(long)]
    pub(crate) entries: bool,

    /// Every entry as pg_restore --list prints it, to be edited and given to --use-list
    #[arg(long, short = 'l', conflicts_with = "entries")]
    pub(crate) list: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dr verify latest --repo ./backups               every stored byte; needs no key
  dr verify 2026 --repo ./backups --quick         the commit mark and sizes
  dr verify latest --repo ./backups --deep --identity operator.key
  dr verify latest --repo ./backups --against-live dbname=shop   does the database still hold it?
  dr verify ./shop.dump                           can all of what pg_dump wrote be read?")]
pub(crate) struct Verify {
    /// A backup (an id, the beginning of one, or latest), or a dump's path (- for standard input)
    #[arg(value_name = "BACKUP|FILE")]
    pub(crate) what: String,

    #[command(flatten)]
    pub(crate) repo: MaybeRepo,

    #[command(flatten)]
    pub(crate) of_cluster: OfCluster,

    /// Only the commit mark and the sizes of what is stored
    #[arg(long, conflicts_with = "deep")]
    pub(crate) quick: bool,

    /// Decrypt, decompress and decode everything; count and digest every row again
    #[arg(long)]
    pub(crate) deep: bool,

    /// Compare the rows of a live database with those that were backed up, table by table
    #[arg(long, value_name = "DATABASE", conflicts_with_all = ["quick", "deep"])]
    pub(crate) against_live: Option<String>,

    #[command(flatten)]
    pub(crate) keys: KeyOptions,

    /// Objects, or live tables, that are read at once
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub(crate) jobs: Option<u16>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dr diff latest dbname=shop --repo ./backups                    how many rows differ, table by table
  dr diff latest dbname=shop -t public.orders --rows text        which rows, and what changed in them
  dr diff latest dbname=shop --rows csv > differences.csv        a line for each column
  dr diff ./shop.dump dbname=shop --key public.words=lang,word   by another key than the primary key

Nothing is written to the database. A table is read twice if it is not equal, and rows that may differ are
set aside in the folder for temporary files (TMPDIR). With --rows the rows are on standard output, as they
are found, and the report on standard error. The exit code is 0 if all is equal and 3 if not.")]
pub(crate) struct Diff {
    /// A backup (an id, the beginning of one, or latest), or a dump's path (- for standard input)
    #[arg(value_name = "BACKUP|FILE")]
    pub(crate) what: String,

    /// The live database: a libpq connection string or URI
    #[arg(value_name = "DATABASE")]
    pub(crate) live: String,

    #[command(flatten)]
    pub(crate) repo: MaybeRepo,

    #[command(flatten)]
    pub(crate) of_cluster: OfCluster,

    #[command(flatten)]
    pub(crate) parts: Parts,

    #[command(flatten)]
    pub(crate) keys: KeyOptions,

    /// The columns by which the rows of a table are found, instead of its primary key; may be given
    /// several times
    #[arg(long, value_name = "TABLE=COLUMN,…")]
    pub(crate) key: Vec<String>,

    /// Print every row that differs
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) rows: Option<RowsFormat>,
}

/// How rows that differ are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowsFormat {
    /// A line for people
    Text,
    /// A JSON object a line
    Json,
    /// Comma-separated values, a line for each column
    Csv,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dr restore latest --repo ./backups --to dbname=shop --create --identity operator.key
  dr restore latest --repo ./backups --to dbname=shop --swap --connections terminate
  dr restore latest --repo ./backups --to dbname=shop --swap --before 'docker compose stop web' \\
      --after 'docker compose start web' --health 'curl -fsS http://localhost/health'
  dr restore ./dump.sql.zst --to postgres:///shop_copy --jobs 4 --no-owner
  dr restore latest --repo ./backups --to dbname=shop --plan
  dr restore all.databases/latest --repo ./backups --to host=new-server --create --globals
  dr restore ./cluster.sql --database shop --to dbname=shop --create --globals
  dr restore ./shop.dump --use-list edited.list --to dbname=shop

With --swap the live database keeps serving until everything is restored beside it and proven. Then both
names are exchanged in one transaction, and the old database is kept as shop_before_DATE_TIME (UTC) until
it is dropped; dr swap-back undoes it. Owner, privileges, comment and settings of the database as a whole
are as the live one has them.

--before, --after and --health are run by the shell, with DR_HOOK, DR_DATABASE, DR_BACKUP, DR_OUTCOME
(of --after: done, failed, interrupted, not_proven) and DR_KEPT (the old database) in their environment.

With --use-list the order of the list is the order of work, as with pg_restore, but for what must wait:
a foreign key for rows, an index for its table's rows. With --jobs 1 rows are loaded in that order too.")]
#[command(group(clap::ArgGroup::new("makes").args(["create", "swap"])))]
pub(crate) struct Restore {
    /// A backup (an id, the beginning of one, or latest), or a dump's path (- for standard input)
    #[arg(value_name = "BACKUP|FILE")]
    pub(crate) what: String,

    /// The database to restore into: a libpq connection string or URI. It must be empty. Of a set
    /// of all databases, the server
    #[arg(long, value_name = "DATABASE", required_unless_present = "plan")]
    pub(crate) to: Option<String>,

    #[command(flatten)]
    pub(crate) repo: MaybeRepo,

    /// Make the database: under a temporary name, renamed when every table is proven
    #[arg(long, short = 'C', conflicts_with = "single_transaction")]
    pub(crate) create: bool,

    /// Restore beside the live database, and when every table is proven let the restored one take its
    /// place; the old one is kept under another name
    #[arg(long, conflicts_with_all = ["create", "single_transaction"])]
    pub(crate) swap: bool,

    #[command(flatten)]
    pub(crate) swapping: Swapping,

    #[command(flatten)]
    pub(crate) hooks: HookOptions,

    /// Connections that work at once
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub(crate) jobs: Option<u16>,

    #[command(flatten)]
    pub(crate) keys: KeyOptions,

    /// Print what would be done, step by step, and do nothing
    #[arg(long)]
    pub(crate) plan: bool,

    /// First make the roles and tablespaces that the server does not have; leave those it has
    #[arg(long)]
    pub(crate) globals: bool,

    /// Make roles and tablespaces, and restore no database
    #[arg(long, conflicts_with_all = ["globals", "create", "swap", "plan", "single_transaction"])]
    pub(crate) globals_only: bool,

    /// Everything in one transaction, proven before it commits
    #[arg(long, short = '1')]
    pub(crate) single_transaction: bool,

    /// Everything belongs to the role that restores
    #[arg(long, short = 'O')]
    pub(crate) no_owner: bool,

    /// Grant and revoke nothing
    #[arg(long, short = 'x', visible_alias = "no-privileges")]
    pub(crate) no_acl: bool,

    /// Everything goes to the default tablespace
    #[arg(long)]
    pub(crate) no_tablespaces: bool,

    /// With --create or --swap: keep a database that could not be proven, under its temporary name
    #[arg(long, requires = "makes")]
    pub(crate) keep_failed: bool,

    #[command(flatten)]
    pub(crate) of_cluster: OfCluster,

    #[command(flatten)]
    pub(crate) list: ListToUse,

    #[command(flatten)]
    pub(crate) parts: Parts,

    #[command(flatten)]
    pub(crate) kinds: Kinds,

    #[command(flatten)]
    pub(crate) salvage: Salvage,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dr swap-back dbname=shop --list                     what is kept, since when, and who is in it
  dr swap-back dbname=shop                            the newest that was shop before is shop again
  dr swap-back dbname=shop --with 20261126_2135 --connections terminate
  dr swap-back dbname=shop --drop-old                 drop those whose --drop-old-after has passed
  dr swap-back dbname=shop --drop-old=shop_before_20261126_213513

Both names are exchanged in one transaction. The database that goes out is kept in turn, so that swapping
back once more undoes it. --with and --drop-old take a name or the beginning of one, with or without what
stands before the date.")]
pub(crate) struct SwapBack {
    /// The live database: a libpq connection string or URI; else DATABASE_URL, then the PG* variables
    pub(crate) database: Option<String>,

    /// This one of those that are kept, also one that was restored and never swapped in [default: the
    /// newest that had the name before]
    #[arg(long, value_name = "NAME", conflicts_with_all = ["list", "drop_old"])]
    pub(crate) with: Option<String>,

    /// List what is kept, and do nothing
    #[arg(long, conflicts_with = "drop_old")]
    pub(crate) list: bool,

    /// Drop this one of those that are kept, or without a name those whose --drop-old-after has passed
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(crate) drop_old: Option<String>,

    #[command(flatten)]
    pub(crate) swapping: Swapping,

    #[command(flatten)]
    pub(crate) hooks: HookOptions,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dr extract latest --repo ./backups --table public.votes_vote --to dbname=shop_copy
  dr extract ./dump.sql.gz --table 'public.polls_*' --to polls.sql
  dr extract latest --repo ./backups --table public.users --to - > users.copy

Where the tables go is told by --to: a connection string or URI is a database, which may hold other
tables already; - is standard output; a path is a plain SQL file if it ends with .sql (.sql.gz,
.sql.zst, .sql.lz4), a custom archive if it ends with .dump, a tar archive if it ends with .tar
(.tar.gz, …), else a directory archive. Standard output gets the raw COPY rows of one table, and its
report goes to standard error; --format says otherwise.")]
pub(crate) struct Extract {
    /// A backup (an id, the beginning of one, or latest), or a dump's path (- for standard input)
    #[arg(value_name = "BACKUP|FILE")]
    pub(crate) what: String,

    /// The tables (a pattern as in pg_dump); may be given several times
    #[arg(
        long,
        short,
        value_name = "PATTERN",
        required_unless_present = "use_list"
    )]
    pub(crate) table: Vec<String>,

    /// Where they go: a database, a path, or - for standard output
    #[arg(long, value_name = "DATABASE|PATH|-")]
    pub(crate) to: String,

    #[command(flatten)]
    pub(crate) repo: MaybeRepo,

    #[command(flatten)]
    pub(crate) keys: KeyOptions,

    /// What is written, if it is not what --to tells
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,

    /// Compression of what is written [default: as the name says; zstd:3 for a directory or custom archive]
    #[arg(long, short = 'Z', value_name = "METHOD[:LEVEL]")]
    pub(crate) compress: Option<Compression>,

    /// Into a directory: tables read at once
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub(crate) jobs: Option<u16>,

    #[command(flatten)]
    pub(crate) of_cluster: OfCluster,

    #[command(flatten)]
    pub(crate) list: ListToUse,

    /// Also what the tables need to be made: schemas, types, functions, sequences, parents
    #[arg(long)]
    pub(crate) with_dependencies: bool,

    /// Everything belongs to the role that restores
    #[arg(long, short = 'O')]
    pub(crate) no_owner: bool,

    /// Grant and revoke nothing
    #[arg(long, short = 'x', visible_alias = "no-privileges")]
    pub(crate) no_acl: bool,

    #[command(flatten)]
    pub(crate) salvage: Salvage,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dr convert ./shop.sql.gz ./shop.dump                 a plain dump into a custom archive
  dr convert ./shop.dump ./shop.dir --jobs 4 --compress lz4
  dr convert latest ./shop.sql.zst --repo ./backups --identity operator.key
  dr convert ./shop-18.dump ./shop.tar --archive-version 1.14     for an older pg_restore
  pg_dump -Fc shop | dr convert - - --format plain | psql -d copy

What is written is told by the name of OUT: a plain SQL file if it ends with .sql (.sql.gz, .sql.zst,
.sql.lz4), a custom archive if it ends with .dump, a tar archive if it ends with .tar (.tar.gz, …), else
a directory archive; --format says otherwise. An existing file is never overwritten.

Rows and digests of every table are taken while it is read, held against those of a backup, and against
what was written, which is read back before it gets its name. What goes to standard output is not read
back; the report goes to standard error then. A plain SQL file is loaded into a database that exists: it
does not make the database itself.

A dump of an older server keeps to the archive's version of its own pg_dump, but zstd and lz4 need 1.15.
Which pg_restore reads what: 1.14 from 12 on, 1.15 from 16 on, 1.16 from 17 on.")]
pub(crate) struct Convert {
    /// A backup (an id, the beginning of one, or latest), or a dump's path (- for standard input)
    #[arg(value_name = "BACKUP|FILE")]
    pub(crate) what: String,

    /// The file or folder to write, which does not exist yet (- for standard output)
    #[arg(value_name = "OUT")]
    pub(crate) to: String,

    #[command(flatten)]
    pub(crate) repo: MaybeRepo,

    #[command(flatten)]
    pub(crate) keys: KeyOptions,

    /// What is written, if it is not what the name of OUT tells
    #[arg(long, value_enum)]
    pub(crate) format: Option<DumpFormat>,

    /// Compression of what is written [default: as the name says; zstd:3 for a directory or custom
    /// archive, gzip:6 for one of version 1.14]
    #[arg(long, short = 'Z', value_name = "METHOD[:LEVEL]")]
    pub(crate) compress: Option<Compression>,

    /// The version of an archive: 1.14, 1.15 or 1.16 [default: that of the dump's server]
    #[arg(long, value_name = "VERSION")]
    pub(crate) archive_version: Option<Version>,

    #[command(flatten)]
    pub(crate) of_cluster: OfCluster,

    #[command(flatten)]
    pub(crate) list: ListToUse,

    /// Tables read at once: into a directory archive, and when what was written is read back
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub(crate) jobs: Option<u16>,

    #[command(flatten)]
    pub(crate) salvage: Salvage,
}

/// What a conversion writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DumpFormat {
    /// A custom archive
    Custom,
    /// A tar archive
    Tar,
    /// A directory archive
    Directory,
    /// A plain SQL script
    #[value(alias = "sql")]
    Plain,
}

impl From<DumpFormat> for ops::Format {
    fn from(format: DumpFormat) -> Self {
        match format {
            DumpFormat::Custom => Self::Custom,
            DumpFormat::Tar => Self::Tar,
            DumpFormat::Directory => Self::Directory,
            DumpFormat::Plain => Self::Script,
        }
    }
}

/// What an extract writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A plain SQL script
    #[value(alias = "plain")]
    Sql,
    /// A directory archive
    Directory,
    /// A custom archive
    Custom,
    /// A tar archive
    Tar,
    /// Raw COPY rows of one table
    Copy,
}

impl From<Format> for ops::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Sql => Self::Script,
            Format::Directory => Self::Directory,
            Format::Custom => Self::Custom,
            Format::Tar => Self::Tar,
            Format::Copy => Self::Rows,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Make a key pair: the identity goes into a file, the recipient is printed
    #[command(after_help = "Example:\n  dr key generate --output operator.key")]
    Generate {
        /// The file for the secret identity; must not exist
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dr prune --orphans --repo ./backups --dry-run")]
pub(crate) struct Prune {
    #[command(flatten)]
    pub(crate) repo: Repo,

    /// Sweep leftovers of backups that were never committed
    #[arg(long, required = true)]
    pub(crate) orphans: bool,

    /// Only leftovers to which nothing was written for this time
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration)]
    pub(crate) older_than: std::time::Duration,

    /// Only say what would be swept
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dr completions bash > /etc/bash_completion.d/dr")]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

/// `refuse`, `wait`, `wait=10m`, `terminate`.
fn connections(text: &str) -> Result<Connections, String> {
    match text.split_once('=') {
        Some(("wait", time)) => Ok(Connections::Wait(Some(duration(time)?))),
        None if text == "wait" => Ok(Connections::Wait(None)),
        None if text == "refuse" => Ok(Connections::Refuse),
        None if text == "terminate" => Ok(Connections::Terminate),
        _ => Err("it is refuse, wait, wait=TIME or terminate".to_owned()),
    }
}

/// `90s`, `24h`, `2 days 3 h`.
fn duration(text: &str) -> Result<std::time::Duration, String> {
    let span: jiff::Span = text
        .parse()
        .map_err(|error: jiff::Error| error.to_string())?;
    span.to_duration(jiff::SpanRelativeTo::days_are_24_hours())
        .map_err(|error| error.to_string())
        .and_then(|time| {
            std::time::Duration::try_from(time).map_err(|_| "a time is not negative".to_owned())
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::CommandFactory;
    use std::time::Duration;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        assert_eq!(duration("90s").unwrap(), Duration::from_secs(90));
        assert_eq!(duration("24h").unwrap(), Duration::from_secs(86_400));
        assert_eq!(duration("2 days").unwrap(), Duration::from_secs(172_800));
        assert!(duration("-1h").is_err());
        assert!(duration("soon").is_err());
    }

    #[test]
    fn what_is_done_about_connections_is_one_of_three() {
        let ten = Some(Duration::from_secs(600));
        assert_eq!(connections("refuse").unwrap(), Connections::Refuse);
        assert_eq!(connections("wait").unwrap(), Connections::Wait(None));
        assert_eq!(connections("wait=10m").unwrap(), Connections::Wait(ten));
        assert_eq!(connections("terminate").unwrap(), Connections::Terminate);
        for wrong in ["", "kill", "wait=", "wait=soon", "terminate=5s"] {
            assert!(connections(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_spellings_of_the_manual_are_understood() {
        for line in [
            "dr backup DATABASE --repo REPO --jobs 4 --compress gzip:6 --encrypt-to a --encrypt-to b \
             --passphrase-file F --label L --exclude-table-data P --exclude-table-data Q",
            "dr list --repo REPO",
            "dr show latest --repo REPO",
            "dr show FILE",
            "dr verify latest --repo REPO",
            "dr verify latest --repo REPO --quick",
            "dr verify latest --repo REPO --deep --identity FILE",
            "dr verify latest --repo REPO --against-live dbname=x --jobs 4",
            "dr restore latest --to DATABASE --repo REPO --create --jobs 8 --identity FILE",
            "dr restore FILE --to DATABASE --plan --single-transaction --no-owner --no-acl",
            "dr restore latest --to DATABASE --repo REPO --globals --create",
            "dr restore latest --to DATABASE --repo REPO --swap --connections wait=5m --keep-failed",
            "dr restore latest --to DATABASE --swap --drop-old-after 7d --connections terminate",
            "dr swap-back DATABASE --list",
            "dr swap-back DATABASE --with NAME --connections terminate",
            "dr swap-back DATABASE --drop-old",
            "dr swap-back --drop-old=NAME DATABASE",
            "dr extract FILE --table P --table Q --to -",
            "dr extract latest --table P --to PATH --repo REPO --identity FILE",
            "dr show FILE --list --database x",
            "dr restore FILE --to DATABASE -L FILE --database x",
            "dr extract FILE --use-list FILE --to ./x.sql",
            "dr convert FILE OUT --format plain --compress gzip:9",
            "dr convert latest OUT --repo REPO --identity FILE --archive-version 1.14 --jobs 2",
            "dr key generate --output FILE",
            "dr prune --orphans --repo REPO",
            "dr completions zsh",
            "dr --json list --repo REPO",
            "dr list --repo REPO --json",
        ] {
            let words = line.split_whitespace();
            Arguments::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }
}
