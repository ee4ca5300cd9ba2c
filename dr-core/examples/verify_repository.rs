//! Every backup of a repository, down to its rows.
//!
//! ```text
//! cargo run --example verify_repository -- ./backups operator.key
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use dr_core::ops::{VerifyLevel, VerifyOptions, verify};
use dr_core::pipeline::encryption::Identities;
use dr_core::pipeline::keys::Keys;
use dr_core::repo::Repository;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [repository, keys @ ..] = &arguments[..] else {
        return Err("say REPOSITORY [IDENTITY FILE]...".into());
    };
    let repository = Repository::open(repository).await?;
    let mut identities = Identities::new();
    for key in keys {
        identities = identities.add_file(key, None)?;
    }
    let options = VerifyOptions::new()
        .level(VerifyLevel::Deep)
        .keys(Keys::from(identities));

    let mut unsound = 0;
    for listing in repository.list().await? {
        // A backup whose commit mark is damaged is listed too, and reported like any other.
        let report = verify(&repository, &listing.place.to_string(), &options).await?;
        println!(
            "{}: {:?}, {} tables, {} rows",
            report.place,
            report.outcome(),
            report.tables,
            report.rows
        );
        for problem in &report.problems {
            println!("  {}", problem.message);
        }
        unsound += usize::from(!report.is_sound());
    }
    match unsound {
        0 => Ok(()),
        unsound => Err(format!("{unsound} backups are not sound").into()),
    }
}
