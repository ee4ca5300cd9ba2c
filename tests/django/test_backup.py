"""`dr_backup`, `dr_list`, `dr_show` and `dr_verify`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections, transaction

from conftest import Polling


def test_a_backup_is_told_listed_shown_and_verified(polling: Polling) -> None:
    told = polling.call("dr_backup", "--label", "pre-migration")
    place = told.split()[0]
    assert place.startswith(polling.names["default"] + "/")
    assert "(pre-migration)" in told
    assert "not encrypted" in told

    assert place.split("/")[1] in polling.call("dr_list")
    shown = polling.call("dr_show")
    assert "public.votes_vote " in shown
    assert "the same as in this code" in shown
    assert "sound (stored;" in polling.call("dr_verify")
    deep = polling.call("dr_verify", "--deep")
    assert "as dumped" in deep


def test_json_is_one_document(polling: Polling) -> None:
    receipt = polling.json("dr_backup", label="nightly")
    assert (receipt["label"], receipt["stages"]) == ("nightly", [])
    assert receipt["tables"] > 10
    (listed,) = polling.json("dr_list")["backups"]
    assert (listed["id"], listed["label"]) == (receipt["id"], "nightly")
    shown = polling.json("dr_show", receipt["id"])
    assert shown["migrations"]["state"] == "same"
    assert shown["manifest"]["evidence"]["tables"]
    assert polling.json("dr_verify")["outcome"] == "sound"


def test_verbosity_0_says_nothing(polling: Polling) -> None:
    assert polling.call("dr_backup", verbosity=0) == ""
    assert polling.call("dr_verify", verbosity=0) == ""


def test_every_alias_has_backups_of_its_own(both: Polling) -> None:
    both.dr["DATABASES"] = {"analytics": {"ENCRYPT_TO": [], "EXCLUDE_TABLE_DATA": ["analytics_*"]}}
    first = both.json("dr_backup")
    second = both.json("dr_backup", database="analytics")
    assert second["id"] not in both.call("dr_list")
    assert second["id"] in both.call("dr_list", database="analytics")
    every = both.json("dr_list", "--all")["backups"]
    assert {one["database"] for one in every} == set(both.names.values())
    # `latest` is the alias's own, whichever was taken last.
    assert both.json("dr_verify")["id"] == first["id"]
    tables = both.json("dr_show", database="analytics")["manifest"]["evidence"]["tables"]
    assert "analytics_daily" not in {table["name"] for table in tables.values()}


def test_a_migration_state_is_recorded_only_where_there_is_one(polling: Polling) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("DROP TABLE django_migrations")
    polling.call("dr_backup")
    shown = polling.json("dr_show")
    assert shown["migrations"] is None
    assert "does not say which are applied" in polling.call("dr_show")


def test_migrations_in_another_schema_are_found(polling: Polling) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute('CREATE SCHEMA "Polls"; ALTER TABLE django_migrations SET SCHEMA "Polls"')
        name = polling.names["default"]
        cursor.execute(f'ALTER DATABASE {name} SET search_path = "Polls", public')
    connections["default"].close()
    polling.call("dr_backup")
    assert polling.json("dr_show")["migrations"]["state"] == "same"


def test_a_backup_inside_a_transaction_is_refused(polling: Polling) -> None:
    with (
        pytest.raises(CommandError, match=r"backup inside transaction.atomic\(\) on 'default'"),
        transaction.atomic(),
    ):
        polling.call("dr_backup")
    # Another alias's transaction has nothing to do with it.
    with transaction.atomic(using="analytics"):
        polling.call("dr_backup")


def test_a_connection_is_left_as_it_was_found(polling: Polling) -> None:
    connections["default"].close()
    polling.call("dr_backup")
    assert connections["default"].connection is None
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT 1")
    polling.call("dr_backup")
    assert connections["default"].connection is not None


def failed(error: pytest.ExceptionInfo[CommandError]) -> tuple[int, str]:
    return error.value.returncode, str(error.value)


def test_failures_end_as_dr_ends(polling: Polling) -> None:
    polling.call("dr_backup")
    with pytest.raises(CommandError) as error:
        polling.call("dr_verify", "1999")
    assert failed(error)[0] == 4
    (data,) = list(polling.repository.glob("*/*/toc.dat"))
    content = bytearray(data.read_bytes())
    content[40] ^= 1
    data.write_bytes(content)
    with pytest.raises(CommandError) as error:
        polling.call("dr_verify")
    assert failed(error)[0] == 3
    assert "\n" not in str(error.value)
    data.unlink()
    with pytest.raises(CommandError) as error:
        polling.call("dr_verify")
    assert failed(error)[0] == 4
    with pytest.raises(CommandError) as error:
        polling.call("dr_backup", jobs=0)
    assert "1 to 512" in str(error.value)
    for mark in polling.repository.glob("*/*/backup.json"):
        mark.write_text("{}")
    with pytest.raises(CommandError) as error:
        polling.call("dr_list")
    assert failed(error)[0] == 3


def test_without_a_repository_the_command_line_says_where(polling: Polling, tmp_path: Any) -> None:
    del polling.dr["REPOSITORY"]
    with pytest.raises(CommandError, match="DR has no REPOSITORY for 'default': set it, or give --repo"):
        polling.call("dr_backup")
    elsewhere = str(tmp_path / "elsewhere")
    polling.call("dr_backup", repo=elsewhere)
    assert polling.json("dr_list", repo=elsewhere)["backups"]


def test_other_systems_and_unknown_aliases_are_refused(polling: Polling) -> None:
    with pytest.raises(CommandError, match="no database alias 'nowhere'"):
        polling.call("dr_backup", database="nowhere")


def test_an_error_is_a_document_too(polling: Polling) -> None:
    from io import StringIO

    out = StringIO()
    with pytest.raises(CommandError) as error:
        call_command("dr_verify", "latest", json=True, stdout=out)
    document = json.loads(out.getvalue())
    assert document["error"]["exit"] == error.value.returncode == 4
    assert document["error"]["message"] == str(error.value)


def test_the_live_database_is_compared_table_by_table(polling: Polling) -> None:
    from polls.models import Tag
    from votes.models import Vote

    polling.call("dr_backup")
    told = polling.call("dr_verify", "--against-live")
    assert "DIFFERS" not in told
    Vote.objects.filter(id=1).update(token="changed")
    Tag.objects.create(name="later")
    with connections["default"].cursor() as cursor:
        cursor.execute("CREATE TABLE made_later (id int)")
        cursor.execute("DROP TABLE users_follow")
    from io import StringIO

    out = StringIO()
    with pytest.raises(CommandError) as error:
        call_command("dr_verify", "--against-live", stdout=out)
    assert error.value.returncode == 3
    lines = {line.split()[0]: line for line in out.getvalue().splitlines() if line.strip()}
    assert lines["public.votes_vote"].endswith("DIFFERS")
    assert lines["public.polls_tag"].split()[1] == "5" and " 6 " in lines["public.polls_tag"]
    assert lines["public.users_follow"].endswith("NOT LIVE")
    assert lines["public.made_later"].endswith("NOT IN THE BACKUP")
    assert lines["public.users_user"].endswith("equal")
    # Aligned: every row count ends in the same column.
    head = next(line for line in out.getvalue().splitlines() if line.startswith("table"))
    at = head.index("rows in backup") + len("rows in backup")
    assert lines["public.votes_vote"][at - 3 : at] == "240"
    live = StringIO()
    with pytest.raises(CommandError):
        call_command("dr_verify", against_live=True, json=True, stdout=live)
    assert json.loads(live.getvalue())["verdict"] in {"differs", "missing"}
