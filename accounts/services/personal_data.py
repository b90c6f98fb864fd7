"""Where people's data is, and what erasing a person does there.

Each app says it about its own tables when it starts (`personal_places`); a test fails on a field that could hold a
person's data and about which nobody said anything.
Source: docs/privacy.md#where-it-is
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

Kind = Literal["user", "contact"]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody to be erased.

    Shape:  `names` and `emails` are all they were ever known by here; `placeholder` stands where a name was, `address`
            where an e-mail address has to be.
    """

    kind: Kind
    id: int
    names: tuple[str, ...]
    emails: tuple[str, ...]
    placeholder: str
    address: str


Eraser = Callable[[Person], int]


@dataclass(frozen=True, slots=True)
class Place:
    """A place where people's data is: what it is called in a report, and who erases it there."""

    what: str
    by: Eraser


@dataclass(slots=True)
class _Register:
    places: dict[str, Place] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)


_register: Final = _Register()


def erased(*, fields: Iterable[str], what: str, by: Eraser) -> None:
    """Say that `by` erases a person from some fields; it returns how many rows it changed.

    Shape:  fields are `app.Model.field`. It is called for team members and contacts alike.
    """
    if what in _register.places:
        raise ValueError(f"Somebody else erases “{what}” already.")
    _register.places[what] = Place(what, by)
    _add(fields, f"erased: {what}")


def in_audit_log(*, fields: Iterable[str]) -> None:
    """Say that fields are the audit log's, which every erasure takes in, after all the others."""
    _add(fields, "erased: the audit log")


def pointing(*, fields: Iterable[str]) -> None:
    """Say that fields only point at a person, whose own row says no more than the placeholder afterwards."""
    _add(fields, "points at the person’s row")


def harmless(*, fields: Mapping[str, str]) -> None:
    """Say why fields that look like it hold nothing about a person, or nothing that erasing has to take."""
    for name, reason in fields.items():
        _add([name], f"harmless: {reason}")


def swap_addresses(*, rows: QuerySet[Any], field: str, person: Person) -> int:
    """Put the placeholder's address where a stored filter or rule names a person's; returns how many rows changed.

    Shape:  `field` is JSON of rows that are few; a filter by its person's address goes on finding what is theirs.
    """
    changed = 0
    for row in rows.annotate(as_text=Cast(field, TextField())).exclude(as_text=""):
        text = row.as_text
        for email in person.emails if person.address else ():
            text = re.sub(whole(word=email), person.address, text, flags=re.IGNORECASE)
        if text != row.as_text:
            changed += rows.filter(pk=row.pk).update(**{field: json.loads(text)})
    return changed


def whole(*, word: str) -> str:
    """Write the pattern by which a name or an address is found, but not inside a longer one of somebody else's.

    Shape:  read alike by Python and PostgreSQL; `lee@x.com` is neither in `ann.lee@x.com` nor in `lee@x.com.au`.
    """
    if "@" in word:
        return rf"(?<![\w%+-])(?<!\w\.){re.escape(word)}(?![\w-])(?!\.\w)"
    return rf"(?<!\w){re.escape(word)}(?!\w)"


def places() -> tuple[Place, ...]:
    """List who erases what, in the order of registration."""
    return tuple(_register.places.values())


def known_fields() -> Mapping[str, str]:
    """List every field that something was said about, with what was said."""
    return dict(_register.fields)


def _add(fields: Iterable[str], treatment: str) -> None:
    for name in fields:
        if name in _register.fields:
            raise ValueError(f"Something else was said about {name} already: {_register.fields[name]}.")
        _register.fields[name] = treatment
