//! What the benches dump: made by the server itself, the same on every run.

use dr_tests::Database;

/// An application's tables, dominated by one: about 1.2 GB of COPY text at scale 1, of which `event`
/// is four fifths. Text that compresses about as application data does, JSON, numbers, times, some
/// long documents; primary keys, secondary indexes and foreign keys for the restore to build.
pub(crate) async fn mixed(database: &Database, scale: f64) {
    let rows = |at_one: f64| ((at_one * scale) as u64).max(100);
    let (users, events, orders, documents) = (
        rows(300_000.0),
        rows(3_600_000.0),
        rows(900_000.0),
        rows(25_000.0),
    );
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
    settle(database).await;
}

/// Many small tables, each with a key, an index, a default, a comment, and three rows.
pub(crate) async fn many_tables(database: &Database, tables: u32) {
    database
        .sql(&format!(
            "DO $$
             BEGIN
                 FOR n IN 1..{tables} LOOP
                     EXECUTE format('CREATE TABLE tenant_%s (id serial PRIMARY KEY, name text NOT NULL DEFAULT %L,
                                     created timestamptz NOT NULL DEFAULT now(), parent int REFERENCES tenant_%s (id))', n, 'x', n);
                     EXECUTE format('CREATE INDEX ON tenant_%s (name)', n);
                     EXECUTE format('COMMENT ON TABLE tenant_%s IS %L', n, 'Tenant ' || n);
                     EXECUTE format('INSERT INTO tenant_%s (name) VALUES (%L), (%L), (%L)', n, 'a', 'b', 'c');
                 END LOOP;
             END $$"
        ))
        .await;
    settle(database).await;
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
