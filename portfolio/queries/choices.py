"""What a list of accounts offers to choose from: owners, saved segments and custom attributes, in one statement."""

import json
from dataclasses import dataclass
from typing import Any

from django.db.models import (
    Case,
    CharField,
    Exists,
    F,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast

from accounts.models import Attribute, SavedSegment, User
from objectives.models import Standing

_ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class AttributeChoice:
    """A custom attribute in use; `choices` are those of a choice."""

    key: str
    name: str
    type: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SegmentChoice:
    """A saved segment in use."""

    pk: int
    name: str


@dataclass(frozen=True, slots=True)
class ListChoices:
    """Owners by name, saved segments by name, attributes in their own order."""

    owners: tuple[User, ...]
    segments: tuple[SegmentChoice, ...]
    attributes: tuple[AttributeChoice, ...]


def list_choices(*, owner: str = "") -> ListChoices:
    """Read what a list offers: one query.

    Shape:  owners are the people who own an account that is not archived, and the one with the address `owner`
            besides, whether they are still on the team or not.
    """
    theirs = Standing.objects.active().filter(owner=OuterRef("pk"))
    is_address = bool(owner) and owner.isprintable()  # as an address of ours may have it: PostgreSQL takes no NUL
    wanted = Q(Exists(theirs)) | Q(email=owner) if is_address else Q(Exists(theirs))
    state = Case(When(is_active=True, then=Value(_ACTIVE)), default=Value(""), output_field=CharField())
    people = _rows(User.objects.filter(wanted), "owner", key=F("email"), detail=state)
    segments = _rows(SavedSegment.objects.active(), "segment", key=Cast("pk", CharField()), detail=Value(""))
    attributes = _rows(
        Attribute.objects.active(), "attribute", key=F("key"), detail=F("type"), position=F("position"),
        choices=Func(F("choices"), function="to_json"),
    )  # fmt: skip
    found = list(people.union(segments, attributes, all=True))

    def of(kind: str) -> list[Any]:
        mine = [row for row in found if row["of_kind"] == kind]
        return sorted(mine, key=lambda row: (row["of_position"], row["of_label"].casefold(), row["of_key"]))

    return ListChoices(
        owners=tuple(
            User(pk=row["id"], email=row["of_key"], name=row["of_label"], is_active=row["of_detail"] == _ACTIVE)
            for row in of("owner")
        ),
        segments=tuple(SegmentChoice(row["id"], row["of_label"]) for row in of("segment")),
        attributes=tuple(
            AttributeChoice(row["of_key"], row["of_label"], row["of_detail"], tuple(json.loads(row["of_choices"])))
            for row in of("attribute")
        ),
    )


def _rows(
    found: QuerySet[Any], kind: str, *, key: Any, detail: Any, position: Any = None, choices: Any = None
) -> QuerySet[Any, Any]:
    text = CharField()
    return found.order_by().values(
        "id",
        of_kind=Value(kind, output_field=text),
        of_key=Cast(key, text),
        of_label=Cast(F("name"), text),
        of_detail=Cast(detail, text),
        of_choices=Value("[]", output_field=text) if choices is None else Cast(choices, TextField()),
        of_position=Value(0, output_field=IntegerField()) if position is None else Cast(position, IntegerField()),
    )
