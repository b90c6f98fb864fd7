"""The organisation that runs this installation: one row."""

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q

from valuerealization.common.models import DatabaseNow

FACTOR_RANGE = (MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(1)))


class Weekday(models.IntegerChoices):
    """Days of the week, as ISO 8601 numbers them."""

    MONDAY = 1, "Monday"
    TUESDAY = 2, "Tuesday"
    WEDNESDAY = 3, "Wednesday"
    THURSDAY = 4, "Thursday"
    FRIDAY = 5, "Friday"
    SATURDAY = 6, "Saturday"
    SUNDAY = 7, "Sunday"


def monday_to_friday() -> list[int]:
    """List the working days of most places."""
    return [1, 2, 3, 4, 5]


def usual_currencies() -> list[str]:
    """List the currencies that are offered first until somebody chooses."""
    return ["USD", "EUR", "GBP"]


class OrganisationManager(models.Manager["Organisation"]):
    """Read the one row; migrations make it."""

    def current(self) -> "Organisation":
        """Give the organisation, its logo only when asked for."""
        return self.defer("logo").get(pk=1)


class Organisation(models.Model):
    """Name, logo and defaults of the organisation.

    Units:  confidence factors are fractions from 0 to 1: what a benefit counts by how well it is known.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    # Empty: the name that the environment gives (VR_ORGANISATION).
    name = models.CharField(max_length=80, blank=True)
    logo = models.BinaryField(null=True, blank=True)
    logo_type = models.CharField(max_length=16, blank=True, editable=False)
    logo_digest = models.CharField(max_length=64, blank=True, editable=False)
    factor_high = models.DecimalField(max_digits=3, decimal_places=2, default=Decimal("1.00"), validators=FACTOR_RANGE)
    factor_medium = models.DecimalField(
        max_digits=3, decimal_places=2, default=Decimal("0.85"), validators=FACTOR_RANGE
    )
    factor_low = models.DecimalField(max_digits=3, decimal_places=2, default=Decimal("0.60"), validators=FACTOR_RANGE)
    working_days = ArrayField(models.PositiveSmallIntegerField(choices=Weekday), default=monday_to_friday)
    currencies = ArrayField(
        models.CharField(max_length=3, validators=[RegexValidator(r"\A[A-Z]{3}\Z")]), default=usual_currencies
    )
    updated_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)

    objects = OrganisationManager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="accounts_organisation_one"),
            models.CheckConstraint(
                condition=Q(
                    factor_high__lte=1,
                    factor_high__gte=models.F("factor_medium"),
                    factor_medium__gte=models.F("factor_low"),
                    factor_low__gte=0,
                ),
                name="accounts_organisation_factors_fall",
            ),
            models.CheckConstraint(
                condition=Q(working_days__len__gte=1, working_days__contained_by=Weekday.values),
                name="accounts_organisation_working_days",
            ),
            models.CheckConstraint(condition=Q(currencies__len__gte=1), name="accounts_organisation_currencies"),
            models.CheckConstraint(
                condition=Q(logo=None, logo_type="", logo_digest="")
                | Q(logo__isnull=False, logo_type__in=["image/png", "image/jpeg", "image/webp"]) & ~Q(logo_digest=""),
                name="accounts_organisation_logo_whole",
            ),
        ]

    def __str__(self) -> str:
        return self.name or "Organisation"

    @property
    def default_currency(self) -> str:
        """Give the currency of a new account."""
        return str(self.currencies[0])
