"""What people are shown is aligned, and cannot play with their terminal."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from dr.django import render

pytestmark = pytest.mark.once


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    rows = [("públic.a", "7"), ("表", "12,345")]
    assert render.table(("table", "rows"), rows, right=[1]) == (
        "table       rows\npúblic.a       7\n表        12,345"
    )


def test_numbers_read_as_people_write_them() -> None:
    sizes = {0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 1 << 30: "1.0 GiB", 200 << 20: "200 MiB"}
    assert {number: render.size(number) for number in sizes} == sizes
    assert render.counted(1, "table") == "1 table"
    assert render.counted(1200, "entry", "entries") == "1,200 entries"
    times = {0.43: "430 ms", 1.43: "1.4 s", 12.9: "12 s", 185: "3 min 05 s", 7400: "2 h 03 min"}
    assert {seconds: render.duration(timedelta(seconds=seconds)) for seconds in times} == times
    moment = datetime(2026, 11, 23, 9, 57, 12, tzinfo=timezone(timedelta(hours=1)))
    assert render.time(moment) == "2026-11-23 08:57:12Z"
    assert render.age(moment, moment + timedelta(hours=3)) == "3 h 00 min ago"


def test_control_characters_are_shown_and_not_sent() -> None:
    assert render.clean("a\x1b[2Jb\nc\u202e") == "a\\x1b[2Jb\\nc\\u202e"
    assert render.clean("straße ☃") == "straße ☃"
