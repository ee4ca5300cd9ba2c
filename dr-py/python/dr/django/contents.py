"""What a backup of a project says: its tables, the migrations applied in it, the code that made it.

Read before something is restored, extracted or shown. Used by the commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import dr
from dr import RowsDigest

from . import verbs
from .applied import Comparison, compare
from .conf import Options


@dataclass(frozen=True)
class Stored:
    """A backup. Without a key, what its commit mark says is all there is."""

    shown: dr.Contents

    @property
    def place(self) -> str:
        """Where it lies in the repository, which is also its whole name."""
        return f"{self.shown.database}/{self.shown.id}"

    @property
    def mark(self) -> Mapping[str, Any]:
        """What everybody may know."""
        mark: Mapping[str, Any] = self.shown.as_dict()["mark"]
        return mark

    @property
    def created(self) -> datetime:
        """When it was begun, to the second."""
        whole = self.mark["created"].rstrip("Z").partition(".")[0]
        return datetime.fromisoformat(whole).replace(tzinfo=timezone.utc)

    @property
    def tables(self) -> list[tuple[str, RowsDigest]]:
        """Every table with rows, by name."""
        return sorted((name, digest) for name, digest in self.shown.tables.items() if digest is not None)

    @property
    def code_revision(self) -> str | None:
        """`CODE_REVISION` of the project that made it."""
        facts = self.shown.records.get(verbs.PROJECT)
        if facts is None or not facts.rows:
            return None
        return dict(zip(facts.columns, facts.rows[0])).get("code_revision")

    def comparison(self) -> Comparison | None:
        """Its migrations beside those of this code; None if it was not made by `dr.django`, or before
        the first migration."""
        record = self.shown.records.get(verbs.MIGRATIONS)
        if record is None:
            return None
        return compare((app or "", name or "") for app, name in record.rows)


def of(options: Options, backup: str) -> Stored:
    """What a backup of the alias's database says."""
    return Stored(verbs.repository_of(options).show(verbs.named(options, backup)))
