//! Encrypted backups: who can read them, and what is told to who cannot.

use super::*;
use crate::pipeline::encryption::Secret;
use crate::pipeline::keys::Keys;
use crate::repo::names;

async fn deep(repository: &Repository, keys: &Keys) -> Report {
    let options = VerifyOptions::new()
        .level(VerifyLevel::Deep)
        .keys(keys.clone());
    verify(repository, "latest", &options).await.unwrap()
}

#[tokio::test]
async fn nothing_of_an_encrypted_backup_is_stored_in_the_clear() {
    let (store, repository) = memory();
    let (recipients, identities) = key_pair();
    let marker = b"a value that nobody else may see";
    let toys = Toys(vec![
        ("1.dat".into(), marker.repeat(20)),
        ("toc.dat".into(), b"CREATE TABLE secret_table".to_vec()),
    ]);
    backup(&toys, &repository, &options().encrypt_to(recipients))
        .await
        .unwrap();
    for key in keys_of(&*store).await {
        let bytes = content(&*store, &key).await;
        for needle in [&marker[..], b"secret_table", b"toc.dat\""] {
            assert!(memchr::memmem::find(&bytes, needle).is_none(), "{key}");
        }
    }
    let found = repository.find("latest").await.unwrap();
    let files = repository.files(&found, &identities.into()).await.unwrap();
    assert_same(read_all(&files).await.unwrap(), &toys);
}

#[tokio::test]
async fn a_missing_or_wrong_key_is_neither_damage_nor_silence() {
    let (_, repository) = memory();
    let (recipients, identities) = key_pair();
    let (_, stranger) = key_pair();
    backup(
        &Toys::small(),
        &repository,
        &options().encrypt_to(recipients),
    )
    .await
    .unwrap();
    let found = repository.find("latest").await.unwrap();
    for (keys, words) in [
        (Keys::none(), "give an identity file"),
        (Keys::from(stranger), "wrong key"),
        (
            Keys::none().passphrase(Secret::new("x").unwrap()),
            "not to a passphrase",
        ),
    ] {
        let error = repository.files(&found, &keys).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Key);
        assert!(error.to_string().contains(words), "{error}");
        let report = deep(&repository, &keys).await;
        assert_eq!(report.outcome(), Outcome::Unchecked);
    }
    assert!(deep(&repository, &identities.into()).await.is_sound());
}

#[tokio::test]
async fn a_passphrase_opens_what_was_encrypted_under_it() {
    let (store, repository) = memory();
    let toys = Toys::small();
    let right = Secret::new("right").unwrap();
    let (recipients, identities) = key_pair();
    let recipients = recipients.passphrase(right.clone());
    let receipt = backup(&toys, &repository, &options().encrypt_to(recipients))
        .await
        .unwrap();
    let sealed = Path::from(format!("{}/{}", receipt.place, names::IDENTITY));
    assert!(
        content(&*store, &sealed)
            .await
            .starts_with(b"age-encryption.org/v1\n-> scrypt ")
    );
    let found = repository.find("latest").await.unwrap();
    assert!(found.mark.has_passphrase());
    for keys in [
        Keys::none().passphrase(right),
        Keys::from(identities.clone()),
        // A passphrase that is not this backup's does not stand in the way of a key.
        Keys::from(identities).passphrase(Secret::new("wrong").unwrap()),
    ] {
        let files = repository.files(&found, &keys).await.unwrap();
        assert_same(read_all(&files).await.unwrap(), &toys);
        assert!(deep(&repository, &keys).await.is_sound());
    }
    let wrong = Keys::none().passphrase(Secret::new("wrong").unwrap());
    let error = repository.files(&found, &wrong).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Key);
    assert!(error.to_string().contains("wrong passphrase"), "{error}");
    let error = repository.files(&found, &Keys::none()).await.unwrap_err();
    assert!(error.to_string().contains("give its passphrase"), "{error}");
}
