"""A server, the polling project on it, and for every test databases and a repository of its own.

The databases are copies of templates that were migrated and filled once. Tests work in this process,
through `call_command` and the ORM, and in processes of their own, through `manage.py`.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

import cluster as clusters

HERE = Path(__file__).resolve().parent
PROJECT = HERE / "project"
MAJOR = int(os.environ.get("DR_TEST_POSTGRES", "18"))
#: What this environment has installed that others do without.
EXTRAS = os.environ.get("DR_TEST_EXTRAS", "").split()
TEMPLATES = {"default": "template_polls", "analytics": "template_analytics"}

_numbers = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    """Starts the server and Django: modules of tests import models."""
    sys.path.insert(0, str(PROJECT))
    server = clusters.start(MAJOR)
    config.add_cleanup(server.stop)
    config.stash[CLUSTER] = server
    os.environ["POLLING_DATABASES"] = json.dumps(databases(server, TEMPLATES))
    os.environ["DJANGO_SETTINGS_MODULE"] = "polling.settings"
    import django

    django.setup()
    import dr

    # What is tested is what is installed.
    assert HERE.parents[1] / "dr-py" not in Path(dr.__file__).parents, dr.__file__


CLUSTER: pytest.StashKey[clusters.Cluster] = pytest.StashKey()


def databases(server: clusters.Cluster, names: dict[str, str]) -> dict[str, Any]:
    """`DATABASES` for these names by alias."""
    return {
        alias: {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": "127.0.0.1",
            "PORT": server.port,
            "USER": "postgres",
            "NAME": name,
        }
        for alias, name in names.items()
    }


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> clusters.Cluster:
    """The running server."""
    return request.config.stash[CLUSTER]


@dataclass
class Server:
    """SQL on the server, from a database that no test uses."""

    cluster: clusters.Cluster

    def sql(self, text: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Runs one statement outside of any transaction; its rows."""
        from django.db import connections
        from django.db.backends.base.base import NO_DB_ALIAS

        connection = connections["default"].copy(NO_DB_ALIAS)
        connection.settings_dict.update(NAME=database, OPTIONS={})
        try:
            with connection.cursor() as cursor:
                cursor.execute(text)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    def names(self) -> set[str]:
        """The databases there are."""
        return {name for (name,) in self.sql("SELECT datname FROM pg_database")}


@pytest.fixture(scope="session")
def postgres(server: clusters.Cluster) -> Server:
    """SQL on the server; the templates are there."""
    from django.core.management import call_command
    from django.db import connections

    import data

    here = Server(server)
    for alias, name in TEMPLATES.items():
        here.sql(f"CREATE DATABASE {name}")
        call_command("migrate", database=alias, verbosity=0)
    data.fill()
    connections.close_all()
    return here


@dataclass
class Polling:
    """The polling project with databases and a repository of its own."""

    server: Server
    names: dict[str, str]
    folder: Path
    dr: dict[str, Any]

    @property
    def repository(self) -> Path:
        """Where its backups lie."""
        return self.folder / "backups"

    def call(self, command: str, *words: str, **options: Any) -> str:
        """`call_command`; what it wrote to the stdout it was given."""
        from django.core.management import call_command

        out = StringIO()
        call_command(command, *words, stdout=out, **options)
        return out.getvalue()

    def json(self, command: str, *words: str, **options: Any) -> Any:
        """The one document that `--json` writes."""
        return json.loads(self.call(command, *words, json=True, **options))

    def manage(
        self,
        *words: str,
        answer: str | None = None,
        databases: dict[str, Any] | None = None,
        **environment: str,
    ) -> subprocess.CompletedProcess[str]:
        """`manage.py` in a process of its own; without an answer its standard input is at its end."""
        own = {
            "POLLING_DATABASES": json.dumps(databases or self.databases()),
            "POLLING_DR": json.dumps(self.dr, default=str),
            "PYTHONWARNINGS": "error::DeprecationWarning:dr",
        }
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=PROJECT,
            env={**os.environ, **own, **environment},
            input=answer or "",
            capture_output=True,
            text=True,
            timeout=120,
        )

    def run(self, code: str, **changes: Any) -> str:
        """Python in a process of its own, in the project; what it printed. `changes` are to `DATABASES`."""
        databases = self.databases()
        databases["default"].update(changes)
        environment = {
            "POLLING_DATABASES": json.dumps(databases),
            "POLLING_DR": json.dumps(self.dr),
        }
        done = subprocess.run(
            [sys.executable, "-c", f"import django\ndjango.setup()\n{code}"],
            cwd=PROJECT,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def databases(self) -> dict[str, Any]:
        """`DATABASES` as this test has it."""
        return databases(self.server.cluster, self.names)

    def lose(self, alias: str = "default") -> None:
        """The disaster: the database is gone."""
        from django.db import connections

        connections[alias].close()
        self.server.sql(f'DROP DATABASE "{self.names[alias]}"')


@pytest.fixture
def polling(postgres: Server, tmp_path: Path) -> Iterator[Polling]:
    """The project on a copy of the template, with `DR` that names a repository. The other alias is on the
    template itself: see `both`."""
    from django.test.utils import override_settings

    names = dict(TEMPLATES)
    project = Polling(postgres, names, tmp_path, {"REPOSITORY": str(tmp_path / "backups")})
    with override_settings(DR=project.dr), _copied(project, "default"):
        yield project


@pytest.fixture
def both(polling: Polling) -> Iterator[Polling]:
    """The same, with a copy for the other alias, too."""
    with _copied(polling, "analytics"):
        yield polling


@contextmanager
def _copied(project: Polling, alias: str) -> Iterator[None]:
    """A database of the test's own in the alias's place; it goes with all that were named after it."""
    from django.db import connections

    name = f"{alias}_{next(_numbers)}"
    connections[alias].close()
    project.server.sql(f"CREATE DATABASE {name} TEMPLATE {TEMPLATES[alias]}")
    project.names[alias] = connections[alias].settings_dict["NAME"] = name
    yield
    connections[alias].close()
    connections[alias].settings_dict["NAME"] = project.names[alias] = TEMPLATES[alias]
    for made in project.server.names():
        if made == name or made.startswith(f"{name}_"):
            project.server.sql(f'DROP DATABASE "{made}" WITH (FORCE)')
