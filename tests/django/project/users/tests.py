"""What `manage.py test` runs."""

from django.test import TestCase

from users.models import User


class UserTests(TestCase):
    """One test, so that there is a test database."""

    def test_a_user_has_an_id_of_their_own(self):
        user = User.objects.create_user("ann", "ann@example.org")
        self.assertIsNotNone(user.public_id)
