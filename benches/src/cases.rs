//! Whole backups, restores and extracts, dr beside the stock tools: one function a case.

use std::path::Path;

use crate::contest::{Arena, Entrant};
use crate::data::{self, Shape};
use crate::entrants as who;
use crate::measure::Run;
use crate::options::Options;
use crate::report::{Contestant, Section, Speed, Spread};

/// Bytes of rows and definitions, as pg_dump writes them when it compresses nothing.
async fn plain_megabytes(arena: &Arena) -> f64 {
    arena.run(&who::pg_dump_plain(arena)).await;
    who::plain_bytes(arena) as f64 / 1e6
}

/// The shapes that `dump`, `restore` and `extract` take.
fn shapes(options: &Options) -> Vec<Shape> {
    if options.shapes.is_empty() {
        vec![Shape::Dominating]
    } else {
        options.shapes.clone()
    }
}

/// What was promised of an application's database with one large table, of a size that shows it.
fn promised(options: &Options, shape: Shape, at_most: f64) -> Option<f64> {
    (shape == Shape::Dominating && options.scale >= 1.0).then_some(at_most)
}

fn ratio(contestants: &[Contestant], peer: usize) -> f64 {
    contestants[0].wall().median / contestants[peer].wall().median
}

/// Dump to disk: dr with encryption and digests, the others with neither.
pub(crate) async fn dump(dr: &Path, options: &Options) -> Vec<Section> {
    let mut sections = Vec::new();
    for shape in shapes(options) {
        let arena = Arena::new(dr, options, shape, options.scale).await;
        let mut entrants = vec![
            who::dr_backup(&arena),
            who::pg_dump_zstd(&arena),
            who::pg_dump_gzip(&arena),
            who::pg_dump_plain(&arena),
            who::pg_dump_custom(&arena),
        ];
        entrants.extend(who::pg_dump_others(&arena));
        entrants.push(who::dbbackup(&arena));
        // The same pipeline with less to compute.
        entrants.push(who::dr_backup_with(&arena, "zstd:1"));
        let found = arena.contest(options.runs, &entrants).await;
        let mut section = Section::new(
            &format!("dump-{}", shape.name()),
            &format!("Dump to disk: {}", shape.about()),
            &format!(
                "{:.0} MB of rows. dr compresses, encrypts and digests; the others only compress.",
                who::plain_bytes(&arena) as f64 / 1e6
            ),
        );
        let (zstd, gzip) = (ratio(&found, 1), ratio(&found, 2));
        section.claim(
            "wall time of dr / of pg_dump -Fd -j2 --compress=zstd:3",
            zstd,
            promised(options, shape, 1.0),
        );
        section.claim(
            "wall time of dr / of pg_dump | gzip",
            gzip,
            promised(options, shape, 0.2),
        );
        let light = found[found.len() - 1].wall().median / found[2].wall().median;
        section.claim(
            "wall time of dr with zstd:1 / of pg_dump | gzip",
            light,
            None,
        );
        section.contestants = found;
        sections.push(section);
    }
    sections
}

/// Restore of what was dumped: dr reads every table back and compares it, the others do not.
pub(crate) async fn restore(dr: &Path, options: &Options) -> Vec<Section> {
    let mut sections = Vec::new();
    for shape in shapes(options) {
        let arena = Arena::new(dr, options, shape, options.scale).await;
        let size = plain_megabytes(&arena).await;
        for backup in [
            who::dr_backup(&arena),
            who::pg_dump_zstd(&arena),
            who::pg_dump_custom(&arena),
            who::pg_dump_gzip(&arena),
            who::dbbackup(&arena),
        ] {
            arena.run(&backup).await;
        }
        let entrants = [
            who::dr_restore(&arena),
            who::pg_restore_parallel(&arena),
            who::pg_restore_custom(&arena),
            who::gunzip_psql(&arena),
            who::dbrestore(&arena),
        ];
        let found = arena.contest(options.runs, &entrants).await;
        let mut section = Section::new(
            &format!("restore-{}", shape.name()),
            &format!("Restore: {}", shape.about()),
            &format!(
                "{size:.0} MB of rows, with indexes and foreign keys. dr reads every table back and compares its digest; \
                 the others do not."
            ),
        );
        section.claim(
            "wall time of dr / of pg_restore -j4",
            ratio(&found, 1),
            promised(options, shape, 1.1),
        );
        section.claim("wall time of dr / of gunzip | psql", ratio(&found, 3), None);
        section.contestants = found;
        sections.push(section);
    }
    sections
}

/// One table out of a backup of the whole database, as a script.
pub(crate) async fn extract(dr: &Path, options: &Options) -> Vec<Section> {
    let mut sections = Vec::new();
    for shape in shapes(options) {
        // The command line refuses this case for a shape without a table.
        let Some(table) = shape.one_table() else {
            continue;
        };
        let arena = Arena::new(dr, options, shape, options.scale).await;
        let size = plain_megabytes(&arena).await;
        for backup in [
            who::dr_backup(&arena),
            who::pg_dump_zstd(&arena),
            who::pg_dump_custom(&arena),
            who::pg_dump_gzip(&arena),
        ] {
            arena.run(&backup).await;
        }
        let mut entrants = vec![who::dr_extract(&arena, table)];
        entrants.extend(who::extracts_of_archives(&arena, table));
        entrants.push(who::gunzip_awk(&arena, table));
        let found = arena.contest(options.runs, &entrants).await;
        let mut section = Section::new(
            &format!("extract-{}", shape.name()),
            &format!("One table: {table}, of {}", shape.about()),
            &format!(
                "Out of a backup of {size:.0} MB of rows. dr decrypts, and compares the rows with their digest; \
                 stored is what came out."
            ),
        );
        section.claim(
            "wall time of dr / of pg_restore -t, of -Fd zstd",
            ratio(&found, 1),
            None,
        );
        section.claim("wall time of dr / of gunzip | awk", ratio(&found, 3), None);
        section.contestants = found;
        sections.push(section);
    }
    sections
}

/// Dump and restore of each shape: how much the kind of data matters.
pub(crate) async fn shape_by_shape(dr: &Path, options: &Options) -> Vec<Section> {
    let shapes = if options.shapes.is_empty() {
        Shape::ALL.to_vec()
    } else {
        options.shapes.clone()
    };
    let mut section = Section::new(
        "shapes",
        "Shapes of data",
        "A quarter of the scale of the other cases; bytes are those of pg_dump -Fd --compress=none.",
    );
    for shape in shapes {
        let arena = Arena::new(dr, options, shape, options.scale / 4.0).await;
        let size = plain_megabytes(&arena).await;
        let dumps = [who::dr_backup(&arena), who::pg_dump_zstd(&arena)];
        let dumped = arena.contest(options.runs, &dumps).await;
        let restores = [who::dr_restore(&arena), who::pg_restore_parallel(&arena)];
        let restored = arena.contest(options.runs, &restores).await;
        for (found, names) in [
            (dumped, ["dr backup", "pg_dump -Fd -j2 zstd:3"]),
            (restored, ["dr restore", "pg_restore -j4"]),
        ] {
            for (peer, (one, name)) in found.iter().zip(names).enumerate() {
                section.speeds.push(Speed {
                    group: format!("{}, {size:.0} MB", shape.name()),
                    name: name.to_owned(),
                    ours: one.ours,
                    megabytes_per_second: Spread::of(
                        one.runs.iter().map(|run| size / run.wall).collect(),
                    ),
                    ratio: (!one.ours).then(|| ratio(&found, peer)),
                });
            }
        }
    }
    vec![section]
}

/// A database of 5 000 small tables: what the catalog costs.
pub(crate) async fn catalog(dr: &Path, options: &Options) -> Vec<Section> {
    let arena = Arena::empty(dr, options).await;
    let tables = ((5000.0 * options.scale) as u64).clamp(20, 5000);
    data::tenants(&arena.source, tables).await;
    let entrants = [who::dr_backup(&arena), who::pg_dump_zstd(&arena)];
    let found = arena.contest(options.runs, &entrants).await;
    let mut section = Section::new(
        "catalog",
        &format!("{tables} tables"),
        "Each with a key, an index, a foreign key, a comment and three rows.",
    );
    let promised = (tables == 5000).then_some(2.0);
    section.claim(
        "wall time of dr / of pg_dump -Fd -j2 --compress=zstd:3",
        ratio(&found, 1),
        promised,
    );
    section.contestants = found;
    vec![section]
}

/// Definitions alone: 10 000 tables of 10 columns, 20 000 indexes.
pub(crate) async fn schema(dr: &Path, options: &Options) -> Vec<Section> {
    let arena = Arena::empty(dr, options).await;
    let tables = ((10_000.0 * options.scale) as u64).clamp(20, 10_000);
    data::definitions(&arena.source, tables).await;
    let entrants = [
        who::dr_schema(&arena),
        who::pg_dump_schema(&arena),
        who::pg_dump_schema_archive(&arena),
    ];
    let found = arena.contest(options.runs, &entrants).await;
    let mut section = Section::new(
        "schema",
        &format!("Definitions of {tables} tables"),
        "Each with ten columns, a key, another index, a default, a comment; no rows are dumped.",
    );
    let promised = (tables == 10_000).then_some(1.0);
    section.claim(
        "wall time of dr / of pg_dump --schema-only",
        ratio(&found, 1),
        promised,
    );
    section.contestants = found;
    vec![section]
}

/// Peak memory of backup and restore, and again with ten times the rows.
pub(crate) async fn memory(dr: &Path, options: &Options) -> Vec<Section> {
    let mut section = Section::new(
        "memory",
        "Memory",
        "Peak resident memory, and again with ten times the rows.",
    );
    let mut peaks = Vec::new();
    for (label, scale) in [("1×", 0.08), ("10×", 0.8)] {
        let arena = Arena::new(dr, options, Shape::Dominating, scale * options.scale).await;
        let named = |entrant: Entrant| Entrant {
            name: format!("{}, {label} rows", entrant.name),
            ..entrant
        };
        let entrants = [
            named(who::dr_backup(&arena)),
            named(who::dr_restore(&arena)),
        ];
        let found = arena.contest(options.runs, &entrants).await;
        let peak = |one: &Contestant| one.spread(|run: &Run| run.memory).most;
        peaks.push((peak(&found[0]), peak(&found[1])));
        section.contestants.extend(found);
    }
    let [(backup, restore), (backup10, restore10)] = peaks[..] else {
        unreachable!("two sizes were measured");
    };
    let promised = |at_most| (options.scale >= 1.0).then_some(at_most);
    // The largest row here has four kilobytes, so it does not matter beside 128 MiB.
    section.claim(
        "peak MiB of a backup",
        backup.max(backup10),
        promised(128.0),
    );
    section.claim(
        "peak MiB of a restore",
        restore.max(restore10),
        promised(128.0),
    );
    section.claim(
        "backup: 10× rows / 1× rows",
        backup10 / backup,
        promised(1.25),
    );
    // From 64 MB of one table on, it is loaded over several connections.
    section.claim(
        "restore: 10× rows / 1× rows",
        restore10 / restore,
        promised(1.5),
    );
    vec![section]
}
