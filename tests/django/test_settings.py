"""The `DR` setting: read when it is needed, refused by name when it cannot be meant."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test.utils import override_settings
from dr.django import conf, connection, revision


def messages(value: Any) -> list[tuple[str, str, str | None]]:
    with override_settings(DR=value):
        return [(problem.id, problem.message, problem.hint) for problem in conf.problems()]


def test_every_key_of_an_alias_has_its_field() -> None:
    named = {one.name for one in fields(conf.Options)} - {"alias", "own"}
    assert {key.lower() for key in conf.KEYS} == named


def test_an_alias_has_its_own_values_before_those_of_all() -> None:
    dr = {
        "REPOSITORY": Path("/srv/backups"),
        "ENCRYPT_TO": "age1all",
        "JOBS": 2,
        "EXCLUDE_TABLE_DATA": ["audit.*"],
        "LOCK_TIMEOUT": timedelta(seconds=30),
        "DATABASES": {"analytics": {"JOBS": 8, "ENCRYPT_TO": [], "EXCLUDE_TABLE_DATA": None}},
    }
    with override_settings(DR=dr):
        one, other = conf.options_for("default"), conf.options_for("analytics")
    assert (one.repository, one.encrypt_to, one.jobs) == ("/srv/backups", ("age1all",), 2)
    assert (one.exclude_table_data, one.lock_timeout) == (("audit.*",), 30.0)
    assert (other.repository, other.encrypt_to, other.jobs) == ("/srv/backups", (), 8)
    assert other.exclude_table_data == ()
    assert one.is_encrypted and not other.is_encrypted


def test_settings_are_read_when_they_are_needed() -> None:
    for jobs in (1, 2):
        with override_settings(DR={"JOBS": jobs}):
            assert conf.options_for("default").jobs == jobs
    with override_settings():
        from django.conf import settings

        del settings.DR
        assert conf.options_for("default").repository is None


@pytest.mark.parametrize(
    ("value", "id_", "says", "hint"),
    [
        ([], "dr.E002", "DR must be a dictionary", None),
        ({"REPOSITRY": "/x"}, "dr.E001", "DR: unknown key 'REPOSITRY'", "Did you mean 'REPOSITORY'?"),
        ({"jobs": 2}, "dr.E001", "DR: unknown key 'jobs'", "Did you mean 'JOBS'?"),
        ({"JOBS": "4"}, "dr.E002", "DR['JOBS'] must be a whole number from 1 to 512", None),
        ({"JOBS": True}, "dr.E002", "DR['JOBS'] must be a whole number from 1 to 512", None),
        ({"ENCRYPT_TO": 5}, "dr.E002", "DR['ENCRYPT_TO'] must be a recipient, or a list of such", None),
        ({"REPOSITORY": ""}, "dr.E002", "DR['REPOSITORY'] must be a path or a URL, and not empty", None),
        (
            {"COMPRESSION": "bzip2"},
            "dr.E002",
            "DR['COMPRESSION'] must be one of none, gzip, zstd, lz4, with :LEVEL if wanted",
            None,
        ),
        ({"BACKUP_BEFORE_MIGRATE": "yes"}, "dr.E002", "must be True or False", None),
        ({"LOCK_TIMEOUT": -1}, "dr.E002", "must be a positive number of seconds", None),
        ({"CODE_REVISION": 5}, "dr.E002", "must be a string, or something that can be called", None),
        ({"DATABASES": []}, "dr.E002", "DR['DATABASES'] must be a dictionary of aliases", None),
        ({"DATABASES": {"default": 1}}, "dr.E002", "DR['DATABASES']['default'] must be a dict", None),
        (
            {"DATABASES": {"defualt": {}}},
            "dr.E006",
            "DR['DATABASES']['defualt']: there is no such database alias",
            "Did you mean 'default'?",
        ),
        (
            {"DATABASES": {"default": {"CODE_REVISION": "x"}}},
            "dr.E001",
            "DR['DATABASES']['default']: unknown key 'CODE_REVISION'",
            "CODE_REVISION is of the whole project: set it in DR itself.",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(value: Any, id_: str, says: str, hint: str | None) -> None:
    ((found_id, found, found_hint),) = messages(value)
    assert found_id == id_
    assert says in found
    assert found_hint == hint
    with override_settings(DR=value), pytest.raises(conf.ConfigurationError, match="DR"):
        conf.options_for("default")


def test_a_secret_in_the_wrong_place_is_not_repeated() -> None:
    secret = "AGE-SECRET-KEY-1QQQ"
    for key in ("JOBS", "COMPRESSION", "LOCK_TIMEOUT", "BACKUP_BEFORE_MIGRATE"):
        assert secret not in str(messages({key: secret})), key


def params(engine: str = "django.db.backends.postgresql", **settings: Any) -> connection.Parameters:
    from django.db import connections

    connections.databases["probe"] = {"ENGINE": engine, "NAME": "polls", **settings}
    connections.configure_settings(connections.databases)
    try:
        return connection.parameters_of("probe")
    finally:
        del connections["probe"]
        del connections.databases["probe"]


def test_parameters_are_those_of_djangos_backend() -> None:
    found = params(
        HOST="db.example",
        PORT=6432,
        USER="app",
        PASSWORD="hunter2",
        OPTIONS={
            "sslmode": "verify-full",
            "sslrootcert": Path("/etc/ca.pem"),
            "passfile": "/etc/pgpass",
            "connect_timeout": 7,
            "options": "-c search_path=polls,public",
            "application_name": None,
            "isolation_level": 2,
            "assume_role": "owner",
            "server_side_binding": True,
            "client_encoding": "LATIN1",
        },
    )
    assert found == {
        "dbname": "polls",
        "host": "db.example",
        "port": "6432",
        "user": "app",
        "password": "hunter2",
        "sslmode": "verify-full",
        "sslrootcert": "/etc/ca.pem",
        "passfile": "/etc/pgpass",
        "connect_timeout": "7",
        "options": "-c search_path=polls,public",
    }
    for text in (repr(found), str(found), f"{found}", repr({"locals": found})):
        assert "hunter2" not in text
    assert found.with_database("other")["dbname"] == "other"


def test_what_is_empty_is_left_to_libpq() -> None:
    assert params(HOST="", PORT="", USER="", PASSWORD="") == {"dbname": "polls"}
    assert params(NAME="", OPTIONS={"service": "polls"}) == {"service": "polls"}
    assert params(HOST="/var/run/postgresql")["host"] == "/var/run/postgresql"


def test_no_database_is_named_postgres_as_in_django() -> None:
    assert params(NAME=None)["dbname"] == "postgres"


def test_another_system_is_refused_by_name() -> None:
    with pytest.raises(connection.NotPostgreSQLError, match="alias 'probe' is SQLite, and dr backs up"):
        params("django.db.backends.sqlite3")
    with pytest.raises(conf.ConfigurationError, match="no database alias 'nowhere'; there are: "):
        connection.parameters_of("nowhere")


def test_engines_built_on_djangos_are_followed() -> None:
    assert params("engines.prometheus_like", HOST="h")["host"] == "h"
    # An engine that fetches a password when it connects.
    assert params("engines.iam_like")["password"] == "fetched"


def test_a_revision_is_a_word_or_what_a_function_returns(caplog: pytest.LogCaptureFixture) -> None:
    for given, found in [(None, None), ("v1.2", "v1.2"), (lambda: 7, "7"), (lambda: None, None)]:
        with override_settings(DR={"CODE_REVISION": given}):
            assert revision.current() == found

    def fails() -> str:
        raise RuntimeError("no such thing")

    with override_settings(DR={"CODE_REVISION": fails}):
        assert revision.current() is None
    assert "CODE_REVISION is not known" in caplog.text


def test_git_describes_the_folder_of_the_project(tmp_path: Path) -> None:
    import subprocess

    def git(*words: str) -> None:
        subprocess.run(["git", *words], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    git("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--allow-empty", "-m", "x")
    git("tag", "v7")
    with override_settings(BASE_DIR=tmp_path, DR={"CODE_REVISION": revision.git}):
        assert revision.current() == "v7"
