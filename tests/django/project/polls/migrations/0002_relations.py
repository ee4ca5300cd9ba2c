import django
import django.contrib.postgres.indexes
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# CheckConstraint's argument has another name since Django 5.1, and the old one is gone in 6.0.
CONDITION = "condition" if django.VERSION >= (5, 1) else "check"


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("polls", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="poll",
            name="author",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name="poll",
            name="category",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                to="polls.category",
            ),
        ),
        migrations.AddField(
            model_name="poll",
            name="tags",
            field=models.ManyToManyField(related_name="polls", to="polls.tag"),
        ),
        migrations.AddField(
            model_name="option",
            name="poll",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="options",
                to="polls.poll",
            ),
        ),
        migrations.AddField(
            model_name="category",
            name="parent",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                to="polls.category",
            ),
        ),
        migrations.AddIndex(
            model_name="poll",
            index=models.Index(fields=["-opens_at"], name="polls_newest"),
        ),
        migrations.AddIndex(
            model_name="poll",
            index=django.contrib.postgres.indexes.GinIndex(fields=["rules"], name="polls_rules"),
        ),
        migrations.AddConstraint(
            model_name="poll",
            constraint=models.CheckConstraint(
                name="polls_closes_after_it_opens",
                **{
                    CONDITION: models.Q(
                        ("closes_at", None),
                        ("closes_at__gt", models.F("opens_at")),
                        _connector="OR",
                    )
                },
            ),
        ),
        migrations.AddConstraint(
            model_name="option",
            constraint=models.UniqueConstraint(fields=("poll", "position"), name="polls_option_position"),
        ),
    ]
