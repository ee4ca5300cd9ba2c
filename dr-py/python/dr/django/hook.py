"""A backup before `migrate`, where `DR["BACKUP_BEFORE_MIGRATE"]` asks for one.

It hangs on Django's `pre_migrate` signal and does not replace the command: two apps that replace
`migrate` hide one another, while a signal reaches whatever command, `call_command` or package runs
migrations. The signal comes after `--plan` and `--check` have ended, with the plan, before the first
change; what a receiver raises stops the run. It is sent once for each app; this one listens to its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.db import connections
from django.db.backends.base.creation import TEST_DATABASE_PREFIX

from dr.errors import Error

from .apps import DrConfig
from .conf import options_for
from .verbs import backup, exit_code, line

LABEL = "pre-migration"


def before_migrate(
    *,
    using: str,
    plan: Sequence[Any] = (),
    verbosity: int = 1,
    stdout: Any = None,
    **_kwargs: object,
) -> None:
    """Backs the database up if a migration is about to be applied, or taken back."""
    if not plan:
        return
    say = stdout.write if stdout is not None and verbosity >= 1 else _silent
    try:
        options = options_for(using)
        if not options.backup_before_migrate:
            return
        if is_test_database(using):
            return
        if connections[using].vendor != "postgresql" and "BACKUP_BEFORE_MIGRATE" not in options.own:
            say(f"dr: no backup of {using!r} before it is migrated: it is not PostgreSQL")
            return
        receipt = backup(using, label=LABEL, options=options)
    except (Error, ImproperlyConfigured, OSError) as error:
        raise CommandError(
            f"nothing was migrated, for there is no backup of {using!r}: {line(error)}",
            returncode=exit_code(error),
        ) from error
    say(f"dr: {using!r} is backed up as {receipt.database}/{receipt.id} before it is migrated")


def is_test_database(alias: str) -> bool:
    """Whether a test runner has put its own database in this alias's place."""
    before = DrConfig.names.get(alias)
    connection = connections[alias]
    name = connection.settings_dict["NAME"]
    if not before or name == before:
        return False
    own = connection.settings_dict.get("TEST", {}).get("NAME")
    of_test = own or f"{TEST_DATABASE_PREFIX}{before}"
    # A parallel run numbers its copies.
    return bool(name == of_test or str(name).startswith(f"{of_test}_"))


def _silent(_line: str) -> None:
    pass
