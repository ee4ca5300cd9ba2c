//! Scripts of whole clusters, as pg_dumpall writes them.
//!
//! - Any text is told or refused.
//! - What is told of a database is what taking it gives: its rows, and the bytes of them; the globals
//!   are those that are told, whichever database is taken.
//! - A database that is told is never missing.

use dr_core::dump::Data;
use dr_core::ops::{Found, ReadOptions, look_into};
use dr_core::{ErrorKind, Result};
use futures::TryStreamExt;

use crate::memory::runtime;
use crate::script::limited;

/// See the module.
pub fn hold(text: &[u8]) {
    runtime().block_on(held(text));
}

async fn look(text: &[u8], options: &ReadOptions) -> Result<Found> {
    look_into(Box::pin(std::io::Cursor::new(text.to_vec())), options).await
}

async fn held(text: &[u8]) {
    let options = limited();
    let Ok(Found::Cluster(contents)) = look(text, &options).await else {
        return;
    };
    for told in &contents.databases {
        let twice = contents
            .databases
            .iter()
            .filter(|one| one.name == told.name);
        // Of two of one name only one can be meant, and a name that is no text cannot be given.
        if twice.count() > 1 || told.name.contains('\u{fffd}') {
            continue;
        }
        let found = match look(text, &options.clone().database(&told.name)).await {
            Ok(Found::Dump(dump)) => dump,
            Ok(Found::Cluster(_)) => panic!("{:?} was asked for, and none was taken", told.name),
            Err(error) => {
                assert_ne!(error.kind(), ErrorKind::Missing, "{error}");
                continue;
            }
        };
        let evidence = found.evidence();
        assert_eq!(evidence.globals.as_ref(), Some(&contents.globals));
        let (mut rows, mut bytes, mut is_copied) = (0, 0, true);
        for entry in found.toc().entries.iter().filter(|entry| entry.has_data) {
            let Data::Rows(mut data) = found.data(entry.id).await.expect("data") else {
                is_copied = false;
                continue;
            };
            is_copied &= entry.copy_statement.is_some();
            while let Some(piece) = data.try_next().await.expect("rows") {
                bytes += piece.len() as u64;
                if entry.copy_statement.is_some() {
                    rows += piece.iter().filter(|byte| **byte == b'\n').count() as u64;
                }
            }
        }
        assert_eq!(rows, told.rows, "rows of {:?}", told.name);
        // Those of statements and large objects are counted as they stand in the script.
        assert!(
            bytes == told.bytes || !is_copied,
            "bytes of {:?}",
            told.name
        );
    }
}
