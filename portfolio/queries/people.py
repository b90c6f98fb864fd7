"""Who looks after accounts."""

from django.db.models import Exists, OuterRef, Q

from accounts.models import User
from objectives.models import Standing


def owners(*, including: str = "") -> list[User]:
    """List the people who own an account that is not archived, by name, and one by address besides: one query."""
    theirs = Standing.objects.active().filter(owner=OuterRef("pk"))
    wanted = Q(Exists(theirs)) | Q(email=including) if including else Q(Exists(theirs))
    return list(User.objects.filter(wanted).order_by("name", "email").only("name", "email", "is_active"))
