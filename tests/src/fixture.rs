//! The polling application's database, made the same every time. Used by tests, demo and benches.

use crate::Database;

const SCHEMA: &str = include_str!("../fixtures/polling.sql");
const DATA: &str = include_str!("../fixtures/polling_data.sql");

/// A database like that of a Django polling application.
#[derive(Debug, Clone, Copy)]
pub struct Polling {
    votes: u64,
}

impl Polling {
    /// With this many votes; the other tables are sized to them.
    pub fn with_votes(votes: u64) -> Self {
        Self { votes }
    }

    /// Make it in an empty database.
    pub async fn load(self, database: &Database) {
        database.sql(SCHEMA).await;
        database.sql(&self.data()).await;
    }

    /// The schema alone.
    pub fn schema() -> &'static str {
        SCHEMA
    }

    /// The statements that fill it; the fixture's `:votes` is also psql's way to say it.
    pub fn data(self) -> String {
        DATA.replace(":votes", &self.votes.to_string())
    }
}
