"""Tables and numbers for people, as the command `dr` prints them. Used by the commands; writes nothing."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone

UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()) -> str:
    """Rows under a head, each column as wide as its widest cell; the columns of `right` keep to the
    right edge. Ends without a line break."""
    lines = [tuple(heads), *(tuple(clean(cell) for cell in row) for row in rows)]
    widths = [max(_width(line[at]) for line in lines) for at in range(len(heads))]
    to_the_right = set(right)

    def aligned(at: int, cell: str) -> str:
        space = " " * (widths[at] - _width(cell))
        return space + cell if at in to_the_right else cell + space

    return "\n".join("  ".join(aligned(at, cell) for at, cell in enumerate(line)).rstrip() for line in lines)


def _width(text: str) -> int:
    """Columns on a terminal: East Asian wide characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def size(bytes_: int) -> str:
    """`25.9 MiB`."""
    value, unit = float(bytes_), 0
    while value >= 1024 and unit + 1 < len(UNITS):
        value, unit = value / 1024, unit + 1
    if unit == 0 or value >= 100:
        return f"{int(value)} {UNITS[unit]}"
    return f"{int(value * 10) / 10:.1f} {UNITS[unit]}"


def count(number: int) -> str:
    """`1,234,567`."""
    return f"{number:,}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 table`, `1,200 tables`."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def duration(time: timedelta) -> str:
    """`430 ms`, `1.4 s`, `12 s`, `3 min 05 s`, `2 h 03 min`."""
    seconds = time.total_seconds()
    whole = int(seconds)
    if whole == 0:
        return f"{int(seconds * 1000)} ms"
    if whole < 10:
        return f"{int(seconds * 10) / 10:.1f} s"
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole // 60 % 60:02} min"


def time(moment: datetime) -> str:
    """`2026-11-23 08:57:12Z`."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ")


def age(moment: datetime, now: datetime) -> str:
    """`3 h 10 min ago`."""
    return f"{duration(max(timedelta(0), now - moment))} ago"


def clean(text: str) -> str:
    """Text from a dump or a store, safe to show: a control character could move a terminal's cursor or
    hide what follows, others turn the direction of what follows around."""
    return "".join(
        char.encode("unicode_escape").decode("ascii")
        if unicodedata.category(char) == "Cc"
        or char in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
        else char
        for char in text
    )
