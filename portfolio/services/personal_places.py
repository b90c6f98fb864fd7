"""Where this app keeps people's data: the owners of saved views, and views of somebody's accounts."""

from accounts.services.personal_data import Person, erased, harmless, pointing, swap_addresses
from portfolio.models import SavedView


def _filters(person: Person) -> int:
    return swap_addresses(rows=SavedView.objects.all(), field="state", person=person)


erased(what="filters of saved views", fields=["portfolio.SavedView.state"], by=_filters)
pointing(fields=["portfolio.SavedView.owner", "portfolio.DefaultView.user"])
harmless(fields={"portfolio.SavedView.name": "a list of accounts"})
