"""The people of the team, to choose from and to name."""

from django.db.models import QuerySet

from accounts.models import User


def team(*, and_also: User | int | None = None) -> QuerySet[User]:
    """List everybody of the team by name, and whoever stands there now although they have left."""
    people = User.objects.filter(is_active=True)
    if and_also is not None:
        people = people | User.objects.filter(pk=and_also.pk if isinstance(and_also, User) else and_also)
    return people.order_by("name", "pk")


def team_names() -> dict[int, str]:
    """Name everybody of the team by id, for finding mentions."""
    return dict(User.objects.filter(is_active=True).exclude(name="").values_list("pk", "name"))
