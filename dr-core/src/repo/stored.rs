//! A stored backup as [`Files`]: every byte checked and taken back through its stages. Used by
//! restore, extract and deep verification; produced by [`Repository::files`].

use std::collections::HashMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{StreamExt, stream};
use tokio::io::AsyncReadExt;

use super::checked::{Checked, Verdict, altered, wrong_size};
use super::layout::{IDENTITY, MANIFEST, Place, SUMS};
use super::manifest::{FileRecord, Manifest};
use super::repository::{Backup, Repository};
use super::sums::Sums;
use super::upload::Stored;
use crate::digest::Sha256;
use crate::error::{Error, ErrorKind, Result};
use crate::files::{ByteStream, Evidence, FileInfo, Files};
use crate::limits::Limit;
use crate::pipeline::keys::Keys;
use crate::pipeline::tap::Meter;
use crate::pipeline::{Stage, streams, wrap_reader};

/// A sealed identity is a few hundred bytes.
const IDENTITY_LIMIT: Limit = Limit::fixed(1 << 20);

/// The files of a stored backup, as they were before the stages.
///
/// Reading a file fails, at the latest where it would end, unless every stored byte was what was
/// recorded when the backup was made; until then what was read is authentic only as far as the
/// stages make it so.
#[derive(Clone)]
pub struct StoredFiles {
    source: Source,
    stages: Vec<Arc<dyn Stage>>,
    manifest: Arc<Manifest>,
    by_name: Arc<HashMap<String, usize>>,
}

impl std::fmt::Debug for StoredFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredFiles")
            .field("place", &self.source.place)
            .field("files", &self.manifest.files.len())
            .finish_non_exhaustive()
    }
}

/// Stored objects with what was recorded of them.
#[derive(Clone)]
struct Source {
    repository: Repository,
    place: Place,
    sizes: Arc<std::collections::BTreeMap<String, u64>>,
}

impl Repository {
    /// The digests of a backup's objects, checked against its mark.
    ///
    /// # Errors
    ///
    /// `Missing` if `SHA256SUMS` is, `Integrity` if it is not the one that the mark names.
    pub async fn sums(&self, backup: &Backup) -> Result<Sums> {
        let key = || backup.place.key(SUMS);
        let text = self
            .read(&backup.place, SUMS, self.limits().sums_bytes())
            .await?;
        if Sha256::of(&text) != backup.mark.sums {
            return Err(Error::new(
                ErrorKind::Integrity,
                "SHA256SUMS is damaged: it is not the one that the commit mark names",
            )
            .of_key(key()));
        }
        let sums = Sums::parse(&text).map_err(|error| error.of_key(key()))?;
        for (name, _) in sums.iter() {
            if !backup.mark.objects.contains_key(name) {
                return Err(Error::new(
                    ErrorKind::Integrity,
                    format!("SHA256SUMS names {name}, which the commit mark does not"),
                )
                .of_key(key()));
            }
        }
        Ok(sums)
    }

    /// The files of a backup: reads its manifest with `keys`.
    ///
    /// # Errors
    ///
    /// `Key` if a key is missing or the wrong one; `Integrity`, `Missing` or `Stage` if the
    /// backup is damaged.
    pub async fn files(&self, backup: &Backup, keys: &Keys) -> Result<StoredFiles> {
        let sums = self.sums(backup).await?;
        let source = Source {
            repository: self.clone(),
            place: backup.place.clone(),
            sizes: Arc::new(backup.mark.objects.clone()),
        };
        let recorded = |name: &str| {
            sums.get(name).ok_or_else(|| {
                Error::new(ErrorKind::Integrity, "it is not in SHA256SUMS")
                    .of_key(backup.place.key(name))
            })
        };
        let sealed_identity = if backup.mark.has_passphrase() {
            let sum = recorded(IDENTITY)?;
            Some(source.read(&[], IDENTITY, sum, IDENTITY_LIMIT).await?)
        } else {
            None
        };
        let stages = keys
            .stages(&backup.mark.stages, sealed_identity)
            .await
            .map_err(|error| error.of_key(&backup.place))?;
        let suffixes: String = stages.iter().map(|stage| stage.suffix()).collect();
        let stored = format!("{MANIFEST}{suffixes}");
        let sum = recorded(&stored)?;
        let text = source
            .read(&stages, &stored, sum, self.limits().manifest_bytes())
            .await?;
        let manifest =
            Manifest::parse(&text).map_err(|error| error.of_key(backup.place.key(&stored)))?;
        let differs = |what: &str| {
            Error::new(
                ErrorKind::Integrity,
                format!("the manifest and the {what} do not belong together"),
            )
            .of_key(&backup.place)
        };
        if manifest.id != backup.mark.id
            || manifest.database != backup.mark.database
            || manifest.stages != backup.mark.stages
            || manifest.members != backup.mark.members
        {
            return Err(differs("commit mark"));
        }
        let mut by_name = HashMap::with_capacity(manifest.files.len());
        for (index, file) in manifest.files.iter().enumerate() {
            if sums.get(&file.stored) != Some(file.sha256)
                || by_name.insert(file.name.clone(), index).is_some()
            {
                return Err(differs("digests in SHA256SUMS"));
            }
        }
        Ok(StoredFiles {
            source,
            stages,
            manifest: Arc::new(manifest),
            by_name: Arc::new(by_name),
        })
    }
}

impl StoredFiles {
    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    async fn open_file(&self, name: &str) -> Result<ByteStream> {
        let index = *self.by_name.get(name).ok_or_else(|| {
            Error::new(
                ErrorKind::Missing,
                format!("the backup has no file {name:?}"),
            )
            .of_key(&self.source.place)
        })?;
        let record = self.manifest.files[index].clone();
        let (inner, verdict) = self
            .source
            .open(&self.stages, &record.stored, record.sha256)
            .await?;
        let reading = Reading {
            inner,
            verdict,
            record,
            source: self.source.clone(),
            plain: 0,
        };
        let pieces = stream::try_unfold(Some(reading), |reading| async move {
            let Some(mut reading) = reading else {
                return Ok(None);
            };
            match reading.inner.next().await {
                Some(Ok(piece)) => {
                    reading.plain += piece.len() as u64;
                    Ok(Some((piece, Some(reading))))
                }
                Some(Err(error)) => {
                    let Reading { source, record, .. } = reading;
                    Err(source.diagnose(error, &record.stored, record.sha256).await)
                }
                None => reading.end().map(|()| None),
            }
        });
        Ok(pieces.boxed())
    }
}

/// One file being read.
struct Reading {
    inner: ByteStream,
    verdict: Verdict,
    record: FileRecord,
    source: Source,
    plain: u64,
}

impl Reading {
    /// Whether the stages' end is the file's.
    fn end(&self) -> Result<()> {
        let wrong = |message: String| {
            Err(Error::new(ErrorKind::Integrity, message)
                .of_key(self.source.place.key(&self.record.stored)))
        };
        if !self.verdict.is_sound() {
            return wrong("a stage ended before everything that is stored was read".into());
        }
        if self.plain != self.record.bytes {
            return wrong(format!(
                "{} bytes came out of its stages, and {} went in",
                self.plain, self.record.bytes
            ));
        }
        Ok(())
    }
}

impl Source {
    async fn open(
        &self,
        stages: &[Arc<dyn Stage>],
        stored: &str,
        sha256: Sha256,
    ) -> Result<(ByteStream, Verdict)> {
        let key = || self.place.key(stored);
        let bytes = self.sizes.get(stored).copied().ok_or_else(|| {
            Error::new(ErrorKind::Integrity, "the commit mark does not name it").of_key(key())
        })?;
        let (size, raw) = self.repository.open_object(&self.place, stored).await?;
        if size != bytes {
            return Err(wrong_size(size, bytes).of_key(key()));
        }
        let (checked, verdict) = Checked::new(raw, Stored { bytes, sha256 });
        // Large reads: a local file is read by another thread, which costs the same for a byte.
        let buffered = tokio::io::BufReader::with_capacity(1 << 18, checked);
        match wrap_reader(stages, Box::pin(buffered)).await {
            Ok(reader) => Ok((streams::stream_of(reader), verdict)),
            Err(error) => Err(self.diagnose(error, stored, sha256).await),
        }
    }

    /// A whole small object, through its stages.
    async fn read(
        &self,
        stages: &[Arc<dyn Stage>],
        stored: &str,
        sha256: Sha256,
        limit: Limit,
    ) -> Result<Vec<u8>> {
        let (mut pieces, verdict) = self.open(stages, stored, sha256).await?;
        let mut text = Vec::new();
        while let Some(piece) = pieces.next().await {
            match piece {
                Ok(piece) => text.extend_from_slice(&piece),
                Err(error) => return Err(self.diagnose(error, stored, sha256).await),
            }
            if text.len() as u64 > limit.most() {
                return Err(limit
                    .exceeded("it has more bytes")
                    .of_key(self.place.key(stored)));
            }
        }
        if !verdict.is_sound() {
            return Err(Error::new(
                ErrorKind::Integrity,
                "a stage ended before everything that is stored was read",
            )
            .of_key(self.place.key(stored)));
        }
        Ok(text)
    }

    /// The error of a stage says that it could not go on. Whether that is because of the key or
    /// because of the bytes, their digest tells: a flipped bit in an age header looks like the
    /// wrong key to age.
    async fn diagnose(&self, error: Error, stored: &str, sha256: Sha256) -> Error {
        let key = self.place.key(stored);
        if !matches!(error.kind(), ErrorKind::Stage | ErrorKind::Key) {
            return if error.key().is_some() {
                error
            } else {
                error.of_key(key)
            };
        }
        match self.digest(stored).await {
            Ok(found) if found != sha256 => altered().of_key(key).caused_by(error),
            // Sound, or not to be found out: the stage's own words are the best there are.
            _ => error.of_key(key),
        }
    }

    async fn digest(&self, stored: &str) -> Result<Sha256> {
        let (_, mut raw) = self.repository.open_object(&self.place, stored).await?;
        let mut meter = Meter::new();
        let mut buffer = vec![0; 1 << 18];
        loop {
            match raw.read(&mut buffer).await? {
                0 => return Ok(meter.sha256()),
                read => meter.update(&buffer[..read]),
            }
        }
    }
}

impl Files for StoredFiles {
    fn list(&self) -> Vec<FileInfo> {
        let mut files: Vec<_> = self
            .manifest
            .files
            .iter()
            .map(|file| FileInfo {
                name: file.name.clone(),
                size_hint: Some(file.bytes),
            })
            .collect();
        files.sort_by_key(|file| std::cmp::Reverse(file.size_hint));
        files
    }

    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<ByteStream>> {
        Box::pin(self.open_file(name))
    }

    fn evidence(&self) -> Evidence {
        self.manifest.evidence.clone()
    }
}
