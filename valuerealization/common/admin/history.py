"""The history of one record: what changed from what to what, who did it, why, and when."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db import models
from django.utils import timezone
from django.utils.formats import date_format

from valuerealization.common.admin.columns import NOTHING
from valuerealization.common.history import DELETED, states_of
from valuerealization.common.models import AuditEntry
from valuerealization.common.numbers import to_plain

MOST: Final = 200  # changes of one record on its page
_LONG: Final = 300


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field before and after."""

    name: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a record; without fields it is its beginning or its end."""

    at: datetime | None
    what: str
    who: str
    why: str
    request_id: str
    fields: tuple[FieldChange, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """The changes of a record, newest first."""

    changes: tuple[Change, ...]
    is_cut: bool


def history_of(record: models.Model) -> History:
    """Read the changes of a record: at most one query for each kind of record that it refers to, and three more."""
    states = states_of(type(record))
    rows = list(states.objects.filter(pgh_obj=record.pk).order_by("-pgh_id")[: MOST + 1])
    names = [field.name for field in states._meta.fields if not field.name.startswith("pgh_")]
    shown = rows[:MOST]
    people = _people(shown)
    entries = _audit_entries(record)
    reasons = {entry.request_id: str(entry.details.get("reason", "")) for entry in entries if entry.request_id}
    related = _related(states, names, [record, *shown])
    changes = []
    after: Any = record
    for row in shown:
        context = row.pgh_context or {}
        request_id = str(context.get("request_id", ""))
        fields = () if row.pgh_label == DELETED else tuple(_differences(states, names, row, after, related))
        changes.append(
            Change(
                at=row.pgh_created_at,
                what="Deleted" if row.pgh_label == DELETED else "Changed",
                who=_who(context, people),
                why=str(context.get("reason", "")) or reasons.get(request_id, ""),
                request_id=request_id,
                fields=fields,
            )
        )
        after = row
    if len(rows) <= MOST:
        changes.append(_beginning(record, entries))
    return History(tuple(changes), len(rows) > MOST)


def _beginning(record: Any, entries: Sequence[AuditEntry]) -> Change:
    made = next((entry for entry in reversed(entries) if entry.action.endswith(".created")), None)
    if made is not None:
        return Change(made.at, "Added", made.actor_name, "", made.request_id)
    by = getattr(record, "created_by", None)
    at = getattr(record, "created_at", None) or getattr(record, "created", None)
    return Change(at, "Added", str(by) if by else "", "", "")


def _audit_entries(record: models.Model) -> list[AuditEntry]:
    if not isinstance(record.pk, int):
        return []
    about = AuditEntry.objects.filter(subject_type=record._meta.label_lower, subject_id=record.pk)
    newest = list(about.order_by("-id")[: 2 * MOST])
    if len(newest) == 2 * MOST:
        newest += list(about.filter(action__endswith=".created").order_by("id")[:1])
    return newest


def _people(rows: Iterable[Any]) -> dict[str, str]:
    contexts = [row.pgh_context or {} for row in rows]
    wanted = {str(each["actor_id"]) for each in contexts if each.get("actor_kind") == AuditEntry.Actor.USER}
    known = get_user_model()._default_manager.filter(pk__in=[pk for pk in wanted if pk.isdecimal()])
    return {str(person.pk): str(person) for person in known} if wanted else {}


def _who(context: Mapping[str, Any], people: Mapping[str, str]) -> str:
    actor = str(context.get("actor_id", ""))
    match context.get("actor_kind"):
        case AuditEntry.Actor.USER:
            return people.get(actor, f"Person {actor}")
        case AuditEntry.Actor.API_KEY:
            return f"API key {actor}"
    return "System"


def _related(states: Any, names: Sequence[str], rows: Sequence[Any]) -> dict[str, dict[Any, str]]:
    """Name the records that the states refer to, one query for each field that does."""
    found: dict[str, dict[Any, str]] = {}
    for name in names:
        field = states._meta.get_field(name)
        if isinstance(field, models.ForeignKey):
            wanted = {getattr(row, field.attname) for row in rows} - {None}
            target: Any = field.related_model
            known = target._default_manager.filter(pk__in=wanted) if wanted else ()
            found[name] = {each.pk: str(each) for each in known}
    return found


def _differences(
    states: Any, names: Sequence[str], before: Any, after: Any, related: Mapping[str, Mapping[Any, str]]
) -> Iterable[FieldChange]:
    for name in names:
        field = states._meta.get_field(name)
        old, new = getattr(before, field.attname), getattr(after, field.attname)
        if old != new:
            known = related.get(name)
            title = str(field.verbose_name)
            yield FieldChange(title[:1].upper() + title[1:], _shown(field, old, known), _shown(field, new, known))


def _shown(field: Any, value: Any, related: Mapping[Any, str] | None) -> str:
    if value is None or value in ("", [], {}):
        return NOTHING
    if related is not None:
        return related.get(value, f"{value}")
    if field.choices:
        return str(dict(field.flatchoices).get(value, value))
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, Decimal):
        return to_plain(value)
    if isinstance(value, datetime):
        return date_format(timezone.localtime(value), "j M Y, H:i")
    text = date_format(value, "j M Y") if hasattr(value, "isoformat") else str(value)
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"
