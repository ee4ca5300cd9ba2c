"""The analytics have a database of their own where one is configured."""

from django.conf import settings


class Analytics:
    """Sends the app `analytics` to the alias of the same name, and nothing else there."""

    def _alias(self, app_label):
        if app_label == "analytics" and "analytics" in settings.DATABASES:
            return "analytics"
        return "default"

    def db_for_read(self, model, **hints):
        return self._alias(model._meta.app_label)

    db_for_write = db_for_read

    def allow_migrate(self, db, app_label, **hints):
        if db not in {"default", "analytics"}:
            return None
        return db == self._alias(app_label)
