"""What the alias's server says about a database before it is restored into: whether it is there, what it
holds, who is connected.

Asked over a connection of its own to `postgres`, for the alias's database may be lost, and to the
database itself. Where a question cannot be asked, the answer is None: dr has the last word anyhow.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError
from django.db.backends.base.base import NO_DB_ALIAS

from .connection import connection_of

RELATIONS = """
SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND n.nspname !~ '^pg_'
  AND n.nspname <> 'information_schema'
"""

SESSIONS = """
SELECT coalesce(nullif(application_name, ''), 'unnamed') || ' as ' || usename, count(*)
FROM pg_catalog.pg_stat_activity
WHERE datname = %s AND pid <> pg_catalog.pg_backend_pid() AND usename IS NOT NULL
GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True)
class Database:
    """A database as its server knows it."""

    name: str
    #: None: the server does not answer.
    exists: bool | None = None
    #: Tables, views and sequences in it.
    relations: int | None = None
    #: Who is connected, and how often.
    sessions: tuple[tuple[str, int], ...] | None = None


def look_at(alias: str, name: str) -> Database:
    """Asks the alias's server about one of its databases."""
    try:
        with _cursor(alias, "postgres") as cursor:
            cursor.execute("SELECT 1 FROM pg_catalog.pg_database WHERE datname = %s", [name])
            exists = cursor.fetchone() is not None
            cursor.execute(SESSIONS, [name])
            sessions = tuple((str(who), int(count)) for who, count in cursor.fetchall())
    except DatabaseError:
        return Database(name)
    if not exists:
        return Database(name, exists=False)
    try:
        with _cursor(alias, name) as cursor:
            cursor.execute(RELATIONS)
            relations = int(cursor.fetchone()[0])
    except DatabaseError:
        relations = None
    return Database(name, True, relations, sessions)


@contextmanager
def _cursor(alias: str, database: str) -> Iterator[Any]:
    """A cursor on another database of the alias's server.

    Under Django's name for a connection that belongs to no alias: apps that prepare a new connection
    (django.contrib.postgres) would ask the alias's own database, which may be lost, and a pool would hold it.
    """
    connection = connection_of(alias).copy(NO_DB_ALIAS)
    connection.settings_dict["NAME"] = database
    connection.settings_dict.get("OPTIONS", {}).pop("pool", None)
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()
