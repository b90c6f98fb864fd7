"""Custom attributes: what administrators define about accounts beyond the fields that every account has."""

from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from accounts.attributes import Kind
from valuerealization.common.models import DatabaseNow


class AttributeType(models.TextChoices):
    """What values an attribute takes."""

    TEXT = Kind.TEXT.value, "Text"
    NUMBER = Kind.NUMBER.value, "Number"
    DATE = Kind.DATE.value, "Date"
    FLAG = Kind.FLAG.value, "Yes or no"
    CHOICE = Kind.CHOICE.value, "Choice from a list"


class AttributeQuerySet(models.QuerySet["Attribute"]):
    """Filters over attributes."""

    def active(self) -> Self:
        """Leave archived attributes out."""
        return self.filter(archived_at=None)

    def in_order(self) -> Self:
        """Sort as forms and pages show them."""
        return self.order_by("position", "name", "pk")


class Attribute(models.Model):
    """The definition of one custom attribute.

    Values are kept with the account (`Account.attributes`); those of a number are readings of the metric with the same
    key.
    """

    key = models.CharField(
        max_length=64,
        unique=True,
        validators=[RegexValidator(r"\A[a-z][a-z0-9_]*\Z", "Use small letters, digits and _, starting with a letter.")],
    )
    name = models.CharField(max_length=80)
    type = models.CharField(max_length=8, choices=AttributeType)
    choices = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    help_text = models.CharField(max_length=200, blank=True)
    position = models.PositiveIntegerField(default=0)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    updated_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)

    objects = AttributeQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="accounts_attribute_name_given"),
            models.CheckConstraint(condition=Q(key__regex=r"^[a-z][a-z0-9_]*$"), name="accounts_attribute_key_plain"),
            models.CheckConstraint(condition=Q(type__in=AttributeType.values), name="accounts_attribute_type_known"),
            models.CheckConstraint(
                condition=(Q(type=AttributeType.CHOICE) & ~Q(choices=[]))
                | (~Q(type=AttributeType.CHOICE) & Q(choices=[])),
                name="accounts_attribute_choices_of_choice",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_number(self) -> bool:
        """Tell whether its values are readings of a metric."""
        return self.type == AttributeType.NUMBER
