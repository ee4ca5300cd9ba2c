"""Data: every installation begins with these categories."""

from django.db import migrations

CATEGORIES = {"politics": "Politics", "sports": "Sports", "science": "Science"}


def make(apps, schema_editor):
    """Makes those that are not there."""
    category = apps.get_model("polls", "Category")
    for slug, name in CATEGORIES.items():
        category.objects.using(schema_editor.connection.alias).get_or_create(
            slug=slug, defaults={"name": name}
        )


class Migration(migrations.Migration):
    dependencies = [("polls", "0002_relations")]

    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
