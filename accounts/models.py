"""Customer accounts, the people who look after them, and the keys of integrators."""

from datetime import datetime, timedelta
from functools import cache
from typing import Any, ClassVar, Self
from zoneinfo import available_timezones

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Upper
from rest_framework_api_key.models import AbstractAPIKey, APIKeyManager

from valuerealization.common.audit import Actor
from valuerealization.common.models import AuditEntry, DatabaseNow


class Role(models.TextChoices):
    """What a person may do; see `accounts/policies.py`."""

    CSM = "csm", "Customer success manager"
    LEADER = "leader", "Customer success leader"
    ADMIN = "admin", "Administrator"


class Theme(models.TextChoices):
    """Colour scheme of the pages; empty follows the system."""

    SYSTEM = "", "Like the system"
    LIGHT = "light", "Light"
    DARK = "dark", "Dark"


class UserManager(BaseUserManager["User"]):
    """Create people by e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Add a person; without a password they set one by mail."""
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Add an administrator, as `manage.py createsuperuser` does."""
        return self.create_user(email, password, **{"role": Role.ADMIN, "is_superuser": True, **fields})

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find a person by address, whatever its case."""
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """Somebody of the team: signs in by e-mail, has one role."""

    email = models.EmailField("e-mail", max_length=254, unique=True)
    name = models.CharField(max_length=120)
    role = models.CharField(max_length=16, choices=Role, default=Role.CSM)
    theme = models.CharField(max_length=8, choices=Theme, blank=True, default=Theme.SYSTEM)
    is_active = models.BooleanField("active", default=True)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)

    objects: ClassVar[UserManager] = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(email=Lower("email")), name="accounts_user_email_lower"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="accounts_user_role_known"),
            models.CheckConstraint(condition=Q(theme__in=Theme.values), name="accounts_user_theme_known"),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def clean(self) -> None:
        super().clean()
        self.email = self.email.lower()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keep addresses in small letters, so that one is never two people."""
        self.email = self.email.lower()
        super().save(*args, **kwargs)

    @property
    def is_staff(self) -> bool:
        """Only administrators open the Django admin."""
        return self.is_active and self.role == Role.ADMIN

    @property
    def is_leader(self) -> bool:
        """Leaders and administrators change every account."""
        return self.role in (Role.LEADER, Role.ADMIN)

    def has_perm(self, perm: str, obj: object | None = None) -> bool:  # noqa: ARG002
        """Give administrators every permission of the Django admin, and nobody else any: the role decides."""
        return self.is_staff

    def has_module_perms(self, app_label: str) -> bool:  # noqa: ARG002
        """Show administrators every app of the Django admin."""
        return self.is_staff

    def get_short_name(self) -> str:
        return self.name.split(" ")[0] if self.name else self.email

    def get_full_name(self) -> str:
        return self.name

    def as_actor(self) -> Actor:
        """Name this person in the audit log."""
        return Actor(kind=AuditEntry.Actor.USER, id=str(self.pk), name=str(self))


class Segment(models.TextChoices):
    """Size class of a customer; sets the time-to-value targets."""

    ENTERPRISE = "enterprise", "Enterprise"
    MID_MARKET = "mid_market", "Mid-market"
    SMALL_BUSINESS = "small_business", "Small business"


@cache
def timezones() -> frozenset[str]:
    """List the IANA timezones; this machine's own `localtime` is among Python's, but means nothing elsewhere."""
    return frozenset(available_timezones() - {"localtime"})


def check_timezone(value: str) -> None:
    """Refuse what is not an IANA timezone."""
    if value not in timezones():
        raise ValidationError(
            "Choose an IANA timezone such as Europe/Berlin; “%(value)s” is not one.",
            code="invalid_timezone",
            params={"value": value},
        )


class AccountQuerySet(models.QuerySet["Account"]):
    """Filters over accounts."""

    def active(self) -> Self:
        """Leave archived accounts out."""
        return self.filter(archived_at=None)

    def search(self, text: str) -> Self:
        """Keep accounts whose name holds `text`, whatever its case (served by the trigram index)."""
        return self.annotate(upper_name=Upper("name")).filter(upper_name__contains=text.upper())

    def lock(self) -> Self:
        """Lock in id order: one writer per score, and never two waiting for each other."""
        return self.order_by("id").select_for_update(no_key=True, of=("self",))


class Account(models.Model):
    """One customer company (the API calls it a customer)."""

    external_id = models.CharField(max_length=128, null=True, blank=True, unique=True)
    name = models.CharField(max_length=200)
    timezone = models.CharField(max_length=64, default="UTC", validators=[check_timezone])
    owner = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="accounts")
    segment = models.CharField(max_length=16, choices=Segment, blank=True)
    industry = models.CharField(max_length=80, blank=True)
    currency = models.CharField(
        max_length=3,
        default="USD",
        validators=[RegexValidator(r"\A[A-Z]{3}\Z", "Use the three capital letters of ISO 4217, for example EUR.")],
    )
    arr = models.DecimalField(
        "ARR", max_digits=16, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    contract_signed_on = models.DateField(null=True, blank=True)
    went_live_on = models.DateField("go-live on", null=True, blank=True)
    renewal_on = models.DateField(null=True, blank=True)
    is_demo = models.BooleanField("demo data", default=False, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    updated_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)

    objects = AccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="accounts_account_name_given"),
            models.CheckConstraint(condition=~Q(external_id=""), name="accounts_account_external_id_null_or_given"),
            models.CheckConstraint(
                condition=Q(segment__in=[*Segment.values, ""]), name="accounts_account_segment_known"
            ),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="accounts_account_currency_code"),
            models.CheckConstraint(condition=Q(arr=None) | Q(arr__gte=0), name="accounts_account_arr_not_negative"),
            models.CheckConstraint(
                condition=Q(renewal_on=None) | Q(contract_signed_on=None) | Q(renewal_on__gt=F("contract_signed_on")),
                name="accounts_account_renewal_after_signature",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"/accounts/{self.pk}/"


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
