"""Lists as somebody keeps them: filters, order and columns under a name."""

from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from accounts.models import User
from valuerealization.common.models import DatabaseNow


class ListName(models.TextChoices):
    """Which list a view is of."""

    PORTFOLIO = "portfolio", "Value realization"
    ACCOUNTS = "accounts", "Accounts"


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    """Filters over saved views."""

    def kept(self) -> Self:
        """Leave deleted views out; they can still be brought back."""
        return self.filter(deleted_at=None)

    def usable_by(self, user: User) -> Self:
        """Keep a person's own views and those that others share."""
        return self.filter(Q(owner=user) | Q(is_shared=True))


class SavedView(models.Model):
    """The state of a list under a name.

    Shape:  `state` has `filter` (parameters of an address, each a list), `ordering`, `columns` and `months`; what is
            the usual is left out. It is read again on opening, so a view may name things that are gone.
    """

    list_name = models.CharField(max_length=12, choices=ListName)
    name = models.CharField(max_length=80)
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="saved_views", db_index=False)
    is_shared = models.BooleanField(default=False)
    state = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    updated_at = models.DateTimeField(db_default=DatabaseNow(), editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="portfolio_savedview_name_given"),
            models.CheckConstraint(
                condition=Q(list_name__in=ListName.values), name="portfolio_savedview_list_known"
            ),
            models.UniqueConstraint(
                "owner", "list_name", Lower("name"),
                condition=Q(deleted_at=None), name="portfolio_savedview_name_once",
            ),
        ]  # fmt: skip
        indexes = [
            models.Index("list_name", name="portfolio_savedview_shared", condition=Q(is_shared=True, deleted_at=None)),
        ]

    def __str__(self) -> str:
        return self.name


class DefaultView(models.Model):
    """The view that a list opens with for one person."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="default_views", db_index=False)
    list_name = models.CharField(max_length=12, choices=ListName)
    view = models.ForeignKey(SavedView, on_delete=models.CASCADE, related_name="defaults")

    class Meta:
        constraints = [
            models.UniqueConstraint("user", "list_name", name="portfolio_defaultview_one_a_list"),
            models.CheckConstraint(condition=Q(list_name__in=ListName.values), name="portfolio_defaultview_list_known"),
        ]

    def __str__(self) -> str:
        return f"{self.view} for {self.user}"
