from django.db import migrations

NAME = "Snapshots and standings, every five minutes"


def add_tick(apps, schema_editor):
    """Schedule the tick in the scheduler's own tables, where administrators see and change it."""
    database = schema_editor.connection.alias
    interval, _ = (
        apps.get_model("django_celery_beat", "IntervalSchedule")
        .objects.using(database)
        .get_or_create(every=5, period="minutes")
    )
    apps.get_model("django_celery_beat", "PeriodicTask").objects.using(database).get_or_create(
        name=NAME,
        defaults={
            "task": "objectives.tick",
            "interval": interval,
            "expire_seconds": 290,  # the next tick does its work
            "description": "Takes the weekly snapshots of accounts whose Sunday 02:00 has passed, and moves statuses "
            "that change with the clock. Safe to run at any time, and more than once.",
        },
    )


def remove_tick(apps, schema_editor):
    apps.get_model("django_celery_beat", "PeriodicTask").objects.using(schema_editor.connection.alias).filter(
        name=NAME
    ).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("objectives", "0001_initial"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(add_tick, remove_tick)]
