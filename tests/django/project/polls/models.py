"""Polls, what can be answered, and how they are sorted."""

import uuid

import django
from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.db import models

# CheckConstraint's argument has another name since Django 5.1, and the old one is gone in 6.0.
CONDITION = "condition" if django.VERSION >= (5, 1) else "check"


class Category(models.Model):
    """A tree of subjects."""

    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, blank=True)
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=80)


class Tag(models.Model):
    """A word that polls share."""

    name = models.CharField(max_length=50, unique=True)


class Poll(models.Model):
    """A question."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    category = models.ForeignKey(Category, on_delete=models.SET_NULL, null=True)
    tags = models.ManyToManyField(Tag, related_name="polls")
    opens_at = models.DateTimeField()
    closes_at = models.DateTimeField(null=True)
    is_active = models.BooleanField(default=True)
    rules = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["-opens_at"], name="polls_newest"),
            GinIndex(fields=["rules"], name="polls_rules"),
        ]
        constraints = [
            models.CheckConstraint(
                name="polls_closes_after_it_opens",
                **{CONDITION: models.Q(closes_at=None) | models.Q(closes_at__gt=models.F("opens_at"))},
            ),
        ]


class Option(models.Model):
    """One answer."""

    poll = models.ForeignKey(Poll, on_delete=models.CASCADE, related_name="options")
    position = models.PositiveSmallIntegerField()
    text = models.CharField(max_length=200)
    weight = models.DecimalField(max_digits=6, decimal_places=3, default=1)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["poll", "position"], name="polls_option_position"),
        ]
