"""What a verb tells while it works."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Callable, Optional

__all__ = ["Event", "OnEvent"]


@dataclass(frozen=True)
class Event:
    """One thing that happened. Which fields are filled depends on `kind`.

    - `phase`: one begins; `phase` is `prepare`, `store`, `load` or `prove`, `items` and `bytes` are what is
      expected, bytes as an estimate, 0 if unknown.
    - `item_started`, `item_finished`: work on `item`, such as `TABLE DATA public.votes_vote`.
    - `advanced`: `rows` and `bytes` more of `item` were done.
    - `notice`: `message` is something a person should know although the work goes on.
    """

    kind: str
    phase: Optional[str] = None
    item: Optional[str] = None
    message: Optional[str] = None
    items: int = 0
    rows: int = 0
    bytes: int = 0

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> Event:
        """As the native module tells it."""
        return cls(**value)


#: Who is told. What it raises stops the work, and is what the caller sees.
OnEvent = Callable[[Event], object]
