"""Who may do what. `can_*` answers, `check_*` raises; views, forms, admin and API ask nobody else."""

from django.conf import settings
from django.core.exceptions import PermissionDenied

from accounts.models import Account, Role, SavedSegment, Task, User


def can_view_accounts(user: User) -> bool:
    """Everybody of the team reads every account."""
    return user.is_authenticated and user.is_active


def can_edit_account(user: User, account: Account) -> bool:
    """Leaders and administrators change every account, a CSM those assigned to them (a setting widens it)."""
    if not user.is_authenticated or not user.is_active:
        return False
    return user.is_leader or settings.VR_CSM_EDITS_ALL or (account.pk is not None and account.owner_id == user.pk)


def can_create_account(user: User) -> bool:
    """Everybody of the team may add an account; a CSM becomes its owner."""
    return user.is_authenticated and user.is_active


def can_assign_owner(user: User) -> bool:
    """Only leaders and administrators hand accounts to somebody else."""
    return user.is_authenticated and (user.is_leader or settings.VR_CSM_EDITS_ALL)


def check_can_edit_account(user: User, account: Account) -> None:
    """Raise PermissionDenied unless the person may change the account."""
    if not can_edit_account(user, account):
        raise PermissionDenied(
            f"{account.name} is assigned to {account.owner or 'nobody'}. Ask its owner or a leader to change it."
        )


def can_read_audit(user: User) -> bool:
    """Leaders and administrators read the audit log."""
    return user.is_authenticated and user.is_active and user.is_leader


def check_is_admin(user: User) -> None:
    """Raise PermissionDenied unless the person is an administrator: what this guards is the same for everybody."""
    if not (user.is_authenticated and user.is_staff):
        raise PermissionDenied("Only administrators change this.")


def can_edit_segment(user: User, segment: SavedSegment) -> bool:
    """Leaders and administrators change every segment, everybody else those they made."""
    if not user.is_authenticated or not user.is_active:
        return False
    return user.is_leader or (segment.created_by_id is not None and segment.created_by_id == user.pk)


def check_can_edit_segment(user: User, segment: SavedSegment) -> None:
    """Raise PermissionDenied unless the person may change the segment."""
    if not can_edit_segment(user, segment):
        raise PermissionDenied(
            f"The segment “{segment.name}” was made by {segment.created_by or 'the product'}. Ask them or a leader."
        )


def edits_only_own_accounts(user: User) -> bool:
    """Tell whether a person changes only the accounts assigned to them (imports ask it once for all their lines)."""
    return not (user.is_leader or settings.VR_CSM_EDITS_ALL)


def can_erase_people(user: User) -> bool:
    """Only administrators erase people, of the team or at a customer."""
    return user.is_authenticated and user.is_active and user.role == Role.ADMIN


def can_work_on_task(user: User, task: Task) -> bool:
    """Whoever may change the account may work on its tasks; so may the person a task was given to, on that one."""
    if not user.is_authenticated or not user.is_active:
        return False
    return task.assignee_id == user.pk or can_edit_account(user, task.account)


def check_can_work_on_task(user: User, task: Task) -> None:
    """Raise PermissionDenied unless the person may tick, put off and comment on the task."""
    if not can_work_on_task(user, task):
        check_can_edit_account(user, task.account)


def can_see_operations(user: User) -> bool:
    """Leaders and administrators see how the product's own work goes, and try again what failed."""
    return user.is_authenticated and user.is_active and user.is_leader
