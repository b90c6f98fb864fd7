from django.conf import settings
from django.db import migrations, models

import valuerealization.common.models
from valuerealization.common.database import AppendOnly, NoDelete, OwnerFunction

# What a file holds leaves the live tables with its entry, or not at all. The application deletes no snapshot by
# itself; this refuses recent weeks, and rows that are not those that were written down.
REMOVE_ARCHIVED = """
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  entry objectives_snapshotarchive;
  removed bigint;
BEGIN
  SELECT * INTO STRICT entry FROM objectives_snapshotarchive WHERE id = archive AND removed_at IS NULL FOR UPDATE;
  IF entry.last_week > value_now()::date - 365 THEN
    RAISE EXCEPTION 'Snapshots of the last year are not removed.';
  END IF;
  DELETE FROM objectives_replacedsnapshot r USING accounts_account a
  WHERE r.account_id = a.id AND r.week BETWEEN entry.first_week AND entry.last_week;
  GET DIAGNOSTICS removed = ROW_COUNT;
  IF removed <> entry.replaced THEN
    RAISE EXCEPTION 'The file holds % replaced snapshots, the table %.', entry.replaced, removed;
  END IF;
  DELETE FROM objectives_snapshotobjective o USING objectives_snapshot s, accounts_account a
  WHERE o.snapshot_id = s.id AND s.account_id = a.id AND s.week BETWEEN entry.first_week AND entry.last_week;
  GET DIAGNOSTICS removed = ROW_COUNT;
  IF removed <> entry.objectives THEN
    RAISE EXCEPTION 'The file holds % objectives, the table %.', entry.objectives, removed;
  END IF;
  DELETE FROM objectives_snapshot s USING accounts_account a
  WHERE s.account_id = a.id AND s.week BETWEEN entry.first_week AND entry.last_week;
  GET DIAGNOSTICS removed = ROW_COUNT;
  IF removed <> entry.snapshots THEN
    RAISE EXCEPTION 'The file holds % snapshots, the table %.', entry.snapshots, removed;
  END IF;
  UPDATE objectives_snapshotarchive SET removed_at = value_now() WHERE id = archive;
END $$
"""

CLEAN_UP = "Old snapshots into archive files, on the 1st of the month"


def add_clean_up(apps, schema_editor):
    """Schedule the monthly clean-up where administrators see and change it."""
    database = schema_editor.connection.alias
    first_at_three, _ = (
        apps.get_model("django_celery_beat", "CrontabSchedule")
        .objects.using(database)
        .get_or_create(minute="0", hour="3", day_of_month="1", month_of_year="*", day_of_week="*", timezone="UTC")
    )
    apps.get_model("django_celery_beat", "PeriodicTask").objects.using(database).get_or_create(
        name=CLEAN_UP,
        defaults={
            "task": "objectives.clean_up",
            "crontab": first_at_three,
            "description": "Writes snapshots that are older than the retention window into compressed files, reads "
            "each file back, and then removes its rows. Safe to run at any time, and more than once.",
        },
    )


def remove_clean_up(apps, schema_editor):
    apps.get_model("django_celery_beat", "PeriodicTask").objects.using(schema_editor.connection.alias).filter(
        name=CLEAN_UP
    ).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("objectives", "0005_outcomes"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="SnapshotArchive",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("first_week", models.DateField()),
                ("last_week", models.DateField()),
                ("snapshots", models.PositiveIntegerField()),
                ("objectives", models.PositiveIntegerField()),
                ("replaced", models.PositiveIntegerField()),
                ("file", models.CharField(max_length=200, unique=True)),
                ("size", models.PositiveBigIntegerField()),
                ("sha256", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField(db_default=valuerealization.common.models.DatabaseNow())),
                ("removed_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name="tickrun",
            name="failed",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="tickrun",
            name="late_seconds",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="tickrun",
            name="taken",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddIndex(
            model_name="standing",
            index=models.Index(
                models.F("failed_at"),
                condition=models.Q(("failed_at__isnull", False)),
                name="objectives_standing_failed",
            ),
        ),
        migrations.AddConstraint(
            model_name="objective",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("baseline", None),
                        models.Q(("baseline__gt", -100000000000000), ("baseline__lt", 100000000000000)),
                        _connector="OR",
                    ),
                    models.Q(
                        ("target", None),
                        models.Q(("target__gt", -100000000000000), ("target__lt", 100000000000000)),
                        _connector="OR",
                    ),
                ),
                name="objectives_objective_values_in_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="objective",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("current", None),
                    models.Q(("current__gt", -100000000000000), ("current__lt", 100000000000000)),
                    _connector="OR",
                ),
                name="objectives_objective_current_in_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="objectiverevision",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("baseline", None),
                        models.Q(("baseline__gt", -100000000000000), ("baseline__lt", 100000000000000)),
                        _connector="OR",
                    ),
                    models.Q(
                        ("target", None),
                        models.Q(("target__gt", -100000000000000), ("target__lt", 100000000000000)),
                        _connector="OR",
                    ),
                ),
                name="objectives_revision_values_in_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="snapshotarchive",
            constraint=models.CheckConstraint(
                condition=models.Q(("last_week__gte", models.F("first_week"))),
                name="objectives_snapshotarchive_weeks_in_order",
            ),
        ),
        AppendOnly("objectives_snapshotarchive"),
        AppendOnly("objectives_replacedsnapshot"),
        AppendOnly("objectives_restatement"),
        NoDelete("objectives_snapshot"),
        OwnerFunction("objectives_remove_archived", "archive bigint", REMOVE_ARCHIVED),
        migrations.RunPython(add_clean_up, remove_clean_up),
    ]
