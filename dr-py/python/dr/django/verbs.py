"""What the commands, the tasks and the hook do: dr's verbs for an alias, with the signals they send.

For code that wants the same without a command line: `verbs.backup("default", label="nightly")`. The
connection comes from `DATABASES`, everything else from `DR`, both read at the call.
"""

from __future__ import annotations

import logging

import django
from django.db import DEFAULT_DB_ALIAS

import dr
from dr.errors import Error, Interrupted, UsageError
from dr.events import OnEvent

from . import applied, revision, signals
from .apps import DrConfig
from .conf import ConfigurationError, Options, options_for
from .connection import connection_of, database_name, parameters_of, refuse_atomic, role_of

logger = logging.getLogger("dr.django")

#: What a backup records in its own snapshot: which migrations are applied, and who asks.
MIGRATIONS = "django_migrations"
PROJECT = "django"


def repository_of(options: Options) -> dr.Repository:
    """The repository, which must be configured."""
    if options.repository is None:
        raise ConfigurationError(f"DR has no REPOSITORY for {options.alias!r}: set it, or give --repo")
    return dr.Repository(
        options.repository, identity=options.identity, passphrase_file=options.passphrase_file
    )


def backup(
    alias: str = DEFAULT_DB_ALIAS,
    *,
    label: str | None = None,
    options: Options | None = None,
    on_event: OnEvent | None = None,
) -> dr.Receipt:
    """Backs the alias's database up as `DR` says, or as `options` say.

    Sends `backup_finished` or `backup_failed`. Refused inside `transaction.atomic()` on the alias: what
    the block has changed would not be in the backup.
    """
    try:
        receipt = _backup(alias, label, options or options_for(alias), on_event)
    except BaseException as error:
        logger.error("no backup of %r: %s", alias, line(error))
        signals.backup_failed.send_robust(DrConfig, alias=alias, label=label, error=error)
        raise
    logger.info("%r is backed up as %s/%s", alias, receipt.database, receipt.id)
    signals.backup_finished.send_robust(DrConfig, alias=alias, receipt=receipt)
    return receipt


def _backup(alias: str, label: str | None, options: Options, on_event: OnEvent | None) -> dr.Receipt:
    connection_of(alias)
    refuse_atomic(alias, "backup")
    record = {PROJECT: _project_query(alias)}
    migrations = applied.query_for(alias)
    if migrations is not None:
        record[MIGRATIONS] = migrations
    return repository_of(options).backup(
        parameters_of(alias),
        label=label,
        record=record,
        role=role_of(alias),
        on_event=on_event,
        encrypt_to=options.encrypt_to,
        recipients_file=options.recipients_file,
        passphrase_file=options.passphrase_file,
        jobs=options.jobs,
        exclude_schemas=options.exclude_schema,
        exclude_tables=options.exclude_table,
        exclude_table_data=options.exclude_table_data,
        lock_timeout=options.lock_timeout,
        compression=options.compression,
    )


def _project_query(alias: str) -> str:
    """A query that answers with facts of the project, as text in hexadecimal: no quoting matters."""
    facts = {
        "alias": alias,
        "django": django.get_version(),
        "code_revision": revision.current(),
    }
    columns = ", ".join(
        f"NULL::text AS {name}"
        if value is None
        else f"convert_from(decode('{value.encode().hex()}', 'hex'), 'UTF8') AS {name}"
        for name, value in facts.items()
    )
    return f"SELECT {columns}"


def list_backups(options: Options, database: str | None = None) -> list[dr.Backup]:
    """The backups of one database, or of all; the oldest first."""
    backups = repository_of(options).list()
    return [one for one in backups if database is None or one.database == database]


def named(options: Options, backup: str) -> str:
    """A backup's name with its database's before it, so that `latest` is that of the alias."""
    return backup if "/" in backup else f"{database_name(options.alias)}/{backup}"


def verify(
    backup: str = "latest",
    *,
    alias: str = DEFAULT_DB_ALIAS,
    level: str = "stored",
    options: Options | None = None,
    on_event: OnEvent | None = None,
) -> dr.Report:
    """Verifies a backup: `quick`, `stored` or `deep`. The report says whether it is sound."""
    options = options or options_for(alias)
    return repository_of(options).verify(
        named(options, backup),
        level=level,
        jobs=options.jobs,
        on_event=on_event,
    )


def verify_against_live(
    backup: str = "latest",
    *,
    alias: str = DEFAULT_DB_ALIAS,
    options: Options | None = None,
    on_event: OnEvent | None = None,
) -> dr.LiveReport:
    """Compares the alias's live tables with those of a backup."""
    options = options or options_for(alias)
    refuse_atomic(alias, "comparison")
    return repository_of(options).verify_against_live(
        named(options, backup),
        parameters_of(alias),
        jobs=options.jobs,
        on_event=on_event,
    )


def line(error: BaseException) -> str:
    """An error in one line; its causes are in it."""
    text = " ".join(str(error).split())
    return text or type(error).__name__


def exit_code(error: BaseException) -> int:
    """What the command `dr` would end with."""
    if isinstance(error, Error):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return Interrupted.exit_code
    return UsageError.exit_code if isinstance(error, ConfigurationError) else 1
