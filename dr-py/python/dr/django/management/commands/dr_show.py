"""`manage.py dr_show`: what a backup contains, and which migrations are applied in it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from ... import contents, render
from ...conf import Options
from ..base import DrCommand
from ..migrations import told


class Command(DrCommand):
    """Shows."""

    help = "Show what a backup contains, and which migrations are applied in it."

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_backup(parser)
        super().add_arguments(parser)

    def run(self, options: Options, words: dict[str, Any]) -> None:
        backup = contents.of(options, words["backup"])
        comparison = backup.comparison()
        if words["json"]:
            migrations = None if comparison is None else comparison.as_json()
            self.document({**backup.shown.as_dict(), "migrations": migrations})
            return
        facts = [
            ("backup", backup.place),
            ("label", backup.mark["label"]),
            ("created", render.time(backup.created)),
            ("made by", backup.mark["tool"]),
            ("stored", render.size(sum(backup.mark["objects"].values()))),
            ("stages", ", ".join(backup.mark["stages"]) or "none"),
            ("server", backup.shown.server_version),
            ("code", backup.code_revision),
        ]
        if not backup.shown.is_sealed:
            facts += [("migrations", line) for line in told(comparison, words["verbosity"])]
        for name, value in facts:
            if value:
                self.stdout.write(f"{name:<11} {render.clean(value)}")
        if backup.shown.is_sealed:
            self.stdout.write("\nWhat it contains is sealed: give --identity or --passphrase-file.")
            return
        rows = [
            (name, render.count(digest.rows), render.size(digest.bytes), digest.sum)
            for name, digest in backup.tables
        ]
        heads = ("table", "rows", "size", "digest")
        self.stdout.write("\n" + render.table(heads, rows, right=[1, 2]))
