"""Numbers of a day; refers to polls by id, for it may be in another database."""

from django.db import models


class DailyVotes(models.Model):
    """How often a poll was voted on in a day."""

    poll_id = models.BigIntegerField()
    day = models.DateField()
    votes = models.PositiveIntegerField()
    share = models.FloatField(default=0)

    class Meta:
        db_table = "analytics_daily"
        constraints = [
            models.UniqueConstraint(fields=["poll_id", "day"], name="analytics_once_a_day"),
        ]
