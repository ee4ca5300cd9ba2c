"""Progress is for terminals."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys

import pytest
from django.core.management.base import OutputWrapper
from dr.django.management.progress import Progress
from dr.events import Event

from conftest import PROJECT, Polling

pytestmark = pytest.mark.once


def test_a_line_tells_items_bytes_and_rows() -> None:
    out = io.StringIO()
    progress = Progress(OutputWrapper(out))
    progress(Event("phase", phase="store", items=3, bytes=4096))
    progress(Event("advanced", item="a", rows=1500, bytes=1024))
    progress(Event("item_finished", item="a"))
    assert progress.line() == "storing: 1 of 3, 1.0 KiB of 4.0 KiB, 1,500 rows"
    progress(Event("notice", message="look \x1b[2J"))
    progress.clear()
    assert "dr: look \\x1b[2J\n" in out.getvalue()
    # The line is taken away again.
    assert out.getvalue().rsplit("\r", 2)[-2].strip() == "" or out.getvalue().endswith("\n")


def test_a_terminal_sees_it_and_a_pipe_does_not(polling: Polling) -> None:
    ours, theirs = pty.openpty()
    environment = {
        **os.environ,
        "POLLING_DATABASES": json.dumps(polling.databases()),
        "POLLING_DR": json.dumps(polling.dr),
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "dr_backup"],
        cwd=PROJECT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=True,
        timeout=120,
    )
    os.close(theirs)
    seen = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert "\rstoring" in seen or "\rpreparing" in seen
    assert "storing" not in done.stdout.decode()
    assert "storing" not in polling.manage("dr_backup").stderr
