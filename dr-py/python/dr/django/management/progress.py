"""Progress on a terminal: one line that is written over, and taken away at the end."""

from __future__ import annotations

import shutil
import time
from typing import Any

from dr.events import Event

from ..render import clean, count, size

#: Seconds between two drawings.
BETWEEN = 0.2

TITLES = {
    "prepare": "preparing",
    "store": "storing",
    "load": "loading",
    "prove": "proving",
    "swap": "swapping",
}


class Progress:
    """Called with every event of a verb; draws on a stream that is a terminal."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._title = ""
        self._items = self._items_done = 0
        self._bytes = self._bytes_done = self._rows_done = 0
        self._drawn = 0.0
        self._width = 0

    def __call__(self, event: Event) -> None:
        if event.kind == "phase":
            self._title = TITLES.get(event.phase or "", "working")
            self._items, self._items_done = event.items, 0
            self._bytes, self._bytes_done, self._rows_done = event.bytes, 0, 0
            self._drawn = 0.0
        elif event.kind == "advanced":
            self._bytes_done += event.bytes
            self._rows_done += event.rows
        elif event.kind == "item_finished":
            self._items_done += 1
        elif event.kind == "notice":
            self.clear()
            self._stream.write(f"dr: {clean(event.message or '')}", str)
        self._draw()

    def line(self) -> str:
        """`storing: 12 of 60, 340 MiB of 1.2 GiB, 4,500,000 rows`."""
        parts = []
        if self._items:
            parts.append(f"{count(self._items_done)} of {count(self._items)}")
        if self._bytes > self._bytes_done:
            parts.append(f"{size(self._bytes_done)} of {size(self._bytes)}")
        elif self._bytes_done:
            parts.append(size(self._bytes_done))
        if self._rows_done:
            parts.append(f"{count(self._rows_done)} rows")
        return f"{self._title}: {', '.join(parts)}" if parts else self._title

    def _draw(self) -> None:
        now = time.monotonic()
        if now - self._drawn < BETWEEN:
            return
        self._drawn = now
        # A line that wraps could not be written over.
        line = self.line()[: shutil.get_terminal_size().columns - 1]
        self._stream.write(f"\r{line.ljust(self._width)}", str, ending="")
        self._stream.flush()
        self._width = len(line)

    def clear(self) -> None:
        """Takes the line away, so that what is printed next stands alone."""
        if self._width:
            self._stream.write("\r" + " " * self._width + "\r", str, ending="")
            self._stream.flush()
            self._width = 0
