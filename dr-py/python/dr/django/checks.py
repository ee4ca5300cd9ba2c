"""System checks: `manage.py check` finds what would stop a backup, `check --deploy` what would make it
worth little. They ask no server and no store.

Every id is stable and stands in `docs/django.md`.
"""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

import dr
from dr.errors import Error

from . import conf
from .connection import NotPostgreSQLError, connection_of, parameters_of
from .verbs import line


def check_settings(**_kwargs: Any) -> list[checks.CheckMessage]:
    """What would stop a backup."""
    wrong = conf.problems()
    if wrong:
        return [checks.Error(one.message, hint=one.hint, id=one.id) for one in wrong]
    if not conf.is_configured():
        return [
            checks.Warning(
                "dr.django is installed, and there is no DR setting",
                hint='Set DR = {"REPOSITORY": …}; without it every command needs --repo.',
                id="dr.W003",
            )
        ]
    found: dict[tuple[str | None, str], checks.CheckMessage] = {}
    for alias in _aliases():
        for message in _of_alias(alias):
            # What all aliases have in common is told once.
            found.setdefault((message.id, message.msg), message)
    return [*found.values(), *_of_one_name()]


def check_deployment(**_kwargs: Any) -> list[checks.CheckMessage]:
    """What would make a backup worth little."""
    if conf.problems() or not conf.is_configured():
        return []
    found: list[checks.CheckMessage] = []
    aliases = [alias for alias in _aliases() if conf.options_for(alias).repository]
    bare = [alias for alias in aliases if not conf.options_for(alias).is_encrypted]
    if bare:
        found.append(
            checks.Warning(
                f"backups of {_listed(bare)} are not encrypted",
                hint="Set DR['ENCRYPT_TO'] to the recipient that `dr key generate` prints.",
                id="dr.W001",
            )
        )
    here = [alias for alias in aliases if conf.options_for(alias).is_local]
    if here:
        found.append(
            checks.Warning(
                f"backups of {_listed(here)} lie on this machine and are lost with it",
                hint="Copy the repository to another place, or set DR['REPOSITORY'] to an offsite store.",
                id="dr.W002",
            )
        )
    return found


def _aliases() -> Iterator[str]:
    """The aliases that dr is for: those of PostgreSQL, and those that `DR` names."""
    named = settings.DR.get(conf.DATABASES, {})
    for alias in connections:
        if alias in named or connections[alias].vendor == "postgresql":
            yield alias


def _of_alias(alias: str) -> Iterator[checks.CheckMessage]:
    options = conf.options_for(alias)
    try:
        connection_of(alias)
    except NotPostgreSQLError as error:
        yield checks.Error(
            f"DR['DATABASES'][{alias!r}]: {error}",
            hint="Take it out of DR['DATABASES'].",
            id="dr.E007",
        )
        return
    if options.repository is None:
        if options.backup_before_migrate:
            yield checks.Error(
                "BACKUP_BEFORE_MIGRATE is set and REPOSITORY is not: migrate would always stop",
                id="dr.E003",
            )
        else:
            yield checks.Warning(
                f"DR has no REPOSITORY for {alias!r}: every command needs --repo", id="dr.W003"
            )
    else:
        yield from _of_repository(options.repository)
    for recipient in options.encrypt_to:
        try:
            dr.check_recipient(recipient)
        except Error as error:
            # dr repeats no recipient: it may be an identity, given by mistake.
            yield checks.Error(f"DR['ENCRYPT_TO']: {line(error)}", id="dr.E004")
    yield from _of_files(options)
    yield from _of_connection(alias)


def _of_repository(repository: str) -> Iterator[checks.CheckMessage]:
    try:
        dr.check_repository(repository)
    except Error as error:
        yield checks.Error(f"DR['REPOSITORY']: {line(error)}", id="dr.E009")
        return
    scheme = conf.scheme_of(repository)
    if scheme == "memory":
        yield checks.Warning("DR['REPOSITORY'] is memory: its backups end with the process", id="dr.W007")
    elif not scheme and not os.path.isabs(repository):
        yield checks.Warning(
            "DR['REPOSITORY'] is a relative path: where it lies depends on who runs the command",
            hint='Give an absolute one, such as BASE_DIR / "backups".',
            id="dr.W004",
        )


def _of_files(options: conf.Options) -> Iterator[checks.CheckMessage]:
    """Key files that cannot be read, and secret ones that others can."""
    secret = {
        "IDENTITY": options.identity,
        "PASSPHRASE_FILE": (options.passphrase_file,) if options.passphrase_file else (),
    }
    for key, paths in {**secret, "RECIPIENTS_FILE": options.recipients_file}.items():
        for path in paths:
            try:
                with Path(path).open("rb"):
                    mode = Path(path).stat().st_mode
            except OSError as error:
                why = error.strerror or type(error).__name__
                yield checks.Error(f"DR[{key!r}]: cannot read {path}: {why}", id="dr.E005")
                continue
            if key in secret and stat.S_IMODE(mode) & 0o077:
                yield checks.Warning(
                    f"DR[{key!r}]: {path} can be read by others than its owner",
                    hint=f"chmod 600 {path}",
                    id="dr.W006",
                )


def _of_connection(alias: str) -> Iterator[checks.CheckMessage]:
    """Parameters of `DATABASES` that dr cannot follow."""
    try:
        dr.resolve(parameters_of(alias))
    except (Error, ImproperlyConfigured) as error:
        yield checks.Error(f"DATABASES[{alias!r}]: dr cannot connect as it says: {line(error)}", id="dr.E008")


def _of_one_name() -> Iterator[checks.CheckMessage]:
    """Databases that cannot be told apart in their common repository."""
    places = defaultdict(list)
    for alias in _aliases():
        try:
            parameters = parameters_of(alias)
        except ImproperlyConfigured:
            continue  # Told already.
        repository = conf.options_for(alias).repository
        if repository is not None and "dbname" in parameters:
            places[repository, parameters["dbname"]].append((alias, parameters))
    for (repository, name), here in places.items():
        servers = {(parameters.get("host"), parameters.get("port")) for _, parameters in here}
        if len(servers) > 1:
            yield checks.Warning(
                f"{_listed(alias for alias, _ in here)} are databases called {name!r} on different "
                f"servers, and their backups lie in one repository, where they cannot be told apart",
                hint=f"Give one of them another REPOSITORY than {repository} in DR['DATABASES'].",
                id="dr.W005",
            )


def _listed(aliases: Any) -> str:
    return ", ".join(repr(alias) for alias in aliases)
