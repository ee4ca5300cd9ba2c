//! The verbs over a store in memory: toys that the tests share, and the tests by what they break.

#![allow(clippy::unwrap_used)]

mod commit;
mod damage;
mod faults;
mod faulty;
mod keys;
mod lies;
mod maintenance;
mod spawned;
mod stages;
mod sweep;

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::error::{Error, ErrorKind, Result};
use crate::files::{ByteStream, Evidence, FileInfo, Files};
use crate::pipeline::encryption::{Identities, Recipients, generate_key};
use crate::repo::{Kind, Repository};

use super::*;

/// Files in memory, told in pieces.
#[derive(Clone)]
struct Toys(Vec<(String, Vec<u8>)>);

impl Toys {
    fn of(files: &[(&str, usize)]) -> Self {
        Self(
            files
                .iter()
                .map(|(name, length)| {
                    let bytes = (0..*length).map(|i| (i % 251) as u8 ^ name.len() as u8);
                    ((*name).to_owned(), bytes.collect())
                })
                .collect(),
        )
    }

    fn small() -> Self {
        Self::of(&[("2.dat", 300), ("1.dat", 7), ("0.dat", 0), ("toc.dat", 50)])
    }

    fn get(&self, name: &str) -> Option<&Vec<u8>> {
        self.0
            .iter()
            .find_map(|(known, bytes)| (known == name).then_some(bytes))
    }
}

impl Files for Toys {
    fn list(&self) -> Vec<FileInfo> {
        self.0
            .iter()
            .map(|(name, bytes)| FileInfo {
                name: name.clone(),
                size_hint: Some(bytes.len() as u64),
            })
            .collect()
    }

    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<ByteStream>> {
        Box::pin(async move {
            let bytes = self
                .get(name)
                .ok_or_else(|| Error::new(ErrorKind::Missing, "no such toy"))?;
            let pieces: Vec<_> = bytes
                .chunks(100)
                .map(|piece| Ok(Bytes::copy_from_slice(piece)))
                .collect();
            Ok(stream::iter(pieces).boxed())
        })
    }

    fn evidence(&self) -> Evidence {
        let mut evidence = Evidence::default();
        evidence.source.database = "shop".into();
        evidence
    }
}

/// With a file of several parts.
fn toys() -> Toys {
    Toys::of(&[("2.dat", 4500), ("1.dat", 7), ("toc.dat", 50)])
}

fn options() -> BackupOptions {
    BackupOptions::new().kind(Kind::Files).jobs(2)
}

fn memory() -> (Arc<InMemory>, Repository) {
    let store = Arc::new(InMemory::new());
    (store.clone(), Repository::with_small_parts(store))
}

fn key_pair() -> (Recipients, Identities) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let recipient = generate_key(&path).unwrap();
    (
        Recipients::new().add(&recipient).unwrap(),
        Identities::new().add_file(&path, None).unwrap(),
    )
}

async fn keys_of(store: &dyn ObjectStore) -> Vec<Path> {
    let mut keys: Vec<_> = store
        .list(None)
        .map_ok(|object| object.location)
        .try_collect()
        .await
        .unwrap();
    keys.sort();
    keys
}

async fn content(store: &dyn ObjectStore, key: &Path) -> Vec<u8> {
    let found = store.get(key).await.unwrap();
    found.bytes().await.unwrap().to_vec()
}

async fn read_all(files: &dyn Files) -> Result<Vec<(String, Vec<u8>)>> {
    let mut read = Vec::new();
    for file in files.list() {
        let pieces: Vec<Bytes> = files.open(&file.name).await?.try_collect().await?;
        read.push((file.name, pieces.concat()));
    }
    Ok(read)
}

/// Whether the files read are the toys, whatever their order.
fn assert_same(read: Vec<(String, Vec<u8>)>, toys: &Toys) {
    let mut read = read;
    let mut expected = toys.0.clone();
    read.sort();
    expected.sort();
    assert!(read == expected, "the files read are those stored");
}
