"""Who looks after accounts."""

from django.db.models import Exists, OuterRef

from accounts.models import User
from objectives.models import Standing


def owners() -> list[User]:
    """List the people who own an account that is not archived, by name: one query."""
    theirs = Standing.objects.active().filter(owner=OuterRef("pk"))
    return list(User.objects.filter(Exists(theirs)).order_by("name", "email").only("name", "email"))
