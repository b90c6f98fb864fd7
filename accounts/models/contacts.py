"""The people around an account: contacts at the customer, and the team on our side."""

from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from accounts.models.accounts import Account
from accounts.models.people import User
from valuerealization.common.models import DatabaseNow


class ContactRole(models.TextChoices):
    """What part a contact plays at the customer."""

    EXECUTIVE_SPONSOR = "executive_sponsor", "Executive sponsor"
    CHAMPION = "champion", "Champion"
    FINANCE_APPROVER = "finance_approver", "Finance approver"
    END_USER = "end_user", "End user"


class TeamRole(models.TextChoices):
    """What part somebody of ours plays beside the account's owner, who is its CSM."""

    ACCOUNT_EXECUTIVE = "account_executive", "Account executive"
    SOLUTIONS_ARCHITECT = "solutions_architect", "Solutions architect"


class ContactQuerySet(models.QuerySet["Contact"]):
    """Filters over contacts."""

    def active(self) -> Self:
        """Leave archived contacts out."""
        return self.filter(archived_at=None)

    def in_role(self, role: str) -> Self:
        """Keep those who have a role, among others or alone."""
        return self.filter(roles__contains=[role])


class Contact(models.Model):
    """Somebody at a customer. The same person may be a contact of several accounts, by the same e-mail address."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="contacts")
    external_id = models.CharField(max_length=128, null=True, blank=True, unique=True)
    name = models.CharField(max_length=120)
    email = models.EmailField("e-mail", max_length=254, blank=True)
    title = models.CharField("job title", max_length=120, blank=True)
    phone = models.CharField(max_length=40, blank=True)
    roles = ArrayField(models.CharField(max_length=24, choices=ContactRole), default=list, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    updated_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)

    objects = ContactQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="accounts_contact_name_given"),
            models.CheckConstraint(condition=~Q(external_id=""), name="accounts_contact_external_id_null_or_given"),
            models.CheckConstraint(condition=Q(email=Lower("email")), name="accounts_contact_email_lower"),
            models.CheckConstraint(
                condition=Q(roles__contained_by=ContactRole.values), name="accounts_contact_roles_known"
            ),
            models.UniqueConstraint(
                fields=["account", "email"], condition=~Q(email=""), name="accounts_contact_email_once_an_account"
            ),
        ]
        indexes = [models.Index(fields=["email"], name="accounts_contact_by_email", condition=~Q(email=""))]

    def __str__(self) -> str:
        return self.name

    @property
    def role_labels(self) -> list[str]:
        """Name the roles as pages show them."""
        return [str(ContactRole(role).label) for role in self.roles]


class TeamMember(models.Model):
    """Somebody of ours who works with an account beside its owner."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="team", db_index=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="team_memberships")
    role = models.CharField(max_length=24, choices=TeamRole)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(role__in=TeamRole.values), name="accounts_teammember_role_known"),
            models.UniqueConstraint(fields=["account", "role", "user"], name="accounts_teammember_once_in_a_role"),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.get_role_display()})"
