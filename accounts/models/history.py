"""Earlier states of accounts, people and keys. The database writes these rows; nothing secret is among the columns."""

from accounts.models.accounts import Account
from accounts.models.attributes import Attribute
from accounts.models.keys import ApiKey
from accounts.models.people import User
from accounts.models.segments import SavedSegment
from valuerealization.common.history import event_model


class AccountHistory(
    event_model(  # type: ignore[misc]
        Account,
        fields=(
            "external_id", "name", "timezone", "owner", "segment", "industry", "currency", "arr",
            "contract_signed_on", "went_live_on", "renewal_on", "attributes", "archived_at",
        ),
    )
):  # fmt: skip
    """An account as it was before a change."""

    class Meta:
        db_table = "accounts_accounthistory"


class UserHistory(event_model(User, fields=("email", "name", "role", "is_active"))):  # type: ignore[misc]
    """A person as they were before a change; their password and comings and goings are nobody's history."""

    class Meta:
        db_table = "accounts_userhistory"


class ApiKeyHistory(event_model(ApiKey, fields=("name", "scope", "expiry_date", "revoked"))):  # type: ignore[misc]
    """A key as it was before a change; never its hash."""

    class Meta:
        db_table = "accounts_apikeyhistory"


class AttributeHistory(
    event_model(  # type: ignore[misc]
        Attribute, fields=("key", "name", "type", "choices", "help_text", "position", "archived_at")
    )
):
    """The definition of a custom attribute as it was before a change."""

    class Meta:
        db_table = "accounts_attributehistory"


class SavedSegmentHistory(
    event_model(SavedSegment, fields=("name", "description", "rule", "archived_at"))  # type: ignore[misc]
):
    """A segment as it was before a change."""

    class Meta:
        db_table = "accounts_savedsegmenthistory"
