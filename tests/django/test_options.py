"""No setting and no option is without effect."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dr
import pytest
from django.core.management import CommandError
from django.db import connections

from conftest import PROJECT, Polling

pytestmark = pytest.mark.once


def tables(polling: Polling) -> dict[str, int]:
    """Rows by table, as the last backup has them."""
    evidence = polling.json("dr_show")["manifest"]["evidence"]
    return {table["name"]: table["digest"]["rows"] for table in evidence["tables"].values()}


def suffixes(polling: Polling) -> set[str]:
    return {path.suffix for path in polling.repository.glob("*/*/*.dat*") if path.name != "toc.dat"}


def test_what_is_left_out(polling: Polling) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("CREATE SCHEMA scratch; CREATE TABLE scratch.notes (id int)")
    polling.dr["EXCLUDE_TABLE_DATA"] = ["votes_*"]
    polling.dr["EXCLUDE_TABLE"] = "django_session"
    polling.dr["EXCLUDE_SCHEMA"] = ["scratch"]
    polling.call("dr_backup")
    found = tables(polling)
    assert not {"votes_vote", "votes_auditlog", "django_session", "notes"} & set(found)
    assert "users_user" in found
    polling.call("dr_backup", "--exclude-table-data", "users_*")
    found = tables(polling)
    assert "votes_vote" in found and "users_user" not in found


@pytest.mark.parametrize(
    ("method", "suffix"), [("none", ".dat"), ("gzip:1", ".gz"), ("zstd:1", ".zst"), ("lz4", ".lz4")]
)
def test_compression(polling: Polling, method: str, suffix: str) -> None:
    polling.dr["COMPRESSION"] = method
    polling.call("dr_backup")
    assert suffixes(polling) == {suffix}


def test_recipients_of_settings_file_and_command_line(polling: Polling, tmp_path: Path) -> None:
    keys = {name: (tmp_path / name, dr.generate_key(tmp_path / name)) for name in ("a", "b", "c")}
    (tmp_path / "recipients").write_text(keys["b"][1] + "\n")
    polling.dr["ENCRYPT_TO"] = keys["a"][1]
    polling.dr["RECIPIENTS_FILE"] = [str(tmp_path / "recipients")]

    def opened_by() -> set[str]:
        return {
            name
            for name, (path, _) in keys.items()
            if dr.Repository(polling.repository, identity=path).verify("latest", level="deep").is_sound
        }

    polling.call("dr_backup")
    assert opened_by() == {"a", "b"}
    polling.call("dr_backup", "--encrypt-to", keys["c"][1])
    assert opened_by() == {"b", "c"}


@contextmanager
def locked(polling: Polling) -> Iterator[None]:
    """Somebody holds a table, so that no backup can begin."""
    other = connections["default"].copy()
    other.set_autocommit(False)
    try:
        with other.cursor() as cursor:
            cursor.execute("LOCK TABLE votes_vote IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        other.rollback()
        other.close()


def test_a_lock_is_not_waited_for_longer_than_said(polling: Polling) -> None:
    polling.dr["LOCK_TIMEOUT"] = 0.2
    with locked(polling), pytest.raises(CommandError) as error:
        polling.call("dr_backup")
    assert "could not be locked in time" in str(error.value)
    assert not list(polling.repository.glob("*/*/backup.json"))


def test_ctrl_c_leaves_no_backup(polling: Polling) -> None:
    import json

    with locked(polling):
        child = subprocess.Popen(
            [sys.executable, "manage.py", "dr_backup"],
            cwd=PROJECT,
            env={
                **os.environ,
                "POLLING_DATABASES": json.dumps(polling.databases()),
                "POLLING_DR": json.dumps(polling.dr),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        waits = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
            f"AND datname = '{polling.names['default']}'"
        )
        while polling.server.sql(waits) == [(0,)]:
            assert child.poll() is None, child.communicate()
            polling.server.sql("SELECT pg_sleep(0.02)")
        child.send_signal(signal.SIGINT)
        _, told = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "CommandError: stopped" in told
    assert "Traceback" not in told
    assert not list(polling.repository.glob("*/*/backup.json"))


def test_the_role_that_django_takes_on_reads(polling: Polling) -> None:
    name = f"reader_of_{polling.names['default']}"
    polling.server.sql(f"CREATE ROLE {name}")
    options: dict[str, Any] = connections["default"].settings_dict["OPTIONS"]
    try:
        options["assume_role"] = name
        connections["default"].close()
        with pytest.raises(CommandError, match=r"the role may not read public.auth_group, "):
            polling.call("dr_backup")
        polling.server.sql(f"GRANT pg_read_all_data TO {name}")
        polling.call("dr_backup")
    finally:
        del options["assume_role"]
        connections["default"].close()
        polling.server.sql(f"DROP ROLE {name}")


@pytest.fixture
def owned(polling: Polling) -> Iterator[Polling]:
    """A backup with a table of a role that is gone from the server."""
    owner = f"owner_of_{polling.names['default']}"
    polling.server.sql(f"CREATE ROLE {owner}")
    with connections["default"].cursor() as cursor:
        cursor.execute(f"ALTER TABLE polls_tag OWNER TO {owner}; GRANT SELECT ON votes_vote TO {owner}")
    polling.call("dr_backup")
    polling.lose()
    polling.server.sql(f"DROP ROLE {owner}")
    yield polling
    connections["default"].close()
    polling.server.sql(f'DROP DATABASE IF EXISTS "{polling.names["default"]}" WITH (FORCE)')
    polling.server.sql(f"DROP ROLE IF EXISTS {owner}")


def owner_of_tags(polling: Polling) -> str:
    query = "SELECT tableowner FROM pg_tables WHERE tablename = 'polls_tag'"
    ((owner,),) = polling.server.sql(query, polling.names["default"])
    return str(owner)


def test_roles_that_are_missing_are_named(owned: Polling) -> None:
    with pytest.raises(CommandError, match="the target has no roles owner_of_") as error:
        owned.call("dr_restore", "--create", "--no-input")
    assert error.value.returncode == 4


def test_roles_are_made_first_if_asked(owned: Polling) -> None:
    report = owned.json("dr_restore", create=True, globals=True, interactive=False)
    assert owner_of_tags(owned) in report["globals"]["roles"]


def test_owners_and_privileges_can_be_left_out(owned: Polling) -> None:
    owned.call("dr_restore", "--create", "--no-owner", "--no-acl", "--no-input")
    assert owner_of_tags(owned) == "postgres"


def test_a_failed_database_can_be_kept(polling: Polling) -> None:
    polling.dr["COMPRESSION"] = "none"
    polling.call("dr_backup")
    # The rows are other ones, and the file as long as it was: only the proof can tell.
    for path in polling.repository.glob("*/*/*.dat"):
        content = path.read_bytes()
        if b"physics\tPhysics" in content:
            path.write_bytes(content.replace(b"physics\tPhysics", b"physics\tphysicS"))
    name = f"{polling.names['default']}_kept"
    with pytest.raises(CommandError) as error:
        polling.call("dr_restore", "--create", "--into", name, "--no-input", "--keep-failed")
    assert error.value.returncode == 3
    kept = [one for one in polling.server.names() if one.startswith(f"dr_restoring_{name}")]
    for one in kept:
        polling.server.sql(f'DROP DATABASE "{one}"')
    assert len(kept) == 1
    assert name not in polling.server.names()


def test_jobs_are_connections(polling: Polling) -> None:
    assert polling.json("dr_backup", jobs=3)["tables"] == len(tables(polling))
    with pytest.raises(CommandError, match="--jobs must be a whole number from 1 to 512") as error:
        polling.call("dr_backup", jobs=513)
    assert error.value.returncode == 2
