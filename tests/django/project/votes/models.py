"""Votes, and the audit log of how they came about."""

from django.conf import settings
from django.db import models

from polls.models import Option, Poll


class Vote(models.Model):
    """One answer of one voter."""

    poll = models.ForeignKey(Poll, on_delete=models.CASCADE, related_name="votes")
    option = models.ForeignKey(Option, on_delete=models.CASCADE, related_name="votes")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True)
    token = models.CharField(max_length=64, db_index=True)
    ip_address = models.GenericIPAddressField(null=True)
    weight = models.DecimalField(max_digits=8, decimal_places=4, default=1)
    details = models.JSONField(default=dict)
    cast_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["poll", "option"], name="votes_of_poll")]
        constraints = [
            models.UniqueConstraint(
                fields=["poll", "user"],
                condition=models.Q(user__isnull=False),
                name="votes_one_per_user",
            ),
        ]


class AuditLog(models.Model):
    """What was done, by whom."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True)
    action = models.CharField(max_length=40)
    payload = models.BinaryField(default=bytes)
    took = models.DurationField(null=True)
    at = models.DateTimeField(auto_now_add=True)
