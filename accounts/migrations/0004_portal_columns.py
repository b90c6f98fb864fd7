from django.db import migrations

from valuerealization.common.database import PortalColumns


class Migration(migrations.Migration):
    """A customer's pages name the account and count its days; contract value, owner and segment are ours."""

    dependencies = [("accounts", "0003_settings")]

    operations = [
        PortalColumns("accounts_account", ["id", "name", "timezone", "currency", "contract_signed_on", "went_live_on"]),
    ]
