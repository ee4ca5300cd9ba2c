//! dr: PostgreSQL disaster recovery as a library.
//!
//! A database is taken out under one snapshot, stored as one committed, encrypted backup, and
//! brought back with proof that every table holds what was dumped. No `pg_dump`, `psql` or other
//! client program is used. The command `dr` is a thin door into this crate.
//!
//! # The flow
//!
//! ```text
//! live database ─┐                                                            ┌─ object store (backup)
//! pg_dump archive├─► Dump ──encode──► Files ──compress──encrypt──digest──► ───┤
//! plain SQL dump ┘  Toc + data        names + bytes                           └─ file, stdout
//!                                     and back, the same names in reverse:
//! object store ──digest──decrypt──decompress──► Files ──decode──► Dump ──select──plan──► live database
//! ```
//!
//! - A [`Dump`] is a [`Toc`](toc::Toc), what the dump contains in pg_dump's own words, and the data of
//!   each entry as a stream. Live databases ([`pg`]), directory archives ([`archive`]) and plain SQL
//!   scripts ([`sql`]) are all read as one.
//! - [`Files`] are names and bytes: an archive being written, a stored backup.
//!
//! | verb | takes | gives |
//! |---|---|---|
//! | [`backup`](fn@ops::backup) | [`Files`], a repository | a committed backup and its [`Receipt`](ops::Receipt) |
//! | [`verify`](fn@ops::verify), [`verify_against_live`](ops::verify_against_live) | a backup; a dump and a live database | a report, object by object or table by table |
//! | [`verify_dump`](ops::verify_dump) | a [`Dump`] | whether all of it can be read |
//! | [`select`](toc::Toc::select), [`Plan::of`](toc::Plan::of) | a [`Toc`](toc::Toc) | a smaller one; the steps of a restore |
//! | [`restore`](fn@ops::restore), [`restore_globals`](ops::restore_globals) | a plan, a [`Dump`], a database | the proof, table by table |
//! | [`extract`](fn@ops::extract), [`rows`](fn@ops::rows) | a [`Dump`], a selection | a script, an archive, rows; rows one by one |
//! | [`open_dump`](ops::open_dump), [`open_input`](ops::open_input), [`open_script`](ops::open_script) | a file, a folder, a pipe | a [`Dump`] |
//! | [`prune_orphans`](ops::prune_orphans) | a repository | what killed backups had left |
//!
//! Both are lazy views: nothing moves until a verb of [`ops`] pulls, and dropping a future aborts.
//! The verbs put files into a [`Repository`](repo::Repository) and take them out; a backup exists once its commit
//! mark does. What is stored is a pg_dump directory archive, so that stock tools can undo it.
//!
//! Who watches implements [`Observer`]; who changes their mind cancels a
//! [`CancellationToken`](ops::CancellationToken) or drops the future. Errors carry an [`ErrorKind`], what was
//! being done, and facts as fields. What is read from others is held to [`Limits`].
//!
//! # Features
//!
//! | feature | default | brings |
//! |---|---|---|
//! | `tls` | yes | `sslmode` beyond `disable`, on rustls with ring |
//! | `ssh` | no | `ssh-ed25519` and `ssh-rsa` recipients and identities for age |
//! | `conformance` | no | checks that stages, [`Files`] and [`Dump`]s of your own keep the laws of this crate's |
//!
//! Without features there is no TLS in the tree, and no HTTP client at any time; a test holds that.
//!
//! # Example
//!
//! A plain dump becomes an encrypted backup, which is then verified down to its rows. A live
//! database takes the dump's place in the same lines.
//!
//! ```
//! use std::sync::Arc;
//! use dr_core::archive::directory;
//! use dr_core::ops::{
//!     BackupOptions, ReadOptions, VerifyLevel, VerifyOptions, backup, open_script, verify,
//! };
//! use dr_core::pipeline::compression::Compression;
//! use dr_core::pipeline::encryption::{Identities, Recipients, generate_key};
//! use dr_core::pipeline::keys::Keys;
//! use dr_core::repo::Repository;
//!
//! # #[tokio::main]
//! # async fn main() -> dr_core::Result<()> {
//! let script = b"SET client_encoding = 'UTF8';\n\
//!     CREATE TABLE public.polls (id integer, question text);\n\
//!     COPY public.polls (id, question) FROM stdin;\n1\tWhy?\n2\t\\N\n\\.\n\
//!     -- PostgreSQL database dump complete\n";
//!
//! let dump = open_script(Box::pin(&script[..]), &ReadOptions::new()).await?;
//! let files = directory::files(dump, Compression::Zstd(3))?;
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("operator.key");
//! let recipient = generate_key(&path)?;
//! let repository = Repository::open("memory:").await?;
//! let options = BackupOptions::new()
//!     .database("polls")
//!     .encrypt_to(Recipients::new().add(&recipient)?);
//! let receipt = backup(&files, &repository, &options).await?;
//! assert_eq!((receipt.tables, receipt.rows), (1, 2));
//!
//! let identities = Identities::new().add_file(&path, None)?;
//! let options = VerifyOptions::new().level(VerifyLevel::Deep).keys(Keys::from(identities));
//! let report = verify(&repository, "latest", &options).await?;
//! assert!(report.is_sound());
//! # Ok(())
//! # }
//! ```

pub mod archive;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod digest;
pub mod dump;
pub mod error;
pub mod event;
pub mod files;
pub mod globals;
pub mod limits;
pub mod ops;
pub mod pg;
pub mod pipeline;
pub mod repo;
pub mod sql;
pub mod text;
pub mod toc;

pub use dump::Dump;
pub use error::{Error, ErrorKind, Result};
pub use event::{Event, Observer, Watch};
pub use files::Files;
pub use limits::Limits;
