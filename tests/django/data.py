"""Rows for the polling project: the same ones every time."""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

BEGIN = datetime(2026, 1, 1, 12, 0, tzinfo=timezone.utc)
USERS, POLLS, VOTES = 12, 30, 240
PASSWORD = "correct horse battery staple"


def fill() -> None:
    """Fills the migrated, empty databases of both aliases."""
    from analytics.models import DailyVotes
    from polls.models import Category, Option, Poll, Tag
    from users.models import Follow, User
    from votes.models import AuditLog, Vote

    users = [
        User(
            username=f"user{n}",
            email=f"user{n}@example.org",
            public_id=uuid.UUID(int=n + 1),
            bio="tab\there, line\nthere, \\N and a snowman ☃",
            preferences={"theme": "dark", "n": n, "quote": 'it\'s "so"'},
        )
        for n in range(USERS)
    ]
    users[0].set_password(PASSWORD)
    User.objects.bulk_create(users)
    Follow.objects.bulk_create(
        Follow(follower=users[n], followed=users[(n + 1) % USERS]) for n in range(USERS)
    )
    root = Category.objects.get(slug="science")
    Category.objects.create(parent=root, slug="physics", name="Physics")
    tags = Tag.objects.bulk_create(Tag(name=f"tag {n}") for n in range(5))
    for n in range(POLLS):
        poll = Poll.objects.create(
            public_id=uuid.UUID(int=1000 + n),
            title=f"Question {n}?",
            author=users[n % USERS],
            category=root if n % 2 else None,
            opens_at=BEGIN + timedelta(days=n),
            closes_at=BEGIN + timedelta(days=n + 7) if n % 3 else None,
            rules={"captcha": bool(n % 2), "limits": [1, None, n]},
        )
        poll.tags.set(tags[n % 5 :])
        Option.objects.bulk_create(
            Option(poll=poll, position=at, text=text, weight=Decimal("1.125") * (at + 1))
            for at, text in enumerate(["yes", "no", "perhaps"])
        )
    options = list(Option.objects.order_by("id"))
    Vote.objects.bulk_create(
        Vote(
            poll_id=options[n % len(options)].poll_id,
            option=options[n % len(options)],
            token=f"{n:064x}",
            ip_address=f"192.0.2.{n % 250}" if n % 2 else f"2001:db8::{n:x}",
            weight=Decimal(n) / 16,
            details={"agent": "Mozilla/5.0"} if n % 5 else {},
        )
        for n in range(VOTES)
    )
    AuditLog.objects.bulk_create(
        AuditLog(
            user=users[n % USERS],
            action="vote",
            payload=bytes(range(n)),
            took=timedelta(milliseconds=n),
        )
        for n in range(60)
    )
    DailyVotes.objects.bulk_create(
        DailyVotes(poll_id=n, day=date(2026, 1, 1), votes=n * n, share=n / 7) for n in range(20)
    )
