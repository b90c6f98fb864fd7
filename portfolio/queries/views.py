"""Saved views: which a person can open, which of them is open, and whether the list still is as it was saved."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef

from accounts.models import User
from portfolio.models import DefaultView, SavedView
from portfolio.policies import can_edit_view
from portfolio.queries.columns import ListKind
from portfolio.queries.states import ListState, parameters_of


@dataclass(frozen=True, slots=True)
class ViewEntry:
    """One saved view as a person's menu has it."""

    pk: int
    name: str
    owner: User
    parameters: dict[str, list[str]]
    is_own: bool
    is_shared: bool
    is_default: bool
    can_edit: bool


@dataclass(frozen=True, slots=True)
class ViewMenu:
    """The views of a list that a person can open, by name; their own apart from those that others share."""

    own: tuple[ViewEntry, ...]
    others: tuple[ViewEntry, ...]

    @property
    def default(self) -> ViewEntry | None:
        """Give the view that the list opens with for this person."""
        return next((entry for entry in (*self.own, *self.others) if entry.is_default), None)

    def find(self, pk: str) -> ViewEntry | None:
        """Find a view by the id that an address names."""
        return next((entry for entry in (*self.own, *self.others) if str(entry.pk) == pk), None)


def view_menu(*, user: User, kind: ListKind) -> ViewMenu:
    """Read the views of a list that a person can open: one query."""
    chosen = DefaultView.objects.filter(user=user, view=OuterRef("pk"))
    found: Any = (
        SavedView.objects.kept()
        .usable_by(user)
        .filter(list_name=kind.name)
        .annotate(is_default=Exists(chosen))
        .select_related("owner")
        .order_by("name", "pk")
    )
    entries = [
        ViewEntry(
            pk=view.pk,
            name=view.name,
            owner=view.owner,
            parameters=parameters_of(view.state),
            is_own=view.owner_id == user.pk,
            is_shared=view.is_shared,
            is_default=view.is_default,
            can_edit=can_edit_view(user, view),
        )
        for view in found
    ]
    return ViewMenu(
        own=tuple(entry for entry in entries if entry.is_own),
        others=tuple(entry for entry in entries if not entry.is_own),
    )


def is_changed(entry: ViewEntry, state: ListState) -> bool:
    """Tell whether a list differs from the view it was opened with, or the view names what is gone."""
    return entry.parameters != state.as_parameters()
