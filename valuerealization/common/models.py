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
            models.Index(fields=["actor_kind", "actor_id", "-id"], name="common_auditentry_actor"),
            models.Index(fields=["action", "-id"], name="common_auditentry_action"),
            # The order in which entries are sealed.
            models.Index(fields=["transaction_id", "id"], name="common_auditentry_sealing"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name} {self.action} {self.subject_label}".strip()


class AuditSeal(models.Model):
    """One link of the chain over the audit log: the entries of a range, and the seal before. Insert only.

    It covers the entries with `after_id` < id whose (transaction, id) lies above `from_*` and not above `to_*`; see
    docs/audit.md.
    """

    number = models.PositiveIntegerField(primary_key=True)
    sealed_at = models.DateTimeField()
    entries = models.PositiveIntegerField()
    after_id = models.BigIntegerField()
    from_transaction = TransactionId()
    from_id = models.BigIntegerField()
    to_transaction = TransactionId()
    to_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    root = models.BinaryField()
    previous_hash = models.BinaryField()
    hash = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["previous_hash"], name="common_auditseal_one_successor")]

    def __str__(self) -> str:
        return f"Seal {self.number}"


class AuditProof(models.Model):
    """What a sealed entry said, as salted digests: who did it, and what. Insert only.

    Erasing a person takes the salt away, and with it the only way to tell what the digest was of; `*_erasure` then
    names the entry about the erasure. No foreign key to the entry: a removed one must leave its proof.
    """

    entry = models.OneToOneField(
        AuditEntry, primary_key=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="proof"
    )
    seal = models.ForeignKey(AuditSeal, on_delete=models.PROTECT, related_name="proofs")
    who_salt = models.BinaryField(null=True)
    who_digest = models.BinaryField()
    who_erasure = models.BigIntegerField(null=True)
    what_salt = models.BinaryField(null=True)
    what_digest = models.BinaryField()
    what_erasure = models.BigIntegerField(null=True)
    hash = models.BinaryField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(who_salt=None, who_erasure__isnull=False)
                | models.Q(who_salt__isnull=False, who_erasure=None),
                name="common_auditproof_who_salted_or_erased",
            ),
            models.CheckConstraint(
                condition=models.Q(what_salt=None, what_erasure__isnull=False)
                | models.Q(what_salt__isnull=False, what_erasure=None),
                name="common_auditproof_what_salted_or_erased",
            ),
        ]
        indexes = [
            models.Index(
                fields=["who_erasure"], name="common_auditproof_who_erasure", condition=models.Q(who_salt=None)
            ),
            models.Index(
                fields=["what_erasure"], name="common_auditproof_what_erasure", condition=models.Q(what_salt=None)
            ),
        ]

    def __str__(self) -> str:
        return f"Proof of entry {self.entry_id}"


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


class StoredFile(models.Model):
    """A file's bytes, in pieces: written with the row that names it, read by every web server, in every backup."""

    id = models.BigAutoField(primary_key=True)
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=DatabaseNow())

    def __str__(self) -> str:
        return f"{self.sha256[:12]}, {self.size:,} bytes"


class FilePiece(models.Model):
    """Some bytes of a file; its pieces are numbered from 0."""

    id = models.BigAutoField(primary_key=True)
    file = models.ForeignKey(StoredFile, on_delete=models.CASCADE, related_name="pieces", db_index=False)
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["file", "number"], name="common_filepiece_one_a_number")]

    def __str__(self) -> str:
        return f"{self.file_id}/{self.number}"
