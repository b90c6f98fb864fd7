from django.db import migrations

from valuerealization.common.database import PortalColumns, PortalRows


class Migration(migrations.Migration):
    """An archived account has no portal."""

    dependencies = [("accounts", "0007_notifications")]

    operations = [
        PortalRows("accounts_account", "id = {account} AND archived_at IS NULL"),
        PortalColumns("accounts_account", ["id", "name", "timezone", "currency", "contract_signed_on", "went_live_on"]),
    ]
