"""`manage.py dr_list`: the backups of an alias's database."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from django.core.management.base import CommandParser

import dr

from ... import render, verbs
from ...conf import Options
from ...connection import database_name
from ..base import DAMAGED, DrCommand, StopError


class Command(DrCommand):
    """Lists."""

    help = "List the backups of a database, the oldest first."
    opens_backups = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--all", action="store_true", help="those of every database in the repository")

    def run(self, options: Options, words: dict[str, Any]) -> None:
        database = None if words["all"] else database_name(options.alias)
        backups = verbs.list_backups(options, database)
        if words["json"]:
            self.document({"backups": [backup.as_dict() for backup in backups]})
        elif backups:
            self.stdout.write(self.table(backups))
        else:
            of = "" if database is None else f" of {database!r}"
            self.say(words, f"no backups{of} in {options.repository}")
        damaged = sum(backup.error is not None for backup in backups)
        if damaged:
            raise StopError(f"{render.counted(damaged, 'backup')} cannot be read", DAMAGED)

    def table(self, backups: list[dr.Backup]) -> str:
        """One backup a line."""
        now = datetime.now(timezone.utc)
        rows = []
        for backup in backups:
            if backup.created is None:
                why = verbs.line(backup.error) if backup.error else ""
                rows.append((backup.id, backup.database, "damaged", "", "", "", why))
                continue
            rows.append(
                (
                    backup.id,
                    backup.database,
                    render.time(backup.created),
                    render.age(backup.created, now),
                    render.size(backup.bytes_stored),
                    "yes" if backup.is_encrypted else "no",
                    backup.label or "",
                )
            )
        heads = ("backup", "database", "created", "age", "stored", "sealed", "label")
        return render.table(heads, rows, right=[4])
