//! What is stored changes behind the repository's back: verification notices, reading fails.

use super::*;
use crate::pipeline::keys::Keys;

async fn outcome(repository: &Repository, id: &str, level: VerifyLevel) -> Report {
    let options = VerifyOptions::new().level(level);
    verify(repository, id, &options).await.unwrap()
}

#[tokio::test]
async fn a_flipped_bit_in_any_byte_of_any_object_is_noticed() {
    let (store, repository) = memory();
    let (recipients, _) = key_pair();
    for options in [options(), options().encrypt_to(recipients)] {
        let receipt = backup(&Toys::small(), &repository, &options).await.unwrap();
        let id = receipt.id.as_str();
        let prefix = Path::from(receipt.place.to_string());
        for key in keys_of(&*store).await {
            if !key.prefix_matches(&prefix) {
                continue;
            }
            let sound = content(&*store, &key).await;
            for position in 0..sound.len() {
                let mut damaged = sound.clone();
                damaged[position] ^= 1 << (position % 8);
                store.put(&key, damaged.into()).await.unwrap();
                let report = outcome(&repository, id, VerifyLevel::Stored).await;
                assert_eq!(
                    report.outcome(),
                    Outcome::Damaged,
                    "{key}, byte {position}: {:?}",
                    report.problems
                );
            }
            store.put(&key, sound.into()).await.unwrap();
        }
        assert!(
            outcome(&repository, id, VerifyLevel::Stored)
                .await
                .is_sound()
        );
    }
}

#[tokio::test]
async fn what_is_shorter_longer_missing_or_too_much_is_told_apart_without_reading() {
    let (store, repository) = memory();
    let receipt = backup(&Toys::small(), &repository, &options())
        .await
        .unwrap();
    let id = receipt.id.as_str();
    let prefix = Path::from(receipt.place.to_string());
    for key in keys_of(&*store).await {
        if !key.prefix_matches(&prefix) || key.filename() == Some("backup.json") {
            continue;
        }
        let sound = content(&*store, &key).await;
        let mut longer = sound.clone();
        longer.push(b'\n');
        store.put(&key, longer.into()).await.unwrap();
        let report = outcome(&repository, id, VerifyLevel::Quick).await;
        assert_eq!(report.outcome(), Outcome::Damaged);
        assert!(report.problems[0].message.contains("trailing"));
        if !sound.is_empty() {
            let shorter = sound[..sound.len() - 1].to_vec();
            store.put(&key, shorter.into()).await.unwrap();
            let report = outcome(&repository, id, VerifyLevel::Quick).await;
            assert_eq!(report.outcome(), Outcome::Damaged);
            assert!(report.problems[0].message.contains("truncated"));
        }
        store.delete(&key).await.unwrap();
        for level in [VerifyLevel::Quick, VerifyLevel::Stored] {
            let report = outcome(&repository, id, level).await;
            assert_eq!(report.outcome(), Outcome::Missing, "{key}");
            assert_eq!(report.problems.len(), 1);
        }
        store.put(&key, sound.into()).await.unwrap();
    }
    let extra = Path::from(format!("{}/notes.txt", receipt.place));
    store.put(&extra, "x".into()).await.unwrap();
    let report = outcome(&repository, id, VerifyLevel::Quick).await;
    assert_eq!(report.outcome(), Outcome::Unexpected);
    assert!(!report.is_sound());
}

#[tokio::test]
async fn every_problem_is_reported_not_the_first_alone() {
    let (store, repository) = memory();
    let receipt = backup(&Toys::small(), &repository, &options())
        .await
        .unwrap();
    let key = |name: &str| Path::from(format!("{}/{name}", receipt.place));
    store.delete(&key("1.dat")).await.unwrap();
    let mut damaged = content(&*store, &key("2.dat")).await;
    damaged[9] ^= 1;
    store.put(&key("2.dat"), damaged.into()).await.unwrap();
    store.put(&key("toc.dat"), "short".into()).await.unwrap();
    store.put(&key("more"), "more".into()).await.unwrap();
    let report = outcome(&repository, receipt.id.as_str(), VerifyLevel::Stored).await;
    let found: Vec<_> = report
        .problems
        .iter()
        .map(|problem| (problem.outcome, problem.object.as_deref().unwrap()))
        .collect();
    assert_eq!(
        found,
        [
            (Outcome::Damaged, "2.dat"),
            (Outcome::Damaged, "toc.dat"),
            (Outcome::Missing, "1.dat"),
            (Outcome::Unexpected, "more"),
        ]
    );
}

#[tokio::test]
async fn a_backup_without_its_mark_is_no_backup() {
    let (store, repository) = memory();
    let receipt = backup(&Toys::small(), &repository, &options())
        .await
        .unwrap();
    let mark = Path::from(format!("{}/backup.json", receipt.place));
    store.delete(&mark).await.unwrap();
    assert!(repository.list().await.unwrap().is_empty());
    let error = verify(&repository, receipt.id.as_str(), &VerifyOptions::new())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing);
    assert!(error.to_string().contains("never finished"), "{error}");
}

/// Reading must fail for each kind of damage, with words of its own, and name the object.
#[tokio::test]
async fn reading_damaged_files_fails_with_the_kind_of_damage() {
    let (recipients, identities) = key_pair();
    let keys = Keys::from(identities);
    for options in [options(), options().encrypt_to(recipients)] {
        let (store, repository) = memory();
        let toys = Toys::of(&[("2.dat", 200_000), ("toc.dat", 50)]);
        let receipt = backup(&toys, &repository, &options).await.unwrap();
        let suffix = if receipt.stages.is_empty() {
            ""
        } else {
            ".age"
        };
        let key = Path::from(format!("{}/2.dat{suffix}", receipt.place));
        let sound = content(&*store, &key).await;
        let changed = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = sound.clone();
            change(&mut bytes);
            bytes
        };
        let length = sound.len();
        for (bytes, words) in [
            (changed(&|bytes| bytes.truncate(length - 1)), "truncated"),
            (changed(&|bytes| bytes.truncate(length / 2)), "truncated"),
            (changed(&|bytes| bytes.clear()), "truncated"),
            (changed(&|bytes| bytes.push(0)), "trailing"),
            (changed(&|bytes| bytes[length / 2] ^= 1), "damaged"),
            (changed(&|bytes| bytes[length - 1] ^= 1), "damaged"),
            // In the header of age, where it would look like the wrong key.
            (changed(&|bytes| bytes[100] ^= 1), "damaged"),
        ] {
            store.put(&key, bytes.into()).await.unwrap();
            let found = repository.find("latest").await.unwrap();
            let files = repository.files(&found, &keys).await.unwrap();
            let error = read_all(&files).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Integrity, "{words}: {error:?}");
            assert!(error.to_string().contains(words), "{words}: {error:?}");
            assert_eq!(error.key(), Some(key.as_ref()));
        }
        store.delete(&key).await.unwrap();
        let found = repository.find("latest").await.unwrap();
        let files = repository.files(&found, &keys).await.unwrap();
        let error = read_all(&files).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Missing);
    }
}

/// The sums are rewritten to fit: only the manifest, which encryption would seal, knows
/// better. (Not encrypted here, because age pads its header at random, so that sizes differ.)
#[tokio::test]
async fn two_files_that_changed_places_are_noticed_by_the_manifest() {
    let (store, repository) = memory();
    let toys = Toys(vec![
        ("1.dat".into(), vec![1; 500]),
        ("2.dat".into(), vec![2; 500]),
    ]);
    let receipt = backup(&toys, &repository, &options()).await.unwrap();
    let key = |name: &str| Path::from(format!("{}/{name}", receipt.place));
    let one = content(&*store, &key("1.dat")).await;
    let two = content(&*store, &key("2.dat")).await;
    store.put(&key("1.dat"), two.into()).await.unwrap();
    store.put(&key("2.dat"), one.into()).await.unwrap();
    let sums = String::from_utf8(content(&*store, &key("SHA256SUMS")).await).unwrap();
    let sums = sums
        .replace("  1.dat", "  x.dat")
        .replace("  2.dat", "  1.dat")
        .replace("  x.dat", "  2.dat");
    let mut lines: Vec<_> = sums.lines().collect();
    lines.sort_by_key(|line| line.split_once("  ").unwrap().1);
    let sums = lines.join("\n") + "\n";
    let mark = String::from_utf8(content(&*store, &key("backup.json")).await).unwrap();
    let (body, _) = mark.split_once(",\n  \"seal\"").unwrap();
    let body = body.replace(
        &receipt.sums.to_string(),
        &crate::digest::Sha256::of(sums.as_bytes()).to_string(),
    );
    let seal = crate::digest::Sha256::of(body.as_bytes());
    let mark = format!("{body},\n  \"seal\": \"{seal}\"\n}}\n");
    store.put(&key("SHA256SUMS"), sums.into()).await.unwrap();
    store.put(&key("backup.json"), mark.into()).await.unwrap();

    let id = receipt.id.as_str();
    assert!(
        outcome(&repository, id, VerifyLevel::Stored)
            .await
            .is_sound()
    );
    let report = outcome(&repository, id, VerifyLevel::Deep).await;
    assert_eq!(report.outcome(), Outcome::Damaged);
}
