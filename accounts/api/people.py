"""Find people by the address that requests name them with."""

from accounts.models import User
from valuerealization.common.api.problems import refuse


def person(email: str | None, *, now: User | None = None, field: str = "owner") -> User | None:
    """Find one of the team by address; nobody for None. Whoever stands there `now` may stay, also when they have left.

    Raises: Invalid, naming the field.
    """
    if not email:
        return None
    if now is not None and now.email == email:
        return now
    found = User.objects.filter(email=email, is_active=True).first()
    if found is None:
        raise refuse(field, "not_found", "Nobody of the team has this address.")
    return found
