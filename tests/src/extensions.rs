//! Every extension that a server ships, with tables and other objects that need it, as a source for
//! round trips. What cannot be made here is told, with why; only a library that this machine does not
//! have is a reason.

use crate::{Database, fixture};

/// Makes every extension that the server of `database` ships in it, and what its fixture of
/// `tests/fixtures/oracle/extensions` adds. Returns how many were made, and the others with the library
/// that is missing.
///
/// # Panics
///
/// When an extension cannot be made for another reason, or its fixture fails.
pub async fn make_extensions(database: &Database) -> (usize, Vec<String>) {
    let shipped = database
        .rows(
            "SELECT name FROM pg_available_extensions \
             WHERE name NOT IN (SELECT extname FROM pg_extension) ORDER BY 1",
        )
        .await;
    let mut made = 1; // plpgsql is there.
    let mut without = Vec::new();
    for name in shipped.into_iter().filter_map(|mut row| row.swap_remove(0)) {
        let client = database.connect().await;
        let create = format!("CREATE EXTENSION IF NOT EXISTS \"{name}\" CASCADE");
        if let Err(error) = client.batch_execute(&create).await {
            let why = error
                .as_db_error()
                .map_or_else(|| error.to_string(), |error| error.message().to_owned());
            // plpython2u is named by transforms, and no server ships it.
            let missing = why.contains("could not load library")
                || why.contains("could not open extension control file")
                || why.contains("is not available");
            assert!(missing, "extension {name}: {why}");
            without.push(format!("{name}: {why}"));
            continue;
        }
        made += 1;
        let own = format!("oracle/extensions/{name}.sql");
        if crate::workspace()
            .join("tests/fixtures")
            .join(&own)
            .exists()
        {
            database.psql_file(&fixture(&own));
        }
    }
    (made, without)
}
