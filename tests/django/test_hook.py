"""A backup before `migrate`, and only where it is due."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder
from dr.django import hook

from conftest import Polling

HERE = ("polls", "0003_default_categories")


@pytest.fixture
def due(polling: Polling) -> Polling:
    """A project that asks for the backup, with one migration that is not applied."""
    call_command("migrate", "polls", "0002", verbosity=0)
    polling.dr["BACKUP_BEFORE_MIGRATE"] = True
    return polling


def labels(polling: Polling) -> list[str]:
    if not polling.repository.exists():
        return []
    return [one["label"] for one in polling.json("dr_list", "--all")["backups"]]


def applied(alias: str = "default") -> set[tuple[str, str]]:
    return set(MigrationRecorder(connections[alias]).applied_migrations())


def test_one_backup_before_a_run(due: Polling) -> None:
    told = due.call("migrate")
    assert labels(due) == ["pre-migration"]
    assert f"dr: 'default' is backed up as {due.names['default']}/" in told
    assert told.index("dr: 'default'") < told.index("Applying polls.0003")
    assert HERE in applied()
    # What was kept is what was there before.
    assert due.json("dr_show")["migrations"]["to_run"] == ["polls.0003_default_categories"]
    due.call("migrate")
    assert len(labels(due)) == 1


def test_no_backup_where_nothing_is_applied(due: Polling) -> None:
    due.call("migrate", "--plan")
    with pytest.raises(SystemExit):
        due.call("migrate", "--check")
    due.call("migrate", "polls", "0002")
    assert labels(due) == []


def test_taking_a_migration_back_is_a_change(due: Polling) -> None:
    due.call("migrate", "polls", "0001", verbosity=0)
    assert labels(due) == ["pre-migration"]


def test_a_failed_backup_stops_the_migration(due: Polling, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    due.dr["REPOSITORY"] = str(tmp_path / "file" / "backups")
    with pytest.raises(CommandError, match="nothing was migrated, for there is no backup of 'default'"):
        due.call("migrate")
    assert HERE not in applied()
    done = due.manage("migrate")
    assert done.returncode != 0
    assert "CommandError: nothing was migrated" in done.stderr
    assert HERE not in applied()


def test_it_is_off_unless_asked_for(polling: Polling) -> None:
    call_command("migrate", "polls", "0002", verbosity=0)
    polling.call("migrate", verbosity=0)
    assert labels(polling) == []


def test_each_database_for_itself(due: Polling, both: Polling) -> None:
    due.dr["DATABASES"] = {"analytics": {"BACKUP_BEFORE_MIGRATE": False}}
    call_command("migrate", "analytics", "zero", database="analytics", verbosity=0)
    assert labels(due) == []
    del due.dr["DATABASES"]
    call_command("migrate", database="analytics", verbosity=0)
    (backup,) = due.json("dr_list", "--all")["backups"]
    assert backup["database"] == due.names["analytics"]


def test_setting_that_cannot_be_meant_stops_it(due: Polling) -> None:
    due.dr["BACKUP_BEFORE_MIGRATION"] = True
    with pytest.raises(CommandError, match="Did you mean 'BACKUP_BEFORE_MIGRATE'"):
        due.call("migrate")
    assert HERE not in applied()


def test_a_test_runners_database_is_none_to_back_up(due: Polling, monkeypatch: pytest.MonkeyPatch) -> None:
    name = due.names["default"]
    monkeypatch.setitem(hook.DrConfig.names, "default", name)
    assert not hook.is_test_database("default")
    monkeypatch.setitem(hook.DrConfig.names, "default", name.removeprefix("test_"))
    settings = connections["default"].settings_dict
    for test, before, found in [
        ({"NAME": None}, "polls", False),
        ({"NAME": name}, "polls", True),
        ({"NAME": name.rsplit("_", 1)[0]}, "polls", True),
        ({"NAME": "other"}, "polls", False),
        ({"NAME": name}, None, False),
    ]:
        monkeypatch.setitem(settings, "TEST", {**settings["TEST"], **test})
        monkeypatch.setitem(hook.DrConfig.names, "default", before)
        assert hook.is_test_database("default") is found, (test, before)


def test_a_test_run_makes_no_backup(due: Polling, tmp_path: Path) -> None:
    done = due.manage("test", "--noinput", "users")
    assert done.returncode == 0, done.stderr
    assert "Ran 1 test" in done.stderr
    assert labels(due) == []


def test_another_system_is_left_out_unless_it_is_asked_for(due: Polling, tmp_path: Path) -> None:
    databases: dict[str, Any] = {
        **due.databases(),
        "cache": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "cache.sqlite3")},
    }
    done = due.manage("migrate", "--database", "cache", databases=databases)
    assert done.returncode == 0, done.stderr
    assert "no backup of 'cache' before it is migrated: it is not PostgreSQL" in done.stdout
    due.dr["DATABASES"] = {"cache": {"BACKUP_BEFORE_MIGRATE": True}}
    (tmp_path / "cache.sqlite3").unlink()
    done = due.manage("migrate", "--database", "cache", databases=databases)
    assert done.returncode == 1
    assert "alias 'cache' is SQLite, and dr backs up PostgreSQL" in done.stderr


def test_it_is_told_on_the_stdout_of_migrate(due: Polling) -> None:
    out = io.StringIO()
    call_command("migrate", stdout=out, verbosity=0)
    assert out.getvalue() == ""
    assert labels(due) == ["pre-migration"]
