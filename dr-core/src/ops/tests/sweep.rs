//! Sweeping leftovers, in a folder of this machine.

use jiff::SignedDuration;

use super::*;

const ID: &str = "20260101T000000Z-000000";

async fn repository() -> (tempfile::TempDir, Repository, Receipt) {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::open(folder.path().to_str().unwrap())
        .await
        .unwrap();
    let receipt = backup(&Toys::small(), &repository, &options())
        .await
        .unwrap();
    (folder, repository, receipt)
}

/// Everything under a folder, by its relative path.
fn tree(folder: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path.clone());
            }
            let path = path.strip_prefix(folder).unwrap();
            found.push(path.to_str().unwrap().to_owned());
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn leftovers_older_than_the_limit_are_swept_and_backups_are_not() {
    let (folder, repository, receipt) = repository().await;
    let root = folder.path();
    let before = tree(root);
    let leftover = root.join("shop").join(ID);
    std::fs::create_dir(&leftover).unwrap();
    std::fs::write(leftover.join("1.dat"), "x").unwrap();
    std::fs::write(leftover.join("2.dat#1"), "part").unwrap();
    std::fs::create_dir(root.join("gone")).unwrap();
    let parts_only = root.join("gone/20260101T000000Z-000001");
    std::fs::create_dir(&parts_only).unwrap();
    std::fs::write(parts_only.join("2.dat#1"), "part").unwrap();
    std::fs::write(root.join(format!("{}/backup.json#1", receipt.place)), "").unwrap();
    std::fs::write(root.join("probe-01234567"), "").unwrap();
    std::fs::create_dir(root.join("shop/20260101T000000Z-000002")).unwrap();
    std::fs::write(root.join("notes.txt"), "mine").unwrap();

    // Nothing is an hour old.
    let hour = PruneOptions::new().older_than(SignedDuration::from_hours(1));
    let pruned = prune_orphans(&repository, &hour).await.unwrap();
    assert_eq!(pruned.swept, []);

    let now = PruneOptions::new().older_than(SignedDuration::from_secs(-60));
    let dry = now.clone().dry_run();
    let would = prune_orphans(&repository, &dry).await.unwrap();
    assert_eq!(would.swept.len(), 6, "{:?}", would.swept);
    assert!(leftover.join("1.dat").exists(), "a dry run deletes nothing");

    let pruned = prune_orphans(&repository, &now).await.unwrap();
    assert_eq!(pruned.swept, would.swept);
    assert_eq!(pruned.spared, []);
    let mut expected = before;
    expected.push("notes.txt".into());
    expected.sort();
    assert_eq!(
        tree(root),
        expected,
        "only what is dr's and left over is gone"
    );
    let report = verify(&repository, receipt.id.as_str(), &VerifyOptions::new())
        .await
        .unwrap();
    assert!(report.is_sound());
}

#[tokio::test]
async fn a_part_that_is_being_written_protects_its_backup() {
    let (folder, repository, _) = repository().await;
    let leftover = folder.path().join("shop").join(ID);
    std::fs::create_dir(&leftover).unwrap();
    std::fs::write(leftover.join("1.dat"), "x").unwrap();
    std::fs::write(leftover.join("2.dat#1"), "part").unwrap();
    let day_old = std::time::SystemTime::now() - std::time::Duration::from_secs(86_400);
    let file = std::fs::File::options()
        .write(true)
        .open(leftover.join("1.dat"))
        .unwrap();
    file.set_modified(day_old).unwrap();
    let hour = PruneOptions::new().older_than(SignedDuration::from_hours(1));
    let pruned = prune_orphans(&repository, &hour).await.unwrap();
    assert_eq!(pruned.swept, []);
    std::fs::remove_file(leftover.join("2.dat#1")).unwrap();
    let pruned = prune_orphans(&repository, &hour).await.unwrap();
    assert_eq!(pruned.swept.len(), 1);
    assert!(!leftover.exists());
}

#[tokio::test]
async fn a_deletion_that_was_interrupted_is_finished_at_once() {
    let (folder, repository, receipt) = repository().await;
    let place = folder.path().join(receipt.place.to_string());
    std::fs::remove_file(place.join("backup.json")).unwrap();
    std::fs::write(place.join("deleted.json"), "{}\n").unwrap();
    let pruned = prune_orphans(&repository, &PruneOptions::new())
        .await
        .unwrap();
    assert_eq!(pruned.swept.len(), 1);
    assert!(!place.exists());
}

#[tokio::test]
async fn a_damaged_mark_is_a_mark() {
    let (folder, repository, receipt) = repository().await;
    let mark = folder.path().join(format!("{}/backup.json", receipt.place));
    std::fs::write(&mark, "damaged").unwrap();
    let now = PruneOptions::new().older_than(SignedDuration::from_secs(-60));
    let pruned = prune_orphans(&repository, &now).await.unwrap();
    assert_eq!(pruned.swept, []);
}

/// Also where nothing was written but the folder: it is not kept either.
#[tokio::test]
async fn a_backup_that_fails_leaves_no_folder() {
    let (folder, repository, _) = repository().await;
    let before = tree(folder.path());
    struct Nothing;
    impl Files for Nothing {
        fn list(&self) -> Vec<FileInfo> {
            Toys::small().list()
        }
        fn open<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<ByteStream>> {
            Box::pin(async { Err(Error::new(ErrorKind::Connect, "the server is gone")) })
        }
    }
    let error = backup(&Nothing, &repository, &options().database("shop"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert_eq!(tree(folder.path()), before);
}

#[tokio::test]
async fn there_is_nothing_to_sweep_where_there_is_no_repository() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("absent");
    let repository = Repository::open(path.to_str().unwrap()).await.unwrap();
    let error = prune_orphans(&repository, &PruneOptions::new())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing);
    assert!(!path.exists());
}
