"""What the `dr_…` commands have in common: their options, their one line of failure, their progress.

A command says what it does in `run`; this turns its errors into a CommandError whose exit code is that of
the command `dr` (1 failed, 2 cannot be meant, 3 damaged, 4 missing, 5 unchecked, 130 stopped), and writes
`--json` as exactly one document.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS
from django.db import Error as DatabaseError

from dr.errors import Error

from .. import verbs
from ..conf import Options, jobs_of, options_for
from ..restoring import RefusedError
from .progress import Progress

#: What a verb raises when it cannot be done, and that is told in one line.
FAILURES = (
    Error,
    RefusedError,
    ImproperlyConfigured,
    DatabaseError,
    OSError,
)


#: How a command ends that could do its work: as `dr` itself ends.
DAMAGED, MISSING, UNCHECKED, STOPPED = 3, 4, 5, 130


class StopError(Exception):
    """The command ends here, with a line and an exit code; its result is already written."""

    def __init__(self, line: str, code: int) -> None:
        super().__init__(line)
        self.code = code


class DrCommand(BaseCommand):
    """The base of every command of dr."""

    # A check of some other app must not stand between an operator and a restore.
    requires_system_checks: ClassVar[list[str]] = []

    #: Whether the command reads backups, and so has keys.
    opens_backups = True

    def add_arguments(self, parser: CommandParser) -> None:
        """The options of all commands; a command adds its own."""
        parser.add_argument(
            "--database",
            default=DEFAULT_DB_ALIAS,
            metavar="ALIAS",
            help='the alias of DATABASES that is meant; "default" if none is given',
        )
        parser.add_argument(
            "--repo", metavar="REPO", help="where the backups lie, instead of DR['REPOSITORY']"
        )
        parser.add_argument(
            "--json",
            action="store_true",
            help="print the result, or the error, as one JSON document; no progress",
        )
        if self.opens_backups:
            parser.add_argument(
                "--identity",
                action="append",
                metavar="FILE",
                help="a file with a key that opens backups, instead of DR['IDENTITY']; may be repeated",
            )
            parser.add_argument(
                "--passphrase-file",
                metavar="FILE",
                help="a file with the passphrase, instead of DR['PASSPHRASE_FILE']",
            )

    def run(self, options: Options, words: dict[str, Any]) -> None:
        """Does what the command is for."""
        raise NotImplementedError

    def handle(self, *_args: object, **words: Any) -> None:
        """Called by Django."""
        try:
            self.run(self.options(words), words)
        except StopError as stopped:
            raise CommandError(str(stopped), returncode=stopped.code) from None
        except CommandError as error:
            raise self.failed(words, str(error), error.returncode) from None
        except KeyboardInterrupt as error:
            raise self.failed(words, "stopped", STOPPED) from error
        except FAILURES as error:
            raise self.failed(words, verbs.line(error), verbs.exit_code(error), error) from error

    def failed(
        self, words: dict[str, Any], line: str, code: int, error: BaseException | None = None
    ) -> CommandError:
        """The error for Django; with `--json` it is the document, too, in the form of `dr --json`."""
        if words["json"]:
            facts: dict[str, Any] = {"message": line}
            if isinstance(error, Error):
                facts = {
                    "kind": error.kind,
                    "message": error.message,
                    "entry": error.entry,
                    "key": error.key,
                    "offset": error.offset,
                    "sqlstate": error.sqlstate,
                    "retryable": error.is_retryable,
                    "causes": list(error.causes),
                }
            self.document({"error": {**facts, "exit": code}})
        return CommandError(line, returncode=code)

    def options(self, words: dict[str, Any]) -> Options:
        """What `DR` says, and what the command line says instead."""
        options = options_for(words["database"])

        def several(name: str) -> tuple[str, ...] | None:
            return tuple(words[name]) if words.get(name) else None

        given: dict[str, Any] = {
            "repository": words.get("repo"),
            "identity": several("identity"),
            "passphrase_file": words.get("passphrase_file"),
            "jobs": jobs_of(words.get("jobs")),
            "encrypt_to": several("encrypt_to"),
            "exclude_table_data": several("exclude_table_data"),
        }
        return replace(options, **{key: value for key, value in given.items() if value is not None})

    def document(self, value: Any) -> None:
        """The one JSON document."""
        self.stdout.write(json.dumps(value, indent=2, ensure_ascii=False))

    def say(self, words: dict[str, Any], text: str, style: Any = None) -> None:
        """For people: nothing at verbosity 0, nothing beside a JSON document."""
        if words["verbosity"] >= 1 and not words["json"]:
            self.stdout.write(text, style)

    @contextmanager
    def progress(self, words: dict[str, Any]) -> Iterator[Progress | None]:
        """Who is told of the progress: a terminal, and nobody else."""
        if words["verbosity"] < 1 or words["json"] or not self.stderr.isatty():
            yield None
            return
        progress = Progress(self.stderr)
        try:
            yield progress
        finally:
            progress.clear()

    def ask(self, words: dict[str, Any], description: str, question: str) -> None:
        """Says what will be done and asks whether it shall be, unless `--no-input` says so."""
        if not words["interactive"]:
            self.say(words, f"{description}\n")
            return
        # Beside a JSON document there is standard error.
        stream = self.stderr if words["json"] else self.stdout
        plain: Any = str
        stream.write(f"{description}\n", plain)
        stream.write(f"{question} [yes/no] ", plain, ending="")
        stream.flush()
        try:
            answer = input()
        except EOFError:
            stream.write("", plain)
            raise CommandError(
                "nothing was done: there was nobody to say yes; --no-input does without"
            ) from None
        if not sys.stdin.isatty():
            # Nobody pressed Enter where it would be seen.
            stream.write("", plain)
        if answer.strip().lower() not in {"y", "yes"}:
            raise CommandError("nothing was done: the answer was not yes")

    @staticmethod
    def add_backup(parser: CommandParser) -> None:
        """The backup that is meant."""
        parser.add_argument(
            "backup",
            nargs="?",
            default="latest",
            metavar="BACKUP",
            help="an id, the beginning of one, or latest, of the alias's database; another "
            "database's as NAME/ID",
        )

    @staticmethod
    def add_jobs(parser: CommandParser, about: str) -> None:
        """How much is done at once."""
        parser.add_argument("--jobs", type=int, metavar="N", help=about)

    @staticmethod
    def add_no_input(parser: CommandParser) -> None:
        """As Django's own commands spell it."""
        parser.add_argument(
            "--no-input",
            "--noinput",
            action="store_false",
            dest="interactive",
            help="ask nothing",
        )
