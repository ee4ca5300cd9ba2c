"""A restore, from what will be done to what was: prepared, told, run.

`Restore.prepare` reads the backup and changes nothing, so that a command can say what it will do and ask.
`Extract` is the same for single tables. Both restore beside what there is, and never over it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

from django.db import connections

import dr
from dr.errors import IntegrityError
from dr.events import OnEvent

from . import contents, revision, server, signals, verbs
from .applied import Comparison
from .apps import DrConfig
from .conf import Options
from .connection import Parameters, database_name, parameters_of, refuse_atomic
from .contents import Stored


class How(TypedDict, total=False):
    """How a restore is done, in the words of `dr.Repository.restore`."""

    globals: bool
    no_owner: bool
    no_acl: bool
    keep_failed: bool


class HowExtracted(TypedDict, total=False):
    """How tables are taken out, in the words of `dr.Repository.extract`."""

    with_dependencies: bool
    no_owner: bool
    no_acl: bool


class RefusedError(Exception):
    """The target is not what a restore needs; nothing was changed."""


@dataclass(frozen=True)
class Restore:
    """A backup, and the database it is to go into."""

    options: Options
    backup: Stored
    #: The name of the database.
    database: str
    target: Parameters
    create: bool
    #: What the server said about the database; None if nobody asked.
    there: server.Database
    comparison: Comparison | None
    how: How

    @classmethod
    def prepare(
        cls,
        options: Options,
        backup: str = "latest",
        *,
        into: str | None = None,
        create: bool = False,
        how: How | None = None,
    ) -> Restore:
        """Reads the backup and looks at the target. Changes nothing."""
        refuse_atomic(options.alias, "restore")
        found = contents.of(options, backup)
        if found.shown.is_sealed:
            raise RefusedError(
                f"{found.place} is sealed: give --identity or --passphrase-file, or set them in DR"
            )
        database = into or database_name(options.alias)
        return cls(
            options=options,
            backup=found,
            database=database,
            target=parameters_of(options.alias).with_database(database),
            create=create,
            there=server.look_at(options.alias, database),
            comparison=found.comparison(),
            how=how or {},
        )

    def refuse_what_cannot_be(self) -> None:
        """Refuses what dr would refuse later, before anybody is asked."""
        beside = "--create --into NEW_NAME restores beside it"
        if self.create and self.there.exists:
            raise RefusedError(f"database {self.database!r} exists, and dr replaces none: {beside}")
        if not self.create and self.there.exists is False:
            raise RefusedError(f"there is no database {self.database!r}: --create makes it")
        if not self.create and self.there.relations:
            raise RefusedError(
                f"database {self.database!r} is not empty (tables, views and sequences: "
                f"{self.there.relations}), and dr replaces nothing: {beside}"
            )

    def told_target(self) -> str:
        """`database shop on db.example:5433 as app`."""
        return str(dr.resolve(self.target))

    def told_work(self) -> str:
        """What will be done to the target."""
        if self.create:
            return (
                f"make database {self.database!r} under a temporary name, restore into it, prove every "
                f"table, then give it its name; nothing that exists is touched"
            )
        return (
            f"restore into {self.database!r}, which must be empty, and prove every table; what was made "
            f"is taken back if that fails"
        )

    def told_sessions(self) -> str | None:
        """Who is connected to the target."""
        sessions = self.there.sessions
        if not self.there.exists or sessions is None:
            return None
        if not sessions:
            return "nobody"
        return ", ".join(who if count == 1 else f"{who} ({count} times)" for who, count in sessions)

    def plan(self) -> dr.Plan:
        """The steps, which can be printed."""
        return verbs.repository_of(self.options).plan(self.backup.place)

    def run(self, on_event: OnEvent | None = None) -> dr.Restored:
        """Restores, and returns the proof. Sends `restore_finished` or `restore_failed`.

        Django's own connections to a database of this name are closed before and after.
        """
        _close(self.target)
        facts = {
            "alias": self.options.alias,
            "database": self.database,
            "backup": self.backup.place,
        }
        try:
            report = verbs.repository_of(self.options).restore(
                self.backup.place,
                into=self.target,
                create=self.create,
                jobs=self.options.jobs,
                on_event=on_event,
                **self.how,
            )
        except BaseException as error:
            verbs.logger.error("%r is not restored: %s", self.database, verbs.line(error))
            signals.restore_failed.send_robust(DrConfig, **facts, error=error)
            raise
        finally:
            _close(self.target)
        if report.is_sound:
            verbs.logger.info("%s is restored into %r", self.backup.place, self.database)
            signals.restore_finished.send_robust(DrConfig, **facts, report=report)
        else:
            unlike = IntegrityError("what was restored is not what was dumped", kind="Integrity")
            verbs.logger.error("%r is not restored: %s", self.database, unlike)
            signals.restore_failed.send_robust(DrConfig, **facts, error=unlike)
        return report

    def afterwards(self) -> list[str]:
        """What is left to do for whoever restored."""
        lines = []
        if self.comparison is not None and self.comparison.to_run:
            lines.append("migrations are to be run: manage.py migrate --plan says which")
        if self.database != database_name(self.options.alias):
            lines.append(
                f"the project still uses its own database; to use this one, set "
                f"DATABASES[{self.options.alias!r}]['NAME'] to {self.database!r}, or rename both"
            )
        return lines

    def as_json(self) -> dict[str, Any]:
        """For `--json`, beside the proof."""
        return {
            "backup": self.backup.place,
            "alias": self.options.alias,
            "target": self.told_target(),
            "create": self.create,
            "connected": None if self.there.sessions is None else dict(self.there.sessions),
            "migrations": None if self.comparison is None else self.comparison.as_json(),
            "code_revision": {
                "backup": self.backup.code_revision,
                "current": revision.current(),
            },
        }


@dataclass(frozen=True)
class Extract:
    """Some tables of a backup, and where they go."""

    options: Options
    backup: Stored
    tables: tuple[str, ...]
    how: HowExtracted

    def to_file(self, path: str, on_event: OnEvent | None = None) -> dr.Extracted:
        """Into a script, or the folder of an archive."""
        extracted = verbs.repository_of(self.options).extract(
            self.backup.place, tables=self.tables, to=path, on_event=on_event, **self.how
        )
        assert isinstance(extracted, dr.Extracted)
        return extracted

    def target(self, name: str) -> str:
        """`database shop on db.example:5433 as app`."""
        return str(dr.resolve(parameters_of(self.options.alias).with_database(name)))

    def into_database(self, name: str, on_event: OnEvent | None = None) -> dr.Restored:
        """Beside what a database on the alias's server holds, in one transaction."""
        refuse_atomic(self.options.alias, "restore")
        restored = verbs.repository_of(self.options).extract(
            self.backup.place,
            tables=self.tables,
            into=parameters_of(self.options.alias).with_database(name),
            on_event=on_event,
            **self.how,
        )
        assert isinstance(restored, dr.Restored)
        return restored


def _close(target: Parameters) -> None:
    """Closes this thread's connections to a database that is about to be made, or was."""
    place = [target.get(key) for key in ("host", "port", "dbname")]
    for connection in connections.all(initialized_only=True):
        if connection.vendor != "postgresql":
            continue
        own = parameters_of(connection.alias)
        if [own.get(key) for key in ("host", "port", "dbname")] != place:
            continue
        refuse_atomic(connection.alias, "restore")
        connection.close()
        if connection.settings_dict.get("OPTIONS", {}).get("pool"):
            connection.close_pool()
