//! What is intact of a damaged dump is taken, and what is not is listed, all of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use dr_core::archive::{custom, directory, folder::Folder};
use dr_core::ops::{
    Damage, ReadOptions, RestoreOptions, VerifyOptions, open_dump, restore, salvage, verify_dump,
};
use dr_core::pg::{ConnInfo, Environment};
use dr_core::pipeline::compression::Compression;
use dr_core::toc::{Kind, Plan};
use dr_core::{Dump, ErrorKind};
use dr_tests::{Cluster, Polling, contents, dr, files_below, fixture};
use serde_json::Value;

async fn taken(dump: Arc<dyn Dump>) -> (Arc<dyn Dump>, Vec<String>) {
    let salvaged = salvage(dump, &Damage::new(), &VerifyOptions::new())
        .await
        .unwrap();
    let lost = salvaged.lost.into_iter().map(|lost| lost.what).collect();
    (salvaged.dump, lost)
}

async fn rows(dump: &Arc<dyn Dump>) -> (u64, u64, u64) {
    let report = verify_dump(Arc::clone(dump), &VerifyOptions::new())
        .await
        .unwrap();
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    (report.tables, report.rows, report.large_objects)
}

/// Wherever an archive is cut, what stood whole in front of the cut is taken, and what is taken can
/// be written as an archive that is sound.
#[tokio::test]
async fn an_archive_cut_anywhere_gives_all_that_stands_in_front() {
    let sound = Bytes::from(std::fs::read(fixture("archives/custom/15-6")).unwrap());
    let whole: Arc<dyn Dump> = Arc::new(custom::dump(Arc::new(sound.clone())).await.unwrap());
    assert_eq!(taken(Arc::clone(&whole)).await.1, [""; 0]);
    let all = rows(&whole).await;
    let mut before = 0;
    for length in 0..sound.len() {
        let Ok(cut) = custom::dump(Arc::new(sound.slice(..length))).await else {
            assert_eq!(
                before, 0,
                "a table of contents that was whole is not any more"
            );
            continue;
        };
        let (left, lost) = taken(Arc::new(cut)).await;
        let found = rows(&left).await;
        let lost_tables = lost.iter().filter(|what| what.contains("TABLE DATA"));
        let kept = all.0 - lost_tables.count() as u64;
        assert_eq!(found.0, kept, "{length}: {lost:?}");
        // Whether a block is whole is only known by what stands behind it: cut in the next one's
        // first bytes, it is not taken.
        assert!(kept + 1 >= before, "{length}: {lost:?}");
        before = before.max(kept);
        assert!(
            !lost.is_empty() || found == all,
            "{length}: lost in silence"
        );
        if length % 97 == 0 {
            let archive = custom::archive(left, Compression::Gzip(1)).unwrap();
            let mut file = std::io::Cursor::new(Vec::new());
            archive.write(&mut file).await.unwrap();
            let again = custom::dump(Arc::new(Bytes::from(file.into_inner()))).await;
            assert_eq!(
                rows(&(Arc::new(again.unwrap()) as Arc<dyn Dump>)).await,
                found
            );
        }
    }
    assert!(before > 0);
}

/// A copy of a folder, to be damaged.
fn copy(from: &Path) -> (tempfile::TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let to = place.path().join("archive");
    std::fs::create_dir(&to).unwrap();
    for file in files_below(from) {
        std::fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
    }
    (place, to)
}

#[tokio::test]
async fn one_large_object_that_is_lost_costs_no_other() {
    let (_place, archive) = copy(&fixture("archives/17-none"));
    std::fs::remove_file(archive.join("blob_7003.dat")).unwrap();
    let folder = Folder::open(&archive).await.unwrap();
    let dump: Arc<dyn Dump> = Arc::new(directory::dump(Arc::new(folder)).await.unwrap());
    let (left, lost) = taken(dump).await;
    assert_eq!(lost, ["large object 7003"]);
    assert_eq!(rows(&left).await.2, 2);
    // It is not made empty in place of what it was.
    for entry in &left.toc().entries {
        let oids = left.toc().large_objects(entry).unwrap();
        assert!(!oids.contains(&7003), "{entry}");
        if entry.kind == Kind::Blobs && !oids.is_empty() {
            let error = left.large_object(entry.id, 7003).await.err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Missing);
        }
    }
}

/// The keys to a table whose rows are lost could not be made, and would end the restore of the rest.
#[tokio::test]
async fn what_is_left_of_a_database_is_restored_without_the_keys_that_cannot_hold() {
    let cluster = Cluster::shared(18);
    let source = cluster.create_database("salvage").await;
    Polling::with_votes(1000).load(&source).await;
    let place = tempfile::tempdir().unwrap();
    let archive = place.path().join("archive");
    source
        .pg_dump(18)
        .args(["--format=directory", "--file"])
        .arg(&archive)
        .output_ok();
    let whole = open_dump(&archive, &ReadOptions::new()).await.unwrap();
    let users = whole
        .toc()
        .entries
        .iter()
        .find(|entry| entry.kind == Kind::TableData && &entry.tag[..] == b"users_user");
    let file = archive.join(format!("{}.dat.gz", users.unwrap().id));
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();

    let dump = open_dump(&archive, &ReadOptions::new()).await.unwrap();
    let (left, lost) = taken(dump).await;
    assert!(
        lost[0].ends_with("(TABLE DATA public.users_user)"),
        "{lost:?}"
    );
    assert!(lost.len() > 1 && lost[1..].iter().all(|what| what.contains("FK CONSTRAINT")));
    let target = cluster.create_database("salvaged").await;
    let info = ConnInfo::resolve(Some(target.conninfo()), &Environment::empty()).unwrap();
    let plan = Plan::of(left.toc());
    let restored = restore(&plan, &*left, &info, &RestoreOptions::new())
        .await
        .unwrap();
    assert!(restored.is_sound());
    let (mut expected, found) = (contents(&source).await, contents(&target).await);
    for (name, content) in &mut expected {
        // What is computed of the users by a view is computed of nobody.
        if found.get(name) != Some(content) {
            assert!(
                name.contains("users_user") || name.contains("user"),
                "{name} is lost in silence"
            );
        }
    }
    let keys = "SELECT count(*) FROM pg_constraint WHERE contype = 'f'";
    let (had, has): (usize, usize) = (
        source.value(keys).await.parse().unwrap(),
        target.value(keys).await.parse().unwrap(),
    );
    assert!(had > has && has > 0, "{had} {has}");
    assert_eq!(target.value("SELECT count(*) FROM users_user").await, "0");
}

fn find(text: &[u8], what: &[u8]) -> usize {
    let mut windows = text.windows(what.len());
    windows.position(|window| window == what).unwrap()
}

/// A plain dump that a full disk has cut, compressed or not: every table in front of the cut is
/// whole, the one in which it is cut is told, and nothing of it is taken.
#[tokio::test]
async fn a_script_cut_short_gives_the_tables_in_front() {
    let cluster = Cluster::shared(18);
    let source = cluster.create_database("salvage_script").await;
    Polling::with_votes(2000).load(&source).await;
    let place = tempfile::tempdir().unwrap();
    let (whole, cut) = (place.path().join("whole.sql"), place.path().join("cut.sql"));
    source.pg_dump(18).arg("--file").arg(&whole).output_ok();
    let text = std::fs::read(&whole).unwrap();
    let at = find(&text, b"COPY public.votes_vote (");
    let rows = find(&text[at..], b";\n");
    let middle = at + rows + 1000;
    std::fs::write(&cut, &text[..middle]).unwrap();
    let packed = place.path().join("cut.sql.gz");
    let mut gzip = std::process::Command::new("gzip")
        .arg("--stdout")
        .arg(&whole)
        .output()
        .unwrap()
        .stdout;
    gzip.truncate(gzip.len() / 2);
    std::fs::write(&packed, gzip).unwrap();

    let before = contents(&source).await;
    for (number, file) in [&cut, &packed].into_iter().enumerate() {
        let refused = dr().arg("verify").arg(file).output();
        assert_eq!(refused.code, Some(3), "{}", refused.stderr);
        let target = cluster.database(&format!("salvaged_script_{number}"));
        let restored = dr()
            .arg("restore")
            .arg(file)
            .args(["--salvage", "--create", "--json", "--to", target.conninfo()])
            .output();
        assert_eq!(restored.code, Some(3), "{}", restored.stderr);
        let report: Value = serde_json::from_slice(&restored.stdout).unwrap();
        assert_eq!(report["verdict"], "equal", "{report}");
        let lost = report["lost"].as_array().unwrap();
        assert!(!lost.is_empty());
        let told = |name: &str| {
            let mut all = lost.iter();
            all.any(|lost| lost["what"].as_str().unwrap().contains(name))
        };
        assert!(told("everything"), "{report}");
        let left = contents(&target).await;
        let mut equal = 0;
        for (name, content) in &left {
            equal += usize::from(before.get(name) == Some(content));
        }
        assert!(equal > 3, "{left:?}");
        if number == 0 {
            assert!(told("votes_vote"), "{report}");
            let votes = target.value("SELECT count(*) FROM votes_vote").await;
            assert_eq!(votes, "0");
        }
    }
}

/// What is intact of a damaged archive becomes a sound one; without the word nothing is written.
#[tokio::test]
async fn a_damaged_archive_is_converted_into_a_sound_one_without_what_is_lost() {
    let (place, archive) = copy(&fixture("archives/18-gzip"));
    std::fs::remove_file(archive.join("3354.dat.gz")).unwrap();
    let to = place.path().join("left.dump");
    let convert = |more: &[&str]| {
        dr().arg("convert")
            .arg(&archive)
            .arg(&to)
            .args(more)
            .output()
    };
    let refused = convert(&[]);
    assert_ne!(refused.code, Some(0));
    assert!(!to.exists());
    let done = convert(&["--salvage"]);
    assert_eq!(done.code, Some(3), "{}", done.stderr);
    assert!(done.text().contains("lost: entry 3354"), "{}", done.text());
    dr().arg("verify").arg(&to).output_ok();
    dr_tests::stock(18, "pg_restore")
        .arg("--list")
        .arg(&to)
        .output_ok();
}
