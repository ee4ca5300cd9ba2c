"""`manage.py dr_backup`: the database of an alias into the repository."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from ... import render, verbs
from ...conf import Options
from ..base import DrCommand


class Command(DrCommand):
    """Backs up."""

    help = "Back up a database into the repository: one snapshot, one commit."
    opens_backups = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--label",
            metavar="TEXT",
            help="a line of free text, such as pre-migration; whoever lists backups reads it",
        )
        self.add_jobs(parser, "connections that read at once, instead of DR['JOBS']")
        parser.add_argument(
            "--encrypt-to",
            action="append",
            metavar="RECIPIENT",
            help="seal for this recipient, instead of DR['ENCRYPT_TO']; may be repeated",
        )
        parser.add_argument(
            "--exclude-table-data",
            action="append",
            metavar="PATTERN",
            help="leave out the rows of these tables, instead of DR['EXCLUDE_TABLE_DATA']",
        )

    def run(self, options: Options, words: dict[str, Any]) -> None:
        with self.progress(words) as on_event:
            receipt = verbs.backup(options.alias, label=words["label"], options=options, on_event=on_event)
        if words["json"]:
            self.document(receipt.as_dict())
            return
        label = f" ({render.clean(receipt.label)})" if receipt.label else ""
        sealed = ", ".join(receipt.stages) or "not encrypted"
        self.say(words, f"{receipt.database}/{receipt.id}{label}", self.style.SUCCESS)
        self.say(
            words,
            f"{render.counted(receipt.tables, 'table')}, {render.counted(receipt.rows, 'row')}, "
            f"{render.counted(receipt.large_objects, 'large object')}: "
            f"{render.size(receipt.bytes_raw)} stored as {render.size(receipt.bytes_stored)} in "
            f"{render.counted(receipt.files, 'file')}, {sealed}; {render.duration(receipt.elapsed)}",
        )
        self.say(words, f"SHA256SUMS has SHA-256 {receipt.sums}")
