"""The builder of a segment's rule: rows of field, comparison and value, in groups; every step works as a plain form.

Names tell the place: `rule.match` is the rule's own group, `rule.0.field` its first condition, `rule.1.match` a group
that is its second part, `rule.1.0.field` the first condition in there.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from accounts.attributes import Kind
from accounts.models import SavedSegment
from accounts.rules import (
    MAX_CONDITIONS,
    MAX_DEPTH,
    OPS,
    RELATIVE,
    WITHOUT_VALUE,
    Field,
    Group,
    Match,
    Op,
    RuleRefused,
    parse_rule,
)
from objectives.queries.segment_pages import OP_WORDS
from objectives.queries.segments import ATTRIBUTE, METRIC

_NAME: Final = re.compile(r"rule((?:\.[0-9]{1,2}){0,3})\.(match|field|op|value)", re.ASCII)
_DO: Final = re.compile(r"(add|group|remove)((?:\.[0-9]{1,2}){0,3})", re.ASCII)
_PART: Final = re.compile(r"(?:all|any)\[([0-9]+)\]", re.ASCII)
_FIRST: Final = "status"
_VALUE_FIELDS: Final = ("status", "value_delivered", "objectives", "last_progress_on")

Path = tuple[int, ...]


@dataclass(slots=True)
class Row:
    """A condition as it is typed; `kind` and the comparisons follow from its field."""

    path: Path
    asked: Field
    op: Op
    values: list[str] = field(default_factory=list)
    error: str = ""

    @property
    def name(self) -> str:
        """Begin the names of its controls."""
        return ".".join(["rule", *map(str, self.path)])

    @property
    def id(self) -> str:
        """Begin the ids of its controls."""
        return self.name.replace(".", "-")

    @property
    def place(self) -> str:
        """Name its place for the buttons."""
        return "".join(f".{number}" for number in self.path)

    @property
    def is_group(self) -> bool:
        """Tell it from a group."""
        return False

    @property
    def value(self) -> str:
        """Give the only value."""
        return self.values[0] if self.values else ""

    @property
    def control(self) -> str:
        """Say how its value is given: none, days, several, choice, or the field's own kind."""
        if self.op in WITHOUT_VALUE:
            return "none"
        if self.op in RELATIVE:
            return "days"
        if self.op is Op.IS_ANY_OF:
            return "several"
        if self.asked.kind is Kind.CHOICE and self.asked.choices is None:
            return "text"
        return self.asked.kind.value

    @property
    def ops(self) -> list[tuple[str, str]]:
        """List the comparisons of its field."""
        return [(op.value, OP_WORDS[op]) for op in OPS[self.asked.kind]]

    @property
    def choices(self) -> list[tuple[str, str]]:
        """List the values to choose from; one that is none any more stays where it is."""
        if self.asked.kind is Kind.FLAG:
            return [("true", "yes"), ("false", "no")]
        known = list(self.asked.choices or ())
        return known + [(value, value) for value in self.values if value and value not in dict(known)]

    def as_json(self) -> dict[str, Any]:
        """Write it as a rule has it."""
        value: Any = self.value
        if self.op is Op.IS_ANY_OF:
            value = self.values
        elif self.asked.kind is Kind.FLAG:
            value = {"true": True, "false": False}.get(value)
        return {"field": self.asked.name, "op": self.op.value, "value": None if self.op in WITHOUT_VALUE else value}


@dataclass(slots=True)
class Part:
    """A group as it is typed."""

    path: Path
    match: Match
    items: list["Row | Part"] = field(default_factory=list)
    error: str = ""

    @property
    def name(self) -> str:
        """Begin the names of its controls."""
        return ".".join(["rule", *map(str, self.path)])

    @property
    def id(self) -> str:
        """Begin the ids of its controls."""
        return self.name.replace(".", "-")

    @property
    def place(self) -> str:
        """Name its place for the buttons."""
        return "".join(f".{number}" for number in self.path)

    @property
    def is_group(self) -> bool:
        """Tell it from a condition."""
        return True

    @property
    def next_id(self) -> str:
        """Begin the ids of what would be added."""
        return f"{self.id}-{len(self.items)}"

    @property
    def is_inner(self) -> bool:
        """Tell whether it is a group in another one."""
        return bool(self.path)

    @property
    def may_nest(self) -> bool:
        """Tell whether a group may be put into it."""
        return len(self.path) + 1 < MAX_DEPTH

    def as_json(self) -> dict[str, Any]:
        """Write it as a rule has it."""
        return {self.match.value: [item.as_json() for item in self.items]}


class SegmentForm(forms.Form):
    """A segment: its name, and the rule that the builder holds."""

    name = forms.CharField(max_length=80)
    description = forms.CharField(
        max_length=300, required=False, help_text="What the segment is for, in the words of your team."
    )

    def __init__(
        self,
        data: QueryDict | None,
        *,
        fields: Mapping[str, Field],
        segment: SavedSegment | None = None,
        draft: QueryDict | None = None,
    ) -> None:
        """Take what is saved from `data`, what is only being built from `draft`: that is not judged."""
        super().__init__(data)
        self.known = fields
        if draft is not None:
            self.initial = {name: draft.get(name, "") for name in self.fields}
        elif segment is not None:
            self.initial = {"name": segment.name, "description": segment.description}
        typed = draft if data is None else data
        if typed is not None:
            self.builder = _typed(typed, fields)
        else:
            stored = segment.rule if segment is not None else {"all": [{"field": _FIRST, "op": Op.IS.value}]}
            self.builder = _laid_out(stored, (), fields)
        self.rule: Group | None = None

    @property
    def options(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """List the fields to choose from, in groups."""
        groups: dict[str, list[tuple[str, str]]] = {"Value": [], "Account": [], "Attributes": [], "Metrics": []}
        for name, each in self.known.items():
            group = "Value" if name in _VALUE_FIELDS else "Account"
            group = "Attributes" if name.startswith(ATTRIBUTE) else "Metrics" if name.startswith(METRIC) else group
            groups[group].append((name, each.label))
        return [(label, options) for label, options in groups.items() if options]

    def apply(self, asked: str) -> None:
        """Add a condition or a group, or take one away, as a button asks; anything else changes nothing."""
        match = _DO.fullmatch(asked)
        if match is None:
            return
        path = _path(match[2])
        if match[1] == "remove":
            _remove(self.builder, path)
        elif (part := _find(self.builder, path)) is not None and _size(self.builder) < MAX_CONDITIONS:
            here = (*part.path, len(part.items))
            if match[1] == "add":
                part.items.append(_row(here, self.known))
            elif part.may_nest:
                other = Match.ANY if part.match is Match.ALL else Match.ALL
                part.items.append(Part(here, other, [_row((*here, 0), self.known)]))
        _number(self.builder, ())

    def read_rule(self, *, tell: bool = True) -> Group | None:
        """Read the rule that is typed; what is wrong is told at its row if `tell` says so."""
        try:
            self.rule = parse_rule(self.builder.as_json(), fields=self.known)
        except RuleRefused as refused:
            self.rule = None
            for error in refused.errors if tell else ():
                at = _at(self.builder, error.position)
                at.error = at.error or error.message
        return self.rule

    def clean(self) -> dict[str, Any]:
        """Read the rule with the rest."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if self.read_rule() is None:
            raise ValidationError("The rule is not complete. See the conditions marked below.", code="invalid_rule")
        return data

    def refuse(self, refused: ValidationError) -> None:
        """Put what the service refused beside its fields."""
        for name, errors in refused.error_dict.items():
            self.add_error(name if name in self.fields else None, errors)


def _typed(data: QueryDict, fields: Mapping[str, Field]) -> Part:
    """Read the builder from what was sent; whatever is not of it is left out."""
    given: dict[Path, dict[str, list[str]]] = {}
    for name in data:
        if match := _NAME.fullmatch(name):
            given.setdefault(_path(match[1]), {})[match[2]] = data.getlist(name)
    root = Part((), _match(given.get((), {})))
    for path in sorted(given):
        parent = _find(root, path[:-1]) if path else None
        if parent is None:
            continue
        if "match" in given[path] and len(path) < MAX_DEPTH:
            parent.items.append(Part(path, _match(given[path])))
        elif "field" in given[path]:
            parent.items.append(_offered(_row(path, fields, given[path])))
    _number(root, ())
    return root


def _laid_out(stored: Any, path: Path, fields: Mapping[str, Field]) -> Part:
    """Lay a stored rule out; a condition whose field is no longer offered gives way to the first one."""
    match, items = next(iter(stored.items()))
    part = Part(path, Match(match))
    for index, item in enumerate(items):
        here = (*path, index)
        if "field" not in item:
            part.items.append(_laid_out(item, here, fields))
            continue
        value = item.get("value")
        values = value if isinstance(value, list) else [] if value is None else [value]
        texts = [str(each).lower() if isinstance(each, bool) else str(each) for each in values]
        part.items.append(_row(here, fields, {"field": [item["field"]], "op": [item["op"]], "value": texts}))
    return part


def _row(path: Path, fields: Mapping[str, Field], given: Mapping[str, list[str]] | None = None) -> Row:
    sent = given or {}
    asked = fields.get("".join(sent.get("field", [])[:1])) or fields[_FIRST]
    ops = OPS[asked.kind]
    named = "".join(sent.get("op", [])[:1])
    op = Op(named) if named in tuple(ops) else ops[0]
    return Row(path, asked, op, [value.strip() for value in sent.get("value", [])])


def _offered(row: Row) -> Row:
    """Leave out what was chosen for another field or comparison and is none of this one's choices."""
    known = {"true", "false"} if row.control == "flag" else dict(row.asked.choices or ())
    if row.control in ("choice", "flag", "several"):
        row.values = [value for value in row.values if value in known]
    return row


def _match(sent: Mapping[str, list[str]]) -> Match:
    return Match.ANY if sent.get("match", [])[:1] == [Match.ANY.value] else Match.ALL


def _path(text: str) -> Path:
    return tuple(int(number) for number in text.split(".") if number)


def _find(part: Part, path: Path) -> Part | None:
    """Find a group by its path."""
    for depth in range(len(path)):
        inner = [item for item in part.items if isinstance(item, Part)]
        found = next((item for item in inner if item.path == path[: depth + 1]), None)
        if found is None:
            return None
        part = found
    return part


def _remove(part: Part, path: Path) -> None:
    parent = _find(part, path[:-1]) if path else None
    if parent is not None:
        parent.items = [item for item in parent.items if item.path != path]


def _number(part: Part, path: Path) -> None:
    part.path = path
    for index, item in enumerate(part.items):
        item.path = (*path, index)
        if isinstance(item, Part):
            _number(item, item.path)


def _size(part: Part) -> int:
    return sum(_size(item) if isinstance(item, Part) else 1 for item in part.items)


def _at(root: Part, position: str) -> Row | Part:
    """Find what an error is about, by its position in the rule."""
    found: Row | Part = root
    for index in _PART.findall(position):
        if not isinstance(found, Part) or int(index) >= len(found.items):
            break
        found = found.items[int(index)]
    return found
