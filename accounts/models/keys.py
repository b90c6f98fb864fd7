"""The keys of integrators."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q
from rest_framework_api_key.models import AbstractAPIKey, APIKeyManager

from accounts.models.people import User
from valuerealization.common.audit import Actor
from valuerealization.common.models import AuditEntry


class ApiKeyScope(models.TextChoices):
    """What a key may do."""

    READ = "read", "Read"
    WRITE = "write", "Read and write"


class ApiKeyManager(APIKeyManager):
    """Find and make keys; the secret is stored hashed and shown once."""


class ApiKey(AbstractAPIKey):
    """An integrator's key: `vr_` and the key proper, hashed at rest."""

    PREFIX: ClassVar[str] = "vr_"
    LAST_USED_EVERY: ClassVar[int] = 60  # seconds; the time of last use is kept no finer

    scope = models.CharField(max_length=8, choices=ApiKeyScope, default=ApiKeyScope.READ)
    created_by = models.ForeignKey(User, null=True, blank=True, editable=False, on_delete=models.PROTECT)
    last_used_at = models.DateTimeField(null=True, editable=False)

    objects: ClassVar[ApiKeyManager] = ApiKeyManager()

    class Meta(AbstractAPIKey.Meta):
        verbose_name = "API key"
        verbose_name_plural = "API keys"
        constraints = [
            models.CheckConstraint(condition=Q(scope__in=ApiKeyScope.values), name="accounts_apikey_scope_known")
        ]

    def as_actor(self) -> Actor:
        """Name this key in the audit log, by the part of it that is no secret."""
        return Actor(kind=AuditEntry.Actor.API_KEY, id=self.prefix, name=f"API key {self.name}")

    def touch(self, *, at: datetime) -> None:
        """Remember that the key was used, at most once a minute."""
        stale = at - timedelta(seconds=self.LAST_USED_EVERY)
        if self.last_used_at is None or self.last_used_at < stale:
            unseen = Q(last_used_at=None) | Q(last_used_at__lt=stale)
            ApiKey.objects.filter(unseen, pk=self.pk).update(last_used_at=at)
