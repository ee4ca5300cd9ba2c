"""Migrations of a backup beside those of the code, for people. Used by dr_restore and dr_show."""

from __future__ import annotations

from .. import render
from ..applied import Comparison, Migration

#: Named one by one, unless more verbosity is asked for.
MOST_NAMED = 10


def told(comparison: Comparison | None, verbosity: int) -> list[str]:
    """One line a fact."""
    if comparison is None:
        return ["the backup does not say which are applied"]
    if comparison.state == "same":
        return [f"{render.count(comparison.applied)} applied, the same as in this code"]
    lines = [f"{render.count(comparison.applied)} applied"]
    if comparison.to_run:
        lines.append(
            f"the backup is behind this code: after a restore, migrate has "
            f"{render.counted(len(comparison.to_run), 'migration')} to run: "
            f"{_named(comparison.to_run, verbosity)}"
        )
    if comparison.unknown:
        lines.append(
            f"the backup is ahead of this code, which does not have "
            f"{render.counted(len(comparison.unknown), 'migration')} of it: "
            f"{_named(comparison.unknown, verbosity)}; deploy the code that has them"
        )
    return lines


def _named(migrations: tuple[Migration, ...], verbosity: int) -> str:
    most = len(migrations) if verbosity >= 2 else MOST_NAMED
    names = [f"{app}.{name}" for app, name in migrations[:most]]
    return ", ".join(names + ["…"] * (len(migrations) > most))
