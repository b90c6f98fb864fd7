"""What the pages of the admin share, and the pages of what belongs to no app: audit log, schedules, sign-ins.

What an administrator changes goes through the services that everything else calls, so the rules hold and the audit
entry is written; what nobody edits is shown read only.
"""

from valuerealization.common.admin import access, schedules
from valuerealization.common.admin.audit import AuditEntryAdmin, SubjectFilter
from valuerealization.common.admin.base import (
    LedgerAdmin,
    ModelAdmin,
    NewestPaginator,
    ReadOnlyMixin,
    RefusableForm,
    ServiceAdmin,
    TabularInline,
    actor,
)
from valuerealization.common.admin.bulk import ReasonForm, confirmed
from valuerealization.common.admin.columns import NOTHING, ago, import_address, money, number, pill
from valuerealization.common.admin.exports import ExportMixin, columns_of

__all__ = [
    "NOTHING",
    "AuditEntryAdmin",
    "ExportMixin",
    "LedgerAdmin",
    "ModelAdmin",
    "NewestPaginator",
    "ReadOnlyMixin",
    "ReasonForm",
    "RefusableForm",
    "ServiceAdmin",
    "SubjectFilter",
    "TabularInline",
    "access",
    "actor",
    "ago",
    "columns_of",
    "confirmed",
    "import_address",
    "money",
    "number",
    "pill",
    "schedules",
]
