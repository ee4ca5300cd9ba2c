"""The proof of a restore, for people: every table, and what it comes to. Used by dr_restore and by
dr_extract into a database."""

from __future__ import annotations

from django.core.management.base import BaseCommand

import dr

from .. import render
from .base import DAMAGED, MISSING, UNCHECKED, StopError

CODES = {"not_comparable": UNCHECKED, "differs": DAMAGED, "missing": MISSING}

#: What is sound in small letters, what is not in large ones.
WORDS = {
    "equal": "equal",
    "not_comparable": "not compared",
    "differs": "DIFFERS",
    "missing": "MISSING",
}


def show_proof(command: BaseCommand, report: dr.Restored, verbosity: int) -> None:
    """Table by table, and the verdict."""
    if verbosity < 1:
        return
    rows = []
    for proof in report.tables:
        word, found = WORDS[proof.verdict], proof.found
        rows.append(
            (
                proof.table,
                render.count(found.rows) if found else "",
                found.sum if found else "",
                f"{word}: {proof.why}" if proof.why else word,
            )
        )
    write = command.stdout.write
    write(render.table(("table", "rows", "digest", "proof"), rows, right=[1]) + "\n")
    for sequence in report.sequences:
        if sequence.verdict != "equal":
            write(f"sequence {render.clean(sequence.sequence)}: {WORDS[sequence.verdict]}")
    for notice in report.notices:
        write(f"dr: {render.clean(notice)}")
    style = command.style.SUCCESS if report.verdict == "equal" else command.style.ERROR
    write(
        f"{render.clean(report.database)}: {render.counted(len(report.tables), 'table')}, "
        f"{render.counted(len(report.sequences), 'sequence')}, "
        f"{render.counted(report.rows, 'row')} in {render.duration(report.elapsed)}: {says(report)}",
        style,
    )


def says(report: dr.Restored) -> str:
    """What the proof comes to."""
    if report.verdict == "equal":
        return "what was restored is what was dumped"
    if report.verdict == "not_comparable":
        return "restored; some tables could not be compared"
    left = "" if report.is_kept else "; nothing is left under that name"
    return f"NOT what was dumped{left}"


def stop_unless_equal(report: dr.Restored) -> None:
    """Ends the command as `dr` ends."""
    if report.verdict in CODES:
        raise StopError(f"{render.clean(report.database)}: {says(report)}", CODES[report.verdict])
