"""As django-prometheus has it: a mixin before Django's wrapper, and a vendor of its own accord."""

from django.db.backends.postgresql import base


class Counted:
    """Counts connections."""

    opened = 0

    def get_new_connection(self, *args, **kwargs):
        Counted.opened += 1
        return super().get_new_connection(*args, **kwargs)


class DatabaseWrapper(Counted, base.DatabaseWrapper):
    """Django's, counted."""
