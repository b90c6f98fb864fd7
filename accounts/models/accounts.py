"""Customer accounts."""

from functools import cache
from typing import Self
from zoneinfo import available_timezones

from django.contrib.postgres.indexes import GinIndex
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper

from accounts.models.people import User
from valuerealization.common.models import DatabaseNow


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
    attributes = models.JSONField(
        default=dict, db_default=models.Value({}, models.JSONField()), blank=True, editable=False
    )
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
        indexes = [GinIndex(fields=["attributes"], opclasses=["jsonb_path_ops"], name="accounts_account_attributes")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"/accounts/{self.pk}/"
