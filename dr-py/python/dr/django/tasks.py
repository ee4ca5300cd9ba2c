"""Tasks for Celery, which need not be installed: then these are plain functions.

Celery finds them by itself (`app.autodiscover_tasks()`), under the names `dr.django.backup` and
`dr.django.verify`. Arguments and results are what JSON can carry. A task that fails raises, so that
Celery's own retries, time limits and error callbacks apply; no error holds a secret.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import DEFAULT_DB_ALIAS

from dr.errors import Error, IntegrityError, NotFound

from . import verbs

#: What a report that is not sound is raised as.
ERRORS = {"damaged": IntegrityError, "missing": NotFound, "unchecked": Error}


def _backup(alias: str = DEFAULT_DB_ALIAS, label: str | None = None) -> dict[str, Any]:
    """Backs an alias's database up as `DR` says; returns the receipt."""
    return verbs.backup(alias, label=label).as_dict()


def _verify(backup: str = "latest", alias: str = DEFAULT_DB_ALIAS, level: str = "stored") -> dict[str, Any]:
    """Verifies a backup; raises if it is not sound."""
    report = verbs.verify(backup, alias=alias, level=level)
    if not report.is_sound:
        problems = "; ".join(problem.message for problem in report.problems)
        raise ERRORS[report.outcome](f"{report.database}/{report.id} is {report.outcome}: {problems}")
    return report.as_dict()


def _task(function: Callable[..., Any], name: str) -> Any:
    try:
        from celery import shared_task
    except ImportError:
        return function
    return shared_task(function, name=name)


backup: Any = _task(_backup, "dr.django.backup")
verify: Any = _task(_verify, "dr.django.verify")
