"""What stops the work: Ctrl-C, a callback that raises, a cancelled task. Nothing is left; and nobody is
disturbed by a fork or by threads."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import dr
from conftest import Databases, sql
from servers import Server


def leftovers(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file() and path.name != "repository.json"]


@pytest.fixture(scope="module")
def large(newest: Server) -> dict[str, object]:
    """Large enough that the work is in the middle of it when its first event of a table comes."""
    return Databases(newest).filled(300_000)


CONTROL_C = """
import json, sys, dr
def on_event(event):
    if event.kind == "advanced":
        print("at work", flush=True)
repo = dr.Repository(sys.argv[1])
try:
    repo.backup(json.loads(sys.argv[2]), on_event=on_event)
except KeyboardInterrupt:
    print("interrupted", len(repo.list()), flush=True)
"""


def test_control_c_leaves_no_backup(large: dict[str, object], tmp_path: Path) -> None:

    folder = tmp_path / "backups"
    process = subprocess.Popen(
        [sys.executable, "-c", CONTROL_C, folder, json.dumps(large)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "at work\n"
    process.send_signal(signal.SIGINT)
    rest = process.stdout.read().splitlines()
    assert rest[-1] == "interrupted 0"
    assert process.wait() == 0
    assert leftovers(folder) == []


def test_what_a_callback_raises_stops_the_work(
    large: dict[str, object], repo: dr.Repository, tmp_path: Path
) -> None:
    class Enough(Exception):
        pass

    def on_event(event: dr.Event) -> None:
        if event.kind == "advanced":
            raise Enough

    with pytest.raises(Enough):
        repo.backup(large, on_event=on_event)
    assert repo.list() == () and leftovers(tmp_path / "backups") == []
    with pytest.raises(Enough):
        asyncio.run(repo.backup_async(large, on_event=on_event))  # type: ignore[arg-type]
    assert repo.list() == () and leftovers(tmp_path / "backups") == []


def test_a_cancelled_task_leaves_no_backup_and_no_database(
    large: dict[str, object], databases: Databases, repo: dr.Repository, tmp_path: Path
) -> None:
    async def cancelled(work: Any, begun: asyncio.Event) -> None:
        task = asyncio.ensure_future(work)
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def run() -> None:
        begun = asyncio.Event()
        tell = lambda event: begun.set() if event.kind == "advanced" else None  # noqa: E731
        await cancelled(repo.backup_async(large, on_event=tell), begun)
        assert await repo.list_async() == ()
        assert leftovers(tmp_path / "backups") == []
        receipt = await repo.backup_async(large)
        target = databases.name()
        begun.clear()
        await cancelled(repo.restore_async(receipt, into=target, create=True, on_event=tell), begun)
        assert not databases.exists(target)
        rows = sql(databases.server.database("postgres"), "SELECT datname FROM pg_database")
        assert not [name for (name,) in rows if str(target["dbname"]) in name]

    asyncio.run(run())


def test_events_are_typed_and_add_up(databases: Databases, repo: dr.Repository) -> None:
    events: list[dr.Event] = []
    receipt = repo.backup(databases.filled(1000), on_event=events.append)
    assert {event.phase for event in events if event.kind == "phase"} == {"prepare", "store"}
    assert sum(event.rows for event in events if event.kind == "advanced") == receipt.rows
    begun = [event.item for event in events if event.kind == "item_started"]
    assert sorted(map(str, begun)) == sorted(str(e.item) for e in events if e.kind == "item_finished")
    with pytest.raises(AttributeError):
        events[0].kind = "other"  # type: ignore[misc]


def in_child(repo: dr.Repository, database: dict[str, object], queue: Any) -> None:
    queue.put((repo.backup(database).rows, len(list(repo.rows("latest", "public.vote")))))


def test_a_fork_has_a_runtime_of_its_own(databases: Databases, repo: dr.Repository) -> None:
    source = databases.filled(500)
    repo.backup(source)  # the parent's runtime is there now
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    children = [context.Process(target=in_child, args=(repo, source, queue)) for _ in range(2)]
    for child in children:
        child.start()
    assert [queue.get(timeout=120) for _ in children] == [(504, 500)] * 2
    for child in children:
        child.join()
        assert child.exitcode == 0
    assert len(repo.list()) == 3
    # A grandchild, by os.fork alone; and the parent goes on.
    pid = os.fork()
    if pid == 0:
        os._exit(0 if len(repo.list()) == 3 else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert repo.verify().is_sound


def test_threads_work_on_several_databases_at_once(databases: Databases, repo: dr.Repository) -> None:
    sources = [databases.filled(500 + n) for n in range(4)]
    receipts: dict[int, dr.Receipt] = {}

    def work(at: int) -> None:
        receipts[at] = repo.backup(sources[at])

    threads = [threading.Thread(target=work, args=(at,)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {at: receipt.rows for at, receipt in receipts.items()} == {at: 504 + at for at in range(4)}


def test_other_threads_run_while_a_verb_works(large: dict[str, object], repo: dr.Repository) -> None:
    ticks = 0
    done = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not done.is_set():
            ticks += 1
            done.wait(0.001)

    ticker = threading.Thread(target=tick)
    ticker.start()
    before = ticks
    repo.backup(large)
    during = ticks - before
    done.set()
    ticker.join()
    assert during > 10
