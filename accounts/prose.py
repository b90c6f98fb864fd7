"""Texts that people type: links and mentions found in them, nothing of them ever taken for HTML."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

# Up to the first blank, quote or bracket that can't be part of an address that people paste.
_LINK: Final = re.compile(r"https?://[^\s<>\"'`{}|\\^]+", re.IGNORECASE)
_TRAILING: Final = ".,;:!?)]*_~…"
_AT: Final = re.compile(r"(?<![\w@.+/-])@(?=\w)")


class AmbiguousMention(ValueError):
    """A first name that several people have; `names` lists them in full."""

    def __init__(self, given: str, names: Collection[str]) -> None:
        super().__init__(given)
        self.given, self.names = given, tuple(names)


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of text: a link where `href` is set, a mention where `person` is; else plain."""

    text: str
    href: str = ""
    person: int | None = None


@dataclass(frozen=True, slots=True)
class Mention:
    """A mention in a text: where it stands, and whom it names."""

    start: int
    end: int
    person: int


def mentions(text: str, people: Mapping[int, str]) -> list[Mention]:
    """Find who is mentioned: `@` and a full name, or a first name that one person has; the longest name wins.

    Shape:  `people` are names by id; letters count alike whatever their case; an @ in an e-mail address names nobody.
    Raises: AmbiguousMention for a first name, or a full one, that several have.
    """
    found = []
    taken = 0
    for at in _AT.finditer(text):
        if at.start() < taken:
            continue
        match = _longest(text, at.end(), people)
        if match is not None:
            end, person = match
            found.append(Mention(at.start(), end, person))
            taken = end
    return found


def parts(text: str, people: Mapping[int, str]) -> list[Part]:
    """Cut a text into links, mentions and what is between; joined again they are the text.

    Shape:  a name that became ambiguous since stays plain text.
    """
    marks = sorted([*_links(text), *_marked(text, people)], key=lambda mark: mark[0])
    found: list[Part] = []
    position = 0
    for start, end, part in marks:
        if start < position:
            continue
        if start > position:
            found.append(Part(text[position:start]))
        found.append(part)
        position = end
    if position < len(text):
        found.append(Part(text[position:]))
    return found


def _links(text: str) -> Iterator[tuple[int, int, Part]]:
    for match in _LINK.finditer(text):
        address = match[0].rstrip(_TRAILING)
        if match[0].startswith(address + ")") and address.count("(") > address.count(")"):
            address += ")"
        if len(address) > len("https://"):
            yield match.start(), match.start() + len(address), Part(address, href=address)


def _marked(text: str, people: Mapping[int, str]) -> Iterator[tuple[int, int, Part]]:
    for at in _AT.finditer(text):
        try:
            match = _longest(text, at.end(), people)
        except AmbiguousMention:
            continue
        if match is not None:
            end, person = match
            yield at.start(), end, Part(text[at.start() : end], person=person)


def _longest(text: str, start: int, people: Mapping[int, str]) -> tuple[int, int] | None:
    """Match names at a place: the full ones first, then first names."""
    full = _matching(text, start, {person: name for person, name in people.items() if name.strip()})
    if full:
        return _only(text, start, full, people)
    firsts = {person: name.split()[0] for person, name in people.items() if name.strip()}
    return _only(text, start, _matching(text, start, firsts), people)


def _matching(text: str, start: int, names: Mapping[int, str]) -> dict[int, int]:
    """Find whose names stand at a place, as whole words, and where the longest of them ends."""
    ends: dict[int, int] = {}
    for person, name in names.items():
        end = start + len(name)
        same = text[start:end].casefold() == name.casefold()
        if same and not (end < len(text) and (text[end].isalnum() or text[end] == "_")):
            ends[person] = end
    longest = max(ends.values(), default=0)
    return {person: end for person, end in ends.items() if end == longest}


def _only(text: str, start: int, ends: Mapping[int, int], people: Mapping[int, str]) -> tuple[int, int] | None:
    if not ends:
        return None
    if len(ends) > 1:
        end = next(iter(ends.values()))
        raise AmbiguousMention(text[start:end], [people[person] for person in sorted(ends)])
    ((person, end),) = ends.items()
    return end, person
