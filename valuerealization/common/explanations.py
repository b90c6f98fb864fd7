"""What every explanation of a number is made of, whoever draws it: a drawer, a page, the API.

Whoever computes a figure builds one `Explanation` of it. Every number in it stands there twice: as it is, so that the
figure can be computed again from the others, and as people read it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

Value = Decimal | int | str | bool | date | datetime | None


@dataclass(frozen=True, slots=True)
class Fact:
    """One number, day or name: `name` for machines, `label` and `shown` for people.

    Shape:  `note` is small print beside the label; `is_result` draws a line above, as below a sum.
    """

    name: str
    label: str
    value: Value
    shown: str
    note: str = ""
    is_result: bool = False


@dataclass(frozen=True, slots=True)
class Equation:
    """A fraction, times a factor, and what it comes to; in words or in numbers."""

    above: str
    below: str
    result: str
    factor: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """The reading that an input comes from: what, by whom, and when it was true.

    Shape:  `metric` and `metric_version` empty for a value recorded for the objective itself; `system` as it was named.
    """

    value: Decimal
    shown: str
    metric: str
    metric_version: int | None
    system: str
    confidence: str
    confidence_label: str
    note: str
    observed_at: datetime
    recorded_at: datetime
    recorded_by: str


@dataclass(frozen=True, slots=True)
class Input:
    """One thing that goes into a figure, under the version of its definition in force.

    Shape:  `ref` names it in the API ("objective:12"); `why_not` says why it is left out, empty when it counts.
    """

    ref: str
    label: str
    values: tuple[Fact, ...]
    version: int
    versioned_at: datetime | None
    versioned_by: str
    href: str
    equation: Equation | None = None
    tags: tuple[str, ...] = ()
    why_not: str = ""
    source: Source | None = None

    def value(self, name: str) -> Value:
        """Give one of its values.

        Raises: KeyError.
        """
        return {fact.name: fact.value for fact in self.values}[name]

    def number(self, name: str) -> Decimal:
        """Give one of its values that is a number.

        Raises: KeyError, TypeError.
        """
        value = self.value(name)
        if not isinstance(value, Decimal):
            raise TypeError(f"{name} of {self.ref} is no number.")
        return value


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule among several that are tried in order.

    Shape:  outcome "no" (tried, did not fit), "yes" (decides) or "" (not tried any more); `found` is what it met.
    """

    name: str
    label: str
    text: str
    found: str
    outcome: Literal["no", "yes", ""]


@dataclass(frozen=True, slots=True)
class Section:
    """A step of the explanation, drawn in this order: equation, inputs, facts, rules, notes."""

    title: str
    equation: Equation | None = None
    inputs: tuple[Input, ...] = ()
    facts: tuple[Fact, ...] = ()
    rules: tuple[Rule, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything behind one figure.

    Shape:  `of` names the figure as the API does; `value` as stored, None when there is none; `formula` in one line;
            `document` the place in docs/ that says it in full, `formula_version` counts its changes. `timezone` and
            `audit_href` are the account's; a figure over many accounts has none, and its times are in UTC.
    """

    of: str
    label: str
    title: str
    value: Value
    shown: str
    formula: str
    formula_version: str
    document: str
    sections: tuple[Section, ...]
    as_of: datetime
    timezone: str = "UTC"
    audit_href: str = ""
    last_change_at: datetime | None = None
    left_out: tuple[Input, ...] = ()

    @property
    def inputs(self) -> tuple[Input, ...]:
        """List what counts, in the order of the sections."""
        return tuple(each for section in self.sections for each in section.inputs)

    @property
    def people(self) -> tuple[str, ...]:
        """Name everybody who recorded a value or changed a definition, each once, in the order of the inputs."""
        return tuple(dict.fromkeys(_people((*self.inputs, *self.left_out))))

    def fact(self, name: str) -> Fact:
        """Find a fact of the sections by its name.

        Raises: KeyError.
        """
        return {fact.name: fact for section in self.sections for fact in section.facts}[name]


def _people(inputs: Iterable[Input]) -> Iterable[str]:
    for each in inputs:
        names = (each.source.recorded_by if each.source else "", each.versioned_by)
        yield from (name for name in names if name)
