"""Guess which column of a file is which field, and say why; people correct it, and the next file is guessed better."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

CLOSE: Final = 0.82  # of 1, by difflib; below it a guess would be wrong as often as right

_PARTING: Final = re.compile(r"[^0-9a-z]+")
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Match:
    """A field for a column, and how it was found: remembered, exact, same, synonym or similar."""

    field: str
    how: str


def plain(heading: str) -> str:
    """Write a heading without what people spell differently: case, blanks, dashes, underscores."""
    return " ".join(part for part in _PARTING.split(_CAMEL.sub(" ", heading.strip()).lower()) if part)


def suggest(
    headings: Sequence[str],
    *,
    fields: Collection[str],
    synonyms: Mapping[str, Sequence[str]],
    remembered: Mapping[str, str],
) -> dict[int, Match]:
    """Find a field for each column, the surest first; no field twice.

    Shape:  by the number of the column, from 0; a column that nothing is found for, or that was passed over last time,
            is left out.
    """
    found: dict[int, Match] = {}
    passed_over = {number for number, heading in enumerate(headings) if remembered.get(heading) == ""}
    spelled = {plain(name): name for name in fields}
    also = {plain(other): name for name, others in synonyms.items() if name in fields for other in others}

    def take(number: int, name: str | None, how: str) -> None:
        if name in fields and number not in found and all(match.field != name for match in found.values()):
            found[number] = Match(str(name), how)

    open_columns = [(number, heading) for number, heading in enumerate(headings) if heading.strip()]
    for number, heading in open_columns:
        take(number, remembered.get(heading), "remembered")
    rest = [(number, heading) for number, heading in open_columns if number not in passed_over]
    for number, heading in rest:
        take(number, heading.strip(), "exact")
    for number, heading in rest:
        take(number, spelled.get(plain(heading)), "same")
    for number, heading in rest:
        take(number, also.get(plain(heading)), "synonym")
    for _score, number, name in sorted(_similar(rest, spelled | also), reverse=True):
        take(number, name, "similar")
    return dict(sorted(found.items()))


def _similar(columns: Sequence[tuple[int, str]], names: Mapping[str, str]) -> list[tuple[float, int, str]]:
    pairs = []
    for number, heading in columns:
        text = plain(heading)
        for spelling, name in names.items():
            matcher = SequenceMatcher(None, text, spelling)
            if matcher.real_quick_ratio() >= CLOSE and matcher.quick_ratio() >= CLOSE:
                score = matcher.ratio()
                if score >= CLOSE:
                    pairs.append((score, -number, name))
    return [(score, -number, name) for score, number, name in pairs]
