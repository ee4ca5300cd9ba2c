//! dr: PostgreSQL disaster recovery as a library.
//!
//! A database is taken out under one snapshot, stored as one committed, encrypted backup, and
//! brought back with proof that every table holds what was dumped. No `pg_dump`, `psql` or other
//! client program is used. The command `dr` is a thin door into this crate.
//!
//! # Two joints
//!
//! - A [`Dump`] is a [`Toc`](toc::Toc), what the dump contains in pg_dump's own words, and the data of
//!   each entry as a stream. Live databases ([`pg`]), directory archives ([`archive`]) and plain SQL
//!   scripts ([`sql`]) are all read as one.
//! - [`Files`] are names and bytes: an archive being written, a stored backup.
//!
//! Both are lazy views: nothing moves until a verb of [`ops`] pulls, and dropping a future aborts.
//! The verbs put files into a [`Repository`](repo::Repository) and take them out; a backup exists once its commit
//! mark does. What is stored is a pg_dump directory archive, so that stock tools can undo it.
//!
//! # Example
//!
//! A plain dump becomes an encrypted backup, which is then verified down to its rows. A live
//! database takes the dump's place in the same lines.
//!
//! ```
//! use std::sync::Arc;
//! use dr_core::archive::directory;
//! use dr_core::event::Watch;
//! use dr_core::ops::{BackupOptions, VerifyLevel, VerifyOptions, backup, open_script, verify};
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
//! let dump = open_script(Box::pin(&script[..]), Watch::default()).await?;
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
