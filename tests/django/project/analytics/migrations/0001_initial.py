from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="DailyVotes",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("poll_id", models.BigIntegerField()),
                ("day", models.DateField()),
                ("votes", models.PositiveIntegerField()),
                ("share", models.FloatField(default=0)),
            ],
            options={
                "db_table": "analytics_daily",
            },
        ),
        migrations.AddConstraint(
            model_name="dailyvotes",
            constraint=models.UniqueConstraint(fields=("poll_id", "day"), name="analytics_once_a_day"),
        ),
    ]
