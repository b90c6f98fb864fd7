from django.db import migrations

from valuerealization.common.database import PortalColumns, PortalRows


# What a customer may not see of an account, as when it is archived, it may not see of its rows either.
LIVE = "EXISTS (SELECT FROM accounts_account AS a WHERE a.id = account_id)"


class Migration(migrations.Migration):
    """A customer's trend is computed from what was shared with it each week; the score over everything stays ours."""

    dependencies = [("accounts", "0008_portal_archived"), ("objectives", "0011_batches_of_commands")]

    operations = [
        PortalRows(
            "objectives_objective", f"account_id = {{account}} AND show_in_portal AND archived_at IS NULL AND {LIVE}"
        ),
        PortalRows("objectives_snapshot", f"account_id = {{account}} AND {LIVE}"),
        PortalColumns("objectives_snapshot", ["id", "account_id", "week", "boundary_at", "timezone"]),
        PortalRows(
            "objectives_snapshotobjective",
            # Through the snapshot's own policy.
            "show_in_portal AND EXISTS (SELECT FROM objectives_snapshot AS s WHERE s.id = snapshot_id)",
        ),
        PortalColumns(
            "objectives_snapshotobjective",
            ["snapshot_id", "objective_id", "weight", "completion", "show_in_portal"],
        ),
    ]
