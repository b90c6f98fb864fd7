"""The team: who signs in, and their roles."""

from dataclasses import replace
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import Permission, PermissionsMixin
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from valuerealization.common.audit import Actor
from valuerealization.common.formats import DEFAULT, LOCALES, Formats
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


class Locale(models.TextChoices):
    """How numbers and dates are written; empty is the default."""

    DEFAULT = "", "1,250,000.5 · 15 Nov 2026"
    EN_US = "en-us", "1,250,000.5 · Nov 15, 2026"
    DE_DE = "de-de", "1.250.000,5 · 15 Nov 2026"
    FR_FR = "fr-fr", "1 250 000,5 · 15 Nov 2026"


class Clock(models.TextChoices):
    """How times are written."""

    HOURS_24 = "24h", "14:05"
    HOURS_12 = "12h", "2:05 pm"


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
    locale = models.CharField("numbers and dates", max_length=8, choices=Locale, blank=True, default=Locale.DEFAULT)
    clock = models.CharField("times", max_length=4, choices=Clock, default=Clock.HOURS_24)
    has_shortcuts = models.BooleanField("single-key shortcuts", default=True)
    # Cards that the person folded, by name: true while open.
    folds = models.JSONField(default=dict, blank=True, editable=False)
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
            models.CheckConstraint(condition=Q(locale__in=Locale.values), name="accounts_user_locale_known"),
            models.CheckConstraint(condition=Q(clock__in=Clock.values), name="accounts_user_clock_known"),
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
        """Tell what the role may do in the Django admin; the table is in `accounts/services/roles.py`."""
        return self.is_staff and perm in self._role_permissions()

    def has_module_perms(self, app_label: str) -> bool:
        """Show the apps of the Django admin in which the role may do something."""
        return self.is_staff and any(perm.startswith(f"{app_label}.") for perm in self._role_permissions())

    def _role_permissions(self) -> frozenset[str]:
        """Read what the role may do, once for each request: a request has its own copy of the person."""
        known: dict[str, frozenset[str]] = self.__dict__.setdefault("_permissions_by_role", {})
        if self.role not in known:
            rows = Permission.objects.filter(group__name=Role(self.role).label)
            known[self.role] = frozenset(
                f"{app}.{codename}" for app, codename in rows.values_list("content_type__app_label", "codename")
            )
        return known[self.role]

    @property
    def formats(self) -> Formats:
        """Give how numbers, dates and times are written for this person."""
        return replace(LOCALES.get(self.locale, DEFAULT), is_12_hour=self.clock == Clock.HOURS_12)

    def get_short_name(self) -> str:
        return self.name.split(" ")[0] if self.name else self.email

    def get_full_name(self) -> str:
        return self.name

    def as_actor(self) -> Actor:
        """Name this person in the audit log."""
        return Actor(kind=AuditEntry.Actor.USER, id=str(self.pk), name=str(self))
