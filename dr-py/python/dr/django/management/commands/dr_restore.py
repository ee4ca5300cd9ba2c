"""`manage.py dr_restore`: a backup into a database, proven, after it was said what will be done.

What a database holds is never replaced: one that is not empty is refused. With `--create` a new one is
made under a temporary name, and gets its own once every table is proven.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from django.core.management.base import CommandParser

from ... import render, revision
from ...conf import Options
from ...restoring import Restore
from ..base import DrCommand
from ..migrations import told
from ..proof import show_proof, stop_unless_equal


class Command(DrCommand):
    """Restores."""

    help = (
        "Restore a backup into an empty database, or with --create into a new one, and prove every "
        "table. Says what it will do, and asks first."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_backup(parser)
        super().add_arguments(parser)
        parser.add_argument(
            "--into",
            metavar="NAME",
            help="the database to restore into, on the alias's server; if not given, the alias's own",
        )
        parser.add_argument(
            "--create",
            action="store_true",
            help="make the database: under a temporary name, renamed when every table is proven",
        )
        parser.add_argument(
            "--plan",
            action="store_true",
            help="say what would be done, step by step, and do nothing",
        )
        self.add_no_input(parser)
        self.add_jobs(parser, "connections that work at once, instead of DR['JOBS']")
        parser.add_argument(
            "--globals",
            action="store_true",
            help="first make the roles and tablespaces that the server does not have",
        )
        parser.add_argument(
            "--no-owner", action="store_true", help="everything belongs to the role that restores"
        )
        parser.add_argument("--no-acl", action="store_true", help="grant and revoke nothing")
        parser.add_argument(
            "--keep-failed",
            action="store_true",
            help="with --create: keep a database that could not be proven, under its temporary name",
        )

    def run(self, options: Options, words: dict[str, Any]) -> None:
        restore = Restore.prepare(
            options,
            words["backup"],
            into=words["into"],
            create=words["create"],
            how={
                "globals": words["globals"],
                "no_owner": words["no_owner"],
                "no_acl": words["no_acl"],
                "keep_failed": words["keep_failed"],
            },
        )
        description = self.description(restore, words["verbosity"])
        if words["plan"]:
            plan = restore.plan()
            if words["json"]:
                self.document({**restore.as_json(), "plan": plan.as_dict()})
            else:
                self.stdout.write(f"{description}\n\n{plan}")
            return
        restore.refuse_what_cannot_be()
        self.ask(words, description, f"Restore into {restore.database!r}?")
        with self.progress(words) as on_event:
            report = restore.run(on_event=on_event)
        if words["json"]:
            self.document({**report.as_dict(), **restore.as_json()})
        else:
            show_proof(self, report, words["verbosity"])
            if report.is_kept:
                for line in restore.afterwards():
                    self.say(words, line)
        stop_unless_equal(report)

    def description(self, restore: Restore, verbosity: int) -> str:
        """What will be done, for whoever is to say yes."""
        backup, tables = restore.backup, restore.backup.tables
        label = f" ({backup.mark['label']})" if backup.mark["label"] else ""
        now = datetime.now(timezone.utc)
        lines = [
            (
                "backup",
                f"{backup.place}{label}, taken {render.time(backup.created)}, "
                f"{render.age(backup.created, now)}",
            ),
            (
                "holds",
                f"{render.counted(len(tables), 'table')}, "
                f"{render.counted(sum(digest.rows for _, digest in tables), 'row')}, "
                f"{render.size(sum(digest.bytes for _, digest in tables))}",
            ),
            ("target", restore.told_target()),
            ("will", restore.told_work()),
            ("connected", restore.told_sessions()),
            *(("migrations", line) for line in told(restore.comparison, verbosity)),
            ("code", told_code(backup.code_revision, revision.current())),
        ]
        text = "\n".join(f"{name:<11} {render.clean(line)}" for name, line in lines if line is not None)
        if verbosity >= 2:
            rows = [(name, render.count(one.rows), render.size(one.bytes)) for name, one in tables]
            text += "\n\n" + render.table(("table", "rows", "size"), rows, right=[1, 2])
        return text


def told_code(then: str | None, now: str | None) -> str | None:
    """Which code made the backup, and which is running."""
    if then is None:
        return None
    if now is None or now == then:
        return f"{then} made the backup" + (", and is running" if now else "")
    return f"{then} made the backup; {now} is running"
