"""Which migrations are applied: in a backup, as recorded in its own snapshot, and as far as this code goes.

`query_for` is what a backup records, `Comparison` is what a restore tells. Used by the verbs. Reads the
code's migrations from disk and asks no database what is applied there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from .connection import borrowed

#: An app's label and the name of a migration.
Migration = tuple[str, str]


def query_for(alias: str) -> str | None:
    """The query that lists what is applied, or None where no migration was ever applied.

    A dump's session has no search path, so the table is named with the schema it is found in.
    """
    table = MigrationRecorder.Migration._meta.db_table
    with borrowed(alias) as connection:
        quote = connection.ops.quote_name
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT n.nspname FROM pg_catalog.pg_class c "
                "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
                "WHERE c.oid = pg_catalog.to_regclass(%s)",
                [quote(table)],
            )
            found = cursor.fetchone()
    if found is None:
        return None
    return f"SELECT app, name FROM {quote(found[0])}.{quote(table)} ORDER BY app, name"  # noqa: S608


@dataclass(frozen=True)
class Comparison:
    """What is applied in a backup, beside what this code has."""

    #: In the order `migrate` would run them.
    to_run: tuple[Migration, ...]
    #: Applied in the backup, and not in this code, replaced migrations aside.
    unknown: tuple[Migration, ...]
    #: How many are applied in the backup.
    applied: int

    @property
    def state(self) -> str:
        """`same`, `behind` (the backup is older than the code), `ahead`, or `diverged`."""
        if self.unknown:
            return "diverged" if self.to_run else "ahead"
        return "behind" if self.to_run else "same"

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return {
            "state": self.state,
            "applied": self.applied,
            "to_run": [f"{app}.{name}" for app, name in self.to_run],
            "unknown": [f"{app}.{name}" for app, name in self.unknown],
        }


def compare(applied: Iterable[Migration]) -> Comparison:
    """Compares what a backup holds with the migrations of this code."""
    return Code.on_disk().compare(frozenset(applied))


@dataclass(frozen=True)
class Code:
    """The migrations of this code, as a graph in which squashed migrations stand for their parts."""

    #: Every migration in the order that they would run on a new database.
    order: tuple[Migration, ...]
    #: Squashed migrations, and what they replace.
    replaces: dict[Migration, tuple[Migration, ...]] = field(default_factory=dict)
    #: Every file there is.
    files: frozenset[Migration] = frozenset()

    @classmethod
    def on_disk(cls) -> Code:
        """Those of the installed apps."""
        loader: Any = MigrationLoader(None, ignore_no_migrations=True)
        order: dict[Migration, None] = {}
        for leaf in sorted(loader.graph.leaf_nodes()):
            order.update(dict.fromkeys(tuple(node) for node in loader.graph.forwards_plan(leaf)))
        replaces = {
            tuple(key): tuple(tuple(part) for part in migration.replaces)
            for key, migration in loader.disk_migrations.items()
            if migration.replaces
        }
        return cls(tuple(order), replaces, frozenset(tuple(key) for key in loader.disk_migrations))

    def compare(self, applied: frozenset[Migration]) -> Comparison:
        """What would run after a restore, and what this code does not know."""
        to_run: list[Migration] = []
        for migration in self.order:
            to_run.extend(part for part in self._to_run(migration, applied) if part not in to_run)
        known = self.files.union(*self.replaces.values()) if self.replaces else self.files
        return Comparison(
            to_run=tuple(to_run),
            unknown=tuple(sorted(applied - known)),
            applied=len(applied),
        )

    def _to_run(self, migration: Migration, applied: frozenset[Migration]) -> list[Migration]:
        """As Django: a squashed migration is applied when its parts are, and where only some of
        them are, the rest of them run in its place."""
        parts = self.replaces.get(migration, ())
        if migration in applied:
            return []
        if not any(self._has_begun(part, applied) for part in parts):
            return [migration]
        return [to_run for part in parts for to_run in self._to_run(part, applied)]

    def _has_begun(self, migration: Migration, applied: frozenset[Migration]) -> bool:
        parts = self.replaces.get(migration, ())
        return migration in applied or any(self._has_begun(part, applied) for part in parts)
