//! A backup that works: what is stored, in what order, and what is told of it.

use std::sync::Mutex;

use super::*;
use crate::event::{Event, Watch};
use crate::pipeline::keys::Keys;
use crate::repo::names;

#[tokio::test]
async fn a_backup_is_listed_found_and_read_back() {
    let (_, repository) = memory();
    let toys = Toys::of(&[("big.dat", 5000), ("1.dat", 7), ("toc.dat", 50)]);
    let receipt = backup(&toys, &repository, &options().label("first"))
        .await
        .unwrap();
    assert_eq!(receipt.bytes_files, 5057);
    let listed = repository.list().await.unwrap();
    assert_eq!(listed.len(), 1);
    let id = receipt.id.as_str();
    for text in [
        id,
        &id[..20],
        "latest",
        &format!("shop/{id}"),
        "shop/latest",
    ] {
        let found = repository.find(text).await.unwrap();
        assert_eq!(found.id(), &receipt.id);
        assert_eq!(found.mark.label.as_deref(), Some("first"));
    }
    for text in ["x", "other/latest", "other/2", "20010101T"] {
        let error = repository.find(text).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Missing, "{text}");
    }
    let found = repository.find("latest").await.unwrap();
    let files = repository.files(&found, &Keys::none()).await.unwrap();
    assert_same(read_all(&files).await.unwrap(), &toys);
    for level in [VerifyLevel::Quick, VerifyLevel::Stored, VerifyLevel::Deep] {
        let options = VerifyOptions::new().level(level);
        let report = verify(&repository, id, &options).await.unwrap();
        assert!(report.is_sound(), "{:?}", report.problems);
        assert_eq!(report.objects, 5);
    }
}

#[tokio::test]
async fn the_newest_is_the_latest_and_a_shared_beginning_names_none() {
    let (_, repository) = memory();
    let mut ids = Vec::new();
    for _ in 0..4 {
        let receipt = backup(&Toys::small(), &repository, &options())
            .await
            .unwrap();
        ids.push(receipt.id);
        let latest = repository.latest(None).await.unwrap();
        assert_eq!(Some(latest.id()), ids.last());
    }
    let listed: Vec<_> = repository.list().await.unwrap();
    let listed: Vec<_> = listed.iter().map(|one| one.place.id().clone()).collect();
    assert_eq!(listed, ids);
    let error = repository.find("2").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("4 backups"), "{error}");
}

#[tokio::test]
async fn a_deleted_backup_is_gone_with_everything() {
    let (store, repository) = memory();
    let receipt = backup(&Toys::small(), &repository, &options())
        .await
        .unwrap();
    repository.delete(&receipt.place).await.unwrap();
    assert_eq!(
        keys_of(&*store).await,
        [Path::from("repository.json")],
        "nothing but the repository itself is left"
    );
    let error = repository.delete(&receipt.place).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing);
}

#[tokio::test]
async fn names_that_cannot_be_kept_are_refused_before_anything_is_written() {
    let (store, repository) = memory();
    for name in [
        names::MARK,
        names::SUMS,
        names::MANIFEST,
        "sha256sums",
        "../x",
        "a b",
    ] {
        let toys = Toys::of(&[("1.dat", 5), (name, 5)]);
        let error = backup(&toys, &repository, &options()).await.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Format),
            "{name}: {error}"
        );
    }
    let twice = Toys::of(&[("1.dat", 5), ("1.dat", 6)]);
    assert!(backup(&twice, &repository, &options()).await.is_err());
    let labeled = options().label("two\nlines");
    assert!(backup(&Toys::small(), &repository, &labeled).await.is_err());
    let nameless = options().database("");
    assert!(
        backup(&Toys::small(), &repository, &nameless)
            .await
            .is_err()
    );
    assert_eq!(keys_of(&*store).await, []);
}

#[tokio::test]
async fn those_who_watch_see_every_file_begin_advance_and_end() {
    let (_, repository) = memory();
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = events.clone();
    let watch = Watch::by(Arc::new(move |event: &Event| {
        seen.lock().unwrap().push(event.clone());
    }));
    let toys = Toys::of(&[("2.dat", 3000), ("1.dat", 7), ("toc.dat", 50)]);
    backup(&toys, &repository, &options().watch(watch))
        .await
        .unwrap();
    let events = events.lock().unwrap();
    for (name, bytes) in &toys.0 {
        let of_item = |wanted: &Event| events.iter().filter(|event| *event == wanted).count();
        let item = name.clone();
        assert_eq!(of_item(&Event::ItemStarted { item: item.clone() }), 1);
        assert_eq!(of_item(&Event::ItemFinished { item }), 1);
        let advanced: u64 = events
            .iter()
            .filter_map(|event| match event {
                Event::Advanced { item, bytes, .. } if item == name => Some(*bytes),
                _ => None,
            })
            .sum();
        assert_eq!(advanced, bytes.len() as u64);
    }
}

#[tokio::test]
async fn a_foreign_or_damaged_mark_does_not_hide_other_backups() {
    let (store, repository) = memory();
    let good = backup(&Toys::small(), &repository, &options())
        .await
        .unwrap();
    let mark = content(&*store, &Path::from(format!("{}/backup.json", good.place))).await;
    for (key, bytes) in [
        ("shop/20990101T000000Z-000000/backup.json", &b"{}"[..]),
        ("shop/20990101T000000Z-000001/backup.json", b""),
        // A copy of a folder under another name.
        ("shop/20990101T000000Z-000002/backup.json", &mark),
        ("other/notes.txt", b"x"),
        ("not=a=database/20990101T000000Z-000003/backup.json", b"x"),
    ] {
        let payload = Bytes::copy_from_slice(bytes).into();
        store.put(&Path::from(key), payload).await.unwrap();
    }
    let listed = repository.list().await.unwrap();
    let (sound, damaged): (Vec<_>, Vec<_>) = listed.iter().partition(|one| one.mark.is_ok());
    assert_eq!(sound.len(), 1);
    assert_eq!(sound[0].place, good.place);
    assert_eq!(damaged.len(), 3);
    // The newest cannot be read; an older one is not given in its place.
    let error = repository.latest(None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    repository.find(good.id.as_str()).await.unwrap();
    let report = verify(
        &repository,
        "20990101T000000Z-000000",
        &VerifyOptions::new(),
    )
    .await
    .unwrap();
    assert_eq!(report.outcome(), Outcome::Damaged);
}

#[tokio::test]
async fn a_backup_dated_later_than_now_is_told() {
    let (store, repository) = memory();
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let watch = Watch::by(Arc::new(move |event: &Event| {
        if let Event::Notice { message } = event {
            heard.lock().unwrap().push(message.clone());
        }
    }));
    let options = options().watch(watch);
    let ahead = "29990101T000000Z-000000";
    // Of another database, and never finished: neither is what latest names.
    for key in [
        format!("other/{ahead}/backup.json"),
        format!("shop/{ahead}/1.dat"),
    ] {
        store.put(&Path::from(key), "{}".into()).await.unwrap();
    }
    backup(&Toys::small(), &repository, &options).await.unwrap();
    assert_eq!(*told.lock().unwrap(), [""; 0]);

    let mark = Path::from(format!("shop/{ahead}/backup.json"));
    store.put(&mark, "{}".into()).await.unwrap();
    let receipt = backup(&Toys::small(), &repository, &options).await.unwrap();
    let told = told.lock().unwrap().join("\n");
    assert!(told.contains(&format!("shop/{ahead}")), "{told}");
    assert!(told.contains("clock"), "{told}");
    // It is there under its id.
    repository.find(receipt.id.as_str()).await.unwrap();
}
