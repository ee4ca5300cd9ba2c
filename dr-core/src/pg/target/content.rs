//! What a database holds beside what initdb put there.

use crate::error::Result;
use crate::pg::conn::Conn;

/// As many objects are named as fit a message.
const NAMED: usize = 10;

/// What was found in a database that was to be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Content {
    /// How many objects.
    pub total: u64,
    /// Some of them, such as `table public.orders`.
    pub named: Vec<String>,
}

impl Content {
    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }
}

/// `table public.orders, schema audit and 5 more`.
impl std::fmt::Display for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.named.join(", "))?;
        match self.total - self.named.len() as u64 {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// The objects of the database that initdb did not make: what a restore could collide with or would
/// be mixed up with. Extensions and what belongs to them do not count, since a dump creates them
/// only if they are not there; neither do temporary objects of other sessions.
///
/// # Errors
///
/// `Server`.
pub async fn content(conn: &Conn) -> Result<Content> {
    // Objects made after initdb have oids from 16384 (FirstNormalObjectId), in template databases
    // as elsewhere.
    let rows = conn
        .rows(
            "WITH member AS ( \
                SELECT classid, objid FROM pg_catalog.pg_depend \
                WHERE deptype = 'e' AND refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass \
            ), space AS ( \
                SELECT oid, nspname FROM pg_catalog.pg_namespace \
                WHERE nspname !~ '^pg_(temp|toast)' \
            ), found(rank, class, oid, kind, name) AS ( \
                SELECT 1, 'pg_catalog.pg_class'::pg_catalog.regclass::oid, c.oid, \
                       CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' \
                            WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' \
                            WHEN 'c' THEN 'type' ELSE 'table' END, \
                       n.nspname || '.' || c.relname \
                FROM pg_catalog.pg_class c JOIN space n ON n.oid = c.relnamespace \
                WHERE c.relkind IN ('r','p','v','m','S','f','c') \
                UNION ALL \
                SELECT 2, 'pg_catalog.pg_proc'::pg_catalog.regclass::oid, p.oid, \
                       CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' \
                            ELSE 'function' END, n.nspname || '.' || p.proname \
                FROM pg_catalog.pg_proc p JOIN space n ON n.oid = p.pronamespace \
                UNION ALL \
                SELECT 3, 'pg_catalog.pg_type'::pg_catalog.regclass::oid, t.oid, 'type', \
                       n.nspname || '.' || t.typname \
                FROM pg_catalog.pg_type t JOIN space n ON n.oid = t.typnamespace \
                WHERE t.typrelid = 0 AND t.typelem = 0 AND t.typtype IN ('b','d','e','r','p') \
                UNION ALL \
                SELECT 4, 'pg_catalog.pg_namespace'::pg_catalog.regclass::oid, n.oid, 'schema', \
                       n.nspname::text FROM space n WHERE n.nspname <> 'public' \
                UNION ALL \
                SELECT 5, 'pg_catalog.pg_collation'::pg_catalog.regclass::oid, c.oid, 'collation', \
                       n.nspname || '.' || c.collname \
                FROM pg_catalog.pg_collation c JOIN space n ON n.oid = c.collnamespace \
                UNION ALL \
                SELECT 5, 'pg_catalog.pg_operator'::pg_catalog.regclass::oid, o.oid, 'operator', \
                       n.nspname || '.' || o.oprname \
                FROM pg_catalog.pg_operator o JOIN space n ON n.oid = o.oprnamespace \
                UNION ALL \
                SELECT 5, 'pg_catalog.pg_ts_config'::pg_catalog.regclass::oid, t.oid, \
                       'text search configuration', n.nspname || '.' || t.cfgname \
                FROM pg_catalog.pg_ts_config t JOIN space n ON n.oid = t.cfgnamespace \
                UNION ALL \
                SELECT 5, 'pg_catalog.pg_ts_dict'::pg_catalog.regclass::oid, t.oid, \
                       'text search dictionary', n.nspname || '.' || t.dictname \
                FROM pg_catalog.pg_ts_dict t JOIN space n ON n.oid = t.dictnamespace \
                UNION ALL \
                SELECT 5, 'pg_catalog.pg_conversion'::pg_catalog.regclass::oid, c.oid, 'conversion', \
                       n.nspname || '.' || c.conname \
                FROM pg_catalog.pg_conversion c JOIN space n ON n.oid = c.connamespace \
                UNION ALL \
                SELECT 5, 'pg_catalog.pg_opfamily'::pg_catalog.regclass::oid, o.oid, \
                       'operator family', n.nspname || '.' || o.opfname \
                FROM pg_catalog.pg_opfamily o JOIN space n ON n.oid = o.opfnamespace \
                UNION ALL \
                SELECT 5, 'pg_catalog.pg_language'::pg_catalog.regclass::oid, l.oid, 'language', \
                       l.lanname::text FROM pg_catalog.pg_language l \
                UNION ALL \
                SELECT 5, 'pg_catalog.pg_cast'::pg_catalog.regclass::oid, c.oid, 'cast', \
                       pg_catalog.format_type(c.castsource, NULL) || ' to ' || \
                       pg_catalog.format_type(c.casttarget, NULL) FROM pg_catalog.pg_cast c \
                UNION ALL \
                SELECT 5, 'pg_catalog.pg_am'::pg_catalog.regclass::oid, a.oid, 'access method', \
                       a.amname::text FROM pg_catalog.pg_am a \
                UNION ALL \
                SELECT 5, 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass::oid, f.oid, \
                       'foreign data wrapper', f.fdwname::text \
                FROM pg_catalog.pg_foreign_data_wrapper f \
                UNION ALL \
                SELECT 5, 'pg_catalog.pg_event_trigger'::pg_catalog.regclass::oid, e.oid, \
                       'event trigger', e.evtname::text FROM pg_catalog.pg_event_trigger e \
                UNION ALL \
                SELECT 5, 'pg_catalog.pg_publication'::pg_catalog.regclass::oid, p.oid, \
                       'publication', p.pubname::text FROM pg_catalog.pg_publication p \
                UNION ALL \
                SELECT 6, 'pg_catalog.pg_largeobject'::pg_catalog.regclass::oid, l.oid, \
                       'large object', l.oid::text FROM pg_catalog.pg_largeobject_metadata l \
            ), counted AS ( \
                SELECT f.* FROM found f \
                WHERE (f.oid >= 16384 OR f.rank = 6) AND NOT EXISTS ( \
                    SELECT FROM member m WHERE m.classid = f.class AND m.objid = f.oid) \
            ) \
            SELECT kind || ' ' || name AS what, (SELECT count(*) FROM counted) AS total \
            FROM counted ORDER BY rank, name LIMIT 10",
        )
        .await?;
    let mut content = Content::default();
    for row in rows.iter().take(NAMED) {
        content.total = u64::try_from(row.get::<i64>("total")?).unwrap_or(0);
        content.named.push(row.text("what")?);
    }
    Ok(content)
}
