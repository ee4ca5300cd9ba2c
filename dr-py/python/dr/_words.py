"""Arguments as the native module takes them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Optional, Union

from .errors import UsageError

#: A file or folder.
Path = Union[str, "os.PathLike[str]"]
#: One, or several.
Paths = Union[Path, Iterable[Path], None]
#: Patterns as in pg_dump: one, or several.
Patterns = Union[str, Iterable[str]]
#: A libpq connection string or URI, or libpq's keywords and their values.
Database = Union[str, Mapping[str, object]]
#: A duration: a number of seconds, or a timedelta.
Seconds = Union[float, timedelta]


def path(value: Path) -> str:
    """A path as text."""
    return os.fspath(value)


def location(value: Path) -> str:
    """A repository's location as text: text may be a URL, a path object is a path, whatever it is called."""
    text = path(value)
    if isinstance(value, str) or os.path.isabs(text) or ":" not in text:
        return text
    return os.path.join(os.curdir, text)


def paths(values: Paths) -> list[str]:
    """One path, several or none."""
    if values is None:
        return []
    if isinstance(values, (str, os.PathLike)):
        return [path(values)]
    return [path(value) for value in values]


def texts(values: Patterns) -> list[str]:
    """One text or several: a string is not taken for its characters."""
    return [values] if isinstance(values, str) else list(values)


def seconds(value: Optional[Seconds]) -> Optional[float]:
    """A duration in seconds."""
    return value.total_seconds() if isinstance(value, timedelta) else value


def conninfo(database: Database) -> str:
    """A connection string of libpq's keywords; a string passes as it is."""
    if isinstance(database, str):
        return database
    if not isinstance(database, Mapping):
        raise UsageError("a database is a connection string, or a mapping of libpq's keywords")
    return " ".join(f"{keyword}={_quoted(value)}" for keyword, value in database.items() if value is not None)


def _quoted(value: object) -> str:
    text = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'"
