"""The audit log: who did what, when, to which record, and under which request. And answers kept for repeats."""

from typing import Any

from django.db import models
from django.db.models import Func

from valuerealization.common.database import TransactionId


class DatabaseNow(Func):
    """The product's one SQL clock (tests replace the function behind it)."""

    function = "value_now"
    output_field = models.DateTimeField()


class CurrentTransaction(Func):
    """The running transaction's id."""

    function = "pg_current_xact_id"
    output_field: Any = TransactionId()


class AuditEntry(models.Model):
    """One thing somebody did. Insert only, for the application's role too.

    `actor_*` and `subject_*` name records without foreign keys, so that an entry outlives both.
    """

    class Actor(models.TextChoices):
        USER = "user", "Person"
        API_KEY = "api_key", "API key"
        SYSTEM = "system", "System"

    id = models.BigAutoField(primary_key=True)
    transaction_id = TransactionId(db_default=CurrentTransaction(), editable=False)
    at = models.DateTimeField(db_default=DatabaseNow())
    actor_kind = models.CharField(max_length=16, choices=Actor)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_name = models.CharField(max_length=200)
    request_id = models.CharField(max_length=64, blank=True)
    action = models.CharField(max_length=64)
    account_id = models.BigIntegerField(null=True)
    subject_type = models.CharField(max_length=64)
    subject_id = models.BigIntegerField(null=True)
    subject_label = models.CharField(max_length=300, blank=True)
    details = models.JSONField(default=dict)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["account_id", "-id"], name="common_auditentry_account"),
            models.Index(fields=["subject_type", "subject_id", "-id"], name="common_auditentry_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name} {self.action} {self.subject_label}".strip()


class IdempotencyRecord(models.Model):
    """The answer to a POST that carried an Idempotency-Key, kept 24 hours; the row is also the lock on its key."""

    id = models.BigAutoField(primary_key=True)
    actor_id = models.CharField(max_length=64)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=DatabaseNow())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["actor_id", "key"], name="common_idempotencyrecord_one_a_key")]
        indexes = [models.Index(fields=["created_at"], name="common_idempotency_created")]

    def __str__(self) -> str:
        return f"{self.actor_id}: {self.key}"
