"""Where an alias's database is: the parameters that Django's PostgreSQL backend would connect with, as
libpq's keywords.

Asked of the backend itself, so that engines built on it (PostGIS, django-prometheus, one that fetches a
password) are followed too, and so that a test run's database is the test database. Used by the verbs.
Nothing here prints a password.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections
from django.db.transaction import TransactionManagementError

from .conf import ConfigurationError

#: Parameters that are psycopg's and say nothing about the server.
OF_PSYCOPG = frozenset(
    {
        "async",
        "async_",
        "autocommit",
        "connection_factory",
        "context",
        "cursor_factory",
        "prepare_threshold",
        "row_factory",
    }
)

#: dr always uses the database's own encoding.
WITHOUT_EFFECT = frozenset({"client_encoding"})

SECRET = frozenset({"password", "sslpassword"})


class Parameters(dict[str, str]):
    """libpq's keywords. Prints no password, so that a traceback with local variables does not."""

    def __repr__(self) -> str:
        shown = {key: "…" if key in SECRET else value for key, value in self.items()}
        return f"Parameters({shown!r})"

    __str__ = __repr__

    def with_database(self, name: str) -> Parameters:
        """The same server and user, another database."""
        return Parameters(self, dbname=name)


class NotPostgreSQLError(ConfigurationError):
    """The alias is of another database system."""


def connection_of(alias: str) -> Any:
    """Django's connection for an alias, which need not be open."""
    if alias not in connections:
        raise ConfigurationError(f"there is no database alias {alias!r}; there are: {', '.join(connections)}")
    connection = connections[alias]
    if connection.vendor != "postgresql":
        raise NotPostgreSQLError(
            f"database alias {alias!r} is {connection.display_name}, and dr backs up PostgreSQL"
        )
    return connection


def parameters_of(alias: str) -> Parameters:
    """The parameters that Django would connect with."""
    connection = connection_of(alias)
    parameters = Parameters()
    for key, value in connection.get_connection_params().items():
        # psycopg leaves out what is None, too.
        if key not in OF_PSYCOPG | WITHOUT_EFFECT and value is not None:
            parameters[key] = str(value)
    return parameters


def role_of(alias: str) -> str | None:
    """The role Django takes on after login: OPTIONS["assume_role"]."""
    role = connection_of(alias).settings_dict.get("OPTIONS", {}).get("assume_role")
    return str(role) if role else None


def database_name(alias: str) -> str:
    """The name of the alias's database. Where only a service file knows it, the server is asked."""
    name = parameters_of(alias).get("dbname")
    if name is None:
        with borrowed(alias) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT current_database()")
            name = str(cursor.fetchone()[0])
    return name


def refuse_atomic(alias: str, what: str) -> None:
    """Refuses to work while this thread is inside `transaction.atomic()` on the alias."""
    if connection_of(alias).in_atomic_block:
        raise TransactionManagementError(
            f"a {what} inside transaction.atomic() on {alias!r} is refused: it has connections of its "
            f"own, which do not see what the block has changed and may wait for its locks forever"
        )


@contextmanager
def borrowed(alias: str) -> Iterator[Any]:
    """Django's connection, closed again if it was not open before."""
    connection = connection_of(alias)
    was_open = connection.connection is not None
    try:
        yield connection
    finally:
        if not was_open:
            connection.close()
