"""`manage.py check`: every id, and what it says."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.test.utils import override_settings
from dr.django import checks

from conftest import Polling

RECIPIENT = "age1zjftsvgrtp42dwpm67jy3c7azyy3eulpz0wvhtcptku0aftezfhqg2yyjl"
GOOD = {"REPOSITORY": "/srv/backups", "ENCRYPT_TO": [RECIPIENT]}


def found(dr: Any) -> list[tuple[str | None, str]]:
    """Ids and messages, those of `--deploy` included."""
    with override_settings(DR=dr):
        every = [*checks.check_settings(), *checks.check_deployment()]
    return [(message.id, message.msg) for message in every]


def test_what_is_right_passes() -> None:
    with override_settings(DR=GOOD):
        assert checks.check_settings() == []


@pytest.mark.parametrize(
    ("dr", "id_", "says"),
    [
        ({**GOOD, "JOBZ": 1}, "dr.E001", "DR: unknown key 'JOBZ'"),
        ({**GOOD, "JOBS": 0}, "dr.E002", "DR['JOBS'] must be"),
        ({"BACKUP_BEFORE_MIGRATE": True}, "dr.E003", "migrate would always stop"),
        ({**GOOD, "ENCRYPT_TO": ["age1nonsense"]}, "dr.E004", "DR['ENCRYPT_TO']: "),
        ({**GOOD, "IDENTITY": "/no/such/file"}, "dr.E005", "DR['IDENTITY']: cannot read /no/such/file"),
        ({**GOOD, "PASSPHRASE_FILE": "/no/such"}, "dr.E005", "DR['PASSPHRASE_FILE']: cannot read /no/such"),
        ({**GOOD, "RECIPIENTS_FILE": "/no/such"}, "dr.E005", "DR['RECIPIENTS_FILE']: cannot read /no/such"),
        ({**GOOD, "DATABASES": {"other": {}}}, "dr.E006", "there is no such database alias"),
        ({**GOOD, "REPOSITORY": "ftp://host/polls"}, "dr.E009", "DR['REPOSITORY']: repositories at ftp: "),
        ({**GOOD, "REPOSITORY": "fiel:/srv/polls"}, "dr.E009", "DR['REPOSITORY']: repositories at fiel: "),
        ({**GOOD, "REPOSITORY": "./fiel:/polls"}, "dr.W004", "is a relative path"),
        ({**GOOD, "REPOSITORY": "file://host/polls"}, "dr.E009", "DR['REPOSITORY']: "),
        ({"REPOSITORY": "/srv/backups"}, "dr.W001", "'default', 'analytics' are not encrypted"),
        (GOOD, "dr.W002", "backups of 'default', 'analytics' lie on this machine"),
        ({**GOOD, "REPOSITORY": "file:///srv/backups"}, "dr.W002", "lie on this machine"),
        ({}, "dr.W003", "there is no DR setting"),
        ({"JOBS": 2}, "dr.W003", "DR has no REPOSITORY for 'default'"),
        ({**GOOD, "REPOSITORY": "backups"}, "dr.W004", "is a relative path"),
        ({**GOOD, "REPOSITORY": "memory:"}, "dr.W007", "end with the process"),
    ],
)
def test_every_id_says_what_is_wrong(dr: Any, id_: str, says: str) -> None:
    messages = [message for found_id, message in found(dr) if found_id == id_]
    assert messages, found(dr)
    assert says in messages[0]


def test_a_store_elsewhere_is_offsite() -> None:
    assert "dr.W002" not in dict(found({**GOOD, "REPOSITORY": "s3://bucket/polls"}))


def test_of_a_repository_that_dr_does_not_speak_no_more_is_said() -> None:
    dr = {**GOOD, "DATABASES": {"default": {"REPOSITORY": "nfs://me:hunter2@host/polls"}}}
    told = found(dr)
    assert "repositories at nfs: " in dict(told)["dr.E009"]
    assert "hunter2" not in str(told)
    assert "dr.W004" not in dict(told)


def test_an_alias_of_another_system_must_not_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with_another(monkeypatch, "cache", {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"})
    assert "dr.E007" not in dict(found(GOOD))
    dr = {**GOOD, "DATABASES": {"cache": {"JOBS": 1}}}
    assert "alias 'cache' is SQLite, and dr backs up PostgreSQL" in dict(found(dr))["dr.E007"]


def test_parameters_that_dr_cannot_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"sslpassword": "hunter2"}
    with_another(
        monkeypatch,
        "other",
        {"ENGINE": "django.db.backends.postgresql", "NAME": "other", "OPTIONS": options},
    )
    message = dict(found(GOOD))["dr.E008"]
    assert "DATABASES['other']: dr cannot connect as it says: " in message
    assert "sslpassword" in message and "hunter2" not in message


def test_two_databases_of_one_name_in_one_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    default = copy.deepcopy(connections.databases["default"])
    with_another(monkeypatch, "twin", {**default, "HOST": "db2.example"})
    assert "'default', 'twin' are databases called 'template_polls'" in dict(found(GOOD))["dr.W005"]
    apart = {**GOOD, "DATABASES": {"twin": {"REPOSITORY": "/srv/others"}}}
    assert "dr.W005" not in dict(found(apart))
    # A replica and an alias of the same place are the same database.
    with_another(monkeypatch, "twin", default)
    assert "dr.W005" not in dict(found(GOOD))


def test_keys_that_others_can_read(tmp_path: Path) -> None:
    key = tmp_path / "operator.key"
    key.write_text("AGE-SECRET-KEY-1QQQ")
    key.chmod(0o644)
    assert "can be read by others" in dict(found({**GOOD, "IDENTITY": key}))["dr.W006"]
    key.chmod(0o600)
    assert "dr.W006" not in dict(found({**GOOD, "IDENTITY": key}))


def test_an_identity_given_as_recipient_is_not_told() -> None:
    told = str(found({**GOOD, "ENCRYPT_TO": ["AGE-SECRET-KEY-1QQQQQQ"]}))
    assert "dr.E004" in told
    assert "SECRET" not in told


def test_manage_check_stops_at_errors_and_deploy_warns(polling: Polling) -> None:
    polling.dr["JOBS"] = "many"
    done = polling.manage("check")
    assert done.returncode == 1
    assert "(dr.E002) DR['JOBS'] must be a whole number" in done.stderr
    del polling.dr["JOBS"]
    done = polling.manage("check")
    assert (done.returncode, "dr." in done.stderr) == (0, False)
    done = polling.manage("check", "--deploy")
    assert "(dr.W001)" in done.stderr and "(dr.W002)" in done.stderr


def with_another(monkeypatch: pytest.MonkeyPatch, alias: str, settings: dict[str, Any]) -> None:
    """One more alias in DATABASES for this test."""
    monkeypatch.setitem(connections.databases, alias, settings)
    connections.configure_settings(connections.databases)
    if hasattr(connections._connections, alias):
        del connections[alias]
