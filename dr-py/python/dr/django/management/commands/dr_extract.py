"""`manage.py dr_extract`: single tables out of a backup, into a file or beside what a database holds."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.management.base import CommandError, CommandParser

from ... import contents, render
from ...conf import Options
from ...restoring import Extract
from ..base import DrCommand
from ..proof import show_proof, stop_unless_equal


class Command(DrCommand):
    """Extracts."""

    help = (
        "Take single tables out of a backup, with their indexes, defaults, sequences and constraints: "
        "into a file, or into a database where none of them is."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_backup(parser)
        super().add_arguments(parser)
        parser.add_argument(
            "--table",
            action="append",
            default=[],
            metavar="PATTERN",
            help="the tables, as in pg_dump: public.votes_*; may be repeated",
        )
        parser.add_argument(
            "--model",
            action="append",
            default=[],
            metavar="APP.MODEL",
            help="the table of this model; may be repeated",
        )
        to = parser.add_mutually_exclusive_group(required=True)
        to.add_argument(
            "--to",
            metavar="PATH",
            help="a file that must not exist: a plain SQL script if it ends with .sql (.sql.gz, "
            ".sql.zst, .sql.lz4), else the folder of a directory archive",
        )
        to.add_argument(
            "--into",
            metavar="NAME",
            help="a database on the alias's server, in one transaction, beside what it holds",
        )
        parser.add_argument(
            "--with-dependencies",
            action="store_true",
            help="also what the tables need to be made: schemas, types, functions, sequences, parents",
        )
        parser.add_argument(
            "--no-owner", action="store_true", help="everything belongs to the role that restores"
        )
        parser.add_argument("--no-acl", action="store_true", help="grant and revoke nothing")
        self.add_no_input(parser)

    def run(self, options: Options, words: dict[str, Any]) -> None:
        tables = [*words["table"], *map(pattern_of_model, words["model"])]
        if not tables:
            raise CommandError("say which tables: --table PATTERN or --model APP.MODEL", returncode=2)
        extract = Extract(
            options,
            contents.of(options, words["backup"]),
            tuple(tables),
            {
                "with_dependencies": words["with_dependencies"],
                "no_owner": words["no_owner"],
                "no_acl": words["no_acl"],
            },
        )
        if words["into"] is None:
            self.into_file(extract, words)
        else:
            self.into_database(extract, words)

    def into_file(self, extract: Extract, words: dict[str, Any]) -> None:
        """A script or an archive."""
        with self.progress(words) as on_event:
            extracted = extract.to_file(words["to"], on_event=on_event)
        if words["json"]:
            self.document(extracted.as_dict())
            return
        rows = [
            (
                one.table,
                render.count(one.digest.rows),
                render.size(one.digest.bytes),
                "proven" if one.verdict == "equal" else "no digest recorded",
            )
            for one in extracted.tables
        ]
        heads = ("table", "rows", "bytes", "as dumped")
        self.say(words, render.table(heads, rows, right=[1, 2]))
        self.say(
            words,
            f"{words['to']}: {render.size(extracted.bytes)} of rows in {render.duration(extracted.elapsed)}",
            self.style.SUCCESS,
        )

    def into_database(self, extract: Extract, words: dict[str, Any]) -> None:
        """Beside what a database holds."""
        name = words["into"]
        description = (
            f"backup      {extract.backup.place}, taken {render.time(extract.backup.created)}\n"
            f"tables      {', '.join(map(render.clean, extract.tables))}\n"
            f"target      {extract.target(name)}\n"
            f"will        make these tables there, in one transaction; none of them may exist"
        )
        self.ask(words, description, f"Extract into {name!r}?")
        with self.progress(words) as on_event:
            report = extract.into_database(name, on_event=on_event)
        if words["json"]:
            self.document(report.as_dict())
        else:
            show_proof(self, report, words["verbosity"])
        stop_unless_equal(report)


def pattern_of_model(name: str) -> str:
    """The pattern that means a model's table and no other."""
    try:
        table: str = apps.get_model(name)._meta.db_table
    except (LookupError, ValueError):
        raise CommandError(f"there is no model {name!r}: say APP.MODEL", returncode=2) from None
    return '"' + table.replace('"', '""') + '"'
