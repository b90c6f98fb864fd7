"""Background work of the kernel."""

from celery import shared_task
from django.utils import timezone

from valuerealization.common.audit_sealing import seal_entries


@shared_task(name="common.seal_audit")
def seal_audit(**_future: object) -> None:
    """Every five minutes: seal what was written to the audit log since (safe to run at any time, and twice)."""
    seal_entries(at=timezone.now())
