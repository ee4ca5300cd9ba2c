"""As packages for cloud databases have it: the password is fetched when a connection is made."""

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, with a password that no setting holds."""

    def get_connection_params(self):
        return {**super().get_connection_params(), "password": "fetched"}
