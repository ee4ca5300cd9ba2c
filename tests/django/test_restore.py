"""The disaster and what is short of it: `dr_restore` and `dr_extract`."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections, transaction
from django.db.migrations.recorder import MigrationRecorder

import data
from conftest import Polling


def test_a_lost_database_comes_back(polling: Polling) -> None:
    from polls.models import Poll, Tag
    from users.models import User
    from votes.models import Vote

    before = list(Vote.objects.order_by("id").values_list())
    polling.call("dr_backup")
    polling.lose()
    with pytest.raises(CommandError, match=r"there is no database 'default_.*: --create makes it"):
        polling.call("dr_restore", "--no-input")
    told = polling.call("dr_restore", "--create", "--no-input")
    assert "what was restored is what was dumped" in told
    assert "nothing that exists is touched" in told
    # People log in, and every row is there.
    from django.contrib.auth import authenticate

    assert authenticate(username="user0", password=data.PASSWORD) == User.objects.get(username="user0")
    assert list(Vote.objects.order_by("id").values_list()) == before
    assert Poll.objects.filter(rules__captcha=True, tags__name="tag 4").exists()
    # Sequences go on where they were.
    last = Vote.objects.latest("id")
    vote = Vote.objects.create(poll=last.poll, option=last.option, token="new")
    assert vote.id == last.id + 1
    assert Tag.objects.create(name="new").id == 6


def test_a_new_database_beside_the_live_one(polling: Polling) -> None:
    from votes.models import Vote

    polling.call("dr_backup")
    Vote.objects.filter(id__lte=100).delete()
    copy = f"{polling.names['default']}_copy"
    told = polling.call("dr_restore", "--create", "--into", copy, "--no-input")
    assert f"DATABASES['default']['NAME'] to '{copy}'" in told
    assert Vote.objects.count() == data.VOTES - 100
    assert polling.server.sql("SELECT count(*) FROM votes_vote", copy) == [(data.VOTES,)]


def test_an_empty_database_is_filled(polling: Polling) -> None:
    polling.call("dr_backup")
    empty = f"{polling.names['default']}_empty"
    polling.server.sql(f"CREATE DATABASE {empty}")
    report = polling.json("dr_restore", into=empty, interactive=False)
    assert (report["database"], report["kept"]) == (empty, True)
    assert {table["verdict"] for table in report["tables"]} == {"equal"}
    assert report["migrations"]["state"] == "same"
    assert report["create"] is False


def test_a_live_database_is_never_replaced(polling: Polling) -> None:
    polling.call("dr_backup")
    with pytest.raises(CommandError, match=r"is not empty .* dr replaces nothing: --create --into") as e:
        polling.call("dr_restore", "--no-input")
    assert e.value.returncode == 1
    with pytest.raises(CommandError, match="exists, and dr replaces none: --create --into") as e:
        polling.call("dr_restore", "--create", "--no-input")
    assert e.value.returncode == 1


ANSWERS = [
    ("yes\n", 0, ""),
    ("Y\n", 0, ""),
    ("no\n", 1, "nothing was done: the answer was not yes"),
    ("\n", 1, "nothing was done: the answer was not yes"),
    ("", 1, "nothing was done: there was nobody to say yes; --no-input does without"),
]


@pytest.mark.parametrize(("answer", "code", "says"), ANSWERS)
def test_it_asks_first(polling: Polling, answer: str, code: int, says: str) -> None:
    polling.call("dr_backup")
    copy = f"{polling.names['default']}_asked"
    done = polling.manage("dr_restore", "--create", "--into", copy, answer=answer)
    assert (done.returncode, says in done.stderr) == (code, True), done.stderr
    assert f"Restore into '{copy}'? [yes/no]" in done.stdout
    for fact in ("backup  ", "holds  ", "target  ", "will  ", "migrations  "):
        assert f"\n{fact}" in f"\n{done.stdout}"
    assert (copy in polling.server.names()) is (code == 0)


def test_beside_a_document_it_asks_on_standard_error(polling: Polling) -> None:
    polling.call("dr_backup")
    copy = f"{polling.names['default']}_asked"
    done = polling.manage("dr_restore", "--create", "--into", copy, "--json", answer="yes")
    assert json.loads(done.stdout)["database"] == copy
    assert "[yes/no]" in done.stderr
    done = polling.manage("dr_restore", "--create", "--into", copy + "2", "--json", answer="no")
    assert json.loads(done.stdout)["error"]["exit"] == done.returncode == 1


def test_who_is_connected_is_told(polling: Polling) -> None:
    polling.call("dr_backup")
    empty = f"{polling.names['default']}_watched"
    polling.server.sql(f"CREATE DATABASE {empty}")
    other = connections["default"].copy()
    other.settings_dict["NAME"] = empty
    other.settings_dict["OPTIONS"] = {"application_name": "celery"}
    other.connect()
    try:
        assert "connected   celery as postgres" in polling.call("dr_restore", "--into", empty, "--plan")
        report = polling.json("dr_restore", into=empty, interactive=False)
        assert report["connected"] == {"celery as postgres": 1}
    finally:
        other.close()


def test_a_plan_changes_nothing(polling: Polling) -> None:
    polling.call("dr_backup")
    copy = f"{polling.names['default']}_planned"
    told = polling.call("dr_restore", "--create", "--into", copy, "--plan")
    assert "TABLE DATA votes_vote" in told or "votes_vote" in told
    assert polling.json("dr_restore", create=True, into=copy, plan=True)["plan"]
    assert copy not in polling.server.names()


def test_more_verbosity_names_the_tables(polling: Polling) -> None:
    polling.call("dr_backup")
    words = ("dr_restore", "--create", "--into", "x", "--plan")
    assert "public.users_follow " in polling.call(*words, verbosity=2).split("\n\n")[1]


def test_a_failed_restore_leaves_no_database(polling: Polling) -> None:
    polling.call("dr_backup")
    before = polling.server.names()
    biggest = max(polling.repository.glob("*/*/*.dat*"), key=lambda path: path.stat().st_size)
    content = bytearray(biggest.read_bytes())
    content[len(content) // 2] ^= 1
    biggest.write_bytes(content)
    with pytest.raises(CommandError) as error:
        polling.call("dr_restore", "--create", "--into", "never", "--no-input")
    assert error.value.returncode == 3
    assert polling.server.names() == before


def test_a_restore_inside_a_transaction_is_refused(polling: Polling) -> None:
    polling.call("dr_backup")
    with (
        pytest.raises(CommandError, match=r"restore inside transaction.atomic\(\) on 'default'"),
        transaction.atomic(),
    ):
        polling.call("dr_restore", "--create", "--into", "x", "--no-input")


# Migrations ------------------------------------------------------------------------------------


def restored(polling: Polling, name: str, **options: Any) -> tuple[str, Any]:
    """What is told before it asks, and the document."""
    told = polling.call("dr_restore", create=True, into=name, plan=True)
    return told, polling.json("dr_restore", create=True, into=name, interactive=False, **options)


def test_the_backup_has_the_migrations_of_the_code(polling: Polling) -> None:
    polling.call("dr_backup")
    told, document = restored(polling, f"{polling.names['default']}_same")
    assert "applied, the same as in this code" in told
    assert document["migrations"]["state"] == "same"
    assert document["migrations"]["to_run"] == document["migrations"]["unknown"] == []


def test_the_backup_is_older_than_the_code(polling: Polling) -> None:
    from polls.models import Poll

    polling.call("migrate", "polls", "0002", verbosity=0)
    polling.call("dr_backup")
    polling.lose()
    told = polling.call("dr_restore", "--create", "--no-input")
    assert "has 1 migration to run: polls.0003_default_categories" in told
    assert "migrations are to be run: manage.py migrate --plan says which" in told
    # It is as it was said: these are the ones, and the application works after them.
    plan = polling.call("migrate", "--plan")
    assert "polls.0003_default_categories" in plan
    polling.call("migrate", verbosity=0)
    assert Poll.objects.count() == data.POLLS


def test_the_backup_is_newer_than_the_code(polling: Polling) -> None:
    polling.dr["CODE_REVISION"] = "v2.0"
    MigrationRecorder(connections["default"]).record_applied("polls", "0004_from_the_future")
    polling.call("dr_backup")
    polling.dr["CODE_REVISION"] = "v1.0"
    told, document = restored(polling, f"{polling.names['default']}_ahead")
    assert "does not have 1 migration of it: polls.0004_from_the_future; deploy the code" in told
    assert "v2.0 made the backup; v1.0 is running" in told
    assert document["migrations"]["state"] == "ahead"
    assert document["migrations"]["unknown"] == ["polls.0004_from_the_future"]
    assert document["code_revision"] == {"backup": "v2.0", "current": "v1.0"}


# Single tables ---------------------------------------------------------------------------------


def test_a_table_comes_out_as_a_script(polling: Polling, tmp_path: Path) -> None:
    polling.call("dr_backup")
    script = tmp_path / "votes.sql"
    told = polling.call("dr_extract", "--model", "votes.Vote", "--to", str(script))
    assert "public.votes_vote" in told and "proven" in told
    text = script.read_text()
    assert "COPY public.votes_vote (" in text
    assert "votes_auditlog" not in text
    with pytest.raises(CommandError) as error:
        polling.call("dr_extract", "--model", "votes.Vote", "--to", str(script))
    assert error.value.returncode == 1


def test_a_dropped_table_comes_back_beside_the_others(polling: Polling) -> None:
    from votes.models import AuditLog

    polling.call("dr_backup")
    before = list(AuditLog.objects.order_by("id").values_list())
    with connections["default"].cursor() as cursor:
        cursor.execute("DROP TABLE votes_auditlog")
    words = ("dr_extract", "--table", "public.votes_auditlog", "--into", polling.names["default"])
    told = polling.call(*words, "--no-input")
    assert "what was restored is what was dumped" in told
    assert list(AuditLog.objects.order_by("id").values_list()) == before
    assert AuditLog.objects.create(action="again").id == len(before) + 1
    with pytest.raises(
        CommandError, match=r"has table public.votes_auditlog, .* nothing was changed"
    ) as error:
        polling.call(*words, "--no-input")
    assert error.value.returncode == 1


def test_an_extract_asks_and_refuses_what_cannot_be_meant(polling: Polling) -> None:
    polling.call("dr_backup")
    done = polling.manage(
        "dr_extract", "--model", "polls.Tag", "--into", polling.names["default"], answer="no\n"
    )
    assert done.returncode == 1
    assert "none of them may exist" in done.stdout
    for words, says in [
        (("--to", "x.sql"), "say which tables"),
        (("--to", "x.sql", "--model", "nowhere.Model"), "there is no model 'nowhere.Model'"),
    ]:
        with pytest.raises(CommandError, match=says) as error:
            polling.call("dr_extract", *words)
        assert error.value.returncode == 2
    with pytest.raises(CommandError) as error:
        call_command("dr_extract", "--to", "x.sql", "--table", "no_such_*", stdout=io.StringIO())
    assert error.value.returncode == 4


def test_another_databases_backup_by_its_name(both: Polling) -> None:
    both.call("dr_backup", database="analytics")
    copy = f"{both.names['analytics']}_copy"
    place = f"{both.names['analytics']}/latest"
    report = both.json("dr_restore", place, create=True, into=copy, interactive=False)
    assert report["alias"] == "default"
    assert both.server.sql("SELECT count(*) FROM analytics_daily", copy) == [(20,)]
