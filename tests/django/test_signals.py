"""Signals and tasks."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import dr
import pytest
from django.core.management import CommandError
from dr.django import signals, tasks

from conftest import EXTRAS, Polling

Heard = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def heard() -> Iterator[Heard]:
    """What was sent, in order."""
    found: Heard = []
    receivers = {}
    for name in ("backup_finished", "backup_failed", "restore_finished", "restore_failed"):

        def receive(name: str = name, **facts: Any) -> None:
            found.append((name, facts))

        receivers[name] = receive
        getattr(signals, name).connect(receive)
    yield found
    for name, receive in receivers.items():
        getattr(signals, name).disconnect(receive)


def test_what_happened_is_sent(polling: Polling, heard: Heard) -> None:
    receipt = polling.json("dr_backup")
    copy = f"{polling.names['default']}_copy"
    polling.call("dr_restore", "--create", "--into", copy, "--no-input")
    (backed_up, of_backup), (restored, of_restore) = heard
    assert (backed_up, of_backup["alias"], of_backup["receipt"].id) == (
        "backup_finished",
        "default",
        receipt["id"],
    )
    assert (restored, of_restore["database"]) == ("restore_finished", copy)
    assert of_restore["backup"].endswith(receipt["id"])


def test_what_failed_is_sent(polling: Polling, heard: Heard) -> None:
    polling.call("dr_backup")
    for path in polling.repository.glob("*/*/toc.dat*"):
        path.write_bytes(b"PGDMP")
    with pytest.raises(CommandError):
        polling.call("dr_restore", "--create", "--into", "never", "--no-input")
    del polling.dr["REPOSITORY"]
    with pytest.raises(CommandError):
        polling.call("dr_backup", label="nightly")
    assert [name for name, _ in heard] == ["backup_finished", "restore_failed", "backup_failed"]
    assert heard[2][1]["label"] == "nightly"
    assert "REPOSITORY" in str(heard[2][1]["error"])


def test_a_receiver_that_raises_is_logged_and_undoes_nothing(
    polling: Polling, caplog: pytest.LogCaptureFixture
) -> None:
    def receive(**_facts: Any) -> None:
        raise RuntimeError("the channel is down")

    signals.backup_finished.connect(receive)
    try:
        polling.call("dr_backup")
    finally:
        signals.backup_finished.disconnect(receive)
    assert polling.json("dr_list")["backups"]
    assert "the channel is down" in caplog.text
    assert any(record.levelno >= logging.ERROR for record in caplog.records)


def test_a_task_is_a_function_without_celery(polling: Polling) -> None:
    code = """
import json, sys
class NoCelery:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "celery":
            raise ImportError(name)
sys.meta_path.insert(0, NoCelery())
from dr.django import tasks
print(json.dumps([tasks.backup(label="nightly"), tasks.verify()]))
"""
    receipt, report = json.loads(polling.run(code))
    assert (receipt["label"], report["outcome"]) == ("nightly", "sound")


@pytest.mark.skipif("celery" not in EXTRAS, reason="an environment without Celery")
def test_celery_runs_it(polling: Polling) -> None:
    import celery
    from celery.contrib.testing.worker import start_worker

    app = celery.Celery("polling", broker="memory://", backend="cache+memory://", set_as_current=True)
    app.conf.task_always_eager = True
    app.autodiscover_tasks(["dr.django"], force=True)
    assert {"dr.django.backup", "dr.django.verify"} <= set(app.tasks)
    receipt = tasks.backup.delay(label="nightly").get()
    assert json.loads(json.dumps(receipt))["label"] == "nightly"
    assert tasks.verify.delay(receipt["id"]).get()["outcome"] == "sound"
    (mark,) = polling.repository.glob("*/*/toc.dat*")
    mark.unlink()
    with pytest.raises(dr.NotFound, match="is missing"):
        tasks.verify.delay().get()
    # And through a broker, in a worker.
    app.conf.task_always_eager = False
    with start_worker(app, perform_ping_check=False, pool="solo"):
        assert tasks.backup.delay(label="queued").get(timeout=60)["label"] == "queued"


def test_a_forked_worker_backs_up(polling: Polling) -> None:
    # As a prefork worker does it: the parent has used dr, and its children use it again.
    code = """
import json, multiprocessing, os
from django.db import connections
from dr.django import tasks
first = tasks.backup(label="parent")
connections.close_all()
def work(queue):
    queue.put((tasks.backup(label="child"), os.getpid()))
fork = multiprocessing.get_context("fork")
queue = fork.Queue()
children = [fork.Process(target=work, args=(queue,)) for _ in range(2)]
for child in children:
    child.start()
found = [queue.get(timeout=60) for child in children]
for child in children:
    child.join(60)
    assert child.exitcode == 0
again = tasks.backup(label="parent")
assert len({pid for _, pid in found}) == 2
print(json.dumps([first["id"], again["id"], *(receipt["id"] for receipt, _ in found)]))
"""
    ids = json.loads(polling.run(code))
    assert len(set(ids)) == 4
    assert len(polling.json("dr_list")["backups"]) == 4


@pytest.mark.skipif("pool" not in EXTRAS, reason="an environment without psycopg_pool")
def test_a_pool_lets_go_of_a_lost_database(polling: Polling) -> None:
    code = """
from django.core.management import call_command
from django.db import connections
from dr.django import server
from votes.models import Vote
before = Vote.objects.count()
call_command("dr_backup", verbosity=0)
connections["default"].close()
name = connections["default"].settings_dict["NAME"]
with server._cursor("default", "postgres") as cursor:
    cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
call_command("dr_restore", create=True, interactive=False, verbosity=0)
assert Vote.objects.count() == before
print("back")
"""
    assert polling.run(code, OPTIONS={"pool": True}) == "back\n"
