//! What Python asks of a verb, word by word. `dr-py/python/dr` writes it, and nobody else: a word that
//! is not known is a mistake between the two halves, and refused.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use dr_core::archive::codec::Version;
use dr_core::ops;
use dr_core::pg::{ConnInfo, Environment};
use dr_core::pipeline::encryption::{Identities, Recipients, Secret};
use dr_core::pipeline::keys::Keys;
use dr_core::toc::Selection;
use dr_core::{Error, ErrorKind, Limits, Result};
use serde::Deserialize;

/// Where the backups lie, and how much of what lies there is taken.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    pub(crate) url: String,
    #[serde(default)]
    limits: BTreeMap<String, u64>,
}

impl Place {
    pub(crate) fn limits(&self) -> Result<Limits> {
        let mut limits = Limits::default();
        for (name, most) in &self.limits {
            limits.set(name, *most)?;
        }
        Ok(limits)
    }
}

/// A backup in a repository, or a dump in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct What {
    /// None for a dump in a file.
    pub(crate) repository: Option<Place>,
    /// A backup's id, the beginning of one, `latest`; or a path.
    pub(crate) name: String,
    /// Which database of a file of several is meant.
    #[serde(default)]
    pub(crate) database: Option<String>,
    #[serde(default)]
    pub(crate) keys: KeyWords,
}

/// Keys that open backups.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct KeyWords {
    identity: Vec<PathBuf>,
    passphrase_file: Option<PathBuf>,
}

impl KeyWords {
    /// Whether there are any.
    pub(crate) fn are_given(&self) -> bool {
        !self.identity.is_empty() || self.passphrase_file.is_some()
    }

    pub(crate) fn keys(&self) -> Result<Keys> {
        let passphrase = secret(self.passphrase_file.as_deref())?;
        let mut identities = Identities::new();
        for file in &self.identity {
            identities = identities.add_file(file, passphrase.as_ref())?;
        }
        let keys = Keys::none().identities(identities);
        Ok(match passphrase {
            Some(passphrase) => keys.passphrase(passphrase),
            None => keys,
        })
    }
}

fn secret(file: Option<&std::path::Path>) -> Result<Option<Secret>> {
    file.map(Secret::from_file).transpose()
}

/// Parts of a database, in pg_dump's patterns.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Parts {
    tables: Vec<String>,
    exclude_tables: Vec<String>,
    schemas: Vec<String>,
    exclude_schemas: Vec<String>,
    exclude_table_data: Vec<String>,
}

impl Parts {
    pub(crate) fn selection(&self) -> Selection {
        let mut selection = Selection::tables(&self.tables);
        for pattern in &self.schemas {
            selection = selection.and_schema(pattern);
        }
        for pattern in &self.exclude_tables {
            selection = selection.without_table(pattern);
        }
        for pattern in &self.exclude_schemas {
            selection = selection.without_schema(pattern);
        }
        for pattern in &self.exclude_table_data {
            selection = selection.without_data_of(pattern);
        }
        selection
    }
}

/// A database: a libpq connection string or URI. Prints nothing.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Database(String);

impl Database {
    /// Completed as libpq would.
    pub(crate) fn resolve(&self, work: &crate::work::Work) -> Result<ConnInfo> {
        let info = ConnInfo::resolve(Some(&self.0), &Environment::of_process())?;
        for notice in info.notices() {
            work.watch().notice(notice);
        }
        Ok(info)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Backup {
    pub(crate) repository: Place,
    pub(crate) database: Database,
    #[serde(default)]
    pub(crate) jobs: Jobs,
    pub(crate) compression: String,
    pub(crate) encrypt_to: Vec<String>,
    pub(crate) recipients_file: Vec<PathBuf>,
    pub(crate) passphrase_file: Option<PathBuf>,
    pub(crate) label: Option<String>,
    pub(crate) parts: Parts,
    pub(crate) lock_timeout: Option<f64>,
    pub(crate) serializable_deferrable: bool,
    pub(crate) role: Option<String>,
    pub(crate) record: BTreeMap<String, String>,
    pub(crate) schema_only: bool,
    pub(crate) statistics: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackupAll {
    pub(crate) backup: Backup,
    pub(crate) exclude_databases: Vec<String>,
}

impl Backup {
    pub(crate) fn recipients(&self) -> Result<Recipients> {
        let mut recipients = Recipients::new();
        for recipient in &self.encrypt_to {
            // No error repeats what was given: it may be an identity, given by mistake.
            recipients = recipients.add(recipient)?;
        }
        for file in &self.recipients_file {
            recipients = recipients.add_file(file)?;
        }
        Ok(match secret(self.passphrase_file.as_deref())? {
            Some(passphrase) => recipients.passphrase(passphrase),
            None => recipients,
        })
    }

    pub(crate) fn lock_timeout(&self) -> Result<Option<Duration>> {
        self.lock_timeout
            .map(|limit| seconds("lock_timeout", limit))
            .transpose()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct List {
    pub(crate) repository: Place,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Show {
    pub(crate) what: What,
    pub(crate) entries: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Verify {
    pub(crate) what: What,
    pub(crate) level: String,
    #[serde(default)]
    pub(crate) jobs: Jobs,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyDump {
    pub(crate) what: What,
    #[serde(default)]
    pub(crate) jobs: Jobs,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyAgainstLive {
    pub(crate) what: What,
    pub(crate) database: Database,
    #[serde(default)]
    pub(crate) jobs: Jobs,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    pub(crate) what: What,
    pub(crate) parts: Parts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Restore {
    pub(crate) what: What,
    pub(crate) into: Database,
    pub(crate) parts: Parts,
    #[serde(default)]
    pub(crate) jobs: Jobs,
    pub(crate) create: bool,
    pub(crate) single_transaction: bool,
    pub(crate) no_owner: bool,
    pub(crate) no_acl: bool,
    pub(crate) no_tablespaces: bool,
    pub(crate) keep_failed: bool,
    pub(crate) globals: bool,
    pub(crate) exclude_kinds: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestoreAll {
    pub(crate) what: What,
    pub(crate) into: Database,
    #[serde(default)]
    pub(crate) jobs: Jobs,
    pub(crate) no_owner: bool,
    pub(crate) no_acl: bool,
    pub(crate) no_tablespaces: bool,
    pub(crate) keep_failed: bool,
    pub(crate) globals: bool,
    pub(crate) exclude_kinds: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestoreGlobals {
    pub(crate) what: What,
    pub(crate) into: Database,
    pub(crate) no_tablespaces: bool,
}

/// A path, and what is written there; what is not said, the path's name says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct To {
    path: PathBuf,
    format: Option<String>,
    compression: Option<String>,
}

impl To {
    pub(crate) fn extract(self, version: Option<Version>) -> Result<ops::Extract> {
        let format = self.format.as_deref().map(str::parse).transpose()?;
        let compression = self.compression.as_deref().map(str::parse).transpose()?;
        let name = self.path.to_string_lossy();
        let (format, compression) = ops::Format::of_name(&name, format, compression, version);
        Ok(ops::Extract::at(self.path, format, compression))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Extract {
    pub(crate) what: What,
    pub(crate) tables: Vec<String>,
    pub(crate) with_dependencies: bool,
    pub(crate) no_owner: bool,
    pub(crate) no_acl: bool,
    #[serde(default)]
    pub(crate) jobs: Jobs,
    pub(crate) to: Option<To>,
    pub(crate) into: Option<Database>,
}

impl Extract {
    /// Refuses what has no meaning for what is written.
    pub(crate) fn check(&self, format: ops::Format) -> Result<()> {
        let is_rows = format == ops::Format::Rows;
        let refused = if self.jobs.0.is_some() && format != ops::Format::Directory {
            "jobs is for a directory archive: everything else is one stream"
        } else if self.no_owner && format != ops::Format::Script {
            "no_owner is for a script: an archive keeps its owners, rows have none"
        } else if is_rows && (self.no_acl || self.with_dependencies) {
            "rows alone have no privileges and no dependencies"
        } else {
            return Ok(());
        };
        Err(Error::new(ErrorKind::Usage, refused))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Convert {
    pub(crate) what: What,
    pub(crate) to: To,
    pub(crate) archive_version: Option<String>,
    #[serde(default)]
    pub(crate) jobs: Jobs,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rows {
    pub(crate) what: What,
    pub(crate) table: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Prune {
    pub(crate) repository: Place,
    pub(crate) older_than: f64,
    pub(crate) dry_run: bool,
}

/// Connections, or objects, at once.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Jobs(Option<u16>);

impl Jobs {
    /// Those asked for; else as many as there are processors, but not so many that a database would
    /// feel it.
    pub(crate) fn count(&self) -> Result<usize> {
        match self.0 {
            Some(jobs @ 1..=512) => Ok(jobs.into()),
            Some(_) => Err(Error::new(ErrorKind::Usage, "jobs are 1 to 512")),
            None => {
                Ok(std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(1, 4)))
            }
        }
    }
}

/// A time in seconds.
pub(crate) fn seconds(what: &str, seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|error| {
        Error::new(
            ErrorKind::Usage,
            format!("{what} is a number of seconds, not {seconds}"),
        )
        .caused_by(error)
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Latest {
    pub(crate) repository: Place,
    pub(crate) database: Option<String>,
}
