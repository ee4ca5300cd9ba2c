"""The `DR` setting: which keys there are, what each may hold, and what an alias comes to.

Read anew at every call, never at import, so that `override_settings` works. Used by the commands, the
tasks and the hook through `options_for`, and by the system checks through `problems`; knows no server
and opens no file.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

MOST_JOBS = 512
METHODS = ("none", "gzip", "zstd", "lz4")

#: Locations that are on this machine, whatever is mounted there.
LOCAL_SCHEMES = ("", "file", "memory")


class ConfigurationError(ImproperlyConfigured):
    """The `DR` setting, or what it refers to, cannot be meant."""


@dataclass(frozen=True)
class Problem:
    """What is wrong with one key."""

    id: str
    message: str
    hint: str | None = None


@dataclass(frozen=True)
class Options:
    """What `DR` says for one database alias."""

    alias: str
    repository: str | None = None
    encrypt_to: tuple[str, ...] = ()
    recipients_file: tuple[str, ...] = ()
    identity: tuple[str, ...] = ()
    passphrase_file: str | None = None
    jobs: int | None = None
    compression: str = "zstd:3"
    exclude_schema: tuple[str, ...] = ()
    exclude_table: tuple[str, ...] = ()
    exclude_table_data: tuple[str, ...] = ()
    lock_timeout: float | None = None
    backup_before_migrate: bool = False
    #: The keys that the alias sets itself.
    own: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def is_encrypted(self) -> bool:
        """Whether a backup would be sealed."""
        return bool(self.encrypt_to or self.recipients_file or self.passphrase_file)

    @property
    def is_local(self) -> bool:
        """Whether the repository is on this machine, as far as its name tells."""
        return self.repository is not None and scheme_of(self.repository) in LOCAL_SCHEMES


def scheme_of(location: str) -> str:
    """The scheme of a repository's location; empty for a path."""
    return urlsplit(location).scheme.lower() if ":" in location else ""


class _WrongError(ValueError):
    """A value cannot be meant; the message says what can."""


def _path(value: object) -> str:
    if isinstance(value, (str, os.PathLike)):
        path = os.fspath(value)
        if isinstance(path, str) and path:
            return path
    raise _WrongError("must be a path")


def _repository(value: object) -> str:
    try:
        return _path(value)
    except _WrongError:
        raise _WrongError("must be a path or a URL, and not empty") from None


def _several(one: Callable[[object], str], what: str) -> Callable[[object], tuple[str, ...]]:
    """A value or a list of such values."""

    def several(value: object) -> tuple[str, ...]:
        values = value if isinstance(value, (list, tuple, set, frozenset)) else [value]
        try:
            return tuple(one(value) for value in values)
        except _WrongError:
            raise _WrongError(f"must be {what}, or a list of such") from None

    return several


def _text(value: object) -> str:
    if isinstance(value, str) and value:
        return value
    raise _WrongError("must be a string")


def _jobs(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_JOBS:
        return value
    raise _WrongError(f"must be a whole number from 1 to {MOST_JOBS}")


def _compression(value: object) -> str:
    if isinstance(value, str):
        method, colon, level = value.partition(":")
        if method in METHODS and (not colon or level.lstrip("-").isdigit()):
            return value
    raise _WrongError(f"must be one of {', '.join(METHODS)}, with :LEVEL if wanted")


def _seconds(value: object) -> float:
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
        return float(value)
    raise _WrongError("must be a positive number of seconds, or a timedelta")


def _bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise _WrongError("must be True or False")


def _revision(value: object) -> object:
    if isinstance(value, str) or callable(value):
        return value
    raise _WrongError("must be a string, or something that can be called and returns one")


#: Keys that are also understood for a single alias, by the field of `Options` that they fill.
KEYS: Mapping[str, Callable[[object], object]] = {
    "REPOSITORY": _repository,
    "ENCRYPT_TO": _several(_text, "a recipient"),
    "RECIPIENTS_FILE": _several(_path, "a path"),
    "IDENTITY": _several(_path, "a path"),
    "PASSPHRASE_FILE": _path,
    "JOBS": _jobs,
    "COMPRESSION": _compression,
    "EXCLUDE_SCHEMA": _several(_text, "a pattern"),
    "EXCLUDE_TABLE": _several(_text, "a pattern"),
    "EXCLUDE_TABLE_DATA": _several(_text, "a pattern"),
    "LOCK_TIMEOUT": _seconds,
    "BACKUP_BEFORE_MIGRATE": _bool,
}

#: Keys that are of the whole project.
PROJECT_KEYS: Mapping[str, Callable[[object], object]] = {"CODE_REVISION": _revision}

DATABASES = "DATABASES"


def _setting() -> object:
    return getattr(settings, "DR", {})


def problems() -> list[Problem]:
    """Everything that is wrong with the form of the `DR` setting; empty if nothing is."""
    value = _setting()
    if not isinstance(value, Mapping):
        return [Problem("dr.E002", "DR must be a dictionary")]
    found = list(_problems_in(value, "DR", {**KEYS, **PROJECT_KEYS, DATABASES: _keep}))
    databases = value.get(DATABASES, {})
    if not isinstance(databases, Mapping):
        return [*found, Problem("dr.E002", "DR['DATABASES'] must be a dictionary of aliases")]
    for alias, own in databases.items():
        where = f"DR['DATABASES'][{alias!r}]"
        if alias not in settings.DATABASES:
            hint = _nearest(str(alias), settings.DATABASES)
            found.append(Problem("dr.E006", f"{where}: there is no such database alias", hint))
        elif not isinstance(own, Mapping):
            found.append(Problem("dr.E002", f"{where} must be a dictionary"))
        else:
            found.extend(_problems_in(own, where, KEYS))
    return found


def _problems_in(
    value: Mapping[Any, object], where: str, keys: Mapping[str, Callable[[object], object]]
) -> Iterator[Problem]:
    for key, given in value.items():
        if key not in keys:
            yield Problem("dr.E001", f"{where}: unknown key {key!r}", _hint_for(str(key), keys))
        elif given is not None:
            try:
                keys[key](given)
            except _WrongError as wrong:
                # The value is not repeated: it may be a secret in the wrong place.
                yield Problem("dr.E002", f"{where}[{key!r}] {wrong}")


def _hint_for(key: str, keys: Mapping[str, object]) -> str:
    if key in PROJECT_KEYS or key == DATABASES:
        return f"{key} is of the whole project: set it in DR itself."
    return _nearest(key.upper(), keys) or f"There are: {', '.join(keys)}."


def _nearest(word: str, words: Mapping[str, object]) -> str | None:
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    return f"Did you mean {near[0]!r}?" if near else None


def _keep(value: object) -> object:
    return value


def options_for(alias: str) -> Options:
    """What `DR` says for this alias: its own keys before those of all.

    Raises ConfigurationError with everything that is wrong with the setting.
    """
    wrong = problems()
    if wrong:
        raise ConfigurationError(
            "; ".join(
                f"{problem.message} ({problem.hint})" if problem.hint else problem.message
                for problem in wrong
            )
        )
    setting: Any = _setting()
    own: Mapping[str, object] = setting.get(DATABASES, {}).get(alias, {})
    values: dict[str, Any] = {"alias": alias, "own": frozenset(own)}
    for key, valid in KEYS.items():
        given = own[key] if key in own else setting.get(key)
        if given is not None:
            values[key.lower()] = valid(given)
    return Options(**values)


def code_revision() -> object:
    """`DR["CODE_REVISION"]`: None, a string, or something that can be called."""
    setting = _setting()
    return setting.get("CODE_REVISION") if isinstance(setting, Mapping) else None


def is_configured() -> bool:
    """Whether there is a `DR` setting at all."""
    return bool(_setting())


def jobs_of(value: object) -> int | None:
    """What a command line says of `JOBS`."""
    try:
        return None if value is None else _jobs(value)
    except _WrongError as wrong:
        raise ConfigurationError(f"--jobs {wrong}") from None
