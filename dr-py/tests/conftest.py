"""Servers, databases with something in them, and a repository of its own for every test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import dr
from servers import ROOT, Server


def pytest_sessionstart() -> None:
    """What is tested is what is installed."""
    assert ROOT / "dr-py" / "python" not in Path(dr.__file__).parents, dr.__file__


@pytest.fixture(scope="session", params=[15, 18])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    running = Server(request.param)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def newest() -> Iterator[Server]:
    """One server for what does not depend on its version."""
    running = Server(18)
    yield running
    running.stop()


SCHEMA = """
CREATE TABLE public.poll (id serial PRIMARY KEY, question text NOT NULL, at timestamptz DEFAULT now());
CREATE TABLE public.vote (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    poll_id int REFERENCES public.poll, choice text, weight numeric, raw bytea);
INSERT INTO public.poll (question) VALUES ('Why?'), (E'tab\\t, line\\n and \\\\N'), ('größer €');
INSERT INTO public.vote (poll_id, choice, weight, raw)
SELECT 1 + n % 3, CASE WHEN n % 7 = 0 THEN NULL ELSE 'choice ' || n END, n / 8.0, decode(md5(n::text), 'hex')
FROM generate_series(1, {votes}) n;
CREATE TABLE public.nothing ();
INSERT INTO public.nothing DEFAULT VALUES;
CREATE TABLE public.empty (a int, b text);
SELECT pg_catalog.lo_from_bytea(4711, 'large');
"""


def sql(database: dict[str, object], statement: str) -> list[tuple[Any, ...]]:
    """Runs a statement; its rows."""
    keywords = {key: str(value) for key, value in database.items()}
    with psycopg.connect(**keywords, autocommit=True) as connection:  # type: ignore[arg-type]
        cursor = connection.execute(statement)  # type: ignore[call-overload]
        return cursor.fetchall() if cursor.description else []


class Databases:
    """Makes databases on a server; their names are nobody else's."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def name(self) -> dict[str, object]:
        """One that is not there."""
        return self.server.database(f"db_{uuid.uuid4().hex[:12]}")

    def filled(self, votes: int = 2000) -> dict[str, object]:
        """One with polls and votes."""
        database = self.name()
        sql(self.server.database("postgres"), f"CREATE DATABASE {database['dbname']}")
        for statement in SCHEMA.format(votes=votes).split(";\n"):
            if statement.strip():
                sql(database, statement)
        return database

    def exists(self, database: dict[str, object]) -> bool:
        query = f"SELECT 1 FROM pg_database WHERE datname = '{database['dbname']}'"
        return bool(sql(self.server.database("postgres"), query))


@pytest.fixture
def databases(newest: Server) -> Databases:
    return Databases(newest)


@pytest.fixture
def key(tmp_path: Path) -> tuple[str, Path]:
    """A recipient, and the file with its identity."""
    file = tmp_path / "operator.key"
    return dr.generate_key(file), file


@pytest.fixture
def repo(tmp_path: Path) -> dr.Repository:
    return dr.Repository(tmp_path / "backups")
