"""Keep, change, share and delete saved views, each in one transaction with its audit entry."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.models import User
from portfolio.models import DefaultView, SavedView
from portfolio.queries.columns import KINDS, ListKind
from portfolio.queries.states import ListState
from valuerealization.common import audit
from valuerealization.common.audit import Actor

NAME_LENGTH: Final = 80
MOST_VIEWS: Final = 100  # of one person and list
UNDO_DAYS: Final = 30  # how long a deleted view can be brought back

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_EDITABLE: Final = ("name", "is_shared", "state")


class ViewRefused(ValidationError):
    """A view was not saved; `message_dict` names the fields and says why."""


def save_view(
    *,
    owner: User,
    kind: ListKind,
    name: str,
    parameters: Mapping[str, Any],
    is_shared: bool = False,
    is_default: bool = False,
) -> SavedView:
    """Keep the state of a list, as the parameters of its address, under a name.

    Raises: ViewRefused with the reasons by field.
    """
    with transaction.atomic():
        kept = SavedView.objects.kept().filter(owner=owner, list_name=kind.name)
        if kept.count() >= MOST_VIEWS:
            raise ViewRefused({"name": f"You have {MOST_VIEWS} views of this list. Delete one you no longer use."})
        view = SavedView(
            list_name=kind.name, name=_name(name), owner=owner, is_shared=is_shared, state=_state(kind, parameters)
        )
        _save(view)
        audit.record(
            by=owner.as_actor(), action="view.saved", subject=view,
            details={field: [None, getattr(view, field)] for field in (*_EDITABLE, "list_name")},
        )  # fmt: skip
        if is_default:
            set_default(user=owner, kind=kind, view=view)
    return view


def update_view(*, view: SavedView, by: Actor, at: datetime, **fields: Any) -> SavedView:
    """Rename or share a view, or keep another state in it (`parameters`); what is not given stays.

    Raises: ViewRefused with the reasons by field.
    """
    with transaction.atomic():
        locked = SavedView.objects.select_for_update().get(pk=view.pk)
        before = {name: getattr(locked, name) for name in _EDITABLE}
        if "name" in fields:
            locked.name = _name(fields["name"])
        if "is_shared" in fields:
            locked.is_shared = fields["is_shared"]
        if "parameters" in fields:
            locked.state = _state(KINDS[locked.list_name], fields["parameters"])
        changed = audit.changes(before, {name: getattr(locked, name) for name in _EDITABLE})
        if changed:
            locked.updated_at = at
            _save(locked)
            audit.record(by=by, action="view.updated", subject=locked, details=changed)
        if not locked.is_shared:
            # Others can no longer open it, so it is nobody's default but its owner's.
            DefaultView.objects.filter(view=locked).exclude(user=locked.owner_id).delete()
    return locked


def delete_view(*, view: SavedView, by: Actor, at: datetime) -> SavedView:
    """Take a view out of every menu; for 30 days it can be brought back."""
    with transaction.atomic():
        locked = SavedView.objects.select_for_update().get(pk=view.pk)
        if locked.deleted_at is None:
            locked.deleted_at = at
            locked.save(update_fields=["deleted_at"])
            audit.record(by=by, action="view.deleted", subject=locked)
        old = at - timedelta(days=UNDO_DAYS)
        SavedView.objects.filter(owner=locked.owner_id, deleted_at__lt=old).delete()
    return locked


def restore_view(*, view: SavedView, by: Actor) -> SavedView:
    """Bring a deleted view back, for those too whose default it was.

    Raises: ViewRefused when its name is in use by now.
    """
    with transaction.atomic():
        locked = SavedView.objects.select_for_update().get(pk=view.pk)
        if locked.deleted_at is not None:
            locked.deleted_at = None
            _save(locked)
            audit.record(by=by, action="view.restored", subject=locked)
    return locked


def set_default(*, user: User, kind: ListKind, view: SavedView | None) -> None:
    """Open a list with a view from now on, or with everything (None)."""
    with transaction.atomic():
        if view is None:
            DefaultView.objects.filter(user=user, list_name=kind.name).delete()
        else:
            DefaultView.objects.update_or_create(user=user, list_name=kind.name, defaults={"view": view})
        details = {kind.name: view.name if view else None}
        audit.record(by=user.as_actor(), action="view.default_set", subject=user, details=details)


def _name(given: str) -> str:
    name = " ".join(_CONTROL.sub(" ", given).split())
    if not name:
        raise ViewRefused({"name": "Give the view a name."})
    if len(name) > NAME_LENGTH:
        raise ViewRefused({"name": f"Use at most {NAME_LENGTH} characters."})
    return name


def _state(kind: ListKind, parameters: Mapping[str, Any]) -> dict[str, Any]:
    state, errors = ListState.parse(kind, parameters)
    if errors:
        raise ViewRefused({"state": [error.message for error in errors]})
    return state.as_json()


def _save(view: SavedView) -> None:
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError as error:
        if "portfolio_savedview_name_once" not in str(error):
            raise
        text = f"{view.owner} already has a view “{view.name}” of this list. Choose another name."
        raise ViewRefused({"name": text}) from error
