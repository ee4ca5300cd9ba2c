"""Which code made a backup: `DR["CODE_REVISION"]`.

Called when a backup is made. What it comes to is a word in the backup's manifest, told again before a
restore; a backup is not given up because the word is not known.
"""

from __future__ import annotations

import logging
import subprocess

from django.conf import settings

from .conf import code_revision

logger = logging.getLogger("dr.django")

#: Longer ones are cut: this is a word, not a file.
MOST_CHARACTERS = 200


def git() -> str:
    """`git describe` of the project's folder: for `"CODE_REVISION": dr.django.revision.git`."""
    folder = getattr(settings, "BASE_DIR", None)
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--tags"],  # noqa: S607
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    return described.stdout.strip()


def current() -> str | None:
    """The revision of the code that runs, or None if that is not configured or cannot be told."""
    wanted = code_revision()
    if wanted is None:
        return None
    try:
        found = wanted() if callable(wanted) else wanted
    except Exception as error:  # Whatever a project's function raises.
        logger.warning("CODE_REVISION is not known, and the backup goes without it: %s", error)
        return None
    return None if found is None else str(found)[:MOST_CHARACTERS]
