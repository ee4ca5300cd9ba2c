"""`manage.py dr_verify`: is a backup what it was; does the live database still hold it?"""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

import dr

from ... import render, verbs
from ...conf import Options
from ..base import DAMAGED, MISSING, UNCHECKED, DrCommand, StopError

#: What is not sound in large letters.
WORDS = {
    "sound": "sound",
    "unexpected": "sound, with something beside it",
    "missing": "missing",
    "damaged": "damaged",
    "unchecked": "could not be checked",
}
CODES = {"missing": MISSING, "damaged": DAMAGED, "unchecked": UNCHECKED}

LIVE_WORDS = {
    "equal": "equal",
    "not_comparable": "not compared",
    "differs": "DIFFERS",
    "missing": "NOT LIVE",
}


class Command(DrCommand):
    """Verifies."""

    help = (
        "Check a backup against what was recorded when it was made: every stored byte; with --deep "
        "every row; with --against-live the live database, table by table."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_backup(parser)
        super().add_arguments(parser)
        level = parser.add_mutually_exclusive_group()
        level.add_argument("--quick", action="store_true", help="only the commit mark and the sizes")
        level.add_argument(
            "--deep", action="store_true", help="open everything; count and digest every row again"
        )
        level.add_argument(
            "--against-live",
            action="store_true",
            help="compare the rows of the live database with those that were backed up",
        )
        self.add_jobs(parser, "objects, or live tables, that are read at once")

    def run(self, options: Options, words: dict[str, Any]) -> None:
        if words["against_live"]:
            self.against_live(options, words)
            return
        level = "quick" if words["quick"] else "deep" if words["deep"] else "stored"
        with self.progress(words) as on_event:
            report = verbs.verify(
                words["backup"],
                alias=options.alias,
                level=level,
                options=options,
                on_event=on_event,
            )
        word = WORDS[report.outcome]
        seen = [render.counted(report.objects, "object")]
        if report.bytes:
            seen.append(f"{render.size(report.bytes)} read")
        if report.tables:
            seen.append(
                f"{render.counted(report.tables, 'table')} with "
                f"{render.counted(report.rows, 'row')} as dumped"
            )
        if report.large_objects:
            seen.append(f"{render.counted(report.large_objects, 'large object')} as dumped")
        line = f"{report.database}/{report.id}: {word}"
        if words["json"]:
            self.document(report.as_dict())
        else:
            if report.problems:
                rows = [(WORDS[problem.outcome], problem.message) for problem in report.problems]
                self.stdout.write(render.table(("", "problem"), rows) + "\n")
            style = self.style.ERROR if report.outcome in CODES else self.style.SUCCESS
            self.say(
                words,
                f"{line} ({report.level}; {', '.join(seen)} in {render.duration(report.elapsed)})",
                style,
            )
        if report.outcome in CODES:
            raise StopError(line, CODES[report.outcome])

    def against_live(self, options: Options, words: dict[str, Any]) -> None:
        """Table by table."""
        with self.progress(words) as on_event:
            report = verbs.verify_against_live(
                words["backup"], alias=options.alias, options=options, on_event=on_event
            )
        equal = sum(table.verdict == "equal" for table in report.tables)
        line = (
            f"{report.database}: {render.count(equal)} of "
            f"{render.counted(len(report.tables) + len(report.only_live), 'table')} "
            f"hold what the backup does"
        )
        if words["json"]:
            self.document(report.as_dict())
        else:
            self.stdout.write(self.live_table(report) + "\n")
            style = self.style.SUCCESS if report.verdict == "equal" else self.style.ERROR
            self.say(words, f"{line} ({render.duration(report.elapsed)})", style)
        if report.verdict == "not_comparable":
            raise StopError(f"{line}; the others cannot be compared", UNCHECKED)
        if report.verdict != "equal":
            raise StopError(line, DAMAGED)

    def live_table(self, report: dr.LiveReport) -> str:
        """Counts and digests beside one another."""
        rows = []
        for table in report.tables:
            word = LIVE_WORDS[table.verdict]
            rows.append(
                (
                    table.table,
                    *(
                        cell
                        for digest in (table.dumped, table.live)
                        for cell in ((render.count(digest.rows), digest.sum) if digest else ("", ""))
                    ),
                    f"{word}: {table.note}" if table.note else word,
                )
            )
        rows += [(name, "", "", "", "", "NOT IN THE BACKUP") for name in report.only_live]
        heads = ("table", "rows in backup", "digest in backup", "rows live", "digest live", "")
        return render.table(heads, rows, right=[1, 3])
