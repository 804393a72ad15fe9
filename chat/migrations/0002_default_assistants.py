"""The assistants that a new clinic starts with."""

from django.db import migrations

from chat.default_assistants import ASSISTANTS


def create_assistants(apps, schema_editor):
    Assistant = apps.get_model("chat", "Assistant")
    for assistant in ASSISTANTS:
        Assistant.objects.get_or_create(slug=assistant["slug"], defaults=assistant)


class Migration(migrations.Migration):
    dependencies = [("chat", "0001_initial")]

    operations = [migrations.RunPython(create_assistants, migrations.RunPython.noop)]
