//! Verification of the backups that belong to a set, as deep as the set itself.

use super::{Report, VerifyOptions, look};
use crate::error::Result;
use crate::repo::{Backup, Repository};

/// Looks at every member; what is wrong with one is told with its place.
pub(super) async fn members(
    repository: &Repository,
    set: &Backup,
    options: &VerifyOptions,
    report: &mut Report,
) -> Result<()> {
    for (member, backup) in repository.members(set).await? {
        match backup {
            Ok(backup) => {
                let mut found = Report::new(&member.place(), options.level);
                look(repository, &backup, options, &mut found).await?;
                report.take_up(found);
            }
            Err(error) => report.error(error),
        }
    }
    Ok(())
}
