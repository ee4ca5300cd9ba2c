//! What the benches dump, by shape: made by the server itself, the same on every run.

use std::str::FromStr;

use dr_tests::Database;

/// What a database is mostly made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// An application's tables, four of them of about the same size.
    Mixed,
    /// The same tables, four fifths of the bytes in one of them.
    Dominating,
    /// Many tables of a hundred short rows.
    Tiny,
    /// One table of 500 columns.
    Wide,
    /// Nested JSON documents.
    Jsonb,
    /// Binary values that do not compress.
    Bytea,
    /// The same bytes as large objects.
    LargeObjects,
}

impl Shape {
    pub(crate) const ALL: [Self; 7] = [
        Self::Mixed,
        Self::Dominating,
        Self::Tiny,
        Self::Wide,
        Self::Jsonb,
        Self::Bytea,
        Self::LargeObjects,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mixed => "mixed",
            Self::Dominating => "dominating",
            Self::Tiny => "tiny",
            Self::Wide => "wide",
            Self::Jsonb => "jsonb",
            Self::Bytea => "bytea",
            Self::LargeObjects => "large-objects",
        }
    }

    /// In a person's words.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Mixed => "mixed tables of an application",
            Self::Dominating => "an application's tables, four fifths of them one table",
            Self::Tiny => "many tables of a hundred short rows",
            Self::Wide => "one table of 500 columns",
            Self::Jsonb => "nested JSON documents",
            Self::Bytea => "binary values that do not compress",
            Self::LargeObjects => "large objects that do not compress",
        }
    }

    /// The table that is taken out alone; not the largest where there are several.
    pub(crate) fn one_table(self) -> Option<&'static str> {
        match self {
            Self::Mixed | Self::Dominating => Some("orders"),
            Self::Tiny => Some("tenant_7"),
            Self::Wide => Some("reading"),
            Self::Jsonb => Some("page"),
            Self::Bytea => Some("scan"),
            Self::LargeObjects => None,
        }
    }

    /// Fills an empty database: about a gigabyte of rows at scale 1.
    pub(crate) async fn fill(self, database: &Database, scale: f64) {
        let count = |at_one: f64, at_least: u64| ((at_one * scale) as u64).max(at_least);
        let rows = |at_one: f64| count(at_one, 100);
        match self {
            Self::Mixed => {
                let (users, events) = (rows(900_000.0), rows(1_000_000.0));
                application(database, users, events, rows(4_000_000.0), rows(70_000.0)).await;
            }
            Self::Dominating => {
                let (users, events) = (rows(300_000.0), rows(3_600_000.0));
                application(database, users, events, rows(900_000.0), rows(25_000.0)).await;
            }
            Self::Tiny => many_tables(database, count(8_000.0, 20), 100).await,
            Self::Wide => wide(database, rows(300_000.0)).await,
            Self::Jsonb => documents(database, rows(1_200_000.0)).await,
            Self::Bytea => binary(database, rows(32_000.0)).await,
            Self::LargeObjects => large_objects(database, count(4_000.0, 20)).await,
        }
        settle(database).await;
    }
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|shape| shape.name() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(" ");
            format!("there is no shape {text}; there are: {names}")
        })
    }
}

/// Text that compresses about as application data does, JSON, numbers, times, some long documents;
/// primary keys, secondary indexes and foreign keys for the restore to build.
async fn application(database: &Database, users: u64, events: u64, orders: u64, documents: u64) {
    database
        .sql(&format!(
            "CREATE TABLE users (
                 id bigint PRIMARY KEY, email text NOT NULL UNIQUE, name text, password text NOT NULL,
                 joined timestamptz NOT NULL, settings jsonb NOT NULL);
             INSERT INTO users
             SELECT n, 'user' || n || '@example.org', 'User number ' || n,
                    'pbkdf2_sha256$600000$' || md5(n::text) || md5('x' || n),
                    timestamptz '2023-01-01 00:00Z' + n * interval '97 seconds',
                    jsonb_build_object('theme', 'dark', 'language', 'en', 'seen', n % 100)
             FROM generate_series(1, {users}) n;
             CREATE TABLE event (
                 id bigint PRIMARY KEY, at timestamptz NOT NULL, user_id bigint NOT NULL,
                 kind text NOT NULL, session uuid NOT NULL, path text, agent text,
                 detail jsonb, amount numeric(12, 2));
             INSERT INTO event
             SELECT n, timestamptz '2024-01-01 00:00Z' + n * interval '7 seconds', 1 + n % {users},
                    (ARRAY['view', 'vote', 'login', 'search', 'edit'])[1 + n % 5], md5((n / 3)::text)::uuid,
                    '/polls/' || n % 9973 || '/options/' || n % 7,
                    'Mozilla/5.0 (X11; Linux x86_64; rv:' || 100 + n % 30 || '.0) Gecko/20100101',
                    jsonb_build_object('poll', n % 9973, 'ms', n % 1500, 'ref', md5(n::text)),
                    CASE WHEN n % 4 = 0 THEN (n % 100000) / 100.0 END
             FROM generate_series(1, {events}) n;
             CREATE TABLE orders (
                 id bigint PRIMARY KEY, user_id bigint NOT NULL, placed date NOT NULL,
                 status text NOT NULL, total numeric(10, 2) NOT NULL, note text);
             INSERT INTO orders
             SELECT n, 1 + n % {users}, date '2023-01-01' + (n % 900)::int,
                    (ARRAY['open', 'paid', 'sent', 'returned'])[1 + n % 4], (n % 50000) / 100.0,
                    CASE WHEN n % 3 = 0 THEN 'Please leave it with neighbor ' || n % 311 END
             FROM generate_series(1, {orders}) n;
             CREATE TABLE document (id bigint PRIMARY KEY, title text, body text);
             INSERT INTO document
             SELECT n, 'Document ' || n,
                    (SELECT string_agg(md5((n * 64 + k)::text) || ' lorem ipsum dolor sit amet ', '')
                     FROM generate_series(1, 60) k)
             FROM generate_series(1, {documents}) n;",
        ))
        .await;
    database
        .sql(
            "CREATE INDEX event_at ON event (at);
             CREATE INDEX event_user ON event (user_id);
             CREATE INDEX orders_user ON orders (user_id);
             ALTER TABLE event ADD FOREIGN KEY (user_id) REFERENCES users (id);
             ALTER TABLE orders ADD FOREIGN KEY (user_id) REFERENCES users (id);",
        )
        .await;
    let mut small = String::new();
    for number in 0..40 {
        small.push_str(&format!(
            "CREATE TABLE lookup_{number} (id serial PRIMARY KEY, code text UNIQUE, label text);
             INSERT INTO lookup_{number} (code, label)
             SELECT 'c' || n, 'Label ' || n FROM generate_series(1, 200) n;"
        ));
    }
    database.sql(&small).await;
}

/// Many small tables, each with a key, an index, a default, a comment, and a few rows.
async fn many_tables(database: &Database, tables: u64, rows: u64) {
    database
        .sql(&format!(
            "DO $$
             BEGIN
                 FOR n IN 1..{tables} LOOP
                     EXECUTE format('CREATE TABLE tenant_%s (id serial PRIMARY KEY, name text NOT NULL DEFAULT %L,
                                     created timestamptz NOT NULL DEFAULT now(), parent int REFERENCES tenant_%s (id))', n, 'x', n);
                     EXECUTE format('CREATE INDEX ON tenant_%s (name)', n);
                     EXECUTE format('COMMENT ON TABLE tenant_%s IS %L', n, 'Tenant ' || n);
                     EXECUTE format('INSERT INTO tenant_%s (name, created)
                                     SELECT %L || k, timestamptz %L + k * interval %L FROM generate_series(1, {rows}) k',
                                    n, 'name ', '2024-01-01 00:00Z', '1 hour');
                 END LOOP;
             END $$"
        ))
        .await;
}

/// The catalog's case: as many tables as asked for, three rows in each.
pub(crate) async fn tenants(database: &Database, tables: u64) {
    many_tables(database, tables, 3).await;
    settle(database).await;
}

/// The schema's case: as many tables as asked for, of ten columns and two indexes each.
pub(crate) async fn definitions(database: &Database, tables: u64) {
    for first in (1..=tables).step_by(1000) {
        let last = (first + 999).min(tables);
        database
            .sql(&format!(
                "DO $$ BEGIN FOR i IN {first}..{last} LOOP
                     EXECUTE format('CREATE TABLE public.%I (id bigint GENERATED BY DEFAULT AS IDENTITY
                         PRIMARY KEY, name text NOT NULL, email text, amount numeric(10, 2) DEFAULT 0,
                         created timestamptz NOT NULL DEFAULT now(), day date, flag bool, data jsonb,
                         tags text[], note varchar(200))', 'table_' || i);
                     EXECUTE format('CREATE INDEX ON public.%I (name, created)', 'table_' || i);
                     EXECUTE format('COMMENT ON TABLE public.%I IS %L', 'table_' || i, 'the ' || i);
                 END LOOP; END $$"
            ))
            .await;
    }
    settle(database).await;
}

/// A row of 500 columns: numbers, short words, times, and a fifth of them null.
async fn wide(database: &Database, rows: u64) {
    let (mut columns, mut values) = (String::new(), String::new());
    for column in 0..500 {
        let (kind, value) = match column % 5 {
            0 => ("int", format!("(n * {column} % 99991)::int")),
            1 => ("numeric(10, 2)", format!("(n * {column} % 999983) / 100.0")),
            2 => ("text", format!("'w' || n % {}", column + 2)),
            3 => (
                "date",
                format!("date '2020-01-01' + (n % {})::int", column + 1),
            ),
            _ => ("text", "NULL".to_owned()),
        };
        columns.push_str(&format!(", c{column} {kind}"));
        values.push_str(&format!(", {value}"));
    }
    database
        .sql(&format!(
            "CREATE TABLE reading (id bigint PRIMARY KEY{columns});
             INSERT INTO reading SELECT n{values} FROM generate_series(1, {rows}) n;"
        ))
        .await;
}

/// Documents of nested objects and arrays, under a GIN index.
async fn documents(database: &Database, rows: u64) {
    database
        .sql(&format!(
            "CREATE TABLE page (id bigint PRIMARY KEY, body jsonb NOT NULL);
             INSERT INTO page
             SELECT n, jsonb_build_object(
                 'title', 'Page ' || n, 'slug', md5(n::text), 'live', n % 3 = 0,
                 'author', jsonb_build_object('id', n % 5000, 'name', 'User ' || n % 5000,
                                              'tags', jsonb_build_array('a' || n % 7, 'b' || n % 11)),
                 'blocks', (SELECT jsonb_agg(jsonb_build_object(
                                'kind', (ARRAY['text', 'image', 'quote'])[1 + k % 3], 'at', k,
                                'value', md5((n * 8 + k)::text) || ' lorem ipsum é \"dolor\" sit amet'))
                            FROM generate_series(1, 6) k))
             FROM generate_series(1, {rows}) n;
             CREATE INDEX page_author ON page ((body -> 'author' ->> 'id'));"
        ))
        .await;
}

/// 16 kB of hashes to a row, stored as they are.
async fn binary(database: &Database, rows: u64) {
    database
        .sql(&format!(
            "CREATE TABLE scan (id bigint PRIMARY KEY, content bytea NOT NULL);
             ALTER TABLE scan ALTER content SET STORAGE EXTERNAL;
             INSERT INTO scan
             SELECT n, (SELECT string_agg(sha512((n || '.' || k)::bytea), '' ORDER BY k)
                        FROM generate_series(1, 256) k)
             FROM generate_series(1, {rows}) n;"
        ))
        .await;
}

/// 256 kB of hashes to an object.
async fn large_objects(database: &Database, objects: u64) {
    database
        .sql(&format!(
            "SELECT count(lo_from_bytea(100000 + n::int,
                 (SELECT string_agg(sha512((n || '.' || k)::bytea), '' ORDER BY k)
                  FROM generate_series(1, 4096) k)))
             FROM generate_series(1, {objects}) n;"
        ))
        .await;
}

/// Hint bits set, statistics there, dirty pages written: the first contestant must not pay for them.
async fn settle(database: &Database) {
    let client = database.connect().await;
    for statement in ["VACUUM (ANALYZE)", "CHECKPOINT"] {
        client
            .batch_execute(statement)
            .await
            .unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_found_by_its_name() {
        for shape in Shape::ALL {
            assert_eq!(shape.name().parse(), Ok(shape));
        }
    }
}
