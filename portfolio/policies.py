"""Who may use and change saved views. `can_*` answers, `check_*` raises."""

from django.core.exceptions import PermissionDenied

from accounts.models import User
from portfolio.models import SavedView


def can_use_view(user: User, view: SavedView) -> bool:
    """Everybody of the team uses their own views and those that are shared."""
    return user.is_authenticated and user.is_active and (view.is_shared or view.owner_id == user.pk)


def can_edit_view(user: User, view: SavedView) -> bool:
    """A view belongs to who saved it; leaders and administrators change shared ones too."""
    return can_use_view(user, view) and (view.owner_id == user.pk or user.is_leader)


def check_can_edit_view(user: User, view: SavedView) -> None:
    """Raise PermissionDenied unless the person may change the view."""
    if not can_edit_view(user, view):
        raise PermissionDenied(f"“{view.name}” belongs to {view.owner}. Save what you see as a view of your own.")
