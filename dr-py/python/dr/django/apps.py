"""The app: registers the system checks and the hook before `migrate`."""

from __future__ import annotations

from typing import ClassVar

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import register
from django.db.models.signals import pre_migrate


class DrConfig(AppConfig):
    """`dr.django`, whose label is `dr`."""

    name = "dr.django"
    label = "dr"
    verbose_name = "Disaster recovery"

    #: The names of the databases before a test runner renamed them.
    names: ClassVar[dict[str, object]] = {}

    def ready(self) -> None:
        """Called once by Django, when all apps are loaded."""
        from . import checks, hook

        DrConfig.names = {alias: database.get("NAME") for alias, database in settings.DATABASES.items()}
        register(checks.check_settings)
        register(checks.check_deployment, deploy=True)
        # Django sends this once for every app: from this one alone, it comes once for a run.
        pre_migrate.connect(hook.before_migrate, sender=self, dispatch_uid="dr.before_migrate")
