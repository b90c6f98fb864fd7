"""Audit entries in words, for people who never see a field name."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from accounts.models import Account, Attribute, AttributeType, Contact, ContactRole, Segment, TeamMember, User
from accounts.queries import wording as work
from accounts.services.attributes import PREFIX
from objectives.models import CompletionType, Disagreement, HeldReading, Metric, Objective
from objectives.models.metrics import UNITS
from valuerealization.common.models import AuditEntry
from valuerealization.common.numbers import to_plain
from valuerealization.common.units import format_day, format_exact, format_money

_LONGEST: Final = 120
_NOTHING: Final = "nothing"

_VERBS: Final = {
    "account.created": "added the account",
    "account.updated": "changed the account",
    "account.archived": "archived the account",
    "account.restored": "restored the account",
    "account.exported": "exported the account",
    "api_key.created": "made the API key",
    "api_key.updated": "changed the API key",
    "api_key.revoked": "revoked the API key",
    "metric.created": "defined the metric",
    "metric.updated": "changed the metric",
    "user.created": "added",
    "user.updated": "changed",
    "person.erased": "erased",
    "contact.created": "added the contact",
    "contact.updated": "changed the contact",
    "contact.archived": "archived the contact",
    "contact.restored": "restored the contact",
    "team_member.added": "added to the team",
    "team_member.removed": "took out of the team",
    "objective.created": "added the objective",
    "objective.updated": "changed",
    "objective.archived": "archived the objective",
    "objective.restored": "restored the objective",
    "readings.recorded": "recorded",
    "snapshots.restated": "rebuilt past weeks",
    **work.VERBS,
    "snapshots.retried": "tried the snapshot again",
    "snapshots.archived": "archived old snapshots",
    "snapshots.restored": "brought archived snapshots back",
}
_PEOPLE: Final = (Contact._meta.label_lower, TeamMember._meta.label_lower)
_LABELS: Final = {
    "arr": "ARR",
    "email": "e-mail",
    "completion_type": "type",
    "contract_signed_on": "contract signed",
    "details": "description",
    "due_on": "target date",
    "external_id": "external id",
    "renewal_on": "renewal",
    "show_in_portal": "shown in the portal",
    "source": "data source",
    "started_on": "start date",
    "unit_label": "unit label",
    "went_live_on": "go-live",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One field that somebody changed, as displayed."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """An audit entry in words: who did it comes before, `title` is what it was done to."""

    verb: str
    title: str = ""
    objective_id: int | None = None
    changes: tuple[Change, ...] = ()
    note: str = ""
    href: str = ""


def verb_of(action: str) -> str:
    """Say an action in words: `objective.updated` is “changed”."""
    return _VERBS.get(action) or action.replace(".", " ").replace("_", " ")


def label_of(field: str) -> str:
    """Name a field as people know it, an attribute by its key."""
    field = field.removeprefix(PREFIX)
    return _LABELS.get(field, field.replace("_", " "))


def shown_plainly(value: Any) -> str:
    """Write a value of a field that nothing more is known about."""
    if value in (None, "", [], {}):
        return _NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST].rstrip()}…"


def sentences(entries: Sequence[AuditEntry], *, account: Account, today: date) -> dict[int, Sentence]:
    """Put audit entries of one account into words: a query for each kind of thing they name."""
    names = _Names(entries, account=account, today=today)
    return {entry.pk: _of_work(entry, names) if work.is_work(entry) else _sentence(entry, names) for entry in entries}


def _of_work(entry: AuditEntry, names: "_Names") -> Sentence:
    people = {number: str(person) for number, person in names.people.items()}
    changes = work.changes_of(entry, people=people, account=names.account, today=names.today)
    return Sentence(
        verb_of(entry.action),
        entry.subject_label,
        changes=tuple(Change(*change) for change in changes),
        note=work.note_of(entry),
        href=work.href_of(entry),
    )


def _sentence(entry: AuditEntry, names: "_Names") -> Sentence:
    details = entry.details
    verb = verb_of(entry.action)
    is_objective = entry.subject_type == Objective._meta.label_lower
    is_person = entry.subject_type in _PEOPLE
    title = entry.subject_label if is_objective or is_person else ""
    if entry.action == "readings.recorded":
        count = details.get("count", 0)
        return Sentence(f"recorded {count:,} reading{'' if count == 1 else 's'}")
    if entry.action == "readings.held":
        count = details.get("count", 0)
        return Sentence(f"sent {count:,} value{'' if count == 1 else 's'} that a person has to look at")
    if entry.subject_type == HeldReading._meta.label_lower:
        decided = "accepted" if entry.action.endswith(".accepted") else "rejected"
        return Sentence(f"{decided} a held value: {entry.subject_label}", note=str(details.get("reason") or ""))
    if entry.subject_type == Disagreement._meta.label_lower:
        decided = "let two sources differ" if entry.action.endswith(".accepted") else "chose between two sources"
        return Sentence(f"{decided}: {entry.subject_label}", note=str(details.get("reason") or ""))
    if entry.action == "snapshots.restated" and details:  # of an erased entry only the verb is left
        return Sentence(
            f"rebuilt past weeks, {details['from']} to {details['to']}: {details['added']} added,"
            f" {details['changed']} changed",
            note=details.get("reason", ""),
        )
    objective = names.objectives.get(entry.subject_id or 0) if is_objective else None
    is_told = entry.action.endswith(".created") or entry.action.startswith("team_member.")  # by verb and title
    changes = () if is_told else tuple(_changes(details, names, objective, is_contact=is_person))
    return Sentence(
        verb, title, entry.subject_id if objective is not None else None, changes, str(details.get("reason") or "")
    )


def _changes(
    details: dict[str, Any], names: "_Names", objective: Objective | None, *, is_contact: bool
) -> Iterable[Change]:
    for field, pair in details.items():
        if isinstance(pair, list):
            before, after = (names.shown(field, value, objective) for value in pair)
            yield Change(names.label(field, is_contact=is_contact), before, after)


class _Names:
    """Look up, once for a page, what the entries name by number."""

    def __init__(self, entries: Sequence[AuditEntry], *, account: Account, today: date) -> None:
        self.account = account
        self.today = today
        self.people = _by_id(User, _named(entries, "owner") | work.people_ids(entries))
        self.metrics = _by_id(Metric, _named(entries, "metric"))
        has_attributes = any(field.startswith(PREFIX) for entry in entries for field in entry.details)
        self.attributes = Attribute.objects.in_bulk(field_name="key") if has_attributes else {}
        subjects = {e.subject_id for e in entries if e.subject_type == Objective._meta.label_lower and e.subject_id}
        self.objectives = _by_id(Objective, subjects)

    def label(self, field: str, *, is_contact: bool) -> str:
        """Name a field as pages do."""
        if field.startswith(PREFIX):
            attribute = self.attributes.get(field.removeprefix(PREFIX))
            return attribute.name if attribute else label_of(field)
        return "job title" if is_contact and field == "title" else label_of(field)

    def shown(self, field: str, value: Any, objective: Objective | None) -> str:
        """Write one value of one field."""
        if value in (None, "", []):
            return _NOTHING
        match field:
            case "owner":
                return str(self.people.get(value, "somebody"))
            case "metric":
                return str(self.metrics.get(value, "a metric"))
            case "segment":
                return str(Segment(value).label) if value in Segment.values else str(value)
            case "completion_type":
                return str(CompletionType(value).label) if value in CompletionType.values else str(value)
            case "unit":
                return dict(UNITS).get(value, str(value))
            case "arr":
                return format_money(Decimal(value), currency=self.account.currency)
            case "baseline" | "target" if objective is not None:
                return format_exact(
                    Decimal(value), unit=objective.unit, unit_label=objective.unit_label,
                    currency=self.account.currency,
                )  # fmt: skip
            case "weight":
                return to_plain(Decimal(value))
            case "roles" if isinstance(value, list):
                return ", ".join(str(ContactRole(role).label).lower() for role in value if role in ContactRole.values)
            case _ if self._is_day(field):
                return format_day(date.fromisoformat(value), self.today)
        return shown_plainly(value)

    def _is_day(self, field: str) -> bool:
        """Tell a field of days: ours by its name; of an attribute the key says nothing, people choose it."""
        if field.startswith(PREFIX):
            attribute = self.attributes.get(field.removeprefix(PREFIX))
            return attribute is not None and attribute.type == AttributeType.DATE
        return field.endswith("_on")


def _named(entries: Iterable[AuditEntry], field: str) -> set[int]:
    pairs = (entry.details.get(field) for entry in entries)
    return {value for pair in pairs if isinstance(pair, list) for value in pair if isinstance(value, int)}


def _by_id(model: Any, ids: set[int]) -> dict[int, Any]:
    found: dict[int, Any] = model.objects.in_bulk(ids) if ids else {}
    return found
